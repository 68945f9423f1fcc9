//! The solver's machine: offers in, deals and their states out. No clock, no socket, no store.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use crate::{
    api::{ApiError, DealQuery, JobOfferQuery, Refusal, ResourceOfferQuery},
    deal::{AgreementState, DealTimeouts, MAX_EXECUTION_TIMEOUT, execution_timeout},
    matching::{OrderBook, build_deal},
    store::{Expected, Write},
    types::{
        Deal, DealContainer, DealId, DealState, EventType, JobCreatorTransactions, JobOffer, JobOfferContainer,
        JobOfferId, JobResult, MediatorTransactions, ResourceOffer, ResourceOfferContainer, ResourceOfferId,
        ResourceProviderTransactions, Settlement, SolverEvent, Timestamp,
    },
};

/// What a market is told at its start.
#[derive(Clone, Debug)]
pub struct MarketConfig {
    /// Where deals settle.
    pub settlement: Settlement,
    /// How long an offer may wait for a match.
    pub match_timeout: Duration,
    /// How long a run may take when the job names no time; off chain only.
    pub execution_timeout: Duration,
    /// How long a result may wait for its download; off chain only.
    pub download_timeout: Duration,
    /// How long a job may take in all; off chain only.
    pub total_timeout: Duration,
    /// Open job offers before new ones are refused; `None` for no limit.
    pub capacity: Option<usize>,
}

/// What a step changes: writes for the store, then events for the socket.
#[derive(Debug, Default)]
pub struct Change {
    /// Records to write, in one transaction.
    pub writes: Vec<Write>,
    /// Events to send once they are written.
    pub events: Vec<SolverEvent>,
    /// Whether the chain said all of it, so that it can be read there again.
    pub from_chain: bool,
}

/// The market.
#[derive(Debug)]
pub struct Market {
    config: MarketConfig,
    job_offers: HashMap<JobOfferId, JobOfferContainer>,
    resource_offers: HashMap<ResourceOfferId, ResourceOfferContainer>,
    deals: HashMap<DealId, DealContainer>,
    results: HashMap<DealId, JobResult>,
    /// Offers that still wait for a match, by the time they were made.
    waiting: BTreeSet<(Timestamp, JobOfferId)>,
    /// Deals that the chain, or a timer off chain, may still move.
    open_deals: BTreeSet<DealId>,
    /// Deals whose money may still be in escrow, also where the job is over; on chain only.
    unsettled: BTreeSet<DealId>,
    book: OrderBook,
}

impl Market {
    /// An empty market.
    pub fn new(config: MarketConfig) -> Self {
        Self {
            config,
            job_offers: HashMap::new(),
            resource_offers: HashMap::new(),
            deals: HashMap::new(),
            results: HashMap::new(),
            waiting: BTreeSet::new(),
            open_deals: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            book: OrderBook::default(),
        }
    }

    /// Takes in what a store holds. Resource offers without a deal are dropped: their providers list them anew.
    pub fn restore(
        &mut self,
        job_offers: Vec<JobOfferContainer>,
        resource_offers: Vec<ResourceOfferContainer>,
        deals: Vec<DealContainer>,
        results: Vec<JobResult>,
    ) -> Change {
        let mut change = Change::default();
        for offer in job_offers {
            if offer.deal_id.is_empty() && !offer.state.is_terminal() {
                self.waiting.insert((offer.job_offer.created_at, offer.id.clone()));
                self.book.insert_job(offer.clone());
            }
            self.job_offers.insert(offer.id.clone(), offer);
        }
        for offer in resource_offers {
            if offer.deal_id.is_empty() {
                change.writes.push(Write::RemoveResourceOffer { id: offer.id });
            } else {
                self.resource_offers.insert(offer.id.clone(), offer);
            }
        }
        for deal in deals {
            if !deal.state.is_terminal() {
                self.open_deals.insert(deal.id.clone());
            }
            // A cancelled deal may still hold one party's deposit: the chain is asked once.
            if self.config.settlement == Settlement::OnChain
                && (!deal.state.is_terminal() || deal.state == DealState::JobOfferCancelled)
            {
                self.unsettled.insert(deal.id.clone());
            }
            self.deals.insert(deal.id.clone(), deal);
        }
        self.results.extend(results.into_iter().map(|r| (r.deal_id.clone(), r)));
        change
    }

