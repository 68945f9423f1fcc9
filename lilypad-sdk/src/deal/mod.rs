//! An agreement's life as data: states, events, transitions, terms and the role machines.
pub mod roles;

mod agreement;
mod state;
mod terms;
mod timeout;
mod transition;

pub use self::{
    agreement::{Agreement, ChainResult, Payment, PaymentDirection, PaymentReason, TimeoutKind},
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
