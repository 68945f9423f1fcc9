//! Jobs that contracts order: authorise, order, read, deliver, give back.
//!
//! ```text
//! payee: approve the deposit, authorize_client ─► run (the payee, or a client contract for it) ─► Open
//!   Open ─┬─ deliver (service) ─► Delivered   deposit to the service, callback to the client ─► redeliver if that failed
//!         ├─ fail (service) ────► Refunded    deposit back to the payee
//!         └─ time_out (anyone, after a day) ─► Refunded
//! ```
//!
//! Source: contracts.md §1.4.7 and §1.10, as design.md §11, ruling 15, changes them; `contracts/src/interfaces/
//! ILilypadOnChainJobCreator.sol`. The deployed v1 contract has another flow, in which the service is approved.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolEvent as _};
use serde::{Deserialize, Serialize};

use super::{ChainCall, ChainError, RpcChain, TxOptions, TxReceipt, bindings as sol, seam::Chain};
use crate::types::{Amount, DataId, DealId, Timestamp};

const NAME: &str = "OnChainJobCreator";

/// What became of a job. Source: enum `JobStatus` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum OnChainJobStatus {
    /// There is no job of this number.
    Unknown = 0,
    /// It waits for its result.
    Open = 1,
    /// Its result is there and the service is paid.
    Delivered = 2,
    /// It came to nothing and the payee has the deposit back.
    Refunded = 3,
}

/// A job as the contract keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OnChainJob {
    /// Number, from 1 on.
    pub id: u64,
    /// The contract or account that ordered it and is called back.
    pub client: Address,
    /// Who paid the deposit.
    pub payee: Address,
    /// The deposit, wei of LP.
    pub deposit: Amount,
    /// From after this second on anyone may have the deposit given back.
    pub deadline: Timestamp,
    /// What became of it.
    pub status: OnChainJobStatus,
    /// Whether the client took the result.
    pub is_acknowledged: bool,
}

/// An order as it was announced. Source: event `JobAdded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobOrder {
    /// Number of the job.
    pub id: u64,
    /// Who ordered.
    pub client: Address,
    /// Who pays.
    pub payee: Address,
    /// The module, `name:version` or `host/owner/repository:version`.
    pub module: String,
    /// `name=value` each, split at the first `=`.
    pub inputs: Vec<String>,
}

/// The contract that lets contracts order jobs, with the key of a connection.
#[derive(Clone, Debug)]
pub struct OnChainJobs {
    chain: RpcChain,
    at: Address,
}

impl RpcChain {
    /// The jobs that contracts order on this network.
    ///
    /// # Errors
    ///
    /// `NoContract` when the network has no such contract.
    pub fn on_chain_jobs(&self) -> Result<OnChainJobs, ChainError> {
        let at = Chain::contracts(self).job_creator.ok_or(ChainError::NoContract {
            contract: NAME,
            address: Address::ZERO,
            chain_id: Chain::chain_id(self),
        })?;
        Ok(OnChainJobs { chain: self.clone(), at })
    }
}

