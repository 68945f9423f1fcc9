use std::collections::{BTreeMap, HashMap};

use lilypad_sdk::module::{self, ModuleError, Program, Workload};
use serde_json::Value as Json;

use super::{fixture, inputs, lines, ratchet, shared};

/// The text a vector decodes: its own, or what another vector renders.
fn rendered(vector: &Json, templates: &HashMap<String, Json>) -> Vec<u8> {
    if let Some(text) = vector["rendered"].as_str() {
        return text.as_bytes().to_vec();
    }
    let Some(source) = vector["vector"].as_str() else {
        assert_eq!(vector["name"], "json/too-deep");
        return format!("{{\"x\":{}{}}}", "[".repeat(10_001), "]".repeat(10_001)).into_bytes();
    };
    let source = &templates[source];
    let name = source["template_name"].as_str().unwrap();
    module::render_text(source["template"].as_str().unwrap(), name, &inputs(&source["data"])).unwrap()
}

/// Members that are empty mean the same as members that are absent.
fn pruned(value: &Json) -> Json {
    match value {
        Json::Object(members) => Json::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), pruned(value)))
                .filter(|(_, value)| !empty(value))
                .collect(),
        ),
        Json::Array(list) => Json::Array(list.iter().map(pruned).collect()),
        other => other.clone(),
    }
}

fn empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::Number(number) => number.as_i64() == Some(0),
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(members) => members.is_empty(),
    }
}

/// The expected module, without what its encoder adds for things that were never set.
fn wanted_module(vector: &Json) -> Json {
    let mut wanted = vector["module"].clone();
    let job = &mut wanted["job"];
    if job["Metadata"]["CreatedAt"] == "0001-01-01T00:00:00Z" {
        job["Metadata"]["CreatedAt"] = Json::Null;
    }
    pruned(&wanted)
}

fn decoded_module(module: &module::Module) -> Json {
    let mut json = serde_json::to_value(module).unwrap();
    if json["job"]["Metadata"]["CreatedAt"] == "0001-01-01T00:00:00Z" {
        json["job"]["Metadata"]["CreatedAt"] = Json::Null;
    }
    let network = &mut json["job"]["Spec"]["Network"]["Type"];
    if network.is_null() {
        *network = "None".into();
    }
    pruned(&json)
}

