//! One suite that every chain behind [`RpcChain`] passes: the embedded one and a real node.
//!
//! The node must be a development chain: it mines at once, its first accounts are funded, and its clock can be moved.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics on purpose"
)]

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::{Address, U256};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};

use super::{
    Chain, ChainCall, ChainError, ChainEvent, ChainEventKind, ContractError, Contracts, DeployConfig, DynChain,
    EventCursor, RevertReason, RpcChain, ServiceType, SignedTx, TxJournal, TxOptions, Wallet, deal_key, deploy,
};
use crate::{
    deal::{
        AgreementState, DealTerms, DealTimeout, DealTimeouts, PaymentDirection, PaymentReason, TermsPricing,
        TimeoutKind,
    },
    types::{Amount, DataId, DealId, ResultId},
};

/// A development chain under test.
pub trait Host: Sync {
    /// A connection of its own for this key, without lock file.
    fn connect(&self, wallet: Wallet) -> impl Future<Output = RpcChain> + Send;
}

/// The set deployed, with one connection for each role of `local`.
#[derive(Debug)]
pub struct World {
    /// Account 0: deployer, owner, treasury.
    pub admin: RpcChain,
    /// Account 2.
    pub solver: RpcChain,
    /// Accounts 3 and 6.
    pub mediators: [RpcChain; 2],
    /// Account 4.
    pub provider: RpcChain,
    /// Account 5.
    pub creator: RpcChain,
}

static NEXT_DEAL: AtomicU64 = AtomicU64::new(0);

/// Runs every case on a fresh chain.
pub async fn run<H: Host>(host: &H) {
    // Boxed one by one: in a debug build all of them in one future are larger than a thread's stack.
    let world = Box::pin(World::new(host)).await;
    Box::pin(pays_for_an_accepted_result(&world)).await;
    Box::pin(charges_no_more_than_the_collateral(&world)).await;
    Box::pin(settles_a_confirmed_result(&world)).await;
    Box::pin(settles_a_rejected_result(&world)).await;
    Box::pin(returns_everything_when_the_provider_gives_up(&world)).await;
    Box::pin(claims_time_outs(&world)).await;
    Box::pin(decodes_reverts(&world)).await;
    Box::pin(names_missing_money(host, &world)).await;
    Box::pin(reads_events_once(&world)).await;
    Box::pin(survives_a_reorganisation(&world)).await;
    Box::pin(registers_a_service(&world)).await;
    Box::pin(super::conformance_jobs::contracts_order_jobs(&world)).await;
    Box::pin(super::conformance_jobs::providers_prove_their_work(&world)).await;
    Box::pin(shares_a_key(host, &world)).await;
    Box::pin(shares_a_key_through_a_lock_file(&world)).await;
    Box::pin(resumes_without_paying_twice(&world)).await;
    Box::pin(sends_nothing_that_was_not_recorded(&world)).await;
    Box::pin(reprices_a_stuck_transaction(&world)).await;
    Box::pin(waits_for_blocks(&world)).await;
}

impl World {
    /// Deploys the set and funds the roles.
    pub async fn new<H: Host>(host: &H) -> Self {
        let fund = [2, 3, 4, 5, 6].map(|index| Wallet::dev(index).unwrap().address()).to_vec();
        let bare = host.connect(Wallet::dev(0).unwrap()).await;
        let config = DeployConfig { fund, ..DeployConfig::default() };
        let admin = deploy(&bare, &config).await.expect("deployment");
        assert_eq!(
            Chain::contracts(&admin),
            super::Network::local().contracts,
            "a fresh chain has the known addresses"
        );
        Self::joined(host, Chain::contracts(&admin)).await
    }

    /// The same contracts over another host.
    pub async fn over<H: Host>(&self, host: &H) -> Self {
        Self::joined(host, Chain::contracts(&self.admin)).await
    }

    async fn joined<H: Host>(host: &H, contracts: Contracts) -> Self {
        let role = async |index| host.connect(Wallet::dev(index).unwrap()).await.with_contracts(contracts);
        Self {
            admin: role(0).await,
            solver: role(2).await,
            mediators: [role(3).await, role(6).await],
            provider: role(4).await,
            creator: role(5).await,
        }
    }

