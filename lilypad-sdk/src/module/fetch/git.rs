//! Runs the `git` program with nothing left to chance.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::policy::FetchPolicy;
use crate::module::ModuleError;

/// Most bytes read from one `git` command; a repository with a hundred thousand tags stays below.
const OUTPUT_MAX: u64 = 16 << 20;

/// Variables that reach `git` also when its environment is emptied: how to get out to the network, and where things are.
const KEPT: [&str; 14] = [
    "PATH",
    "TMPDIR",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_EXEC_PATH",
];

/// Variables that would turn `git` to another repository, and the key, which is no other process's business.
const REMOVED: [&str; 9] = [
    "WEB3_PRIVATE_KEY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_CONFIG_PARAMETERS",
];

/// How much of the person's set-up a command sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// None: for work on files.
    Bare,
    /// The person's own: for asking a remote as them.
    Own,
}

/// One `git` command.
#[derive(Debug)]
pub(crate) struct Git {
    command: Command,
    what: String,
    limit: Duration,
}

/// What a command wrote.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Git {
    /// A command in `dir`. `home` is an empty folder that stands for the home directory.
    pub(crate) fn new(dir: &Path, home: &Path, setup: Setup, limit: Duration) -> Self {
        let mut command = Command::new("git");
        if setup == Setup::Bare {
            command.env_clear();
            for name in KEPT {
                if let Some(value) = std::env::var_os(name) {
                    command.env(name, value);
                }
            }
            command.env("HOME", home).env("XDG_CONFIG_HOME", home);
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_ATTR_NOSYSTEM", "1");
            command.args(["-c", "credential.helper=", "-c", "core.attributesFile=/dev/null"]);
        }
        for name in REMOVED {
            command.env_remove(name);
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").env("GIT_ALLOW_PROTOCOL", "");
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]);
        command.args(["-c", "submodule.recurse=false", "-c", "protocol.version=2", "-c", "advice.detachedHead=false"]);
        command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Self { command, what: String::new(), limit }
    }

    /// Allows one kind of remote: `https` or `file`.
    pub(crate) fn allow(mut self, protocol: &str) -> Self {
        self.command.env("GIT_ALLOW_PROTOCOL", protocol);
        self
    }

    /// A setting for this command only.
    pub(crate) fn config(mut self, setting: &str) -> Self {
        self.command.arg("-c").arg(setting);
        self
    }

    /// A variable for this command only.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The words of the command; the first names it in error texts.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            if self.what.is_empty() {
                self.what = arg.as_ref().to_string_lossy().into_owned();
            }
            self.command.arg(arg);
        }
        self
    }

    /// Runs it. Dropping the future ends the process.
    ///
    /// # Errors
    /// [`ModuleError::NoGit`], [`ModuleError::GitTimeout`]; a command that fails is an [`Output`] that is not ok.
    pub(crate) async fn output(mut self, repo: &str) -> Result<Output, ModuleError> {
        let fail = |source| ModuleError::NoGit { source };
        let mut child = self.command.spawn().map_err(fail)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let read_out = async {
                match stdout {
                    Some(pipe) => pipe.take(OUTPUT_MAX).read_to_end(&mut out).await.map(drop),
                    None => Ok(()),
                }
            };
            let read_err = async {
                match stderr {
                    Some(pipe) => pipe.take(1 << 20).read_to_end(&mut err).await.map(drop),
                    None => Ok(()),
                }
            };
            let (first, second) = tokio::join!(read_out, read_err);
            first.and(second).map_err(fail)?;
            let status = child.wait().await.map_err(fail)?;
            Ok(Output { ok: status.success(), stdout: out, stderr: String::from_utf8_lossy(&err).into_owned() })
        };
        tokio::time::timeout(self.limit, work)
            .await
            .unwrap_or_else(|_| Err(ModuleError::GitTimeout { repo: repo.to_owned(), seconds: self.limit.as_secs() }))
    }

    /// Runs a command that must succeed; gives the first line it writes.
    ///
    /// # Errors
    /// As [`Git::output`], and [`ModuleError::Git`] when it fails.
    pub(crate) async fn run(self, repo: &str) -> Result<String, ModuleError> {
        let what = self.what.clone();
        let output = self.output(repo).await?;
        if !output.ok {
            return Err(ModuleError::Git { command: what, why: last_words(&output.stderr) });
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }
}

/// What `git` said at last, on one line, without its own `fatal:` and without control characters.
pub(super) fn last_words(stderr: &str) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let line =
        lines().find(|line| line.starts_with("fatal:")).or_else(|| lines().next_back()).unwrap_or("no reason given");
    let line = line.trim_start_matches("fatal:").trim_start_matches("error:").trim();
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// A remote as a command asks for it.
pub(super) struct Remote {
    pub(super) url: String,
    pub(super) protocol: &'static str,
    /// `-c` settings that pin the address found by the policy.
    pub(super) settings: Vec<String>,
    pub(super) setup: Setup,
}

impl Remote {
    pub(super) fn git(&self, dir: &Path, home: &Path, policy: &FetchPolicy) -> Git {
        let mut git = Git::new(dir, home, self.setup, policy.time_limit).allow(self.protocol);
        for setting in &self.settings {
            git = git.config(setting);
        }
        git
    }
}

/// Words of a command, from texts and paths alike.
pub(crate) fn words<const N: usize>(words: [&dyn AsRef<OsStr>; N]) -> Vec<OsString> {
    words.iter().map(|word| word.as_ref().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_given_the_key() {
        for setup in [Setup::Own, Setup::Bare] {
            let git = Git::new(Path::new("/"), Path::new("/"), setup, Duration::from_secs(1));
            let set: Vec<_> = git.command.as_std().get_envs().filter(|(name, _)| *name == "WEB3_PRIVATE_KEY").collect();
            assert!(set.iter().all(|(_, value)| value.is_none()), "{setup:?}: {set:?}");
            assert!(setup == Setup::Bare || set.len() == 1, "removed from what is inherited");
        }
    }

    #[test]
    fn last_words_are_one_clean_line() {
        assert_eq!(last_words("hint: x\nfatal: repository 'u' not found\n"), "repository 'u' not found");
        assert_eq!(last_words("error: a\u{1b}[31m b"), "a[31m b");
        assert_eq!(last_words(""), "no reason given");
    }
}
