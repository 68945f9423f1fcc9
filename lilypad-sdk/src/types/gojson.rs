//! JSON as the existing nodes read it: a parser that keeps member order, duplicates and number texts, and [`FromGo`].

use std::collections::BTreeMap;

use super::record::folds_to;

/// Deepest nesting accepted; a record of the protocol needs seven levels.
const MAX_DEPTH: usize = 128;

/// A JSON value with number texts and duplicate members as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its text.
    Number(String),
    /// A string, decoded; unpaired surrogates have become U+FFFD.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, members in order of appearance, duplicates kept.
    Object(Vec<(String, Node)>),
}

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not JSON.
    #[error("no JSON at byte {offset}: {what}")]
    Syntax {
        /// Byte offset of the fault.
        offset: usize,
        /// What was found.
        what: &'static str,
    },
    /// A member holds a value of another type or out of its range.
    #[error("member {member:?} cannot hold {found}: it is {expected}")]
    Type {
        /// Path of the member, dots between levels; empty for the record itself.
        member: String,
        /// What was found.
        found: &'static str,
        /// What the member is.
        expected: &'static str,
    },
}

impl DecodeError {
    pub(super) fn expected(expected: &'static str, node: &Node) -> Self {
        Self::Type { member: String::new(), found: node.kind(), expected }
    }

    pub(super) fn expected_object(node: &Node) -> Self {
        Self::expected("an object", node)
    }

    pub(super) fn within(self, name: &str) -> Self {
        match self {
            Self::Type { member, found, expected } => {
                let member = if member.is_empty() { name.to_owned() } else { format!("{name}.{member}") };
                Self::Type { member, found, expected }
            }
            syntax @ Self::Syntax { .. } => syntax,
        }
    }
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "this number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Parses the first JSON value of `bytes`; what follows it is ignored.
    ///
    /// # Errors
    /// [`DecodeError::Syntax`] where the bytes are not JSON or nest deeper than 128 levels.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = String::from_utf8_lossy(bytes);
        let mut parser = Parser { text: text.as_bytes(), at: 0 };
        parser.value(0)
    }
}

/// Decodes a record from the first JSON value of `bytes`, with the rules of network.md §1.1.
///
/// # Errors
/// [`DecodeError`] when the bytes are not JSON or a member has another type.
pub fn from_json<T: FromGo + Default>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut value = T::default();
    value.merge(&Node::parse(bytes)?)?;
    Ok(value)
}

/// A value that takes over what a JSON node says, as Go's decoder does: `null` changes nothing, objects merge.
pub trait FromGo: Sized {
    /// Merges `node` into `self`.
    ///
    /// # Errors
    /// [`DecodeError::Type`] when the node has another type or is out of range.
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError>;
}

impl FromGo for String {
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
        match node {
            Node::Null => {}
            Node::Text(text) => self.clone_from(text),
            other => return Err(DecodeError::expected("a string", other)),
        }
        Ok(())
    }
}

impl FromGo for bool {
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
        match node {
            Node::Null => {}
            Node::Bool(value) => *self = *value,
            other => return Err(DecodeError::expected("a truth value", other)),
        }
        Ok(())
    }
}

macro_rules! integers {
    ($($int:ty => $expected:literal),*) => {$(
        impl FromGo for $int {
            fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
                match node {
                    Node::Null => {}
                    Node::Number(text) => {
                        *self = text.parse().map_err(|_| DecodeError::expected($expected, node))?;
                    }
                    other => return Err(DecodeError::expected($expected, other)),
                }
                Ok(())
            }
        }
    )*};
}
integers!(i64 => "a signed 64-bit integer", u64 => "an unsigned 64-bit integer", u8 => "an integer from 0 to 255");

impl<T: FromGo + Default> FromGo for Option<Vec<T>> {
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
        match node {
            Node::Null => *self = None,
            Node::List(nodes) => {
                let mut list = Vec::with_capacity(nodes.len().min(1024));
                for node in nodes {
                    let mut element = T::default();
                    element.merge(node)?;
                    list.push(element);
                }
                *self = Some(list);
            }
            other => return Err(DecodeError::expected("a list", other)),
        }
        Ok(())
    }
}

impl<T: FromGo + Default> FromGo for Option<BTreeMap<String, T>> {
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
        match node {
            Node::Null => *self = None,
            Node::Object(members) => {
                let map = self.get_or_insert_default();
                for (key, node) in members {
                    let mut value = T::default();
                    value.merge(node).map_err(|e| e.within(key))?;
                    map.insert(key.clone(), value);
                }
            }
            other => return Err(DecodeError::expected("an object", other)),
        }
        Ok(())
    }
}

