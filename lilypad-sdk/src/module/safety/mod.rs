//! Values that a template would corrupt: found before anything is offered or paid.
//!
//! A template that writes a value raw (`subst`, `printf "%s"`) or escapes it for another language (`js`) into a JSON string
//! breaks the module with the wrong character, lets the value add members of its own, or hands the program another text than
//! was typed. Values are compared with harmless ones in their places: the module must still be JSON, only what the harmless
//! values reached may differ, and there the value must stand where the harmless one stood, or a JSON text of it where the
//! template makes JSON texts of all values (`js`).
//!
//! Two renderings are enough when all is well, and none beyond them for values without special characters; with a fault each input is looked at alone, to name it. All of it together is
//! bounded (`probe.rs`): what a larger template leaves unlooked at is refused by [`render_checked`], and said by lint. Where a
//! value decides which parts of the template run, so that no calm value of its length and beginning runs the same ones, and where
//! the template changes it on purpose (`urlquery`, a width), texts are not compared.

mod compare;
mod probe;

use std::collections::{BTreeMap, BTreeSet};

use self::compare::{altered, stands_there};
pub(in crate::module) use self::compare::{quoted, stray};
pub(in crate::module) use self::probe::{Prober, Shot, Stop};
use super::asked::{TemplateInput, asked};
use super::json::Syntax;
use super::template::{Read, Template};
use super::{Module, ModuleError, render};
use crate::types::Node;

/// Values that no template breaks on, unless every value breaks it. The second is for places where a number stands.
pub(in crate::module) const HARMLESS: [&str; 2] = ["lilypad7value", "7140235"];

/// Characters that templates break on, as people call them.
pub(in crate::module) const RISKY: [(&str, &str); 8] = [
    ("a double quote", "a\"b"),
    ("a backslash", "a\\b"),
    ("a backslash at the end", "a\\"),
    ("a line break", "a\nb"),
    ("a tab", "a\tb"),
    ("a control character", "a\u{1}\u{7f}b"),
    ("an apostrophe", "a'b"),
    ("<, > or &", "a<b>&c"),
];

pub(in crate::module) fn with(inputs: &BTreeMap<String, String>, name: &str, value: &str) -> BTreeMap<String, String> {
    let mut inputs = inputs.clone();
    inputs.insert(name.to_owned(), value.to_owned());
    inputs
}

/// What a value does to a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::module) struct Harm {
    pub(in crate::module) input: String,
    pub(in crate::module) action: String,
    pub(in crate::module) line: usize,
    pub(in crate::module) column: usize,
    pub(in crate::module) kind: HarmKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::module) enum HarmKind {
    /// The text is no JSON; the message of the reader.
    Breaks(String),
    /// A member differs that is not the input's own: its path.
    Injects(String),
    /// A member holds another text than was typed: its path.
    Alters(String),
}

/// The first harm that the values do, `None` when there is none or when it is the module's own fault. Only what `suspects` do
/// is looked for; the other inputs are taken as they are.
pub(in crate::module) fn harm(
    prober: &mut Prober<'_>,
    suspects: &[&TemplateInput],
    inputs: &BTreeMap<String, String>,
    policy: AlteredInputs,
) -> Result<Option<Harm>, Stop> {
    let suspects: Vec<&TemplateInput> =
        suspects.iter().copied().filter(|input| inputs.contains_key(&input.name)).collect();
    let shot = prober.shoot(inputs)?;
    match &shot.node {
        Err(syntax) => breaks(prober, &suspects, inputs, &shot, syntax),
        Ok(node) if suspects.len() > 1 && all_well(prober, &suspects, inputs, &shot, node)? => Ok(None),
        Ok(node) => changes(prober, &suspects, inputs, &shot, node, policy),
    }
}

