//! Why a contract refused, decoded before it leaves this room.

use std::fmt;

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{Panic, Revert, SolError as _, SolInterface as _};

use super::bindings::Errors::ErrorsErrors;

/// Texts with which the token and the payments contract say that the wallet holds too few tokens.
const TOO_FEW_TOKENS: [&str; 2] = ["ERC20: transfer amount exceeds balance", "Insufficient balance"];

/// What a contract answered instead of doing the thing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevertReason {
    /// A text, as the v1 contracts give for their conditions.
    Text(String),
    /// A custom error of our contracts.
    Contract(ContractError),
    /// A failed assertion of the compiler, such as 0x11 for an overflow.
    Panic(U256),
    /// The transaction used all its gas.
    OutOfGas,
    /// Data that none of our contracts produces, kept as it came; empty when there was none.
    Unknown(Bytes),
}

/// The custom errors of our contracts. Source: `contracts/src/interfaces`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ContractError {
    #[error("amount {0} wei is above 2^128 - 1")]
    AmountTooLarge(U256),
    #[error("time {0} is above 2^40 - 1 seconds")]
    TimeTooLarge(U256),
    #[error("a text has {length} bytes, at most {max} are allowed")]
    TextTooLong { length: u64, max: u64 },
    #[error("the deadline, {deadline} seconds after 1970, has passed; only the time-out can be sent now")]
    DeadlinePassed { deadline: u64 },
    #[error("a result must claim at least one unit of work")]
    NoWork,
    #[error("{0} cannot be a mediator of this deal: it is zero, a party, or named twice")]
    InvalidMediator(Address),
    #[error("{count} mediators are named, at most {max} are allowed")]
    TooManyMediators { count: u64, max: u64 },
    #[error("{count} roles are named, at most {max} exist")]
    TooManyRoles { count: u64, max: u64 },
    #[error("{0} has no open proposal for this deal")]
    NoOpenProposal(Address),
    #[error("escrow of {0} was not empty after settlement")]
    EscrowNotEmpty(Address),
    #[error("no mediation was requested for this deal")]
    MediationNotRequested,
    #[error("an address that must be given is zero")]
    ZeroAddress,
    #[error("ownership cannot be renounced")]
    OwnershipCannotBeRenounced,
    #[error("a call came in while another was running")]
    Reentered,
    #[error("the module is not name:version or host/owner/repository:version")]
    MalformedModule,
    #[error("input {index} is not name=value, is too long, or repeats a name")]
    MalformedInput { index: u64 },
    #[error("{count} inputs are given, at most {max} are allowed")]
    TooManyInputs { count: u64, max: u64 },
    #[error("the payee has not authorized {0} to order jobs at its expense")]
    ClientNotAuthorized(Address),
    #[error("job {id} is in status {status}, in which this cannot be done")]
    WrongJobStatus { id: u64, status: u8 },
    #[error("the result of job {id} has been taken already")]
    AlreadyAcknowledged { id: u64 },
    #[error("job {id} has time until {deadline} seconds after 1970")]
    JobNotTimedOut { id: u64, deadline: u64 },
    #[error("too little gas for the callback that the client is owed")]
    NotEnoughGas,
    #[error("the token cannot change while {0} wei of deposits are held")]
    DepositsHeld(U256),
    #[error("the token refused a transfer")]
    TransferFailed,
    #[error("{sender} is not whom a result of job {id} is expected from")]
    UnexpectedResult { sender: Address, id: u64 },
    #[error("no job manager was named")]
    NoJobManager,
    #[error("{0} has a proof in this round")]
    RoundAlreadyProven(Address),
    #[error("the difficulty must be between 2^200 and (2^256 - 1) / 110")]
    DifficultyOutOfBounds,
}

