//! `lilypad module`: each command is one call of the SDK.

mod inputs;
mod lint;
mod local;
mod new;
mod render;

use std::{collections::BTreeMap, path::PathBuf};

use lilypad_sdk::{
    Error,
    module::{
        AlteredInputs, Checkout, FetchPolicy, Fetcher, ModuleError, ModuleReference, TEMPLATE_PATH, input_warnings,
        parse_input_flag,
    },
    types::one_line,
};

use super::failure::of_sdk;
use crate::{
    args::{GivenInputs, GlobalArgs, ModuleArgs, ModuleCommand, OutputFormat, WhichArgs},
    exit::{Exit, Failure},
    printer::Printer,
    settings::{Reader, at_path, template_path},
};

/// Runs one of the commands.
pub(crate) async fn module(
    args: ModuleArgs,
    reader: &Reader<'_>,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let data = reader.data_dir(global.data_dir.as_ref())?;
    let mut command = args.command;
    if let Some(which) = which_of(&mut command)
        && which.is_folder()
    {
        which.module_path = template_path(reader, which.module_path.as_deref())?;
    }
    match command {
        ModuleCommand::New(args) => new::new(&args, printer).await,
        ModuleCommand::Render(args) => render::render(&args, &data, printer).await,
        ModuleCommand::Lint(args) => lint::lint(&args, &data, printer).await,
        ModuleCommand::Run(args) => local::run(&args, data, printer).await,
        ModuleCommand::Inputs(args) => inputs::inputs(&args, &data, printer).await,
    }
}

/// The module that a command is about.
fn which_of(command: &mut ModuleCommand) -> Option<&mut WhichArgs> {
    match command {
        ModuleCommand::New(_) => None,
        ModuleCommand::Render(args) => Some(&mut args.which),
        ModuleCommand::Lint(args) => Some(&mut args.which),
        ModuleCommand::Run(args) => Some(&mut args.which),
        ModuleCommand::Inputs(args) => Some(&mut args.which),
    }
}

fn of_module(error: ModuleError) -> Failure {
    of_sdk(&Error::from(error))
}

/// A module that was named: its files, and what it is called in errors.
struct Which {
    checkout: Checkout,
    shown: String,
}

/// Finds the module: a folder as it is now, or a checkout of what a reference names.
async fn which(args: &WhichArgs, data: &std::path::Path) -> Result<Which, Failure> {
    let shown = args.module.clone();
    let path = args.module_path.as_deref().unwrap_or(TEMPLATE_PATH);
    let reference =
        args.reference().map_err(|error| of_module(error).hint("or name a folder that is there, such as ."))?;
    let reference = at_path(reference, path)?;
    let checkout = match &reference {
        ModuleReference::Directory { dir, path } => Checkout::folder(dir, path).map_err(of_module)?,
        reference => {
            let fetcher = Fetcher::new(data, FetchPolicy::own()).with_embedded();
            let source = fetcher.resolve(reference).await.map_err(of_module)?;
            fetcher.fetch(&source).await.map_err(of_module)?
        }
    };
    Ok(Which { checkout, shown })
}

impl WhichArgs {
    /// A name without tag can be a folder only; with one it may be both, and means the reference.
    fn reference(&self) -> Result<ModuleReference, ModuleError> {
        let folder = PathBuf::from(&self.module);
        let is_folder = !self.module.contains(':') && folder.is_dir();
        if is_folder { Ok(ModuleReference::folder(folder)) } else { ModuleReference::parse(&self.module) }
    }

    fn is_folder(&self) -> bool {
        self.reference().is_ok_and(|reference| reference.directory().is_some())
    }
}

fn given(args: &GivenInputs) -> Result<BTreeMap<String, String>, Failure> {
    args.input.iter().map(|text| parse_input_flag(text).map_err(of_module)).collect()
}

/// Longest note, in characters.
const NOTE_SHOWN: usize = 400;

/// Says what a person may not have meant by inputs that a module was rendered with. What does not render has nothing to be said of.
fn say_oddities(which: &Which, inputs: &BTreeMap<String, String>, printer: &Printer) {
    let template = which.checkout.template();
    let warnings = template.and_then(|template| input_warnings(template, &which.shown, inputs)).unwrap_or_default();
    warnings.iter().for_each(|warning| printer.aside(&one_line(warning, NOTE_SHOWN)));
}

/// What `--allow-altered-inputs` means.
pub(super) fn altered(allow: bool) -> AlteredInputs {
    if allow { AlteredInputs::Allow } else { AlteredInputs::Refuse }
}

/// Whether a document is wanted rather than lines for people.
fn wants_json(flag: bool, printer: &Printer) -> bool {
    flag || printer.format() != OutputFormat::Plain
}

/// Prints a document: over several lines for `json`, on one for `ndjson`.
fn print_json(value: &serde_json::Value, printer: &Printer) {
    let text = if printer.format() == OutputFormat::Ndjson { format!("{value}\n") } else { format!("{value:#}\n") };
    printer.raw(&text);
}
