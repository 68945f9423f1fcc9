//! The solver: the market behind its API, the chain's events, and the time-outs.
//!
//! ```text
//! request ─► Backend ─► step ─┐                        ┌─► store (one commit a round)
//! chain logs ─► follower ─────┼─► desk ─► Market ──────┼─► answers
//! timers ─► clerk ────────────┘   (one task)           └─► events ─► sockets
//! ```
//!
//! The desk is one task that owns the [`Market`]. It takes every step that waits, lets the market decide, writes what
//! changed in one transaction, and only then answers and tells. Nobody else touches the market, so no lock is held.
//!
//! [`spawn_solver`] is the solver on a chain and a store that are there; [`start_solver`] is the program around it, which
//! connects, checks, opens the store for itself alone, and closes it again.
//!
//! Invariants: what was acknowledged is on disk; a resource offer is taken once; on chain, the deal's states 1 to 6 follow
//! the contracts' logs, read by cursor without gaps. Time-outs are sent by whoever notices: their money goes to the
//! parties only.
//! Lost on a crash: open resource offers (their providers list them anew) and events under way (nodes poll).

mod backend;
mod clerk;
#[cfg(feature = "store-sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "store-sqlite")))]
mod daemon;
mod desk;
mod health;
mod market;
mod run;

#[cfg(feature = "store-sqlite")]
pub use self::daemon::{DaemonConfig, Registration, SolverDaemon, start_solver};
pub use self::{
    market::{Change, Market, MarketConfig},
    run::{SolverConfig, SolverHandle, spawn_solver},
};
