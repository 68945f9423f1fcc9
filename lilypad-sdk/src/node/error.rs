//! Why a service ended.

use crate::{
    chain::ChainError,
    client::ClientError,
    server::ServerError,
    store::{JournalError, StoreError},
};

/// Why a service can't start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A journal can't be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The chain refuses.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The solver refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server can't listen.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A folder or socket can't be used.
    #[error("{what}: {source}")]
    Io {
        /// Which one.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A task of the service panicked.
    #[error("the {service} panicked; this is a bug")]
    Panicked {
        /// Which service.
        service: &'static str,
    },
}

impl NodeError {
    /// What kind of trouble this is.
    pub fn kind(&self) -> crate::ErrorKind {
        match self {
            Self::Server(_) => crate::ErrorKind::Unreachable,
            Self::Chain(error) if error.is_lack_of_funds() => crate::ErrorKind::Funds,
            Self::Chain(error) if error.is_retryable() => crate::ErrorKind::Unreachable,
            Self::Client(error) if error.is_retryable() => crate::ErrorKind::Unreachable,
            _ => crate::ErrorKind::Internal,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint(),
            Self::Chain(error) => error.hint(),
            Self::Client(error) => error.hint(),
            _ => None,
        }
    }
}
