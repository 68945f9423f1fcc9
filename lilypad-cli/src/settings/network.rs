//! Which network, with which key.

use std::path::PathBuf;

use lilypad_sdk::{
    chain::{GivenContracts, Network},
    client::Paths,
    wallet::Wallet,
};

use super::{
    Reader,
    read::{Given, integer},
};
use crate::{
    args::{GlobalArgs, ServiceArgs, Web3Args},
    env,
    exit::Failure,
};

/// A network to connect to and the key to use there.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) network: Network,
    /// `None` only on `local`, which has well-known keys of its own.
    pub(crate) wallet: Option<Wallet>,
    pub(crate) data_dir: PathBuf,
    /// What was named of the contracts beside a controller that is not the preset's, whose own word counts for the others.
    /// `None` where the network's contracts are known.
    pub(crate) asks_controller: Option<GivenContracts>,
}

impl Connection {
    /// Whether the network is the one on this machine.
    pub(crate) fn is_local(&self) -> bool {
        is_local(&self.network)
    }

    /// The folders of this machine.
    pub(crate) fn paths(&self) -> Paths {
        Paths { data: self.data_dir.clone(), ..Paths::from_env() }
    }

    pub(crate) fn resolve(
        reader: &Reader<'_>,
        global: &GlobalArgs,
        web3: &Web3Args,
        services: &ServiceArgs,
    ) -> Result<Self, Failure> {
        let mut network = preset(reader, global)?;
        let mut asks_controller = None;
        if is_local(&network) {
            refuse_addresses_on_local(web3, services)?;
        } else {
            asks_controller = apply_web3(reader, web3, &mut network)?;
        }
        let wallet = wallet(reader, web3, is_local(&network))?;
        if !is_local(&network) {
            apply_services(reader, services, &mut network)?;
        }
        let data_dir = reader.data_dir(global.data_dir.as_ref())?;
        Ok(Self { network, wallet, data_dir, asks_controller })
    }
}

pub(super) fn is_local(network: &Network) -> bool {
    network.name == Network::local().name
}

/// The preset that `-n` or its variable names.
pub(super) fn preset(reader: &Reader<'_>, global: &GlobalArgs) -> Result<Network, Failure> {
    let given = reader.text(global.network.as_deref(), &env::LILYPAD_NETWORK)?;
    let name = given.as_ref().map_or(Network::testnet().name, |given| given.text.as_str());
    Network::named(name).map_err(|_| {
        Failure::usage(format!("network {name} does not exist"))
            .hint(format!("known networks: {}; -n local needs nothing installed", Network::names().join(", ")))
    })
}

/// On `local` the running network says where it is. Variables for other networks may be set all the same.
fn refuse_addresses_on_local(web3: &Web3Args, services: &ServiceArgs) -> Result<(), Failure> {
    let given = [
        ("--web3-rpc-url", web3.web3_rpc_url.is_some()),
        ("--web3-chain-id", web3.web3_chain_id.is_some()),
        ("--web3-controller-address", web3.web3_controller_address.is_some()),
        ("--web3-payments-address", web3.web3_payments_address.is_some()),
        ("--web3-storage-address", web3.web3_storage_address.is_some()),
        ("--web3-users-address", web3.web3_users_address.is_some()),
        ("--web3-token-address", web3.web3_token_address.is_some()),
        ("--service-solver", services.service_solver.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::usage(format!("{flag} cannot be used with -n local"))
            .hint("the network on this machine says itself where it is; leave the flag out, or name another network")),
        None => Ok(()),
    }
}

/// Presets hold static lists; what a person gives lives as long as the program, so it may be leaked once.
fn leak<T>(values: Vec<T>) -> &'static [T] {
    values.leak()
}

