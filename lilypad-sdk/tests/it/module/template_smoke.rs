//! Templates and data that nobody wrote on purpose: whatever they are, an answer or an error, soon, and within the limits.
//!
//! The fuzz targets of `fuzz/` look for more with a fuzzer's eyes; this part runs on every machine, the same each time.

use std::collections::BTreeMap;

use lilypad_sdk::module::lint::{Subject, lint};
use lilypad_sdk::module::template::{Generation, Limit, Limits, Template, Value};
use lilypad_sdk::module::{
    InputSchema, ModuleReference, decode, parse_input_flag, render, render_checked, render_text,
};

use super::template_cases::{Case, Random, case, mutate};
use super::{fixture, lines};

const MIB: usize = 1 << 20;

fn vectors() -> Vec<Case> {
    let files = ["template-vectors.jsonl", "template-blind.jsonl"];
    files.iter().flat_map(|name| lines(&fixture(name))).map(|vector| Case::of_vector(&vector)).collect()
}

/// Runs a template; the answer's own promises are kept.
fn run(template: &[u8], data: &Value, generation: Generation) -> Option<Limit> {
    let parsed = match Template::parse_with("t", template, generation) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.to_string().starts_with("template: ") && error.line() > 0, "{error}");
            return error.reached_limit();
        }
    };
    match parsed.execute(data) {
        Ok(output) => {
            assert!(output.len() <= Limits::default().output_bytes);
            None
        }
        Err(error) => {
            assert!(error.to_string().starts_with("template: ") && error.line() > 0, "{error}");
            error.reached_limit()
        }
    }
}

#[test]
fn changed_vectors_end_within_the_limits() {
    let vectors = vectors();
    let mut random = Random(7);
    for number in 0..12_000 {
        let mut case = vectors[random.below(vectors.len())].clone();
        for _ in 0..=random.below(6) {
            mutate(&mut random, &mut case.template);
        }
        if random.percent(20) {
            let other = &vectors[random.below(vectors.len())];
            let at = random.below(case.template.len() + 1);
            case.template.splice(at..at, other.template.iter().copied());
            case.data = other.data.clone();
            case.mode = other.mode;
        }
        let generation = if number % 2 == 0 { Generation::Go1_23 } else { Generation::Go1_19 };
        run(&case.template, &case.value(generation), generation);
    }
}

/// What a module's template, reference, inputs and rendered text may be instead of what they should be.
#[test]
fn changed_module_files_references_and_inputs_give_answers() {
    let mut random = Random(11);
    let cowsay = include_bytes!("../../../modules/cowsay/lilypad_module.json.tmpl");
    let inputs = BTreeMap::from([("Message".to_owned(), "moo \"and\" <moo>".to_owned())]);
    let rendered = render_text(cowsay, "t", &inputs).unwrap();
    let references = ["cowsay:v0.0.4", "github.com/o/r:main", "https://h.example/o/r@v1", "./dir", "https://h/o/r:a/b"];
    for _ in 0..2_000 {
        let (mut template, mut text) = (cowsay.to_vec(), rendered.clone());
        let (mut reference, mut flag) = (random.one(&references).as_bytes().to_vec(), b"Message=a=b".to_vec());
        for bytes in [&mut template, &mut text, &mut reference, &mut flag] {
            (0..=random.below(4)).for_each(|_| mutate(&mut random, bytes));
        }
        let _ = render(&template, "t", &inputs);
        if let Ok(checked) = render_checked(&template, "t", &inputs) {
            assert_eq!(
                render(&template, "t", &inputs).ok(),
                Some(checked),
                "what passes the check is what is rendered"
            );
        }
        let _ = decode(&text, "t");
        let _ = ModuleReference::parse(&String::from_utf8_lossy(&reference));
        let _ = parse_input_flag(&String::from_utf8_lossy(&flag));
    }
}

