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
mod hostile;
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

/// Most exceptions that a list may hold.
const EXCEPTIONS: usize = 20;

/// The cases of a list of exceptions: one a line, `NAME: WHY`.
///
/// # Errors
/// What is wrong with the list.
fn exceptions(text: &str) -> Result<BTreeSet<&str>, String> {
    let mut names = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, why) = line.split_once(": ").unwrap_or((line, ""));
        if why.trim().len() < 10 {
            return Err(format!("{name} has no reason: write NAME: WHY"));
        }
        if !names.insert(name) {
            return Err(format!("{name} stands there twice"));
        }
    }
    if names.len() > EXCEPTIONS {
        return Err(format!("{} exceptions, at most {EXCEPTIONS} are allowed", names.len()));
    }
    Ok(names)
}

/// Compares the cases that fail with the list of those allowed to: a new failure and a cured one both fail the test.
fn ratchet(list: &str, checked: usize, failures: &BTreeMap<String, String>) {
    let text = std::fs::read_to_string(fixture(list)).unwrap();
    let allowed = exceptions(&text).unwrap_or_else(|why| panic!("{list}: {why}"));
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

#[test]
fn lists_of_exceptions_are_short_and_say_why() {
    let line = |number: usize| format!("hand/case/{number}: Go quotes a type that only Go has\n");
    let of = |count: usize| (0..count).map(line).collect::<String>();
    let text = of(EXCEPTIONS);
    let full = exceptions(&text).unwrap();
    assert!(full.len() == EXCEPTIONS && full.contains("hand/case/7"), "{full:?}");
    assert_eq!(exceptions(&of(EXCEPTIONS + 1)).unwrap_err(), "21 exceptions, at most 20 are allowed");
    for bare in ["hand/case/1", "hand/case/1:", "hand/case/1: ", "hand/case/1: why"] {
        assert_eq!(
            exceptions(&format!("# comment\n\n{bare}")).unwrap_err().split_once(" has ").unwrap().1,
            "no reason: write NAME: WHY"
        );
    }
    assert!(exceptions(&line(1).repeat(2)).unwrap_err().contains("twice"));
    let lists = std::fs::read_dir(fixture("")).unwrap().map(|entry| entry.unwrap().path());
    let lists: Vec<PathBuf> = lists.filter(|path| path.to_string_lossy().ends_with("-expected-failures.txt")).collect();
    assert_eq!(lists.len(), 2, "{lists:?}");
    for list in lists {
        let text = std::fs::read_to_string(&list).unwrap();
        exceptions(&text).unwrap_or_else(|why| panic!("{}: {why}", list.display()));
    }
}

fn inputs(data: &Json) -> BTreeMap<String, String> {
    let members = data.as_object().unwrap();
    members.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}
