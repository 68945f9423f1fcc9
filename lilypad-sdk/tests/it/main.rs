//! Integration tests, one module a room.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "tests")]

mod api;
#[cfg(feature = "devnet")]
mod chain;
#[cfg(feature = "devnet")]
mod devnet;
#[cfg(all(feature = "docker", feature = "wasm", feature = "client"))]
mod executor;
mod matching;
mod module;
#[cfg(feature = "devnet")]
mod money;
#[cfg(feature = "node")]
mod server;
#[cfg(feature = "store-sqlite")]
mod store;
mod tidy;
mod types;
mod verify;
