//! The mediator of one checked deal: runs the job again, compares, decides.
#![deny(clippy::wildcard_enum_match_arm)]

use serde::{Deserialize, Serialize};

use crate::{
    deal::{AgreementState, ChainResult, Machine, roles::RunOutcome},
    types::{DealContainer, DealId, Timestamp},
};

/// What the mediator found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The provider's result is right.
    Accept,
    /// It is wrong.
    Reject,
}

/// What can happen to a mediator's deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediatorEvent {
    /// We were drawn for this deal.
    Drawn {
        /// The deal.
        deal: Box<DealContainer>,
        /// The provider's result, as the chain has it.
        claimed: ChainResult,
    },
    /// Our own run has ended.
    RunEnded(RunOutcome),
    /// The chain says how the agreement stands.
    ChainState {
        /// Its state.
        state: AgreementState,
    },
    /// Our verdict is on chain.
    Decided {
        /// Its transaction.
        tx: String,
    },
}

/// What a mediator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediatorEffect {
    /// Run the job.
    Run {
        /// The deal.
        deal_id: DealId,
    },
    /// Send the verdict.
    Decide {
        /// The deal.
        deal_id: DealId,
        /// The verdict.
        verdict: Verdict,
    },
    /// The deal needs nothing more from us. Without a verdict the deal runs into its time-out, which harms no party that
    /// did its work (design.md §11, ruling 16).
    Finish {
        /// The verdict, if one could be reached.
        verdict: Option<Verdict>,
        /// Why none could.
        reason: String,
    },
}

/// The machine.
#[derive(Clone, Debug, Default)]
pub struct Mediator {
    claimed: Option<ChainResult>,
    verdict: Option<Verdict>,
    finished: bool,
}

impl Mediator {
    /// A mediator that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether we know that we were drawn, and what is to be checked.
    pub fn is_drawn(&self) -> bool {
        self.claimed.is_some()
    }

    /// Whether the deal needs nothing more from us.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn finish(&mut self, reason: impl Into<String>) -> Vec<MediatorEffect> {
        self.finished = true;
        vec![MediatorEffect::Finish { verdict: self.verdict, reason: reason.into() }]
    }

    fn on_run_ended(&mut self, outcome: &RunOutcome) -> Vec<MediatorEffect> {
        let Some(claimed) = &self.claimed else { return Vec::new() };
        match outcome {
            // A mediator that can't run the job declines; it never condemns what it could not check.
            RunOutcome::Failed { reason } => {
                let reason = format!("the job did not run here: {reason}");
                self.finish(reason)
            }
            RunOutcome::Finished { data_id, instruction_count } => {
                let equal = *data_id == claimed.data_id && *instruction_count == claimed.instruction_count;
                let verdict = if equal { Verdict::Accept } else { Verdict::Reject };
                let deal_id = claimed.deal_id.clone();
                self.verdict = Some(verdict);
                vec![MediatorEffect::Decide { deal_id, verdict }]
            }
        }
    }
}

impl Machine for Mediator {
    type Event = MediatorEvent;
    type Effect = MediatorEffect;

    fn handle(&mut self, event: &MediatorEvent, _now: Timestamp) -> Vec<MediatorEffect> {
        if self.finished {
            return Vec::new();
        }
        match event {
            MediatorEvent::Drawn { deal, claimed } if self.claimed.is_none() => {
                self.claimed = Some(claimed.clone());
                vec![MediatorEffect::Run { deal_id: deal.id.clone() }]
            }
            MediatorEvent::Drawn { .. } => Vec::new(),
            MediatorEvent::RunEnded(outcome) => self.on_run_ended(outcome),
            MediatorEvent::ChainState { state } if state.is_final() => self.finish(format!("the deal is {state}")),
            MediatorEvent::ChainState { .. } => Vec::new(),
            MediatorEvent::Decided { .. } => self.finish(String::new()),
        }
    }

    fn effect_key(effect: &MediatorEffect) -> String {
        match effect {
            MediatorEffect::Run { .. } => "run",
            MediatorEffect::Decide { .. } => "decide",
            MediatorEffect::Finish { .. } => "finish",
        }
        .to_owned()
    }
}
