//! A network whose roles can die, come back, lose answers and lie, each on its own.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use lilypad_sdk::{
    Lilypad,
    api::RequestDomain,
    chain::{ChainEventKind, Contracts, DeployConfig, DynChain, EmbeddedChain, Network, RpcChain, RpcConfig, deploy},
    client::{ConnectConfig, HttpAuth, HttpSolver, Paths},
    deal::{AgreementState, Payment},
    executor::{EventSink, Executor, ExecutorError, ExecutorKind, ExecutorSet, NoopExecutor, RunReport, RunRequest},
    module::{FetchPolicy, Fetcher},
    node::{
        ProviderConfig, Service, Workshop,
        solver::{SolverConfig, SolverHandle, spawn_solver},
        spawn_mediator, spawn_provider,
    },
    server::{JsonRpcServer, ServerHandle},
    store::SqliteStore,
    types::{Address, Amount, DealId, TrustedParties},
    wallet::Wallet,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// What goes wrong between one role and the chain.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    /// Nothing is answered.
    down: Arc<AtomicBool>,
    /// So many broadcasts are carried out, but not answered.
    lost: Arc<AtomicU32>,
    /// Broadcasts wait here.
    sends: Arc<Semaphore>,
    /// Whether the submit time-out reverts without a word, as in v1, and how often it was asked for.
    lacks_submit_timeout: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

impl Faults {
    fn new() -> Self {
        Self {
            down: Arc::default(),
            lost: Arc::default(),
            sends: Arc::new(Semaphore::new(1 << 20)),
            lacks_submit_timeout: Arc::default(),
            asked: Arc::default(),
        }
    }

    /// From now on the contracts are like v1's.
    pub(super) fn lack_the_submit_timeout(&self) {
        self.lacks_submit_timeout.store(true, Ordering::SeqCst);
    }

    /// How often the submit time-out was asked for since.
    pub(super) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(super) fn lose_answers(&self, count: u32) {
        self.lost.store(count, Ordering::SeqCst);
    }

    pub(super) fn lost_answers(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }

    /// Holds broadcasts back until the permit is dropped.
    pub(super) async fn hold(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(self.sends.available_permits()).unwrap();
        Arc::clone(&self.sends).acquire_many_owned(all).await.unwrap()
    }
}

/// `Controller.timeoutSubmitResult(string)`.
const SUBMIT_TIMEOUT: &str = "0x511a9f68";

async fn serve(chain: EmbeddedChain, faults: Faults) -> ServerHandle {
    let answer = move |request: Value| {
        let (chain, faults) = (chain.clone(), faults.clone());
        Box::pin(async move {
            let is_send = request["method"] == "eth_sendRawTransaction";
            if is_send {
                drop(faults.sends.acquire().await.unwrap());
            }
            if faults.down.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if faults.lacks_submit_timeout.load(Ordering::SeqCst)
                && request["params"][0]["input"].as_str().is_some_and(|input| input.starts_with(SUBMIT_TIMEOUT))
            {
                faults.asked.fetch_add(1, Ordering::SeqCst);
                let error = json!({ "code": 3, "message": "execution reverted", "data": "0x" });
                return json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
            }
            let answer = chain.serve_rpc(request).await;
            if is_send && faults.lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                std::future::pending::<()>().await;
            }
            answer
        }) as _
    };
    JsonRpcServer::spawn(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(answer)).await.unwrap()
}

/// An executor of WASM jobs that waits for a permit, counts, and prints the same for each.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) permits: Arc<Semaphore>,
    pub(super) runs: Arc<AtomicU32>,
    pub(super) most_at_once: Arc<AtomicU32>,
    at_once: Arc<AtomicU32>,
    says: &'static str,
}

impl Gate {
    pub(super) fn new(permits: usize, says: &'static str) -> Self {
        let (runs, most_at_once, at_once) = (Arc::default(), Arc::default(), Arc::default());
        Self { permits: Arc::new(Semaphore::new(permits)), runs, most_at_once, at_once, says }
    }