    /// Takes `deals` deals from both agreements to the acceptance, one after the other; gives the median time of one.
    pub async fn settle(&self, deals: usize) -> Duration {
        let mut times = Vec::with_capacity(deals);
        for _ in 0..deals {
            let terms = self.terms(1);
            let began = Instant::now();
            self.submitted(&terms, 1).await;
            dynamic(&self.creator).accept_result(&terms.deal_id).await.expect("accept");
            times.push(began.elapsed());
        }
        times.sort();
        times.get(deals / 2).copied().unwrap_or_default()
    }

    fn terms(&self, mediators: usize) -> DealTerms {
        let number = NEXT_DEAL.fetch_add(1, Ordering::Relaxed);
        let free = |seconds| DealTimeout { timeout: Duration::from_secs(seconds), collateral: Amount::ZERO };
        DealTerms {
            deal_id: DealId::from_wire(format!("QmConformanceSuiteDeal{number:024}")),
            solver: me(&self.solver),
            job_creator: me(&self.creator),
            resource_provider: me(&self.provider),
            mediators: self.mediators[..mediators].iter().map(me).collect(),
            timeouts: DealTimeouts {
                agree: free(60),
                submit_results: DealTimeout { timeout: Duration::from_secs(1200), collateral: Amount::from_tokens(1) },
                judge_results: free(3600),
                mediate_results: free(3600),
            },
            pricing: TermsPricing {
                instruction_price: Amount::from_tokens(1),
                payment_collateral: Amount::from_tokens(5),
                results_collateral_multiple: 2,
                mediation_fee: Amount::from_tokens(1),
            },
        }
    }

    async fn agreed(&self, terms: &DealTerms) {
        // At once from both sides: neither knows who will be the second and pay for storing the deal.
        let (provider, creator) =
            futures_util::join!(dynamic(&self.provider).agree(terms), dynamic(&self.creator).agree(terms));
        provider.expect("provider agrees");
        creator.expect("creator agrees");
    }

    async fn submitted(&self, terms: &DealTerms, count: u64) {
        self.agreed(terms).await;
        let (results, data) = (ResultId::from_wire("QmResult"), DataId::from_wire("QmData"));
        dynamic(&self.provider).add_result(&terms.deal_id, &results, &data, count).await.expect("add result");
    }

    async fn wallets(&self) -> Purse {
        let mut purse = Purse::default();
        let chains = [&self.provider, &self.creator, &self.mediators[0], &self.mediators[1], &self.admin];
        for (slot, chain) in purse.0.iter_mut().zip(chains) {
            let escrow = Chain::escrow_balance(&self.admin, me(chain)).await.unwrap();
            assert!(escrow.is_zero(), "escrow of {} holds {escrow}", me(chain));
            *slot = Chain::token_balance(&self.admin, me(chain)).await.unwrap().wei();
        }
        purse
    }

    async fn state(&self, terms: &DealTerms) -> AgreementState {
        Chain::agreement(&self.admin, &terms.deal_id, 0).await.unwrap().state
    }

    async fn rpc(&self, method: &'static str, params: Value) -> Value {
        self.admin.request(method, params).await.unwrap()
    }

    async fn pass(&self, seconds: u64) {
        self.rpc("evm_increaseTime", json!([seconds])).await;
    }
}

/// Tokens of provider, creator, both mediators and the treasury.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Purse([U256; 5]);

impl Purse {
    /// Whole tokens won or lost since `before`.
    fn since(&self, before: &Self) -> [i64; 5] {
        let token = U256::from(crate::types::WEI_PER_TOKEN);
        let mut change = [0; 5];
        for (slot, (now, then)) in change.iter_mut().zip(self.0.iter().zip(&before.0)) {
            let (sign, gap) = if now >= then { (1, now - then) } else { (-1, then - now) };
            assert!((gap % token).is_zero());
            *slot = sign * i64::try_from((gap / token).to::<u64>()).unwrap();
        }
        change
    }
}

