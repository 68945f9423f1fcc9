//! Typed inputs: an optional file beside the template that says what each input is.
//!
//! ```text
//! {"inputs": [{"name": "Steps", "type": "integer", "default": 20, "min": 5, "max": 200, "help": "how long to think"}]}
//! ```
//!
//! An addition of ours: the creator's side checks values and fills defaults before a job is offered, and the offer carries the
//! result as plain inputs, so nodes that know nothing of the file render the same module.

mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ModuleError, json};
use crate::types::Node;

/// Name of the file, beside the template.
pub const INPUTS_FILE: &str = "lilypad_inputs.json";
/// Largest inputs file, in bytes.
pub const INPUTS_FILE_MAX: u64 = 256 << 10;

/// What an input's value is. Whatever it is, templates get it as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InputKind {
    /// Any text.
    #[default]
    Text,
    /// A whole number of at most 64 bits, written in one way only: `3`, not `+3`, `03` or `-0`.
    Integer,
    /// A number as JSON writes it.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A JSON document.
    Json,
}

impl InputKind {
    /// The name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Json => "json",
        }
    }

    /// What a template writes by itself, as a person is shown it.
    pub(super) fn shown(self, text: String) -> String {
        match (self, text.as_str()) {
            (Self::Boolean, "1") => "true".to_owned(),
            (Self::Boolean, "0") => "false".to_owned(),
            _ => text,
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Json => "a JSON document",
        }
    }
}

/// One input as the file describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InputSpec {
    /// Its name, as the template reads it.
    pub name: String,
    /// What its value is; text when absent.
    #[serde(rename = "type", default)]
    pub kind: InputKind,
    /// The value it has when the person gives none: a text, or a number or truth value as JSON has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// One line for the person.
    #[serde(default)]
    pub help: String,
    /// The values allowed; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// Whether the person must give it. Not together with `default`.
    #[serde(default)]
    pub required: bool,
    /// Least value of a number, least length of a text in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest value of a number, largest length of a text in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// The typed inputs of a module, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct InputSchema {
    /// One entry an input, names unique.
    pub inputs: Vec<InputSpec>,
}

impl InputSchema {
    /// Reads an inputs file. `module` names it in error texts.
    ///
    /// # Errors
    /// [`ModuleError::InputsFile`] for what is no JSON, unknown members, names given twice, an empty list of choices, and
    /// defaults or choices that the input itself would refuse.
    pub fn parse(text: &[u8], module: &str) -> Result<Self, ModuleError> {
        read::read(text, module)
    }

    /// Checks a person's inputs and adds the defaults of those they left out.
    ///
    /// # Errors
    /// [`ModuleError::InputValue`] for a name that is not listed, a required input that is missing, and a value that does not
    /// fit. Values stay out of the text.
    pub fn apply(&self, inputs: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ModuleError> {
        let fail = |name: &str, what: String, hint: String| {
            Err(ModuleError::InputValue { input: name.to_owned(), what, hint })
        };
        let names: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        if let Some(name) = inputs.keys().find(|name| !names.contains(&name.as_str())) {
            let close = names.iter().find(|known| known.eq_ignore_ascii_case(name));
            let hint = match close {
                Some(known) => format!("did you mean -i {known}=…? upper and lower case differ"),
                None if names.is_empty() => "this module takes no inputs".to_owned(),
                None => format!("its inputs are {}", names.join(", ")),
            };
            return fail(name, "is none of the module's".to_owned(), hint);
        }
        let mut full = inputs.clone();
        for input in &self.inputs {
            match (inputs.get(&input.name), &input.default) {
                (Some(value), _) => {
                    if let Err(what) = input.check(value) {
                        return fail(&input.name, what, input.usage());
                    }
                }
                (None, Some(default)) => {
                    full.insert(input.name.clone(), plain(default));
                }
                (None, None) if input.required => {
                    return fail(&input.name, "is required".to_owned(), input.usage());
                }
                (None, None) => {}
            }
        }
        Ok(full)
    }

    /// The input of a name.
    pub fn get(&self, name: &str) -> Option<&InputSpec> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

/// A value of the file as the text that a template gets.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl InputSpec {
    /// The default as the text that a template gets.
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref().map(plain)
    }

