//! Bodies on their way to a file.

use std::{
    io,
    path::{Path, PathBuf},
};

use axum::body::{Body, BodyDataStream, HttpBody as _};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
};

use super::config;
use crate::{
    api::{ApiError, ApiResult, AuthError, Refusal},
    types::B256,
};

/// Bytes that wait for one write.
const BUFFER_BYTES: usize = 256 << 10;

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

impl TempUpload {
    /// Moves the file to `target` unless something is there: then that stays, and this file is removed. Both must lie on
    /// one file system. Missing folders are made.
    ///
    /// # Errors
    /// The first failure of the file system.
    pub fn persist_once(self, target: &Path) -> io::Result<()> {
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        match std::fs::hard_link(&self.path, target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
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

/// A temporary file while it is written; removed when dropped.
pub(super) struct Spool {
    upload: TempUpload,
    file: BufWriter<File>,
}

impl Spool {
    /// A new file beside `target`, readable by this user only. Missing folders are made.
    pub(super) async fn create(target: &Path) -> ApiResult<Self> {
        let failed = |e: io::Error| ApiError::internal(format!("cannot make a temporary file: {e}"));
        if let Some(folder) = target.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(failed)?;
        }
        let path = beside(target);
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path).await.map_err(failed)?;
        Ok(Self { upload: TempUpload::new(path, 0), file: BufWriter::with_capacity(BUFFER_BYTES, file) })
    }

    pub(super) async fn write(&mut self, chunk: &[u8]) -> ApiResult<()> {
        self.file.write_all(chunk).await.map_err(write_failed)?;
        self.upload.bytes += chunk.len() as u64;
        Ok(())
    }

    pub(super) async fn finish(mut self, sync: bool) -> ApiResult<TempUpload> {
        self.file.flush().await.map_err(write_failed)?;
        if sync {
            self.file.get_ref().sync_all().await.map_err(write_failed)?;
        }
        Ok(self.upload)
    }
}

fn write_failed(error: io::Error) -> ApiError {
    ApiError::internal(format!("cannot write the upload: {error}"))
}

/// Reads the rest of a body that is refused, within limits, and drops it.
pub(super) async fn discard(mut rest: BodyDataStream) {
    let reading = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = rest.next().await {
            bytes += chunk.len() as u64;
            if bytes > config::MAX_DISCARD_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(config::DISCARD_TIMEOUT, reading).await;
}

/// Receives a body of at most `limit` bytes into a temporary file beside `target`. The file goes away when the body ends
/// early, pauses too long, is too large, or has another SHA-256 than `hash`.
pub(super) async fn receive(
    body: Body,
    target: &Path,
    limit: u64,
    hash: Option<B256>,
    sync: bool,
) -> ApiResult<TempUpload> {
    if body.size_hint().lower() > limit {
        discard(body.into_data_stream()).await;
        return Err(ApiError::TooLarge { limit });
    }
    let mut spool = Spool::create(target).await?;
    let mut sha = Sha256::new();
    let mut stream = body.into_data_stream();
    loop {
        let next = tokio::time::timeout(config::BODY_IDLE_TIMEOUT, stream.next()).await;
        let Some(chunk) = next.map_err(|_| Refusal::BadBody)? else { break };
        let chunk = chunk.map_err(|_| Refusal::BadBody)?;
        if spool.upload.bytes + chunk.len() as u64 > limit {
            drop(spool);
            discard(stream).await;
            return Err(ApiError::TooLarge { limit });
        }
        sha.update(&chunk);
        spool.write(&chunk).await?;
    }
    if hash.is_some_and(|hash| hash.0 != <[u8; 32]>::from(sha.finalize())) {
        return Err(AuthError::BodyDiffers.into());
    }
    spool.finish(sync).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_first_upload_of_a_place_stands() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("folder/target");
        for content in ["first", "second"] {
            let path = dir.path().join(content);
            std::fs::write(&path, content).unwrap();
            TempUpload::new(path.clone(), content.len() as u64).persist_once(&target).unwrap();
            assert!(!path.exists());
            assert_eq!(std::fs::read_to_string(&target).unwrap(), "first");
        }
    }
}
