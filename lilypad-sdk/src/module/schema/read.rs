//! Reads the file of typed inputs: what is wrong with it is told at its place, in the words of the file.

use serde_json::Value;

use super::{InputKind, InputSchema, InputSpec};
use crate::module::ModuleError;
use crate::module::json;
use crate::module::lint::Places;
use crate::types::Node;

/// The members of an entry.
const MEMBERS: [&str; 8] = ["name", "type", "default", "required", "choices", "min", "max", "help"];
/// Most characters of the file's own words in an error.
const SHOWN: usize = 60;

pub(super) fn read(text: &[u8], module: &str) -> Result<InputSchema, ModuleError> {
    let mut file = File { text, module, places: Places::default() };
    if text.trim_ascii().is_empty() {
        return Err(file.at(0, "the file is empty: write {\"inputs\": []}"));
    }
    if text.starts_with("\u{feff}".as_bytes()) {
        return Err(file.at(0, "the file begins with a byte order mark: save it as UTF-8 without one"));
    }
    if let Err(error) = std::str::from_utf8(text) {
        return Err(file.at(error.valid_up_to(), "here is a byte that is no UTF-8: save the file as UTF-8"));
    }
    let node = json::parse(text).map_err(|syntax| file.at(syntax.offset, &syntax_words(&syntax.message)))?;
    file.places = Places::of(text);
    let Node::Object(members) = node else {
        return Err(file.at(0, "the file must be an object: {\"inputs\": […]}"));
    };
    let mut inputs = None;
    for (name, node) in members {
        if name != "inputs" {
            let what = format!("the file has a member {}, which is not known; it has inputs only", shown(&name));
            return Err(file.of(&[&name], &what));
        }
        if inputs.replace(node).is_some() {
            return Err(file.of(&["inputs"], "the file gives inputs twice"));
        }
    }
    let list = match inputs {
        None => return Err(file.at(0, "the file has no inputs: write {\"inputs\": [{\"name\": \"…\"}]}")),
        Some(Node::List(list)) => list,
        Some(_) => return Err(file.of(&["inputs"], "inputs must be a list: [{\"name\": \"…\"}]")),
    };
    let mut inputs: Vec<InputSpec> = Vec::with_capacity(list.len());
    for (index, node) in list.into_iter().enumerate() {
        let place = index.to_string();
        let input = file.input(&place, index + 1, node)?;
        let fault = if inputs.iter().any(|other| other.name == input.name) {
            Some(("name", "is listed twice".to_owned()))
        } else {
            input.fault()
        };
        if let Some((member, what)) = fault {
            return Err(file.of(&["inputs", &place, member], &format!("input {} {what}", shown(&input.name))));
        }
        inputs.push(input);
    }
    Ok(InputSchema { inputs })
}

/// The text, and where what it holds stands.
struct File<'a> {
    text: &'a [u8],
    module: &'a str,
    places: Places,
}

impl File<'_> {
    fn at(&self, offset: usize, what: &str) -> ModuleError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let column = 1 + String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count();
        ModuleError::InputsFile { module: self.module.to_owned(), line, column, what: what.to_owned() }
    }

    /// At the member of that path; at what holds it, where it is left out.
    fn of(&self, path: &[&str], what: &str) -> ModuleError {
        self.at(self.places.find(path), what)
    }

    /// One entry, the `number`-th from 1.
    fn input(&self, place: &str, number: usize, node: Node) -> Result<InputSpec, ModuleError> {
        let Node::Object(members) = node else {
            let what = format!("entry {number} of inputs must be an object, such as {{\"name\": \"prompt\"}}");
            return Err(self.of(&["inputs", place], &what));
        };
        let mut named = members.iter().filter(|(member, _)| member == "name");
        let (owner, name) = match named.next() {
            Some((_, Node::Text(name))) => (format!("input {}", shown(name)), name.clone()),
            Some(_) => {
                let what = format!("entry {number} of inputs: name must be a text in quotes");
                return Err(self.of(&["inputs", place, "name"], &what));
            }
            None => {
                let what =
                    format!("entry {number} of inputs has no name: write \"name\": \"…\", as the template reads it");
                return Err(self.of(&["inputs", place], &what));
            }
        };
        let mut input = InputSpec { name, ..InputSpec::default() };
        for (index, (member, node)) in members.iter().enumerate() {
            let fail = |what: &str| Err(self.of(&["inputs", place, member], &format!("{owner}: {what}")));
            if members.iter().take(index).any(|(other, _)| other == member) {
                return fail(&format!("{} is given twice", shown(member)));
            }
            if let Err(what) = input.set(member, node) {
                return fail(&what);
            }
        }
        Ok(input)
    }
}

