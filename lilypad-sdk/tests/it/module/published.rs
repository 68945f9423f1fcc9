//! Every published module: resolved from a git repository, rendered, looked at; compared with what was recorded of Go's own
//! network (vectors named `module/…`), which says for each module and each set of values whether it is accepted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lilypad_sdk::module::lint::{Diagnostic, Report, Rule, Severity, Subject, lint};
use lilypad_sdk::module::{FetchPolicy, Fetcher, ModuleError, ModuleSource, TEMPLATE_PATH, render, render_checked};

use super::{inputs, lines, shared};

/// A published template and what was recorded of it.
struct Published {
    folder: String,
    path: PathBuf,
    text: Vec<u8>,
    records: Vec<Record>,
}

/// One set of values and what came of it.
struct Record {
    set: String,
    inputs: BTreeMap<String, String>,
    /// Why Go's network refuses it, `None` when it accepts it.
    refused: Option<String>,
}

impl Published {
    /// What was recorded with plausible values for every input; without inputs when it has none.
    fn typical(&self) -> &Record {
        let of = |set: &str| self.records.iter().find(|record| record.set == set);
        of("typical").or_else(|| of("none")).unwrap()
    }

    fn lint(&self) -> Report {
        lint(&Subject::new(&self.text, &self.folder))
    }
}

fn published() -> Option<Vec<Published>> {
    let root = shared("corpus/modules")?;
    let decoded: BTreeMap<String, serde_json::Value> = lines(&shared("corpus/module-decode-vectors.jsonl")?)
        .into_iter()
        .filter_map(|line| Some((line["vector"].as_str()?.to_owned(), line.clone())))
        .collect();
    let vectors = lines(&shared("corpus/template-vectors.jsonl")?);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path().join("lilypad_module.json.tmpl");
        let Ok(text) = std::fs::read(&path) else { continue };
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let prefix = format!("module/{folder}/");
        let mut records = Vec::new();
        for vector in &vectors {
            let Some(set) = vector["name"].as_str().unwrap().strip_prefix(&prefix) else { continue };
            let refused = vector["error"].as_str().map(str::to_owned).or_else(|| {
                let decoded = &decoded[vector["name"].as_str().unwrap()];
                let submit = decoded["exec"]["submit_errors"].as_array().filter(|errors| !errors.is_empty());
                decoded["error"].as_str().map(str::to_owned).or_else(|| submit.map(|errors| format!("{errors:?}")))
            });
            records.push(Record { set: set.to_owned(), inputs: inputs(&vector["data"]), refused });
        }
        all.push(Published { folder, path, text, records });
    }
    all.sort_by(|a, b| a.folder.cmp(&b.folder));
    assert_eq!(all.len(), 91, "the corpus has 91 templates");
    Some(all)
}

fn git(dir: &Path, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.current_dir(dir).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "gc.auto=0"]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn every_published_module_resolves_and_renders_or_names_its_fault() {
    let Some(all) = published() else { return };
    let data = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(data.path(), FetchPolicy::strangers()).with_embedded();
    let (mut rendered, mut refused) = (0, 0);
    for (index, module) in all.iter().enumerate() {
        let repo = data.path().join(format!("snapshots/{index}"));
        std::fs::create_dir_all(&repo).unwrap();
        std::fs::copy(&module.path, repo.join("lilypad_module.json.tmpl")).unwrap();
        git(&repo, &["init", "-q", "-b", "main"]);
        git(&repo, &["add", "-A"]);
        git(&repo, &["commit", "-q", "-m", "module"]);
        git(&repo, &["tag", "v1"]);
        let source = ModuleSource {
            repo: format!("file://{}", repo.display()),
            hash: "v1".to_owned(),
            path: TEMPLATE_PATH.to_owned(),
        };
        let checkout = fetcher.fetch(&source).await.unwrap_or_else(|error| panic!("{}: {error}", module.folder));
        assert_eq!(checkout.template().unwrap(), module.text, "{}", module.folder);
        let typical = module.typical();
        match (checkout.render(&typical.inputs).and_then(|module| module.workload()), &typical.refused) {
            (Ok(_), None) => rendered += 1,
            (Err(error), Some(_)) => {
                assert!(!error.to_string().is_empty() && error.hint().is_some(), "{}: {error}", module.folder);
                refused += 1;
            }
            (Ok(_), Some(why)) => panic!("{} renders, recorded was: {why}", module.folder),
            (Err(error), None) => panic!("{}: {error}", module.folder),
        }
    }
    println!("published modules: {rendered} render, {refused} name their fault");
}

