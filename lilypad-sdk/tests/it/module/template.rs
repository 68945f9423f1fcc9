use std::collections::BTreeMap;
use std::path::Path;

use lilypad_sdk::module::template::{Generation, Limit, Limits, Phase, Template, Value};
use lilypad_sdk::module::{ModuleError, render_text};
use serde_json::Value as Json;

use super::template_cases::Case;
use super::template_go::{Answer, expected};
use super::{fixture, inputs, lines, ratchet, shared};

/// What is wrong, if anything.
fn check(vector: &Json, generation: Generation) -> Option<String> {
    let case = Case::of_vector(vector);
    let (ours, wanted) = (case.ours(generation), expected(vector, generation));
    if ours != wanted {
        return Some(format!("{ours:?}, not {wanted:?}"));
    }
    if case.mode != "inputs" || generation != Generation::default() {
        return None;
    }
    // The way modules take.
    let rendered = match render_text(&case.template, &case.name, &inputs(&case.data)) {
        Ok(output) => Answer::Output(output),
        Err(ModuleError::Template { source, .. }) => {
            let phase = if source.phase() == Phase::Parse { "parse" } else { "exec" };
            Answer::Error(phase, source.to_string())
        }
        Err(other) => panic!("{other}"),
    };
    (rendered != wanted).then(|| format!("as a module {rendered:?}, not {wanted:?}"))
}

fn failures(vectors: &[Json], generation: Generation) -> BTreeMap<String, String> {
    let name = |vector: &Json| vector["name"].as_str().unwrap().to_owned();
    vectors.iter().filter_map(|vector| Some((name(vector), check(vector, generation)?))).collect()
}

#[test]
fn renders_as_the_reference_does() {
    let vectors = lines(&fixture("template-vectors.jsonl"));
    assert_eq!(vectors.len(), 1336);
    ratchet("template-expected-failures.txt", vectors.len(), &failures(&vectors, Generation::Go1_23));
    let older = failures(&vectors, Generation::Go1_19);
    assert!(older.is_empty(), "{older:#?}");
}

/// Cases that were written after the engine, without a look at it, with Go's own answers.
#[test]
fn renders_blind_cases_as_go_does() {
    let vectors = lines(&fixture("template-blind.jsonl"));
    assert_eq!(vectors.len(), 224);
    for generation in [Generation::Go1_19, Generation::Go1_23] {
        let failures = failures(&vectors, generation);
        assert!(failures.is_empty(), "{generation:?}: {failures:#?}");
    }
}

#[test]
fn renders_published_modules_as_the_reference_does() {
    let Some(path) = shared("corpus/template-vectors.jsonl") else { return };
    let vectors: Vec<Json> =
        lines(&path).into_iter().filter(|vector| vector["name"].as_str().unwrap().starts_with("module/")).collect();
    assert_eq!(vectors.len(), 875);
    for generation in [Generation::Go1_19, Generation::Go1_23] {
        let failures = failures(&vectors, generation);
        assert!(failures.is_empty(), "{generation:?}: {failures:#?}");
    }
}

