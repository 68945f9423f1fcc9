//! Durable records and journals: what must outlive a process.
//!
//! ```text
//! solver ──Batch──► commit ──► [one transaction, one fsync for all batches that wait] ──► acknowledged
//! machine ──event──► Journaled::apply ──event + effects──► commit ──► effects performed ──► complete
//! start ──► solver_records (the book, the deals) · streams ──► Journaled::open ──► unfinished effects again
//! ```
//!
//! The store keeps three things: the solver's records (offers, deals, results), journals (streams of events with the
//! effects that are still to be performed), and small named values. [`MemoryStore`] serves tests and networks inside one
//! process, [`SqliteStore`] is the default of everything else; the conformance suite holds both to the same answers.
//!
//! Invariants:
//! - A [`Batch`] is written as a whole or not at all, and is durable when `commit` returns `Ok`.
//! - Nothing is overwritten blindly where two may write: records move by compare-and-set ([`Expected`]), and an event is
//!   appended only at its stream's next number.
//! - Batches of one caller that waits for each answer are applied in that order; reads see every acknowledged batch.
//!
//! The room does not decide anything: it has no rule about which state follows which, and it never parses an event, an
//! effect or an envelope.
//!
//! Lost on crash: batches whose `commit` had not returned may be there or not, each as a whole. Effects that were
//! performed but not yet marked complete are performed again; their keys make that harmless. Lost on drop of a `commit`
//! future: nothing; the batch may still be written. [`MemoryStore`] loses everything with its last handle.

mod batch;
mod error;
mod journal;
mod memory;
mod seam;

#[cfg(feature = "test-utils")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-utils")))]
pub mod conformance;
#[cfg(feature = "store-sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "store-sqlite")))]
mod sqlite;

#[cfg(feature = "store-sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::{
    batch::{Batch, Expected, Write},
    error::{JournalError, StoreError},
    journal::Journaled,
    memory::MemoryStore,
    seam::{BoxFuture, DynStore, Journal, SolverRecords, Store, StoredOffer, StreamInfo},
};
