//! `lilypad devnet` in one process, jobs from others.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use lilypad_sdk::{types::U256, wallet::Wallet};
use serde_json::Value;

use crate::{
    local::message,
    support::{Devnet, anvil, finish, guest_module, lilypad, tokens},
};

const MODULE: &str = "cowsay:v0.0.4";

fn settles_three_jobs_at_once(devnet: &Devnet) {
    let provider = devnet.info["providers"][0].as_str().unwrap().to_owned();
    let creator = devnet.text("job_creator").to_owned();
    let before = (devnet.tokens(&provider), devnet.tokens(&creator));
    let jobs: Vec<(String, Child)> = (0..3)
        .map(|index| {
            let message = format!("{} {index}", message());
            let input = format!("Message={message}");
            let words = ["run", "-n", "local", "--output", "json", MODULE, "-i", &input];
            let child = devnet.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            (message, child)
        })
        .collect();
    let mut paid = U256::ZERO;
    for (message, child) in jobs {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
        let json: Value = serde_json::from_str(&text).unwrap();
        assert!(json["stdout"].as_str().unwrap().contains(&message), "{json:#}");
        let settlement = &json["settlement"];
        assert!(settlement["escrow_after"].as_object().unwrap().values().all(|left| left == "0"), "{settlement:#}");
        for payment in settlement["payments"].as_array().unwrap() {
            if payment["direction"] == "PaidOut" && payment["to"].as_str().unwrap().eq_ignore_ascii_case(&provider) {
                paid += payment["amount_wei"].as_str().unwrap().parse::<U256>().unwrap();
            }
        }
    }
    assert!(paid > U256::ZERO);
    assert_eq!(devnet.tokens(&provider), before.0 + paid, "the provider has what the receipts say");
    assert_eq!(devnet.tokens(&creator), before.1 - paid, "the creator has the rest");
}

#[test]
fn three_jobs_at_once_with_one_key_settle_on_the_embedded_chain() {
    settles_three_jobs_at_once(&Devnet::start(&[], &[]));
}

#[test]
fn three_jobs_at_once_with_one_key_settle_on_anvil() {
    let Some(program) = anvil() else { return };
    settles_three_jobs_at_once(&Devnet::start(&["--chain", "anvil"], &[("ANVIL", program.as_path())]));
}

#[test]
fn an_anvil_ends_with_a_devnet_that_is_killed() {
    let Some(program) = anvil() else { return };
    let mut devnet = Devnet::start(&["--chain", "anvil"], &[("ANVIL", program.as_path())]);
    let address = devnet.text("rpc_url").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listens = || std::net::TcpStream::connect(&address).is_ok();
    assert!(listens());
    devnet.kill();
    let end = Instant::now() + Duration::from_secs(20);
    while listens() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!listens(), "anvil still listens on {address}");
}

#[test]
fn what_a_killed_devnet_leaves_goes_with_the_next_one() {
    let mut devnet = Devnet::start(&[], &[]);
    assert_eq!(devnet.run(&[MODULE]).code, Some(0));
    let journal = devnet.home.path().join(format!("state/lilypad/creator-{}.sqlite", devnet.text("genesis")));
    let state = devnet.home.path().join("state/lilypad");
    let stores = || std::fs::read_dir(&state).unwrap().flatten();
    let folders = || stores().filter(|entry| entry.file_name().to_string_lossy().starts_with("devnet-")).count();
    assert!(journal.exists() && folders() == 1);
    let again = devnet.run(&[MODULE]);
    assert!(again.code == Some(0) && journal.exists(), "while it lives everything stays: {again:?}");
    devnet.kill();
    assert!(journal.exists() && folders() == 1, "it could not clean up");
    let finished = devnet.run(&[MODULE]);
    assert_eq!(finished.code, Some(0), "a network of its own: {finished:?}");
    assert!(!journal.exists() && folders() == 0);
}

#[test]
fn a_devnet_that_lives_but_does_not_answer_is_said() {
    let devnet = Devnet::start(&[], &[]);
    let home = tempfile::tempdir().unwrap();
    let dead = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    crate::interrupts::announce(home.path(), &devnet, &dead);
    let (pid, file) = (devnet.info["pid"].to_string(), home.path().join("state/lilypad/devnet.json"));
    for verb in [&["run", "-n", "local", MODULE][..], &["devnet"], &["jobs", "attach", "-n", "local", "Qm"]] {
        let finished = finish(lilypad(home.path()).args(verb));
        finished.assert_fails(5, &format!("process {pid}, which {}", file.display()), &format!("kill {pid}"));
    }
    assert!(file.exists());
}

