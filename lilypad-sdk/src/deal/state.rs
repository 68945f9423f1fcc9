//! The contract's states of an agreement, and how they read on the network.

use std::fmt;

use crate::types::{DealState, UnknownState};

/// State of an agreement on chain, by the contract's numbers. Source: contracts.md §1.2, enum `AgreementState`.
///
/// [`DealState`] is the network's longer list; the two are equal only from 0 to 6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum AgreementState {
    /// Unknown to the contract, or agreed by one party at most.
    #[default]
    DealNegotiating = 0,
    /// Both parties agreed.
    DealAgreed = 1,
    /// The provider added its result.
    ResultsSubmitted = 2,
    /// The creator accepted it; final.
    ResultsAccepted = 3,
    /// The creator asked for a check.
    ResultsChecked = 4,
    /// The mediator confirmed it; final.
    MediationAccepted = 5,
    /// The mediator rejected it; final.
    MediationRejected = 6,
    /// One party never agreed; final.
    TimeoutAgree = 7,
    /// The provider never delivered, or gave up; final.
    TimeoutSubmitResults = 8,
    /// The creator never judged, which counts as acceptance; final.
    TimeoutJudgeResults = 9,
    /// The mediator never decided; final.
    TimeoutMediateResults = 10,
}

impl AgreementState {
    /// All states, by number.
    pub const ALL: [Self; 11] = [
        Self::DealNegotiating,
        Self::DealAgreed,
        Self::ResultsSubmitted,
        Self::ResultsAccepted,
        Self::ResultsChecked,
        Self::MediationAccepted,
        Self::MediationRejected,
        Self::TimeoutAgree,
        Self::TimeoutSubmitResults,
        Self::TimeoutJudgeResults,
        Self::TimeoutMediateResults,
    ];

    /// The contract's number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Whether nothing more can happen to the agreement; its escrow is then empty.
    pub fn is_final(self) -> bool {
        match self {
            Self::DealNegotiating | Self::DealAgreed | Self::ResultsSubmitted | Self::ResultsChecked => false,
            Self::ResultsAccepted
            | Self::MediationAccepted
            | Self::MediationRejected
            | Self::TimeoutAgree
            | Self::TimeoutSubmitResults
            | Self::TimeoutJudgeResults
            | Self::TimeoutMediateResults => true,
        }
    }

    /// The network's state of the same meaning (design.md §11, ruling 7).
    pub fn to_deal_state(self) -> DealState {
        match self {
            Self::DealNegotiating => DealState::DealNegotiating,
            Self::DealAgreed => DealState::DealAgreed,
            Self::ResultsSubmitted => DealState::ResultsSubmitted,
            Self::ResultsAccepted => DealState::ResultsAccepted,
            Self::ResultsChecked => DealState::ResultsChecked,
            Self::MediationAccepted => DealState::MediationAccepted,
            Self::MediationRejected => DealState::MediationRejected,
            Self::TimeoutAgree => DealState::JobOfferCancelled,
            Self::TimeoutSubmitResults => DealState::TimeoutExecution,
            Self::TimeoutJudgeResults => DealState::ResultsAccepted,
            Self::TimeoutMediateResults => DealState::JobTimedOut,
        }
    }
}

impl fmt::Display for AgreementState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl TryFrom<u8> for AgreementState {
    type Error = UnknownState;

    fn try_from(code: u8) -> Result<Self, UnknownState> {
        Self::ALL.get(usize::from(code)).copied().ok_or_else(|| UnknownState(code.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_time_outs_read_as_ruled() {
        let wire: Vec<u8> = AgreementState::ALL.into_iter().map(|s| s.to_deal_state().code()).collect();
        assert_eq!(wire, [0, 1, 2, 3, 4, 5, 6, 10, 15, 3, 11]);
    }

    #[test]
    fn numbers_are_the_contracts() {
        for (number, state) in AgreementState::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(state.code()), number);
            assert_eq!(AgreementState::try_from(state.code()), Ok(state));
        }
        assert!(AgreementState::try_from(11).is_err());
    }
}
