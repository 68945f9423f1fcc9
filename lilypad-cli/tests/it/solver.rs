//! `lilypad solver` as a process: on anvil, with a provider and a creator that reach it over HTTP.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use lilypad_sdk::{
    Job, Lilypad,
    api::RequestDomain,
    chain::{Chain as _, DeployConfig, Network, RpcChain, RpcConfig, deploy},
    client::{ConnectConfig, HttpAuth, HttpSolver, Paths},
    executor::{ExecutorSet, WasmExecutor},
    module::{FetchPolicy, Fetcher},
    node::{ProviderConfig, Service, Workshop, spawn_provider},
    store::MemoryStore,
    types::{Address, Amount, DealState, TrustedParties},
    wallet::Wallet,
};
use serde_json::Value;

use crate::{
    contracts::Node,
    support::{Finished, finish, lilypad, signal},
};

/// The third and the fourth key that every development chain knows; the third is the solver's of `local`.
const KEY: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const OTHER_KEY: &str = "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6";
/// Nobody's.
const POOR_KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
/// Development accounts.
const SOLVER: usize = 2;
const PROVIDER: usize = 4;
const CREATOR: usize = 5;

fn address(role: usize) -> Address {
    Wallet::dev(role).unwrap().address()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn command(home: &Path, url: &str, port: u16, key: &str) -> Command {
    let mut command = lilypad(home);
    command.args(["solver", "-n", "local", "-qq", "--web3-rpc-url", url, "--server-port", &port.to_string()]);
    command.env("WEB3_PRIVATE_KEY", key);
    command
}

fn refused(home: &Path, url: &str, port: u16, key: &str) -> Finished {
    finish(&mut command(home, url, port, key))
}

/// A running `lilypad solver`, ended with this value.
struct Process {
    child: Child,
    ready: Value,
}

impl Process {
    fn start(home: &Path, url: &str, port: u16) -> Self {
        let mut command = command(home, url, port, KEY);
        let log = std::fs::File::create(home.join("solver.log")).unwrap();
        let mut child =
            command.args(["--output", "ndjson"]).stdout(Stdio::piped()).stderr(log).spawn().expect("the solver starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = std::fs::read_to_string(home.join("solver.log")).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} {log}"));
        assert_eq!(ready["event"], "ready", "{ready}");
        Self { child, ready }
    }

    fn addr(&self) -> SocketAddr {
        self.ready["listen"].as_str().unwrap().parse().unwrap()
    }

    /// Status and body of `GET /healthz`.
    fn health(&self) -> (u16, String) {
        let mut socket = TcpStream::connect(self.addr()).unwrap();
        write!(socket, "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.addr()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Ends it as a power cut would.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and gives its exit code.
    fn stop(&mut self, name: &str) -> Option<i32> {
        signal(&self.child, name);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rpc(url: &str) -> RpcConfig {
    let mut rpc = RpcConfig::for_network(&Network::local());
    rpc.endpoints = vec![url.to_owned()];
    rpc
}

async fn chain(url: &str, role: usize) -> RpcChain {
    RpcChain::connect(rpc(url), Wallet::dev(role)).await.unwrap()
}

/// Puts our contracts on the chain, and money into the accounts.
async fn deployed(url: &str) -> RpcChain {
    let mut config = DeployConfig::default();
    config.fund = vec![address(SOLVER), address(PROVIDER), address(CREATOR)];
    deploy(&chain(url, 0).await, &config).await.unwrap()
}

async fn provider(home: &Path, url: &str, solver: &str) -> Service {
    let chain = chain(url, PROVIDER).await;
    let controller = chain.contracts().controller;
    let domain = RequestDomain { solver: address(SOLVER), chain_id: chain.chain_id(), controller };
    let auth = HttpAuth::Bound { wallet: Wallet::dev(PROVIDER).unwrap(), domain };
    let solver = Arc::new(HttpSolver::connect(solver, auth).await.unwrap());
    let parties = TrustedParties {
        solver: address(SOLVER).to_string(),
        mediators: Some(Network::local().mediators.iter().map(Address::to_string).collect()),
        api_host: String::new(),
    };
    let mut config = ProviderConfig::new(address(PROVIDER), parties);
    config.confirmations = 0;
    let fetcher = Fetcher::new(home.join("fetched"), FetchPolicy::strangers()).with_embedded();
    let executors = ExecutorSet::new().with(WasmExecutor::new().unwrap());
    let workshop = Workshop::new(Arc::new(fetcher), executors, home.join("provider"));
    spawn_provider(config, Some(Arc::new(chain)), solver, Arc::new(MemoryStore::new()), workshop)
}

async fn creator(home: &Path, url: &str) -> Lilypad {
    let mut config = ConnectConfig::for_network(&Network::local());
    config.rpc = rpc(url);
    config.paths = Paths { data: home.join("creator"), state: home.join("creator-state") };
    config.local_modules = Some(home.join("creator"));
    Lilypad::connect_with(config, Wallet::dev(CREATOR).unwrap()).await.unwrap()
}

async fn submit(lilypad: &Lilypad) -> Job {
    lilypad.job("cowsay:v0.0.4").input("Message", "moo").submit().await.unwrap()
}

async fn says_moo(mut job: Job) {
    let output = tokio::time::timeout(Duration::from_secs(120), job.output()).await.expect("the job ends").unwrap();
    assert!(output.stdout().contains("moo"), "{output:?}");
}

async fn balances(chain: &RpcChain) -> [Amount; 4] {
    let (provider, creator) = (address(PROVIDER), address(CREATOR));
    [
        chain.token_balance(provider).await.unwrap(),
        chain.token_balance(creator).await.unwrap(),
        chain.escrow_balance(provider).await.unwrap(),
        chain.escrow_balance(creator).await.unwrap(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_outlives_a_solver_that_is_killed_and_is_paid_once() {
    let Some(node) = Node::start(&[]) else { return };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let chain = deployed(&node.url).await;
    let port = free_port();
    let mut solver = Process::start(home, &node.url, port);
    assert_eq!(solver.ready["registered_now"], true, "{}", solver.ready);
    assert_eq!(solver.ready["solver"].as_str().unwrap().parse::<Address>().unwrap(), address(SOLVER));
    let url = solver.ready["url"].as_str().unwrap().to_owned();
    assert_eq!(chain.service_url(address(SOLVER)).await.unwrap().as_deref(), Some(url.as_str()));
    assert_eq!(solver.health(), (200, "ok\n".to_owned()));

    let provider = provider(home, &node.url, &url).await;
    let lilypad = creator(home, &node.url).await;
    let start = balances(&chain).await;
    says_moo(submit(&lilypad).await).await;
    let one = balances(&chain).await;
    let price = one[0].checked_sub(start[0]).unwrap();
    assert!(!price.is_zero());

    let mut job = submit(&lilypad).await;
    while job.next().await.unwrap().unwrap().state != DealState::DealAgreed {}
    solver.kill();
    let mut solver = Process::start(home, &node.url, port);
    assert_eq!(solver.ready["registered_now"], false, "its URL stands on chain already");
    says_moo(job).await;
    let two = balances(&chain).await;
    assert_eq!(two[0], one[0].checked_add(price).unwrap(), "the provider is paid once");
    assert_eq!(two[1], one[1].checked_sub(price).unwrap(), "the creator pays once");
    assert_eq!(two[2..], [Amount::ZERO; 2], "nothing stays in escrow");

    provider.shutdown().await.unwrap();
    drop(node);
    let mut health = solver.health();
    for _ in 0..600 {
        if health.0 != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        health = solver.health();
    }
    assert_eq!(health, (503, "the chain's endpoint does not answer\n".to_owned()));
    assert_eq!(solver.stop("TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_work_is_refused_with_the_way_out() {
    let Some(node) = Node::start(&[]) else { return };
    let home = tempfile::tempdir().unwrap();
    let (home, other) = (home.path(), tempfile::tempdir().unwrap());
    let url = &node.url;
    let port = free_port();

    let bare = refused(home, url, port, KEY);
    bare.assert_fails(2, "there is no contract Controller at 0x", "lilypad contracts deploy -n local");
    deployed(url).await;

    let mut solver = Process::start(home, url, port);
    refused(home, url, free_port(), KEY).assert_fails(
        2,
        "is held by another process",
        "another solver runs on this folder",
    );
    let taken = refused(other.path(), url, port, KEY);
    taken.assert_fails(5, &format!("cannot listen on 127.0.0.1:{port}"), "choose another port");
    assert_eq!(solver.stop("INT"), Some(0));

    // The URL is another one now, and is written over the old one; the line for people says so.
    let mut moved = command(home, url, 0, KEY).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(moved.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(
        line.starts_with(&format!("Solver {} of network local is ready: http://127.0.0.1:", address(SOLVER))),
        "{line}"
    );
    assert!(line.contains(&format!("(now registered on chain instead of \"http://127.0.0.1:{port}\")")), "{line}");
    signal(&moved, "TERM");
    assert_eq!(moved.wait().unwrap().code(), Some(0));

    let stranger = refused(home, url, port, OTHER_KEY);
    let account = Wallet::from_private_key(OTHER_KEY).unwrap().address();
    stranger.assert_fails(
        2,
        &format!("the key is that of {account}, and the solver of network local is"),
        "SERVICE_SOLVER=",
    );
    let poor = Wallet::from_private_key(POOR_KEY).unwrap().address().to_string();
    let named = |home: &Path, words: &[&str]| {
        finish(command(home, url, port, POOR_KEY).args(["--service-solver", &poor]).args(words))
    };
    named(home, &[]).assert_fails(2, "holds the records of solver 0x", "name another folder");
    named(other.path(), &["--store-type", "memory"]).assert_fails(
        4,
        &format!("{poor} has 0 ETH"),
        "send ETH for gas to",
    );

    let dead = format!("http://127.0.0.1:{}", free_port());
    refused(home, &dead, port, KEY).assert_fails(5, "chain 31337 is unreachable", "see whether the chain runs");
    let elsewhere = Node::start(&["--chain-id", "1234"]).unwrap();
    refused(home, &elsewhere.url, port, KEY).assert_fails(2, "serves chain 1234, not 31337", "another network");
    let auth = finish(command(home, url, port, KEY).args(["--server-auth", "both"]));
    auth.assert_fails(2, "settle on chain, which requires bound signatures", "the network's own");

    // The version of the schema stands in the file's header.
    let file: PathBuf = std::fs::read_dir(home.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "sqlite"))
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&file, bytes).unwrap();
    refused(home, url, port, KEY).assert_fails(2, "has schema 99", "start the version of lilypad that wrote it");
}

#[test]
fn a_solver_without_key_or_url_is_told_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let local = finish(lilypad(home.path()).args(["solver", "-n", "local"]));
    local.assert_fails(2, "--web3-rpc-url is required with -n local", "lilypad devnet");
    finish(lilypad(home.path()).arg("solver")).assert_fails(
        2,
        "WEB3_PRIVATE_KEY is required",
        "export WEB3_PRIVATE_KEY=",
    );
    let keyed = finish(lilypad(home.path()).arg("solver").env("WEB3_PRIVATE_KEY", KEY));
    keyed.assert_fails(2, "SERVER_URL is required", "--server-url");
}
