//! The order book: open offers, and the matches among them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, mem,
    sync::Arc,
};

use crate::{
    matching::{
        catalogue::{ByPrice, Catalogue, Demand, by_price},
        rules::trusts_same,
        shelf::Shelf,
    },
    types::{
        DealId, DealState, JobOffer, JobOfferContainer, JobOfferId, ResourceOffer, ResourceOfferContainer,
        ResourceOfferId, Timestamp,
    },
};

/// What a round of matching gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "the offers of a round are out of the book"]
pub struct Round {
    /// Job and resource offers that serve each other, oldest job first.
    pub matches: Vec<(JobOfferId, ResourceOfferId)>,
    /// Targeted jobs that nobody may serve; they wait for nothing and are to be cancelled.
    pub unmatchable: Vec<Unmatchable>,
}

/// A targeted job that nobody may serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatchable {
    /// The job.
    pub job: JobOfferId,
    /// The provider it wants.
    pub target: String,
    /// Why it cannot have it.
    pub reason: UnmatchableReason,
}

/// Why a targeted job cannot have its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmatchableReason {
    /// The provider has no open offer.
    NoOffer,
    /// None of the provider's open offers shares solver and mediator with the job.
    NoTrust,
}

impl fmt::Display for Unmatchable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, target, reason } = self;
        match reason {
            UnmatchableReason::NoOffer => write!(f, "job {job} wants provider {target}, which has no open offer"),
            UnmatchableReason::NoTrust => {
                write!(f, "job {job} wants provider {target}, which trusts none of its mediators or another solver")
            }
        }
    }
}

/// Open offers, and who takes whom.
///
/// Offers go in with `insert_…`, out with `remove_…` or by being matched. A round costs what has changed since the last
/// one: jobs that came since are compared with all offers, jobs that wait only with offers that came since, because no
/// two offers that an earlier round has left over match. Equal to [`super::naive::solve`] on the same open offers.
pub struct OrderBook {
    resources: HashMap<ResourceOfferId, Arc<ResourceOffer>>,
    places: HashMap<(String, i64), ResourceOfferId>,
    providers: HashMap<String, BTreeMap<ByPrice, ResourceOfferId>>,
    all: Catalogue,
    /// Those of `all` that no round has seen.
    fresh: Catalogue,
    jobs: HashMap<JobOfferId, JobOffer>,
    /// Jobs without a target that an earlier round has left over.
    waiting: Shelf<ByAge, Demand, ()>,
    /// Jobs that no round has seen.
    arrived: BTreeSet<ByAge>,
}

type ByAge = (Timestamp, JobOfferId);

impl Default for OrderBook {
    fn default() -> Self {
        Self::new()
    }
}

impl OrderBook {
    /// An empty book.
    pub fn new() -> Self {
        Self {
            resources: HashMap::new(),
            places: HashMap::new(),
            providers: HashMap::new(),
            all: Catalogue::new(),
            fresh: Catalogue::new(),
            jobs: HashMap::new(),
            waiting: Shelf::new(),
            arrived: BTreeSet::new(),
        }
    }

    /// Takes a resource offer in, unless it has a deal or is no longer negotiating.
    ///
    /// Returns the id of the provider's earlier open offer with the same index, which is out of the book now.
    pub fn insert_resource(&mut self, container: ResourceOfferContainer) -> Option<ResourceOfferId> {
        let ResourceOfferContainer { id, deal_id, state, resource_offer: mut offer, .. } = container;
        if !is_open(&deal_id, state) {
            return None;
        }
        self.remove_resource(&id);
        offer.id = id.clone();
        let place = (offer.resource_provider.clone(), offer.index);
        let replaced = self.places.get(&place).cloned();
        if let Some(earlier) = &replaced {
            self.remove_resource(earlier);
        }
        let offer = Arc::new(offer);
        self.all.insert(&offer);
        self.fresh.insert(&offer);
        self.providers.entry(offer.resource_provider.clone()).or_default().insert(by_price(&offer), id.clone());
        self.places.insert(place, id.clone());
        self.resources.insert(id, offer);
        replaced
    }

    /// Takes a resource offer out; returns whether it was in.
    pub fn remove_resource(&mut self, id: &ResourceOfferId) -> bool {
        let Some(offer) = self.resources.remove(id) else { return false };
        self.all.remove(&offer);
        self.fresh.remove(&offer);
        self.places.remove(&(offer.resource_provider.clone(), offer.index));
        if let Some(offers) = self.providers.get_mut(&offer.resource_provider) {
            offers.remove(&by_price(&offer));
            if offers.is_empty() {
                self.providers.remove(&offer.resource_provider);
            }
        }
        true
    }

