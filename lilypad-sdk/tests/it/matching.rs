use std::{collections::HashSet, fs, path::Path};

use lilypad_sdk::{
    matching::{
        Match, OrderBook, UnmatchableReason, build_deal, naive,
        rules::{self, evaluate, mutual_mediators},
    },
    types::{
        DealId, DealPricing, DealState, GpuSpec, JobOffer, JobOfferContainer, JobOfferId, MachineSpec, ResourceOffer,
        ResourceOfferContainer, ResourceOfferId, Target, Timestamp, TrustedParties, from_json,
    },
};
use proptest::prelude::*;
use serde_json::Value;

fn vectors(kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/matching.json");
    let vectors: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    vectors[kind].as_array().unwrap().clone()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    Some(value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect())
}

#[test]
fn pairs_are_judged_as_the_network_judges_them() {
    let vectors = vectors("pair");
    assert_eq!(vectors.len(), 30);
    let mut seen = HashSet::new();
    for vector in &vectors {
        let resource: ResourceOffer = from_json(vector["resource_offer"].to_string().as_bytes()).unwrap();
        let job: JobOffer = from_json(vector["job_offer"].to_string().as_bytes()).unwrap();
        let found = evaluate(&resource, &job);
        assert_eq!(found.name(), vector["result"].as_str().unwrap(), "{}", vector["name"]);
        assert_eq!(found.is_match(), vector["matched"].as_bool().unwrap(), "{}", vector["name"]);
        seen.insert(found);
    }
    assert!(Match::RULES.iter().all(|rule| seen.contains(rule)), "a rule has no vector that fails it");
}

#[test]
fn candidates_are_chosen_as_the_network_chooses_them() {
    let vectors = vectors("selection");
    assert_eq!(vectors.len(), 7);
    for vector in &vectors {
        let mut job = JobOffer { mode: vector["job_mode"].as_str().unwrap().to_owned(), ..JobOffer::default() };
        job.pricing.instruction_price = vector["job_instruction_price"].as_u64().unwrap();
        job.trusted_parties.mediators = Some(vec!["M".to_owned()]);
        let candidates = vector["candidates_in_order"].as_array().unwrap().iter().map(|candidate| {
            let price = candidate["price"].as_u64().unwrap();
            ResourceOffer {
                id: ResourceOfferId::from_wire(candidate["id"].as_str().unwrap()),
                created_at: Timestamp::from_millis(candidate["created_at"].as_i64().unwrap()),
                mode: "FixedPrice".to_owned(),
                default_pricing: DealPricing { instruction_price: price, ..DealPricing::default() },
                trusted_parties: TrustedParties { mediators: Some(vec!["M".to_owned()]), ..TrustedParties::default() },
                ..ResourceOffer::default()
            }
        });
        let candidates: Vec<_> = candidates.collect();
        let wanted = vector["selected"].as_str();
        let selected = rules::select(&job, &candidates).map(|at| candidates[at].id.as_str());
        assert_eq!(selected, wanted, "{}", vector["name"]);

        let mut book = OrderBook::new();
        for (index, candidate) in (0..).zip(candidates.clone()) {
            let id = candidate.id.clone();
            let resource_offer = ResourceOffer { index, ..candidate };
            book.insert_resource(ResourceOfferContainer { id, resource_offer, ..ResourceOfferContainer::default() });
        }
        book.insert_job(JobOfferContainer {
            id: JobOfferId::from_wire("j"),
            job_offer: job,
            ..JobOfferContainer::default()
        });
        let round = book.next_matches();
        assert_eq!(round.matches.first().map(|(_, resource)| resource.as_str()), wanted, "{}", vector["name"]);
    }
}

#[test]
fn mediators_are_those_both_name() {
    let vectors = vectors("mutual_mediators");
    assert_eq!(vectors.len(), 4);
    for vector in &vectors {
        let (mut resource, mut job) = (ResourceOffer::default(), JobOffer::default());
        resource.trusted_parties.mediators = texts(&vector["resource_offer_mediators"]);
        job.trusted_parties.mediators = texts(&vector["job_offer_mediators"]);
        assert_eq!(Some(mutual_mediators(&resource, &job)), texts(&vector["mutual"]), "{}", vector["name"]);
    }
}

