//! The template engine against Go itself, of both generations: random cases, the same output and the same error, byte for
//! byte.
//!
//! `LILYPAD_TEMPLATE_SEED` and `LILYPAD_TEMPLATE_CASES` ask for others than the fixed ones; a difference is shrunk and shown
//! with its seed. `fixtures/template-go-differences.txt` names what cannot be equal, and why.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lilypad_sdk::module::template::{Generation, Phase, Template, TemplateError, Value};
use serde_json::{Value as Json, json};

use super::template_cases::{Case, case};
use super::{fixture, lines};

/// What came of a template. Error texts are compared as text, so bytes that are no UTF-8 read as U+FFFD in them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Output(Vec<u8>),
    Error(&'static str, String),
    /// One of our limits ended it; there is nothing to compare.
    Limit,
}

impl Case {
    /// The data as the engine takes it.
    pub(super) fn value(&self, generation: Generation) -> Value {
        let Json::Object(members) = &self.data else { return value(&self.data) };
        if self.mode == "json" {
            return value(&self.data);
        }
        let text = |text: &Json| {
            let text = text.as_str().unwrap();
            let encoded = if self.mode == "inputs" { encoded(text, generation) } else { text.to_owned() };
            Arc::from(encoded.into_bytes())
        };
        Value::Texts(Arc::new(members.iter().map(|(name, value)| (name.clone().into_bytes(), text(value))).collect()))
    }

    pub(super) fn ours(&self, generation: Generation) -> Answer {
        let run = || Template::parse_with(&self.name, &self.template, generation)?.execute(&self.value(generation));
        match run() {
            Ok(output) => Answer::Output(output),
            Err(error) if error.reached_limit().is_some() => Answer::Limit,
            Err(error) => Answer::Error(phase(&error), error.to_string()),
        }
    }

    /// The case of a vector of `fixtures/template-vectors.jsonl`.
    pub(super) fn of_vector(vector: &Json) -> Self {
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let mode = ["inputs", "strings", "json"].into_iter().find(|mode| vector["mode"] == *mode).unwrap();
        Self {
            name: text("template_name"),
            template: text("template").into_bytes(),
            mode,
            data: vector["data"].clone(),
        }
    }

    pub(super) fn request(&self) -> Json {
        let template = STANDARD.encode(&self.template);
        json!({ "name": self.name, "template": template, "mode": self.mode, "data": self.data })
    }
}

fn phase(error: &TemplateError) -> &'static str {
    if error.phase() == Phase::Parse { "parse" } else { "exec" }
}

/// What a vector says of a generation.
pub(super) fn expected(vector: &Json, generation: Generation) -> Answer {
    let newer = vector.get("go1_23").filter(|_| generation != Generation::Go1_19);
    let expected = newer.unwrap_or(vector);
    if let Some(error) = expected.get("error").and_then(Json::as_str) {
        let phase = if expected["phase"] == "parse" { "parse" } else { "exec" };
        return Answer::Error(phase, error.to_owned());
    }
    match expected.get("output_b64").and_then(Json::as_str) {
        Some(text) => Answer::Output(STANDARD.decode(text).unwrap()),
        None => Answer::Output(expected["output"].as_str().unwrap().as_bytes().to_vec()),
    }
}

/// A text as Go's JSON encoder writes it.
pub(super) fn encoded(text: &str, generation: Generation) -> String {
    let mut out = serde_json::to_string(text).unwrap();
    for (from, to) in
        [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")]
    {
        out = out.replace(from, to);
    }
    if generation == Generation::Go1_19 {
        // Behind an even number of backslashes these are no escapes.
        out = out.replace("\\\\", "\u{0}").replace("\\b", "\\u0008").replace("\\f", "\\u000c").replace('\u{0}', "\\\\");
    }
    out
}

/// JSON data as the vectors' mode `json` means it.
pub(super) fn value(json: &Json) -> Value {
    fn element(json: &Json) -> Value {
        if json.is_null() { Value::Nil } else { value(json) }
    }
    match json {
        Json::Null => Value::Missing,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::text(text),
        Json::Array(list) => Value::List(list.iter().map(element).collect()),
        Json::Object(members) => Value::Map(Arc::new(
            members.iter().map(|(name, value)| (name.clone().into_bytes(), element(value))).collect(),
        )),
    }
}

/// The Go programs that are looked for, in order: by environment, where `scripts/setup` puts them, where Debian does.
fn toolchain(generation: Generation) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (variable, places, version) = match generation {
        Generation::Go1_19 => ("LILYPAD_GO_1_19", vec![PathBuf::from("/usr/lib/go-1.19/bin/go")], "go1.19"),
        _ => ("LILYPAD_GO_1_23", vec![root.join(".tools/go-1.23.2/go/bin/go")], "go1.23"),
    };
    std::env::var_os(variable).map(PathBuf::from).into_iter().chain(places).chain([PathBuf::from("go")]).find(
        |program| {
            let answer = Command::new(program).arg("version").env("GOTOOLCHAIN", "local").output();
            answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).contains(version))
        },
    )
}

