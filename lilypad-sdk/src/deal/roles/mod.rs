//! The role machines of the parties: creator, provider and mediator as events in, effects out.
//!
//! ```text
//!            events                                effects
//! solver ──► DealFound, OfferState ─┐        ┌──► agree, addResult, acceptResult … (chain)
//! chain  ──► ChainState ────────────┼─ role ─┼──► post, upload, download (solver)
//! sandbox ─► RunFinished, RunFailed ┘        └──► run (executor), Finish
//! ```
//!
//! Each machine follows one deal. What a party believes about a deal comes from the chain: events of the solver are hints
//! that make the driver read it sooner. The solver's own machine is the market ([`crate::node`]), since it also matches.
//!
//! Invariants: money moves only after the chain said that it may (an agreement of both before a run, a submitted result
//! before an acceptance); every machine ends in exactly one `Finish`; a machine that has finished emits nothing.
//! What is lost on a crash: nothing that was stored; effects that were under way are performed again.

mod creator;
mod mediator;
mod provider;
#[cfg(test)]
mod tests;

pub use self::{
    creator::{Creator, CreatorEffect, CreatorEvent, CreatorLimits, CreatorOutcome},
    mediator::{Mediator, MediatorEffect, MediatorEvent, Verdict},
    provider::{Provider, ProviderEffect, ProviderEvent, ProviderOutcome, RunOutcome},
};
