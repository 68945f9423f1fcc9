//! From rendered text to [`Module`].

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde::{Serialize, Serializer};

use super::json::{self, Syntax};
use super::spec::{Bytes, Module, Number, Params, Time};
use crate::types::{DecodeError, FromGo, InputFiles, MachineSpec, Node};

/// A member whose value does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Path of the member, dots between levels.
    pub(super) member: String,
    /// What is wrong with its value.
    pub(super) what: String,
    /// Whether it is the value that is not allowed, rather than its type.
    pub(super) value: bool,
}

impl Misfit {
    fn of_type(expected: &str, node: &Node) -> Self {
        let found = match node {
            Node::Null => "null".to_owned(),
            Node::Bool(value) => format!("{value}"),
            Node::Number(text) => format!("the number {text}"),
            Node::Text(text) => format!("the text {:?}", cut(text)),
            Node::List(_) => "a list".to_owned(),
            Node::Object(_) => "an object".to_owned(),
        };
        Self { member: String::new(), what: format!("must be {expected}, found {found}"), value: false }
    }

    fn of_value(what: String) -> Self {
        Self { member: String::new(), what, value: true }
    }

    pub(super) fn within(mut self, name: &str) -> Self {
        self.member = if self.member.is_empty() { name.to_owned() } else { format!("{name}.{}", self.member) };
        self
    }
}

/// The beginning of a text, for messages.
fn cut(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// Why a text is no module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Syntax(Syntax),
    Misfit(Misfit),
}

/// Decodes a rendered module file.
pub(super) fn module(text: &[u8]) -> Result<Module, Unreadable> {
    let node = json::parse(text).map_err(Unreadable::Syntax)?;
    let mut module = Module::default();
    module.fill(&node).map_err(Unreadable::Misfit)?;
    Ok(module)
}

/// A value that takes over what a JSON node says.
pub(super) trait Fill {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit>;
}

/// Which of `names` a member name means: exactly first, else ignoring case (`K` also as U+212A, `s` as U+017F).
pub(super) fn member(names: &[&str], name: &str) -> Option<usize> {
    let fold = |c: char| match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        c => c.to_ascii_lowercase(),
    };
    let same = |known: &&str| known.chars().map(fold).eq(name.chars().map(fold));
    names.iter().position(|known| *known == name).or_else(|| names.iter().position(same))
}

macro_rules! filled_by_types {
    ($($name:ty),*) => {$(
        impl Fill for $name {
            fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
                self.merge(node).map_err(|error| match error {
                    DecodeError::Type { member, found, expected } => {
                        Misfit { member, what: format!("must be {expected}, found {found}"), value: false }
                    }
                    other => Misfit::of_value(other.to_string()),
                })
            }
        }
    )*};
}
filled_by_types!(MachineSpec, InputFiles);

impl Fill for String {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => Ok(()),
            Node::Text(text) => {
                self.clone_from(text);
                Ok(())
            }
            other => Err(Misfit::of_type("a text", other)),
        }
    }
}

impl Fill for bool {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => Ok(()),
            Node::Bool(value) => {
                *self = *value;
                Ok(())
            }
            other => Err(Misfit::of_type("true or false", other)),
        }
    }
}

macro_rules! integers {
    ($($int:ty => $expected:literal),*) => {$(
        impl Fill for $int {
            fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
                match node {
                    Node::Null => Ok(()),
                    Node::Number(text) => {
                        *self = text.parse().map_err(|_| Misfit::of_type($expected, node))?;
                        Ok(())
                    }
                    other => Err(Misfit::of_type($expected, other)),
                }
            }
        }
    )*};
}
integers!(i64 => "a whole number", u64 => "a whole number, not negative");

