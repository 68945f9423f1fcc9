//! Values that a template would corrupt: found before anything is offered or paid.
//!
//! A template that writes a value raw (`subst`, `printf "%s"`) or escapes it for another language (`js`) into a JSON string
//! breaks the module with the wrong character, lets the value add members of its own, or hands the program another text than
//! was typed. Values are compared with harmless ones in their places: the module must still be JSON, only what the harmless
//! values reached may differ, and there the value must stand where the harmless one stood, or a JSON text of it where the
//! template makes JSON texts of all values (`js`).
//!
//! Two renderings are enough when all is well; with a fault each input is looked at alone, to name it. All of it together is
//! bounded (`probe.rs`): what a larger template leaves unlooked at is refused by [`render_checked`], and said by lint. Where a
//! value decides which parts of the template run, and where the template changes it on purpose (`urlquery`, a width), nothing
//! is compared.

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
    Ok(culprit.map(|culprit| blame(culprit, shot, syntax.offset, kind)))
}

/// Whether the module differs from one with harmless values in all places only where those stood, and the values stand there.
fn all_well(
    prober: &mut Prober<'_>,
    suspects: &[&TemplateInput],
    inputs: &BTreeMap<String, String>,
    shot: &Shot,
    node: &Node,
) -> Result<bool, Stop> {
    if suspects.iter().any(|input| is_transformed(input)) {
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
        for harmless in HARMLESS {
            let plain = match prober.shoot(&with(inputs, &input.name, harmless)) {
                Ok(plain) => plain,
                Err(Stop::Template(_)) => continue,
                Err(Stop::Spent) => return Err(Stop::Spent),
            };
            let Ok(expected) = &plain.node else { continue };
            // Where the value decides which parts run, the author compares it on purpose.
            if plain.traced.path().eq(shot.traced.path()) {
                let end = shot.traced.output.len();
                if let Some(path) = stray(expected, node, harmless, is_transformed(input)) {
                    return Ok(Some(blame(input, shot, end, HarmKind::Injects(path))));
                }
                let is_own = |expected: &str, found: &str| stands_there(expected, found, harmless, value);
                if policy == AlteredInputs::Refuse
                    && !is_transformed(input)
                    && let Some(path) = altered(expected, node, harmless, &is_own)
                {
                    return Ok(Some(blame(input, shot, end, HarmKind::Alters(path))));
                }
            }
            break;
        }
    }
    Ok(None)
}

/// Whether the template changes the input on purpose somewhere.
fn is_transformed(input: &TemplateInput) -> bool {
    input.reads.iter().any(|read| read.is_transformed)
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

/// The read of `input` that is nearest before a place of the output.
fn blame(input: &TemplateInput, shot: &Shot, offset: usize, kind: HarmKind) -> Harm {
    let writers = writers(&[input]);
    let written = shot.traced.back_from(offset).filter(|piece| piece.is_action);
    let written = written.filter_map(|piece| writers.get(&piece.source)).find_map(|reads| reads.first());
    let read = written.map(|&(_, read)| read).or_else(|| input.reads.last());
    Harm {
        input: input.name.clone(),
        action: read.map(|read| read.action.to_string()).unwrap_or_default(),
        line: read.map_or(1, |read| read.line),
        column: read.map_or(1, |read| read.column),
        kind,
    }
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
    let reads = asked(&template);
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
