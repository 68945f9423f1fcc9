//! A module run on this machine alone: no chain, no key, no network of ours. For the module's author.
//!
//! ```text
//! folder or reference ─► checkout ─► inputs checked, rendered ─► sandbox ─► result folder
//! ```
//!
//! It runs in the same sandbox and with the same limits as at a provider; nothing is paid and nothing is kept but the result.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::workshop::{WorkshopError, sandboxed};
use crate::{
    Error,
    client::check_declared,
    deal::execution_timeout,
    executor::{EventSink, ExecutorError, ExecutorKind, ExecutorSet, FailureKind, OutputSpec, RunReport, RunRequest},
    module::{AlteredInputs, Checkout, Program},
};

/// What builds a module's image, where its author left such a script.
const BUILD_SCRIPT: &str = "build-image.sh";

/// A run of a module on this machine.
#[derive(Clone, Debug)]
#[must_use = "nothing runs before run()"]
pub struct LocalRun {
    checkout: Checkout,
    shown: String,
    inputs: BTreeMap<String, String>,
    inputs_path: Option<PathBuf>,
    altered: AlteredInputs,
    result_dir: PathBuf,
    cancel: CancellationToken,
}

impl LocalRun {
    /// Runs the module in `checkout`, which errors call `shown`; its result goes to `result_dir`, absent or empty before.
    pub fn new(checkout: Checkout, shown: impl Into<String>, result_dir: impl Into<PathBuf>) -> Self {
        Self {
            checkout,
            shown: shown.into(),
            inputs: BTreeMap::new(),
            inputs_path: None,
            altered: AlteredInputs::Refuse,
            result_dir: result_dir.into(),
            cancel: CancellationToken::new(),
        }
    }

    /// Sets inputs of the module's template.
    pub fn inputs<N: Into<String>, V: Into<String>>(mut self, inputs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.inputs.extend(inputs.into_iter().map(|(n, v)| (n.into(), v.into())));
        self
    }

    /// The folder with the module's input files.
    pub fn inputs_path(mut self, folder: Option<PathBuf>) -> Self {
        self.inputs_path = folder;
        self
    }

    /// What becomes of a value that the template alters; refused by default.
    pub fn altered_inputs(mut self, altered: AlteredInputs) -> Self {
        self.altered = altered;
        self
    }

    /// Stops the run when cancelled.
    pub fn cancel_with(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Checks the inputs, renders, and runs the job with the executor among `executors` that fits. Cancel safe: dropping the
    /// future stops the run.
    ///
    /// # Errors
    /// [`Error::Module`] and [`Error::Usage`] before anything runs, [`Error::Unreachable`] when the job wants Docker and no
    /// engine answers, [`Error::Timeout`] at its time limit, [`Error::Job`] when it leaves no result.
    pub async fn run(self, executors: &ExecutorSet) -> Result<RunReport, Error> {
        let (_, module) = self.checkout.prepare(&self.shown, &self.inputs, self.altered)?;
        let input_dir = check_declared(&self.shown, &module, self.inputs_path.as_deref())?;
        let job = module.workload().map_err(|error| error.in_module(&self.shown))?;
        self.checkout.check_files(&job).map_err(|error| error.in_module(&self.shown))?;
        let kind = match job.program {
            Program::Docker(_) => ExecutorKind::Docker,
            Program::Wasm(_) => ExecutorKind::Wasm,
        };
        let workload = sandboxed(&self.checkout, &job, "this machine").map_err(|error| refused(&self.shown, error))?;
        if let Some(executor) = executors.executor(kind) {
            executor.check().await.map_err(|error| no_engine(&self.shown, kind, &error))?;
        }
        let io = |what: &Path| Error::io(format!("result folder {}", what.display()));
        if let Some(parent) = self.result_dir.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(io(&self.result_dir))?;
        }
        let id = self.result_dir.file_name().map_or_else(|| "local".into(), |name| name.to_string_lossy());
        let mut request = RunRequest::new(format!("local-{id}"), workload, &self.result_dir);
        request.outputs = job.outputs.into_iter().map(|o| OutputSpec::new(o.name, o.path)).collect();
        request.input_dir = input_dir;
        request.cancel = self.cancel;
        request.limits.memory_bytes = job.resources.memory_bytes;
        request.limits.cpu_milli = job.resources.cpu_milli;
        let allowed = execution_timeout(module.execution_timeout_seconds)
            .map_err(|error| Error::Usage { what: format!("module {}: {error}", self.shown), hint: String::new() })?;
        request.limits.time = job.timeout.unwrap_or(Duration::MAX).min(allowed);
        let builds = self.checkout.dir().join(BUILD_SCRIPT).is_file();
        executors.run(request, EventSink::none()).await.map_err(|error| failed(&self.shown, &error, builds))
    }
}

fn refused(shown: &str, error: WorkshopError) -> Error {
    match error {
        WorkshopError::Module(error) => Error::Module(error.in_module(shown)),
        WorkshopError::Unsupported(why) => Error::Usage {
            what: format!("module {shown}: {why}"),
            hint: "a run on this machine has no GPU, no network by domain and no file from elsewhere; see `lilypad module lint`"
                .to_owned(),
        },
        other => Error::Job { what: format!("module {shown}: {other}"), hint: String::new() },
    }
}

fn no_engine(shown: &str, kind: ExecutorKind, error: &ExecutorError) -> Error {
    let hint = match kind {
        ExecutorKind::Docker => "start Docker, or run a module with Engine Wasm, which needs none",
        ExecutorKind::Wasm => "",
    };
    let hint = error.hint().unwrap_or_else(|| hint.to_owned());
    Error::Job { what: format!("module {shown} needs {kind}, which does not answer: {}", error.reason()), hint }
}

fn failed(shown: &str, error: &ExecutorError, builds: bool) -> Error {
    let tail = error.stderr_tail().trim();
    let what = if tail.is_empty() {
        format!("module {shown} gave no result: {}", error.reason())
    } else {
        format!("module {shown} gave no result: {}: {tail}", error.reason())
    };
    let hint = error
        .hint()
        .unwrap_or_else(|| "correct what the message names; `lilypad module lint` may tell more".to_owned());
    let hint = match error.kind() {
        FailureKind::ImageMissing { .. } if builds => {
            format!("build the image first: ./{BUILD_SCRIPT} in the module's folder")
        }
        _ => hint,
    };
    match error.kind() {
        FailureKind::TimeLimit { .. } => Error::Timeout { what, hint },
        _ => Error::Job { what, hint },
    }
}
