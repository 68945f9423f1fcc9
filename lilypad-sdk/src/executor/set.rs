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
