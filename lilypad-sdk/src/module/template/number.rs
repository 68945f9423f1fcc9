//! Numbers as the template language writes them.

use super::Generation;
use super::ast::Constant;
use super::lexer::Kind;
use super::quote::{Unit, quote, unquote_char};

/// Whether underscores only separate digits (one may follow a base prefix).
fn underscores_fit(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text).as_bytes();
    let (mut last, mut at, mut hex) = (b'^', 0, false);
    if let [b'0', base, ..] = text
        && matches!(base | 0x20, b'b' | b'o' | b'x')
    {
        (last, at, hex) = (b'0', 2, base | 0x20 == b'x');
    }
    for &byte in text.get(at..).unwrap_or_default() {
        if byte.is_ascii_digit() || (hex && byte.is_ascii_hexdigit()) {
            last = b'0';
        } else if byte == b'_' {
            if last != b'0' {
                return false;
            }
            last = b'_';
        } else {
            if last == b'_' {
                return false;
            }
            last = b'!';
        }
    }
    last != b'_'
}

/// An unsigned integer in any base the text announces.
fn parse_unsigned(text: &str) -> Option<u64> {
    if text.is_empty() || !underscores_fit(text) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'b', _, ..] => (2, lower.get(2..)?),
        [b'0', b'o', _, ..] => (8, lower.get(2..)?),
        [b'0', b'x', _, ..] => (16, lower.get(2..)?),
        [b'0'] => return Some(0),
        [b'0', ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    let digits: String = digits.chars().filter(|&c| c != '_').collect();
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits, radix).ok()
}

/// A signed integer in any base the text announces.
fn parse_signed(text: &str) -> Option<i64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let value = parse_unsigned(rest)?;
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// A decimal or hexadecimal floating-point number; `None` for bad syntax and for what is too large.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    read_float(text).filter(|value| value.is_finite())
}

/// Whether a text is a number, even one that is too large.
fn is_float_syntax(text: &str) -> bool {
    read_float(text).is_some()
}

/// As [`parse_float`]; infinite when it is too large.
fn read_float(text: &str) -> Option<f64> {
    if !underscores_fit(text) {
        return None;
    }
    let clean: String = text.chars().filter(|&c| c != '_').collect();
    let unsigned = clean.strip_prefix(['-', '+']).unwrap_or(&clean);
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = parse_hex_float(hex)?;
        return Some(if clean.starts_with('-') { -value } else { value });
    }
    let first = unsigned.bytes().next()?;
    if !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    clean.parse::<f64>().ok()
}

fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse::<i64>().ok()?.clamp(-100_000, 100_000).try_into().ok()?;
    let (mut value, mut scale, mut digits, mut fraction) = (0_u64, 0_i32, 0, false);
    for c in mantissa.chars() {
        if c == '.' && !fraction {
            fraction = true;
            continue;
        }
        let digit = u64::from(c.to_digit(16)?);
        digits += 1;
        if value >> 56 == 0 {
            value = value << 4 | digit;
            scale -= if fraction { 4 } else { 0 };
        } else {
            // Beyond what a float can hold only the fact that something follows matters for rounding.
            value |= u64::from(digit != 0);
            scale += if fraction { 0 } else { 4 };
        }
    }
    if digits == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "rounding to the nearest float is the meaning of the constant")]
    let mut result = value as f64;
    let mut power = exponent.saturating_add(scale);
    while power != 0 && result != 0.0 && result.is_finite() {
        let step = power.clamp(-1000, 1000);
        result *= 2.0_f64.powi(step);
        power -= step;
    }
    Some(result)
}

/// The value of a number token, or the text of the parse error.
pub(super) fn constant(source: &[u8], kind: Kind) -> Result<Constant, String> {
    let text = String::from_utf8_lossy(source);
    match kind {
        Kind::CharConstant => character(source),
        Kind::Complex => complex(&text),
        _ => number(&text),
    }
}

