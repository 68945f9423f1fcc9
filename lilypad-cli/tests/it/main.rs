//! The binary from outside: what it prints, where, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod bad_input;
mod contracts;
mod devnet;
mod interrupts;
mod local;
mod losses;
mod module;
mod solver;
mod support;
mod words;
