//! What a person can get wrong before anything is connected: one line that names it, a way out, the right exit code.

use std::{net::TcpListener, path::Path};

use serde_json::Value;

use crate::support::{Finished, finish, lilypad, run};

/// The first of the ten keys that every development chain knows.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const MODULE: &str = "cowsay:v0.0.4";

fn with_key<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("WEB3_PRIVATE_KEY", KEY)].iter().chain(more).copied().collect()
}

#[test]
fn unknown_network() {
    run(&["run", "-n", "mainnet", MODULE], &with_key(&[])).assert_fails(
        2,
        "network mainnet does not exist",
        "testnet, demonet, devnet, dev, local",
    );
}

#[test]
fn no_key() {
    run(&["run", MODULE], &[]).assert_fails(2, "WEB3_PRIVATE_KEY is required", "-n local");
    run(&["run", MODULE], &[("WEB3_PRIVATE_KEY", "")]).assert_fails(2, "WEB3_PRIVATE_KEY is required", "export");
}

#[test]
fn malformed_keys_are_described_and_never_repeated() {
    let phrase = "test test test test test test test test test test test junk";
    let cases = [
        (phrase, "this looks like a seed phrase (12 words)"),
        (&phrase.replace(' ', ", "), "this looks like a seed phrase (12 words)"),
        (&phrase.replace(' ', ","), "this looks like a seed phrase (12 words)"),
        ("ac0974", "64 hexadecimal characters, this one has 6"),
        ("zz0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", "character 1"),
        ("0000000000000000000000000000000000000000000000000000000000000000", "range of valid keys"),
    ];
    for (key, needle) in cases {
        for finished in [
            run(&["run", MODULE], &[("WEB3_PRIVATE_KEY", key)]),
            run(&["run", MODULE, "--web3-private-key", key], &[]),
            run(&["run", "-n", "local", MODULE, "--web3-private-key", key], &[]),
        ] {
            finished.assert_fails(2, needle, "key");
            assert!(!finished.stderr.contains(key) && !finished.stdout.contains(key), "{finished:?}");
        }
    }
    run(&["run", MODULE], &[("WEB3_PRIVATE_KEY", "ac0974")]).assert_fails(2, "WEB3_PRIVATE_KEY: ", "");
    run(&["run", MODULE, "--web3-private-key", "ac0974"], &[]).assert_fails(2, "--web3-private-key: ", "");
}

#[test]
fn no_module_or_a_malformed_one() {
    run(&["run"], &with_key(&[])).assert_fails(2, "module name is empty", "cowsay:v0.0.4");
    for module in ["cowsay", "a:b:c", ":v1", "cowsay:", "http://github.com/a/b:v1", "cow say:v1", "github.com/a:v1"] {
        run(&["run", "-n", "local", module], &[]).assert_fails(2, module, "NAME:TAG");
    }
    let repo = ("MODULE_REPO", "https://github.com/a/b");
    run(&["run"], &with_key(&[repo])).assert_fails(2, "MODULE_HASH is required", "");
    run(&["run"], &with_key(&[("MODULE_HASH", "v1")])).assert_fails(2, "MODULE_REPO is required", "");
}

#[test]
fn two_modules_and_unknown_flags() {
    run(&["run", MODULE, "cowsay:v0.0.5"], &with_key(&[])).assert_fails(2, "'cowsay:v0.0.5'", "see lilypad run --help");
    run(&["run", MODULE, "--inputs", "a"], &[]).assert_fails(2, "--inputs", "--input");
    run(&["fly"], &[]).assert_fails(2, "fly", "see lilypad --help");
    run(&["run", MODULE, "--output", "xml"], &[]).assert_fails(2, "xml", "--help");
}

#[test]
fn inputs_need_an_equals_sign() {
    run(&["run", "-n", "local", MODULE, "-i", "moo"], &[]).assert_fails(2, "moo", "-i NAME=VALUE");
    run(&["run", "-n", "local", MODULE, "-i", "=moo"], &[]).assert_fails(2, "name", "-i NAME=VALUE");
}

