//! The network `local`: joined where a devnet runs, started here where none does.

use std::{sync::Arc, time::Duration};

use super::{Devnet, DevnetInfo, file};
use crate::{
    Error, Lilypad,
    api::RequestDomain,
    chain::{Network, RpcChain, RpcConfig},
    client::{ConnectConfig, HttpAuth, HttpOptions, HttpSolver, Paths},
    store::SqliteStore,
    wallet::Wallet,
};

/// How long an announced devnet may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// The development account of creators.
const CREATOR: usize = 5;

/// The devnet that is announced; `None` when there is none, or its process is gone.
///
/// # Errors
/// [`Error::Silent`] when its process lives but does not answer.
pub(super) async fn running(paths: &Paths) -> Result<Option<DevnetInfo>, Error> {
    let Some(info) = file::read(paths) else { return Ok(None) };
    if answers(&info).await {
        return Ok(Some(info));
    }
    // It may have ended while it was asked.
    if file::read(paths).is_none() {
        return Ok(None);
    }
    Err(Error::Silent { pid: info.pid, file: file::path(paths) })
}

/// Whether a devnet answers, and is the one that was announced.
async fn answers(info: &DevnetInfo) -> bool {
    is_there(info).await.unwrap_or(false)
}

async fn is_there(info: &DevnetInfo) -> Option<bool> {
    let auth = HttpAuth::Bound {
        wallet: Wallet::random(),
        domain: RequestDomain { solver: info.solver, chain_id: info.chain_id, controller: info.controller },
    };
    let options = HttpOptions { attempts: 1, ..HttpOptions::default() };
    let answer = tokio::time::timeout(ANSWER, HttpSolver::connect_with(&info.solver_url, auth, options)).await;
    answer.ok()?.ok()?;
    // Process ids and ports are given out again, and every devnet has the same keys: only the chain tells them apart.
    let mut rpc = RpcConfig::for_network(&Network::local());
    rpc.endpoints = vec![info.rpc_url.clone()];
    let genesis = async { RpcChain::connect(rpc, None).await.ok()?.genesis_hash().await.ok() };
    let genesis = tokio::time::timeout(ANSWER, genesis).await.ok()??;
    Some(genesis.to_string() == info.genesis)
}

impl Lilypad {
    /// The network `local`, with the development account of creators: joins the devnet that runs on this machine, else
    /// starts a whole network in this process that lives as long as the connection.
    ///
    /// # Errors
    /// As [`Lilypad::connect`]; [`Error::Node`] when the network can't start, [`Error::Silent`] when the devnet of this
    /// machine does not answer.
    pub async fn local() -> Result<Self, Error> {
        Self::local_with(Paths::from_env(), None).await
    }

    /// [`Lilypad::local`] with folders and a key of one's own.
    ///
    /// # Errors
    /// As [`Lilypad::local`].
    pub async fn local_with(paths: Paths, wallet: Option<Wallet>) -> Result<Self, Error> {
        let wallet = creator(wallet)?;
        paths.prepare()?;
        if let Some(info) = running(&paths).await? {
            return Self::join(&info, paths, wallet).await;
        }
        let devnet = Devnet::builder().paths(paths.clone()).spawn().await?;
        Self::inside(devnet, paths, wallet).await
    }

    /// Joins the devnet that runs on this machine, and starts none: `None` where none runs.
    ///
    /// # Errors
    /// As [`Lilypad::local`].
    pub async fn join_running(paths: Paths, wallet: Option<Wallet>) -> Result<Option<Self>, Error> {
        paths.prepare()?;
        match running(&paths).await? {
            Some(info) => Self::join(&info, paths, creator(wallet)?).await.map(Some),
            None => Ok(None),
        }
    }

    /// Joins a devnet of another process.
    ///
    /// # Errors
    /// As [`Lilypad::connect`].
    pub async fn join(info: &DevnetInfo, paths: Paths, wallet: Wallet) -> Result<Self, Error> {
        let store = SqliteStore::open(paths.state.join(format!("creator-{}.sqlite", info.genesis)))?;
        let mut config = config(info, paths);
        config.store = Some(Arc::new(store));
        Self::connect_with(config, wallet).await
    }

    /// A connection to a devnet of this process, which it keeps alive.
    ///
    /// # Errors
    /// As [`Lilypad::connect`].
    pub async fn inside(devnet: super::DevnetHandle, paths: Paths, wallet: Wallet) -> Result<Self, Error> {
        let locks = Some(paths.locks());
        let chain = devnet.chain().with_wallet(wallet.clone(), locks);
        let lilypad = Self::over(config(devnet.info(), paths), Arc::new(chain), wallet).await?;
        lilypad.keep(Box::new(devnet));
        Ok(lilypad)
    }
}

/// The given key, else that of the development account of creators.
fn creator(wallet: Option<Wallet>) -> Result<Wallet, Error> {
    wallet
        .or_else(|| Wallet::dev(CREATOR))
        .ok_or_else(|| Error::Usage { what: "no key".to_owned(), hint: "give a key with WEB3_PRIVATE_KEY".to_owned() })
}

fn config(info: &DevnetInfo, paths: Paths) -> ConnectConfig {
    let preset = Network::local();
    let mut config = ConnectConfig::for_network(&preset);
    config.rpc = RpcConfig::for_network(&preset);
    config.rpc.endpoints = vec![info.rpc_url.clone()];
    config.rpc.controller = info.controller;
    config.rpc.known = None;
    config.solver = info.solver.to_string();
    config.mediators = info.mediators.iter().map(ToString::to_string).collect();
    config.paths = paths;
    config.local_modules = Some(info.data_dir.clone());
    config
}