    /// Whether another job offer is taken.
    ///
    /// # Errors
    /// [`Refusal::NetworkBusy`] above the capacity.
    pub fn check_capacity(&self) -> Result<(), ApiError> {
        if self.config.capacity.is_some_and(|capacity| self.waiting.len() > capacity) {
            return Err(Refusal::NetworkBusy.into());
        }
        Ok(())
    }

    /// A new job offer that the server has checked; matching follows with [`Self::solve`].
    ///
    /// # Errors
    /// [`Refusal::NetworkBusy`] above the capacity.
    pub fn post_job_offer(&mut self, offer: JobOffer) -> Result<(JobOfferContainer, Change), ApiError> {
        self.check_capacity()?;
        let container = JobOfferContainer::new(offer);
        // The same offer again is the same request again: its first answer stands.
        if let Some(known) = self.job_offers.get(&container.id) {
            return Ok((known.clone(), Change::default()));
        }
        self.waiting.insert((container.job_offer.created_at, container.id.clone()));
        self.book.insert_job(container.clone());
        self.job_offers.insert(container.id.clone(), container.clone());
        let mut change = Change::default();
        change.writes.push(put_job(&container));
        Ok((container, change))
    }

    /// A new resource offer that the server has checked.
    pub fn post_resource_offer(&mut self, offer: ResourceOffer) -> (ResourceOfferContainer, Change) {
        let container = ResourceOfferContainer::new(offer);
        let mut change = Change::default();
        if let Some(known) = self.resource_offers.get(&container.id) {
            return (known.clone(), change);
        }
        // One open offer per provider and machine; a re-post replaces it (design.md §11, ruling 13).
        let replaced: Vec<_> = self
            .resource_offers
            .values()
            .filter(|known| {
                known.deal_id.is_empty()
                    && known.resource_provider == container.resource_provider
                    && known.resource_offer.index == container.resource_offer.index
            })
            .map(|known| known.id.clone())
            .collect();
        for id in replaced {
            self.forget_resource_offer(&id, &mut change);
        }
        self.book.insert_resource(container.clone());
        self.resource_offers.insert(container.id.clone(), container.clone());
        change.writes.push(put_resource(&container));
        (container, change)
    }

    /// Removes the open offers of a provider whose last socket closed (network.md §4.2).
    pub fn provider_gone(&mut self, provider: &str) -> Change {
        let mut change = Change::default();
        let gone: Vec<_> = self
            .resource_offers
            .values()
            .filter(|offer| offer.deal_id.is_empty() && offer.resource_provider == provider)
            .map(|offer| offer.id.clone())
            .collect();
        for id in &gone {
            self.forget_resource_offer(id, &mut change);
        }
        if !gone.is_empty() {
            change.events.push(SolverEvent::resource_offer_removed());
        }
        change
    }

    fn forget_resource_offer(&mut self, id: &ResourceOfferId, change: &mut Change) {
        self.book.remove_resource(id);
        self.resource_offers.remove(id);
        change.writes.push(Write::RemoveResourceOffer { id: id.clone() });
    }

    /// Matches what can be matched; a resource offer is taken by exactly one deal.
    pub fn solve(&mut self, now: Timestamp) -> Change {
        let mut change = Change::default();
        let round = self.book.next_matches();
        for unmatchable in round.unmatchable {
            if let Some(offer) = self.job_offers.get_mut(&unmatchable.job) {
                self.waiting.remove(&(offer.job_offer.created_at, offer.id.clone()));
                offer.state = DealState::JobOfferCancelled;
                change.writes.push(put_job(offer));
                change.events.push(SolverEvent::job_offer(EventType::JobOfferStateUpdated, offer.clone()));
            }
        }
        for (job, resource) in round.matches {
            let (Some(job), Some(resource)) = (self.job_offers.get(&job), self.resource_offers.get(&resource)) else {
                continue;
            };
            let deal = build_deal(&resource.resource_offer, &job.job_offer);
            self.open_deal(deal, now, &mut change);
        }
        change
    }

