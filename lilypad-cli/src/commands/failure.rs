//! The SDK's errors as the program's ends.

use lilypad_sdk::{Error, ErrorKind};

use crate::exit::{Exit, Failure};

/// An error with its causes, its hints and its exit code.
pub(crate) fn of_sdk(error: &Error) -> Failure {
    let exit = match error.kind() {
        ErrorKind::Usage => Exit::Usage,
        ErrorKind::Timeout => Exit::Timeout,
        ErrorKind::Funds => Exit::Funds,
        ErrorKind::Unreachable => Exit::Unreachable,
        _ => Exit::Job,
    };
    error.hints().into_iter().fold(Failure::of(exit, error), Failure::hint)
}
