//! Deals and their transactions.

use super::{
    DealId, DealPricing, DealState, JobOffer, JobOfferId, ResourceOffer, ResourceOfferId, Timestamp, cid_of_record,
    record::record,
};

record! {
    /// Who takes part in a deal. Source: network.md §1.13.
    pub DealMembers {
        /// Address of the solver, from the job offer.
        "solver" solver: String,
        /// Address of the creator.
        "job_creator" job_creator: String,
        /// Address of the provider.
        "resource_provider" resource_provider: String,
        /// Mediators both offers trust, in the provider's order.
        "mediators" mediators: Option<Vec<String>>,
    }
}

record! {
    /// A job offer and a resource offer, matched. Source: network.md §1.13.
    pub Deal {
        /// The deal's id; depends on the two offers alone.
        "id" id: DealId,
        /// Who takes part.
        "members" members: DealMembers,
        /// The provider's price.
        "pricing" pricing: DealPricing,
        /// The job offer, its id filled.
        "job_offer" job_offer: JobOffer,
        /// The resource offer, its id filled.
        "resource_offer" resource_offer: ResourceOffer,
    }
}

record! {
    /// Hashes of the provider's transactions; empty when not sent. Source: network.md §1.14.
    pub ResourceProviderTransactions {
        /// `agree`.
        "agree" agree: String,
        /// `addResult`.
        "add_result" add_result: String,
        /// `timeoutAgree`.
        "timeout_agree" timeout_agree: String,
        /// `timeoutJudgeResult`.
        "timeout_judge_result" timeout_judge_result: String,
        /// `timeoutMediateResult`.
        "timeout_mediate_result" timeout_mediate_result: String,
    }
}

record! {
    /// Hashes of the creator's transactions; empty when not sent. Source: network.md §1.14.
    pub JobCreatorTransactions {
        /// `agree`.
        "agree" agree: String,
        /// `acceptResult`.
        "accept_result" accept_result: String,
        /// `checkResult`.
        "check_result" check_result: String,
        /// `timeoutAgree`.
        "timeout_agree" timeout_agree: String,
        /// `timeoutSubmitResult`.
        "timeout_submit_result" timeout_submit_result: String,
        /// `timeoutMediateResult`.
        "timeout_mediate_result" timeout_mediate_result: String,
    }
}

record! {
    /// Hashes of the mediator's transactions; empty when not sent. Source: network.md §1.14.
    pub MediatorTransactions {
        /// `mediationAcceptResult`.
        "mediation_accept_result" mediation_accept_result: String,
        /// `mediationRejectResult`.
        "mediation_reject_result" mediation_reject_result: String,
    }
}

record! {
    /// Hashes of a deal's transactions. Source: network.md §1.14.
    pub DealTransactions {
        /// The provider's.
        "resource_provider" resource_provider: ResourceProviderTransactions,
        /// The creator's.
        "job_creator" job_creator: JobCreatorTransactions,
        /// The mediator's.
        "mediator" mediator: MediatorTransactions,
    }
}

record! {
    /// A deal as the solver keeps it. Source: network.md §1.15.
    pub DealContainer {
        /// Id of the deal.
        "id" id: DealId,
        /// When it was matched, milliseconds of the solver's clock.
        "created_at" created_at: Timestamp,
        /// When the result was uploaded; 0 before.
        "upload_at" upload_at: Timestamp,
        /// When the result was downloaded; 0 before.
        "download_at" download_at: Timestamp,
        /// The creator.
        "job_creator" job_creator: String,
        /// The provider.
        "resource_provider" resource_provider: String,
        /// Id of the job offer.
        "job_offer" job_offer: JobOfferId,
        /// Id of the resource offer.
        "resource_offer" resource_offer: ResourceOfferId,
        /// State of the deal.
        "state" state: DealState,
        /// The deal.
        "deal" deal: Deal,
        /// Its transactions.
        "transactions" transactions: DealTransactions,
        /// The mediator drawn; empty before.
        "mediator" mediator: String,
    }
}

impl Deal {
    /// The id computed from the record's content (network.md §2.1); what `id` holds plays no part.
    pub fn compute_id(&self) -> DealId {
        let blank = Self { id: DealId::default(), ..self.clone() };
        DealId::from_wire(cid_of_record(&blank))
    }
}

impl DealContainer {
    /// A new container around `deal` (its id filled), matched at `now`.
    pub fn new(deal: Deal, state: DealState, now: Timestamp) -> Self {
        Self {
            id: deal.id.clone(),
            created_at: now,
            job_creator: deal.members.job_creator.clone(),
            resource_provider: deal.members.resource_provider.clone(),
            job_offer: deal.job_offer.id.clone(),
            resource_offer: deal.resource_offer.id.clone(),
            state,
            deal,
            ..Self::default()
        }
    }

    /// Whether the container is about the deal inside it: its id is the one that the deal's content gives, and its other
    /// members repeat the deal's. Everything that comes from a solver is asked this before it is used.
    pub fn is_consistent(&self) -> bool {
        let deal = &self.deal;
        self.id == deal.id
            && deal.id == deal.compute_id()
            && self.job_creator == deal.members.job_creator
            && self.resource_provider == deal.members.resource_provider
            && self.job_offer == deal.job_offer.id
            && deal.job_offer.id == deal.job_offer.compute_id()
            && self.resource_offer == deal.resource_offer.id
            && deal.resource_offer.id == deal.resource_offer.compute_id()
    }
}

macro_rules! merge_filled {
    ($name:ident { $($field:ident),* }) => {
        impl $name {
            /// Takes over the filled members of `other`; its empty ones change nothing (network.md §3.5).
            pub fn merge_filled(&mut self, other: &Self) {
                $( if !other.$field.is_empty() { self.$field.clone_from(&other.$field); } )*
            }
        }
    };
}
merge_filled!(ResourceProviderTransactions {
    agree,
    add_result,
    timeout_agree,
    timeout_judge_result,
    timeout_mediate_result
});
merge_filled!(JobCreatorTransactions {
    agree,
    accept_result,
    check_result,
    timeout_agree,
    timeout_submit_result,
    timeout_mediate_result
});
merge_filled!(MediatorTransactions { mediation_accept_result, mediation_reject_result });