impl From<ErrorsErrors> for ContractError {
    fn from(error: ErrorsErrors) -> Self {
        match error {
            ErrorsErrors::AmountTooLarge(e) => Self::AmountTooLarge(e.amount),
            ErrorsErrors::TimeTooLarge(e) => Self::TimeTooLarge(e.time),
            ErrorsErrors::TextTooLong(e) => Self::TextTooLong { length: small(e.length), max: small(e.max) },
            ErrorsErrors::DeadlinePassed(e) => Self::DeadlinePassed { deadline: small(e.deadline) },
            ErrorsErrors::NoWork(_) => Self::NoWork,
            ErrorsErrors::InvalidMediator(e) => Self::InvalidMediator(e.mediator),
            ErrorsErrors::TooManyMediators(e) => Self::TooManyMediators { count: small(e.count), max: small(e.max) },
            ErrorsErrors::TooManyRoles(e) => Self::TooManyRoles { count: small(e.count), max: small(e.max) },
            ErrorsErrors::NoOpenProposal(e) => Self::NoOpenProposal(e.proposer),
            ErrorsErrors::EscrowNotEmpty(e) => Self::EscrowNotEmpty(e.party),
            ErrorsErrors::MediationNotRequested(_) => Self::MediationNotRequested,
            ErrorsErrors::ZeroAddress(_) => Self::ZeroAddress,
            ErrorsErrors::OwnershipCannotBeRenounced(_) => Self::OwnershipCannotBeRenounced,
            ErrorsErrors::Reentered(_) => Self::Reentered,
            ErrorsErrors::MalformedModule(_) => Self::MalformedModule,
            ErrorsErrors::MalformedInput(e) => Self::MalformedInput { index: small(e.index) },
            ErrorsErrors::TooManyInputs(e) => Self::TooManyInputs { count: small(e.count), max: small(e.max) },
            ErrorsErrors::ClientNotAuthorized(e) => Self::ClientNotAuthorized(e.client),
            ErrorsErrors::WrongJobStatus(e) => Self::WrongJobStatus { id: small(e.id), status: e.status },
            ErrorsErrors::AlreadyAcknowledged(e) => Self::AlreadyAcknowledged { id: small(e.id) },
            ErrorsErrors::JobNotTimedOut(e) => Self::JobNotTimedOut { id: small(e.id), deadline: small(e.deadline) },
            ErrorsErrors::NotEnoughGas(_) => Self::NotEnoughGas,
            ErrorsErrors::DepositsHeld(e) => Self::DepositsHeld(e.amount),
            ErrorsErrors::TransferFailed(_) => Self::TransferFailed,
            ErrorsErrors::UnexpectedResult(e) => Self::UnexpectedResult { sender: e.sender, id: small(e.id) },
            ErrorsErrors::NoJobManager(_) => Self::NoJobManager,
            ErrorsErrors::RoundAlreadyProven(e) => Self::RoundAlreadyProven(e.miner),
            ErrorsErrors::DifficultyOutOfBounds(_) => Self::DifficultyOutOfBounds,
        }
    }
}

/// Counts, lengths and times; the contracts only report ones that fit.
fn small(number: U256) -> u64 {
    number.saturating_to()
}

impl RevertReason {
    /// Decodes the data of a revert.
    #[must_use]
    pub fn decode(data: &Bytes) -> Self {
        if let Ok(revert) = Revert::abi_decode(data) {
            return Self::Text(revert.reason);
        }
        if let Ok(panic) = Panic::abi_decode(data) {
            return Self::Panic(panic.code);
        }
        match ErrorsErrors::abi_decode(data) {
            Ok(error) => Self::Contract(error.into()),
            Err(_) => Self::Unknown(data.clone()),
        }
    }

    /// Whether the wallet held too few tokens.
    #[must_use]
    pub fn is_insufficient_tokens(&self) -> bool {
        matches!(self, Self::Text(text) if TOO_FEW_TOKENS.iter().any(|known| text.contains(known)))
    }

    /// The text, when the contract gave one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for RevertReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Contract(error) => error.fmt(f),
            Self::Panic(code) => write!(f, "panic {code:#x}"),
            Self::OutOfGas => f.write_str("out of gas"),
            Self::Unknown(data) if data.is_empty() => f.write_str("no reason given"),
            Self::Unknown(data) => write!(f, "unknown reason {data}"),
        }
    }
}