    fn open_deal(&mut self, deal: Deal, now: Timestamp, change: &mut Change) {
        let state = match self.config.settlement {
            Settlement::OnChain => DealState::DealNegotiating,
            Settlement::OffChain => DealState::DealAgreed,
        };
        let container = DealContainer::new(deal, state, now);
        self.open_deals.insert(container.id.clone());
        if self.config.settlement == Settlement::OnChain {
            self.unsettled.insert(container.id.clone());
        }
        change.writes.push(put_deal(&container, Expected::Anything));
        change.events.push(SolverEvent::deal(EventType::DealAdded, container.clone()));
        if let Some(offer) = self.job_offers.get_mut(&container.job_offer) {
            self.waiting.remove(&(offer.job_offer.created_at, offer.id.clone()));
            offer.deal_id = container.id.clone();
        }
        if let Some(offer) = self.resource_offers.get_mut(&container.resource_offer) {
            offer.deal_id = container.id.clone();
        }
        let deal_id = container.id.clone();
        self.deals.insert(deal_id.clone(), container);
        self.set_offer_states(&deal_id, state, change);
    }

    /// Sets both offers of a deal and announces them.
    fn set_offer_states(&mut self, deal_id: &DealId, state: DealState, change: &mut Change) {
        let Some(deal) = self.deals.get(deal_id) else { return };
        if let Some(offer) = self.job_offers.get_mut(&deal.job_offer) {
            offer.state = state;
            change.writes.push(put_job(offer));
            change.events.push(SolverEvent::job_offer(EventType::JobOfferStateUpdated, offer.clone()));
        }
        if let Some(offer) = self.resource_offers.get_mut(&deal.resource_offer) {
            offer.state = state;
            change.writes.push(put_resource(offer));
            change.events.push(SolverEvent::resource_offer(EventType::ResourceOfferStateUpdated, offer.clone()));
        }
    }

    /// Sets a deal and both its offers and announces them: S(x) of network.md §3.6.
    fn set_deal_state(&mut self, deal_id: &DealId, state: DealState, change: &mut Change) {
        let Some(deal) = self.deals.get_mut(deal_id) else { return };
        let expected = deal.state;
        if expected == state || expected.is_terminal() {
            return;
        }
        deal.state = state;
        if state.is_terminal() {
            self.open_deals.remove(deal_id);
        }
        change.writes.push(put_deal(deal, Expected::State(expected)));
        change.events.push(SolverEvent::deal(EventType::DealStateUpdated, deal.clone()));
        self.set_offer_states(deal_id, state, change);
    }

    /// The chain says that an agreement changed. Unknown deals are somebody else's.
    pub fn chain_state(&mut self, deal_id: &DealId, state: AgreementState) -> Change {
        let mut change = Change { from_chain: true, ..Change::default() };
        if self.config.settlement == Settlement::OnChain {
            self.set_deal_state(deal_id, state.to_deal_state(), &mut change);
        }
        if state.is_final() {
            self.unsettled.remove(deal_id);
        }
        change
    }

    /// One party agreed on chain: until the chain says that the deal has ended, its deposit is watched.
    pub fn proposed(&mut self, deal_id: &DealId) {
        if self.deals.contains_key(deal_id) {
            self.unsettled.insert(deal_id.clone());
        }
    }

    /// The chain drew a mediator.
    pub fn mediator_drawn(&mut self, deal_id: &DealId, mediator: String) -> Change {
        let mut change = Change { from_chain: true, ..Change::default() };
        if let Some(deal) = self.deals.get_mut(deal_id)
            && deal.mediator != mediator
        {
            deal.mediator = mediator;
            change.writes.push(put_deal(deal, Expected::Anything));
            change.events.push(SolverEvent::deal(EventType::DealMediatorUpdated, deal.clone()));
        }
        change
    }

