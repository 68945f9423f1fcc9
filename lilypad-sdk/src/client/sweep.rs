//! Deposits that earlier commands left behind (design.md §11, ruling 2).
//!
//! A job whose command was killed is seen to its end by the solver, or by whoever attaches to it. When neither does, the
//! next connection with the same store sends the time-outs that are due, so that no deposit stays locked. It moves no other
//! step: to take a job up is the person's choice.

use std::sync::Arc;

use super::{
    creator::CLAIMS,
    lilypad::{JOBS, STREAMS, SavedJob},
    timeouts,
};
use crate::{
    chain::DynChain,
    deal::roles::Creator,
    store::{DynStore, Journaled},
};

/// Looks once at each saved job that money may still be locked in.
pub(super) async fn sweep(chain: Arc<dyn DynChain>, store: Arc<dyn DynStore>) {
    let jobs = match store.dyn_values(JOBS).await {
        Ok(jobs) => jobs,
        Err(error) => {
            tracing::warn!(target: "lilypad::client", %error, "earlier jobs can't be read");
            return;
        }
    };
    for (id, value) in jobs {
        let Ok(saved) = serde_json::from_str::<SavedJob>(&value) else { continue };
        let machine = Creator::new(saved.offer, saved.limits);
        let Ok((journal, _)) = Journaled::open(Arc::clone(&store), format!("{STREAMS}{id}"), machine).await else {
            continue;
        };
        let machine = journal.machine();
        let Some(terms) = machine.terms().filter(|_| !machine.agreement().is_final()) else { continue };
        if let Some(seen) = timeouts::look(&*chain, terms, 0, CLAIMS).await {
            tracing::debug!(target: "lilypad::client", deal = %terms.deal_id, state = %seen.agreement.state, "an earlier job");
        }
    }
}
