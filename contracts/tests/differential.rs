//! The transition table of the SDK's room `deal` and the compiled contracts, side by side.
//!
//! Random sequences of steps, in and out of turn, in time and late, by the right party and by others, run on a model made
//! of [`AgreementState::apply`] and the payments of contracts.md §1.6 as design.md §11 rules them, and on the contracts in
//! the EVM of the SDK's embedded chain. Both must allow the same steps, and end in the same state with the same balances.
//!
//! It stands in this crate because this is where the EVM's generic code becomes machine code: the crate is small, so that the
//! workspace can afford to optimise it in the development profile, which makes these tests an order of magnitude cheaper.
//!
//! `LILYPAD_DIFFERENTIAL=<sequences>` runs more than the default, `LILYPAD_DIFFERENTIAL_SEED=<seed>` another set of them.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests")]

use std::fmt;

use alloy_primitives::{Address, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, sol};
use lilypad_sdk::{
    chain::{
        Chain as _, Contracts, DEV_ACCOUNTS, DeployConfig, EmbeddedChain, LOCAL_CHAIN_ID, Network, RpcChain, Wallet,
        deploy,
    },
    deal::{AgreementEvent as Event, AgreementState as State},
    types::Amount,
};
use revm::{
    Context, DatabaseCommit as _, DatabaseRef as _, ExecuteEvm as _, MainBuilder as _, MainContext as _,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv},
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

sol! {
    struct Members { address solver; address jobCreator; address resourceProvider; address[] mediators; }
    struct Timeout { uint256 timeout; uint256 collateral; }
    struct Timeouts { Timeout agree; Timeout submitResults; Timeout judgeResults; Timeout mediateResults; }
    struct Pricing { uint256 instructionPrice; uint256 paymentCollateral; uint256 resultsCollateralMultiple; uint256 mediationFee; }
    struct Agreement { uint8 state; uint256[13] times; }
    function agree(string dealId, Members members, Timeouts timeouts, Pricing pricing) external returns (Agreement);
    function addResult(string dealId, string resultsId, string dataId, uint256 instructionCount) external;
    function giveUp(string dealId) external;
    function acceptResult(string dealId) external;
    function checkResult(string dealId) external;
    function mediationAcceptResult(string dealId) external;
    function mediationRejectResult(string dealId) external;
    function timeoutAgree(string dealId) external;
    function timeoutSubmitResult(string dealId) external;
    function timeoutJudgeResult(string dealId) external;
    function timeoutMediateResult(string dealId) external;
    function getAgreement(string dealId) external view returns (Agreement);
    function balanceOf(address account) external view returns (uint256);
    function escrowBalanceOf(address account) external view returns (uint256);
}

const SEQUENCES: u64 = 100_000;
const DEAL: &str = "deal";
/// Wallets at the start; small, so that some steps fail for lack of money.
const WALLET: u64 = 150;
const START: u64 = 1_700_000_000;
/// Seconds of the four times, all different.
const TIMES: [u64; 4] = [60, 100, 140, 180];

const RP: usize = 0;
const JC: usize = 1;
const MEDIATOR: usize = 2;
const STRANGER: usize = 3;
const TREASURY: usize = 4;
const PEOPLE: [Address; 5] = [DEV_ACCOUNTS[4], DEV_ACCOUNTS[5], DEV_ACCOUNTS[3], DEV_ACCOUNTS[6], DEV_ACCOUNTS[7]];

#[derive(Clone, Copy, Debug)]
struct Terms {
    price: u64,
    payment: u64,
    multiple: u64,
    fee: u64,
    submit: u64,
    judge: u64,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    wait: u64,
    who: usize,
    what: Event,
    count: u64,
}

/// What is deposited by a party: payment or results collateral, time-out collateral, mediation fee.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    collateral: u64,
    timeout: u64,
    fee: u64,
}

/// The deal as the rules have it.
#[derive(Clone, Debug)]
struct Model {
    terms: Terms,
    state: State,
    /// Who agreed first, and when.
    proposal: Option<(usize, u64)>,
    /// When the present stage began.
    since: u64,
    cost: u64,
    wallets: [u64; 5],
    held: [Held; 2],
}

