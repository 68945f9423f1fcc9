//! An anvil of our own.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::Error;

/// Runs its arguments until nobody holds the other end of its standard input any more. The system closes that end also for a
/// process that was killed and could not clean up. Anvil alone holds the standard output, so that its end shows there.
const WATCHER: &str = r#"
"$@" </dev/null &
exec >/dev/null
read -r _
kill -KILL "$!"
"#;
/// How long anvil may take to listen.
const START: Duration = Duration::from_secs(20);

/// A running anvil; it ends with this value, or with this process.
#[derive(Debug)]
pub(super) struct Anvil {
    /// Its standard input is the pipe that keeps anvil alive.
    _watcher: Child,
    pub(super) url: String,
}

/// The program: `ANVIL`, then the path, then `node_modules` of this folder or one above.
pub(super) fn find() -> Option<PathBuf> {
    let named = env::var_os("ANVIL").map(PathBuf::from).filter(|path| path.is_file());
    let on_path = || {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|folder| folder.join("anvil")).find(|file| file.is_file())
    };
    let in_modules = || {
        let here = env::current_dir().ok()?;
        here.ancestors()
            .map(|folder| folder.join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"))
            .find(|file| file.is_file())
    };
    named.or_else(on_path).or_else(in_modules)
}

/// Starts anvil on a free port and waits until it listens.
pub(super) async fn spawn() -> Result<Anvil, Error> {
    let program = find().ok_or_else(|| Error::Usage {
        what: "anvil was not found".to_owned(),
        hint: "install Foundry, or set ANVIL to the program, or leave --chain out for the embedded chain".to_owned(),
    })?;
    start(&program).await.map_err(Error::io(program.display().to_string()))
}

async fn start(program: &Path) -> std::io::Result<Anvil> {
    let mut child = Command::new("sh")
        .args(["-c", WATCHER, "sh"])
        .arg(program)
        .args(["--port", "0", "--host", "127.0.0.1"])
        // A chain of development needs nobody's key.
        .env_remove("WEB3_PRIVATE_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C is for this program, which still needs its chain to end well.
        .process_group(0)
        .spawn()?;
    let out = child.stdout.take().ok_or_else(|| std::io::Error::other("no output"))?;
    let mut lines = BufReader::new(out).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await? {
            if let Some(addr) = line.strip_prefix("Listening on ") {
                return Ok(format!("http://{}", addr.trim()));
            }
        }
        Err(std::io::Error::other("it ended before it listened"))
    };
    let url =
        tokio::time::timeout(START, listening).await.map_err(|_| std::io::Error::other("it did not listen"))??;
    // Anvil logs every request: its pipe must be read, or it stops.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(Anvil { _watcher: child, url })
}
