//! Why a run left no result.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Bytes of standard error that an error keeps.
pub const STDERR_TAIL_BYTES: usize = 4096;

/// A run without a result: which run, why, and what it had written.
pub struct ExecutorError(Box<Failure>);

struct Failure {
    run: String,
    kind: FailureKind,
    stderr_tail: String,
    partial_output: Option<PathBuf>,
}

impl ExecutorError {
    /// An error of the run `run`.
    #[must_use]
    pub fn new(run: impl Into<String>, kind: FailureKind) -> Self {
        let (stderr_tail, partial_output) = (String::new(), None);
        Self(Box::new(Failure { run: run.into(), kind, stderr_tail, partial_output }))
    }

    /// Adds what the run had written, if its folder holds a `stderr`.
    #[must_use]
    pub(crate) fn with_output(mut self, result_dir: &Path) -> Self {
        if let Some(tail) = super::output::tail(&result_dir.join(super::STDERR_FILE), STDERR_TAIL_BYTES) {
            self.0.stderr_tail = tail;
            self.0.partial_output = Some(result_dir.to_owned());
        }
        self
    }

    /// The run's id.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.0.run
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &FailureKind {
        &self.0.kind
    }

    /// What happened as one line, fit for a result's `error` (no run id, no newline).
    #[must_use]
    pub fn reason(&self) -> String {
        let text = self.0.kind.to_string();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// The last [`STDERR_TAIL_BYTES`] of the run's standard error, invalid UTF-8 replaced.
    #[must_use]
    pub fn stderr_tail(&self) -> &str {
        &self.0.stderr_tail
    }

    /// Folder that holds the `stdout` and `stderr` written until then.
    #[must_use]
    pub fn partial_output(&self) -> Option<&Path> {
        self.0.partial_output.as_deref()
    }

    /// The way out, where one is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.0.kind.hint()
    }

    /// Whether the same run may succeed later, without a change to the job.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, FailureKind::EngineUnavailable { .. } | FailureKind::Io { .. })
    }

    /// Whether the job itself is the cause, so that another provider would see the same.
    #[must_use]
    pub fn is_job_fault(&self) -> bool {
        !self.is_retryable() && !matches!(self.0.kind, FailureKind::Cancelled | FailureKind::EngineFailed { .. })
    }
}

impl fmt::Display for ExecutorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}: {}", self.0.run, self.0.kind)
    }
}

impl fmt::Debug for ExecutorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorError")
            .field("run", &self.0.run)
            .field("kind", &self.0.kind)
            .field("stderr_tail", &self.0.stderr_tail)
            .field("partial_output", &self.0.partial_output)
            .finish()
    }
}

impl std::error::Error for ExecutorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

/// A module's file as strangers may read of it: where a provider keeps it is nobody's business.
fn name(path: &Path) -> std::path::Display<'_> {
    path.file_name().map_or(path, Path::new).display()
}

