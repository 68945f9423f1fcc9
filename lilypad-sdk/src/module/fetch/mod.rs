//! From a reference to a checkout on this machine, with the `git` program.
//!
//! ```text
//! reference ─resolve─► source at a commit ─fetch─► $DATA/repos/<host>/<owner>/<repo>/<commit>
//!     │ ls-remote (not for a full commit)   │ fetch --depth 1, checkout, one rename
//!     └─ embedded module: known commit      └─ nothing to do when it is there
//! ```
//!
//! Invariants: a URL is checked by the [`FetchPolicy`] before anything is asked; a commit is 40 hexadecimal digits; a folder
//! named after a commit is complete, because it appears by rename, and two processes that fetch the same one at once leave
//! the same folder; hooks, filters, submodules and other protocols stay off; no path and no symbolic link leads out of a
//! checkout; a repository beyond the policy's size is given up while it comes down, or before its files are written. A full
//! commit that is in the cache needs no network; a tag that was resolved before resolves without network
//! when the host cannot be reached.
//!
//! Dropping a future ends its `git` process and leaves at most a temporary folder behind, which the next fetch of a day later
//! sweeps away.

mod checkout;
pub(super) mod git;
mod policy;
mod prepare;
mod refs;
mod size;
mod snapshot;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use checkout::Checkout;
pub use policy::FetchPolicy;

use self::git::{Git, Remote, Setup, last_words, words};
use self::policy::Location;
use super::embedded;
use super::reference::{check_revision, is_commit};
use super::{ModuleError, ModuleReference, ModuleSource};

/// Where folders that are run as modules are committed, below the data folder.
const SNAPSHOTS: &str = "snapshots";
/// Temporary folders older than this are left over.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Fetches modules into a data folder.
#[derive(Clone, Debug)]
pub struct Fetcher {
    data: PathBuf,
    policy: FetchPolicy,
    embedded: bool,
}

impl Fetcher {
    /// Fetches below `data` what `policy` allows.
    pub fn new(data: impl Into<PathBuf>, policy: FetchPolicy) -> Self {
        Self { data: data.into(), policy, embedded: false }
    }

    /// Also knows the modules this crate carries: their short names come first, and `file://` repositories that this program
    /// made below the data folder may be fetched (not what strangers' jobs left there). For the network `local`.
    #[must_use]
    pub fn with_embedded(mut self) -> Self {
        self.policy.allow_files_under = ["embedded", SNAPSHOTS].map(|name| self.data.join(name)).into();
        self.embedded = true;
        self
    }

    /// The source a reference means, at a commit.
    ///
    /// # Errors
    /// [`ModuleError::UnknownModule`], [`ModuleError::UnknownRef`], [`ModuleError::Forbidden`], and those of running `git`.
    ///
    /// # Cancel safety
    /// Dropping the future ends `git` and changes nothing.
    pub async fn resolve(&self, reference: &ModuleReference) -> Result<ModuleSource, ModuleError> {
        match reference {
            ModuleReference::Shortcut { name, source } => {
                if self.embedded
                    && let Some(module) = embedded::find(name, &source.hash)
                {
                    let dir = module.unpack(&self.data).await?;
                    return Ok(ModuleSource { repo: file_url(&dir), ..source.at(module.commit) });
                }
                let carried: Vec<String> = embedded::tags(name).map(str::to_owned).collect();
                match self.pin(source).await {
                    // Its other tags are on the internet; without one, what is here is worth naming.
                    Err(error) if self.embedded && error.is_retryable() && !carried.is_empty() => {
                        Err(ModuleError::UnknownRef {
                            repo: format!("{name}, which this program carries,"),
                            reference: source.hash.clone(),
                            near: carried,
                        })
                    }
                    pinned => pinned,
                }
            }
            ModuleReference::Repository(source) => self.pin(source).await,
            ModuleReference::Directory { dir, path } => self.snapshot(dir, path).await,
        }
    }