    pub(super) fn open(&self) {
        self.permits.add_permits(1000);
    }

    pub(super) fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    pub(super) async fn wait_for_run(&self) {
        until("a run", async || self.runs() > 0).await;
    }
}

impl Executor for Gate {
    fn kind(&self) -> ExecutorKind {
        ExecutorKind::Wasm
    }

    async fn check(&self) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn run(&self, request: RunRequest, events: EventSink) -> Result<RunReport, ExecutorError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        struct Leave(Arc<AtomicU32>);
        impl Drop for Leave {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let _leave = Leave(Arc::clone(&self.at_once));
        self.permits.acquire().await.unwrap().forget();
        Executor::run(&NoopExecutor::new(ExecutorKind::Wasm, self.says), request, events).await
    }
}

/// Waits until `is_so`, at most 20 s.
pub(super) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come");
}

pub(super) const SOLVER: usize = 2;
pub(super) const MEDIATOR: usize = 3;
pub(super) const PROVIDER: usize = 4;
pub(super) const CREATOR: usize = 5;

pub(super) fn address(role: usize) -> Address {
    Wallet::dev(role).unwrap().address()
}

pub(super) struct Net {
    pub(super) embedded: EmbeddedChain,
    pub(super) chain: Arc<dyn DynChain>,
    contracts: Contracts,
    folder: tempfile::TempDir,
    solver_addr: SocketAddr,
    /// By development account.
    faults: Vec<Faults>,
    rpc: Vec<ServerHandle>,
    pub(super) solver: Option<SolverHandle>,
}

impl Net {
    /// A chain and a solver, nobody else.
    pub(super) async fn new() -> Self {
        Self::with_tokens(100_000).await
    }

    pub(super) async fn with_tokens(tokens: u64) -> Self {
        let embedded = EmbeddedChain::new();
        let admin = RpcChain::embedded(&embedded, Network::local().contracts, Wallet::dev(0));
        let mut deployment = DeployConfig::default();
        deployment.fund = vec![address(SOLVER), address(MEDIATOR), address(PROVIDER), address(CREATOR)];
        (deployment.ether, deployment.tokens) = (Amount::from_tokens(10), Amount::from_tokens(tokens));
        let chain = deploy(&admin, &deployment).await.unwrap();
        let (mut faults, mut rpc) = (Vec::new(), Vec::new());
        for _ in 0..=CREATOR {
            faults.push(Faults::new());
            rpc.push(serve(embedded.clone(), faults.last().unwrap().clone()).await);
        }
        let mut net = Self {
            embedded,
            contracts: chain.contracts(),
            chain: Arc::new(chain),
            folder: tempfile::tempdir().unwrap(),
            solver_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            faults,
            rpc,
            solver: None,
        };
        net.start_solver().await;
        net
    }

