//! The stages of a job on the screen, in the words that existing scripts read (spec/cli.md §4.1).
//!
//! In a pipe each stage is one plain line. On a terminal a spinner turns beside the stage that is being waited for, and
//! becomes that line when the next one comes.

use std::{borrow::Cow, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lilypad_sdk::types::DealState;

use crate::printer::{Color, Printer};

/// Time between two frames of the spinner.
const FRAME: Duration = Duration::from_millis(100);
/// Frames of the spinner; the last is not shown, the line takes its place.
const FRAMES: &str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ";

/// The line that begins a job.
pub(crate) const SUBMITTING: (&str, &str) = ("🌟", "Lilypad submitting job");

/// Emoji and text of a state.
pub(crate) fn stage(state: DealState) -> (&'static str, Cow<'static, str>) {
    let (emoji, text) = match state {
        DealState::DealNegotiating => ("🤝", "Job submitted. Negotiating deal..."),
        DealState::DealAgreed => ("💌", "Deal agreed. Running job..."),
        DealState::ResultsSubmitted => ("🤔", "Results submitted. Awaiting verification..."),
        DealState::ResultsAccepted => ("✅", "Results accepted. Downloading result..."),
        DealState::JobOfferCancelled => ("😭", "Job cancelled..."),
        DealState::TimeoutMatch => ("⏱️", "Job timed out before a match could be made..."),
        DealState::TimeoutExecution => ("⏱️", "Job timed out during execution..."),
        DealState::TimeoutDownload => ("⏱️", "Job output download window expired..."),
        DealState::JobTimedOut => ("⏱️", "Job timed out..."),
        // The existing client has a line of its own for a refused result, under a name that the network lacks.
        DealState::MediationRejected => ("🙀", "Results rejected! Getting refund..."),
        DealState::ResultsChecked
        | DealState::MediationAccepted
        | DealState::TimeoutSubmitResults
        | DealState::TimeoutJudgeResults
        | DealState::TimeoutMediateResults
        | DealState::Uploading
        | DealState::Downloading => ("🌟", state.name()),
    };
    (emoji, Cow::Borrowed(text))
}

/// The stages of one job.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    current: Option<Turning>,
}

#[derive(Debug)]
struct Turning {
    bar: ProgressBar,
    emoji: &'static str,
    /// The stage's words, and its notes in lines of their own.
    text: String,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(printer: &'a Printer) -> Self {
        Self { printer, current: None }
    }

    /// Shows a stage.
    pub(crate) fn show(&mut self, emoji: &'static str, text: &str) {
        if !self.printer.animates() {
            self.printer.line(format_args!("{emoji} {text}"));
            return;
        }
        self.done();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        let template = if self.printer.colors() { "{spinner:.magenta} {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.tick_chars(FRAMES));
        }
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(FRAME);
        self.current = Some(Turning { bar, emoji, text: text.to_owned() });
    }

    /// A line about the job below its stage, set in so that nobody takes it for one.
    pub(crate) fn note(&mut self, text: &str) {
        let text = self.printer.paint(Color::Dim, &format!("    {text}"));
        match &mut self.current {
            Some(turning) => {
                turning.text.push('\n');
                turning.text.push_str(&text);
                turning.bar.set_message(turning.text.clone());
            }
            None => self.printer.line(text),
        }
    }

    /// The spinner becomes its line.
    pub(crate) fn done(&mut self) {
        if let Some(turning) = self.current.take() {
            turning.bar.finish_and_clear();
            let emoji = self.printer.paint(Color::Green, turning.emoji);
            self.printer.line(format_args!("{emoji} {}", turning.text));
        }
    }

    /// The spinner becomes `✗ <word>` in red, below the line it stood for.
    pub(crate) fn fail(&mut self, word: &str) {
        if self.current.is_some() {
            self.done();
            self.printer.line(self.printer.paint(Color::Red, &format!("✗ {word}")));
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_word_for_word() {
        let mut text = String::new();
        for state in DealState::ALL {
            let (emoji, words) = stage(state);
            text.push_str(&format!("{emoji} {words}\n"));
        }
        assert_eq!(text, include_str!("stages.txt"));
    }
}
