//! One transaction through revm: the environment, the checks that apply and the outcome.

use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use revm::{
    Context, ExecuteEvm as _, MainBuilder as _, MainContext as _,
    context::{
        BlockEnv, CfgEnv, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::EvmState,
};

use super::error::RpcFailure;

pub(super) type Db = CacheDB<EmptyDB>;

/// Rules of execution; the contracts are compiled for an older set, so either side may move on its own.
const SPEC: SpecId = SpecId::PRAGUE;

/// Whose rules apply: a mined transaction pays and is checked, a call is neither.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Mine,
    Simulate,
}

/// What a finished execution leaves: gas, logs, output, and the state to commit.
pub(super) struct Outcome {
    pub(super) result: ExecutionResult<HaltReason>,
    pub(super) state: EvmState,
}

/// Runs `tx` on `db` without committing.
///
/// # Errors
///
/// The refusal a node would give before execution. A revert or halt is an `Ok` whose result says so.
pub(super) fn execute(
    db: &mut Db,
    chain_id: u64,
    block: &BlockEnv,
    tx: TxEnv,
    mode: Mode,
) -> Result<Outcome, RpcFailure> {
    let mut cfg = CfgEnv::new().with_spec_and_mainnet_gas_params(SPEC).with_chain_id(chain_id);
    // Later rule sets cap one transaction below what a deployment may need.
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    if mode == Mode::Simulate {
        cfg.disable_nonce_check = true;
        cfg.disable_balance_check = true;
        cfg.disable_base_fee = true;
        cfg.tx_chain_id_check = false;
    }
    let caller = tx.caller;
    let mut evm = Context::mainnet().with_db(db).with_cfg(cfg).with_block(block.clone()).build_mainnet();
    match evm.transact(tx) {
        Ok(done) => Ok(Outcome { result: done.result, state: done.state }),
        Err(EVMError::Transaction(invalid)) => Err(refusal(caller, &invalid)),
        Err(other) => Err(RpcFailure::refused(format!("execution failed: {other}"))),
    }
}

fn refusal(caller: Address, invalid: &InvalidTransaction) -> RpcFailure {
    match invalid {
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            RpcFailure::insufficient_funds(caller, **balance, **fee)
        }
        InvalidTransaction::NonceTooLow { tx, state } => {
            RpcFailure::refused(format!("nonce too low: address {caller}, tx: {tx} state: {state}"))
        }
        InvalidTransaction::NonceTooHigh { tx, state } => {
            RpcFailure::refused(format!("nonce too high: address {caller}, tx: {tx} state: {state}"))
        }
        InvalidTransaction::GasPriceLessThanBasefee => RpcFailure::refused("max fee per gas less than block base fee"),
        InvalidTransaction::CallerGasLimitMoreThanBlock => RpcFailure::refused("exceeds block gas limit"),
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
        | InvalidTransaction::GasFloorMoreThanGasLimit { .. } => RpcFailure::refused("intrinsic gas too low"),
        other => RpcFailure::refused(format!("invalid transaction: {other}")),
    }
}

/// The environment of a signed transaction.
pub(super) fn env_of(tx: &TxEnvelope, from: Address) -> Result<TxEnv, RpcFailure> {
    if tx.is_eip4844() || tx.is_eip7702() {
        return Err(RpcFailure::refused("transaction type not supported by the embedded chain"));
    }
    Ok(TxEnv {
        tx_type: tx.tx_type() as u8,
        caller: from,
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        ..TxEnv::default()
    })
}

/// The environment of an unsigned call.
pub(super) fn env_of_call(from: Address, to: TxKind, value: U256, data: Bytes, gas_limit: u64) -> TxEnv {
    TxEnv { caller: from, kind: to, value, data, gas_limit, gas_price: 0, chain_id: None, ..TxEnv::default() }
}

/// Output of a call that succeeded.
///
/// # Errors
///
/// Code 3 with the contract's data for a revert, -32000 for a halt.
pub(super) fn output(result: ExecutionResult<HaltReason>) -> Result<Bytes, RpcFailure> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcFailure::reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcFailure::refused(match reason {
            HaltReason::OutOfGas(_) => "out of gas".to_owned(),
            other => format!("execution halted: {other:?}"),
        })),
    }
}

/// Logs of an execution; a failed one has none.
pub(super) fn logs(result: ExecutionResult<HaltReason>) -> Vec<Log> {
    match result {
        ExecutionResult::Success { logs, .. } => logs,
        ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Vec::new(),
    }
}
