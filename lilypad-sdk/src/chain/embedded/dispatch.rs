//! JSON-RPC methods: which exist, what their parameters are, what they answer.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::{
    DatabaseRef as _,
    context::TxEnv,
    context::result::{ExecutionResult, HaltReason},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    EmbeddedConfig,
    error::RpcFailure,
    evm,
    filter::{Filters, LogFilter},
    json::{self, quantity},
    state::State,
};
use crate::chain::BlockHead;

/// Priority fee that is suggested, in wei per gas.
const SUGGESTED_TIP: u64 = 1_000_000;
/// Most members of one batch.
const MAX_BATCH: usize = 1000;
/// Gas a call stipend may withhold from the last frame, added before the first guess of an estimate.
const CALL_STIPEND: u64 = 2300;
/// Most blocks one `eth_feeHistory` or `evm_mine` may name.
const MAX_BLOCKS: u64 = 1024;
/// Most snapshots kept.
const MAX_SNAPSHOTS: usize = 64;

/// The chain behind its lock.
pub(super) struct Shared {
    state: State,
    filters: Filters,
    snapshots: Vec<(u64, State)>,
    next_snapshot: u64,
    heads: watch::Sender<BlockHead>,
}

impl Shared {
    /// Every account as it is.
    #[cfg(any(test, feature = "test-utils"))]
    pub(super) fn accounts(&self) -> Vec<super::EmbeddedAccount> {
        let of = |(address, account): (&Address, &revm::database::DbAccount)| super::EmbeddedAccount {
            address: *address,
            balance: account.info.balance,
            nonce: account.info.nonce,
            code: code(&self.state, *address),
            storage: account.storage.iter().filter(|(_, v)| !v.is_zero()).map(|(k, v)| (*k, *v)).collect(),
        };
        self.state.db.cache.accounts.iter().map(of).collect()
    }

    pub(super) fn new(config: EmbeddedConfig) -> (Self, watch::Receiver<BlockHead>) {
        let state = State::new(config);
        let (heads, receiver) = watch::channel(state.head().head());
        (Self { state, filters: Filters::default(), snapshots: Vec::new(), next_snapshot: 1, heads }, receiver)
    }

    pub(super) fn genesis_hash(&self) -> B256 {
        self.state.block(0).map(|block| block.hash).unwrap_or_default()
    }

