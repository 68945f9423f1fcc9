//! From a deal to a run: the module fetched and rendered again, its inputs, the sandbox.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    api::archive::{self, ArchiveLimits},
    client::HttpSolver,
    deal::{execution_timeout, roles::RunOutcome},
    executor::{
        DockerWorkload, EventSink, ExecutorSet, NetworkAccess, OutputSpec, RunReport, RunRequest, WasmWorkload,
        Workload,
    },
    module::{Checkout, Fetcher, Module, ModuleError, ModuleSource, Network, Program, WasmLocation},
    types::{Deal, DealId, IdError},
};

/// Runs the jobs of deals: used by providers, and by mediators who check them.
#[derive(Clone, Debug)]
pub struct Workshop {
    fetcher: Arc<Fetcher>,
    executors: ExecutorSet,
    data_dir: PathBuf,
}

/// Why a job of a deal did not run, in the words that its creator reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkshopError {
    /// The module can't be had or does not render.
    #[error("error loading module: {0}")]
    Module(#[from] ModuleError),
    /// The module asks for more than the deal names.
    #[error("error loading module: the module's {what} differs from the deal's")]
    Differs {
        /// Which member.
        what: &'static str,
    },
    /// The job needs something that no executor here does.
    #[error("error running job: {0}")]
    Unsupported(String),
    /// The input files can't be had.
    #[error("error downloading input files: {0}")]
    Inputs(String),
    /// The sandbox gave no result.
    #[error("error running job: {reason}")]
    Run {
        /// Why, with the end of stderr where there is one.
        reason: String,
    },
    /// The deal's id is none.
    #[error("error running job: {0}")]
    Id(#[from] IdError),
    /// A folder can't be written.
    #[error("error running job: {0}")]
    Io(#[from] std::io::Error),
}

/// A job that is ready to run.
struct Prepared {
    module: Module,
    checkout: Checkout,
}

impl Workshop {
    /// A workshop with these executors that keeps its folders below `data_dir`.
    pub fn new(fetcher: Arc<Fetcher>, executors: ExecutorSet, data_dir: PathBuf) -> Self {
        Self { fetcher, executors, data_dir }
    }

    /// Where the result folder of a deal is.
    ///
    /// # Errors
    /// [`IdError`] for what is no id: no path is made of it.
    pub fn result_dir(&self, deal_id: &DealId) -> Result<PathBuf, IdError> {
        Ok(self.data_dir.join("results").join(deal_id.file_name()?))
    }

    /// Runs the job of `deal` from the start, whatever an earlier try left.
    ///
    /// Cancel safe: cancelling `cancel` or dropping the future stops the run. Errors are an outcome here: their words go
    /// to the creator.
    pub async fn run(&self, deal: &Deal, solver: &HttpSolver, cancel: CancellationToken) -> RunOutcome {
        match self.try_run(deal, solver, cancel).await {
            Ok(report) => RunOutcome::Finished {
                data_id: report.data_id,
                // Priced jobs count once; metering needs a price per fuel, which only an envelope can carry.
                instruction_count: 1,
            },
            Err(error) => {
                tracing::info!(target: "lilypad::node", deal = %deal.id, %error, "the job gave no result");
                RunOutcome::Failed { reason: error.to_string() }
            }
        }
    }

    async fn try_run(
        &self,
        deal: &Deal,
        solver: &HttpSolver,
        cancel: CancellationToken,
    ) -> Result<RunReport, WorkshopError> {
        let prepared = self.prepare(deal).await?;
        let input_dir = if deal.job_offer.input_files.is_declared() {
            Some(self.fetch_inputs(&deal.id, solver).await?)
        } else {
            None
        };
        let request = self.request(deal, &prepared, input_dir.clone(), cancel)?;
        let result_dir = request.result_dir.clone();
        if result_dir.exists() {
            tokio::fs::remove_dir_all(&result_dir).await?;
        }
        if let Some(parent) = result_dir.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        let done = self.executors.run(request, EventSink::none()).await;
        if let Some(folder) = input_dir {
            tokio::fs::remove_dir_all(folder).await?;
        }
        done.map_err(|error| {
            let tail = error.stderr_tail().trim();
            let reason = if tail.is_empty() { error.reason() } else { format!("{}: {tail}", error.reason()) };
            WorkshopError::Run { reason }
        })
    }

    /// Loads the module that the deal names and holds it to what the deal says of it.
    async fn prepare(&self, deal: &Deal) -> Result<Prepared, WorkshopError> {
        let offer = &deal.job_offer;
        let source = ModuleSource::from_config(&offer.module)?;
        let checkout = self.fetcher.fetch(&source).await?;
        let inputs = offer.inputs.clone().unwrap_or_default();
        // A stranger's template may work for seconds within its limits: not on a thread that serves everybody.
        let rendered = tokio::task::spawn_blocking(move || checkout.render(&inputs).map(|module| (module, checkout)));
        let (module, checkout) = rendered.await.map_err(std::io::Error::other)??;
        let facts = [
            ("machine", module.machine == offer.spec),
            ("inputFiles", module.input_files == offer.input_files),
            ("executionTimeoutSeconds", module.execution_timeout_seconds == offer.execution_timeout_seconds),
        ];
        if let Some((what, _)) = facts.into_iter().find(|(_, equal)| !equal) {
            return Err(WorkshopError::Differs { what });
        }
        Ok(Prepared { module, checkout })
    }

    /// Folder and archive of a deal's inputs; the id has been checked.
    fn input_paths(&self, deal_id: &DealId) -> (PathBuf, PathBuf) {
        let folder = self.data_dir.join("job-inputs").join(deal_id.as_str());
        let tar = folder.with_extension("tar");
        (folder, tar)
    }

    async fn fetch_inputs(&self, deal_id: &DealId, solver: &HttpSolver) -> Result<PathBuf, WorkshopError> {
        deal_id.file_name()?;
        let (folder, tar) = self.input_paths(deal_id);
        if let Some(parent) = folder.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        solver.download_inputs(deal_id, &tar).await.map_err(|e| WorkshopError::Inputs(e.to_string()))?;
        let target = folder.clone();
        let unpacked = tokio::task::spawn_blocking(move || unpack(&tar, &target)).await;
        unpacked.map_err(|e| WorkshopError::Inputs(e.to_string()))?.map_err(WorkshopError::Inputs)?;
        Ok(folder)
    }

    fn request(
        &self,
        deal: &Deal,
        prepared: &Prepared,
        input_dir: Option<PathBuf>,
        cancel: CancellationToken,
    ) -> Result<RunRequest, WorkshopError> {
        let job = prepared.module.workload()?;
        let workload = sandboxed(&prepared.checkout, &job, "this provider")?;
        let mut request = RunRequest::new(deal.id.as_str(), workload, self.result_dir(&deal.id)?);
        request.outputs = job.outputs.into_iter().map(|o| OutputSpec::new(o.name, o.path)).collect();
        request.input_dir = input_dir;
        request.cancel = cancel;
        // Never more than was offered, whatever the module asks for.
        let offered = &deal.resource_offer.spec;
        request.limits.memory_bytes = at_most(job.resources.memory_bytes, offered.ram);
        request.limits.cpu_milli = at_most(job.resources.cpu_milli, offered.cpu_milli);
        let allowed = execution_timeout(deal.job_offer.execution_timeout_seconds)
            .map_err(|e| WorkshopError::Unsupported(e.to_string()))?;
        request.limits.time = job.timeout.unwrap_or(Duration::MAX).min(allowed);
        Ok(request)
    }

    /// Packs the result folder of a deal for its upload.
    ///
    /// # Errors
    /// In words, when the folder can't be read or the archive can't be written.
    pub async fn pack_result(&self, deal_id: &DealId) -> Result<PathBuf, String> {
        let folder = self.result_dir(deal_id).map_err(|e| e.to_string())?;
        let tar = folder.with_extension("tar");
        let target = tar.clone();
        let packed = tokio::task::spawn_blocking(move || {
            let out = std::fs::File::create(&target).map_err(|e| e.to_string())?;
            archive::pack(&folder, std::io::BufWriter::new(out))
                .map_err(|e| e.to_string())?
                .into_inner()
                .map_err(|e| e.to_string())
        });
        packed.await.map_err(|e| e.to_string())??;
        Ok(tar)
    }

    /// Removes what a deal left on this machine.
    pub async fn forget(&self, deal_id: &DealId) {
        let Ok(folder) = self.result_dir(deal_id) else { return };
        // A run that was refused or cut off leaves its inputs, which are the creator's.
        let (inputs, inputs_tar) = self.input_paths(deal_id);
        for gone in [
            tokio::fs::remove_dir_all(&folder).await,
            tokio::fs::remove_file(folder.with_extension("tar")).await,
            tokio::fs::remove_dir_all(inputs).await,
            tokio::fs::remove_file(inputs_tar).await,
        ] {
            if let Err(error) = gone
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(target: "lilypad::node", deal = %deal_id, %error, "a result folder could not be removed");
            }
        }
    }

    /// Stops what the executors still clean up.
    pub async fn shutdown(&self) {
        self.executors.shutdown().await;
    }
}

/// What a sandbox is given of a job whose module lies in `checkout`. `who` names the machine in error texts.
pub(super) fn sandboxed(
    checkout: &Checkout,
    job: &crate::module::Workload,
    who: &str,
) -> Result<Workload, WorkshopError> {
    Ok(match &job.program {
        Program::Docker(program) => {
            let mut docker = DockerWorkload::new(&program.image);
            docker.entrypoint = (!program.entrypoint.is_empty()).then(|| program.entrypoint.clone());
            docker.env.clone_from(&program.env);
            docker.network = match &job.network {
                Network::None => NetworkAccess::None,
                Network::Full => NetworkAccess::Full,
                Network::Http(_) => {
                    let what = format!("the job asks for network access by domain (HTTP), which {who} does not have");
                    return Err(WorkshopError::Unsupported(what));
                }
            };
            if job.resources.gpus > 0 {
                let what = format!("the job asks for {} GPUs, {who} offers none", job.resources.gpus);
                return Err(WorkshopError::Unsupported(what));
            }
            Workload::Docker(docker)
        }
        Program::Wasm(program) => {
            if !program.imports.is_empty() {
                return Err(WorkshopError::Unsupported("import modules are not supported".to_owned()));
            }
            let file = match &program.entry_module.location {
                WasmLocation::Checkout(path) => checkout.file(path)?,
                _ => {
                    let what = "WASM modules are taken from the module's repository only, not from a URL or IPFS";
                    return Err(WorkshopError::Unsupported(what.to_owned()));
                }
            };
            let mut wasm = WasmWorkload::new(file);
            wasm.sha256 = program.entry_module.sha256;
            wasm.entry_point.clone_from(&program.entry_point);
            wasm.parameters.clone_from(&program.parameters);
            wasm.env.clone_from(&program.env);
            Workload::Wasm(wasm)
        }
    })
}

/// `asked`, cut at what was `offered`; an offer of 0 says nothing.
fn at_most(asked: u64, offered: impl TryInto<u64>) -> u64 {
    match offered.try_into() {
        Ok(offered) if offered > 0 => asked.min(offered),
        _ => asked,
    }
}

fn unpack(tar: &Path, folder: &Path) -> Result<(), String> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|e| e.to_string())?;
    }
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let file = std::fs::File::open(tar).map_err(|e| e.to_string())?;
    archive::unpack(std::io::BufReader::new(file), folder, &ArchiveLimits::default()).map_err(|e| e.to_string())?;
    std::fs::remove_file(tar).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::module::FetchPolicy;

    #[tokio::test]
    async fn forgetting_a_deal_never_reaches_out_of_the_results() {
        let root = tempfile::tempdir().unwrap();
        let victim = root.path().join("victim");
        std::fs::create_dir_all(victim.join("inside")).unwrap();
        std::fs::create_dir_all(root.path().join("data/results")).unwrap();
        let fetcher = Arc::new(Fetcher::new(root.path(), FetchPolicy::strangers()));
        let workshop = Workshop::new(fetcher, ExecutorSet::new(), root.path().join("data"));
        for id in ["../../victim", &victim.display().to_string(), "..", "."] {
            let id = DealId::from_wire(id);
            assert!(workshop.result_dir(&id).is_err(), "{id}");
            workshop.forget(&id).await;
            assert!(workshop.pack_result(&id).await.is_err(), "{id}");
            assert!(victim.join("inside").is_dir(), "{id}");
            assert!(root.path().join("data/results").is_dir(), "{id}");
        }
        let id: DealId = "QmbCi3yoKzckff24rUJML1ZesVb35cd2LUNMiMYksEGkWv".parse().unwrap();
        let folder = workshop.result_dir(&id).unwrap();
        // A link in the place of a result is taken away, what it points to is not.
        std::os::unix::fs::symlink(&victim, &folder).unwrap();
        let (inputs, tar) = workshop.input_paths(&id);
        std::fs::create_dir_all(&inputs).unwrap();
        std::fs::write(&tar, "").unwrap();
        workshop.forget(&id).await;
        assert!(!inputs.exists() && !tar.exists(), "inputs of a run that never was");
        assert!(std::fs::symlink_metadata(&folder).is_err() && victim.join("inside").is_dir());
    }

    #[test]
    fn a_module_gets_no_more_than_was_offered() {
        assert_eq!((at_most(10, 5_u64), at_most(4, 5_u64), at_most(10, 0_u64)), (5, 4, 10));
    }
}
