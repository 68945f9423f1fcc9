//! Jobs in wasmtime. The guest is tests/fixtures/wasm/guest.c.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use lilypad_sdk::executor::{
    EventSink, Executor, ExecutorError, FailureKind, OutputSpec, RunEvent, RunReport, WasmExecutor, WasmWorkload,
    Workload,
};
use sha2::{Digest, Sha256};

use super::Job;

fn guest() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wasm/guest.wasm"))
}

fn workload(parameters: &[&str]) -> WasmWorkload {
    let mut workload = WasmWorkload::new(guest());
    workload.parameters = parameters.iter().map(ToString::to_string).collect();
    workload
}

fn job(parameters: &[&str]) -> Job {
    Job::new(Workload::Wasm(workload(parameters)))
}

async fn run(job: &Job) -> Result<RunReport, ExecutorError> {
    job.run(&WasmExecutor::new().unwrap()).await
}

#[tokio::test]
async fn a_result_folder_holds_what_the_network_expects() {
    let job = job(&["hello"]);
    let report = run(&job).await.unwrap();
    assert_eq!(job.listing(), ["exitCode", "stderr", "stdout"]);
    assert_eq!(job.read("stdout"), "hello, lilypad\n");
    assert_eq!((job.read("stderr").as_str(), job.read("exitCode").as_str()), ("", "0"));
    assert_eq!(report.exit_code, 0);
    assert_eq!(report.instruction_count, 1);
    assert!(report.fuel.unwrap() > 100);
    assert_eq!(report.engine_id, WasmExecutor::engine_id());
    assert_eq!((report.used.output_files, report.used.output_bytes), (3, 16));
    assert!(report.used.peak_memory_bytes.unwrap() >= 65_536);
    let again = lilypad_sdk::api::archive::data_id_of_folder(&report.result_dir).unwrap();
    assert_eq!(report.data_id, again);
}

#[tokio::test]
async fn an_exit_code_is_a_result() {
    let job = job(&["exit7"]);
    let report = run(&job).await.unwrap();
    assert_eq!(report.exit_code, 7);
    assert_eq!(job.read("exitCode"), "7");
    assert_eq!((job.read("stdout").as_str(), job.read("stderr").as_str()), ("to stdout\n", "to stderr\n"));
}

#[tokio::test]
async fn equal_runs_have_equal_ids_and_fuel() {
    let (first, second, longer) = (job(&["sum"]), job(&["sum"]), job(&["hello"]));
    let (first, second) = (run(&first).await.unwrap(), run(&second).await.unwrap());
    assert_eq!((&first.data_id, first.fuel), (&second.data_id, second.fuel));
    assert!(first.instruction_count >= 5, "{first:?}");
    assert_ne!(run(&longer).await.unwrap().data_id, first.data_id);
}

#[tokio::test]
async fn time_and_randomness_are_the_same_in_every_run() {
    for task in ["sleep", "random"] {
        let (first, second) = (job(&[task]), job(&[task]));
        let start = Instant::now();
        run(&first).await.unwrap();
        run(&second).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(600));
        assert_eq!(first.read("stdout"), second.read("stdout"), "{task}");
    }
    let slept = job(&["sleep"]);
    run(&slept).await.unwrap();
    let times = slept.read("stdout");
    let seconds: Vec<u64> =
        times.split_whitespace().map(|time| time.split('.').next().unwrap().parse().unwrap()).collect();
    assert_eq!(seconds[2] - seconds[0], 3600, "{times}");
    assert_eq!(seconds[3] - seconds[1], 3600, "{times}");
}

#[tokio::test]
async fn arguments_and_environment_arrive_and_nothing_else() {
    let mut workload = workload(&["show", "one", "two words"]);
    workload.env = BTreeMap::from([("B".into(), "2".into()), ("A".into(), "1=x".into())]);
    let job = Job::new(Workload::Wasm(workload));
    run(&job).await.unwrap();
    assert_eq!(job.read("stdout"), "[] [one] [two words]\nA=1=x\nB=2\n");
}

#[tokio::test]
async fn outputs_come_back_by_name_and_links_do_not() {
    let mut job = job(&["outputs"]);
    job.inputs(&[("in.txt", "the input")]);
    let specs = [("outputs", "/outputs"), ("logs", "/var/log"), ("empty", "/nothing/here")];
    job.request.outputs = specs.map(|(name, path)| OutputSpec::new(name, path)).into();
    let report = run(&job).await.unwrap();
    assert_eq!((report.exit_code, job.read("stderr").as_str()), (0, ""));
    let expected = [
        "empty/",
        "exitCode",
        "logs/",
        "logs/log.txt",
        "outputs/",
        "outputs/folder/",
        "outputs/folder/copy.txt",
        "stderr",
        "stdout",
    ];
    assert_eq!(job.listing(), expected);
    assert_eq!(job.read("outputs/folder/copy.txt"), "the input");
}

