//! The folders of this machine: results and caches, and what must outlive them.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use crate::Error;

/// Where the existing network keeps its data, and ours too (spec/cli.md §6).
const DEFAULT_DATA: &str = "/tmp/lilypad/data";

/// The two roots (design.md §11, ruling 23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Results and caches: `DATA_DIR`, else `/tmp/lilypad/data`.
    pub data: PathBuf,
    /// Stores, locks and the devnet's file: `$XDG_STATE_HOME/lilypad`, else `~/.local/state/lilypad`.
    pub state: PathBuf,
}

impl Paths {
    /// The roots that the environment names.
    pub fn from_env() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let data = set("DATA_DIR").unwrap_or_else(|| DEFAULT_DATA.into());
        let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
        let state = state.map_or_else(|| data.join("state"), |root| root.join("lilypad"));
        Self { data, state }
    }

    /// Makes both roots, readable by their owner only, and refuses ones that belong to somebody else.
    ///
    /// # Errors
    /// [`Error::Io`] with the folder and the way out.
    pub fn prepare(&self) -> Result<(), Error> {
        for (folder, name) in [(&self.data, "DATA_DIR"), (&self.state, "XDG_STATE_HOME")] {
            private_dir(folder)
                .map_err(Error::io(format!("{} can't be used (set {name} to another one)", folder.display())))?;
        }
        Ok(())
    }

    /// Where results are unpacked.
    pub fn downloads(&self) -> PathBuf {
        self.data.join("downloaded-files")
    }

    /// Where receipts are kept.
    pub fn receipts(&self) -> PathBuf {
        self.data.join("receipts")
    }

    /// Where transactions of one key take turns between processes.
    pub fn locks(&self) -> PathBuf {
        self.state.join("locks")
    }
}

/// Makes a folder for its owner only; one that is there must be the owner's.
pub(crate) fn private_dir(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    let found = fs::metadata(folder)?;
    let me = fs::metadata("/proc/self").map(|process| process.uid());
    if me.is_ok_and(|me| me != found.uid()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no folder"));
    }
    Ok(())
}
