//! A solver as a program of its own: everything is checked before anything is sent, and closed at the end.
//!
//! Order: settings, key, folders, chain, contracts, store, port, registration. A refusal leaves nothing behind but folders.

use std::{net::SocketAddr, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{SolverConfig, SolverHandle, spawn_solver};
use crate::{
    Error,
    chain::{ChainError, DynChain, Network, RpcChain, RpcConfig},
    client::Paths,
    store::{Batch, DynStore, MemoryStore, SqliteStore, Store as _, StoreError, Write},
    types::{Address, AuthMode, Settlement},
    wallet::Wallet,
};

/// Namespace and key under which a store says whose it is.
const OWNER: (&str, &str) = ("solver", "owner");

/// What [`start_solver`] is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DaemonConfig {
    /// The network; its `solver` is the address that its parties look for, so the key must be that one's.
    pub network: Network,
    /// Endpoints and contracts.
    pub rpc: RpcConfig,
    /// The solver's own settings. Address, chain, controller, data folder and first block are filled in by the start.
    pub solver: SolverConfig,
    /// Data folder: `solver-<chain id>-<genesis>.sqlite`, `job-files`, `job-input-archives`. State folder: locks.
    pub paths: Paths,
    /// Whether records live in memory only, and end with the program.
    pub in_memory: bool,
}

impl DaemonConfig {
    /// The solver of a preset, in these folders.
    pub fn for_network(network: &Network, paths: Paths) -> Self {
        Self {
            network: *network,
            rpc: RpcConfig::for_network(network),
            solver: SolverConfig::for_network(network, network.solver, paths.data.clone()),
            paths,
            in_memory: false,
        }
    }
}

/// Whose records a store holds, and from which block on the chain's events count for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    solver: Address,
    controller: Address,
    settlement: Settlement,
    first_block: u64,
}

/// What became of the URL on chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration {
    /// It stood there already; nothing was sent.
    Unchanged,
    /// It was written, over this one if there was any.
    Written {
        /// The URL that stood there before.
        before: Option<String>,
    },
}

/// A solver with its store.
#[derive(Debug)]
#[must_use = "dropping it stops the solver"]
pub struct SolverDaemon {
    handle: SolverHandle,
    store: Option<SqliteStore>,
    address: Address,
    registration: Registration,
}

impl SolverDaemon {
    /// The URL under which it is registered.
    pub fn url(&self) -> &str {
        self.handle.url()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.handle.addr()
    }

    /// The address it signs with.
    pub fn address(&self) -> Address {
        self.address
    }

    /// What the start did to the registration.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The file of its records; `None` in memory.
    pub fn store(&self) -> Option<&Path> {
        self.store.as_ref().map(SqliteStore::path)
    }

    /// Waits until the solver ends by itself. Cancel safe.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn join(&mut self) -> Result<(), Error> {
        Ok(self.handle.join().await?)
    }

    /// Takes no new request, lets running ones end within [`crate::server::ServerConfig::shutdown_grace`], closes the store.
    ///
    /// # Errors
    /// What did not end well; the store is closed all the same.
    pub async fn shutdown(self) -> Result<(), Error> {
        let ended = self.handle.shutdown().await;
        if let Some(store) = self.store {
            // Waits for a thread that writes to disk.
            let closed = tokio::task::spawn_blocking(move || store.shutdown()).await;
            if closed.is_err() {
                tracing::error!(target: "lilypad::node", "the store's thread panicked");
            }
        }
        Ok(ended?)
    }
}

/// Starts the solver of a network with its key: connects, checks, opens the store for this process alone, listens, and
/// registers its URL on chain when that differs.
///
/// # Errors
/// [`Error::Usage`] for settings that don't go together, another key than the network's solver, a folder or store that can't be
/// used (of a later version, held by another process, of another solver), contracts that are not there; [`Error::Chain`]
/// when no endpoint answers, one serves another chain, or the account can't pay for the registration; [`Error::Node`] when the port is
/// taken.
pub async fn start_solver(config: DaemonConfig, wallet: Wallet) -> Result<SolverDaemon, Error> {
    let DaemonConfig { network, mut rpc, mut solver, paths, in_memory } = config;
    let address = wallet.address();
    check(&network, &solver, address)?;
    paths.prepare()?;
    rpc.lock_dir = Some(paths.locks());
    let chain = RpcChain::connect(rpc, Some(wallet)).await.map_err(|error| no_contract(error, &network))?;
    check_contracts(&chain).await.map_err(|error| no_contract(error, &network))?;

    let (store, file): (Arc<dyn DynStore>, _) = if in_memory {
        tracing::warn!(target: "lilypad::node", "records live in memory: offers and deals are lost when this program ends");
        (Arc::new(MemoryStore::new()), None)
    } else {
        let genesis = chain.genesis_hash().await?.to_string();
        let name = format!("solver-{}-{}.sqlite", chain.chain_id(), genesis.get(2..18).unwrap_or_default());
        let store = SqliteStore::open_exclusive(paths.data.join(name)).map_err(unusable)?;
        (Arc::new(store.clone()), Some(store))
    };
    let head = chain.head().await?.number;
    let now = Owner {
        solver: address,
        controller: chain.contracts().controller,
        settlement: solver.settlement,
        first_block: head,
    };
    solver.first_block = own(&store, now).await?;
    (solver.address, solver.controller, solver.chain_id) = (address, chain.contracts().controller, chain.chain_id());
    solver.data_dir = paths.data;

    let before = chain.service_url(address).await?;
    let chain: Arc<dyn DynChain> = Arc::new(chain);
    let handle = spawn_solver(solver, Some(chain), store).await?;
    let registration = match before {
        Some(url) if url == handle.url() => Registration::Unchanged,
        before => Registration::Written { before },
    };
    Ok(SolverDaemon { handle, store: file, address, registration })
}

