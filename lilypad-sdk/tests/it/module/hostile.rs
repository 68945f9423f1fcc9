//! Modules of a mebibyte that are made to take long. Each of them took seconds to hours once; a test that hangs here has found
//! work that grows faster than the text.

use std::collections::BTreeMap;

use lilypad_sdk::module::lint::{Rule, Subject, lint};
use lilypad_sdk::module::{decode, input_warnings, render_checked, template_inputs};

/// Longest template, in bytes.
const LONGEST: usize = 1 << 20;

/// As many repetitions as fit, with their number.
fn filled(before: &str, each: impl Fn(usize) -> String, after: &str) -> String {
    let mut text = before.to_owned();
    for number in 0.. {
        let next = each(number);
        if text.len() + next.len() + after.len() > LONGEST {
            break;
        }
        text.push_str(&next);
    }
    text + after
}

fn everything(text: &str) {
    let inputs: BTreeMap<String, String> = ["a", "n0", "n1", "n2"].map(|name| (name.to_owned(), "x".to_owned())).into();
    let mut subject = Subject::new(text.as_bytes(), "t");
    subject.inputs.clone_from(&inputs);
    let report = lint(&subject);
    assert!(!report.diagnostics.is_empty(), "none of them is a module");
    assert!(report.diagnostics.len() <= 40 * 40, "{}", report.diagnostics.len());
    for found in &report.diagnostics {
        for text in [&found.message, &found.mend].into_iter().chain(&found.action) {
            assert!(text.chars().count() <= 1001, "{:?}: {} characters", found.rule, text.chars().count());
        }
    }
    for error in [
        render_checked(text, "t", &inputs).err(),
        template_inputs(text, "t").err(),
        input_warnings(text, "t", &inputs).err(),
        decode(text.as_bytes(), "t").err(),
    ]
    .into_iter()
    .flatten()
    {
        assert!(error.to_string().chars().count() < 3000, "{} characters", error.to_string().chars().count());
        let hint = error.hint().unwrap_or_default();
        assert!(hint.chars().count() < 3000, "{} characters: {}", hint.chars().count(), error);
    }
}

macro_rules! hostile {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            everything(&$text);
        }
    )*};
}

hostile! {
    many_inputs: filled("{\"a\":[", |n| format!("\"{{{{subst \"%s\" .n{n}}}}}\","), "0]}");
    many_inputs_in_quotes: filled("{\"a\":[", |n| format!("\"{{{{js .n{n}}}}}\","), "0]}");
    many_reads_of_one_input: filled("{\"a\":[", |_| "{{.a}},".to_owned(), "0]}");
    many_reads_in_one_action: filled("{\"a\":{{print", |n| format!(" .n{n}"), "}}}");
    many_reads_with_a_long_default: filled("{\"a\":{{or", |n| format!(" .n{n}"), &format!(" \"{}\"}}}}}}", "d".repeat(400_000)));
    actions_side_by_side: filled("", |n| format!("{{{{.A{n}}}}}"), "");
    conditions_on_one_input: filled("", |_| "{{if .A}}x{{end}}".to_owned(), "");
    one_default_again_and_again: filled("", |_| "{{or .A \"x\"}}".to_owned(), "");
    one_plain_member_again_and_again: filled("{", |_| "\"a\":\"b\",".to_owned(), "\"a\":0}");
    many_lines: filled("", |_| "x\n".to_owned(), "");
    many_conditions: filled("{ ", |n| format!("{{{{if .n{n}}}}}\"n{n}\":1,{{{{end}}}}"), "\"z\":0}");
    many_conditions_that_break: filled("{\"z\":0", |n| format!("{{{{if .n{n}}}}},{{{{end}}}}"), "}");
    many_definitions: filled("", |n| format!("{{{{define \"d{n}\"}}}}x{{{{.a}}}}{{{{end}}}}"), "{}");
    many_comments: filled("{ ", |_| "{{/* { */}} ".to_owned(), "\"a\":{{.a}}}");
    many_members: filled("{", |n| format!("\"k{n}\":1,"), "\"z\":0}");
    many_members_in_other_case: filled("{", |_| "\"MACHINE\":{},".to_owned(), "\"z\":0}");
    one_member_again_and_again: filled("{", |_| "\"job\":{},".to_owned(), "\"z\":0}");
    parameters_again_and_again: filled("{\"job\":{\"Spec\":{\"EngineSpec\":{\"Params\":{", |n| format!("\"k{n}\":1,"), "\"z\":0}}}}}");
    one_long_list: filled("[", |_| "1,".to_owned(), "0]");
    one_long_name: format!("{{\"{}\":[{}0]}}", "n".repeat(400_000), "1,".repeat(200_000));
    one_long_input: format!("{{\"a\":\"{{{{subst \"%s\" .{}}}}}\"}}", "n".repeat(900_000));
    one_long_field_of_a_text: format!("{{{{.a.{}}}}}", "n".repeat(900_000));
    one_long_line_without_json: "x".repeat(LONGEST);
    one_line_of_many_actions_without_json: filled("{\"a\":", |_| "{{.a}}".to_owned(), "}");
    arguments_of_a_job: filled("{\"job\":{\"Spec\":{\"Docker\":{\"Image\":\"i\",\"EnvironmentVariables\":[", |_| "\"=\",".to_owned(), "\"A=1\"]}}}}");
    outputs_of_a_job: filled("{\"job\":{\"Spec\":{\"Docker\":{\"Image\":\"i\"},\"Outputs\":[", |_| "{},".to_owned(), "{}]}}}");
    escapes_of_escapes: format!("{{\"a\":\"{{{{js .a{}}}}}\"}}", "|js".repeat(40));
    loops_in_loops: format!("{}{{{{$}}}}{}", "{{range $}}".repeat(10), "{{end}}".repeat(10));
}

#[test]
fn what_is_left_out_of_a_report_is_counted() {
    let text = filled("{", |_| "\"MACHINE\":{},".to_owned(), "\"z\":0}");
    let report = lint(&Subject::new(text.as_bytes(), "t"));
    assert!(report.left_out > 10_000, "{}", report.left_out);
    let many = filled(
        "{\"a\":[",
        |n| format!("\"{{{{subst \"%s\" .n{n}}}}}\","),
        "0],\"job\":{\"Spec\":{\"Docker\":{\"Image\":\"i:1\"}}}}",
    );
    let report = lint(&Subject::new(many.as_bytes(), "t"));
    assert!(report.diagnostics.iter().any(|found| found.rule == Rule::Partial), "not all of it was tried");
}

#[test]
fn many_values() {
    let text = r#"{"a":"{{subst "%s" .n7}}{{range .}}{{end}}"}"#;
    let inputs: BTreeMap<String, String> = (0..20_000).map(|n| (format!("n{n}"), "x\"".to_owned())).collect();
    assert!(render_checked(text, "t", &inputs).is_err());
    assert!(!input_warnings(text, "t", &inputs).unwrap_or_default().iter().any(|warning| warning.len() > 1000));
}
