//! Matching with full books: `cargo bench -p lilypad-benches --bench matching`.
#![allow(missing_docs, reason = "criterion's macros make items without docs")]

use std::{collections::HashMap, hint::black_box};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lilypad_benches::{job_offers, resource_offers};
use lilypad_sdk::{
    matching::{OrderBook, build_deal, naive, rules},
    types::{JobOffer, JobOfferContainer, MachineSpec, ResourceOffer, ResourceOfferContainer},
};

fn book(jobs: &[JobOfferContainer], resources: &[ResourceOfferContainer]) -> OrderBook {
    let mut book = OrderBook::new();
    resources.iter().cloned().for_each(|offer| drop(book.insert_resource(offer)));
    jobs.iter().cloned().for_each(|offer| book.insert_job(offer));
    book
}

fn matching(criterion: &mut Criterion) {
    let (jobs, resources) = (job_offers(10_000, 1), resource_offers(10_000, 2));

    criterion.bench_function("evaluate one pair", |bench| {
        bench.iter(|| rules::evaluate(black_box(&resources[0].resource_offer), black_box(&jobs[0].job_offer)));
    });
    criterion.bench_function("build one deal", |bench| {
        bench.iter(|| build_deal(black_box(&resources[0].resource_offer), black_box(&jobs[0].job_offer)));
    });

    // In a book of 10,000 resource offers: a job comes and is matched, and its resource offer comes back.
    let by_id: HashMap<_, _> = resources.iter().map(|offer| (offer.id.clone(), offer)).collect();
    let mut full = book(&[], &resources);
    let mut next = jobs.iter().cycle();
    criterion.bench_function("match one job among 10k resource offers", |bench| {
        bench.iter(|| {
            let Some(job) = next.next() else { return };
            full.insert_job(job.clone());
            for (_, taken) in full.next_matches().matches {
                full.insert_resource(by_id[&taken].clone());
            }
            full.remove_job(&job.id);
        });
    });

    // 10,000 jobs that nobody serves yet, and offers that come one by one: too small, then large enough for one.
    let mut waiting = book(&jobs, &[]);
    assert!(waiting.next_matches().matches.is_empty());
    let mut useless = resources[0].clone();
    useless.resource_offer.spec = MachineSpec::default();
    criterion.bench_function("an offer nobody can use among 10k waiting jobs", |bench| {
        bench.iter(|| {
            waiting.insert_resource(useless.clone());
            let round = waiting.next_matches();
            assert!(round.matches.is_empty());
        });
    });

    let mut group = criterion.benchmark_group("first round");
    group.sample_size(10);
    group.bench_function("10k jobs, 10k resource offers", |bench| {
        bench.iter_batched(
            || book(&jobs, &resources),
            |mut book| book.next_matches().matches.len(),
            BatchSize::LargeInput,
        );
    });
    let jobs: Vec<JobOffer> = jobs.iter().take(1000).map(|job| job.job_offer.clone()).collect();
    let resources: Vec<ResourceOffer> = resources.iter().take(1000).map(|offer| offer.resource_offer.clone()).collect();
    group.bench_function("1k jobs, 1k resource offers, plain scan", |bench| {
        bench.iter(|| naive::solve(&jobs, &resources).0.len());
    });
    group.finish();
}

criterion_group!(benches, matching);
criterion_main!(benches);
