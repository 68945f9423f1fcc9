//! A whole network in one process: a chain with our contracts, a solver, providers and a mediator.
//!
//! ```text
//! Devnet::builder() ─spawn─► chain (embedded | anvil | an RPC URL) ─► contracts, funded accounts
//!                              ├─► JSON-RPC on loopback (embedded only)
//!                              ├─► solver on loopback ─ registered on chain
//!                              ├─► n providers (WASM; Docker where an engine answers) and a mediator
//!                              └─► devnet.json in the state folder: how other terminals join
//! Lilypad::local() ─► joins the devnet of that file, else starts one in this process
//! ```
//!
//! The smallest program that uses it stands at the front page of this crate and runs there as a doctest.
//!
//! The keys are the well-known development keys, so everything listens on loopback and refuses web pages and other hosts
//! (design.md §11, ruling 11).
//!
//! Invariants: one devnet file at a time; that of a process that is gone is replaced, one that lives but does not answer is told of; dropping the handle ends every part.
//! Lost when it stops: with the embedded chain or an anvil of its own everything, since that chain lives in memory; results
//! that creators fetched stay in their data folder. What a killed one leaves is removed when the next one starts.

mod anvil;
mod file;
mod leftovers;
mod local;
mod parts;
mod standing;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub use self::{file::DevnetInfo, parts::DevnetHandle};
use crate::{Error, client::Paths, executor::ExecutorSet, store::DynStore};

/// Which chain a devnet uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainChoice {
    /// Our own development chain, in this process.
    #[default]
    Embedded,
    /// A new `anvil`, from `ANVIL`, the path, or `node_modules`.
    Anvil,
    /// A chain that runs already, whose first development account can pay.
    Rpc(String),
}

/// Where a devnet keeps its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreChoice {
    /// In memory: for a network that lives as long as one job or test.
    #[default]
    Memory,
    /// SQLite files, one for each role, in this folder.
    Sqlite(PathBuf),
}

/// A devnet before it starts.
#[derive(Clone, Debug)]
#[must_use = "a devnet starts with spawn()"]
pub struct DevnetBuilder {
    chain: ChainChoice,
    providers: u32,
    slots: u32,
    host: IpAddr,
    solver_port: u16,
    rpc_port: u16,
    store: StoreChoice,
    paths: Paths,
    match_timeout: Duration,
    announce: bool,
    executors: Option<ExecutorSet>,
}

/// A whole network in one process.
#[derive(Clone, Copy, Debug)]
pub struct Devnet;

impl Devnet {
    /// The devnet that runs on this machine, `None` where none does.
    ///
    /// # Errors
    /// [`Error::Silent`] when its process lives but does not answer.
    pub async fn running(paths: &Paths) -> Result<Option<DevnetInfo>, Error> {
        local::running(paths).await
    }

    /// A devnet with one provider, the embedded chain, and stores in memory.
    pub fn builder() -> DevnetBuilder {
        DevnetBuilder {
            chain: ChainChoice::default(),
            providers: 1,
            slots: 4,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            solver_port: 0,
            rpc_port: 0,
            store: StoreChoice::default(),
            paths: Paths::from_env(),
            match_timeout: Duration::from_secs(10),
            announce: false,
            executors: None,
        }
    }
}

impl DevnetBuilder {
    /// Which chain.
    pub fn chain(mut self, chain: ChainChoice) -> Self {
        self.chain = chain;
        self
    }

    /// How many providers, each with a wallet of its own. From 0 to 64.
    pub fn providers(mut self, count: u32) -> Self {
        self.providers = count.min(64);
        self
    }

    /// How many jobs each provider runs at once. From 1 to 64.
    pub fn slots(mut self, count: u32) -> Self {
        self.slots = count.clamp(1, 64);
        self
    }

    /// The loopback address to listen on.
    pub fn listen(mut self, host: IpAddr) -> Self {
        self.host = host;
        self
    }

    /// The solver's port; 0 for any free one.
    pub fn solver_port(mut self, port: u16) -> Self {
        self.solver_port = port;
        self
    }

    /// The embedded chain's port; 0 for any free one.
    pub fn rpc_port(mut self, port: u16) -> Self {
        self.rpc_port = port;
        self
    }

    /// Where records are kept.
    pub fn store(mut self, store: StoreChoice) -> Self {
        self.store = store;
        self
    }

    /// Folders of data and state.
    pub fn paths(mut self, paths: Paths) -> Self {
        self.paths = paths;
        self
    }

    /// How long a job may wait for a provider; ten seconds by default, since all providers are here.
    pub fn match_timeout(mut self, timeout: Duration) -> Self {
        self.match_timeout = timeout;
        self
    }

    /// Whether other processes find this devnet through the state folder.
    pub fn announce(mut self, announce: bool) -> Self {
        self.announce = announce;
        self
    }

    /// The executors of every provider and the mediator, instead of WASM and Docker.
    pub fn executors(mut self, executors: ExecutorSet) -> Self {
        self.executors = Some(executors);
        self
    }

    /// Starts every part and waits until the network takes jobs.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that is not loopback, or when another devnet is announced already;
    /// [`Error::Unreachable`] and [`Error::Chain`] when the chain does not work; [`Error::Node`] when a port is taken.
    pub async fn spawn(self) -> Result<DevnetHandle, Error> {
        if !self.host.is_loopback() {
            return Err(Error::Usage {
                what: format!(
                    "{} is no loopback address, and a devnet signs with keys that everybody knows",
                    self.host
                ),
                hint: "listen on 127.0.0.1".to_owned(),
            });
        }
        parts::spawn(self).await
    }

    fn addr(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.host, port)
    }

    fn role_store(&self, role: &str, genesis: &str) -> Result<Arc<dyn DynStore>, Error> {
        match &self.store {
            StoreChoice::Memory => Ok(Arc::new(crate::store::MemoryStore::new())),
            StoreChoice::Sqlite(folder) => {
                crate::client::private_dir(folder).map_err(Error::io(folder.display().to_string()))?;
                let path = folder.join(format!("{role}-{genesis}.sqlite"));
                Ok(Arc::new(crate::store::SqliteStore::open(&path)?))
            }
        }
    }
}