fn texts(value: &Json) -> Vec<String> {
    value.as_array().map(|list| list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
}

fn compare_workload(workload: &Workload, exec: &Json) -> Option<String> {
    let Program::Docker(docker) = &workload.program else { return Some("not a container".to_owned()) };
    let network = match &workload.network {
        module::Network::None => "None",
        module::Network::Full => "Full",
        module::Network::Http(_) => "HTTP",
        _ => "?",
    };
    let domains = match &workload.network {
        module::Network::Http(domains) => domains.clone(),
        _ => Vec::new(),
    };
    let outputs: Vec<Json> =
        workload.outputs.iter().map(|output| serde_json::json!({"name": output.name, "path": output.path})).collect();
    let milli = (exec["cpu_cores"].as_f64().unwrap() * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of the vectors")]
    let milli = milli as u64;
    let found = [
        ("image", docker.image == exec["image"].as_str().unwrap()),
        ("entrypoint", docker.entrypoint == texts(&exec["entrypoint"])),
        ("env", docker.env == texts(&exec["env"])),
        ("cpu", workload.resources.cpu_milli == milli),
        ("memory", Some(workload.resources.memory_bytes) == exec["memory_bytes"].as_u64()),
        ("disk", Some(workload.resources.disk_bytes) == exec["disk_bytes"].as_u64()),
        ("gpus", Some(workload.resources.gpus) == exec["gpu_count"].as_u64()),
        ("network", network == exec["network"].as_str().unwrap()),
        ("domains", network != "HTTP" || domains == texts(&exec["domains"])),
        ("timeout", workload.timeout.map_or(0, |time| time.as_secs()) == exec["timeout_seconds"].as_u64().unwrap()),
        ("outputs", outputs == exec["result_paths"].as_array().cloned().unwrap_or_default()),
        ("inputs", workload.mounts_inputs == exec["mounts_inputs"].as_bool().unwrap()),
    ];
    let wrong: Vec<&str> = found.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    (!wrong.is_empty()).then(|| format!("differs in {wrong:?}: {workload:?}"))
}

/// What is wrong, if anything.
fn check(vector: &Json, templates: &HashMap<String, Json>) -> Option<String> {
    let result = module::decode(&rendered(vector, templates), "t");
    let Some(wanted) = vector.get("error").and_then(Json::as_str) else {
        let module = match result {
            Ok(module) => module,
            Err(error) => return Some(format!("refused: {error}")),
        };
        let (found, wanted) = (decoded_module(&module), wanted_module(vector));
        if found != wanted {
            return Some(format!("decoded {found}, not {wanted}"));
        }
        let offer = serde_json::json!({
            "spec": module.machine,
            "inputFiles": module.input_files,
            "executionTimeoutSeconds": module.execution_timeout_seconds,
        });
        if offer != vector["offer_spec"] {
            return Some(format!("offer {offer}, not {}", vector["offer_spec"]));
        }
        let exec = &vector["exec"];
        return match (module.workload(), exec.get("submit_errors")) {
            (Ok(workload), None) => compare_workload(&workload, exec),
            (Err(_), Some(_)) => None,
            (Ok(workload), Some(errors)) => Some(format!("runs {workload:?} despite {errors}")),
            (Err(error), None) => Some(format!("does not run: {error}")),
        };
    };
    let (kind, message) = match result {
        Err(ModuleError::NoJson { what, .. }) => ("syntax", what),
        Err(ModuleError::Member { bad_value: false, what, .. }) => ("type", what),
        Err(ModuleError::Member { bad_value: true, what, .. }) => ("value", what),
        Err(other) => return Some(format!("another error: {other}")),
        Ok(_) => return Some(format!("accepted instead of: {wanted}")),
    };
    if kind != vector["error_kind"] {
        return Some(format!("{kind} error {message:?} instead of: {wanted}"));
    }
    (kind == "syntax" && message != wanted).then(|| format!("says {message:?}, not {wanted:?}"))
}

fn failures(vectors: &[Json], templates: &HashMap<String, Json>) -> BTreeMap<String, String> {
    let name = |vector: &Json| vector["name"].as_str().unwrap().to_owned();
    vectors.iter().filter_map(|vector| Some((name(vector), check(vector, templates)?))).collect()
}

#[test]
fn decodes_as_the_reference_does() {
    let vectors = lines(&fixture("module-decode-vectors.jsonl"));
    assert_eq!(vectors.len(), 222);
    ratchet("module-decode-expected-failures.txt", vectors.len(), &failures(&vectors, &HashMap::new()));
}

#[test]
fn decodes_published_modules_as_the_reference_does() {
    let (Some(vectors), Some(templates)) =
        (shared("corpus/module-decode-vectors.jsonl"), shared("corpus/template-vectors.jsonl"))
    else {
        return;
    };
    let templates: HashMap<String, Json> =
        lines(&templates).into_iter().map(|vector| (vector["name"].as_str().unwrap().to_owned(), vector)).collect();
    let vectors: Vec<Json> =
        lines(&vectors).into_iter().filter(|vector| vector["name"].as_str().unwrap().starts_with("decode/")).collect();
    assert_eq!(vectors.len(), 856);
    let failures = failures(&vectors, &templates);
    assert!(failures.is_empty(), "{} fail: {failures:#?}", failures.len());
}

#[test]
fn a_job_without_image_and_without_wasm_has_no_engine() {
    let workload = |text: &str| module::decode(text.as_bytes(), "t").unwrap().workload();
    for text in [
        "{}",
        r#"{"job":{"Spec":{"Engine":"Docker"}}}"#,
        r#"{"job":{"Spec":{"Engine":"WASM","Docker":{"Image":"i"}}}}"#,
    ] {
        let error = workload(text).unwrap_err();
        assert!(matches!(error, ModuleError::NoEngine { .. }), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_wasm_job_names_a_file_inside_its_repository() {
    let job = |storage: &str| {
        let text = format!(
            r#"{{"job":{{"Spec":{{"Engine":"wasm","Wasm":{{"EntryModule":{storage},"Parameters":["moo"]}},"Outputs":[{{"Name":"out","Path":"/outputs"}}]}}}}}}"#
        );
        module::decode(text.as_bytes(), "t").unwrap().workload()
    };
    let hash = "ab".repeat(32);
    let workload = job(&format!(
        r#"{{"StorageSource":"LocalDirectory","SourcePath":"cow.wasm","Metadata":{{"sha256":"{hash}"}}}}"#
    ))
    .unwrap();
    let Program::Wasm(wasm) = &workload.program else { panic!("{workload:?}") };
    assert_eq!(wasm.entry_module.location, module::WasmLocation::Checkout("cow.wasm".to_owned()));
    assert_eq!(wasm.entry_module.sha256, Some([0xab; 32]));
    assert_eq!((wasm.entry_point.as_str(), wasm.parameters.as_slice()), ("_start", &["moo".to_owned()][..]));
    assert_eq!(workload.outputs.len(), 1);

    for storage in [
        r#"{"StorageSource":"LocalDirectory","SourcePath":"../cow.wasm"}"#,
        r#"{"StorageSource":"LocalDirectory","SourcePath":"/etc/passwd"}"#,
        r#"{"StorageSource":"LocalDirectory","SourcePath":"cow.wasm","Metadata":{"sha256":"12"}}"#,
        r#"{"StorageSource":"URLDownload","URL":"https://example.org/cow.wasm"}"#,
        r#"{"StorageSource":"IPFS","CID":"Qm"}"#,
        r#"{"StorageSource":"S3"}"#,
        r#"{"SourcePath":"cow.wasm"}"#,
    ] {
        assert!(matches!(job(storage), Err(ModuleError::Job { .. })), "{storage}");
    }
}

#[test]
fn outputs_cannot_leave_the_result_folder() {
    for (name, path) in
        [("../x", "/o"), ("a/b", "/o"), (".hidden", "/o"), ("stdout", "/o"), ("o", "/"), ("o", "/a/../b"), ("o", "o")]
    {
        let text =
            serde_json::json!({"job": {"Spec": {"Docker": {"Image": "i"}, "Outputs": [{"Name": name, "Path": path}]}}});
        let module = module::decode(text.to_string().as_bytes(), "t").unwrap();
        assert!(matches!(module.workload(), Err(ModuleError::Job { .. })), "{name} {path}");
    }
}

#[test]
fn verification_is_read_and_kept_as_written() {
    let text = r#"{"verification":{"comparator":"tolerance","files":["out/x.bin"],"rtol":1e-5,"atol":0.25}}"#;
    let verification = module::decode(text.as_bytes(), "t").unwrap().verification.unwrap();
    assert_eq!(verification.comparator, "tolerance");
    assert_eq!(verification.rtol.unwrap().as_str(), "1e-5");
    assert_eq!(verification.atol.unwrap().to_f64(), Some(0.25));
    assert!(module::decode(br#"{"verification":{"rtol":"x"}}"#, "t").is_err());
}
