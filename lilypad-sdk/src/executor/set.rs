//! Several executors as one.

use std::sync::Arc;

use super::{DynExecutor, EventSink, ExecutorError, ExecutorKind, FailureKind, RunReport, RunRequest};

/// The executors of a provider or mediator; a run goes to the first one of its kind.
#[derive(Clone, Default)]
pub struct ExecutorSet(Vec<Arc<dyn DynExecutor>>);

impl ExecutorSet {
    /// No executor: every run ends with [`FailureKind::EngineUnavailable`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an executor.
    #[must_use]
    pub fn with(mut self, executor: impl DynExecutor) -> Self {
        self.0.push(Arc::new(executor));
        self
    }

    /// The kinds it runs, in the order they were added.
    pub fn kinds(&self) -> impl Iterator<Item = ExecutorKind> + '_ {
        self.0.iter().map(|executor| executor.kind())
    }

    /// The executor of a kind.
    #[must_use]
    pub fn executor(&self, kind: ExecutorKind) -> Option<&Arc<dyn DynExecutor>> {
        self.0.iter().find(|executor| executor.kind() == kind)
    }

    /// Runs a job; see [`Executor::run`](super::Executor::run).
    ///
    /// # Errors
    /// As the executor, and [`FailureKind::EngineUnavailable`] when there is none of the job's kind.
    pub async fn run(&self, request: RunRequest, events: EventSink) -> Result<RunReport, ExecutorError> {
        let kind = request.workload.kind();
        let Some(executor) = self.executor(kind) else {
            let cause = "this provider was started without it".into();
            let kind = FailureKind::EngineUnavailable { engine: kind.to_string(), cause };
            return Err(ExecutorError::new(request.id, kind));
        };
        executor.run(request, events).await
    }

    /// Waits for clean-up of all of them.
    pub async fn shutdown(&self) {
        for executor in &self.0 {
            executor.shutdown().await;
        }
    }
}

impl std::fmt::Debug for ExecutorSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds()).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::executor::{DockerWorkload, NoopExecutor, WasmWorkload, Workload};

    #[tokio::test]
    async fn a_run_goes_to_the_executor_of_its_kind_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let request = |name: &str, workload| RunRequest::new("deal", workload, dir.path().join(name));
        let wasm = || Workload::Wasm(WasmWorkload::new("unused"));
        let set = ExecutorSet::new().with(NoopExecutor::new(ExecutorKind::Wasm, "moo\n").with_exit_code(7));
        let report = set.run(request("one", wasm()), EventSink::none()).await.unwrap();
        assert_eq!(report.exit_code, 7);
        assert_eq!(std::fs::read_to_string(report.result_dir.join("stdout")).unwrap(), "moo\n");
        assert_eq!(std::fs::read_to_string(report.result_dir.join("exitCode")).unwrap(), "7");

        let docker = Workload::Docker(DockerWorkload::new("cow"));
        let error = set.run(request("two", docker), EventSink::none()).await.unwrap_err();
        assert!(matches!(error.kind(), FailureKind::EngineUnavailable { .. }), "{error}");
        assert!(error.to_string().contains("docker"), "{error}");

        let cancelled = request("three", wasm());
        cancelled.cancel.cancel();
        let error = set.run(cancelled, EventSink::none()).await.unwrap_err();
        assert!(matches!(error.kind(), FailureKind::Cancelled), "{error}");
        assert_eq!(error.partial_output(), None);
    }
}
