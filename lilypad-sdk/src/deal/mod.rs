//! An agreement's life as data: states, events, transitions, terms, deadlines and the role machines.
//!
//! ```text
//! DealNegotiating ─both agree─► DealAgreed ─addResult─► ResultsSubmitted ─acceptResult─► ResultsAccepted
//!       │ timeoutAgree              │ giveUp, timeoutSubmitResult   │ checkResult     timeoutJudgeResult ─► paid
//!       ▼                           ▼                               ▼
//!  TimeoutAgree            TimeoutSubmitResults              ResultsChecked ─verdict─► MediationAccepted | Rejected
//!                                                                   └─timeoutMediateResult─► TimeoutMediateResults
//! ```
//!
//! - [`AgreementState`] is the contract's enum, [`DealState`] the network's; `state.rs` has the one map between them.
//! - `transition.rs` is the whole table; `timeout.rs` has the deadlines; `terms.rs` says what the parties sign.
//! - `roles/` holds the machines of the parties ([`Machine`]); they know no clock, no socket and no store.
//!
//! Invariants: final states absorb; terms are a pure function of the deal; a step is in time up to its deadline, the
//! time-out only after it. Nothing here is lost on a crash, since nothing here is kept: drivers store the events.
pub mod roles;

mod agreement;
mod machine;
mod state;
mod terms;
mod timeout;
mod transition;

pub use self::{
    agreement::{Agreement, ChainResult, Payment, PaymentDirection, PaymentReason, TimeoutKind},
    machine::Machine,
    state::AgreementState,
    terms::{
        AGREE_TIMEOUT, DEFAULT_EXECUTION_TIMEOUT, DealTerms, DealTimeout, DealTimeouts, JUDGE_TIMEOUT,
        MAX_EXECUTION_TIMEOUT, MAX_MEDIATORS, MEDIATE_TIMEOUT, SUBMIT_GRACE, TermsError, TermsErrorKind, TermsPricing,
        execution_timeout,
    },
    timeout::{deadline, due},
    transition::{AgreementEvent, TransitionError},
};
pub use crate::types::DealState;
