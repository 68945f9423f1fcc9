//! `lilypad module new`.

use std::{path::Path, process::Stdio, time::Duration};

use lilypad_sdk::module::{ModuleError, scaffold::Scaffold};
use serde_json::json;

use super::{of_module, print_json, wants_json};
use crate::{
    args::NewArgs,
    exit::{Exit, Failure},
    printer::Printer,
};

/// Makes the image of a module that has one.
const BUILD_SCRIPT: &str = "build-image.sh";
/// How long that may take.
const BUILD_PATIENCE: Duration = Duration::from_secs(60);

async fn build(folder: &Path) -> bool {
    let script =
        tokio::process::Command::new(folder.join(BUILD_SCRIPT)).stdin(Stdio::null()).kill_on_drop(true).output();
    matches!(tokio::time::timeout(BUILD_PATIENCE, script).await, Ok(Ok(output)) if output.status.success())
}

pub(super) async fn new(args: &NewArgs, printer: &Printer) -> Result<Exit, Failure> {
    let Some(scaffold) = Scaffold::named(&args.template) else {
        let names: Vec<&str> = Scaffold::ALL.iter().map(|scaffold| scaffold.name()).collect();
        return Err(Failure::usage(format!("there is no template {:?}", args.template))
            .hint(format!("the templates are {}", names.join(", "))));
    };
    let in_place = args.name == Path::new(".");
    let folder = scaffold.create(&args.name).await.map_err(|error| {
        let failure = Failure::usage(error.to_string());
        match error {
            ModuleError::Folder { .. } if in_place => failure.hint("make a new folder for it: lilypad module new NAME"),
            ModuleError::Folder { .. } => failure.hint("choose another name: lilypad module new NAME"),
            other => of_module(other),
        }
    })?;
    if wants_json(false, printer) {
        print_json(&json!({"folder": folder.display().to_string(), "template": scaffold.name()}), printer);
        return Ok(Exit::Success);
    }
    let name = if in_place { folder.file_name().map(Path::new).unwrap_or(&folder) } else { &args.name };
    printer.line(format_args!("✅ Success! Created {} at {}\n", name.display(), folder.display()));
    printer.line("📂 Get started by running:");
    if !in_place {
        printer.line(format_args!("    cd {}", name.display()));
    }
    // What was just written is our own script, so it may run; without an engine or a compiler it is the first step.
    let built = folder.join(BUILD_SCRIPT).is_file() && build(&folder).await;
    for step in scaffold.first_steps().iter().filter(|step| !(built && step.ends_with(BUILD_SCRIPT))) {
        printer.line(format_args!("    {step}"));
    }
    printer.line("\n🐸 GLHF!");
    Ok(Exit::Success)
}
