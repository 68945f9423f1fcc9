//! The parts of a devnet, started in order.

use std::sync::Arc;

use super::{
    ChainChoice, DevnetBuilder, StoreChoice,
    anvil::{self, Anvil},
    file::{self, DevnetInfo, ether},
    leftovers::{self, Note},
    standing,
};
use crate::{
    Error,
    api::RequestDomain,
    chain::{Contracts, DeployConfig, DynChain, EmbeddedChain, Network, RpcChain, RpcConfig, deploy},
    client::{HttpAuth, HttpSolver, Paths},
    executor::{DockerConfig, DockerExecutor, Executor, ExecutorSet, WasmExecutor},
    module::{FetchPolicy, Fetcher},
    node::{
        NodeError, ProviderConfig, Service, Workshop,
        solver::{SolverConfig, SolverHandle, spawn_solver},
        spawn_mediator, spawn_provider,
    },
    server::{JsonRpcServer, ServerHandle},
    types::{Address, Amount, TrustedParties},
    wallet::Wallet,
};

/// Development accounts (design.md §11, ruling 24).
const ADMIN: usize = 0;
const SOLVER: usize = 2;
const MEDIATOR: usize = 3;
const PROVIDER: usize = 4;
const CREATOR: usize = 5;
/// Tokens of each account.
const TOKENS: u64 = 100_000;
/// How long a Docker engine may take to say that it is there.
const ENGINE_ANSWER: std::time::Duration = std::time::Duration::from_millis(300);
/// Ether of each account.
const ETHER: u64 = 10;

/// A running devnet. Dropping it ends every part at once; [`DevnetHandle::shutdown`] is the graceful way.
#[derive(Debug)]
#[must_use = "dropping the handle stops the devnet"]
pub struct DevnetHandle {
    info: DevnetInfo,
    contracts: Contracts,
    chain: RpcChain,
    embedded: Option<EmbeddedChain>,
    providers: Vec<Service>,
    mediator: Option<Service>,
    solver: Option<SolverHandle>,
    _rpc: Option<ServerHandle>,
    _anvil: Option<Anvil>,
    announced: Option<Paths>,
    /// Removed at the end.
    scratch: Option<std::path::PathBuf>,
    /// Of a network whose chain ends with it.
    _note: Option<Note>,
}

impl DevnetHandle {
    /// What it is and how to join it.
    pub fn info(&self) -> &DevnetInfo {
        &self.info
    }

    /// Where the contracts are.
    pub fn contracts(&self) -> Contracts {
        self.contracts
    }

    /// The chain, signing with the first development account.
    pub fn chain(&self) -> &RpcChain {
        &self.chain
    }

    /// The embedded chain, for time travel in tests; `None` on another chain.
    pub fn embedded(&self) -> Option<&EmbeddedChain> {
        self.embedded.as_ref()
    }

    /// Waits until a part ends by itself. Cancel safe.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn join(&mut self) -> Result<(), Error> {
        let Some(solver) = self.solver.as_mut() else { return Ok(()) };
        Ok(solver.join().await?)
    }

    /// Ends the parts in reverse order.
    ///
    /// # Errors
    /// The first part that did not end well.
    pub async fn shutdown(mut self) -> Result<(), Error> {
        let mut first: Result<(), NodeError> = Ok(());
        for service in std::mem::take(&mut self.providers).into_iter().chain(self.mediator.take()) {
            first = first.and(service.shutdown().await);
        }
        if let Some(solver) = self.solver.take() {
            first = first.and(solver.shutdown().await);
        }
        Ok(first?)
    }
}

impl Drop for DevnetHandle {
    fn drop(&mut self) {
        if let Some(paths) = &self.announced {
            file::remove(paths, &self.info);
        }
        if let Some(folder) = &self.scratch {
            std::fs::remove_dir_all(folder).ok();
        }
    }
}

fn dev(index: usize) -> Result<Wallet, Error> {
    Wallet::dev(index)
        .ok_or_else(|| Error::Usage { what: format!("there is no development account {index}"), hint: String::new() })
}

/// The key of a provider beyond the first, the same at each start: its deals and its tokens outlive this process where the
/// chain does. As public as the development keys.
fn further_provider(index: u32) -> Result<Wallet, Error> {
    let key = alloy_primitives::keccak256(format!("lilypad devnet provider {index}"));
    Ok(Wallet::from_private_key(&key.to_string())?)
}