fn breaks(
    prober: &mut Prober<'_>,
    suspects: &[&TemplateInput],
    inputs: &BTreeMap<String, String>,
    shot: &Shot,
    syntax: &Syntax,
) -> Result<Option<Harm>, Stop> {
    // Nearest action first: that is where a person looks.
    let writers = writers(suspects);
    let mut ordered: Vec<&TemplateInput> = Vec::new();
    let mut seen = BTreeSet::new();
    let near = shot.traced.back_from(syntax.offset).filter(|piece| piece.is_action);
    let near = near.filter_map(|piece| writers.get(&piece.source)).flatten().map(|&(input, _)| input);
    for input in near.chain(suspects.iter().copied()) {
        if seen.insert(input.name.as_str()) {
            ordered.push(input);
        }
    }
    let mut culprit = None;
    // Harmless alone makes it JSON; or, where several break it, this one breaks it with all others harmless.
    for input in &ordered {
        if prober.is_spent() {
            return Err(Stop::Spent);
        }
        for harmless in HARMLESS {
            match prober.shoot(&with(inputs, &input.name, harmless)) {
                Ok(shot) if shot.node.is_ok() => culprit = culprit.or(Some(*input)),
                Ok(_) | Err(Stop::Template(_)) => {}
                Err(Stop::Spent) => return Err(Stop::Spent),
            }
            if culprit.is_some() {
                break;
            }
        }
        if culprit.is_some() {
            break;
        }
    }
    for harmless in HARMLESS {
        let calm: BTreeMap<String, String> = inputs.keys().map(|name| (name.clone(), harmless.to_owned())).collect();
        if culprit.is_some() || !prober.is_json(&calm) {
            continue;
        }
        culprit = ordered.iter().copied().find(|input| {
            if prober.is_spent() {
                return false;
            }
            inputs.get(&input.name).is_some_and(|value| !prober.is_json(&with(&calm, &input.name, value)))
        });
    }
    let kind = HarmKind::Breaks(syntax.message.clone());
    Ok(culprit.map(|culprit| blame(prober, culprit, shot, syntax.offset, kind)))
}

/// Whether the module differs from one with harmless values in all places only where those stood, and the values stand there.
fn all_well(
    prober: &mut Prober<'_>,
    suspects: &[&TemplateInput],
    inputs: &BTreeMap<String, String>,
    shot: &Shot,
    node: &Node,
) -> Result<bool, Stop> {
    if suspects.iter().any(|input| is_transformed(prober, input)) {
        return Ok(false);
    }
    let mut calm = inputs.clone();
    let mut values = Vec::new();
    for (index, input) in suspects.iter().enumerate() {
        let value = calm.insert(input.name.clone(), format!("{}{index}x", HARMLESS[0])).unwrap_or_default();
        values.push(value);
    }
    let plain = match prober.shoot(&calm) {
        Ok(plain) => plain,
        Err(Stop::Template(_)) => return Ok(false),
        Err(Stop::Spent) => return Err(Stop::Spent),
    };
    let Ok(expected) = &plain.node else { return Ok(false) };
    let put_back = |text: &str| {
        let mut pieces = text.split(HARMLESS[0]);
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (index, rest) = piece.split_once('x').unwrap_or((piece, ""));
            whole.push_str(index.parse::<usize>().ok().and_then(|index| values.get(index)).map_or("", String::as_str));
            whole.push_str(rest);
        }
        whole
    };
    Ok(plain.traced.path().eq(shot.traced.path())
        && stray(expected, node, HARMLESS[0], false).is_none()
        && altered(expected, node, HARMLESS[0], &|expected, found| put_back(expected) == *found).is_none())
}

fn changes(
    prober: &mut Prober<'_>,
    suspects: &[&TemplateInput],
    inputs: &BTreeMap<String, String>,
    shot: &Shot,
    node: &Node,
    policy: AlteredInputs,
) -> Result<Option<Harm>, Stop> {
    for input in suspects {
        if prober.is_spent() {
            return Err(Stop::Spent);
        }
        let value = inputs.get(&input.name).map(String::as_str).unwrap_or_default();
        if soothed(value) == value {
            continue;
        }
        // What the template gives with a calm value, and runs the same parts, but is no JSON: then the value is part of it.
        let mut bears = None;
        for calm in calm_values(value) {
            let plain = match prober.shoot(&with(inputs, &input.name, &calm)) {
                Ok(plain) => plain,
                Err(Stop::Template(_)) => continue,
                Err(Stop::Spent) => return Err(Stop::Spent),
            };
            // Where the value decides which parts run, the author compares it on purpose.
            if !plain.traced.path().eq(shot.traced.path()) {
                continue;
            }
            let differs = plain.traced.output.iter().zip(&shot.traced.output).take_while(|(a, b)| a == b).count();
            let Ok(expected) = &plain.node else {
                bears = bears.or(Some(differs));
                continue;
            };
            bears = None;
            let is_transformed = is_transformed(prober, input);
            if let Some(path) = stray(expected, node, &calm, is_transformed) {
                return Ok(Some(blame(prober, input, shot, differs, HarmKind::Injects(path))));
            }
            let is_own = |expected: &str, found: &str| stands_there(expected, found, &calm, value);
            if policy == AlteredInputs::Refuse
                && !is_transformed
                && let Some(path) = altered(expected, node, &calm, &is_own)
            {
                return Ok(Some(blame(prober, input, shot, differs, HarmKind::Alters(path))));
            }
            break;
        }
        if let Some(differs) = bears {
            let around = "the JSON around it".to_owned();
            return Ok(Some(blame(prober, input, shot, differs, HarmKind::Injects(around))));
        }
    }
    Ok(None)
}