fn me(chain: &RpcChain) -> Address {
    Chain::address(chain).unwrap()
}

fn dynamic(chain: &RpcChain) -> &dyn DynChain {
    chain
}

async fn pays_for_an_accepted_result(world: &World) {
    let (terms, before, start) =
        (world.terms(1), world.wallets().await, Chain::head(&world.admin).await.unwrap().number);
    assert!(Chain::deal_terms(&world.admin, &terms.deal_id).await.unwrap().is_none());
    assert!(Chain::result(&world.admin, &terms.deal_id).await.unwrap().is_none());
    assert_eq!(world.state(&terms).await, AgreementState::DealNegotiating);
    world.submitted(&terms, 3).await;
    assert_eq!(Chain::deal_terms(&world.admin, &terms.deal_id).await.unwrap(), Some(terms.clone()));
    let result = Chain::result(&world.admin, &terms.deal_id).await.unwrap().unwrap();
    assert_eq!(
        (result.results_id.as_str(), result.data_id.as_str(), result.instruction_count),
        ("QmResult", "QmData", 3)
    );
    assert_eq!(Chain::escrow_balance(&world.admin, me(&world.provider)).await.unwrap(), terms.results_collateral(3));
    let receipt = dynamic(&world.creator).accept_result(&terms.deal_id).await.unwrap();
    assert!(receipt.success && receipt.gas_used > 21_000);
    assert_eq!(world.wallets().await.since(&before), [3, -3, 0, 0, 0]);
    let agreement = Chain::agreement(&world.admin, &terms.deal_id, 0).await.unwrap();
    assert_eq!(agreement.state, AgreementState::ResultsAccepted);
    assert!(agreement.deal_agreed_at.is_some() && agreement.results_accepted_at >= agreement.results_submitted_at);

    let payments = dynamic(&world.admin).payments(&terms.deal_id, start).await.unwrap();
    let paid = payments.iter().find(|payment| payment.reason == PaymentReason::JobPayment).unwrap();
    assert_eq!(
        (paid.payee, paid.direction, paid.amount),
        (me(&world.provider), PaymentDirection::PaidOut, Amount::from_tokens(3))
    );
    let in_receipt = receipt.events.iter().filter(|event| matches!(event.kind, ChainEventKind::Payment(_))).count();
    assert!(in_receipt >= 3 && payments.len() > in_receipt, "{in_receipt} of {}", payments.len());
}

async fn charges_no_more_than_the_collateral(world: &World) {
    let (terms, before) = (world.terms(1), world.wallets().await);
    world.submitted(&terms, 9).await;
    dynamic(&world.creator).accept_result(&terms.deal_id).await.unwrap();
    assert_eq!(world.wallets().await.since(&before), [5, -5, 0, 0, 0]);
}

/// Has a mediator drawn among two; gives the one and the slot of its wallet.
async fn mediator_of<'a>(world: &'a World, terms: &DealTerms) -> (&'a RpcChain, usize) {
    dynamic(&world.creator).check_result(&terms.deal_id).await.unwrap();
    let drawn = dynamic(&world.solver).draw_mediator(&terms.deal_id).await.unwrap().expect("a mediator");
    let index = world.mediators.iter().position(|mediator| me(mediator) == drawn).expect("one of the named");
    let wrong = dynamic(&world.mediators[1 - index]).mediation_accept(&terms.deal_id).await.unwrap_err();
    assert_eq!(wrong.revert().and_then(RevertReason::text), Some("tx.origin must be the mediator"));
    (&world.mediators[index], 2 + index)
}

async fn settles_a_confirmed_result(world: &World) {
    let (terms, before) = (world.terms(2), world.wallets().await);
    world.submitted(&terms, 1).await;
    let (mediator, slot) = mediator_of(world, &terms).await;
    dynamic(mediator).mediation_accept(&terms.deal_id).await.unwrap();
    let mut expected = [1, -2, 0, 0, 0];
    expected[slot] = 1;
    assert_eq!(world.wallets().await.since(&before), expected);
    assert_eq!(world.state(&terms).await, AgreementState::MediationAccepted);
}