/// A running `fixtures/go-template`.
pub(super) struct Go {
    child: Child,
    input: Option<BufWriter<ChildStdin>>,
    output: BufReader<ChildStdout>,
}

impl Go {
    /// Builds the program and starts it; `None`, said aloud, where this machine has no such Go.
    pub(super) fn start(generation: Generation) -> Option<Self> {
        let Some(go) = toolchain(generation) else {
            let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value == "true" || value == "1");
            let required = is_set("CI") || is_set("LILYPAD_REQUIRE_PARTS");
            assert!(!required, "Go of the generation {generation:?} is required; scripts/setup installs it");
            crate::skipped(format_args!("no Go of the generation {generation:?} is here; scripts/setup installs it"));
            return None;
        };
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("go-{generation:?}"));
        std::fs::create_dir_all(&folder).unwrap();
        // Two tests may build at once: each to a name of its own.
        let program = tempfile::Builder::new().prefix("render-").tempdir_in(&folder).unwrap();
        let built = Command::new(go)
            .args(["build", "-o"])
            .arg(program.path().join("render"))
            .arg(".")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/go-template"))
            .envs([("GOTOOLCHAIN", "local"), ("GOFLAGS", "-buildvcs=false"), ("GOWORK", "off"), ("CGO_ENABLED", "0")])
            .env("GOCACHE", folder.join("cache"))
            .env("GOPATH", folder.join("path"))
            .output()
            .unwrap();
        assert!(built.status.success(), "go build: {}", String::from_utf8_lossy(&built.stderr));
        Some(Self::spawn(&program.path().join("render")))
    }

    pub(super) fn spawn(program: &Path) -> Self {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().map(|pipe| BufWriter::with_capacity(1 << 20, pipe));
        let output = BufReader::with_capacity(1 << 20, child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Go's answers, in order.
    pub(super) fn ask(&mut self, cases: &[&Case]) -> Vec<Answer> {
        let Self { input, output, .. } = self;
        let input = input.as_mut().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for case in cases {
                    writeln!(input, "{}", case.request()).unwrap();
                }
                input.flush().unwrap();
            });
            let mut line = String::new();
            let mut answers = Vec::with_capacity(cases.len());
            for case in cases {
                line.clear();
                assert!(output.read_line(&mut line).unwrap() > 0, "the Go program ended before {case:?}");
                answers.push(answer(&serde_json::from_str(&line).unwrap()));
            }
            answers
        })
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

fn answer(json: &Json) -> Answer {
    let bytes = |name: &str| json.get(name).map(|text| STANDARD.decode(text.as_str().unwrap()).unwrap());
    match (bytes("error"), json["phase"].as_str()) {
        (Some(error), Some(phase)) => {
            let phase = if phase == "parse" { "parse" } else { "exec" };
            Answer::Error(phase, String::from_utf8_lossy(&error).into_owned())
        }
        _ => Answer::Output(bytes("output").unwrap_or_default()),
    }
}

/// What cannot be equal: a piece of Go's answer a line, then ` # ` and the reason.
pub(super) struct Excused(Vec<String>);

impl Excused {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let pieces: Vec<String> = lines.map(|line| line.split_once(" # ").expect("a reason").0.to_owned()).collect();
        assert!(pieces.len() <= 20, "{} exceptions are too many", pieces.len());
        Self(pieces)
    }

    pub(super) fn find(&self, case: &Case, theirs: &Answer) -> Option<&str> {
        let text = match theirs {
            Answer::Output(output) => String::from_utf8_lossy(output).into_owned(),
            Answer::Error(_, text) => text.clone(),
            Answer::Limit => return None,
        };
        let fits = |piece: &str| if piece == "{%p}" { prints_pointers(&case.template) } else { text.contains(piece) };
        self.0.iter().map(String::as_str).find(|piece| fits(piece))
    }
}

/// Whether a `%`, then no letter, then a `p` are in the text.
fn prints_pointers(template: &[u8]) -> bool {
    template
        .split(|&byte| byte == b'%')
        .skip(1)
        .any(|rest| rest.iter().find(|byte| byte.is_ascii_alphabetic()) == Some(&b'p'))
}

/// A difference, made as small as it goes.
pub(super) fn shrink(go: &mut Go, generation: Generation, excused: &Excused, case: &Case) -> Case {
    let mut best = case.clone();
    let mut differs = |case: &Case| {
        let ours = case.ours(generation);
        if ours == Answer::Limit {
            return false;
        }
        let theirs = go.ask(&[case]).remove(0);
        ours != theirs && excused.find(case, &theirs).is_none()
    };
    if let Json::Object(members) = &case.data {
        for name in members.keys() {
            let mut smaller = best.clone();
            smaller.data.as_object_mut().unwrap().remove(name);
            if differs(&smaller) {
                best = smaller;
            }
        }
    }
    let mut size = best.template.len();
    while size > 0 {
        let mut at = 0;
        while at + size <= best.template.len() {
            let mut smaller = best.clone();
            smaller.template.drain(at..at + size);
            if differs(&smaller) {
                best = smaller;
            } else {
                at += size.div_ceil(2);
            }
        }
        size /= 2;
    }
    best
}