    /// Whether a value fits.
    ///
    /// # Errors
    /// What it must be, without the value.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let must = || Err(format!("must be {}", self.expectation()));
        let choices: Vec<String> = self.choices.iter().map(plain).collect();
        if !choices.is_empty() && !choices.iter().any(|choice| choice == value) {
            return must();
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "bounds are decimal; a bound beyond 2^53 is no bound anybody writes"
        )]
        let size = match self.kind {
            InputKind::Text => value.chars().count() as f64,
            InputKind::Integer => match value.parse::<i64>() {
                Ok(number) if number.to_string() == value => number as f64,
                Ok(_) => {
                    return Err(format!("must be {}, written plainly: 3, not +3, 03 or -0", self.expectation()));
                }
                Err(_) => return must(),
            },
            InputKind::Number => match value.parse::<f64>() {
                Ok(number) if number.is_finite() && is_json_number(value) => number,
                Ok(number) if number.is_finite() => {
                    return Err(format!(
                        "must be {}, written as in JSON: 0.5, not .5, +0.5 or 00.5",
                        self.expectation()
                    ));
                }
                _ => return must(),
            },
            InputKind::Boolean if value == "true" || value == "false" => return Ok(()),
            InputKind::Json if serde_json::from_str::<Value>(value).is_ok() => return Ok(()),
            InputKind::Boolean | InputKind::Json => return must(),
        };
        if self.min.is_some_and(|min| size < min) || self.max.is_some_and(|max| size > max) {
            return must();
        }
        Ok(())
    }

    /// What a value must be, in words.
    fn expectation(&self) -> String {
        if !self.choices.is_empty() {
            let choices: Vec<String> = self.choices.iter().map(plain).collect();
            return format!("one of {}", choices.join(", "));
        }
        let unit = if self.kind == InputKind::Text { " characters" } else { "" };
        let kind = self.kind.described();
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{kind} from {min} to {max}{unit}"),
            (Some(min), None) => format!("{kind} of at least {min}{unit}"),
            (None, Some(max)) => format!("{kind} of at most {max}{unit}"),
            (None, None) => kind.to_owned(),
        }
    }

    fn usage(&self) -> String {
        let help = if self.help.is_empty() { String::new() } else { format!(": {}", self.help) };
        format!("-i {}=…{help}", self.name)
    }

    /// What is wrong with the entry itself: the member, and what about it.
    fn fault(&self) -> Option<(&'static str, String)> {
        if self.name.is_empty() || self.name.contains('=') || self.name.chars().any(char::is_control) {
            return Some(("name", "has a name that -i cannot give".to_owned()));
        }
        if self.required && self.default.is_some() {
            return Some(("default", "is required and has a default; one of the two is not meant".to_owned()));
        }
        if matches!(self.kind, InputKind::Boolean | InputKind::Json) && (self.min.is_some() || self.max.is_some()) {
            let member = if self.min.is_some() { "min" } else { "max" };
            return Some((member, format!("is {}, which has no min and max", self.kind.described())));
        }
        if matches!((self.min, self.max), (Some(min), Some(max)) if min > max) {
            return Some(("min", "has a min above its max".to_owned()));
        }
        let is_deep = |value: &Value| value.is_array() || value.is_object();
        let deep = "that is a list or an object, which only the type \"json\" takes";
        if self.kind != InputKind::Json && self.choices.iter().any(is_deep) {
            return Some(("choices", format!("has a choice {deep}")));
        }
        if self.kind != InputKind::Json && self.default.as_ref().is_some_and(is_deep) {
            return Some(("default", format!("has a default {deep}")));
        }
        let unlisted = Self { choices: Vec::new(), ..self.clone() };
        if let Some(what) = self.choices.iter().find_map(|choice| unlisted.check(&plain(choice)).err()) {
            return Some(("choices", format!("has a choice that {}", what.replacen("must be", "is not", 1))));
        }
        let what = self.default_text().and_then(|text| self.check(&text).err())?;
        Some(("default", format!("has a default that {}", what.replacen("must be", "is not", 1))))
    }
}

