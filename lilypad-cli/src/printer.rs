//! The two output channels. stdout carries the result and nothing else; stderr carries failures and, when asked for, logs.
//!
//! A reader that went away (`lilypad run … | head -1`) is no failure: printing stops, the job goes on to its end.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{args::OutputFormat, env, env::Environment, exit::Failure};

const CYAN_BOLD: &str = "\u{1b}[1;36m";
const DIM: &str = "\u{1b}[2m";
const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const RESET: &str = "\u{1b}[0m";

/// Writes results and failures.
#[derive(Debug)]
pub(crate) struct Printer {
    format: OutputFormat,
    terminal: bool,
    color: bool,
    error_color: bool,
    closed: AtomicBool,
    lost: AtomicBool,
    documented: AtomicBool,
}

/// A colour of the screen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Color {
    CyanBold,
    Dim,
    Green,
    Red,
}

impl Printer {
    pub(crate) fn new(format: OutputFormat, environment: &Environment) -> Self {
        let wanted = environment.get(&env::NO_COLOR).is_none();
        let terminal = io::stdout().is_terminal();
        Self {
            format,
            terminal,
            color: wanted && terminal,
            error_color: wanted && io::stderr().is_terminal(),
            closed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            documented: AtomicBool::new(false),
        }
    }

    pub(crate) fn format(&self) -> OutputFormat {
        self.format
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.format == OutputFormat::Plain
    }

    /// Whether a person's terminal shows what is written.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether a spinner can turn.
    pub(crate) fn animates(&self) -> bool {
        self.terminal && self.is_plain()
    }

    pub(crate) fn colors(&self) -> bool {
        self.color
    }

    /// `text` in `color`, if stdout shows colours.
    pub(crate) fn paint(&self, color: Color, text: &str) -> String {
        paint(self.color, color, text)
    }

    /// Writes text of the plain format as it is.
    pub(crate) fn plain(&self, text: impl Display) {
        if self.is_plain() {
            self.write(&text.to_string());
        }
    }

    /// Writes a line of the plain format.
    pub(crate) fn line(&self, text: impl Display) {
        self.plain(format_args!("{text}\n"));
    }

    /// Writes an event: a line in `ndjson`, nothing else.
    pub(crate) fn event(&self, value: &serde_json::Value) {
        if self.format == OutputFormat::Ndjson {
            self.write(&format!("{value}\n"));
        }
    }

    /// Writes the one document of `json`, or the last line of `ndjson`.
    pub(crate) fn document(&self, value: &serde_json::Value) {
        self.documented.store(true, Ordering::Relaxed);
        self.news(value);
    }

    /// Writes a document that is not the last word of a command that goes on.
    pub(crate) fn news(&self, value: &serde_json::Value) {
        match self.format {
            OutputFormat::Plain => {}
            OutputFormat::Json => self.write(&format!("{value:#}\n")),
            OutputFormat::Ndjson => self.write(&format!("{value}\n")),
        }
    }

    /// Whether the one document was written.
    pub(crate) fn has_document(&self) -> bool {
        self.documented.load(Ordering::Relaxed)
    }

    /// Writes whatever the format.
    pub(crate) fn raw(&self, text: &str) {
        self.write(text);
    }

    fn write(&self, text: &str) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            self.closed.store(true, Ordering::Relaxed);
            // A reader that left has what it wanted; a full disk has lost what the person asked for.
            self.lost.store(error.kind() != io::ErrorKind::BrokenPipe, Ordering::Relaxed);
        }
    }

    /// Whether something could not be written although its reader was still there.
    pub(crate) fn has_lost_output(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// A note of the plain format, on stderr: stdout is what was asked for.
    pub(crate) fn aside(&self, text: &str) {
        if self.is_plain() {
            let text = format!("{} {text}\n", paint(self.error_color, Color::Dim, "note:"));
            // A note that nobody reads is no failure.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// `Error:` and the hints, on stderr.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut text = format!("{} {}\n", paint(self.error_color, Color::Red, "Error:"), failure.message);
        for hint in &failure.hints {
            text.push_str(&format!("{} {hint}\n", paint(self.error_color, Color::CyanBold, "hint:")));
        }
        // There is nowhere left to say that stderr is gone.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

fn paint(color_on: bool, color: Color, text: &str) -> String {
    let start = match color {
        Color::CyanBold => CYAN_BOLD,
        Color::Dim => DIM,
        Color::Green => GREEN,
        Color::Red => RED,
    };
    if color_on { format!("{start}{text}{RESET}") } else { text.to_owned() }
}