async fn settles_a_rejected_result(world: &World) {
    let (terms, before) = (world.terms(2), world.wallets().await);
    world.submitted(&terms, 1).await;
    let (mediator, slot) = mediator_of(world, &terms).await;
    dynamic(mediator).mediation_reject(&terms.deal_id).await.unwrap();
    let mut expected = [-2, -1, 0, 0, 2];
    expected[slot] = 1;
    assert_eq!(world.wallets().await.since(&before), expected);
    assert_eq!(world.state(&terms).await, AgreementState::MediationRejected);
}

async fn returns_everything_when_the_provider_gives_up(world: &World) {
    let (terms, before) = (world.terms(1), world.wallets().await);
    world.agreed(&terms).await;
    let stranger = dynamic(&world.creator).give_up(&terms.deal_id).await.unwrap_err();
    assert_eq!(stranger.revert().and_then(RevertReason::text), Some("Only RP"));
    dynamic(&world.provider).give_up(&terms.deal_id).await.unwrap();
    assert_eq!(world.wallets().await.since(&before), [0; 5]);
    assert_eq!(world.state(&terms).await, AgreementState::TimeoutSubmitResults);
}

async fn claims_time_outs(world: &World) {
    use AgreementState as State;
    for (kind, wait, change, end) in [
        (TimeoutKind::Agree, 60, [0; 5], State::TimeoutAgree),
        (TimeoutKind::SubmitResult, 1200, [-1, 0, 0, 0, 1], State::TimeoutSubmitResults),
        (TimeoutKind::JudgeResult, 3600, [1, -1, 0, 0, 0], State::TimeoutJudgeResults),
        (TimeoutKind::MediateResult, 3600, [1, -1, 0, 0, 0], State::TimeoutMediateResults),
    ] {
        let (terms, before) = (world.terms(1), world.wallets().await);
        match kind {
            TimeoutKind::Agree => drop(dynamic(&world.creator).agree(&terms).await.unwrap()),
            TimeoutKind::SubmitResult => world.agreed(&terms).await,
            TimeoutKind::JudgeResult => world.submitted(&terms, 1).await,
            TimeoutKind::MediateResult => {
                world.submitted(&terms, 1).await;
                dynamic(&world.creator).check_result(&terms.deal_id).await.unwrap();
            }
        }
        let claimant = dynamic(&world.solver);
        let early = claimant.timeout(kind, &terms.deal_id).await.unwrap_err();
        assert_eq!(early.revert().and_then(RevertReason::text), Some("Not timed out"), "{kind}");
        let then = Chain::time(&world.admin).await.unwrap();
        world.pass(wait + 5).await;
        // No block was mined, but the next one will be this late.
        let now = Chain::time(&world.admin).await.unwrap();
        assert!(then.until(now) >= Duration::from_secs(wait + 5), "{then:?} {now:?}");
        if kind == TimeoutKind::SubmitResult {
            let (results, data) = (ResultId::from_wire("QmLate"), DataId::from_wire("QmLate"));
            let late = dynamic(&world.provider).add_result(&terms.deal_id, &results, &data, 1).await.unwrap_err();
            assert!(
                matches!(late.revert(), Some(RevertReason::Contract(ContractError::DeadlinePassed { .. }))),
                "{late}"
            );
        }
        // Money goes to the parties only, whoever asks.
        claimant.timeout(kind, &terms.deal_id).await.unwrap_or_else(|err| panic!("{kind}: {err}"));
        assert_eq!(world.wallets().await.since(&before), change, "{kind}");
        assert_eq!(world.state(&terms).await, end);
    }
}

