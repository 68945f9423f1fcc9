//! The provider of one deal: from the match to its submitted result.
#![deny(clippy::wildcard_enum_match_arm)]

use serde::{Deserialize, Serialize};

use crate::{
    deal::{AgreementState, DealTerms, Machine},
    types::{DataId, DealContainer, DealId, JobResult, ResourceOfferId, Timestamp},
};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunOutcome {
    /// There is a result folder, whatever the exit code.
    Finished {
        /// Id of the folder.
        data_id: DataId,
        /// Units of work to charge.
        instruction_count: u64,
    },
    /// There is none.
    Failed {
        /// Why, in one line for the creator.
        reason: String,
    },
}

/// What can happen to a provider's deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderEvent {
    /// The solver matched one of our offers.
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
    },
    /// We do not take the deal; nothing was agreed.
    Declined {
        /// Why.
        reason: String,
    },
    /// The chain says how the agreement stands.
    ChainState {
        /// Its state.
        state: AgreementState,
    },
    /// The run has ended.
    RunEnded(RunOutcome),
    /// The result folder is at the solver.
    Uploaded,
    /// The result folder can't be brought to the solver, for good.
    UploadFailed {
        /// Why.
        reason: String,
    },
    /// The result record is at the solver.
    ResultPosted,
    /// Our result or our giving up is on chain.
    Settled {
        /// Its transaction.
        tx: String,
    },
}

/// What a provider does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderEffect {
    /// Send `agree` with these terms.
    Agree {
        /// The terms.
        terms: Box<DealTerms>,
    },
    /// Run the job.
    Run {
        /// The deal.
        deal_id: DealId,
    },
    /// Stop the run and drop what it made.
    StopRun {
        /// The deal.
        deal_id: DealId,
    },
    /// Upload the result folder.
    Upload {
        /// The deal.
        deal_id: DealId,
    },
    /// Post the result record.
    PostResult {
        /// The record.
        result: JobResult,
    },
    /// Send `addResult`.
    AddResult {
        /// The record.
        result: JobResult,
    },
    /// Send `giveUp`.
    GiveUp {
        /// The deal.
        deal_id: DealId,
    },
    /// The deal needs nothing more from us.
    Finish(ProviderOutcome),
}

/// How a deal ended for its provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderOutcome {
    /// Not ours, or not on terms we offered.
    Declined {
        /// Why.
        reason: String,
    },
    /// The agreement never came about.
    NotAgreed {
        /// Why.
        reason: String,
    },
    /// Given up, or delivered too late; nothing was charged.
    Failed {
        /// Why.
        reason: String,
    },
    /// The chain reached a final state with our result.
    Settled {
        /// That state.
        state: AgreementState,
    },
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Provider {
    address: String,
    terms: Option<DealTerms>,
    offer_id: Option<ResourceOfferId>,
    agreement: AgreementState,
    run: Option<RunOutcome>,
    started: bool,
    finished: bool,
}

