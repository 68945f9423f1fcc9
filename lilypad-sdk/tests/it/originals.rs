//! The deployed v1 contracts where they behave differently from ours. Their bytecode is not at hand: stand-ins reproduce
//! what is known of it, compiled here from `contracts/test/mocks`.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use lilypad_sdk::{
    chain::{Chain, ChainCall, ChainError, Contracts, DynChain, Network, RevertReason, RpcChain, TxOptions, Wallet},
    deal::{AgreementState, TimeoutKind},
    types::DealId,
};
use serde_json::{Value, json};

use crate::{
    chain::Anvil,
    deploy::{Flaky, Node, rpc},
};

/// Creation code of every contract of the stand-ins.
fn compile() -> Value {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let source = std::fs::read_to_string(contracts.join("test/mocks/V1StandIns.sol")).unwrap();
    let input = json!({
        "language": "Solidity",
        "sources": { "V1StandIns.sol": { "content": source } },
        "settings": { "outputSelection": { "*": { "*": ["evm.bytecode.object"] } } },
    });
    let mut solc = Command::new(contracts.join("tools/solc"))
        .arg("--standard-json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    solc.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = solc.wait_with_output().unwrap();
    let compiled: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(compiled["contracts"].is_object(), "{compiled:#}");
    compiled["contracts"]["V1StandIns.sol"].clone()
}

/// A transaction of anvil's first account, which anvil signs itself.
async fn send(chain: &RpcChain, to: Option<Address>, data: Bytes) -> Value {
    let mut tx = json!({ "from": Wallet::dev(0).unwrap().address(), "data": data, "gas": "0x4c4b40" });
    if let Some(to) = to {
        tx["to"] = json!(to);
    }
    let hash: B256 = serde_json::from_value(chain.request("eth_sendTransaction", json!([tx])).await.unwrap()).unwrap();
    loop {
        let receipt = chain.request("eth_getTransactionReceipt", json!([hash])).await.unwrap();
        if !receipt.is_null() {
            assert_eq!(receipt["status"], "0x1", "{receipt:#}");
            return receipt;
        }
    }
}

async fn create(chain: &RpcChain, compiled: &Value, contract: &str, arguments: &[Address]) -> Address {
    let code = compiled[contract]["evm"]["bytecode"]["object"].as_str().unwrap();
    let mut data = alloy_primitives::hex::decode(code).unwrap();
    arguments.iter().for_each(|argument| data.extend(argument.into_word().0));
    serde_json::from_value(send(chain, None, data.into()).await["contractAddress"].clone()).unwrap()
}

/// Puts the agreement of every deal into a state, agreed and submitted at these seconds.
async fn set(chain: &RpcChain, store: Address, state: AgreementState, at: u64) {
    let words = [u64::from(state.code()), at, if state == AgreementState::DealAgreed { 0 } else { at }];
    let mut data = keccak256("set(uint256,uint256,uint256)")[..4].to_vec();
    words.iter().for_each(|word| data.extend(U256::from(*word).to_be_bytes::<32>()));
    send(chain, Some(store), data.into()).await;
}

fn reason(answer: Result<impl std::fmt::Debug, ChainError>) -> String {
    match answer {
        Err(ChainError::Reverted { reason: RevertReason::Text(text), .. }) => text,
        other => panic!("no text of a contract: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_v1_lacks_is_explained_and_not_asked_for_again() {
    let Some(anvil) = Anvil::start() else { return };
    let flaky = Flaky::before(Node::Http(anvil.http(), reqwest::Client::new())).await;
    let admin = RpcChain::connect(rpc(&anvil.http()), None).await.unwrap();
    let compiled = compile();
    let (provider, creator) = (Wallet::dev(4).unwrap(), Wallet::dev(5).unwrap());
    let payments = create(&admin, &compiled, "V1Payments", &[]).await;
    let storage = create(&admin, &compiled, "V1Storage", &[]).await;
    let parties = [storage, payments, creator.address(), provider.address()];
    let controller = create(&admin, &compiled, "V1Controller", &parties).await;
    // Its mediation draws nothing, as v1's.
    let contracts = Contracts { controller, payments, storage, mediation: payments, ..Network::local().contracts };
    let connect = async |wallet: &Wallet| {
        let chain = RpcChain::connect(rpc(&flaky.url), Some(wallet.clone())).await.unwrap();
        chain.with_contracts(contracts)
    };
    let (of_creator, of_provider) = (connect(&creator).await, connect(&provider).await);
    let (jc, rp): (&dyn DynChain, &dyn DynChain) = (&of_creator, &of_provider);
    let deal = DealId::from_wire("QmDeal");
    let now = Chain::head(&admin).await.unwrap().timestamp;

    // Refusals with a text are what they were: by `tx.origin`, state and time.
    set(&admin, storage, AgreementState::DealAgreed, now).await;
    assert_eq!(reason(rp.timeout(TimeoutKind::SubmitResult, &deal).await), "Only JC");
    assert_eq!(reason(jc.timeout(TimeoutKind::SubmitResult, &deal).await), "Not timed out");
    assert_eq!(reason(rp.timeout(TimeoutKind::JudgeResult, &deal).await), "Not correct state");

    // Overdue: v1 calls a name that Payments does not have, and reverts without a word.
    set(&admin, storage, AgreementState::DealAgreed, now - 1000).await;
    let lacks = async |chain: &RpcChain, call: ChainCall, hint: &str| {
        for asks in [true, false] {
            let before = flaky.requests();
            let error = Chain::send(chain, call.clone(), TxOptions::default()).await.unwrap_err();
            assert!(matches!(error, ChainError::NotOffered { .. }) && error.is_not_offered(), "{error:?}");
            assert!(!error.is_retryable() && error.to_string().contains(call.name()), "{error}");
            assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
            assert_eq!(flaky.requests() > before, asks, "{error}: the node is asked once");
        }
    };
    let timeout = |kind| ChainCall::Timeout { kind, deal: deal.clone() };
    lacks(&of_creator, timeout(TimeoutKind::SubmitResult), "until the provider delivers").await;
    assert_eq!(jc.agreement(&deal, 0).await.unwrap().state, AgreementState::DealAgreed, "nothing happened");
    set(&admin, storage, AgreementState::ResultsSubmitted, now - 1000).await;
    lacks(&of_provider, timeout(TimeoutKind::JudgeResult), "until the creator judges").await;
    lacks(&of_provider, ChainCall::GiveUp(deal.clone()), "lilypad contracts show").await;
    lacks(&of_creator, ChainCall::DrawMediator(deal.clone()), "lilypad contracts show").await;

    // What v1 has works.
    set(&admin, storage, AgreementState::ResultsChecked, now - 1000).await;
    rp.timeout(TimeoutKind::MediateResult, &deal).await.unwrap();
    assert_eq!(jc.agreement(&deal, 0).await.unwrap().state, AgreementState::TimeoutMediateResults);
}
