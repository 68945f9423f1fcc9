//! `lilypad module new`.

use lilypad_sdk::module::scaffold::Scaffold;
use serde_json::json;

use super::{of_module, print_json, wants_json};
use crate::{
    args::NewArgs,
    exit::{Exit, Failure},
    printer::Printer,
};

pub(super) async fn new(args: &NewArgs, printer: &Printer) -> Result<Exit, Failure> {
    let Some(scaffold) = Scaffold::named(&args.template) else {
        let names: Vec<&str> = Scaffold::ALL.iter().map(|scaffold| scaffold.name()).collect();
        return Err(Failure::usage(format!("there is no template {:?}", args.template))
            .hint(format!("the templates are {}", names.join(", "))));
    };
    let folder = scaffold.create(&args.name).await.map_err(|error| {
        let failure = Failure::usage(error.to_string());
        match error {
            lilypad_sdk::module::ModuleError::Folder { .. } => {
                failure.hint("choose another name: lilypad module new NAME")
            }
            other => of_module(other),
        }
    })?;
    if wants_json(false, printer) {
        print_json(&json!({"folder": folder.display().to_string(), "template": scaffold.name()}), printer);
        return Ok(Exit::Success);
    }
    let shown = args.name.display();
    printer.line(format_args!("✅ Success! Created {shown} at {}\n", folder.display()));
    printer.line("📂 Get started by running:");
    printer.line(format_args!("    cd {shown}"));
    for step in scaffold.first_steps() {
        printer.line(format_args!("    {step}"));
    }
    printer.line("\n🐸 GLHF!");
    Ok(Exit::Success)
}
