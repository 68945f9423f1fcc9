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
}

/// The environment at the start of the program. An empty value counts as unset.
#[derive(Debug, Default)]
pub(crate) struct Environment(BTreeMap<&'static str, OsString>);

impl Environment {
    /// Reads every variable of [`ALL`] once.
    pub(crate) fn read() -> Self {
        let value = |variable: &Variable| std::env::var_os(variable.name).filter(|value| !value.is_empty());
        Self(ALL.iter().filter_map(|variable| Some((variable.name, value(variable)?))).collect())
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
        let run = command.find_subcommand_mut("run").map(|run| run.render_long_help().to_string()).unwrap_or_default();
        for variable in ALL {
            assert!(variable.doc.ends_with('.'), "{}: {}", variable.name, variable.doc);
            if let Some(flag) = variable.flag {
                assert!(run.contains(&format!("{flag} <")), "{flag} is missing in the help");
                assert!(run.contains(&format!("[env: {}]", variable.name)), "{} is missing in the help", variable.name);
            }
        }
    }
}