#[test]
fn limits_end_what_would_not() {
    let cases: &[(&str, &str, Limit)] = &[
        ("endless recursion", r#"{{define "a"}}{{template "a"}}{{end}}{{template "a"}}"#, Limit::Nesting),
        (
            "doubling text",
            r#"{{define "a"}}{{$x := print . .}}{{template "a" $x}}{{end}}{{template "a" "0123456789abcdef"}}"#,
            Limit::ValueBytes,
        ),
        (
            "wide padding of real values",
            &format!("{{{{printf \"{}\" 1}}}}", "%1000000[1]d".repeat(200)),
            Limit::ValueBytes,
        ),
        ("long output", &format!("{{{{$x := printf \"%1000000d\" 1}}}}{}", "{{$x}}".repeat(10)), Limit::OutputBytes),
    ];
    for (what, text, limit) in cases {
        let result = Template::parse("t", text).unwrap().execute(&Value::Missing);
        assert_eq!(result.unwrap_err().reached_limit(), Some(*limit), "{what}");
    }
}

#[test]
fn many_steps_and_long_texts_are_refused() {
    let list = Value::List((0..2000).map(Value::Int).collect());
    let template = Template::parse("t", "{{range .}}{{range $}}{{end}}{{end}}").unwrap();
    assert_eq!(template.execute(&list).unwrap_err().reached_limit(), Some(Limit::Steps));

    let mut limits = Limits::default();
    limits.template_bytes = 4;
    assert!(Template::parse_with("t", "1234", limits).is_ok());
    assert_eq!(Template::parse_with("t", "12345", limits).unwrap_err().reached_limit(), Some(Limit::TemplateBytes));
}

/// Work that costs a template little to ask for counts all the same: these run for minutes if only nodes are counted.
#[test]
fn cheap_words_for_much_work_are_counted() {
    let list = Value::List((0..100_000).map(Value::Int).collect());
    let run = |text: &str| Template::parse("t", text).unwrap().execute(&list).unwrap_err().reached_limit();
    let variables: String = (0..999).map(|n| format!("{{{{$x{n} := 1}}}}")).collect();
    assert_eq!(
        run(&format!("{variables}{{{{range $}}}}{}{{{{end}}}}", "{{if $}}{{end}}".repeat(10))),
        Some(Limit::Steps)
    );
    let chain = ".a".repeat(20_000);
    let map = Value::Map(std::sync::Arc::new([(b"l".to_vec(), list.clone())].into()));
    let template = Template::parse("t", format!("{{{{range .l}}}}{{{{$n := ${chain}}}}}{{{{end}}}}")).unwrap();
    assert_eq!(template.execute(&map).unwrap_err().reached_limit(), Some(Limit::Steps));
    let texts =
        "{{$x := printf \"%999999d\" 1}}{{$y := printf \"%999999d\" 1}}{{range .}}{{if eq $x $y}}{{end}}{{end}}";
    assert_eq!(run(texts), Some(Limit::Steps));
    let literal = format!("{{{{range .}}}}{{{{if len \"{}\"}}}}{{{{end}}}}{{{{end}}}}", "x".repeat(500_000));
    assert_eq!(run(&literal), Some(Limit::Steps));

    let many = |count: usize| (0..count).map(|n| format!("{{{{$x{n} := 1}}}}")).collect::<String>();
    assert!(Template::parse("t", many(999)).is_ok(), "$ is one more");
    assert_eq!(Template::parse("t", many(1000)).unwrap_err().reached_limit(), Some(Limit::Variables));
}

/// At the edge of each limit the answer is right, one beyond it is an error.
#[test]
fn limits_hold_at_their_edges() {
    let text = "x".repeat(1 << 20);
    assert_eq!(Template::parse("t", &text).unwrap().execute(&Value::Missing).unwrap().len(), 1 << 20);
    let error = Template::parse("t", format!("{text}x")).unwrap_err();
    assert_eq!(error.reached_limit(), Some(Limit::TemplateBytes));

    let output =
        |bytes: usize| Template::parse("t", format!("{{{{range .}}}}{}{{{{end}}}}", "x".repeat(bytes))).unwrap();
    let four = Value::List([1, 2, 3, 4].map(Value::Int).into());
    assert_eq!(output(1 << 20 >> 1).execute(&four).unwrap().len(), 2 << 20);
    let eight = Value::List([0; 8].map(Value::Int).into());
    assert_eq!(output(1 << 19).execute(&eight).unwrap().len(), 4 << 20);
    assert_eq!(output((1 << 19) + 1).execute(&eight).unwrap_err().reached_limit(), Some(Limit::OutputBytes));
}

#[test]
fn deep_nesting_is_refused_and_never_overflows() {
    for (open, close) in [("{{if 1}}", "{{end}}"), ("{{with 1}}", "{{end}}"), ("{{if 0}}{{else if 1}}", "{{end}}")] {
        let nested = |levels: usize| format!("{}x{}", open.repeat(levels), close.repeat(levels));
        assert_eq!(Template::parse("t", nested(40)).unwrap().execute(&Value::Missing).unwrap(), b"x");
        assert_eq!(Template::parse("t", nested(20_000)).unwrap_err().reached_limit(), Some(Limit::Nesting));
    }
    let parens = |levels: usize| format!("{{{{{}1{}}}}}", "(".repeat(levels), ")".repeat(levels));
    assert!(Template::parse("t", parens(150)).unwrap().execute(&Value::Missing).is_ok());
    assert!(Template::parse("t", parens(100_000)).is_err());
    let chain = format!("{{{{if 0}}}}{}x{{{{end}}}}", "{{else if 0}}".repeat(20_000));
    assert!(Template::parse("t", chain).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    /// Pieces of the language in any order: an answer or an error, within the limits.
    #[test]
    fn no_text_makes_it_panic(pieces in proptest::collection::vec(piece(), 0..24), message in ".{0,20}") {
        let text = pieces.concat();
        let data = BTreeMap::from([("A".to_owned(), message)]);
        if let Err(error) = render_text(&text, "t", &data) {
            proptest::prop_assert!(error.to_string().contains("template: t"), "{}", error);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        let _ = Template::parse("t", &bytes).and_then(|template| template.execute(&Value::text(&bytes)));
        let mut action = b"{{".to_vec();
        action.extend(&bytes);
        action.extend(b"}}");
        let _ = Template::parse("t", &action).and_then(|template| template.execute(&Value::text(&bytes)));
    }
}

fn piece() -> impl proptest::strategy::Strategy<Value = String> {
    let fixed = [
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "if ",
        "else ",
        "end",
        "{{end}}",
        "{{else}}",
        "range ",
        "with ",
        "define \"a\"",
        "template \"a\" .",
        "block \"b\" .",
        "$x := ",
        "$x",
        "$",
        ".",
        ".A",
        ".A.B",
        "(",
        ")",
        " | ",
        "printf \"%5.2f|%q|%[1]*d\" ",
        "print ",
        "subst \"%s\" ",
        "js ",
        "html ",
        "index ",
        "slice ",
        "len ",
        "eq ",
        "lt ",
        "and ",
        "or ",
        "not ",
        "call ",
        "1",
        "-2",
        "0x1p4",
        "1i",
        "'a'",
        "\"s\"",
        "`r`",
        "nil",
        "true",
        "break",
        "continue",
        "/* c */",
        " ",
        "\n",
        "text",
        "é",
        "\u{2028}",
        "=",
        ",",
    ];
    proptest::prelude::Strategy::prop_map(0..fixed.len(), move |index| fixed[index].to_owned())
}

/// How many of the corpus templates are at hand; they are read through the vectors.
#[test]
fn corpus_templates_parse_or_fail_with_a_message() {
    let Some(root) = shared("corpus/modules") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path().join("lilypad_module.json.tmpl");
        if let Ok(text) = std::fs::read(&path) {
            seen += 1;
            if let Err(error) = Template::parse(&name(&path), &text) {
                assert!(error.line() > 0 && !error.to_string().is_empty());
            }
        }
    }
    assert_eq!(seen, 91);
}

fn name(path: &Path) -> String {
    path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned()
}
