//! `lilypad module render`.

use std::path::Path;

use lilypad_sdk::{module::render_text, types::plain_lines};
use serde_json::json;

use super::{altered, given, of_module, print_json, say_oddities, wants_json, which};
use crate::{
    args::RenderArgs,
    exit::{Exit, Failure},
    printer::Printer,
};

/// Prints the rendered text as it is: every node renders the same bytes. What is wrong with it is told after it.
pub(super) async fn render(args: &RenderArgs, data: &Path, printer: &Printer) -> Result<Exit, Failure> {
    let inputs = given(&args.given)?;
    let which = which(&args.which, data).await?;
    let schema = which.checkout.inputs_schema(&which.shown).map_err(of_module)?;
    let inputs = match schema {
        Some(schema) => schema.apply(&inputs).map_err(of_module)?,
        None => inputs,
    };
    let checked = which.checkout.prepare(&which.shown, &inputs, altered(args.allow_altered_inputs));
    if let Ok((inputs, _)) = &checked {
        say_oddities(&which, inputs, printer);
    }
    let text = which.checkout.template().and_then(|template| render_text(template, &which.shown, &inputs));
    let text = match text {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        // The check says it better: with the names of inputs that are missing.
        Err(error) => return Err(of_module(checked.err().unwrap_or(error))),
    };
    if wants_json(false, printer) {
        let (_, module) = checked.map_err(of_module)?;
        let document = json!({"module": which.shown, "inputs": inputs, "rendered": text, "decoded": module});
        print_json(&document, printer);
        return Ok(Exit::Success);
    }
    // In a pipe every byte counts; on a terminal a stranger's text must not move the cursor.
    let text = if printer.is_terminal() { plain_lines(&text) } else { text };
    printer.line(text.trim_end());
    checked.map(|_| Exit::Success).map_err(of_module)
}
