//! `-n local` with nothing running: the whole network in the process of one command.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{finish, guest_module, lilypad, run};

const MODULE: &str = "cowsay:v0.0.4";

/// A message nobody has prepared for.
pub(crate) fn message() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    format!("moo {nanos} {}", std::process::id())
}

#[test]
fn a_job_runs_and_existing_scripts_can_read_what_it_prints() {
    let home = tempfile::tempdir().unwrap();
    let message = message();
    let finished =
        finish(lilypad(home.path()).args(["run", "-n", "local", MODULE, "-i", &format!("Message={message}")]));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{}", finished.stdout);
    assert!(!finished.stdout.contains('\u{1b}'), "no colours in a pipe");

    let (banner, rest) = finished.stdout.split_once("https://lilypad.tech\n\n").unwrap();
    assert!(banner.ends_with("Decentralized Compute Network  "), "{banner}");
    let folder = home.path().join("data/downloaded-files");
    let stages = [
        "🌟 Lilypad submitting job",
        "🤝 Job submitted. Negotiating deal...",
        "💌 Deal agreed. Running job...",
        "🤔 Results submitted. Awaiting verification...",
        "✅ Results accepted. Downloading result...",
    ];
    let mut lines: Vec<&str> = rest.lines().collect();
    let mut tail = lines.split_off(lines.len() - 7);
    // Between the stages stand lines about the job, set in.
    let notes: Vec<&str> = lines.extract_if(.., |line| line.starts_with("    ")).collect();
    // A line may come twice, as each state event prints one.
    lines.dedup();
    assert_eq!(lines, stages, "{}", finished.stdout);
    assert_eq!((tail[0], tail[2]), ("", ""));
    assert!(tail[1].starts_with("🆔  Data ID: Qm"), "{}", tail[1]);
    assert_eq!(tail[3], "🍂 Lilypad job completed, try 👇");
    let result = tail[4].strip_prefix("    open ").unwrap();
    let deal = result.strip_prefix(&format!("{}/", folder.display())).unwrap();
    assert!(deal.chars().all(char::is_alphanumeric), "{deal}");
    assert_eq!(tail.split_off(5), [format!("    cat {result}/stdout"), format!("    cat {result}/stderr")]);

    assert!(notes[0].starts_with("    module cowsay:v0.0.4 at commit ") && notes[1].starts_with("    job offer Qm"));
    assert_eq!((notes[2], notes.len()), (format!("    deal {deal}").as_str(), 4), "{notes:?}");
    assert!(notes[3].starts_with("    provider 0x") && notes[3].ends_with(" asks 1 LP, at most 2 LP"), "{notes:?}");
    let position = |needle: &str| rest.find(needle).unwrap();
    assert!(position(notes[3]) < position(stages[2]), "the price is said before it is paid");

    let cow = std::fs::read_to_string(format!("{result}/stdout")).unwrap();
    assert!(cow.contains(&message) && cow.contains("(oo)"), "{cow}");
    assert_eq!(std::fs::read_to_string(format!("{result}/exitCode")).unwrap().trim(), "0");
    assert!(std::fs::exists(format!("{result}/stderr")).unwrap());
}

#[test]
fn json_tells_that_the_deal_is_settled_on_chain() {
    let home = tempfile::tempdir().unwrap();
    let finished = finish(lilypad(home.path()).args(["run", "-n", "local", "--output", "json", MODULE]));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let json: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(json["event"], "completed", "{json:#}");
    assert_eq!((&json["exit_code"], &json["warnings"]), (&0.into(), &serde_json::json!([])));
    assert_eq!((json["commit"].as_str().unwrap().len(), &json["stdout_truncated"]), (40, &false.into()));
    assert_eq!(json["price"]["wei"], "1000000000000000000", "{json:#}");
    assert!(json["stdout"].as_str().unwrap().contains("(oo)"));
    for id in ["job_offer_id", "deal_id", "data_id"] {
        assert!(json[id].as_str().unwrap().starts_with("Qm"), "{id} in {json:#}");
    }
    assert!(std::fs::exists(json["result_dir"].as_str().unwrap()).unwrap());
    let settlement = &json["settlement"];
    assert_eq!(settlement["chain_id"], 31337);
    let escrow = settlement["escrow_after"].as_object().unwrap();
    assert!(!escrow.is_empty() && escrow.values().all(|left| left == "0"), "{settlement:#}");
    assert!(settlement["txs"].as_object().unwrap().len() >= 4, "{settlement:#}");
    assert!(!settlement["payments"].as_array().unwrap().is_empty(), "{settlement:#}");
}

