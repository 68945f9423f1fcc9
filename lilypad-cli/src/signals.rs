//! Ctrl-C and SIGTERM: the first asks, the second ends the program at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// Both signals.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes both signals over. From now on neither ends the program by itself.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one, and says how the program will end. Cancel safe.
    pub(crate) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }

    /// Ends the program when another signal comes before `work` is done.
    pub(crate) async fn impatient<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            output = work => output,
            exit = self.next() => std::process::exit(i32::from(exit.code())),
        }
    }
}
