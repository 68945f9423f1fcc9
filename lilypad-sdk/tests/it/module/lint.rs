//! The linter over small modules, one fault each.

use lilypad_sdk::module::lint::{Diagnostic, Report, Rule, Severity, Subject, lint};

const GOOD: &str = r#"{
  "machine": {"gpu": 0, "cpu": 500, "ram": 100},
  "job": {
    "APIVersion": "V1beta1",
    "Spec": {
      "Engine": "Docker",
      "Docker": {
        "Image": "ghcr.io/o/i:v1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Entrypoint": ["/say", {{or .Message "\"moo\""}}]
      },
      "Outputs": [{"Name": "outputs", "Path": "/outputs"}],
      "Network": {"Type": "None"},
      "Resources": {"CPU": "0.5", "Memory": "64Mb"},
      "Timeout": 60
    }
  }
}
"#;

fn look(template: &str) -> Report {
    lint(&Subject::new(template.as_bytes(), "m"))
}

/// The one diagnostic of a rule in GOOD with a piece exchanged.
fn exchanged(from: &str, to: &str, rule: Rule) -> Diagnostic {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "{from} is not in it");
    let report = look(&text);
    let found: Vec<_> = report.diagnostics.iter().filter(|found| found.rule == rule).collect();
    assert_eq!(found.len(), 1, "{to}: {:#?}", report.diagnostics);
    found[0].clone()
}

#[test]
fn a_good_module_has_nothing_to_say() {
    assert_eq!(look(GOOD).diagnostics, []);
}

/// A piece of the good module, what stands there instead, and what is found where.
type Case<'a> = (&'a str, &'a str, Rule, Severity, (usize, usize));

#[test]
fn each_fault_is_found_at_its_place() {
    let image = "ghcr.io/o/i:v1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let cases: &[Case] = &[
        ("{{or .Message", "{{nosuch .Message", Rule::TemplateSyntax, Severity::Fault, (9, 1)),
        ("{{or .Message \"\\\"moo\\\"\"}}", "{{index .Message 99}}", Rule::TemplateRun, Severity::Fault, (9, 34)),
        ("\"Timeout\": 60", "\"Timeout\": 60,", Rule::NotJson, Severity::Fault, (15, 5)),
        ("\"Timeout\": 60", "\"Timeout\": \"60\"", Rule::MemberValue, Severity::Fault, (14, 7)),
        ("\"None\"", "\"Bridge\"", Rule::MemberValue, Severity::Fault, (12, 19)),
        (image, "", Rule::NoEngine, Severity::Fault, (6, 7)),
        ("\"Engine\": \"Docker\"", "\"Engine\": \"Wasm\"", Rule::NoEngine, Severity::Fault, (6, 7)),
        (image, "ghcr.io/o/i", Rule::ImageTag, Severity::Warning, (8, 9)),
        (image, "localhost:5000/i:latest", Rule::ImageTag, Severity::Warning, (8, 9)),
        (image, "o/i:v1", Rule::ImageDigest, Severity::Note, (8, 9)),
        (image, "o/i@sha256:12", Rule::ImageDigest, Severity::Fault, (8, 9)),
        ("o/i:v1@", "o/i:v1-arm64@", Rule::ImagePlatform, Severity::Warning, (8, 9)),
        ("\"gpu\": 0", "\"gpu\": 1, \"gpus\": [{\"vram\": 8}]", Rule::GpuPlace, Severity::Warning, (2, 15)),
        ("\"CPU\": \"0.5\"", "\"CPU\": \"0.5\", \"GPU\": \"1\"", Rule::GpuPlace, Severity::Warning, (2, 15)),
        ("\"gpu\": 0", "\"gpu\": 0, \"vram\": 24000", Rule::MisplacedMember, Severity::Warning, (2, 25)),
        ("\"machine\":", "\"gpus\": [{\"vram\": 1}], \"machine\":", Rule::MisplacedMember, Severity::Warning, (2, 3)),
        ("\"Timeout\"", "\"Timeouts\"", Rule::UnknownMember, Severity::Warning, (14, 7)),
        ("\"Timeout\"", "\"timeout\": 50, \"Timeout\"", Rule::DuplicateMember, Severity::Warning, (14, 22)),
        ("\"Memory\": \"64Mb\"", "\"Memory\": \"4000\"", Rule::JobSpec, Severity::Fault, (13, 35)),
        ("\"Memory\": \"64Mb\"", "\"Memory\": \"lots\"", Rule::JobSpec, Severity::Fault, (13, 35)),
        ("\"/outputs\"", "\"outputs\"", Rule::JobSpec, Severity::Fault, (11, 7)),
        ("\"/outputs\"", "\"/a/../../b\"", Rule::JobSpec, Severity::Fault, (11, 7)),
        ("\"Name\": \"outputs\"", "\"Name\": \"../x\"", Rule::JobSpec, Severity::Fault, (11, 7)),
        ("\"cpu\": 500", "\"cpu\": 4000", Rule::Resources, Severity::Warning, (13, 7)),
        ("\"None\"", "\"Full\"", Rule::Network, Severity::Warning, (12, 19)),
        ("\"Timeout\": 60", "\"Timeout\": 1800", Rule::TimeLimit, Severity::Warning, (14, 7)),
        (
            "\"machine\":",
            "\"inputFiles\": {\"required\": [\"../a\"]}, \"machine\":",
            Rule::InputFiles,
            Severity::Fault,
            (2, 3),
        ),
        ("{{or .Message \"\\\"moo\\\"\"}}", "{{.Message}}", Rule::InputRequired, Severity::Note, (9, 34)),
        ("{{or .Message \"\\\"moo\\\"\"}}", "\"{{.Message}}\"", Rule::InputBreaks, Severity::Fault, (9, 35)),
    ];
    for (from, to, rule, severity, place) in cases {
        // A member that moved into Resources has no CPU any more where the rule looks for it.
        let text = if *rule == Rule::Resources { GOOD.replacen("\"CPU\": \"0.5\", ", "", 1) } else { GOOD.to_owned() };
        let report = look(&text.replacen(from, to, 1));
        let found: Vec<_> = report.diagnostics.iter().filter(|found| found.rule == *rule).collect();
        let [found] = found.as_slice() else { panic!("{to}: {:#?}", report.diagnostics) };
        assert_eq!(found.severity, *severity, "{to}: {found:?}");
        assert_eq!((found.line.unwrap(), found.column.unwrap()), *place, "{to}: {found:?}");
        assert_eq!(report.has_faults(), *severity == Severity::Fault, "{to}: {:#?}", report.diagnostics);
    }
}