    /// Answers one method and announces a new head if it made one.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value, RpcFailure> {
        let answer = self.dispatch(method, &Params::new(params)?);
        let head = self.state.head().head();
        self.heads.send_if_modified(|current| {
            let changed = current.hash != head.hash;
            *current = head;
            changed
        });
        answer
    }

    fn dispatch(&mut self, method: &str, params: &Params) -> Result<Value, RpcFailure> {
        let state = &mut self.state;
        Ok(match method {
            "web3_clientVersion" => json!(concat!("lilypad-embedded/", env!("CARGO_PKG_VERSION"))),
            "net_version" => json!(state.chain_id.to_string()),
            "net_listening" => json!(true),
            "eth_syncing" => json!(false),
            "eth_accounts" => json!([]),
            "eth_chainId" => quantity(state.chain_id),
            "eth_blockNumber" => quantity(state.head_number()),
            "eth_gasPrice" => quantity(state.base_fee.saturating_add(SUGGESTED_TIP)),
            "eth_maxPriorityFeePerGas" => quantity(SUGGESTED_TIP),
            "eth_feeHistory" => fee_history(state, params)?,
            "eth_getBalance" => quantity(at_latest(state, params, 1)?.account(params.get(0)?).balance),
            "eth_getCode" => json!(code(at_latest(state, params, 1)?, params.get(0)?)),
            "eth_getStorageAt" => {
                let (address, slot): (Address, U256) = (params.get(0)?, params.get(1)?);
                let value = at_latest(state, params, 2)?.db.storage_ref(address, slot).unwrap_or_default();
                json!(B256::from(value))
            }
            "eth_getTransactionCount" => {
                let address: Address = params.get(0)?;
                quantity(match params.block(1, state)? {
                    At::Pending => state.pending_nonce(address),
                    _ => at_latest(state, params, 1)?.account(address).nonce,
                })
            }
            "eth_getBlockByNumber" => {
                let at = params.block(0, state)?;
                let full = params.optional(1)?.unwrap_or(false);
                if at == At::Pending {
                    return Ok(json::block(&state.pending_block(), full));
                }
                state.block(at.number(state.head_number())).map_or(Value::Null, |block| json::block(block, full))
            }
            "eth_getBlockByHash" => {
                let full = params.optional(1)?.unwrap_or(false);
                state.block_by_hash(params.get(0)?).map_or(Value::Null, |block| json::block(block, full))
            }
            "eth_getTransactionByHash" => {
                let hash = params.get(0)?;
                match state.mined(hash) {
                    Some((block, index)) => json::transaction(block, index),
                    None => state.pool.by_hash(hash).map_or(Value::Null, |wait| json::pending(&wait.tx, wait.from)),
                }
            }
            "eth_getTransactionReceipt" => {
                state.mined(params.get(0)?).map_or(Value::Null, |(block, index)| json::receipt(block, index))
            }
            "eth_getBlockReceipts" => {
                let number = params.block(0, state)?.number(state.head_number());
                state.block(number).map_or(Value::Null, |block| {
                    Value::Array((0..block.txs.len()).map(|index| json::receipt(block, index)).collect())
                })
            }
            "eth_call" => json!(call(state, params)?),
            "eth_estimateGas" => quantity(estimate(state, params)?),
            "eth_sendRawTransaction" => json!(state.submit(&params.get::<Bytes>(0)?)?),
            "eth_getLogs" => {
                let filter = LogFilter::parse(state, params.value(0)?)?;
                Value::Array(filter.collect(state, filter.from, filter.to.unwrap_or(state.head_number())))
            }
            "eth_newFilter" => quantity(self.filters.install_logs(LogFilter::parse(state, params.value(0)?)?)),
            "eth_newBlockFilter" => quantity(self.filters.install_blocks(state)),
            "eth_getFilterChanges" => Value::Array(self.filters.changes(state, params.number(0)?)?),
            "eth_getFilterLogs" => Value::Array(self.filters.all(state, params.number(0)?)?),
            "eth_uninstallFilter" => json!(self.filters.uninstall(params.number(0)?)),
            "evm_mine" | "anvil_mine" | "hardhat_mine" => self.mine(method, params)?,
            "evm_increaseTime" => json!(state.increase_time(params.number(0)?)),
            "evm_setNextBlockTimestamp" => {
                state.set_next_timestamp(params.number(0)?)?;
                Value::Null
            }
            "evm_setAutomine" => {
                state.automine = params.get(0)?;
                Value::Null
            }
            "anvil_setBalance" | "hardhat_setBalance" => {
                state.set_balance(params.get(0)?, params.get(1)?);
                Value::Null
            }
            "anvil_dropTransaction" => {
                let hash: B256 = params.get(0)?;
                state.pool.remove(hash).map_or(Value::Null, |_| json!(hash))
            }
            "evm_snapshot" => self.snapshot(),
            "evm_revert" => json!(self.revert(params.number(0)?)),
            unknown => return Err(RpcFailure::unknown_method(unknown)),
        })
    }

    /// `evm_mine` takes a time stamp or `{timestamp, blocks}`; the other two a number of blocks.
    fn mine(&mut self, method: &str, params: &Params) -> Result<Value, RpcFailure> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Options {
            timestamp: Option<U256>,
            blocks: Option<U256>,
        }
        let options = if method != "evm_mine" {
            Options { blocks: params.optional(0)?, ..Options::default() }
        } else if params.peek(0).is_some_and(Value::is_object) {
            params.get(0)?
        } else {
            Options { timestamp: params.optional(0)?, ..Options::default() }
        };
        if let Some(timestamp) = options.timestamp {
            self.state.set_next_timestamp(timestamp.saturating_to())?;
        }
        let blocks = options.blocks.map_or(1, |blocks| blocks.saturating_to::<u64>());
        if blocks > MAX_BLOCKS {
            return Err(RpcFailure::invalid_params(format_args!("at most {MAX_BLOCKS} blocks at once")));
        }
        for _ in 0..blocks {
            self.state.mine();
        }
        Ok(quantity(0_u64))
    }

    fn snapshot(&mut self) -> Value {
        if self.snapshots.len() >= MAX_SNAPSHOTS {
            self.snapshots.remove(0);
        }
        let id = self.next_snapshot;
        self.next_snapshot += 1;
        self.snapshots.push((id, self.state.clone()));
        quantity(id)
    }

    /// Goes back to a snapshot, which it and all later ones do not survive.
    fn revert(&mut self, id: u64) -> bool {
        let Some(index) = self.snapshots.iter().position(|(known, _)| *known == id) else {
            return false;
        };
        if let Some((_, state)) = self.snapshots.drain(index..).next() {
            self.state = state;
        }
        true
    }
}