#[test]
fn ndjson_is_one_object_an_event() {
    let home = tempfile::tempdir().unwrap();
    let finished = finish(lilypad(home.path()).args(["run", "-n", "local", "--output", "ndjson", MODULE]));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let events: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, stages) = events.split_last().unwrap();
    assert!(stages.iter().all(|event| event["event"] == "stage" && event["state_code"].is_u64()), "{events:?}");
    assert_eq!(last["event"], "completed");
    assert_eq!(last["state"], "ResultsAccepted");
}

#[test]
fn the_result_goes_where_it_is_asked_to_and_can_be_shown() {
    let home = tempfile::tempdir().unwrap();
    let finished = finish(lilypad(home.path()).args([
        "run",
        "-n",
        "local",
        MODULE,
        "-i",
        "Message=here",
        "-o",
        "my/result",
        "--show",
    ]));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let folder = home.path().join("my/result");
    assert!(std::fs::read_to_string(folder.join("stdout")).unwrap().contains("here"));
    assert!(finished.stdout.contains("(oo)") && finished.stdout.contains("< here >"), "{}", finished.stdout);
    assert!(finished.stdout.ends_with(&format!("    cat {}/stderr\n", folder.display())), "{}", finished.stdout);
}

#[test]
fn inputs_that_nobody_reads_are_told_of_before_anything_is_paid() {
    let home = tempfile::tempdir().unwrap();
    let words = ["run", "-n", "local", MODULE, "-i", "message=moo"];
    let finished = finish(lilypad(home.path()).args(words));
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    let warning = "input message is never read by module cowsay:v0.0.4, which reads Message";
    let place = finished.stdout.find(&format!("    note: {warning}\n")).unwrap_or_else(|| panic!("{finished:?}"));
    assert!(place < finished.stdout.find("🤝").unwrap());
    let finished = finish(lilypad(home.path()).args(words).args(["--output", "json"]));
    let json: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((finished.stderr.as_str(), &json["warnings"]), ("", &serde_json::json!([warning])));
}

#[test]
fn a_job_that_exits_7_still_delivers() {
    let home = tempfile::tempdir().unwrap();
    guest_module(home.path(), "exit7", "");
    let finished = finish(lilypad(home.path()).args(["run", "-n", "local", "./module-exit7", "--output", "json"]));
    finished.assert_fails(1, "the job exited with code 7", "stderr");
    let json: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&json["event"], &json["exit_code"]), (&"failed".into(), &7.into()), "{json:#}");
    assert_eq!((&json["stdout"], &json["stderr"]), (&"to stdout\n".into(), &"to stderr\n".into()));
    assert_eq!(json["error"]["exit_code"], 1);
}

