//! The open resource offers, ordered for both kinds of jobs.

use std::sync::Arc;

use crate::{
    matching::{
        rules::{self, is_market, largest_vram, price},
        shelf::{Bounds, Shelf},
    },
    types::{JobOffer, MachineSpec, PricingMode, ResourceOffer, ResourceOfferId, Timestamp},
};

/// The numbers of a machine; VRAM is that of the largest GPU, -1 without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    cpu: i64,
    gpu: i64,
    ram: i64,
    vram: i64,
    disk: i64,
}

impl Size {
    pub(super) fn of(spec: &MachineSpec) -> Self {
        let MachineSpec { gpu, gpus, cpu_milli, ram, disk } = spec;
        let vram = largest_vram(gpus.as_deref()).unwrap_or(-1);
        Self { cpu: *cpu_milli, gpu: *gpu, ram: *ram, vram, disk: *disk }
    }

    /// Whether a machine of this size may serve a job of size `need`: the five size rules of network.md §6.3 at once.
    pub(super) fn serves(&self, need: &Self) -> bool {
        self.cpu >= need.cpu
            && self.gpu >= need.gpu
            && self.ram >= need.ram
            && self.vram >= need.vram
            && self.disk >= need.disk
    }
}

/// The best that some offers have: the most of each resource, and the lowest price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supply {
    size: Size,
    price: u64,
}

impl Bounds for Supply {
    fn cover(&mut self, other: &Self) {
        let (size, other_size) = (&mut self.size, &other.size);
        size.cpu = size.cpu.max(other_size.cpu);
        size.gpu = size.gpu.max(other_size.gpu);
        size.ram = size.ram.max(other_size.ram);
        size.vram = size.vram.max(other_size.vram);
        size.disk = size.disk.max(other_size.disk);
        self.price = self.price.min(other.price);
    }
}

/// The least that some jobs need, and the most that one of them pays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    size: Size,
    limit: u64,
}

impl Demand {
    pub(super) fn of(job: &JobOffer) -> Self {
        let limit = if is_market(job) { u64::MAX } else { job.pricing.instruction_price };
        Self { size: Size::of(&job.spec), limit }
    }

    /// Whether something in `supply` may serve something in this demand.
    pub(super) fn may_take(&self, supply: &Supply) -> bool {
        supply.size.serves(&self.size) && supply.price <= self.limit
    }
}

impl Bounds for Demand {
    fn cover(&mut self, other: &Self) {
        let (size, other_size) = (&mut self.size, &other.size);
        size.cpu = size.cpu.min(other_size.cpu);
        size.gpu = size.gpu.min(other_size.gpu);
        size.ram = size.ram.min(other_size.ram);
        size.vram = size.vram.min(other_size.vram);
        size.disk = size.disk.min(other_size.disk);
        self.limit = self.limit.max(other.limit);
    }
}

/// Place of an offer among others: cheaper, then older, then smaller id first.
pub(super) type ByPrice = (u64, Timestamp, ResourceOfferId);
type ByAge = (Timestamp, ResourceOfferId);

pub(super) fn by_price(offer: &ResourceOffer) -> ByPrice {
    (price(offer), offer.created_at, offer.id.clone())
}

/// Offers that untargeted jobs may take.
pub(super) struct Catalogue {
    by_price: Shelf<ByPrice, Supply, Arc<ResourceOffer>>,
    by_age: Shelf<ByAge, Supply, Arc<ResourceOffer>>,
}

impl Catalogue {
    pub(super) fn new() -> Self {
        Self { by_price: Shelf::new(), by_age: Shelf::new() }
    }

    /// Lists `offer`, unless its mode is one that no job matches.
    pub(super) fn insert(&mut self, offer: &Arc<ResourceOffer>) {
        if offer.mode == PricingMode::Market.as_str() {
            return;
        }
        let supply = Supply { size: Size::of(&offer.spec), price: price(offer) };
        self.by_price.insert(by_price(offer), supply, Arc::clone(offer));
        self.by_age.insert((offer.created_at, offer.id.clone()), supply, Arc::clone(offer));
    }

    pub(super) fn remove(&mut self, offer: &ResourceOffer) {
        self.by_price.remove(&by_price(offer));
        self.by_age.remove(&(offer.created_at, offer.id.clone()));
    }

    /// The best that any offer has; `None` when there is none.
    pub(super) fn supply(&self) -> Option<Supply> {
        self.by_price.bounds()
    }

    /// The offer that `job` takes: the cheapest that matches a market job, the oldest that a fixed job can afford.
    ///
    /// The bounds only narrow the search; [`rules::evaluate`] decides.
    pub(super) fn find(&self, job: &JobOffer) -> Option<&Arc<ResourceOffer>> {
        let demand = Demand::of(job);
        let may = move |supply: &Supply| demand.may_take(supply);
        let matches = |offer: &&Arc<ResourceOffer>| rules::evaluate(offer, job).is_match();
        if is_market(job) {
            self.by_price.within(may).map(|(_, offer)| offer).find(matches)
        } else {
            self.by_age.within(may).map(|(_, offer)| offer).find(matches)
        }
    }
}