    /// The same source at a commit: unchanged when it names one, else as the remote says.
    ///
    /// # Errors
    /// As [`Fetcher::resolve`].
    pub async fn pin(&self, source: &ModuleSource) -> Result<ModuleSource, ModuleError> {
        let hash = source.hash.trim();
        if is_commit(&hash.to_ascii_lowercase()) {
            return Ok(source.at(&hash.to_ascii_lowercase()));
        }
        check_revision(hash).map_err(|why| ModuleError::Reference { reference: source.to_string(), why })?;
        let location = self.policy.check(&source.repo)?;
        let note = self.repo_dir(&location).join(".refs").join(digest(hash));
        match self.ask(source, hash, location).await {
            Ok(commit) => {
                // Only a help for later: without it a tag needs the network each time.
                if let Some(parent) = note.parent() {
                    let _ = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&note, &commit));
                }
                Ok(source.at(&commit))
            }
            Err(error) if error.is_retryable() => match std::fs::read_to_string(&note) {
                Ok(commit) if is_commit(&commit) => {
                    tracing::warn!(target: "lilypad::module", %source, %commit, %error, "host not reached, using the commit known before");
                    Ok(source.at(&commit))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, source: &ModuleSource, revision: &str, location: Location) -> Result<String, ModuleError> {
        let scratch = Scratch::new(&self.data)?;
        let remote = self.remote(&source.repo, location).await?;
        let git = remote.git(scratch.path(), scratch.path(), &self.policy);
        let output = git.args(words([&"ls-remote", &"--quiet", &"--", &remote.url])).output(&source.repo).await?;
        if !output.ok {
            return Err(unknown_module(&source.repo, &output.stderr));
        }
        let refs = refs::parse(&String::from_utf8_lossy(&output.stdout));
        refs::find(&refs, revision).ok_or_else(|| ModuleError::UnknownRef {
            repo: source.repo.clone(),
            reference: revision.to_owned(),
            near: refs::near(&refs, revision),
        })
    }

    /// The checkout of a source; [`Fetcher::pin`]s it first.
    ///
    /// # Errors
    /// As [`Fetcher::resolve`], and [`ModuleError::Io`] for the cache.
    ///
    /// # Cancel safety
    /// Dropping the future ends `git`; the cache holds the checkout whole or not at all.
    pub async fn fetch(&self, source: &ModuleSource) -> Result<Checkout, ModuleError> {
        let source = self.pin(source).await?;
        if self.embedded
            && let Some(module) = embedded::at_commit(&source.hash)
        {
            // Whatever path another process gave it: the commit says what it is, and this crate carries it.
            let own = module.unpack(&self.data).await?;
            let location = Location::File(own.canonicalize().unwrap_or(own.clone()));
            return self.checkout(&source, location, file_url(&own)).await;
        }
        let location = self.policy.check(&source.repo)?;
        let url = source.repo.clone();
        self.checkout(&source, location, url).await
    }

    async fn checkout(&self, source: &ModuleSource, location: Location, url: String) -> Result<Checkout, ModuleError> {
        let dir = self.repo_dir(&location).join(&source.hash);
        if is_complete(&dir, &source.hash) {
            return Ok(Checkout::new(source.clone(), dir));
        }
        let scratch = Scratch::new(&self.data)?;
        let work = scratch.path().join("checkout");
        let remote = self.remote(&url, location).await?;
        let bare = |dir: &Path| Git::new(dir, scratch.path(), Setup::Bare, self.policy.time_limit);
        bare(scratch.path())
            .args(words([&"init", &"--quiet", &"--template=", &"--object-format=sha1", &"--", &work]))
            .run(&source.repo)
            .await?;
        self.download(&remote, source, &work, scratch.path()).await?;
        size::check_tree(&work, scratch.path(), &source.hash, &source.repo, &self.policy).await?;
        bare(&work)
            .args(words([&"checkout", &"--quiet", &"--force", &"--no-recurse-submodules", &"--detach", &source.hash]))
            .run(&source.repo)
            .await?;
        place(&work, &dir, &source.hash)?;
        Ok(Checkout::new(source.clone(), dir))
    }

    /// Brings a commit into the repository at `work`: alone when the host gives single commits, else with everything.
    async fn download(
        &self,
        remote: &Remote,
        source: &ModuleSource,
        work: &Path,
        home: &Path,
    ) -> Result<(), ModuleError> {
        let flags = ["fetch", "--quiet", "--no-recurse-submodules", "--no-auto-maintenance"];
        let one = remote.git(work, home, &self.policy).args(flags).args(words([
            &"--depth=1",
            &"--no-tags",
            &"--",
            &remote.url,
            &source.hash,
        ]));
        let first = size::watched(one, &source.repo, work, &self.policy).await?;
        if first.ok {
            return Ok(());
        }
        let all = remote.git(work, home, &self.policy).args(flags).args(words([
            &"--tags",
            &"--",
            &remote.url,
            &"+refs/heads/*:refs/remotes/origin/*",
        ]));
        let second = size::watched(all, &source.repo, work, &self.policy).await?;
        if !second.ok {
            return Err(unknown_module(&source.repo, &second.stderr));
        }
        let commit = format!("{}^{{commit}}", source.hash);
        let found = Git::new(work, home, Setup::Bare, self.policy.time_limit)
            .args(words([&"cat-file", &"-e", &commit]))
            .output(&source.repo)
            .await?;
        if found.ok {
            return Ok(());
        }
        Err(ModuleError::UnknownRef { repo: source.repo.clone(), reference: source.hash.clone(), near: Vec::new() })
    }

    async fn remote(&self, url: &str, location: Location) -> Result<Remote, ModuleError> {
        let setup = if self.policy.user_credentials { Setup::Own } else { Setup::Bare };
        match location {
            // The person's own settings may send https through ssh; strangers' modules never see those settings.
            Location::Https { host, port, .. } => {
                let mut settings = Vec::new();
                if !self.policy.user_credentials {
                    settings.push("http.followRedirects=false".to_owned());
                }
                if !self.policy.allow_private_addresses {
                    let (name, repo) = (host.clone(), url.to_owned());
                    let address = tokio::task::spawn_blocking(move || policy::public_address(&name, port, &repo))
                        .await
                        .map_err(|error| ModuleError::Git {
                            command: "look-up".to_owned(),
                            why: error.to_string(),
                        })??;
                    settings.push(format!("http.curloptResolve={host}:{port}:{}", address.ip()));
                }
                let protocol = if self.policy.user_credentials { "https:ssh" } else { "https" };
                Ok(Remote { url: url.to_owned(), protocol, settings, setup })
            }
            Location::File(path) => {
                // A folder of this process, whatever its owner; settings of its own never run.
                let safe = format!("safe.directory={}", path.display());
                Ok(Remote { url: file_url(&path), protocol: "file", settings: vec![safe], setup: Setup::Bare })
            }
        }
    }

    /// Where checkouts of a repository lie.
    fn repo_dir(&self, location: &Location) -> PathBuf {
        let repos = self.data.join("repos");
        match location {
            Location::Https { host, port: 443, path } => repos.join(host).join(path),
            Location::Https { host, port, path } => repos.join(format!("{host}_{port}")).join(path),
            Location::File(path) => repos.join("file").join(digest(&path.to_string_lossy())),
        }
    }
}

/// A short name for a text that may hold anything.
fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes())).chars().take(32).collect()
}

