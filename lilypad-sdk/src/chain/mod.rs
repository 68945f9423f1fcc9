//! The contracts behind one trait of protocol verbs.

mod event;
mod network;
mod wallet;

#[cfg(feature = "devnet")]
mod embedded;

pub use event::BlockHead;
pub use network::{AuthMode, Network, NetworkContracts, Settlement, UnknownNetwork};
pub use wallet::{Wallet, WalletError};

#[cfg(feature = "devnet")]
pub use embedded::{DEV_ACCOUNTS, EmbeddedChain, EmbeddedConfig, EmbeddedTransport, LOCAL_CHAIN_ID};
