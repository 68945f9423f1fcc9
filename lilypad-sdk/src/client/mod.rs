//! The solver's API over HTTP and WebSocket, and jobs submitted through it.
//!
//! ```text
//! HttpSolver::connect ──► GET info: is this the solver that was meant? ──► methods, one a route
//!     each attempt: sign anew ──► send ──► record | refusal (ends) | busy, lost, 5xx (waits, repeats)
//! HttpSolver::events ──► socket ──► EventStream: Event … Reconnected … (gaps: poll after each Reconnected)
//! ```
//!
//! Invariants: constant headers go only to a solver that was pinned as legacy; a known refusal is never repeated; an
//! answer is bounded before it is read; a downloaded file has its name only when it is complete. Events between two
//! connections are lost, and the stream says so. Nothing is stored here.

mod error;
mod http;
mod transfer;
mod ws;

pub use self::{
    error::ClientError,
    http::{HttpAuth, HttpOptions, HttpSolver},
    ws::{EventStream, StreamItem},
};