/// Answers a request object or a batch; the only entry for JSON from outside.
pub(super) fn handle(shared: &mut Shared, request: Value) -> Value {
    match request {
        Value::Array(batch) if batch.is_empty() => failure(Value::Null, &RpcFailure::invalid_request("empty batch")),
        Value::Array(batch) if batch.len() > MAX_BATCH => {
            failure(Value::Null, &RpcFailure::invalid_request("too many members in a batch"))
        }
        Value::Array(batch) => Value::Array(batch.into_iter().filter_map(|request| single(shared, request)).collect()),
        request => single(shared, request).unwrap_or(Value::Null),
    }
}

fn single(shared: &mut Shared, request: Value) -> Option<Value> {
    let Value::Object(mut object) = request else {
        return Some(failure(Value::Null, &RpcFailure::invalid_request("an object is needed")));
    };
    let id = object.remove("id");
    let Some(Value::String(method)) = object.remove("method") else {
        return Some(failure(id.unwrap_or_default(), &RpcFailure::invalid_request("method is missing")));
    };
    let answer = shared.call(&method, object.remove("params").unwrap_or_default());
    let id = id?;
    Some(match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => failure(id, &error),
    })
}

fn failure(id: Value, error: &RpcFailure) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error.to_json() })
}

/// The block a request speaks of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Latest,
    Pending,
    Number(u64),
}

impl At {
    /// The number meant, with the newest mined block for `latest` and `pending`.
    pub(super) fn number(self, head: u64) -> u64 {
        match self {
            Self::Latest | Self::Pending => head,
            Self::Number(number) => number,
        }
    }
}

/// Reads a tag, a number, or the object of EIP-1898.
pub(super) fn parse_block(value: &Value, state: &State) -> Result<At, RpcFailure> {
    Ok(match value {
        Value::Null => At::Latest,
        Value::String(tag) => match tag.as_str() {
            "latest" | "safe" | "finalized" => At::Latest,
            "pending" => At::Pending,
            "earliest" => At::Number(0),
            number => At::Number(parse_number(&Value::String(number.to_owned()))?),
        },
        Value::Object(object) => match (object.get("blockNumber"), object.get("blockHash")) {
            (Some(number), _) => At::Number(parse_number(number)?),
            (None, Some(hash)) => {
                let hash = B256::deserialize(hash).map_err(RpcFailure::invalid_params)?;
                let block = state.block_by_hash(hash).ok_or_else(|| RpcFailure::refused("header not found"))?;
                At::Number(block.header.number)
            }
            (None, None) => {
                return Err(RpcFailure::invalid_params("blockNumber or blockHash is needed"));
            }
        },
        number => At::Number(parse_number(number)?),
    })
}

fn parse_number(value: &Value) -> Result<u64, RpcFailure> {
    let number = U256::deserialize(value).map_err(RpcFailure::invalid_params)?;
    u64::try_from(number).map_err(|_| RpcFailure::invalid_params(format_args!("number {number} is too large")))
}

/// The state, provided that the block asked for is the newest.
fn at_latest<'a>(state: &'a State, params: &Params, index: usize) -> Result<&'a State, RpcFailure> {
    require_latest(state, params.block(index, state)?)?;
    Ok(state)
}

fn require_latest(state: &State, at: At) -> Result<(), RpcFailure> {
    let head = state.head_number();
    match at {
        At::Number(number) if number > head => Err(RpcFailure::refused("header not found")),
        At::Number(number) if number < head => Err(RpcFailure::refused(format!(
            "state of block {number} is not kept: the embedded chain only has that of the newest block, {head}"
        ))),
        _ => Ok(()),
    }
}

/// Positional parameters.
struct Params(Vec<Value>);

impl Params {
    fn new(params: Value) -> Result<Self, RpcFailure> {
        match params {
            Value::Null => Ok(Self(Vec::new())),
            Value::Array(list) => Ok(Self(list)),
            _ => Err(RpcFailure::invalid_params("a list is needed")),
        }
    }

    fn peek(&self, index: usize) -> Option<&Value> {
        self.0.get(index).filter(|value| !value.is_null())
    }

    fn value(&self, index: usize) -> Result<&Value, RpcFailure> {
        self.peek(index).ok_or_else(|| RpcFailure::invalid_params(format_args!("parameter {index} is missing")))
    }

    fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, RpcFailure> {
        T::deserialize(self.value(index)?)
            .map_err(|err| RpcFailure::invalid_params(format_args!("parameter {index}: {err}")))
    }

    fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, RpcFailure> {
        self.peek(index).map(|_| self.get(index)).transpose()
    }

    fn number(&self, index: usize) -> Result<u64, RpcFailure> {
        parse_number(self.value(index)?)
    }

    fn block(&self, index: usize, state: &State) -> Result<At, RpcFailure> {
        parse_block(self.0.get(index).unwrap_or(&Value::Null), state)
    }
}

/// The transaction object of `eth_call` and `eth_estimateGas`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallObject {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<U256>,
    value: Option<U256>,
    input: Option<Bytes>,
    data: Option<Bytes>,
}

impl CallObject {
    fn into_env(self, gas_limit: u64) -> TxEnv {
        let gas = self.gas.map_or(gas_limit, |gas| gas.saturating_to::<u64>().min(gas_limit));
        evm::env_of_call(
            self.from.unwrap_or_default(),
            self.to.map_or(TxKind::Create, TxKind::Call),
            self.value.unwrap_or_default(),
            self.input.or(self.data).unwrap_or_default(),
            gas,
        )
    }
}

fn call(state: &mut State, params: &Params) -> Result<Bytes, RpcFailure> {
    let at = params.block(1, state)?;
    require_latest(state, at)?;
    if params.peek(2).is_some() {
        return Err(RpcFailure::invalid_params("state overrides are not supported by the embedded chain"));
    }
    let env = if at == At::Pending { state.next_env() } else { state.head_env() };
    let tx = params.get::<CallObject>(0)?.into_env(state.gas_limit);
    evm::output(state.simulate(&env, tx)?)
}

/// The least gas limit, to within a sixty-fourth, with which the call succeeds in the next block.
///
/// Gas used is not enough: refunds come after the fact, and a frame may pass on only 63/64 of what is left.
fn estimate(state: &mut State, params: &Params) -> Result<u64, RpcFailure> {
    require_latest(state, params.block(1, state)?)?;
    let env = state.next_env();
    let mut tx = params.get::<CallObject>(0)?.into_env(state.gas_limit);
    let ceiling = tx.gas_limit;
    let first = state.simulate(&env, tx.clone())?;
    let spent = first.gas().total_gas_spent().max(first.gas().floor_gas());
    evm::output(first)?;

    let mut enough = ceiling;
    let mut short = spent.saturating_sub(1);
    let guess = spent.saturating_add(CALL_STIPEND).saturating_mul(64) / 63;
    if guess < ceiling {
        if succeeds(state, &env, &mut tx, guess)? {
            return Ok(guess);
        }
        short = guess;
    }
    while enough - short > enough / 64 {
        let middle = short + (enough - short) / 2;
        if succeeds(state, &env, &mut tx, middle)? {
            enough = middle;
        } else {
            short = middle;
        }
    }
    Ok(enough)
}

fn succeeds(
    state: &mut State,
    env: &revm::context::BlockEnv,
    tx: &mut TxEnv,
    gas_limit: u64,
) -> Result<bool, RpcFailure> {
    tx.gas_limit = gas_limit;
    let result: ExecutionResult<HaltReason> = state.simulate(env, tx.clone())?;
    Ok(result.is_success())
}

fn code(state: &State, address: Address) -> Bytes {
    let account = state.account(address);
    match account.code {
        Some(code) => code.original_bytes(),
        None => state.db.code_by_hash_ref(account.code_hash).map(|code| code.original_bytes()).unwrap_or_default(),
    }
}

fn fee_history(state: &State, params: &Params) -> Result<Value, RpcFailure> {
    let head = state.head_number();
    let newest = params.block(1, state)?.number(head).min(head);
    let count = params.number(0)?.clamp(1, MAX_BLOCKS).min(newest + 1);
    let percentiles = params.optional::<Vec<f64>>(2)?.map_or(0, |list| list.len());
    let blocks = usize::try_from(count).unwrap_or(usize::MAX);
    let fees: Vec<Value> = (0..=blocks).map(|_| quantity(state.base_fee)).collect();
    let rewards: Vec<Vec<Value>> = (0..blocks).map(|_| vec![quantity(SUGGESTED_TIP); percentiles]).collect();
    Ok(json!({
        "oldestBlock": quantity(newest + 1 - count),
        "baseFeePerGas": fees,
        "gasUsedRatio": vec![0.0; blocks],
        "reward": rewards,
    }))
}
