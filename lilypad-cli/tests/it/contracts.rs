//! `lilypad contracts` on real chains: anvil and the devnet.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::{Devnet, Finished, anvil, finish, lilypad, tokens};

/// The first two of the keys that every development chain knows.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OTHER_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// Nobody's.
const POOR_KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const CONTROLLER: &str = "0x68B1D87F95878fE05B998F19b66F4baba5De1aed";
const ACCOUNT: &str = "0x00000000000000000000000000000000000ACC07";
/// Tokens that a new account on `local` gets.
const GIFT: &str = "100000000000000000000000";

/// An anvil on a free port, ended with this value.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
}

impl Node {
    pub(crate) fn start(words: &[&str]) -> Option<Self> {
        let mut child = Command::new(anvil()?)
            .args(["--port", "0", "--host", "127.0.0.1"])
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("anvil says where it listens").unwrap();
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{}", address.trim());
            }
        };
        // anvil ends when nobody reads what it prints.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, url })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(home: &Path, words: &[&str], url: &str) -> Command {
    let mut command = lilypad(home);
    command.arg("contracts").args(words).args(["-n", "local", "--web3-rpc-url", url]);
    command
}

fn contracts(home: &Path, words: &[&str], url: &str) -> Finished {
    finish(&mut command(home, words, url))
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

#[test]
fn a_set_is_deployed_verified_shown_and_used_on_anvil() {
    let Some(node) = Node::start(&[]) else { return };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let deployed = json(&contracts(home, &["deploy", "--output", "json"], &node.url));
    assert_eq!((&deployed["event"], &deployed["transactions"]), (&"deployed".into(), &23.into()), "{deployed:#}");
    let controller = deployed["deployment"]["contracts"]["LilypadController"]["address"].as_str().unwrap();
    assert!(controller.eq_ignore_ascii_case(CONTROLLER), "{controller}");
    let file: Value = serde_json::from_slice(&std::fs::read(home.join("deployments/local.json")).unwrap()).unwrap();
    assert_eq!(file, deployed["deployment"]);

    let again = contracts(home, &["deploy"], &node.url);
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""), "{again:?}");
    assert!(again.stdout.contains("nothing was sent"), "{again:?}");

    let verified = contracts(home, &["verify"], &node.url);
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    assert!(verified.stdout.contains("no difference") && !verified.stdout.contains("DIFFER"), "{verified:?}");
    let verified = json(&contracts(home, &["verify", "--output", "json"], &node.url));
    assert!(verified["checks"].as_array().unwrap().iter().all(|check| check["holds"] == true), "{verified:#}");
    assert_eq!((&verified["event"], &verified["error"]), (&"verified".into(), &Value::Null));

    let shown = contracts(home, &["show"], &node.url);
    assert!(shown.code == Some(0) && shown.stdout.contains(CONTROLLER), "{shown:?}");
    let shown = json(&contracts(home, &["show", "--output", "json"], &node.url));
    assert_eq!((shown["contracts"].as_array().unwrap().len(), &shown["complete"]), (11, &true.into()), "{shown:#}");

    let funded = contracts(home, &["fund", ACCOUNT], &node.url);
    assert_eq!((funded.code, funded.stderr.as_str()), (Some(0), ""), "{funded:?}");
    assert_eq!(tokens(&node.url, 31_337, CONTROLLER, ACCOUNT).to_string(), GIFT);
    let funded = json(&contracts(home, &["fund", ACCOUNT, "--lp", "0.5", "--output", "json"], &node.url));
    assert_eq!((&funded["tokens"]["amount_wei"], &funded["ether"]), (&"500000000000000000".into(), &Value::Null));

    // Without the file the set is found where the account's first transactions put it.
    std::fs::remove_file(home.join("deployments/local.json")).unwrap();
    let found = json(&contracts(home, &["deploy", "--output", "json"], &node.url));
    assert_eq!((&found["transactions"], &found["deployment"]["complete"]), (&0.into(), &true.into()), "{found:#}");
    assert_eq!(contracts(home, &["verify"], &node.url).code, Some(0));
}

