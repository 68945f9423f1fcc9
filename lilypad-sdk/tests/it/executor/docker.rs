//! Jobs in a real container, in an image that tests/fixtures/docker/busybox-image makes without any registry.

use std::{
    path::Path,
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use lilypad_sdk::executor::{
    DockerConfig, DockerExecutor, DockerWorkload, Executor, ExecutorError, FailureKind, NetworkAccess, OutputSpec,
    RunReport, Workload, docker,
};

use super::Job;

const IMAGE: &str = "lilypad-test-busybox:latest";

fn docker_cli(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().map_err(|error| format!("docker: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The engine and the image, or why they are not there.
fn prepare() -> Result<(), String> {
    docker_cli(&["version", "--format", "{{.Server.Version}}"])?;
    if docker_cli(&["image", "inspect", IMAGE]).is_ok() {
        return Ok(());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/docker/busybox-image");
    let made = Command::new(script).arg(IMAGE).output().map_err(|error| format!("{script}: {error}"))?;
    if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into_owned()) }
}

/// Whether the test can run. Where real parts are required their absence is a failure, else it is said.
fn is_ready() -> bool {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    match READY.get_or_init(prepare) {
        Ok(()) => true,
        Err(cause) => {
            let is_set = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
            let is_required = is_set("CI", "true") || is_set("LILYPAD_REQUIRE_PARTS", "1");
            assert!(!is_required, "a Docker engine is required: {cause}");
            crate::skipped(format_args!("no Docker engine: {cause}"));
            false
        }
    }
}

fn executor() -> DockerExecutor {
    DockerExecutor::new(DockerConfig::new("lilypad-tests"))
}

/// A job that runs this in the image's shell.
fn shell(script: &str) -> Job {
    let mut workload = DockerWorkload::new(IMAGE);
    workload.entrypoint = Some(["/bin/sh", "-c", script].map(String::from).into());
    let mut job = Job::new(Workload::Docker(workload));
    job.request.limits.time = Duration::from_secs(120);
    job
}

fn workload(job: &mut Job) -> &mut DockerWorkload {
    match &mut job.request.workload {
        Workload::Docker(workload) => workload,
        other => panic!("{other:?}"),
    }
}

/// Containers of this job, running or not.
fn containers(job: &Job) -> Vec<String> {
    let filter = format!("label={}={}", docker::LABEL_DEAL, job.request.id);
    let listed = docker_cli(&["ps", "--all", "--quiet", "--filter", &filter]).unwrap();
    listed.lines().map(String::from).collect()
}

/// Runs the job and checks that nothing is left of it.
async fn run(job: &Job) -> Result<RunReport, ExecutorError> {
    let executor = executor();
    let result = job.run(&executor).await;
    executor.shutdown().await;
    assert_eq!(containers(job), Vec::<String>::new());
    result
}

#[tokio::test]
async fn a_result_folder_holds_what_the_network_expects() {
    if !is_ready() {
        return;
    }
    let job = shell("echo hello, lilypad");
    let report = run(&job).await.unwrap();
    assert_eq!(job.listing(), ["exitCode", "stderr", "stdout"]);
    assert_eq!(job.read("stdout"), "hello, lilypad\n");
    assert_eq!((job.read("stderr").as_str(), job.read("exitCode").as_str()), ("", "0"));
    assert_eq!((report.exit_code, report.instruction_count, report.fuel), (0, 1, None));
    assert!(report.image_digest.as_ref().unwrap().starts_with("sha256:"), "{report:?}");
    assert!(report.engine_id.starts_with("docker-"));
    // The same folder as the WASM guest's, so the same id.
    let id = lilypad_sdk::api::archive::data_id_of_folder(&report.result_dir).unwrap();
    assert_eq!(report.data_id, id);
}

#[tokio::test]
async fn an_exit_code_is_a_result() {
    if !is_ready() {
        return;
    }
    let job = shell("echo out; echo err >&2; exit 7");
    assert_eq!(run(&job).await.unwrap().exit_code, 7);
    assert_eq!(job.listing(), ["exitCode", "stderr", "stdout"]);
    assert_eq!(
        (job.read("stdout"), job.read("stderr"), job.read("exitCode")),
        ("out\n".into(), "err\n".into(), "7".into())
    );
    // A SIGKILL of its own is no lack of memory.
    let job = shell("kill -9 $$");
    let report = run(&job).await;
    let code = report.map(|report| report.exit_code);
    assert!(matches!(code, Ok(137 | 0)), "{code:?}");
}

#[tokio::test]
async fn output_is_kept_byte_by_byte() {
    if !is_ready() {
        return;
    }
    let job = shell("head -c 300000 /dev/zero; printf 'no newline at the end\\001\\377'");
    run(&job).await.unwrap();
    let stdout = std::fs::read(job.request.result_dir.join("stdout")).unwrap();
    assert_eq!(stdout.len(), 300_023);
    assert!(stdout.ends_with(b"end\x01\xff"));
}

#[tokio::test]
async fn the_time_limit_kills_and_removes() {
    if !is_ready() {
        return;
    }
    let mut job = shell("echo begun; echo trouble >&2; sleep 600");
    job.request.limits.time = Duration::from_secs(4);
    let start = Instant::now();
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::TimeLimit { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert_eq!(job.read("stdout"), "begun\n");
    assert_eq!(error.stderr_tail(), "trouble\n");
    assert_eq!(error.partial_output(), Some(&*job.request.result_dir));
}

#[tokio::test]
async fn memory_beyond_the_limit_is_out_of_memory() {
    if !is_ready() {
        return;
    }
    let mut job = shell("exec tail /dev/zero");
    job.request.limits.memory_bytes = 32 << 20;
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::OutOfMemory { limit_bytes: 33_554_432 }), "{error}");
    assert!(error.hint().unwrap().contains("Resources.Memory"));
}

#[tokio::test]
async fn a_missing_image_is_named_with_a_way_out() {
    if !is_ready() {
        return;
    }
    let mut job = Job::new(Workload::Docker(DockerWorkload::new("localhost:1/lilypad-test-missing:v1")));
    job.request.limits.time = Duration::from_secs(60);
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::ImageMissing { .. }), "{error}");
    assert!(error.reason().contains("localhost:1/lilypad-test-missing:v1"), "{error}");
    assert!(error.hint().unwrap().contains("docker build -t localhost:1/lilypad-test-missing:v1"));
    assert_eq!(error.partial_output(), None);
    let mut config = DockerConfig::new("lilypad-tests");
    config.pull = false;
    let error = job.run(&DockerExecutor::new(config)).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::ImageMissing { .. }), "{error}");
}

