//! From the words typed to an exit code. Nothing slow happens before the words are understood: `--help` starts no runtime.

mod completion;
mod contracts;
mod devnet;
mod failure;
mod module;
mod report;
mod run;
mod solver;
mod version;
mod watch;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use clap::{CommandFactory as _, Parser as _, ValueEnum as _, error::ErrorKind};

use self::report::Report;

use crate::{
    args::{Cli, Command, GlobalArgs, JobsCommand, OutputFormat},
    config_file::ConfigFile,
    env::Environment,
    exit::{Exit, Failure},
    logging,
    printer::Printer,
    settings::{AttachSettings, DevnetSettings, Reader, RunSettings, SolverSettings},
};

/// The program.
pub(crate) fn main() -> ExitCode {
    let environment = Environment::read();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, &environment),
    };
    let printer = Printer::new(cli.global.output, &environment);
    match dispatch(cli, &environment, &printer) {
        Ok(_) if printer.has_lost_output() => {
            let failure = Failure::new(Exit::Job, "what was to be printed could not be written to stdout");
            printer.failure(
                &failure.hint("make room where stdout goes; `lilypad jobs attach` prints a job's result again"),
            );
            Exit::Job.into()
        }
        Ok(exit) => exit.into(),
        Err(failure) => failed(&failure, &printer),
    }
}

/// Says a failure on stderr, and in the document on stdout unless that was written already, with what is known of the job.
fn failed(failure: &Failure, printer: &Printer) -> ExitCode {
    if !printer.has_document() {
        printer.document(&Report::default().event("failed", Some(failure)));
    }
    printer.failure(failure);
    failure.exit.into()
}

/// The format that was asked for, also where the rest of the words was not understood. The last one counts.
fn format_of(words: impl IntoIterator<Item = OsString>) -> OutputFormat {
    let mut format = OutputFormat::default();
    let mut words = words.into_iter().take_while(|word| word != "--").peekable();
    while let Some(word) = words.next() {
        let value = match word.to_str() {
            Some("--output") => words.peek().and_then(|next| next.to_str()).map(str::to_owned),
            Some(word) => word.strip_prefix("--output=").map(str::to_owned),
            None => None,
        };
        if let Some(value) = value {
            format = OutputFormat::from_str(&value, false).unwrap_or_default();
        }
    }
    format
}

/// Help and version go to stdout; what was not understood is one line and the way to the help.
fn not_understood(error: &clap::Error, environment: &Environment) -> ExitCode {
    let printer = Printer::new(format_of(std::env::args_os().skip(1)), environment);
    let text = if printer.colors() { error.render().ansi().to_string() } else { error.render().to_string() };
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        printer.raw(&text);
        return Exit::Success.into();
    }
    let rendered = error.render().to_string();
    let failure = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => no_subcommand(&rendered),
        _ => usage_failure(&rendered),
    };
    failed(&failure, &printer)
}

/// A command whose subcommand was left out, from the help that the parser would show.
fn no_subcommand(help: &str) -> Failure {
    let usage = help.lines().find_map(|line| line.trim().strip_prefix("Usage: ")).unwrap_or("lilypad");
    let command: Vec<&str> =
        usage.split_whitespace().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase())).collect();
    let command = command.join(" ");
    // Each stands two blanks in; what goes on from the line before stands further in.
    let listed = help.lines().skip_while(|line| line.trim() != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = listed.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names: Vec<&str> =
        named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    Failure::usage(format!("{command} needs a subcommand"))
        .hint(format!("one of: {}; see {command} --help", names.join(", ")))
}

/// The first paragraph of what the parser says, its tips, and the command whose help tells more.
fn usage_failure(rendered: &str) -> Failure {
    let mut paragraphs = rendered.split("\n\n");
    let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    let mut failure = Failure::usage(message);
    let mut command = "lilypad --help".to_owned();
    for line in paragraphs.flat_map(str::lines).map(str::trim) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            failure = failure.hint(tip);
        } else if let Some(usage) = line.strip_prefix("Usage: lilypad ") {
            let verbs = usage.split_whitespace().take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()));
            command = ["lilypad"].into_iter().chain(verbs).chain(["--help"]).collect::<Vec<_>>().join(" ");
        }
    }
    failure.hint(format!("see {command}"))
}