impl<T: Fill + Default> Fill for Option<Vec<T>> {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => *self = None,
            Node::List(nodes) => {
                let mut list = Vec::with_capacity(nodes.len());
                for (index, node) in nodes.iter().enumerate() {
                    let mut element = T::default();
                    element.fill(node).map_err(|misfit| misfit.within(&index.to_string()))?;
                    list.push(element);
                }
                *self = Some(list);
            }
            other => return Err(Misfit::of_type("a list", other)),
        }
        Ok(())
    }
}

impl Fill for Option<BTreeMap<String, String>> {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => *self = None,
            Node::Object(members) => {
                let map = self.get_or_insert_default();
                for (name, node) in members {
                    let mut value = String::new();
                    value.fill(node).map_err(|misfit| misfit.within(name))?;
                    map.insert(name.clone(), value);
                }
            }
            other => return Err(Misfit::of_type("an object", other)),
        }
        Ok(())
    }
}

impl Fill for Option<Params> {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => *self = None,
            Node::Object(members) => {
                let params = self.get_or_insert_default();
                // Of several of a name the last one stays, where it stands.
                params.0.extend(members.iter().cloned());
                let mut seen = BTreeSet::new();
                params.0.reverse();
                params.0.retain(|(name, _)| seen.insert(name.clone()));
                params.0.reverse();
            }
            other => return Err(Misfit::of_type("an object", other)),
        }
        Ok(())
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, node)| (name, AsJson(node))))
    }
}

struct AsJson<'a>(&'a Node);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(value) => serializer.serialize_bool(*value),
            Node::Number(text) => match serde_json::from_str::<serde_json::Number>(text) {
                Ok(number) => number.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            Node::Text(text) => serializer.serialize_str(text),
            Node::List(nodes) => serializer.collect_seq(nodes.iter().map(AsJson)),
            Node::Object(members) => serializer.collect_map(members.iter().map(|(name, node)| (name, AsJson(node)))),
        }
    }
}

impl Fill for Option<Number> {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => *self = None,
            Node::Number(text) => *self = Some(Number(text.clone())),
            other => return Err(Misfit::of_type("a number", other)),
        }
        Ok(())
    }
}

impl Fill for Option<Bytes> {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => *self = None,
            Node::Text(text) => {
                let clean: String = text.chars().filter(|&c| c != '\r' && c != '\n').collect();
                if base64::engine::general_purpose::STANDARD.decode(&clean).is_err() {
                    return Err(Misfit::of_value(format!("{:?} is not base64", cut(text))));
                }
                *self = Some(Bytes(clean));
            }
            other => return Err(Misfit::of_type("base64 text", other)),
        }
        Ok(())
    }
}

impl Fill for Time {
    fn fill(&mut self, node: &Node) -> Result<(), Misfit> {
        match node {
            Node::Null => Ok(()),
            Node::Text(text) if is_rfc3339(text) => {
                self.0.clone_from(text);
                Ok(())
            }
            Node::Text(text) => {
                Err(Misfit::of_value(format!("{:?} is not a time such as 2024-01-31T12:00:00Z", cut(text))))
            }
            _ => Err(Misfit::of_value("is not a time such as 2024-01-31T12:00:00Z".to_owned())),
        }
    }
}

/// Whether a text is a time of RFC 3339 that exists.
fn is_rfc3339(text: &str) -> bool {
    fn number(text: &str, at: std::ops::Range<usize>) -> Option<u32> {
        text.get(at).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    }
    let check = || -> Option<()> {
        let bytes = text.as_bytes();
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        marks.iter().all(|&(at, mark)| bytes.get(at) == Some(&mark)).then_some(())?;
        let (year, month, day) = (number(text, 0..4)?, number(text, 5..7)?, number(text, 8..10)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        let clock = number(text, 11..13)? < 24 && number(text, 14..16)? < 60 && number(text, 17..19)? < 60;
        ((1..=days).contains(&day) && clock).then_some(())?;
        let mut rest = text.get(19..)?;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            (digits > 0).then_some(())?;
            rest = fraction.get(digits..)?;
        }
        let zone = rest == "Z"
            || (rest.len() == 6
                && rest.starts_with(['+', '-'])
                && rest.get(3..4) == Some(":")
                && number(rest, 1..3)? < 24
                && number(rest, 4..6)? < 60);
        zone.then_some(())
    };
    check().is_some()
}