    /// The creator takes its job back. Before both agreed this ends it; later it changes nothing.
    ///
    /// # Errors
    /// [`ApiError`] when the offer is unknown, or when both parties have agreed.
    pub fn cancel_job_offer(&mut self, id: &JobOfferId) -> Result<(JobOfferContainer, Change), ApiError> {
        let mut change = Change::default();
        let Some(offer) = self.job_offers.get_mut(id) else { return Err(Refusal::JobOfferNotFound.into()) };
        if offer.deal_id.is_empty() {
            if !offer.state.is_terminal() {
                offer.state = DealState::JobOfferCancelled;
                self.waiting.remove(&(offer.job_offer.created_at, id.clone()));
                self.book.remove_job(id);
                change.writes.push(put_job(offer));
                change.events.push(SolverEvent::job_offer(EventType::JobOfferStateUpdated, offer.clone()));
            }
            return Ok((offer.clone(), change));
        }
        let deal_id = offer.deal_id.clone();
        match self.deals.get(&deal_id).map(|d| d.state) {
            // The provider reads this before it agrees; if it had agreed already, the time-out gives its deposit back.
            Some(DealState::DealNegotiating) => {
                self.set_deal_state(&deal_id, DealState::JobOfferCancelled, &mut change)
            }
            Some(state) if state.is_terminal() => {}
            Some(_) | None => return Err(Refusal::OfferAgreed.into()),
        }
        self.job_offers.get(id).cloned().map(|offer| (offer, change)).ok_or_else(|| Refusal::JobOfferNotFound.into())
    }

    /// The timers of network.md §5.2.3. On chain only the match timer runs: the contracts have the others.
    pub fn expire(&mut self, now: Timestamp) -> Change {
        let mut change = Change::default();
        let late: Vec<JobOfferId> = self
            .waiting
            .iter()
            .take_while(|(created_at, _)| created_at.until(now) > self.config.match_timeout)
            .map(|(_, id)| id.clone())
            .collect();
        for id in late {
            let Some(offer) = self.job_offers.get_mut(&id) else { continue };
            self.waiting.remove(&(offer.job_offer.created_at, id.clone()));
            self.book.remove_job(&id);
            offer.state = DealState::TimeoutMatch;
            change.writes.push(put_job(offer));
            change.events.push(SolverEvent::job_offer(EventType::JobOfferStateUpdated, offer.clone()));
        }
        if self.config.settlement == Settlement::OffChain {
            self.expire_deals(now, &mut change);
        }
        change
    }

    fn expire_deals(&mut self, now: Timestamp, change: &mut Change) {
        let mut due = Vec::new();
        for id in &self.open_deals {
            let Some(deal) = self.deals.get(id) else { continue };
            let seconds = deal.deal.job_offer.execution_timeout_seconds;
            let execution = if seconds == 0 { self.config.execution_timeout } else { Duration::from_secs(seconds) };
            if deal.state == DealState::DealAgreed && deal.created_at.until(now) > execution {
                due.push((id.clone(), DealState::TimeoutExecution));
            } else if deal.state == DealState::ResultsSubmitted
                && deal.upload_at.as_millis() > 0
                && deal.upload_at.until(now) > self.config.download_timeout
            {
                due.push((id.clone(), DealState::TimeoutDownload));
            } else if deal.deal.job_offer.created_at.until(now) > self.config.total_timeout {
                due.push((id.clone(), DealState::JobTimedOut));
            }
        }
        for (id, state) in due {
            self.set_deal_state(&id, state, change);
        }
    }

    /// The provider's result record. On chain the state waits for the chain's event.
    ///
    /// # Errors
    /// [`ApiError`] with the words of network.md §3.5.
    pub fn post_result(&mut self, deal_id: &DealId, mut result: JobResult) -> Result<(JobResult, Change), ApiError> {
        let deal = self.deal(deal_id)?;
        if deal.state.is_timed_out() {
            return Err(ApiError::TimedOut { deal: deal_id.to_string(), state: deal.state.to_string() });
        }
        if result.data_id.is_empty() && result.error.is_empty() {
            return Err(Refusal::ResultWithoutDataId.into());
        }
        result.deal_id = deal_id.clone();
        result.id = Default::default();
        let state = deal.state;
        let mut change = Change::default();
        // What was submitted is what is judged: a later record never replaces it.
        let is_open = matches!(state, DealState::DealNegotiating | DealState::DealAgreed | DealState::Uploading);
        // Also a job that was taken back shall show why it gave no result.
        if !is_open && (state != DealState::JobOfferCancelled || self.results.contains_key(deal_id)) {
            return Ok((self.results.get(deal_id).cloned().unwrap_or(result), change));
        }
        self.results.insert(deal_id.clone(), result.clone());
        change.writes.push(Write::PutResult { result: result.clone() });
        if self.config.settlement == Settlement::OffChain {
            self.set_deal_state(deal_id, DealState::ResultsSubmitted, &mut change);
        }
        Ok((result, change))
    }

