//! The solver's API over HTTP and WebSocket, and jobs submitted through it.
//!
//! ```text
//! HttpSolver::connect ──► GET info: is this the solver that was meant? ──► methods, one a route
//!     each attempt: sign anew ──► send ──► record | refusal (ends) | busy, lost, 5xx (waits, repeats)
//! HttpSolver::events ──► socket ──► EventStream: Event … Reconnected … (gaps: poll after each Reconnected)
//! ```
//!
//! [`Lilypad`] is the front: a connection, and jobs on it.
//!
//! ```text
//! Lilypad::job ─submit─► module resolved, rendered ─► funds checked ─► offer posted
//!    socket, chain ─► driver ─► Creator machine ─► agree, fetch, download, accept ─► JobOutput + receipt
//! ```
//!
//! Invariants: constant headers go only to a solver that was pinned as legacy; a known refusal is never repeated; an
//! answer is bounded before it is read; a downloaded file has its name only when it is complete. Events between two
//! connections are lost, and the stream says so. A job is in
//! its journal before its offer is sent, and each payment before it is made; after a crash [`Lilypad::attach`] goes on,
//! and the next connection with the same store sends the time-outs that earlier jobs of its key are owed.

pub(crate) mod creator;
pub(crate) mod driver;

mod builder;
mod config;
mod error;
mod handle;
mod http;
mod input_folder;
mod lilypad;
mod output;
mod paths;
pub(crate) mod retry;
mod settlement;
mod sweep;
pub(crate) mod timeouts;
mod transfer;
mod ws;

#[cfg(feature = "node")]
pub(crate) use self::input_folder::check_declared;
#[cfg(feature = "devnet")]
pub(crate) use self::paths::private_dir;
pub use self::{
    builder::{CheckedJob, JobBuilder},
    config::ConnectConfig,
    error::ClientError,
    handle::{Interrupted, Job, JobEvent, Stage},
    http::{HttpAuth, HttpOptions, HttpSolver},
    lilypad::Lilypad,
    output::JobOutput,
    paths::Paths,
    settlement::{PaymentRecord, Receipt, SettlementRecord},
    ws::{EventStream, StreamItem},
};