#[test]
fn a_deal_takes_price_and_mediators_from_the_provider() {
    let mut resource = resource(1, 10, 7);
    resource.trusted_parties.mediators = texts(&serde_json::json!(["M2", "M1", "M3"]));
    let resource = ResourceOfferContainer::new(resource);
    let mut job = job(2, "MarketPrice", 3);
    job.trusted_parties.mediators = texts(&serde_json::json!(["M1", "M2"]));
    let job = JobOfferContainer::new(job);
    let deal = build_deal(&resource.resource_offer, &job.job_offer);
    assert_eq!(deal.id, deal.compute_id());
    assert_eq!(deal.pricing.instruction_price, 7);
    assert_eq!(deal.members.mediators, texts(&serde_json::json!(["M2", "M1"])));
    assert_eq!(deal.members.solver, "S");
    assert_eq!((&deal.members.job_creator, &deal.members.resource_provider), (&"C".to_owned(), &"P1".to_owned()));
    assert_eq!((deal.job_offer.id, deal.resource_offer.id), (job.id, resource.id));
}

fn trust() -> TrustedParties {
    TrustedParties { solver: "S".to_owned(), mediators: Some(vec!["M1".to_owned()]), ..TrustedParties::default() }
}

fn resource(provider: u8, ms: i64, price: u64) -> ResourceOffer {
    ResourceOffer {
        created_at: Timestamp::from_millis(ms),
        resource_provider: format!("P{provider}"),
        spec: MachineSpec { cpu_milli: 1000, ..MachineSpec::default() },
        mode: "FixedPrice".to_owned(),
        default_pricing: DealPricing { instruction_price: price, ..DealPricing::default() },
        trusted_parties: trust(),
        ..ResourceOffer::default()
    }
}

fn job(ms: i64, mode: &str, price: u64) -> JobOffer {
    JobOffer {
        created_at: Timestamp::from_millis(ms),
        job_creator: "C".to_owned(),
        spec: MachineSpec { cpu_milli: 500, ..MachineSpec::default() },
        mode: mode.to_owned(),
        pricing: DealPricing { instruction_price: price, ..DealPricing::default() },
        trusted_parties: trust(),
        ..JobOffer::default()
    }
}

fn put(book: &mut OrderBook, resource: ResourceOffer) -> ResourceOfferId {
    let container = ResourceOfferContainer::new(resource);
    let id = container.id.clone();
    assert_eq!(book.insert_resource(container), None);
    id
}

fn ask(book: &mut OrderBook, job: JobOffer) -> JobOfferId {
    let container = JobOfferContainer::new(job);
    let id = container.id.clone();
    book.insert_job(container);
    id
}

#[test]
fn a_waiting_job_takes_the_offer_that_comes_later() {
    let mut book = OrderBook::new();
    let first = ask(&mut book, job(1, "MarketPrice", 0));
    let second = ask(&mut book, job(2, "MarketPrice", 0));
    assert!(book.next_matches().matches.is_empty());
    let offer = put(&mut book, resource(1, 3, 5));
    assert_eq!(book.next_matches().matches, [(first, offer)]);
    assert!(book.next_matches().matches.is_empty());
    assert_eq!(book.len(), (1, 0));
    assert!(book.remove_job(&second));
    assert!(!book.remove_job(&second));
    assert!(book.is_empty());
}

#[test]
fn an_offer_put_back_is_matched_again() {
    let mut book = OrderBook::new();
    let container = ResourceOfferContainer::new(resource(1, 3, 5));
    book.insert_resource(container.clone());
    let first = ask(&mut book, job(1, "FixedPrice", 5));
    assert_eq!(book.next_matches().matches, [(first, container.id.clone())]);
    let second = ask(&mut book, job(2, "FixedPrice", 5));
    assert!(book.next_matches().matches.is_empty());
    book.insert_resource(container.clone());
    assert_eq!(book.next_matches().matches, [(second, container.id)]);
}

#[test]
fn a_provider_has_one_open_offer_per_index() {
    let mut book = OrderBook::new();
    let old = put(&mut book, resource(1, 1, 5));
    let other = put(&mut book, ResourceOffer { index: 1, ..resource(1, 1, 5) });
    let new = ResourceOfferContainer::new(resource(1, 2, 9));
    assert_eq!(book.insert_resource(new.clone()), Some(old.clone()));
    assert_eq!(book.insert_resource(new.clone()), None, "posting the same offer again replaces no other");
    assert_eq!(book.len(), (0, 2));
    assert!(!book.remove_resource(&old));
    let jobs = [ask(&mut book, job(3, "MarketPrice", 0)), ask(&mut book, job(4, "MarketPrice", 0))];
    let [first, second] = jobs;
    assert_eq!(book.next_matches().matches, [(first, other), (second, new.id)]);
}