#[test]
fn what_is_wrong_with_a_module_is_said() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, template: &str| {
        std::fs::create_dir_all(home.path().join(name)).unwrap();
        std::fs::write(home.path().join(name).join("lilypad_module.json.tmpl"), template).unwrap();
    };
    write("broken", "{{ .Message ");
    write("text", "{\n  \"machine\": {},\n  oops\n}");
    write("empty", "");
    write("asks", "{\"job\": {{ .Job }}}");
    std::fs::create_dir(home.path().join("bare")).unwrap();
    write("engineless", r#"{"machine": {}, "job": {"APIVersion": "V1beta1", "Spec": {}}}"#);
    let run = |words: &[&str]| finish(lilypad(home.path()).args([&["run", "-n", "local"], words].concat()));
    let broken = "module ./broken does not render: template: lilypad_module.json.tmpl:1: unclosed action";
    run(&["./broken"]).assert_fails(2, broken, "correct the template at that line");
    run(&["./text"]).assert_fails(2, "module ./text renders to no JSON: line 3, column 3", "the line reads \"oops\"");
    run(&["./empty"]).assert_fails(2, "module ./empty renders to no JSON", "the template is empty");
    run(&["./asks"]).assert_fails(2, "module ./asks renders to no JSON", "-i Job=");
    run(&["./engineless"]).assert_fails(2, "module ./engineless: job has no engine", "Docker.Image");
    // Faults of the files, before anybody pays.
    let wasm = |name: &str, path: &str| {
        let entry = format!(r#"{{"StorageSource": "LocalDirectory", "SourcePath": "{path}"}}"#);
        let spec = format!(r#"{{"Engine": "Wasm", "Wasm": {{"EntryModule": {entry}}}}}"#);
        write(name, &format!(r#"{{"machine": {{}}, "job": {{"APIVersion": "V1beta1", "Spec": {spec}}}}}"#));
    };
    wasm("fileless", "a.wasm");
    wasm("textual", "a.wasm");
    wasm("pathless", "../a.wasm");
    wasm("linked", "a.wasm");
    std::fs::write(home.path().join("textual/a.wasm"), "this is no wasm").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", home.path().join("linked/a.wasm")).unwrap();
    run(&["./fileless"]).assert_fails(2, "file \"a.wasm\" of module ./fileless: there is no such file", "put the file");
    run(&["./textual"]).assert_fails(2, "file \"a.wasm\" of module ./textual: it is no WebAssembly", "the file");
    run(&["./pathless"]).assert_fails(2, "module ./pathless: job cannot run: entry module", "job.Spec");
    run(&["./linked"]).assert_fails(2, "of module ./linked: it is a link that leads out", "the file");
    write("undefined", "{{ range .x }}{{ end }}{{ template \"zz\" }}");
    run(&["./undefined"]).assert_fails(2, "template \"zz\" not defined", "correct the template at that line");
    run(&["./absent"]).assert_fails(2, "module folder ./absent does not exist", "lilypad_module.json.tmpl");
    run(&["./bare"]).assert_fails(2, "module folder ./bare has no file lilypad_module.json.tmpl", "the template");
    run(&["./broken/lilypad_module.json.tmpl"]).assert_fails(2, "is no folder", "lilypad_module.json.tmpl");
    // Git, told to go through a port where nobody listens: as without internet. What is carried is named.
    std::fs::write(home.path().join(".gitconfig"), "[http]\n\tproxy = http://127.0.0.1:1\n").unwrap();
    run(&["cowsay:v9.9.9"]).assert_fails(
        2,
        "which this program carries, has no tag, branch or commit \"v9.9.9\"",
        "v0.0.4",
    );
    // Not carried by the SDK, so it is looked for where modules live, which can't be reached.
    run(&["no-such-module-anywhere:v1"]).assert_fails(5, "lilypad-module-no-such-module-anywhere", "connection");
    run(&["cowsay:v0.0.4", "--detach"]).assert_fails(2, "--detach", "lilypad devnet");
    run(&["cowsay:v0.0.4", "-t", "0x000000000000000000000000000000000000dEaD"]).assert_fails(1, "dEaD", "--target");
}

#[test]
fn the_test_network_out_of_reach_is_said_within_five_seconds() {
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    // A port where nobody listens, so that the test needs no internet to be absent.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = Instant::now();
    let finished = run(&["run", MODULE], &[("WEB3_PRIVATE_KEY", key), ("WEB3_RPC_URL", &format!("ws://{free}"))]);
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    finished.assert_fails(5, "testnet", "-n local");
}
