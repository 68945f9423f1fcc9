//! What can go wrong between a verb and its receipt.

use std::{io, path::PathBuf, time::Duration};

use alloy_primitives::{Address, B256, Bytes};

use super::RevertReason;
use crate::{
    types::Amount,
    wallet::{SignError, WalletError},
};

/// Errors of the chain room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No endpoint answered in time.
    #[error("chain {chain_id} is unreachable: {}", failures.join("; "))]
    Unreachable {
        /// The chain that was looked for.
        chain_id: u64,
        /// One line for each endpoint and what it did.
        failures: Vec<String>,
    },
    /// An endpoint serves another chain.
    #[error("{endpoint} serves chain {found}, not {expected}")]
    WrongChain {
        /// Scheme and host of the endpoint.
        endpoint: String,
        /// The chain that was wanted.
        expected: u64,
        /// The chain that answered.
        found: u64,
    },
    /// Not a URL of one of the schemes http, https, ws, wss.
    #[error("{url:?} is no RPC address: write http://, https://, ws:// or wss:// and a host")]
    BadEndpoint {
        /// What was given, without a password.
        url: String,
    },
    /// The node refused a request.
    #[error("{method} was refused: {message} (code {code})")]
    Refused {
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
        /// Data of the error, empty if none.
        data: Bytes,
    },
    /// A contract reverted, in a simulation or in a mined transaction.
    #[error("{contract}.{call} reverted: {reason}")]
    Reverted {
        /// Contract that was called.
        contract: &'static str,
        /// Function that was called.
        call: &'static str,
        /// Why, decoded.
        reason: RevertReason,
        /// The mined transaction; `None` when a simulation failed and nothing was sent.
        hash: Option<B256>,
    },
    /// The contracts of this network lack a function that the call needs, as the deployed v1 contracts do for two
    /// time-outs: they revert without a reason. Source: contracts.md §1.7 and §5.0.
    #[error(
        "{contract}.{call} reverted without a reason: the contracts of this network (at {address}) lack what it needs"
    )]
    NotOffered {
        /// Contract that was called.
        contract: &'static str,
        /// Function that was called.
        call: &'static str,
        /// Where the contract is.
        address: Address,
    },
    /// The account cannot pay for gas.
    #[error("{address} has {have} ETH, {call} needs up to {needed} ETH for gas")]
    InsufficientFunds {
        /// The sender.
        address: Address,
        /// Function that was called.
        call: &'static str,
        /// Gas limit times fee cap, plus value.
        needed: Amount,
        /// Balance of the sender.
        have: Amount,
    },
    /// The account has too few LP.
    #[error("{address} has {have} LP, too few for {call}{}", needed.map(|needed| format!(", which takes {needed} LP")).unwrap_or_default())]
    InsufficientTokens {
        /// The sender.
        address: Address,
        /// Function that was called.
        call: &'static str,
        /// What the call takes from the wallet, where that is known beforehand.
        needed: Option<Amount>,
        /// Tokens of the sender.
        have: Amount,
    },
    /// The transaction is sent but not mined yet; it may still be. Go on with [`Chain::resume`](super::Chain::resume).
    #[error("transaction {hash} was not mined within {} s", waited.as_secs())]
    NotMined {
        /// The newest transaction of its nonce.
        hash: B256,
        /// How long was waited.
        waited: Duration,
    },
    /// Another transaction took this one's nonce, so it can never be mined.
    #[error("transaction {hash} was displaced: nonce {nonce} was used by another one")]
    Displaced {
        /// The displaced transaction.
        hash: B256,
        /// Its nonce.
        nonce: u64,
    },
    /// There is no contract at the address.
    #[error("there is no contract {contract} at {address} on chain {chain_id}")]
    NoContract {
        /// Which contract was expected.
        contract: &'static str,
        /// Where.
        address: Address,
        /// On which chain.
        chain_id: u64,
    },
    /// The connection has no key.
    #[error("{call} needs a private key, this connection only reads")]
    ReadOnly {
        /// Function that was called.
        call: &'static str,
    },
    /// An answer that does not fit the protocol.
    #[error("cannot read {what}: {message}")]
    Decode {
        /// What was being read.
        what: &'static str,
        /// What was wrong with it.
        message: String,
    },
    /// The journal refused, so nothing was sent.
    #[error("cannot record the transaction of {call}, it was not sent: {message}")]
    Journal {
        /// Function that was called.
        call: &'static str,
        /// The journal's words.
        message: String,
    },
    /// The lock that orders the senders of one key cannot be taken.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of a deployment cannot be used.
    #[error("{}: {problem}", path.display())]
    DeploymentFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The way out.
        hint: String,
    },
    /// Not a private key.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The curve library refused.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl ChainError {
    /// Whether the same verb may succeed later without anything else changing.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NotMined { .. } | Self::Displaced { .. } | Self::Lock { .. })
    }

    /// Whether the account lacks ether or tokens.
    #[must_use]
    pub const fn is_lack_of_funds(&self) -> bool {
        matches!(self, Self::InsufficientFunds { .. } | Self::InsufficientTokens { .. })
    }

    /// Whether the person must change something: funds, key, addresses, configuration.
    #[must_use]
    pub const fn is_caller_fault(&self) -> bool {
        matches!(
            self,
            Self::InsufficientFunds { .. }
                | Self::InsufficientTokens { .. }
                | Self::WrongChain { .. }
                | Self::BadEndpoint { .. }
                | Self::NoContract { .. }
                | Self::ReadOnly { .. }
                | Self::DeploymentFile { .. }
                | Self::Wallet(_)
        )
    }

    /// Whether the contracts of this network cannot do it, so that trying again is of no use.
    #[must_use]
    pub const fn is_not_offered(&self) -> bool {
        matches!(self, Self::NotOffered { .. })
    }

    /// The contract's reason, when it was a contract that refused.
    #[must_use]
    pub const fn revert(&self) -> Option<&RevertReason> {
        match self {
            Self::Reverted { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// What to do about it, for errors that a person can mend.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { .. } => {
                "check the network connection or name other endpoints; `-n local` needs none".to_owned()
            }
            Self::BadEndpoint { .. } => "for example http://127.0.0.1:8545".to_owned(),
            Self::WrongChain { expected, .. } => format!("name an endpoint of chain {expected}, or another network"),
            Self::InsufficientFunds { address, .. } => format!("send ETH for gas to {address}"),
            Self::InsufficientTokens { address, .. } => format!("send LP to {address}"),
            Self::NotOffered { call: "timeoutSubmitResult", .. } => {
                "what is locked in the deal stays locked until the provider delivers; a set of lilypad contracts deploy does not \
                 have this fault of v1"
                    .to_owned()
            }
            Self::NotOffered { call: "timeoutJudgeResult", .. } => {
                "what is locked in the deal stays locked until the creator judges; a set of lilypad contracts deploy does not \
                 have this fault of v1"
                    .to_owned()
            }
            Self::NotOffered { .. } => {
                "these contracts are of another version; lilypad contracts show tells where they are".to_owned()
            }
            Self::NoContract { .. } => "check the contract addresses of this network".to_owned(),
            Self::ReadOnly { .. } => "set WEB3_PRIVATE_KEY".to_owned(),
            Self::NotMined { .. } => "it may still be mined; the same command continues it".to_owned(),
            Self::Lock { path, .. } => format!("see whether another process holds {}", path.display()),
            Self::DeploymentFile { hint, .. } => hint.clone(),
            Self::Wallet(error) => error.hint().to_owned(),
            _ => return None,
        })
    }
}
