//! The resource provider as a service: lists its machine, runs the jobs of its deals, gets paid.

mod config;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

pub use self::config::ProviderConfig;
use super::{Service, Workshop};
use crate::{
    api::{DealQuery, ResourceOfferQuery, SocketRole},
    chain::{ChainError, DynChain},
    client::{
        ClientError, HttpSolver, StreamItem,
        creator::off_chain_state,
        driver::{Role, Signal, drive, now},
        retry::{Pauses, retry},
        timeouts,
    },
    deal::{
        AgreementState, DealTerms, TimeoutKind,
        roles::{Provider, ProviderEffect, ProviderEvent, RunOutcome},
    },
    store::{DynStore, Journaled, Store as _},
    types::{DealContainer, DealId, DealState, EventType, JobResult, ResourceOffer, ResourceProviderTransactions},
};

/// How long one step of a deal may take to get through.
const STEP_PATIENCE: Duration = Duration::from_secs(240);
/// How often the chain may refuse a result before it is given up instead.
const REFUSALS: u32 = 3;
/// The time-outs in which a provider has an interest.
const CLAIMS: &[TimeoutKind] = &[TimeoutKind::Agree, TimeoutKind::JudgeResult, TimeoutKind::MediateResult];
/// Why a run did not start or does not count.
const CANCELLED: &str = "the job was cancelled";
/// How long a deal waits for a slot that another one still holds.
const SLOT_PATIENCE: Duration = Duration::from_secs(10);
/// How often the listed offers are compared with what should be listed.
const CHECK_OFFERS: Duration = Duration::from_secs(15);
/// Stream names of provider journals start so.
const STREAMS: &str = "provider/";
/// Namespace of the deals that provider journals belong to.
const DEALS: &str = "provider-deal";
/// What stands for a transaction off chain (network.md §0).
const OFF_CHAIN_TX: &str = "0x";

struct Shared {
    config: ProviderConfig,
    chain: Option<Arc<dyn DynChain>>,
    solver: Arc<HttpSolver>,
    store: Arc<dyn DynStore>,
    workshop: Workshop,
    /// Which deal holds which slot.
    busy: Mutex<HashMap<i64, DealId>>,
    /// As many runs at once as there are slots, whatever deals a solver tells of.
    runs: Semaphore,
    freed: mpsc::UnboundedSender<()>,
}

/// Starts a provider. It lists its offers as soon as the solver answers.
pub fn spawn_provider(
    config: ProviderConfig,
    chain: Option<Arc<dyn DynChain>>,
    solver: Arc<HttpSolver>,
    store: Arc<dyn DynStore>,
    workshop: Workshop,
) -> Service {
    let (freed, freed_rx) = mpsc::unbounded_channel();
    let runs = Semaphore::new(usize::try_from(config.slots).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS));
    let busy = Mutex::new(HashMap::new());
    let shared = Arc::new(Shared { config, chain, solver, store, workshop, busy, runs, freed });
    Service::spawn("resource provider", move |stop| run(shared, freed_rx, stop))
}

type Inbox = mpsc::Sender<Signal<ProviderEvent>>;

async fn run(
    shared: Arc<Shared>,
    mut freed: mpsc::UnboundedReceiver<()>,
    stop: CancellationToken,
) -> Result<(), crate::node::NodeError> {
    let Some(mut events) = super::open_events(&shared.solver, SocketRole::ResourceProvider, &stop).await else {
        return Ok(());
    };
    let mut following = Following::default();
    for (key, value) in shared.store.values(DEALS).await? {
        let Ok(container) = serde_json::from_str::<DealContainer>(&value) else {
            tracing::error!(target: "lilypad::node", deal = %key, "a stored deal can't be read and is left alone");
            continue;
        };
        following.start(&shared, container, true);
    }
    let mut check = tokio::time::interval(CHECK_OFFERS);
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = check.tick() => list_offers(&shared, &mut following).await,
            Some(()) = freed.recv() => list_offers(&shared, &mut following).await,
            event = events.next() => match event {
                Some(StreamItem::Reconnected) => {
                    for inbox in following.inboxes.values() {
                        inbox.try_send(Signal::Look).ok();
                    }
                    list_offers(&shared, &mut following).await;
                }
                Some(StreamItem::Event(event)) => {
                    let Some(deal) = event.deal.as_deref() else { continue };
                    if deal.resource_provider != shared.config.address.to_string() {
                        continue;
                    }
                    if event.kind() == Some(EventType::DealAdded) {
                        following.start(&shared, deal.clone(), false);
                    } else if let Some(inbox) = following.inboxes.get(&deal.id) {
                        // A full inbox has hints enough; the driver also looks by itself.
                        inbox.try_send(Signal::Look).ok();
                    }
                }
                None => break,
            },
            Some(done) = following.deals.join_next() => match done {
                Ok(deal) => following.ended(deal),
                Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                Err(_) => {}
            },
        }
    }
    following.deals.shutdown().await;
    shared.workshop.shutdown().await;
    Ok(())
}

