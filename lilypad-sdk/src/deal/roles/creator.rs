//! The creator of one job: from its offer to the judged result.
#![deny(clippy::wildcard_enum_match_arm)]

use serde::{Deserialize, Serialize};

use crate::{
    deal::{AgreementState, DealTerms, Machine},
    types::{Amount, DataId, DealContainer, DealId, DealState, JobOffer, JobOfferId, JobResult, Timestamp},
};

/// What the creator refuses to go beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatorLimits {
    /// The most a unit may cost, wei; `None` for the market's price.
    pub max_price: Option<Amount>,
    /// The most that may be locked for the payment, wei.
    pub max_payment_collateral: Amount,
    /// The most a mediation may cost, wei.
    pub max_mediation_fee: Amount,
    /// Whether this job's result is checked by a mediator, drawn before the offer was posted.
    pub check_result: bool,
}

/// What can happen to a creator's job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreatorEvent {
    /// The job is to be posted.
    Started,
    /// The solver took the offer.
    OfferPosted {
        /// The id it computed.
        id: JobOfferId,
    },
    /// The solver refused the offer for good.
    OfferRefused {
        /// Its words.
        reason: String,
    },
    /// The solver says how the offer stands.
    OfferState {
        /// Its state.
        state: DealState,
    },
    /// The offer was matched.
    DealFound {
        /// The deal.
        deal: Box<DealContainer>,
    },
    /// Our agreement is on chain.
    Agreed {
        /// Its transaction.
        tx: String,
    },
    /// Our agreement can't be brought on chain.
    AgreeFailed {
        /// Why.
        reason: String,
        /// Whether money was what lacked.
        funds: bool,
    },
    /// The chain says how the agreement stands.
    ChainState {
        /// Its state.
        state: AgreementState,
    },
    /// The provider's result record.
    ResultFetched {
        /// The record.
        result: JobResult,
    },
    /// The result folder is here.
    Downloaded {
        /// Its id, computed from the files.
        data_id: DataId,
    },
    /// The result folder can't be written here, for good.
    DownloadFailed {
        /// Why.
        reason: String,
    },
    /// The provider's side does not give the result folder that it was to deliver.
    NotDelivered {
        /// Why.
        reason: String,
    },
    /// The job ended without a result folder, on a network that settles off chain.
    JobFailed {
        /// The provider's words.
        reason: String,
    },
    /// Our acceptance or check is on chain.
    Judged {
        /// Its transaction.
        tx: String,
    },
    /// Our acceptance or check can't be brought on chain.
    JudgeFailed {
        /// Why.
        reason: String,
        /// Whether money was what lacked.
        funds: bool,
    },
    /// The solver answered our wish to take the offer back.
    CancelAnswered {
        /// Whether it took it back; `false` when both parties had agreed, or nobody answered.
        taken: bool,
    },
    /// The person wants out.
    Interrupted,
}

/// What a creator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreatorEffect {
    /// Post the offer.
    PostOffer,
    /// Send `agree` with these terms.
    Agree {
        /// The terms.
        terms: Box<DealTerms>,
    },
    /// Ask the solver for the result record.
    FetchResult {
        /// The deal.
        deal_id: DealId,
    },
    /// Download and unpack the result folder.
    Download {
        /// The deal.
        deal_id: DealId,
    },
    /// Send `acceptResult`.
    Accept {
        /// The deal.
        deal_id: DealId,
    },
    /// Send `checkResult`.
    Check {
        /// The deal.
        deal_id: DealId,
    },
    /// Take the offer back at the solver.
    CancelOffer,
    /// The job has ended.
    Finish(CreatorOutcome),
}

/// How a job ended for its creator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreatorOutcome {
    /// There is a judged result.
    Completed {
        /// How it was judged.
        state: AgreementState,
    },
    /// The provider gave the job up, or never delivered; nothing was charged.
    ProviderFailed {
        /// The provider's words, empty when it was silent.
        reason: String,
    },
    /// The solver refused the offer.
    Refused {
        /// Its words.
        reason: String,
    },
    /// The deal asked for more than the creator allows.
    TooExpensive {
        /// What was asked for.
        reason: String,
    },
    /// The agreement could not be brought on chain.
    AgreeFailed {
        /// Why.
        reason: String,
        /// Whether money was what lacked.
        funds: bool,
    },
    /// The result could not be fetched, though it is judged or will count as accepted.
    DownloadFailed {
        /// Why.
        reason: String,
    },
    /// The result is here, but neither acceptance nor check could be brought on chain: silence will count as acceptance.
    JudgeFailed {
        /// Why.
        reason: String,
        /// Whether money was what lacked.
        funds: bool,
    },
    /// No provider matched, or another of the solver's timers ran out.
    TimedOut {
        /// Which.
        state: DealState,
    },
    /// Cancelled before both parties had agreed.
    Cancelled,
}

