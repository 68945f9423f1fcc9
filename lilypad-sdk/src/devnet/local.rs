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

/// The devnet that is announced and answers.
pub(super) async fn running(paths: &Paths) -> Option<DevnetInfo> {
    let info = file::read(paths)?;
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
    (genesis.to_string() == info.genesis).then_some(info)
}

impl Lilypad {
    /// The network `local`, with the development account of creators: joins the devnet that runs on this machine, else
    /// starts a whole network in this process that lives as long as the connection.
    ///
    /// # Errors
    /// As [`Lilypad::connect`]; [`Error::Node`] when the network can't start.
    pub async fn local() -> Result<Self, Error> {
        Self::local_with(Paths::from_env(), None).await
    }

    /// [`Lilypad::local`] with folders and a key of one's own.
    ///
    /// # Errors
    /// As [`Lilypad::local`].
    pub async fn local_with(paths: Paths, wallet: Option<Wallet>) -> Result<Self, Error> {
        let wallet = match wallet.or_else(|| Wallet::dev(CREATOR)) {
            Some(wallet) => wallet,
            None => return Err(Error::Usage { what: "no key".to_owned(), hint: String::new() }),
        };
        paths.prepare()?;
        if let Some(info) = running(&paths).await {
            return Self::join(&info, paths, wallet).await;
        }
        let devnet = Devnet::builder().paths(paths.clone()).spawn().await?;
        Self::inside(devnet, paths, wallet).await
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
