//! What a provider offers, and which deals are about that.

use crate::types::{Address, DealContainer, DealPricing, MachineSpec, Settlement, TrustedParties};

/// What a provider is told at its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The address it signs with.
    pub address: Address,
    /// How many jobs run at once: as many offers are listed.
    pub slots: u32,
    /// What each offer has.
    pub spec: MachineSpec,
    /// What each job costs.
    pub pricing: DealPricing,
    /// Whom it trusts.
    pub trusted_parties: TrustedParties,
    /// Where deals settle.
    pub settlement: Settlement,
    /// Blocks that must lie on top of both agreements before a run starts (design.md §11, ruling 1).
    pub confirmations: u64,
}

impl ProviderConfig {
    /// One slot of two cores, 2 GB and 10 GB, at the network's default price of 1 LP a job.
    pub fn new(address: Address, trusted_parties: TrustedParties) -> Self {
        Self {
            address,
            slots: 1,
            spec: MachineSpec { cpu_milli: 2000, ram: 2_000_000_000, disk: 10_000_000_000, ..MachineSpec::default() },
            pricing: DealPricing {
                instruction_price: 1,
                payment_collateral: 2,
                results_collateral_multiple: 2,
                mediation_fee: 1,
            },
            trusted_parties,
            settlement: Settlement::OnChain,
            confirmations: 1,
        }
    }
}

impl ProviderConfig {
    /// Whether a deal that the solver tells of is about an offer of ours, as we make them. A solver can make up both.
    pub(super) fn check_deal(&self, container: &DealContainer) -> Result<(), &'static str> {
        let (deal, offer) = (&container.deal, &container.deal.resource_offer);
        let trusted = &self.trusted_parties;
        let is_trusted =
            |mediator: &String| trusted.mediators.as_ref().is_some_and(|mediators| mediators.contains(mediator));
        let checks = [
            (container.is_consistent(), "its id is not the one of its content"),
            (offer.resource_provider == self.address.to_string(), "it is another provider's"),
            ((0..i64::from(self.slots)).contains(&offer.index), "we have no such machine"),
            (offer.spec == self.spec, "it promises another machine than ours"),
            (offer.default_pricing == self.pricing, "it names another price than ours"),
            (offer.trusted_parties == *trusted, "it trusts others than we do"),
            (deal.members.solver == trusted.solver, "it names another solver"),
            (deal.members.mediators.iter().flatten().all(is_trusted), "it names a mediator whom we do not trust"),
        ];
        checks.into_iter().find(|(is_right, _)| !is_right).map_or(Ok(()), |(_, why)| Err(why))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::types::{Deal, DealId, DealMembers, DealState, JobOffer, ResourceOffer, Timestamp};

    fn config() -> ProviderConfig {
        let parties =
            TrustedParties { solver: "0xs".into(), mediators: Some(vec!["0xm".into()]), ..Default::default() };
        ProviderConfig::new(Address::repeat_byte(7), parties)
    }

    fn container(change: impl FnOnce(&mut Deal)) -> DealContainer {
        let config = config();
        let provider = config.address.to_string();
        let mut deal = Deal {
            members: DealMembers {
                solver: "0xs".into(),
                job_creator: "0xc".into(),
                resource_provider: provider.clone(),
                mediators: Some(vec!["0xm".into()]),
            },
            pricing: config.pricing.clone(),
            job_offer: JobOffer { job_creator: "0xc".into(), ..JobOffer::default() },
            resource_offer: ResourceOffer {
                resource_provider: provider,
                spec: config.spec.clone(),
                default_pricing: config.pricing,
                trusted_parties: config.trusted_parties,
                ..ResourceOffer::default()
            },
            ..Deal::default()
        };
        change(&mut deal);
        deal.job_offer.id = deal.job_offer.compute_id();
        deal.resource_offer.id = deal.resource_offer.compute_id();
        deal.id = deal.compute_id();
        DealContainer::new(deal, DealState::DealNegotiating, Timestamp::from_millis(1))
    }

    #[test]
    fn a_deal_on_our_own_offer_is_taken_up() {
        assert_eq!(config().check_deal(&container(|_| ())), Ok(()));
    }

    #[test]
    fn offers_that_a_solver_made_up_are_not_ours() {
        let refused = |change: fn(&mut Deal)| config().check_deal(&container(change)).unwrap_err();
        assert_eq!(
            refused(|deal| deal.resource_offer.default_pricing.instruction_price = 0),
            "it names another price than ours"
        );
        assert_eq!(refused(|deal| deal.resource_offer.index = 1), "we have no such machine");
        assert_eq!(refused(|deal| deal.resource_offer.spec.ram = 1), "it promises another machine than ours");
        assert_eq!(refused(|deal| deal.members.solver = "0xe".into()), "it names another solver");
        assert!(refused(|deal| deal.members.mediators = Some(vec!["0xe".into()])).contains("mediator"));
    }

    #[test]
    fn an_id_that_is_a_path_is_refused_before_anything_is_made_or_removed() {
        for id in ["../../victim", "/victim", ""] {
            let mut container = container(|_| ());
            container.id = DealId::from_wire(id);
            assert!(config().check_deal(&container).is_err(), "{id}");
            container.deal.id = DealId::from_wire(id);
            assert!(config().check_deal(&container).is_err(), "{id}");
        }
    }
}
