//! Why a job waits.

use std::{collections::BTreeMap, fmt};

use crate::{
    matching::{
        OrderBook,
        catalogue::by_price,
        rules::{self, Match},
    },
    types::{JobOffer, JobOfferId, ResourceOfferId},
};

/// Why a job has no provider: which rules the open resource offers fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The job.
    pub job: JobOfferId,
    /// How many open offers were looked at; only those of the wanted provider for a targeted job.
    pub offers: usize,
    /// How many offers match; the job has one of them after the next round, unless an older job takes it.
    pub matching: usize,
    /// How many offers fail each rule first.
    pub failed: BTreeMap<Match, usize>,
    /// The offer that fails the fewest rules, of several the cheapest, then the oldest; `None` when some offer matches or
    /// there is none at all.
    pub nearest: Option<NearestMiss>,
}

/// The offer that came closest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearestMiss {
    /// The offer.
    pub resource: ResourceOfferId,
    /// All rules that it fails.
    pub fails: Vec<Match>,
}

impl OrderBook {
    /// Compares `job`, which need not be in the book, with every open resource offer.
    ///
    /// Costs a pass over all offers; meant for a person who asks, not for each round.
    pub fn explain(&self, job: &JobOffer) -> Explanation {
        let target = &job.target.address;
        let mut explanation =
            Explanation { job: job.id.clone(), offers: 0, matching: 0, failed: BTreeMap::new(), nearest: None };
        let mut nearest = None;
        for offer in self.resources().filter(|offer| target.is_empty() || offer.resource_provider == *target) {
            explanation.offers += 1;
            let is_trust = |rule: &Match| matches!(rule, Match::MediatorMismatch | Match::SolverMismatch);
            let mut fails: Vec<_> = rules::failures(offer, job).collect();
            fails.retain(|rule| target.is_empty() || is_trust(rule));
            if fails.is_empty() && target.is_empty() && !rules::can_afford(job, offer) {
                fails.push(Match::PriceMismatch);
            }
            let Some(first) = fails.first() else {
                explanation.matching += 1;
                continue;
            };
            *explanation.failed.entry(*first).or_default() += 1;
            let rank = (fails.len(), by_price(offer));
            if nearest.as_ref().is_none_or(|(best, _)| rank < *best) {
                nearest = Some((rank, NearestMiss { resource: offer.id.clone(), fails }));
            }
        }
        if explanation.matching == 0 {
            explanation.nearest = nearest.map(|(_, miss)| miss);
        }
        explanation
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offers, matching, failed, nearest, .. } = self;
        write!(f, "{matching} of {offers} open offers match")?;
        for (rule, count) in failed {
            write!(f, "; {count} {rule}")?;
        }
        if let Some(NearestMiss { resource, fails }) = nearest {
            let fails: Vec<_> = fails.iter().map(|rule| rule.message()).collect();
            write!(f, "; nearest is {resource}: {}", fails.join(", "))?;
        }
        Ok(())
    }
}
