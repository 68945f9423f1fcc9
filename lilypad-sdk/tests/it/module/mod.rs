//! The module room against the vectors.
//!
//! Vectors of published modules belong to other people and are not part of the project; without them their tests say so.

#[cfg(all(feature = "wasm", feature = "module-git"))]
mod cowsay;
mod decode;
#[cfg(all(feature = "docker", feature = "module-git"))]
mod examples;
#[cfg(feature = "module-git")]
mod fetch;
mod lint;
#[cfg(feature = "module-git")]
mod published;
mod references;
mod template;
mod template_cases;
mod template_go;
mod template_smoke;
mod template_writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn lines(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A file of the corpus that is not part of the project; `None`, said aloud, when it is not on this machine.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("LILYPAD_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    crate::skipped(format_args!("{} is not here; set LILYPAD_SHARED to the folder of shared material", path.display()));
    None
}

/// Compares the cases that fail with the list of those allowed to: a new failure and a cured one both fail the test.
fn ratchet(list: &str, checked: usize, failures: &BTreeMap<String, String>) {
    let text = std::fs::read_to_string(fixture(list)).unwrap();
    let allowed: BTreeSet<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let new: Vec<String> = failures
        .iter()
        .filter(|(name, _)| !allowed.contains(name.as_str()))
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    let cured: Vec<&&str> = allowed.iter().filter(|name| !failures.contains_key(**name)).collect();
    println!("{}: {} of {checked} pass", list.trim_end_matches("-expected-failures.txt"), checked - failures.len());
    assert!(new.is_empty(), "{} of {checked} cases fail newly:\n{}", new.len(), new.join("\n"));
    assert!(cured.is_empty(), "these pass now, remove them from {list}: {cured:?}");
}

fn inputs(data: &Json) -> BTreeMap<String, String> {
    let members = data.as_object().unwrap();
    members.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}
