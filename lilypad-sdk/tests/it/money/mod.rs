//! Ways to lose a token, tried on purpose: after each, everybody has what is theirs.

mod net;

use std::time::Duration;

use lilypad_sdk::{
    Error, ErrorKind, Interrupted, Job, Lilypad,
    chain::DynChain,
    client::HttpSolver,
    deal::{AgreementState, DealTerms, PaymentDirection, PaymentReason, TimeoutKind},
    types::{Amount, DataId, DealContainer, DealId, DealState, MachineSpec, ResourceOffer, ResultId, Timestamp},
};

use self::net::{CREATOR, Gate, MEDIATOR, Net, PROVIDER, SOLVER, address, until};

const NOTHING: [Amount; 2] = [Amount::ZERO, Amount::ZERO];

fn lp(tokens: u64) -> Amount {
    Amount::from_tokens(tokens)
}

fn less(amount: Amount, tokens: u64) -> Amount {
    amount.checked_sub(lp(tokens)).unwrap()
}

fn more(amount: Amount, tokens: u64) -> Amount {
    amount.checked_add(lp(tokens)).unwrap()
}

async fn submit(lilypad: &Lilypad) -> Job {
    lilypad.job("cowsay:v0.0.4").input("Message", "moo").submit().await.unwrap()
}

async fn reach(job: &mut Job, state: DealState) -> DealId {
    while job.next().await.unwrap().unwrap().state != state {}
    job.deal_id().cloned().unwrap()
}

async fn ended(job: &mut Job) -> Result<lilypad_sdk::JobOutput, Error> {
    tokio::time::timeout(Duration::from_secs(40), job.output()).await.expect("the job hangs")
}

/// A provider that does only what the test says.
async fn rogue_offer(net: &Net) -> std::sync::Arc<HttpSolver> {
    let solver = net.http(PROVIDER).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let config = lilypad_sdk::node::ProviderConfig::new(address(PROVIDER), net.parties());
    let offer = ResourceOffer {
        created_at: Timestamp::from_millis(i64::try_from(now).unwrap()),
        resource_provider: address(PROVIDER).to_string(),
        spec: MachineSpec { cpu_milli: 2000, ram: 2_000_000_000, disk: 10_000_000_000, ..MachineSpec::default() },
        modules: Some(Vec::new()),
        mode: "FixedPrice".to_owned(),
        default_pricing: config.pricing,
        module_pricing: Some(Default::default()),
        trusted_parties: net.parties(),
        ..ResourceOffer::default()
    };
    solver.post_resource_offer(&offer).await.unwrap().unwrap();
    solver
}

