//! The chain room against real parts: the embedded chain and anvil run one suite.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy_primitives::{Bytes, U256};
use lilypad_sdk::chain::{
    Chain as _, ChainError, EmbeddedChain, Network, RevertReason, RpcChain, RpcConfig, Wallet,
    conformance::{self, Host, World},
};
use serde_json::json;

/// A running anvil; it dies with this value.
pub(crate) struct Anvil {
    child: Child,
    port: u16,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Anvil {
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = Self::program() else {
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true")
                || std::env::var("LILYPAD_REQUIRE_PARTS").is_ok_and(|must| must == "1");
            assert!(!must, "anvil is required: run `npm ci`, or set ANVIL to its path");
            crate::skipped(format_args!("anvil is neither in ANVIL, nor on PATH, nor in node_modules"));
            return None;
        };
        let mut child = Command::new(&program)
            .args(["--port", "0", "--host", "127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|err| panic!("{}: {err}", program.display()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("anvil says where it listens").unwrap();
            if let Some(address) = line.strip_prefix("Listening on ") {
                break address.rsplit(':').next().unwrap().trim().parse().unwrap();
            }
        };
        // anvil ends when nobody reads what it prints.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port })
    }

    fn program() -> Option<PathBuf> {
        if let Some(path) = std::env::var_os("ANVIL") {
            return Some(path.into());
        }
        let on_path = std::env::var_os("PATH")
            .and_then(|path| std::env::split_paths(&path).map(|dir| dir.join("anvil")).find(|file| file.is_file()));
        let local =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
        on_path.or_else(|| local.is_file().then_some(local))
    }

    pub(crate) fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn ws(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

fn config(endpoints: Vec<String>) -> RpcConfig {
    let mut config = RpcConfig::for_network(&Network::local());
    config.endpoints = endpoints;
    config
}

struct Embedded(EmbeddedChain);

impl Host for Embedded {
    async fn connect(&self, wallet: Wallet) -> RpcChain {
        RpcChain::embedded(&self.0, Network::local().contracts, Some(wallet))
    }
}

struct Node(String);

impl Host for Node {
    async fn connect(&self, wallet: Wallet) -> RpcChain {
        RpcChain::connect(config(vec![self.0.clone()]), Some(wallet)).await.unwrap()
    }
}

#[tokio::test]
async fn embedded_chain_conforms() {
    conformance::run(&Embedded(EmbeddedChain::new())).await;
}

/// Serves an embedded chain over HTTP as a devnet does; the server ends with the test's runtime.
async fn serve(chain: EmbeddedChain) -> String {
    let answer =
        async move |request: String| chain.serve_rpc(serde_json::from_str(&request).unwrap()).await.to_string();
    let app = axum::Router::new().route("/", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_chain_over_http_conforms() {
    conformance::run(&Node(serve(EmbeddedChain::new()).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_chain_over_http_pushes_blocks() {
    let chain = EmbeddedChain::new();
    let client = RpcChain::connect(config(vec![serve(chain.clone()).await]), None).await.unwrap();
    // A hundred blocks one after the other: polled every 25 ms they would take more than a second.
    let began = Instant::now();
    for after in 0..100 {
        let (head, ()) = tokio::join!(client.wait_for_block(after, Duration::from_secs(5)), async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            drop(chain.handle_rpc(json!({"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": []})));
        });
        assert_eq!(head.unwrap().number, after + 1);
    }
    println!("100 blocks seen over HTTP in {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anvil_over_http_conforms() {
    let Some(anvil) = Anvil::start() else { return };
    conformance::run(&Node(anvil.http())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anvil_over_websocket_conforms() {
    let Some(anvil) = Anvil::start() else { return };
    conformance::run(&Node(anvil.ws())).await;
}

#[tokio::test]
async fn finds_the_contracts_through_the_controller() {
    let Some(anvil) = Anvil::start() else { return };
    let world = World::new(&Node(anvil.http())).await;
    let known = world.admin.contracts();
    let found = RpcChain::connect(RpcConfig::new(31_337, vec![anvil.http()], known.controller), None).await.unwrap();
    assert_eq!(found.contracts(), known);
    let nothing =
        RpcChain::connect(RpcConfig::new(31_337, vec![anvil.http()], known.controller.create(99)), None).await;
    assert!(matches!(nothing, Err(ChainError::NoContract { contract: "Controller", .. })), "{nothing:?}");
}

#[tokio::test]
async fn another_endpoint_takes_over_at_any_time() {
    let (Some(first), Some(second)) = (Anvil::start(), Anvil::start()) else { return };
    let dead = "http://127.0.0.1:1".to_owned();
    for endpoints in [vec![dead.clone(), first.http(), second.http()], vec![dead.clone(), first.ws(), second.ws()]] {
        let chain = RpcChain::connect(config(endpoints), None).await.unwrap();
        chain.head().await.unwrap();
    }
    let over_http = RpcChain::connect(config(vec![first.http(), dead.clone(), second.http()]), None).await.unwrap();
    let over_ws = RpcChain::connect(config(vec![first.ws(), dead, second.ws()]), None).await.unwrap();
    over_ws.wait_for_block(0, Duration::from_millis(50)).await.unwrap();
    drop(first);
    let began = Instant::now();
    over_http.head().await.unwrap();
    over_ws.head().await.unwrap();
    over_ws.request("evm_mine", json!([])).await.unwrap();
    assert_eq!(over_http.wait_for_block(0, Duration::from_secs(5)).await.unwrap().number, 1);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn refuses_a_wrong_chain_and_takes_the_right_one() {
    let Some(anvil) = Anvil::start() else { return };
    let wrong = RpcConfig::new(421_614, vec![anvil.http(), anvil.ws()], Network::testnet().contracts.controller);
    let error = RpcChain::connect(wrong, None).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongChain { expected: 421_614, found: 31_337, .. }), "{error}");
    assert!(error.is_caller_fault());
}

#[tokio::test]
async fn says_within_five_seconds_that_nobody_answers() {
    // Accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for endpoints in [
        vec![format!("http://127.0.0.1:{port}"), format!("ws://127.0.0.1:{port}")],
        vec!["http://127.0.0.1:1".to_owned(), "ws://127.0.0.1:1".to_owned()],
        vec![],
    ] {
        let began = Instant::now();
        let error = RpcChain::connect(config(endpoints), None).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(matches!(error, ChainError::Unreachable { chain_id: 31_337, .. }) && error.is_retryable(), "{error}");
        assert!(error.hint().unwrap().contains("-n local"));
    }
}

#[tokio::test]
async fn names_a_bad_endpoint_without_its_password() {
    for url in ["ftp://me:secret@host/", "not a url", "http://"] {
        let error = RpcChain::connect(config(vec![url.to_owned()]), None).await.unwrap_err();
        assert!(matches!(error, ChainError::BadEndpoint { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

/// Prints what a settled deal costs in time; benches hold the figures, this holds the way to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settles_a_deal_quickly() {
    let chain = EmbeddedChain::new();
    let began = Instant::now();
    let world = World::new(&Embedded(chain.clone())).await;
    println!("deployed and funded in process in {:?}", began.elapsed());
    let took = world.settle(20).await;
    println!("a deal settles in process in {took:?} (median of 20)");
    let over_http = world.over(&Node(serve(chain).await)).await;
    let took = over_http.settle(20).await;
    println!("a deal settles over HTTP in {took:?} (median of 20)");
    if let Some(anvil) = Anvil::start() {
        let began = Instant::now();
        let world = World::new(&Node(anvil.http())).await;
        println!("deployed and funded on anvil in {:?}", began.elapsed());
        let took = world.settle(20).await;
        println!("a deal settles on anvil in {took:?} (median of 20)");
    }
}

/// Every function of the nine v1 contracts is there on a real node: each call, with arguments of nothing, gets an answer or a
/// refusal whose reason we know. Only reading beyond the end of an array has none.
#[tokio::test]
async fn every_function_answers_on_anvil() {
    let Some(anvil) = Anvil::start() else { return };
    let world = World::new(&Node(anvil.http())).await;
    let (admin, at) = (&world.admin, world.admin.contracts());
    let owner = admin.address().unwrap();
    let contracts = [
        ("controller", at.controller, include_str!("../../abi/LilypadController.json")),
        ("storage", at.storage, include_str!("../../abi/LilypadStorage.json")),
        ("payments", at.payments, include_str!("../../abi/LilypadPayments.json")),
        ("token", at.token, include_str!("../../abi/LilypadToken.json")),
        ("users", at.users, include_str!("../../abi/LilypadUsers.json")),
        ("mediation", at.mediation, include_str!("../../abi/LilypadMediationRandom.json")),
        ("job creator", at.job_creator.unwrap(), include_str!("../../abi/LilypadOnChainJobCreator.json")),
        ("pow", at.pow.unwrap(), include_str!("../../abi/LilypadPow.json")),
        ("example client", owner.create(11), include_str!("../../abi/ExampleClient.json")),
    ];
    let mut called = 0;
    for (name, address, artifact) in contracts {
        let artifact: serde_json::Value = serde_json::from_str(artifact).unwrap();
        let abi: alloy::json_abi::JsonAbi = serde_json::from_value(artifact["abi"].clone()).unwrap();
        for function in abi.functions() {
            called += 1;
            let what = format!("{name}.{}", function.signature());
            let input = Bytes::from([function.selector().as_slice(), &nothing(&function.inputs)].concat());
            match admin.request("eth_call", json!([{ "from": owner, "to": address, "input": input }, "latest"])).await {
                Ok(answer) => {
                    let answer: Bytes = serde_json::from_value(answer).unwrap();
                    assert_eq!(answer.is_empty(), function.outputs.is_empty(), "{what}: {answer}");
                }
                Err(ChainError::Refused { code: 3, data, .. }) => {
                    let known = !matches!(RevertReason::decode(&data), RevertReason::Unknown(_));
                    assert!(known || matches!(function.name.as_str(), "miners" | "powSubmissions"), "{what}: {data}");
                }
                Err(other) => panic!("{what}: {other}"),
            }
        }
    }
    println!("{called} functions called");
    assert!(called > 150, "{called}");
}

/// Arguments of zeros and of no elements, ABI-encoded.
fn nothing(parameters: &[alloy::json_abi::Param]) -> Vec<u8> {
    fn word(number: usize) -> [u8; 32] {
        U256::from(number).to_be_bytes()
    }
    fn encode(parameter: &alloy::json_abi::Param) -> (bool, Vec<u8>) {
        if matches!(parameter.ty.as_str(), "string" | "bytes") || parameter.ty.ends_with("[]") {
            (true, word(0).to_vec())
        } else if parameter.ty == "tuple" {
            let dynamic = parameter.components.iter().any(|component| encode(component).0);
            (dynamic, nothing(&parameter.components))
        } else {
            (false, word(0).to_vec())
        }
    }
    let parts: Vec<(bool, Vec<u8>)> = parameters.iter().map(encode).collect();
    let head: usize = parts.iter().map(|(dynamic, bytes)| if *dynamic { 32 } else { bytes.len() }).sum();
    let (mut heads, mut tails) = (Vec::new(), Vec::new());
    for (dynamic, bytes) in parts {
        if dynamic {
            heads.extend(word(head + tails.len()));
            tails.extend(bytes);
        } else {
            heads.extend(bytes);
        }
    }
    [heads, tails].concat()
}
