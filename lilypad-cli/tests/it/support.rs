//! Runs the binary in an empty environment and keeps what it says.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use lilypad_sdk::{
    chain::{Chain as _, RpcChain, RpcConfig},
    types::U256,
};
use serde_json::Value;

/// What one run of the program left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program with no variables but `PATH` and a home in `home`.
pub(crate) fn lilypad(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lilypad"));
    command.env_clear().stdin(Stdio::null()).current_dir(home);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home).env("XDG_STATE_HOME", home.join("state")).env("DATA_DIR", home.join("data"));
    command
}

/// Runs to the end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    let output = command.output().expect("the program starts");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// Runs `words` with `variables` to the end.
pub(crate) fn run(words: &[&str], variables: &[(&str, &str)]) -> Finished {
    let home = tempfile::tempdir().expect("a temporary folder");
    finish(lilypad(home.path()).args(words).envs(variables.iter().copied()))
}

impl Finished {
    /// Asserts a failure: its code, an `Error:` line that holds `needle`, and after it nothing but hints, of which one
    /// holds `hint`.
    #[track_caller]
    pub(crate) fn assert_fails(&self, code: i32, needle: &str, hint: &str) {
        assert_eq!(self.code, Some(code), "exit code; {self:?}");
        let mut lines = self.stderr.lines();
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with("Error: ") && first.contains(needle), "{needle:?} in the first line; {self:?}");
        let hints: Vec<&str> = lines.collect();
        assert!(hints.iter().all(|line| line.starts_with("hint: ")), "only hints follow; {self:?}");
        assert!(!hints.is_empty(), "every failure has a way out; {self:?}");
        assert!(hint.is_empty() || hints.iter().any(|line| line.contains(hint)), "hint with {hint:?}; {self:?}");
    }
}

/// The workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// anvil: `ANVIL`, the path, or the workspace's `node_modules`. Says aloud when there is none; fails when there must be.
pub(crate) fn anvil() -> Option<PathBuf> {
    let named = std::env::var_os("ANVIL").map(PathBuf::from);
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("anvil"))
        .find(|file| file.is_file());
    let local = workspace().join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    let found = named.or(on_path).or(Some(local)).filter(|file| file.is_file());
    if found.is_none() {
        skip("no anvil; bash scripts/setup installs it");
    }
    found
}

/// Whether a Docker engine answers. Says aloud that none does; fails when one must.
pub(crate) fn docker() -> bool {
    let answers = Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success());
    if !answers {
        skip("no Docker engine answers");
    }
    answers
}

pub(crate) fn skip(why: &str) {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    assert!(!["CI", "LILYPAD_REQUIRE_PARTS"].iter().any(is_set), "a part is missing: {why}");
    // Past the test runner, which keeps what a passing test prints to itself.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

/// A `lilypad devnet` in a home of its own, ended with this value.
pub(crate) struct Devnet {
    child: Child,
    pub(crate) home: tempfile::TempDir,
    pub(crate) info: Value,
}

impl Devnet {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(words: &[&str], variables: &[(&str, &Path)]) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut command = lilypad(home.path());
        command.args(["devnet", "--output", "ndjson", "-q"]).args(words).envs(variables.iter().copied());
        let log = std::fs::File::create(home.path().join("devnet.log")).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the devnet starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line");
        let log = std::fs::read_to_string(home.path().join("devnet.log")).unwrap_or_default();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} {log}"));
        assert_eq!(ready["event"], "ready", "{ready}");
        Self { child, home, info: ready["network"].clone() }
    }

    /// A member of the announcement that is a text.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.info[member].as_str().unwrap_or_else(|| panic!("{member} in {}", self.info))
    }

    /// The program with the devnet's home.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = lilypad(self.home.path());
        command.args(words);
        command
    }

    /// `lilypad run -n local <words>` to the end.
    pub(crate) fn run(&self, words: &[&str]) -> Finished {
        finish(&mut self.command(&[&["run", "-n", "local"], words].concat()))
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the devnet runs");
        self.child.wait().expect("it ends");
    }

    /// Moves the chain's clock.
    pub(crate) fn pass(&self, time: Duration) {
        self.rpc("evm_increaseTime", &format!("[{}]", time.as_secs()));
        self.rpc("evm_mine", "[]");
    }

    /// One call of the chain's endpoint.
    fn rpc(&self, method: &str, params: &str) {
        let host = self.text("rpc_url").trim_start_matches("http://").trim_end_matches('/');
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let mut socket = TcpStream::connect(host).expect("the chain listens");
        let head =
            format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n");
        write!(socket, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains("\"result\"") && !answer.contains("\"error\""), "{method}: {answer}");
    }

    /// Token balance of an address in wei, read from the chain.
    pub(crate) fn tokens(&self, address: &str) -> U256 {
        let id = self.info["chain_id"].as_u64().expect("a chain id");
        tokens(self.text("rpc_url"), id, self.text("controller"), address)
    }

    /// What an address has in escrow, in wei, read from the chain.
    pub(crate) fn escrow(&self, address: &str) -> U256 {
        self.escrow_at(self.text("rpc_url"), address)
    }

    /// The same, where the chain outlives the devnet.
    pub(crate) fn escrow_at(&self, rpc: &str, address: &str) -> U256 {
        let id = self.info["chain_id"].as_u64().expect("a chain id");
        on_chain(rpc, id, self.text("controller"), async |chain| {
            chain.escrow_balance(address.parse().expect("an address")).await.expect("a balance").wei()
        })
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        signal(&self.child, "INT");
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Token balance of an address in wei, on the chain `id` at `rpc`.
pub(crate) fn tokens(rpc: &str, id: u64, controller: &str, address: &str) -> U256 {
    on_chain(rpc, id, controller, async |chain| {
        chain.token_balance(address.parse().expect("an address")).await.expect("a balance").wei()
    })
}

fn on_chain<T>(rpc: &str, id: u64, controller: &str, read: impl AsyncFnOnce(RpcChain) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = RpcConfig::new(id, vec![rpc.to_owned()], controller.parse().expect("an address"));
        read(RpcChain::connect(config, None).await.expect("the chain answers")).await
    })
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()) || name == "INT", "kill -{name} {}", child.id());
}

/// The SDK's WASM guest as a module in `folder`, doing `task`; `spec` are further members of the template.
pub(crate) fn guest_module(folder: &Path, task: &str, spec: &str) -> PathBuf {
    let module = folder.join(format!("module-{task}"));
    std::fs::create_dir_all(&module).expect("a folder");
    let guest = workspace().join("lilypad-sdk/tests/fixtures/wasm/guest.wasm");
    std::fs::copy(guest, module.join("guest.wasm")).expect("the guest");
    let template = format!(
        r#"{{
  "machine": {{ "cpu": 1000, "ram": 100 }}, {spec}
  "job": {{ "APIVersion": "V1beta1", "Spec": {{
    "Engine": "Wasm",
    "Wasm": {{
      "EntryModule": {{ "StorageSource": "LocalDirectory", "SourcePath": "guest.wasm" }},
      "EntryPoint": "_start",
      "Parameters": ["{task}"]
    }},
    "Resources": {{ "CPU": "1", "Memory": "32MiB" }}
  }} }}
}}"#
    );
    std::fs::write(module.join("lilypad_module.json.tmpl"), template).expect("the template");
    module
}
