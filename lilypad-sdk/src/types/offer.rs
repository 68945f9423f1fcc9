//! Offers of jobs and of resources.

use std::collections::BTreeMap;

use super::{
    DealId, DealPricing, DealState, InputFiles, JobOfferId, MachineSpec, ModuleConfig, ResourceOfferId, Target,
    Timestamp, TrustedParties, cid_of_record, record::record,
};

record! {
    /// A job someone wants run. Source: network.md §1.9.
    pub JobOffer {
        /// The offer's id; the solver computes it anew.
        "id" id: JobOfferId,
        /// When it was made, milliseconds; must be recent.
        "created_at" created_at: Timestamp,
        /// 21 random characters of `_-0-9a-zA-Z`; makes the id unique.
        "nonce" nonce: String,
        /// EIP-55 address of the creator.
        "job_creator" job_creator: String,
        /// What to run.
        "module" module: ModuleConfig,
        /// What the machine must have at least.
        "spec" spec: MachineSpec,
        /// Inputs of the template, as given; `Some` and empty when there are none.
        "inputs" inputs: Option<BTreeMap<String, String>>,
        /// Files that travel with the offer.
        "inputFiles" input_files: InputFiles,
        /// Seconds the run may take; 0 for the solver's default (900).
        "executionTimeoutSeconds" execution_timeout_seconds: u64,
        /// `MarketPrice` or `FixedPrice`; other texts count as fixed.
        "mode" mode: String,
        /// What the creator would pay.
        "pricing" pricing: DealPricing,
        /// Whom the creator trusts.
        "trusted_parties" trusted_parties: TrustedParties,
        /// The provider wanted, if any.
        "target" target: Target,
    }
}

record! {
    /// A job offer as the solver keeps it. Source: network.md §1.10.
    pub JobOfferContainer {
        /// Id of the offer.
        "id" id: JobOfferId,
        /// Its deal, once matched.
        "deal_id" deal_id: DealId,
        /// Its creator.
        "job_creator" job_creator: String,
        /// Its state.
        "state" state: DealState,
        /// The offer.
        "job_offer" job_offer: JobOffer,
    }
}

record! {
    /// A machine someone offers. Source: network.md §1.11.
    pub ResourceOffer {
        /// The offer's id; the solver computes it anew.
        "id" id: ResourceOfferId,
        /// When it was made, milliseconds; must be recent; also the offer's nonce.
        "created_at" created_at: Timestamp,
        /// EIP-55 address of the provider.
        "resource_provider" resource_provider: String,
        /// Which of the provider's machines.
        "index" index: i64,
        /// What the machine has.
        "spec" spec: MachineSpec,
        /// Modules it runs; empty for all. Existing solvers ignore it.
        "modules" modules: Option<Vec<String>>,
        /// `FixedPrice`; `MarketPrice` is refused.
        "mode" mode: String,
        /// Its price.
        "default_pricing" default_pricing: DealPricing,
        /// Its price for some modules. Existing solvers ignore it.
        "module_pricing" module_pricing: Option<BTreeMap<String, DealPricing>>,
        /// Whom the provider trusts.
        "trusted_parties" trusted_parties: TrustedParties,
    }
}

record! {
    /// A resource offer as the solver keeps it. Source: network.md §1.12.
    pub ResourceOfferContainer {
        /// Id of the offer.
        "id" id: ResourceOfferId,
        /// Its deal, once matched.
        "deal_id" deal_id: DealId,
        /// Its provider.
        "resource_provider" resource_provider: String,
        /// Its state.
        "state" state: DealState,
        /// The offer.
        "resource_offer" resource_offer: ResourceOffer,
    }
}

impl JobOffer {
    /// The id computed from the record's content (network.md §2.1); what `id` holds plays no part.
    pub fn compute_id(&self) -> JobOfferId {
        let blank = Self { id: JobOfferId::default(), ..self.clone() };
        JobOfferId::from_wire(cid_of_record(&blank))
    }
}

impl ResourceOffer {
    /// The id computed from the record's content (network.md §2.1); what `id` holds plays no part.
    pub fn compute_id(&self) -> ResourceOfferId {
        let blank = Self { id: ResourceOfferId::default(), ..self.clone() };
        ResourceOfferId::from_wire(cid_of_record(&blank))
    }
}

impl JobOfferContainer {
    /// A new, unmatched container around `offer`, whose id is computed.
    pub fn new(mut offer: JobOffer) -> Self {
        offer.id = offer.compute_id();
        Self { id: offer.id.clone(), job_creator: offer.job_creator.clone(), job_offer: offer, ..Self::default() }
    }
}

impl ResourceOfferContainer {
    /// A new, unmatched container around `offer`, whose id is computed.
    pub fn new(mut offer: ResourceOffer) -> Self {
        offer.id = offer.compute_id();
        Self {
            id: offer.id.clone(),
            resource_provider: offer.resource_provider.clone(),
            resource_offer: offer,
            ..Self::default()
        }
    }
}
