//! The front of the SDK: a connection to a network, and jobs on it.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
};

use super::{
    ClientError, EventStream, HttpAuth, HttpSolver, JobOutput, Paths, StreamItem,
    driver::{Signal, drive, now},
    input_folder,
    job::{CreatorRole, Progress, Record, signal_of},
    settlement::{self, Receipt},
};
use crate::{
    Error,
    api::{RequestDomain, SocketRole},
    chain::{DynChain, Network, RpcChain, RpcConfig},
    deal::{
        DealState, DealTerms,
        roles::{Creator, CreatorEvent, CreatorLimits, CreatorOutcome},
    },
    module::{FetchPolicy, Fetcher, Module, ModuleReference, ModuleSource},
    store::{DynStore, Journaled, MemoryStore, Store as _, Write},
    types::{
        Address, Amount, AuthMode, DealId, DealPricing, JobOffer, JobOfferId, PricingMode, Settlement, SolverEvent,
        Target, TrustedParties, U256,
    },
    wallet::Wallet,
};

/// Journals of jobs start so.
const STREAMS: &str = "creator/";
/// Namespace of what is needed to take a job up again.
const JOBS: &str = "creator-job";
/// Least ether to start a job with, wei: four transactions at a few gwei.
const MIN_ETHER: u64 = 600_000_000_000_000;
/// Characters of a nano id.
const NONCE_CHARS: &[u8; 64] = b"_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// What a connection needs besides its key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectConfig {
    /// Name for messages.
    pub network: String,
    /// Endpoints and contracts.
    pub rpc: RpcConfig,
    /// Address of the solver, as offers name it.
    pub solver: String,
    /// Mediators the creator trusts, as offers name them.
    pub mediators: Vec<String>,
    /// Base URL of the metrics service, may be empty.
    pub api_host: String,
    /// Where deals must settle; a solver that announces otherwise is refused.
    pub settlement: Settlement,
    /// How requests are signed; a solver that announces otherwise is refused.
    pub auth: AuthMode,
    /// Folders.
    pub paths: Paths,
    /// Where jobs are journaled; `None` keeps them in memory.
    pub store: Option<Arc<dyn DynStore>>,
    /// Where modules of this machine go, on a network whose providers are on this machine too: its data folder. `None`
    /// elsewhere, where modules come from the internet only.
    pub local_modules: Option<PathBuf>,
}

impl ConnectConfig {
    /// The configuration of a preset.
    pub fn for_network(network: &Network) -> Self {
        Self {
            network: network.name.to_owned(),
            rpc: RpcConfig::for_network(network),
            solver: solver_text(network),
            mediators: network.mediators.iter().map(Address::to_string).collect(),
            api_host: network.api_host.to_owned(),
            settlement: network.settlement,
            auth: network.auth,
            paths: Paths::from_env(),
            store: None,
            local_modules: None,
        }
    }
}

impl ConnectConfig {
    fn fetcher(&self) -> Fetcher {
        match &self.local_modules {
            Some(folder) => Fetcher::new(folder, FetchPolicy::own()).with_embedded(),
            None => Fetcher::new(&self.paths.data, FetchPolicy::own()),
        }
    }
}

/// The existing test network configures its solver in lower case, and the text counts (network.md §1.1).
fn solver_text(network: &Network) -> String {
    let text = network.solver.to_string();
    if network.name == "testnet" { text.to_lowercase() } else { text }
}

/// A connection to a network, with a key. Cheap to clone; the last clone that goes closes it.
#[derive(Clone)]
pub struct Lilypad {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    config: ConnectConfig,
    chain: Arc<dyn DynChain>,
    solver: Arc<HttpSolver>,
    wallet: Wallet,
    store: Arc<dyn DynStore>,
    fetcher: Arc<Fetcher>,
    signals: broadcast::Sender<Arc<Heard>>,
    listener: JoinHandle<()>,
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
        let keep = Mutex::new(None);
        let inner = Inner { config, chain, solver, wallet, store, fetcher, signals, listener, keep };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Binds the life of `guard` to this connection's.
    #[cfg(feature = "devnet")]
    pub(crate) fn keep(&self, guard: Box<dyn std::any::Any + Send>) {
        *self.inner.keep.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(guard);
    }

