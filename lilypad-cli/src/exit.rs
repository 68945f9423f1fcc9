//! How the program ends: exit codes, and failures with a way out.

use std::{error::Error, fmt::Write as _, process::ExitCode};

/// Why the program ended. The numbers are what scripts test (docs: README, "Command line").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Success = 0,
    /// The job failed or ended with an exit code other than 0.
    Job = 1,
    /// A flag, a variable, a key, a network, a module or its template is wrong.
    Usage = 2,
    /// A time limit, or no provider in time.
    Timeout = 3,
    /// Too little ether or too few tokens.
    Funds = 4,
    /// A chain, a solver or a port could not be reached or taken.
    Unreachable = 5,
    /// Ctrl-C.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An end that is no success: one line that names the thing, and what the person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: one_line(&message.into()), hints: Vec::new() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Takes an error with the chain of its causes.
    pub(crate) fn of(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, chain(error))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(one_line(&hint.into()));
        self
    }
}

/// An error and its causes, `outer: inner`, leaving out a cause that its error already tells.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Most characters of a message or hint: they quote what may be of any length.
const LONGEST_LINE: usize = 4000;

/// Line breaks and other control characters would let a text from outside draw on the terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST_LINE));
    let (text, is_cut) = match text.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), true),
        None => (text, false),
    };
    for part in text.split(|c: char| c.is_control()).map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    if is_cut {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_without_control_characters() {
        let failure = Failure::usage("a\n  b\r\n\u{1b}[31mc").hint("x\ny");
        assert_eq!(failure.message, "a b [31mc");
        assert_eq!(Failure::usage("ü".repeat(1 << 20)).message.chars().count(), LONGEST_LINE + 1);
        assert_eq!(failure.hints, ["x y"]);
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug)]
        struct Outer(std::io::Error, &'static str);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.1)
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let cause = || std::io::Error::other("no space");
        assert_eq!(Failure::of(Exit::Job, &Outer(cause(), "write a")).message, "write a: no space");
        assert_eq!(Failure::of(Exit::Job, &Outer(cause(), "write a: no space")).message, "write a: no space");
    }
}
