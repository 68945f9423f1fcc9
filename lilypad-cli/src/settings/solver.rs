//! `lilypad solver`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use lilypad_sdk::{
    chain::{AuthMode, GivenContracts, Network},
    client::Paths,
    node::solver::DaemonConfig,
    server::RateLimit,
    wallet::Wallet,
};

use super::{
    Reader,
    network::{apply_services, apply_web3, is_local, preset, wallet},
    read::{Given, integer},
};
use crate::{
    args::{GlobalArgs, LaterArgs, SolverArgs},
    env::{self, Environment, Variable},
    exit::Failure,
};

/// Where a solver listens unless told otherwise.
const PORT: u16 = 8080;
/// Longest time-out, 30 days in seconds.
const MAX_SECONDS: u64 = 30 * 24 * 3600;
/// Longest URL.
const MAX_URL: usize = 2048;
/// How long a stop waits for requests that run.
const GRACE: Duration = Duration::from_secs(30);
/// Texts of a switch (network.md §8.1).
const TRUE: &[&str] = &["1", "t", "T", "TRUE", "true", "True"];
const FALSE: &[&str] = &["0", "f", "F", "FALSE", "false", "False"];

/// A solver to run.
#[derive(Clone, Debug)]
pub(crate) struct SolverSettings {
    pub(crate) config: DaemonConfig,
    pub(crate) wallet: Wallet,
    /// Variables of options that were given and that this solver has no use for yet.
    pub(crate) unused: Vec<String>,
}

impl SolverSettings {
    pub(crate) fn resolve(reader: &Reader<'_>, global: &GlobalArgs, args: &SolverArgs) -> Result<Self, Failure> {
        let mut network = preset(reader, global)?;
        let is_local = is_local(&network);
        let asks_controller = chain(reader, args, &mut network)?;
        let wallet = wallet(reader, &args.web3, true)?.ok_or_else(|| {
            Failure::usage("WEB3_PRIVATE_KEY is required").hint(
                "export WEB3_PRIVATE_KEY=<the 64 hexadecimal characters of the private key of the solver's account>",
            )
        })?;
        let paths = Paths { data: reader.data_dir(global.data_dir.as_ref())?, ..Paths::from_env() };
        let mut config = DaemonConfig::for_network(&network, paths);
        if let Some(given) = asks_controller {
            (config.rpc.known, config.rpc.given) = (None, given);
        }
        config.in_memory = in_memory(reader, args)?;

        let solver = &mut config.solver;
        let host = match reader.text(args.server_host.as_deref(), &env::SERVER_HOST)? {
            Some(given) => given.text.trim().parse().map_err(|_| given.invalid("an IP address"))?,
            None if is_local => IpAddr::V4(Ipv4Addr::LOCALHOST),
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let number = Numbers(reader);
        let port = number.read(args.server_port.as_deref(), &env::SERVER_PORT, 0..=u16::MAX)?;
        solver.listen = SocketAddr::new(host, port.unwrap_or(PORT));
        solver.loopback_only = is_local && host.is_loopback();
        solver.public_url = url(reader, args)?;
        if solver.public_url.is_none() && !solver.loopback_only {
            return Err(Failure::usage("SERVER_URL is required").hint(
                "say under which URL others reach this solver: --server-url https://solver.example.org; it is registered on chain",
            ));
        }
        if let Some(auth) = auth(reader, args)? {
            solver.auth = auth;
        }
        let capacity = args.server_max_job_offer_capacity.as_deref();
        solver.capacity =
            number.read(capacity, &env::SERVER_MAX_JOB_OFFER_CAPACITY, 1..=usize::MAX)?.or(solver.capacity);
        for (flag, variable, timeout) in [
            (&args.timeout_match_seconds, &env::TIMEOUT_MATCH_SECONDS, &mut solver.match_timeout),
            (&args.timeout_execution_seconds, &env::TIMEOUT_EXECUTION_SECONDS, &mut solver.execution_timeout),
            (&args.timeout_download_seconds, &env::TIMEOUT_DOWNLOAD_SECONDS, &mut solver.download_timeout),
            (&args.timeout_total_seconds, &env::TIMEOUT_TOTAL_SECONDS, &mut solver.total_timeout),
        ] {
            if let Some(seconds) = number.read(flag.as_deref(), variable, 1..=MAX_SECONDS)? {
                *timeout = Duration::from_secs(seconds);
            }
        }

        let server = &mut solver.server;
        server.shutdown_grace = GRACE;
        let age = args.server_offer_timestamp_diff_seconds.as_deref();
        if let Some(seconds) = number.read(age, &env::SERVER_OFFER_TIMESTAMP_DIFF_SECONDS, 1..=MAX_SECONDS)? {
            server.offer_age = Duration::from_secs(seconds);
        }
        let size = args.server_max_file_inputs_size_mb.as_deref();
        if let Some(mib) = number.read(size, &env::SERVER_MAX_FILE_INPUTS_SIZE_MB, 1..=1024_u64)? {
            server.max_inputs_bytes = mib << 20;
        }
        let requests = args.server_rate_request_limit.as_deref();
        let requests = number.read(requests, &env::SERVER_RATE_REQUEST_LIMIT, 0..=u32::MAX)?;
        let window = args.server_rate_window_length.as_deref();
        let window = number.read(window, &env::SERVER_RATE_WINDOW_LENGTH, 1..=3600)?;
        server.rate_limit = server.rate_limit.and_then(|default| {
            let requests = requests.unwrap_or(default.requests);
            let window = window.map_or(default.window, Duration::from_secs);
            (requests > 0).then_some(RateLimit { requests, window })
        });
        server.minimum_version = minimum_version(reader, args, server.minimum_version.take())?;
        Ok(Self { config, wallet, unused: unused(reader.environment, &args.later) })
    }
}

/// The chain and the addresses. On `local` variables are for other networks, as everywhere; what a flag names is a development
/// chain of one's own.
fn chain(reader: &Reader<'_>, args: &SolverArgs, network: &mut Network) -> Result<Option<GivenContracts>, Failure> {
    if !is_local(network) {
        let asks = apply_web3(reader, &args.web3, network)?;
        apply_services(reader, &args.services, network)?;
        return Ok(asks);
    }
    if args.web3.web3_rpc_url.is_none() {
        return Err(Failure::usage("--web3-rpc-url is required with -n local")
            .hint("name the development chain: --web3-rpc-url http://127.0.0.1:8545")
            .hint("a whole network on this machine, with a solver of its own: lilypad devnet"));
    }
    let nothing = Environment::default();
    let flags = Reader { environment: &nothing, file: reader.file.clone() };
    let asks = apply_web3(&flags, &args.web3, network)?;
    apply_services(&flags, &args.services, network)?;
    Ok(asks)
}

/// Whole numbers, from a flag or its variable.
struct Numbers<'a>(&'a Reader<'a>);

impl Numbers<'_> {
    fn read<T>(&self, flag: Option<&str>, variable: &Variable, range: RangeInclusive<T>) -> Result<Option<T>, Failure>
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        self.0.text(flag, variable)?.map(|given| integer(&given, range, "")).transpose()
    }
}

