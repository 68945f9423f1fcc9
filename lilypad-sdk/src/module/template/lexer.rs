//! Cuts a template into tokens.
//!
//! Tokens carry the byte offset and the line where they begin; both end up in error messages, so the line counting keeps
//! the habits of the language's reference (newlines inside a comment are not counted, those skipped by a trim marker are).

use super::Generation;
use super::quote::{code_point, quote};
use super::unicode::{is_alphanumeric, is_print};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Eof,
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Assign,
    Declare,
    Pipe,
    LeftParen,
    RightParen,
    Char,
    Str,
    RawStr,
    CharConstant,
    Number,
    Complex,
    Bool,
    Identifier,
    Field,
    Variable,
    Dot,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn is_keyword(self) -> bool {
        use Kind::{Block, Break, Continue, Define, Dot, Else, End, If, Nil, Range, Template, With};
        matches!(self, Dot | Block | Break | Continue | Define | Else | End | If | Nil | Range | Template | With)
    }
}

/// One token: its kind, its bytes, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) pos: usize,
    pub(super) line: usize,
    pub(super) val: &'a [u8],
}

impl Token<'_> {
    /// The token as parse errors name it: quoted, cut after ten characters, keywords in angle brackets.
    pub(super) fn describe(&self, generation: Generation) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            kind if kind.is_keyword() => format!("<{}>", String::from_utf8_lossy(self.val)),
            _ if self.val.len() > 10 => {
                let end = char_offsets(self.val).nth(10).unwrap_or(self.val.len());
                format!("{}...", quote(self.val.get(..end).unwrap_or(self.val), generation))
            }
            _ => quote(self.val, generation),
        }
    }
}

/// Byte offsets at which characters begin; an invalid byte is a character of its own.
fn char_offsets(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let here = at;
        at += decode_char(rest).1;
        Some(here)
    })
}

/// First character of `bytes` and its length; an invalid byte reads as U+FFFD of length 1, an empty slice as length 0.
pub(super) fn decode_char(bytes: &[u8]) -> (char, usize) {
    let Some(&first) = bytes.first() else { return ('\u{fffd}', 0) };
    if first < 0x80 {
        return (char::from(first), 1);
    }
    let head = bytes.get(..4).unwrap_or(bytes);
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => {
            head.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
    };
    valid.chars().next().map_or(('\u{fffd}', 1), |c| (c, c.len_utf8()))
}

const LEFT: [u8; 2] = *b"{{";
const RIGHT: [u8; 2] = *b"}}";
const COMMENT_OPEN: [u8; 2] = *b"/*";
const COMMENT_CLOSE: [u8; 2] = *b"*/";

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// Where two bytes follow each other. Most of a template is text, so it is passed over in blocks that do not hold the first.
fn find(haystack: &[u8], needle: [u8; 2]) -> Option<usize> {
    const BLOCK: usize = 32;
    let mut at = 0;
    while let Some(rest) = haystack.get(at..).filter(|rest| rest.len() >= 2) {
        let block = rest.get(..BLOCK).unwrap_or(rest);
        if !block.iter().fold(false, |found, &byte| found | (byte == needle[0])) {
            at += block.len();
            continue;
        }
        // The second byte may be the first of the next block.
        let seen = rest.get(..=BLOCK).unwrap_or(rest);
        if let Some(offset) = seen.windows(2).position(|window| window == needle) {
            return Some(at + offset);
        }
        at += block.len();
    }
    None
}

/// `{{-` plus a space, seen from behind the braces.
fn has_left_trim(bytes: &[u8]) -> bool {
    matches!(bytes, [b'-', space, ..] if is_space(*space))
}

/// A space plus `-`, seen from before the closing delimiter.
fn has_right_trim(bytes: &[u8]) -> bool {
    matches!(bytes, [space, b'-', ..] if is_space(*space))
}