    /// Whether the network runs in this process and ends with this connection.
    pub fn owns_network(&self) -> bool {
        self.inner.keep.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some()
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
        JobBuilder {
            lilypad: self.clone(),
            module: module.into(),
            inputs: BTreeMap::new(),
            inputs_path: None,
            mode: PricingMode::Market,
            pricing: DealPricing {
                instruction_price: 1,
                payment_collateral: 2,
                results_collateral_multiple: 2,
                mediation_fee: 1,
            },
            target: None,
            mediation_chance: 0,
        }
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

    async fn start(&self, saved: SavedJob, is_new: bool) -> Result<Job, Error> {
        let inner = &self.inner;
        let id = saved.offer.compute_id();
        let machine = Creator::new(saved.offer.clone(), saved.limits);
        let stream = format!("{STREAMS}{id}");
        let (mut journal, pending) = Journaled::open(Arc::clone(&inner.store), &stream, machine).await?;
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
        Ok(Job {
            lilypad: self.clone(),
            id,
            role,
            inbox,
            progressed,
            task: Some(task),
            terms: None,
            outcome: None,
            machine: None,
            from_block: saved.from_block,
            is_agreed: false,
            is_told: false,
        })
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
struct SavedJob {
    offer: JobOffer,
    limits: CreatorLimits,
    inputs_path: Option<PathBuf>,
    from_block: u64,
}

/// A job before it is submitted.
#[derive(Clone, Debug)]
#[must_use = "a job is offered by submit()"]
pub struct JobBuilder {
    lilypad: Lilypad,
    module: String,
    inputs: BTreeMap<String, String>,
    inputs_path: Option<PathBuf>,
    mode: PricingMode,
    pricing: DealPricing,
    target: Option<Address>,
    mediation_chance: u8,
}

impl JobBuilder {
    /// Sets an input of the module's template.
    pub fn input(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// Sets inputs of the module's template.
    pub fn inputs<N: Into<String>, V: Into<String>>(mut self, inputs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.inputs.extend(inputs.into_iter().map(|(n, v)| (n.into(), v.into())));
        self
    }

    /// The folder with the module's input files.
    pub fn inputs_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.inputs_path = Some(folder.into());
        self
    }

    /// How the price is found; `MarketPrice` by default.
    pub fn pricing_mode(mut self, mode: PricingMode) -> Self {
        self.mode = mode;
        self
    }

    /// The prices of the offer, whole tokens. No deal above any of them is agreed to.
    pub fn pricing(mut self, pricing: DealPricing) -> Self {
        self.pricing = pricing;
        self
    }

    /// The most the job may cost, whole tokens.
    pub fn max_price(mut self, tokens: u64) -> Self {
        self.pricing.instruction_price = tokens;
        self.pricing.payment_collateral = self.pricing.payment_collateral.max(tokens);
        self
    }

    /// Only this provider may run the job.
    pub fn target(mut self, provider: Address) -> Self {
        self.target = Some(provider);
        self
    }

    /// How likely the result is checked by a mediator, percent from 0 to 100.
    pub fn mediation_chance(mut self, percent: u8) -> Self {
        self.mediation_chance = percent.min(100);
        self
    }

    /// Resolves and renders the module, checks the balance, offers the job.
    ///
    /// # Errors
    /// [`Error::Module`] before anything is sent, [`Error::Funds`] when the account can't pay, [`Error::Solver`] and
    /// [`Error::Chain`] when they don't answer.
    pub async fn submit(self) -> Result<Job, Error> {
        let lilypad = self.lilypad.clone();
        let inner = &lilypad.inner;
        let (source, module) = self.resolve().await?;
        let inputs_path = self.check_input_files(&module)?;
        module.workload()?;
        let from_block = self.check_funds().await?;
        let offer = JobOffer {
            created_at: now(),
            nonce: nonce()?,
            job_creator: lilypad.address().to_string(),
            module: source.to_config(),
            spec: module.machine.clone(),
            inputs: Some(self.inputs.clone()),
            input_files: module.input_files.clone(),
            execution_timeout_seconds: module.execution_timeout_seconds,
            mode: self.mode.as_str().to_owned(),
            pricing: self.pricing.clone(),
            trusted_parties: TrustedParties {
                solver: inner.config.solver.clone(),
                mediators: Some(inner.config.mediators.clone()),
                api_host: inner.config.api_host.clone(),
            },
            target: Target { address: self.target.map(|t| t.to_string()).unwrap_or_default() },
            ..JobOffer::default()
        };
        let limits = CreatorLimits {
            max_price: Some(Amount::from_tokens(self.pricing.instruction_price)),
            max_payment_collateral: Amount::from_tokens(self.pricing.payment_collateral),
            max_mediation_fee: Amount::from_tokens(self.pricing.mediation_fee),
            check_result: draw(self.mediation_chance)?,
        };
        lilypad.start(SavedJob { offer, limits, inputs_path, from_block }, true).await
    }

    async fn resolve(&self) -> Result<(ModuleSource, Module), Error> {
        let inner = &self.lilypad.inner;
        let reference = ModuleReference::parse(&self.module)?;
        if reference.directory().is_some() && inner.config.local_modules.is_none() {
            return Err(Error::Usage {
                what: format!(
                    "module {} is a folder of this machine, which providers of {} can't read",
                    self.module, inner.config.network
                ),
                hint: "push it to a git repository and name that, or run it with -n local".to_owned(),
            });
        }
        let source = inner.fetcher.resolve(&reference).await?;
        let checkout = inner.fetcher.fetch(&source).await?;
        Ok((source, checkout.render(&self.inputs)?))
    }

    fn check_input_files(&self, module: &Module) -> Result<Option<PathBuf>, Error> {
        if !module.input_files.is_declared() {
            return match &self.inputs_path {
                None => Ok(None),
                Some(folder) => Err(Error::Usage {
                    what: format!("module {} takes no input files, but {} was given", self.module, folder.display()),
                    hint: "leave --inputs-path out".to_owned(),
                }),
            };
        }
        let Some(folder) = &self.inputs_path else {
            let required = module.input_files.required.clone().unwrap_or_default().join(", ");
            return Err(Error::Usage {
                what: format!("module {} needs input files: {required}", self.module),
                hint: "put them into a folder and give it with --inputs-path".to_owned(),
            });
        };
        input_folder::check(folder, &module.input_files).map_err(|what| Error::Usage {
            what: format!("error reading input files: {what}"),
            hint: format!("module {} names its input files; --inputs-path must hold exactly those", self.module),
        })?;
        Ok(Some(folder.clone()))
    }

    /// Checks that the account can pay what the job may lock; gives the block from which its payments are read.
    async fn check_funds(&self) -> Result<u64, Error> {
        let inner = &self.lilypad.inner;
        if inner.config.settlement == Settlement::OffChain {
            return Ok(0);
        }
        let me = self.lilypad.address();
        let (ether, tokens, head) =
            tokio::try_join!(inner.chain.eth_balance(me), inner.chain.token_balance(me), inner.chain.head())?;
        let network = &inner.config.network;
        let hint = match network.as_str() {
            "local" => {
                "fund it from a funded key, or leave WEB3_PRIVATE_KEY out to use the development account".to_owned()
            }
            "testnet" => format!("fund {me} at https://faucet-testnet.lilypad.tech/"),
            _ => format!("send ETH and LP to {me}"),
        };
        if ether < Amount::from_wei(U256::from(MIN_ETHER)) {
            let what = format!("account {me} has {ether} ETH on {network}, a job needs about 0.002 ETH for gas");
            return Err(Error::Funds { what, hint });
        }
        let mut needed = Amount::from_tokens(self.pricing.payment_collateral);
        if self.mediation_chance > 0 {
            let fee = Amount::from_tokens(self.pricing.mediation_fee);
            needed = needed.checked_add(fee).unwrap_or(needed);
        }
        if tokens < needed {
            let what = format!("account {me} has {tokens} LP on {network}, this job locks up to {needed} LP");
            return Err(Error::Funds { what, hint });
        }
        Ok(head.number)
    }
}

/// A state the job entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// The state.
    pub state: DealState,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

/// How [`Job::interrupt`] left the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// Nothing was agreed: the job is off and nothing is charged.
    Cancelled,
    /// Both parties agreed: the job goes on without us and can be attached to again.
    Detached,
}

/// A submitted job. Dropping it stops following the job, not the job: [`Lilypad::attach`] takes it up again.
#[must_use = "a job is followed by next() or output()"]
pub struct Job {
    lilypad: Lilypad,
    id: JobOfferId,
    role: Arc<CreatorRole>,
    inbox: mpsc::Sender<Signal<CreatorEvent>>,
    progressed: mpsc::UnboundedReceiver<Progress>,
    task: Option<JoinHandle<Result<Creator, Error>>>,
    terms: Option<DealTerms>,
    outcome: Option<CreatorOutcome>,
    machine: Option<Creator>,
    from_block: u64,
    is_agreed: bool,
    is_told: bool,
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Job {
    /// The id of the job's offer.
    pub fn id(&self) -> &JobOfferId {
        &self.id
    }

    /// The id of the job's deal, once it is matched.
    pub fn deal_id(&self) -> Option<&DealId> {
        self.terms.as_ref().map(|terms| &terms.deal_id)
    }

    /// What was agreed to, once the job is matched.
    pub fn terms(&self) -> Option<&DealTerms> {
        self.terms.as_ref()
    }

    /// The next state the job enters; `None` once it has its result. Cancel safe.
    ///
    /// # Errors
    /// [`Error::Job`], [`Error::Timeout`] or [`Error::Funds`] when the job ended without a result; after that, `None`.
    pub async fn next(&mut self) -> Option<Result<Stage, Error>> {
        loop {
            let progress = match &mut self.task {
                Some(task) => tokio::select! {
                    biased;
                    progress = self.progressed.recv() => progress,
                    ended = task => {
                        if let Err(error) = self.take_end(ended) {
                            return Some(Err(error));
                        }
                        continue;
                    }
                },
                None => self.progressed.try_recv().ok(),
            };
            match progress {
                Some(Progress::State(state)) => {
                    self.is_agreed |= state != DealState::DealNegotiating;
                    return Some(Ok(Stage { state }));
                }
                Some(Progress::Matched(terms)) => self.terms = Some(*terms),
                Some(Progress::Ended(outcome)) => {
                    self.outcome = Some(outcome.clone());
                    self.is_told = true;
                    return self.failure(&outcome).map(Err);
                }
                // A job that had ended before it was attached to is told of once.
                None if std::mem::replace(&mut self.is_told, true) => return None,
                None => return self.outcome.as_ref().and_then(|outcome| self.failure(outcome)).map(Err),
            }
        }
    }

    /// Waits for the end of the driver; an error if the store failed under it.
    async fn ended(&mut self) -> Result<(), Error> {
        let Some(task) = self.task.as_mut() else { return Ok(()) };
        let ended = task.await;
        self.take_end(ended)
    }

    fn take_end(&mut self, ended: Result<Result<Creator, Error>, tokio::task::JoinError>) -> Result<(), Error> {
        self.task = None;
        match ended {
            Ok(machine) => {
                let machine = machine?;
                self.outcome = machine.outcome().cloned();
                self.terms = machine.terms().cloned();
                self.machine = Some(machine);
            }
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => {}
        }
        Ok(())
    }

    /// Waits for the result and reads what was paid for it.
    ///
    /// # Errors
    /// As [`Job::next`]; [`Error::Chain`] when the settlement can't be read.
    pub async fn output(&mut self) -> Result<JobOutput, Error> {
        while self.outcome.is_none() {
            match self.next().await {
                Some(stage) => drop(stage?),
                None => break,
            }
        }
        self.ended().await?;
        let outcome = self.outcome.clone();
        if let Some(error) = outcome.as_ref().and_then(|outcome| self.failure(outcome)) {
            return Err(error);
        }
        let record = self.role.snapshot();
        let lost =
            |what: &str| Error::Job { what: format!("job {} ended without {what}", self.id), hint: String::new() };
        let terms = self.terms.clone().ok_or_else(|| lost("a deal"))?;
        let known = self.machine.as_ref().and_then(Creator::result).cloned();
        let result = record.result.clone().or(known).ok_or_else(|| lost("a result"))?;
        // A job that had ended before it was attached to was downloaded then.
        let earlier = self.lilypad.inner.config.paths.downloads().join(terms.deal_id.as_str());
        let dir = record.result_dir.clone().or_else(|| earlier.is_dir().then_some(earlier));
        let dir = dir.ok_or_else(|| lost("a result folder"))?;
        let state = self.machine.as_ref().map(Creator::agreement).unwrap_or_default();
        let deal = self.lilypad.inner.solver.deal(&terms.deal_id).await?;
        let settlement = settlement::read(self.role.chain.as_deref(), &terms, state, self.from_block).await?;
        let receipt = Receipt { deal, result: result.clone(), settlement: settlement.clone() };
        let receipt = save_receipt(&self.lilypad.inner.config.paths.receipts(), &terms.deal_id, &receipt).await;
        Ok(JobOutput { deal_id: terms.deal_id, dir, result, settlement, receipt })
    }

    /// Leaves the job: cancels it before both parties have agreed, detaches from it after (design.md §11, ruling 6).
    pub async fn interrupt(&mut self) -> Interrupted {
        if self.is_agreed {
            return Interrupted::Detached;
        }
        self.inbox.send(Signal::Event(CreatorEvent::Interrupted)).await.ok();
        let wait = async {
            while let Some(progress) = self.progressed.recv().await {
                if let Progress::Ended(outcome) = progress {
                    self.outcome = Some(outcome);
                    return;
                }
            }
        };
        // Cancelling takes one request; a job that goes on does not answer.
        tokio::time::timeout(Duration::from_secs(3), wait).await.ok();
        match self.outcome {
            Some(CreatorOutcome::Cancelled) => {
                self.ended().await.ok();
                Interrupted::Cancelled
            }
            _ => Interrupted::Detached,
        }
    }

    fn failure(&self, outcome: &CreatorOutcome) -> Option<Error> {
        let job = |what: String, hint: &str| Error::Job { what, hint: hint.to_owned() };
        Some(match outcome {
            CreatorOutcome::Completed { .. } => return None,
            CreatorOutcome::ProviderFailed { reason } if reason.is_empty() => Error::Timeout {
                what: format!("job {} was not delivered in time; nothing was charged", self.id),
                hint: "run it again: another provider may take it".to_owned(),
            },
            CreatorOutcome::ProviderFailed { reason } if reason.contains("time limit") => Error::Timeout {
                what: format!("{reason}; nothing was charged"),
                hint: "give the module a longer executionTimeoutSeconds and Timeout, or the job less to do".to_owned(),
            },
            CreatorOutcome::ProviderFailed { reason } => {
                job(format!("{reason}; nothing was charged"), provider_hint(reason))
            }
            CreatorOutcome::Refused { reason } => job(format!("the solver refused the job: {reason}"), ""),
            CreatorOutcome::TooExpensive { reason } => {
                job(reason.clone(), "raise --max-price, or choose another provider with --target")
            }
            CreatorOutcome::AgreeFailed { reason, funds: true } => {
                Error::Funds { what: reason.clone(), hint: format!("send ETH and LP to {}", self.lilypad.address()) }
            }
            CreatorOutcome::AgreeFailed { reason, funds: false } => {
                job(format!("the deal was not agreed: {reason}"), "")
            }
            CreatorOutcome::DownloadFailed { reason } => {
                job(format!("the result can't be fetched: {reason}"), "try again with lilypad jobs attach")
            }
            CreatorOutcome::TimedOut { state: DealState::TimeoutMatch } => Error::Timeout {
                what: "no provider matched the job in time; nothing was charged".to_owned(),
                hint: "lower the module's machine needs, raise --max-price, or leave --target out".to_owned(),
            },
            CreatorOutcome::TimedOut { state: DealState::JobOfferCancelled } => job(
                "job was cancelled: one party did not agree in time; nothing was charged".to_owned(),
                "run it again",
            ),
            CreatorOutcome::TimedOut { .. } => {
                Error::Timeout { what: "job timed out".to_owned(), hint: "run it again".to_owned() }
            }
            CreatorOutcome::Cancelled => job("job was cancelled; nothing was charged".to_owned(), ""),
        })
    }
}

fn provider_hint(reason: &str) -> &'static str {
    if reason.contains("image '") {
        "build or pull the image on the provider's machine, or correct its name in the module"
    } else if reason.contains("memory") {
        "give the job more with Resources.Memory in the module's template"
    } else if reason.contains("docker") {
        "start a Docker engine on the provider's machine"
    } else {
        ""
    }
}

async fn save_receipt(folder: &Path, deal: &DealId, receipt: &Receipt) -> Option<PathBuf> {
    let path = folder.join(format!("{deal}.json"));
    let text = serde_json::to_vec_pretty(receipt).ok()?;
    let saved = async {
        tokio::fs::create_dir_all(folder).await?;
        tokio::fs::write(&path, text).await
    };
    match saved.await {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::warn!(target: "lilypad::client", %deal, %error, "the receipt could not be saved");
            None
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::Io { what: "the system's random numbers".to_owned(), source: std::io::Error::other(e) })?;
    Ok(bytes)
}

/// 21 random characters that make an offer's id unique.
fn nonce() -> Result<String, Error> {
    let bytes = random::<21>()?;
    Ok(bytes.iter().map(|byte| char::from(NONCE_CHARS[usize::from(byte & 63)])).collect())
}

/// Whether a draw from 0 to 99 is below `percent`.
fn draw(percent: u8) -> Result<bool, Error> {
    let drawn = u64::from_le_bytes(random::<8>()?) % 100;
    Ok(drawn < u64::from(percent))
}