    /// The result folder is here.
    ///
    /// # Errors
    /// [`ApiError`] when the deal is unknown.
    pub fn uploaded(&mut self, deal_id: &DealId, now: Timestamp) -> Result<Change, ApiError> {
        let mut change = Change::default();
        let off_chain = self.config.settlement == Settlement::OffChain;
        let deal = self.deals.get_mut(deal_id).ok_or_else(|| ApiError::from(Refusal::DealNotFound))?;
        deal.upload_at = now;
        if off_chain && deal.state == DealState::DealAgreed {
            deal.state = DealState::Uploading;
        }
        change.writes.push(put_deal(deal, Expected::Anything));
        Ok(change)
    }

    /// The result folder was fetched.
    pub fn downloaded(&mut self, deal_id: &DealId, now: Timestamp) -> Change {
        let mut change = Change::default();
        let off_chain = self.config.settlement == Settlement::OffChain;
        if let Some(deal) = self.deals.get_mut(deal_id) {
            deal.download_at = now;
            if off_chain && deal.state == DealState::ResultsSubmitted {
                deal.state = DealState::Downloading;
            }
            change.writes.push(put_deal(deal, Expected::Anything));
        }
        change
    }

    /// The provider's transactions.
    ///
    /// # Errors
    /// [`ApiError`] when the deal is unknown.
    pub fn provider_transactions(
        &mut self,
        deal_id: &DealId,
        txs: &ResourceProviderTransactions,
    ) -> Result<(DealContainer, Change), ApiError> {
        self.update(deal_id, EventType::ResourceProviderTransactionsUpdated, |deal| {
            deal.transactions.resource_provider.merge_filled(txs);
        })
    }

    /// The creator's transactions. Off chain a filled `accept_result` is the acceptance.
    ///
    /// # Errors
    /// [`ApiError`] when the deal is unknown.
    pub fn creator_transactions(
        &mut self,
        deal_id: &DealId,
        txs: &JobCreatorTransactions,
    ) -> Result<(DealContainer, Change), ApiError> {
        let accepts = self.config.settlement == Settlement::OffChain && !txs.accept_result.is_empty();
        let (container, mut change) = self.update(deal_id, EventType::JobCreatorTransactionsUpdated, |deal| {
            deal.transactions.job_creator.merge_filled(txs);
        })?;
        if !accepts {
            return Ok((container, change));
        }
        change.events.clear();
        if matches!(container.state, DealState::ResultsSubmitted | DealState::Downloading) {
            self.set_deal_state(deal_id, DealState::ResultsAccepted, &mut change);
        }
        Ok((self.deal(deal_id)?.clone(), change))
    }

    /// The mediator's transactions.
    ///
    /// # Errors
    /// [`ApiError`] when the deal is unknown.
    pub fn mediator_transactions(
        &mut self,
        deal_id: &DealId,
        txs: &MediatorTransactions,
    ) -> Result<(DealContainer, Change), ApiError> {
        self.update(deal_id, EventType::MediatorTransactionsUpdated, |deal| {
            deal.transactions.mediator.merge_filled(txs)
        })
    }

    fn update(
        &mut self,
        deal_id: &DealId,
        event: EventType,
        change: impl FnOnce(&mut DealContainer),
    ) -> Result<(DealContainer, Change), ApiError> {
        let deal = self.deals.get_mut(deal_id).ok_or_else(|| ApiError::from(Refusal::DealNotFound))?;
        change(deal);
        let (writes, events) = (vec![put_deal(deal, Expected::Anything)], vec![SolverEvent::deal(event, deal.clone())]);
        Ok((deal.clone(), Change { writes, events, from_chain: false }))
    }

