//! The template language of module files: Go's `text/template` plus `subst`, with limits.
//!
//! ```text
//! text ─► lexer ─► tokens ─► parser ─► tree ─► exec(value) ─► bytes
//!                                                └► funcs, printf, quote
//! ```
//!
//! Every party to a deal renders the module on its own, so a byte that differs is a job that differs: output, and the
//! texts of errors, equal those of Go 1.23. The vectors in `tests/fixtures/template-vectors.jsonl` hold that.
//!
//! A format that does not fit its values is no error: `%!d(string=7)` is written, as Go does, because every node must write the
//! same; lint tells of it. So with widths: one of more than seven digits or so counts for none and ends the format (`%!(NOVERB)`),
//! a smaller one is obeyed, and what is then too long is refused by the limit on output or on built text, with its name, where
//! Go would go on.
//!
//! Invariants: no input makes it panic or run for ever ([`Limits`]); it reads no clock, no file, no environment; rendering
//! twice gives the same bytes. It does not iterate over integers and functions (Go 1.24), and lists have no hidden capacity.

mod ast;
mod error;
mod exec;
mod float;
mod formats;
mod funcs;
mod lexer;
mod number;
mod parser;
mod places;
mod printf;
mod quote;
mod reads;
mod trace;
mod unicode;
mod value;

use std::sync::{Arc, OnceLock};

pub use error::{Limit, Phase, TemplateError};
pub(crate) use formats::FormatFaultKind;
pub(crate) use number::parse_float;
pub use reads::{Read, Usage};
pub(crate) use trace::Traced;
pub use value::Value;

/// Whose habits a template is read and run with. The two differ in a few places only: `else with`, assignments in `range`,
/// the words of some errors, how lines of comments count, and which characters count as printable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Generation {
    /// Go 1.19, as nodes of the first years of the existing network were built with.
    Go1_19,
    /// Go 1.23, as its present nodes are built with.
    #[default]
    Go1_23,
}

/// What a template may use up. The defaults are far above any published module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest template text, in bytes.
    pub template_bytes: usize,
    /// Deepest nesting of blocks, parentheses and template calls.
    pub nesting: usize,
    /// Longest output, in bytes.
    pub output_bytes: usize,
    /// Most nodes evaluated.
    pub steps: usize,
    /// Most text built by functions in one run, in bytes.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { template_bytes: 1 << 20, nesting: 200, output_bytes: 4 << 20, steps: 1_000_000, value_bytes: 16 << 20 }
    }
}

/// How a template is read and run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// What it may use up.
    pub limits: Limits,
    /// Whose habits it follows.
    pub generation: Generation,
}

impl From<Limits> for Options {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

impl From<Generation> for Options {
    fn from(generation: Generation) -> Self {
        Self { generation, ..Self::default() }
    }
}

/// A parsed template, ready to run any number of times.
#[derive(Clone, Debug)]
pub struct Template {
    name: Arc<str>,
    text: Arc<[u8]>,
    templates: ast::Templates,
    limits: Limits,
    generation: Generation,
    places: OnceLock<Arc<places::Places>>,
}

impl Template {
    /// Reads a template; `name` appears in error texts.
    ///
    /// # Errors
    /// [`TemplateError`] of [`Phase::Parse`] for bad syntax, an unknown function, an undeclared variable, or a limit.
    pub fn parse(name: &str, text: impl AsRef<[u8]>) -> Result<Self, TemplateError> {
        Self::parse_with(name, text, Options::default())
    }

    /// As [`Template::parse`], with [`Limits`], a [`Generation`] or both of one's own.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_with(name: &str, text: impl AsRef<[u8]>, options: impl Into<Options>) -> Result<Self, TemplateError> {
        let (text, Options { limits, generation }) = (text.as_ref(), options.into());
        if text.len() > limits.template_bytes {
            let message = format!(
                "template: {name}:1: {} bytes long, more than the limit of {}",
                text.len(),
                limits.template_bytes
            );
            return Err(TemplateError::limit(Phase::Parse, 1, Limit::TemplateBytes, message));
        }
        let templates = parser::parse(name, text, limits.nesting, generation)?;
        let (name, text, places) = (Arc::from(name), Arc::from(text), OnceLock::new());
        Ok(Self { name, text, templates, limits, generation, places })
    }

    /// The names of the data's members that the main template or any other may ask for, in order, each once.
    pub fn fields(&self) -> std::collections::BTreeSet<String> {
        ast::fields(&self.templates)
    }

    /// Runs the template on `data`, which is its dot, and gives the bytes it writes.
    ///
    /// # Errors
    /// [`TemplateError`] of [`Phase::Exec`]; nothing of the output is of use then.
    pub fn execute(&self, data: &Value) -> Result<Vec<u8>, TemplateError> {
        exec::run(self, data)
    }
}
