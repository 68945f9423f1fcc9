//! Values that a template would corrupt: found before anything is offered or paid.
//!
//! A template that writes a value raw (`subst`, `printf "%s"`) or escapes it for another language (`js`) into a JSON string
//! breaks the module with the wrong character, or lets the value add members of its own. Each value is compared with a
//! harmless one in its place: the module must still be JSON, and only what the harmless value reached may differ.

use std::collections::BTreeMap;

use super::asked::{TemplateInput, asked};
use super::json::{self, Syntax};
use super::render::{self, encoded};
use super::template::{Template, TemplateError, Traced};
use super::{Module, ModuleError};
use crate::types::Node;

/// Values that no template breaks on, unless every value breaks it. The second is for places where a number stands.
pub(super) const HARMLESS: [&str; 2] = ["lilypad7value", "7140235"];

/// Characters that templates break on, as people call them.
pub(super) const RISKY: [(&str, &str); 8] = [
    ("a double quote", "a\"b"),
    ("a backslash", "a\\b"),
    ("a backslash at the end", "a\\"),
    ("a line break", "a\nb"),
    ("a tab", "a\tb"),
    ("a control character", "a\u{1}\u{7f}b"),
    ("an apostrophe", "a'b"),
    ("<, > or &", "a<b>&c"),
];

/// One rendering, read as JSON.
#[derive(Debug)]
pub(super) struct Shot {
    pub(super) traced: Traced,
    pub(super) node: Result<Node, Syntax>,
}

pub(super) fn shoot(template: &Template, inputs: &BTreeMap<String, String>) -> Result<Shot, TemplateError> {
    let traced = template.execute_traced(&encoded(inputs))?;
    let node = json::parse(&traced.output);
    Ok(Shot { traced, node })
}

pub(super) fn with(inputs: &BTreeMap<String, String>, name: &str, value: &str) -> BTreeMap<String, String> {
    let mut inputs = inputs.clone();
    inputs.insert(name.to_owned(), value.to_owned());
    inputs
}

/// What a value does to a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Harm {
    pub(super) input: String,
    pub(super) action: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) kind: HarmKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HarmKind {
    /// The text is no JSON; the message of the reader.
    Breaks(String),
    /// A member differs that is not the input's own: its path.
    Injects(String),
}

/// The first harm that the values do, `None` when there is none or when it is the module's own fault.
pub(super) fn harm(
    template: &Template,
    reads: &[TemplateInput],
    inputs: &BTreeMap<String, String>,
) -> Result<Option<Harm>, TemplateError> {
    let shot = shoot(template, inputs)?;
    Ok(match &shot.node {
        Err(syntax) => breaks(template, reads, inputs, &shot, syntax),
        Ok(node) => injects(template, reads, inputs, &shot, node),
    })
}

fn breaks(
    template: &Template,
    reads: &[TemplateInput],
    inputs: &BTreeMap<String, String>,
    shot: &Shot,
    syntax: &Syntax,
) -> Option<Harm> {
    let given = || reads.iter().filter(|input| inputs.contains_key(&input.name));
    // Nearest action first: that is where a person looks.
    let mut suspects: Vec<&TemplateInput> = Vec::new();
    for piece in shot.traced.back_from(syntax.offset).filter(|piece| piece.is_action) {
        let place = template.position(piece.source);
        let near = given().filter(|input| input.reads.iter().any(|read| action_place(template, read) == place));
        suspects.extend(near);
    }
    suspects.extend(given());
    let is_json = |inputs: &BTreeMap<String, String>| shoot(template, inputs).is_ok_and(|shot| shot.node.is_ok());
    // Harmless alone makes it JSON; or, where several break it, this one breaks it with all others harmless.
    let alone =
        suspects.iter().find(|input| HARMLESS.iter().any(|harmless| is_json(&with(inputs, &input.name, harmless))));
    let culprit = alone.or_else(|| {
        HARMLESS.iter().find_map(|harmless| {
            let calm: BTreeMap<String, String> =
                inputs.keys().map(|name| (name.clone(), (*harmless).to_owned())).collect();
            let still = |input: &&&TemplateInput| {
                inputs.get(&input.name).is_some_and(|value| !is_json(&with(&calm, &input.name, value)))
            };
            if is_json(&calm) { suspects.iter().find(still) } else { None }
        })
    })?;
    Some(blame(template, culprit, shot, syntax.offset, HarmKind::Breaks(syntax.message.clone())))
}