/// Gives the contracts that were named when the controller must be asked for the others.
pub(super) fn apply_web3(
    reader: &Reader<'_>,
    args: &Web3Args,
    network: &mut Network,
) -> Result<Option<GivenContracts>, Failure> {
    let file = &reader.file.web3;
    let rpc =
        reader.text_or_file(args.web3_rpc_url.as_deref(), &env::WEB3_RPC_URL, file.rpc_url.as_ref(), "rpc_url")?;
    if let Some(rpc) = rpc {
        network.rpc_urls = leak(rpc_urls(&rpc)?);
    }
    if network.rpc_urls.is_empty() {
        return Err(Failure::usage("WEB3_RPC_URL is required")
            .hint("name the chain's endpoint with --web3-rpc-url, for example ws://localhost:8548"));
    }
    let chain_id = reader.text(args.web3_chain_id.as_deref(), &env::WEB3_CHAIN_ID)?;
    network.chain_id = match (chain_id, file.chain_id) {
        (Some(given), _) => integer(&given, 1..=u64::MAX, "")?,
        (None, Some(id)) => id,
        (None, None) => network.chain_id,
    };
    let address = |flag: Option<&String>, variable, file: &Option<String>, key| {
        let given = reader.text_or_file(flag.map(String::as_str), variable, file.as_ref(), key)?;
        given.as_ref().map(Given::address).transpose()
    };
    let given = GivenContracts {
        payments: address(
            args.web3_payments_address.as_ref(),
            &env::WEB3_PAYMENTS_ADDRESS,
            &file.payments_address,
            "payments_address",
        )?,
        storage: address(
            args.web3_storage_address.as_ref(),
            &env::WEB3_STORAGE_ADDRESS,
            &file.storage_address,
            "storage_address",
        )?,
        users: address(
            args.web3_users_address.as_ref(),
            &env::WEB3_USERS_ADDRESS,
            &file.users_address,
            "users_address",
        )?,
        token: address(
            args.web3_token_address.as_ref(),
            &env::WEB3_TOKEN_ADDRESS,
            &file.token_address,
            "token_address",
        )?,
        mediation: address(None, &env::WEB3_MEDIATION_ADDRESS, &file.mediation_address, "mediation_address")?,
        job_creator: address(None, &env::WEB3_JOBCREATOR_ADDRESS, &file.jobcreator_address, "jobcreator_address")?,
        pow: address(args.web3_pow_address.as_ref(), &env::WEB3_POW_ADDRESS, &file.pow_address, "pow_address")?,
    };
    let controller = address(
        args.web3_controller_address.as_ref(),
        &env::WEB3_CONTROLLER_ADDRESS,
        &file.controller_address,
        "controller_address",
    )?;
    match controller {
        Some(controller) if controller != network.contracts.controller => {
            network.contracts.controller = controller;
            Ok(Some(given))
        }
        _ => {
            network.contracts = given.over(network.contracts);
            Ok(None)
        }
    }
}

/// Endpoints separated by commas.
pub(super) fn rpc_urls(given: &Given) -> Result<Vec<&'static str>, Failure> {
    let urls: Vec<&str> = given.text.split(',').map(str::trim).filter(|url| !url.is_empty()).collect();
    let known = ["ws://", "wss://", "http://", "https://"];
    if urls.is_empty()
        || !urls.iter().all(|url| known.iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme)))
    {
        return Err(given.invalid("a list of ws, wss, http or https addresses separated by commas"));
    }
    Ok(urls.into_iter().map(|url| &*url.to_owned().leak()).collect())
}

pub(super) fn wallet(reader: &Reader<'_>, args: &Web3Args, local: bool) -> Result<Option<Wallet>, Failure> {
    let flag = args.web3_private_key.as_ref().map(|key| key.expose());
    match reader.text(flag, &env::WEB3_PRIVATE_KEY)? {
        Some(key) => match Wallet::from_private_key(&key.text) {
            Ok(wallet) => Ok(Some(wallet)),
            Err(error) => Err(Failure::usage(format!("{}: {error}", key.origin)).hint(error.hint())),
        },
        None if local => Ok(None),
        None => Err(Failure::usage("WEB3_PRIVATE_KEY is required")
            .hint("export WEB3_PRIVATE_KEY=<the 64 hexadecimal characters of your account's private key>")
            .hint("to try it without a key: -n local")),
    }
}

