//! Bodies on their way to a file.

use std::{
    io,
    path::{Path, PathBuf},
};

/// A complete upload in a temporary file, which is removed unless it is moved to its place.
#[derive(Debug)]
pub struct TempUpload {
    path: PathBuf,
    bytes: u64,
    kept: bool,
}

impl TempUpload {
    /// Takes over a file. `bytes` is its size.
    pub fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes, kept: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Moves the file to `target`, replacing what is there; missing folders are made. Between file systems it is copied
    /// beside `target` first, so that `target` is never half a file.
    ///
    /// # Errors
    /// The first failure of the file system; the temporary file is removed then.
    pub fn persist(mut self, target: &Path) -> io::Result<()> {
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if std::fs::rename(&self.path, target).is_err() {
            let beside = beside(target);
            let moved = std::fs::copy(&self.path, &beside).and_then(|_| std::fs::rename(&beside, target));
            if moved.is_err() {
                let _ = std::fs::remove_file(&beside);
            }
            return moved;
        }
        self.kept = true;
        Ok(())
    }
}

impl Drop for TempUpload {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A fresh name for a temporary file in the folder of `target`.
pub(super) fn beside(target: &Path) -> PathBuf {
    let mut random = [0_u8; 8];
    // Only a name: files are made with `create_new`, so a clash is an error and nothing is overwritten.
    let _ = getrandom::fill(&mut random);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.part", hex::encode(random)))
}
