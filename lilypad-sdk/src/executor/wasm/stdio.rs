//! Standard output and error of a guest: straight into the result folder, bounded.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use crate::executor::{EventSink, FailureKind, RunEvent, output::LogFile};

/// Bytes taken in one write of the guest.
const WRITE_BYTES: usize = 64 * 1024;

/// A log that the guest writes to. Clones write to the same file.
#[derive(Clone)]
pub(super) struct Log(Arc<Mutex<State>>);

struct State {
    file: LogFile,
    events: EventSink,
    event: fn(Vec<u8>) -> RunEvent,
    failure: Option<FailureKind>,
}

impl Log {
    pub(super) fn new(file: LogFile, events: EventSink, event: fn(Vec<u8>) -> RunEvent) -> Self {
        Self(Arc::new(Mutex::new(State { file, events, event, failure: None })))
    }

    fn append(&self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_some() {
            return Err("output refused");
        }
        if let Err(kind) = state.file.append(bytes) {
            state.failure = Some(kind);
            return Err("output refused");
        }
        let event = state.event;
        state.events.send(|| event(bytes.to_vec()));
        Ok(())
    }

    /// What went wrong with this log, or that the limit which it shares was passed; told once.
    pub(super) fn failure(&self) -> Option<FailureKind> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = state.failure.take();
        failure.or_else(|| state.file.exceeded())
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

#[async_trait]
impl Pollable for Log {
    async fn ready(&mut self) {}
}

impl OutputStream for Log {
    /// A refused write ends the guest: it must not run on as if its output were kept.
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes).map_err(StreamError::trap)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

impl tokio::io::AsyncWrite for Log {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.append(bytes).map(|()| bytes.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}
