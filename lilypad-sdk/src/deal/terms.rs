//! What the parties of a deal sign on chain: a pure function of the deal.

use std::time::Duration;

use crate::types::{Address, Amount, Deal, DealId};

/// Seconds to agree, counted from the first agreement.
pub const AGREE_TIMEOUT: Duration = Duration::from_secs(60);
/// Execution time when the job names none.
pub const DEFAULT_EXECUTION_TIMEOUT: Duration = Duration::from_secs(900);
/// Time to deliver on top of the execution time.
pub const SUBMIT_GRACE: Duration = Duration::from_secs(300);
/// Time the creator has to judge a result.
pub const JUDGE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Time the mediator has to decide.
pub const MEDIATE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Longest execution time a job may ask for: 30 days.
pub const MAX_EXECUTION_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most mediators a deal may name.
pub const MAX_MEDIATORS: usize = 32;

/// One deadline and the collateral that covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DealTimeout {
    /// How long, in whole seconds.
    pub timeout: Duration,
    /// What the party that must act deposits.
    pub collateral: Amount,
}

/// The four deadlines. Source: design.md §11, ruling 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DealTimeouts {
    /// For the second party to agree.
    pub agree: DealTimeout,
    /// For the provider to deliver.
    pub submit_results: DealTimeout,
    /// For the creator to judge.
    pub judge_results: DealTimeout,
    /// For the mediator to decide.
    pub mediate_results: DealTimeout,
}

/// The prices on chain, in wei. Source: contracts.md §1.2, struct `DealPricing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TermsPricing {
    /// Wei per unit of instruction count.
    pub instruction_price: Amount,
    /// What the creator locks for the payment.
    pub payment_collateral: Amount,
    /// Plain factor.
    pub results_collateral_multiple: u64,
    /// What a mediation costs the creator.
    pub mediation_fee: Amount,
}

/// Everything both parties agree to on chain. Source: contracts.md §1.2, struct `Deal`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DealTerms {
    /// The deal.
    pub deal_id: DealId,
    /// The solver that matched it.
    pub solver: Address,
    /// Who pays.
    pub job_creator: Address,
    /// Who runs the job.
    pub resource_provider: Address,
    /// Who may be drawn to check the result.
    pub mediators: Vec<Address>,
    /// The deadlines.
    pub timeouts: DealTimeouts,
    /// The prices.
    pub pricing: TermsPricing,
}

/// Why a deal has no terms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deal {deal}: {kind}")]
pub struct TermsError {
    /// The deal.
    pub deal: DealId,
    /// What is wrong with it.
    pub kind: TermsErrorKind,
}

/// What is wrong with a deal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsErrorKind {
    /// A member is no address.
    #[error("{role} {text:?} is no address")]
    NoAddress {
        /// Which member.
        role: &'static str,
        /// What it holds.
        text: String,
    },
    /// The id is not the one its content gives.
    #[error("its content has another id, {computed}")]
    ForeignId {
        /// The id computed from the content.
        computed: DealId,
    },
    /// It names no mediator, or too many.
    #[error("it names {0} mediators; 1 to 32 are allowed")]
    Mediators(usize),
    /// The job asks for more time than anyone may reserve.
    #[error("it asks for {0} s of execution; at most 2592000 are allowed")]
    Execution(u64),
}

impl DealTerms {
    /// The terms of `deal`: the same for whoever computes them.
    ///
    /// # Errors
    /// [`TermsError`] when the id is not the content's, a member is no address, the mediators are none or more than 32, or
    /// the execution time is above 30 days.
    pub fn of(deal: &Deal) -> Result<Self, TermsError> {
        Self::build(deal).map_err(|kind| TermsError { deal: deal.id.clone(), kind })
    }

    fn build(deal: &Deal) -> Result<Self, TermsErrorKind> {
        let computed = deal.compute_id();
        if computed != deal.id {
            return Err(TermsErrorKind::ForeignId { computed });
        }
        let names = deal.members.mediators.as_deref().unwrap_or_default();
        let mut mediators = Vec::with_capacity(names.len());
        for name in names {
            let mediator = address("mediator", name)?;
            if !mediators.contains(&mediator) {
                mediators.push(mediator);
            }
        }
        if mediators.is_empty() || mediators.len() > MAX_MEDIATORS {
            return Err(TermsErrorKind::Mediators(mediators.len()));
        }
        let pricing = &deal.pricing;
        Ok(Self {
            deal_id: deal.id.clone(),
            solver: address("solver", &deal.members.solver)?,
            job_creator: address("job creator", &deal.members.job_creator)?,
            resource_provider: address("resource provider", &deal.members.resource_provider)?,
            mediators,
            timeouts: DealTimeouts::for_execution(execution_timeout(deal.job_offer.execution_timeout_seconds)?),
            pricing: TermsPricing {
                instruction_price: Amount::from_tokens(pricing.instruction_price),
                payment_collateral: Amount::from_tokens(pricing.payment_collateral),
                results_collateral_multiple: pricing.results_collateral_multiple,
                mediation_fee: Amount::from_tokens(pricing.mediation_fee),
            },
        })
    }

    /// The most the creator can have locked at one time: the payment, and the larger of judge deposit and mediation fee.
    pub fn creator_locks(&self) -> Amount {
        let fee = self.pricing.mediation_fee.max(self.timeouts.judge_results.collateral);
        self.pricing.payment_collateral.checked_add(fee).unwrap_or(self.pricing.payment_collateral)
    }

    /// What the provider is paid for `count` units: the price, at most the payment collateral.
    pub fn job_payment(&self, count: u64) -> Amount {
        let cost = self.pricing.instruction_price.checked_mul(count);
        cost.map_or(self.pricing.payment_collateral, |cost| cost.min(self.pricing.payment_collateral))
    }

    /// What the provider deposits with a result of `count` units: the multiple of its payment.
    pub fn results_collateral(&self, count: u64) -> Amount {
        let multiple = self.pricing.results_collateral_multiple;
        self.job_payment(count).checked_mul(multiple).unwrap_or(Amount::from_wei(alloy_primitives::U256::MAX))
    }
}

impl DealTimeouts {
    /// The deadlines for a job that may run for `execution`.
    pub fn for_execution(execution: Duration) -> Self {
        let free = |timeout| DealTimeout { timeout, collateral: Amount::ZERO };
        Self {
            agree: free(AGREE_TIMEOUT),
            submit_results: DealTimeout {
                timeout: execution.saturating_add(SUBMIT_GRACE),
                collateral: Amount::from_tokens(1),
            },
            judge_results: free(JUDGE_TIMEOUT),
            mediate_results: free(MEDIATE_TIMEOUT),
        }
    }
}

/// The execution time a job asks for, the default when it asks for none.
///
/// # Errors
/// [`TermsErrorKind::Execution`] above 30 days.
pub fn execution_timeout(seconds: u64) -> Result<Duration, TermsErrorKind> {
    match seconds {
        0 => Ok(DEFAULT_EXECUTION_TIMEOUT),
        seconds if seconds <= MAX_EXECUTION_TIMEOUT.as_secs() => Ok(Duration::from_secs(seconds)),
        seconds => Err(TermsErrorKind::Execution(seconds)),
    }
}

fn address(role: &'static str, text: &str) -> Result<Address, TermsErrorKind> {
    text.parse().map_err(|_| TermsErrorKind::NoAddress { role, text: text.chars().take(64).collect() })
}
