//! What the Docker executor adds to a plain create, start and wait of the same container, pair by pair in one run.
//!
//! `bash lilypad-sdk/tests/fixtures/docker/busybox-image && cargo bench -p lilypad-benches --bench docker`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::time::{Duration, Instant};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{RemoveContainerOptionsBuilder, WaitContainerOptions},
};
use futures_util::StreamExt as _;
use lilypad_sdk::executor::{DockerConfig, DockerExecutor, DockerWorkload, EventSink, Executor, RunRequest, Workload};

const IMAGE: &str = "lilypad-test-busybox:latest";
const ROUNDS: usize = 31;

async fn plain(docker: &Docker) -> Duration {
    let started = Instant::now();
    let host = HostConfig {
        network_mode: Some("none".to_owned()),
        memory: Some(1_000_000_000),
        memory_swap: Some(1_000_000_000),
        ..HostConfig::default()
    };
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        entrypoint: Some(vec!["echo".to_owned(), "moo".to_owned()]),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    };
    let id = docker.create_container(None, body).await.unwrap().id;
    docker.start_container(&id, None).await.unwrap();
    docker.wait_container(&id, None::<WaitContainerOptions>).next().await.unwrap().unwrap();
    let took = started.elapsed();
    let force = RemoveContainerOptionsBuilder::default().force(true).build();
    docker.remove_container(&id, Some(force)).await.unwrap();
    took
}

async fn ours(executor: &DockerExecutor, folder: &std::path::Path, round: usize) -> Duration {
    let mut workload = DockerWorkload::new(IMAGE);
    workload.entrypoint = Some(vec!["echo".to_owned(), "moo".to_owned()]);
    let request = RunRequest::new(format!("bench-{round}"), Workload::Docker(workload), folder.join(round.to_string()));
    let started = Instant::now();
    let report = executor.run(request, EventSink::none()).await.unwrap();
    let took = started.elapsed();
    assert_eq!(report.exit_code, 0);
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::main]
async fn main() {
    let Ok(docker) = Docker::connect_with_socket_defaults() else { return println!("SKIPPED: no Docker engine") };
    let docker = docker.negotiate_version().await.unwrap();
    let executor = DockerExecutor::new(DockerConfig::new("bench"));
    let folder = tempfile::tempdir().unwrap();
    plain(&docker).await;
    ours(&executor, folder.path(), ROUNDS).await;
    let (mut bare, mut full, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (a, b) = (plain(&docker).await, ours(&executor, folder.path(), round).await);
        bare.push(a);
        full.push(b);
        added.push(b.as_secs_f64() - a.as_secs_f64());
    }
    added.sort_by(f64::total_cmp);
    println!(
        "plain create-start-wait: median {:.1?}; executor: median {:.1?}; added, pair by pair: median {:.1} ms of {ROUNDS}",
        median(bare),
        median(full),
        added[ROUNDS / 2] * 1000.0
    );
    executor.shutdown().await;
}
