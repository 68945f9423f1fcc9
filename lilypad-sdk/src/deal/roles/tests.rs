//! The machines against any order of events.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::{
    deal::{AgreementState, ChainResult, Machine},
    types::{
        Amount, DataId, Deal, DealContainer, DealMembers, DealPricing, DealState, JobOffer, JobResult, ResourceOffer,
        Timestamp, TrustedParties,
    },
};

const CREATOR: &str = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc";
const PROVIDER: &str = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
const SOLVER: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const MEDIATOR: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
const DATA: &str = "QmbCi3yoKzckff24rUJML1ZesVb35cd2LUNMiMYksEGkWv";
const OTHER_DATA: &str = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH";

fn parties() -> TrustedParties {
    TrustedParties { solver: SOLVER.into(), mediators: Some(vec![MEDIATOR.into()]), api_host: String::new() }
}

fn pricing(price: u64) -> DealPricing {
    DealPricing { instruction_price: price, payment_collateral: 2, results_collateral_multiple: 2, mediation_fee: 1 }
}

fn offer() -> JobOffer {
    JobOffer {
        nonce: "V1StGXR8_Z5jdHi6B-myT".into(),
        job_creator: CREATOR.into(),
        mode: "MarketPrice".into(),
        pricing: pricing(1),
        trusted_parties: parties(),
        ..JobOffer::default()
    }
}

fn container(price: u64) -> Box<DealContainer> {
    let mut job_offer = offer();
    job_offer.id = job_offer.compute_id();
    let mut resource_offer = ResourceOffer {
        resource_provider: PROVIDER.into(),
        default_pricing: pricing(price),
        trusted_parties: parties(),
        ..ResourceOffer::default()
    };
    resource_offer.id = resource_offer.compute_id();
    let mut deal = Deal {
        members: DealMembers {
            solver: SOLVER.into(),
            job_creator: CREATOR.into(),
            resource_provider: PROVIDER.into(),
            mediators: Some(vec![MEDIATOR.into()]),
        },
        pricing: pricing(price),
        job_offer,
        resource_offer,
        ..Deal::default()
    };
    deal.id = deal.compute_id();
    Box::new(DealContainer::new(deal, DealState::DealNegotiating, Timestamp::from_millis(1)))
}

fn limits(check_result: bool) -> CreatorLimits {
    CreatorLimits {
        max_price: Some(Amount::from_tokens(1)),
        max_payment_collateral: Amount::from_tokens(2),
        max_mediation_fee: Amount::from_tokens(1),
        check_result,
    }
}

fn result() -> JobResult {
    JobResult {
        deal_id: container(1).id,
        data_id: DataId::from_wire(DATA),
        instruction_count: 1,
        ..JobResult::default()
    }
}

fn drive<M: Machine>(machine: &mut M, events: &[M::Event]) -> Vec<M::Effect> {
    events.iter().flat_map(|event| machine.handle(event, Timestamp::default())).collect()
}

fn keys<M: Machine>(effects: &[M::Effect]) -> Vec<String> {
    effects.iter().map(M::effect_key).collect()
}

fn state(state: AgreementState) -> CreatorEvent {
    CreatorEvent::ChainState { state }
}

#[test]
fn a_deal_with_another_provider_than_the_target_is_refused() {
    for (target, agrees) in [(PROVIDER.to_lowercase(), true), (CREATOR.to_owned(), false)] {
        let mut found = container(1);
        found.deal.job_offer.target.address = target;
        found.deal.job_offer.id = found.deal.job_offer.compute_id();
        found.deal.id = found.deal.compute_id();
        let mut creator = Creator::new(found.deal.job_offer.clone(), limits(false));
        let effects = drive(&mut creator, &[CreatorEvent::Started, CreatorEvent::DealFound { deal: found }]);
        assert_eq!(keys::<Creator>(&effects).contains(&"agree".to_owned()), agrees);
    }
}

#[test]
fn a_good_job_is_posted_agreed_fetched_and_accepted() {
    let mut creator = Creator::new(offer(), limits(false));
    let effects = drive(
        &mut creator,
        &[
            CreatorEvent::Started,
            CreatorEvent::OfferPosted { id: offer().compute_id() },
            CreatorEvent::DealFound { deal: container(1) },
            CreatorEvent::Agreed { tx: "0x1".into() },
            state(AgreementState::DealAgreed),
            state(AgreementState::ResultsSubmitted),
            CreatorEvent::ResultFetched { result: result() },
            CreatorEvent::Downloaded { data_id: DataId::from_wire(DATA) },
            CreatorEvent::Judged { tx: "0x2".into() },
            state(AgreementState::ResultsAccepted),
        ],
    );
    assert_eq!(keys::<Creator>(&effects), ["post-offer", "agree", "fetch-result", "download", "accept", "finish"]);
    assert!(creator.is_finished());
}

