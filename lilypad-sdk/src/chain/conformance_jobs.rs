//! The part of the conformance suite about jobs that contracts order and about proof of work.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite: it panics on purpose")]

use alloy_primitives::{Address, U256, keccak256};
use alloy_sol_types::SolCall;

use super::{
    Chain, ChainCall, ChainError, ContractError, RevertReason, RpcChain, TxOptions, TxReceipt, bindings as sol,
    call::Prepared, conformance::World,
};
use crate::types::Amount;

async fn send<C: SolCall>(chain: &RpcChain, to: Address, call: C) -> Result<TxReceipt, ChainError> {
    let call = Prepared {
        contract: "contract",
        call: C::SIGNATURE.split('(').next().unwrap(),
        to: Some(to),
        value: U256::ZERO,
        input: call.abi_encode().into(),
        headroom: 0,
        tokens: None,
    };
    chain.send_prepared(call, TxOptions::default()).await
}

fn refusal(answer: Result<TxReceipt, ChainError>) -> ContractError {
    match answer {
        Err(ChainError::Reverted { reason: RevertReason::Contract(error), .. }) => error,
        other => panic!("no refusal of ours: {other:?}"),
    }
}

fn me(chain: &RpcChain) -> Address {
    Chain::address(chain).unwrap()
}

/// A contract orders cowsay, its payee pays, the service delivers, the contract has the result. Then one that fails.
pub(super) async fn contracts_order_jobs(world: &World) {
    let (service, payer) = (&world.admin, &world.creator);
    let jobs = Chain::contracts(service).job_creator.expect("the set has it");
    let client = me(service).create(11);
    let at = ("OnChainJobCreator", jobs);
    let deposit = service.read(at, sol::JobCreator::getRequiredDepositCall {}, 0).await.unwrap();
    let tokens = async || Chain::token_balance(payer, me(payer)).await.unwrap();
    let before = tokens().await;

    let order = || sol::ExampleClient::runCowsayCall { message: "moo".to_owned() };
    let refused = refusal(send(payer, client, order()).await);
    assert_eq!(refused, ContractError::ClientNotAuthorized(client));
    send(payer, jobs, sol::JobCreator::authorizeClientCall { client }).await.unwrap();
    let twice = ChainCall::Approve { spender: jobs, amount: Amount::from_wei(deposit * U256::from(2)) };
    Chain::send(payer, twice, TxOptions::default()).await.unwrap();

    send(payer, client, order()).await.unwrap();
    let id = service.read(at, sol::JobCreator::nextJobIDCall {}, 0).await.unwrap();
    let job = service.read(at, sol::JobCreator::getJobCall { id }, 0).await.unwrap();
    assert_eq!((job.callingContract, job.payee, job.deposit, job.status), (client, me(payer), deposit, 1));
    assert_eq!(service.read(at, sol::JobCreator::heldDepositsCall {}, 0).await.unwrap(), deposit);
    let deliver = || sol::JobCreator::submitResultsCall { id, dealId: "deal".to_owned(), dataId: "QmData".to_owned() };
    send(service, jobs, deliver()).await.unwrap();
    let result = sol::ExampleClient::getJobResultCall { _jobID: id };
    assert_eq!(service.read(("ExampleClient", client), result, 0).await.unwrap(), "QmData");
    assert!(service.read(at, sol::JobCreator::getJobCall { id }, 0).await.unwrap().acknowledged);
    let again = refusal(send(service, jobs, deliver()).await);
    assert_eq!(again, ContractError::WrongJobStatus { id: id.to(), status: 2 });

    send(payer, client, order()).await.unwrap();
    let id = id + U256::from(1);
    send(service, jobs, sol::JobCreator::failJobCall { id, reason: "no provider".to_owned() }).await.unwrap();
    assert_eq!(before.checked_sub(tokens().await), Some(Amount::from_wei(deposit)), "one job was paid for");

    let malformed =
        sol::JobCreator::runJobCall { module: "no version".to_owned(), inputs: Vec::new(), payee: me(payer) };
    assert_eq!(refusal(send(payer, jobs, malformed).await), ContractError::MalformedModule);
    let inputs = vec!["Message=moo".to_owned(), "Message=again".to_owned()];
    let malformed = sol::JobCreator::runJobCall { module: "cowsay:v0.0.4".to_owned(), inputs, payee: me(payer) };
    assert_eq!(refusal(send(payer, jobs, malformed).await), ContractError::MalformedInput { index: 1 });
}

/// A round of proof of work behind its proxy, at a difficulty that takes a hundred hashes.
pub(super) async fn providers_prove_their_work(world: &World) {
    let (owner, miner) = (&world.admin, &world.provider);
    let pow = Chain::contracts(owner).pow.expect("the set has it");
    let at = ("Pow", pow);
    let easy = U256::MAX / U256::from(110);
    let bounds = refusal(send(owner, pow, sol::Pow::change_difficultyCall { difficulty: U256::MAX }).await);
    assert_eq!(bounds, ContractError::DifficultyOutOfBounds);
    send(owner, pow, sol::Pow::change_difficultyCall { difficulty: easy }).await.unwrap();
    send(owner, pow, sol::Pow::triggerNewPowRoundCall {}).await.unwrap();
    send(miner, pow, sol::Pow::generateChallengeCall { nodeId: "node".to_owned() }).await.unwrap();
    let open = owner.read(at, sol::Pow::lastChallengesCall(me(miner)), 0).await.unwrap();
    let nonce = (0_u64..)
        .map(U256::from)
        .find(|nonce| {
            let hash = keccak256([open.challenge.0, nonce.to_be_bytes()].concat());
            U256::from_be_bytes(hash.0) < open.difficulty
        })
        .unwrap();
    send(miner, pow, sol::Pow::submitWorkCall { nonce, nodeId: "node".to_owned() }).await.unwrap();
    assert_eq!(owner.read(at, sol::Pow::validProofsCall {}, 0).await.unwrap(), U256::from(1));
    assert_eq!(owner.read(at, sol::Pow::getMinersCall {}, 0).await.unwrap(), [me(miner)]);
    let again = send(miner, pow, sol::Pow::generateChallengeCall { nodeId: "node".to_owned() }).await;
    assert_eq!(refusal(again), ContractError::RoundAlreadyProven(me(miner)));
}