#[test]
fn offers_with_a_deal_are_not_open() {
    let mut book = OrderBook::new();
    let mut taken = ResourceOfferContainer::new(resource(1, 1, 5));
    taken.deal_id = DealId::from_wire("Qm");
    book.insert_resource(taken);
    let mut cancelled = JobOfferContainer::new(job(1, "MarketPrice", 0));
    cancelled.state = DealState::JobOfferCancelled;
    book.insert_job(cancelled);
    assert!(book.is_empty());
}

#[test]
fn a_targeted_job_has_its_provider_or_nobody() {
    let target = |provider: &str| Target { address: provider.to_owned() };
    let mut book = OrderBook::new();
    put(&mut book, resource(1, 1, 1));
    let dear = put(&mut book, ResourceOffer { mode: "MarketPrice".to_owned(), ..resource(2, 2, 90) });
    let mut stranger = resource(3, 3, 1);
    stranger.trusted_parties.solver = "T".to_owned();
    put(&mut book, stranger);
    let huge = MachineSpec { cpu_milli: 64_000, ..MachineSpec::default() };
    let wants_two = JobOffer { target: target("P2"), spec: huge, ..job(5, "FixedPrice", 3) };
    let first = ask(&mut book, wants_two.clone());
    let second = ask(&mut book, JobOffer { created_at: Timestamp::from_millis(6), ..wants_two });
    let third = ask(&mut book, JobOffer { target: target("P3"), ..job(7, "MarketPrice", 0) });
    let round = book.next_matches();
    assert_eq!(round.matches, [(first, dear)], "size, mode and price are not looked at");
    let reasons: Vec<_> = round.unmatchable.iter().map(|job| (job.job.clone(), job.reason)).collect();
    assert_eq!(reasons, [(second, UnmatchableReason::NoOffer), (third, UnmatchableReason::NoTrust)]);
    assert_eq!(book.len(), (0, 2), "a targeted job never waits");
    assert!(round.unmatchable[0].to_string().ends_with("wants provider P2, which has no open offer"));
}

#[test]
fn explains_why_a_job_waits() {
    let mut book = OrderBook::new();
    put(&mut book, ResourceOffer { spec: MachineSpec::default(), ..resource(1, 1, 1) });
    let near = put(&mut book, resource(2, 2, 9));
    put(&mut book, ResourceOffer { mode: "MarketPrice".to_owned(), spec: MachineSpec::default(), ..resource(3, 3, 1) });
    let job = job(4, "FixedPrice", 3);
    let explanation = book.explain(&job);
    assert_eq!((explanation.offers, explanation.matching), (3, 0));
    assert_eq!(explanation.failed, [(Match::CpuMismatch, 2), (Match::PriceMismatch, 1)].into());
    // The first offer fails CPU alone and is cheaper than the second, which fails price alone.
    let nearest = explanation.nearest.clone().unwrap();
    assert_eq!(nearest.fails, [Match::CpuMismatch]);
    assert!(explanation.to_string().starts_with("0 of 3 open offers match; 2 did not match CPU; 1 fixed price"));

    let richer = JobOffer { pricing: DealPricing { instruction_price: 9, ..DealPricing::default() }, ..job.clone() };
    let explanation = book.explain(&richer);
    assert_eq!((explanation.matching, explanation.nearest), (1, None));
    ask(&mut book, richer);
    assert_eq!(book.next_matches().matches[0].1, near);

    let untagged = put(&mut book, ResourceOffer { mode: "odd".to_owned(), ..resource(4, 5, 9) });
    let nearest = book.explain(&job);
    assert_eq!(nearest.failed[&Match::PriceMismatch], 1, "no fixed job takes what it cannot afford, whatever its mode");
    ask(&mut book, job);
    assert!(book.next_matches().matches.is_empty() && book.resource(&untagged).is_some());
}

const TRUSTED: [&str; 3] = ["M1", "M2", "m1"];

fn spec() -> impl Strategy<Value = MachineSpec> {
    let gpus = prop::option::of(prop::collection::vec(-1i64..3, 0..3));
    (0i64..3, 0i64..3, 0i64..2, 0i64..2, gpus).prop_map(|(cpu_milli, gpu, ram, disk, gpus)| MachineSpec {
        cpu_milli,
        gpu,
        ram,
        disk,
        gpus: gpus.map(|list| list.into_iter().map(|vram_mib| GpuSpec { vram_mib, ..GpuSpec::default() }).collect()),
    })
}

fn parties() -> impl Strategy<Value = TrustedParties> {
    let mediators = prop::option::weighted(0.95, prop::sample::subsequence(TRUSTED.to_vec(), 0..=3));
    let solver = prop::sample::select(vec!["S", "S", "S", "s"]);
    (solver, mediators).prop_map(|(solver, mediators)| TrustedParties {
        solver: solver.to_owned(),
        mediators: mediators.map(|list| list.into_iter().map(str::to_owned).collect()),
        api_host: String::new(),
    })
}