impl Model {
    fn new(terms: Terms) -> Self {
        let mut wallets = [WALLET; 5];
        wallets[TREASURY] = 0;
        Self {
            terms,
            state: State::DealNegotiating,
            proposal: None,
            since: 0,
            cost: 0,
            wallets,
            held: [Held::default(); 2],
        }
    }

    /// Whether the step is allowed; if it is, it has happened.
    fn apply(&mut self, step: Step, now: u64) -> bool {
        let mut next = self.clone();
        let done = next.try_apply(step, now).is_some();
        if done {
            *self = next;
        }
        done
    }

    fn try_apply(&mut self, step: Step, now: u64) -> Option<()> {
        let next = self.state.apply(step.what).ok()?;
        let allowed = match step.what {
            Event::AgreedByOne => self.proposal.is_none() && step.who <= JC,
            Event::AgreedByBoth => self.proposal.is_some_and(|(first, _)| first != step.who) && step.who <= JC,
            Event::AgreeTimedOut => self.proposal.is_some(),
            Event::ResultAdded => step.who == RP && step.count > 0,
            Event::GivenUp => step.who == RP,
            Event::ResultAccepted | Event::ResultChecked => step.who == JC,
            Event::MediationAccepted | Event::MediationRejected => step.who == MEDIATOR,
            Event::SubmitTimedOut | Event::JudgeTimedOut | Event::MediateTimedOut => true,
        };
        let stage = [State::DealNegotiating, State::DealAgreed, State::ResultsSubmitted, State::ResultsChecked]
            .into_iter()
            .position(|state| state == self.state)?;
        let late = step.what != Event::AgreedByOne && now > self.since + TIMES[stage];
        let timeout = matches!(
            step.what,
            Event::AgreeTimedOut | Event::SubmitTimedOut | Event::JudgeTimedOut | Event::MediateTimedOut
        );
        (allowed && late == timeout).then_some(())?;
        self.pay(step)?;
        if step.what == Event::AgreedByOne {
            self.proposal = Some((step.who, now));
        }
        self.since = now;
        self.state = next;
        Some(())
    }

    fn pay(&mut self, step: Step) -> Option<()> {
        let terms = self.terms;
        match step.what {
            Event::AgreedByOne | Event::AgreedByBoth if step.who == RP => {
                self.pay_in(RP, |held| &mut held.timeout, terms.submit)
            }
            Event::AgreedByOne | Event::AgreedByBoth => {
                self.pay_in(JC, |held| &mut held.collateral, terms.payment)?;
                self.pay_in(JC, |held| &mut held.timeout, terms.judge)
            }
            Event::ResultAdded => {
                self.cost = (terms.price * step.count).min(terms.payment);
                self.pay_in(RP, |held| &mut held.collateral, terms.multiple * self.cost)?;
                self.move_out(RP, |held| &mut held.timeout, RP);
                Some(())
            }
            Event::ResultChecked => {
                self.move_out(JC, |held| &mut held.timeout, JC);
                self.pay_in(JC, |held| &mut held.fee, terms.fee)
            }
            Event::ResultAccepted => {
                self.pay_job();
                self.refund_all();
                Some(())
            }
            Event::MediationAccepted => {
                self.pay_job();
                self.move_out(JC, |held| &mut held.fee, MEDIATOR);
                self.refund_all();
                Some(())
            }
            Event::MediationRejected => {
                self.move_out(JC, |held| &mut held.fee, MEDIATOR);
                self.move_out(RP, |held| &mut held.collateral, TREASURY);
                self.refund_all();
                Some(())
            }
            Event::SubmitTimedOut => {
                self.move_out(RP, |held| &mut held.timeout, TREASURY);
                self.refund_all();
                Some(())
            }
            Event::JudgeTimedOut => {
                self.pay_job();
                self.move_out(JC, |held| &mut held.timeout, TREASURY);
                self.refund_all();
                Some(())
            }
            Event::MediateTimedOut => {
                self.pay_job();
                self.refund_all();
                Some(())
            }
            Event::GivenUp | Event::AgreeTimedOut => {
                self.refund_all();
                Some(())
            }
        }
    }

    fn pay_in(&mut self, who: usize, purpose: fn(&mut Held) -> &mut u64, amount: u64) -> Option<()> {
        self.wallets[who] = self.wallets[who].checked_sub(amount)?;
        *purpose(&mut self.held[who]) += amount;
        Some(())
    }