/// The machine. Facts are kept; what to do next follows from them.
#[derive(Clone, Debug)]
pub struct Creator {
    limits: CreatorLimits,
    offer: JobOffer,
    offer_id: Option<JobOfferId>,
    terms: Option<DealTerms>,
    agreement: AgreementState,
    result: Option<JobResult>,
    data_id: Option<DataId>,
    /// Why the result folder can't be had, once that is sure.
    lost: Option<String>,
    asked: Asked,
    outcome: Option<CreatorOutcome>,
}

/// Effects that were emitted already, so that no second event emits them again.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    result: bool,
    download: bool,
    judgement: bool,
    cancel: bool,
}

impl Creator {
    /// A creator of `offer` that stays within `limits`.
    pub fn new(offer: JobOffer, limits: CreatorLimits) -> Self {
        Self {
            limits,
            offer,
            offer_id: None,
            terms: None,
            agreement: AgreementState::default(),
            result: None,
            data_id: None,
            lost: None,
            asked: Asked::default(),
            outcome: None,
        }
    }

    /// The offer.
    pub fn offer(&self) -> &JobOffer {
        &self.offer
    }

    /// The offer's id, once the solver took it.
    pub fn offer_id(&self) -> Option<&JobOfferId> {
        self.offer_id.as_ref()
    }

    /// The terms, once matched.
    pub fn terms(&self) -> Option<&DealTerms> {
        self.terms.as_ref()
    }

    /// How the agreement stood when the chain was read last.
    pub fn agreement(&self) -> AgreementState {
        self.agreement
    }

    /// The provider's result record, once fetched.
    pub fn result(&self) -> Option<&JobResult> {
        self.result.as_ref()
    }

    /// Whether the job has ended.
    pub fn is_finished(&self) -> bool {
        self.outcome.is_some()
    }

    /// How the job ended, once it has.
    pub fn outcome(&self) -> Option<&CreatorOutcome> {
        self.outcome.as_ref()
    }

    fn finish(&mut self, outcome: CreatorOutcome) -> Vec<CreatorEffect> {
        self.outcome = Some(outcome.clone());
        vec![CreatorEffect::Finish(outcome)]
    }

    fn on_deal(&mut self, container: &DealContainer) -> Vec<CreatorEffect> {
        if self.terms.is_some() || self.asked.cancel {
            return Vec::new();
        }
        match self.check_deal(container) {
            Ok(terms) => {
                self.terms = Some(terms.clone());
                vec![CreatorEffect::Agree { terms: Box::new(terms) }]
            }
            Err(reason) => {
                self.asked.cancel = true;
                let mut effects = vec![CreatorEffect::CancelOffer];
                effects.extend(self.finish(CreatorOutcome::TooExpensive { reason }));
                effects
            }
        }
    }

    /// Whether the deal is about our offer, untouched, and within the limits (design.md §11, ruling 5).
    fn check_deal(&self, container: &DealContainer) -> Result<DealTerms, String> {
        let deal = &container.deal;
        if deal.job_offer.compute_id() != self.offer.compute_id() {
            return Err(format!("deal {} is about another job offer", deal.id));
        }
        if deal.pricing != deal.resource_offer.default_pricing {
            return Err(format!("deal {} has another price than the provider's offer", deal.id));
        }
        if deal.members.job_creator != self.offer.job_creator
            || deal.members.solver != self.offer.trusted_parties.solver
            || deal.members.resource_provider != deal.resource_offer.resource_provider
        {
            return Err(format!("deal {} names other parties than its offers", deal.id));
        }
        let (target, provider) = (&self.offer.target.address, &deal.members.resource_provider);
        if !target.is_empty() && !target.eq_ignore_ascii_case(provider) {
            return Err(format!("deal {} is with provider {provider}, the job is for {target} only", deal.id));
        }
        let trusted = self.offer.trusted_parties.mediators.as_deref().unwrap_or_default();
        if let Some(stranger) = deal.members.mediators.iter().flatten().find(|m| !trusted.contains(m)) {
            return Err(format!("deal {} names mediator {stranger}, whom the job does not trust", deal.id));
        }
        let terms = DealTerms::of(deal).map_err(|e| e.to_string())?;
        let pricing = &terms.pricing;
        let within = [
            ("a price", pricing.instruction_price, self.limits.max_price.unwrap_or(pricing.instruction_price)),
            ("a payment collateral", pricing.payment_collateral, self.limits.max_payment_collateral),
            ("a mediation fee", pricing.mediation_fee, self.limits.max_mediation_fee),
        ];
        for (what, asked, allowed) in within {
            if asked > allowed {
                return Err(format!("the provider asks for {what} of {asked} LP, at most {allowed} LP are allowed"));
            }
        }
        Ok(terms)
    }