/// Values that a template does the same with as with `value`, if it does so with any: as long, and one that begins alike.
fn calm_values(value: &str) -> [String; 3] {
    let length = value.chars().count();
    let padded =
        |text: &str, with: char| text.chars().chain(std::iter::repeat(with)).take(length.max(text.len())).collect();
    [padded(HARMLESS[0], 'v'), padded(HARMLESS[1], '0'), soothed(value)]
}

/// The value with an `x` in the place of each character that means something in JSON or to a template's functions.
fn soothed(value: &str) -> String {
    let is_calm = |c: char| c.is_ascii_alphanumeric() || " _-./".contains(c);
    value.chars().map(|c| if is_calm(c) { c } else { 'x' }).collect()
}

/// Whether the template changes the input on purpose somewhere.
fn is_transformed(prober: &Prober<'_>, input: &TemplateInput) -> bool {
    // Of an input that is read in other ways than by its name nobody knows.
    (input.reads.is_empty() && prober.any_transforms) || input.reads.iter().any(|read| read.is_transformed)
}

/// Which inputs each action reads, by the place where the action begins.
pub(in crate::module) fn writers<'i>(
    inputs: &[&'i TemplateInput],
) -> BTreeMap<usize, Vec<(&'i TemplateInput, &'i Read)>> {
    let mut writers: BTreeMap<usize, Vec<(&TemplateInput, &Read)>> = BTreeMap::new();
    for input in inputs {
        for read in &input.reads {
            writers.entry(read.start).or_default().push((input, read));
        }
    }
    writers
}

/// The read of `input` that is nearest before a place of the output; of an input that is not read by its name, the action there.
fn blame(prober: &Prober<'_>, input: &TemplateInput, shot: &Shot, offset: usize, kind: HarmKind) -> Harm {
    let writers = writers(&[input]);
    let actions = || shot.traced.back_from(offset).filter(|piece| piece.is_action);
    let nearest = actions().next().map_or(0, |piece| piece.source);
    let written = actions().find_map(|piece| writers.get(&piece.source)?.first());
    let read = written.map(|&(_, read)| read).or_else(|| input.reads.last());
    let (line, column) = read.map_or_else(|| prober.template.position(nearest), |read| (read.line, read.column));
    let action = read.map_or_else(|| prober.template.action_at(nearest), |read| read.action.to_string());
    Harm { input: input.name.clone(), action, line, column, kind }
}

/// What becomes of a value that reaches the program as another text than was typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlteredInputs {
    /// It is refused before anything is offered, naming input and action.
    #[default]
    Refuse,
    /// The job runs with the other text, as on existing nodes.
    Allow,
}

