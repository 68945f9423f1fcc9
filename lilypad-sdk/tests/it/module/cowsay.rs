//! The cow, in wasmtime.

use lilypad_sdk::executor::{EventSink, Executor, RunReport, RunRequest, WasmExecutor, WasmWorkload, Workload};
use lilypad_sdk::module::{FetchPolicy, Fetcher, ModuleReference, Program, WasmLocation};
use sha2::{Digest, Sha256};

use super::{fixture, inputs, lines};

/// What the published module writes for what Debian's `cowsay` was recorded to write: the latter leaves out the blank behind
/// the two edges of the bubble.
fn with_blanks(recorded: &str) -> String {
    let lines: Vec<&str> = recorded.lines().collect();
    let last_edge = lines.len() - 6;
    let edge = |index: usize| if index == 0 || index == last_edge { " " } else { "" };
    lines.iter().enumerate().map(|(index, line)| format!("{line}{}\n", edge(index))).collect()
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/modules/cowsay");

fn say(parameters: &[String], dir: &std::path::Path, name: &str) -> RunRequest {
    let mut workload = WasmWorkload::new(format!("{FOLDER}/cowsay.wasm"));
    workload.parameters = parameters.to_vec();
    RunRequest::new(name, Workload::Wasm(workload), dir.join(name))
}

async fn run(executor: &WasmExecutor, request: RunRequest) -> RunReport {
    executor.run(request, EventSink::none()).await.unwrap()
}

#[tokio::test]
async fn the_cow_speaks_as_cowsay_does() {
    let executor = WasmExecutor::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let vectors = lines(&fixture("cowsay.jsonl"));
    assert!(vectors.len() >= 40);
    for (index, vector) in vectors.iter().enumerate() {
        let message = vector["message"].as_str().unwrap().to_owned();
        let report = run(&executor, say(std::slice::from_ref(&message), dir.path(), &index.to_string())).await;
        let stdout = std::fs::read_to_string(report.result_dir.join("stdout")).unwrap();
        assert_eq!(stdout, with_blanks(vector["stdout"].as_str().unwrap()), "{message:?}");
    }
}

/// Rendered without input the module says the published module's sentence, and the result folder has the id that the
/// existing network knows for it (modules.md §4.7).
#[tokio::test]
async fn without_input_the_result_has_the_known_id() {
    let data = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(data.path(), FetchPolicy::strangers()).with_embedded();
    let source = fetcher.resolve(&ModuleReference::parse("cowsay:v0.0.4").unwrap()).await.unwrap();
    let module = fetcher.fetch(&source).await.unwrap().render(&inputs(&serde_json::json!({}))).unwrap();
    let Program::Wasm(program) = module.workload().unwrap().program else { panic!("not WASM") };
    let report = run(&WasmExecutor::new().unwrap(), say(&program.parameters, data.path(), "run")).await;
    assert_eq!(report.exit_code, 0);
    assert_eq!(report.data_id.to_string(), "QmbCi3yoKzckff24rUJML1ZesVb35cd2LUNMiMYksEGkWv");
}

#[test]
fn the_template_names_the_hash_of_the_file() {
    let template = std::fs::read(format!("{FOLDER}/lilypad_module.json.tmpl")).unwrap();
    let module =
        lilypad_sdk::module::render(template, "cowsay", &inputs(&serde_json::json!({"Message": "moo"}))).unwrap();
    let Program::Wasm(program) = module.workload().unwrap().program else { panic!("not WASM") };
    let WasmLocation::Checkout(path) = program.entry_module.location else { panic!("not in the checkout") };
    let bytes = std::fs::read(format!("{FOLDER}/{path}")).unwrap();
    assert_eq!(program.entry_module.sha256.unwrap(), <[u8; 32]>::from(Sha256::digest(&bytes)));
    assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
}
