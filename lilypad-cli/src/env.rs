//! Every environment variable that is read, and the one place that reads them.

use std::{collections::BTreeMap, ffi::OsString};

/// An environment variable. Its flag, where it has one, wins over it.
#[derive(Debug)]
pub(crate) struct Variable {
    /// Name in the environment.
    pub(crate) name: &'static str,
    /// The flag with the same meaning.
    pub(crate) flag: Option<&'static str>,
    /// What it sets, with unit and default.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the test that compares this table with the help"))]
    pub(crate) doc: &'static str,
}

macro_rules! variables {
    ($($constant:ident = $name:literal, $flag:expr, $doc:literal;)*) => {
        $(#[doc = $doc] pub(crate) const $constant: Variable = Variable { name: $name, flag: $flag, doc: $doc };)*
        /// All of them, in the order of this file.
        pub(crate) const ALL: &[Variable] = &[$($constant),*];
    };
}

variables! {
    LILYPAD_NETWORK = "LILYPAD_NETWORK", Some("--network"), "The network; testnet.";
    DATA_DIR = "DATA_DIR", Some("--data-dir"), "Folder for results and caches; /tmp/lilypad/data.";
    LOG_LEVEL = "LOG_LEVEL", None, "trace, debug, info, warn, error, fatal, panic or none; info for services, none for `run` without -v.";
    LOG_TYPE = "LOG_TYPE", None, "json for one JSON object a line; text.";
    NO_COLOR = "NO_COLOR", None, "Anything: no colours on a terminal.";

    MODULE_NAME = "MODULE_NAME", Some("--module-name"), "The module, when none is given as argument.";
    MODULE_REPO = "MODULE_REPO", Some("--module-repo"), "Git repository of the module, instead of its name.";
    MODULE_HASH = "MODULE_HASH", Some("--module-hash"), "Tag, branch or commit in the repository.";
    MODULE_PATH = "MODULE_PATH", Some("--module-path"), "Template in the repository.";
    INPUTS_PATH = "INPUTS_PATH", Some("--inputs-path"), "Folder of input files.";
    TARGET = "TARGET", Some("--target"), "Only match this provider's address.";
    MEDIATION_CHANCE = "MEDIATION_CHANCE", Some("--mediation-chance"), "Percent chance that a mediator checks the result; 0.";

    PRICING_MODE = "PRICING_MODE", Some("--pricing-mode"), "MarketPrice or FixedPrice; MarketPrice.";
    PRICING_INSTRUCTION_PRICE = "PRICING_INSTRUCTION_PRICE", Some("--pricing-instruction-price"), "Whole tokens; 1.";
    PRICING_PAYMENT_COLLATERAL = "PRICING_PAYMENT_COLLATERAL", Some("--pricing-payment-collateral"), "Whole tokens; 2.";
    PRICING_RESULTS_COLLATERAL_MULTIPLE = "PRICING_RESULTS_COLLATERAL_MULTIPLE", Some("--pricing-results-collateral-multiple"), "Factor; 2.";
    PRICING_MEDIATION_FEE = "PRICING_MEDIATION_FEE", Some("--pricing-mediation-fee"), "Whole tokens; 1.";

    SERVICE_SOLVER = "SERVICE_SOLVER", Some("--service-solver"), "Address of the solver; the network's.";
    SERVICE_MEDIATORS = "SERVICE_MEDIATORS", Some("--service-mediators"), "Addresses separated by commas; the network's.";
    API_HOST = "API_HOST", Some("--api-host"), "Base of the metrics API; the network's.";

    WEB3_RPC_URL = "WEB3_RPC_URL", Some("--web3-rpc-url"), "Endpoints separated by commas, tried in order; the network's.";
    WEB3_PRIVATE_KEY = "WEB3_PRIVATE_KEY", Some("--web3-private-key"), "Private key, 64 hexadecimal characters, `0x` optional.";
    WEB3_CHAIN_ID = "WEB3_CHAIN_ID", Some("--web3-chain-id"), "Chain id that endpoints must report; the network's.";
    WEB3_CONTROLLER_ADDRESS = "WEB3_CONTROLLER_ADDRESS", Some("--web3-controller-address"), "Controller contract; the network's.";
    WEB3_PAYMENTS_ADDRESS = "WEB3_PAYMENTS_ADDRESS", Some("--web3-payments-address"), "Payments contract; the network's.";
    WEB3_STORAGE_ADDRESS = "WEB3_STORAGE_ADDRESS", Some("--web3-storage-address"), "Storage contract; the network's.";
    WEB3_USERS_ADDRESS = "WEB3_USERS_ADDRESS", Some("--web3-users-address"), "Users contract; the network's.";
    WEB3_TOKEN_ADDRESS = "WEB3_TOKEN_ADDRESS", Some("--web3-token-address"), "Token contract; the network's.";
    WEB3_MEDIATION_ADDRESS = "WEB3_MEDIATION_ADDRESS", None, "Mediation contract; the network's.";
    WEB3_JOBCREATOR_ADDRESS = "WEB3_JOBCREATOR_ADDRESS", None, "Job creator contract; the network's.";
    WEB3_POW_ADDRESS = "WEB3_POW_ADDRESS", Some("--web3-pow-address"), "Proof-of-work contract; the network's.";

    SERVER_URL = "SERVER_URL", Some("--server-url"), "URL under which others reach the solver, registered on chain; required but on local.";
    SERVER_HOST = "SERVER_HOST", Some("--server-host"), "Address that the solver listens on; 0.0.0.0, on local 127.0.0.1.";
    SERVER_PORT = "SERVER_PORT", Some("--server-port"), "Its port; 8080.";
    SERVER_AUTH = "SERVER_AUTH", Some("--server-auth"), "bound, both or legacy; the network's.";
    SERVER_OFFER_TIMESTAMP_DIFF_SECONDS = "SERVER_OFFER_TIMESTAMP_DIFF_SECONDS", Some("--server-offer-timestamp-diff-seconds"), "Seconds; 30.";
    SERVER_ENABLE_VERSION_CHECK = "SERVER_ENABLE_VERSION_CHECK", Some("--server-enable-version-check"), "true or false; true.";
    SERVER_MINIMUM_VERSION = "SERVER_MINIMUM_VERSION", Some("--server-minimum-version"), "Such as v2.20.0; v2.";
    SERVER_MAX_JOB_OFFER_CAPACITY = "SERVER_MAX_JOB_OFFER_CAPACITY", Some("--server-max-job-offer-capacity"), "Open job offers; 1000, on local no limit.";
    SERVER_RATE_REQUEST_LIMIT = "SERVER_RATE_REQUEST_LIMIT", Some("--server-rate-request-limit"), "Requests a window; 5.";
    SERVER_RATE_WINDOW_LENGTH = "SERVER_RATE_WINDOW_LENGTH", Some("--server-rate-window-length"), "Seconds; 10.";
    SERVER_MAX_FILE_INPUTS_SIZE_MB = "SERVER_MAX_FILE_INPUTS_SIZE_MB", Some("--server-max-file-inputs-size-mb"), "MiB; 10.";
    STORE_TYPE = "STORE_TYPE", Some("--store-type"), "sqlite or memory; sqlite.";
    TIMEOUT_MATCH_SECONDS = "TIMEOUT_MATCH_SECONDS", Some("--timeout-match-seconds"), "Seconds; 30.";
    TIMEOUT_EXECUTION_SECONDS = "TIMEOUT_EXECUTION_SECONDS", Some("--timeout-execution-seconds"), "Seconds; 900.";
    TIMEOUT_DOWNLOAD_SECONDS = "TIMEOUT_DOWNLOAD_SECONDS", Some("--timeout-download-seconds"), "Seconds; 3600.";
    TIMEOUT_TOTAL_SECONDS = "TIMEOUT_TOTAL_SECONDS", Some("--timeout-total-seconds"), "Seconds; 7200.";
}

/// Variables of the existing network's solver that ours has no use for yet: it says so where one is set.
pub(crate) const LATER: &[&str] = &[
    "SERVER_VALIDATION_TOKEN_SECRET",
    "SERVER_VALIDATION_TOKEN_EXPIRATION",
    "SERVER_VALIDATION_TOKEN_KID",
    "SERVER_ANURA_ADDRESSES",
    "SERVER_MAX_FILE_INPUTS_MEMORY_MB",
    "STORE_CONN_STR",
    "STORE_GORM_LOG_LEVEL",
    "STATS_URL",
    "METRICS_URL",
    "METRICS_TOKEN",
    "LOGS_URL",
    "LOGS_TOKEN",
    "LOGS_EXPORT_BUFFER_SIZE",
    "LOGS_EXPORT_INTERVAL_SECONDS",
    "LOGS_EXPORT_MAX_BATCH_SIZE",
    "LOGS_EXPORT_TIMEOUT_SECONDS",
    "LOGS_MAX_QUEUE_SIZE",
    "SERVER_ENABLE_RESOURCE_PROVIDER_ALLOWLIST",
    "ENABLE_STATS",
    "ENABLE_METRICS",
    "ENABLE_OTEL_LOGS",
    "ADMIN_BASE_URL",
    "ADMIN_API_KEY",
    "ENABLE_ADMIN_SERVICE",
];

/// The environment at the start of the program. An empty value counts as unset.
#[derive(Debug, Default)]
pub(crate) struct Environment(BTreeMap<&'static str, OsString>);

impl Environment {
    /// Reads every variable of [`ALL`] once.
    pub(crate) fn read() -> Self {
        let names = ALL.iter().map(|variable| variable.name).chain(LATER.iter().copied());
        let value = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self(names.filter_map(|name| Some((name, value(name)?))).collect())
    }

    #[cfg(test)]
    pub(crate) fn of(values: &[(&'static str, &str)]) -> Self {
        Self(
            values
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (*name, (*value).into()))
                .collect(),
        )
    }

    /// The value, as the system gives it.
    pub(crate) fn get(&self, variable: &Variable) -> Option<&OsString> {
        self.0.get(variable.name)
    }

    /// The same for one of [`LATER`].
    pub(crate) fn later(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_help_names_every_variable_beside_its_flag() {
        let mut command = Cli::command();
        command.build();
        let mut help = |name| {
            let help = command.find_subcommand_mut(name).map(|found| found.render_long_help().to_string());
            // Lines are broken at blanks.
            help.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let (run, solver) = (help("run"), help("solver"));
        for variable in ALL {
            assert!(variable.doc.ends_with('.'), "{}: {}", variable.name, variable.doc);
            if let Some(flag) = variable.flag {
                let is_solvers = ["SERVER_", "STORE_", "TIMEOUT_"].iter().any(|start| variable.name.starts_with(start));
                let help = if is_solvers { &solver } else { &run };
                let shown = [format!("{flag} <"), format!("{flag}[=<")];
                assert!(shown.iter().any(|flag| help.contains(flag)), "{flag} is missing in the help");
                assert!(
                    help.contains(&format!("[env: {}]", variable.name)),
                    "{} is missing in the help",
                    variable.name
                );
            }
        }
    }

    #[test]
    fn what_comes_later_has_the_same_name_as_flag_and_as_variable() {
        let flags = crate::args::LaterArgs::default();
        let names: Vec<String> = flags.given().iter().map(|(flag, _)| flag.to_uppercase()).collect();
        let (with_flag, without) = LATER.split_at(names.len());
        assert_eq!(with_flag, names);
        assert!(without.iter().all(|name| name.contains("ADMIN_")), "{without:?}");
    }
}
