// The program in the README runs as a doctest, which needs a network.
#![cfg_attr(any(not(doctest), feature = "devnet"), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

// Rooms, in import order: a room may use the rooms above it, never its neighbours or those below (see ARCHITECTURE.md).
pub mod types;

pub mod deal;
pub mod matching;
pub mod module;
pub mod verify;

#[cfg(feature = "chain")]
pub mod api;
#[cfg(feature = "chain")]
pub mod wallet;

#[cfg(feature = "chain")]
pub mod chain;
#[cfg(any(feature = "docker", feature = "wasm", feature = "node"))]
pub mod executor;
#[cfg(feature = "chain")]
pub mod store;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "client")]
mod error;
#[cfg(feature = "client")]
pub use self::{
    client::{CheckedJob, Interrupted, Job, JobBuilder, JobEvent, JobOutput, Lilypad, Stage},
    error::{Error, ErrorKind},
};

#[cfg(feature = "node")]
pub mod node;

#[cfg(feature = "devnet")]
pub mod devnet;