#[test]
fn malformed_values_name_their_variable_or_flag() {
    let address = "an address";
    let cases = [
        ("WEB3_CHAIN_ID", "--web3-chain-id", "abc", "a whole number"),
        ("WEB3_CHAIN_ID", "--web3-chain-id", "-1", "a whole number"),
        ("WEB3_RPC_URL", "--web3-rpc-url", "localhost:8545", "ws, wss, http or https"),
        ("WEB3_CONTROLLER_ADDRESS", "--web3-controller-address", "0x12", address),
        ("WEB3_TOKEN_ADDRESS", "--web3-token-address", "token", address),
        ("SERVICE_SOLVER", "--service-solver", "solver", address),
        ("SERVICE_MEDIATORS", "--service-mediators", "0x12,0x34", address),
        ("TARGET", "--target", "somebody", address),
        ("PRICING_MODE", "--pricing-mode", "Cheap", "MarketPrice or FixedPrice"),
        ("PRICING_INSTRUCTION_PRICE", "--pricing-instruction-price", "1.5", "a whole number"),
        ("PRICING_MEDIATION_FEE", "--pricing-mediation-fee", "x", "a whole number"),
        ("MEDIATION_CHANCE", "--mediation-chance", "half", "a whole number"),
    ];
    for (variable, flag, value, expected) in cases {
        let by_variable = run(&["run", MODULE], &with_key(&[(variable, value)]));
        by_variable.assert_fails(2, &format!("invalid value for {variable}: "), "");
        assert!(by_variable.stderr.contains(expected), "{by_variable:?}");
        // The flag wins, so its own value is the one that is complained about.
        let flag_with_value = format!("{flag}={value}");
        run(&["run", MODULE, &flag_with_value], &with_key(&[(variable, "also wrong")])).assert_fails(
            2,
            &format!("invalid value for {flag}: "),
            "",
        );
    }
    for chance in ["101", "-1"] {
        let finished = run(&["run", MODULE], &with_key(&[("MEDIATION_CHANCE", chance)]));
        finished.assert_fails(2, "mediation-chance must be between 0 and 100", "");
    }
    run(&["run", MODULE, "--max-price", "much"], &with_key(&[])).assert_fails(2, "invalid value for --max-price", "");
    run(&["run", MODULE], &with_key(&[("LOG_LEVEL", "loud")])).assert_fails(2, "invalid value for LOG_LEVEL", "");
}

#[test]
fn folders_are_checked_before_anything_is_paid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let (folder, file) = (folder.path().to_str().unwrap(), file.to_str().unwrap());
    let run = |words: &[&str]| run(&[&["run", "-n", "local", MODULE], words].concat(), &[]);
    run(&["--inputs-path", "/nonexistent/inputs"]).assert_fails(2, "inputs path error: /nonexistent/inputs", "");
    run(&["--inputs-path", file]).assert_fails(2, "inputs path must be a directory", "");
    run(&["-o", folder]).assert_fails(2, "is not empty", "does not exist yet");
    run(&["-o", file]).assert_fails(2, file, "");
    run(&["--config", "/nonexistent/net.toml"]).assert_fails(2, "/nonexistent/net.toml", "");
}

#[test]
fn local_says_itself_where_it_is() {
    run(&["run", "-n", "local", MODULE, "--web3-rpc-url", "http://127.0.0.1:1"], &[]).assert_fails(
        2,
        "--web3-rpc-url cannot be used with -n local",
        "leave the flag out",
    );
}

#[test]
fn a_folder_runs_only_on_local() {
    run(&["run", "./module"], &with_key(&[])).assert_fails(2, "only -n local can run", "public repository");
}

#[test]
fn devnet_settings_are_checked() {
    let cases = [
        (&["--chain", "geth"][..], "invalid value for --chain", ""),
        (&["--providers", "0"], "invalid value for --providers", ""),
        (&["--providers", "many"], "invalid value for --providers", ""),
        (&["--listen", "everywhere"], "invalid value for --listen", ""),
        (&["--port", "70000"], "invalid value for --port", ""),
        (&["-n", "testnet"], "serves the network local", "-n local"),
    ];
    for (words, needle, hint) in cases {
        run(&[&["devnet"], words].concat(), &[]).assert_fails(2, needle, hint);
    }
}

/// Asserts that the one object on stdout says the failure that stderr says.
fn assert_document(finished: &Finished, code: i32) {
    let document: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    assert_eq!(document["event"], "failed", "{document:#}");
    assert_eq!((finished.code, &document["error"]["exit_code"]), (Some(code), &code.into()), "{document:#}");
    let mut lines = vec![format!("Error: {}", document["error"]["message"].as_str().unwrap())];
    let hints = document["error"]["hints"].as_array().unwrap();
    lines.extend(hints.iter().map(|hint| format!("hint: {}", hint.as_str().unwrap())));
    assert_eq!(finished.stderr.lines().collect::<Vec<_>>(), lines);
    assert!(!hints.is_empty() && document["deal_id"].is_null(), "{document:#}");
}