fn in_memory(reader: &Reader<'_>, args: &SolverArgs) -> Result<bool, Failure> {
    let Some(given) = reader.text(args.store_type.as_deref(), &env::STORE_TYPE)? else { return Ok(false) };
    match given.text.as_str() {
        "sqlite" => Ok(false),
        "memory" => Ok(true),
        "database" => Err(Failure::usage(format!("{}: this solver keeps no PostgreSQL database", given.origin))
            .hint("use sqlite, the default: a file in the data folder, nothing to set up")),
        _ => Err(given.invalid("sqlite or memory")),
    }
}

fn auth(reader: &Reader<'_>, args: &SolverArgs) -> Result<Option<AuthMode>, Failure> {
    let Some(given) = reader.text(args.server_auth.as_deref(), &env::SERVER_AUTH)? else { return Ok(None) };
    match given.text.as_str() {
        "bound" => Ok(Some(AuthMode::Bound)),
        "both" => Ok(Some(AuthMode::Both)),
        "legacy" => Ok(Some(AuthMode::Legacy)),
        _ => Err(given.invalid("bound, both or legacy")),
    }
}

/// The URL without a slash at its end, since paths are put behind it.
fn url(reader: &Reader<'_>, args: &SolverArgs) -> Result<Option<String>, Failure> {
    let Some(given) = reader.text(args.server_url.as_deref(), &env::SERVER_URL)? else { return Ok(None) };
    let url = given.text.trim().trim_end_matches('/');
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '"' | '<' | '>' | '\\');
    if host.is_empty() || host.starts_with(':') || url.len() > MAX_URL || !url.chars().all(is_plain) {
        return Err(given.invalid("an http or https URL such as https://solver.example.org"));
    }
    Ok(Some(url.to_owned()))
}