impl OnChainJobs {
    /// Where the contract is: the spender that a payee approves.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.at
    }

    /// What one job costs, wei of LP.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn required_deposit(&self) -> Result<Amount, ChainError> {
        self.read(sol::JobCreator::getRequiredDepositCall {}).await.map(Amount::from_wei)
    }

    /// Sets what later jobs cost, more than zero. For the service.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn set_required_deposit(&self, deposit: Amount) -> Result<TxReceipt, ChainError> {
        self.send(sol::JobCreator::setRequiredDepositCall { cost: deposit.wei() }).await
    }

    /// Who runs the jobs and is paid for them.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn service(&self) -> Result<Address, ChainError> {
        self.read(sol::JobCreator::getControllerAddressCall {}).await
    }

    /// Approves the deposits of `jobs` jobs, for the payee; in place of an earlier approval.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn approve(&self, jobs: u64) -> Result<TxReceipt, ChainError> {
        let deposit = self.required_deposit().await?;
        let amount = deposit.checked_mul(jobs).unwrap_or(Amount::from_wei(U256::MAX));
        Chain::send(&self.chain, ChainCall::Approve { spender: self.at, amount }, TxOptions::default()).await
    }

    /// Lets a contract order at the expense of this connection's account, as far as its approval reaches.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn authorize_client(&self, client: Address) -> Result<TxReceipt, ChainError> {
        self.send(sol::JobCreator::authorizeClientCall { client }).await
    }

    /// Takes that back.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn revoke_client(&self, client: Address) -> Result<TxReceipt, ChainError> {
        self.send(sol::JobCreator::revokeClientCall { client }).await
    }

    /// Whether `client` may order at the expense of `payee`.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn is_authorized(&self, payee: Address, client: Address) -> Result<bool, ChainError> {
        self.read(sol::JobCreator::isAuthorizedClientCall { payee, client }).await
    }

    /// Orders a job at the expense of this connection's own account; gives its number.
    ///
    /// `inputs` are `name=value`. The account must have approved the deposit: see [`OnChainJobs::approve`]. Not repeatable: after
    /// an error other than `Reverted`, or when the program died, look with [`OnChainJobs::ordered`] before ordering again.
    ///
    /// # Errors
    ///
    /// `Reverted` with `MalformedModule`, `MalformedInput` or `TooManyInputs` before any token moves, and with a text when
    /// too little is approved; else as [`Chain::send`].
    pub async fn run(&self, module: &str, inputs: &[String]) -> Result<u64, ChainError> {
        let payee = Chain::address(&self.chain).ok_or(ChainError::ReadOnly { call: "runJob" })?;
        let call = sol::JobCreator::runJobCall { module: module.to_owned(), inputs: inputs.to_vec(), payee };
        let receipt = self.send(call).await?;
        let orders = self.orders(receipt.block, receipt.block).await?;
        // Others may have ordered in the same block.
        let own = orders.into_iter().find(|(order, tx)| *tx == receipt.hash && order.payee == payee);
        own.map(|(order, _)| order.id).ok_or_else(|| ChainError::Decode {
            what: "an order of a job",
            message: format!("transaction {} announced none", receipt.hash),
        })
    }

    /// A job; `None` when there is none of this number.
    ///
    /// # Errors
    /// As every reading of [`Chain`]; `Decode` for a status that is not known.
    pub async fn job(&self, id: u64) -> Result<Option<OnChainJob>, ChainError> {
        let job = self.read(sol::JobCreator::getJobCall { id: U256::from(id) }).await?;
        let status = match job.status {
            0 => return Ok(None),
            1 => OnChainJobStatus::Open,
            2 => OnChainJobStatus::Delivered,
            3 => OnChainJobStatus::Refunded,
            other => {
                let message = format!("{other} is none");
                return Err(ChainError::Decode { what: "the status of a job", message });
            }
        };
        Ok(Some(OnChainJob {
            id,
            client: job.callingContract,
            payee: job.payee,
            deposit: Amount::from_wei(job.deposit),
            deadline: Timestamp::from_secs(job.deadline.saturating_to()),
            status,
            is_acknowledged: job.acknowledged,
        }))
    }

    /// The result of a delivered job, else `None`.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn result(&self, id: u64) -> Result<Option<(DealId, DataId)>, ChainError> {
        let found = self.read(sol::JobCreator::getJobResultCall { id: U256::from(id) }).await?;
        let is_there = !found.dealId.is_empty() || !found.dataId.is_empty();
        Ok(is_there.then(|| (DealId::from_wire(found.dealId), DataId::from_wire(found.dataId))))
    }

    /// How many jobs were ordered so far: the number of the latest.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn latest(&self) -> Result<u64, ChainError> {
        self.read(sol::JobCreator::nextJobIDCall {}).await.map(|id| id.saturating_to())
    }

    /// Sum of the deposits of open jobs, wei of LP.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn held_deposits(&self) -> Result<Amount, ChainError> {
        self.read(sol::JobCreator::heldDepositsCall {}).await.map(Amount::from_wei)
    }

    /// The jobs that were ordered in the blocks `from..=to`, oldest first.
    ///
    /// # Errors
    /// As [`Chain::events`].
    pub async fn ordered(&self, from: u64, to: u64) -> Result<Vec<JobOrder>, ChainError> {
        Ok(self.orders(from, to).await?.into_iter().map(|(order, _)| order).collect())
    }

    async fn orders(&self, from: u64, to: u64) -> Result<Vec<(JobOrder, alloy_primitives::B256)>, ChainError> {
        let logs = self.chain.logs_of(self.at, sol::JobCreator::JobAdded::SIGNATURE_HASH, from, to).await?;
        let mut orders = Vec::with_capacity(logs.len());
        for (log, transaction) in logs {
            let added = sol::JobCreator::JobAdded::decode_log(&log)
                .map_err(|err| ChainError::Decode { what: "an order of a job", message: err.to_string() })?
                .data;
            let order = JobOrder {
                id: added.id.saturating_to(),
                client: added.calling_contract,
                payee: added.payee,
                module: added.module,
                inputs: added.inputs,
            };
            orders.push((order, transaction));
        }
        Ok(orders)
    }

    /// Delivers a result: pays the service, calls the client back. For the service, once a job.
    ///
    /// A client that fails to take it costs the service nothing; see [`OnChainJobs::redeliver`].
    ///
    /// # Errors
    /// `Reverted` with `WrongJobStatus` unless the job is open; else as [`Chain::send`].
    pub async fn deliver(&self, id: u64, deal: &DealId, data: &DataId) -> Result<TxReceipt, ChainError> {
        let (deal, data) = (deal.as_str().to_owned(), data.as_str().to_owned());
        self.send(sol::JobCreator::submitResultsCall { id: U256::from(id), dealId: deal, dataId: data }).await
    }

    /// Gives the deposit back to the payee because the job came to nothing. For the service.
    ///
    /// # Errors
    /// `Reverted` with `WrongJobStatus` unless the job is open; else as [`Chain::send`].
    pub async fn fail(&self, id: u64, reason: &str) -> Result<TxReceipt, ChainError> {
        self.send(sol::JobCreator::failJobCall { id: U256::from(id), reason: reason.to_owned() }).await
    }

    /// Gives the deposit back to the payee because the service forgot the job. Anyone, after the job's deadline.
    ///
    /// # Errors
    /// `Reverted` with `JobNotTimedOut` before the deadline; else as [`Chain::send`].
    pub async fn time_out(&self, id: u64) -> Result<TxReceipt, ChainError> {
        self.send(sol::JobCreator::timeoutJobCall { id: U256::from(id) }).await
    }

    /// Calls a client once more that failed to take its result. Anyone.
    ///
    /// # Errors
    /// `Reverted` with `AlreadyAcknowledged`; else as [`Chain::send`].
    pub async fn redeliver(&self, id: u64) -> Result<TxReceipt, ChainError> {
        self.send(sol::JobCreator::redeliverCall { id: U256::from(id) }).await
    }

    async fn read<C: SolCall>(&self, call: C) -> Result<C::Return, ChainError> {
        self.chain.read((NAME, self.at), call, 0).await
    }

    async fn send<C: SolCall>(&self, call: C) -> Result<TxReceipt, ChainError> {
        self.chain.send_typed(NAME, self.at, &call).await
    }
}
