//! What is run: a program, its folders and its limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use tokio_util::sync::CancellationToken;

use super::{EXIT_CODE_FILE, FailureKind, INPUTS_PATH, Limits, STDERR_FILE, STDOUT_FILE};

/// The kinds of program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ExecutorKind {
    /// A container image.
    Docker,
    /// A WebAssembly module.
    Wasm,
}

impl fmt::Display for ExecutorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Wasm => "wasm",
        })
    }
}

/// One run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunRequest {
    /// Deal that the run belongs to; it labels the container and every error.
    pub id: String,
    /// The program.
    pub workload: Workload,
    /// Folders to bring back.
    pub outputs: Vec<OutputSpec>,
    /// Folder with the job's input files, shown read-only at [`INPUTS_PATH`].
    pub input_dir: Option<PathBuf>,
    /// Where the result folder is made; absent or empty before the run. Its parent must exist.
    pub result_dir: PathBuf,
    /// What the run may use.
    pub limits: Limits,
    /// Stops the run when cancelled.
    pub cancel: CancellationToken,
}

impl RunRequest {
    /// A run with no outputs, no inputs and the default limits.
    #[must_use]
    pub fn new(id: impl Into<String>, workload: Workload, result_dir: impl Into<PathBuf>) -> Self {
        Self {
            id: id.into(),
            workload,
            outputs: Vec::new(),
            input_dir: None,
            result_dir: result_dir.into(),
            limits: Limits::default(),
            cancel: CancellationToken::new(),
        }
    }

    /// Checks what no engine would check in the same words.
    pub(crate) fn validate(&self) -> Result<(), FailureKind> {
        let invalid = |what: String| Err(FailureKind::InvalidRequest { what });
        let mut names = BTreeSet::new();
        let mut paths = BTreeSet::new();
        for OutputSpec { name, path } in &self.outputs {
            if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
                return invalid(format!("output name '{name}' is no folder name"));
            }
            if [STDOUT_FILE, STDERR_FILE, EXIT_CODE_FILE].contains(&name.as_str()) {
                return invalid(format!("output name '{name}' is taken by the result itself"));
            }
            let parts = path.split('/').filter(|part| !part.is_empty()).count();
            if !path.starts_with('/') || parts == 0 || path.split('/').any(|part| part == "..") {
                return invalid(format!("output path '{path}' is no absolute path"));
            }
            let path = path.trim_end_matches('/');
            if path == INPUTS_PATH && self.input_dir.is_some() {
                return invalid(format!("output path '{path}' is where the inputs are"));
            }
            if !names.insert(name) {
                return invalid(format!("output name '{name}' appears twice"));
            }
            if !paths.insert(path) {
                return invalid(format!("output path '{path}' appears twice"));
            }
        }
        Ok(())
    }
}

/// The program of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Workload {
    /// A container.
    Docker(DockerWorkload),
    /// A WebAssembly module.
    Wasm(WasmWorkload),
}

impl Workload {
    /// Which executor runs it.
    #[must_use]
    pub fn kind(&self) -> ExecutorKind {
        match self {
            Self::Docker(_) => ExecutorKind::Docker,
            Self::Wasm(_) => ExecutorKind::Wasm,
        }
    }
}

/// A container to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerWorkload {
    /// Image name, as Docker takes it.
    pub image: String,
    /// Replaces the image's entrypoint and drops its command; `None` or empty keeps both.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments after the entrypoint; empty keeps the image's command (if the entrypoint is kept).
    pub parameters: Vec<String>,
    /// `NAME=value` entries after the image's own, in order.
    pub env: Vec<String>,
    /// Working folder; `None` keeps the image's.
    pub working_dir: Option<String>,
    /// Network the job asks for.
    pub network: NetworkAccess,
    /// GPU device ids to expose, as the container toolkit names them.
    pub gpus: Vec<String>,
}

impl DockerWorkload {
    /// A container of this image with its own entrypoint and no network.
    #[must_use]
    pub fn new(image: impl Into<String>) -> Self {
        Self { image: image.into(), ..Self::default() }
    }
}

/// Network that a container sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkAccess {
    /// Only its own loopback address.
    #[default]
    None,
    /// Docker's bridge with access to outside; an executor must be told to allow it.
    Full,
}

/// A WebAssembly module to run, for WASI preview 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WasmWorkload {
    /// File with the module's binary form.
    pub module: PathBuf,
    /// SHA2-256 that the file must have.
    pub sha256: Option<[u8; 32]>,
    /// Exported function to call, without parameters and results; `_start` when empty.
    pub entry_point: String,
    /// Arguments after the program's name, which is empty.
    pub parameters: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
}

impl WasmWorkload {
    /// The module in this file, started at `_start`.
    #[must_use]
    pub fn new(module: impl Into<PathBuf>) -> Self {
        Self { module: module.into(), ..Self::default() }
    }
}

/// A folder that the job fills and the result brings back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// Its name in the result folder.
    pub name: String,
    /// Its absolute path for the job.
    pub path: String,
}

impl OutputSpec {
    /// The folder `path` of the job, brought back as `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self { name: name.into(), path: path.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outputs: &[(&str, &str)]) -> Result<(), FailureKind> {
        let mut request = RunRequest::new("deal", Workload::Wasm(WasmWorkload::new("x")), "/tmp/x");
        request.input_dir = Some("/tmp/in".into());
        request.outputs = outputs.iter().map(|(name, path)| OutputSpec::new(*name, *path)).collect();
        request.validate()
    }

    #[test]
    fn accepts_outputs_by_name_and_absolute_path() {
        assert!(check(&[]).is_ok());
        assert!(check(&[("outputs", "/outputs"), ("logs", "/var/log/")]).is_ok());
    }

    #[test]
    fn refuses_outputs_that_would_leave_or_hide_the_result() {
        for (name, path) in [
            ("", "/o"),
            ("..", "/o"),
            ("a/b", "/o"),
            ("stdout", "/o"),
            ("exitCode", "/o"),
            ("o", ""),
            ("o", "/"),
            ("o", "outputs"),
            ("o", "/a/../../etc"),
            ("o", "/inputs/"),
        ] {
            assert!(check(&[(name, path)]).is_err(), "{name} {path}");
        }
        assert!(check(&[("o", "/a"), ("o", "/b")]).is_err());
        assert!(check(&[("a", "/o"), ("b", "/o/")]).is_err());
    }
}
