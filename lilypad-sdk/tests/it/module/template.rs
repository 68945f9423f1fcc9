use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use lilypad_sdk::module::render_text;
use lilypad_sdk::module::template::{Limit, Limits, Phase, Template, TemplateError, Value};
use serde_json::Value as Json;

use super::{fixture, inputs, lines, ratchet, shared};

fn value(json: &Json) -> Value {
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

fn element(json: &Json) -> Value {
    if json.is_null() { Value::Nil } else { value(json) }
}

fn run(vector: &Json) -> Result<Vec<u8>, TemplateError> {
    let name = vector["template_name"].as_str().unwrap();
    let text = vector["template"].as_str().unwrap();
    let data = &vector["data"];
    let data = match vector["mode"].as_str().unwrap() {
        "inputs" => {
            return render_text(text, name, &inputs(data)).map_err(|error| match error {
                lilypad_sdk::module::ModuleError::Template { source, .. } => source,
                other => panic!("{other}"),
            });
        }
        "strings" => Value::Texts(Arc::new(
            inputs(data).into_iter().map(|(name, text)| (name.into_bytes(), Arc::from(text.into_bytes()))).collect(),
        )),
        _ => value(data),
    };
    Template::parse(name, text)?.execute(&data)
}

/// What is wrong, if anything.
fn check(vector: &Json) -> Option<String> {
    let expected = vector.get("go1_23").unwrap_or(vector);
    match (run(vector), expected.get("error").and_then(Json::as_str)) {
        (Ok(output), None) => {
            let wanted = match expected.get("output_b64").and_then(Json::as_str) {
                Some(text) => base64::engine::general_purpose::STANDARD.decode(text).unwrap(),
                None => expected["output"].as_str().unwrap().as_bytes().to_vec(),
            };
            (output != wanted).then(|| {
                format!("wrote {:?}, not {:?}", String::from_utf8_lossy(&output), String::from_utf8_lossy(&wanted))
            })
        }
        (Err(error), Some(wanted)) => {
            let phase = if error.phase() == Phase::Parse { "parse" } else { "exec" };
            if phase != expected["phase"] {
                return Some(format!("failed in phase {phase}: {error}"));
            }
            (error.to_string() != wanted).then(|| format!("says {error:?}, not {wanted:?}", error = error.to_string()))
        }
        (Ok(output), Some(wanted)) => {
            Some(format!("wrote {:?} instead of failing: {wanted}", String::from_utf8_lossy(&output)))
        }
        (Err(error), None) => Some(format!("failed: {error}")),
    }
}

fn failures(vectors: &[Json]) -> BTreeMap<String, String> {
    vectors.iter().filter_map(|vector| Some((vector["name"].as_str().unwrap().to_owned(), check(vector)?))).collect()
}

#[test]
fn renders_as_the_reference_does() {
    let vectors = lines(&fixture("template-vectors.jsonl"));
    assert_eq!(vectors.len(), 1336);
    ratchet("template-expected-failures.txt", vectors.len(), &failures(&vectors));
}

#[test]
fn renders_published_modules_as_the_reference_does() {
    let Some(path) = shared("corpus/template-vectors.jsonl") else { return };
    let vectors: Vec<Json> =
        lines(&path).into_iter().filter(|vector| vector["name"].as_str().unwrap().starts_with("module/")).collect();
    assert_eq!(vectors.len(), 875);
    let failures = failures(&vectors);
    assert!(failures.is_empty(), "{failures:#?}");
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