/// What a run found.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) compared: usize,
    pub(super) outputs: usize,
    pub(super) parse_errors: usize,
    pub(super) exec_errors: usize,
    pub(super) limits: usize,
    pub(super) excused: BTreeMap<String, usize>,
    pub(super) differences: Vec<(u64, Case, Answer, Answer)>,
}

/// Compares the cases of a seed with Go; stops after `most` differences.
pub(super) fn compare(
    go: &mut Go,
    generation: Generation,
    excused: &Excused,
    (seed, count): (u64, u64),
    most: usize,
) -> Tally {
    let mut tally = Tally::default();
    let mut number = 0;
    while number < count && tally.differences.len() < most {
        let batch: Vec<(u64, Case, Answer)> = (number..count.min(number + 2000))
            .map(|number| (number, case(seed, number)))
            .map(|(number, case)| (number, case.clone(), case.ours(generation)))
            .collect();
        number += 2000;
        // What we stop, Go may run for ever.
        let (stopped, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(|(_, _, ours)| *ours == Answer::Limit);
        tally.limits += stopped.len();
        let cases: Vec<&Case> = batch.iter().map(|(_, case, _)| case).collect();
        let theirs = go.ask(&cases);
        for ((number, case, ours), theirs) in batch.into_iter().zip(theirs) {
            tally.compared += 1;
            match &theirs {
                Answer::Output(_) => tally.outputs += 1,
                Answer::Error("parse", _) => tally.parse_errors += 1,
                _ => tally.exec_errors += 1,
            }
            if ours == theirs {
                continue;
            }
            match excused.find(&case, &theirs) {
                Some(piece) => *tally.excused.entry(piece.to_owned()).or_default() += 1,
                None if tally.differences.len() < most => {
                    let small = shrink(go, generation, excused, &case);
                    let theirs = go.ask(&[&small]).remove(0);
                    let ours = small.ours(generation);
                    tally.differences.push((number, small, ours, theirs));
                }
                None => {}
            }
        }
    }
    tally
}

/// A difference for the eye.
pub(super) fn explain((number, case, ours, theirs): &(u64, Case, Answer, Answer)) -> String {
    let show = |answer: &Answer| match answer {
        Answer::Output(output) => format!("wrote {:?}", String::from_utf8_lossy(output)),
        Answer::Error(phase, text) => format!("{phase}: {text:?}"),
        Answer::Limit => "limit".to_owned(),
    };
    format!(
        "case {number}: {:?} named {:?} on {} {}\n  ours: {}\n  Go's: {}",
        String::from_utf8_lossy(&case.template),
        case.name,
        case.mode,
        case.data,
        show(ours),
        show(theirs)
    )
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn equals_go(generation: Generation) {
    let Some(mut go) = Go::start(generation) else { return };
    let excused = Excused::read(&fixture("template-go-differences.txt"));
    let (seed, count) = (number("LILYPAD_TEMPLATE_SEED", 1), number("LILYPAD_TEMPLATE_CASES", 10_000));
    let tally = compare(&mut go, generation, &excused, (seed, count), 5);
    println!("{generation:?}, seed {seed}: {tally:?}");
    let found: Vec<String> = tally.differences.iter().map(explain).collect();
    assert!(found.is_empty(), "{generation:?} differs with LILYPAD_TEMPLATE_SEED={seed}:\n{}", found.join("\n"));
    // A generator that only makes what fails at once would compare nothing.
    let fifth = usize::try_from(count / 5).unwrap();
    assert!(tally.outputs > fifth && tally.exec_errors > fifth && tally.parse_errors > fifth, "{tally:?}");
    assert!(tally.limits * 100 < tally.compared, "{tally:?}");
}

#[test]
fn random_templates_are_rendered_as_go_1_23_does() {
    equals_go(Generation::Go1_23);
}

#[test]
fn random_templates_are_rendered_as_go_1_19_does() {
    equals_go(Generation::Go1_19);
}

/// The vectors say what Go does; here it says so itself.
#[test]
fn the_vectors_are_what_go_says() {
    for generation in [Generation::Go1_19, Generation::Go1_23] {
        let Some(mut go) = Go::start(generation) else { return };
        let vectors: Vec<Json> =
            ["template-vectors.jsonl", "template-blind.jsonl"].iter().flat_map(|name| lines(&fixture(name))).collect();
        let cases: Vec<Case> = vectors.iter().map(Case::of_vector).collect();
        let answers = go.ask(&cases.iter().collect::<Vec<_>>());
        for (vector, answer) in vectors.iter().zip(answers) {
            assert_eq!(answer, expected(vector, generation), "{generation:?}: {vector}");
        }
    }
}