#[test]
fn files_that_are_not_what_was_committed_to_go_to_a_mediator() {
    let mut creator = Creator::new(offer(), limits(false));
    let effects = drive(
        &mut creator,
        &[
            CreatorEvent::DealFound { deal: container(1) },
            state(AgreementState::ResultsSubmitted),
            CreatorEvent::ResultFetched { result: result() },
            CreatorEvent::Downloaded { data_id: DataId::from_wire(OTHER_DATA) },
        ],
    );
    assert_eq!(keys::<Creator>(&effects).last().unwrap(), "check");
}

#[test]
fn a_result_that_never_comes_is_checked_not_left_to_silence() {
    let nothing = JobResult { data_id: DataId::default(), ..result() };
    let undelivered = CreatorEvent::NotDelivered { reason: "no files".into() };
    let ways = [
        vec![CreatorEvent::ResultFetched { result: nothing }],
        vec![CreatorEvent::ResultFetched { result: result() }, undelivered],
    ];
    for way in ways {
        let mut creator = Creator::new(offer(), limits(false));
        drive(&mut creator, &[CreatorEvent::DealFound { deal: container(1) }, state(AgreementState::ResultsSubmitted)]);
        assert_eq!(keys::<Creator>(&drive(&mut creator, &way)).last().unwrap(), "check");
        drive(&mut creator, &[state(AgreementState::ResultsChecked), state(AgreementState::MediationAccepted)]);
        assert!(matches!(creator.outcome(), Some(CreatorOutcome::DownloadFailed { .. })), "{:?}", creator.outcome());
    }
}

#[test]
fn a_lost_answer_to_the_offer_does_not_end_an_agreed_job() {
    let mut creator = Creator::new(offer(), limits(false));
    let refused = CreatorEvent::OfferRefused { reason: "no answer".into() };
    let events = [CreatorEvent::Started, CreatorEvent::DealFound { deal: container(1) }, refused];
    drive(&mut creator, &events);
    assert!(!creator.is_finished());
}

#[test]
fn a_deal_above_the_limit_is_cancelled_not_agreed() {
    let mut creator = Creator::new(offer(), limits(false));
    let effects = drive(&mut creator, &[CreatorEvent::DealFound { deal: container(2) }]);
    assert_eq!(keys::<Creator>(&effects), ["cancel-offer", "finish"]);
    assert!(matches!(
        &effects[1],
        CreatorEffect::Finish(CreatorOutcome::TooExpensive { reason }) if reason.contains("a price of 2 LP, at most 1 LP")
    ));
}

#[test]
fn a_deal_about_something_else_is_never_agreed_to() {
    let mut forged = container(1);
    forged.deal.members.mediators = Some(vec![PROVIDER.into()]);
    forged.deal.id = forged.deal.compute_id();
    let mut other = container(1);
    other.deal.job_offer.nonce = "x".into();
    let mut cheap = container(1);
    cheap.deal.pricing.instruction_price = 0;
    for deal in [forged, other, cheap] {
        let mut creator = Creator::new(offer(), limits(false));
        let effects = drive(&mut creator, &[CreatorEvent::DealFound { deal }]);
        assert!(!keys::<Creator>(&effects).contains(&"agree".to_owned()));
    }
}

#[test]
fn interrupting_cancels_before_the_agreement_and_not_after() {
    let mut before = Creator::new(offer(), limits(false));
    let posted = CreatorEvent::OfferPosted { id: offer().compute_id() };
    let taken = CreatorEvent::CancelAnswered { taken: true };
    // Also an offer that is still under way is taken back, and only the solver's answer ends the job.
    let effects = drive(&mut before, &[CreatorEvent::Started, CreatorEvent::Interrupted, posted.clone()]);
    assert_eq!(keys::<Creator>(&effects), ["post-offer", "cancel-offer"]);
    assert_eq!(keys::<Creator>(&drive(&mut before, &[taken])), ["finish"]);
    let mut refused = Creator::new(offer(), limits(false));
    let events = [posted, CreatorEvent::Interrupted, CreatorEvent::CancelAnswered { taken: false }];
    assert_eq!(keys::<Creator>(&drive(&mut refused, &events)), ["cancel-offer"]);
    assert_eq!(keys::<Creator>(&drive(&mut refused, &[CreatorEvent::DealFound { deal: container(1) }])), ["agree"]);
    let mut after = Creator::new(offer(), limits(false));
    let effects = drive(
        &mut after,
        &[CreatorEvent::DealFound { deal: container(1) }, state(AgreementState::DealAgreed), CreatorEvent::Interrupted],
    );
    assert_eq!(keys::<Creator>(&effects), ["agree"]);
}

