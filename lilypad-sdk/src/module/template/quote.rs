//! Quoted text: reading string and character constants, writing `%q`.

use super::Generation;
use super::lexer::decode_char;
use super::unicode::is_print;

/// `bytes` as a double-quoted constant; printable characters stay, invalid bytes become `\x..`.
pub(super) fn quote(bytes: &[u8], generation: Generation) -> String {
    quote_with(bytes, '"', false, generation)
}

/// As [`quote`], with another quote mark or with everything beyond ASCII escaped.
pub(super) fn quote_with(bytes: &[u8], mark: char, ascii: bool, generation: Generation) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(mark);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (c, size) = decode_char(rest);
        if size == 1 && c == '\u{fffd}' {
            push_hex(&mut out, "\\x", u32::from(rest.first().copied().unwrap_or_default()), 2);
        } else {
            push_escaped(&mut out, c, mark, ascii, generation);
        }
        rest = rest.get(size.max(1)..).unwrap_or_default();
    }
    out.push(mark);
    out
}

/// A character between single quotes.
pub(super) fn quote_char(c: char, ascii: bool, generation: Generation) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, c, '\'', ascii, generation);
    out.push('\'');
    out
}

fn push_hex(out: &mut String, prefix: &str, value: u32, width: usize) {
    out.push_str(prefix);
    out.push_str(&format!("{value:0width$x}"));
}

fn push_escaped(out: &mut String, c: char, mark: char, ascii: bool, generation: Generation) {
    match c {
        c if c == mark || c == '\\' => {
            out.push('\\');
            out.push(c);
        }
        c if is_print(c, generation) && (!ascii || c.is_ascii()) => out.push(c),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if c < ' ' || c == '\u{7f}' => push_hex(out, "\\x", u32::from(c), 2),
        c if u32::from(c) < 0x1_0000 => push_hex(out, "\\u", u32::from(c), 4),
        c => push_hex(out, "\\U", u32::from(c), 8),
    }
}

/// `U+0041 'A'`; the character is left out when it cannot be printed.
pub(super) fn code_point(c: char, generation: Generation) -> String {
    if is_print(c, generation) { format!("U+{:04X} '{c}'", u32::from(c)) } else { format!("U+{:04X}", u32::from(c)) }
}

/// Whether text can stand between back quotes on one line.
pub(super) fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| !text.chars().any(|c| c == '\u{feff}' || (c < ' ' && c != '\t') || c == '`' || c == '\u{7f}'))
}

/// The value of a string token, quotes included in `source`. `None` is a syntax error.
pub(super) fn unquote(source: &[u8]) -> Option<Vec<u8>> {
    match source {
        [b'`', inner @ .., b'`'] => Some(inner.iter().copied().filter(|&byte| byte != b'\r').collect()),
        [b'"', inner @ .., b'"'] => {
            let mut out = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while !rest.is_empty() {
                let (unit, tail) = unquote_char(rest, b'"')?;
                match unit {
                    Unit::Byte(byte) => out.push(byte),
                    Unit::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                rest = tail;
            }
            Some(out)
        }
        _ => None,
    }
}

/// One unit of quoted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A raw byte, from `\x41` or `\101`.
    Byte(u8),
    /// A character; an invalid byte of the source reads as U+FFFD.
    Char(char),
}

/// Reads one unit of quoted text; the rest follows. `None` is a syntax error.
pub(super) fn unquote_char(source: &[u8], quote: u8) -> Option<(Unit, &[u8])> {
    match source {
        [] => None,
        [byte, ..] if *byte == quote => None,
        [b'\\', escape, tail @ ..] => escaped(*escape, tail, quote),
        [b'\\'] => None,
        _ => {
            let (c, size) = decode_char(source);
            Some((Unit::Char(c), source.get(size..).unwrap_or_default()))
        }
    }
}

fn escaped(escape: u8, tail: &[u8], quote: u8) -> Option<(Unit, &[u8])> {
    let simple = |c| Some((Unit::Char(c), tail));
    match escape {
        b'a' => simple('\u{7}'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'v' => simple('\u{b}'),
        b'\\' => simple('\\'),
        b'x' | b'u' | b'U' => {
            let digits = match escape {
                b'x' => 2,
                b'u' => 4,
                _ => 8,
            };
            let text = std::str::from_utf8(tail.get(..digits)?).ok()?;
            if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            let value = u32::from_str_radix(text, 16).ok()?;
            let rest = tail.get(digits..)?;
            if escape == b'x' {
                return Some((Unit::Byte(u8::try_from(value).ok()?), rest));
            }
            Some((Unit::Char(char::from_u32(value)?), rest))
        }
        b'0'..=b'7' => {
            let mut value = u32::from(escape - b'0');
            for digit in tail.get(..2)? {
                if !(b'0'..=b'7').contains(digit) {
                    return None;
                }
                value = value * 8 + u32::from(digit - b'0');
            }
            Some((Unit::Byte(u8::try_from(value).ok()?), tail.get(2..)?))
        }
        b'\'' | b'"' if escape == quote => simple(char::from(quote)),
        _ => None,
    }
}
