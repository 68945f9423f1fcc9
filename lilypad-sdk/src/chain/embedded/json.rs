//! Blocks, transactions, receipts and logs as the JSON that clients decode.

use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256, Log, U256};
use serde_json::{Value, json};

use super::state::{Block, Mined};

/// A number as JSON-RPC writes it: hexadecimal without leading zeros.
pub(super) fn quantity(number: impl TryInto<U256>) -> Value {
    Value::String(format!("{:#x}", number.try_into().unwrap_or(U256::MAX)))
}

pub(super) fn block(block: &Block, full: bool) -> Value {
    let mut object = serde_json::to_value(&block.header).unwrap_or_default();
    let transactions: Vec<Value> = block
        .txs
        .iter()
        .enumerate()
        .map(|(index, mined)| if full { transaction(block, index) } else { json!(mined.hash) })
        .collect();
    object["hash"] = json!(block.hash);
    object["size"] = quantity(0_u64);
    object["uncles"] = json!([]);
    object["transactions"] = Value::Array(transactions);
    object
}

pub(super) fn transaction(block: &Block, index: usize) -> Value {
    let Some(mined) = block.txs.get(index) else {
        return Value::Null;
    };
    let mut object = pending(&mined.tx, mined.from);
    object["blockHash"] = json!(block.hash);
    object["blockNumber"] = quantity(block.header.number);
    object["transactionIndex"] = quantity(index);
    object["gasPrice"] = quantity(mined.tx.effective_gas_price(block.header.base_fee_per_gas));
    object
}

/// A transaction that waits: its place in a block is `null`.
pub(super) fn pending(tx: &TxEnvelope, from: Address) -> Value {
    let mut object = serde_json::to_value(tx).unwrap_or_default();
    object["from"] = json!(from);
    object["blockHash"] = Value::Null;
    object["blockNumber"] = Value::Null;
    object["transactionIndex"] = Value::Null;
    object
}

pub(super) fn receipt(block: &Block, index: usize) -> Value {
    let Some(mined) = block.txs.get(index) else {
        return Value::Null;
    };
    let logs: Vec<Value> =
        mined.logs.iter().enumerate().map(|(position, entry)| log(block, index, position, entry)).collect();
    json!({
        "type": quantity(mined.tx.tx_type() as u8),
        "status": quantity(u8::from(mined.success)),
        "transactionHash": mined.hash,
        "transactionIndex": quantity(index),
        "blockHash": block.hash,
        "blockNumber": quantity(block.header.number),
        "from": mined.from,
        "to": mined.tx.to(),
        "contractAddress": mined.created,
        "gasUsed": quantity(mined.gas_used),
        "cumulativeGasUsed": quantity(mined.cumulative_gas),
        "effectiveGasPrice": quantity(mined.tx.effective_gas_price(block.header.base_fee_per_gas)),
        "logsBloom": mined.bloom,
        "logs": logs,
    })
}

pub(super) fn log(block: &Block, tx_index: usize, position: usize, log: &Log) -> Value {
    let (hash, first): (B256, usize) =
        block.txs.get(tx_index).map_or_else(Default::default, |mined: &Mined| (mined.hash, mined.first_log));
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": block.hash,
        "blockNumber": quantity(block.header.number),
        "blockTimestamp": quantity(block.header.timestamp),
        "transactionHash": hash,
        "transactionIndex": quantity(tx_index),
        "logIndex": quantity(first + position),
        "removed": false,
    })
}
