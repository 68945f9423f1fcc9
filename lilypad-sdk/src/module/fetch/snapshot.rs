//! `./dir`: a folder as a module, for development on the network `local`.

use std::path::Path;

use super::git::{Git, Setup, words};
use super::{Checkout, Fetcher, Scratch, file_url, io, place};
use crate::module::embedded::AUTHOR;
use crate::module::{ModuleError, ModuleSource};

impl Fetcher {
    /// Commits a folder as it is now to a repository below the data folder and gives that commit; its template lies at `path`
    /// inside the folder. Files that its `.gitignore` names stay out; the folder itself is not touched.
    ///
    /// # Errors
    /// [`ModuleError::Forbidden`] unless the fetcher knows embedded modules (network `local`), [`ModuleError::Folder`] or
    /// [`ModuleError::File`] when it is none, or when there is no template in it.
    pub async fn snapshot(&self, dir: &Path, path: &str) -> Result<ModuleSource, ModuleError> {
        let shown = dir.display().to_string();
        if !self.embedded {
            return Err(ModuleError::Forbidden { repo: shown, why: "a folder can be run on the network local only" });
        }
        // Says what is wrong with it.
        Checkout::folder(dir, path)?;
        let dir = dir.canonicalize().map_err(io("read", dir))?;
        let scratch = Scratch::new(&self.data)?;
        let repo = scratch.path().join("snapshot");
        let git = |at: &Path| Git::new(at, scratch.path(), Setup::Bare, self.policy.time_limit);
        git(scratch.path())
            .args(words([
                &"init",
                &"--quiet",
                &"--template=",
                &"--object-format=sha1",
                &"--initial-branch=main",
                &"--",
                &repo,
            ]))
            .run(&shown)
            .await?;
        let inside = |git: Git| git.env("GIT_DIR", repo.join(".git")).env("GIT_WORK_TREE", &dir);
        inside(git(&dir)).args(words([&"add", &"--all", &"--", &"."])).run(&shown).await?;
        let mut commit = inside(git(&dir));
        for (name, value) in AUTHOR {
            commit = commit.env(name, value);
        }
        commit.args(words([&"commit", &"--quiet", &"--allow-empty", &"--message=snapshot"])).run(&shown).await?;
        let commit = inside(git(&dir)).args(words([&"rev-parse", &"HEAD"])).run(&shown).await?;
        let target = self.data.join(super::SNAPSHOTS).join(&commit);
        // Its HEAD names a branch; a detached one marks it as finished, as in a checkout.
        let head = repo.join(".git/HEAD");
        std::fs::write(&head, format!("{commit}\n")).map_err(io("write", &head))?;
        place(&repo, &target, &commit)?;
        Ok(ModuleSource { repo: file_url(&target), hash: commit, path: path.to_owned() })
    }
}
