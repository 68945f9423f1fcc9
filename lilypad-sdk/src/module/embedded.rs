//! Modules that this crate carries, so that the network `local` has something to run without network.
//!
//! Each is unpacked as a real git repository with its tag, below `<data>/embedded`. Author, date and content are fixed, so a
//! module has the same commit on every machine, and a party that knows the commit knows the module whatever path it is given.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ModuleError;
use super::fetch::git::{Git, Setup, words};
use super::fetch::{Scratch, io};

/// A module inside this crate.
#[derive(Debug)]
pub struct EmbeddedModule {
    /// Its short name.
    pub name: &'static str,
    /// The tag it carries.
    pub tag: &'static str,
    /// The commit that tag names, on every machine.
    pub commit: &'static str,
    files: &'static [File],
}

#[derive(Debug)]
struct File {
    path: &'static str,
    content: &'static [u8],
    executable: bool,
}

/// All modules inside this crate.
pub const MODULES: &[EmbeddedModule] = &[EmbeddedModule {
    name: "cowsay",
    tag: "v0.0.4",
    commit: "2e1c3b158cebd43c3cc876932f026b357187a522",
    files: &[
        File {
            path: "lilypad_module.json.tmpl",
            content: include_bytes!("../../modules/cowsay/lilypad_module.json.tmpl"),
            executable: false,
        },
        File { path: "cowsay.wasm", content: include_bytes!("../../modules/cowsay/cowsay.wasm"), executable: false },
        File { path: "src/cowsay.c", content: include_bytes!("../../modules/cowsay/src/cowsay.c"), executable: false },
        File { path: "build.sh", content: include_bytes!("../../modules/cowsay/build.sh"), executable: true },
        File { path: "README.md", content: include_bytes!("../../modules/cowsay/README.md"), executable: false },
    ],
}];

/// Who commits what this program commits, and when.
pub(super) const AUTHOR: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "Lilypad"),
    ("GIT_AUTHOR_EMAIL", "modules@lilypad.invalid"),
    ("GIT_AUTHOR_DATE", "1700000000 +0000"),
    ("GIT_COMMITTER_NAME", "Lilypad"),
    ("GIT_COMMITTER_EMAIL", "modules@lilypad.invalid"),
    ("GIT_COMMITTER_DATE", "1700000000 +0000"),
];

/// The module of a short name at a tag or at its commit.
pub fn find(name: &str, revision: &str) -> Option<&'static EmbeddedModule> {
    MODULES.iter().find(|module| module.name == name && (module.tag == revision || module.commit == revision))
}

/// The tags at which a module of this short name is carried.
pub fn tags(name: &str) -> impl Iterator<Item = &'static str> {
    MODULES.iter().filter(move |module| module.name == name).map(|module| module.tag)
}

/// The module whose commit this is.
pub fn at_commit(commit: &str) -> Option<&'static EmbeddedModule> {
    MODULES.iter().find(|module| module.commit == commit)
}

impl EmbeddedModule {
    /// Makes the module's repository below a data folder, unless it is there; gives its folder.
    ///
    /// # Errors
    /// [`ModuleError::Io`], and those of running `git`.
    ///
    /// # Cancel safety
    /// The folder appears whole or not at all.
    pub async fn unpack(&self, data: &Path) -> Result<PathBuf, ModuleError> {
        let dir = data.join("embedded").join(self.name);
        if self.is_unpacked(&dir) {
            return Ok(dir);
        }
        let scratch = Scratch::new(data)?;
        let work = scratch.path().join(self.name);
        for file in self.files {
            let path = work.join(file.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(io("create", parent))?;
            }
            std::fs::write(&path, file.content).map_err(io("write", &path))?;
        }
        let git = || {
            Git::new(&work, scratch.path(), Setup::Bare, Duration::from_secs(30))
                .config("core.autocrlf=false")
                .config("core.fileMode=false")
        };
        let run = |git: Git| git.run(self.name);
        run(git().args(words([
            &"init",
            &"--quiet",
            &"--template=",
            &"--object-format=sha1",
            &"--initial-branch=main",
        ])))
        .await?;
        run(git().args(words([&"add", &"--all", &"--", &"."]))).await?;
        // The index says what is executable, so that no file system and no umask changes the commit.
        let (executable, plain): (Vec<&File>, Vec<&File>) = self.files.iter().partition(|file| file.executable);
        for (mode, files) in [("--chmod=+x", executable), ("--chmod=-x", plain)] {
            let paths = files.iter().map(|file| file.path);
            run(git().args(["update-index", mode, "--"].into_iter().chain(paths))).await?;
        }
        let mut commit = git();
        for (name, value) in AUTHOR {
            commit = commit.env(name, value);
        }
        let message = format!("--message={} {}", self.name, self.tag);
        run(commit.args(words([&"commit", &"--quiet", &message]))).await?;
        run(git().args(words([&"tag", &"--", &self.tag]))).await?;
        let found = run(git().args(words([&"rev-parse", &"HEAD"]))).await?;
        if found != self.commit {
            let why = format!("module {} has commit {found}, expected {}", self.name, self.commit);
            return Err(ModuleError::Git { command: "commit".to_owned(), why });
        }
        let parent = data.join("embedded");
        std::fs::create_dir_all(&parent).map_err(io("create", &parent))?;
        if dir.exists() && !self.is_unpacked(&dir) {
            // Another version of this program left its own; it goes aside whole, so that a reader never sees half of it.
            let aside = scratch.path().join("old");
            let _ = std::fs::rename(&dir, &aside);
        }
        match std::fs::rename(&work, &dir) {
            Ok(()) => Ok(dir),
            Err(_) if self.is_unpacked(&dir) => Ok(dir),
            Err(source) => Err(io("move a module to", &dir)(source)),
        }
    }

    fn is_unpacked(&self, dir: &Path) -> bool {
        std::fs::read_to_string(dir.join(".git/refs/heads/main")).is_ok_and(|head| head.trim() == self.commit)
    }
}
