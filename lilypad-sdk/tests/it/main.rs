//! Integration tests, one module a room.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod api;
#[cfg(feature = "devnet")]
mod chain;
#[cfg(all(feature = "docker", feature = "wasm", feature = "client"))]
mod executor;
mod tidy;
mod types;
mod verify;
