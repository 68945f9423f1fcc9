//! The mediator as a service: runs checked jobs again and gives its verdict on chain.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{NodeError, Service, Workshop};
use crate::{
    api::{DealQuery, SocketRole},
    chain::DynChain,
    client::{
        HttpSolver, StreamItem,
        driver::{Role, Signal, drive},
        retry::Pauses,
    },
    deal::roles::{Mediator, MediatorEffect, MediatorEvent, Verdict},
    store::{DynStore, JournalError, Journaled},
    types::{Address, DealContainer, DealId, DealState, MediatorTransactions},
};

/// How often deals are looked for that no event told of.
const LOOK: Duration = Duration::from_secs(10);

struct Shared {
    address: Address,
    chain: Arc<dyn DynChain>,
    solver: Arc<HttpSolver>,
    store: Arc<dyn DynStore>,
    workshop: Workshop,
}

/// Starts a mediator that decides deals for which the chain drew `address`.
pub fn spawn_mediator(
    address: Address,
    chain: Arc<dyn DynChain>,
    solver: Arc<HttpSolver>,
    store: Arc<dyn DynStore>,
    workshop: Workshop,
) -> Service {
    let shared = Arc::new(Shared { address, chain, solver, store, workshop });
    Service::spawn("mediator", move |stop| run(shared, stop))
}

async fn run(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), NodeError> {
    let Some(mut events) = super::open_events(&shared.solver, SocketRole::Mediator, &stop).await else {
        return Ok(());
    };
    let mut inboxes: HashMap<DealId, mpsc::Sender<Signal<MediatorEvent>>> = HashMap::new();
    let mut deals: JoinSet<DealId> = JoinSet::new();
    let mut look = tokio::time::interval(LOOK);
    loop {
        let found = tokio::select! {
            () = stop.cancelled() => break,
            _ = look.tick() => checked_deals(&shared).await,
            event = events.next() => match event {
                Some(StreamItem::Reconnected) => checked_deals(&shared).await,
                Some(StreamItem::Event(event)) => event.deal.map(|deal| *deal).into_iter().collect(),
                None => break,
            },
            Some(done) = deals.join_next() => match done {
                Ok(id) => { inboxes.remove(&id); continue }
                Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                Err(_) => continue,
            },
        };
        for deal in found.into_iter().filter(|d| d.mediator == shared.address.to_string()) {
            // The chain says only that a deal of this id is ours to check: its content must be what the id stands for.
            if !deal.is_consistent() {
                tracing::warn!(target: "lilypad::node", deal = %deal.id, "a deal whose id is not its content's is left alone");
                continue;
            }
            if let Some(inbox) = inboxes.get(&deal.id) {
                inbox.try_send(Signal::Look).ok();
                continue;
            }
            let (inbox, signals) = mpsc::channel(16);
            inboxes.insert(deal.id.clone(), inbox);
            let shared = Arc::clone(&shared);
            deals.spawn(async move {
                let id = deal.id.clone();
                if let Err(error) = follow(&shared, deal, signals).await {
                    tracing::error!(target: "lilypad::node", deal = %id, %error, "the deal's journal failed");
                }
                id
            });
        }
    }
    deals.shutdown().await;
    shared.workshop.shutdown().await;
    Ok(())
}

async fn checked_deals(shared: &Shared) -> Vec<DealContainer> {
    let query = DealQuery {
        mediator: shared.address.to_string(),
        state: Some(DealState::ResultsChecked),
        ..DealQuery::default()
    };
    shared.solver.deals(&query).await.unwrap_or_else(|error| {
        tracing::warn!(target: "lilypad::node", %error, "the solver did not list the checked deals");
        Vec::new()
    })
}

