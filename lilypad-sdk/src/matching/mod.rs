//! Which resource offer serves which job offer.
//!
//! ```text
//! resource offers ─┐                                         ┌─► build_deal ─► Deal
//!                  ├─► OrderBook ─► next_matches ─► matches ─┘
//! job offers ──────┘        │                   └─► unmatchable (targeted jobs nobody may serve)
//!                           └─► explain: why does this job wait?
//! ```
//!
//! [`rules`] decides one pair and selects among pairs that match; [`naive`] is the plain scan of the existing network over
//! all offers, kept as the reference; [`OrderBook`] gives the same answers from indexes, looking only at pairs that no
//! earlier round has looked at.
//!
//! Invariants: an offer is in at most one match; after a round no two open offers match; the order of candidates is total
//! (price, then age, then id for market jobs; age, then id for fixed ones), so the same offers always give the same
//! matches; a provider has at most one open offer per index, the later post replaces the earlier (design.md §11, ruling 13).
//!
//! The room reads no clock and no store: who expires offers, stores deals and puts offers back after a failed deal is the
//! solver. Lost on crash: nothing that the store does not have; the book is rebuilt by inserting the stored offers.

mod book;
mod catalogue;
mod deal;
mod explain;

pub mod naive;
pub mod rules;
mod shelf;

pub use self::{
    book::{OrderBook, Round, Unmatchable, UnmatchableReason},
    deal::build_deal,
    explain::{Explanation, NearestMiss},
    rules::Match,
};