impl Provider {
    /// A provider that signs as `address` (EIP-55).
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            terms: None,
            offer_id: None,
            agreement: AgreementState::default(),
            run: None,
            started: false,
            finished: false,
        }
    }

    /// The terms, once accepted.
    pub fn terms(&self) -> Option<&DealTerms> {
        self.terms.as_ref()
    }

    /// The offer the deal took.
    pub fn offer_id(&self) -> Option<&ResourceOfferId> {
        self.offer_id.as_ref()
    }

    /// How the agreement stood when the chain was read last.
    pub fn agreement(&self) -> AgreementState {
        self.agreement
    }

    /// Whether the deal needs nothing more from us.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the machine is still busy with this deal: before its result is on chain.
    pub fn is_busy(&self) -> bool {
        !self.finished && self.agreement < AgreementState::ResultsSubmitted
    }

    fn finish(&mut self, outcome: ProviderOutcome) -> Vec<ProviderEffect> {
        self.finished = true;
        vec![ProviderEffect::Finish(outcome)]
    }

    fn on_deal(&mut self, container: &DealContainer) -> Vec<ProviderEffect> {
        if self.terms.is_some() {
            return Vec::new();
        }
        let deal = &container.deal;
        let terms = if deal.members.resource_provider != self.address {
            Err(format!("deal {} is another provider's", deal.id))
        } else if deal.pricing != deal.resource_offer.default_pricing {
            Err(format!("deal {} has another price than the offer", deal.id))
        } else if deal.resource_offer.compute_id() != deal.resource_offer.id {
            Err(format!("deal {} has an offer that is not the one its id names", deal.id))
        } else {
            DealTerms::of(deal).map_err(|e| e.to_string())
        };
        match terms {
            Ok(terms) => {
                self.terms = Some(terms.clone());
                self.offer_id = Some(deal.resource_offer.id.clone());
                vec![ProviderEffect::Agree { terms: Box::new(terms) }]
            }
            Err(reason) => self.finish(ProviderOutcome::Declined { reason }),
        }
    }

    fn on_chain_state(&mut self, state: AgreementState) -> Vec<ProviderEffect> {
        let Some(deal_id) = self.terms.as_ref().map(|t| t.deal_id.clone()) else { return Vec::new() };
        self.agreement = state;
        match state {
            AgreementState::DealNegotiating | AgreementState::ResultsSubmitted | AgreementState::ResultsChecked => {
                Vec::new()
            }
            AgreementState::DealAgreed if self.started => Vec::new(),
            AgreementState::DealAgreed => {
                self.started = true;
                vec![ProviderEffect::Run { deal_id }]
            }
            AgreementState::TimeoutAgree => {
                self.finish(ProviderOutcome::NotAgreed { reason: "the creator did not agree in time".to_owned() })
            }
            AgreementState::TimeoutSubmitResults => {
                let reason = match &self.run {
                    Some(RunOutcome::Failed { reason }) => reason.clone(),
                    Some(RunOutcome::Finished { .. }) | None => "the result came too late".to_owned(),
                };
                let mut effects = vec![ProviderEffect::StopRun { deal_id }];
                effects.extend(self.finish(ProviderOutcome::Failed { reason }));
                effects
            }
            AgreementState::ResultsAccepted
            | AgreementState::MediationAccepted
            | AgreementState::MediationRejected
            | AgreementState::TimeoutJudgeResults
            | AgreementState::TimeoutMediateResults => self.finish(ProviderOutcome::Settled { state }),
        }
    }

    fn result(&self) -> Option<JobResult> {
        let deal_id = self.terms.as_ref()?.deal_id.clone();
        let result = match self.run.as_ref()? {
            RunOutcome::Finished { data_id, instruction_count } => JobResult {
                deal_id,
                data_id: data_id.clone(),
                instruction_count: *instruction_count,
                ..JobResult::default()
            },
            RunOutcome::Failed { reason } => JobResult { deal_id, error: reason.clone(), ..JobResult::default() },
        };
        Some(result)
    }

    fn post_result(&self) -> Vec<ProviderEffect> {
        self.result().map(|result| ProviderEffect::PostResult { result }).into_iter().collect()
    }

    fn on_run_ended(&mut self, outcome: &RunOutcome) -> Vec<ProviderEffect> {
        let Some(deal_id) = self.terms.as_ref().map(|t| t.deal_id.clone()) else { return Vec::new() };
        if self.run.is_some() {
            return Vec::new();
        }
        self.run = Some(outcome.clone());
        match outcome {
            RunOutcome::Finished { .. } => vec![ProviderEffect::Upload { deal_id }],
            RunOutcome::Failed { .. } => self.post_result(),
        }
    }

    /// A result with a folder is submitted; one without is given up (design.md §11, ruling 3).
    fn settle(&self) -> Vec<ProviderEffect> {
        let Some(result) = self.result() else { return Vec::new() };
        if result.data_id.is_empty() {
            vec![ProviderEffect::GiveUp { deal_id: result.deal_id }]
        } else {
            vec![ProviderEffect::AddResult { result }]
        }
    }
}

impl Machine for Provider {
    type Event = ProviderEvent;
    type Effect = ProviderEffect;

    fn handle(&mut self, event: &ProviderEvent, _now: Timestamp) -> Vec<ProviderEffect> {
        if self.finished {
            return Vec::new();
        }
        match event {
            ProviderEvent::DealFound { deal } => self.on_deal(deal),
            ProviderEvent::Agreed { .. } | ProviderEvent::Settled { .. } => Vec::new(),
            ProviderEvent::AgreeFailed { reason } => self.finish(ProviderOutcome::NotAgreed { reason: reason.clone() }),
            ProviderEvent::Declined { reason } if self.terms.is_none() => {
                self.finish(ProviderOutcome::Declined { reason: reason.clone() })
            }
            ProviderEvent::Declined { .. } => Vec::new(),
            ProviderEvent::ChainState { state } => self.on_chain_state(*state),
            ProviderEvent::RunEnded(outcome) => self.on_run_ended(outcome),
            ProviderEvent::Uploaded => self.post_result(),
            ProviderEvent::UploadFailed { reason } => {
                self.run = Some(RunOutcome::Failed { reason: format!("error uploading results: {reason}") });
                self.post_result()
            }
            ProviderEvent::ResultPosted => self.settle(),
        }
    }

    fn must_persist(effect: &ProviderEffect) -> bool {
        match effect {
            ProviderEffect::Agree { .. }
            | ProviderEffect::Upload { .. }
            | ProviderEffect::AddResult { .. }
            | ProviderEffect::GiveUp { .. }
            | ProviderEffect::Finish(_) => true,
            // An agreed deal is found on chain again, and a result is posted again, by whoever forgot it.
            ProviderEffect::Run { .. } | ProviderEffect::StopRun { .. } | ProviderEffect::PostResult { .. } => false,
        }
    }

    fn effect_key(effect: &ProviderEffect) -> String {
        match effect {
            ProviderEffect::Agree { .. } => "agree",
            ProviderEffect::Run { .. } => "run",
            ProviderEffect::StopRun { .. } => "stop-run",
            ProviderEffect::Upload { .. } => "upload",
            ProviderEffect::PostResult { .. } => "post-result",
            ProviderEffect::AddResult { .. } => "add-result",
            ProviderEffect::GiveUp { .. } => "give-up",
            ProviderEffect::Finish(_) => "finish",
        }
        .to_owned()
    }
}
