//! What the chain reports: blocks, contract events, and a cursor that reads them without gaps.

use alloy_primitives::{Address, B256, Log, U256, keccak256};
use alloy_sol_types::{SolEvent as _, SolEventInterface as _};
use serde::{Deserialize, Serialize};

use super::{ChainError, Contracts, DynChain, bindings as sol};
use crate::{
    deal::{AgreementState, Payment, PaymentDirection, PaymentReason},
    types::{Amount, DealId},
};

/// A block's place, identity and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// Height; the genesis block is 0.
    pub number: u64,
    /// Hash of the header.
    pub hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
}

/// One report of a contract, with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEvent {
    /// What happened.
    pub kind: ChainEventKind,
    /// Height of the block.
    pub block: u64,
    /// Transaction that caused it.
    pub tx_hash: B256,
    /// Position in the block; with the block it orders all events.
    pub log_index: u64,
}

/// What a contract reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ChainEventKind {
    /// Storage: an agreement entered a state.
    DealStateChange {
        /// The deal.
        deal: DealId,
        /// Its new state.
        state: AgreementState,
    },
    /// Storage: one party has agreed and waits for the other.
    DealProposed {
        /// The deal.
        deal: DealId,
        /// Who agreed.
        proposer: Address,
    },
    /// Storage: nobody answered one party's agreement in time.
    ProposalTimedOut {
        /// The deal.
        deal: DealId,
        /// Who had agreed.
        proposer: Address,
    },
    /// Payments: money of a deal moved.
    Payment(Payment),
    /// Mediation: a mediator was appointed.
    MediationRequested {
        /// The deal.
        deal: DealId,
        /// Who must decide.
        mediator: Address,
    },
    /// Mediation: a draw is open; `draw_mediator` appoints in a block after `draw_block`.
    MediatorDrawOpened {
        /// The deal.
        deal: DealId,
        /// Whose hash decides.
        draw_block: u64,
    },
}

impl ChainEventKind {
    /// The deal it is about.
    #[must_use]
    pub const fn deal(&self) -> &DealId {
        match self {
            Self::DealStateChange { deal, .. }
            | Self::DealProposed { deal, .. }
            | Self::ProposalTimedOut { deal, .. }
            | Self::MediationRequested { deal, .. }
            | Self::MediatorDrawOpened { deal, .. } => deal,
            Self::Payment(payment) => &payment.deal_id,
        }
    }

    /// Topics of the events that are decoded, for a log filter.
    pub(crate) fn topics() -> Vec<B256> {
        vec![
            sol::Storage::DealStateChange::SIGNATURE_HASH,
            sol::Storage::DealProposed::SIGNATURE_HASH,
            sol::Storage::ProposalTimedOut::SIGNATURE_HASH,
            sol::Payments::Payment::SIGNATURE_HASH,
            sol::Mediation::MediationRequested::SIGNATURE_HASH,
            sol::Mediation::MediatorDrawOpened::SIGNATURE_HASH,
        ]
    }

    /// Decodes a log of one of our contracts; `None` for logs of others and for events without use here.
    ///
    /// # Errors
    ///
    /// A message when a known event carries an unknown number or does not decode.
    pub(crate) fn decode(log: &Log, contracts: &Contracts) -> Result<Option<Self>, String> {
        let id = DealId::from_wire;
        let known = log.topics().first().is_some_and(|topic| Self::topics().contains(topic));
        if !known {
            return Ok(None);
        }
        let fail = |err: alloy_sol_types::Error| err.to_string();
        Ok(if log.address == contracts.storage {
            Some(match sol::Storage::StorageEvents::decode_log(log).map_err(fail)?.data {
                sol::Storage::StorageEvents::DealStateChange(event) => Self::DealStateChange {
                    deal: id(event.dealId),
                    state: AgreementState::try_from(event.state).map_err(|err| err.to_string())?,
                },
                sol::Storage::StorageEvents::DealProposed(event) => {
                    Self::DealProposed { deal: id(event.dealId), proposer: event.proposer }
                }
                sol::Storage::StorageEvents::ProposalTimedOut(event) => {
                    Self::ProposalTimedOut { deal: id(event.dealId), proposer: event.proposer }
                }
            })
        } else if log.address == contracts.payments {
            let event = sol::Payments::Payment::decode_log(log).map_err(fail)?.data;
            Some(Self::Payment(Payment {
                deal_id: id(event.dealId),
                payee: event.payee,
                amount: Amount::from_wei(event.amount),
                reason: reason(event.reason)?,
                direction: direction(event.direction)?,
            }))
        } else if log.address == contracts.mediation {
            Some(match sol::Mediation::MediationEvents::decode_log(log).map_err(fail)?.data {
                sol::Mediation::MediationEvents::MediationRequested(event) => {
                    Self::MediationRequested { deal: id(event.dealId), mediator: event.mediator }
                }
                sol::Mediation::MediationEvents::MediatorDrawOpened(event) => {
                    Self::MediatorDrawOpened { deal: id(event.dealId), draw_block: event.drawBlock.saturating_to() }
                }
            })
        } else {
            None
        })
    }
}