#[test]
fn lint_finds_a_fault_in_every_module_that_go_refuses_and_in_others_none_but_of_digests() {
    let Some(all) = published() else { return };
    let mut wrong = Vec::new();
    let (mut invalid, mut bad_digests) = (0, Vec::new());
    for module in &all {
        let report = module.lint();
        let refused = module.typical().refused.as_deref();
        let is_fault = |found: &&Diagnostic| found.severity == Severity::Fault;
        let (digests, faults): (Vec<_>, Vec<_>) =
            report.diagnostics.iter().filter(is_fault).partition(|found| found.rule == Rule::ImageDigest);
        invalid += usize::from(refused.is_some());
        if refused.is_some() == faults.is_empty() {
            wrong.push(format!("{}: recorded {refused:?}, found {faults:#?}", module.folder));
        }
        // The records end where the job is handed in; a digest that is none shows later, at the registry.
        bad_digests.extend(digests.iter().map(|_| module.folder.as_str()));
        for found in &report.diagnostics {
            let complete = [&found.message, &found.existing, &found.ours, &found.mend];
            assert!(complete.iter().all(|text| !text.is_empty()), "{}: {found:?}", module.folder);
            let lines = module.text.split(|&byte| byte == b'\n').count();
            assert!(found.line.is_none_or(|line| (1..=lines).contains(&line)), "{}: {found:?}", module.folder);
        }
    }
    println!(
        "published modules: {invalid} of {} invalid, each with its fault; digests that are none: {bad_digests:?}",
        all.len()
    );
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether two errors of a reader tell of the same thing: its words, without the place.
fn same_words(recorded: &str, found: &str) -> bool {
    found.contains(recorded.rsplit(": ").next().unwrap_or(recorded)) || recorded.contains(found)
}

#[test]
fn a_fault_of_the_text_is_told_in_the_recorded_words() {
    let Some(all) = published() else { return };
    let mut checked = 0;
    for module in &all {
        let Some(recorded) = module.typical().refused.as_deref().filter(|text| text.contains("invalid character"))
        else {
            continue;
        };
        // The values differ from those recorded, so the character that follows a value may.
        if !recorded.contains("after array element") {
            let told = module.lint().diagnostics.iter().any(|found| same_words(recorded, &found.message));
            assert!(told, "{}: {recorded}", module.folder);
            checked += 1;
        }
    }
    assert!(checked > 5, "{checked}");
}

#[test]
fn values_that_go_refuses_are_named_and_values_it_takes_pass() {
    let Some(all) = published() else { return };
    let mut wrong = Vec::new();
    let (mut passed, mut named, mut injections, mut altered) = (0, 0, 0, 0);
    for module in &all {
        let is_valid = module.typical().refused.is_none();
        for record in &module.records {
            let place = || format!("{}/{}", module.folder, record.set);
            let checked = render_checked(&module.text, &module.folder, &record.inputs)
                .and_then(|module| module.workload().map(|_| ()));
            match (&record.refused, checked) {
                (None, Ok(())) => passed += 1,
                // Go runs what such a value says; this is what the check is for.
                (None, Err(ModuleError::InputInjects { input, .. })) => {
                    assert!(record.inputs[&input].contains('"') || record.inputs[&input].contains(','), "{}", place());
                    injections += 1;
                }
                // Go's network runs the job with another text than was typed.
                (None, Err(ModuleError::InputAlters { input, .. })) => {
                    assert!(record.inputs[&input].contains('\\'), "{}", place());
                    altered += 1;
                }
                (None, Err(error)) => wrong.push(format!("{}: Go takes it, found {error}", place())),
                (Some(why), Ok(())) => wrong.push(format!("{}: Go says {why}", place())),
                // The value is to blame when the same module accepts plausible ones.
                (Some(_), Err(ModuleError::InputBreaks { input, action, .. })) => {
                    assert!(record.inputs.contains_key(&input) && action.contains(&input), "{}: {action}", place());
                    named += 1;
                }
                (Some(why), Err(error)) => {
                    let is_value = is_valid && module.typical().inputs.len() == record.inputs.len();
                    if is_value && !["none", "wrong-case", "first-only", "extra"].contains(&record.set.as_str()) {
                        wrong.push(format!("{}: Go says {why}; the input is not named: {error}", place()));
                    }
                }
            }
        }
    }
    println!(
        "values: {passed} pass, {named} refused naming the input, {injections} refused for what they inject, {altered} because they \
         would not arrive as they were typed"
    );
    assert!(named > 50, "{named}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A hostile value that Go refuses is foretold: the report has a rule about that input.
#[test]
fn lint_foretells_the_values_that_go_refuses() {
    let Some(all) = published() else { return };
    let mut wrong = Vec::new();
    let mut foretold = 0;
    for module in all.iter().filter(|module| module.typical().refused.is_none()) {
        let report = module.lint();
        let rules = [Rule::InputBreaks, Rule::InputInjects];
        for record in module.records.iter().filter(|record| {
            record.refused.is_some()
                && ["quotes", "squote", "newlines", "bslash", "control"].contains(&record.set.as_str())
        }) {
            // Which input it is, the check of values says.
            let Err(ModuleError::InputBreaks { input, .. }) = render_checked(&module.text, "m", &record.inputs) else {
                wrong.push(format!("{}/{}: {:?}", module.folder, record.set, record.refused));
                continue;
            };
            let found =
                report.diagnostics.iter().any(|d| rules.contains(&d.rule) && d.input.as_deref() == Some(&input));
            if found { foretold += 1 } else { wrong.push(format!("{}/{}: {input}", module.folder, record.set)) }
        }
    }
    println!("values refused by Go and foretold by lint: {foretold}");
    assert!(foretold > 30, "{foretold}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_memory_that_gpus_must_have_is_known_wherever_it_is_written() {
    let Some(all) = published() else { return };
    let needs: Vec<_> = all.iter().map(|module| (module.folder.as_str(), module.lint().gpu)).collect();
    let want = needs.iter().filter(|(_, gpu)| gpu.wants_gpu()).count();
    let state = needs.iter().filter(|(_, gpu)| gpu.vram_mib > 0).count();
    let read = needs.iter().filter(|(_, gpu)| gpu.vram_mib_on_existing > 0).count();
    println!("{want} want a GPU, {state} state its memory, {read} where the existing network reads it");
    assert_eq!((want, state, read), (53, 5, 2), "{needs:#?}");
    // Counted another way: by the decoded module alone.
    let decoded = all
        .iter()
        .filter_map(|module| render(&module.text, "m", &module.typical().inputs).ok())
        .filter(|module| module.machine.gpus.iter().flatten().any(|gpu| gpu.vram_mib > 0))
        .count();
    assert_eq!(decoded, read);
}