pub(super) fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ModuleError {
    let path = path.display().to_string();
    move |source| ModuleError::Io { action, path, source }
}

/// Whether a folder is a finished checkout of a commit.
fn is_complete(dir: &Path, commit: &str) -> bool {
    std::fs::read_to_string(dir.join(".git/HEAD")).is_ok_and(|head| head.trim() == commit)
}

/// Moves a finished folder to its place; another process may have been faster, which is as good.
fn place(work: &Path, dir: &Path, commit: &str) -> Result<(), ModuleError> {
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(io("create", parent))?;
    }
    for _ in 0..3 {
        match std::fs::rename(work, dir) {
            Ok(()) => return Ok(()),
            Err(_) if is_complete(dir, commit) => return Ok(()),
            // Something unfinished is in the way: an older program's, as ours never leave one. It goes aside, then away.
            Err(_) if dir.exists() => {
                let aside = dir.with_extension(format!("old-{}", std::process::id()));
                let _ = std::fs::rename(dir, &aside);
                let _ = std::fs::remove_dir_all(&aside);
            }
            Err(source) => return Err(io("move a checkout to", dir)(source)),
        }
    }
    if is_complete(dir, commit) {
        return Ok(());
    }
    Err(io("move a checkout to", dir)(std::io::Error::other("something else keeps appearing there")))
}

fn unknown_module(repo: &str, stderr: &str) -> ModuleError {
    let text = stderr.to_ascii_lowercase();
    // The program has no exit codes for these; its English words (LC_ALL=C) are all there is.
    let unreachable = [
        "could not resolve host",
        "failed to connect",
        "couldn't connect",
        "connection refused",
        "connection reset",
        "connection timed out",
        "timed out",
        "network is unreachable",
        "the requested url returned error: 5",
        "early eof",
    ]
    .iter()
    .any(|words| text.contains(words));
    ModuleError::UnknownModule { repo: repo.to_owned(), why: last_words(stderr), unreachable }
}

/// A folder that disappears with its owner.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(data: &Path) -> Result<Self, ModuleError> {
        let parent = data.join("repos").join(".tmp");
        std::fs::create_dir_all(&parent).map_err(io("create", &parent))?;
        sweep(&parent);
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| io("name a folder in", &parent)(std::io::Error::other(error.to_string())))?;
        let path = parent.join(format!("{}-{}", std::process::id(), hex::encode(random)));
        std::fs::create_dir(&path).map_err(io("create", &path))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes what interrupted processes left.
fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > STALE) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
