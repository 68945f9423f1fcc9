//! Integration tests, one module a room.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "tests")]

mod api;
#[cfg(feature = "devnet")]
mod chain;
#[cfg(feature = "devnet")]
mod deploy;
#[cfg(feature = "devnet")]
mod devnet;
#[cfg(all(feature = "docker", feature = "wasm", feature = "client"))]
mod executor;
mod matching;
mod module;
#[cfg(feature = "devnet")]
mod money;
#[cfg(feature = "devnet")]
mod originals;
#[cfg(feature = "node")]
mod server;
#[cfg(feature = "store-sqlite")]
mod store;
mod tidy;
mod types;
mod verify;

/// Says aloud that a test did not run: past the test runner, which keeps what a passing test prints to itself.
fn skipped(why: impl std::fmt::Display) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("SKIPPED: {why}\n").as_bytes());
}
