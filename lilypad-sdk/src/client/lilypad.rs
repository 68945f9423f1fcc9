//! The front of the SDK: a connection to a network.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
};

use super::{
    ClientError, ConnectConfig, EventStream, HttpAuth, HttpSolver, Job, JobBuilder, StreamItem,
    creator::{CreatorRole, Record, signal_of},
    driver::{Signal, drive},
    sweep::sweep,
};
use crate::{
    Error,
    api::{RequestDomain, SocketRole},
    chain::{DynChain, Network, RpcChain},
    deal::roles::{Creator, CreatorEvent, CreatorLimits},
    module::Fetcher,
    store::{DynStore, Journaled, MemoryStore, Store as _, Write},
    types::{Address, AuthMode, DealId, JobOffer, Settlement, SolverEvent},
    wallet::Wallet,
};

/// Journals of jobs start so.
pub(super) const STREAMS: &str = "creator/";
/// Namespace of what is needed to take a job up again.
pub(super) const JOBS: &str = "creator-job";

/// A connection to a network, with a key. Cheap to clone; the last clone that goes closes it.
#[derive(Clone)]
pub struct Lilypad {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(super) config: ConnectConfig,
    pub(super) chain: Arc<dyn DynChain>,
    pub(super) solver: Arc<HttpSolver>,
    wallet: Wallet,
    store: Arc<dyn DynStore>,
    pub(super) fetcher: Arc<Fetcher>,
    signals: broadcast::Sender<Arc<Heard>>,
    listener: JoinHandle<()>,
    sweeper: Option<JoinHandle<()>>,
    /// What must live as long as the connection, such as a network in this process.
    keep: Mutex<Option<Box<dyn std::any::Any + Send>>>,
}

/// What the socket said.
enum Heard {
    Reconnected,
    Event(Box<SolverEvent>),
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.listener.abort();
        if let Some(sweeper) = &self.sweeper {
            sweeper.abort();
        }
    }
}