/// The deals that are being followed.
#[derive(Default)]
struct Following {
    inboxes: HashMap<DealId, Inbox>,
    deals: JoinSet<DealId>,
    /// Deals that need nothing more from us, though the solver may not know it yet.
    over: HashSet<DealId>,
}

impl Following {
    fn ended(&mut self, deal: DealId) {
        self.inboxes.remove(&deal);
        self.over.insert(deal);
    }

    fn start(&mut self, shared: &Arc<Shared>, container: DealContainer, stored: bool) {
        if self.inboxes.contains_key(&container.id) || self.over.contains(&container.id) {
            return;
        }
        if !stored && let Err(why) = shared.config.check_deal(&container) {
            tracing::warn!(target: "lilypad::node", deal = %container.id, why, "a deal of the solver is not taken up");
            self.over.insert(container.id);
            return;
        }
        let id = container.id.clone();
        let (inbox, signals) = mpsc::channel(64);
        self.inboxes.insert(id.clone(), inbox);
        let index = container.deal.resource_offer.index;
        claim(shared, index, &id);
        let shared = Arc::clone(shared);
        self.deals.spawn(async move {
            if let Err(error) = follow(&shared, container, stored, signals).await {
                tracing::error!(target: "lilypad::node", deal = %id, %error, "the deal's journal failed");
            }
            release(&shared, index, &id);
            id
        });
    }

    /// Takes up deals that nobody told us of. `false` when the solver did not say which there are.
    async fn find(&mut self, shared: &Arc<Shared>) -> bool {
        // In this order a deal that moves on between the two questions is in one of the answers.
        for state in [DealState::DealNegotiating, DealState::DealAgreed] {
            let resource_provider = shared.config.address.to_string();
            let query = DealQuery { resource_provider, state: Some(state), ..Default::default() };
            match shared.solver.deals(&query).await {
                Ok(found) => found.into_iter().for_each(|deal| self.start(shared, deal, false)),
                Err(error) => {
                    tracing::warn!(target: "lilypad::node", %error, "the solver did not list our deals");
                    return false;
                }
            }
        }
        true
    }
}

/// Takes a slot for a deal, unless another deal holds it.
fn claim(shared: &Shared, index: i64, deal: &DealId) -> bool {
    let mut busy = shared.busy.lock().unwrap_or_else(PoisonError::into_inner);
    *busy.entry(index).or_insert_with(|| deal.clone()) == *deal
}

/// Whether a deal holds its slot, or gets it in time to agree.
async fn has_slot(shared: &Shared, index: i64, deal: &DealId) -> bool {
    let mut pauses = Pauses::new(SLOT_PATIENCE);
    while !claim(shared, index, deal) {
        if pauses.are_over() {
            return false;
        }
        pauses.wait().await;
    }
    true
}

fn release(shared: &Shared, index: i64, deal: &DealId) {
    let mut busy = shared.busy.lock().unwrap_or_else(PoisonError::into_inner);
    if busy.get(&index) == Some(deal) {
        busy.remove(&index);
        shared.freed.send(()).ok();
    }
}