async fn rogue_agrees(net: &Net, solver: &HttpSolver) -> (std::sync::Arc<dyn DynChain>, DealContainer) {
    until("a deal", async || !solver.deals(&Default::default()).await.unwrap().is_empty()).await;
    let deal = solver.deals(&Default::default()).await.unwrap().remove(0);
    let chain = net.chain_of(PROVIDER).await;
    chain.agree(&DealTerms::of(&deal.deal).unwrap()).await.unwrap();
    (chain, deal)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_agrees_costs_nothing_with_or_without_the_solver() {
    for solver_lives in [true, false] {
        let mut net = Net::new().await;
        let before = net.balances().await;
        let solver = rogue_offer(&net).await;
        let lilypad = net.creator().await;
        let mut job = submit(&lilypad).await;
        until("the creator's deposit", async || net.escrow().await[0] == lp(2)).await;
        drop(solver);
        if !solver_lives {
            net.solver = None;
        }
        net.travel(62 + 15);
        let error = ended(&mut job).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Job, "{error}");
        assert!(error.to_string().contains("did not agree in time"), "{error}");
        assert_eq!((net.balances().await, net.escrow().await), (before, NOTHING));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creator_that_agrees_late_gets_its_deposit_back() {
    let net = Net::new().await;
    let before = net.balances().await;
    let _solver = rogue_offer(&net).await;
    let lilypad = net.creator().await;
    let held = net.faults(CREATOR).hold().await;
    let mut job = submit(&lilypad).await;
    assert_eq!(job.next().await.unwrap().unwrap().state, DealState::DealNegotiating);
    // Nobody agreed for a minute: the solver has written the deal off when the agreement comes.
    net.travel(70);
    let http = net.http(CREATOR).await;
    until("the end at the solver", async || {
        http.job_offer(job.id()).await.unwrap().state == DealState::JobOfferCancelled
    })
    .await;
    drop(lilypad);
    drop(held);
    until("the creator's deposit", async || net.escrow().await[0] == lp(2)).await;
    drop(job);
    net.travel(62);
    until("the refund", async || net.escrow().await == NOTHING).await;
    assert_eq!(net.balances().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_left_behind_comes_back_with_the_next_command() {
    let mut net = Net::new().await;
    let before = net.balances().await;
    let rogue = rogue_offer(&net).await;
    let lilypad = net.creator().await;
    let job = submit(&lilypad).await;
    until("the creator's deposit", async || net.escrow().await[0] == lp(2)).await;
    drop((job, lilypad, rogue));
    // The solver that knew of the deal is gone with its store; the one in its place knows nothing.
    net.solver = None;
    for entry in std::fs::read_dir(net.path("")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("solver.sqlite") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    net.start_solver().await;
    net.travel(62 + 15);
    // Nothing to wait for: this gives anybody else who would send the time-out the chance to be seen.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(net.escrow().await[0], lp(2), "nobody else sends the time-out");
    let _next = net.creator().await;
    until("the refund", async || net.escrow().await == NOTHING).await;
    assert_eq!(net.balances().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_dies_while_it_runs_pays_and_the_creator_does_not() {
    for solver_lives in [true, false] {
        let mut net = Net::new().await;
        let before = net.balances().await;
        let gate = Gate::new(0, "moo");
        let provider = net.provider(&gate).await;
        let lilypad = net.creator().await;
        let mut job = submit(&lilypad).await;
        reach(&mut job, DealState::DealAgreed).await;
        gate.wait_for_run().await;
        drop(provider);
        if !solver_lives {
            net.solver = None;
        }
        net.travel(900 + 300 + 2 + 15);
        let error = ended(&mut job).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("nothing was charged"), "{error}");
        assert_eq!(net.balances().await, (before.0, less(before.1, 1)), "the provider's deposit is slashed");
        assert_eq!(net.escrow().await, NOTHING);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creator_that_vanishes_pays_after_an_hour_and_can_still_come_back() {
    for solver_lives in [true, false] {
        let mut net = Net::new().await;
        let before = net.balances().await;
        let gate = Gate::new(0, "moo");
        let _provider = net.provider(&gate).await;
        let lilypad = net.creator().await;
        let mut job = submit(&lilypad).await;
        let deal = reach(&mut job, DealState::DealAgreed).await;
        let id = job.id().to_string();
        drop((job, lilypad));
        gate.open();
        net.wait_for(&deal, AgreementState::ResultsSubmitted).await;
        if !solver_lives {
            net.solver = None;
        }
        net.travel(3602 + 15);
        net.wait_for(&deal, AgreementState::TimeoutJudgeResults).await;
        assert_eq!((net.balances().await, net.escrow().await), ((less(before.0, 1), more(before.1, 1)), NOTHING));
        if solver_lives {
            let lilypad = net.creator().await;
            let output = ended(&mut lilypad.attach(&id).await.unwrap()).await.unwrap();
            assert_eq!((output.stdout().as_str(), output.settlement().state.as_str()), ("moo", "TimeoutJudgeResults"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_die_and_come_back_and_the_job_is_paid_once() {
    let mut net = Net::new().await;
    let before = net.balances().await;
    let gate = Gate::new(0, "moo");
    let provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    let deal = reach(&mut job, DealState::DealAgreed).await;
    let id = job.id().to_string();
    gate.wait_for_run().await;
    drop((job, lilypad));
    drop(provider);
    net.solver = None;
    tokio::time::sleep(Duration::from_millis(200)).await;

    net.start_solver().await;
    let again = Gate::new(1, "moo");
    let _provider = net.provider(&again).await;
    let lilypad = net.creator().await;
    let mut job = lilypad.attach(&id).await.unwrap();
    let output = ended(&mut job).await.unwrap();
    assert_eq!((output.stdout().as_str(), again.runs()), ("moo", 1));
    assert_eq!((net.balances().await, net.escrow().await), ((less(before.0, 1), more(before.1, 1)), NOTHING));
    let payments = net.payments(&deal).await;
    let count = |reason, direction| payments.iter().filter(|p| p.reason == reason && p.direction == direction).count();
    assert_eq!(count(PaymentReason::PaymentCollateral, PaymentDirection::PaidIn), 1, "{payments:?}");
    assert_eq!(count(PaymentReason::JobPayment, PaymentDirection::PaidOut), 1, "{payments:?}");
    // A finished job that is attached to again shows the same and pays nothing.
    let output = ended(&mut lilypad.attach(deal.as_str()).await.unwrap()).await.unwrap();
    assert_eq!((output.stdout().as_str(), net.payments(&deal).await.len()), ("moo", payments.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcasts_whose_answers_are_lost_move_money_once() {
    let net = Net::new().await;
    let before = net.balances().await;
    let gate = Gate::new(10, "moo");
    let _provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    net.faults(CREATOR).lose_answers(3);
    net.faults(PROVIDER).lose_answers(3);
    let mut job = submit(&lilypad).await;
    let output = ended(&mut job).await.unwrap();
    assert!(net.faults(CREATOR).lost_answers() < 3 && net.faults(PROVIDER).lost_answers() < 3, "answers were lost");
    assert_eq!((net.balances().await, net.escrow().await), ((less(before.0, 1), more(before.1, 1)), NOTHING));
    assert!(output.settlement().escrow_after.values().all(|left| left.is_zero()));
    assert_eq!(gate.runs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_away_for_a_while_only_delays_a_job() {
    let net = Net::new().await;
    let before = net.balances().await;
    let gate = Gate::new(0, "moo");
    let _provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    reach(&mut job, DealState::DealAgreed).await;
    gate.wait_for_run().await;
    net.faults(PROVIDER).set_down(true);
    net.faults(CREATOR).set_down(true);
    gate.open();
    tokio::time::sleep(Duration::from_secs(3)).await;
    net.faults(PROVIDER).set_down(false);
    net.faults(CREATOR).set_down(false);
    ended(&mut job).await.unwrap();
    assert_eq!((net.balances().await, net.escrow().await), ((less(before.0, 1), more(before.1, 1)), NOTHING));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_can_not_deposit_for_its_result_gives_up_and_keeps_its_token() {
    let net = Net::with_tokens(2).await;
    let gate = Gate::new(10, "moo");
    let _provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    // One of its two tokens secures the deal, the result asks for two more.
    let error = ended(&mut job).await.unwrap_err();
    assert!(error.to_string().contains("LP") && error.to_string().contains("nothing was charged"), "{error}");
    assert_eq!((net.balances().await, net.escrow().await), ((lp(2), lp(2)), NOTHING));
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_while_both_agreements_are_under_way_costs_nothing() {
    let net = Net::new().await;
    let before = net.balances().await;
    let gate = Gate::new(10, "moo");
    let _provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    let (of_creator, of_provider) = (net.faults(CREATOR).hold().await, net.faults(PROVIDER).hold().await);
    let mut job = submit(&lilypad).await;
    assert_eq!(job.next().await.unwrap().unwrap().state, DealState::DealNegotiating);
    let http = net.http(CREATOR).await;
    until("a deal", async || !http.deals(&Default::default()).await.unwrap().is_empty()).await;
    let deal = http.deals(&Default::default()).await.unwrap().remove(0).id;
    // Both may have sent their agreement already when the solver says yes to the cancellation.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (left, ()) = tokio::join!(job.interrupt(), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(of_creator);
        drop(of_provider);
    });
    assert_eq!(left, Interrupted::Cancelled);
    tokio::time::sleep(Duration::from_secs(2)).await;
    if net.state(&deal).await == AgreementState::DealNegotiating {
        net.travel(62);
    }
    until("the refunds", async || net.escrow().await == NOTHING).await;
    assert_eq!(net.balances().await, before, "in state {}", net.state(&deal).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_does_not_run_what_was_cancelled_before_it_agreed() {
    let net = Net::new().await;
    let before = net.balances().await;
    let gate = Gate::new(10, "moo");
    let _provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    let held = net.faults(PROVIDER).hold().await;
    let mut job = submit(&lilypad).await;
    until("the creator's deposit", async || net.escrow().await[0] == lp(2)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(job.interrupt().await, Interrupted::Cancelled);
    let deal = net.http(CREATOR).await.deals(&Default::default()).await.unwrap().remove(0).id;
    drop(held);
    net.wait_for(&deal, AgreementState::TimeoutSubmitResults).await;
    assert_eq!((net.balances().await, net.escrow().await, gate.runs() <= 1), (before, NOTHING, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_not_called_cancelled_once_both_agreed() {
    let net = Net::new().await;
    let gate = Gate::new(0, "moo");
    let _provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    let id = job.id().to_string();
    // The job runs, but nobody has read it off the job yet: the first word is the interruption.
    gate.wait_for_run().await;
    assert_eq!(job.interrupt().await, Interrupted::Detached);
    drop(job);
    gate.open();
    assert_eq!(ended(&mut lilypad.attach(&id).await.unwrap()).await.unwrap().stdout(), "moo");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_the_contracts_cannot_end_is_explained_and_not_tried_for_ever() {
    let net = Net::new().await;
    net.faults(CREATOR).lack_the_submit_timeout();
    net.faults(SOLVER).lack_the_submit_timeout();
    let solver = rogue_offer(&net).await;
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    let (chain, deal) = rogue_agrees(&net, &solver).await;
    net.wait_for(&deal.id, AgreementState::DealAgreed).await;
    net.travel(3600);
    let error = ended(&mut job).await.unwrap_err();
    let hints = error.hints().join(" ");
    assert_eq!(error.kind(), ErrorKind::Job, "{error}");
    assert!(error.to_string().contains("nothing can end it: Controller.timeoutSubmitResult reverted"), "{error}");
    assert!(hints.contains("until the provider delivers"), "{hints}");
    // Both look again and again, and ask no more.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((net.faults(CREATOR).asked(), net.faults(SOLVER).asked()), (1, 1));
    // Somebody whose contracts can, ends it.
    chain.timeout(TimeoutKind::SubmitResult, &deal.id).await.unwrap();
    assert_eq!((net.state(&deal.id).await, net.escrow().await), (AgreementState::TimeoutSubmitResults, NOTHING));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_without_a_folder_is_not_paid_by_silence() {
    let net = Net::new().await;
    let before = net.balances().await;
    let judge = Gate::new(10, "moo");
    let _mediator = net.mediator(&judge).await;
    let solver = rogue_offer(&net).await;
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    let (chain, deal) = rogue_agrees(&net, &solver).await;
    net.wait_for(&deal.id, AgreementState::DealAgreed).await;
    chain.add_result(&deal.id, &ResultId::from_wire("x"), &DataId::default(), 1).await.unwrap();
    let error = ended(&mut job).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Job, "{error}");
    assert_eq!(net.state(&deal.id).await, AgreementState::MediationRejected);
    assert!(net.balances().await.1 < before.1, "the provider is punished");
    assert_eq!(net.escrow().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_never_handed_over_is_not_paid_by_silence() {
    let net = Net::new().await;
    let judge = Gate::new(10, "moo");
    let _mediator = net.mediator(&judge).await;
    let solver = rogue_offer(&net).await;
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    let (chain, deal) = rogue_agrees(&net, &solver).await;
    net.wait_for(&deal.id, AgreementState::DealAgreed).await;
    let invented = DataId::from_wire("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG");
    chain.add_result(&deal.id, &ResultId::from_wire("x"), &invented, 1).await.unwrap();
    let error = ended(&mut job).await.unwrap_err();
    assert!(error.to_string().contains("the mediator found"), "{error}");
    assert_eq!(net.state(&deal.id).await, AgreementState::MediationRejected);
    assert_eq!(net.escrow().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_result_is_slashed_and_said_to_be_wrong() {
    let net = Net::new().await;
    let before = net.balances().await;
    let (liar, judge) = (Gate::new(10, "boo"), Gate::new(10, "moo"));
    let (_provider, _mediator) = (net.provider(&liar).await, net.mediator(&judge).await);
    let lilypad = net.creator().await;
    let mut job = lilypad.job("cowsay:v0.0.4").input("Message", "moo").mediation_chance(100).submit().await.unwrap();
    let error = ended(&mut job).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Job, "{error}");
    assert!(error.to_string().contains("the mediator found the result to be wrong"), "{error}");
    assert_eq!(net.escrow().await, NOTHING);
    let after = net.balances().await;
    assert_eq!(after.1, less(before.1, 2), "the provider loses twice the price");
    assert_eq!(after.0, less(before.0, 1), "the creator pays the mediator, nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_exchanged_at_the_solver_are_not_taken_for_the_result() {
    let net = Net::new().await;
    let gate = Gate::new(0, "moo");
    let judge = Gate::new(10, "moo");
    let (_provider, _mediator) = (net.provider(&gate).await, net.mediator(&judge).await);
    let lilypad = net.creator().await;
    let mut job = submit(&lilypad).await;
    let deal = reach(&mut job, DealState::DealAgreed).await;
    net.faults(CREATOR).set_down(true);
    gate.open();
    net.wait_for(&deal, AgreementState::ResultsSubmitted).await;
    let other = net.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("stdout"), "boo").unwrap();
    let tar = net.path(&format!("solver/job-files/{deal}/results.tar"));
    assert!(tar.is_file());
    lilypad_sdk::api::archive::pack(&other, std::fs::File::create(&tar).unwrap()).unwrap();
    net.faults(CREATOR).set_down(false);
    let error = ended(&mut job).await.unwrap_err();
    assert!(error.to_string().contains("the provider delivered"), "{error}");
    assert_eq!(net.state(&deal).await, AgreementState::MediationAccepted, "the provider was honest");
    assert_eq!(net.escrow().await, NOTHING);
    assert_eq!(net.chain.escrow_balance(address(MEDIATOR)).await.unwrap(), Amount::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slot_runs_one_job_at_a_time() {
    let net = Net::new().await;
    let before = net.balances().await;
    let gate = Gate::new(0, "moo");
    let _provider = net.provider(&gate).await;
    let lilypad = net.creator().await;
    let (mut one, mut two) = tokio::join!(submit(&lilypad), submit(&lilypad));
    gate.wait_for_run().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.open();
    let (one, two) = tokio::join!(ended(&mut one), ended(&mut two));
    assert_eq!((one.unwrap().stdout(), two.unwrap().stdout()), ("moo".to_owned(), "moo".to_owned()));
    assert_eq!(gate.most_at_once.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!((net.balances().await, net.escrow().await), ((less(before.0, 2), more(before.1, 2)), NOTHING));
}
