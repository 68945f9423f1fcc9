//! What a job cost and where the money went: the receipt an accountant can check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    chain::{ChainEventKind, DynChain},
    deal::{AgreementState, DealTerms, Payment, PaymentDirection, PaymentReason},
    types::{Address, Amount, DealContainer, JobResult, Settlement},
};

/// The step of a provider that ends a deal without a result.
const GIVE_UP: &str = "resource_provider.give_up";

/// Settlement of one deal (design.md §11, ruling 22). Amounts are decimal texts of wei.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlementRecord {
    /// Where it settled.
    pub mode: Settlement,
    /// The chain.
    pub chain_id: u64,
    /// The controller contract.
    pub controller: Address,
    /// The agreement's state by the contract's name.
    pub state: String,
    /// Transactions by what they did: `job_creator.agree`, `resource_provider.add_result`, ….
    pub txs: BTreeMap<String, String>,
    /// Movements of the deal's money, in order.
    pub payments: Vec<PaymentRecord>,
    /// What each party still has in escrow for this deal; all zero once it is settled.
    pub escrow_after: BTreeMap<String, Amount>,
    /// Gas of each transaction, by the same names.
    pub gas_used: BTreeMap<String, u64>,
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRecord {
    /// The payer for `PaidIn`, the receiver for `PaidOut` and `Refunded`, the punished party for `Slashed`.
    pub to: Address,
    /// How much, wei.
    pub amount_wei: Amount,
    /// Why.
    pub reason: PaymentReason,
    /// Which way.
    pub direction: PaymentDirection,
}

/// Everything that proves a job: saved as `receipts/<deal id>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The deal with both offers.
    pub deal: DealContainer,
    /// The provider's result record.
    pub result: JobResult,
    /// What was paid.
    pub settlement: SettlementRecord,
}

/// Reads the settlement of a deal from the chain alone, from block `from` on.
pub(crate) async fn read(
    chain: Option<&dyn DynChain>,
    terms: &DealTerms,
    state: AgreementState,
    from: u64,
) -> Result<SettlementRecord, crate::Error> {
    let mut record = SettlementRecord {
        mode: Settlement::OffChain,
        chain_id: 0,
        controller: Address::ZERO,
        state: state.to_string(),
        txs: BTreeMap::new(),
        payments: Vec::new(),
        escrow_after: BTreeMap::new(),
        gas_used: BTreeMap::new(),
    };
    let Some(chain) = chain else { return Ok(record) };
    record.mode = Settlement::OnChain;
    (record.chain_id, record.controller) = (chain.chain_id(), chain.contracts().controller);
    let head = chain.head().await?.number;
    let mut payments = Vec::new();
    for event in chain.events(from, head).await? {
        if *event.kind.deal() != terms.deal_id {
            continue;
        }
        if let Some(name) = step_of(&event.kind, terms)
            && record.txs.insert(name.to_owned(), event.tx_hash.to_string()).is_none()
            && let Some(receipt) = chain.receipt(event.tx_hash).await?
        {
            record.gas_used.insert(name.to_owned(), receipt.gas_used);
        }
        if let ChainEventKind::Payment(payment) = event.kind {
            payments.push(payment);
        }
    }
    // The same state by the provider's own word, or because it was silent: only the second costs it its collateral.
    if payments.iter().any(|p| p.direction == PaymentDirection::Slashed && p.reason == PaymentReason::TimeoutCollateral)
        && let Some(tx) = record.txs.remove(GIVE_UP)
    {
        record.txs.insert("timeout_submit_result".to_owned(), tx);
        if let Some(gas) = record.gas_used.remove(GIVE_UP) {
            record.gas_used.insert("timeout_submit_result".to_owned(), gas);
        }
    }
    record.escrow_after = escrow_after(terms, &payments);
    record.payments = payments
        .into_iter()
        .map(|p| PaymentRecord { to: p.payee, amount_wei: p.amount, reason: p.reason, direction: p.direction })
        .collect();
    Ok(record)
}

/// The step whose transaction an event tells of.
fn step_of(event: &ChainEventKind, terms: &DealTerms) -> Option<&'static str> {
    match event {
        ChainEventKind::Payment(payment) if payment.direction == PaymentDirection::PaidIn => match payment.reason {
            PaymentReason::PaymentCollateral => Some("job_creator.agree"),
            PaymentReason::TimeoutCollateral if payment.payee == terms.resource_provider => {
                Some("resource_provider.agree")
            }
            PaymentReason::ResultsCollateral => Some("resource_provider.add_result"),
            PaymentReason::TimeoutCollateral | PaymentReason::MediationFee | PaymentReason::JobPayment => None,
        },
        ChainEventKind::DealStateChange { state, .. } => match state {
            AgreementState::ResultsAccepted => Some("job_creator.accept_result"),
            AgreementState::ResultsChecked => Some("job_creator.check_result"),
            AgreementState::MediationAccepted => Some("mediator.mediation_accept_result"),
            AgreementState::MediationRejected => Some("mediator.mediation_reject_result"),
            AgreementState::TimeoutJudgeResults => Some("timeout_judge_result"),
            AgreementState::TimeoutMediateResults => Some("timeout_mediate_result"),
            AgreementState::TimeoutAgree => Some("timeout_agree"),
            AgreementState::TimeoutSubmitResults => Some(GIVE_UP),
            AgreementState::DealNegotiating | AgreementState::DealAgreed | AgreementState::ResultsSubmitted => None,
        },
        _ => None,
    }
}

/// Folds the deal's payments into what each party still has in escrow (contracts.md §6.1, I-21).
fn escrow_after(terms: &DealTerms, payments: &[Payment]) -> BTreeMap<String, Amount> {
    let (mut creator, mut provider) = (Amount::ZERO, Amount::ZERO);
    for payment in payments {
        // What is paid out comes from the creator's escrow, whoever receives it.
        let pot = match payment.direction {
            PaymentDirection::PaidOut => &mut creator,
            PaymentDirection::PaidIn | PaymentDirection::Refunded | PaymentDirection::Slashed => {
                if payment.payee == terms.job_creator { &mut creator } else { &mut provider }
            }
        };
        let next = match payment.direction {
            PaymentDirection::PaidIn => pot.checked_add(payment.amount),
            PaymentDirection::PaidOut | PaymentDirection::Refunded | PaymentDirection::Slashed => {
                pot.checked_sub(payment.amount)
            }
        };
        *pot = next.unwrap_or(Amount::ZERO);
    }
    BTreeMap::from([("job_creator".to_owned(), creator), ("resource_provider".to_owned(), provider)])
}
