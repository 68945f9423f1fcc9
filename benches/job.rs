//! From `submit()` to the acceptance receipt on a warm devnet with SQLite stores.
//!
//! `cargo bench -p lilypad-benches --bench job`
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use lilypad_sdk::{
    Lilypad,
    client::Paths,
    devnet::{Devnet, StoreChoice},
    wallet::Wallet,
};
use tokio::runtime::Runtime;

struct World {
    lilypad: Lilypad,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths { data: folder.path().join("data"), state: folder.path().join("state") };
    let sqlite = StoreChoice::Sqlite(folder.path().join("stores"));
    let devnet = Devnet::builder().paths(paths.clone()).store(sqlite).spawn().await.unwrap();
    // Joined as another terminal would: over HTTP, with a store of its own on disk.
    let info = devnet.info().clone();
    let lilypad = Lilypad::join(&info, paths, Wallet::dev(5).unwrap()).await.unwrap();
    std::mem::forget(devnet);
    World { lilypad, _folder: folder }
}

async fn one_job(lilypad: &Lilypad) {
    let mut job = lilypad.job("cowsay:v0.0.4").input("Message", "moo").submit().await.unwrap();
    while let Some(stage) = job.next().await {
        stage.unwrap();
    }
}

fn job(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(world());
    runtime.block_on(one_job(&world.lilypad));
    let mut group = criterion.benchmark_group("job");
    group.sample_size(50).measurement_time(Duration::from_secs(10));
    group.bench_function("submit to acceptance, wasm, warm, sqlite", |b| {
        b.to_async(&runtime).iter_custom(|rounds| {
            let lilypad = world.lilypad.clone();
            async move {
                let started = Instant::now();
                for _ in 0..rounds {
                    one_job(&lilypad).await;
                }
                started.elapsed()
            }
        });
    });
    group.finish();
}

fn start(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("devnet");
    group.sample_size(20);
    group.bench_function("start to ready", |b| {
        b.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                let folder = tempfile::tempdir().unwrap();
                let paths = Paths { data: folder.path().join("data"), state: folder.path().join("state") };
                let started = Instant::now();
                let devnet = runtime.block_on(Devnet::builder().paths(paths).spawn()).unwrap();
                total += started.elapsed();
                runtime.block_on(devnet.shutdown()).unwrap();
            }
            total
        });
    });
    group.finish();
}

criterion_group!(benches, job, start);
criterion_main!(benches);