    fn move_out(&mut self, from: usize, purpose: fn(&mut Held) -> &mut u64, to: usize) {
        self.wallets[to] += std::mem::take(purpose(&mut self.held[from]));
    }

    fn pay_job(&mut self) {
        self.held[JC].collateral -= self.cost;
        self.wallets[RP] += self.cost;
    }

    fn refund_all(&mut self) {
        for who in [RP, JC] {
            let held = std::mem::take(&mut self.held[who]);
            self.wallets[who] += held.collateral + held.timeout + held.fee;
        }
    }

    fn escrow(&self, who: usize) -> u64 {
        self.held.get(who).map_or(0, |held| held.collateral + held.timeout + held.fee)
    }
}

/// The deal as the contracts have it: what it changed, over the contracts as deployed.
struct Compiled<'a> {
    db: CacheDB<&'a Db>,
    world: &'a World,
    terms: Terms,
}

impl Compiled<'_> {
    fn call<C: SolCall>(
        &mut self,
        caller: Address,
        to: Address,
        call: &C,
        now: u64,
        commit: bool,
    ) -> Option<C::Return> {
        let block = BlockEnv { number: U256::from(1000), timestamp: U256::from(now), ..BlockEnv::default() };
        let mut cfg = CfgEnv::new().with_spec_and_mainnet_gas_params(SpecId::PRAGUE).with_chain_id(LOCAL_CHAIN_ID);
        cfg.disable_nonce_check = true;
        cfg.disable_balance_check = true;
        cfg.disable_base_fee = true;
        cfg.tx_chain_id_check = false;
        let tx = TxEnv {
            caller,
            kind: TxKind::Call(to),
            data: call.abi_encode().into(),
            gas_limit: 8_000_000,
            gas_price: 0,
            chain_id: None,
            ..TxEnv::default()
        };
        let mut evm = Context::mainnet().with_db(&mut self.db).with_cfg(cfg).with_block(block).build_mainnet();
        let done = evm.transact(tx).unwrap();
        if !done.result.is_success() {
            return None;
        }
        if commit {
            self.db.commit(done.state);
        }
        Some(C::abi_decode_returns(&done.result.into_output()?).unwrap())
    }

    fn apply(&mut self, step: Step, now: u64) -> bool {
        let (who, id) = (PEOPLE[step.who], DEAL.to_owned());
        let Contracts { controller, mediation, .. } = self.world.contracts;
        match step.what {
            Event::AgreedByOne | Event::AgreedByBoth => {
                let time = |index: usize, collateral: u64| Timeout {
                    timeout: U256::from(TIMES[index]),
                    collateral: U256::from(collateral),
                };
                let call = agreeCall {
                    dealId: id,
                    members: Members {
                        solver: DEV_ACCOUNTS[2],
                        jobCreator: PEOPLE[JC],
                        resourceProvider: PEOPLE[RP],
                        mediators: vec![PEOPLE[MEDIATOR]],
                    },
                    timeouts: Timeouts {
                        agree: time(0, 0),
                        submitResults: time(1, self.terms.submit),
                        judgeResults: time(2, self.terms.judge),
                        mediateResults: time(3, 0),
                    },
                    pricing: Pricing {
                        instructionPrice: U256::from(self.terms.price),
                        paymentCollateral: U256::from(self.terms.payment),
                        resultsCollateralMultiple: U256::from(self.terms.multiple),
                        mediationFee: U256::from(self.terms.fee),
                    },
                };
                self.call(who, controller, &call, now, true).is_some()
            }
            Event::ResultAdded => {
                let call = addResultCall {
                    dealId: id,
                    resultsId: "result".to_owned(),
                    dataId: "data".to_owned(),
                    instructionCount: U256::from(step.count),
                };
                self.call(who, controller, &call, now, true).is_some()
            }
            Event::GivenUp => self.send(who, controller, &giveUpCall { dealId: id }, now),
            Event::ResultAccepted => self.send(who, controller, &acceptResultCall { dealId: id }, now),
            Event::ResultChecked => self.send(who, controller, &checkResultCall { dealId: id }, now),
            Event::MediationAccepted => self.send(who, mediation, &mediationAcceptResultCall { dealId: id }, now),
            Event::MediationRejected => self.send(who, mediation, &mediationRejectResultCall { dealId: id }, now),
            Event::AgreeTimedOut => self.send(who, controller, &timeoutAgreeCall { dealId: id }, now),
            Event::SubmitTimedOut => self.send(who, controller, &timeoutSubmitResultCall { dealId: id }, now),
            Event::JudgeTimedOut => self.send(who, controller, &timeoutJudgeResultCall { dealId: id }, now),
            Event::MediateTimedOut => self.send(who, controller, &timeoutMediateResultCall { dealId: id }, now),
        }
    }

    fn send<C: SolCall>(&mut self, who: Address, to: Address, call: &C, now: u64) -> bool {
        self.call(who, to, call, now, true).is_some()
    }

    fn state(&mut self, now: u64) -> State {
        let call = getAgreementCall { dealId: DEAL.to_owned() };
        let agreement = self.call(Address::ZERO, self.world.contracts.storage, &call, now, false).unwrap();
        State::ALL[usize::from(agreement.state)]
    }

    fn wallet(&mut self, who: Address, now: u64) -> u64 {
        let call = balanceOfCall { account: who };
        self.call(Address::ZERO, self.world.contracts.token, &call, now, false).unwrap().to()
    }

    fn escrow(&mut self, who: Address, now: u64) -> u64 {
        let call = escrowBalanceOfCall { account: who };
        self.call(Address::ZERO, self.world.contracts.token, &call, now, false).unwrap().to()
    }

    /// An entry of one of the token's mappings, read without running the contract.
    fn entry(&self, slot: u8, who: Address) -> u64 {
        self.db.storage_ref(self.world.contracts.token, entry_key(slot, who)).unwrap().to()
    }
}

