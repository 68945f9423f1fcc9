//! Deployments against real nodes: stopped anywhere and resumed, compared with the forge script, and looked through.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::U256;
use lilypad_sdk::chain::{
    Chain as _, ChainError, Check, DeployConfig, Deployment, EmbeddedChain, Network, RpcChain, RpcConfig, Wallet,
    deploy_recorded, survey, verify,
};
use lilypad_sdk::types::Amount;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::chain::Anvil;

/// Transactions of a deployment that leaves the treasury with the deployer.
const TRANSACTIONS: u64 = 23;
/// Enough requests for any deployment.
const ALWAYS: i64 = i64::MAX / 2;

/// What answers behind a [`Flaky`] endpoint.
#[derive(Clone)]
pub(crate) enum Node {
    Embedded(EmbeddedChain),
    Http(String, reqwest::Client),
}

impl Node {
    async fn answer(&self, request: String) -> String {
        match self {
            Self::Embedded(chain) => chain.handle_rpc(serde_json::from_str(&request).unwrap()).to_string(),
            Self::Http(url, client) => {
                let post = client.post(url).header("content-type", "application/json").body(request);
                post.send().await.unwrap().text().await.unwrap()
            }
        }
    }
}

/// An endpoint that answers a number of requests and is dead after that. The one that is one too many is carried out in
/// half of the cases although its answer is lost: a program that dies cannot know.
pub(crate) struct Flaky {
    pub(crate) url: String,
    left: Arc<AtomicI64>,
    died: Arc<Notify>,
    last_is_done: Arc<Mutex<bool>>,
    node: Arc<Mutex<Node>>,
}

impl Flaky {
    pub(crate) async fn before(node: Node) -> Self {
        let (left, last_is_done) = (Arc::new(AtomicI64::new(ALWAYS)), Arc::new(Mutex::new(false)));
        let node = Arc::new(Mutex::new(node));
        let died = Arc::new(Notify::new());
        let (budget, lossy, behind) = (Arc::clone(&left), Arc::clone(&last_is_done), Arc::clone(&node));
        let bell = Arc::clone(&died);
        let answer = async move |request: String| {
            let before = budget.fetch_sub(1, Ordering::SeqCst);
            let node = behind.lock().unwrap().clone();
            if before > 0 {
                return Ok(node.answer(request).await);
            }
            if before == 0 && *lossy.lock().unwrap() {
                node.answer(request).await;
            }
            bell.notify_one();
            Err(axum::http::StatusCode::BAD_GATEWAY)
        };
        let app = axum::Router::new().route("/", axum::routing::post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, left, died, last_is_done, node }
    }

    /// How many requests have been made of one that never dies.
    pub(crate) fn requests(&self) -> i64 {
        ALWAYS - self.left.load(Ordering::SeqCst)
    }

    /// Connects as a new process would, and then answers `requests` more.
    async fn connect(&self, requests: i64) -> RpcChain {
        self.left.store(ALWAYS, Ordering::SeqCst);
        let mut config = rpc(&self.url);
        config.patience = Duration::ZERO;
        let chain = RpcChain::connect(config, Wallet::dev(0)).await.unwrap();
        self.left.store(requests, Ordering::SeqCst);
        chain
    }
}

pub(crate) fn rpc(url: &str) -> RpcConfig {
    let mut config = RpcConfig::for_network(&Network::local());
    config.endpoints = vec![url.to_owned()];
    config
}

fn config(file: &Path) -> DeployConfig {
    let mut config = DeployConfig::default();
    config.file = Some(file.to_owned());
    config
}

async fn nonce(chain: &RpcChain) -> u64 {
    let count = chain.request("eth_getTransactionCount", json!([chain.address(), "latest"])).await.unwrap();
    serde_json::from_value::<U256>(count).unwrap().to()
}

fn assert_all_hold(checks: &[Check]) {
    let broken: Vec<&Check> = checks.iter().filter(|check| !check.holds).collect();
    assert!(checks.len() > 40 && broken.is_empty(), "{} checks, {broken:#?}", checks.len());
}