#[tokio::test]
async fn listings_and_times_of_files_are_those_of_every_machine() {
    let names: Vec<String> = (0..400).rev().map(|n| format!("file-{n:03}-{}", "x".repeat(100))).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "12345")).collect();
    let mut job = job(&["list"]);
    job.inputs(&files);
    fs::create_dir(job.dir.path().join("inputs/folder")).unwrap();
    assert_eq!(run(&job).await.unwrap().exit_code, 0);
    let mut expected = String::from(". 0 1704067200\n");
    names.iter().rev().for_each(|name| expected += &format!("{name} 5 1704067200\n"));
    expected += "folder 0 1704067200\n";
    assert_eq!(job.read("stdout"), expected);
}

#[tokio::test]
async fn no_other_file_is_seen_and_inputs_cannot_be_changed() {
    for (from, to) in [
        ("/etc/passwd", "/outputs/x"),
        ("../../../../../../etc/passwd", "/outputs/x"),
        ("/inputs/../../../../../etc/passwd", "/outputs/x"),
        ("/inputs/missing", "/outputs/x"),
        ("/inputs/in.txt", "/inputs/new"),
        ("/inputs/in.txt", "/inputs/in.txt"),
        ("/inputs/in.txt", "/outputs/../escaped"),
    ] {
        let mut job = job(&["copy", from, to]);
        job.inputs(&[("in.txt", "the input")]);
        job.request.outputs = vec![OutputSpec::new("outputs", "/outputs")];
        let report = run(&job).await.unwrap();
        assert!([3, 4].contains(&report.exit_code), "{from} to {to}: {}", report.exit_code);
        assert_eq!(job.listing(), ["exitCode", "outputs/", "stderr", "stdout"]);
        assert_eq!(super::read(&job.dir.path().join("inputs/in.txt")), "the input");
    }
}

#[tokio::test]
async fn the_time_limit_stops_a_loop_and_keeps_its_output() {
    let mut job = job(&["loop"]);
    job.request.limits.time = Duration::from_secs(3);
    let start = Instant::now();
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::TimeLimit { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(error.reason(), "time limit of 3 s reached");
    assert_eq!(error.stderr_tail(), "before the loop\n");
    assert_eq!(error.partial_output(), Some(&*job.request.result_dir));
    assert!(error.hint().unwrap().contains("Timeout"));
    assert!(!job.request.result_dir.join("exitCode").exists());
}

#[tokio::test]
async fn sleeping_for_ever_meets_the_time_limit() {
    let mut job = job(&["sleepy-loop"]);
    job.request.limits.time = Duration::from_secs(2);
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::TimeLimit { .. }), "{error}");
}

#[tokio::test]
async fn memory_beyond_the_limit_is_out_of_memory() {
    let mut job = job(&["memory"]);
    job.request.limits.memory_bytes = 64 << 20;
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::OutOfMemory { limit_bytes: 67_108_864 }), "{error}");
    // Even the memory that a module starts with counts.
    let mut job = super::wasm::job(&["hello"]);
    job.request.limits.memory_bytes = 1000;
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::OutOfMemory { .. }), "{error}");
}

#[tokio::test]
async fn fuel_beyond_the_limit_is_exhausted() {
    let mut job = job(&["sum"]);
    job.request.limits.fuel = Some(1_000_000);
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::FuelExhausted { limit: 1_000_000 }), "{error}");
    // The engine looks at function entries and loops only, so "one too little" may pass; what is reported never exceeds
    // the limit.
    let needed = run(&super::wasm::job(&["hello"])).await.unwrap().fuel.unwrap();
    for (limit, is_enough) in [(needed, true), (needed / 2, false)] {
        let mut job = super::wasm::job(&["hello"]);
        job.request.limits.fuel = Some(limit);
        assert_eq!(run(&job).await.is_ok(), is_enough, "{limit}");
    }
}

#[tokio::test]
async fn output_beyond_the_limit_is_an_error_and_not_cut_silently() {
    let mut job = job(&["flood"]);
    job.request.limits.output_bytes = 100_500;
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::OutputLimit { what: "bytes", limit: 100_500 }), "{error}");
    assert_eq!(job.read("stdout").len(), 100_500);
}

#[tokio::test]
async fn a_growing_output_file_is_stopped_while_the_job_runs() {
    let mut job = job(&["fill"]);
    job.request.outputs = vec![OutputSpec::new("outputs", "/outputs")];
    job.request.limits.output_bytes = 1 << 20;
    job.request.limits.time = Duration::from_secs(300);
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::OutputLimit { .. }), "{error}");
}