    /// A deal.
    ///
    /// # Errors
    /// [`ApiError`] when it is unknown.
    pub fn deal(&self, id: &DealId) -> Result<&DealContainer, ApiError> {
        self.deals.get(id).ok_or_else(|| ApiError::from(Refusal::DealNotFound))
    }

    /// A result, if there is one.
    pub fn result(&self, deal_id: &DealId) -> Option<&JobResult> {
        self.results.get(deal_id)
    }

    /// A job offer, if it is known.
    pub fn job_offer(&self, id: &JobOfferId) -> Option<&JobOfferContainer> {
        self.job_offers.get(id)
    }

    /// Whether a result folder may come.
    ///
    /// # Errors
    /// [`ApiError`] when the deal is unknown or out of time.
    pub fn check_upload(&self, deal_id: &DealId) -> Result<(), ApiError> {
        let deal = self.deal(deal_id)?;
        if deal.state.is_timed_out() {
            return Err(ApiError::TimedOut { deal: deal_id.to_string(), state: deal.state.to_string() });
        }
        if !matches!(deal.state, DealState::DealNegotiating | DealState::DealAgreed | DealState::Uploading) {
            return Err(ApiError::conflict(format!("deal {deal_id} is {}: its result stands", deal.state)));
        }
        Ok(())
    }

    /// Deals whose money may still be in escrow: id, time of the match, deadlines.
    pub fn unsettled(&self) -> Vec<(DealId, Timestamp, DealTimeouts)> {
        let deals = self.unsettled.iter().filter_map(|id| self.deals.get(id));
        deals
            .map(|deal| {
                // A job that asks for more than anybody may agree to must end too: nobody agrees, and that is looked for.
                let execution = execution_timeout(deal.deal.job_offer.execution_timeout_seconds);
                let timeouts = DealTimeouts::for_execution(execution.unwrap_or(MAX_EXECUTION_TIMEOUT));
                (deal.id.clone(), deal.created_at, timeouts)
            })
            .collect()
    }

    /// The chain holds nothing of this deal any more. One that nobody ever agreed to is over.
    pub fn settled(&mut self, deal_id: &DealId) -> Change {
        let mut change = Change { from_chain: true, ..Change::default() };
        self.unsettled.remove(deal_id);
        if self.deals.get(deal_id).is_some_and(|d| d.state == DealState::DealNegotiating) {
            self.set_deal_state(deal_id, DealState::JobOfferCancelled, &mut change);
        }
        change
    }

    /// Job offers that a query asks for, oldest first.
    pub fn job_offers(&self, query: &JobOfferQuery) -> Vec<JobOfferContainer> {
        let found = self.job_offers.values().filter(|offer| query.matches(offer));
        sorted(found.map(|offer| ((offer.job_offer.created_at, offer.id.to_string()), offer.clone())))
    }

    /// Resource offers that a query asks for, oldest first.
    pub fn resource_offers(&self, query: &ResourceOfferQuery) -> Vec<ResourceOfferContainer> {
        let found = self.resource_offers.values().filter(|offer| query.matches(offer));
        sorted(found.map(|offer| ((offer.resource_offer.created_at, offer.id.to_string()), offer.clone())))
    }

    /// Deals that a query asks for, oldest first.
    pub fn deals(&self, query: &DealQuery) -> Vec<DealContainer> {
        let found = self.deals.values().filter(|deal| query.matches(deal));
        sorted(found.map(|deal| ((deal.created_at, deal.id.to_string()), deal.clone())))
    }
}

fn put_job(container: &JobOfferContainer) -> Write {
    Write::PutJobOffer { container: Box::new(container.clone()), envelope: None, expected: Expected::Anything }
}

fn put_resource(container: &ResourceOfferContainer) -> Write {
    Write::PutResourceOffer { container: Box::new(container.clone()), envelope: None, expected: Expected::Anything }
}

fn put_deal(container: &DealContainer, expected: Expected) -> Write {
    Write::PutDeal { container: Box::new(container.clone()), expected }
}

fn sorted<T>(found: impl Iterator<Item = ((Timestamp, String), T)>) -> Vec<T> {
    found.collect::<BTreeMap<_, _>>().into_values().collect()
}

#[cfg(test)]
#[path = "market_tests.rs"]
mod tests;
