//! The contracts behind one trait of protocol verbs.
//!
//! ```text
//! node, client ─► Chain (agree, add_result, events …) ─► RpcChain ─┬─► http, ws: several endpoints, fail-over
//!                                                                  └─► EmbeddedChain: revm in this process
//!    ChainCall ─► ABI bytes ─► nonce, signature, journal ─► broadcast ─► TxReceipt { events }
//! ```
//!
//! - Verbs, not JSON-RPC, cross the seam: [`ChainCall`] is data that a role machine can emit and a store can keep.
//! - Money is [`Amount`](crate::types::Amount), ids are typed, enum numbers are checked. What a contract refuses comes
//!   out as a decoded [`RevertReason`].
//! - One sender per key orders nonces, in this process by a lock and across processes by a lock file. The hash of a
//!   transaction is known and can be recorded ([`TxJournal`]) before it is sent; sending it again is harmless.
//! - Events are read by range and by [`EventCursor`], which survives gaps and reorganisations. There is no background
//!   task here: who waits, polls or listens.
//! - Not here: when to agree, accept or time out (`deal`), and who watches whom (`node`).
//!
//! Lost on a crash: nothing that the journal recorded; [`Chain::resume`] goes on with it. The embedded chain loses
//! everything.

mod bindings;
mod call;
mod convert;
mod deploy;
mod error;
mod event;
mod jobs;
mod network;
mod pow;
mod revert;
mod rpc;
mod seam;

#[cfg(feature = "devnet")]
mod embedded;

#[cfg(all(feature = "devnet", feature = "test-utils"))]
pub mod conformance;
#[cfg(all(feature = "devnet", feature = "test-utils"))]
mod conformance_jobs;

pub use crate::wallet::{SignError, Wallet, WalletError};
pub use call::{ChainCall, ServiceType, SignedTx, TxJournal, TxOptions, TxReceipt};
pub use deploy::{
    Check, ContractStatus, DeployConfig, DeployProgress, DeployedContract, DeployedStep, Deployment, Gift, Given,
    PendingStep, deploy, deploy_recorded, fund, give, survey, verify,
};
pub use error::ChainError;
pub use event::{BlockHead, ChainEvent, ChainEventKind, EventCursor, REWIND, deal_key};
pub use jobs::{JobOrder, OnChainJob, OnChainJobStatus, OnChainJobs};
pub use network::{AuthMode, Contracts, GivenContracts, Network, Settlement, UnknownNetwork};
pub use pow::{Pow, PowChallenge, PowProof, PowRound, pow_hash};
pub use revert::{ContractError, RevertReason};
pub use rpc::{RpcChain, RpcConfig};
pub use seam::{Chain, DynChain};

#[cfg(all(feature = "devnet", any(test, feature = "test-utils")))]
pub use embedded::EmbeddedAccount;
#[cfg(feature = "devnet")]
#[cfg_attr(docsrs, doc(cfg(feature = "devnet")))]
pub use embedded::{DEV_ACCOUNTS, EmbeddedChain, EmbeddedConfig, EmbeddedTransport, LOCAL_CHAIN_ID};