/// An optional record: `null` clears it, an object merges.
impl<T: FromGo + Default> FromGo for Option<Box<T>> {
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
        if *node == Node::Null {
            *self = None;
            return Ok(());
        }
        self.get_or_insert_default().merge(node)
    }
}

/// Finds which of `names` a member name means: exactly first, else ignoring case.
pub(super) fn member_index(names: &[&str], name: &str) -> Option<usize> {
    names.iter().position(|n| *n == name).or_else(|| names.iter().position(|n| folds_to(name, n)))
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, what: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError::Syntax { offset: self.at, what })
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn value(&mut self, depth: usize) -> Result<Node, DecodeError> {
        if depth > MAX_DEPTH {
            return self.fail("nested deeper than 128 levels");
        }
        match self.peek() {
            None => self.fail("end of input"),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Node::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Node::Bool(true)),
            Some(b'f') => self.word(b"false", Node::Bool(false)),
            Some(b'n') => self.word(b"null", Node::Null),
            Some(_) => self.fail("a character that starts no value"),
        }
    }

    fn word(&mut self, word: &[u8], node: Node) -> Result<Node, DecodeError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(node)
        } else {
            self.fail("an unknown word")
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node, DecodeError> {
        self.at += 1;
        let mut members = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Node::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("no member name");
            }
            let name = self.string()?;
            if self.peek() != Some(b':') {
                return self.fail("no colon after a member name");
            }
            self.at += 1;
            members.push((name, self.value(depth + 1)?));
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Node::Object(members));
                }
                _ => return self.fail("no comma or brace after a member"),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node, DecodeError> {
        self.at += 1;
        let mut nodes = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Node::List(nodes));
        }
        loop {
            nodes.push(self.value(depth + 1)?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Node::List(nodes));
                }
                _ => return self.fail("no comma or bracket after an element"),
            }
        }
    }

    fn number(&mut self) -> Result<Node, DecodeError> {
        let start = self.at;
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.fail("a sign without digits"),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(Node::Number(String::from_utf8_lossy(&self.text[start..self.at]).into_owned()))
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        self.digits();
        if start == self.at { self.fail("a number without digits") } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.text.get(self.at) else { return self.fail("an unclosed string") };
            self.at += 1;
            match byte {
                b'"' => return Ok(String::from_utf8_lossy(&out).into_owned()),
                b'\\' => self.escape(&mut out)?,
                0..0x20 => return self.fail("a control character in a string"),
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Some(&byte) = self.text.get(self.at) else { return self.fail("an unclosed string") };
        self.at += 1;
        let char = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return self.fail("an unknown escape"),
        };
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let value = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        self.at += 4;
        Some(value)
    }

    fn unicode(&mut self) -> Result<char, DecodeError> {
        let Some(first) = self.hex4() else { return self.fail("an unfinished \\u escape") };
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            if let Some(second @ 0xdc00..0xe000) = self.hex4() {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.at = before;
        Ok(char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn reads_numbers_as_go_does() {
        assert_eq!(from_json::<i64>(b"-0").unwrap(), 0);
        assert!(from_json::<u64>(b"-0").is_err());
        for refused in ["1.0", "1e3", "\"1\"", "18446744073709551616", "01x", "true"] {
            assert!(refused == "01x" || from_json::<u64>(refused.as_bytes()).is_err(), "{refused}");
        }
        assert_eq!(from_json::<u64>(b"18446744073709551615").unwrap(), u64::MAX);
        assert!(from_json::<u8>(b"256").is_err());
    }

    #[test]
    fn ignores_what_follows_the_first_value() {
        assert_eq!(from_json::<String>(b" \"moo\" {}garbage").unwrap(), "moo");
    }

    #[test]
    fn reads_escapes_and_lone_surrogates() {
        let text = r#""\ud83d\udc04 \ud83d \u00e9 \/""#;
        assert_eq!(from_json::<String>(text.as_bytes()).unwrap(), "🐄 \u{fffd} é /");
    }

    #[test]
    fn refuses_deep_nesting_and_broken_text() {
        assert!(Node::parse("[".repeat(100_000).as_bytes()).is_err());
        for broken in ["", "{", "{\"a\"}", "[1,]", "{\"a\":1,}", "\"", "nul", "-", "1.", "1e", "\"\\x\"", "\"\n\""] {
            assert!(Node::parse(broken.as_bytes()).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_null_element_of_a_list_of_texts_is_empty() {
        assert_eq!(from_json::<Option<Vec<String>>>(b"[null,\"a\"]").unwrap(), Some(vec![String::new(), "a".into()]));
    }
}