/// The causes of a run without a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailureKind {
    /// No engine of this kind is there.
    #[error("{engine} is not available: {cause}")]
    EngineUnavailable {
        /// Its name: `docker` or `wasm`.
        engine: String,
        /// What the engine or the attempt to reach it said.
        cause: String,
    },
    /// The request cannot be run by anyone.
    #[error("invalid job: {what}")]
    InvalidRequest {
        /// What is wrong with it.
        what: String,
    },
    /// The job asks for something that this provider does not allow.
    #[error("the job asks for {what}, which this provider does not allow")]
    NotAllowed {
        /// What it asks for.
        what: String,
    },
    /// The image is neither present nor to be had.
    #[error("image '{image}' is missing: {cause}")]
    ImageMissing {
        /// Its name.
        image: String,
        /// Why it could not be pulled.
        cause: String,
    },
    /// The module's file cannot be read.
    #[error("module '{}' is missing: {cause}", name(path))]
    ModuleMissing {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        cause: String,
    },
    /// The module's file is another one than the job names.
    #[error("module '{}' has sha256 {found}, expected {expected}", name(path))]
    HashMismatch {
        /// The file.
        path: PathBuf,
        /// The job's hash, in hex.
        expected: String,
        /// The file's hash, in hex.
        found: String,
    },
    /// The module is no valid WebAssembly, or needs what is not there.
    #[error("module '{}' cannot be loaded: {cause}", name(path))]
    InvalidModule {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        cause: String,
    },
    /// The module does not export the function to start.
    #[error("unable to find the entrypoint '{entry_point}' in the WASM module")]
    MissingEntryPoint {
        /// The function's name.
        entry_point: String,
    },
    /// The program could not be started.
    #[error("start failed: {cause}")]
    StartFailed {
        /// What the engine said.
        cause: String,
    },
    /// The program broke a rule of its machine (WASM trap).
    #[error("the program crashed: {cause}")]
    Trapped {
        /// The trap.
        cause: String,
    },
    /// The run took too long.
    #[error("time limit of {} s reached", limit.as_secs_f64())]
    TimeLimit {
        /// The limit.
        limit: Duration,
    },
    /// The run needed more memory than it may have.
    #[error("out of memory: the limit is {limit_bytes} bytes")]
    OutOfMemory {
        /// The limit.
        limit_bytes: u64,
    },
    /// The run needed more fuel than it may have.
    #[error("fuel exhausted: the limit is {limit}")]
    FuelExhausted {
        /// The limit.
        limit: u64,
    },
    /// The run wrote too much.
    #[error("output limit of {limit} {what} reached")]
    OutputLimit {
        /// `bytes` or `files`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Somebody stopped the run.
    #[error("cancelled")]
    Cancelled,
    /// The engine failed in the middle of the run.
    #[error("{engine} failed while {during}: {cause}")]
    EngineFailed {
        /// Its name: `docker` or `wasm`.
        engine: String,
        /// What it was doing.
        during: &'static str,
        /// What it said.
        cause: String,
    },
    /// A file of the result or the input could not be used.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl FailureKind {
    /// The way out, where one is known.
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::EngineUnavailable { engine, .. } if engine == "docker" => {
                "start a Docker engine on the machine that runs the job, or use a module with a WASM job".into()
            }
            Self::ImageMissing { image, .. } => format!(
                "build it on the machine that runs the job (docker build -t {image} .) or push it to a registry the provider reaches"
            ),
            Self::NotAllowed { .. } => "ask for less in the template, or find a provider that allows it".into(),
            Self::HashMismatch { .. } => "update the sha256 in the template, or restore the module".into(),
            Self::ModuleMissing { .. } => "commit the file, where EntryModule in the template says".into(),
            Self::InvalidModule { .. } => "build the module anew: it must be WebAssembly (wasm32-wasip1)".into(),
            Self::MissingEntryPoint { .. } => "name a function that the module exports as EntryPoint".into(),
            Self::StartFailed { .. } => "correct the program that Entrypoint in the template names".into(),
            Self::Trapped { .. } => "this is a fault of the program; its messages are in the job's stderr".into(),
            Self::OutputLimit { .. } => "let the job write less".into(),
            Self::TimeLimit { .. } => "give the job more time (Timeout in the template)".into(),
            Self::OutOfMemory { .. } => {
                "ask for more memory (Resources.Memory in the template; none means 1 GB)".into()
            }
            Self::FuelExhausted { .. } => "raise the cap of the price, or make the job smaller".into(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_one_line_and_display_names_the_run() {
        let kind = FailureKind::StartFailed { cause: "no such file\n\n  or folder\n".into() };
        let error = ExecutorError::new("deal-1", kind);
        assert_eq!(error.reason(), "start failed: no such file; or folder");
        assert!(error.to_string().starts_with("run deal-1: start failed"));
        assert!(error.is_job_fault());
        assert_eq!(error.stderr_tail(), "");
    }
}