async fn follow(
    shared: &Arc<Shared>,
    container: DealContainer,
    stored: bool,
    signals: mpsc::Receiver<Signal<ProviderEvent>>,
) -> Result<(), crate::store::JournalError> {
    let stream = format!("{STREAMS}{}", container.id);
    let machine = Provider::new(shared.config.address.to_string());
    let (mut journal, pending) = Journaled::open(Arc::clone(&shared.store), &stream, machine).await?;
    let id = container.id.clone();
    if journal.is_closed() {
        return take_off(shared, &id).await;
    }
    if !journal.machine().is_busy() {
        release(shared, container.deal.resource_offer.index, &id);
    }
    let first = if journal.events() == 0 && !has_slot(shared, container.deal.resource_offer.index, &id).await {
        // One machine runs one job: a second deal for the same slot is left to its time-out.
        vec![ProviderEvent::Declined { reason: "another deal holds its slot".to_owned() }]
    } else if journal.events() == 0 {
        vec![ProviderEvent::DealFound { deal: Box::new(container.clone()) }]
    } else {
        Vec::new()
    };
    if !stored {
        let value = crate::types::to_canonical_json(&container);
        journal.enqueue(crate::store::Write::PutValue { ns: DEALS.into(), key: container.id.to_string(), value });
    }
    let role = Arc::new(ProviderRole { shared: Arc::clone(shared), container, run: CancellationToken::new() });
    let cancel = role.run.clone().drop_guard();
    drive(role, journal, pending, first, signals).await?;
    drop(cancel);
    shared.workshop.forget(&id).await;
    take_off(shared, &id).await
}

/// Takes a finished deal off the list of those to take up again.
async fn take_off(shared: &Shared, id: &DealId) -> Result<(), crate::store::JournalError> {
    let gone = crate::store::Write::DeleteValue { ns: DEALS.into(), key: id.to_string() };
    if let Err(error) = shared.store.commit(vec![gone].into()).await {
        // The next start opens its journal, finds it closed, and tries again.
        tracing::warn!(target: "lilypad::node", deal = %id, %error, "a finished deal could not be taken off the list");
    }
    Ok(())
}

/// Brings the listed offers in line with the free slots: one open offer for each.
async fn list_offers(shared: &Arc<Shared>, following: &mut Following) {
    let me = shared.config.address.to_string();
    let query = ResourceOfferQuery { resource_provider: me.clone(), not_matched: true, active: true };
    let listed = match shared.solver.resource_offers(&query).await {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(target: "lilypad::node", %error, "the solver did not list our offers");
            return;
        }
    };
    // An offer that is not listed may have been matched a moment ago, which only the deals show.
    if !following.find(shared).await {
        return;
    }
    for index in 0..i64::from(shared.config.slots) {
        let is_busy = shared.busy.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&index);
        if is_busy || listed.iter().any(|offer| offer.resource_offer.index == index) {
            continue;
        }
        let offer = ResourceOffer {
            created_at: now(),
            resource_provider: me.clone(),
            index,
            spec: shared.config.spec.clone(),
            modules: Some(Vec::new()),
            mode: "FixedPrice".to_owned(),
            default_pricing: shared.config.pricing.clone(),
            module_pricing: Some(Default::default()),
            trusted_parties: shared.config.trusted_parties.clone(),
            ..ResourceOffer::default()
        };
        match shared.solver.post_resource_offer(&offer).await {
            Ok(Some(container)) => {
                tracing::info!(target: "lilypad::node", offer = %container.id, index, "offer listed");
            }
            Ok(None) => tracing::warn!(
                target: "lilypad::node", index,
                "the solver did not list our offer: it wants at least 0.0006 ETH and the price of a job in LP at {me}"
            ),
            Err(error) => tracing::warn!(target: "lilypad::node", index, %error, "the solver refused our offer"),
        }
    }
}

/// Carries out the effects of one [`Provider`].
struct ProviderRole {
    shared: Arc<Shared>,
    container: DealContainer,
    run: CancellationToken,
}

impl ProviderRole {
    fn id(&self) -> &DealId {
        &self.container.id
    }

    async fn chain_state(&self) -> Option<AgreementState> {
        match &self.shared.chain {
            Some(chain) => chain.agreement(self.id(), self.shared.config.confirmations).await.ok().map(|a| a.state),
            None => self.shared.solver.deal(self.id()).await.ok().map(|d| off_chain_state(d.state)),
        }
    }