/// Declares a record of the module file: `"member" field: Type`.
macro_rules! structure {
    ($(#[$meta:meta])* pub $name:ident { $( $(#[$field_meta:meta])* $json:literal $field:ident: $ty:ty ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$field_meta])* #[serde(rename = $json)] pub $field: $ty, )*
        }

        impl $crate::module::decode::Fill for $name {
            fn fill(&mut self, node: &$crate::types::Node) -> Result<(), $crate::module::decode::Misfit> {
                const NAMES: &[&str] = &[$($json),*];
                let members = match node {
                    $crate::types::Node::Null => return Ok(()),
                    $crate::types::Node::Object(members) => members,
                    other => return Err($crate::module::decode::not_an_object(other)),
                };
                for (name, node) in members {
                    let known = $crate::module::decode::member(NAMES, name).and_then(|index| NAMES.get(index));
                    $( if known == Some(&$json) {
                        $crate::module::decode::Fill::fill(&mut self.$field, node).map_err(|misfit| misfit.within($json))?;
                    } )*
                }
                Ok(())
            }
        }

        impl $crate::module::decode::Fill for Option<$name> {
            fn fill(&mut self, node: &$crate::types::Node) -> Result<(), $crate::module::decode::Misfit> {
                if *node == $crate::types::Node::Null {
                    *self = None;
                    return Ok(());
                }
                self.get_or_insert_default().fill(node)
            }
        }
    };
}
pub(super) use structure;

pub(super) fn not_an_object(node: &Node) -> Misfit {
    Misfit::of_type("an object", node)
}

/// Declares a choice among texts, read ignoring case. A strict one also ignores blanks around and refuses other texts.
macro_rules! choice {
    ($(#[$meta:meta])* pub $name:ident, $mode:ident $what:literal {
        $( $(#[$variant_meta:meta])* $variant:ident = $text:literal ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* #[serde(rename = $text)] $variant, )*
        }

        impl $name {
            /// The text that stands for it.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }
        }

        impl $crate::module::decode::Fill for Option<$name> {
            fn fill(&mut self, node: &$crate::types::Node) -> Result<(), $crate::module::decode::Misfit> {
                const ALL: &[$name] = &[$($name::$variant),*];
                let found = $crate::module::decode::chosen(ALL, $name::as_str, node, $what, stringify!($mode) == "strict")?;
                if let Some(found) = found {
                    *self = found;
                }
                Ok(())
            }
        }
    };
}
pub(super) use choice;

/// The variant a node names; the outer `None` is null, which changes nothing.
pub(super) fn chosen<T: Copy>(
    all: &[T],
    text_of: fn(T) -> &'static str,
    node: &Node,
    what: &str,
    strict: bool,
) -> Result<Option<Option<T>>, Misfit> {
    let text = match node {
        Node::Null => return Ok(None),
        Node::Text(text) => text,
        other => return Err(Misfit::of_type("a text", other)),
    };
    let wanted = if strict { text.trim() } else { text.as_str() };
    let found = all.iter().copied().find(|&variant| text_of(variant).eq_ignore_ascii_case(wanted));
    if found.is_none() && strict {
        let known: Vec<&str> = all.iter().map(|&variant| text_of(variant)).collect();
        return Err(Misfit::of_value(format!("unknown {what} {:?}, known are {}", cut(text), known.join(", "))));
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_times_from_other_texts() {
        for good in ["2022-11-17T13:29:01Z", "0001-01-01T00:00:00Z", "2024-02-29T23:59:59.123456789+02:00"] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "2023-02-29T00:00:00Z",
            "2022-11-17 13:29:01Z",
            "2022-11-17T13:29:01",
            "2022-13-17T13:29:01Z",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }
}
