//! The solver as a service.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{
    clerk,
    desk::{self, Desk},
    health::{self, Health},
    market::{Market, MarketConfig},
};
use crate::{
    api::{ApiResult, Refusal, SolverInfo},
    chain::{DynChain, EventCursor, Network, ServiceType},
    client::driver::now,
    node::{NodeError, Service},
    server::{Server, ServerConfig, ServerHandle},
    store::{DynStore, Store as _, StoreError},
    types::{Address, AuthMode, DealId, JobOfferId, Settlement},
};

/// What a solver is told at its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SolverConfig {
    /// The address it signs with.
    pub address: Address,
    /// Where it listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// The URL under which it registers on chain; `None` for the address it listens on.
    pub public_url: Option<String>,
    /// Where deals settle.
    pub settlement: Settlement,
    /// Which signatures it takes.
    pub auth: AuthMode,
    /// Controller contract; part of the domain of bound requests.
    pub controller: Address,
    /// Chain id; part of the domain of bound requests.
    pub chain_id: u64,
    /// Where it keeps files.
    pub data_dir: PathBuf,
    /// How long an offer may wait for a match.
    pub match_timeout: Duration,
    /// How long a job may run whose offer does not say; 15 min.
    pub execution_timeout: Duration,
    /// How long the creator has to fetch a result, off chain; an hour.
    pub download_timeout: Duration,
    /// How long a job may take in all, off chain; two hours.
    pub total_timeout: Duration,
    /// Open job offers before new ones are refused; `None` for no limit.
    pub capacity: Option<usize>,
    /// Whether it answers programs on this machine only (design.md §11, ruling 11).
    pub loopback_only: bool,
    /// First block whose events it reads when its store has no cursor.
    pub first_block: u64,
    /// Limits of its API. Its spool and whether it is for this machine only are set from the members above.
    pub server: ServerConfig,
}

impl SolverConfig {
    /// A solver of a development network: on chain, bound requests, loopback, any port.
    pub fn local(address: Address, chain: &dyn DynChain, data_dir: PathBuf) -> Self {
        Self {
            controller: chain.contracts().controller,
            chain_id: chain.chain_id(),
            loopback_only: true,
            ..Self::for_network(&Network::local(), address, data_dir)
        }
    }

    /// A solver of `network`: settlement and signatures as its parties expect them; at most 1000 open job offers where others
    /// pay for them (design.md §11, rulings 1 and 12).
    pub fn for_network(network: &Network, address: Address, data_dir: PathBuf) -> Self {
        let is_local = network.name == Network::local().name;
        Self {
            address,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            settlement: network.settlement,
            auth: network.auth,
            controller: network.contracts.controller,
            chain_id: network.chain_id,
            data_dir,
            match_timeout: Duration::from_secs(30),
            execution_timeout: Duration::from_secs(900),
            download_timeout: Duration::from_secs(3600),
            total_timeout: Duration::from_secs(7200),
            capacity: (!is_local).then_some(1000),
            loopback_only: false,
            first_block: 0,
            server: ServerConfig::default(),
        }
    }

    fn market(&self) -> MarketConfig {
        MarketConfig {
            settlement: self.settlement,
            match_timeout: self.match_timeout,
            execution_timeout: self.execution_timeout,
            download_timeout: self.download_timeout,
            total_timeout: self.total_timeout,
            capacity: self.capacity,
        }
    }
}

/// The solver behind its server.
pub(super) struct Office {
    pub(super) desk: Desk,
    pub(super) info: SolverInfo,
    pub(super) chain: Option<Arc<dyn DynChain>>,
    pub(super) nudge: Notify,
    pub(super) health: Health,
    data_dir: PathBuf,
}

impl Office {
    /// Ids come from requests: what is no id becomes no path.
    pub(super) fn result_path(&self, deal: &DealId) -> ApiResult<PathBuf> {
        let name = deal.file_name().map_err(|_| Refusal::DealNotFound)?;
        Ok(self.data_dir.join("job-files").join(name).join("results.tar"))
    }