fn entry_key(slot: u8, who: Address) -> U256 {
    U256::from_be_bytes(keccak256([who.into_word(), U256::from(slot).into()].concat()).0)
}

type Db = CacheDB<EmptyDB>;

/// The contracts as deployed, and where the token keeps wallets and escrow.
struct World {
    db: Db,
    contracts: Contracts,
    wallets: u8,
    escrow: u8,
}

/// Numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn of(seed: u64, sequence: u64) -> Self {
        let hash = keccak256([seed.to_be_bytes(), sequence.to_be_bytes()].concat());
        Self(u64::from_be_bytes(hash[..8].try_into().unwrap()))
    }

    /// From 0 to `below - 1`.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn terms(&mut self) -> Terms {
        Terms {
            price: self.roll(12),
            payment: self.roll(60),
            multiple: self.roll(4),
            fee: self.roll(20),
            submit: self.roll(20),
            judge: self.roll(20),
        }
    }

    /// Mostly what could come next, by whom it should; sometimes anything, by anyone.
    fn step(&mut self, model: &Model) -> Step {
        let index = |dice: &mut Self, len: usize| usize::try_from(dice.roll(u64::try_from(len).unwrap())).unwrap();
        let possible: Vec<Event> = Event::ALL.into_iter().filter(|event| model.state.apply(*event).is_ok()).collect();
        let mut what = if possible.is_empty() || self.roll(5) == 0 {
            Event::ALL[index(self, 12)]
        } else {
            possible[index(self, possible.len())]
        };
        let is_timeout = |event| {
            matches!(
                event,
                Event::AgreeTimedOut | Event::SubmitTimedOut | Event::JudgeTimedOut | Event::MediateTimedOut
            )
        };
        if is_timeout(what) && !possible.is_empty() && self.roll(4) != 0 {
            what = possible[0];
        }
        let right = match what {
            Event::AgreedByOne | Event::AgreedByBoth => index(self, 2),
            Event::ResultAdded | Event::GivenUp => RP,
            Event::ResultAccepted | Event::ResultChecked => JC,
            Event::MediationAccepted | Event::MediationRejected => MEDIATOR,
            Event::AgreeTimedOut | Event::SubmitTimedOut | Event::JudgeTimedOut | Event::MediateTimedOut => STRANGER,
        };
        let who = if self.roll(8) == 0 { index(self, 4) } else { right };
        // On chain both are `agree`; which one it is depends on what was before.
        if matches!(what, Event::AgreedByOne | Event::AgreedByBoth) {
            what = if model.proposal.is_none() { Event::AgreedByOne } else { Event::AgreedByBoth };
        }
        let wait = match self.roll(10) {
            0..=5 => self.roll(20),
            6 => TIMES[index(self, 4)],
            7 => TIMES[index(self, 4)] + 1,
            8 => 0,
            _ => self.roll(400),
        };
        Step { wait, who, what, count: self.roll(9) }
    }
}

