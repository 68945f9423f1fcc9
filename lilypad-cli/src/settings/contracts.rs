//! `lilypad contracts`.

use std::path::PathBuf;

use lilypad_sdk::{
    chain::{GivenContracts, Network},
    client::Paths,
    types::{Address, Amount},
    wallet::Wallet,
};

use super::{
    Reader,
    network::{apply_web3, is_local, preset, rpc_urls, wallet},
    read::{Given, integer},
};
use crate::{
    args::{ChainArgs, DeployArgs, FundArgs, GlobalArgs, SetArgs, Web3Args},
    exit::Failure,
};

/// Ether and LP that an account gets on `local`, as every account of a devnet does.
const LOCAL_GIFT: (u64, u64) = (10, 100_000);

/// A set of contracts, its file, and the way to its chain.
#[derive(Clone, Debug)]
pub(crate) struct SetSettings {
    pub(crate) network: Network,
    /// `None` asks the devnet of this machine where it is.
    pub(crate) endpoints: Option<Vec<String>>,
    /// `None` where nothing is to be signed.
    pub(crate) wallet: Option<Wallet>,
    /// What was named of the contracts beside a controller of one's own.
    pub(crate) asks_controller: Option<GivenContracts>,
    pub(crate) file: PathBuf,
    pub(crate) paths: Paths,
}

impl SetSettings {
    /// Everything that only reads.
    pub(crate) fn resolve(reader: &Reader<'_>, global: &GlobalArgs, args: &SetArgs) -> Result<Self, Failure> {
        Self::with_key(reader, global, args, false)
    }

    fn with_key(reader: &Reader<'_>, global: &GlobalArgs, args: &SetArgs, signs: bool) -> Result<Self, Failure> {
        let mut network = preset(reader, global)?;
        let ChainArgs { web3_rpc_url, web3_private_key, web3_chain_id } = args.chain.clone();
        let web3 = Web3Args { web3_rpc_url, web3_private_key, web3_chain_id, ..Web3Args::default() };
        let mut asks_controller = None;
        let endpoints = if is_local(&network) {
            // Variables are for other networks; what is named here is a development chain of one's own.
            let given =
                |text: &Option<String>, flag: &str| text.clone().map(|text| Given { text, origin: flag.to_owned() });
            if let Some(id) = given(&web3.web3_chain_id, "--web3-chain-id") {
                network.chain_id = integer(&id, 1..=u64::MAX, "")?;
            }
            given(&web3.web3_rpc_url, "--web3-rpc-url").map(|urls| rpc_urls(&urls)).transpose()?
        } else {
            asks_controller = apply_web3(reader, &web3, &mut network)?;
            Some(network.rpc_urls.to_vec())
        };
        let mut wallet = wallet(reader, &web3, is_local(&network) || !signs)?;
        if signs && wallet.is_none() {
            wallet = Wallet::dev(0);
        }
        let file = args.deployments.clone();
        Ok(Self {
            file: file.unwrap_or_else(|| format!("deployments/{}.json", network.name).into()),
            network,
            endpoints: endpoints.map(|urls| urls.into_iter().map(str::to_owned).collect()),
            wallet,
            asks_controller,
            paths: Paths { data: reader.data_dir(global.data_dir.as_ref())?, ..Paths::from_env() },
        })
    }

    /// Whether the network is the one on this machine.
    pub(crate) fn is_local(&self) -> bool {
        is_local(&self.network)
    }
}

/// A deployment to begin or to go on with.
#[derive(Clone, Debug)]
pub(crate) struct DeploySettings {
    pub(crate) set: SetSettings,
    pub(crate) treasury: Option<Address>,
    pub(crate) job_service: Option<Address>,
}

impl DeploySettings {
    pub(crate) fn resolve(reader: &Reader<'_>, global: &GlobalArgs, args: &DeployArgs) -> Result<Self, Failure> {
        Ok(Self {
            treasury: account(args.treasury.as_deref(), "--treasury")?,
            job_service: account(args.job_service.as_deref(), "--job-service")?,
            set: SetSettings::with_key(reader, global, &args.set, true)?,
        })
    }
}

/// Money to send.
#[derive(Clone, Debug)]
pub(crate) struct FundSettings {
    pub(crate) set: SetSettings,
    pub(crate) account: Address,
    pub(crate) ether: Amount,
    pub(crate) tokens: Amount,
}

impl FundSettings {
    pub(crate) fn resolve(reader: &Reader<'_>, global: &GlobalArgs, args: &FundArgs) -> Result<Self, Failure> {
        let missing = || Failure::usage("no account is given").hint("lilypad contracts fund 0x…");
        let account = account(Some(&args.account), "ADDRESS")?.ok_or_else(missing)?;
        let (eth, lp) = (amount(args.eth.as_deref(), "--eth")?, amount(args.lp.as_deref(), "--lp")?);
        let set = SetSettings::with_key(reader, global, &args.set, true)?;
        let (ether, tokens) = match (eth, lp) {
            (None, None) if set.is_local() => (Amount::from_tokens(LOCAL_GIFT.0), Amount::from_tokens(LOCAL_GIFT.1)),
            (eth, lp) => (eth.unwrap_or(Amount::ZERO), lp.unwrap_or(Amount::ZERO)),
        };
        if ether.is_zero() && tokens.is_zero() {
            return Err(Failure::usage(format!("there is nothing to send to {account}"))
                .hint("say how much: --eth 0.1 --lp 100; what is said is sent at once"));
        }
        Ok(Self { set, account, ether, tokens })
    }
}

fn account(text: Option<&str>, origin: &str) -> Result<Option<Address>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let given = Given { text: text.to_owned(), origin: origin.to_owned() };
    match given.address()? {
        Address::ZERO => Err(given.invalid("the address of an account; this is nobody's")),
        address => Ok(Some(address)),
    }
}

fn amount(text: Option<&str>, origin: &str) -> Result<Option<Amount>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let given = Given { text: text.to_owned(), origin: origin.to_owned() };
    given.text.trim().parse().map(Some).map_err(|_| given.invalid("an amount such as 2 or 0.5"))
}
