//! The lock that orders the senders of one key across processes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use alloy_primitives::Address;

use crate::chain::ChainError;

/// A lock file; the lock is held by an open [`File`] and ends with it, also when the process dies.
#[derive(Clone, Debug)]
pub(super) struct LockFile {
    path: PathBuf,
}

impl LockFile {
    /// `<dir>/<chain id>-<address>.lock`.
    pub(super) fn new(dir: &Path, chain_id: u64, address: Address) -> Self {
        Self { path: dir.join(format!("{chain_id}-{address}.lock")) }
    }

    /// Waits for the lock. A dropped future leaves nothing locked.
    pub(super) async fn acquire(&self) -> Result<File, ChainError> {
        let failed = |source| ChainError::Lock { path: self.path.clone(), source };
        let file = self.open().map_err(failed)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => {}
        }
        // The file is owned by the blocking call: if nobody waits any more, it is closed when the lock comes.
        let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
        waiting.await.map_err(|err| failed(io::Error::other(err)))?.map_err(failed)
    }

    fn open(&self) -> io::Result<File> {
        let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&self.path);
        match open() {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                if let Some(dir) = self.path.parent() {
                    std::fs::create_dir_all(dir)?;
                }
                open()
            }
            other => other,
        }
    }
}