#[test]
fn a_job_given_up_says_why() {
    let mut creator = Creator::new(offer(), limits(false));
    let failed = JobResult { error: "image 'x' is missing".into(), data_id: DataId::default(), ..result() };
    let effects = drive(
        &mut creator,
        &[
            CreatorEvent::DealFound { deal: container(1) },
            state(AgreementState::DealAgreed),
            state(AgreementState::TimeoutSubmitResults),
            CreatorEvent::ResultFetched { result: failed },
        ],
    );
    assert_eq!(keys::<Creator>(&effects), ["agree", "fetch-result", "finish"]);
    assert_eq!(
        effects[2],
        CreatorEffect::Finish(CreatorOutcome::ProviderFailed { reason: "image 'x' is missing".into() })
    );
}

#[test]
fn a_provider_runs_only_after_both_agreed_and_submits_what_it_ran() {
    let mut provider = Provider::new(PROVIDER);
    let found = ProviderEvent::DealFound { deal: container(1) };
    let agreed = ProviderEvent::Agreed { tx: "0x1".into() };
    assert_eq!(keys::<Provider>(&drive(&mut provider, &[found, agreed])), ["agree"]);
    let ran = RunOutcome::Finished { data_id: DataId::from_wire(DATA), instruction_count: 1 };
    let effects = drive(
        &mut provider,
        &[
            ProviderEvent::ChainState { state: AgreementState::DealAgreed },
            ProviderEvent::RunEnded(ran),
            ProviderEvent::Uploaded,
            ProviderEvent::ResultPosted,
            ProviderEvent::ChainState { state: AgreementState::ResultsSubmitted },
            ProviderEvent::ChainState { state: AgreementState::ResultsAccepted },
        ],
    );
    assert_eq!(keys::<Provider>(&effects), ["run", "upload", "post-result", "add-result", "finish"]);
}

#[test]
fn a_provider_without_a_result_gives_up() {
    let mut provider = Provider::new(PROVIDER);
    let effects = drive(
        &mut provider,
        &[
            ProviderEvent::DealFound { deal: container(1) },
            ProviderEvent::ChainState { state: AgreementState::DealAgreed },
            ProviderEvent::RunEnded(RunOutcome::Failed { reason: "no".into() }),
            ProviderEvent::ResultPosted,
            ProviderEvent::ChainState { state: AgreementState::TimeoutSubmitResults },
        ],
    );
    assert_eq!(keys::<Provider>(&effects), ["agree", "run", "post-result", "give-up", "stop-run", "finish"]);
}

#[test]
fn a_provider_declines_deals_of_others() {
    let mut provider = Provider::new(CREATOR);
    let effects = drive(&mut provider, &[ProviderEvent::DealFound { deal: container(1) }]);
    assert_eq!(keys::<Provider>(&effects), ["finish"]);
}

#[test]
fn a_mediator_compares_and_never_condemns_what_it_could_not_run() {
    let claimed = |data: &str| ChainResult {
        deal_id: container(1).id,
        data_id: DataId::from_wire(data),
        instruction_count: 1,
        ..ChainResult::default()
    };
    let ran = MediatorEvent::RunEnded(RunOutcome::Finished { data_id: DataId::from_wire(DATA), instruction_count: 1 });
    for (data, verdict) in [(DATA, Verdict::Accept), (OTHER_DATA, Verdict::Reject)] {
        let mut mediator = Mediator::new();
        let drawn = MediatorEvent::Drawn { deal: container(1), claimed: claimed(data) };
        let effects = drive(&mut mediator, &[drawn, ran.clone()]);
        assert_eq!(effects[1], MediatorEffect::Decide { deal_id: container(1).id, verdict });
    }
    let mut mediator = Mediator::new();
    let drawn = MediatorEvent::Drawn { deal: container(1), claimed: claimed(DATA) };
    let failed = MediatorEvent::RunEnded(RunOutcome::Failed { reason: "no engine".into() });
    let effects = drive(&mut mediator, &[drawn, failed]);
    assert!(matches!(&effects[1], MediatorEffect::Finish { verdict: None, .. }));
}