#[test]
fn failures_cost_nothing_and_say_why() {
    let devnet = Devnet::start(&[], &[]);
    let creator = devnet.text("job_creator").to_owned();
    let provider = devnet.info["providers"][0].as_str().unwrap().to_owned();
    let before = (devnet.tokens(&creator), devnet.tokens(&provider));
    let home = devnet.home.path();
    guest_module(home, "loop", r#""executionTimeoutSeconds": 1,"#);
    guest_module(home, "memory", "");
    devnet.run(&["./module-loop"]).assert_fails(3, "time limit", "executionTimeoutSeconds");
    devnet.run(&["./module-memory"]).assert_fails(1, "memory", "Memory");
    guest_module(home, "hello", r#""machine": { "cpu": 99000000, "ram": 100 },"#);
    devnet.run(&["./module-hello"]).assert_fails(3, "no provider matched", "machine needs");
    // The existing network cancels such a job at once, and so do we.
    devnet.run(&[MODULE, "-t", "0x000000000000000000000000000000000000dEaD"]).assert_fails(1, "cancelled", "");
    assert_eq!((devnet.tokens(&creator), devnet.tokens(&provider)), before, "nothing was paid, nothing is locked");
    assert_eq!((devnet.escrow(&creator), devnet.escrow(&provider)), (U256::ZERO, U256::ZERO));
}

#[test]
fn a_deal_above_the_limit_is_refused_and_the_provider_gets_its_collateral_back() {
    let devnet = Devnet::start(&[], &[]);
    let creator = devnet.text("job_creator").to_owned();
    let provider = devnet.info["providers"][0].as_str().unwrap().to_owned();
    let before = (devnet.tokens(&creator), devnet.tokens(&provider));
    let refused = "the provider asks for a price of 1 LP, at most 0 LP are allowed";
    devnet.run(&[MODULE, "--max-price", "0"]).assert_fails(1, refused, "--max-price");
    devnet.run(&[MODULE, "--pricing-instruction-price", "0"]).assert_fails(1, refused, "--pricing-instruction-price");
    devnet.run(&[MODULE, "--pricing-payment-collateral", "0"]).assert_fails(
        1,
        "a payment collateral of 2 LP",
        "--pricing-payment-collateral",
    );
    assert_eq!(devnet.tokens(&creator), before.0, "the creator locked nothing");
    // The provider may have agreed already; what it locked comes back with the time-out of the agreement.
    devnet.pass(Duration::from_secs(61));
    settled(&devnet, &provider, before.1);
}

#[test]
fn a_job_that_exits_7_is_paid_and_delivered() {
    let devnet = Devnet::start(&[], &[]);
    let provider = devnet.info["providers"][0].as_str().unwrap().to_owned();
    let before = devnet.tokens(&provider);
    guest_module(devnet.home.path(), "exit7", "");
    devnet.run(&["./module-exit7"]).assert_fails(1, "the job exited with code 7", "cat ");
    assert!(devnet.tokens(&provider) > before);
}

#[test]
fn a_key_without_ether_is_told_so() {
    let devnet = Devnet::start(&[], &[]);
    let poor = Wallet::dev(9).unwrap().address().to_string();
    // The tenth development account; the embedded chain gives it ether, so it lacks tokens only.
    let key = "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6";
    let finished = finish(devnet.command(&["run", "-n", "local", MODULE]).env("WEB3_PRIVATE_KEY", key));
    finished.assert_fails(4, &poor, "WEB3_PRIVATE_KEY");
    assert!(finished.stderr.contains("0 LP"), "{finished:?}");
    let random = "0x00000000000000000000000000000000000000000000000000000000000abcde";
    let finished = finish(devnet.command(&["run", "-n", "local", MODULE]).env("WEB3_PRIVATE_KEY", random));
    finished.assert_fails(4, "0 ETH", "WEB3_PRIVATE_KEY");
}

#[test]
fn the_key_of_a_service_creates_no_jobs() {
    let devnet = Devnet::start(&[], &[]);
    let keys = [
        (2, "solver", "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
        (3, "mediator", "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
        (4, "provider", "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    ];
    for (account, role, key) in keys {
        let address = Wallet::dev(account).unwrap().address().to_string();
        let before = devnet.tokens(&address);
        let finished = finish(devnet.command(&["run", "-n", "local", MODULE]).env("WEB3_PRIVATE_KEY", key));
        finished.assert_fails(2, &format!("account {address} is a {role} of network local"), "WEB3_PRIVATE_KEY");
        assert!(!finished.stdout.contains("🤝"), "nothing was submitted: {finished:?}");
        assert_eq!(devnet.tokens(&address), before);
    }
}

#[test]
fn a_controller_of_ones_own_names_the_other_contracts() {
    let devnet = Devnet::start(&[], &[]);
    let id = devnet.info["chain_id"].to_string();
    let words = ["run", "-n", "dev", MODULE, "--web3-rpc-url", devnet.text("rpc_url"), "--web3-chain-id", &id];
    let key = ("WEB3_PRIVATE_KEY", "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba");
    let run = |more: &[&str]| finish(devnet.command(&words).args(more).env(key.0, key.1));
    // The solver's address is looked up in the directory that this controller names; the preset's is not on this chain.
    let found = format!("the solver at {} is another one than expected", devnet.text("solver_url"));
    run(&["--web3-controller-address", devnet.text("controller")]).assert_fails(2, &found, "the solver's address");
    run(&["--web3-controller-address", devnet.text("token")]).assert_fails(2, "", "contract addresses");
    run(&[]).assert_fails(2, "no contract", "contract addresses");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = tempfile::tempdir().unwrap();
    let finished = finish(lilypad(home.path()).args(["devnet", "--port", &port]));
    // The chain's port is the next one, and another test may have that.
    finished.assert_fails(5, "cannot listen on 127.0.0.1:", "another program uses port");
    let finished = finish(lilypad(home.path()).args(["devnet", "--listen", "0.0.0.0"]));
    finished.assert_fails(2, "0.0.0.0", "127.0.0.1");
}

/// Starts a job and sends Ctrl-C when `stage` is printed.
fn interrupted_at(devnet: &Devnet, module: &str, stage: &str) -> (Option<i32>, String) {
    let mut child =
        devnet.command(&["run", "-n", "local", module]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with(stage));
    assert!(seen, "the job never came to {stage}");
    crate::support::signal(&child, "INT");
    // The pipe is read on, or the program would wait for its reader.
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn ctrl_c_before_the_deal_cancels_and_after_it_lets_go() {
    let devnet = Devnet::start(&[], &[]);
    let creator = devnet.text("job_creator").to_owned();
    let before = devnet.tokens(&creator);
    guest_module(devnet.home.path(), "loop", r#""executionTimeoutSeconds": 3,"#);

    let (code, stderr) = interrupted_at(&devnet, MODULE, "🌟");
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.starts_with("Error: interrupted"), "{stderr}");

    let (code, stderr) = interrupted_at(&devnet, "./module-loop", "💌");
    assert_eq!(code, Some(130), "{stderr}");
    let attach =
        stderr.lines().find_map(|line| line.split("lilypad jobs attach ").nth(1)).expect("how to take it up again");
    let words: Vec<&str> = ["jobs", "attach"].into_iter().chain(attach.split_whitespace()).collect();
    finish(&mut devnet.command(&words)).assert_fails(3, "time limit", "");
    settled(&devnet, &creator, before);
}

#[test]
fn detached_jobs_can_be_taken_up_again() {
    let devnet = Devnet::start(&[], &[]);
    let finished = devnet.run(&[MODULE, "--detach", "--output", "json"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let json: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(json["event"], "detached");
    let id = json["deal_id"].as_str().unwrap();
    let attached = finish(&mut devnet.command(&["jobs", "attach", "-n", "local", id, "--output", "json"]));
    assert_eq!((attached.code, attached.stderr.as_str()), (Some(0), ""), "{attached:?}");
    let json: Value = serde_json::from_str(&attached.stdout).unwrap();
    assert!(json["stdout"].as_str().unwrap().contains("(oo)"), "{json:#}");
    finish(&mut devnet.command(&["jobs", "attach", "-n", "local", "QmNoSuchJob"])).assert_fails(
        2,
        "QmNoSuchJob",
        "lilypad run",
    );
}

/// Waits until a balance is back, which a transaction under way may take a moment to bring about.
fn settled(devnet: &Devnet, address: &str, expected: U256) {
    let end = Instant::now() + Duration::from_secs(15);
    while devnet.tokens(address) != expected && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(devnet.tokens(address), expected);
}

#[test]
fn the_devnet_tells_people_where_it_is_and_ends_on_ctrl_c() {
    let home = tempfile::tempdir().unwrap();
    let mut child = lilypad(home.path()).args(["devnet", "-q"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut text = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        text.push_str(&line);
        text.push('\n');
        if line == "Ctrl-C stops it." {
            break;
        }
    }
    for needle in
        ["export WEB3_RPC_URL=http://127.0.0.1:", "export WEB3_PRIVATE_KEY=0x", "lilypad run -n local", "solver "]
    {
        assert!(text.contains(needle), "{needle} in {text}");
    }
    let exports: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.trim().strip_prefix("export ")?.split_once('=')).collect();
    let value = |name: &str| exports.iter().find(|export| export.0 == name).unwrap().1;
    let creator = Wallet::from_private_key(value("WEB3_PRIVATE_KEY")).unwrap().address().to_string();
    let id = value("WEB3_CHAIN_ID").parse().unwrap();
    let tokens = || tokens(value("WEB3_RPC_URL"), id, value("WEB3_CONTROLLER_ADDRESS"), &creator);
    let before = tokens();
    let finished = finish(lilypad(home.path()).args(["run", MODULE]).envs(exports.iter().copied()));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    assert!(tokens() < before, "the job was paid on this network, with this key");
    crate::support::signal(&child, "INT");
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!Path::new(&home.path().join("state/lilypad/devnet.json")).exists(), "its announcement goes with it");
}

#[test]
fn a_network_that_dies_under_a_job_is_said() {
    let mut devnet = Devnet::start(&[], &[]);
    let home = tempfile::tempdir().unwrap();
    let module = guest_module(&home.path().join("loop"), "loop", r#""executionTimeoutSeconds": 60,"#);
    let mut command = devnet.command(&["run", "-n", "local", &module.display().to_string()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().contains("Deal agreed")));
    devnet.kill();
    assert!(!lines.any(|line| line.unwrap().contains("accepted")));
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("attach"), "{stderr}");
}