async fn follow(
    shared: &Arc<Shared>,
    container: DealContainer,
    signals: mpsc::Receiver<Signal<MediatorEvent>>,
) -> Result<(), JournalError> {
    let stream = format!("mediator/{}", container.id);
    let (journal, pending) = Journaled::open(Arc::clone(&shared.store), &stream, Mediator::new()).await?;
    if journal.is_closed() {
        return Ok(());
    }
    let role = Arc::new(MediatorRole { shared: Arc::clone(shared), container, run: CancellationToken::new() });
    let cancel = role.run.clone().drop_guard();
    let id = role.container.id.clone();
    drive(role, journal, pending, Vec::new(), signals).await?;
    drop(cancel);
    shared.workshop.forget(&id).await;
    Ok(())
}

struct MediatorRole {
    shared: Arc<Shared>,
    container: DealContainer,
    run: CancellationToken,
}

impl MediatorRole {
    async fn decide(&self, deal_id: &DealId, verdict: Verdict) -> Vec<MediatorEvent> {
        let chain = &self.shared.chain;
        let mut pauses = Pauses::new(Duration::MAX);
        loop {
            let sent = match verdict {
                Verdict::Accept => chain.mediation_accept(deal_id).await,
                Verdict::Reject => chain.mediation_reject(deal_id).await,
            };
            let error = match sent {
                Ok(receipt) => return self.decided(deal_id, verdict, receipt.hash.to_string()).await,
                Err(error) => error,
            };
            tracing::warn!(target: "lilypad::node", deal = %deal_id, %error, "the verdict was not taken");
            // Without a verdict the deal ends by its time-out, and until then it is worth trying.
            if let Ok(found) = chain.agreement(deal_id, 0).await
                && found.state.is_final()
            {
                return vec![MediatorEvent::ChainState { state: found.state }];
            }
            pauses.wait().await;
        }
    }

    async fn decided(&self, deal_id: &DealId, verdict: Verdict, tx: String) -> Vec<MediatorEvent> {
        let mut txs = MediatorTransactions::default();
        match verdict {
            Verdict::Accept => txs.mediation_accept_result.clone_from(&tx),
            Verdict::Reject => txs.mediation_reject_result.clone_from(&tx),
        }
        if let Err(error) = self.shared.solver.post_mediator_transactions(deal_id, &txs).await {
            tracing::debug!(target: "lilypad::node", deal = %deal_id, %error, "the solver did not take our verdict");
        }
        vec![MediatorEvent::Decided { tx }]
    }
}

impl Role for MediatorRole {
    type Machine = Mediator;

    async fn perform(&self, effect: MediatorEffect) -> Vec<MediatorEvent> {
        match effect {
            MediatorEffect::Run { .. } => {
                let shared = &self.shared;
                let outcome = shared.workshop.run(&self.container.deal, &shared.solver, self.run.child_token()).await;
                vec![MediatorEvent::RunEnded(outcome)]
            }
            MediatorEffect::Decide { deal_id, verdict } => self.decide(&deal_id, verdict).await,
            MediatorEffect::Finish { verdict, reason } => {
                tracing::info!(target: "lilypad::node", deal = %self.container.id, ?verdict, reason, "mediation finished");
                Vec::new()
            }
        }
    }

    /// The chain alone says whether we were drawn, and what we are to check.
    async fn observe(&self, machine: Mediator) -> Vec<MediatorEvent> {
        let (chain, id) = (&self.shared.chain, &self.container.id);
        let Ok(agreement) = chain.agreement(id, 0).await else { return Vec::new() };
        if agreement.state.is_final() {
            return vec![MediatorEvent::ChainState { state: agreement.state }];
        }
        if machine.is_drawn() {
            return Vec::new();
        }
        let (drawn, claimed) = tokio::join!(chain.mediator(id), chain.result(id));
        match (drawn, claimed) {
            (Ok(Some(mediator)), Ok(Some(claimed))) if mediator == self.shared.address => {
                vec![MediatorEvent::Drawn { deal: Box::new(self.container.clone()), claimed }]
            }
            _ => Vec::new(),
        }
    }

    fn applied(&self, _event: &MediatorEvent, _machine: &Mediator) {}

    fn is_finished(machine: &Mediator) -> bool {
        machine.is_finished()
    }
}
