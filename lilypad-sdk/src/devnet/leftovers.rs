//! What networks that ended without a word leave on the disk, and when it may go.
//!
//! The chain of a network with its own chain ends with its process, and with it all that its jobs could still win or lose:
//! then the journals that creators kept of it are of no use to anybody. A process that is killed can't say that it ends, so
//! it holds a lock on a note as long as it lives; whoever gets that lock knows that the network is gone, whatever has become
//! of its process id. Networks on a chain of somebody else's have no note: their journals stay.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::client::{Paths, private_dir};

/// The note of a network that lives. Dropping it removes what the network leaves.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
    /// Locked as long as the network lives.
    _lock: File,
}

impl Note {
    /// Notes that the network of the chain with this first block lives in this process, that `scratch` is its own, and that
    /// its records lie in `stores`, where others may have theirs too.
    pub(super) fn write(paths: &Paths, genesis: &str, scratch: &Path, stores: Option<&Path>) -> io::Result<Self> {
        let notes = notes(paths);
        private_dir(&notes)?;
        let name = format!("{genesis}-{}", std::process::id());
        // Under its own name it appears locked: nobody finds it in between.
        let fresh = notes.join(format!(".{name}"));
        let mut file = File::create(&fresh)?;
        file.try_lock()?;
        let place = |folder: &Path| folder.to_str().unwrap_or_default().to_owned();
        file.write_all(format!("{}\n{}\n", place(scratch), stores.map(place).unwrap_or_default()).as_bytes())?;
        let path = notes.join(name);
        fs::rename(fresh, &path)?;
        Ok(Self { path, _lock: file })
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes what networks left that are gone.
pub(super) fn sweep(paths: &Paths) {
    let Ok(entries) = fs::read_dir(notes(paths)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let is_gone = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if is_gone {
            tracing::info!(target: "lilypad::devnet", note = %path.display(), "removing what a network left that is gone");
            remove(&path);
        }
    }
}

fn notes(paths: &Paths) -> PathBuf {
    paths.state.join("networks")
}

/// Removes the scratch folder that a note names, the records and journals of its chain, and the note.
fn remove(note: &Path) {
    let (Some(notes), Some(name)) = (note.parent(), note.file_name().and_then(|name| name.to_str())) else { return };
    let Some((genesis, _)) = name.rsplit_once('-') else { return };
    let text = fs::read_to_string(note).unwrap_or_default();
    let mut folders = text.lines().filter(|folder| !folder.is_empty()).map(Path::new);
    if let Some(scratch) = folders.next()
        && scratch.exists()
        && fs::remove_dir_all(scratch).is_err()
    {
        // Tried again with the next network.
        return;
    }
    let is_shared = fs::read_dir(notes).is_ok_and(|mut others| {
        others.any(|other| {
            let other = other.map(|other| other.file_name()).unwrap_or_default();
            other != name && other.to_string_lossy().trim_start_matches('.').starts_with(genesis)
        })
    });
    if !is_shared {
        for folder in notes.parent().into_iter().chain(folders) {
            remove_records(folder, genesis);
        }
    }
    fs::remove_file(note).ok();
}

/// Removes the stores of a chain from a folder, and the folder when nothing else is in it.
fn remove_records(folder: &Path, genesis: &str) {
    let ends = ["", "-wal", "-shm"].map(|end| format!("-{genesis}.sqlite{end}"));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if ends.iter().any(|end| name.to_string_lossy().ends_with(end)) {
            fs::remove_file(entry.path()).ok();
        }
    }
    fs::remove_dir(folder).ok();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        paths: Paths,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let paths = Paths { data: dir.path().join("data"), state: dir.path().join("state") };
            fs::create_dir_all(&paths.state).unwrap();
            Self { dir, paths }
        }

        fn journal(&self, genesis: &str) -> PathBuf {
            let path = self.paths.state.join(format!("creator-{genesis}.sqlite"));
            fs::write(&path, "journal").unwrap();
            path
        }

        fn folder(&self, name: &str) -> PathBuf {
            let path = self.dir.path().join(name);
            fs::create_dir_all(path.join("inside")).unwrap();
            path
        }
    }

    #[test]
    fn a_network_that_lives_keeps_everything_and_one_that_ends_takes_it_along() {
        let place = Place::new();
        let (journal, other, folder) = (place.journal("0xa"), place.journal("0xb"), place.folder("scratch"));
        let testnet = place.paths.state.join("creator-testnet-421614.sqlite");
        fs::write(&testnet, "journal").unwrap();
        let stores = place.folder("stores");
        for name in ["solver-0xa.sqlite", "solver-0xa.sqlite-wal", "solver-0xb.sqlite", "mine"] {
            fs::write(stores.join(name), "records").unwrap();
        }
        let note = Note::write(&place.paths, "0xa", &folder, Some(&stores)).unwrap();
        sweep(&place.paths);
        assert!(journal.exists() && folder.exists() && stores.join("solver-0xa.sqlite").exists(), "it lives");
        drop(note);
        assert!(!journal.exists() && !folder.exists());
        let mut left: Vec<_> = fs::read_dir(&stores).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["inside", "mine", "solver-0xb.sqlite"], "only its own");
        assert!(other.exists() && testnet.exists(), "journals of other chains stay");
        assert_eq!(fs::read_dir(notes(&place.paths)).unwrap().count(), 0);
    }

    #[test]
    fn a_network_that_was_killed_is_found_by_its_lock_and_not_by_its_number() {
        let place = Place::new();
        let (journal, folder) = (place.journal("0xa"), place.folder("scratch"));
        let note = Note::write(&place.paths, "0xa", &folder, None).unwrap();
        // As after a kill: the lock is gone, the note and a process of this number are there.
        let Note { path, _lock } = &note;
        _lock.unlock().unwrap();
        sweep(&place.paths);
        assert!(!journal.exists() && !folder.exists() && !path.exists());
    }

    #[test]
    fn two_networks_of_one_chain_share_the_journal_until_the_last_is_gone() {
        let place = Place::new();
        let journal = place.journal("0xa");
        let note = Note::write(&place.paths, "0xa", &place.folder("scratch"), None).unwrap();
        // Another process, on a chain that began in the same second.
        let other = notes(&place.paths).join("0xa-1");
        let lock = File::create(&other).unwrap();
        lock.lock().unwrap();
        drop(note);
        assert!(journal.exists());
        drop(lock);
        sweep(&place.paths);
        assert!(!journal.exists() && !other.exists());
    }
}