impl InputSpec {
    /// Takes one member of the entry; says what it must be when it is not that.
    fn set(&mut self, member: &str, node: &Node) -> Result<(), String> {
        match (member, node) {
            ("name", _) | ("default" | "min" | "max", Node::Null) => {}
            ("type", node) => self.kind = kind(node)?,
            ("default", node) => self.default = Some(self.plain_value(node, "default")?),
            ("required", Node::Bool(required)) => self.required = *required,
            ("required", _) => return Err("required must be true or false, without quotes".to_owned()),
            ("help", Node::Text(help)) => self.help.clone_from(help),
            ("help", _) => return Err("help must be a text in quotes".to_owned()),
            ("choices", Node::List(list)) if list.is_empty() => {
                return Err(
                    "choices is empty, so no value would be allowed: list some, or leave choices out".to_owned()
                );
            }
            ("choices", Node::List(list)) => {
                let values = list.iter().map(|node| self.plain_value(node, "each of choices"));
                self.choices = values.collect::<Result<_, _>>()?;
            }
            ("choices", _) => return Err("choices must be a list, such as [\"512\", \"1024\"]".to_owned()),
            ("min", Node::Number(text)) => self.min = Some(bound("min", text)?),
            ("max", Node::Number(text)) => self.max = Some(bound("max", text)?),
            ("min" | "max", _) => return Err(format!("{member} must be a number, without quotes")),
            _ => {
                let known = MEMBERS.join(", ");
                return Err(format!("{} is no member of an input; it may have {known}", shown(member)));
            }
        }
        Ok(())
    }

    /// A text, a number or a truth value; lists and objects are judged once the type is known.
    fn plain_value(&self, node: &Node, member: &str) -> Result<Value, String> {
        match value(node) {
            Some(Value::Null) | None => Err(format!("{member} must be a text in quotes, a number, true or false")),
            Some(value) => Ok(value),
        }
    }
}

fn kind(node: &Node) -> Result<InputKind, String> {
    let all = [InputKind::Text, InputKind::Integer, InputKind::Number, InputKind::Boolean, InputKind::Json];
    let names = all.map(|kind| format!("\"{}\"", kind.as_str())).join(", ");
    let found = match node {
        Node::Text(text) => all.into_iter().find(|kind| kind.as_str() == text),
        _ => None,
    };
    found.ok_or_else(|| match node {
        Node::Text(text) => format!("type is {}, but must be one of {names}", shown(text)),
        _ => format!("type must be one of {names}"),
    })
}

fn bound(member: &str, text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("{member} is a number beyond all bounds"))
}