fn character(source: &[u8]) -> Result<Constant, String> {
    let inner = source.get(1..).unwrap_or_default();
    let Some((unit, tail)) = unquote_char(inner, b'\'') else { return Err("invalid syntax".to_owned()) };
    if tail != b"'" {
        return Err(format!("malformed character constant: {}", String::from_utf8_lossy(source)));
    }
    Ok(Constant::Int(match unit {
        Unit::Byte(byte) => i64::from(byte),
        Unit::Char(c) => i64::from(u32::from(c)),
    }))
}

/// The longest start of `text` that looks like a float, and the rest. Sign and exponent alone look like one.
fn float_token(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let accept = |at: &mut usize, set: &[u8]| {
        let found = bytes.get(*at).is_some_and(|byte| set.contains(byte));
        *at += usize::from(found);
        found
    };
    accept(&mut at, b"+-");
    accept(&mut at, b"iI");
    let (mut digits, mut exponent): (&[u8], &[u8]) = (b"0123456789_", b"eEpP");
    if accept(&mut at, b"0") && accept(&mut at, b"xX") {
        (digits, exponent) = (b"0123456789aAbBcCdDeEfF_", b"pP");
    }
    while accept(&mut at, digits) {}
    if accept(&mut at, b".") {
        while accept(&mut at, digits) {}
    }
    if accept(&mut at, exponent) {
        accept(&mut at, b"+-");
        while accept(&mut at, b"0123456789_") {}
    }
    text.split_at(at)
}

/// Two floats, the second with its sign and an `i`.
fn complex(text: &str) -> Result<Constant, String> {
    let scan_error = "syntax error scanning complex number";
    let part = |text: &str| {
        parse_float(text).ok_or_else(|| {
            let quoted = quote(text.as_bytes(), Generation::default());
            let why = if is_float_syntax(text) { "value out of range" } else { "invalid syntax" };
            format!("strconv.ParseFloat: parsing {quoted}: {why}")
        })
    };
    let (real, signed) = float_token(text);
    let Some(tail) = signed.strip_prefix(['+', '-']) else { return Err(scan_error.to_owned()) };
    let (digits, tail) = float_token(tail);
    if !tail.starts_with('i') {
        return Err(scan_error.to_owned());
    }
    let imaginary = signed.get(..1 + digits.len()).unwrap_or_default();
    Ok(Constant::Complex(part(real)?, part(imaginary)?))
}

fn number(text: &str) -> Result<Constant, String> {
    if let Some(imaginary) = text.strip_suffix('i').and_then(parse_float) {
        return Ok(Constant::Complex(0.0, imaginary));
    }
    if let Some(value) = parse_signed(text) {
        return Ok(Constant::Int(value));
    }
    if parse_unsigned(text).is_some() {
        return Ok(Constant::TooLarge);
    }
    match parse_float(text) {
        Some(_) if !text.contains(['.', 'e', 'E', 'p', 'P']) => {
            Err(format!("integer overflow: {}", quote(text.as_bytes(), Generation::default())))
        }
        Some(value) => Ok(Constant::Float(value)),
        None => Err(format!("illegal number syntax: {}", quote(text.as_bytes(), Generation::default()))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn reads_every_base_and_refuses_misplaced_underscores() {
        for (text, value) in
            [("0x1F", 31), ("0b101", 5), ("0o17", 15), ("017", 15), ("1_000", 1000), ("-5", -5), ("0_7", 7)]
        {
            assert_eq!(number(text), Ok(Constant::Int(value)), "{text}");
        }
        for text in ["1__0", "1_", "_1", "0x", "1e"] {
            assert!(number(text).is_err(), "{text}");
        }
        assert_eq!(number("0x1p-2"), Ok(Constant::Float(0.25)));
        assert_eq!(number("0x.8p1"), Ok(Constant::Float(1.0)));
        assert_eq!(number("18446744073709551615"), Ok(Constant::TooLarge));
        assert_eq!(complex("1e+2-3i"), Ok(Constant::Complex(100.0, -3.0)));
    }
}
