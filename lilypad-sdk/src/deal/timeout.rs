//! Deadlines of an agreement: when each time-out may be sent, and until when each step may.

use super::{Agreement, AgreementState, DealTimeouts, TimeoutKind};
use crate::types::Timestamp;

/// The time-out that ends `agreement` in its present state, and the last moment before it may be sent.
///
/// A step is in time up to and including the deadline; the time-out needs a later block time (contracts.md §6.1, I-14).
/// `None` in final states and while nobody has agreed.
pub fn deadline(agreement: &Agreement, timeouts: &DealTimeouts) -> Option<(TimeoutKind, Timestamp)> {
    let (kind, since, timeout) = match agreement.state {
        AgreementState::DealNegotiating => (TimeoutKind::Agree, agreement.deal_created_at, timeouts.agree),
        AgreementState::DealAgreed => (TimeoutKind::SubmitResult, agreement.deal_agreed_at, timeouts.submit_results),
        AgreementState::ResultsSubmitted => {
            (TimeoutKind::JudgeResult, agreement.results_submitted_at, timeouts.judge_results)
        }
        AgreementState::ResultsChecked => {
            (TimeoutKind::MediateResult, agreement.results_checked_at, timeouts.mediate_results)
        }
        AgreementState::ResultsAccepted
        | AgreementState::MediationAccepted
        | AgreementState::MediationRejected
        | AgreementState::TimeoutAgree
        | AgreementState::TimeoutSubmitResults
        | AgreementState::TimeoutJudgeResults
        | AgreementState::TimeoutMediateResults => return None,
    };
    Some((kind, since?.plus(timeout.timeout)))
}

/// The time-out that may be sent at chain time `now`, if any.
pub fn due(agreement: &Agreement, timeouts: &DealTimeouts, now: Timestamp) -> Option<TimeoutKind> {
    deadline(agreement, timeouts).filter(|(_, at)| now > *at).map(|(kind, _)| kind)
}