struct OpenChain {
    admin: RpcChain,
    embedded: Option<EmbeddedChain>,
    rpc: Option<ServerHandle>,
    anvil: Option<Anvil>,
    url: String,
}

fn rpc_config(config: &DevnetBuilder, url: String) -> RpcConfig {
    let mut rpc = RpcConfig::for_network(&Network::local());
    rpc.endpoints = vec![url];
    rpc.lock_dir = Some(config.paths.locks());
    rpc
}

async fn open_chain(config: &DevnetBuilder) -> Result<OpenChain, Error> {
    let admin = dev(ADMIN)?;
    let preset = Network::local();
    let connect = |url: String| RpcChain::connect(rpc_config(config, url), Some(admin.clone()));
    match &config.chain {
        ChainChoice::Embedded => {
            let chain = EmbeddedChain::new();
            let handler = chain.clone();
            let answer = move |request| {
                let chain = handler.clone();
                Box::pin(async move { chain.serve_rpc(request).await }) as _
            };
            let rpc =
                JsonRpcServer::spawn(config.addr(config.rpc_port), Arc::new(answer)).await.map_err(NodeError::from)?;
            let url = format!("http://{}", rpc.addr());
            let admin = RpcChain::embedded(&chain, preset.contracts, Some(admin.clone()));
            Ok(OpenChain { admin, embedded: Some(chain), rpc: Some(rpc), anvil: None, url })
        }
        ChainChoice::Anvil => {
            let anvil = anvil::spawn().await?;
            let url = anvil.url.clone();
            Ok(OpenChain { admin: connect(url.clone()).await?, embedded: None, rpc: None, anvil: Some(anvil), url })
        }
        ChainChoice::Rpc(url) => {
            let admin = connect(url.clone()).await.map_err(|error| match error.is_retryable() {
                true => Error::Unreachable { network: "local".to_owned(), reason: error.to_string() },
                false => error.into(),
            })?;
            Ok(OpenChain { admin, embedded: None, rpc: None, anvil: None, url: url.clone() })
        }
    }
}

