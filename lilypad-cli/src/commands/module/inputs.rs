//! `lilypad module inputs`.

use std::path::Path;

use lilypad_sdk::{module::InputDescription, types::one_line};
use serde_json::json;

use super::{of_module, print_json, wants_json, which};
use crate::{
    args::InputsArgs,
    exit::{Exit, Failure},
    printer::Printer,
};

/// Longest default shown in the table, in characters.
const DEFAULT_SHOWN: usize = 40;
/// Longest cell, in characters. Names, choices and help are a stranger's.
const CELL_SHOWN: usize = 400;

pub(super) async fn inputs(args: &InputsArgs, data: &Path, printer: &Printer) -> Result<Exit, Failure> {
    let which = which(&args.which, data).await?;
    let inputs = which.checkout.inputs(&which.shown).map_err(of_module)?;
    if wants_json(args.json, printer) {
        print_json(&json!({"module": which.shown, "inputs": inputs}), printer);
    } else if inputs.is_empty() {
        printer.line("the module names no inputs");
    } else {
        printer.plain(table(&inputs));
    }
    Ok(Exit::Success)
}

fn table(inputs: &[InputDescription]) -> String {
    let head = ["NAME", "TYPE", "DEFAULT", "REQUIRED", "HELP"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(inputs.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect::<String>();
        text.push_str(format!("{cells}{}", row[4]).trim_end());
        text.push('\n');
    }
    text
}

fn row(input: &InputDescription) -> [String; 5] {
    let default = match &input.default {
        None => "-".to_owned(),
        Some(text) if text.is_empty() => "\"\"".to_owned(),
        Some(text) => {
            let shown: String =
                text.chars().take(DEFAULT_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
            if text.chars().count() > DEFAULT_SHOWN { format!("{shown}…") } else { shown }
        }
    };
    let mut help = Vec::new();
    if !input.help.is_empty() {
        help.push(input.help.clone());
    }
    if !input.choices.is_empty() {
        help.push(format!("one of {}", input.choices.join(", ")));
    }
    let unit = if input.kind.as_str() == "text" { " characters" } else { "" };
    match (input.min, input.max) {
        (Some(min), Some(max)) => help.push(format!("from {min} to {max}{unit}")),
        (Some(min), None) => help.push(format!("at least {min}{unit}")),
        (None, Some(max)) => help.push(format!("at most {max}{unit}")),
        (None, None) => {}
    }
    if !input.is_read {
        help.push("not read by the template".to_owned());
    }
    let required = if input.required { "yes" } else { "no" };
    [input.name.clone(), input.kind.as_str().to_owned(), default, required.to_owned(), help.join("; ")]
        .map(|cell| one_line(&cell, CELL_SHOWN))
}
