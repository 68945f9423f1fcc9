//! What differs between a module rendered with harmless values and one with others.

use std::collections::BTreeMap;

use crate::module::asked::TemplateInput;
use crate::module::json::decode_string;
use crate::module::template::Read;
use crate::types::Node;

/// Most inputs that are looked at one by one.
const MOST: usize = 64;

/// The path of the first member that differs although `harmless` did not reach it. Where the template writes it as something
/// else, any text may be its own.
pub(in crate::module) fn stray(expected: &Node, found: &Node, harmless: &str, is_transformed: bool) -> Option<String> {
    let place = |path: String, name: &str| if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") };
    match (expected, found) {
        (Node::Text(text) | Node::Number(text), _) if text.contains(harmless) => None,
        (Node::Text(_), Node::Text(_)) if is_transformed => None,
        (Node::Object(expected), Node::Object(found)) => {
            for (index, (name, node)) in expected.iter().enumerate() {
                match found.get(index) {
                    Some((other, _)) if other != name && !name.contains(harmless) => return Some(other.clone()),
                    Some((_, other)) => {
                        if let Some(path) = stray(node, other, harmless, is_transformed) {
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
                if let Some(path) = stray(node, other, harmless, is_transformed) {
                    return Some(place(path, &index.to_string()));
                }
            }
            (expected.len() != found.len()).then(|| expected.len().min(found.len()).to_string())
        }
        (expected, found) => (expected != found).then(String::new),
    }
}

/// The path of the first text that held `harmless` and now is not what `is_own` takes for it: given are the text with the
/// harmless value and the one found.
pub(super) fn altered(
    expected: &Node,
    found: &Node,
    harmless: &str,
    is_own: &dyn Fn(&str, &str) -> bool,
) -> Option<String> {
    let place = |name: &str, path: String| if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") };
    match (expected, found) {
        (Node::Text(expected), Node::Text(found)) if expected.contains(harmless) => {
            (!is_own(expected, found)).then(String::new)
        }
        (Node::Object(expected), Node::Object(found)) => {
            expected.iter().zip(found).find_map(|((name, expected), (other, found))| {
                if name.contains(harmless) && !is_own(name, other) {
                    return Some(other.clone());
                }
                altered(expected, found, harmless, is_own).map(|path| place(name, path))
            })
        }
        (Node::List(expected), Node::List(found)) => {
            expected.iter().zip(found).enumerate().find_map(|(index, (expected, found))| {
                altered(expected, found, harmless, is_own).map(|path| place(&index.to_string(), path))
            })
        }
        _ => None,
    }
}

/// Whether `found` is `expected` with `value` where `harmless` stood: as it is, or, where the harmless one stood in quotes, as
/// a JSON text of the value. `js` writes such texts, and does so for every value.
pub(super) fn stands_there(expected: &str, found: &str, harmless: &str, value: &str) -> bool {
    if expected.replace(harmless, value) == found {
        return true;
    }
    let mut rest = found;
    let quoted = format!("\"{harmless}\"");
    let mut between = expected.split(&quoted);
    let first = between.next().and_then(|piece| rest.strip_prefix(piece));
    let Some(behind) = first else { return false };
    rest = behind;
    for piece in between {
        let Some((text, behind)) = json_text(rest) else { return false };
        let Some(behind) = behind.strip_prefix(piece) else { return false };
        if decode_string(text.as_bytes()).as_deref() != Some(value) {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}

/// The JSON text at the beginning, with its quotes, and what follows it.
fn json_text(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.strip_prefix('"')?.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    text.split_at_checked(end + 2)
}

/// The inputs that reach the program as a JSON text, in quotes that nobody typed, whatever their value, with the action that does
/// it: `js` and `html` escape the quotes of the JSON text that an input is.
pub(in crate::module) fn quoted<'i>(
    node: &Node,
    reads: &'i [TemplateInput],
    values: &BTreeMap<String, String>,
) -> Vec<(&'i TemplateInput, &'i Read)> {
    let escaped = reads.iter().take(MOST).filter_map(|input| {
        let read = input.reads.iter().find(|read| read.is_escaped)?;
        let value = values.get(&input.name)?;
        Some((input, read, [format!("\"{value}\""), format!("&#34;{value}&#34;")]))
    });
    let mut texts = Vec::new();
    collect(node, &mut texts);
    escaped
        .filter(|(_, _, forms)| texts.iter().any(|text| forms.iter().any(|form| text.contains(form))))
        .map(|(input, read, _)| (input, read))
        .collect()
}

fn collect<'n>(node: &'n Node, texts: &mut Vec<&'n str>) {
    match node {
        Node::Text(text) => texts.push(text),
        Node::Object(members) => members.iter().for_each(|(_, node)| collect(node, texts)),
        Node::List(list) => list.iter().for_each(|node| collect(node, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_there_as_it_is_or_as_json() {
        let cases = [
            ("A=h", "A=x", "x", true),
            ("A=h h", "A=x x", "x", true),
            ("A=h", "A=y", "x", false),
            (r#"A="h"."#, r#"A="say \"hi\" \u003Cb\n\\"."#, "say \"hi\" <b\n\\", true),
            (r#"A="h" "h""#, r#"A="\u003c" "\u003c""#, "<", true),
            (r#"A="h""#, r#"A="\u003c""#, ">", false),
            (r#"A="h"."#, r#"A="\u003c" "#, "<", false),
            (r#"A="h""#, r#"A="<"#, "<", false),
            ("A=h", r"A=\u003c", "<", false),
        ];
        for (expected, found, value, stands) in cases {
            assert_eq!(stands_there(expected, found, "h", value), stands, "{expected} {found}");
        }
    }
}
