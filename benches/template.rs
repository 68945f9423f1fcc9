//! Rendering a module: `cargo bench -p lilypad-benches --bench template`.
//!
//! Beside the times of single templates it parses and renders all vectors (those of `lilypad-sdk/tests/fixtures`, and of the
//! published modules where `LILYPAD_SHARED` has them), lets Go do the same in the same run, and prints the ratio.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::alloc::System;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use criterion::{Criterion, criterion_group, criterion_main};
use lilypad_sdk::module::{render, template::Template, template::Value};
use serde_json::{Value as Json, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// Counts allocations; costs every allocation a few nanoseconds.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A module with defaults, conditions and a list, as published ones have them.
const MODULE: &str = r#"{
  "machine": { "gpu": 1, "gpus": [ { "vram": 16384 } ], "cpu": 4000, "ram": 16000 },
  "job": {
    "APIVersion": "V1beta1",
    "Spec": {
      "Deal": { "Concurrency": 1 },
      "Docker": {
        "Entrypoint": ["/app/run", {{ if .Prompt }}{{ .Prompt }}{{ else }}"a frog on a lily pad"{{ end }}],
        "EnvironmentVariables": [
          {{ if .Steps }}"{{ subst "STEPS=%s" .Steps }}"{{ else }}"STEPS=20"{{ end }},
          {{ range $name, $value := . }}{{ printf "%q" $name }},{{ end }}
          "OFFLINE=1"
        ],
        "Image": "example.org/model@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      },
      "Engine": "Docker",
      "Network": { "Type": "None" },
      "Outputs": [ { "Name": "outputs", "Path": "/outputs" } ],
      "PublisherSpec": { "Type": "ipfs" },
      "Resources": { "GPU": "1" },
      "Timeout": 600,
      "Verifier": "Noop"
    }
  }
}"#;

fn template(criterion: &mut Criterion) {
    let cowsay = include_bytes!("../lilypad-sdk/modules/cowsay/lilypad_module.json.tmpl");
    let begun = Instant::now();
    black_box(Template::parse("cowsay", cowsay)).unwrap();
    println!("the first parse of this process: {:?}", begun.elapsed());

    let inputs: BTreeMap<String, String> =
        [("Prompt", "a \"cow\" & a frog"), ("Steps", "40"), ("Seed", "42")].map(|(k, v)| (k.into(), v.into())).into();
    let checked = render(MODULE, "bench", &inputs);
    assert!(checked.is_ok(), "{checked:?}");

    criterion.bench_function("parse the cowsay template", |bench| {
        bench.iter(|| Template::parse("cowsay", black_box(cowsay)));
    });
    let parsed = Template::parse("cowsay", cowsay).unwrap();
    let message = texts([("Message".to_owned(), "\"moo, and again moo\"".to_owned())]);
    criterion.bench_function("render the parsed cowsay template", |bench| {
        bench.iter(|| parsed.execute(black_box(&message)));
    });
    let region = Region::new(ALLOCATOR);
    black_box(parsed.execute(&message)).unwrap();
    println!("one render of it: {} allocations", region.change().allocations + region.change().reallocations);

    criterion.bench_function("parse a template", |bench| {
        bench.iter(|| Template::parse("bench", black_box(MODULE)));
    });
    criterion.bench_function("parse, render and decode a module", |bench| {
        bench.iter(|| render(black_box(MODULE), "bench", black_box(&inputs)));
    });
}

fn texts(members: impl IntoIterator<Item = (String, String)>) -> Value {
    let map = members.into_iter().map(|(name, text)| (name.into_bytes(), Arc::from(text.into_bytes()))).collect();
    Value::Texts(Arc::new(map))
}

fn value(json: &Json) -> Value {
    let element = |json: &Json| if json.is_null() { Value::Nil } else { value(json) };
    match json {
        Json::Null => Value::Missing,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number.as_i64().map_or(Value::Float(number.as_f64().unwrap()), Value::Int),
        Json::String(text) => Value::text(text),
        Json::Array(list) => Value::List(list.iter().map(element).collect()),
        Json::Object(members) => Value::Map(Arc::new(
            members.iter().map(|(name, value)| (name.clone().into_bytes(), element(value))).collect(),
        )),
    }
}

/// A vector's data as dot. JSON text is close enough to Go's here; the tests are exact.
fn dot(vector: &Json) -> Value {
    let data = &vector["data"];
    match vector["mode"].as_str().unwrap() {
        "json" => value(data),
        mode => texts(data.as_object().unwrap().iter().map(|(name, text)| {
            let encoded = if mode == "inputs" { text.to_string() } else { text.as_str().unwrap().to_owned() };
            (name.clone(), encoded)
        })),
    }
}

/// The middle time of at least five runs in about two seconds.
fn median(mut work: impl FnMut()) -> Duration {
    let (mut times, begun) = (Vec::new(), Instant::now());
    while times.len() < 5 || begun.elapsed() < Duration::from_secs(2) {
        let start = Instant::now();
        work();
        times.push(start.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

/// What Go needs for the same vectors: its own report, or why there is none.
fn go(root: &Path, vectors: &[Json]) -> Result<Json, String> {
    let toolchain = std::env::var_os("LILYPAD_GO_1_23").map_or(root.join(".tools/go-1.23.2/go/bin/go"), PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("render");
    let built = Command::new(&toolchain)
        .args(["build", "-buildvcs=false", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(root.join("lilypad-sdk/tests/fixtures/go-template"))
        .envs([("GOTOOLCHAIN", "local"), ("GOWORK", "off"), ("CGO_ENABLED", "0")])
        .env("GOCACHE", root.join("target/go-cache"))
        .output()
        .map_err(|error| format!("{}: {error}; scripts/setup installs it", toolchain.display()))?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    let mut child = Command::new(&program).arg("bench").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for vector in vectors {
        let template = base64::engine::general_purpose::STANDARD.encode(vector["template"].as_str().unwrap());
        let request = json!({
            "name": vector["template_name"], "template": template, "mode": vector["mode"], "data": vector["data"]
        });
        writeln!(input, "{request}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// All vectors, by us and by Go.
fn against_go(_: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = std::env::var_os("LILYPAD_SHARED").map_or(root.join("../shared"), PathBuf::from);
    let whole = shared.join("corpus/template-vectors.jsonl");
    let fixtures = root.join("lilypad-sdk/tests/fixtures/template-vectors.jsonl");
    let path = if whole.exists() { whole } else { fixtures };
    let text = std::fs::read_to_string(&path).unwrap();
    let vectors: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let parse = |vector: &Json| {
        Template::parse(vector["template_name"].as_str().unwrap(), vector["template"].as_str().unwrap()).ok()
    };
    let ready: Vec<(Template, Value)> =
        vectors.iter().filter_map(|vector| Some((parse(vector)?, dot(vector)))).collect();

    let parsing = median(|| vectors.iter().for_each(|vector| drop(black_box(parse(vector)))));
    let rendering = median(|| ready.iter().for_each(|(template, data)| drop(black_box(template.execute(data)))));
    let region = Region::new(ALLOCATOR);
    ready.iter().for_each(|(template, data)| drop(black_box(template.execute(data))));
    let change = region.change();
    #[expect(clippy::cast_precision_loss, reason = "figures for the eye")]
    let each = (change.allocations + change.reallocations) as f64 / ready.len() as f64;
    println!(
        "{} vectors, {} of them parse: {:?} to parse, {:?} to render, {each:.1} allocations a render",
        vectors.len(),
        ready.len(),
        parsing,
        rendering
    );
    match go(&root, &vectors) {
        Ok(report) => {
            let ratio = |name: &str, ours: Duration| {
                let theirs = Duration::from_nanos(report[name].as_u64().unwrap());
                format!("{theirs:?} ({:.1} times ours)", theirs.as_secs_f64() / ours.as_secs_f64())
            };
            let (parse, render) = (ratio("parse_ns", parsing), ratio("render_ns", rendering));
            println!("{}: {parse} to parse, {render} to render", report["version"].as_str().unwrap());
            assert_eq!(report["parsed"].as_u64().unwrap(), ready.len() as u64, "both parse the same ones");
        }
        Err(why) => println!("SKIPPED: Go's figures: {why}"),
    }
}

criterion_group!(benches, template, against_go);
criterion_main!(benches);
