#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::*;
use crate::types::{DealPricing, MachineSpec, Target, TrustedParties};

const CREATOR: &str = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";
const PROVIDER: &str = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn market(settlement: Settlement) -> Market {
    Market::new(MarketConfig {
        settlement,
        match_timeout: Duration::from_secs(30),
        execution_timeout: Duration::from_secs(900),
        download_timeout: Duration::from_secs(3600),
        total_timeout: Duration::from_secs(7200),
        capacity: Some(2),
    })
}

fn parties() -> TrustedParties {
    TrustedParties {
        solver: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".into(),
        mediators: Some(vec!["0x90F79bf6EB2c4f870365E785982E1f101E93b906".into()]),
        api_host: String::new(),
    }
}

fn pricing() -> DealPricing {
    DealPricing { instruction_price: 1, payment_collateral: 2, results_collateral_multiple: 2, mediation_fee: 1 }
}

fn job(nonce: &str) -> JobOffer {
    JobOffer {
        created_at: NOW,
        nonce: nonce.into(),
        job_creator: CREATOR.into(),
        mode: "MarketPrice".into(),
        pricing: pricing(),
        trusted_parties: parties(),
        ..JobOffer::default()
    }
}

fn machine(index: i64) -> ResourceOffer {
    ResourceOffer {
        created_at: NOW,
        resource_provider: PROVIDER.into(),
        index,
        spec: MachineSpec { cpu_milli: 1000, ..MachineSpec::default() },
        mode: "FixedPrice".into(),
        default_pricing: pricing(),
        trusted_parties: parties(),
        ..ResourceOffer::default()
    }
}

/// A market with one matched job.
fn matched(settlement: Settlement) -> (Market, DealId, JobOfferId) {
    let mut market = market(settlement);
    let (job, _) = market.post_job_offer(job("a")).unwrap();
    market.post_resource_offer(machine(0));
    let change = market.solve(NOW);
    assert_eq!(change.events.len(), 3);
    let deal = market.job_offer(&job.id).unwrap().deal_id.clone();
    assert!(!deal.is_empty());
    (market, deal, job.id)
}

#[test]
fn a_machine_is_sold_once() {
    let mut market = market(Settlement::OnChain);
    for nonce in ["a", "b"] {
        market.post_job_offer(job(nonce)).unwrap();
    }
    market.post_resource_offer(machine(0));
    market.solve(NOW);
    market.solve(NOW);
    assert_eq!(market.deals(&DealQuery::default()).len(), 1);
    market.post_resource_offer(machine(1));
    market.solve(NOW);
    let deals = market.deals(&DealQuery::default());
    assert_eq!(deals.len(), 2);
    assert_ne!(deals[0].resource_offer, deals[1].resource_offer);
}

#[test]
fn the_same_offer_again_is_the_same_offer() {
    let (mut market, deal, id) = matched(Settlement::OnChain);
    let (again, change) = market.post_job_offer(job("a")).unwrap();
    assert_eq!((again.id, again.deal_id), (id, deal));
    assert!(change.writes.is_empty());
}

#[test]
fn a_repost_replaces_the_open_offer_of_that_machine() {
    let mut market = market(Settlement::OnChain);
    market.post_resource_offer(machine(0));
    let newer = ResourceOffer { created_at: NOW.plus(Duration::from_secs(1)), ..machine(0) };
    let (newer, _) = market.post_resource_offer(newer);
    let listed = market.resource_offers(&ResourceOfferQuery::default());
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, newer.id);
}

#[test]
fn on_chain_only_the_chain_moves_a_deal() {
    let (mut market, deal, id) = matched(Settlement::OnChain);
    let result = JobResult { data_id: crate::types::DataId::from_wire("Qm"), ..JobResult::default() };
    market.post_result(&deal, result.clone()).unwrap();
    assert_eq!(market.deal(&deal).unwrap().state, DealState::DealNegotiating);
    for (state, wire) in [
        (AgreementState::DealAgreed, DealState::DealAgreed),
        (AgreementState::ResultsSubmitted, DealState::ResultsSubmitted),
        (AgreementState::TimeoutJudgeResults, DealState::ResultsAccepted),
    ] {
        assert_eq!(market.chain_state(&deal, state).events.len(), 3);
        assert_eq!(market.deal(&deal).unwrap().state, wire);
        assert_eq!(market.job_offer(&id).unwrap().state, wire);
    }
    assert!(market.unsettled().is_empty());
    assert!(market.chain_state(&deal, AgreementState::DealAgreed).events.is_empty(), "a final state absorbs");
    let other = JobResult { data_id: crate::types::DataId::from_wire("Qn"), ..result };
    assert_eq!(market.post_result(&deal, other).unwrap().0.data_id.as_str(), "Qm", "a submitted result stands");
}

