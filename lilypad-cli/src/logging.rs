//! Logs, always to stderr. `run` logs nothing unless `-v` asks, because scripts take a byte on stderr for a failure;
//! services log from `info` on.

use tracing_subscriber::EnvFilter;

use crate::{args::GlobalArgs, env, exit::Failure, settings::Reader};

/// What a command logs unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    /// Nothing.
    Silent,
    /// From `info` on.
    Service,
}

/// Sets the process's logger up.
pub(crate) fn init(default: Default, global: &GlobalArgs, reader: &Reader<'_>) -> Result<(), Failure> {
    let level = level(default, global, reader)?;
    let json = match reader.text(None, &env::LOG_TYPE)? {
        Some(given) if given.text == "json" => true,
        Some(given) if given.text != "text" => return Err(given.invalid("json or text")),
        _ => false,
    };
    let Some(level) = level else { return Ok(()) };
    let others = if level == "trace" { "debug" } else { "warn" };
    let filter = EnvFilter::new(format!("{others},lilypad={level}"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second logger in one process is a mistake of a test, not of a person.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
    Ok(())
}

/// The level, or `None` for no logs.
fn level(default: Default, global: &GlobalArgs, reader: &Reader<'_>) -> Result<Option<&'static str>, Failure> {
    let named = match reader.text(None, &env::LOG_LEVEL)? {
        None => None,
        Some(given) => Some(match given.text.as_str() {
            "trace" => Some("trace"),
            "debug" => Some("debug"),
            "info" => Some("info"),
            "warn" => Some("warn"),
            "error" | "fatal" | "panic" => Some("error"),
            "none" => None,
            _ => return Err(given.invalid("trace, debug, info, warn, error, fatal, panic or none")),
        }),
    };
    let by_default = match default {
        Default::Silent => None,
        Default::Service => Some("info"),
    };
    Ok(match (global.verbose, global.quiet) {
        (0, 0) if default == Default::Silent => None,
        (0, 0) => named.unwrap_or(by_default),
        (1, _) => Some(named.flatten().unwrap_or("info")),
        (2, _) => Some("debug"),
        (3.., _) => Some("trace"),
        (0, 1) => by_default.map(|_| "warn"),
        (0, 2..) => by_default.map(|_| "error"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{args::Cli, config_file::ConfigFile, env::Environment};

    fn level_of(default: Default, words: &[&str], variable: &str) -> Result<Option<&'static str>, Failure> {
        let environment = Environment::of(&[("LOG_LEVEL", variable)]);
        let reader = Reader { environment: &environment, file: ConfigFile::default() };
        let cli = Cli::try_parse_from(["lilypad"].iter().chain(words)).unwrap();
        level(default, &cli.global, &reader)
    }

    #[test]
    fn run_is_silent_unless_asked_and_services_are_not() {
        assert_eq!(level_of(Default::Silent, &[], "").unwrap(), None);
        assert_eq!(level_of(Default::Silent, &[], "debug").unwrap(), None);
        assert_eq!(level_of(Default::Silent, &["-v"], "").unwrap(), Some("info"));
        assert_eq!(level_of(Default::Silent, &["-v"], "debug").unwrap(), Some("debug"));
        assert_eq!(level_of(Default::Silent, &["-vvv"], "").unwrap(), Some("trace"));
        assert_eq!(level_of(Default::Service, &[], "").unwrap(), Some("info"));
        assert_eq!(level_of(Default::Service, &[], "none").unwrap(), None);
        assert_eq!(level_of(Default::Service, &["-q"], "").unwrap(), Some("warn"));
    }

    #[test]
    fn a_wrong_level_is_named() {
        let message = level_of(Default::Silent, &[], "loud").unwrap_err().message;
        assert!(message.starts_with("invalid value for LOG_LEVEL: \"loud\""), "{message}");
    }
}