pub(super) async fn spawn(config: DevnetBuilder) -> Result<DevnetHandle, Error> {
    config.paths.prepare()?;
    leftovers::sweep(&config.paths);
    if config.announce
        && let Some(other) = super::local::running(&config.paths).await?
    {
        return Err(Error::Usage {
            what: format!("a devnet runs already (process {})", other.pid),
            hint: "use it with -n local, or stop it first".to_owned(),
        });
    }
    let open = open_chain(&config).await?;
    let (solver, mediator, creator) = (dev(SOLVER)?, dev(MEDIATOR)?, dev(CREATOR)?);
    let mut providers = Vec::new();
    for index in 0..config.providers {
        providers.push(if index == 0 { dev(PROVIDER)? } else { further_provider(index)? });
    }
    let fund: Vec<Address> =
        [&solver, &mediator, &creator].into_iter().chain(&providers).map(Wallet::address).collect();
    let mut deployment = DeployConfig::default();
    (deployment.fund, deployment.ether, deployment.tokens) = (fund, ether(ETHER), Amount::from_tokens(TOKENS));
    let chain = match &config.chain {
        ChainChoice::Embedded | ChainChoice::Anvil => deploy(&open.admin, &deployment).await?,
        ChainChoice::Rpc(_) => standing::find_or_deploy(&open.admin, &config.paths, &deployment).await?,
    };
    let genesis = chain.genesis_hash().await?.to_string();
    let signed_by = |wallet: &Wallet| -> Arc<dyn DynChain> {
        Arc::new(chain.with_wallet(wallet.clone(), Some(config.paths.locks())))
    };

    // Results under way live there, so on a chain that outlives this process the folder does too, under the same name.
    let is_lasting = matches!(config.chain, ChainChoice::Rpc(_));
    let scratch = config.paths.data.join(match is_lasting {
        true => format!("devnet-{}", &genesis[2..18]),
        false => format!("devnet-{}-{}", std::process::id(), &genesis[2..10]),
    });
    let note = match &config.chain {
        ChainChoice::Rpc(_) => None,
        ChainChoice::Embedded | ChainChoice::Anvil => {
            let stores = match &config.store {
                StoreChoice::Sqlite(folder) => Some(folder.clone()),
                StoreChoice::Memory => None,
            };
            let failed = Error::io(config.paths.state.display().to_string());
            Some(Note::write(&config.paths, &genesis, &scratch, stores.as_deref()).map_err(failed)?)
        }
    };
    let solver_chain = signed_by(&solver);
    let mut rules = SolverConfig::local(solver.address(), &*solver_chain, scratch.join("solver"));
    rules.listen = config.addr(config.solver_port);
    rules.match_timeout = config.match_timeout;
    let solver_handle =
        spawn_solver(rules, Some(Arc::clone(&solver_chain)), config.role_store("solver", &genesis)?).await?;
    let url = solver_handle.url().to_owned();
    let connect = async |wallet: &Wallet| {
        HttpSolver::connect(
            &url,
            HttpAuth::Bound {
                wallet: wallet.clone(),
                domain: RequestDomain {
                    solver: solver.address(),
                    chain_id: solver_chain.chain_id(),
                    controller: solver_chain.contracts().controller,
                },
            },
        )
        .await
    };

    let (executors, kinds) = match &config.executors {
        Some(executors) => (executors.clone(), executors.kinds().map(|kind| kind.to_string()).collect()),
        None => default_executors().await?,
    };
    let fetcher = Arc::new(Fetcher::new(&config.paths.data, FetchPolicy::strangers()).with_embedded());
    let parties = TrustedParties {
        solver: solver.address().to_string(),
        mediators: Some(vec![mediator.address().to_string()]),
        api_host: String::new(),
    };
    let mut services = Vec::new();
    for (index, wallet) in providers.iter().enumerate() {
        let mut provider = ProviderConfig::new(wallet.address(), parties.clone());
        provider.slots = config.slots;
        provider.confirmations = 0;
        let name = format!("provider-{index}");
        let workshop = Workshop::new(Arc::clone(&fetcher), executors.clone(), scratch.join(&name));
        let store = config.role_store(&name, &genesis)?;
        let solver = Arc::new(connect(wallet).await?);
        services.push(spawn_provider(provider, Some(signed_by(wallet)), solver, store, workshop));
    }
    let workshop = Workshop::new(fetcher, executors, scratch.join("mediator"));
    let mediator_service = spawn_mediator(
        mediator.address(),
        signed_by(&mediator),
        Arc::new(connect(&mediator).await?),
        config.role_store("mediator", &genesis)?,
        workshop,
    );
    let info = DevnetInfo {
        pid: std::process::id(),
        rpc_url: open.url,
        chain_id: solver_chain.chain_id(),
        genesis,
        controller: chain.contracts().controller,
        token: chain.contracts().token,
        solver_url: url,
        solver: solver.address(),
        mediators: vec![mediator.address()],
        providers: providers.iter().map(Wallet::address).collect(),
        job_creator: creator.address(),
        executors: kinds,
        data_dir: config.paths.data.clone(),
    };
    let announced = config.announce.then(|| config.paths.clone());
    if let Some(paths) = &announced {
        file::write(paths, &info).map_err(Error::io(file::path(paths).display().to_string()))?;
    }
    Ok(DevnetHandle {
        contracts: chain.contracts(),
        info,
        chain,
        embedded: open.embedded,
        providers: services,
        mediator: Some(mediator_service),
        solver: Some(solver_handle),
        _rpc: open.rpc,
        _anvil: open.anvil,
        announced,
        scratch: (!is_lasting).then_some(scratch),
        _note: note,
    })
}

/// WASM always; Docker where an engine answers. Also gives the names of what is there now.
async fn default_executors() -> Result<(ExecutorSet, Vec<String>), Error> {
    let wasm = WasmExecutor::new()
        .map_err(|e| Error::Io { what: "the WASM engine".to_owned(), source: std::io::Error::other(e.to_string()) })?;
    let set = ExecutorSet::new().with(wasm);
    let docker = DockerExecutor::new(DockerConfig::new("devnet"));
    let answers = tokio::time::timeout(ENGINE_ANSWER, Executor::is_available(&docker)).await;
    let mut kinds: Vec<_> = set.kinds().map(|kind| kind.to_string()).collect();
    if answers == Ok(true) {
        kinds.push(docker.kind().to_string());
        if let Err(error) = docker.remove_orphans().await {
            tracing::warn!(target: "lilypad::devnet", %error, "old containers could not be removed");
        }
    } else {
        // Jobs that ask for Docker are told so; an engine that comes up later is found then.
        tracing::info!(target: "lilypad::devnet", "no Docker engine answers: only WASM jobs run");
    }
    Ok((set.with(docker), kinds))
}