fn injects(
    template: &Template,
    reads: &[TemplateInput],
    inputs: &BTreeMap<String, String>,
    shot: &Shot,
    node: &Node,
) -> Option<Harm> {
    for input in reads.iter().filter(|input| inputs.contains_key(&input.name)) {
        for harmless in HARMLESS {
            let Ok(plain) = shoot(template, &with(inputs, &input.name, harmless)) else { continue };
            let Ok(expected) = &plain.node else { continue };
            // Where the value decides which parts run, the author compares it on purpose.
            if plain.traced.path().eq(shot.traced.path())
                && let Some(path) = stray(expected, node, harmless)
            {
                return Some(blame(template, input, shot, shot.traced.output.len(), HarmKind::Injects(path)));
            }
            break;
        }
    }
    None
}

fn action_place(template: &Template, read: &super::template::Read) -> (usize, usize) {
    template.position(template.action_start(read))
}

/// The read of `input` that is nearest before a place of the output.
fn blame(template: &Template, input: &TemplateInput, shot: &Shot, offset: usize, kind: HarmKind) -> Harm {
    let written = shot.traced.back_from(offset).filter(|piece| piece.is_action).find_map(|piece| {
        let place = template.position(piece.source);
        input.reads.iter().find(|read| action_place(template, read) == place)
    });
    let read = written.or_else(|| input.reads.last());
    Harm {
        input: input.name.clone(),
        action: read.map(|read| read.action.clone()).unwrap_or_default(),
        line: read.map_or(1, |read| read.line),
        column: read.map_or(1, |read| read.column),
        kind,
    }
}

/// The path of the first member that differs although `harmless` did not reach it.
pub(super) fn stray(expected: &Node, found: &Node, harmless: &str) -> Option<String> {
    let place = |path: String, name: &str| if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") };
    match (expected, found) {
        (Node::Text(text) | Node::Number(text), _) if text.contains(harmless) => None,
        (Node::Object(expected), Node::Object(found)) => {
            for (index, (name, node)) in expected.iter().enumerate() {
                match found.get(index) {
                    Some((other, _)) if other != name && !name.contains(harmless) => return Some(other.clone()),
                    Some((_, other)) => {
                        if let Some(path) = stray(node, other, harmless) {
                            return Some(place(path, name));
                        }
                    }
                    None => return Some(name.clone()),
                }
            }
            found.get(expected.len()).map(|(name, _)| name.clone())
        }
        (Node::List(expected), Node::List(found)) => {
            for (index, (node, other)) in expected.iter().zip(found).enumerate() {
                if let Some(path) = stray(node, other, harmless) {
                    return Some(place(path, &index.to_string()));
                }
            }
            (expected.len() != found.len()).then(|| expected.len().min(found.len()).to_string())
        }
        (expected, found) => (expected != found).then(String::new),
    }
}

/// Renders a module for its creator: as [`render`](fn@super::render), and values that the template would corrupt are refused,
/// naming the input and the action.
///
/// # Errors
/// As [`render`](fn@super::render); [`ModuleError::InputBreaks`] for a value that leaves no JSON, [`ModuleError::InputInjects`]
/// for one that changes members other than its own.
pub fn render_checked(
    template: impl AsRef<[u8]>,
    name: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Module, ModuleError> {
    render_checked_for(template.as_ref(), name, name, inputs)
}

/// As [`render_checked`], with errors that name the module and its template's file as a person does.
pub(super) fn render_checked_for(
    text: &[u8],
    shown: &str,
    file: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Module, ModuleError> {
    let rendered = render::render_for(text, shown, file, inputs);
    if let Err(ModuleError::Template { .. } | ModuleError::Member { .. }) = &rendered {
        return rendered;
    }
    let Ok(template) = Template::parse(file, text) else { return rendered };
    let Ok(Some(harm)) = harm(&template, &asked(&template), inputs) else { return rendered };
    let value = inputs.get(&harm.input).map(String::as_str).unwrap_or_default();
    let module = shown.to_owned();
    let Harm { input, action, line, column, kind } = harm;
    Err(match kind {
        HarmKind::Breaks(what) => {
            let characters = risky(value).join(" and ").into_boxed_str();
            let (action, what) = (action.into_boxed_str(), what.into_boxed_str());
            let module = module.into_boxed_str();
            ModuleError::InputBreaks { module, input, action, line, column, what, characters }
        }
        HarmKind::Injects(member) => {
            let action = action.into_boxed_str();
            ModuleError::InputInjects { module, input, action, line, column, member }
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
        _ => false,
    };
    RISKY.iter().map(|(name, _)| *name).filter(|name| has(name)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const SUBST: &str = r#"{"machine":{"cpu":1},
"job":{"Spec":{"Docker":{"Image":"i","EnvironmentVariables":["A={{js .A}}", "B={{subst "%s" .B}}"]}}}}"#;

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
    fn lets_values_pass_that_reach_the_program() {
        assert!(check(SUBST, &[("A", "say \"hi\" <b>"), ("B", "it's 100%")]).is_ok());
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