pub(super) fn apply_services(reader: &Reader<'_>, args: &ServiceArgs, network: &mut Network) -> Result<(), Failure> {
    let file = &reader.file.services;
    let solver =
        reader.text_or_file(args.service_solver.as_deref(), &env::SERVICE_SOLVER, file.solver.as_ref(), "solver")?;
    if let Some(solver) = solver {
        network.solver = solver.address()?;
    }
    let joined = Some(args.service_mediators.join(",")).filter(|list| !list.is_empty());
    let from_file = file.mediator.as_ref().map(|list| list.join(","));
    let mediators = reader.text_or_file(joined.as_deref(), &env::SERVICE_MEDIATORS, from_file.as_ref(), "mediator")?;
    if let Some(list) = mediators {
        let one = |text: &str| Given { text: text.trim().to_owned(), origin: list.origin.clone() }.address();
        network.mediators = leak(list.text.split(',').map(one).collect::<Result<_, _>>()?);
    }
    if network.mediators.is_empty() {
        return Err(Failure::usage(
            "No mediators services specified - please use SERVICE_MEDIATORS or --service-mediators",
        )
        .hint("give the addresses of the mediators you trust, separated by commas"));
    }
    let api_host = reader.text_or_file(args.api_host.as_deref(), &env::API_HOST, file.api_host.as_ref(), "api_host")?;
    if let Some(host) = api_host {
        network.api_host = host.text.leak();
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        args::{Cli, Command},
        config_file::ConfigFile,
        env::Environment,
    };

    const KEY: (&str, &str) = ("WEB3_PRIVATE_KEY", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

    fn resolve(words: &[&str], variables: &[(&'static str, &str)], file: &str) -> Result<Connection, Failure> {
        let environment = Environment::of(variables);
        let reader = Reader { environment: &environment, file: toml::from_str::<ConfigFile>(file).unwrap() };
        let cli = Cli::try_parse_from(["lilypad", "run"].iter().chain(words)).unwrap();
        let Some(Command::Run(args)) = cli.command else { unreachable!("run was parsed") };
        Connection::resolve(&reader, &cli.global, &args.web3, &args.services)
    }

    #[test]
    fn flag_wins_over_variable_over_file_over_preset() {
        let chain_id = |words: &[&str], variables: &[(&'static str, &str)], file: &str| {
            resolve(words, &[&[KEY], variables].concat(), file).unwrap().network.chain_id
        };
        let file = "[web3]\nchain_id = 3\n";
        assert_eq!(chain_id(&["--web3-chain-id", "1"], &[("WEB3_CHAIN_ID", "2")], file), 1);
        assert_eq!(chain_id(&[], &[("WEB3_CHAIN_ID", "2")], file), 2);
        assert_eq!(chain_id(&[], &[], file), 3);
        assert_eq!(chain_id(&[], &[], ""), Network::testnet().chain_id);
        assert_eq!(chain_id(&["-n", "demonet"], &[], ""), 412_347);
    }

    #[test]
    fn endpoints_mediators_and_contracts_are_lists_and_addresses() {
        let address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let two = format!("{address}, 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
        let words = ["--web3-rpc-url", "ws://a, wss://b", "--service-mediators", &two, "--service-solver", address];
        let connection = resolve(&words, &[KEY, ("WEB3_POW_ADDRESS", address)], "").unwrap();
        assert_eq!(connection.network.rpc_urls, ["ws://a", "wss://b"]);
        assert_eq!(connection.network.mediators.len(), 2);
        assert_eq!(connection.network.solver.to_string(), address);
        assert_eq!(connection.network.contracts.pow.unwrap().to_string(), address);
        assert!(connection.asks_controller.is_none());
        let words = ["--web3-controller-address", address];
        let connection = resolve(&words, &[KEY, ("WEB3_TOKEN_ADDRESS", address)], "").unwrap();
        // The preset's other contracts belong to another controller.
        let given = connection.asks_controller.unwrap();
        assert_eq!((given.token.map(|token| token.to_string()), given.users), (Some(address.to_owned()), None));
        let same = Network::testnet().contracts.controller.to_string();
        let connection = resolve(&["--web3-controller-address", &same], &[KEY], "").unwrap();
        assert!(connection.asks_controller.is_none());
    }

    #[test]
    fn the_variable_names_the_network_and_the_flag_wins() {
        let name = |words: &[&str]| {
            resolve(words, &[KEY, ("LILYPAD_NETWORK", "local")], "").map(|connection| connection.network.name)
        };
        assert_eq!(name(&[]).unwrap(), "local");
        assert_eq!(name(&["-n", "demonet"]).unwrap(), "demonet");
        assert!(name(&["-n", "mainnet"]).unwrap_err().message.contains("mainnet does not exist"));
    }

    #[test]
    fn local_needs_no_key_and_leaves_variables_of_other_networks_alone() {
        let connection =
            resolve(&["-n", "local"], &[("WEB3_RPC_URL", "wss://elsewhere"), ("WEB3_CHAIN_ID", "x")], "").unwrap();
        assert!(connection.is_local() && connection.wallet.is_none());
        assert_eq!(connection.network, Network::local());
        assert!(resolve(&["-n", "local"], &[KEY], "").unwrap().wallet.is_some());
    }

    #[test]
    fn the_data_folder_has_a_flag_a_variable_and_a_default() {
        let data = |words: &[&str], variables: &[(&'static str, &str)]| {
            resolve(&[&["-n", "local"], words].concat(), variables, "").unwrap().data_dir
        };
        assert_eq!(data(&["--data-dir", "/a"], &[("DATA_DIR", "/b")]), PathBuf::from("/a"));
        assert_eq!(data(&[], &[("DATA_DIR", "/b")]), PathBuf::from("/b"));
        assert_eq!(data(&[], &[]), PathBuf::from("/tmp/lilypad/data"));
    }
}
