#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718 as _,
    rpc::client::RpcClient,
};
use alloy_primitives::{Bytes, TxKind, U64, hex};
use serde_json::json;

use super::*;
use crate::chain::Wallet;

/// Init code of a contract whose runtime code is `runtime`.
fn init_code(runtime: &[u8]) -> Bytes {
    let mut code =
        vec![0x60, u8::try_from(runtime.len()).unwrap(), 0x80, 0x60, 0x0b, 0x60, 0x00, 0x39, 0x60, 0x00, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

fn signed(from: usize, nonce: u64, to: TxKind, input: Bytes, tip: u128) -> (B256, Bytes) {
    let tx = TxEip1559 {
        chain_id: LOCAL_CHAIN_ID,
        nonce,
        gas_limit: 1_000_000,
        max_fee_per_gas: 2_000_000_000 + tip,
        max_priority_fee_per_gas: tip,
        to,
        input,
        ..TxEip1559::default()
    };
    let signature = Wallet::dev(from).unwrap().sign_hash(&tx.signature_hash()).unwrap();
    let tx = TxEnvelope::from(tx.into_signed(signature));
    (*tx.hash(), tx.encoded_2718().into())
}

fn ask(chain: &EmbeddedChain, method: &str, params: Value) -> Value {
    let answer = chain.handle_rpc(json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}));
    assert_eq!(answer["id"], 7);
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

fn refuse(chain: &EmbeddedChain, method: &str, params: Value) -> Value {
    let answer = chain.handle_rpc(json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}));
    assert!(answer.get("result").is_none(), "{method}: {answer}");
    answer["error"].clone()
}

fn send(chain: &EmbeddedChain, raw: &Bytes) -> Value {
    ask(chain, "eth_sendRawTransaction", json!([raw]))
}

