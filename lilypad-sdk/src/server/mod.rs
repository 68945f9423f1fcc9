//! The solver's API as a server: HTTP, the event socket, and a small JSON-RPC host for a development chain.
//!
//! ```text
//! connection ──► guard (host, origin) ──► signature ──► rate limit ──► route ──► checks ──► Backend
//!                                                                       files ◄──► disk, streamed
//! Backend::subscribe ──► hub: one text an event, one bounded queue a socket ──► sockets that may see it
//! ```
//!
//! The server knows the wire and who is asking; what a request means is the [`Backend`]'s business. By the time a method
//! of the backend is called, the signature is valid, the caller is the party of record that the route asks for, the
//! client's version and the record's time are accepted, and in `bound` mode lists hold the caller's records only.
//!
//! Invariants: errors are plain text; every body, header block, queue and table has a limit with a name; a slow socket or
//! upload holds up nobody else; an upload appears under its name only when it is complete and its hash is right.
//! Lost on a crash: nothing but open connections and half-received uploads, whose temporary files (`.<name>.<random>.part`)
//! stay behind in the folder of their target.

mod answer;
mod backend;
pub mod checks;
pub mod config;
mod context;
mod error;
mod handle;
mod hub;
mod listen;
mod rate;
mod routes;
mod rpc;
mod socket;
mod upload;

pub use self::{
    backend::{Backend, DynBackend},
    config::{RateLimit, ServerConfig},
    error::ServerError,
    handle::{Server, ServerBuilder, ServerHandle},
    rpc::{JsonRpcServer, RpcHandler},
    upload::TempUpload,
};
