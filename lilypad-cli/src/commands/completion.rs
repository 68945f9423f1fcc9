//! `lilypad completion`.

use clap::CommandFactory as _;

use crate::{
    args::{Cli, CompletionArgs},
    exit::Exit,
    printer::Printer,
};

pub(crate) fn completion(args: CompletionArgs, printer: &Printer) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lilypad", &mut script);
    printer.raw(&String::from_utf8_lossy(&script));
    Exit::Success
}
