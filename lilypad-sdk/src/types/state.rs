//! The network's states of a deal and its offers.

use std::{fmt, str::FromStr};

use super::gojson::{DecodeError, FromGo, Node};

/// State of a deal or offer on the network. Source: network.md §1.18.
///
/// The contract's enum is another one: it equals this only from 0 to 6. [`crate::deal::AgreementState`] has the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DealState {
    /// Offered, or matched and not yet agreed by both parties.
    #[default]
    DealNegotiating = 0,
    /// Both parties agreed; the provider runs the job.
    DealAgreed = 1,
    /// The provider posted a result.
    ResultsSubmitted = 2,
    /// The creator accepted the result.
    ResultsAccepted = 3,
    /// The creator asked a mediator to check the result.
    ResultsChecked = 4,
    /// The mediator confirmed the result.
    MediationAccepted = 5,
    /// The mediator found the result wrong.
    MediationRejected = 6,
    /// The provider did not deliver in time, or gave the job up.
    TimeoutSubmitResults = 7,
    /// The creator did not judge in time; the provider was paid.
    TimeoutJudgeResults = 8,
    /// The mediator stayed silent.
    TimeoutMediateResults = 9,
    /// The job was cancelled.
    JobOfferCancelled = 10,
    /// The job ran over its total time.
    JobTimedOut = 11,
    /// The provider is uploading its result.
    Uploading = 12,
    /// The creator is downloading the result.
    Downloading = 13,
    /// No provider matched in time.
    TimeoutMatch = 14,
    /// The provider did not finish in time.
    TimeoutExecution = 15,
    /// The creator did not fetch the result in time.
    TimeoutDownload = 16,
}

/// A number or name that is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no AgreementState of type {0}")]
pub struct UnknownState(pub String);

impl DealState {
    /// All states, by number.
    pub const ALL: [Self; 17] = [
        Self::DealNegotiating,
        Self::DealAgreed,
        Self::ResultsSubmitted,
        Self::ResultsAccepted,
        Self::ResultsChecked,
        Self::MediationAccepted,
        Self::MediationRejected,
        Self::TimeoutSubmitResults,
        Self::TimeoutJudgeResults,
        Self::TimeoutMediateResults,
        Self::JobOfferCancelled,
        Self::JobTimedOut,
        Self::Uploading,
        Self::Downloading,
        Self::TimeoutMatch,
        Self::TimeoutExecution,
        Self::TimeoutDownload,
    ];

    /// The wire's number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The wire's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DealNegotiating => "DealNegotiating",
            Self::DealAgreed => "DealAgreed",
            Self::ResultsSubmitted => "ResultsSubmitted",
            Self::ResultsAccepted => "ResultsAccepted",
            Self::ResultsChecked => "ResultsChecked",
            Self::MediationAccepted => "MediationAccepted",
            Self::MediationRejected => "MediationRejected",
            Self::TimeoutSubmitResults => "TimeoutSubmitResults",
            Self::TimeoutJudgeResults => "TimeoutJudgeResults",
            Self::TimeoutMediateResults => "TimeoutMediateResults",
            Self::JobOfferCancelled => "JobOfferCancelled",
            Self::JobTimedOut => "JobTimedOut",
            Self::Uploading => "Uploading",
            Self::Downloading => "Downloading",
            Self::TimeoutMatch => "TimeoutMatch",
            Self::TimeoutExecution => "TimeoutExecution",
            Self::TimeoutDownload => "TimeoutDownload",
        }
    }

    /// Whether a resource offer in this state is listed or bound to a running job.
    pub fn is_active_for_provider(self) -> bool {
        matches!(self, Self::DealNegotiating | Self::DealAgreed)
    }

    /// Whether a job offer in this state still waits for its result or judgement.
    pub fn is_active_for_creator(self) -> bool {
        matches!(self, Self::DealNegotiating | Self::DealAgreed | Self::ResultsSubmitted)
    }

    /// Whether one of the solver's timers ended the job.
    pub fn is_timed_out(self) -> bool {
        matches!(self, Self::JobTimedOut | Self::TimeoutMatch | Self::TimeoutExecution | Self::TimeoutDownload)
    }

    /// Whether the query `cancelled=true` lists a job offer in this state.
    pub fn is_cancelled(self) -> bool {
        self == Self::JobOfferCancelled || self.is_timed_out()
    }

    /// Whether nothing more can happen to a job in this state.
    pub fn is_terminal(self) -> bool {
        self.is_cancelled()
            || matches!(
                self,
                Self::ResultsAccepted
                    | Self::MediationAccepted
                    | Self::MediationRejected
                    | Self::TimeoutSubmitResults
                    | Self::TimeoutJudgeResults
                    | Self::TimeoutMediateResults
            )
    }
}

impl fmt::Display for DealState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<u8> for DealState {
    type Error = UnknownState;

    fn try_from(code: u8) -> Result<Self, UnknownState> {
        Self::ALL.get(usize::from(code)).copied().ok_or_else(|| UnknownState(code.to_string()))
    }
}

impl FromStr for DealState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| UnknownState(name.to_owned()))
    }
}

impl serde::Serialize for DealState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

impl<'de> serde::Deserialize<'de> for DealState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <u8 as serde::Deserialize>::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl FromGo for DealState {
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
        let mut code = self.code();
        code.merge(node)?;
        *self = Self::try_from(code).map_err(|_| DecodeError::Type {
            member: String::new(),
            found: "this number",
            expected: "a state from 0 to 16",
        })?;
        Ok(())
    }
}
