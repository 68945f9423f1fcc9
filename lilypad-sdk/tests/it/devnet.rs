//! Whole networks in this process: jobs that end well, and jobs that don't.

use std::{path::Path, process::Command, time::Duration};

use lilypad_sdk::{
    Error, ErrorKind, Interrupted, Lilypad,
    chain::DynChain,
    client::{JobOutput, Paths},
    deal::{PaymentDirection, PaymentReason},
    devnet::{ChainChoice, Devnet, DevnetBuilder, DevnetInfo, StoreChoice},
    executor::{ExecutorSet, WasmExecutor},
    types::{Address, Amount, DealState},
    wallet::Wallet,
};
use tempfile::TempDir;

struct World {
    lilypad: Lilypad,
    info: DevnetInfo,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(change: impl FnOnce(DevnetBuilder) -> DevnetBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths { data: folder.path().join("data"), state: folder.path().join("state") };
        let devnet = change(Devnet::builder().paths(paths.clone())).spawn().await.unwrap();
        let info = devnet.info().clone();
        let lilypad = Lilypad::inside(devnet, paths, Wallet::dev(5).unwrap()).await.unwrap();
        Self { lilypad, info, folder }
    }

    async fn tokens(&self, account: Address) -> Amount {
        self.lilypad.chain().token_balance(account).await.unwrap()
    }

    /// Nothing is left in anybody's escrow.
    async fn assert_escrow_is_empty(&self) {
        for account in [self.lilypad.address(), self.info.providers[0]] {
            assert_eq!(self.lilypad.chain().escrow_balance(account).await.unwrap(), Amount::ZERO, "{account}");
        }
    }

    /// A module of one file, in a git repository of its own.
    fn module(&self, template: &str) -> String {
        let folder = self.folder.path().join(format!("module-{}", template.len()));
        write_module(&folder, template);
        folder.display().to_string()
    }
}

fn write_module(folder: &Path, template: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("lilypad_module.json.tmpl"), template).unwrap();
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wasm/guest.wasm");
    std::fs::copy(guest, folder.join("guest.wasm")).unwrap();
}

fn wasm_module(task: &str, extra: &str) -> String {
    format!(
        r#"{{"machine": {{"cpu": 1000, "ram": 100}}, {extra} "job": {{"APIVersion": "V1beta1", "Spec": {{
            "Engine": "Wasm", "Wasm": {{"Parameters": ["{task}"],
                "EntryModule": {{"StorageSource": "LocalDirectory", "SourcePath": "guest.wasm"}}}}
        }}}}}}"#
    )
}

fn random_message() -> String {
    Wallet::random().address().to_string().chars().take(20).collect()
}