/// What needs nobody else to be known wrong.
fn check(network: &Network, solver: &SolverConfig, address: Address) -> Result<(), Error> {
    if solver.settlement == Settlement::OnChain && solver.auth != AuthMode::Bound {
        return Err(Error::Usage {
            what: format!("deals of network {} settle on chain, which requires bound signatures", network.name),
            hint: "leave the signatures at the network's own".to_owned(),
        });
    }
    if address != network.solver {
        return Err(Error::Usage {
            what: format!(
                "the key is that of {address}, and the solver of network {} is {}",
                network.name, network.solver
            ),
            hint: format!(
                "use that account's key; for a market of your own name your solver here and to everyone who uses it: \
                 SERVICE_SOLVER={address}"
            ),
        });
    }
    if network.mediators.contains(&address) {
        return Err(Error::Usage {
            what: format!(
                "{address} is a mediator of network {}, and a solver must not judge its own deals",
                network.name
            ),
            hint: "use an account of its own for the solver".to_owned(),
        });
    }
    Ok(())
}

async fn check_contracts(chain: &RpcChain) -> Result<(), ChainError> {
    let there = chain.contracts();
    for (contract, address) in
        [("Controller", there.controller), ("Users", there.users), ("Storage", there.storage), ("Token", there.token)]
    {
        if chain.code(address).await?.is_empty() {
            return Err(ChainError::NoContract { contract, address, chain_id: chain.chain_id() });
        }
    }
    Ok(())
}

fn no_contract(error: ChainError, network: &Network) -> Error {
    match error {
        ChainError::NoContract { .. } => Error::Usage {
            what: error.to_string(),
            hint: format!(
                "check the contract addresses of this network; lilypad contracts deploy -n {} puts a set on a chain of yours",
                network.name
            ),
        },
        error => error.into(),
    }
}

fn unusable(error: StoreError) -> Error {
    let hint = match &error {
        StoreError::Newer { .. } => "start the version of lilypad that wrote it, or name another folder with DATA_DIR",
        StoreError::Locked { .. } => {
            "another solver runs on this folder: stop it, or name another folder with DATA_DIR"
        }
        StoreError::Damaged { path } => {
            let hint = format!("put {} back from its backup, or move it away to begin anew", path.display());
            return Error::Usage { what: error.to_string(), hint };
        }
        StoreError::Access { .. } => "see that the file and its folder belong to the user that runs the solver",
        _ => return error.into(),
    };
    Error::Usage { what: error.to_string(), hint: hint.to_owned() }
}

/// Takes a new store for `now`, or sees that it is `now`'s. Gives the block from which on events count.
async fn own(store: &Arc<dyn DynStore>, now: Owner) -> Result<u64, Error> {
    let (ns, key) = OWNER;
    let found = store.value(ns, key).await?.map(|text| serde_json::from_str::<Owner>(&text));
    match found {
        None => {
            let value = serde_json::to_string(&now).map_err(std::io::Error::other);
            let value = value.map_err(|source| Error::Io { what: "the store's owner".to_owned(), source })?;
            let write = Write::PutValue { ns: ns.to_owned(), key: key.to_owned(), value };
            store.commit(Batch::from(vec![write])).await?;
            Ok(now.first_block)
        }
        Some(Ok(owner)) if (Owner { first_block: now.first_block, ..owner.clone() }) == now => Ok(owner.first_block),
        Some(Ok(owner)) => Err(Error::Usage {
            what: format!(
                "the store in DATA_DIR holds the records of solver {} with controller {}, which settles {:?}",
                owner.solver, owner.controller, owner.settlement
            ),
            hint: "start the solver with that key and those contracts, or name another folder with DATA_DIR".to_owned(),
        }),
        Some(Err(error)) => Err(Error::Usage {
            what: format!("the store in DATA_DIR does not say whose it is: {error}"),
            hint: "put it back from its backup, or name another folder with DATA_DIR".to_owned(),
        }),
    }
}