#[test]
fn a_deployment_that_was_killed_goes_on() {
    // Slow blocks, so that there is something to interrupt.
    let Some(node) = Node::start(&["--block-time", "0.2"]) else { return };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = home.join("deployments/local.json");
    let known = || std::fs::read_to_string(&file).map_or(0, |text| text.matches("code_hash").count());
    for contracts_before_the_end in [1, 4, 7] {
        let mut child = command(home, &["deploy"], &node.url).stdout(Stdio::null()).spawn().unwrap();
        while known() < contracts_before_the_end {
            assert!(child.try_wait().unwrap().is_none_or(|status| status.success()), "it failed by itself");
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let unfinished = contracts(home, &["fund", ACCOUNT], &node.url);
    unfinished.assert_fails(2, "its deployment is not finished", "lilypad contracts deploy -n local goes on with it");
    let resumed = json(&contracts(home, &["deploy", "--output", "json"], &node.url));
    let controller = resumed["deployment"]["contracts"]["LilypadController"]["address"].as_str().unwrap();
    assert!(controller.eq_ignore_ascii_case(CONTROLLER), "one transaction a step: {resumed:#}");
    let verified = contracts(home, &["verify"], &node.url);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn the_contracts_of_a_devnet_are_found() {
    let devnet = Devnet::start(&[], &[]);
    let on = |words: &[&str]| finish(&mut devnet.command(&[&["contracts"], words, &["-n", "local"]].concat()));
    let shown = on(&["show"]);
    assert!(shown.code == Some(0) && shown.stdout.contains("LilypadController"), "without a file: {shown:?}");
    on(&["verify"]).assert_fails(2, "deployments/local.json: there is no such file", "lilypad contracts deploy");
    let found = json(&on(&["deploy", "--output", "json"]));
    assert_eq!(found["transactions"], 0, "{found:#}");
    let verified = on(&["verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let before = devnet.tokens(devnet.text("job_creator"));
    let creator = devnet.text("job_creator").to_owned();
    assert_eq!(on(&["fund", &creator, "--lp", "3"]).code, Some(0));
    assert_eq!((devnet.tokens(&creator) - before).to_string(), "3000000000000000000");
}

#[test]
fn differences_and_bad_files_are_named() {
    let Some(node) = Node::start(&[]) else { return };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = home.join("deployments/local.json");
    assert_eq!(contracts(home, &["deploy"], &node.url).code, Some(0));
    let good = std::fs::read_to_string(&file).unwrap();
    let with = |from: &str, to: &str| std::fs::write(&file, good.replacen(from, to, usize::MAX)).unwrap();

    // Another address, where there is no code.
    let record: Value = serde_json::from_str(&good).unwrap();
    let users = record["contracts"]["LilypadUsers"]["address"].as_str().unwrap();
    with(users, ACCOUNT);
    let differs = contracts(home, &["verify", "--output", "json"], &node.url);
    let document = json(&differs);
    assert_eq!(
        (differs.code, &document["event"], &document["error"]["exit_code"]),
        (Some(1), &"failed".into(), &1.into())
    );
    let first = document["checks"].as_array().unwrap().iter().find(|check| check["holds"] == false).unwrap();
    assert_eq!(first["what"], "LilypadUsers code", "{first:#}");
    contracts(home, &["verify"], &node.url).assert_fails(1, "LilypadUsers code is no code at", "version");
    contracts(home, &["deploy"], &node.url).assert_fails(2, "LilypadUsers", "");

    for broken in ["", "{}", &good[..good.len() / 2]] {
        std::fs::write(&file, broken).unwrap();
        for verb in [&["deploy"][..], &["verify"], &["show"], &["fund", ACCOUNT]] {
            contracts(home, verb, &node.url).assert_fails(2, "deployments/local.json: ", "--deployments");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), broken, "it stays as it was");
    }

    // Another chain of the same id.
    std::fs::write(&file, &good).unwrap();
    let Some(elsewhere) = Node::start(&["--timestamp", "1700000000"]) else { return };
    contracts(home, &["deploy"], &elsewhere.url).assert_fails(2, "it is of another chain", "--deployments");
    contracts(home, &["show"], &elsewhere.url).assert_fails(2, "it is of another chain", "--deployments");
    contracts(home, &["verify"], &elsewhere.url).assert_fails(1, "first block", "--web3-rpc-url");
    // Another key.
    let other = [("WEB3_PRIVATE_KEY", OTHER_KEY)];
    finish(command(home, &["deploy"], &node.url).envs(other)).assert_fails(2, "this key is that of", "deployer's key");
}

#[test]
fn what_a_person_can_get_wrong() {
    let Some(node) = Node::start(&[]) else { return };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let dead = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());

    contracts(home, &["deploy"], &dead).assert_fails(5, "network local can't be reached", "--web3-rpc-url");
    finish(lilypad(home).args(["contracts", "deploy", "-n", "local"])).assert_fails(
        5,
        "no lilypad devnet",
        "lilypad devnet",
    );
    contracts(home, &["verify"], &node.url).assert_fails(
        2,
        "there is no such file",
        "lilypad contracts deploy -n local",
    );
    contracts(home, &["show"], &node.url).assert_fails(
        2,
        "there are no contracts",
        "lilypad contracts deploy -n local",
    );
    // No code at the token's address.
    contracts(home, &["fund", ACCOUNT], &node.url).assert_fails(2, "there is no contract Token", "");
    // No ether.
    let poor = finish(command(home, &["deploy"], &node.url).env("WEB3_PRIVATE_KEY", POOR_KEY));
    poor.assert_fails(4, "has 0 ETH", "send ETH for gas to");
    std::fs::remove_dir_all(home.join("deployments")).unwrap();

    assert_eq!(contracts(home, &["deploy"], &node.url).code, Some(0));
    let poor = |words: &[&str]| finish(command(home, words, &node.url).env("WEB3_PRIVATE_KEY", POOR_KEY));
    poor(&["fund", ACCOUNT, "--lp", "1"]).assert_fails(4, "has 0 LP", "send LP to");
    poor(&["fund", ACCOUNT, "--eth", "1"]).assert_fails(4, "has 0 ETH", "send ETH");
    contracts(home, &["fund", ACCOUNT, "--eth", "0", "--lp", "0"], &node.url).assert_fails(
        2,
        "nothing to send",
        "--eth 0.1",
    );
    for (words, needle) in [
        (&["fund", "0x12"][..], "invalid value for ADDRESS"),
        (&["fund", "0x0000000000000000000000000000000000000000"], "nobody's"),
        (&["fund", ACCOUNT, "--eth", "much"], "invalid value for --eth"),
        (&["fund", ACCOUNT, "--lp", "-1"], "invalid value for --lp"),
        (&["deploy", "--treasury", "me"], "invalid value for --treasury"),
        (&["deploy", "--job-service", "0x0000000000000000000000000000000000000000"], "invalid value for --job-service"),
    ] {
        contracts(home, words, &node.url).assert_fails(2, needle, "");
    }
    finish(lilypad(home).args(["contracts"])).assert_fails(2, "needs a subcommand", "deploy, verify, show, fund");

    // Networks of others: their chain, a key, and amounts in so many words.
    let testnet = |words: &[&str]| {
        finish(
            lilypad(home)
                .args([&["contracts"], words, &["--web3-rpc-url", &node.url]].concat())
                .env("WEB3_PRIVATE_KEY", KEY),
        )
    };
    testnet(&["deploy"]).assert_fails(2, "serves chain 31337, not 421614", "421614");
    testnet(&["fund", ACCOUNT]).assert_fails(2, "nothing to send", "--eth 0.1");
    finish(lilypad(home).args(["contracts", "deploy"])).assert_fails(2, "WEB3_PRIVATE_KEY is required", "");
    assert!(!home.join("deployments/testnet.json").exists());
}