#[tokio::test]
async fn an_entrypoint_that_is_not_there_is_a_failed_start() {
    if !is_ready() {
        return;
    }
    let mut job = shell("");
    workload(&mut job).entrypoint = Some(vec!["/nope".into()]);
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::StartFailed { .. }), "{error}");
    assert!(error.reason().contains("/nope"), "{error}");
}

#[tokio::test]
async fn environment_arguments_and_working_folder_arrive() {
    if !is_ready() {
        return;
    }
    let mut job = shell("");
    let workload = workload(&mut job);
    workload.entrypoint =
        Some(["/bin/sh", "-c", "echo \"$GREETING\"; pwd; echo \"$1\"", "sh"].map(String::from).into());
    workload.parameters = vec!["two words".into()];
    workload.env = vec!["GREETING=moo = moo".into()];
    workload.working_dir = Some("/tmp".into());
    run(&job).await.unwrap();
    assert_eq!(job.read("stdout"), "moo = moo\n/tmp\ntwo words\n");
}

#[tokio::test]
async fn outputs_come_back_by_name_and_inputs_cannot_be_changed() {
    if !is_ready() {
        return;
    }
    let script = "cat /inputs/in.txt; echo x > /inputs/new; mkdir -p /outputs/deep && cp /inputs/in.txt /outputs/deep/;
        ln -s /etc/passwd /outputs/link; mkfifo /outputs/pipe; echo log > /var/log/log.txt; exit 0";
    let mut job = shell(script);
    job.inputs(&[("in.txt", "the input\n")]);
    job.request.outputs = vec![OutputSpec::new("outputs", "/outputs"), OutputSpec::new("logs", "/var/log")];
    run(&job).await.unwrap();
    assert_eq!(job.read("stdout"), "the input\n");
    assert!(job.read("stderr").contains("Read-only"), "{}", job.read("stderr"));
    let expected =
        ["exitCode", "logs/", "logs/log.txt", "outputs/", "outputs/deep/", "outputs/deep/in.txt", "stderr", "stdout"];
    assert_eq!(job.listing(), expected);
    assert!(!job.dir.path().join("inputs/new").exists());
}

#[tokio::test]
async fn a_user_of_the_image_can_write_its_outputs() {
    if !is_ready() {
        return;
    }
    let mut job = shell("id -u; echo mine > /outputs/file");
    let image = "lilypad-test-busybox:user";
    let container = docker_cli(&["create", IMAGE]).unwrap();
    docker_cli(&["commit", "--change", "USER app", &container, image]).unwrap();
    docker_cli(&["rm", &container]).unwrap();
    workload(&mut job).image = image.into();
    job.request.outputs = vec![OutputSpec::new("outputs", "/outputs")];
    assert_eq!(run(&job).await.unwrap().exit_code, 0, "{}", job.read("stderr"));
    assert_eq!((job.read("stdout"), job.read("outputs/file")), ("1000\n".into(), "mine\n".into()));
}