/// The token source. After an error it yields the end of the text.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    input: &'a [u8],
    pos: usize,
    start: usize,
    line: usize,
    start_line: usize,
    inside: bool,
    parens: usize,
    error: Option<String>,
    generation: Generation,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a [u8], generation: Generation) -> Self {
        Self { input, pos: 0, start: 0, line: 1, start_line: 1, inside: false, parens: 0, error: None, generation }
    }

    /// The text of the last error token.
    pub(super) fn take_error(&mut self) -> String {
        self.error.take().unwrap_or_default()
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token<'a> {
        loop {
            let token = if self.inside { Some(self.inside_action()) } else { self.text() };
            if let Some(token) = token {
                return token;
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn pending(&self) -> &'a [u8] {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn emit(&mut self, kind: Kind) -> Token<'a> {
        let token = Token { kind, pos: self.start, line: self.start_line, val: self.pending() };
        self.start = self.pos;
        self.start_line = self.line;
        token
    }

    fn ignore(&mut self) {
        self.line += newlines(self.pending());
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn fail(&mut self, message: impl Into<String>) -> Token<'a> {
        let token = Token { kind: Kind::Error, pos: self.start, line: self.start_line, val: &[] };
        self.error = Some(message.into());
        self.input = &[];
        self.pos = 0;
        self.start = 0;
        self.inside = false;
        token
    }

    fn peek(&self) -> Option<char> {
        let rest = self.rest();
        (!rest.is_empty()).then(|| decode_char(rest).0)
    }

    fn bump(&mut self) -> Option<char> {
        let rest = self.rest();
        let (c, size) = decode_char(rest);
        if size == 0 {
            return None;
        }
        self.pos += size;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn accept(&mut self, set: &[u8]) -> bool {
        let found = self.rest().first().is_some_and(|byte| set.contains(byte));
        if found {
            self.pos += 1;
        }
        found
    }

    fn accept_run(&mut self, set: &[u8]) {
        while self.accept(set) {}
    }

    /// Whether the closing delimiter is next, and whether it carries a trim marker.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim(rest) && rest.get(2..).is_some_and(|rest| rest.starts_with(&RIGHT)) {
            return Some(true);
        }
        rest.starts_with(&RIGHT).then_some(false)
    }

    fn skip_spaces(&mut self) {
        while self.rest().first().is_some_and(|&byte| is_space(byte)) {
            self.pos += 1;
        }
    }

    fn text(&mut self) -> Option<Token<'a>> {
        let Some(offset) = find(self.rest(), LEFT) else {
            self.pos = self.input.len();
            if self.pos > self.start {
                self.line += newlines(self.pending());
                return Some(self.emit(Kind::Text));
            }
            return Some(self.emit(Kind::Eof));
        };
        if offset > 0 {
            self.pos += offset;
            let mut trimmed = 0;
            if has_left_trim(self.input.get(self.pos + LEFT.len()..).unwrap_or_default()) {
                trimmed = self.pending().iter().rev().take_while(|&&byte| is_space(byte)).count();
            }
            self.pos -= trimmed;
            self.line += newlines(self.pending());
            let token = self.emit(Kind::Text);
            self.pos += trimmed;
            self.ignore();
            if !token.val.is_empty() {
                return Some(token);
            }
        }
        self.left_delim()
    }

    fn left_delim(&mut self) -> Option<Token<'a>> {
        self.pos += LEFT.len();
        let marker = if has_left_trim(self.rest()) { 2 } else { 0 };
        if self.rest().get(marker..).is_some_and(|rest| rest.starts_with(&COMMENT_OPEN)) {
            self.pos += marker;
            self.ignore();
            return self.comment();
        }
        let token = self.emit(Kind::LeftDelim);
        self.inside = true;
        self.pos += marker;
        self.ignore();
        self.parens = 0;
        Some(token)
    }

    fn comment(&mut self) -> Option<Token<'a>> {
        self.pos += COMMENT_OPEN.len();
        let Some(offset) = find(self.rest(), COMMENT_CLOSE) else {
            return Some(self.fail("unclosed comment"));
        };
        self.pos += offset + COMMENT_CLOSE.len();
        let Some(trim) = self.at_right_delim() else {
            return Some(self.fail("comment ends before closing delimiter"));
        };
        // The comment's own newlines are not counted: parse errors behind it name the line they always named.
        if self.generation == Generation::Go1_19 {
            self.line += newlines(self.pending());
        }
        self.emit(Kind::Space);
        self.pos += if trim { 2 + RIGHT.len() } else { RIGHT.len() };
        if trim {
            self.skip_spaces();
        }
        self.ignore();
        None
    }

    fn right_delim(&mut self, trim: bool) -> Token<'a> {
        if trim {
            self.pos += 2;
            self.ignore();
        }
        self.pos += RIGHT.len();
        let token = self.emit(Kind::RightDelim);
        if trim {
            self.skip_spaces();
            self.ignore();
        }
        self.inside = false;
        token
    }

    fn inside_action(&mut self) -> Token<'a> {
        if let Some(trim) = self.at_right_delim() {
            if self.parens == 0 {
                return self.right_delim(trim);
            }
            return self.fail("unclosed left paren");
        }
        let Some(c) = self.bump() else { return self.fail("unclosed action") };
        match c {
            ' ' | '\t' | '\r' | '\n' => {
                self.unbump(c);
                self.space()
            }
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.bump() == Some('=') {
                    self.emit(Kind::Declare)
                } else {
                    self.fail("expected :=")
                }
            }
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::Str, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw_quoted(),
            '$' => self.name(Kind::Variable, Kind::Variable),
            '.' if self.rest().first().is_some_and(|byte| !byte.is_ascii_digit()) => self.name(Kind::Field, Kind::Dot),
            '.' | '+' | '-' | '0'..='9' => {
                self.unbump(c);
                self.number()
            }
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => match self.parens.checked_sub(1) {
                Some(parens) => {
                    self.parens = parens;
                    self.emit(Kind::RightParen)
                }
                // The older generation hands it over first, and its parser has something to say about it.
                None if self.generation == Generation::Go1_19 => self.emit(Kind::RightParen),
                None => self.fail("unexpected right paren"),
            },
            c if is_alphanumeric(c, self.generation) => self.identifier(),
            c if c.is_ascii() && is_print(c, self.generation) => self.emit(Kind::Char),
            c => self.fail(format!("unrecognized character in action: {}", code_point(c, self.generation))),
        }
    }

    fn unbump(&mut self, c: char) {
        self.pos -= c.len_utf8();
        if c == '\n' {
            self.line -= 1;
        }
    }

    fn space(&mut self) -> Token<'a> {
        let mut spaces = 0;
        while self.rest().first().is_some_and(|&byte| is_space(byte)) {
            self.bump();
            spaces += 1;
        }
        // The last space may belong to a trim marker.
        let before = self.pos - 1;
        let tail = self.input.get(before..).unwrap_or_default();
        if has_right_trim(tail) && tail.get(2..).is_some_and(|rest| rest.starts_with(&RIGHT)) {
            if self.input.get(before) == Some(&b'\n') {
                self.line -= 1;
            }
            self.pos = before;
            if spaces == 1 {
                return self.right_delim(true);
            }
        }
        self.emit(Kind::Space)
    }

    fn at_terminator(&self) -> bool {
        match self.rest().first() {
            None => true,
            Some(byte) if is_space(*byte) => true,
            Some(b'.' | b',' | b'|' | b':' | b')' | b'(') => true,
            Some(_) => self.rest().starts_with(&RIGHT),
        }
    }

    fn bad_character(&mut self) -> Token<'a> {
        let c = self.peek().unwrap_or('\u{fffd}');
        self.fail(format!("bad character {}", code_point(c, self.generation)))
    }

    fn skip_name(&mut self) {
        while let Some(c) = self.peek().filter(|&c| is_alphanumeric(c, self.generation)) {
            self.pos += c.len_utf8();
        }
    }

    /// A field or a variable; `alone` is the token when nothing follows the sigil.
    fn name(&mut self, kind: Kind, alone: Kind) -> Token<'a> {
        if self.at_terminator() {
            return self.emit(alone);
        }
        self.skip_name();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    fn identifier(&mut self) -> Token<'a> {
        self.skip_name();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = match self.pending() {
            b"block" => Kind::Block,
            b"break" => Kind::Break,
            b"continue" => Kind::Continue,
            b"define" => Kind::Define,
            b"else" => Kind::Else,
            b"end" => Kind::End,
            b"if" => Kind::If,
            b"nil" => Kind::Nil,
            b"range" => Kind::Range,
            b"template" => Kind::Template,
            b"with" => Kind::With,
            b"true" | b"false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.emit(kind)
    }

    fn quoted(&mut self, close: char, kind: Kind, unterminated: &str) -> Token<'a> {
        loop {
            match self.bump() {
                Some('\\') => {
                    if matches!(self.bump(), None | Some('\n')) {
                        return self.fail(unterminated);
                    }
                }
                None | Some('\n') => return self.fail(unterminated),
                Some(c) if c == close => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quoted(&mut self) -> Token<'a> {
        loop {
            match self.bump() {
                None => return self.fail("unterminated raw quoted string"),
                Some('`') => return self.emit(Kind::RawStr),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Token<'a> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if !matches!(self.rest().first(), Some(b'+' | b'-')) {
            return self.emit(Kind::Number);
        }
        if !self.scan_number() || self.pending().last() != Some(&b'i') {
            return self.bad_number();
        }
        self.emit(Kind::Complex)
    }

    fn bad_number(&mut self) -> Token<'a> {
        let message = format!("bad number syntax: {}", quote(self.pending(), self.generation));
        self.fail(message)
    }

    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let mut digits: &[u8] = b"0123456789_";
        let (mut decimal, mut hex) = (true, false);
        if self.accept(b"0") {
            if self.accept(b"xX") {
                digits = b"0123456789abcdefABCDEF_";
                (decimal, hex) = (false, true);
            } else if self.accept(b"oO") {
                digits = b"01234567_";
                decimal = false;
            } else if self.accept(b"bB") {
                digits = b"01_";
                decimal = false;
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        if (decimal && self.accept(b"eE")) || (hex && self.accept(b"pP")) {
            self.accept(b"+-");
            self.accept_run(b"0123456789_");
        }
        self.accept(b"i");
        if let Some(c) = self.peek().filter(|&c| is_alphanumeric(c, self.generation)) {
            self.pos += c.len_utf8();
            return false;
        }
        true
    }
}
