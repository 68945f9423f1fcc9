//! Every row of the list of bad input, on a network that runs: what is said, how the program ends, and that everybody has
//! their tokens afterwards.

use std::{net::TcpListener, path::Path, process::Command};

use lilypad_sdk::{types::U256, wallet::Wallet};
use serde_json::Value;

use crate::support::{Devnet, Finished, docker, finish, guest_module};

const MODULE: &str = "cowsay:v0.0.4";
/// The sixth key that every development chain knows: the devnet's account for creators.
const KEY: &str = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";

/// A devnet, and what its creator and its provider had when it began.
struct Ledger {
    devnet: Devnet,
    creator: String,
    provider: String,
    before: (U256, U256),
}

impl Ledger {
    fn new() -> Self {
        let devnet = Devnet::start(&[], &[]);
        let creator = devnet.text("job_creator").to_owned();
        let provider = devnet.info["providers"][0].as_str().unwrap().to_owned();
        let before = (devnet.tokens(&creator), devnet.tokens(&provider));
        Self { devnet, creator, provider, before }
    }

    /// Runs `words` and asserts how they fail, and that not a token has moved or is locked.
    #[track_caller]
    fn costs_nothing(&self, command: &mut Command, code: i32, needle: &str, hint: &str) -> Finished {
        let finished = finish(command);
        finished.assert_fails(code, needle, hint);
        self.assert_balances(U256::ZERO, &finished);
        finished
    }

    #[track_caller]
    fn assert_balances(&self, paid: U256, finished: &Finished) {
        let devnet = &self.devnet;
        let now = (devnet.tokens(&self.creator), devnet.tokens(&self.provider));
        assert_eq!(now, (self.before.0 - paid, self.before.1 + paid), "{finished:?}");
        for account in [&self.creator, &self.provider] {
            assert_eq!(devnet.escrow(account), U256::ZERO, "{account} has something locked; {finished:?}");
        }
    }

    fn run(&self, words: &[&str]) -> Command {
        self.devnet.command(&[&["run"], words].concat())
    }

    fn module(&self, name: &str, template: &str) {
        let folder = self.devnet.home.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("lilypad_module.json.tmpl"), template).unwrap();
    }
}

