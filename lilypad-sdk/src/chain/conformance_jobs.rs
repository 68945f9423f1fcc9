//! The part of the conformance suite about jobs that contracts order and about proof of work.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite: it panics on purpose")]

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use serde_json::json;

use super::{
    Chain, ChainError, ContractError, OnChainJobStatus, RevertReason, RpcChain, TxReceipt, bindings as sol,
    conformance::World,
};
use crate::types::{Amount, DataId, DealId};

async fn send<C: SolCall>(chain: &RpcChain, to: Address, call: C) -> Result<TxReceipt, ChainError> {
    chain.send_typed("contract", to, &call).await
}

fn refusal(answer: Result<impl std::fmt::Debug, ChainError>) -> ContractError {
    match answer {
        Err(ChainError::Reverted { reason: RevertReason::Contract(error), .. }) => error,
        other => panic!("no refusal of ours: {other:?}"),
    }
}

fn me(chain: &RpcChain) -> Address {
    Chain::address(chain).unwrap()
}

/// A contract orders cowsay, its payee pays, the service delivers, the contract has the result. Then one that fails, one that
/// the service forgets, and orders that are refused.
pub(super) async fn contracts_order_jobs(world: &World) {
    let (service, payer) = (world.admin.on_chain_jobs().unwrap(), world.creator.on_chain_jobs().unwrap());
    let payee = me(&world.creator);
    let client = me(&world.admin).create(11);
    let deposit = service.required_deposit().await.unwrap();
    let tokens = async || Chain::token_balance(&world.creator, payee).await.unwrap();
    let before = tokens().await;
    let first = Chain::head(&world.admin).await.unwrap().number;
    assert_eq!(service.service().await.unwrap(), me(&world.admin));
    assert_eq!((service.job(1).await.unwrap(), service.latest().await.unwrap()), (None, 0));

    let order = || sol::ExampleClient::runCowsayCall { message: "moo".to_owned() };
    let refused = refusal(send(&world.creator, client, order()).await);
    assert_eq!(refused, ContractError::ClientNotAuthorized(client));
    payer.authorize_client(client).await.unwrap();
    assert!(payer.is_authorized(payee, client).await.unwrap());
    payer.approve(4).await.unwrap();

    send(&world.creator, client, order()).await.unwrap();
    let id = service.latest().await.unwrap();
    let job = service.job(id).await.unwrap().unwrap();
    assert_eq!((job.client, job.payee, job.deposit), (client, payee, deposit));
    assert_eq!((job.status, job.is_acknowledged), (OnChainJobStatus::Open, false));
    assert_eq!((service.held_deposits().await.unwrap(), service.result(id).await.unwrap()), (deposit, None));
    let (deal, data) = (DealId::from_wire("deal"), DataId::from_wire("QmData"));
    service.deliver(id, &deal, &data).await.unwrap();
    let result = sol::ExampleClient::getJobResultCall { _jobID: U256::from(id) };
    assert_eq!(world.admin.read(("ExampleClient", client), result, 0).await.unwrap(), "QmData");
    let job = service.job(id).await.unwrap().unwrap();
    assert_eq!((job.status, job.is_acknowledged), (OnChainJobStatus::Delivered, true));
    assert_eq!(service.result(id).await.unwrap(), Some((deal.clone(), data.clone())));
    let again = refusal(service.deliver(id, &deal, &data).await);
    assert_eq!(again, ContractError::WrongJobStatus { id, status: 2 });
    assert_eq!(refusal(payer.redeliver(id).await), ContractError::AlreadyAcknowledged { id });

    send(&world.creator, client, order()).await.unwrap();
    service.fail(id + 1, "no provider").await.unwrap();
    assert_eq!(service.job(id + 1).await.unwrap().unwrap().status, OnChainJobStatus::Refunded);
    assert_eq!(before.checked_sub(tokens().await), Some(deposit), "one job was paid for");

    // An account orders for itself; the service forgets it for a day.
    let inputs = ["Message=moo".to_owned()];
    let forgotten = payer.run("cowsay:v0.0.4", &inputs).await.unwrap();
    assert_eq!(forgotten, id + 2);
    let orders = service.ordered(first, Chain::head(&world.admin).await.unwrap().number).await.unwrap();
    let last = orders.last().unwrap();
    assert_eq!((orders.len(), last.id, last.client, last.inputs.as_slice()), (3, forgotten, payee, inputs.as_slice()));
    let deadline = service.job(forgotten).await.unwrap().unwrap().deadline;
    let early = refusal(payer.time_out(forgotten).await);
    assert!(matches!(early, ContractError::JobNotTimedOut { id, .. } if id == forgotten), "{early:?}");
    let left = deadline.as_secs() - Chain::head(&world.admin).await.unwrap().timestamp;
    world.admin.request("evm_increaseTime", json!([left + 2])).await.unwrap();
    world.admin.request("evm_mine", json!([])).await.unwrap();
    payer.time_out(forgotten).await.unwrap();
    assert_eq!(service.job(forgotten).await.unwrap().unwrap().status, OnChainJobStatus::Refunded);
    assert_eq!(
        (service.held_deposits().await.unwrap(), before.checked_sub(tokens().await)),
        (Amount::ZERO, Some(deposit))
    );

    assert_eq!(refusal(payer.run("no version", &[]).await), ContractError::MalformedModule);
    let twice = ["Message=moo".to_owned(), "Message=again".to_owned()];
    assert_eq!(refusal(payer.run("cowsay:v0.0.4", &twice).await), ContractError::MalformedInput { index: 1 });
    payer.revoke_client(client).await.unwrap();
    assert!(!payer.is_authorized(payee, client).await.unwrap());
    let dearer = deposit.checked_mul(2).unwrap();
    service.set_required_deposit(dearer).await.unwrap();
    assert_eq!(payer.required_deposit().await.unwrap(), dearer);
    service.set_required_deposit(deposit).await.unwrap();
}