#[test]
fn members_that_existing_nodes_drop_are_told() {
    let found = exchanged("\"Entrypoint\":", "\"WorkingDirectory\": \"/app\", \"Entrypoint\":", Rule::Dropped);
    assert!(found.message.contains("WorkingDirectory") && found.existing.contains("drops"), "{found:?}");
    let found = exchanged("\"Entrypoint\":", "\"Parameters\": [\"x\"], \"Entrypoint\":", Rule::Dropped);
    assert!(found.message.contains("Parameters"), "{found:?}");
    let found = exchanged("\"Engine\": \"Docker\"", "\"Inputs\": [{\"StorageSource\": \"IPFS\"}]", Rule::Dropped);
    assert!(found.message.contains("Inputs"), "{found:?}");
}

#[test]
fn values_that_break_or_inject_are_named_with_action_and_characters() {
    let subst = r#""A={{subst "%s" .Message}}""#;
    let found = exchanged("{{or .Message \"\\\"moo\\\"\"}}", subst, Rule::InputBreaks);
    assert_eq!((found.input.as_deref(), found.action.as_deref()), (Some("Message"), Some("{{subst \"%s\" .Message}}")));
    assert_eq!(found.severity, Severity::Warning);
    for word in ["a double quote", "a backslash at the end", "a line break"] {
        assert!(found.message.contains(word), "{found:?}");
    }
    assert!(!found.message.contains("apostrophe"), "{found:?}");
    let found = exchanged("{{or .Message \"\\\"moo\\\"\"}}", subst, Rule::InputAltered);
    assert!(found.message.contains("a backslash"), "{found:?}");
    let found = exchanged("{{or .Message \"\\\"moo\\\"\"}}", subst, Rule::InputInjects);
    assert!(found.message.contains("job.Spec.Docker.Entrypoint"), "{found:?}");
    let js = r#""A={{js .Message}}""#;
    let found = exchanged("{{or .Message \"\\\"moo\\\"\"}}", js, Rule::InputBreaks);
    assert!(found.message.contains("an apostrophe") && !found.message.contains("double"), "{found:?}");
    let found = exchanged("{{or .Message \"\\\"moo\\\"\"}}", js, Rule::InputAltered);
    assert!(found.message.contains("every value") && found.message.contains("in quotes"), "{found:?}");
}