fn any_state() -> impl Strategy<Value = AgreementState> {
    proptest::sample::select(AgreementState::ALL.to_vec())
}

fn any_creator_event() -> impl Strategy<Value = CreatorEvent> {
    prop_oneof![
        Just(CreatorEvent::Started),
        Just(CreatorEvent::OfferPosted { id: offer().compute_id() }),
        (1_u64..3).prop_map(|price| CreatorEvent::DealFound { deal: container(price) }),
        Just(CreatorEvent::Agreed { tx: "0x1".into() }),
        any::<bool>().prop_map(|funds| CreatorEvent::AgreeFailed { reason: "r".into(), funds }),
        any_state().prop_map(state),
        Just(CreatorEvent::ResultFetched { result: result() }),
        proptest::sample::select(vec![DATA, OTHER_DATA])
            .prop_map(|data| CreatorEvent::Downloaded { data_id: DataId::from_wire(data) }),
        Just(CreatorEvent::DownloadFailed { reason: "r".into() }),
        Just(CreatorEvent::Interrupted),
        proptest::sample::select(DealState::ALL.to_vec()).prop_map(|state| CreatorEvent::OfferState { state }),
    ]
}

fn any_provider_event() -> impl Strategy<Value = ProviderEvent> {
    let finished = RunOutcome::Finished { data_id: DataId::from_wire(DATA), instruction_count: 1 };
    prop_oneof![
        (1_u64..3).prop_map(|price| ProviderEvent::DealFound { deal: container(price) }),
        Just(ProviderEvent::Agreed { tx: "0x1".into() }),
        Just(ProviderEvent::AgreeFailed { reason: "r".into() }),
        any_state().prop_map(|state| ProviderEvent::ChainState { state }),
        Just(ProviderEvent::RunEnded(finished)),
        Just(ProviderEvent::RunEnded(RunOutcome::Failed { reason: "r".into() })),
        Just(ProviderEvent::Uploaded),
        Just(ProviderEvent::UploadFailed { reason: "r".into() }),
        Just(ProviderEvent::ResultPosted),
    ]
}

proptest! {
    #[test]
    fn a_creator_pays_at_most_once_and_only_for_a_submitted_result(
        events in proptest::collection::vec(any_creator_event(), 0..40),
        check in any::<bool>(),
    ) {
        let mut creator = Creator::new(offer(), limits(check));
        let (mut agreed, mut judged, mut finished) = (0, 0, 0);
        for event in &events {
            let was_finished = creator.is_finished();
            for effect in creator.handle(event, Timestamp::default()) {
                prop_assert!(!was_finished, "a finished machine emitted {:?}", effect);
                match effect {
                    CreatorEffect::Agree { terms } => {
                        agreed += 1;
                        prop_assert!(terms.pricing.instruction_price <= Amount::from_tokens(1));
                    }
                    CreatorEffect::Accept { .. } | CreatorEffect::Check { .. } => {
                        judged += 1;
                        prop_assert_eq!(agreed, 1);
                        prop_assert_eq!(creator.agreement(), AgreementState::ResultsSubmitted);
                    }
                    CreatorEffect::Finish(_) => finished += 1,
                    _ => {}
                }
            }
        }
        prop_assert!(agreed <= 1 && judged <= 1 && finished <= 1);
        prop_assert_eq!(finished == 1, creator.is_finished());
    }

    #[test]
    fn a_provider_runs_at_most_once_and_never_before_both_agreed(
        events in proptest::collection::vec(any_provider_event(), 0..40),
    ) {
        let mut provider = Provider::new(PROVIDER);
        let (mut runs, mut agreed_by_both, mut finished) = (0, false, 0);
        for event in &events {
            let was_finished = provider.is_finished();
            agreed_by_both |= matches!(event, ProviderEvent::ChainState { state: AgreementState::DealAgreed });
            for effect in provider.handle(event, Timestamp::default()) {
                prop_assert!(!was_finished);
                match effect {
                    ProviderEffect::Run { .. } => {
                        runs += 1;
                        prop_assert!(agreed_by_both);
                    }
                    ProviderEffect::AddResult { result } => prop_assert!(!result.data_id.is_empty()),
                    ProviderEffect::Finish(_) => finished += 1,
                    _ => {}
                }
            }
        }
        prop_assert!(runs <= 1 && finished <= 1);
    }
}
