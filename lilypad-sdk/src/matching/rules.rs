//! One resource offer against one job offer, and the choice among offers that match. Source: network.md §6.3, §6.4.

use std::{cmp::Ordering, fmt};

use crate::types::{GpuSpec, JobOffer, PricingMode, ResourceOffer};

/// What comparing a resource offer with a job offer gives: a match, or the first rule that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// All rules hold.
    OffersMatched,
    /// Too little CPU.
    CpuMismatch,
    /// Too few GPUs.
    GpuMismatch,
    /// Too little memory.
    RamMismatch,
    /// No GPU with enough memory.
    VramMismatch,
    /// Too little disk.
    DiskSpaceMismatch,
    /// The resource offer names no price.
    MarketPriceUnavailable,
    /// Dearer than the job's fixed price.
    PriceMismatch,
    /// No mediator that both trust.
    MediatorMismatch,
    /// They trust different solvers.
    SolverMismatch,
}

impl Match {
    /// The rules in the order in which they are checked, by what a failure of each gives.
    pub const RULES: [Self; 9] = [
        Self::CpuMismatch,
        Self::GpuMismatch,
        Self::RamMismatch,
        Self::VramMismatch,
        Self::DiskSpaceMismatch,
        Self::MarketPriceUnavailable,
        Self::PriceMismatch,
        Self::MediatorMismatch,
        Self::SolverMismatch,
    ];

    /// Whether the offers match.
    pub fn is_match(self) -> bool {
        self == Self::OffersMatched
    }

    /// The network's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::OffersMatched => "offersMatched",
            Self::CpuMismatch => "cpuMismatch",
            Self::GpuMismatch => "gpuMismatch",
            Self::RamMismatch => "ramMismatch",
            Self::VramMismatch => "vramMismatch",
            Self::DiskSpaceMismatch => "diskSpaceMismatch",
            Self::MarketPriceUnavailable => "marketPriceUnavailable",
            Self::PriceMismatch => "priceMismatch",
            Self::MediatorMismatch => "mediatorMismatch",
            Self::SolverMismatch => "solverMismatch",
        }
    }

    /// The network's message.
    pub fn message(self) -> &'static str {
        match self {
            Self::OffersMatched => "offers matched",
            Self::CpuMismatch => "did not match CPU",
            Self::GpuMismatch => "did not match GPU",
            Self::RamMismatch => "did not match RAM",
            Self::VramMismatch => "did not match VRAM",
            Self::DiskSpaceMismatch => "did not match disk space",
            Self::MarketPriceUnavailable => "no support for market priced resource offers",
            Self::PriceMismatch => "fixed price job offer cannot afford resource offer",
            Self::MediatorMismatch => "no matching mutual mediators",
            Self::SolverMismatch => "no matching solver",
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Compares the offers; the first rule that fails decides.
///
/// GPU names, module lists, module prices, collaterals and time-outs play no part.
pub fn evaluate(resource: &ResourceOffer, job: &JobOffer) -> Match {
    failures(resource, job).next().unwrap_or(Match::OffersMatched)
}

/// All rules that fail, in the order in which they are checked.
pub fn failures<'a>(resource: &'a ResourceOffer, job: &'a JobOffer) -> impl Iterator<Item = Match> + 'a {
    Match::RULES.into_iter().filter(|rule| !holds(*rule, resource, job))
}

fn holds(rule: Match, resource: &ResourceOffer, job: &JobOffer) -> bool {
    match rule {
        Match::OffersMatched => true,
        Match::CpuMismatch => resource.spec.cpu_milli >= job.spec.cpu_milli,
        Match::GpuMismatch => resource.spec.gpu >= job.spec.gpu,
        Match::RamMismatch => resource.spec.ram >= job.spec.ram,
        Match::VramMismatch => match largest_vram(job.spec.gpus.as_deref()) {
            None => true,
            Some(wanted) => largest_vram(resource.spec.gpus.as_deref()).is_some_and(|offered| offered >= wanted),
        },
        Match::DiskSpaceMismatch => resource.spec.disk >= job.spec.disk,
        Match::MarketPriceUnavailable => resource.mode != PricingMode::Market.as_str(),
        Match::PriceMismatch => {
            let both_fixed = [&resource.mode, &job.mode].into_iter().all(|mode| mode == PricingMode::Fixed.as_str());
            !both_fixed || price(resource) <= job.pricing.instruction_price
        }
        Match::MediatorMismatch => {
            let trusted = job.trusted_parties.mediators.as_deref().unwrap_or_default();
            resource.trusted_parties.mediators.iter().flatten().any(|mediator| trusted.contains(mediator))
        }
        Match::SolverMismatch => resource.trusted_parties.solver == job.trusted_parties.solver,
    }
}

/// The largest VRAM of a list of GPUs, at least 0; `None` for no list or an empty one.
pub(super) fn largest_vram(gpus: Option<&[GpuSpec]>) -> Option<i64> {
    gpus.filter(|gpus| !gpus.is_empty()).map(|gpus| gpus.iter().fold(0, |most, gpu| most.max(gpu.vram_mib)))
}

/// Whether `job` takes the cheapest offer; any mode but `MarketPrice` counts as a fixed price.
pub fn is_market(job: &JobOffer) -> bool {
    job.mode == PricingMode::Market.as_str()
}

/// The price that offers are compared by.
pub(super) fn price(resource: &ResourceOffer) -> u64 {
    resource.default_pricing.instruction_price
}

/// Chooses among candidates that match, given oldest first; returns the position of the chosen one.
///
/// A market job takes the cheapest, of equally cheap ones the oldest, then the first. Every other job takes the first that
/// it can afford, and none when it can afford none.
pub fn select<'a>(job: &JobOffer, candidates: impl IntoIterator<Item = &'a ResourceOffer>) -> Option<usize> {
    if is_market(job) {
        return cheapest(candidates);
    }
    candidates.into_iter().position(|offer| can_afford(job, offer))
}

/// Whether `job` may choose the offer: a market job any, every other job one up to its own price.
pub(super) fn can_afford(job: &JobOffer, offer: &ResourceOffer) -> bool {
    is_market(job) || price(offer) <= job.pricing.instruction_price
}

/// The position of the cheapest candidate, of equally cheap ones the oldest, then the first.
pub(super) fn cheapest<'a>(candidates: impl IntoIterator<Item = &'a ResourceOffer>) -> Option<usize> {
    candidates.into_iter().enumerate().min_by(|(_, a), (_, b)| by_price(a, b)).map(|(at, _)| at)
}

/// The two rules that hold for targeted jobs too: a mediator that both trust, and the same solver.
pub(super) fn trusts_same(resource: &ResourceOffer, job: &JobOffer) -> bool {
    [Match::MediatorMismatch, Match::SolverMismatch].into_iter().all(|rule| holds(rule, resource, job))
}

/// Cheaper first, then older; equal in both is equal.
fn by_price(a: &ResourceOffer, b: &ResourceOffer) -> Ordering {
    price(a).cmp(&price(b)).then(a.created_at.cmp(&b.created_at))
}

/// The mediators both offers name, in the resource offer's order; one named several times counts several times.
pub fn mutual_mediators(resource: &ResourceOffer, job: &JobOffer) -> Vec<String> {
    let trusted = job.trusted_parties.mediators.as_deref().unwrap_or_default();
    let named = resource.trusted_parties.mediators.iter().flatten();
    named.flat_map(|mediator| trusted.iter().filter(move |other| *other == mediator)).cloned().collect()
}