async fn run(world: &World, message: &str) -> JobOutput {
    let mut job = world.lilypad.job("cowsay:v0.0.4").input("Message", message).submit().await.unwrap();
    job.output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_is_paid_and_leaves_nothing_in_escrow() {
    let world = World::new().await;
    let (creator, provider) = (world.lilypad.address(), world.info.providers[0]);
    let before = (world.tokens(creator).await, world.tokens(provider).await);
    let message = random_message();

    let mut job = world.lilypad.job("cowsay:v0.0.4").input("Message", &message).submit().await.unwrap();
    let mut stages = Vec::new();
    while let Some(stage) = job.next().await {
        stages.push(stage.unwrap().state);
    }
    let output = job.output().await.unwrap();

    assert_eq!(
        stages,
        [DealState::DealNegotiating, DealState::DealAgreed, DealState::ResultsSubmitted, DealState::ResultsAccepted]
    );
    assert!(output.stdout().contains(&format!("< {message} >")), "{}", output.stdout());
    assert_eq!((output.exit_code(), output.stderr().as_str()), (Some(0), ""));
    let one = Amount::from_tokens(1);
    assert_eq!(before.0.checked_sub(world.tokens(creator).await), Some(one), "the creator paid the price");
    assert_eq!(world.tokens(provider).await.checked_sub(before.1), Some(one), "the provider earned it");
    world.assert_escrow_is_empty().await;

    let settlement = output.settlement();
    assert_eq!(settlement.state, "ResultsAccepted");
    assert!(settlement.escrow_after.values().all(|left| left.is_zero()), "{settlement:?}");
    for tx in
        ["job_creator.agree", "job_creator.accept_result", "resource_provider.agree", "resource_provider.add_result"]
    {
        assert!(settlement.txs[tx].len() == 66 && settlement.gas_used[tx] > 0, "{tx}: {settlement:?}");
    }
    let paid = settlement.payments.iter().find(|p| p.reason == PaymentReason::JobPayment).unwrap();
    assert_eq!((paid.to, paid.amount_wei, paid.direction), (provider, one, PaymentDirection::PaidOut));
    let receipt: serde_json::Value =
        serde_json::from_slice(&std::fs::read(output.receipt().unwrap()).unwrap()).unwrap();
    assert_eq!(receipt["result"]["data_id"], output.data_id().as_str());
    assert_eq!(receipt["deal"]["deal"]["job_offer"]["module"]["hash"].as_str().unwrap().len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_jobs_of_one_key_at_once_all_settle() {
    let world = World::new().await;
    let messages = [random_message(), random_message(), random_message()];
    let (a, b, c) = tokio::join!(run(&world, &messages[0]), run(&world, &messages[1]), run(&world, &messages[2]));
    for (output, message) in [a, b, c].iter().zip(&messages) {
        assert!(output.stdout().contains(message.as_str()));
    }
    world.assert_escrow_is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_network_runs_on_anvil_with_stores_on_disk() {
    if anvil().is_none() {
        skip("anvil is not installed");
        return;
    }
    let stores = tempfile::tempdir().unwrap();
    let sqlite = StoreChoice::Sqlite(stores.path().join("stores"));
    let world = World::with(|builder| builder.chain(ChainChoice::Anvil).store(sqlite)).await;
    let message = random_message();
    assert!(run(&world, &message).await.stdout().contains(&message));
    world.assert_escrow_is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_exits_7_is_paid_and_delivers_what_it_wrote() {
    let world = World::new().await;
    let module = world.module(&wasm_module("exit7", ""));
    let mut job = world.lilypad.job(module).submit().await.unwrap();
    let output = job.output().await.unwrap();
    assert_eq!(output.exit_code(), Some(7));
    assert!(!output.stdout().is_empty() && !output.stderr().is_empty());
    assert_eq!(output.settlement().state, "ResultsAccepted");
    world.assert_escrow_is_empty().await;
}

/// Runs a job that must fail and checks that nobody lost anything.
async fn fails(world: &World, module: String) -> Error {
    let (creator, provider) = (world.lilypad.address(), world.info.providers[0]);
    let before = (world.tokens(creator).await, world.tokens(provider).await);
    let mut job = world.lilypad.job(module).submit().await.unwrap();
    let error = job.output().await.unwrap_err();
    assert_eq!((world.tokens(creator).await, world.tokens(provider).await), before, "{error}");
    world.assert_escrow_is_empty().await;
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_past_its_time_limit_costs_nothing() {
    let world = World::new().await;
    let error = fails(&world, world.module(&wasm_module("loop", r#""executionTimeoutSeconds": 1,"#))).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("time limit"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fills_memory_costs_nothing() {
    let world = World::new().await;
    let error = fails(&world, world.module(&wasm_module("memory", ""))).await;
    assert_eq!(error.kind(), ErrorKind::Job);
    assert!(error.to_string().contains("memory"), "{error}");
    assert!(!error.hints().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_costs_nothing_and_is_named() {
    if !has_docker() {
        skip("no Docker engine answers");
        return;
    }
    let world = World::new().await;
    let template =
        r#"{"machine": {}, "job": {"Spec": {"Engine": "Docker", "Docker": {"Image": "nope.invalid/nope:1"}}}}"#;
    let error = fails(&world, world.module(template)).await;
    assert_eq!(error.kind(), ErrorKind::Job);
    let text = error.to_string();
    assert!(text.contains("nope.invalid/nope:1"), "{text}");
    assert!(error.hints().iter().any(|hint| hint.contains("build or pull the image")), "{:?}", error.hints());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_an_engine_that_nobody_has_costs_nothing_and_says_so() {
    // As on a machine without Docker.
    let world = World::with(|builder| builder.executors(ExecutorSet::new().with(WasmExecutor::new().unwrap()))).await;
    let template = r#"{"machine": {}, "job": {"Spec": {"Engine": "Docker", "Docker": {"Image": "any:1"}}}}"#;
    let error = fails(&world, world.module(template)).await;
    assert_eq!(error.kind(), ErrorKind::Job);
    assert!(error.to_string().contains("docker is not available"), "{error}");
    assert!(error.hints().iter().any(|hint| hint.contains("Docker engine")), "{:?}", error.hints());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_provider_matches_and_nothing_is_charged() {
    let world = World::with(|builder| builder.match_timeout(Duration::from_millis(300))).await;
    let template = wasm_module("exit7", "").replace("\"cpu\": 1000", "\"cpu\": 1000000");
    let error = fails(&world, world.module(&template)).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("no provider matched"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_funds_is_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths { data: folder.path().join("data"), state: folder.path().join("state") };
    let devnet = Devnet::builder().paths(paths.clone()).spawn().await.unwrap();
    let (poor, chain) = (Wallet::random(), devnet.chain().clone());
    let lilypad = Lilypad::inside(devnet, paths, poor.clone()).await.unwrap();
    let no_ether = lilypad.job("cowsay:v0.0.4").submit().await.unwrap_err();
    assert_eq!(no_ether.kind(), ErrorKind::Funds);
    assert!(no_ether.to_string().contains("0 ETH"), "{no_ether}");
    let chain: &dyn DynChain = &chain;
    chain.transfer_ether(poor.address(), Amount::from_tokens(1)).await.unwrap();
    let no_tokens = lilypad.job("cowsay:v0.0.4").submit().await.unwrap_err();
    assert_eq!(no_tokens.kind(), ErrorKind::Funds);
    assert!(no_tokens.to_string().contains("0 LP"), "{no_tokens}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupting_before_the_agreement_cancels_the_job() {
    let world = World::with(|builder| builder.providers(0)).await;
    let before = world.tokens(world.lilypad.address()).await;
    let mut job = world.lilypad.job("cowsay:v0.0.4").submit().await.unwrap();
    assert_eq!(job.next().await.unwrap().unwrap().state, DealState::DealNegotiating);
    assert_eq!(job.interrupt().await, Interrupted::Cancelled);
    let offer = world.lilypad.solver().job_offer(job.id()).await.unwrap();
    assert_eq!(offer.state, DealState::JobOfferCancelled);
    assert_eq!(world.tokens(world.lilypad.address()).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_left_after_the_agreement_is_found_again() {
    let world = World::new().await;
    let mut job = world.lilypad.job("cowsay:v0.0.4").input("Message", "again").submit().await.unwrap();
    let id = job.id().to_string();
    while job.next().await.unwrap().unwrap().state != DealState::DealAgreed {}
    let _ = job.interrupt().await;
    drop(job);
    let mut job = world.lilypad.attach(&id).await.unwrap();
    assert!(job.output().await.unwrap().stdout().contains("< again >"));
    world.assert_escrow_is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_finds_no_room_here_is_fetched_once_there_is() {
    let world = World::new().await;
    let (creator, provider) = (world.lilypad.address(), world.info.providers[0]);
    let before = (world.tokens(creator).await, world.tokens(provider).await);
    let downloads = world.folder.path().join("data/downloaded-files");
    std::fs::remove_dir_all(&downloads).ok();
    std::fs::write(&downloads, "in the way").unwrap();
    let mut job = world.lilypad.job("cowsay:v0.0.4").input("Message", "later").submit().await.unwrap();
    let id = job.id().to_string();
    let told = job.output().await.unwrap_err();
    assert!(told.to_string().contains("can't be written here"), "{told}");
    assert!(told.hints().concat().contains(&downloads.display().to_string()), "{:?}", told.hints());
    drop(job);
    std::fs::remove_file(&downloads).unwrap();
    let mut job = world.lilypad.attach(&id).await.unwrap();
    assert!(job.output().await.unwrap().stdout().contains("< later >"));
    world.assert_escrow_is_empty().await;
    let price = Amount::from_tokens(1);
    let after = (before.0.checked_sub(price).unwrap(), before.1.checked_add(price).unwrap());
    assert_eq!((world.tokens(creator).await, world.tokens(provider).await), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_starts_again_on_its_chain_goes_on_with_its_deals() {
    let chain = World::new().await;
    let paths = Paths { data: chain.folder.path().join("b/data"), state: chain.folder.path().join("b/state") };
    let start = async || {
        let builder = Devnet::builder().paths(paths.clone()).announce(true);
        let stores = StoreChoice::Sqlite(chain.folder.path().join("b/stores"));
        let builder = builder.chain(ChainChoice::Rpc(chain.info.rpc_url.clone())).providers(3);
        builder.store(stores).spawn().await.unwrap()
    };
    let first = start().await;
    let (controller, providers) = (first.info().controller, first.info().providers.clone());
    assert_ne!(controller, chain.info.controller, "contracts of its own");
    let lilypad = Lilypad::local_with(paths.clone(), None).await.unwrap();
    let tokens = async |lilypad: &Lilypad, account| lilypad.chain().token_balance(account).await.unwrap();
    let before = tokens(&lilypad, lilypad.address()).await;
    let mut job = lilypad.job("cowsay:v0.0.4").input("Message", "still here").submit().await.unwrap();
    let id = job.id().to_string();
    while job.next().await.unwrap().unwrap().state != DealState::DealAgreed {}
    let provider = job.terms().unwrap().resource_provider;
    drop((job, lilypad, first));

    let second = start().await;
    assert_eq!((second.info().controller, &second.info().providers), (controller, &providers));
    let lilypad = Lilypad::local_with(paths.clone(), None).await.unwrap();
    let output = lilypad.attach(&id).await.unwrap().output().await.unwrap();
    assert!(output.stdout().contains("< still here >"), "{}", output.stdout());
    assert_eq!(Some(tokens(&lilypad, lilypad.address()).await), before.checked_sub(Amount::from_tokens(1)));
    assert_eq!(tokens(&lilypad, provider).await, Amount::from_tokens(100_001), "what it began with, and the price");
    for account in [lilypad.address(), provider] {
        assert_eq!(lilypad.chain().escrow_balance(account).await.unwrap(), Amount::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checked_result_is_confirmed_by_the_mediator() {
    let world = World::new().await;
    let mediator = world.info.mediators[0];
    let before = world.tokens(mediator).await;
    let mut job = world.lilypad.job("cowsay:v0.0.4").mediation_chance(100).submit().await.unwrap();
    let output = job.output().await.unwrap();
    assert_eq!(output.settlement().state, "MediationAccepted");
    assert_eq!(
        world.tokens(mediator).await.checked_sub(before),
        Some(Amount::from_tokens(1)),
        "the mediator has its fee"
    );
    world.assert_escrow_is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_docker_module_runs_in_a_container() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/modules/hello-docker/build-image.sh");
    if !script.exists() {
        return; // Not in a package of the SDK alone.
    }
    if !has_docker() {
        skip("no Docker engine answers");
        return;
    }
    assert!(Command::new("bash").arg(&script).status().unwrap().success(), "the image is built");
    let world = World::new().await;
    let module = script.parent().unwrap().display().to_string();
    let mut job = world.lilypad.job(module).input("Name", "lilypad").submit().await.unwrap();
    let output = job.output().await.unwrap();
    assert!(output.stdout().contains("lilypad"), "{}", output.stdout());
    let written = std::fs::read_to_string(output.dir().join("outputs/hello.txt")).unwrap();
    assert!(written.contains("lilypad"), "{written}");
    world.assert_escrow_is_empty().await;
}

fn has_docker() -> bool {
    Command::new("docker").arg("version").output().is_ok_and(|out| out.status.success())
}

fn anvil() -> Option<std::path::PathBuf> {
    let named = std::env::var_os("ANVIL").map(Into::into).filter(|p: &std::path::PathBuf| p.is_file());
    named.or_else(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Some(root.join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")).filter(|p| p.is_file())
    })
}

fn skip(why: &str) {
    let required = ["CI", "LILYPAD_REQUIRE_PARTS"].iter().any(|v| std::env::var(v).is_ok_and(|v| !v.is_empty()));
    assert!(!required, "{why}");
    crate::skipped(format_args!("{why}"));
}