impl fmt::Debug for Lilypad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lilypad")
            .field("network", &self.inner.config.network)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl Lilypad {
    /// Connects to a named network.
    ///
    /// # Errors
    /// See [`Lilypad::connect_with`].
    pub async fn connect(network: &Network, wallet: Wallet) -> Result<Self, Error> {
        Self::connect_with(ConnectConfig::for_network(network), wallet).await
    }

    /// Connects with a configuration of one's own. Takes five seconds at most when the network does not answer.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when neither an endpoint nor the solver answers, [`Error::Usage`] when the solver announces
    /// another settlement or other signatures than the network's, [`Error::Io`] for the folders.
    pub async fn connect_with(config: ConnectConfig, wallet: Wallet) -> Result<Self, Error> {
        config.paths.prepare()?;
        let mut rpc = config.rpc.clone();
        rpc.lock_dir = Some(config.paths.locks());
        let chain = RpcChain::connect(rpc, Some(wallet.clone())).await.map_err(|error| match error.is_retryable() {
            true => Error::Unreachable { network: config.network.clone(), reason: error.to_string() },
            false => Error::Chain(error),
        })?;
        Self::over(config, Arc::new(chain), wallet).await
    }

    /// Connects over a chain that is open already.
    pub(crate) async fn over(config: ConnectConfig, chain: Arc<dyn DynChain>, wallet: Wallet) -> Result<Self, Error> {
        config.paths.prepare()?;
        let unreachable = |reason: String| Error::Unreachable { network: config.network.clone(), reason };
        let address: Address = config.solver.parse().map_err(|_| Error::Usage {
            what: format!("the solver {:?} is no address", config.solver),
            hint: "give the address of the network's solver with --service-solver".to_owned(),
        })?;
        let url = chain
            .service_url(address)
            .await?
            .ok_or_else(|| unreachable(format!("no solver found for address: {}", config.solver)))?;
        let auth = match config.auth {
            AuthMode::Bound => HttpAuth::Bound {
                wallet: wallet.clone(),
                domain: RequestDomain {
                    solver: address,
                    chain_id: chain.chain_id(),
                    controller: chain.contracts().controller,
                },
            },
            AuthMode::Both | AuthMode::Legacy => HttpAuth::Legacy { wallet: wallet.clone() },
        };
        let lost = |error: ClientError| match error.is_unreachable() {
            true => unreachable(error.to_string()),
            false => error.into(),
        };
        let solver = Arc::new(HttpSolver::connect(&url, auth).await.map_err(lost)?);
        let announced = solver.info().map_or(Settlement::OffChain, |info| info.settlement);
        if announced != config.settlement {
            return Err(Error::Usage {
                what: format!("the solver at {url} does not settle as network {} does", config.network),
                hint: "connect to a solver of this network".to_owned(),
            });
        }
        let events = solver.events(SocketRole::JobCreator).await.map_err(lost)?;
        let fetcher = Arc::new(config.fetcher());
        let store = config.store.clone().unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let (signals, _) = broadcast::channel(1024);
        let listener = tokio::spawn(listen(events, signals.clone()));
        let sweeper = (config.settlement == Settlement::OnChain)
            .then(|| tokio::spawn(sweep(Arc::clone(&chain), Arc::clone(&store))));
        let keep = Mutex::new(None);
        let inner = Inner { config, chain, solver, wallet, store, fetcher, signals, listener, sweeper, keep };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Binds the life of `guard` to this connection's.
    #[cfg(feature = "devnet")]
    pub(crate) fn keep(&self, guard: Box<dyn std::any::Any + Send>) {
        *self.inner.keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    }

    /// Whether the network runs in this process and ends with this connection.
    pub fn owns_network(&self) -> bool {
        self.inner.keep.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The address of the key.
    pub fn address(&self) -> Address {
        self.inner.wallet.address()
    }

    /// The network's name.
    pub fn network(&self) -> &str {
        &self.inner.config.network
    }

    /// The chain, for reads such as balances.
    pub fn chain(&self) -> &Arc<dyn DynChain> {
        &self.inner.chain
    }

    /// The solver's API.
    pub fn solver(&self) -> &HttpSolver {
        &self.inner.solver
    }

    /// A job that runs `module`: `name:tag`, `host/owner/repo:ref`, a URL, or `./folder` on `local`.
    pub fn job(&self, module: impl Into<String>) -> JobBuilder {
        JobBuilder::new(self.clone(), module.into())
    }

    /// Takes up a job again that this machine's store knows: by the id of its offer or its deal.
    ///
    /// # Errors
    /// [`Error::Usage`] when the store has no such job, [`Error::Journal`] when its journal can't be read.
    pub async fn attach(&self, id: &str) -> Result<Job, Error> {
        for (key, value) in self.inner.store.values(JOBS).await? {
            let Ok(saved) = serde_json::from_str::<SavedJob>(&value) else { continue };
            if key == id || self.deal_of(&saved).await.is_some_and(|deal| deal.as_str() == id) {
                return self.start(saved, false).await;
            }
        }
        Err(Error::Usage {
            what: format!("no job {id} is known on this machine"),
            hint: "give the id that `lilypad run` printed, with the network it ran on".to_owned(),
        })
    }

    async fn deal_of(&self, saved: &SavedJob) -> Option<DealId> {
        let container = self.inner.solver.job_offer(&saved.offer.compute_id()).await.ok()?;
        Some(container.deal_id).filter(|id| !id.is_empty())
    }

    pub(super) async fn start(&self, saved: SavedJob, is_new: bool) -> Result<Job, Error> {
        let inner = &self.inner;
        let id = saved.offer.compute_id();
        let machine = Creator::new(saved.offer.clone(), saved.limits);
        let stream = format!("{STREAMS}{id}");
        let (mut journal, pending) = Journaled::open(Arc::clone(&inner.store), &stream, machine).await?;
        let terms = journal.machine().terms().cloned();
        let first = if journal.events() == 0 { vec![CreatorEvent::Started] } else { Vec::new() };
        if is_new {
            let value = serde_json::to_string(&saved).unwrap_or_default();
            journal.enqueue(Write::PutValue { ns: JOBS.into(), key: id.to_string(), value });
        }
        let (progress, progressed) = mpsc::unbounded_channel();
        let role = Arc::new(CreatorRole {
            chain: (inner.config.settlement == Settlement::OnChain).then(|| Arc::clone(&inner.chain)),
            solver: Arc::clone(&inner.solver),
            offer: saved.offer.clone(),
            inputs: saved.inputs_path.clone(),
            downloads: inner.config.paths.downloads(),
            progress,
            record: Mutex::new(Record::default()),
            is_cancelled: AtomicBool::new(false),
        });
        let (inbox, signals) = mpsc::channel(64);
        let mut heard = inner.signals.subscribe();
        let (forward, offer) = (inbox.clone(), id.clone());
        let task = {
            let role = Arc::clone(&role);
            tokio::spawn(async move {
                let driving = drive(role, journal, pending, first, signals);
                let hearing = async {
                    loop {
                        let signal = match heard.recv().await {
                            Ok(heard) => match &*heard {
                                Heard::Reconnected => Some(Signal::Look),
                                Heard::Event(event) => signal_of(event, &offer),
                            },
                            // Events were missed: look at everything.
                            Err(broadcast::error::RecvError::Lagged(_)) => Some(Signal::Look),
                            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                        };
                        if let Some(signal) = signal {
                            forward.send(signal).await.ok();
                        }
                    }
                };
                tokio::select! {
                    ended = driving => ended.map_err(Error::from),
                    () = hearing => unreachable!("hearing never ends"),
                }
            })
        };
        let mut job = Job::new(self.clone(), id, role, inbox, progressed, task, saved.from_block);
        job.terms = terms;
        Ok(job)
    }
}

/// Keeps the solver's socket open and passes on what it says.
async fn listen(mut events: EventStream, signals: broadcast::Sender<Arc<Heard>>) {
    while let Some(event) = events.next().await {
        let heard = match event {
            StreamItem::Reconnected => Heard::Reconnected,
            StreamItem::Event(event) => Heard::Event(event),
        };
        // Nobody listens between two jobs.
        signals.send(Arc::new(heard)).ok();
    }
}

/// What is needed to take a job up again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedJob {
    pub(super) offer: JobOffer,
    pub(super) limits: CreatorLimits,
    pub(super) inputs_path: Option<PathBuf>,
    pub(super) from_block: u64,
}
