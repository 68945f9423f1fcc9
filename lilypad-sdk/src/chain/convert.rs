//! Between the contracts' structs and ours.

use std::time::Duration;

use alloy_primitives::U256;

use super::{ChainError, bindings as sol};
use crate::{
    deal::{Agreement, AgreementState, ChainResult, DealTerms, DealTimeout, DealTimeouts, TermsPricing},
    types::{Amount, DataId, DealId, ResultId, Timestamp},
};

pub(crate) fn terms_to_sol(terms: &DealTerms) -> (sol::DealMembers, sol::DealTimeouts, sol::DealPricing) {
    let timeout = |timeout: &DealTimeout| sol::DealTimeout {
        timeout: U256::from(timeout.timeout.as_secs()),
        collateral: timeout.collateral.wei(),
    };
    (
        sol::DealMembers {
            solver: terms.solver,
            jobCreator: terms.job_creator,
            resourceProvider: terms.resource_provider,
            mediators: terms.mediators.clone(),
        },
        sol::DealTimeouts {
            agree: timeout(&terms.timeouts.agree),
            submitResults: timeout(&terms.timeouts.submit_results),
            judgeResults: timeout(&terms.timeouts.judge_results),
            mediateResults: timeout(&terms.timeouts.mediate_results),
        },
        sol::DealPricing {
            instructionPrice: terms.pricing.instruction_price.wei(),
            paymentCollateral: terms.pricing.payment_collateral.wei(),
            resultsCollateralMultiple: U256::from(terms.pricing.results_collateral_multiple),
            mediationFee: terms.pricing.mediation_fee.wei(),
        },
    )
}

pub(crate) fn terms_from_sol(deal: sol::Deal) -> Result<DealTerms, ChainError> {
    let timeout = |timeout: &sol::DealTimeout| DealTimeout {
        timeout: Duration::from_secs(timeout.timeout.saturating_to()),
        collateral: Amount::from_wei(timeout.collateral),
    };
    Ok(DealTerms {
        deal_id: DealId::from_wire(deal.dealId),
        solver: deal.members.solver,
        job_creator: deal.members.jobCreator,
        resource_provider: deal.members.resourceProvider,
        mediators: deal.members.mediators,
        timeouts: DealTimeouts {
            agree: timeout(&deal.timeouts.agree),
            submit_results: timeout(&deal.timeouts.submitResults),
            judge_results: timeout(&deal.timeouts.judgeResults),
            mediate_results: timeout(&deal.timeouts.mediateResults),
        },
        pricing: TermsPricing {
            instruction_price: Amount::from_wei(deal.pricing.instructionPrice),
            payment_collateral: Amount::from_wei(deal.pricing.paymentCollateral),
            results_collateral_multiple: number("resultsCollateralMultiple", deal.pricing.resultsCollateralMultiple)?,
            mediation_fee: Amount::from_wei(deal.pricing.mediationFee),
        },
    })
}

pub(crate) fn agreement_from_sol(agreement: &sol::Agreement) -> Result<Agreement, ChainError> {
    let state = AgreementState::try_from(agreement.state)
        .map_err(|err| ChainError::Decode { what: "the state of an agreement", message: err.to_string() })?;
    let moment = |seconds: U256| (!seconds.is_zero()).then(|| Timestamp::from_secs(seconds.saturating_to()));
    Ok(Agreement {
        state,
        resource_provider_agreed_at: moment(agreement.resourceProviderAgreedAt),
        job_creator_agreed_at: moment(agreement.jobCreatorAgreedAt),
        deal_created_at: moment(agreement.dealCreatedAt),
        deal_agreed_at: moment(agreement.dealAgreedAt),
        results_submitted_at: moment(agreement.resultsSubmittedAt),
        results_accepted_at: moment(agreement.resultsAcceptedAt),
        results_checked_at: moment(agreement.resultsCheckedAt),
        mediation_accepted_at: moment(agreement.mediationAcceptedAt),
        mediation_rejected_at: moment(agreement.mediationRejectedAt),
    })
}

pub(crate) fn result_from_sol(result: sol::JobResult) -> Result<ChainResult, ChainError> {
    Ok(ChainResult {
        deal_id: DealId::from_wire(result.dealId),
        results_id: ResultId::from_wire(result.resultsId),
        data_id: DataId::from_wire(result.dataId),
        instruction_count: number("instructionCount", result.instructionCount)?,
    })
}

fn number(what: &'static str, value: U256) -> Result<u64, ChainError> {
    u64::try_from(value).map_err(|_| ChainError::Decode { what, message: format!("{value} is too large") })
}
