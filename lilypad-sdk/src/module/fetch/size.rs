//! How large a repository may be: watched while it is downloaded, counted before its files are written.

use std::path::Path;
use std::time::Duration;

use super::git::{Git, Output, Setup, words};
use super::policy::FetchPolicy;
use crate::module::ModuleError;

/// How often a download is measured.
const EVERY: Duration = Duration::from_millis(100);

/// Runs a download into the repository at `work`, and ends it when it grows beyond the policy's limit.
///
/// # Errors
/// [`ModuleError::TooLarge`], and as [`Git::output`].
pub(super) async fn watched(git: Git, repo: &str, work: &Path, policy: &FetchPolicy) -> Result<Output, ModuleError> {
    let objects = work.join(".git/objects");
    let too_large = |bytes: u64| ModuleError::TooLarge {
        repo: repo.to_owned(),
        what: format!("{bytes} bytes came down"),
        limit: format!("{} bytes", policy.size_limit),
    };
    let mut download = std::pin::pin!(git.output(repo));
    let done = loop {
        tokio::select! {
            done = &mut download => break done?,
            () = tokio::time::sleep(EVERY) => {}
        }
        let bytes = size_of(&objects);
        if bytes > policy.size_limit {
            return Err(too_large(bytes));
        }
    };
    // A fast one may have grown between two looks.
    match size_of(&objects) {
        bytes if bytes > policy.size_limit => Err(too_large(bytes)),
        _ => Ok(done),
    }
}

/// Bytes of the files below a folder; files that go away meanwhile count nothing.
fn size_of(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Counts the files of a commit before they are written: a small download can unpack to a very large folder.
///
/// # Errors
/// [`ModuleError::TooLarge`], and as [`Git::output`].
pub(super) async fn check_tree(
    work: &Path,
    home: &Path,
    commit: &str,
    repo: &str,
    policy: &FetchPolicy,
) -> Result<(), ModuleError> {
    let output = Git::new(work, home, Setup::Bare, policy.time_limit)
        .args(words([&"ls-tree", &"-r", &"-l", &"-z", &"--full-tree", &commit]))
        .output(repo)
        .await?;
    let (mut files, mut bytes) = (0_usize, 0_u64);
    for line in output.stdout.split(|&byte| byte == 0).filter(|line| !line.is_empty()) {
        // MODE TYPE ID SIZE<tab>PATH
        let size = line.split(|&byte| byte == b'\t').next().and_then(|head| std::str::from_utf8(head).ok());
        let size = size.and_then(|head| head.split_whitespace().nth(3)?.parse::<u64>().ok()).unwrap_or(0);
        files += 1;
        bytes = bytes.saturating_add(size);
    }
    let fail = |what, limit| Err(ModuleError::TooLarge { repo: repo.to_owned(), what, limit });
    if bytes > policy.size_limit {
        return fail(format!("its files have {bytes} bytes"), format!("{} bytes", policy.size_limit));
    }
    if files > policy.file_limit {
        return fail(format!("it has {files} files or more"), format!("{}", policy.file_limit));
    }
    Ok(())
}
