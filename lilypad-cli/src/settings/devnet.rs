//! `lilypad devnet`.

use std::{net::IpAddr, path::PathBuf};

use super::{
    Reader,
    read::{Given, integer},
};
use crate::{
    args::{DevnetArgs, GlobalArgs},
    exit::Failure,
};

/// Most providers of one process.
const MAX_PROVIDERS: u32 = 64;
/// The solver's port leaves one above it for the chain.
const LAST_PORT: u16 = u16::MAX - 1;
/// Where a devnet listens unless told otherwise.
const LOOPBACK: &str = "127.0.0.1";

/// Which chain settles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// The one in this process.
    Embedded,
    /// An anvil that is started beside it.
    Anvil,
    /// A development chain that runs already.
    Url(String),
}

/// A network to keep running.
#[derive(Clone, Debug)]
pub(crate) struct DevnetSettings {
    pub(crate) chain: Chain,
    pub(crate) providers: u32,
    pub(crate) listen: IpAddr,
    /// `None` for any free one.
    pub(crate) port: Option<u16>,
    pub(crate) data_dir: PathBuf,
}

impl DevnetSettings {
    pub(crate) fn resolve(reader: &Reader<'_>, global: &GlobalArgs, args: &DevnetArgs) -> Result<Self, Failure> {
        if let Some(name) = global.network.as_deref().filter(|name| *name != "local") {
            return Err(Failure::usage(format!("lilypad devnet serves the network local, not {name}"))
                .hint("leave -n out; other terminals use it with -n local"));
        }
        let given =
            |value: &Option<String>, flag: &str| value.clone().map(|text| Given { text, origin: flag.to_owned() });
        let listen = given(&args.listen, "--listen")
            .unwrap_or_else(|| Given { text: LOOPBACK.into(), origin: "--listen".into() });
        let providers = given(&args.providers, "--providers");
        let port = given(&args.port, "--port");
        Ok(Self {
            chain: chain(given(&args.chain, "--chain"))?,
            providers: providers.map_or(Ok(1), |given| integer(&given, 1..=MAX_PROVIDERS, " of providers"))?,
            listen: listen.text.parse().map_err(|_| listen.invalid("an IP address"))?,
            port: port.map(|given| integer(&given, 1..=LAST_PORT, "")).transpose()?,
            data_dir: reader.data_dir(global.data_dir.as_ref())?,
        })
    }
}

fn chain(given: Option<Given>) -> Result<Chain, Failure> {
    let Some(given) = given else { return Ok(Chain::Embedded) };
    match given.text.as_str() {
        "embedded" => Ok(Chain::Embedded),
        "anvil" => Ok(Chain::Anvil),
        url if ["http://", "https://", "ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme)) => {
            Ok(Chain::Url(given.text))
        }
        _ => Err(given.invalid("embedded, anvil or the URL of a development chain")),
    }
}
