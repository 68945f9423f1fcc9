//! What happens without a request: the chain's events, the market's timers, the contracts' time-outs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::run::Office;
use crate::{
    chain::{ChainError, ChainEventKind, DynChain, EventCursor},
    deal::{AGREE_TIMEOUT, AgreementState, deadline, due},
    store::Write,
    types::{DealId, Timestamp},
};

/// How often the timers are looked at.
const TICK: Duration = Duration::from_millis(500);
/// Longest wait for a block before the head is asked for again.
const BLOCK_WAIT: Duration = Duration::from_secs(5);
/// How long a deal whose time-out the contracts cannot do needs no look.
const UNENDING: Duration = Duration::from_secs(3600);
/// Pause after a chain error.
const PAUSE: Duration = Duration::from_secs(1);
/// Namespace and key of the cursor in the store.
pub(super) const CURSOR: (&str, &str) = ("solver", "cursor");

/// Follows the contracts' logs from `cursor` on and moves the market's deals.
pub(super) async fn follow(
    office: Arc<Office>,
    chain: Arc<dyn DynChain>,
    mut cursor: EventCursor,
    stop: CancellationToken,
) {
    loop {
        let seen = cursor.next.saturating_sub(1);
        tokio::select! {
            () = stop.cancelled() => return,
            () = office.nudge.notified() => {}
            waited = chain.wait_for_block(seen, BLOCK_WAIT) => if let Err(error) = waited {
                tracing::warn!(target: "lilypad::node", %error, "the chain can't be read");
                tokio::time::sleep(PAUSE).await;
            },
        }
        if let Err(error) = read(&office, &*chain, &mut cursor).await {
            tracing::warn!(target: "lilypad::node", %error, "the chain's events can't be read");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn read(office: &Office, chain: &dyn DynChain, cursor: &mut EventCursor) -> Result<(), ChainError> {
    let mut next = cursor.clone();
    let events = next.poll(chain).await?;
    if next == *cursor {
        return Ok(());
    }
    let value = serde_json::to_string(&next).unwrap_or_default();
    let taken = office
        .desk
        .step(move |market, _| {
            let mut change = super::market::Change { from_chain: true, ..Default::default() };
            for event in events {
                match event.kind {
                    ChainEventKind::DealStateChange { deal, state } => change.append(market.chain_state(&deal, state)),
                    ChainEventKind::MediationRequested { deal, mediator } => {
                        change.append(market.mediator_drawn(&deal, mediator.to_string()));
                    }
                    // Money is in escrow from the first agreement on, also when that comes late.
                    ChainEventKind::DealProposed { deal, .. } => market.proposed(&deal),
                    _ => {}
                }
            }
            // An empty block moves only the cursor: it is written with the next change.
            if !change.writes.is_empty() {
                change.writes.push(Write::PutValue { ns: CURSOR.0.into(), key: CURSOR.1.into(), value });
            }
            Ok(((), change))
        })
        .await;
    // A step that was not written is read again.
    if taken.is_ok() {
        *cursor = next;
    }
    Ok(())
}

/// Runs the market's timers and sends the contracts' time-outs.
pub(super) async fn watch(office: Arc<Office>, chain: Option<Arc<dyn DynChain>>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known: HashMap<DealId, Option<Timestamp>> = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = office.desk.step(|market, now| Ok(((), market.expire(now)))).await {
            tracing::warn!(target: "lilypad::node", %error, "the timers could not run");
        }
        if let Some(chain) = &chain
            && let Err(error) = send_timeouts(&office, &**chain, &mut known).await
        {
            tracing::warn!(target: "lilypad::node", %error, "time-outs could not be looked at");
        }
    }
}

/// Sends the time-outs that are due. `known` remembers until when a deal needs no look.
async fn send_timeouts(
    office: &Office,
    chain: &dyn DynChain,
    known: &mut HashMap<DealId, Option<Timestamp>>,
) -> Result<(), ChainError> {
    let Ok(open) = office.desk.ask(|market| Ok(market.unsettled())).await else { return Ok(()) };
    known.retain(|id, _| open.iter().any(|(deal, ..)| deal == id));
    if open.is_empty() {
        return Ok(());
    }
    // The chain's clock decides: it is what the contracts compare with.
    let now = chain.time().await?;
    for (id, created_at, terms) in open {
        if known.get(&id).is_some_and(|until| until.is_some_and(|until| now <= until)) {
            continue;
        }
        let agreement = chain.agreement(&id, 0).await?;
        let never_agreed = agreement.state == AgreementState::DealNegotiating
            && agreement.deal_created_at.is_none()
            && created_at.plus(AGREE_TIMEOUT) < now;
        if agreement.state.is_final() || never_agreed {
            let settled = id.clone();
            // Refused only while the solver stops; the next start looks again.
            let _ = office.desk.step(move |market, _| Ok(((), market.settled(&settled)))).await;
            continue;
        }
        if let Some(kind) = due(&agreement, &terms, now) {
            match chain.timeout(kind, &id).await {
                Ok(receipt) => {
                    tracing::info!(target: "lilypad::node", deal = %id, %kind, tx = %receipt.hash, "time-out sent");
                    office.nudge.notify_one();
                }
                Err(error) => {
                    tracing::warn!(target: "lilypad::node", deal = %id, %kind, %error, "the time-out was not taken");
                    // Only another party's step can end the deal where the contracts cannot do it.
                    let again = if error.is_not_offered() { UNENDING } else { Duration::from_secs(5) };
                    known.insert(id, Some(now.plus(again)));
                }
            }
            continue;
        }
        // States move while we wait: look again in five seconds at the latest, at the deadline at the earliest.
        let soon = now.plus(Duration::from_secs(5));
        let until = deadline(&agreement, &terms).map_or(soon, |(_, at)| at.min(soon));
        known.insert(id, Some(until));
    }
    Ok(())
}
