//! From the words typed to an exit code. Nothing slow happens before the words are understood: `--help` starts no runtime.

mod completion;
mod devnet;
mod failure;
mod report;
mod run;
mod version;
mod watch;

use std::{process::ExitCode, time::Duration};

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use crate::{
    args::{Cli, Command, GlobalArgs, JobsCommand, OutputFormat},
    config_file::ConfigFile,
    env::Environment,
    exit::{Exit, Failure},
    logging,
    printer::Printer,
    settings::{AttachSettings, DevnetSettings, Reader, RunSettings},
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
        Err(failure) => {
            printer.failure(&failure);
            failure.exit.into()
        }
    }
}

/// Help and version go to stdout; what was not understood is one line and the way to the help.
fn not_understood(error: &clap::Error, environment: &Environment) -> ExitCode {
    let printer = Printer::new(OutputFormat::Plain, environment);
    let text = if printer.colors() { error.render().ansi().to_string() } else { error.render().to_string() };
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        printer.raw(&text);
        return Exit::Success.into();
    }
    let failure = usage_failure(&error.render().to_string());
    printer.failure(&failure);
    failure.exit.into()
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
        Command::Devnet(args) => {
            let reader = reader(global, environment)?;
            logging::init(logging::Default::Service, global, &reader)?;
            let settings = DevnetSettings::resolve(&reader, global, &args)?;
            block_on(devnet::devnet(&settings, printer))
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
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }
}