#[test]
fn off_chain_the_wires_own_steps_move_it() {
    let (mut market, deal, _) = matched(Settlement::OffChain);
    assert_eq!(market.deal(&deal).unwrap().state, DealState::DealAgreed);
    market.uploaded(&deal, NOW).unwrap();
    assert_eq!(market.deal(&deal).unwrap().state, DealState::Uploading);
    let result = JobResult { data_id: crate::types::DataId::from_wire("Qm"), ..JobResult::default() };
    market.post_result(&deal, result).unwrap();
    assert_eq!(market.deal(&deal).unwrap().state, DealState::ResultsSubmitted);
    market.downloaded(&deal, NOW);
    assert_eq!(market.deal(&deal).unwrap().state, DealState::Downloading);
    let accept = JobCreatorTransactions { accept_result: "0x".into(), ..Default::default() };
    let (container, change) = market.creator_transactions(&deal, &accept).unwrap();
    assert_eq!((container.state, change.events.len()), (DealState::ResultsAccepted, 3));
    let (again, change) = market.creator_transactions(&deal, &accept).unwrap();
    assert_eq!((again.state, change.events.len()), (DealState::ResultsAccepted, 0), "existing creators accept twice");
}

#[test]
fn a_job_is_cancelled_until_both_agreed() {
    let (mut market, deal, id) = matched(Settlement::OnChain);
    market.chain_state(&deal, AgreementState::DealAgreed);
    assert_eq!(market.cancel_job_offer(&id).unwrap_err(), Refusal::OfferAgreed.into());
    let (mut market, deal, id) = matched(Settlement::OnChain);
    let (offer, _) = market.cancel_job_offer(&id).unwrap();
    assert_eq!(offer.state, DealState::JobOfferCancelled);
    // One party may have paid in: the deal stays on the clerk's list until the chain has let go of it.
    assert_eq!(market.unsettled().len(), 1);
    market.settled(&deal);
    assert!(market.unsettled().is_empty());
}

#[test]
fn offers_that_wait_too_long_time_out_and_make_room() {
    let mut market = market(Settlement::OnChain);
    for nonce in ["a", "b", "c"] {
        market.post_job_offer(job(nonce)).unwrap();
    }
    assert_eq!(market.check_capacity().unwrap_err(), Refusal::NetworkBusy.into());
    assert!(market.expire(NOW.plus(Duration::from_secs(30))).events.is_empty(), "the last second counts");
    let change = market.expire(NOW.plus(Duration::from_millis(30_001)));
    assert_eq!(change.events.len(), 3);
    assert!(market.check_capacity().is_ok());
    market.post_resource_offer(machine(0));
    assert!(market.solve(NOW).events.is_empty(), "a timed-out job is not matched");
}

#[test]
fn a_targeted_job_without_its_provider_is_cancelled() {
    let mut market = market(Settlement::OnChain);
    let wanted = JobOffer { target: Target { address: CREATOR.into() }, ..job("a") };
    let (offer, _) = market.post_job_offer(wanted).unwrap();
    market.post_resource_offer(machine(0));
    market.solve(NOW);
    assert_eq!(market.job_offer(&offer.id).unwrap().state, DealState::JobOfferCancelled);
}

#[test]
fn a_provider_that_goes_takes_its_open_offers_along() {
    let (mut market, _, _) = matched(Settlement::OnChain);
    market.post_resource_offer(machine(1));
    let change = market.provider_gone(PROVIDER);
    assert_eq!(change.events, [SolverEvent::resource_offer_removed()]);
    assert_eq!(market.resource_offers(&ResourceOfferQuery::default()).len(), 1, "the one with a deal stays");
}

#[test]
fn a_restart_keeps_jobs_and_deals_and_drops_open_machines() {
    let (mut before, deal, _) = matched(Settlement::OnChain);
    before.post_job_offer(job("waiting")).unwrap();
    before.post_resource_offer(ResourceOffer { spec: MachineSpec::default(), index: 5, ..machine(5) });
    let mut after = market(Settlement::OnChain);
    let change = after.restore(
        before.job_offers(&JobOfferQuery::default()),
        before.resource_offers(&ResourceOfferQuery::default()),
        before.deals(&DealQuery::default()),
        Vec::new(),
    );
    assert_eq!(change.writes.len(), 1);
    assert_eq!(after.unsettled().len(), 1);
    assert_eq!(after.deal(&deal).unwrap().state, DealState::DealNegotiating);
    after.post_resource_offer(machine(9));
    assert_eq!(after.solve(NOW).events.len(), 3, "the waiting job is matched after the restart");
}

#[test]
fn a_deal_that_nobody_can_agree_to_is_looked_at_until_it_ends() {
    let mut market = market(Settlement::OnChain);
    let mut endless = job("a");
    endless.execution_timeout_seconds = u64::MAX;
    market.post_job_offer(endless).unwrap();
    market.post_resource_offer(machine(0));
    market.solve(NOW);
    let open = market.unsettled();
    assert_eq!(open.len(), 1);
    market.settled(&open[0].0);
    assert_eq!(market.deal(&open[0].0).unwrap().state, DealState::JobOfferCancelled);
}