#[test]
fn a_program_reads_every_failure_as_one_object() {
    let dead = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for format in ["json", "ndjson"] {
        let cases: [(&[&str], i32); 10] = [
            (&["run", "--bogus", MODULE], 2),
            (&["fly"], 2),
            (&["run", "-n", "mainnet", MODULE], 2),
            (&["run", MODULE], 2),
            (&["run", MODULE, "--web3-private-key", "ac0974"], 2),
            (&["run", "-n", "local", MODULE, "--data-dir", "/dev/null"], 2),
            (&["run", MODULE, "--web3-private-key", KEY, "--web3-rpc-url", &dead], 5),
            (&["jobs", "attach", "-n", "local", "QmNoSuchJob"], 5),
            (&["devnet", "--chain", &dead], 5),
            (&["devnet", "--listen", "0.0.0.0"], 2),
        ];
        for (words, code) in cases {
            assert_document(&run(&[&["--output", format], words].concat(), &[]), code);
            let attached = format!("--output={format}");
            assert_document(&run(&[words, &[attached.as_str()]].concat(), &[]), code);
        }
    }
}

#[test]
fn a_command_without_its_subcommand_says_which_there_are() {
    run(&["jobs"], &[]).assert_fails(2, "lilypad jobs needs a subcommand", "attach");
    run(&["module"], &[]).assert_fails(2, "lilypad module needs a subcommand", "new, render, lint, run, inputs");
}

#[test]
fn a_data_folder_with_a_line_break_is_refused() {
    for odd in ["/tmp/a\nb", "\n", "/tmp/\u{1b}[31m"] {
        for verb in [&["run", "-n", "local", MODULE][..], &["devnet"], &["jobs", "attach", "-n", "local", "Qm"]] {
            run(verb, &[("DATA_DIR", odd)]).assert_fails(2, "invalid value for DATA_DIR", "/home/me/data");
            let by_flag = [verb, &["--data-dir", odd]].concat();
            run(&by_flag, &[]).assert_fails(2, "invalid value for --data-dir", "/home/me/data");
        }
    }
}

#[test]
fn a_long_reference_is_cut() {
    for module in ["x".repeat(3000), format!("./{}", "x".repeat(3000))] {
        let finished = run(&["run", "-n", "local", &module], &[]);
        finished.assert_fails(2, "xxx…", "");
        assert!(finished.stderr.len() < 600, "{} bytes", finished.stderr.len());
    }
}

#[test]
fn nothing_is_attached_to_on_a_network_that_is_not_there() {
    let home = tempfile::tempdir().unwrap();
    let finished = finish(lilypad(home.path()).args(["jobs", "attach", "-n", "local", "QmNoSuchJob"]));
    finished.assert_fails(5, "no lilypad devnet runs on this machine", "lilypad devnet");
    assert_eq!(std::fs::read_dir(home.path().join("data")).unwrap().count(), 0, "no network was started");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let open = home.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let below = file.join("data");
    // Nobody may write below /proc and /sys; of the latter some belongs to whoever runs this, if that is root.
    for folder in [file.as_path(), &below, &open, Path::new("/proc/lilypad"), Path::new("/sys/kernel")] {
        let named = folder.display().to_string();
        for verb in [&["run", "-n", "local", MODULE][..], &["devnet"]] {
            finish(lilypad(home.path()).args(verb).env("DATA_DIR", folder)).assert_fails(
                2,
                &format!("DATA_DIR: folder {named} can't be used: "),
                "export DATA_DIR=",
            );
        }
    }
    let state = finish(lilypad(home.path()).args(["run", "-n", "local", MODULE]).env("XDG_STATE_HOME", &file));
    state.assert_fails(2, "XDG_STATE_HOME: folder ", "export XDG_STATE_HOME=");
}

#[test]
fn a_chain_that_is_not_there_is_named() {
    let dead = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    run(&["devnet", "--chain", &dead], &[]).assert_fails(5, &dead, "without --chain it brings a chain of its own");
}
