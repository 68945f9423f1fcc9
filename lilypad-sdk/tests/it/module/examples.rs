//! The modules below `examples/modules`, run for real.

use std::path::Path;
use std::process::Command;

use lilypad_sdk::executor::{
    DockerConfig, DockerExecutor, DockerWorkload, EventSink, Executor, OutputSpec, RunRequest, Workload,
};
use lilypad_sdk::module::{FetchPolicy, Fetcher, ModuleReference, Program};

use super::inputs;

/// Builds the image with the module's own script, or says why not. Where real parts are required their absence is a failure.
fn build(folder: &Path) -> bool {
    let script = folder.join("build-image.sh");
    let result = Command::new(&script).output().map_err(|error| error.to_string()).and_then(|output| {
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    });
    let Err(why) = result else { return true };
    let is_set = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    assert!(!is_set("CI", "true") && !is_set("LILYPAD_REQUIRE_PARTS", "1"), "{} is required: {why}", script.display());
    crate::skipped(format_args!("{}: {why}", script.display()));
    false
}

#[tokio::test]
async fn hello_docker_greets_from_a_container() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/modules/hello-docker");
    if !folder.exists() {
        crate::skipped(format_args!("the crate lies outside its repository, so there are no examples"));
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(data.path(), FetchPolicy::strangers()).with_embedded();
    let source = fetcher.resolve(&ModuleReference::folder(&folder)).await.unwrap();
    let checkout = fetcher.fetch(&source).await.unwrap();
    assert!(checkout.render(&inputs(&serde_json::json!({}))).is_ok(), "it renders without input too");
    let name = "\"you\" & 'me'\\";
    let module = checkout.render(&inputs(&serde_json::json!({"Name": name}))).unwrap();
    let workload = module.workload().unwrap();
    let Program::Docker(program) = workload.program else { panic!("not a container") };
    assert_eq!((program.image.as_str(), workload.outputs.len()), ("lilypad-hello:local", 1));
    if !build(&folder) {
        return;
    }
    let mut container = DockerWorkload::new(program.image);
    container.entrypoint = Some(program.entrypoint);
    container.env = program.env;
    let mut request = RunRequest::new("hello-docker", Workload::Docker(container), data.path().join("result"));
    request.outputs = workload.outputs.into_iter().map(|output| OutputSpec::new(output.name, output.path)).collect();
    let executor = DockerExecutor::new(DockerConfig::new("lilypad-tests"));
    let report = executor.run(request, EventSink::none()).await.unwrap();
    assert_eq!(report.exit_code, 0);
    let read = |path: &str| std::fs::read_to_string(report.result_dir.join(path)).unwrap();
    assert_eq!(read("stdout"), format!("hello, {name}\n"));
    assert_eq!(read("outputs/hello.txt"), format!("hello, {name}\n"));
    executor.shutdown().await;
}