#[tokio::test]
async fn a_crash_says_so() {
    let error = run(&job(&["trap"])).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::Trapped { .. }), "{error}");
    assert!(error.reason().contains("unreachable"), "{error}");
    assert!(error.is_job_fault());
}

#[tokio::test]
async fn a_named_entry_point_is_started() {
    let mut other = workload(&[]);
    other.entry_point = "other".into();
    let job = Job::new(Workload::Wasm(other.clone()));
    let report = run(&job).await.unwrap();
    assert_eq!((report.exit_code, job.read("stdout").as_str()), (0, "other\n"));
    other.entry_point = "nope".into();
    let error = run(&Job::new(Workload::Wasm(other))).await.unwrap_err();
    assert_eq!(error.reason(), "unable to find the entrypoint 'nope' in the WASM module");
}

#[tokio::test]
async fn modules_that_are_missing_wrong_or_broken_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let start = |workload: WasmWorkload| async move { run(&Job::new(Workload::Wasm(workload))).await.unwrap_err() };

    let error = start(WasmWorkload::new(dir.path().join("none.wasm"))).await;
    assert!(matches!(error.kind(), FailureKind::ModuleMissing { .. }), "{error}");

    let mut other = workload(&["hello"]);
    other.sha256 = Some([7; 32]);
    let error = start(other).await;
    assert!(matches!(error.kind(), FailureKind::HashMismatch { .. }), "{error}");
    assert!(error.reason().contains(&"07".repeat(32)), "{error}");

    let broken = dir.path().join("broken.wasm");
    fs::write(&broken, "no module").unwrap();
    let error = start(WasmWorkload::new(&broken)).await;
    assert!(matches!(error.kind(), FailureKind::InvalidModule { .. }), "{error}");

    // (module (import "env" "foo" (func)))
    let foreign = dir.path().join("foreign.wasm");
    fs::write(&foreign, b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0b\x01\x03env\x03foo\0\0").unwrap();
    let error = start(WasmWorkload::new(&foreign)).await;
    assert!(matches!(error.kind(), FailureKind::InvalidModule { .. }), "{error}");
    assert!(error.reason().contains("env"), "{error}");
}

#[tokio::test]
async fn the_right_hash_is_accepted() {
    let mut right = workload(&["hello"]);
    right.sha256 = Some(Sha256::digest(fs::read(guest()).unwrap()).into());
    run(&Job::new(Workload::Wasm(right))).await.unwrap();
}

#[tokio::test]
async fn cancelling_and_dropping_stop_the_guest() {
    let executor = WasmExecutor::new().unwrap();
    executor.warm_up(workload(&[])).await.unwrap();
    let job = job(&["loop"]);
    let (cancel, at) = (job.request.cancel.clone(), Instant::now());
    let (result, ()) = tokio::join!(job.run(&executor), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    });
    assert!(matches!(result.unwrap_err().kind(), FailureKind::Cancelled));
    assert!(at.elapsed() < Duration::from_secs(30));

    // The runtime waits for its blocking threads when it ends: this test ends only if the guest was stopped.
    let dropped = super::wasm::job(&["loop"]);
    let run = tokio::time::timeout(Duration::from_millis(300), dropped.run(&executor));
    assert!(run.await.is_err());
}

#[tokio::test]
async fn runs_at_the_same_time_do_not_stop_each_other() {
    let executor = WasmExecutor::new().unwrap();
    let (mut short, long) = (job(&["loop"]), job(&["sum"]));
    short.request.limits.time = Duration::from_millis(1);
    let (stopped, whole, other) = tokio::join!(short.run(&executor), long.run(&executor), async {
        let job = job(&["sum"]);
        job.run(&executor).await
    });
    assert!(stopped.is_err());
    assert_eq!(whole.unwrap().fuel, other.unwrap().fuel);
}

#[tokio::test]
async fn events_tell_the_start_and_the_output() {
    let (sender, mut events) = tokio::sync::mpsc::channel(16);
    let job = job(&["exit7"]);
    let executor = WasmExecutor::new().unwrap();
    Executor::run(&executor, job.request.clone(), EventSink::new(sender)).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = events.recv().await {
        seen.push(event);
    }
    assert_eq!(seen[0], RunEvent::Started);
    assert!(seen.contains(&RunEvent::Stdout(b"to stdout\n".to_vec())), "{seen:?}");
    assert!(seen.contains(&RunEvent::Stderr(b"to stderr\n".to_vec())), "{seen:?}");
}
