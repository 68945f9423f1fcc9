//! Running a job in a sandbox.
//!
//! ```text
//!                    ┌ DockerExecutor ─ container, no network, limits ┐
//! RunRequest ─► Executor                                              ├─► result folder ─► RunReport { exit, data_id, used }
//!                    └ WasmExecutor ─── wasmtime, fuel, fixed clock ──┘         │
//!        │                                                                      └ stdout, stderr, exitCode, one folder an output
//!        └ limits, cancel ─────────────► ExecutorError { kind, reason, stderr tail, partial output }
//! ```
//!
//! Invariants:
//! - A run that ends by itself is a result, whatever its exit code. An [`ExecutorError`] means that there is none: the
//!   image or module is missing, a limit was reached, the run was cancelled or the engine failed.
//! - A result folder holds `stdout`, `stderr`, `exitCode` (decimal, no newline) and one folder for each declared output, by
//!   its name, also when empty. Links, devices and pipes that a job left there are removed before anything reads it.
//! - Every limit is hard. What reaches one is stopped and said, never cut silently.
//! - A dropped or cancelled run leaves no container and no thread behind.
//! - WASM is deterministic: same module, arguments and inputs give the same bytes, and the same fuel for one engine id.
//!
//! The room knows nothing of deals, templates or the network: a request names its program, folders and limits.
//!
//! Lost on a crash: the run. Nothing is resumed; containers of a dead process carry the label `lilypad.deal` and are
//! removed when an executor of the same name starts.

mod error;
mod events;
mod limits;
mod noop;
mod output;
mod report;
mod request;
mod set;

#[cfg(feature = "docker")]
#[cfg_attr(docsrs, doc(cfg(feature = "docker")))]
pub mod docker;
#[cfg(feature = "wasm")]
#[cfg_attr(docsrs, doc(cfg(feature = "wasm")))]
pub mod wasm;

use std::{future::Future, pin::Pin};

#[cfg(feature = "docker")]
pub use docker::{DockerConfig, DockerExecutor};
pub use error::{ExecutorError, FailureKind, STDERR_TAIL_BYTES};
pub use events::{EventSink, RunEvent};
pub use limits::Limits;
pub use noop::NoopExecutor;
pub use report::{ResourcesUsed, RunReport};
pub use request::{DockerWorkload, ExecutorKind, NetworkAccess, OutputSpec, RunRequest, WasmWorkload, Workload};
pub use set::ExecutorSet;
#[cfg(feature = "wasm")]
pub use wasm::WasmExecutor;

/// Name of the folder inside a sandbox where a job finds its input files.
pub const INPUTS_PATH: &str = "/inputs";
/// File of a result folder that holds the job's standard output.
pub const STDOUT_FILE: &str = "stdout";
/// File of a result folder that holds the job's standard error.
pub const STDERR_FILE: &str = "stderr";
/// File of a result folder that holds the exit code in decimal, without a newline.
pub const EXIT_CODE_FILE: &str = "exitCode";

/// Something that runs one kind of job.
///
/// Runs are independent of each other and may be concurrent; how many is the caller's decision. A run is not repeatable
/// into the same folder: each needs a result folder that is absent or empty.
pub trait Executor: Send + Sync + 'static {
    /// Which workloads it runs.
    fn kind(&self) -> ExecutorKind;

    /// Asks whether jobs can run now.
    ///
    /// # Errors
    /// [`FailureKind::EngineUnavailable`] with the cause.
    fn check(&self) -> impl Future<Output = Result<(), ExecutorError>> + Send;

    /// Whether [`check`](Executor::check) succeeds.
    fn is_available(&self) -> impl Future<Output = bool> + Send {
        async { self.check().await.is_ok() }
    }

    /// Runs a job to its end and leaves its result folder at `request.result_dir`.
    ///
    /// Cancel safe in this sense: dropping the future, or cancelling `request.cancel`, stops the job and frees what it
    /// held. The folder then holds what the job had written.
    ///
    /// # Errors
    /// See [`FailureKind`]; an exit code is none.
    fn run(
        &self,
        request: RunRequest,
        events: EventSink,
    ) -> impl Future<Output = Result<RunReport, ExecutorError>> + Send;

    /// Waits for clean-up that runs in the background. Running jobs are not stopped by it: cancel them first.
    fn shutdown(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A boxed future of an executor.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Executor`] for trait objects; every executor is one.
pub trait DynExecutor: Send + Sync + 'static {
    /// See [`Executor::kind`].
    fn kind(&self) -> ExecutorKind;
    /// See [`Executor::check`].
    fn check(&self) -> BoxFuture<'_, Result<(), ExecutorError>>;
    /// See [`Executor::run`].
    fn run(&self, request: RunRequest, events: EventSink) -> BoxFuture<'_, Result<RunReport, ExecutorError>>;
    /// See [`Executor::shutdown`].
    fn shutdown(&self) -> BoxFuture<'_, ()>;
}

impl<E: Executor> DynExecutor for E {
    fn kind(&self) -> ExecutorKind {
        Executor::kind(self)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ExecutorError>> {
        Box::pin(Executor::check(self))
    }

    fn run(&self, request: RunRequest, events: EventSink) -> BoxFuture<'_, Result<RunReport, ExecutorError>> {
        Box::pin(Executor::run(self, request, events))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(Executor::shutdown(self))
    }
}
