//! `printf`, and how values are written.
//!
//! Mistakes in a format are written into the text (`%!d(string=x)`), never reported as errors.

use std::borrow::Cow;

use super::Generation;
use super::lexer::decode_char;
use super::quote::{can_backquote, quote_char, quote_with};
use super::unicode::is_print;
use super::value::Value;

/// Largest width, precision or argument index; a larger one is ignored.
const MOST: i64 = 1_000_000;

/// Writes a value as `%v` does.
pub(super) fn write_plain(out: &mut Vec<u8>, value: &Value) {
    if let Value::Text(text) = value {
        out.extend_from_slice(text);
        return;
    }
    let mut printer = Printer::new(usize::MAX, Generation::default());
    printer.out = std::mem::take(out);
    printer.arg(value, 'v');
    *out = printer.out;
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`: the value as source text.
    source: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Builds formatted text, up to a length.
#[derive(Debug)]
pub(super) struct Printer {
    out: Vec<u8>,
    room: usize,
    full: bool,
    flags: Flags,
    generation: Generation,
}

/// Reads a decimal number; `None` when there is none or it is absurd, in which case everything up to `end` is skipped.
fn number(format: &[u8], start: usize, end: usize) -> (Option<i64>, usize) {
    let (mut value, mut at) = (None, start);
    while at < end {
        let Some(digit) = format.get(at).filter(|byte| byte.is_ascii_digit()) else { break };
        let so_far = value.unwrap_or(0_i64);
        if so_far > MOST {
            return (None, end);
        }
        value = Some(so_far * 10 + i64::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// Where the directive being read takes its argument from.
struct Cursor {
    arg: usize,
    good: bool,
    reordered: bool,
    after_index: bool,
}

impl Cursor {
    /// Reads an explicit `[n]`; gives the position behind it.
    fn index(&mut self, format: &[u8], at: usize, args: usize) -> usize {
        self.after_index = false;
        if format.get(at) != Some(&b'[') {
            return at;
        }
        self.reordered = true;
        let rest = format.get(at..).unwrap_or_default();
        let close = if rest.len() < 3 { None } else { rest.iter().position(|&byte| byte == b']') };
        let Some(close) = close else {
            self.good = false;
            return at + 1;
        };
        let (value, end) = number(rest, 1, close);
        let index = value.filter(|_| end == close).map(|value| value - 1);
        self.after_index = index.is_some();
        match index.and_then(|index| usize::try_from(index).ok()).filter(|&index| index < args) {
            Some(index) => self.arg = index,
            None => self.good = false,
        }
        at + close + 1
    }

    /// An integer argument for `*`.
    fn star(&mut self, args: &[Value]) -> Option<i64> {
        let value = match args.get(self.arg)? {
            Value::Int(value) => Some(*value),
            Value::Byte(value) => Some(i64::from(*value)),
            _ => None,
        };
        self.arg += 1;
        value.filter(|value| (-MOST..=MOST).contains(value))
    }
}

fn length(value: i64) -> usize {
    usize::try_from(value.unsigned_abs()).unwrap_or_default()
}

impl Printer {
    pub(super) fn new(room: usize, generation: Generation) -> Self {
        Self { out: Vec::new(), room, full: false, flags: Flags::default(), generation }
    }

    /// The text, or `None` when it grew too long.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        (!self.full).then_some(self.out)
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.out.len() + bytes.len() > self.room {
            self.full = true;
        } else {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Formats `args` by `format`.
    pub(super) fn printf(&mut self, format: &[u8], args: &[Value]) {
        let end = format.len();
        let mut cursor = Cursor { arg: 0, good: true, reordered: false, after_index: false };
        let mut at = 0;
        while at < end && !self.full {
            let text_end = format.iter().skip(at).position(|&byte| byte == b'%').map_or(end, |offset| at + offset);
            self.push(format.get(at..text_end).unwrap_or_default());
            at = text_end;
            if at < end {
                at = self.directive(format, at + 1, args, &mut cursor);
            }
        }
        if !cursor.reordered && cursor.arg < args.len() {
            self.extra(args.get(cursor.arg..).unwrap_or_default());
        }
    }

    /// One directive from behind its `%`; gives the position behind it.
    fn directive(&mut self, format: &[u8], start: usize, args: &[Value], cursor: &mut Cursor) -> usize {
        let end = format.len();
        let mut at = start;
        cursor.good = true;
        cursor.after_index = false;
        self.flags = Flags::default();
        while let Some(flag) = format.get(at) {
            match flag {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            at += 1;
        }
        at = cursor.index(format, at, args.len());
        if format.get(at) == Some(&b'*') {
            at += 1;
            let width = cursor.star(args);
            if width.is_none() {
                self.push(b"%!(BADWIDTH)");
            }
            self.flags.width = width.map(length);
            self.flags.minus |= width.is_some_and(|width| width < 0);
            cursor.after_index = false;
        } else {
            let (width, behind) = number(format, at, end);
            at = behind;
            self.flags.width = width.map(length);
            if cursor.after_index && width.is_some() {
                cursor.good = false;
            }
        }
        // A point at the very end is a verb.
        if format.get(at) == Some(&b'.') && at + 1 < end {
            at += 1;
            if cursor.after_index {
                cursor.good = false;
            }
            at = cursor.index(format, at, args.len());
            if format.get(at) == Some(&b'*') {
                at += 1;
                let precision = cursor.star(args).filter(|&precision| precision >= 0);
                if precision.is_none() {
                    self.push(b"%!(BADPREC)");
                }
                self.flags.precision = precision.map(length);
                cursor.after_index = false;
            } else {
                let (precision, behind) = number(format, at, end);
                at = behind;
                self.flags.precision = Some(precision.map_or(0, length));
            }
        }
        if !cursor.after_index {
            at = cursor.index(format, at, args.len());
        }
        if at >= end {
            self.push(b"%!(NOVERB)");
            return end;
        }
        let (verb, size) = decode_char(format.get(at..).unwrap_or_default());
        if verb == '%' {
            self.push(b"%");
        } else if !cursor.good {
            self.push(format!("%!{verb}(BADINDEX)").as_bytes());
        } else if let Some(arg) = args.get(cursor.arg) {
            if verb == 'v' || (verb == 'w' && self.generation != Generation::Go1_19) {
                self.flags.source = std::mem::take(&mut self.flags.sharp);
                self.flags.plus = false;
            }
            self.arg(arg, verb);
            cursor.arg += 1;
        } else {
            self.push(format!("%!{verb}(MISSING)").as_bytes());
        }
        at + size
    }

    fn extra(&mut self, args: &[Value]) {
        self.flags = Flags::default();
        self.push(b"%!(EXTRA ");
        for (index, arg) in args.iter().enumerate() {
            if index > 0 {
                self.push(b", ");
            }
            if arg.is_nil() {
                self.push(b"<nil>");
            } else {
                self.push(arg.type_name().as_bytes());
                self.push(b"=");
                self.arg(arg, 'v');
            }
        }
        self.push(b")");
    }

    fn arg(&mut self, value: &Value, verb: char) {
        if value.is_nil() {
            match verb {
                'T' | 'v' => self.pad(b"<nil>"),
                _ => self.bad_verb(verb, value),
            }
            return;
        }
        if verb == 'T' {
            return self.string(value.type_name().as_bytes(), 's', value);
        }
        // What formats itself could answer to `w`, so whatever might is asked first, as a whole.
        if verb == 'w' && matches!(value, Value::List(_) | Value::Map(_) | Value::Texts(_)) {
            return self.bad_verb(verb, value);
        }
        self.value(value, verb);
    }

    fn value(&mut self, value: &Value, verb: char) {
        match value {
            Value::Missing | Value::Nil => self.push(b"<nil>"),
            Value::Bool(truth) => match verb {
                't' | 'v' => self.pad(if *truth { b"true" } else { b"false" }),
                _ => self.bad_verb(verb, value),
            },
            Value::Int(int) => self.integer(*int < 0, int.unsigned_abs(), verb, value),
            Value::Byte(byte) if verb == 'v' && self.flags.source => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(false, u64::from(*byte), 16, false, verb);
                self.flags.sharp = sharp;
            }
            Value::Byte(byte) => self.integer(false, u64::from(*byte), verb, value),
            Value::Float(float) => self.float(*float, verb, value),
            Value::Complex(real, imaginary) => self.complex(*real, *imaginary, verb, value),
            Value::Text(text) => self.string(text, verb, value),
            Value::List(list) => self.list(list, verb, value),
            Value::Map(map) => {
                self.map(value, verb, map.iter().map(|(key, value)| (key.as_slice(), Cow::Borrowed(value))));
            }
            Value::Texts(map) => {
                let entries = map.iter().map(|(key, text)| (key.as_slice(), Cow::Owned(Value::Text(text.clone()))));
                self.map(value, verb, entries);
            }
        }
    }

    fn list(&mut self, list: &[Value], verb: char, whole: &Value) {
        let (open, between, close): (&[u8], &[u8], &[u8]) =
            if self.flags.source { (b"{", b", ", b"}") } else { (b"[", b" ", b"]") };
        if self.flags.source {
            self.push(whole.type_name().as_bytes());
        }
        self.push(open);
        for (index, element) in list.iter().enumerate() {
            if index > 0 {
                self.push(between);
            }
            self.element(element, verb);
        }
        self.push(close);
    }

    fn map<'v>(&mut self, whole: &Value, verb: char, entries: impl Iterator<Item = (&'v [u8], Cow<'v, Value>)>) {
        let source = self.flags.source;
        if source {
            self.push(whole.type_name().as_bytes());
            self.push(b"{");
        } else {
            self.push(b"map[");
        }
        for (index, (key, value)) in entries.enumerate() {
            if index > 0 {
                self.push(if source { b", " } else { b" " });
            }
            self.value(&Value::text(key), verb);
            self.push(b":");
            self.element(&value, verb);
        }
        self.push(if source { b"}" } else { b"]" });
    }

    fn element(&mut self, value: &Value, verb: char) {
        if value.is_nil() {
            let text: &[u8] = if self.flags.source { b"interface {}(nil)" } else { b"<nil>" };
            self.push(text);
        } else {
            self.value(value, verb);
        }
    }

    fn bad_verb(&mut self, verb: char, value: &Value) {
        self.push(format!("%!{verb}(").as_bytes());
        if value.is_nil() {
            self.push(b"<nil>");
        } else {
            self.push(value.type_name().as_bytes());
            self.push(b"=");
            self.value(value, 'v');
        }
        self.push(b")");
    }

    // Padding.

    fn padding(&mut self, count: usize, zero: bool) {
        if self.out.len() + count > self.room {
            self.full = true;
        } else {
            let byte = if zero && !self.flags.minus { b'0' } else { b' ' };
            self.out.extend(std::iter::repeat_n(byte, count));
        }
    }

    fn pad(&mut self, text: &[u8]) {
        self.pad_with(text, self.flags.zero);
    }

    fn pad_with(&mut self, text: &[u8], zero: bool) {
        let missing = self.flags.width.unwrap_or(0).saturating_sub(count_chars(text));
        if !self.flags.minus {
            self.padding(missing, zero);
        }
        self.push(text);
        if self.flags.minus {
            self.padding(missing, false);
        }
    }

    // Integers.

    fn integer(&mut self, negative: bool, magnitude: u64, verb: char, value: &Value) {
        match verb {
            'v' | 'd' => self.digits(negative, magnitude, 10, false, verb),
            'b' => self.digits(negative, magnitude, 2, false, verb),
            'o' | 'O' => self.digits(negative, magnitude, 8, false, verb),
            'x' => self.digits(negative, magnitude, 16, false, verb),
            'X' => self.digits(negative, magnitude, 16, true, verb),
            'c' => {
                let c = to_char(negative, magnitude);
                self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'q' => {
                let text = quote_char(to_char(negative, magnitude), self.flags.plus, self.generation);
                self.pad(text.as_bytes());
            }
            'U' => {
                let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
                let precision = self.flags.precision.unwrap_or(4).max(4);
                if precision > self.room {
                    self.full = true;
                    return;
                }
                let digits = format!("{bits:X}");
                let mut text = format!("U+{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
                if self.flags.sharp
                    && let Some(c) =
                        u32::try_from(bits).ok().and_then(char::from_u32).filter(|&c| is_print(c, self.generation))
                {
                    text.push_str(&format!(" '{c}'"));
                }
                self.pad_with(text.as_bytes(), false);
            }
            _ => self.bad_verb(verb, value),
        }
    }

    fn digits(&mut self, negative: bool, magnitude: u64, base: u8, upper: bool, verb: char) {
        let signed = negative || self.flags.plus || self.flags.space;
        let mut digits = match (base, upper) {
            (2, _) => format!("{magnitude:b}"),
            (8, _) => format!("{magnitude:o}"),
            (16, false) => format!("{magnitude:x}"),
            (16, true) => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        let at_least = match (self.flags.precision, self.flags.width) {
            (Some(0), width) if magnitude == 0 => return self.padding(width.unwrap_or(0), false),
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => width.saturating_sub(usize::from(signed)),
            _ => 0,
        };
        if at_least > digits.len() {
            if at_least > self.room {
                self.full = true;
                return;
            }
            digits.insert_str(0, &"0".repeat(at_least - digits.len()));
        }
        let mut text = String::with_capacity(digits.len() + 3);
        if negative {
            text.push('-');
        } else if self.flags.plus {
            text.push('+');
        } else if self.flags.space {
            text.push(' ');
        }
        if verb == 'O' {
            text.push_str("0o");
        }
        if self.flags.sharp {
            match base {
                2 => text.push_str("0b"),
                8 if !digits.starts_with('0') => text.push('0'),
                16 => text.push_str(if upper { "0X" } else { "0x" }),
                _ => {}
            }
        }
        text.push_str(&digits);
        self.pad_with(text.as_bytes(), false);
    }

    // Text.

    fn cut<'b>(&self, text: &'b [u8]) -> &'b [u8] {
        let Some(precision) = self.flags.precision else { return text };
        let mut end = 0;
        for _ in 0..precision {
            let size = decode_char(text.get(end..).unwrap_or_default()).1;
            if size == 0 {
                break;
            }
            end += size;
        }
        text.get(..end).unwrap_or(text)
    }

    fn string(&mut self, text: &[u8], verb: char, value: &Value) {
        match verb {
            'v' if self.flags.source => self.quoted(text),
            'v' | 's' => self.pad(self.cut(text)),
            'q' => self.quoted(text),
            'x' => self.hex(text, false),
            'X' => self.hex(text, true),
            _ => self.bad_verb(verb, value),
        }
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.cut(text);
        if self.flags.sharp && can_backquote(text) {
            let mut quoted = vec![b'`'];
            quoted.extend_from_slice(text);
            quoted.push(b'`');
            return self.pad(&quoted);
        }
        let quoted = quote_with(text, '"', self.flags.plus, self.generation);
        self.pad(quoted.as_bytes());
    }

    fn hex(&mut self, text: &[u8], upper: bool) {
        let text = self.flags.precision.and_then(|precision| text.get(..precision)).unwrap_or(text);
        let prefix = if upper { "0X" } else { "0x" };
        let mut hex = String::with_capacity(text.len() * 2);
        for (index, byte) in text.iter().enumerate() {
            if self.flags.space && index > 0 {
                hex.push(' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                hex.push_str(prefix);
            }
            hex.push_str(&if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(hex.as_bytes());
    }

    // Floats.

    fn float(&mut self, float: f64, verb: char, value: &Value) {
        let (style, default) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad_verb(verb, value),
        };
        let precision = self.flags.precision.or(default);
        if precision.is_some_and(|precision| precision > self.room) {
            self.full = true;
            return;
        }
        let mut text = super::float::format(float.abs(), style, precision);
        let sign = if float.is_sign_negative() && !float.is_nan() {
            '-'
        } else if self.flags.space && !self.flags.plus {
            ' '
        } else {
            '+'
        };
        if !float.is_finite() {
            let shown = if sign != '+' || self.flags.plus { format!("{sign}{text}") } else { text };
            return self.pad_with(shown.as_bytes(), false);
        }
        if self.flags.sharp && style != 'b' {
            text = super::float::keep_point(&text, style, precision);
        }
        if sign == '+' && !self.flags.plus {
            return self.pad(text.as_bytes());
        }
        if self.flags.zero && !self.flags.minus && self.flags.width.is_some_and(|width| width > text.len() + 1) {
            self.push(&[u8::try_from(sign).unwrap_or(b'-')]);
            let missing = self.flags.width.unwrap_or(0).saturating_sub(text.len() + 1);
            self.padding(missing, true);
            return self.push(text.as_bytes());
        }
        self.pad(format!("{sign}{text}").as_bytes());
    }

    fn complex(&mut self, real: f64, imaginary: f64, verb: char, value: &Value) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(verb, value);
        }
        let plus = self.flags.plus;
        self.push(b"(");
        self.float(real, verb, value);
        self.flags.plus = true;
        self.float(imaginary, verb, value);
        self.push(b"i)");
        self.flags.plus = plus;
    }
}

fn to_char(negative: bool, magnitude: u64) -> char {
    u32::try_from(magnitude).ok().filter(|_| !negative).and_then(char::from_u32).unwrap_or('\u{fffd}')
}

fn count_chars(text: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        at += decode_char(rest).1.max(1);
        count += 1;
    }
    count
}
