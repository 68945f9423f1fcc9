//! The roles as services: solver, resource provider and mediator (the creator's side lives in [`crate::client`]).
//!
//! ```text
//! socket, chain ─signals─► driver ─events─► role machine ─effects─► chain, solver, sandbox
//!                            │ journal (store)
//! HTTP ─► server ─► Solver (Backend) ─► Market ─writes─► store ─then─► events ─► sockets
//!                         ▲ chain logs by cursor, timers
//! ```
//!
//! - A party's service drives one machine a deal ([`crate::deal::roles`]) through the driver of the client room.
//! - The solver is one market behind one lock: a step changes it, writes, and only then tells.
//! - Solver events are hints; what a party believes about its deal it reads from the chain.
//!
//! Invariants: a resource offer is taken by exactly one deal; on chain, states 1 to 6 move by chain events only; a run
//! starts only after both agreements were read from the chain.
//! Lost on a crash: nothing acknowledged. A role replays its journal and performs unfinished effects again; a run is
//! started anew; the solver reads the chain from its cursor on.

pub mod solver;

mod error;
mod local_run;
mod mediator;
mod provider;
mod service;
mod workshop;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    api::SocketRole,
    client::{EventStream, HttpSolver},
};

pub use self::{
    error::NodeError,
    local_run::LocalRun,
    mediator::spawn_mediator,
    provider::{ProviderConfig, spawn_provider},
    service::Service,
    workshop::{Workshop, WorkshopError},
};

/// Opens the solver's event socket, for as long as it takes; `None` when told to stop first.
async fn open_events(solver: &HttpSolver, role: SocketRole, stop: &CancellationToken) -> Option<EventStream> {
    let mut pause = Duration::from_millis(200);
    loop {
        let error = tokio::select! {
            () = stop.cancelled() => return None,
            opened = solver.events(role) => match opened {
                Ok(events) => return Some(events),
                Err(error) => error,
            },
        };
        tracing::warn!(target: "lilypad::node", %error, "the solver's events can't be opened");
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(10)),
        }
    }
}
