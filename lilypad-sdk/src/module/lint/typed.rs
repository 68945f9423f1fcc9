//! The file of typed inputs beside the template.

use super::{Diagnostic, Report, Rule, Severity, Subject};
use crate::module::{InputSchema, ModuleError};

const NO_FILE: &str = "does not know this file";

/// Reads the file, when there is one; what is wrong with it is a fault.
pub(super) fn read(subject: &Subject<'_>, report: &mut Report) -> Option<InputSchema> {
    match InputSchema::parse(subject.inputs_file?, subject.name) {
        Ok(schema) => Some(schema),
        Err(error) => {
            let message = match &error {
                ModuleError::InputsFile { line, column, what, .. } => {
                    format!("lilypad_inputs.json, line {line}, column {column}: {what}")
                }
                other => other.to_string(),
            };
            report.add(Diagnostic::new(Rule::InputsFile, Severity::Fault, message).says(
                NO_FILE,
                "refuses the module before anything is offered",
                "correct the file; docs/modules.md has its format",
            ));
            None
        }
    }
}

/// Compares the file with what the template reads.
pub(super) fn compare(schema: &InputSchema, report: &mut Report) {
    let reads = report.inputs.clone();
    for spec in &schema.inputs {
        if !reads.iter().any(|input| input.name == spec.name) {
            let message = format!("lilypad_inputs.json lists {:?}, which the template never reads", spec.name);
            report.add(Diagnostic::new(Rule::InputsDiffer, Severity::Warning, message).about(&spec.name, "").says(
                NO_FILE,
                "takes the input and nothing comes of it",
                "read it in the template, or take it out of the file; upper and lower case differ",
            ));
        }
    }
    for input in &reads {
        let place = input.reads.first().map_or((1, 1), |read| (read.line, read.column));
        let action = input.reads.first().map_or("", |read| &*read.action);
        match schema.get(&input.name) {
            None => {
                let message = format!("the template reads {:?}, which lilypad_inputs.json does not list", input.name);
                report.add(
                    Diagnostic::new(Rule::InputsDiffer, Severity::Warning, message)
                        .at(place)
                        .about(&input.name, action)
                        .says(NO_FILE, "refuses the input as unknown", "list it in the file"),
                );
            }
            Some(spec) if input.required && !spec.required && spec.default.is_none() => {
                let message = format!(
                    "the template cannot do without {:?}, which lilypad_inputs.json neither requires nor gives a default",
                    input.name
                );
                report.add(
                    Diagnostic::new(Rule::InputsDiffer, Severity::Warning, message)
                        .at(place)
                        .about(&input.name, action)
                        .says(NO_FILE, "says so only after rendering", "add \"required\": true, or a default"),
                );
            }
            Some(_) => {}
        }
    }
}