async fn decodes_reverts(world: &World) {
    let terms = world.terms(1);
    let unknown = dynamic(&world.creator).accept_result(&terms.deal_id).await.unwrap_err();
    assert_eq!(unknown.revert().and_then(RevertReason::text), Some("ResultsSubmitted"));
    world.agreed(&terms).await;
    let (results, data) = (ResultId::from_wire("QmResult"), DataId::from_wire("QmData"));
    let idle = dynamic(&world.provider).add_result(&terms.deal_id, &results, &data, 0).await.unwrap_err();
    assert!(
        matches!(&idle, ChainError::Reverted { reason: RevertReason::Contract(ContractError::NoWork), hash: None, .. }),
        "{idle}"
    );
    let nonce = world.rpc("eth_getTransactionCount", json!([me(&world.provider), "latest"])).await;
    // With a given gas limit nothing is simulated, so the failure is mined and the reason found afterwards.
    let forced = TxOptions::default().with_gas_limit(1_000_000);
    let call =
        ChainCall::AddResult { deal: terms.deal_id.clone(), results_id: results, data_id: data, instruction_count: 0 };
    let mined = Chain::send(&world.provider, call, forced).await.unwrap_err();
    let ChainError::Reverted { reason: RevertReason::Contract(ContractError::NoWork), hash: Some(hash), .. } = mined
    else {
        panic!("{mined}");
    };
    assert!(!Chain::receipt(&world.provider, hash).await.unwrap().unwrap().success);
    assert_ne!(world.rpc("eth_getTransactionCount", json!([me(&world.provider), "latest"])).await, nonce);
    dynamic(&world.provider).give_up(&terms.deal_id).await.unwrap();
}

async fn names_missing_money<H: Host>(host: &H, world: &World) {
    let poor = host.connect(Wallet::random()).await.with_contracts(Chain::contracts(&world.admin));
    let mut terms = world.terms(1);
    terms.job_creator = me(&poor);
    let tokens = dynamic(&poor).agree(&terms).await.unwrap_err();
    let five = Amount::from_tokens(5);
    assert!(
        matches!(tokens, ChainError::InsufficientTokens { needed: Some(needed), have, .. } if needed == five && have.is_zero()),
        "{tokens}"
    );
    dynamic(&world.admin).transfer_tokens(me(&poor), five).await.unwrap();
    let gas = dynamic(&poor).agree(&terms).await.unwrap_err();
    assert!(
        matches!(gas, ChainError::InsufficientFunds { address, have, .. } if address == me(&poor) && have.is_zero()),
        "{gas}"
    );
    assert!(gas.is_caller_fault() && gas.hint().is_some_and(|hint| hint.contains("ETH")));
    assert_eq!(Chain::token_balance(&poor, me(&poor)).await.unwrap(), five);
}

async fn reads_events_once(world: &World) {
    let start = Chain::head(&world.admin).await.unwrap().number + 1;
    let mut cursor = EventCursor::new(start, 0);
    let mut read: Vec<ChainEvent> = Vec::new();
    let terms = world.terms(1);
    assert!(cursor.poll(dynamic(&world.admin)).await.unwrap().is_empty());
    world.agreed(&terms).await;
    read.extend(cursor.poll(dynamic(&world.admin)).await.unwrap());
    dynamic(&world.provider).give_up(&terms.deal_id).await.unwrap();
    read.extend(cursor.poll(dynamic(&world.admin)).await.unwrap());
    assert!(cursor.poll(dynamic(&world.admin)).await.unwrap().is_empty());
    let head = Chain::head(&world.admin).await.unwrap().number;
    assert_eq!(read, Chain::events(&world.admin, start, head).await.unwrap());
    let states: Vec<AgreementState> = read
        .iter()
        .filter_map(|event| match &event.kind {
            ChainEventKind::DealStateChange { state, .. } => Some(*state),
            _ => None,
        })
        .collect();
    assert_eq!(states, [AgreementState::DealAgreed, AgreementState::TimeoutSubmitResults]);
    assert!(matches!(read.first().map(|event| &event.kind), Some(ChainEventKind::DealProposed { .. })), "{read:?}");
    assert!(read.iter().all(|event| *event.kind.deal() == terms.deal_id));
    assert_ne!(deal_key(&terms.deal_id), deal_key(&world.terms(1).deal_id));
    let mut deep = EventCursor::new(start, 2);
    let confirmed = deep.poll(dynamic(&world.admin)).await.unwrap();
    assert!(confirmed.iter().all(|event| event.block + 2 <= head) && confirmed.len() < read.len());
}