fn reader<'a>(global: &GlobalArgs, environment: &'a Environment) -> Result<Reader<'a>, Failure> {
    let file = global.config.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
    Ok(Reader { environment, file })
}

fn dispatch(cli: Cli, environment: &Environment, printer: &Printer) -> Result<Exit, Failure> {
    let Some(command) = cli.command else {
        printer.raw(&Cli::command().render_help().to_string());
        return Ok(Exit::Success);
    };
    let global = &cli.global;
    match command {
        Command::Version(args) => Ok(version::version(args, printer)),
        Command::Completion(args) => Ok(completion::completion(args, printer)),
        Command::Run(args) => {
            let reader = reader(global, environment)?;
            logging::init(logging::Default::Silent, global, &reader)?;
            let settings = RunSettings::resolve(&reader, global, &args)?;
            block_on(run::run(&settings, printer))
        }
        Command::Jobs(jobs) => {
            let JobsCommand::Attach(args) = jobs.command;
            let reader = reader(global, environment)?;
            logging::init(logging::Default::Silent, global, &reader)?;
            let settings = AttachSettings::resolve(&reader, global, &args)?;
            block_on(run::attach(&settings, printer))
        }
        Command::Module(args) => {
            let reader = reader(global, environment)?;
            logging::init(logging::Default::Silent, global, &reader)?;
            block_on(module::module(args, &reader, global, printer))
        }
        Command::Contracts(args) => {
            let reader = reader(global, environment)?;
            logging::init(logging::Default::Silent, global, &reader)?;
            block_on(contracts::contracts(*args, &reader, global, printer))
        }
        Command::Devnet(args) => {
            let reader = reader(global, environment)?;
            logging::init(logging::Default::Service, global, &reader)?;
            let settings = DevnetSettings::resolve(&reader, global, &args)?;
            block_on(devnet::devnet(&settings, printer))
        }
        Command::Solver(args) => {
            let reader = reader(global, environment)?;
            logging::init(logging::Default::Service, global, &reader)?;
            let settings = SolverSettings::resolve(&reader, global, &args)?;
            block_on(solver::solver(settings, printer))
        }
    }
}

/// How long what still runs in the background may take to end.
const WIND_DOWN: Duration = Duration::from_secs(2);

/// Starts the runtime, now that there is work for it.
fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Job, format!("no threads can be started: {error}")))?;
    let end = runtime.block_on(work);
    runtime.shutdown_timeout(WIND_DOWN);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_error_becomes_one_line_with_hints() {
        let error =
            Cli::try_parse_from(["lilypad", "run", "a:1", "b:2"]).map(|_| ()).map_err(|e| e.render().to_string());
        let failure = usage_failure(&error.err().unwrap_or_default());
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.message, "unexpected argument 'b:2' found");
        assert_eq!(failure.hints.last().map(String::as_str), Some("see lilypad run --help"));
    }

    #[test]
    fn the_format_is_known_although_the_rest_is_not_understood() {
        let format = |words: &[&str]| format_of(words.iter().map(OsString::from));
        assert_eq!(format(&["run", "--bogus", "--output", "json"]), OutputFormat::Json);
        assert_eq!(format(&["--output=ndjson", "run", "--bogus"]), OutputFormat::Ndjson);
        assert_eq!(format(&["run", "--output=json", "--output", "plain"]), OutputFormat::Plain);
        for words in [&["run"][..], &["run", "--output"], &["run", "--output", "xml"], &["run", "--", "--output=json"]]
        {
            assert_eq!(format(words), OutputFormat::Plain, "{words:?}");
        }
    }

    #[test]
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }
}
