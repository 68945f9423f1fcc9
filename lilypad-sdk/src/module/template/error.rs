//! Why a template could not be read or run.

use std::fmt;

/// When a template failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// While its text was read.
    Parse,
    /// While it was run on data.
    Exec,
}

/// A template that could not be read or run.
///
/// `Display` is the whole message: `template: NAME:LINE: TEXT` for [`Phase::Parse`], `template: NAME:LINE:COL: executing
/// "TEMPLATE" at <CONTEXT>: TEXT` for [`Phase::Exec`]; nodes of the existing network write the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    phase: Phase,
    message: String,
    line: usize,
    limit: Option<Limit>,
}

/// Which of the [`Limits`](super::Limits) was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The text is longer than `template_bytes`.
    TemplateBytes,
    /// Blocks, parentheses or template calls nest deeper than `nesting`.
    Nesting,
    /// More variables are visible at one place than anybody can use: 1000.
    Variables,
    /// More than `output_bytes` were written.
    OutputBytes,
    /// More than `steps` were taken.
    Steps,
    /// More than `value_bytes` of text were built.
    ValueBytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TemplateBytes => "template size",
            Self::Nesting => "nesting depth",
            Self::Variables => "variable count",
            Self::OutputBytes => "output size",
            Self::Steps => "step count",
            Self::ValueBytes => "size of built text",
        })
    }
}

impl TemplateError {
    pub(super) fn new(phase: Phase, line: usize, message: String) -> Self {
        Self { phase, message, line, limit: None }
    }

    pub(super) fn limit(phase: Phase, line: usize, limit: Limit, message: String) -> Self {
        Self { phase, message, line, limit: Some(limit) }
    }

    /// When it failed.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The line of the template, from 1, that the message names.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The limit that was reached, when that is the reason. A larger limit may let the same template pass.
    pub fn reached_limit(&self) -> Option<Limit> {
        self.limit
    }
}