async fn survives_a_reorganisation(world: &World) {
    let start = Chain::head(&world.admin).await.unwrap().number + 1;
    let mut cursor = EventCursor::new(start, 0);
    let snapshot = world.rpc("evm_snapshot", json!([])).await;
    let (lost, kept) = (world.terms(1), world.terms(1));
    dynamic(&world.creator).agree(&lost).await.unwrap();
    let before = cursor.poll(dynamic(&world.admin)).await.unwrap();
    assert!(before.iter().any(|event| *event.kind.deal() == lost.deal_id));
    world.rpc("evm_revert", json!([snapshot])).await;
    dynamic(&world.creator).agree(&kept).await.unwrap();
    dynamic(&world.solver).transfer_ether(me(&world.solver), Amount::ZERO).await.unwrap();
    let after = cursor.poll(dynamic(&world.admin)).await.unwrap();
    assert!(after.iter().any(|event| *event.kind.deal() == kept.deal_id), "{after:?}");
    world.pass(100).await;
    dynamic(&world.creator).timeout(TimeoutKind::Agree, &kept.deal_id).await.unwrap();
}

async fn registers_a_service(world: &World) {
    assert_eq!(Chain::service_url(&world.admin, me(&world.solver)).await.unwrap(), None);
    for url in ["http://127.0.0.1:8081", "http://127.0.0.1:8082", "http://127.0.0.1:8082"] {
        dynamic(&world.solver).register_service(url, ServiceType::Solver).await.unwrap();
        assert_eq!(Chain::service_url(&world.admin, me(&world.solver)).await.unwrap().as_deref(), Some(url));
    }
    assert_eq!(Chain::services(&world.admin, ServiceType::Solver).await.unwrap(), [me(&world.solver)]);
}

async fn count(world: &World, account: Address) -> u64 {
    let count = world.rpc("eth_getTransactionCount", json!([account, "latest"])).await;
    serde_json::from_value::<U256>(count).unwrap().to()
}

async fn transfers(chains: &[RpcChain], to: Address) {
    let sends = (0..10).flat_map(|_| chains).map(|chain| dynamic(chain).transfer_tokens(to, Amount::from_tokens(1)));
    for receipt in join_all(sends).await {
        assert!(receipt.expect("transfer").success);
    }
}

async fn shares_a_key<H: Host>(host: &H, world: &World) {
    let wallet = Wallet::dev(5).unwrap();
    let contracts = Chain::contracts(&world.admin);
    let chains = [
        host.connect(wallet.clone()).await.with_contracts(contracts),
        host.connect(wallet).await.with_contracts(contracts),
    ];
    let (before, to) = (count(world, me(&world.creator)).await, Wallet::random().address());
    transfers(&chains, to).await;
    assert_eq!(count(world, me(&world.creator)).await, before + 20);
    assert_eq!(Chain::token_balance(&world.admin, to).await.unwrap(), Amount::from_tokens(20));
}

async fn shares_a_key_through_a_lock_file(world: &World) {
    let dir = tempfile::tempdir().unwrap();
    let wallet = || Wallet::dev(5).unwrap();
    let chains = [(); 2].map(|()| world.admin.with_wallet(wallet(), Some(dir.path().join("locks"))));
    let (before, to) = (count(world, me(&world.creator)).await, Wallet::random().address());
    transfers(&chains, to).await;
    assert_eq!(count(world, me(&world.creator)).await, before + 20);
    assert_eq!(std::fs::read_dir(dir.path().join("locks")).unwrap().count(), 1);
}

/// Keeps what it is told, and refuses when told to.
#[derive(Default)]
struct Notes {
    seen: Mutex<Vec<SignedTx>>,
    refuse: bool,
}

impl TxJournal for Notes {
    fn signed<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<(), String>> {
        self.seen.lock().unwrap().push(tx.clone());
        let answer = if self.refuse { Err("disk full".to_owned()) } else { Ok(()) };
        Box::pin(async { answer })
    }
}

