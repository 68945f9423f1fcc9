//! Rendering a module: `cargo bench -p lilypad-benches --bench template`.
#![allow(missing_docs, reason = "criterion's macros make items without docs")]

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, criterion_group, criterion_main};
use lilypad_sdk::module::{render, template::Template};

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
    let inputs: BTreeMap<String, String> =
        [("Prompt", "a \"cow\" & a frog"), ("Steps", "40"), ("Seed", "42")].map(|(k, v)| (k.into(), v.into())).into();
    let checked = render(MODULE, "bench", &inputs);
    assert!(checked.is_ok(), "{checked:?}");

    criterion.bench_function("parse a template", |bench| {
        bench.iter(|| Template::parse("bench", black_box(MODULE)));
    });
    criterion.bench_function("parse, render and decode a module", |bench| {
        bench.iter(|| render(black_box(MODULE), "bench", black_box(&inputs)));
    });
}

criterion_group!(benches, template);
criterion_main!(benches);
