//! The whole table of an agreement's transitions.
#![deny(clippy::wildcard_enum_match_arm)]

use super::AgreementState;

/// A step that the contracts allow in some state. Source: contracts.md §1.5; `GiveUp`: design.md §11, ruling 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum AgreementEvent {
    /// One party agreed, the other has not.
    AgreedByOne,
    /// The second party agreed.
    AgreedByBoth,
    /// The provider added its result.
    ResultAdded,
    /// The provider gave the job up.
    GivenUp,
    /// The creator accepted the result.
    ResultAccepted,
    /// The creator asked for a check.
    ResultChecked,
    /// The mediator confirmed the result.
    MediationAccepted,
    /// The mediator rejected the result.
    MediationRejected,
    /// `timeoutAgree` was sent.
    AgreeTimedOut,
    /// `timeoutSubmitResult` was sent.
    SubmitTimedOut,
    /// `timeoutJudgeResult` was sent.
    JudgeTimedOut,
    /// `timeoutMediateResult` was sent.
    MediateTimedOut,
}

/// A step that the state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is no step from {state}")]
pub struct TransitionError {
    /// The state.
    pub state: AgreementState,
    /// The step.
    pub event: AgreementEvent,
}

impl AgreementEvent {
    /// All steps.
    pub const ALL: [Self; 12] = [
        Self::AgreedByOne,
        Self::AgreedByBoth,
        Self::ResultAdded,
        Self::GivenUp,
        Self::ResultAccepted,
        Self::ResultChecked,
        Self::MediationAccepted,
        Self::MediationRejected,
        Self::AgreeTimedOut,
        Self::SubmitTimedOut,
        Self::JudgeTimedOut,
        Self::MediateTimedOut,
    ];
}

impl AgreementState {
    /// The state after `event`; the contracts' `LilypadStorage` follows the same table.
    ///
    /// # Errors
    /// [`TransitionError`] when the state does not allow the step; final states allow none.
    pub fn apply(self, event: AgreementEvent) -> Result<Self, TransitionError> {
        use AgreementEvent as E;
        use AgreementState as S;
        let next = match (self, event) {
            (S::DealNegotiating, E::AgreedByOne) => S::DealNegotiating,
            (S::DealNegotiating, E::AgreedByBoth) => S::DealAgreed,
            (S::DealNegotiating, E::AgreeTimedOut) => S::TimeoutAgree,
            (S::DealAgreed, E::ResultAdded) => S::ResultsSubmitted,
            (S::DealAgreed, E::GivenUp | E::SubmitTimedOut) => S::TimeoutSubmitResults,
            (S::ResultsSubmitted, E::ResultAccepted) => S::ResultsAccepted,
            (S::ResultsSubmitted, E::ResultChecked) => S::ResultsChecked,
            (S::ResultsSubmitted, E::JudgeTimedOut) => S::TimeoutJudgeResults,
            (S::ResultsChecked, E::MediationAccepted) => S::MediationAccepted,
            (S::ResultsChecked, E::MediationRejected) => S::MediationRejected,
            (S::ResultsChecked, E::MediateTimedOut) => S::TimeoutMediateResults,
            (
                S::DealNegotiating
                | S::DealAgreed
                | S::ResultsSubmitted
                | S::ResultsChecked
                | S::ResultsAccepted
                | S::MediationAccepted
                | S::MediationRejected
                | S::TimeoutAgree
                | S::TimeoutSubmitResults
                | S::TimeoutJudgeResults
                | S::TimeoutMediateResults,
                E::AgreedByOne
                | E::AgreedByBoth
                | E::ResultAdded
                | E::GivenUp
                | E::ResultAccepted
                | E::ResultChecked
                | E::MediationAccepted
                | E::MediationRejected
                | E::AgreeTimedOut
                | E::SubmitTimedOut
                | E::JudgeTimedOut
                | E::MediateTimedOut,
            ) => return Err(TransitionError { state: self, event }),
        };
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_table_is_the_contracts() {
        let mut table = String::new();
        for state in AgreementState::ALL {
            for event in AgreementEvent::ALL {
                if let Ok(next) = state.apply(event) {
                    let _ = writeln!(table, "{state} --{event:?}--> {next}");
                }
            }
        }
        assert_eq!(table, include_str!("transitions.txt"));
    }

    #[test]
    fn final_states_absorb() {
        for state in AgreementState::ALL.into_iter().filter(|s| s.is_final()) {
            for event in AgreementEvent::ALL {
                assert!(state.apply(event).is_err());
            }
        }
    }
}
