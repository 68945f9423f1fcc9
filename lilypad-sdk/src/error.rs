//! The SDK's error: one variant per room, with what a person can do about it.

use crate::{client::ClientError, module::ModuleError, wallet::WalletError};

/// What kind of trouble an error is; command lines derive their exit codes from it (design.md §11, ruling 21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Key, network, flag, reference or template.
    Usage,
    /// The job failed, was refused or was cancelled.
    Job,
    /// A time limit, or no match.
    Timeout,
    /// Too little ether or too few tokens.
    Funds,
    /// The chain, the solver or a port can't be had.
    Unreachable,
    /// Anything else.
    Internal,
}

/// Why something could not be done. The text names the thing; [`Error::hints`] name the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A private key can't be used.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// No network has this name.
    #[error(transparent)]
    Network(#[from] crate::chain::UnknownNetwork),
    /// A module can't be had, rendered or decoded.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// What was asked for makes no sense.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// The way out.
        hint: String,
    },
    /// A network can't be reached.
    #[error("network {network} can't be reached: {reason}")]
    Unreachable {
        /// Its name.
        network: String,
        /// Why.
        reason: String,
    },
    /// A devnet of this machine lives, but does not answer.
    #[error("the devnet of process {pid}, which {} announces, does not answer", file.display())]
    Silent {
        /// Its process.
        pid: u32,
        /// The file that announces it.
        file: std::path::PathBuf,
    },
    /// The chain refused.
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
    /// The solver refused, or did not answer.
    #[error(transparent)]
    Solver(#[from] ClientError),
    /// The account can't pay.
    #[error("{what}")]
    Funds {
        /// Whose balance lacks what.
        what: String,
        /// The way out.
        hint: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A journal can't be read or written.
    #[error(transparent)]
    Journal(#[from] crate::store::JournalError),
    /// The job ended without a result.
    #[error("{what}")]
    Job {
        /// What happened.
        what: String,
        /// The way out, empty where none is known.
        hint: String,
    },
    /// A time limit ran out.
    #[error("{what}")]
    Timeout {
        /// Which one.
        what: String,
        /// The way out.
        hint: String,
    },
    /// A file or folder can't be used.
    #[error("{what}: {source}")]
    Io {
        /// Which one.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A service of this network ended.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
}

impl Error {
    #[cfg(feature = "devnet")]
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// What kind of trouble this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Module(error) if error.is_retryable() => ErrorKind::Unreachable,
            Self::Wallet(_) | Self::Network(_) | Self::Module(_) | Self::Usage { .. } => ErrorKind::Usage,
            Self::Funds { .. } => ErrorKind::Funds,
            Self::Unreachable { .. } | Self::Silent { .. } => ErrorKind::Unreachable,
            Self::Chain(error) if error.is_lack_of_funds() => ErrorKind::Funds,
            Self::Chain(error) if error.is_retryable() => ErrorKind::Unreachable,
            Self::Chain(error) if error.is_caller_fault() => ErrorKind::Usage,
            Self::Solver(error) if error.is_retryable() => ErrorKind::Unreachable,
            Self::Solver(ClientError::WrongSolver { .. } | ClientError::BadUrl { .. }) => ErrorKind::Usage,
            Self::Chain(_) | Self::Solver(_) | Self::Job { .. } => ErrorKind::Job,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Store(_) | Self::Journal(_) | Self::Io { .. } => ErrorKind::Internal,
            #[cfg(feature = "node")]
            Self::Node(error) => error.kind(),
        }
    }

    /// What a person can do about it, most useful first.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Wallet(error) => Some(error.hint().to_owned()),
            Self::Network(_) => Some("name one of these with -n; -n local needs nothing installed".to_owned()),
            Self::Module(error) => error.hint(),
            Self::Usage { hint, .. }
            | Self::Funds { hint, .. }
            | Self::Job { hint, .. }
            | Self::Timeout { hint, .. } => Some(hint.clone()).filter(|hint| !hint.is_empty()),
            Self::Unreachable { network, .. } if network != "local" => {
                Some("check the connection, or run on this machine with -n local".to_owned())
            }
            Self::Unreachable { .. } => Some(
                "see whether lilypad devnet and its chain still run; without --chain it brings a chain of its own"
                    .to_owned(),
            ),
            Self::Silent { pid, file } => Some(format!(
                "see what holds it up, or end it with: kill {pid}; remove {} if that process is another program's",
                file.display()
            )),
            Self::Chain(error) => error.hint(),
            Self::Solver(error) => error.hint(),
            #[cfg(feature = "node")]
            Self::Node(error) => error.hint(),
            Self::Store(_) | Self::Journal(_) | Self::Io { .. } => {
                Some("see that DATA_DIR and XDG_STATE_HOME can be written to and have room".to_owned())
            }
        };
        hint.into_iter().collect()
    }
}