async fn world() -> World {
    let chain = EmbeddedChain::new();
    let admin = RpcChain::embedded(&chain, Network::local().contracts, Wallet::dev(0));
    let mut config = DeployConfig::default();
    (config.fund, config.ether) = (PEOPLE[..TREASURY].to_vec(), Amount::ZERO);
    (config.tokens, config.treasury) = (Amount::from_wei(U256::from(WALLET)), Some(PEOPLE[TREASURY]));
    let contracts = deploy(&admin, &config).await.unwrap().contracts();
    let mut db = Db::default();
    for account in chain.accounts() {
        let code = Bytecode::new_raw(account.code);
        let info = AccountInfo::new(account.balance, account.nonce, code.hash_slow(), code);
        db.insert_account_info(account.address, info);
        for (slot, value) in account.storage {
            db.insert_account_storage(account.address, slot, value).unwrap();
        }
    }
    let mut world = World { db, contracts, wallets: 0, escrow: 0 };
    // One deposit tells which mapping is which; the contract's own answers are the reference.
    let terms = Terms { price: 1, payment: 30, multiple: 1, fee: 1, submit: 17, judge: 1 };
    let mut probe = Compiled { db: CacheDB::new(&world.db), world: &world, terms };
    assert!(probe.apply(Step { wait: 0, who: RP, what: Event::AgreedByOne, count: 0 }, START));
    let (wallet, escrow) = (probe.wallet(PEOPLE[RP], START), probe.escrow(PEOPLE[RP], START));
    assert_eq!((wallet, escrow), (WALLET - 17, 17));
    let slot = |amount| (0..64).find(|slot| probe.entry(*slot, PEOPLE[RP]) == amount).unwrap();
    (world.wallets, world.escrow) = (slot(wallet), slot(escrow));
    world
}

fn run(world: &World, seed: u64, sequence: u64, reached: &mut [u64; 11]) {
    let mut dice = Dice::of(seed, sequence);
    let terms = dice.terms();
    let (mut model, mut compiled) = (Model::new(terms), Compiled { db: CacheDB::new(&world.db), world, terms });
    let mut now = START;
    let mut history = Vec::new();
    for _ in 0..2 + dice.roll(9) {
        let step = dice.step(&model);
        now += step.wait;
        history.push(step);
        let (here, there) = (model.apply(step, now), compiled.apply(step, now));
        assert_eq!(here, there, "LILYPAD_DIFFERENTIAL_SEED={seed}, sequence {sequence}, {terms:?}, {history:#?}");
    }
    let name =
        fmt::from_fn(|f| write!(f, "LILYPAD_DIFFERENTIAL_SEED={seed}, sequence {sequence}, {terms:?}, {history:#?}"));
    assert_eq!(model.state, compiled.state(now), "state: {name}");
    for (who, address) in PEOPLE.into_iter().enumerate() {
        assert_eq!(model.wallets[who], compiled.entry(world.wallets, address), "wallet of {who}: {name}");
        assert_eq!(model.escrow(who), compiled.entry(world.escrow, address), "escrow of {who}: {name}");
    }
    let held = model.escrow(RP) + model.escrow(JC);
    assert_eq!(held, compiled.entry(world.wallets, world.contracts.token), "all escrow: {name}");
    if model.state.is_final() {
        assert_eq!(held, 0, "a final deal holds nothing: {name}");
    }
    reached[usize::from(model.state.code())] += 1;
}

#[tokio::test]
async fn the_table_and_the_contracts_agree() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (sequences, seed) = (number("LILYPAD_DIFFERENTIAL", SEQUENCES), number("LILYPAD_DIFFERENTIAL_SEED", 1));
    let world = &world().await;
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let reached = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let mut reached = [0; 11];
                    for sequence in (worker..sequences).step_by(usize::try_from(threads).unwrap()) {
                        run(world, seed, sequence, &mut reached);
                    }
                    reached
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).fold([0_u64; 11], |mut sum, part| {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            sum
        })
    });
    println!("{sequences} sequences of seed {seed} agree; ended in {reached:?}");
    // A walk that stays at the door proves little.
    assert!(sequences < 1000 || reached.iter().all(|count| *count > 0), "some states were never reached: {reached:?}");
}