    pub(super) fn inputs_path(&self, offer: &JobOfferId) -> ApiResult<PathBuf> {
        let name = offer.file_name().map_err(|_| Refusal::JobOfferNotFound)?;
        Ok(self.data_dir.join("job-input-archives").join(name).join("inputs.tar"))
    }
}

/// A running solver.
#[derive(Debug)]
#[must_use = "dropping the handle stops the solver"]
pub struct SolverHandle {
    url: String,
    addr: SocketAddr,
    service: Service,
    server: ServerHandle,
}

impl SolverHandle {
    /// Base URL under which it is registered.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until the solver ends by itself. Cancel safe.
    ///
    /// # Errors
    /// [`NodeError`] of the solver.
    pub async fn join(&mut self) -> Result<(), NodeError> {
        self.service.join().await
    }

    /// Stops taking requests, finishes what it has, and ends.
    ///
    /// # Errors
    /// [`NodeError`] of the solver.
    pub async fn shutdown(self) -> Result<(), NodeError> {
        let closed = self.server.shutdown().await;
        self.service.shutdown().await?;
        Ok(closed?)
    }
}

/// Starts a solver: restores its market, listens, registers its URL on chain.
///
/// # Errors
/// [`NodeError`] when the store can't be read, the port is taken, or the registration is refused.
pub async fn spawn_solver(
    config: SolverConfig,
    chain: Option<Arc<dyn DynChain>>,
    store: Arc<dyn DynStore>,
) -> Result<SolverHandle, NodeError> {
    let market = restore(&config.market(), &store).await?;
    let cursor = match store.value(clerk::CURSOR.0, clerk::CURSOR.1).await? {
        Some(text) => serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::error!(target: "lilypad::node", %error, "the stored cursor can't be read; all events are read again");
            EventCursor::new(config.first_block, 0)
        }),
        None => EventCursor::new(config.first_block, 0),
    };
    let (desk, queue) = Desk::new();
    let office = Arc::new(Office {
        desk: desk.clone(),
        info: SolverInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settlement: config.settlement,
            auth: config.auth,
            chain_id: config.chain_id,
            controller: config.controller,
            solver: config.address,
            time_ms: now(),
        },
        chain: chain.clone(),
        nudge: Notify::new(),
        health: Health::default(),
        data_dir: config.data_dir.clone(),
    });
    let backend: Arc<dyn crate::server::DynBackend> = office.clone();
    let server = Server::builder_dyn(backend)
        .listen(config.listen)
        .config(config.server.clone())
        .loopback_only(config.loopback_only)
        .spool(config.data_dir.join("spool"))
        .spawn()
        .await?;
    let addr = server.addr();
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{addr}"));
    if let Some(chain) = &chain {
        chain.register_service(&url, ServiceType::Solver).await?;
    }
    let service = Service::spawn("solver", move |stop| async move {
        let (rules, again) = (config.market(), Arc::clone(&store));
        let fresh = move || {
            let (rules, store) = (rules.clone(), Arc::clone(&again));
            async move { restore(&rules, &store).await }
        };
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(health::watch(Arc::clone(&office), chain.clone(), Arc::clone(&store), stop.clone()));
        // Off chain the deals are the solver's own: no log moves them, and no contract knows their time-outs.
        let chain = chain.filter(|_| config.settlement == Settlement::OnChain);
        if let Some(chain) = &chain {
            tasks.spawn(clerk::follow(Arc::clone(&office), Arc::clone(chain), cursor, stop.clone()));
        }
        tasks.spawn(clerk::watch(Arc::clone(&office), chain, stop.clone()));
        let ended = desk::attend(desk, queue, market, store, fresh, stop).await;
        tasks.shutdown().await;
        ended
    });
    Ok(SolverHandle { url, addr, service, server })
}

async fn restore(rules: &MarketConfig, store: &Arc<dyn DynStore>) -> Result<Market, StoreError> {
    let records = store.solver_records().await?;
    let mut market = Market::new(rules.clone());
    let change = market.restore(
        records.job_offers.into_iter().map(|o| o.container).collect(),
        records.resource_offers.into_iter().map(|o| o.container).collect(),
        records.deals,
        records.results,
    );
    if !change.writes.is_empty() {
        store.commit(change.writes.into()).await?;
    }
    Ok(market)
}
