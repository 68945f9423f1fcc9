//! Ctrl-C at the stages that go by in milliseconds: a relay before the chain keeps the job there.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use lilypad_sdk::types::U256;
use serde_json::Value;

use crate::support::{Devnet, finish, lilypad, signal};

const MODULE: &str = "cowsay:v0.0.4";

/// Relays JSON-RPC, and never answers `method` after it was asked for `free` times.
struct Relay {
    url: String,
    held: Arc<AtomicUsize>,
}

impl Relay {
    fn start(upstream: &str, method: &'static str, free: usize) -> Self {
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, held) = (Arc::new(AtomicUsize::new(0)), Arc::<AtomicUsize>::default());
        let holds = Arc::clone(&held);
        // The threads end with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (upstream, asked, holds) = (upstream.clone(), Arc::clone(&asked), Arc::clone(&holds));
                std::thread::spawn(move || {
                    let mut client = BufReader::new(client);
                    let mut server = BufReader::new(TcpStream::connect(&upstream).unwrap());
                    while let Some(request) = message(&mut client) {
                        let is_method = String::from_utf8_lossy(&request).contains(&format!("\"{method}\""));
                        if is_method && asked.fetch_add(1, Ordering::SeqCst) >= free {
                            holds.fetch_add(1, Ordering::SeqCst);
                            std::thread::park();
                        }
                        if server.get_mut().write_all(&request).is_err() {
                            return;
                        }
                        let Some(answer) = message(&mut server) else { return };
                        if client.get_mut().write_all(&answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, held }
    }
}

/// One HTTP message with a length, as it came.
fn message(from: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[start..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut bytes = head.into_bytes();
    let start = bytes.len();
    bytes.resize(start + length, 0);
    from.read_exact(&mut bytes[start..]).ok()?;
    Some(bytes)
}

/// Announces the devnet in `home`, with its chain at `rpc`.
pub(crate) fn announce(home: &Path, devnet: &Devnet, rpc: &str) {
    let state = home.join("state/lilypad");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&state).unwrap();
    let mut info = devnet.info.clone();
    info["rpc_url"] = rpc.into();
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(state.join("devnet.json")).unwrap();
    file.write_all(info.to_string().as_bytes()).unwrap();
}

/// Presses Ctrl-C at `stage`, where the relay holds the job; then takes the job up again without the relay.
fn interrupted(stage: &str, method: &'static str, free: usize) {
    let devnet = Devnet::start(&[], &[]);
    let (creator, provider) = (devnet.text("job_creator"), devnet.info["providers"][0].as_str().unwrap());
    let before = (devnet.tokens(creator), devnet.tokens(provider));
    let relay = Relay::start(devnet.text("rpc_url"), method, free);
    let home = tempfile::tempdir().unwrap();
    announce(home.path(), &devnet, &relay.url);

    let mut run: Command = lilypad(home.path());
    run.args(["run", "-n", "local", MODULE, "-i", "Message=again"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.starts_with(stage)).collect();
    while relay.held.load(Ordering::SeqCst) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {stage}: {seen:?}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    signal(&child, "INT");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(rest.is_empty(), "no stage follows {stage}: {rest:?}");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let mut said = stderr.lines();
    assert_eq!(said.next(), Some("Error: interrupted, the job goes on without this program"));
    let way_out = said.next().unwrap().strip_prefix("hint: to take it up again: lilypad ").unwrap();
    assert_eq!(said.next(), None);

    announce(home.path(), &devnet, devnet.text("rpc_url"));
    let words: Vec<&str> = way_out.split_whitespace().chain(["--output", "json"]).collect();
    let attached = finish(lilypad(home.path()).args(words));
    assert_eq!((attached.code, attached.stderr.as_str()), (Some(0), ""), "{attached:?}");
    let json: Value = serde_json::from_str(&attached.stdout).unwrap();
    assert!(json["stdout"].as_str().unwrap().contains("< again >"), "{json:#}");
    let price: U256 = json["price"]["wei"].as_str().unwrap().parse().unwrap();
    assert_eq!((devnet.tokens(creator), devnet.tokens(provider)), (before.0 - price, before.1 + price), "paid once");
    assert_eq!((devnet.escrow(creator), devnet.escrow(provider)), (U256::ZERO, U256::ZERO));
}

#[test]
fn ctrl_c_while_the_result_is_judged_lets_go_and_the_job_is_paid_once() {
    // The first transaction agrees, the second accepts.
    interrupted("🤔", "eth_sendRawTransaction", 1);
}

#[test]
fn ctrl_c_after_the_result_is_accepted_lets_go_and_the_job_is_paid_once() {
    // The settlement is read from the logs.
    interrupted("✅", "eth_getLogs", 0);
}

#[test]
fn ctrl_c_is_heard_while_a_template_works() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("slow");
    std::fs::create_dir(&folder).unwrap();
    // Within the limits, and longer at work than anybody waits.
    let entries = r#", "{{subst "%s" .a}}""#.repeat(20_000);
    let spec = format!(r#"{{"Engine": "Docker", "Docker": {{"Image": "x:1", "Entrypoint": ["a"{entries}]}}}}"#);
    let template = format!(r#"{{"machine": {{"cpu": 1000}}, "job": {{"APIVersion": "V1beta1", "Spec": {spec}}}}}"#);
    std::fs::write(folder.join("lilypad_module.json.tmpl"), template).unwrap();
    let mut command = lilypad(home.path());
    command.args(["run", "-n", "local", "./slow", "-i", "a=x\"y"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The template is rendered once its snapshot is there.
    let snapshots = home.path().join("data/snapshots");
    while !std::fs::read_dir(&snapshots).is_ok_and(|mut entries| entries.next().is_some()) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its template worked");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().nth(1)), (Some(130), Some("hint: nothing was paid")), "{stderr}");
}
