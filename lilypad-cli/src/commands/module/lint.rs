//! `lilypad module lint`.

use std::path::Path;

use lilypad_sdk::{
    module::lint::{Diagnostic, Report, Severity},
    types::one_line,
};
use serde_json::json;

use super::{given, of_module, print_json, wants_json, which};
use crate::{
    args::LintArgs,
    exit::{Exit, Failure},
    printer::{Color, Printer},
};

/// Longest line of a finding, in characters. Findings quote the module, which may be a stranger's.
const LINE_SHOWN: usize = 2000;

pub(super) async fn lint(args: &LintArgs, data: &Path, printer: &Printer) -> Result<Exit, Failure> {
    let inputs = given(&args.given)?;
    let which = which(&args.which, data).await?;
    let report = which.checkout.lint(&inputs).map_err(of_module)?;
    let file = which.checkout.source().path.trim_start_matches('/');
    if wants_json(args.json, printer) {
        let mut document = serde_json::to_value(&report).unwrap_or_default();
        if let Some(members) = document.as_object_mut() {
            members.insert("module".to_owned(), json!(which.shown));
            members.insert("template".to_owned(), json!(file));
        }
        print_json(&document, printer);
    } else {
        report.diagnostics.iter().for_each(|found| show(found, file, printer));
        if report.left_out > 0 {
            printer.line(format_args!("and {} more of these kinds", report.left_out));
        }
        printer.line(summary(&report));
    }
    // The report is the result; stderr has nothing to add to it.
    Ok(if report.has_faults() { Exit::Job } else { Exit::Success })
}

fn show(found: &Diagnostic, file: &str, printer: &Printer) {
    let place = match (found.line, found.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        _ => file.to_owned(),
    };
    let word = format!("{}[{}]", found.severity.as_str(), found.rule.id());
    let word = match found.severity {
        Severity::Fault => printer.paint(Color::Red, &word),
        Severity::Warning => printer.paint(Color::CyanBold, &word),
        _ => word,
    };
    printer.line(format_args!("{place}: {word}: {}", one_line(&found.message, LINE_SHOWN)));
    if let Some(action) = &found.action {
        printer.line(format_args!("    action:   {}", one_line(action, LINE_SHOWN)));
    }
    for (label, text) in [("Go nodes: ", &found.existing), ("here:     ", &found.ours), ("mend:     ", &found.mend)] {
        if !text.is_empty() {
            printer.line(format_args!("    {label}{}", one_line(text, LINE_SHOWN)));
        }
    }
    printer.line("");
}

fn summary(report: &Report) -> String {
    let counted = |severity: Severity| {
        let count = report.count(severity);
        format!("{count} {}{}", severity.as_str(), if count == 1 { "" } else { "s" })
    };
    let counts = [Severity::Fault, Severity::Warning, Severity::Note].map(counted).join(", ");
    match (report.gpu.gpus, report.gpu.vram_mib) {
        (0, _) => counts,
        (_, 0) => format!("{counts}; needs a GPU"),
        (_, vram) => format!("{counts}; needs a GPU with {vram} MiB"),
    }
}