/// Renders a module for its creator: as [`render`](fn@super::render), and values that the template would corrupt are refused,
/// naming the input and the action.
///
/// # Errors
/// As [`render`](fn@super::render); [`ModuleError::InputBreaks`] for a value that leaves no JSON, [`ModuleError::InputInjects`]
/// for one that changes members other than its own, [`ModuleError::InputAlters`] for one that reaches the program as another
/// text, [`ModuleError::InputsUnchecked`] when looking at all values would take too long.
pub fn render_checked(
    template: impl AsRef<[u8]>,
    name: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Module, ModuleError> {
    render_checked_for(template.as_ref(), name, name, inputs, AlteredInputs::Refuse)
}

/// As [`render_checked`], with errors that name the module and its template's file as a person does.
pub(in crate::module) fn render_checked_for(
    text: &[u8],
    shown: &str,
    file: &str,
    inputs: &BTreeMap<String, String>,
    policy: AlteredInputs,
) -> Result<Module, ModuleError> {
    let rendered = render::render_for(text, shown, file, inputs);
    if let Err(ModuleError::Template { .. } | ModuleError::Member { .. }) = &rendered {
        return rendered;
    }
    let Ok(template) = Template::parse(file, text) else { return rendered };
    let mut reads = asked(&template);
    // A template may read more than it names.
    let named: BTreeSet<String> = reads.iter().map(|input| input.name.clone()).collect();
    let unnamed = inputs.keys().filter(|name| !named.contains(*name));
    reads.extend(unnamed.map(|name| TemplateInput::unnamed(name)));
    let harm = match harm(&mut Prober::new(&template), &reads.iter().collect::<Vec<_>>(), inputs, policy) {
        Ok(Some(harm)) => harm,
        Ok(None) | Err(Stop::Template(_)) => return rendered,
        // A module that is no JSON is refused anyway, only less exactly.
        Err(Stop::Spent) if rendered.is_err() => return rendered,
        Err(Stop::Spent) => return Err(ModuleError::InputsUnchecked { module: shown.to_owned() }),
    };
    let value = inputs.get(&harm.input).map(String::as_str).unwrap_or_default();
    let module = shown.to_owned().into_boxed_str();
    let Harm { input, action, line, column, kind } = harm;
    let action = action.into_boxed_str();
    let characters = risky(value).join(" and ").into_boxed_str();
    Err(match kind {
        HarmKind::Breaks(what) => {
            let what = what.into_boxed_str();
            ModuleError::InputBreaks { module, input, action, line, column, what, characters }
        }
        HarmKind::Injects(member) => {
            ModuleError::InputInjects { module: module.into(), input, action, line, column, member }
        }
        HarmKind::Alters(member) => {
            let member = member.into_boxed_str();
            ModuleError::InputAlters { module, input, action, line, column, member, characters }
        }
    })
}

/// The risky characters in a value, as people call them.
fn risky(value: &str) -> Vec<&'static str> {
    let has = |name: &str| match name {
        "a double quote" => value.contains('"'),
        "a backslash" => value.contains('\\'),
        "a line break" => value.contains(['\n', '\r']),
        "a tab" => value.contains('\t'),
        "a control character" => value.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)),
        "an apostrophe" => value.contains('\''),
        "<, > or &" => value.contains(['<', '>', '&']),
        _ => false,
    };
    RISKY.iter().map(|(name, _)| *name).filter(|name| has(name)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    const SUBST: &str = r#"{"machine":{"cpu":1},
"job":{"Spec":{"Docker":{"Image":"i","EnvironmentVariables":["A={{js .A}}", "B={{subst "%s" .B}}"]}}}}"#;

    /// The same, with defaults, so that one input may stay away.
    const SUBST_OR: &str = r#"{"machine":{"cpu":1},