impl Notes {
    fn seen(&self) -> Vec<SignedTx> {
        self.seen.lock().unwrap().clone()
    }
}

fn pay(to: Address) -> ChainCall {
    ChainCall::TransferTokens { to, amount: Amount::from_tokens(1) }
}

async fn resumes_without_paying_twice(world: &World) {
    let (notes, to) = (Arc::new(Notes::default()), Wallet::random().address());
    let receipt = Chain::send(&world.creator, pay(to), TxOptions::journaled(notes.clone())).await.unwrap();
    let [signed] = notes.seen().try_into().unwrap();
    assert_eq!(signed.hash, receipt.hash);
    let again = Chain::resume(&world.creator, signed, TxOptions::default()).await.unwrap();
    assert_eq!(again, receipt);
    assert_eq!(Chain::token_balance(&world.admin, to).await.unwrap(), Amount::from_tokens(1));
}

async fn sends_nothing_that_was_not_recorded(world: &World) {
    let (notes, to) = (Arc::new(Notes { refuse: true, ..Notes::default() }), Wallet::random().address());
    let refused = Chain::send(&world.creator, pay(to), TxOptions::journaled(notes.clone())).await.unwrap_err();
    assert!(matches!(refused, ChainError::Journal { call: "transfer", .. }), "{refused}");
    assert!(Chain::token_balance(&world.admin, to).await.unwrap().is_zero());
    // The nonce goes to the next transaction, so the recorded one is dead and says so.
    let [dead] = notes.seen().try_into().unwrap();
    Chain::send(&world.creator, pay(to), TxOptions::default()).await.unwrap();
    let displaced = Chain::resume(&world.creator, dead.clone(), TxOptions::default()).await.unwrap_err();
    assert!(matches!(displaced, ChainError::Displaced { hash, .. } if hash == dead.hash), "{displaced}");
    assert_eq!(Chain::token_balance(&world.admin, to).await.unwrap(), Amount::from_tokens(1));
}

async fn reprices_a_stuck_transaction(world: &World) {
    let (notes, to) = (Arc::new(Notes::default()), Wallet::random().address());
    let patient = world.creator.with_bump_after(Duration::from_millis(50));
    world.rpc("evm_setAutomine", json!([false])).await;
    let options = TxOptions::journaled(notes.clone()).with_deadline(Duration::from_millis(300));
    let late = Chain::send(&patient, pay(to), options).await.unwrap_err();
    assert!(matches!(late, ChainError::NotMined { .. }) && late.is_retryable(), "{late}");
    let seen = notes.seen();
    assert!(seen.len() >= 2, "{} signed", seen.len());
    assert!(seen.windows(2).all(|pair| pair[0].nonce == pair[1].nonce && pair[0].hash != pair[1].hash));
    world.rpc("evm_setAutomine", json!([true])).await;
    world.rpc("evm_mine", json!([])).await;
    let newest = seen.last().unwrap().clone();
    let receipt = Chain::resume(&patient, newest.clone(), TxOptions::default()).await.unwrap();
    assert_eq!(receipt.hash, newest.hash);
    assert_eq!(Chain::token_balance(&world.admin, to).await.unwrap(), Amount::from_tokens(1));
}

async fn waits_for_blocks(world: &World) {
    let head = Chain::head(&world.admin).await.unwrap();
    let same = Chain::wait_for_block(&world.admin, head.number, Duration::from_millis(60)).await.unwrap();
    assert_eq!(same, head);
    let (next, ()) =
        futures_util::join!(Chain::wait_for_block(&world.provider, head.number, Duration::from_secs(5)), async {
            drop(world.rpc("evm_mine", json!([])).await)
        });
    let next = next.unwrap();
    assert_eq!(next.number, head.number + 1);
    assert_eq!(Chain::block(&world.admin, head.number).await.unwrap(), Some(head));
    assert_eq!(Chain::block(&world.admin, next.number + 1000).await.unwrap(), None);
}
