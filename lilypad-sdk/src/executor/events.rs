//! What a run tells while it runs.

use tokio::sync::mpsc;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEvent {
    /// An absent image is being pulled.
    Pulling {
        /// Its name.
        image: String,
    },
    /// The program started.
    Started,
    /// Bytes of its standard output.
    Stdout(Vec<u8>),
    /// Bytes of its standard error.
    Stderr(Vec<u8>),
}

/// Where events go. Lossy: an event that the receiver has no room for is dropped, because the result folder holds
/// everything and a slow watcher must not slow the job.
#[derive(Debug, Clone, Default)]
pub struct EventSink(Option<mpsc::Sender<RunEvent>>);

impl EventSink {
    /// Nobody listens.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Events go to this channel while it has room.
    #[must_use]
    pub fn new(sender: mpsc::Sender<RunEvent>) -> Self {
        Self(Some(sender))
    }

    pub(crate) fn send(&self, event: impl FnOnce() -> RunEvent) {
        if let Some(sender) = &self.0
            && let Ok(permit) = sender.try_reserve()
        {
            permit.send(event());
        }
    }
}