fn minimum_version(reader: &Reader<'_>, args: &SolverArgs, default: Option<String>) -> Result<Option<String>, Failure> {
    let minimum = reader.text(args.server_minimum_version.as_deref(), &env::SERVER_MINIMUM_VERSION)?;
    let is_version = |text: &str| {
        let numbers = text.strip_prefix('v').unwrap_or_default().split(['-', '+']).next().unwrap_or_default();
        (1..=3).contains(&numbers.split('.').count()) && numbers.split('.').all(|part| part.parse::<u32>().is_ok())
    };
    if let Some(given) = minimum.as_ref().filter(|given| !is_version(&given.text)) {
        return Err(given.invalid("a version such as v2.20.0"));
    }
    let check = args.server_enable_version_check.as_deref();
    let is_on = match reader.text(check, &env::SERVER_ENABLE_VERSION_CHECK)? {
        Some(given) if FALSE.contains(&given.text.as_str()) => false,
        Some(given) if !TRUE.contains(&given.text.as_str()) => return Err(given.invalid("true or false")),
        _ => true,
    };
    Ok(minimum.map(|given: Given| given.text).or(default).filter(|_| is_on))
}

/// What was asked for in vain: a switch that is off asks for nothing.
fn unused(environment: &Environment, flags: &LaterArgs) -> Vec<String> {
    let given = flags.given();
    let asks = |name: &&&str| {
        let flag = given.iter().find(|(flag, _)| flag.eq_ignore_ascii_case(name)).and_then(|(_, text)| *text);
        let text = flag.or_else(|| environment.later(name).map(|text| text.to_str().unwrap_or("?")));
        text.is_some_and(|text| !FALSE.contains(&text))
    };
    env::LATER.iter().filter(asks).map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        args::{Cli, Command},
        config_file::ConfigFile,
    };

    const KEY: (&str, &str) = ("WEB3_PRIVATE_KEY", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    const URL: (&str, &str) = ("SERVER_URL", "https://solver.example.org/");

    fn resolve(words: &[&str], variables: &[(&'static str, &str)]) -> Result<SolverSettings, Failure> {
        let variables = [&[KEY], variables].concat();
        let environment = Environment::of(&variables);
        let reader = Reader { environment: &environment, file: ConfigFile::default() };
        let cli = Cli::try_parse_from(["lilypad", "solver"].iter().chain(words)).unwrap();
        let Some(Command::Solver(args)) = cli.command else { unreachable!("solver was parsed") };
        SolverSettings::resolve(&reader, &cli.global, &args)
    }

    #[test]
    fn defaults_are_the_existing_networks() {
        let settings = resolve(&[], &[URL]).unwrap();
        let DaemonConfig { solver, in_memory, .. } = settings.config;
        assert_eq!(solver.listen.to_string(), "0.0.0.0:8080");
        assert_eq!(solver.public_url.as_deref(), Some("https://solver.example.org"));
        assert_eq!((solver.capacity, solver.auth, in_memory), (Some(1000), AuthMode::Legacy, false));
        assert!(!solver.loopback_only);
        let seconds = |time: Duration| time.as_secs();
        assert_eq!([solver.match_timeout, solver.execution_timeout].map(seconds), [30, 900]);
        assert_eq!([solver.download_timeout, solver.total_timeout].map(seconds), [3600, 7200]);
        assert_eq!(solver.server.rate_limit, Some(RateLimit { requests: 5, window: Duration::from_secs(10) }));
        assert_eq!(solver.server.minimum_version.as_deref(), Some("v2"));
        assert_eq!((seconds(solver.server.offer_age), solver.server.max_inputs_bytes), (30, 10 << 20));
        assert!(settings.unused.is_empty());
    }

    #[test]
    fn flags_win_over_variables_and_each_reaches_its_member() {
        let words = ["--server-port", "1", "--server-rate-request-limit", "0", "--store-type", "memory"];
        let settings = resolve(
            &words,
            &[
                URL,
                ("SERVER_PORT", "2"),
                ("SERVER_HOST", "127.0.0.1"),
                ("SERVER_AUTH", "both"),
                ("SERVER_OFFER_TIMESTAMP_DIFF_SECONDS", "31"),
                ("SERVER_ENABLE_VERSION_CHECK", "F"),
                ("SERVER_MINIMUM_VERSION", "v2.20.0"),
                ("SERVER_MAX_JOB_OFFER_CAPACITY", "7"),
                ("SERVER_MAX_FILE_INPUTS_SIZE_MB", "3"),
                ("TIMEOUT_MATCH_SECONDS", "11"),
                ("TIMEOUT_EXECUTION_SECONDS", "12"),
                ("TIMEOUT_DOWNLOAD_SECONDS", "13"),
                ("TIMEOUT_TOTAL_SECONDS", "14"),
                ("SERVICE_SOLVER", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
                ("STATS_URL", "http://stats"),
                ("ENABLE_STATS", "false"),
            ],
        )
        .unwrap();
        let DaemonConfig { network, solver, in_memory, .. } = settings.config;
        assert_eq!((solver.listen.to_string().as_str(), in_memory), ("127.0.0.1:1", true));
        assert_eq!((solver.auth, solver.capacity, solver.server.rate_limit), (AuthMode::Both, Some(7), None));
        let times = [solver.match_timeout, solver.execution_timeout, solver.download_timeout, solver.total_timeout];
        assert_eq!(times.map(|time| time.as_secs()), [11, 12, 13, 14]);
        assert_eq!((solver.server.minimum_version, solver.server.max_inputs_bytes), (None, 3 << 20));
        assert_eq!(solver.server.offer_age.as_secs(), 31);
        assert_eq!(network.solver, settings.wallet.address());
        assert_eq!(settings.unused, ["STATS_URL"]);
        let later = resolve(&["--server-validation-token-kid", "k", "--enable-metrics"], &[URL]).unwrap();
        assert_eq!(later.unused, ["SERVER_VALIDATION_TOKEN_KID", "ENABLE_METRICS"]);
    }

    #[test]
    fn local_wants_its_chain_from_a_flag_and_listens_here() {
        let refused = resolve(&["-n", "local"], &[("WEB3_RPC_URL", "http://elsewhere")]).unwrap_err();
        assert_eq!(refused.message, "--web3-rpc-url is required with -n local");
        let words = ["-n", "local", "--web3-rpc-url", "http://127.0.0.1:8545"];
        let solver = resolve(&words, &[]).unwrap().config.solver;
        assert_eq!((solver.listen.to_string().as_str(), solver.loopback_only), ("127.0.0.1:8080", true));
        assert_eq!((solver.public_url, solver.capacity), (None, None));
        let open = resolve(&[&words[..], &["--server-host", "0.0.0.0"]].concat(), &[]).unwrap_err();
        assert_eq!(open.message, "SERVER_URL is required");
    }

    #[test]
    fn wrong_values_are_named() {
        for (variable, value, expected) in [
            ("SERVER_HOST", "localhost:1", "an IP address"),
            ("SERVER_PORT", "70000", "a whole number between 0 and 65535"),
            ("SERVER_AUTH", "none", "bound, both or legacy"),
            ("SERVER_ENABLE_VERSION_CHECK", "perhaps", "true or false"),
            ("SERVER_MINIMUM_VERSION", "2.0", "a version such as v2.20.0"),
            ("SERVER_OFFER_TIMESTAMP_DIFF_SECONDS", "0", "a whole number between 1 and"),
            ("STORE_TYPE", "oracle", "sqlite or memory"),
        ] {
            let message = resolve(&[], &[URL, (variable, value)]).unwrap_err().message;
            assert!(message.starts_with(&format!("invalid value for {variable}: {value:?}")), "{message}");
            assert!(message.contains(expected), "{message}");
        }
        for bad in ["ftp://a", "https://", "https://a b", "http://:80", "https://user@host", "solver.example.org"] {
            let message = resolve(&[], &[("SERVER_URL", bad)]).unwrap_err().message;
            assert!(message.contains("is not an http or https URL"), "{bad}: {message}");
        }
        let database = resolve(&[], &[URL, ("STORE_TYPE", "database")]).unwrap_err();
        assert!(database.hints[0].contains("use sqlite"), "{database:?}");
        assert_eq!(resolve(&[], &[]).unwrap_err().message, "SERVER_URL is required");
    }
}