    fn on_chain_state(&mut self, state: AgreementState) -> Vec<CreatorEffect> {
        let Some(deal_id) = self.terms.as_ref().map(|t| t.deal_id.clone()) else { return Vec::new() };
        if state == self.agreement && state != AgreementState::ResultsSubmitted {
            return Vec::new();
        }
        self.agreement = state;
        match state {
            AgreementState::DealNegotiating | AgreementState::DealAgreed | AgreementState::ResultsChecked => Vec::new(),
            AgreementState::ResultsSubmitted => self.want_result(deal_id),
            AgreementState::TimeoutAgree => {
                self.finish(CreatorOutcome::TimedOut { state: DealState::JobOfferCancelled })
            }
            AgreementState::TimeoutSubmitResults if self.result.is_some() => self.close(),
            AgreementState::ResultsAccepted
            | AgreementState::MediationAccepted
            | AgreementState::MediationRejected
            | AgreementState::TimeoutJudgeResults
            | AgreementState::TimeoutMediateResults
                if self.data_id.is_some() || self.lost.is_some() =>
            {
                self.close()
            }
            AgreementState::TimeoutSubmitResults
            | AgreementState::ResultsAccepted
            | AgreementState::MediationAccepted
            | AgreementState::MediationRejected
            | AgreementState::TimeoutJudgeResults
            | AgreementState::TimeoutMediateResults => self.want_result(deal_id),
        }
    }

    fn want_result(&mut self, deal_id: DealId) -> Vec<CreatorEffect> {
        if std::mem::replace(&mut self.asked.result, true) {
            return Vec::new();
        }
        vec![CreatorEffect::FetchResult { deal_id }]
    }

    fn on_result(&mut self, result: &JobResult) -> Vec<CreatorEffect> {
        self.result = Some(result.clone());
        if self.agreement == AgreementState::TimeoutSubmitResults {
            return self.close();
        }
        if result.data_id.is_empty() {
            return self.on_not_delivered("the provider's result names no folder");
        }
        if std::mem::replace(&mut self.asked.download, true) {
            return Vec::new();
        }
        vec![CreatorEffect::Download { deal_id: result.deal_id.clone() }]
    }

    /// What can't be had is never accepted by silence: a mediator decides whether there is such a result.
    fn on_not_delivered(&mut self, reason: &str) -> Vec<CreatorEffect> {
        let Some(deal_id) = self.terms.as_ref().map(|t| t.deal_id.clone()) else { return Vec::new() };
        self.lost = Some(reason.to_owned());
        if self.agreement.is_final() {
            return self.close();
        }
        if self.agreement != AgreementState::ResultsSubmitted || std::mem::replace(&mut self.asked.judgement, true) {
            return Vec::new();
        }
        vec![CreatorEffect::Check { deal_id }]
    }

    fn on_downloaded(&mut self, data_id: &DataId) -> Vec<CreatorEffect> {
        self.data_id = Some(data_id.clone());
        let Some(result) = &self.result else { return Vec::new() };
        if *data_id != result.data_id {
            self.lost = Some(format!("its files have id {data_id}, the provider delivered {}", result.data_id));
        }
        if self.agreement != AgreementState::ResultsSubmitted {
            return if self.agreement.is_final() { self.close() } else { Vec::new() };
        }
        if std::mem::replace(&mut self.asked.judgement, true) {
            return Vec::new();
        }
        let deal_id = result.deal_id.clone();
        // Files that are not what the provider committed to are never accepted: a mediator decides.
        if self.limits.check_result || *data_id != result.data_id {
            vec![CreatorEffect::Check { deal_id }]
        } else {
            vec![CreatorEffect::Accept { deal_id }]
        }
    }

    fn close(&mut self) -> Vec<CreatorEffect> {
        let outcome = if self.agreement == AgreementState::TimeoutSubmitResults {
            CreatorOutcome::ProviderFailed { reason: self.result.as_ref().map(|r| r.error.clone()).unwrap_or_default() }
        } else {
            match self.lost.clone() {
                // A rejected result is paid back, whether or not it ever came.
                Some(reason) if self.agreement != AgreementState::MediationRejected => {
                    CreatorOutcome::DownloadFailed { reason }
                }
                _ => CreatorOutcome::Completed { state: self.agreement },
            }
        };
        self.finish(outcome)
    }

