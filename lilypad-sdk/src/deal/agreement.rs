//! What the chain knows of a deal.

use std::fmt;

use super::AgreementState;
use crate::types::{Address, Amount, DataId, DealId, ResultId, Timestamp};

/// An agreement as the storage contract reports it. Source: contracts.md §1.2, struct `Agreement`.
///
/// A moment is `None` where the step has not happened (zero on chain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Agreement {
    /// Where it stands.
    pub state: AgreementState,
    /// When the provider agreed.
    pub resource_provider_agreed_at: Option<Timestamp>,
    /// When the creator agreed.
    pub job_creator_agreed_at: Option<Timestamp>,
    /// When the first of them agreed.
    pub deal_created_at: Option<Timestamp>,
    /// When both had.
    pub deal_agreed_at: Option<Timestamp>,
    /// When the result came.
    pub results_submitted_at: Option<Timestamp>,
    /// When it was accepted.
    pub results_accepted_at: Option<Timestamp>,
    /// When a check was asked for.
    pub results_checked_at: Option<Timestamp>,
    /// When the mediator confirmed it.
    pub mediation_accepted_at: Option<Timestamp>,
    /// When the mediator rejected it.
    pub mediation_rejected_at: Option<Timestamp>,
}

/// A result as the contract stores it. Source: contracts.md §1.2, struct `Result`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChainResult {
    /// The deal.
    pub deal_id: DealId,
    /// Id of the result record.
    pub results_id: ResultId,
    /// Id of the result folder.
    pub data_id: DataId,
    /// Units of work claimed.
    pub instruction_count: u64,
}

/// Why money moved. Source: contracts.md §1.2, enum `PaymentReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's and say why")]
pub enum PaymentReason {
    PaymentCollateral,
    ResultsCollateral,
    TimeoutCollateral,
    JobPayment,
    MediationFee,
}

/// Which way money moved. Source: contracts.md §1.2, enum `PaymentDirection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum PaymentDirection {
    /// From a party's wallet into its escrow.
    PaidIn,
    /// From a party's escrow to another wallet.
    PaidOut,
    /// From a party's escrow back to its wallet.
    Refunded,
    /// From a party's escrow to the treasury.
    Slashed,
}

/// One movement of a deal's money. Source: contracts.md §1.4.3, event `Payment`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Payment {
    /// The deal.
    pub deal_id: DealId,
    /// The payer for `PaidIn`, the receiver for `PaidOut` and `Refunded`, the punished party for `Slashed`.
    pub payee: Address,
    /// How much, wei.
    pub amount: Amount,
    /// Why.
    pub reason: PaymentReason,
    /// Which way.
    pub direction: PaymentDirection,
}

/// A time-out that anyone may send once its deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TimeoutKind {
    /// `timeoutAgree`: the other party never agreed.
    Agree,
    /// `timeoutSubmitResult`: the provider never delivered.
    SubmitResult,
    /// `timeoutJudgeResult`: the creator never judged.
    JudgeResult,
    /// `timeoutMediateResult`: the mediator never decided.
    MediateResult,
}

impl fmt::Display for TimeoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agree => "timeoutAgree",
            Self::SubmitResult => "timeoutSubmitResult",
            Self::JudgeResult => "timeoutJudgeResult",
            Self::MediateResult => "timeoutMediateResult",
        })
    }
}