/// A round of proof of work behind its proxy, at a difficulty that takes a hundred hashes.
pub(super) async fn providers_prove_their_work(world: &World) {
    let (owner, miner) = (world.admin.pow().unwrap(), world.provider.pow().unwrap());
    let account = me(&world.provider);
    let easy = U256::MAX / U256::from(110);
    assert_eq!(refusal(owner.set_difficulty(U256::MAX).await), ContractError::DifficultyOutOfBounds);
    owner.set_difficulty(easy).await.unwrap();
    assert_eq!((owner.difficulty().await.unwrap(), owner.round().await.unwrap().end), (easy, 0));
    assert!(matches!(miner.challenge("node").await, Err(ChainError::Reverted { .. })), "no round is open");
    owner.begin_round().await.unwrap();
    let round = owner.round().await.unwrap();
    assert_eq!(round.end, round.start + 30);
    let open = miner.challenge("node").await.unwrap();
    assert_eq!((open.node_id.as_str(), miner.challenge_of(account).await.unwrap().as_ref()), ("node", Some(&open)));
    let wrong = (0_u64..).map(U256::from).find(|nonce| !open.is_solved_by(*nonce)).unwrap();
    assert!(matches!(
        miner.prove(wrong, "node").await,
        Err(ChainError::Reverted { reason: RevertReason::Text(_), .. })
    ));
    let nonce = (0_u64..).map(U256::from).find(|nonce| open.is_solved_by(*nonce)).unwrap();
    miner.prove(nonce, "node").await.unwrap();
    assert_eq!((owner.proof_count().await.unwrap(), owner.miners().await.unwrap()), (1, vec![account]));
    let proofs = owner.proofs(account).await.unwrap();
    assert_eq!((proofs.len(), proofs[0].nonce, proofs[0].challenge), (1, nonce, open.challenge));
    assert_eq!(miner.challenge_of(account).await.unwrap(), None, "a challenge is used up");
    assert!(
        matches!(miner.challenge("node").await, Err(ChainError::Reverted { reason: RevertReason::Contract(ContractError::RoundAlreadyProven(who)), .. }) if who == account)
    );
}
