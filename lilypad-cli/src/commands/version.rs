//! `lilypad version`.

use lilypad_sdk::api::WIRE_VERSION;
use serde_json::json;

use crate::{
    args::{OutputFormat, VersionArgs},
    exit::Exit,
    printer::Printer,
};

/// The version with its `v`, as scripts read it.
pub(crate) const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));
/// The commit this was built from, empty when that is unknown.
pub(crate) const COMMIT: &str = env!("LILYPAD_COMMIT");

pub(crate) fn version(args: VersionArgs, printer: &Printer) -> Exit {
    if args.json || printer.format() != OutputFormat::Plain {
        let value = json!({ "version": VERSION, "commit": COMMIT, "wire": WIRE_VERSION });
        printer.raw(&format!("{value}\n"));
    } else {
        let commit = if COMMIT.is_empty() { "unknown" } else { COMMIT };
        printer.raw(&format!("Lilypad: {VERSION}\nCommit: {commit}\nWire: {WIRE_VERSION}\n"));
    }
    Exit::Success
}
