//! JSON as module files need it: Go's encoder for one text, and a strict reader that names the first wrong character.

use crate::types::Node;

/// Deepest nesting that is still JSON.
const DEEPEST: usize = 10_000;
/// Levels kept of a document; what lies deeper can only be unknown members, and reads as null.
const KEPT: usize = 64;

/// The first place where a text stops being JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// Byte offset of the fault; the length of the text when it ends too early.
    pub(crate) offset: usize,
    /// What is wrong, in the words of existing nodes.
    pub(crate) message: String,
}

/// `text` as a JSON string, quotes included, as Go's encoder writes it: `<`, `>`, `&`, U+2028 and U+2029 as `\uXXXX`.
pub(crate) fn encode_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text of a document that is a JSON string or null (empty text), blanks around it allowed.
pub(crate) fn decode_string(document: &[u8]) -> Option<String> {
    match parse(document) {
        Ok(Node::Text(text)) => Some(text),
        Ok(Node::Null) => Some(String::new()),
        _ => None,
    }
}

/// Parses a whole document: one value, nothing behind it.
pub(crate) fn parse(text: &[u8]) -> Result<Node, Syntax> {
    Reader { text, at: 0, stack: Vec::new() }.document()
}

enum Frame {
    List(Vec<Node>),
    Object(Vec<(String, Node)>, String),
}

enum Expect {
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    AfterValue,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    stack: Vec<Frame>,
}