/// As the SDK keeps it; `None` for a number that nothing holds.
fn value(node: &Node) -> Option<Value> {
    Some(match node {
        Node::Null => Value::Null,
        Node::Bool(truth) => Value::Bool(*truth),
        Node::Number(text) => Value::Number(text.parse().ok()?),
        Node::Text(text) => Value::String(text.clone()),
        Node::List(list) => Value::Array(list.iter().map(value).collect::<Option<_>>()?),
        Node::Object(members) => {
            let members = members.iter().map(|(name, node)| Some((name.clone(), value(node)?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
    })
}

/// The beginning of a text of the file, in quotes.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// What the reader of JSON says, for somebody who writes the file by hand.
fn syntax_words(message: &str) -> String {
    let Some(rest) = message.strip_prefix("invalid character ") else {
        return match message {
            "unexpected end of JSON input" => "the file ends too early: a bracket or a quote is not closed".to_owned(),
            other => format!("this is no JSON: {other}"),
        };
    };
    // The character stands in quotes of one kind and may be such a quote itself.
    let end = rest.char_indices().skip(2).find(|&(_, c)| c == '\'').map_or(rest.len(), |(at, c)| at + c.len_utf8());
    let (character, context) = rest.split_at(end);
    let context = context.trim();
    match context {
        "looking for beginning of value" => {
            format!(
                "{character} stands where a value should: a text in quotes, a number, true, false, a list or an object"
            )
        }
        "looking for beginning of object key string" => {
            format!("{character} stands where the name of a member should, in double quotes")
        }
        "after object key:value pair" => format!("before {character} a comma or a closing brace is missing"),
        "after array element" => format!("before {character} a comma or a closing bracket is missing"),
        "after object key" => format!("before {character} a colon is missing"),
        "after top-level value" => format!("{character} stands behind the end of the object"),
        "in string literal" => {
            format!("a text in quotes has {character} in it: write \\n for a line break, \\t for a tab")
        }
        "in string escape code" => {
            "behind a backslash may stand only one of \" \\ / b f n r t u; write \\\\ for a backslash".to_owned()
        }
        _ => format!("this is no JSON: {message}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn fault(text: &str) -> String {
        let error = InputSchema::parse(text.as_bytes(), "m:v1").unwrap_err();
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()));
        let text = error.to_string();
        text.strip_prefix("lilypad_inputs.json of module m:v1: ").unwrap().to_owned()
    }

    /// A file with one entry.
    fn of(entry: &str) -> String {
        let text = fault(&format!("{{\"inputs\": [\n  {entry}\n]}}"));
        text.strip_prefix("line 2, column ").unwrap_or(&text).to_owned()
    }

    #[test]
    fn every_fault_is_told_in_the_words_of_the_file_at_its_place() {
        let all = "one of \"text\", \"integer\", \"number\", \"boolean\", \"json\"";
        let cases = [
            (r#"{"name": "A", "type": "float"}"#, format!("17: input \"A\": type is \"float\", but must be {all}")),
            (r#"{"name": "A", "type": 7}"#, format!("17: input \"A\": type must be {all}")),
            (r#"{"name": "A", "type": {}}"#, format!("17: input \"A\": type must be {all}")),
            (
                r#"{"name": "A", "typ": "text"}"#,
                "17: input \"A\": \"typ\" is no member of an input; it may have name, type, default, required, choices, \
                 min, max, help"
                    .to_owned(),
            ),
            (r#"{"name": "A", "min": "1"}"#, "17: input \"A\": min must be a number, without quotes".to_owned()),
            (r#"{"name": "A", "max": [1]}"#, "17: input \"A\": max must be a number, without quotes".to_owned()),
            (r#"{"name": "A", "max": 1e999}"#, "17: input \"A\": max is a number beyond all bounds".to_owned()),
            (
                r#"{"name": "A", "required": "yes"}"#,
                "17: input \"A\": required must be true or false, without quotes".to_owned(),
            ),
            (r#"{"name": "A", "help": 1}"#, "17: input \"A\": help must be a text in quotes".to_owned()),
            (
                r#"{"name": "A", "choices": []}"#,
                "17: input \"A\": choices is empty, so no value would be allowed: list some, or leave choices out"
                    .to_owned(),
            ),
            (
                r#"{"name": "A", "choices": "a"}"#,
                "17: input \"A\": choices must be a list, such as [\"512\", \"1024\"]".to_owned(),
            ),
            (
                r#"{"name": "A", "choices": [null]}"#,
                "17: input \"A\": each of choices must be a text in quotes, a number, true or false".to_owned(),
            ),
            (r#"{"name": "A", "help": "", "help": ""}"#, "29: input \"A\": \"help\" is given twice".to_owned()),
            (
                r#"{"type": "text"}"#,
                "3: entry 1 of inputs has no name: write \"name\": \"…\", as the template reads it".to_owned(),
            ),
            (r#"{"name": 1}"#, "4: entry 1 of inputs: name must be a text in quotes".to_owned()),
            (
                r#"["A"]"#,
                "3: entry 1 of inputs must be an object, such as {\"name\": \"prompt\"}".to_owned(),
            ),
            (r#"{"name": "A", "min": 2, "max": 1}"#, "17: input \"A\" has a min above its max".to_owned()),
            (
                r#"{"name": "A", "default": {"a": 1}}"#,
                "17: input \"A\" has a default that is a list or an object, which only the type \"json\" takes".to_owned(),
            ),
        ];
        for (entry, expected) in cases {
            assert_eq!(of(entry), expected, "{entry}");
        }
    }

    #[test]
    fn what_is_no_such_file_is_told_as_plainly() {
        let cases = [
            ("", "line 1, column 1: the file is empty: write {\"inputs\": []}"),
            ("[]", "line 1, column 1: the file must be an object: {\"inputs\": […]}"),
            ("{}", "line 1, column 1: the file has no inputs: write {\"inputs\": [{\"name\": \"…\"}]}"),
            ("{\"inputs\": {}}", "line 1, column 2: inputs must be a list: [{\"name\": \"…\"}]"),
            ("{\"inputs\": [], \"inputs\": []}", "line 1, column 16: the file gives inputs twice"),
            (
                "{\n \"input\": []}",
                "line 2, column 2: the file has a member \"input\", which is not known; it has inputs only",
            ),
            ("{\"inputs\": [", "line 1, column 13: the file ends too early: a bracket or a quote is not closed"),
            ("{\"inputs\": [{}{}]}", "line 1, column 15: before '{' a comma or a closing bracket is missing"),
            ("{\"inputs\" []}", "line 1, column 11: before '[' a colon is missing"),
            ("{\"inputs\": []]", "line 1, column 14: before ']' a comma or a closing brace is missing"),
            ("{\"inputs\": []} x", "line 1, column 16: 'x' stands behind the end of the object"),
            ("{inputs: []}", "line 1, column 2: 'i' stands where the name of a member should, in double quotes"),
            ("\u{feff}{}", "line 1, column 1: the file begins with a byte order mark: save it as UTF-8 without one"),
            (
                "{\"inputs\": [{\"help\": \"a\nb\"}]}",
                "line 1, column 24: a text in quotes has '\\n' in it: write \\n for a line break, \\t for a tab",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(fault(text), expected, "{text:?}");
        }
        let error = InputSchema::parse(b"{\"inputs\": \"\xff\"}", "m").unwrap_err();
        assert!(
            error.to_string().ends_with("line 1, column 13: here is a byte that is no UTF-8: save the file as UTF-8")
        );
    }

    #[test]
    fn a_long_word_of_the_file_is_cut() {
        let text = of(&format!("{{\"name\": \"A\", \"type\": \"{}\"}}", "x".repeat(100_000)));
        assert!(text.len() < 200, "{text}");
    }

    #[test]
    fn what_is_good_is_taken_whatever_its_order() {
        let text = br#"{"inputs": [{"default": {"a": [1, null]}, "type": "json", "min": null, "name": "A"},
            {"name": "B", "choices": [1, "2", true], "default": 1}]}"#;
        let schema = InputSchema::parse(text, "m").unwrap();
        assert_eq!(schema.inputs[0].default_text().unwrap(), r#"{"a":[1,null]}"#);
        assert_eq!(schema.inputs[1].choices.len(), 3);
        let again: InputSchema = serde_json::from_slice(text).unwrap();
        assert_eq!(schema, again);
    }
}