#[test]
fn mines_one_block_for_each_transaction() {
    let chain = EmbeddedChain::new();
    let heads = chain.subscribe_blocks();
    let to = DEV_ACCOUNTS[1];
    let (hash, raw) = signed(0, 0, TxKind::Call(to), Bytes::new(), 1);
    assert_eq!(send(&chain, &raw), json!(hash));
    assert_eq!(heads.borrow().number, 1);
    let receipt = ask(&chain, "eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["gasUsed"], "0x5208");
    let block = ask(&chain, "eth_getBlockByNumber", json!(["latest", true]));
    assert_eq!(block["transactions"][0]["hash"], json!(hash));
    assert_eq!(block["hash"], receipt["blockHash"]);
    assert_eq!(ask(&chain, "eth_getTransactionCount", json!([DEV_ACCOUNTS[0], "latest"])), "0x1");
}

#[test]
fn returns_revert_data_with_code_three() {
    let chain = EmbeddedChain::new();
    // PUSH4 deadbeef PUSH1 0 MSTORE PUSH1 4 PUSH1 28 REVERT
    let (_, raw) = signed(0, 0, TxKind::Create, init_code(&hex!("63deadbeef6000526004601cfd")), 1);
    send(&chain, &raw);
    let contract = DEV_ACCOUNTS[0].create(0);
    for method in ["eth_call", "eth_estimateGas"] {
        let error = refuse(&chain, method, json!([{"to": contract}, "latest"]));
        assert_eq!(error["code"], 3, "{method}");
        assert_eq!(error["data"], "0xdeadbeef", "{method}");
    }
    let (hash, raw) = signed(0, 1, TxKind::Call(contract), Bytes::new(), 1);
    send(&chain, &raw);
    assert_eq!(ask(&chain, "eth_getTransactionReceipt", json!([hash]))["status"], "0x0");
    assert_ne!(ask(&chain, "eth_getCode", json!([contract, "latest"])), "0x");
}

#[test]
fn refuses_what_a_node_refuses() {
    let chain = EmbeddedChain::new();
    let to = TxKind::Call(DEV_ACCOUNTS[1]);
    let (_, raw) = signed(0, 0, to, Bytes::new(), 1);
    send(&chain, &raw);
    let text = |error: Value| error["message"].as_str().unwrap().to_owned();
    assert!(text(refuse(&chain, "eth_sendRawTransaction", json!([raw]))).starts_with("nonce too low"));
    ask(&chain, "anvil_setBalance", json!([DEV_ACCOUNTS[2], "0x10"]));
    let (_, poor) = signed(2, 0, to, Bytes::new(), 1);
    assert!(text(refuse(&chain, "eth_sendRawTransaction", json!([poor]))).starts_with("insufficient funds"));
    assert!(text(refuse(&chain, "eth_call", json!([{"to": DEV_ACCOUNTS[1]}, "0x0"]))).contains("is not kept"));
    assert_eq!(refuse(&chain, "eth_call", json!([{"to": DEV_ACCOUNTS[1]}, "0x99"]))["message"], "header not found");
    assert_eq!(refuse(&chain, "eth_sign", json!([]))["code"], -32601);
    assert_eq!(refuse(&chain, "eth_getBalance", json!([]))["code"], -32602);
}

#[test]
fn keeps_a_transaction_from_the_future_until_its_turn() {
    let chain = EmbeddedChain::new();
    let to = TxKind::Call(DEV_ACCOUNTS[1]);
    let (early, first) = signed(0, 1, to, Bytes::new(), 1);
    send(&chain, &first);
    assert!(ask(&chain, "eth_getTransactionReceipt", json!([early])).is_null());
    assert_eq!(refuse(&chain, "eth_sendRawTransaction", json!([first]))["message"], "already known");
    let (_, second) = signed(0, 0, to, Bytes::new(), 1);
    send(&chain, &second);
    assert_eq!(ask(&chain, "eth_getTransactionReceipt", json!([early]))["blockNumber"], "0x2");
}

#[test]
fn replaces_a_waiting_transaction_only_for_more_money() {
    let chain = EmbeddedChain::new();
    ask(&chain, "evm_setAutomine", json!([false]));
    let to = TxKind::Call(DEV_ACCOUNTS[1]);
    let (cheap, raw) = signed(0, 0, to, Bytes::new(), 1);
    send(&chain, &raw);
    assert_eq!(ask(&chain, "eth_getTransactionCount", json!([DEV_ACCOUNTS[0], "pending"])), "0x1");
    let (_, same) = signed(0, 0, to, Bytes::from_static(b"x"), 2);
    let error = refuse(&chain, "eth_sendRawTransaction", json!([same]));
    assert_eq!(error["message"], "replacement transaction underpriced");
    let (dear, raw) = signed(0, 0, to, Bytes::new(), 2_000_000_000);
    send(&chain, &raw);
    ask(&chain, "evm_mine", json!([]));
    assert!(ask(&chain, "eth_getTransactionReceipt", json!([cheap])).is_null());
    assert_eq!(ask(&chain, "eth_getTransactionReceipt", json!([dear]))["status"], "0x1");
}

#[test]
fn moves_the_clock() {
    let chain =
        EmbeddedChain::with_config(EmbeddedConfig { genesis_timestamp: Some(1000), ..EmbeddedConfig::default() });
    let now = || ask(&chain, "eth_getBlockByNumber", json!(["latest", false]))["timestamp"].clone();
    assert_eq!(now(), "0x3e8");
    ask(&chain, "evm_increaseTime", json!([3600]));
    ask(&chain, "evm_mine", json!([]));
    let later = u64::from_str_radix(now().as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    assert!((4600..4660).contains(&later), "{later}");
    ask(&chain, "evm_setNextBlockTimestamp", json!([9000]));
    ask(&chain, "evm_mine", json!([]));
    assert_eq!(now(), json!("0x2328"));
    let error = refuse(&chain, "evm_setNextBlockTimestamp", json!([9000]));
    assert!(error["message"].as_str().unwrap().contains("not after"));
}

#[test]
fn snapshots_come_back() {
    let chain = EmbeddedChain::new();
    let id = ask(&chain, "evm_snapshot", json!([]));
    let (hash, raw) = signed(0, 0, TxKind::Call(DEV_ACCOUNTS[1]), Bytes::new(), 1);
    send(&chain, &raw);
    assert_eq!(ask(&chain, "evm_revert", json!([id])), true);
    assert_eq!(ask(&chain, "eth_blockNumber", json!([])), "0x0");
    assert!(ask(&chain, "eth_getTransactionReceipt", json!([hash])).is_null());
    assert_eq!(ask(&chain, "evm_revert", json!([id])), false);
}

#[test]
fn filters_logs_by_address_topic_and_range() {
    let chain = EmbeddedChain::new();
    // PUSH1 42 PUSH1 0 PUSH1 0 LOG1
    let (_, raw) = signed(0, 0, TxKind::Create, init_code(&hex!("602a60006000a1")), 1);
    send(&chain, &raw);
    let contract = DEV_ACCOUNTS[0].create(0);
    let filter = ask(&chain, "eth_newFilter", json!([{"address": contract, "fromBlock": "latest"}]));
    for nonce in 1..4 {
        send(&chain, &signed(0, nonce, TxKind::Call(contract), Bytes::new(), 1).1);
    }
    let count = |filter: Value| ask(&chain, "eth_getLogs", json!([filter])).as_array().unwrap().len();
    let topic = B256::with_last_byte(0x2a);
    assert_eq!(count(json!({"fromBlock": "0x0", "address": contract, "topics": [topic]})), 3);
    assert_eq!(count(json!({"fromBlock": "0x2", "toBlock": "0x3", "address": [contract]})), 2);
    assert_eq!(count(json!({"fromBlock": "0x0", "topics": [null, topic]})), 0);
    assert_eq!(count(json!({"fromBlock": "0x0", "topics": [[B256::ZERO, topic]]})), 3);
    assert_eq!(count(json!({"fromBlock": "0x0", "address": DEV_ACCOUNTS[0]})), 0);
    assert_eq!(ask(&chain, "eth_getFilterChanges", json!([filter])).as_array().unwrap().len(), 3);
    assert_eq!(ask(&chain, "eth_getFilterChanges", json!([filter])).as_array().unwrap().len(), 0);
    assert_eq!(ask(&chain, "eth_getFilterLogs", json!([filter])).as_array().unwrap().len(), 3);
}

#[test]
fn answers_batches_and_rejects_nonsense() {
    let chain = EmbeddedChain::new();
    let answers = chain.handle_rpc(json!([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": "a", "method": "nope", "params": []},
        5,
    ]));
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["result"], "0x7a69");
    assert_eq!(answers[1]["error"]["code"], -32601);
    assert_eq!(answers[2]["error"]["code"], -32600);
    assert_eq!(chain.handle_rpc(json!([]))["error"]["code"], -32600);
    assert!(chain.handle_rpc(json!({"method": "eth_chainId"})).is_null());
}

#[test]
fn two_chains_have_two_genesis_hashes() {
    assert_ne!(EmbeddedChain::new().genesis_hash(), EmbeddedChain::new().genesis_hash());
}

#[tokio::test]
async fn alloy_decodes_what_the_transport_answers() {
    let chain = EmbeddedChain::new();
    let client = RpcClient::new(EmbeddedTransport::new(&chain), true);
    let (hash, raw) = signed(0, 0, TxKind::Call(DEV_ACCOUNTS[1]), Bytes::new(), 1);
    let sent: B256 = client.request("eth_sendRawTransaction", (raw,)).await.unwrap();
    assert_eq!(sent, hash);
    let receipt: alloy::rpc::types::TransactionReceipt =
        client.request("eth_getTransactionReceipt", (hash,)).await.unwrap();
    assert!(receipt.status());
    let block: alloy::rpc::types::Block = client.request("eth_getBlockByNumber", ("latest", true)).await.unwrap();
    assert_eq!(block.header.number, 1);
    assert_eq!(block.header.inner.hash_slow(), block.header.hash);
    let tx: alloy::rpc::types::Transaction = client.request("eth_getTransactionByHash", (hash,)).await.unwrap();
    assert_eq!(tx.block_number, Some(1));
    let number: U64 = client.request_noparams("eth_blockNumber").await.unwrap();
    assert_eq!(number, U64::from(1));
    let fees: alloy::rpc::types::FeeHistory =
        client.request("eth_feeHistory", (U64::from(5), "latest", [50.0])).await.unwrap();
    assert_eq!(fees.reward.unwrap().len(), 2);
}

#[tokio::test]
async fn holds_an_answer_back_until_there_is_a_block() {
    let chain = EmbeddedChain::new();
    let wait = |after: u64, millis: u64| {
        chain.serve_rpc(json!({"jsonrpc": "2.0", "id": 3, "method": "lilypad_waitForBlock", "params": [after, millis]}))
    };
    assert_eq!(wait(0, 10).await["result"], 0);
    let (answer, ()) = tokio::join!(wait(0, 5000), async { drop(ask(&chain, "evm_mine", json!([]))) });
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 3, "result": 1}));
    let other = chain.serve_rpc(json!({"jsonrpc": "2.0", "id": 4, "method": "eth_blockNumber", "params": []}));
    assert_eq!(other.await["result"], "0x1");
}
