//! Commits, alone and in company: `cargo bench -p lilypad-benches --bench store`.
//!
//! The figures of SQLite are those of the disk below the temporary folder; `TMPDIR` chooses it.
#![allow(missing_docs, reason = "criterion's macros make items without docs")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use lilypad_benches::job_offers;
use lilypad_sdk::store::{Batch, Expected, MemoryStore, SqliteStore, Store, Write};
use tokio::{runtime::Runtime, task::JoinSet};

/// A step of a role machine: one event, one effect, and the completion of the effect before.
fn step(stream: &str, seq: u64) -> Batch {
    let (stream, key) = (stream.to_owned(), format!("effect {seq}"));
    let before = format!("effect {}", seq.wrapping_sub(1));
    Batch::new()
        .with(Write::CompleteEffect { stream: stream.clone(), key: before })
        .with(Write::AppendEvent { stream: stream.clone(), seq, event: "e".repeat(400) })
        .with(Write::AddEffect { stream, key, effect: "e".repeat(400) })
}

fn commits<S: Store + Clone>(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &Runtime, name: &str, store: &S) {
    for writers in [1, 16, 128] {
        let streams: Arc<Vec<AtomicU64>> = Arc::new((0..writers).map(|_| AtomicU64::new(0)).collect());
        group.throughput(Throughput::Elements(writers));
        group.bench_function(format!("{name}, {writers} at once"), |bench| {
            bench.to_async(runtime).iter(|| async {
                let mut tasks = JoinSet::new();
                for at in 0..streams.len() {
                    let (store, streams) = (store.clone(), Arc::clone(&streams));
                    tasks.spawn(async move {
                        let seq = streams[at].fetch_add(1, Ordering::Relaxed);
                        store.commit(step(&format!("{}/{at}", streams.len()), seq)).await
                    });
                }
                for answer in tasks.join_all().await {
                    assert!(answer.is_ok(), "{answer:?}");
                }
            });
        });
    }
}

#[allow(clippy::expect_used, reason = "a benchmark without its parts ends")]
fn store(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sqlite = SqliteStore::open(folder.path().join("commits.db")).expect("a store");

    let mut group = criterion.benchmark_group("commit");
    commits(&mut group, &runtime, "memory", &MemoryStore::new());
    commits(&mut group, &runtime, "sqlite", &sqlite);
    group.finish();

    let full = SqliteStore::open(folder.path().join("full.db")).expect("a store");
    let offers = job_offers(10_000, 3).into_iter().map(|offer| Write::PutJobOffer {
        container: Box::new(offer),
        envelope: None,
        expected: Expected::Absent,
    });
    runtime.block_on(full.commit(offers.collect())).expect("10,000 offers");
    let mut group = criterion.benchmark_group("start");
    group.sample_size(10);
    group.bench_function("sqlite, read and decode 10k offers", |bench| {
        bench.to_async(&runtime).iter(|| async {
            let records = full.solver_records().await.expect("records");
            assert_eq!(records.job_offers.len(), 10_000);
        });
    });
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
