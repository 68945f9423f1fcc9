//! Which inputs a template asks for, and what it does without them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ModuleError;
use super::json;
use super::schema::{InputKind, InputSchema};
use super::template::{Read, Template, Usage};

/// Longest text that counts as a default, in bytes.
const LONGEST_DEFAULT: usize = 10_000;

/// An input that a template reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TemplateInput {
    /// Its name; upper and lower case differ.
    pub name: String,
    /// What the job gets without it, where the template says so: `{{or .X "\"d\""}}`, `{{if .X}}…{{else}}"d"{{end}}`. A JSON
    /// string is shown as its text, anything else as the template has it.
    pub default: Option<String>,
    /// Whether the module cannot be rendered as it was meant without it.
    pub required: bool,
    /// Where it is read, in the order of the text; never empty.
    #[serde(skip)]
    pub reads: Vec<Read>,
}

impl TemplateInput {
    /// An input that a template may read, though not by its name.
    pub(super) fn unnamed(name: &str) -> Self {
        Self { name: name.to_owned(), default: None, required: false, reads: Vec::new() }
    }
}

/// The inputs a template reads, in the order in which it first reads them, with their defaults. Nothing is run.
///
/// `name` is the template's name in error texts, as for [`render`](fn@super::render).
///
/// # Errors
/// [`ModuleError::Template`] when the template cannot be parsed.
pub fn template_inputs(template: impl AsRef<[u8]>, name: &str) -> Result<Vec<TemplateInput>, ModuleError> {
    let template = Template::parse(name, template).map_err(|source| ModuleError::Template {
        module: name.to_owned(),
        missing: Vec::new(),
        source,
    })?;
    Ok(asked(&template))
}

/// As [`template_inputs`], of a template that is parsed.
pub(super) fn asked(template: &Template) -> Vec<TemplateInput> {
    let mut inputs: Vec<TemplateInput> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for read in template.reads() {
        let index = *known.entry(read.name.clone()).or_insert(inputs.len());
        if index == inputs.len() {
            inputs.push(TemplateInput { name: read.name.clone(), default: None, required: false, reads: Vec::new() });
        }
        if let Some(input) = inputs.get_mut(index) {
            input.required |= read.usage == Usage::Bare;
            if input.default.is_none() {
                input.default = read
                    .fallback
                    .as_deref()
                    .filter(|text| !text.is_empty() && text.len() <= LONGEST_DEFAULT)
                    .map(plain);
            }
            input.reads.push(read);
        }
    }
    inputs
}

/// An input as a person is shown it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InputDescription {
    /// Its name.
    pub name: String,
    /// What its value is; text without a file of typed inputs.
    #[serde(rename = "type")]
    pub kind: InputKind,
    /// The value it has when none is given; of a truth value that the template itself writes as `1` or `0`, the word.
    pub default: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// One line of help.
    pub help: String,
    /// The values allowed; any when empty.
    pub choices: Vec<String>,
    /// Least value or length.
    pub min: Option<f64>,
    /// Largest value or length.
    pub max: Option<f64>,
    /// Whether the template reads it at all.
    pub is_read: bool,
}

/// The inputs a person may give: those of the file of typed inputs, in its order, then those that only the template knows.
pub fn describe_inputs(template: &Template, schema: Option<&InputSchema>) -> Vec<InputDescription> {
    let reads = asked(template);
    let specs = schema.map(|schema| schema.inputs.as_slice()).unwrap_or_default();
    let mut all: Vec<InputDescription> = Vec::new();
    for spec in specs {
        let read = reads.iter().find(|input| input.name == spec.name);
        let own = || read.and_then(|input| input.default.clone());
        let default = spec.default_text().or_else(|| own().map(|text| spec.kind.shown(text)));
        all.push(InputDescription {
            name: spec.name.clone(),
            kind: spec.kind,
            required: spec.required || (default.is_none() && read.is_some_and(|input| input.required)),
            default,
            help: spec.help.clone(),
            choices: spec.choices.iter().map(super::schema::plain).collect(),
            min: spec.min,
            max: spec.max,
            is_read: read.is_some(),
        });
    }
    for input in reads.iter().filter(|input| !specs.iter().any(|spec| spec.name == input.name)) {
        all.push(InputDescription {
            name: input.name.clone(),
            kind: InputKind::Text,
            default: input.default.clone(),
            required: input.required,
            help: String::new(),
            choices: Vec::new(),
            min: None,
            max: None,
            is_read: true,
        });
    }
    all
}

/// A JSON string as its text, other texts as they are.
fn plain(text: &str) -> String {
    if text.starts_with('"') {
        json::decode_string(text.as_bytes()).unwrap_or_else(|| text.to_owned())
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn lists_inputs_once_with_default_and_need() {
        let text =
            r#"{"a":{{.Need}},"b":{{if .Opt}}{{.Opt}}{{else}}"a \"cow\""{{end}},"c":{{or .N 7}},"d":"{{js .Need}}"}"#;
        let found = template_inputs(text, "t").unwrap();
        let short: Vec<_> =
            found.iter().map(|input| (input.name.as_str(), input.default.as_deref(), input.required)).collect();
        assert_eq!(short, [("Need", None, true), ("Opt", Some("a \"cow\""), false), ("N", Some("7"), false)]);
        assert_eq!(found[0].reads.len(), 2);
        assert_eq!(&*found[0].reads[1].action, "{{js .Need}}");
    }

    #[test]
    fn a_truth_value_is_shown_as_a_word() {
        let file = br#"{"inputs": [{"name": "A", "type": "boolean"}, {"name": "B", "type": "boolean", "default": true},
            {"name": "C"}, {"name": "D", "type": "boolean"}]}"#;
        let schema = InputSchema::parse(file, "m").unwrap();
        let text = r#"{{or .A 1}}{{.B}}{{or .C 1}}{{if .D}}{{.D}}{{else}}"0"{{end}}"#;
        let shown = describe_inputs(&Template::parse("t", text).unwrap(), Some(&schema));
        let defaults: Vec<_> = shown.iter().map(|input| input.default.as_deref().unwrap()).collect();
        assert_eq!(defaults, ["true", "true", "1", "false"]);
    }

    #[test]
    fn an_input_read_only_inside_a_condition_is_not_required() {
        let found = template_inputs("{{if .A}}{{.B}}{{end}}", "t").unwrap();
        assert!(found.iter().all(|input| !input.required), "{found:?}");
        assert!(template_inputs("{{", "t").is_err());
    }
}
