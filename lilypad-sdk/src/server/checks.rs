//! What every offer must be before a backend sees it, in the order and with the texts of network.md §3.5.

use std::time::Duration;

use crate::{
    api::{ApiError, ApiResult, Refusal, is_version_at_least, same_address},
    types::{Address, DealContainer, JobOffer, PricingMode, ResourceOffer, Timestamp, TrustedParties},
};

/// Whether the client's version may post offers.
///
/// # Errors
/// [`ApiError::Version`].
pub fn check_version(version: Option<&str>, minimum: Option<&str>) -> ApiResult<()> {
    match minimum {
        Some(minimum) if !is_version_at_least(version.unwrap_or_default(), minimum) => {
            Err(ApiError::Version { minimum: minimum.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Whether the signer is the offer's creator. The text is compared exactly, so the record must carry EIP-55.
///
/// # Errors
/// [`Refusal::NotJobCreator`].
pub fn check_job_creator(offer: &JobOffer, signer: Address) -> ApiResult<()> {
    is_signer(&offer.job_creator, signer, Refusal::NotJobCreator)
}

/// Whether the signer is the offer's provider.
///
/// # Errors
/// [`Refusal::NotResourceProvider`].
pub fn check_resource_provider(offer: &ResourceOffer, signer: Address) -> ApiResult<()> {
    is_signer(&offer.resource_provider, signer, Refusal::NotResourceProvider)
}

/// Whether a job offer is recent and names whom it trusts.
///
/// # Errors
/// The first [`Refusal`].
pub fn check_job_offer(offer: &JobOffer, now: Timestamp, age: Duration) -> ApiResult<()> {
    is_recent(offer.created_at, now, age, Refusal::StaleJobOffer)?;
    names(&offer.trusted_parties, Refusal::JobOfferWithoutSolver, Refusal::JobOfferWithoutMediator)
}

/// Whether a resource offer is recent, has a price and names whom it trusts.
///
/// # Errors
/// The first [`Refusal`].
pub fn check_resource_offer(offer: &ResourceOffer, now: Timestamp, age: Duration) -> ApiResult<()> {
    is_recent(offer.created_at, now, age, Refusal::StaleResourceOffer)?;
    if offer.mode == PricingMode::Market.as_str() {
        return Err(Refusal::ResourceOfferAtMarketPrice.into());
    }
    names(&offer.trusted_parties, Refusal::ResourceOfferWithoutSolver, Refusal::ResourceOfferWithoutMediator)
}

/// Whether the deal's job has not run out of time.
///
/// # Errors
/// [`ApiError::TimedOut`].
pub fn check_not_timed_out(deal: &DealContainer) -> ApiResult<()> {
    if deal.state.is_timed_out() {
        return Err(ApiError::TimedOut { deal: deal.id.to_string(), state: deal.state.to_string() });
    }
    Ok(())
}

/// Whether the signer is the deal's provider.
///
/// # Errors
/// [`Refusal::NotResourceProvider`].
pub fn check_deal_provider(deal: &DealContainer, signer: Address) -> ApiResult<()> {
    is_signer(&deal.resource_provider, signer, Refusal::NotResourceProvider)
}

/// Whether the signer is the deal's creator.
///
/// # Errors
/// [`Refusal::NotJobCreator`].
pub fn check_deal_creator(deal: &DealContainer, signer: Address) -> ApiResult<()> {
    is_signer(&deal.job_creator, signer, Refusal::NotJobCreator)
}

/// Whether the signer is the deal's drawn mediator. Mediators come from configured texts, so case plays no part.
///
/// # Errors
/// [`Refusal::NotMediator`].
pub fn check_deal_mediator(deal: &DealContainer, signer: Address) -> ApiResult<()> {
    if same_address(&deal.mediator, signer) { Ok(()) } else { Err(Refusal::NotMediator.into()) }
}

fn is_signer(text: &str, signer: Address, refusal: Refusal) -> ApiResult<()> {
    if text == signer.to_string() { Ok(()) } else { Err(refusal.into()) }
}

fn is_recent(created_at: Timestamp, now: Timestamp, age: Duration, refusal: Refusal) -> ApiResult<()> {
    let distance = created_at.as_millis().abs_diff(now.as_millis());
    if u128::from(distance) <= age.as_millis() { Ok(()) } else { Err(refusal.into()) }
}

fn names(parties: &TrustedParties, no_solver: Refusal, no_mediator: Refusal) -> ApiResult<()> {
    if parties.solver.is_empty() {
        return Err(no_solver.into());
    }
    if parties.mediators.as_ref().is_none_or(Vec::is_empty) {
        return Err(no_mediator.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn offers_are_checked_in_the_wires_order() {
        let (now, age) = (Timestamp::from_millis(1_000_000), Duration::from_secs(30));
        let mut offer = JobOffer { created_at: Timestamp::from_millis(1_030_001), ..JobOffer::default() };
        let refused = |offer: &JobOffer| check_job_offer(offer, now, age).unwrap_err();
        assert_eq!(refused(&offer), Refusal::StaleJobOffer.into());
        offer.created_at = Timestamp::from_millis(1_030_000);
        assert_eq!(refused(&offer), Refusal::JobOfferWithoutSolver.into());
        offer.trusted_parties.solver = "0x1".into();
        offer.trusted_parties.mediators = Some(Vec::new());
        assert_eq!(refused(&offer), Refusal::JobOfferWithoutMediator.into());
        offer.trusted_parties.mediators = Some(vec!["0x2".into()]);
        assert!(check_job_offer(&offer, now, age).is_ok());
    }

    #[test]
    fn the_signer_is_compared_exactly() {
        let signer = Address::repeat_byte(0xab);
        let offer = |job_creator: String| JobOffer { job_creator, ..JobOffer::default() };
        assert!(check_job_creator(&offer(signer.to_string()), signer).is_ok());
        let error = check_job_creator(&offer(signer.to_string().to_lowercase()), signer).unwrap_err();
        assert_eq!(error, Refusal::NotJobCreator.into());
    }

    #[test]
    fn versions_below_the_minimum_are_told_where_to_update() {
        assert!(check_version(Some("v2.23.0"), Some("v2")).is_ok());
        assert!(check_version(None, None).is_ok());
        let error = check_version(None, Some("v2")).unwrap_err();
        assert!(error.to_string().starts_with("Please update to minimum supported version v2 or newer: "));
    }
}
