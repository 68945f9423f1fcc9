//! The contracts' time-outs, sent by a party that waits for its money.
//!
//! The solver sends them first; a party does when the solver does not, so that a solver that is gone locks nobody's money.

use std::time::Duration;

use crate::{
    chain::{ChainError, DynChain},
    deal::{Agreement, DealTerms, TimeoutKind, deadline},
};

/// How long after a deadline the solver is left to send the time-out.
const GRACE: Duration = Duration::from_secs(15);

/// What a look found.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The agreement.
    pub(crate) agreement: Agreement,
    /// Why its time-out, which is due, can never be sent on this network.
    pub(crate) stuck: Option<ChainError>,
}

/// Reads the agreement at `depth`, and sends its time-out when that is one of `claims` and long due. `None` when the chain
/// does not answer.
pub(crate) async fn look(chain: &dyn DynChain, terms: &DealTerms, depth: u64, claims: &[TimeoutKind]) -> Option<Seen> {
    let agreement = chain.agreement(&terms.deal_id, depth).await.ok()?;
    let Some((kind, at)) = deadline(&agreement, &terms.timeouts) else { return Some(Seen { agreement, stuck: None }) };
    if !claims.contains(&kind) {
        return Some(Seen { agreement, stuck: None });
    }
    // The chain's clock decides: it is what the contracts compare with.
    let now = chain.time().await.ok();
    if now.is_none_or(|now| now <= at.plus(GRACE)) {
        return Some(Seen { agreement, stuck: None });
    }
    let mut stuck = None;
    match chain.timeout(kind, &terms.deal_id).await {
        Ok(receipt) => {
            tracing::info!(target: "lilypad::client", deal = %terms.deal_id, %kind, tx = %receipt.hash, "time-out sent");
        }
        Err(error) if error.is_not_offered() => stuck = Some(error),
        // Somebody else was quicker, or the next look tries again.
        Err(error) => {
            tracing::debug!(target: "lilypad::client", deal = %terms.deal_id, %kind, %error, "the time-out was not taken");
        }
    }
    let agreement = chain.agreement(&terms.deal_id, depth).await.ok()?;
    Some(Seen { agreement, stuck })
}