"job":{"Spec":{"Docker":{"Image":"i","EnvironmentVariables":["A={{if .A}}{{js .A}}{{end}}", "B={{if .B}}{{subst "%s" .B}}{{end}}"]}}}}"#;

    fn check(template: &str, pairs: &[(&str, &str)]) -> Result<Module, ModuleError> {
        let inputs = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        render_checked(template, "t", &inputs)
    }

    #[test]
    fn names_input_and_action_of_a_value_that_breaks() {
        let error = check(SUBST, &[("A", "fine"), ("B", "say \"hi\"")]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("input \"B\"") && text.contains("{{subst \"%s\" .B}}"), "{text}");
        assert!(error.hint().unwrap().contains("a double quote"), "{:?}", error.hint());
        assert!(error.is_caller_fault());
        let error = check(SUBST, &[("A", "it's"), ("B", "fine")]).unwrap_err();
        assert!(matches!(&error, ModuleError::InputBreaks { input, line: 2, .. } if input == "A"), "{error}");
        let error = check(SUBST, &[("A", "fine"), ("B", "C:\\")]).unwrap_err();
        assert!(matches!(&error, ModuleError::InputBreaks { input, .. } if input == "B"), "{error}");
    }

    #[test]
    fn names_the_first_of_two_values_that_break() {
        let error = check(SUBST, &[("A", "it's"), ("B", "\"")]).unwrap_err();
        assert!(matches!(&error, ModuleError::InputBreaks { input, .. } if input == "A"), "{error}");
    }

    #[test]
    fn refuses_values_that_add_members_or_elements() {
        let error = check(SUBST, &[("A", "a"), ("B", "x\",\"PATH=/evil")]).unwrap_err();
        let ModuleError::InputInjects { input, member, .. } = &error else { panic!("{error}") };
        assert_eq!((input.as_str(), member.as_str()), ("B", "job.Spec.Docker.EnvironmentVariables.2"));
        let template = r#"{"job":{"Spec":{"Docker":{"Image":"{{subst "%s" .Tag}}"}}}}"#;
        let error = check(template, &[("Tag", "i\",\"WorkingDirectory\":\"/")]).unwrap_err();
        assert!(
            matches!(&error, ModuleError::InputInjects { member, .. } if member.ends_with("WorkingDirectory")),
            "{error}"
        );
        assert!(!error.to_string().contains("evil"), "values stay out of errors");
    }

    #[test]
    fn refuses_values_that_reach_the_program_as_another_text() {
        let cases = [
            ("B", "C:\\new", "job.Spec.Docker.EnvironmentVariables.1"),
            ("B", "a\\u0022b", "job.Spec.Docker.EnvironmentVariables.1"),
        ];
        for (name, value, place) in cases {
            for others in [&[][..], &[("A", "fine"), ("B", "fine")]] {
                let inputs: Vec<_> =
                    others.iter().copied().filter(|(other, _)| *other != name).chain([(name, value)]).collect();
                let error = check(SUBST_OR, &inputs).expect_err(value);
                let ModuleError::InputAlters { input, member, line: 2, .. } = &error else { panic!("{error}") };
                assert_eq!((input.as_str(), &**member), (name, place), "{value}");
                assert!(error.hint().unwrap().contains("--allow-altered-inputs"), "{:?}", error.hint());
                assert!(error.is_caller_fault() && !error.to_string().contains(value), "{error}");
                let inputs = inputs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
                let allowed = render_checked_for(SUBST_OR.as_bytes(), "t", "t", &inputs, AlteredInputs::Allow);
                assert!(allowed.is_ok(), "{value}: {allowed:?}");
            }
        }
    }

    #[test]
    fn a_value_that_is_allowed_to_be_altered_may_not_hide_one_that_injects() {
        let inputs = [("A", "C:\\new"), ("B", "x\",\"PATH=/evil")];
        let text = SUBST.replace("js .A", "subst \"%s\" .A");
        let inputs = inputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let error = render_checked_for(text.as_bytes(), "t", "t", &inputs, AlteredInputs::Allow).unwrap_err();
        assert!(matches!(&error, ModuleError::InputInjects { input, .. } if input == "B"), "{error}");
    }

    #[test]
    fn lets_authors_change_values_on_purpose() {
        let job = |text: &str| format!(r#"{{"job":{{"Spec":{{"Docker":{{"Image":"i","Entrypoint":["{text}"]}}}}}}}}"#);
        for text in ["--url={{urlquery .A}}", "{{html .A}}", "{{subst \"%.3s\" .A}}"] {
            assert!(check(&job(text), &[("A", "a b & c=d")]).is_ok(), "{text}");
        }
    }

    #[test]
    fn values_that_need_each_other_are_refused() {
        let text =
            r#"{"job":{"Spec":{"Docker":{"Image":"i","Entrypoint":["{{subst "%s" .A}}","{{subst "%s" .B}}"]}}}}"#;
        let error = check(text, &[("A", "\\"), ("B", ",\"pwned\",\"x")]).unwrap_err();
        assert!(matches!(error, ModuleError::InputInjects { .. }), "{error}");
    }

    #[test]
    fn inputs_are_looked_at_however_they_are_read() {
        let job = |text: &str| format!(r#"{{"job":{{"Spec":{{"Docker":{{"Image":"i","Entrypoint":[{text}]}}}}}}}}"#);
        for text in [
            r#""{{range .}}{{subst "%s" .}}{{end}}""#,
            r#""{{with $}}{{subst "%s" .A}}{{end}}""#,
            r#""{{$d := .}}{{subst "%s" $d.A}}""#,
            r#""{{$k := "A"}}{{subst "%s" (index . $k)}}""#,
            r#""{{if gt (len .A) 2}}x{{end}}", "{{subst "%s" .A}}""#,
            r#""a{{if lt .A "\"5\""}}s{{end}}", "{{subst "%s" .A}}""#,
        ] {
            let error = check(&job(text), &[("A", "1\",\"evil")]).expect_err(text);
            let ModuleError::InputInjects { input, action, .. } = &error else { panic!("{text}: {error}") };
            assert!(input == "A" && action.contains("subst"), "{text}: {error}");
            let error = check(&job(text), &[("A", "1:\\new")]).expect_err(text);
            assert!(matches!(error, ModuleError::InputAlters { .. }), "{text}: {error}");
            assert!(check(&job(text), &[("A", "plain, as it is")]).is_ok(), "{text}");
        }
        let sliced = job(r#""{{slice .A 1 20}}","{{subst "%s" .A}}""#);
        let error = check(&sliced, &[("A", "12345678901234567890x\",\"evil")]).unwrap_err();
        assert!(matches!(error, ModuleError::InputInjects { .. }), "{error}");
        let key = r#"{"{{subst "%s" .A}}":1,"job":{"Spec":{"Docker":{"Image":"i"}}}}"#;
        assert!(matches!(check(key, &[("A", "C:\\new")]), Err(ModuleError::InputAlters { .. })));
    }

    #[test]
    fn gives_up_when_looking_takes_too_long() {
        let text = format!("{{\"a\":[{}0]}}", "{{range $i, $c := .}}{{range $j, $d := $}}{{$j}}{{end}}{{end}}");
        let slow = format!(
            "{}{SUBST}",
            "{{range .}}{{range $}}{{range $}}{{end}}{{end}}{{end}}{{if .I0}}{{end}}{{if .I1}}{{end}}{{if .I2}}{{end}}"
        );
        let inputs: BTreeMap<String, String> = (0..90).map(|n| (format!("I{n}"), "a".to_owned())).collect();
        let mut all = inputs.clone();
        all.extend([("A".to_owned(), "a".to_owned()), ("B".to_owned(), "C:\\new".to_owned())]);
        let error = render_checked(&slow, "t", &all).unwrap_err();
        assert!(matches!(error, ModuleError::InputsUnchecked { .. }), "{error}");
        assert!(error.hint().is_some());
        assert!(matches!(render_checked(&text, "t", &inputs).unwrap_err(), ModuleError::NoJson { .. }));
    }

    #[test]
    fn tells_which_values_stand_in_quotes() {
        let inputs: BTreeMap<String, String> =
            [("A", "x"), ("B", "y")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        let template = Template::parse("t", SUBST).unwrap();
        let shot = Prober::new(&template).shoot(&inputs).unwrap();
        let reads = asked(&template);
        let found = quoted(&shot.node.unwrap(), &reads, &inputs);
        let found: Vec<_> = found.iter().map(|(input, read)| (input.name.as_str(), &*read.action)).collect();
        assert_eq!(found, [("A", "{{js .A}}")]);
    }

    #[test]
    fn lets_values_pass_that_reach_the_program() {
        assert!(check(SUBST, &[("A", "say \"hi\" <b>"), ("B", "it's <b> 100%")]).is_ok());
        let safe = r#"{"job":{"Spec":{"Docker":{"Image":"i","Entrypoint":[{{.A}}]}}}}"#;
        assert!(check(safe, &[("A", "a\"b\\c\nd'e\u{1}")]).is_ok());
        let branch = r#"{"job":{"Spec":{"Docker":{"Image":{{if eq .A "\"big\""}}"big","WorkingDirectory":"/b"{{else}}"i"{{end}}}}}}"#;
        assert!(check(branch, &[("A", "big")]).is_ok(), "an author's condition is no injection");
        let raw = r#"{"machine":{"cpu":{{subst "%s" .Cpu}}},"job":{"Spec":{"Docker":{"Image":"i"}}}}"#;
        assert!(check(raw, &[("Cpu", "500")]).is_ok());
        assert!(check(raw, &[("Cpu", "500,\"gpu\":1")]).is_err());
    }

    #[test]
    fn the_modules_own_fault_stays_its_own() {
        let error = check(r#"{"a":{{.A}},}"#, &[("A", "x")]).unwrap_err();
        assert!(matches!(error, ModuleError::NoJson { .. }), "{error}");
    }
}
