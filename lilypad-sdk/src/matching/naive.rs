//! The reference: every job against every offer, as network.md §6 writes it.

use crate::{
    matching::rules,
    types::{JobOffer, JobOfferId, ResourceOffer, ResourceOfferId},
};

/// One pass over all open offers.
///
/// Jobs and offers are taken oldest first, equally old ones by id; an offer that was taken is out of the pass. Targeted
/// jobs take an offer of their provider that shares solver and mediator, cheapest, then oldest, whatever its
/// machine and mode (network.md §6.2).
///
/// Returns the matches in the order of the jobs, and the targeted jobs that nobody may serve.
pub fn solve(jobs: &[JobOffer], resources: &[ResourceOffer]) -> (Vec<(JobOfferId, ResourceOfferId)>, Vec<JobOfferId>) {
    let mut jobs: Vec<_> = jobs.iter().collect();
    jobs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let mut open: Vec<_> = resources.iter().collect();
    open.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));

    let (mut matches, mut unmatchable) = (Vec::new(), Vec::new());
    for job in jobs {
        let target = &job.target.address;
        let candidates: Vec<usize> = (0..open.len())
            .filter(|at| match target.is_empty() {
                true => rules::evaluate(open[*at], job).is_match(),
                false => open[*at].resource_provider == *target && rules::trusts_same(open[*at], job),
            })
            .collect();
        let offers = candidates.iter().map(|at| open[*at]);
        let chosen = match target.is_empty() {
            true => rules::select(job, offers),
            false => rules::cheapest(offers),
        };
        match chosen {
            Some(at) => matches.push((job.id.clone(), open.remove(candidates[at]).id.clone())),
            None if !target.is_empty() => unmatchable.push(job.id.clone()),
            None => (),
        }
    }
    (matches, unmatchable)
}