    pub(super) fn faults(&self, role: usize) -> &Faults {
        &self.faults[role]
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn rpc_config(&self, role: usize) -> RpcConfig {
        let mut rpc = RpcConfig::for_network(&Network::local());
        rpc.endpoints = vec![format!("http://{}", self.rpc[role].addr())];
        (rpc.controller, rpc.known) = (self.contracts.controller, Some(self.contracts));
        (rpc.request_timeout, rpc.patience) = (Duration::from_millis(300), Duration::from_millis(600));
        rpc
    }

    pub(super) async fn chain_of(&self, role: usize) -> Arc<dyn DynChain> {
        Arc::new(RpcChain::connect(self.rpc_config(role), Wallet::dev(role)).await.unwrap())
    }

    fn store(&self, name: &str) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(self.path(&format!("{name}.sqlite"))).unwrap())
    }

    /// Starts the solver, at the same address and on the same store as before.
    pub(super) async fn start_solver(&mut self) {
        let chain = self.chain_of(SOLVER).await;
        let mut config = SolverConfig::local(address(SOLVER), &*chain, self.path("solver"));
        config.listen = self.solver_addr;
        let handle = spawn_solver(config, Some(chain), self.store("solver")).await.unwrap();
        self.solver_addr = handle.addr();
        self.solver = Some(handle);
    }

    pub(super) async fn http(&self, role: usize) -> Arc<HttpSolver> {
        let domain = RequestDomain {
            solver: address(SOLVER),
            chain_id: self.chain.chain_id(),
            controller: self.contracts.controller,
        };
        let auth = HttpAuth::Bound { wallet: Wallet::dev(role).unwrap(), domain };
        Arc::new(HttpSolver::connect(&format!("http://{}", self.solver_addr), auth).await.unwrap())
    }

    fn workshop(&self, name: &str, gate: &Gate) -> Workshop {
        let fetcher = Fetcher::new(self.path("data"), FetchPolicy::strangers()).with_embedded();
        Workshop::new(Arc::new(fetcher), ExecutorSet::new().with(gate.clone()), self.path(name))
    }

    pub(super) fn parties(&self) -> TrustedParties {
        TrustedParties {
            solver: address(SOLVER).to_string(),
            mediators: Some(vec![address(MEDIATOR).to_string()]),
            api_host: String::new(),
        }
    }

    pub(super) async fn provider(&self, gate: &Gate) -> Service {
        let mut config = ProviderConfig::new(address(PROVIDER), self.parties());
        config.confirmations = 0;
        let (chain, solver) = (self.chain_of(PROVIDER).await, self.http(PROVIDER).await);
        spawn_provider(config, Some(chain), solver, self.store("provider"), self.workshop("provider", gate))
    }

    pub(super) async fn mediator(&self, gate: &Gate) -> Service {
        let (chain, solver) = (self.chain_of(MEDIATOR).await, self.http(MEDIATOR).await);
        spawn_mediator(address(MEDIATOR), chain, solver, self.store("mediator"), self.workshop("mediator", gate))
    }

    pub(super) async fn creator(&self) -> Lilypad {
        let mut config = ConnectConfig::for_network(&Network::local());
        config.rpc = self.rpc_config(CREATOR);
        config.solver = address(SOLVER).to_string();
        config.mediators = vec![address(MEDIATOR).to_string()];
        config.paths = Paths { data: self.path("data"), state: self.path("state") };
        config.local_modules = Some(self.path("data"));
        config.store = Some(self.store("creator"));
        Lilypad::connect_with(config, Wallet::dev(CREATOR).unwrap()).await.unwrap()
    }

    /// Moves the chain's clock.
    pub(super) fn travel(&self, seconds: u64) {
        for (method, params) in [("evm_increaseTime", json!([seconds])), ("evm_mine", json!([]))] {
            let answer =
                self.embedded.handle_rpc(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
            assert!(answer.get("error").is_none(), "{answer}");
        }
    }

    pub(super) async fn state(&self, deal: &DealId) -> AgreementState {
        self.chain.agreement(deal, 0).await.unwrap().state
    }

    pub(super) async fn wait_for(&self, deal: &DealId, state: AgreementState) {
        until(&state.to_string(), async || self.state(deal).await == state).await;
    }

    /// Tokens of the creator and the provider.
    pub(super) async fn balances(&self) -> (Amount, Amount) {
        let (creator, provider) = (address(CREATOR), address(PROVIDER));
        (self.chain.token_balance(creator).await.unwrap(), self.chain.token_balance(provider).await.unwrap())
    }

    pub(super) async fn escrow(&self) -> [Amount; 2] {
        let (creator, provider) = (address(CREATOR), address(PROVIDER));
        [self.chain.escrow_balance(creator).await.unwrap(), self.chain.escrow_balance(provider).await.unwrap()]
    }

    pub(super) async fn payments(&self, deal: &DealId) -> Vec<Payment> {
        let head = self.chain.head().await.unwrap().number;
        let events = self.chain.events(0, head).await.unwrap();
        events
            .into_iter()
            .filter_map(|event| match event.kind {
                ChainEventKind::Payment(payment) if payment.deal_id == *deal => Some(payment),
                _ => None,
            })
            .collect()
    }
}
