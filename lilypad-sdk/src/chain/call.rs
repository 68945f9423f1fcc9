//! What can be asked of the contracts, as data, and what comes back.

use std::{fmt, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{ChainEvent, Contracts, bindings as sol, convert};
use crate::{
    deal::{DealTerms, TimeoutKind},
    types::{Amount, DataId, DealId, ResultId},
};

/// Roles in the directory of services, by the contract's numbers. Source: contracts.md §1.2, enum `ServiceType`.
///
/// The existing Go nodes count differently from 2 on; only the first two agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum ServiceType {
    /// Matches jobs with offers.
    Solver = 0,
    /// Checks disputed results.
    Mediator = 1,
    /// Runs jobs.
    ResourceProvider = 2,
    /// Orders jobs.
    JobCreator = 3,
}

/// One state-changing call to the contracts.
///
/// It is data, so a role machine can emit it and a store can keep it until the receipt is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ChainCall {
    /// `Controller.agree`, by the provider or the creator.
    Agree(Box<DealTerms>),
    /// `Controller.addResult`, by the provider.
    AddResult {
        /// The deal.
        deal: DealId,
        /// Id of the result record.
        results_id: ResultId,
        /// Id of the result folder.
        data_id: DataId,
        /// Units of work claimed, at least 1.
        instruction_count: u64,
    },
    /// `Controller.acceptResult`, by the creator.
    AcceptResult(DealId),
    /// `Controller.checkResult`, by the creator.
    CheckResult(DealId),
    /// `Controller.giveUp`, by the provider.
    GiveUp(DealId),
    /// `MediationRandom.drawMediator`, by anyone; does nothing before the block after the draw's.
    DrawMediator(DealId),
    /// `MediationRandom.mediationAcceptResult`, by the mediator.
    MediationAccept(DealId),
    /// `MediationRandom.mediationRejectResult`, by the mediator.
    MediationReject(DealId),
    /// One of the four time-outs, by anyone.
    Timeout {
        /// Which.
        kind: TimeoutKind,
        /// Of which deal.
        deal: DealId,
    },
    /// `Users.updateUser`: the sender's entry in the directory.
    UpdateUser {
        /// Where the service answers.
        url: String,
        /// CID of a description, or empty.
        metadata_cid: String,
        /// What the service is.
        roles: Vec<ServiceType>,
    },
    /// `Users.addUserToList`: puts the sender into the list of a role.
    ListService(ServiceType),
    /// `Token.transfer`.
    TransferTokens {
        /// Receiver.
        to: Address,
        /// How many, wei.
        amount: Amount,
    },
    /// `Token.approve`.
    Approve {
        /// Who may take.
        spender: Address,
        /// At most how many, wei.
        amount: Amount,
    },
    /// A plain payment in ether.
    TransferEther {
        /// Receiver.
        to: Address,
        /// How much, wei.
        amount: Amount,
    },
}

/// A call with its receiver and bytes.
pub(crate) struct Prepared {
    pub(crate) contract: &'static str,
    pub(crate) call: &'static str,
    pub(crate) to: Option<Address>,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    /// Gas that may be needed on top of an estimate, because another party's transaction can come in between.
    pub(crate) headroom: u64,
    /// Tokens that the call takes from the sender's wallet, where known.
    pub(crate) tokens: Option<Amount>,
}