#[test]
fn formats_that_do_not_fit_are_told_although_go_reports_no_error() {
    let cases = [
        ("A={{subst \"%s %s\" .Message}}", "subst writes %!s(MISSING) into the text", "%%"),
        ("A={{subst \"A\" .Message}}", "subst writes %!(EXTRA string=…) into the text", "a verb for each value"),
        ("A={{subst \"%d\" .Message}}", "subst writes %!d(string=…) into the text", "write %s"),
        ("A={{printf \"%999999999d\" 1}}", "printf writes %!(NOVERB) into the text", "fits on a screen"),
        ("A={{printf \"%2000000d\" 1}}", "printf pads the text to more than 65536", "fits on a screen"),
        ("A={{if .Other}}{{printf \"50%\"}}{{end}}", "printf writes %!(NOVERB) into the text", "%%"),
    ];
    for (text, words, mend) in cases {
        let found = exchanged("{{or .Message \"\\\"moo\\\"\"}}", &format!("\"{text}\""), Rule::PrintfFormat);
        assert!(found.message.starts_with(words) && found.mend.contains(mend), "{text}: {found:?}");
        assert_eq!((found.severity, found.line), (Severity::Warning, Some(9)), "{text}: {found:?}");
        assert!(found.action.is_some() && found.existing.contains("writes"), "{text}: {found:?}");
    }
}

#[test]
fn what_was_not_looked_at_is_said() {
    let found = exchanged("{{or .Message \"\\\"moo\\\"\"}}", "\"{{range .}}{{.}}{{end}}\"", Rule::Partial);
    assert!(found.message.contains("as a whole") && found.severity == Severity::Note, "{found:?}");
    let variable =
        exchanged("{{or .Message \"\\\"moo\\\"\"}}", "\"{{$d := .}}{{subst \"%s\" $d.Message}}\"", Rule::TemplateRun);
    assert_eq!(variable.severity, Severity::Warning, "with the input it runs: {variable:?}");
    let many: String = (0..70).map(|number| format!("{{{{.n{number}}}}},")).collect();
    let text = format!(r#"{{"a":[{many}0],"job":{{"Spec":{{"Docker":{{"Image":"i:1"}}}}}}}}"#);
    let report = lint(&Subject::new(text.as_bytes(), "t"));
    assert!(report.diagnostics.iter().any(|found| found.rule == Rule::Partial && found.message.contains("70 inputs")));
    let slow =
        format!("{{{{range $i, $c := $}}}}{}{{{{end}}}}{text}", "{{range $}}{{range $}}{{end}}{{end}}".repeat(2));
    let report = lint(&Subject::new(slow.as_bytes(), "t"));
    assert!(report.diagnostics.iter().any(|found| found.message.contains("takes long to render")), "{report:#?}");
}

#[test]
fn a_comma_that_an_absent_input_leaves_is_found() {
    let env = "\"EnvironmentVariables\": [{{if .A}}{{.A}},{{end}}{{if .B}}{{.B}}{{end}}], \"Entrypoint\":";
    let found = exchanged("\"Entrypoint\":", env, Rule::InputCombination);
    assert_eq!(found.input.as_deref(), Some("B"));
    assert_eq!(found.severity, Severity::Warning);
}

#[test]
fn typed_inputs_are_compared_with_the_template() {
    let file = br#"{"inputs": [{"name": "Mesage", "default": "moo"}]}"#;
    let mut subject = Subject::new(GOOD.as_bytes(), "m");
    subject.inputs_file = Some(file);
    let report = lint(&subject);
    let found: Vec<_> = report.diagnostics.iter().filter(|found| found.rule == Rule::InputsDiffer).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(!report.has_faults());
    subject.inputs_file = Some(b"{\"inputs\": [}");
    let report = lint(&subject);
    assert!(report.has_faults() && report.diagnostics.iter().any(|found| found.rule == Rule::InputsFile));
}

#[test]
fn any_bytes_give_a_report() {
    let nasty: [&[u8]; 7] =
        [b"", b"{{", b"\xff\xfe{{.A}}\xff", b"{{.A}}", b"[[[[[[", b"{\"a\":{{.A}}", &[b'{'; 100_000]];
    for text in nasty {
        let report = lint(&Subject::new(text, "m"));
        assert!(report.has_faults(), "{:?}", String::from_utf8_lossy(text.get(..20).unwrap_or(text)));
    }
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    let json = serde_json::to_value(look("{{")).unwrap();
    assert_eq!(json["diagnostics"][0]["rule"], "template-syntax");
    assert_eq!(json["diagnostics"][0]["severity"], "fault");
}
