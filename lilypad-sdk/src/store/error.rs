//! What can go wrong with a store.

use std::{error::Error, path::PathBuf, sync::Arc};

/// Why a store did not write or read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A record or stream is not as the batch expects it; nothing of the batch was written.
    #[error("{what} {id} was expected to hold {expected}, and holds {found}")]
    Conflict {
        /// Kind of the record.
        what: &'static str,
        /// Its id or name.
        id: String,
        /// What the batch expected.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The stream is closed; nothing of the batch was written.
    #[error("stream {stream} is closed")]
    Closed {
        /// Name of the stream.
        stream: String,
    },
    /// A stored record cannot be decoded.
    #[error("{what} {id} in the store cannot be read")]
    Decode {
        /// Kind of the record.
        what: &'static str,
        /// Its id.
        id: String,
        /// What the decoder said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The store was written by a later version of this program.
    #[error("store {path} has schema {found}; this version reads up to {supported}, so a later version must open it")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The latest schema this version knows.
        supported: i64,
    },
    /// Another process holds the store.
    #[error("store {path} is held by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// No space is left for the store.
    #[error("no space is left on the disk of store {path}")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or is no store.
    #[error("file {path} is damaged or is no store")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened, or cannot be written.
    #[error("store {path} cannot be opened for writing")]
    Access {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The engine below the store failed in another way.
    #[error("store {path} failed")]
    Engine {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The store was shut down, or its thread ended.
    #[error("store {path} is shut down")]
    ShutDown {
        /// The file.
        path: PathBuf,
    },
}

impl StoreError {
    /// Whether the same batch may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::DiskFull { .. })
    }

    /// Whether the batch lost a race: reading again and deciding anew is the way on.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Closed { .. })
    }
}

/// Why a durable machine did not go on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The store did not write or read.
    #[error("journal {stream} stopped")]
    Store {
        /// Name of the stream.
        stream: String,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// An event or effect cannot be turned into text, or text into it.
    #[error("{what} of journal {stream} cannot be read or written")]
    Codec {
        /// Name of the stream.
        stream: String,
        /// Which event or effect.
        what: String,
        /// What the decoder said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// An earlier call was cancelled before it had its answer; the journal must be opened again to learn what is stored.
    #[error("journal {stream} was interrupted in the middle of a write and must be opened again")]
    Interrupted {
        /// Name of the stream.
        stream: String,
    },
}

impl JournalError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store { source, .. } if source.is_retryable())
    }

    /// Whether another writer moved the stream or a record; the journal must be opened again.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Store { source, .. } if source.is_conflict())
    }
}
