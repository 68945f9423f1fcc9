//! A role as a task: started, stopped, joined.

use std::{fmt, future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::NodeError;

/// How long a graceful stop may take.
const GRACE: Duration = Duration::from_secs(5);

/// A running role. Dropping it aborts the role at once; [`Service::shutdown`] is the graceful way.
#[must_use = "dropping a service stops it"]
pub struct Service {
    name: &'static str,
    stop: CancellationToken,
    task: Option<JoinHandle<Result<(), NodeError>>>,
}

impl Service {
    /// Starts `run` as a task; it is told to stop by its token.
    pub(crate) fn spawn<F, Fut>(name: &'static str, run: F) -> Self
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = Result<(), NodeError>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(stop.clone()));
        Self { name, stop, task: Some(task) }
    }

    /// What the service is.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Waits until the service ends by itself. Cancel safe.
    ///
    /// # Errors
    /// [`NodeError`] of the service, or that it panicked.
    pub async fn join(&mut self) -> Result<(), NodeError> {
        let Some(task) = self.task.as_mut() else { return Ok(()) };
        let ended = task.await;
        self.task = None;
        ended.unwrap_or_else(|failed| match failed.is_panic() {
            true => Err(NodeError::Panicked { service: self.name }),
            false => Ok(()),
        })
    }

    /// Tells the service to stop and waits for it, at most five seconds.
    ///
    /// # Errors
    /// [`NodeError`] of the service.
    pub async fn shutdown(mut self) -> Result<(), NodeError> {
        self.stop.cancel();
        match tokio::time::timeout(GRACE, self.join()).await {
            Ok(ended) => ended,
            Err(_late) => {
                tracing::warn!(target: "lilypad::node", service = self.name, "did not stop in 5 s and is ended");
                Ok(())
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}
