//! Why a solver could not be asked, or did not answer as it should.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    api::{ApiError, Refusal},
    wallet::SignError,
};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No connection, or it was lost before the answer.
    #[error("cannot reach the solver at {url}: {detail}")]
    Unreachable {
        /// The solver's base URL.
        url: String,
        /// Why.
        detail: String,
    },
    /// No answer in time.
    #[error("the solver at {url} did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// The solver's base URL.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The solver refused.
    #[error("the solver at {url} refused {request}: {error}")]
    Refused {
        /// The solver's base URL.
        url: String,
        /// Method and path.
        request: String,
        /// What it said.
        #[source]
        error: ApiError,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The answer is no record, or more than is read.
    #[error("the solver at {url} answered {request} with something else than expected: {detail}")]
    Malformed {
        /// The solver's base URL.
        url: String,
        /// Method and path.
        request: String,
        /// What is wrong.
        detail: String,
    },
    /// The solver announces other settings than those it was expected to have.
    #[error("the solver at {url} is another one than expected: {detail}")]
    WrongSolver {
        /// The solver's base URL.
        url: String,
        /// What differs.
        detail: String,
    },
    /// The text is no URL of a solver.
    #[error("{url:?} is no solver URL: {detail}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong.
        detail: String,
    },
    /// A file of the caller cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The request cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl ClientError {
    /// Whether the same call may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused { error, .. } => error.is_retryable(),
            _ => false,
        }
    }

    /// Whether the solver was not there at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. })
    }

    /// When the solver wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What the solver said, when it refused.
    pub fn refusal(&self) -> Option<&ApiError> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the solver gave exactly this refusal.
    pub fn is_refused_with(&self, refusal: Refusal) -> bool {
        self.refusal() == Some(&ApiError::Refused(refusal))
    }

    /// What the person can do about it, where something is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => {
                Some("check that the solver runs and that its URL is right; `-n local` needs neither".to_owned())
            }
            Self::Refused { error, .. } => error.hint().map(str::to_owned),
            Self::WrongSolver { .. } => Some("check the network's name and the solver's address".to_owned()),
            Self::BadUrl { .. } => Some("write it like http://127.0.0.1:8080".to_owned()),
            _ => None,
        }
    }
}