/// Whether a text is a number of JSON and nothing else.
fn is_json_number(text: &str) -> bool {
    matches!(json::parse(text.as_bytes()), Ok(Node::Number(number)) if number == text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const FILE: &str = r#"{"inputs": [
        {"name": "Prompt", "required": true, "help": "what to draw", "max": 10},
        {"name": "Steps", "type": "integer", "default": 20, "min": 5, "max": 200},
        {"name": "Size", "choices": ["512", "1024"], "default": "512"},
        {"name": "Guidance", "type": "number", "min": 0.5},
        {"name": "Fast", "type": "boolean"},
        {"name": "Extra", "type": "json"}
    ]}"#;

    fn apply(pairs: &[(&str, &str)]) -> Result<BTreeMap<String, String>, ModuleError> {
        let inputs = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        InputSchema::parse(FILE.as_bytes(), "m").unwrap().apply(&inputs)
    }

    #[test]
    fn fills_defaults_and_lets_good_values_pass() {
        let full = apply(&[("Prompt", "a cow")]).unwrap();
        assert_eq!(full.get("Steps").unwrap(), "20");
        assert_eq!(full.get("Size").unwrap(), "512");
        assert_eq!(full.len(), 3);
        assert!(
            apply(&[("Prompt", "x"), ("Guidance", "0.5"), ("Fast", "true"), ("Extra", "[1]"), ("Steps", "-0005")])
                .is_err()
        );
        assert!(apply(&[("Prompt", "x"), ("Guidance", "7e-1"), ("Fast", "false"), ("Extra", "[1]")]).is_ok());
    }

    #[test]
    fn says_what_a_value_must_be_and_keeps_it_to_itself() {
        let cases: [(&[(&str, &str)], &str); 8] = [
            (&[], "input \"Prompt\" is required"),
            (&[("Prompt", "a very long secret")], "input \"Prompt\" must be text of at most 10 characters"),
            (&[("Prompt", "x"), ("Steps", "secret")], "input \"Steps\" must be a whole number from 5 to 200"),
            (&[("Prompt", "x"), ("Steps", "201")], "input \"Steps\" must be a whole number from 5 to 200"),
            (&[("Prompt", "x"), ("Size", "768")], "input \"Size\" must be one of 512, 1024"),
            (&[("Prompt", "x"), ("Guidance", "NaN")], "input \"Guidance\" must be a number of at least 0.5"),
            (&[("Prompt", "x"), ("Fast", "yes")], "input \"Fast\" must be true or false"),
            (&[("prompt", "x")], "input \"prompt\" is none of the module's"),
        ];
        for (pairs, message) in cases {
            let error = apply(pairs).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(!error.hint().unwrap().contains("secret") && error.is_caller_fault());
        }
        assert!(apply(&[("prompt", "x")]).unwrap_err().hint().unwrap().contains("-i Prompt="));
    }

    #[test]
    fn a_number_is_written_in_one_way() {
        for bad in ["+20", "020", "-0", "+0"] {
            let wide = InputSpec { name: "N".to_owned(), kind: InputKind::Integer, ..InputSpec::default() };
            let what = wide.check(bad).unwrap_err();
            assert_eq!(what, "must be a whole number, written plainly: 3, not +3, 03 or -0", "{bad}");
        }
        for bad in [" 20", "2e1", "20.0", "0x14", "", "９"] {
            assert_eq!(
                apply(&[("Prompt", "x"), ("Steps", bad)]).unwrap_err().to_string(),
                "input \"Steps\" must be a whole number from 5 to 200",
                "{bad}"
            );
        }
        for bad in [".5", "+0.5", "00.5", "5."] {
            let error = apply(&[("Prompt", "x"), ("Guidance", bad)]).unwrap_err().to_string();
            assert!(error.ends_with("written as in JSON: 0.5, not .5, +0.5 or 00.5"), "{bad}: {error}");
        }
        for good in ["5", "200"] {
            assert!(apply(&[("Prompt", "x"), ("Steps", good)]).is_ok());
        }
    }

    #[test]
    fn refuses_files_that_contradict_themselves() {
        let bad = [
            ("{\"inputs\": [{\"name\": \"A\"}, {\"name\": \"A\"}]}", "listed twice"),
            ("{\"inputs\": [{\"name\": \"\"}]}", "name that -i cannot give"),
            ("{\"inputs\": [{\"name\": \"A\", \"required\": true, \"default\": \"x\"}]}", "required and has a default"),
            (
                "{\"inputs\": [{\"name\": \"A\", \"type\": \"integer\", \"default\": \"x\"}]}",
                "default that is not a whole number",
            ),
            (
                "{\"inputs\": [{\"name\": \"A\", \"choices\": [\"a\"], \"default\": \"b\"}]}",
                "default that is not one of a",
            ),
            (
                "{\"inputs\": [{\"name\": \"A\", \"type\": \"integer\", \"choices\": [1.5]}]}",
                "choice that is not a whole number",
            ),
            ("{\"inputs\": [{\"name\": \"A\", \"min\": 2, \"max\": 1}]}", "min above its max"),
            ("{\"inputs\": [{\"name\": \"A\", \"type\": \"boolean\", \"min\": 2}]}", "no min and max"),
        ];
        for (text, words) in bad {
            let error = InputSchema::parse(text.as_bytes(), "m").unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("lilypad_inputs.json of module m"), "{error}");
        }
    }
}