    async fn tell(&self, txs: ResourceProviderTransactions) {
        if let Err(error) = self.shared.solver.post_provider_transactions(self.id(), &txs).await {
            tracing::debug!(target: "lilypad::node", deal = %self.id(), %error, "the solver did not take our transaction");
        }
    }

    /// Ends only with an answer of the chain: an agreement that may be on its way is never called a failure, since a deal
    /// that is agreed and not served costs the deposit.
    async fn agree(&self, terms: &DealTerms) -> Vec<ProviderEvent> {
        let Some(chain) = &self.shared.chain else {
            return vec![ProviderEvent::Agreed { tx: OFF_CHAIN_TX.to_owned() }];
        };
        let (mut pauses, mut failed) = (Pauses::new(STEP_PATIENCE), None);
        loop {
            let (found, is_off) = tokio::join!(chain.agreement(&terms.deal_id, 0), self.is_cancelled());
            match found {
                Ok(found)
                    if found.resource_provider_agreed_at.is_some()
                        || found.state != AgreementState::DealNegotiating =>
                {
                    // What is on chain counts for a run only as deep as it is asked for.
                    return self
                        .chain_state()
                        .await
                        .map(|state| ProviderEvent::ChainState { state })
                        .into_iter()
                        .collect();
                }
                Ok(_) => {
                    if let Some((error, is_final)) = failed.take()
                        && (is_final || pauses.are_over())
                    {
                        let error: ChainError = error;
                        return vec![ProviderEvent::AgreeFailed { reason: error.to_string() }];
                    }
                    if is_off {
                        return vec![ProviderEvent::AgreeFailed { reason: CANCELLED.to_owned() }];
                    }
                    match chain.agree(terms).await {
                        Ok(receipt) => return self.agreed(receipt.hash.to_string()).await,
                        Err(error) => {
                            let is_final = !error.is_retryable();
                            failed = Some((error, is_final));
                            if is_final {
                                continue;
                            }
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(target: "lilypad::node", deal = %terms.deal_id, %error, "the chain can't be read")
                }
            }
            pauses.wait().await;
        }
    }

    async fn agreed(&self, tx: String) -> Vec<ProviderEvent> {
        let txs = ResourceProviderTransactions { agree: tx.clone(), ..Default::default() };
        let ((), state) = tokio::join!(self.tell(txs), self.chain_state());
        let mut events = vec![ProviderEvent::Agreed { tx }];
        events.extend(state.map(|state| ProviderEvent::ChainState { state }));
        events
    }

    /// Whether the solver says that the job was taken back. Without an answer it was not.
    async fn is_cancelled(&self) -> bool {
        let deal = self.shared.solver.deal(self.id()).await;
        deal.is_ok_and(|deal| deal.state == DealState::JobOfferCancelled)
    }

    /// Runs the job, unless it was taken back: a creator that went before it knew of both agreements is not charged.
    async fn run(&self) -> RunOutcome {
        // Never closed; and a run without a permit is better than none.
        let _permit = self.shared.runs.acquire().await;
        let run = self.shared.workshop.run(&self.container.deal, &self.shared.solver, self.run.child_token());
        let mut run = std::pin::pin!(run);
        let mut is_off = std::pin::pin!(self.is_cancelled());
        let off = || RunOutcome::Failed { reason: CANCELLED.to_owned() };
        tokio::select! {
            outcome = &mut run => if is_off.await { off() } else { outcome },
            is_off = &mut is_off => if is_off { off() } else { run.await },
        }
    }

    async fn upload(&self) -> Vec<ProviderEvent> {
        let packed = match self.shared.workshop.pack_result(self.id()).await {
            Ok(tar) => tar,
            Err(reason) => return vec![ProviderEvent::UploadFailed { reason }],
        };
        let sent =
            retry(STEP_PATIENCE, ClientError::is_retryable, || self.shared.solver.upload_result(self.id(), &packed));
        match sent.await {
            Ok(_) => vec![ProviderEvent::Uploaded],
            Err(error) => vec![ProviderEvent::UploadFailed { reason: error.to_string() }],
        }
    }

    async fn post_result(&self, result: &JobResult) -> Vec<ProviderEvent> {
        let posted =
            retry(STEP_PATIENCE, ClientError::is_retryable, || self.shared.solver.post_result(self.id(), result)).await;
        if let Err(error) = posted {
            // The record is the creator's convenience; what counts is on chain.
            tracing::warn!(target: "lilypad::node", deal = %self.id(), %error, "the solver did not take our result");
        }
        vec![ProviderEvent::ResultPosted]
    }

    async fn settle(&self, result: Option<&JobResult>) -> Vec<ProviderEvent> {
        let Some(chain) = &self.shared.chain else {
            self.tell(ResourceProviderTransactions { add_result: OFF_CHAIN_TX.to_owned(), ..Default::default() }).await;
            return vec![ProviderEvent::Settled { tx: OFF_CHAIN_TX.to_owned() }];
        };
        let (mut pauses, mut refusals, mut result) = (Pauses::new(Duration::MAX), 0, result);
        loop {
            let sent = match result {
                Some(result) => {
                    let (id, data, count) = (result.compute_id(), &result.data_id, result.instruction_count);
                    chain.add_result(self.id(), &id, data, count).await
                }
                None => chain.give_up(self.id()).await,
            };
            let error = match sent {
                Ok(receipt) => {
                    let tx = receipt.hash.to_string();
                    self.tell(ResourceProviderTransactions { add_result: tx.clone(), ..Default::default() }).await;
                    let mut events = vec![ProviderEvent::Settled { tx }];
                    events.extend(self.chain_state().await.map(|state| ProviderEvent::ChainState { state }));
                    return events;
                }
                Err(error) => error,
            };
            // What the contracts cannot do is told once, by the chain room; the other side may still end the deal.
            if !error.is_not_offered() {
                tracing::warn!(target: "lilypad::node", deal = %self.id(), %error, "the result was not taken");
            }
            // Sent before a crash, or too late: the chain says which. While it says neither, the deposit is at stake.
            if let Ok(found) = chain.agreement(self.id(), 0).await {
                if found.state != AgreementState::DealAgreed {
                    return vec![ProviderEvent::ChainState { state: found.state }];
                }
                refusals += u32::from(!error.is_retryable());
                if refusals >= REFUSALS && result.is_some() {
                    let reason = format!("error submitting results: {error}");
                    let failed = JobResult { deal_id: self.id().clone(), error: reason, ..JobResult::default() };
                    self.post_result(&failed).await;
                    result = None;
                }
            }
            pauses.wait().await;
        }
    }
}

impl Role for ProviderRole {
    type Machine = Provider;

    async fn perform(&self, effect: ProviderEffect) -> Vec<ProviderEvent> {
        match effect {
            ProviderEffect::Agree { terms } => self.agree(&terms).await,
            ProviderEffect::Run { .. } => vec![ProviderEvent::RunEnded(self.run().await)],
            ProviderEffect::StopRun { .. } => {
                self.run.cancel();
                Vec::new()
            }
            ProviderEffect::Upload { .. } => self.upload().await,
            ProviderEffect::PostResult { result } => self.post_result(&result).await,
            ProviderEffect::AddResult { result } => self.settle(Some(&result)).await,
            ProviderEffect::GiveUp { .. } => self.settle(None).await,
            ProviderEffect::Finish(outcome) => {
                tracing::info!(target: "lilypad::node", deal = %self.id(), ?outcome, "deal finished");
                Vec::new()
            }
        }
    }

    async fn observe(&self, machine: Provider) -> Vec<ProviderEvent> {
        let state = match (&self.shared.chain, machine.terms()) {
            (Some(chain), Some(terms)) => timeouts::look(&**chain, terms, self.shared.config.confirmations, CLAIMS)
                .await
                .map(|seen| seen.agreement.state),
            _ => self.chain_state().await,
        };
        let state = state.filter(|state| *state != machine.agreement());
        state.map(|state| ProviderEvent::ChainState { state }).into_iter().collect()
    }

    fn applied(&self, _event: &ProviderEvent, machine: &Provider) {
        if !machine.is_busy() {
            release(&self.shared, self.container.deal.resource_offer.index, self.id());
        }
    }

    fn is_finished(machine: &Provider) -> bool {
        machine.is_finished()
    }
}