/// Stops a deployment after `requests` requests and resumes it; `false` when it had ended before that.
async fn stop_and_resume(flaky: &Flaky, requests: i64, looks_through: bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deployments/local.json");
    let chain = flaky.connect(requests).await;
    let settings = config(&file);
    let ended_before = tokio::select! {
        biased;
        // Dropped as a process that is killed.
        () = flaky.died.notified() => false,
        ended = deploy_recorded(&chain, &settings) => ended.is_ok(),
    };
    let chain = flaky.connect(ALWAYS).await;
    let deployment = deploy_recorded(&chain, &config(&file)).await.unwrap();
    let name = format!("stopped after {requests} requests");
    assert_eq!(deployment.contracts(), Some(Network::local().contracts), "{name}");
    assert!(deployment.complete && deployment.pending.is_none(), "{name}: {deployment:#?}");
    assert_eq!(Deployment::read(&file).unwrap().as_ref(), Some(&deployment), "{name}");
    assert_eq!(nonce(&chain).await, TRANSACTIONS, "{name}: one transaction a step");
    if looks_through {
        assert_all_hold(&verify(&chain, &deployment).await.unwrap());
        let again = deploy_recorded(&chain, &config(&file)).await.unwrap();
        assert_eq!((again, nonce(&chain).await), (deployment, TRANSACTIONS), "{name}: done is done");
    }
    !ended_before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumes_wherever_it_was_stopped() {
    let began = Instant::now();
    let flaky = Flaky::before(Node::Embedded(EmbeddedChain::new())).await;
    *flaky.last_is_done.lock().unwrap() = true;
    let mut requests = 0;
    while {
        *flaky.node.lock().unwrap() = Node::Embedded(EmbeddedChain::new());
        stop_and_resume(&flaky, requests, requests % 20 == 0).await
    } {
        requests += 1;
    }
    assert!(requests > 80, "a deployment takes more than {requests} requests");
    println!("stopped at each of {requests} requests, {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumes_on_anvil_wherever_it_was_stopped() {
    let Some(anvil) = Anvil::start() else { return };
    let began = Instant::now();
    let flaky = Flaky::before(Node::Http(anvil.http(), reqwest::Client::new())).await;
    let fresh = RpcChain::connect(rpc(&anvil.http()), None).await.unwrap();
    for last_is_done in [false, true] {
        *flaky.last_is_done.lock().unwrap() = last_is_done;
        let mut requests = 0;
        loop {
            let snapshot = fresh.request("evm_snapshot", json!([])).await.unwrap();
            let goes_on = stop_and_resume(&flaky, requests, requests % 20 == 0).await;
            assert_eq!(fresh.request("evm_revert", json!([snapshot])).await.unwrap(), Value::Bool(true));
            if !goes_on {
                break;
            }
            requests += 1;
        }
        assert!(requests > 80, "a deployment takes more than {requests} requests");
        println!("stopped at each of {requests} requests, the last one done: {last_is_done}, {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forge_script_deploys_the_same() {
    let Some(anvil) = Anvil::start() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let forge = root.join("node_modules/@foundry-rs/forge-linux-amd64/bin/forge");
    if !forge.is_file() {
        let must = std::env::var("CI").is_ok_and(|ci| ci == "true")
            || std::env::var("LILYPAD_REQUIRE_PARTS").is_ok_and(|must| must == "1");
        assert!(!must, "forge is required: run `npm ci`");
        crate::skipped("forge is not in node_modules");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(forge)
        .args(["script", "script/Deploy.s.sol", "--broadcast", "--slow", "--rpc-url", &anvil.http()])
        .args(["--private-key", "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"])
        .current_dir(root.join("contracts"))
        .env("FOUNDRY_BROADCAST", folder.path().join("broadcast"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let chain = RpcChain::connect(rpc(&anvil.http()), Wallet::dev(0)).await.unwrap();
    assert_eq!(nonce(&chain).await, TRANSACTIONS);
    // There is no record: the set is found where the account's first transactions put it, and nothing is left to do.
    let mut config = config(&folder.path().join("local.json"));
    config.find = true;
    let deployment = deploy_recorded(&chain, &config).await.unwrap();
    assert_eq!(nonce(&chain).await, TRANSACTIONS, "nothing was sent");
    assert_eq!(deployment.contracts(), Some(Network::local().contracts));
    assert_all_hold(&verify(&chain, &deployment).await.unwrap());
}

fn embedded() -> (EmbeddedChain, RpcChain) {
    let chain = EmbeddedChain::new();
    let admin = RpcChain::embedded(&chain, Network::local().contracts, Wallet::dev(0));
    (chain, admin)
}

#[tokio::test]
async fn names_the_first_difference() {
    let (chain, admin) = embedded();
    let deployment = deploy_recorded(&admin, &DeployConfig::default()).await.unwrap();
    assert_all_hold(&verify(&admin, &deployment).await.unwrap());
    let first = async |deployment: &Deployment, chain: &RpcChain| {
        let checks = verify(chain, deployment).await.unwrap();
        checks.into_iter().find(|check| !check.holds).expect("a difference")
    };

    // Another treasury and another service are found by their wire.
    let mut other = deployment.clone();
    other.treasury = Wallet::dev(7).unwrap().address();
    assert_eq!(first(&other, &admin).await.what, "LilypadToken.getTreasuryAddress");
    let mut other = deployment.clone();
    other.job_service = Wallet::dev(7).unwrap().address();
    assert_eq!(first(&other, &admin).await.what, "LilypadOnChainJobCreator.getControllerAddress");
    let mut other = deployment.clone();
    other.owner = Wallet::dev(7).unwrap().address();
    assert_eq!(first(&other, &admin).await.what, "LilypadToken.owner");

    // One contract in place of another, one that is nowhere, one that was left out, another hash.
    let mut other = deployment.clone();
    let users = other.address("LilypadUsers").unwrap();
    other.contracts.get_mut("LilypadStorage").unwrap().address = users;
    assert_eq!(first(&other, &admin).await.what, "LilypadStorage code");
    let mut other = deployment.clone();
    other.contracts.get_mut("LilypadUsers").unwrap().address = users.create(99);
    let missing = first(&other, &admin).await;
    assert!(missing.what == "LilypadUsers code" && missing.found.contains("no code at"), "{missing:?}");
    let mut other = deployment.clone();
    other.contracts.remove("LilypadPow");
    assert_eq!(first(&other, &admin).await.what, "LilypadPow code");
    let mut other = deployment.clone();
    other.contracts.get_mut("LilypadToken").unwrap().code_hash = deployment.genesis;
    assert_eq!(first(&other, &admin).await.what, "LilypadToken code");

    // Another chain is told before anything else.
    let (_, elsewhere) = embedded();
    let checks = verify(&elsewhere, &deployment).await.unwrap();
    assert_eq!((checks.len(), checks[1].what.as_str(), checks[1].holds), (2, "first block", false));
    drop(chain);
}

#[tokio::test]
async fn shows_what_a_set_is_and_has() {
    let (_chain, admin) = embedded();
    let deployment = deploy_recorded(&admin, &DeployConfig::default()).await.unwrap();
    let addresses = deployment.contracts.iter().map(|(name, contract)| (name.clone(), contract.address)).collect();
    let contracts = deployment.contracts().unwrap();
    let admin = admin.with_contracts(contracts);
    let all = survey(&admin, &addresses).await.unwrap();
    assert_eq!(all.len(), 11);
    assert!(all.iter().all(|one| one.exists && one.ether.is_zero() && one.tokens == Amount::ZERO), "{all:#?}");
    let controller = all.iter().find(|one| one.contract == "LilypadController").unwrap();
    assert_eq!(controller.owner, admin.address());
    assert_eq!(controller.wiring.len(), 6);
    assert_eq!(controller.wiring["getPowAddress"], contracts.pow.unwrap());
}

#[tokio::test]
async fn refuses_a_file_that_is_not_this_deployments() {
    let (chain, admin) = embedded();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.json");
    let deployment = deploy_recorded(&admin, &config(&file)).await.unwrap();
    let refused = async |chain: &RpcChain, config: &DeployConfig, needle: &str| {
        let before = std::fs::read(&file).unwrap();
        let error = deploy_recorded(chain, config).await.unwrap_err();
        assert!(matches!(&error, ChainError::DeploymentFile { .. }) && error.is_caller_fault(), "{error}");
        assert!(error.to_string().contains(needle) && error.hint().is_some(), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), before, "the file stays");
    };
    let (_, elsewhere) = embedded();
    refused(&elsewhere, &config(&file), "it is of another chain").await;
    let stranger = RpcChain::embedded(&chain, Network::local().contracts, Wallet::dev(1));
    refused(&stranger, &config(&file), "this key is that of").await;
    let mut other = config(&file);
    other.network = "testnet".to_owned();
    refused(&admin, &other, "it is of network local, not testnet").await;
    for broken in ["", "{", "[]", r#"{"format": 1}"#] {
        std::fs::write(&file, broken).unwrap();
        refused(&admin, &config(&file), "local.json: ").await;
    }
    let mut alien = deployment.clone();
    let one = alien.contracts["LilypadUsers"].clone();
    alien.contracts.insert("LilypadFoo".to_owned(), one);
    alien.write(&file).unwrap();
    refused(&admin, &config(&file), "LilypadFoo is no contract").await;
    let mut newer = deployment.clone();
    newer.format = 2;
    newer.write(&file).unwrap();
    refused(&admin, &config(&file), "format 2").await;

    // A contract that is gone is named.
    let mut gone = deployment.clone();
    gone.contracts.get_mut("LilypadToken").unwrap().address = deployment.deployer.create(99);
    gone.write(&file).unwrap();
    let error = deploy_recorded(&admin, &config(&file)).await.unwrap_err();
    assert!(matches!(error, ChainError::NoContract { contract: "LilypadToken", .. }), "{error}");
}

#[tokio::test]
async fn two_do_not_deploy_with_one_file() {
    let (_chain, admin) = embedded();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.json");
    let other = std::fs::File::open(folder.path()).unwrap();
    other.lock().unwrap();
    let error = deploy_recorded(&admin, &config(&file)).await.unwrap_err();
    assert!(error.to_string().contains("another program deploys"), "{error}");
    drop(other);
    deploy_recorded(&admin, &config(&file)).await.unwrap();
}

#[tokio::test]
async fn a_key_without_ether_deploys_nothing() {
    let chain = EmbeddedChain::new();
    let poor = RpcChain::embedded(&chain, Network::local().contracts, Some(Wallet::random()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.json");
    let error = deploy_recorded(&poor, &config(&file)).await.unwrap_err();
    assert!(matches!(error, ChainError::InsufficientFunds { .. }) && error.is_lack_of_funds(), "{error}");
    let kept = Deployment::read(&file).unwrap().expect("the step that was tried");
    assert!(kept.contracts.is_empty() && !kept.complete);
    let reader = RpcChain::embedded(&chain, Network::local().contracts, None);
    let error = deploy_recorded(&reader, &config(&file)).await.unwrap_err();
    assert!(matches!(error, ChainError::ReadOnly { .. }), "{error}");
}