impl ChainCall {
    /// The contract's function.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Agree(_) => "agree",
            Self::AddResult { .. } => "addResult",
            Self::AcceptResult(_) => "acceptResult",
            Self::CheckResult(_) => "checkResult",
            Self::GiveUp(_) => "giveUp",
            Self::DrawMediator(_) => "drawMediator",
            Self::MediationAccept(_) => "mediationAcceptResult",
            Self::MediationReject(_) => "mediationRejectResult",
            Self::Timeout { kind, .. } => match kind {
                TimeoutKind::Agree => "timeoutAgree",
                TimeoutKind::SubmitResult => "timeoutSubmitResult",
                TimeoutKind::JudgeResult => "timeoutJudgeResult",
                TimeoutKind::MediateResult => "timeoutMediateResult",
            },
            Self::UpdateUser { .. } => "updateUser",
            Self::ListService(_) => "addUserToList",
            Self::TransferTokens { .. } => "transfer",
            Self::Approve { .. } => "approve",
            Self::TransferEther { .. } => "send",
        }
    }

    /// Whether sets of contracts exist that cannot do it although the rules allow it.
    pub(crate) const fn may_be_lacking(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::GiveUp(_) | Self::DrawMediator(_))
    }

    pub(crate) fn prepare(&self, contracts: &Contracts, sender: Address) -> Prepared {
        let id = |deal: &DealId| deal.as_str().to_owned();
        let controller = |input: Vec<u8>| ("Controller", contracts.controller, input);
        let mediation = |input: Vec<u8>| ("MediationRandom", contracts.mediation, input);
        let (mut value, mut headroom, mut tokens) = (U256::ZERO, 0, None);
        let (contract, to, input) = match self {
            Self::Agree(terms) => {
                // The second to agree pays for storing the deal, and nobody knows beforehand who that is.
                headroom = AGREE_HEADROOM;
                tokens = Some(if sender == terms.resource_provider {
                    terms.timeouts.submit_results.collateral
                } else {
                    let judge = terms.timeouts.judge_results.collateral;
                    terms.pricing.payment_collateral.checked_add(judge).unwrap_or(terms.pricing.payment_collateral)
                });
                let (members, timeouts, pricing) = convert::terms_to_sol(terms);
                controller(
                    sol::Controller::agreeCall { dealId: id(&terms.deal_id), members, timeouts, pricing }.abi_encode(),
                )
            }
            Self::AddResult { deal, results_id, data_id, instruction_count } => controller(
                sol::Controller::addResultCall {
                    dealId: id(deal),
                    resultsId: results_id.as_str().to_owned(),
                    dataId: data_id.as_str().to_owned(),
                    instructionCount: U256::from(*instruction_count),
                }
                .abi_encode(),
            ),
            Self::AcceptResult(deal) => controller(sol::Controller::acceptResultCall { dealId: id(deal) }.abi_encode()),
            Self::CheckResult(deal) => controller(sol::Controller::checkResultCall { dealId: id(deal) }.abi_encode()),
            Self::GiveUp(deal) => controller(sol::Controller::giveUpCall { dealId: id(deal) }.abi_encode()),
            Self::Timeout { kind, deal } => controller(match kind {
                TimeoutKind::Agree => sol::Controller::timeoutAgreeCall { dealId: id(deal) }.abi_encode(),
                TimeoutKind::SubmitResult => sol::Controller::timeoutSubmitResultCall { dealId: id(deal) }.abi_encode(),
                TimeoutKind::JudgeResult => sol::Controller::timeoutJudgeResultCall { dealId: id(deal) }.abi_encode(),
                TimeoutKind::MediateResult => {
                    sol::Controller::timeoutMediateResultCall { dealId: id(deal) }.abi_encode()
                }
            }),
            Self::DrawMediator(deal) => {
                // A draw that is too early in the simulation can be in time in the block, and then it stores.
                headroom = DRAW_HEADROOM;
                mediation(sol::Mediation::drawMediatorCall { dealId: id(deal) }.abi_encode())
            }
            Self::MediationAccept(deal) => {
                mediation(sol::Mediation::mediationAcceptResultCall { dealId: id(deal) }.abi_encode())
            }
            Self::MediationReject(deal) => {
                mediation(sol::Mediation::mediationRejectResultCall { dealId: id(deal) }.abi_encode())
            }
            Self::UpdateUser { url, metadata_cid, roles } => (
                "Users",
                contracts.users,
                sol::Users::updateUserCall {
                    metadataCID: metadata_cid.clone(),
                    url: url.clone(),
                    roles: roles.iter().map(|role| *role as u8).collect(),
                }
                .abi_encode(),
            ),
            Self::ListService(role) => {
                ("Users", contracts.users, sol::Users::addUserToListCall { serviceType: *role as u8 }.abi_encode())
            }
            Self::TransferTokens { to, amount } => {
                tokens = Some(*amount);
                ("Token", contracts.token, sol::Token::transferCall { to: *to, amount: amount.wei() }.abi_encode())
            }
            Self::Approve { spender, amount } => (
                "Token",
                contracts.token,
                sol::Token::approveCall { spender: *spender, amount: amount.wei() }.abi_encode(),
            ),
            Self::TransferEther { to, amount } => {
                value = amount.wei();
                ("account", *to, Vec::new())
            }
        };
        Prepared { contract, call: self.name(), to: Some(to), value, input: input.into(), headroom, tokens }
    }
}

/// Gas by which the second `agree` of a deal exceeds the first, generously.
const AGREE_HEADROOM: u64 = 800_000;
/// Gas by which a draw that appoints exceeds one that comes too early.
const DRAW_HEADROOM: u64 = 200_000;

/// A signed transaction, known before it is sent.
///
/// Keep it to send the very same transaction again after a crash; a repetition never pays twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTx {
    /// Hash.
    pub hash: B256,
    /// Nonce of the sender that it uses up.
    pub nonce: u64,
    /// The signed bytes.
    pub raw: Bytes,
}

/// Keeps signed transactions before they are sent.
pub trait TxJournal: Send + Sync {
    /// Called under the sender's lock after signing and before sending, once for each signed transaction: again when a
    /// stuck one is re-priced (same nonce) or a nonce was lost to another sender (new nonce). The newest one counts.
    ///
    /// An error stops the sending.
    fn signed<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<(), String>>;
}

/// How one transaction is sent and awaited.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TxOptions {
    /// Where the signed transaction is recorded before it is sent.
    pub journal: Option<Arc<dyn TxJournal>>,
    /// How long to wait for the receipt, default [`TxOptions::DEADLINE`].
    pub deadline: Option<Duration>,
    /// Gas limit; `None` asks the node for an estimate, which also finds a revert before anything is sent.
    pub gas_limit: Option<u64>,
}

impl TxOptions {
    /// Default wait for a receipt.
    pub const DEADLINE: Duration = Duration::from_secs(120);

    /// Records in `journal` before sending.
    #[must_use]
    pub fn journaled(journal: Arc<dyn TxJournal>) -> Self {
        Self { journal: Some(journal), ..Self::default() }
    }

    /// Waits this long for the receipt.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends with this gas limit, without a simulation before.
    #[must_use]
    pub fn with_gas_limit(mut self, gas_limit: u64) -> Self {
        self.gas_limit = Some(gas_limit);
        self
    }
}

impl fmt::Debug for TxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TxOptions")
            .field("journal", &self.journal.is_some())
            .field("deadline", &self.deadline)
            .field("gas_limit", &self.gas_limit)
            .finish()
    }
}

/// A mined transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxReceipt {
    /// Hash.
    pub hash: B256,
    /// Height of its block.
    pub block: u64,
    /// Hash of its block, to notice a reorganisation.
    pub block_hash: B256,
    /// Gas used.
    pub gas_used: u64,
    /// Whether it succeeded. [`Chain::send`](super::Chain::send) gives an error instead of `false`.
    pub success: bool,
    /// The address of the contract it created.
    pub created: Option<Address>,
    /// What our contracts reported in it, in order: state changes and payments.
    pub events: Vec<ChainEvent>,
}
