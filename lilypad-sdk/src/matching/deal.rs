//! A match becomes a deal.

use crate::{
    matching::rules::mutual_mediators,
    types::{Deal, DealId, DealMembers, JobOffer, ResourceOffer},
};

/// The deal between two offers that match, its id computed.
///
/// The solver comes from the job offer, the price from the resource offer whatever the job's mode, the mediators from
/// both. The offers' own ids must be filled: they are part of what the deal's id hashes. Source: network.md §1.13, §6.4.
pub fn build_deal(resource: &ResourceOffer, job: &JobOffer) -> Deal {
    let mut deal = Deal {
        id: DealId::default(),
        members: DealMembers {
            solver: job.trusted_parties.solver.clone(),
            job_creator: job.job_creator.clone(),
            resource_provider: resource.resource_provider.clone(),
            mediators: Some(mutual_mediators(resource, job)),
        },
        pricing: resource.default_pricing.clone(),
        job_offer: job.clone(),
        resource_offer: resource.clone(),
    };
    deal.id = deal.compute_id();
    deal
}