#[tokio::test]
async fn the_sandbox_has_no_network_few_capabilities_and_no_new_privileges() {
    if !is_ready() {
        return;
    }
    let job = shell(
        "ip -o addr; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; ulimit -c; mount -t tmpfs x /mnt 2>&1",
    );
    run(&job).await.unwrap();
    let shown = job.read("stdout");
    assert!(shown.contains("127.0.0.1") && !shown.contains("eth0"), "{shown}");
    assert!(shown.contains("NoNewPrivs:\t1") && shown.contains("Seccomp:\t2"), "{shown}");
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID
    assert!(shown.contains("CapEff:\t00000000000000fb"), "{shown}");
    assert!(shown.contains("denied") || shown.contains("permitted"), "{shown}");
}

#[tokio::test]
async fn a_job_that_wants_network_is_refused_unless_allowed() {
    if !is_ready() {
        return;
    }
    let mut job = shell("ip -o addr");
    workload(&mut job).network = NetworkAccess::Full;
    let error = run(&job).await.unwrap_err();
    assert_eq!(error.reason(), "the job asks for network access, which this provider does not allow");
}

#[tokio::test]
async fn a_fork_bomb_stays_inside() {
    if !is_ready() {
        return;
    }
    let mut job = shell("i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; wait");
    job.request.limits.pids = 16;
    let report = run(&job).await.unwrap();
    assert_ne!(report.exit_code, 0);
    assert!(job.read("stderr").contains("can't fork"), "{}", job.read("stderr"));
}

#[tokio::test]
async fn output_beyond_the_limit_is_an_error_and_not_cut_silently() {
    if !is_ready() {
        return;
    }
    let mut job = shell("yes");
    job.request.limits.output_bytes = 100_500;
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::OutputLimit { limit: 100_500, .. }), "{error}");
    assert_eq!(job.read("stdout").len(), 100_500);
    let mut job = shell("dd if=/dev/zero of=/outputs/big bs=65536");
    job.request.outputs = vec![OutputSpec::new("outputs", "/outputs")];
    job.request.limits.output_bytes = 1 << 20;
    let error = run(&job).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::OutputLimit { .. }), "{error}");
}

#[tokio::test]
async fn cancelling_and_dropping_remove_the_container() {
    if !is_ready() {
        return;
    }
    let executor = executor();
    let job = shell("echo up; sleep 600");
    let is_up = || async {
        while !job.request.result_dir.join("stdout").exists() || job.read("stdout").is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (result, ()) = tokio::join!(job.run(&executor), async {
        is_up().await;
        assert_eq!(containers(&job).len(), 1);
        job.request.cancel.cancel();
    });
    assert!(matches!(result.unwrap_err().kind(), FailureKind::Cancelled));
    assert_eq!(containers(&job), Vec::<String>::new());

    // Whatever the run is at: asking for the container, starting it, waiting for it.
    for after in [5, 20, 50, 100, 200, 3000] {
        let job = shell("sleep 600");
        let run = tokio::time::timeout(Duration::from_millis(after), job.run(&executor));
        assert!(run.await.is_err());
        executor.shutdown().await;
        assert_eq!(containers(&job), Vec::<String>::new(), "dropped after {after} ms");
    }
}

#[tokio::test]
async fn orphans_of_dead_processes_are_removed_and_others_kept() {
    if !is_ready() || !Path::new("/proc/sys/kernel/hostname").exists() {
        return;
    }
    let host = super::read(Path::new("/proc/sys/kernel/hostname"));
    let owner = format!("lilypad-tests-{}", std::process::id());
    let start = |process: &str| {
        let owner = format!("{}={owner}", docker::LABEL_OWNER);
        let process = format!("{}={}/{process}", docker::LABEL_PROCESS, host.trim());
        let arguments =
            ["run", "--detach", "--network", "none", "--label", &owner, "--label", &process, IMAGE, "sleep", "600"];
        docker_cli(&arguments).unwrap()
    };
    let stat = super::read(Path::new("/proc/self/stat"));
    let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().to_owned();
    let (dead, alive) = (start("4194305/1"), start(&format!("{}/{started}", std::process::id())));
    let count = DockerExecutor::new(DockerConfig::new(&owner)).remove_orphans().await;
    let filter = format!("label={}={owner}", docker::LABEL_OWNER);
    let left = docker_cli(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]).unwrap();
    docker_cli(&["rm", "--force", &alive]).unwrap();
    assert_eq!(count.unwrap(), 1);
    assert_eq!(left, alive, "{dead}");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_said_by_name() {
    let mut job = Job::new(Workload::Docker(DockerWorkload::new(IMAGE)));
    job.request.limits.time = Duration::from_secs(30);
    let mut config = DockerConfig::new("lilypad-tests");
    config.host = Some("unix:///nonexistent/docker.sock".into());
    let executor = DockerExecutor::new(config);
    assert!(!executor.is_available().await);
    let error = job.run(&executor).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::EngineUnavailable { .. }), "{error}");
    assert!(error.to_string().contains("docker is not available"), "{error}");
    assert!(error.is_retryable() && error.hint().unwrap().contains("WASM"));
}