#[test]
fn what_is_wrong_before_the_job_costs_nothing() {
    let ledger = Ledger::new();
    let phrase = "test test test test test test test test test test test junk";
    let local = |words: &[&str]| ledger.run(&[&["-n", "local"], words].concat());
    ledger.costs_nothing(&mut ledger.run(&["-n", "mainnet", MODULE]), 2, "network mainnet does not exist", "-n local");
    let key = |key: &str| {
        let mut command = local(&[MODULE]);
        command.env("WEB3_PRIVATE_KEY", key);
        command
    };
    ledger.costs_nothing(&mut key("0x12"), 2, "64 hexadecimal characters", "key");
    ledger.costs_nothing(&mut key(phrase), 2, "seed phrase (12 words)", "key");
    ledger.costs_nothing(&mut local(&["cowsay"]), 2, "invalid module reference \"cowsay\"", "NAME:TAG");
    // Git, told to go through a port where nobody listens: as without internet.
    let config = ledger.devnet.home.path().join(".gitconfig");
    std::fs::write(config, "[http]\n\tproxy = http://127.0.0.1:1\n").unwrap();
    ledger.costs_nothing(&mut local(&["no-such-module-anywhere:v1"]), 5, "no-such-module-anywhere", "connection");
    ledger.costs_nothing(&mut local(&["cowsay:v9.9.9"]), 2, "\"v9.9.9\"", "v0.0.4");
    ledger.costs_nothing(&mut local(&["./absent"]), 2, "./absent does not exist", "folder");
    ledger.module("broken", "{{ .Message ");
    ledger.module("text", "no JSON");
    ledger.module("asks", r#"{"job": {{ .Job }}}"#);
    ledger.module("wrong", r#"{"machine": {"cpu": "many"}, "job": {}}"#);
    ledger.module("engineless", r#"{"machine": {}, "job": {"APIVersion": "V1beta1", "Spec": {}}}"#);
    ledger.costs_nothing(&mut local(&["./broken"]), 2, "./broken does not render", "correct the template");
    ledger.costs_nothing(&mut local(&["./text"]), 2, "./text renders to no JSON", "no JSON");
    ledger.costs_nothing(&mut local(&["./asks"]), 2, "./asks renders to no JSON", "-i Job=");
    ledger.costs_nothing(&mut local(&["./wrong"]), 2, "module ./wrong: machine.cpu", "correct that member");
    ledger.costs_nothing(&mut local(&["./engineless"]), 2, "no engine", "Docker.Image");
    ledger.costs_nothing(&mut local(&[MODULE, "-i", "moo"]), 2, "moo", "-i NAME=VALUE");
    ledger.costs_nothing(&mut local(&[MODULE, "--inputs-path", "/absent"]), 2, "/absent", "--inputs-path");
    ledger.costs_nothing(&mut local(&[MODULE, "--max-price", "x"]), 2, "--max-price", "a whole number");
}

#[test]
fn accounts_that_cannot_pay_are_told_so_and_keep_what_they_have() {
    let ledger = Ledger::new();
    let with = |key: &str| {
        let mut command = ledger.run(&["-n", "local", MODULE]);
        command.env("WEB3_PRIVATE_KEY", key);
        command
    };
    let nobody = "0x00000000000000000000000000000000000000000000000000000000000abcde";
    ledger.costs_nothing(&mut with(nobody), 4, "has 0 ETH", "WEB3_PRIVATE_KEY");
    // The tenth development account; the embedded chain gives it ether, so it lacks tokens only.
    let poor = "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6";
    ledger.costs_nothing(&mut with(poor), 4, "has 0 LP", "WEB3_PRIVATE_KEY");
    let address = Wallet::dev(9).unwrap().address().to_string();
    assert_eq!((ledger.devnet.tokens(&address), ledger.devnet.escrow(&address)), (U256::ZERO, U256::ZERO));
}

#[test]
fn what_goes_wrong_in_a_job_costs_nothing() {
    let ledger = Ledger::new();
    let home = ledger.devnet.home.path();
    let local = |module: &str| ledger.run(&["-n", "local", module]);
    guest_module(home, "loop", r#""executionTimeoutSeconds": 1,"#);
    ledger.costs_nothing(&mut local("./module-loop"), 3, "time limit", "executionTimeoutSeconds");
    guest_module(home, "memory", "");
    ledger.costs_nothing(&mut local("./module-memory"), 1, "memory", "Resources.Memory");
    let json = ["-n", "local", "--output", "json", "./module-memory"];
    let told = ledger.costs_nothing(&mut ledger.run(&json), 1, "memory", "Resources.Memory");
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        (told["event"].as_str(), told["state"].as_str()),
        (Some("failed"), Some("TimeoutSubmitResults")),
        "{told:#}"
    );
    let settlement = &told["settlement"];
    assert!(settlement["txs"]["resource_provider.give_up"].is_string(), "{told:#}");
    assert!(settlement["escrow_after"].as_object().unwrap().values().all(|left| left == "0"), "{told:#}");
    guest_module(home, "hello", r#""machine": { "cpu": 99000000, "ram": 100 },"#);
    ledger.costs_nothing(&mut local("./module-hello"), 3, "no provider matched", "machine needs");
    let nobody = "0x000000000000000000000000000000000000dEaD";
    ledger.costs_nothing(&mut ledger.run(&["-n", "local", MODULE, "-t", nobody]), 1, nobody, "--target");
}

#[test]
fn a_missing_image_costs_nothing() {
    if !docker() {
        return;
    }
    let ledger = Ledger::new();
    let image = "nope.invalid/nope:1";
    let job = format!(r#"{{"Spec": {{"Engine": "Docker", "Docker": {{"Image": "{image}"}}}}}}"#);
    ledger.module("imageless", &format!(r#"{{"machine": {{}}, "job": {job}}}"#));
    ledger.costs_nothing(&mut ledger.run(&["-n", "local", "./imageless"]), 1, image, "build or pull the image");
}

#[test]
fn a_job_that_exits_7_costs_its_price_and_no_more() {
    let ledger = Ledger::new();
    guest_module(ledger.devnet.home.path(), "exit7", "");
    let finished = finish(&mut ledger.run(&["-n", "local", "./module-exit7", "--output", "json"]));
    finished.assert_fails(1, "the job exited with code 7", "cat ");
    let json: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&json["stdout"], &json["stderr"]), (&"to stdout\n".into(), &"to stderr\n".into()));
    ledger.assert_balances(json["price"]["wei"].as_str().unwrap().parse().unwrap(), &finished);
}

#[test]
fn networks_that_cannot_be_reached_cost_nothing() {
    let ledger = Ledger::new();
    let dead = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let mut testnet = ledger.run(&[MODULE, "--web3-rpc-url", &dead]);
    ledger.costs_nothing(testnet.env("WEB3_PRIVATE_KEY", KEY), 5, "network testnet can't be reached", "-n local");

    // A second network on the same chain loses its solver; its chain and contracts stay.
    let rpc = ledger.devnet.text("rpc_url").to_owned();
    let mut other = Devnet::start(&["--chain", &rpc], &[]);
    let (solver, controller) = (other.text("solver_url").to_owned(), other.text("controller").to_owned());
    other.kill();
    let id = other.info["chain_id"].to_string();
    let place = ["--web3-rpc-url", &rpc, "--web3-chain-id", &id, "--web3-controller-address", &controller];
    let mut run = other.command(&[&["run", "-n", "dev", MODULE], &place[..]].concat());
    finish(run.env("WEB3_PRIVATE_KEY", KEY)).assert_fails(5, &solver, "-n local");
    for account in [&ledger.creator, &ledger.provider] {
        assert_eq!(other.escrow_at(&rpc, account), U256::ZERO);
    }
    assert!(!Path::new(&other.home.path().join("data/downloaded-files")).exists());
}
