//! Trying again, with growing pauses.

use std::time::Duration;

/// First pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Repeats `step` with growing, jittered pauses while its error says so, for at most `patience`.
pub(crate) async fn retry<T, E, F, Fut>(
    patience: Duration,
    is_retryable: impl Fn(&E) -> bool,
    mut step: F,
) -> Result<T, E>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let end = tokio::time::Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        match step().await {
            Err(error) if is_retryable(&error) && tokio::time::Instant::now() + pause < end => {
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            done => return done,
        }
    }
}

/// `pause`, up to a quarter longer or shorter.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0_u8; 1];
    if getrandom::fill(&mut byte).is_err() {
        return pause;
    }
    pause.mul_f32(0.75 + f32::from(byte[0]) / 512.0)
}

/// Growing, jittered pauses between tries, until patience is over.
pub(crate) struct Pauses {
    end: Option<tokio::time::Instant>,
    next: Duration,
}

impl Pauses {
    /// Pauses for `patience` in all; [`Duration::MAX`] for no end.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { end: tokio::time::Instant::now().checked_add(patience), next: FIRST_PAUSE }
    }

    /// Whether another try would come too late.
    pub(crate) fn are_over(&self) -> bool {
        self.end.is_some_and(|end| tokio::time::Instant::now() + self.next >= end)
    }

    /// Waits for the next try.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(jittered(self.next)).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }
}
