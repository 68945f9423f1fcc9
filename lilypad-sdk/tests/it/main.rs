//! Integration tests, one module a room.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod tidy;
mod types;
mod verify;