    /// Takes a job offer in, unless it has a deal or is no longer negotiating.
    pub fn insert_job(&mut self, container: JobOfferContainer) {
        let JobOfferContainer { id, deal_id, state, job_offer: mut offer, .. } = container;
        if !is_open(&deal_id, state) {
            return;
        }
        self.remove_job(&id);
        offer.id = id.clone();
        self.arrived.insert((offer.created_at, id.clone()));
        self.jobs.insert(id, offer);
    }

    /// Takes a job offer out; returns whether it was in.
    pub fn remove_job(&mut self, id: &JobOfferId) -> bool {
        let Some(offer) = self.jobs.remove(id) else { return false };
        let key = (offer.created_at, id.clone());
        self.waiting.remove(&key);
        self.arrived.remove(&key);
        true
    }

    /// The open job offer `id`.
    pub fn job(&self, id: &JobOfferId) -> Option<&JobOffer> {
        self.jobs.get(id)
    }

    /// The open resource offer `id`.
    pub fn resource(&self, id: &ResourceOfferId) -> Option<&ResourceOffer> {
        self.resources.get(id).map(Arc::as_ref)
    }

    /// All open resource offers, in no order.
    pub fn resources(&self) -> impl Iterator<Item = &ResourceOffer> {
        self.resources.values().map(Arc::as_ref)
    }

    /// How many job and resource offers are open.
    pub fn len(&self) -> (usize, usize) {
        (self.jobs.len(), self.resources.len())
    }

    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.resources.is_empty()
    }

    /// Matches what can be matched, oldest job first. What it returns is out of the book: an offer whose deal came to
    /// nothing is put in again by the caller.
    pub fn next_matches(&mut self) -> Round {
        let mut round = Round::default();
        let arrived = mem::take(&mut self.arrived);
        for key in self.candidates(&arrived) {
            let Some(job) = self.jobs.get(&key.1) else { continue };
            let is_new = arrived.contains(&key);
            if !job.target.address.is_empty() {
                match self.targeted(job) {
                    Ok(resource) => self.settle(&mut round, key.1, resource),
                    Err(reason) => {
                        round.unmatchable.push(Unmatchable {
                            job: key.1.clone(),
                            target: job.target.address.clone(),
                            reason,
                        });
                        self.jobs.remove(&key.1);
                    }
                }
                continue;
            }
            let offers = if is_new { &self.all } else { &self.fresh };
            match offers.find(job).map(|offer| offer.id.clone()) {
                Some(resource) => self.settle(&mut round, key.1, resource),
                None if is_new => self.waiting.insert(key, Demand::of(job), ()),
                None => (),
            }
        }
        self.fresh = Catalogue::new();
        round
    }

    /// The jobs worth looking at in this round, oldest first: all that arrived, and those that a fresh offer may serve.
    fn candidates(&self, arrived: &BTreeSet<ByAge>) -> BTreeSet<ByAge> {
        let mut candidates = arrived.clone();
        if let Some(supply) = self.fresh.supply() {
            let may = move |demand: &Demand| demand.may_take(&supply);
            candidates.extend(self.waiting.within(may).map(|(key, ())| key.clone()));
        }
        candidates
    }

    fn settle(&mut self, round: &mut Round, job: JobOfferId, resource: ResourceOfferId) {
        self.remove_job(&job);
        self.remove_resource(&resource);
        round.matches.push((job, resource));
    }

    /// The offer that a targeted job takes: its provider's cheapest, then oldest, that shares solver and mediator; size,
    /// mode and price are not looked at (network.md §6.2).
    fn targeted(&self, job: &JobOffer) -> Result<ResourceOfferId, UnmatchableReason> {
        let offers = self.providers.get(&job.target.address).ok_or(UnmatchableReason::NoOffer)?;
        let trusted = offers.values().find(|id| self.resource(id).is_some_and(|offer| trusts_same(offer, job)));
        trusted.cloned().ok_or(UnmatchableReason::NoTrust)
    }
}

impl fmt::Debug for OrderBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderBook")
            .field("jobs", &self.jobs.len())
            .field("resources", &self.resources.len())
            .field("arrived", &self.arrived.len())
            .finish_non_exhaustive()
    }
}

fn is_open(deal: &DealId, state: DealState) -> bool {
    deal.is_empty() && state == DealState::DealNegotiating
}