    fn on_offer_state(&mut self, state: DealState) -> Vec<CreatorEffect> {
        // With a deal the chain alone decides; without one the solver's timers do.
        if self.terms.is_some() {
            return Vec::new();
        }
        if state == DealState::JobOfferCancelled {
            return self.finish(CreatorOutcome::Cancelled);
        }
        if state.is_timed_out() { self.finish(CreatorOutcome::TimedOut { state }) } else { Vec::new() }
    }

    fn on_interrupt(&mut self) -> Vec<CreatorEffect> {
        let agreed_by_both = self.agreement != AgreementState::DealNegotiating;
        if agreed_by_both || std::mem::replace(&mut self.asked.cancel, true) || self.offer_id.is_none() {
            // An offer under way is taken back once it has arrived.
            return Vec::new();
        }
        vec![CreatorEffect::CancelOffer]
    }

    /// The solver decides: it asks the chain before it takes an offer back. A provider that agreed all the same gives up.
    fn on_cancel_answered(&mut self, taken: bool) -> Vec<CreatorEffect> {
        if taken && self.agreement == AgreementState::DealNegotiating {
            return self.finish(CreatorOutcome::Cancelled);
        }
        self.asked.cancel = false;
        Vec::new()
    }
}

impl Machine for Creator {
    type Event = CreatorEvent;
    type Effect = CreatorEffect;

    fn handle(&mut self, event: &CreatorEvent, _now: Timestamp) -> Vec<CreatorEffect> {
        if self.outcome.is_some() {
            return Vec::new();
        }
        match event {
            CreatorEvent::Started => vec![CreatorEffect::PostOffer],
            CreatorEvent::OfferPosted { id } => {
                self.offer_id = Some(id.clone());
                if self.asked.cancel { vec![CreatorEffect::CancelOffer] } else { Vec::new() }
            }
            // With a deal the offer had arrived, whatever its answer said.
            CreatorEvent::OfferRefused { .. } if self.terms.is_some() => Vec::new(),
            CreatorEvent::OfferRefused { .. } if self.asked.cancel => self.finish(CreatorOutcome::Cancelled),
            CreatorEvent::OfferRefused { reason } => self.finish(CreatorOutcome::Refused { reason: reason.clone() }),
            CreatorEvent::OfferState { state } => self.on_offer_state(*state),
            CreatorEvent::DealFound { deal } => self.on_deal(deal),
            CreatorEvent::Agreed { .. } | CreatorEvent::Judged { .. } => Vec::new(),
            CreatorEvent::AgreeFailed { reason, funds } => {
                let mut effects = vec![CreatorEffect::CancelOffer];
                effects.extend(self.finish(CreatorOutcome::AgreeFailed { reason: reason.clone(), funds: *funds }));
                effects
            }
            CreatorEvent::ChainState { state } => self.on_chain_state(*state),
            CreatorEvent::ResultFetched { result } => self.on_result(result),
            CreatorEvent::Downloaded { data_id } => self.on_downloaded(data_id),
            CreatorEvent::DownloadFailed { reason } => {
                self.finish(CreatorOutcome::DownloadFailed { reason: reason.clone() })
            }
            CreatorEvent::NotDelivered { reason } => self.on_not_delivered(reason),
            CreatorEvent::JobFailed { reason } => {
                self.finish(CreatorOutcome::ProviderFailed { reason: reason.clone() })
            }
            CreatorEvent::JudgeFailed { reason, funds } => {
                self.finish(CreatorOutcome::JudgeFailed { reason: reason.clone(), funds: *funds })
            }
            CreatorEvent::CancelAnswered { taken } => self.on_cancel_answered(*taken),
            CreatorEvent::Interrupted => self.on_interrupt(),
        }
    }

    fn must_persist(effect: &CreatorEffect) -> bool {
        match effect {
            CreatorEffect::PostOffer
            | CreatorEffect::Agree { .. }
            | CreatorEffect::Accept { .. }
            | CreatorEffect::Check { .. }
            | CreatorEffect::CancelOffer
            | CreatorEffect::Finish(_) => true,
            CreatorEffect::FetchResult { .. } | CreatorEffect::Download { .. } => false,
        }
    }

    fn effect_key(effect: &CreatorEffect) -> String {
        match effect {
            CreatorEffect::PostOffer => "post-offer",
            CreatorEffect::Agree { .. } => "agree",
            CreatorEffect::FetchResult { .. } => "fetch-result",
            CreatorEffect::Download { .. } => "download",
            CreatorEffect::Accept { .. } => "accept",
            CreatorEffect::Check { .. } => "check",
            CreatorEffect::CancelOffer => "cancel-offer",
            CreatorEffect::Finish(_) => "finish",
        }
        .to_owned()
    }
}