/// A character as Go's scanner quotes it; bytes beyond ASCII show as Latin-1.
fn shown(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        7 => "'\\a'".to_owned(),
        8 => "'\\b'".to_owned(),
        11 => "'\\v'".to_owned(),
        12 => "'\\f'".to_owned(),
        0..0x20 | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

impl Reader<'_> {
    fn here(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn wrong(&self, context: &str) -> Syntax {
        match self.here() {
            Some(byte) => Syntax { offset: self.at, message: format!("invalid character {} {context}", shown(byte)) },
            None => self.cut_short(),
        }
    }

    /// As [`Self::wrong`], but where a text may not end the missing character counts as a blank.
    fn wrong_inside(&self, context: &str) -> Syntax {
        match self.here() {
            Some(_) => self.wrong(context),
            None => Syntax { offset: self.at, message: format!("invalid character ' ' {context}") },
        }
    }

    fn cut_short(&self) -> Syntax {
        Syntax { offset: self.text.len(), message: "unexpected end of JSON input".to_owned() }
    }

    fn skip_blanks(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.here() {
            self.at += 1;
        }
        self.here()
    }

    fn document(mut self) -> Result<Node, Syntax> {
        let mut expect = Expect::Value;
        let mut done: Option<Node> = None;
        loop {
            let next = self.skip_blanks();
            if let (Some(node), true) = (&done, self.stack.is_empty()) {
                return match next {
                    None => Ok(node.clone()),
                    Some(_) => Err(self.wrong("after top-level value")),
                };
            }
            expect = match (expect, next) {
                (Expect::ValueOrClose, Some(b']')) | (Expect::KeyOrClose, Some(b'}')) => {
                    self.at += 1;
                    done = self.close();
                    Expect::AfterValue
                }
                (Expect::Value | Expect::ValueOrClose, Some(b'[')) => {
                    self.open(Frame::List(Vec::new()))?;
                    Expect::ValueOrClose
                }
                (Expect::Value | Expect::ValueOrClose, Some(b'{')) => {
                    self.open(Frame::Object(Vec::new(), String::new()))?;
                    Expect::KeyOrClose
                }
                (Expect::Value | Expect::ValueOrClose, _) => {
                    let node = self.scalar()?;
                    done = self.put(node);
                    Expect::AfterValue
                }
                (Expect::Key | Expect::KeyOrClose, Some(b'"')) => {
                    let name = self.string()?;
                    if self.skip_blanks() != Some(b':') {
                        return Err(self.wrong("after object key"));
                    }
                    self.at += 1;
                    if let Some(Frame::Object(_, key)) = self.stack.last_mut() {
                        *key = name;
                    }
                    Expect::Value
                }
                (Expect::Key | Expect::KeyOrClose, _) => {
                    return Err(self.wrong("looking for beginning of object key string"));
                }
                (Expect::AfterValue, next) => match (self.stack.last(), next) {
                    (Some(Frame::List(_)), Some(b',')) => {
                        self.at += 1;
                        Expect::Value
                    }
                    (Some(Frame::Object(..)), Some(b',')) => {
                        self.at += 1;
                        Expect::Key
                    }
                    (Some(Frame::List(_)), Some(b']')) | (Some(Frame::Object(..)), Some(b'}')) => {
                        self.at += 1;
                        done = self.close();
                        Expect::AfterValue
                    }
                    (Some(Frame::List(_)), _) => return Err(self.wrong("after array element")),
                    (_, _) => return Err(self.wrong("after object key:value pair")),
                },
            };
        }
    }

    fn open(&mut self, frame: Frame) -> Result<(), Syntax> {
        if self.stack.len() >= DEEPEST {
            return Err(self.wrong("exceeded max depth"));
        }
        self.at += 1;
        self.stack.push(frame);
        Ok(())
    }

    /// Ends the innermost list or object; gives the document when it was the outermost.
    fn close(&mut self) -> Option<Node> {
        let deep = self.stack.len() > KEPT;
        let node = match self.stack.pop() {
            Some(Frame::List(list)) if !deep => Node::List(list),
            Some(Frame::Object(members, _)) if !deep => Node::Object(members),
            _ => Node::Null,
        };
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Option<Node> {
        match self.stack.last_mut() {
            None => return Some(node),
            Some(Frame::List(list)) => list.push(node),
            Some(Frame::Object(members, key)) => members.push((std::mem::take(key), node)),
        }
        None
    }

    fn scalar(&mut self) -> Result<Node, Syntax> {
        match self.here() {
            Some(b'"') => Ok(Node::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Node::Bool(true)),
            Some(b'f') => self.word("false", Node::Bool(false)),
            Some(b'n') => self.word("null", Node::Null),
            _ => Err(self.wrong("looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &str, node: Node) -> Result<Node, Syntax> {
        for wanted in word.chars() {
            if self.here().map(char::from) != Some(wanted) {
                return Err(self.wrong_inside(&format!("in literal {word} (expecting '{wanted}')")));
            }
            self.at += 1;
        }
        Ok(node)
    }

    fn digits(&mut self) {
        while self.here().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self, context: &str) -> Result<(), Syntax> {
        if !self.here().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.wrong_inside(context));
        }
        self.digits();
        Ok(())
    }

    fn number(&mut self) -> Result<Node, Syntax> {
        let start = self.at;
        if self.here() == Some(b'-') {
            self.at += 1;
        }
        if self.here() == Some(b'0') {
            self.at += 1;
        } else {
            self.some_digits("in numeric literal")?;
        }
        if self.here() == Some(b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.here() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.here() {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Node::Number(String::from_utf8_lossy(text).into_owned()))
    }

    fn string(&mut self) -> Result<String, Syntax> {
        self.at += 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            match self.here() {
                None => return Err(self.cut_short()),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(replace_invalid(&out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(0..0x20) => return Err(self.wrong("in string literal")),
                Some(byte) => {
                    self.at += 1;
                    out.push(byte);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Syntax> {
        let c = match self.here() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.wrong_inside("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    fn hex4(&mut self) -> Result<u32, Syntax> {
        let mut value = 0;
        for _ in 0..4 {
            match self.here().and_then(|byte| char::from(byte).to_digit(16)) {
                Some(digit) => value = value * 16 + digit,
                None => return Err(self.wrong_inside("in \\u hexadecimal character escape")),
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn unicode(&mut self) -> Result<char, Syntax> {
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or('\u{fffd}'));
        }
        let behind = self.at;
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
        }
        self.at = behind;
        Ok('\u{fffd}')
    }
}

/// Bytes as text, with one U+FFFD for every byte that is not part of a character.
pub(crate) fn replace_invalid(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(std::iter::repeat_n('\u{fffd}', chunk.invalid().len()));
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn names_the_wrong_character_and_its_place() {
        let cases = [
            ("tru", 3, "invalid character ' ' in literal true (expecting 'e')"),
            ("-", 1, "invalid character ' ' in numeric literal"),
            ("[1.x]", 3, "invalid character 'x' after decimal point in numeric literal"),
            ("[1ex]", 3, "invalid character 'x' in exponent of numeric literal"),
            (r#"["\u12g4"]"#, 6, "invalid character 'g' in \\u hexadecimal character escape"),
            (r#"{"a" 1}"#, 5, "invalid character '1' after object key"),
            ("[1 2]", 3, "invalid character '2' after array element"),
            ("\"abc", 4, "unexpected end of JSON input"),
            ("01", 1, "invalid character '1' after top-level value"),
        ];
        for (text, offset, message) in cases {
            assert_eq!(parse(text.as_bytes()), Err(Syntax { offset, message: message.to_owned() }), "{text}");
        }
    }

    #[test]
    fn nests_to_ten_thousand_levels_and_no_further() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(10_000).as_bytes()).is_ok());
        assert_eq!(parse(nested(10_001).as_bytes()).unwrap_err().message, "invalid character '[' exceeded max depth");
    }

    #[test]
    fn decodes_text_documents_only() {
        assert_eq!(decode_string(b" \"a\\n\\ud83d\\udc38\" "), Some("a\n\u{1f438}".to_owned()));
        assert_eq!(decode_string(b"null"), Some(String::new()));
        assert_eq!(decode_string(b"1"), None);
        assert_eq!(decode_string(b"\"a\" x"), None);
        assert_eq!(decode_string(b"\"\xff\xfe\""), Some("\u{fffd}\u{fffd}".to_owned()));
    }
}
