//! Who may see which record: its parties, the drawn mediator and the solver.

use std::collections::BTreeMap;

use crate::types::{Address, DealContainer, JobOffer, JobOfferContainer, ResourceOfferContainer, SolverEvent};

/// What someone is to a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// Ordered the job.
    JobCreator,
    /// Runs the job.
    ResourceProvider,
    /// Was drawn to check the result.
    Mediator,
    /// Made the match.
    Solver,
}

/// Whether the record's `text` is `address`, whatever its case; an empty text is nobody.
pub fn same_address(text: &str, address: Address) -> bool {
    text.parse::<Address>().is_ok_and(|parsed| parsed == address)
}

/// What `address` is to a deal; usually nothing or one thing.
pub fn deal_parties(deal: &DealContainer, address: Address) -> Vec<Party> {
    let all = [
        (Party::JobCreator, &deal.job_creator),
        (Party::ResourceProvider, &deal.resource_provider),
        (Party::Mediator, &deal.mediator),
        (Party::Solver, &deal.deal.members.solver),
    ];
    all.into_iter().filter(|(_, text)| same_address(text, address)).map(|(party, _)| party).collect()
}

/// Whether `address` may see a deal in `bound` mode.
pub fn deal_visible(deal: &DealContainer, address: Address) -> bool {
    !deal_parties(deal, address).is_empty()
}

/// Whether `address` may see a job offer in `bound` mode; a provider sees it inside its deal.
pub fn job_offer_visible(offer: &JobOfferContainer, address: Address) -> bool {
    same_address(&offer.job_creator, address) || same_address(&offer.job_offer.trusted_parties.solver, address)
}

/// Whether `address` may see a resource offer in `bound` mode; a creator sees it inside its deal.
pub fn resource_offer_visible(offer: &ResourceOfferContainer, address: Address) -> bool {
    same_address(&offer.resource_provider, address)
        || same_address(&offer.resource_offer.trusted_parties.solver, address)
}

/// Whether an event goes to `address` in `bound` mode (design.md §11, ruling 11). An event without a record concerns
/// nobody.
pub fn event_visible(event: &SolverEvent, address: Address) -> bool {
    event.deal.as_deref().is_some_and(|deal| deal_visible(deal, address))
        || event.job_offer.as_deref().is_some_and(|offer| job_offer_visible(offer, address))
        || event.resource_offer.as_deref().is_some_and(|offer| resource_offer_visible(offer, address))
}

/// The event as an unsigned socket of a `both` solver sees it: the inputs of jobs are emptied.
pub fn without_inputs(event: &SolverEvent) -> SolverEvent {
    let mut event = event.clone();
    let blank = |offer: &mut JobOffer| offer.inputs = Some(BTreeMap::new());
    if let Some(offer) = event.job_offer.as_deref_mut() {
        blank(&mut offer.job_offer);
    }
    if let Some(deal) = event.deal.as_deref_mut() {
        blank(&mut deal.deal.job_offer);
    }
    event
}