fn mode() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["FixedPrice", "FixedPrice", "MarketPrice", ""]).prop_map(str::to_owned)
}

#[derive(Clone, Debug)]
enum Step {
    Resource(ResourceOffer),
    Job(JobOffer),
    TakeBack(prop::sample::Index),
    Cancel(prop::sample::Index),
    Round,
}

fn step() -> impl Strategy<Value = Step> {
    let prices = || (0u64..4).prop_map(|p| DealPricing { instruction_price: p, ..DealPricing::default() });
    let resource = (spec(), parties(), mode(), prices(), 0i64..6, 0u8..4, 0i64..4).prop_map(
        |(spec, trusted_parties, mode, default_pricing, ms, provider, index)| {
            Step::Resource(ResourceOffer {
                created_at: Timestamp::from_millis(ms),
                resource_provider: format!("P{provider}"),
                index,
                spec,
                mode,
                default_pricing,
                trusted_parties,
                ..ResourceOffer::default()
            })
        },
    );
    let target = prop::option::weighted(0.1, 0u8..5);
    let job = (spec(), parties(), mode(), prices(), 0i64..6, target).prop_map(
        |(spec, trusted_parties, mode, pricing, ms, target)| {
            Step::Job(JobOffer {
                created_at: Timestamp::from_millis(ms),
                spec,
                mode,
                pricing,
                trusted_parties,
                target: Target { address: target.map(|provider| format!("P{provider}")).unwrap_or_default() },
                ..JobOffer::default()
            })
        },
    );
    prop_oneof![
        8 => resource,
        8 => job,
        1 => any::<prop::sample::Index>().prop_map(Step::TakeBack),
        1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        3 => Just(Step::Round),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The book, fed and asked in any order, decides each round as the plain scan of all open offers does.
    #[test]
    fn the_book_decides_as_the_plain_scan(steps in prop::collection::vec(step(), 1..160)) {
        let mut book = OrderBook::new();
        let (mut jobs, mut resources): (Vec<JobOffer>, Vec<ResourceOffer>) = (Vec::new(), Vec::new());
        let mut taken = HashSet::new();
        let mut matched = 0;
        for (number, step) in steps.into_iter().chain([Step::Round]).enumerate() {
            match step {
                Step::Resource(mut offer) => {
                    // Ids that sort in another order than the offers came.
                    offer.id = ResourceOfferId::from_wire(format!("r{:03}", number * 37 % 500));
                    resources.retain(|other| {
                        (&other.resource_provider, other.index) != (&offer.resource_provider, offer.index)
                    });
                    resources.push(offer.clone());
                    let container = ResourceOfferContainer { id: offer.id.clone(), resource_offer: offer, ..Default::default() };
                    book.insert_resource(container);
                }
                Step::Job(mut offer) => {
                    offer.id = JobOfferId::from_wire(format!("j{:03}", number * 37 % 500));
                    jobs.push(offer.clone());
                    book.insert_job(JobOfferContainer { id: offer.id.clone(), job_offer: offer, ..Default::default() });
                }
                Step::TakeBack(index) if !resources.is_empty() => {
                    let offer = resources.swap_remove(index.index(resources.len()));
                    prop_assert!(book.remove_resource(&offer.id));
                }
                Step::Cancel(index) if !jobs.is_empty() => {
                    let offer = jobs.swap_remove(index.index(jobs.len()));
                    prop_assert!(book.remove_job(&offer.id));
                }
                Step::TakeBack(_) | Step::Cancel(_) => (),
                Step::Round => {
                    let (matches, unmatchable) = naive::solve(&jobs, &resources);
                    let round = book.next_matches();
                    prop_assert_eq!(&round.matches, &matches);
                    let gone: Vec<_> = round.unmatchable.iter().map(|job| job.job.clone()).collect();
                    prop_assert_eq!(&gone, &unmatchable);
                    jobs.retain(|job| !matches.iter().any(|(id, _)| *id == job.id) && !gone.contains(&job.id));
                    resources.retain(|offer| !matches.iter().any(|(_, id)| *id == offer.id));
                    matched += matches.len();
                    taken.extend(matches.into_iter().map(|(_, resource)| resource));
                    prop_assert_eq!(taken.len(), matched, "an offer was matched twice");
                    prop_assert_eq!(book.len(), (jobs.len(), resources.len()));
                }
            }
        }
    }
}