/// Key under which the contracts index a deal: the hash of its id's bytes.
#[must_use]
pub fn deal_key(deal: &DealId) -> B256 {
    keccak256(deal.as_str())
}

fn reason(code: u8) -> Result<PaymentReason, String> {
    Ok(match code {
        0 => PaymentReason::PaymentCollateral,
        1 => PaymentReason::ResultsCollateral,
        2 => PaymentReason::TimeoutCollateral,
        3 => PaymentReason::JobPayment,
        4 => PaymentReason::MediationFee,
        other => return Err(format!("unknown payment reason {other}")),
    })
}

fn direction(code: u8) -> Result<PaymentDirection, String> {
    Ok(match code {
        0 => PaymentDirection::PaidIn,
        1 => PaymentDirection::PaidOut,
        2 => PaymentDirection::Refunded,
        3 => PaymentDirection::Slashed,
        other => return Err(format!("unknown payment direction {other}")),
    })
}

/// Reads the contracts' events once each, in order, across restarts and reorganisations.
///
/// Keep it in a store after each batch has been dealt with. When the chain below the cursor was replaced, the cursor
/// goes back [`REWIND`] blocks and delivers again, so a consumer must take an event that it knows as no news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCursor {
    /// First block that was not read.
    pub next: u64,
    /// Blocks that must lie on top of a block before it is read.
    pub depth: u64,
    /// Hash of the block before `next` when it was read.
    pub last: Option<B256>,
}

/// Blocks that a cursor goes back after a reorganisation.
pub const REWIND: u64 = 64;

impl EventCursor {
    /// A cursor that starts at block `next` and stays `depth` blocks behind the head.
    #[must_use]
    pub const fn new(next: u64, depth: u64) -> Self {
        Self { next, depth, last: None }
    }

    /// Reads what is new, possibly nothing, and moves on.
    ///
    /// # Errors
    ///
    /// As [`Chain::events`](super::Chain::events); the cursor has then not moved.
    ///
    /// # Cancel safety
    ///
    /// The cursor moves only when the future completes.
    pub async fn poll(&mut self, chain: &dyn DynChain) -> Result<Vec<ChainEvent>, ChainError> {
        let head = chain.head().await?;
        let mut from = self.next;
        if let (Some(last), Some(before)) = (self.last, self.next.checked_sub(1)) {
            let same = chain.block(before).await?.is_some_and(|block| block.hash == last);
            if !same {
                from = self.next.saturating_sub(REWIND);
                tracing::warn!(target: "lilypad::chain", block = before, rewound_to = from, "the chain was reorganised");
            }
        }
        let Some(to) = head.number.checked_sub(self.depth).filter(|to| *to >= from) else {
            return Ok(Vec::new());
        };
        let events = chain.events(from, to).await?;
        let last = if to == head.number { Some(head.hash) } else { chain.block(to).await?.map(|block| block.hash) };
        (self.next, self.last) = (to + 1, last);
        Ok(events)
    }
}

/// A log as JSON-RPC gives it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawLog {
    address: Address,
    topics: Vec<B256>,
    data: alloy_primitives::Bytes,
    block_number: Option<U256>,
    transaction_hash: Option<B256>,
    log_index: Option<U256>,
}

impl RawLog {
    /// The log itself, and the transaction that caused it.
    pub(crate) fn into_log(self) -> Result<(Log, B256), ChainError> {
        let fail = || ChainError::Decode { what: "a contract event", message: "too many topics".to_owned() };
        let log = Log::new(self.address, self.topics, self.data).ok_or_else(fail)?;
        Ok((log, self.transaction_hash.unwrap_or_default()))
    }

    pub(crate) fn decode(self, contracts: &Contracts) -> Result<Option<ChainEvent>, ChainError> {
        let fail = |message: String| ChainError::Decode { what: "a contract event", message };
        let log = Log::new(self.address, self.topics, self.data).ok_or_else(|| fail("too many topics".to_owned()))?;
        let Some(kind) = ChainEventKind::decode(&log, contracts).map_err(fail)? else { return Ok(None) };
        Ok(Some(ChainEvent {
            kind,
            block: self.block_number.unwrap_or_default().saturating_to(),
            tx_hash: self.transaction_hash.unwrap_or_default(),
            log_index: self.log_index.unwrap_or_default().saturating_to(),
        }))
    }
}
