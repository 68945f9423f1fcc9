//! What the solver's clients and server agree on: routes, queries, signatures, errors, visibility and archives.
//!
//! ```text
//! client ──► routes + query ──► auth (legacy | bound headers) ──► server
//!        ◄── record or ApiError (status + plain text) ◄──────────
//!        ◄── event, if event_visible(event, address) ◄─────────── socket
//! ```
//!
//! The wire is the existing network's (spec/network.md §3, §4). What is ours is added beside it: the route
//! [`routes::INFO`], cancelling an offer, and the header [`BOUND_HEADER`], a signature over the whole request.
//!
//! Invariants: an error is never JSON (existing clients would take it for a record); a signature is checked before the
//! record it speaks for is touched; a bound request is accepted once. This room opens no socket and reads no clock: time
//! is an argument. Nothing here is lost on a crash but the nonces a [`BoundVerifier`] has seen, and a restarted verifier
//! refuses every request signed before its start.

#[cfg(any(feature = "client", feature = "server"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "client", feature = "server"))))]
pub mod archive;
pub mod encoders;
pub mod routes;

mod auth;
mod error;
mod info;
mod query;
mod version;
mod visible;

pub use self::{
    auth::{
        AuthError, AuthKind, BOUND_HEADER, BoundCaller, BoundRequest, BoundVerifier, Caller, LegacyHeaders,
        MAX_CLOCK_SKEW_MS, NONCE_KEPT_MS, RequestDomain, SIGNATURE_HEADER, USER_HEADER, VERSION_HEADER,
    },
    error::{ApiError, ApiResult, Refusal},
    info::SolverInfo,
    query::{DealQuery, JobOfferQuery, Query, ResourceOfferQuery, SocketQuery, SocketRole},
    version::{WIRE_VERSION, is_version_at_least},
    visible::{
        Party, deal_parties, deal_visible, event_visible, job_offer_visible, resource_offer_visible, same_address,
        without_inputs,
    },
};
pub use crate::types::{AuthMode, Settlement};