/// Files of typed inputs, linted and applied: an answer in plain words, and what passes passes again.
#[test]
fn changed_files_of_typed_inputs_and_templates_give_reports() {
    let mut random = Random(19);
    let cowsay = include_bytes!("../../../modules/cowsay/lilypad_module.json.tmpl");
    let file = br#"{"inputs": [{"name": "Message", "required": true, "max": 20, "help": "what it says"},
        {"name": "Steps", "type": "integer", "default": 20, "min": 5, "max": 200}, {"name": "Fast", "type": "boolean"},
        {"name": "Size", "choices": ["512", 1024], "default": "512"}, {"name": "More", "type": "json", "default": {"a": [1]}}]}"#;
    let mut taken = 0;
    for round in 0..3_000 {
        let (mut template, mut text) = (cowsay.to_vec(), file.to_vec());
        (0..=random.below(3)).for_each(|_| mutate(&mut random, &mut text));
        match InputSchema::parse(&text, "t") {
            Ok(schema) => {
                taken += 1;
                let given = BTreeMap::from([("Message".to_owned(), "moo".to_owned())]);
                if let Ok(full) = schema.apply(&given) {
                    assert_eq!(schema.apply(&full).ok(), Some(full));
                }
            }
            Err(error) => {
                let text = error.to_string();
                assert!(error.hint().is_some() && !text.contains("expected") && !text.contains("variant"), "{text}");
            }
        }
        if round % 10 == 0 {
            (0..=random.below(4)).for_each(|_| mutate(&mut random, &mut template));
            let mut subject = Subject::new(&template, "t");
            subject.inputs_file = Some(&text);
            let report = lint(&subject);
            assert!(report.diagnostics.iter().all(|found| !found.message.is_empty()));
        }
    }
    assert!(taken > 100, "{taken}");
}

/// What begins, is repeated, and ends a mebibyte.
#[rustfmt::skip]
const REPEATED: &[(&str, &str, &str)] = &[
    ("", "{{", ""), ("", "}}", ""), ("", "{", ""), ("", "{{.}}", ""), ("", "{{if 1}}", ""), ("", "{{else}}", ""),
    ("{{if 1}}", "{{else if 1}}", "{{end}}"), ("", "{{end}}", ""), ("", "{{- -}} ", ""), ("", "{{/* c */}}", ""),
    ("", "{{define \"a\"}}{{end}}", ""), ("", "{{block \"a\" .}}", ""), ("", "{{template \"t\"}}", ""), ("", "{{$x := .}}", ""),
    ("{{range .}}", "{{$x := .}}", "{{end}}"), ("{{/*", "x", ""), ("{{/*", "*/", ""), ("{{\"", "x", "\"}}"),
    ("{{\"", "\\x", "\"}}"), ("{{`", "\r\n", "`}}"), ("{{'", "a", "'}}"), ("{{", "1", "}}"), ("{{", "1_", "}}"),
    ("{{1.", "0", "1e5}}"), ("{{0x1.", "0", "p1}}"), ("{{1+", "1", "i}}"), ("{{", "a", "}}"), ("{{$", "é", "}}"),
    ("{{", ".a", "}}"), ("{{", " ", "}}"), ("{{", "\n", "."), ("{{", "(", "}}"), ("{{print ", "1 ", "}}"),
    ("{{print ", "\"\" ", "}}"), ("{{and ", "1 ", "}}"), ("{{eq 1 ", "2 ", "}}"), ("{{.", "|html", "}}"),
    ("{{.", "|printf \"%9d\"", "}}"), ("{{.", "|", "}}"), ("{{$x := 1}}{{", "$x ", "}}"), ("{{printf \"", "%d", "\" 1}}"),
    ("{{printf \"", "%1000000d", "\" 1}}"), ("{{printf \"", "%[1]*.[1]*[1]f", "\" 9}}"), ("{{printf \"%", "9", "d\" 1}}"),
    ("{{printf \"%", "#", "d\" 1}}"), ("{{printf \"%[", "1", "]d\" 1}}"), ("{{printf \"", "%s", "\" .}}"),
    ("{{printf \"%q %x %s\" \"", "\u{1}", "\" . .}}"), ("{{range $i, $e := .}}", "{{$i}}{{$e}}", "{{end}}"),
    ("{{range .}}", "{{range $}}", ""), ("{{define \"a\"}}", "{{template \"a\" .}}", "{{end}}{{template \"a\"}}"),
    ("{{define \"a\"}}{{template \"a\" (printf \"%s%s\" . .)}}{{end}}{{template \"a\" \"", "x", "\"}}"), ("", "\0", ""),
    ("", "\u{2028}", ""), ("{{", "\u{a0}", "}}"),
];

