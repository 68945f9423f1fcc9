//! An executor that runs nothing.

use std::time::Instant;

use super::{
    EventSink, Executor, ExecutorError, ExecutorKind, FailureKind, ResourcesUsed, RunEvent, RunReport, RunRequest,
    STDOUT_FILE, output::ResultFolder,
};

/// Gives every job the same output without running it, for tests of what surrounds an executor.
///
/// It makes a real result folder with a real identifier. A provider must never offer it.
#[derive(Debug, Clone)]
pub struct NoopExecutor {
    kind: ExecutorKind,
    stdout: Vec<u8>,
    exit_code: i64,
}

impl NoopExecutor {
    /// Takes jobs of this kind, "prints" `stdout` and exits 0.
    #[must_use]
    pub fn new(kind: ExecutorKind, stdout: impl Into<Vec<u8>>) -> Self {
        Self { kind, stdout: stdout.into(), exit_code: 0 }
    }

    /// Exits with this code instead of 0.
    #[must_use]
    pub fn with_exit_code(mut self, exit_code: i64) -> Self {
        self.exit_code = exit_code;
        self
    }

    fn result(&self, request: &RunRequest, events: &EventSink) -> Result<RunReport, FailureKind> {
        let start = Instant::now();
        request.validate()?;
        if request.cancel.is_cancelled() {
            return Err(FailureKind::Cancelled);
        }
        let folder = ResultFolder::create(request)?;
        events.send(|| RunEvent::Started);
        folder.log(STDOUT_FILE)?.append(&self.stdout)?;
        events.send(|| RunEvent::Stdout(self.stdout.clone()));
        let finished = folder.finish(self.exit_code)?;
        Ok(RunReport {
            exit_code: self.exit_code,
            instruction_count: 1,
            fuel: None,
            engine_id: "noop".into(),
            data_id: finished.data_id,
            image_digest: None,
            result_dir: request.result_dir.clone(),
            used: ResourcesUsed {
                duration: start.elapsed(),
                peak_memory_bytes: None,
                output_bytes: finished.bytes,
                output_files: finished.files,
            },
        })
    }
}

impl Executor for NoopExecutor {
    fn kind(&self) -> ExecutorKind {
        self.kind
    }

    async fn check(&self) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn run(&self, request: RunRequest, events: EventSink) -> Result<RunReport, ExecutorError> {
        self.result(&request, &events)
            .map_err(|kind| ExecutorError::new(&request.id, kind).with_output(&request.result_dir))
    }
}
