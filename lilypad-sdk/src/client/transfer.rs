//! Bodies: bytes, files and forms on their way out, answers and archives on their way in.

use std::{
    io,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Body, Response};
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter},
};
use tokio_util::io::ReaderStream;

use super::ClientError;
use crate::{
    api::{BoundRequest, routes},
    types::B256,
};

/// Bytes read from a file at once.
const CHUNK_BYTES: usize = 64 << 10;

/// A request's body, which can be sent several times.
pub(super) enum Payload {
    Empty,
    Bytes { bytes: Vec<u8>, hash: B256 },
    File { path: PathBuf, length: u64, hash: B256 },
    Form { boundary: String, head: Vec<u8>, path: PathBuf, tail: Vec<u8>, length: u64, hash: B256 },
}

impl Payload {
    pub(super) fn bytes(bytes: Vec<u8>) -> Self {
        let hash = BoundRequest::hash(&bytes);
        Self::Bytes { bytes, hash }
    }

    pub(super) fn hash(&self) -> B256 {
        match self {
            Self::Empty => BoundRequest::hash(&[]),
            Self::Bytes { hash, .. } | Self::File { hash, .. } | Self::Form { hash, .. } => *hash,
        }
    }

    pub(super) fn content_type(&self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Bytes { .. } => Some("application/json".to_owned()),
            Self::File { .. } => Some("application/x-tar".to_owned()),
            Self::Form { boundary, .. } => Some(format!("multipart/form-data; boundary={boundary}")),
        }
    }

    /// The body for one attempt, with its length.
    pub(super) async fn body(&self) -> Result<Option<(Body, u64)>, ClientError> {
        Ok(match self {
            Self::Empty => None,
            Self::Bytes { bytes, .. } => Some((bytes.clone().into(), bytes.len() as u64)),
            Self::File { path, length, .. } => Some((Body::wrap_stream(read(path).await?), *length)),
            Self::Form { head, path, tail, length, .. } => {
                let part = |bytes: &Vec<u8>| stream::iter([Ok::<_, io::Error>(bytes.clone().into())]);
                let body = part(head).chain(read(path).await?).chain(part(tail));
                Some((Body::wrap_stream(body), *length))
            }
        })
    }
}

async fn read(path: &Path) -> Result<ReaderStream<File>, ClientError> {
    let file = File::open(path).await.map_err(failed(path))?;
    Ok(ReaderStream::with_capacity(file, CHUNK_BYTES))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ClientError {
    move |source| ClientError::File { path: path.to_owned(), source }
}

/// A file as a body; it is read once now, for its hash.
pub(super) async fn file(path: &Path) -> Result<Payload, ClientError> {
    let (hash, length) = hash_of(&[], path, &[]).await?;
    Ok(Payload::File { path: path.to_owned(), length, hash })
}

/// The form of a job offer with its input archive (network.md §3.5).
pub(super) async fn form(offer: &str, inputs: &Path) -> Result<Payload, ClientError> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|e| failed(inputs)(io::Error::other(e.to_string())))?;
    let boundary = format!("lilypad-{}", hex::encode(random));
    let part = |name: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
    };
    let head = format!("{}{offer}\r\n{}", part(routes::PART_JOB_OFFER), part(routes::PART_INPUTS)).into_bytes();
    let tail = format!("\r\n--{boundary}--\r\n").into_bytes();
    let (hash, length) = hash_of(&head, inputs, &tail).await?;
    Ok(Payload::Form { boundary, head, path: inputs.to_owned(), tail, length, hash })
}

async fn hash_of(head: &[u8], path: &Path, tail: &[u8]) -> Result<(B256, u64), ClientError> {
    let mut file = File::open(path).await.map_err(failed(path))?;
    let (mut sha, mut length) = (Sha256::new(), (head.len() + tail.len()) as u64);
    sha.update(head);
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer).await.map_err(failed(path))?;
        if read == 0 {
            break;
        }
        sha.update(&buffer[..read]);
        length += read as u64;
    }
    sha.update(tail);
    Ok((B256::from_slice(&sha.finalize()), length))
}

/// Reads an answer; `None` when it is larger than `limit`.
pub(super) async fn collect(response: Response, limit: u64) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut chunks = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.try_next().await? {
        if bytes.len() as u64 + chunk.len() as u64 > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// Removes a half-written file.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Saves an answer as the file `to`, which appears when it is complete. Gives its size, or `None` above `limit`.
pub(super) async fn save(
    response: Response,
    to: &Path,
    limit: u64,
    lost: impl Fn(reqwest::Error) -> ClientError,
) -> Result<Option<u64>, ClientError> {
    let mut random = [0_u8; 8];
    let _ = getrandom::fill(&mut random);
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let part = Part(to.with_file_name(format!(".{name}.{}.part", hex::encode(random))));
    if let Some(folder) = to.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(failed(folder))?;
    }
    let file = File::create_new(&part.0).await.map_err(failed(&part.0))?;
    let mut file = BufWriter::with_capacity(4 * CHUNK_BYTES, file);
    let (mut chunks, mut bytes) = (response.bytes_stream(), 0_u64);
    while let Some(chunk) = chunks.try_next().await.map_err(&lost)? {
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Ok(None);
        }
        file.write_all(&chunk).await.map_err(failed(&part.0))?;
    }
    file.flush().await.map_err(failed(&part.0))?;
    tokio::fs::rename(&part.0, to).await.map_err(failed(to))?;
    Ok(Some(bytes))
}