#[test]
fn a_mebibyte_of_one_thing_ends() {
    let texts = Value::Texts(std::sync::Arc::new(
        (0..200_u8).map(|n| (vec![b'a', n], std::sync::Arc::from(vec![n; 50]))).collect(),
    ));
    for (index, (open, piece, close)) in REPEATED.iter().enumerate() {
        let count = (MIB - open.len() - close.len()) / piece.len();
        let template = format!("{open}{}{close}", piece.repeat(count));
        assert!(template.len() > MIB - 64 && template.len() <= MIB);
        let generation = if index % 4 == 3 { Generation::Go1_19 } else { Generation::Go1_23 };
        run(template.as_bytes(), &texts, generation);
    }
}

/// A mebibyte of noise, of many templates one after the other, and of those with the data written between them.
#[test]
fn a_mebibyte_of_noise_ends() {
    let mut random = Random(13);
    for round in 0..6 {
        let mut text: Vec<u8> = Vec::with_capacity(MIB + 4096);
        let mut number = 0;
        while text.len() < MIB {
            match round % 3 {
                0 => text.extend(random.next().to_le_bytes()),
                1 => text.extend(case(17 + round, number).template),
                _ => text.extend(b"{{print . }}".iter().chain(&case(17 + round, number).template)),
            }
            number += 1;
        }
        text.truncate(MIB);
        let lossy = String::from_utf8_lossy(&text);
        run(&text, &Value::text(&text), Generation::default());
        let _ = render(&text, "t", &BTreeMap::from([("a".to_owned(), lossy.clone().into_owned())]));
        let _ = decode(&text, "t");
        let _ = InputSchema::parse(&text, "t");
        let _ = ModuleReference::parse(&lossy);
        let _ = parse_input_flag(&lossy);
    }
}

/// What a template with an absurd number or without an end comes to: a text, its length, or the limit that stopped it.
#[rustfmt::skip]
const ABSURD: &[(&str, Result<&str, Limit>)] = &[
    (r#"{{printf "%999999999d" 1}}"#, Ok("%!(NOVERB)%!(EXTRA int=1)")),
    (r#"{{printf "%.999999999f" 1.0}}"#, Ok("%!(NOVERB)%!(EXTRA float64=1)")),
    (r#"{{printf "%[999999999]d" 1}}"#, Ok("%!d(BADINDEX)")),
    (r#"{{printf "%*d" 999999999 1}}"#, Ok("%!(BADWIDTH)1")),
    (r#"{{len (printf "%1000000d" 1)}}"#, Ok("1000000")),
    // The last width that Go takes for one, and the first that it does not.
    (r#"{{len (printf "%10000009d" 1)}}"#, Ok("10000009")),
    (r#"{{printf "%10000010d" 1}}"#, Ok("%!(NOVERB)%!(EXTRA int=1)")),
    (r#"{{printf "%9999999d" 1}}"#, Err(Limit::OutputBytes)),
    (r#"{{len (printf "%9999999d%9999999d%9999999d%9999999d%9999999d%9999999d%9999999d" 1 1 1 1 1 1 1)}}"#, Err(Limit::ValueBytes)),
    (r#"{{len (printf "%.70000f|%.70000e|%.70000g" 1.5 1.5 1.5)}}"#, Ok("140013")),
    (r#"{{len (printf "%.70000U|%.70000d" 65 65)}}"#, Ok("140003")),
    (r#"{{define "a"}}{{template "a"}}{{end}}{{template "a"}}"#, Err(Limit::Nesting)),
    (r#"{{define "a"}}{{template "b"}}{{end}}{{define "b"}}{{if 1}}{{template "a"}}{{end}}{{end}}{{template "b"}}"#, Err(Limit::Nesting)),
];

#[test]
fn absurd_numbers_are_harmless_and_limits_name_themselves() {
    for (text, expected) in ABSURD {
        match (Template::parse("t", text).unwrap().execute(&Value::Missing), expected) {
            (Ok(output), Ok(wanted)) => assert_eq!(String::from_utf8_lossy(&output), *wanted, "{text}"),
            (Err(error), Err(limit)) => {
                assert_eq!(error.reached_limit(), Some(*limit), "{text}");
                assert!(error.to_string().contains(&limit.to_string()), "{error}");
            }
            (result, _) => panic!("{text}: {result:?}"),
        }
    }
}
