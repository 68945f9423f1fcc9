//! The functions templates may call.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Generation;
use super::lexer::decode_char;
use super::printf::{Printer, write_plain};
use super::unicode::is_print;
use super::value::{Typed, Value};
use crate::module::json;

/// A function by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    Subst,
    Urlquery,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Param {
    /// Text only.
    Text,
    /// Anything, nil included.
    Any,
    /// Anything, and whether there is a value at all stays visible.
    Value,
}

/// The parameters of a function; `rest` repeats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature {
    pub(super) fixed: &'static [Param],
    pub(super) rest: Option<Param>,
}

/// Why a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The function's own error.
    Message(String),
    /// The result would be longer than allowed.
    TooLong,
}

impl From<String> for CallError {
    fn from(text: String) -> Self {
        Self::Message(text)
    }
}

impl From<&str> for CallError {
    fn from(text: &str) -> Self {
        Self::Message(text.to_owned())
    }
}

const NAMES: [(&str, Function); 20] = [
    ("and", Function::And),
    ("call", Function::Call),
    ("eq", Function::Eq),
    ("ge", Function::Ge),
    ("gt", Function::Gt),
    ("html", Function::Html),
    ("index", Function::Index),
    ("js", Function::Js),
    ("le", Function::Le),
    ("len", Function::Len),
    ("lt", Function::Lt),
    ("ne", Function::Ne),
    ("not", Function::Not),
    ("or", Function::Or),
    ("print", Function::Print),
    ("printf", Function::Printf),
    ("println", Function::Println),
    ("slice", Function::Slice),
    ("subst", Function::Subst),
    ("urlquery", Function::Urlquery),
];

impl Function {
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.as_bytes() == name).map(|&(_, function)| function)
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, function)| *function == self).map_or("", |&(name, _)| name)
    }

    pub(super) fn signature(self) -> Signature {
        use Function as F;
        let (fixed, rest): (&'static [Param], Option<Param>) = match self {
            F::And | F::Or | F::Call | F::Index | F::Slice | F::Eq => (&[Param::Value], Some(Param::Value)),
            F::Not | F::Len => (&[Param::Value], None),
            F::Ne | F::Lt | F::Le | F::Gt | F::Ge => (&[Param::Value, Param::Value], None),
            F::Print | F::Println | F::Html | F::Js | F::Urlquery => (&[], Some(Param::Any)),
            F::Printf => (&[Param::Text], Some(Param::Any)),
            F::Subst => (&[Param::Text], Some(Param::Text)),
        };
        Signature { fixed, rest }
    }
}

/// Calls a function with arguments that fit its signature. `shown` is the first argument as written, `room` the longest
/// text it may build.
pub(super) fn call(
    function: Function,
    args: &[Typed],
    shown: &str,
    room: usize,
    generation: Generation,
) -> Result<Typed, CallError> {
    let plain = |value| Ok(Typed::plain(value));
    let text = |bytes: Vec<u8>| Ok(Typed::plain(Value::text(bytes)));
    let (first, rest) = args.split_first().map_or((&Value::Missing, args), |(first, rest)| (&first.value, rest));
    let second = rest.first().map_or(&Value::Missing, |second| &second.value);
    match function {
        // These two stop at the first argument that decides, so they are evaluated where arguments are.
        Function::And | Function::Or => plain(first.clone()),
        Function::Not => plain(Value::Bool(!first.truth())),
        Function::Len => plain(Value::Int(length(first, args)?)),
        Function::Index => index(args),
        Function::Slice => plain(slice(first, rest)?),
        Function::Call => match first {
            value if value.is_nil() => Err("call of nil".into()),
            value if generation == Generation::Go1_19 => {
                Err(format!("non-function of type {}", value.type_name()).into())
            }
            value => Err(format!("non-function {shown} of type {}", value.type_name()).into()),
        },
        Function::Eq => plain(Value::Bool(equal_any(first, rest)?)),
        Function::Ne => plain(Value::Bool(!equal_any(first, rest)?)),
        Function::Lt => plain(Value::Bool(less(first, second)?)),
        Function::Le => plain(Value::Bool(less(first, second)? || equal(first, second)?)),
        Function::Gt => plain(Value::Bool(!(less(first, second)? || equal(first, second)?))),
        Function::Ge => plain(Value::Bool(!less(first, second)?)),
        Function::Print => text(sprint(args, false, room)?),
        Function::Println => text(sprint(args, true, room)?),
        Function::Printf => text(sprintf(first, rest, room, generation)?),
        Function::Html => text(html(&joined(args, room)?)),
        Function::Js => text(js(&joined(args, room)?, generation)),
        Function::Urlquery => text(urlquery(&joined(args, room)?)),
        Function::Subst => {
            let decoded = rest.iter().map(|arg| json_text(&arg.value)).collect::<Result<Vec<_>, _>>()?;
            text(sprintf(first, &decoded, room, generation)?)
        }
    }
}

/// A value of `subst`: a JSON string document, or null for empty text.
fn json_text(value: &Value) -> Result<Typed, CallError> {
    let Value::Text(document) = value else { return Err("subst: invalid input".into()) };
    match json::decode_string(document) {
        Some(text) => Ok(Typed::plain(Value::text(text))),
        None => Err("subst: invalid input".into()),
    }
}

fn sprintf(format: &Value, args: &[Typed], room: usize, generation: Generation) -> Result<Vec<u8>, CallError> {
    let Value::Text(format) = format else { return Err(CallError::TooLong) };
    let args: Vec<Value> = args.iter().map(|arg| arg.value.clone()).collect();
    let mut printer = Printer::new(room, generation);
    printer.printf(format, &args);
    printer.finish().ok_or(CallError::TooLong)
}

/// Values side by side: a space between neighbours when neither is text, or always, with a newline.
fn sprint(args: &[Typed], line: bool, room: usize) -> Result<Vec<u8>, CallError> {
    let mut out = Vec::new();
    let mut after_text = true;
    for (index, arg) in args.iter().enumerate() {
        let is_text = matches!(arg.value, Value::Text(_));
        if index > 0 && (line || (!is_text && !after_text)) {
            out.push(b' ');
        }
        write_plain(&mut out, &arg.value);
        after_text = is_text;
        if out.len() > room {
            return Err(CallError::TooLong);
        }
    }
    if line {
        out.push(b'\n');
    }
    Ok(out)
}

/// The text that an escaper works on.
fn joined(args: &[Typed], room: usize) -> Result<Vec<u8>, CallError> {
    if let [Typed { value: Value::Text(text), .. }] = args {
        return if text.len() > room { Err(CallError::TooLong) } else { Ok(text.to_vec()) };
    }
    let shown: Vec<Typed> = args
        .iter()
        .map(|arg| if arg.value.is_nil() { Typed::plain(Value::text("<no value>")) } else { arg.clone() })
        .collect();
    sprint(&shown, false, room)
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            byte => out.push(byte),
        }
    }
    out
}

fn js(text: &[u8], generation: Generation) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (c, size) = decode_char(rest);
        let (head, tail) = rest.split_at(size.max(1).min(rest.len()));
        match c {
            '\\' | '\'' | '"' => {
                out.push(b'\\');
                out.extend_from_slice(head);
            }
            '<' | '>' | '&' | '=' => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
            c if c < ' ' || (!c.is_ascii() && !is_print(c, generation)) => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
            }
            _ => out.extend_from_slice(head),
        }
        rest = tail;
    }
    out
}

fn urlquery(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn length(value: &Value, args: &[Typed]) -> Result<i64, CallError> {
    match value {
        Value::Text(text) => Ok(count(text.len())),
        Value::List(list) => Ok(count(list.len())),
        Value::Map(map) => Ok(count(map.len())),
        Value::Texts(map) => Ok(count(map.len())),
        Value::Nil if args.first().is_some_and(|arg| arg.boxed) => Err("len of nil pointer".into()),
        Value::Missing | Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        other => Err(format!("len of type {}", other.type_name()).into()),
    }
}

/// An index into something of `length` elements, its end included.
fn position(index: &Value, length: usize) -> Result<usize, CallError> {
    let value = match index {
        Value::Int(value) => *value,
        Value::Byte(value) => i64::from(*value),
        Value::Missing | Value::Nil => return Err("cannot index slice/array with nil".into()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name()).into()),
    };
    match usize::try_from(value) {
        Ok(position) if position <= length => Ok(position),
        _ => Err(format!("index out of range: {value}").into()),
    }
}

fn key(index: &Value) -> Result<&[u8], CallError> {
    match index {
        Value::Text(text) => Ok(text),
        Value::Missing | Value::Nil => Err("value is nil; should be of type string".into()),
        other => Err(format!("value has type {}; should be string", other.type_name()).into()),
    }
}

fn index(args: &[Typed]) -> Result<Typed, CallError> {
    let Some((item, indexes)) = args.split_first() else { return Err("index of untyped nil".into()) };
    if item.value.is_nil() {
        return Err("index of untyped nil".into());
    }
    let mut item = Typed::plain(item.value.clone());
    for at in indexes {
        item = match &item.value {
            Value::Missing | Value::Nil => return Err("index of nil pointer".into()),
            Value::Text(text) => {
                let position = position(&at.value, text.len())?;
                let byte = text.get(position).ok_or("reflect: string index out of range")?;
                Typed::plain(Value::Byte(*byte))
            }
            Value::List(list) => {
                let position = position(&at.value, list.len())?;
                let element = list.get(position).ok_or("reflect: slice index out of range")?;
                Typed::boxed(element.clone())
            }
            Value::Map(map) => Typed::boxed(map.get(key(&at.value)?).cloned().unwrap_or(Value::Nil)),
            Value::Texts(map) => Typed::plain(
                map.get(key(&at.value)?).map_or_else(|| Value::text(""), |text| Value::Text(Arc::clone(text))),
            ),
            other => return Err(format!("can't index item of type {}", other.type_name()).into()),
        };
    }
    Ok(item)
}

fn slice(item: &Value, indexes: &[Typed]) -> Result<Value, CallError> {
    if item.is_nil() {
        return Err("slice of untyped nil".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let length = match item {
        Value::Text(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name()).into()),
    };
    let mut bounds = [0, length, length];
    for (slot, index) in bounds.iter_mut().zip(indexes) {
        if index.boxed {
            return Err("cannot index slice/array with type interface {}".into());
        }
        *slot = position(&index.value, length)?;
    }
    let [low, high, most] = bounds;
    if low > high {
        return Err(format!("invalid slice index: {low} > {high}").into());
    }
    if indexes.len() == 3 && high > most {
        return Err(format!("invalid slice index: {high} > {most}").into());
    }
    Ok(match item {
        Value::Text(text) => Value::text(text.get(low..high).unwrap_or_default()),
        Value::List(list) => Value::List(Arc::from(list.get(low..high).unwrap_or_default())),
        other => other.clone(),
    })
}

/// The kinds that compare with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    None,
    Bool,
    Int,
    Uint,
    Float,
    Complex,
    Text,
}

fn basic(value: &Value) -> Basic {
    match value {
        Value::Bool(_) => Basic::Bool,
        Value::Int(_) => Basic::Int,
        Value::Byte(_) => Basic::Uint,
        Value::Float(_) => Basic::Float,
        Value::Complex(..) => Basic::Complex,
        Value::Text(_) => Basic::Text,
        Value::Missing | Value::Nil | Value::List(_) | Value::Map(_) | Value::Texts(_) => Basic::None,
    }
}

fn equal_any(first: &Value, rest: &[Typed]) -> Result<bool, CallError> {
    if rest.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in rest {
        if equal(first, &other.value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A value as `%s` shows it inside an error text.
fn shown(value: &Value) -> String {
    let mut printer = Printer::new(1 << 16, Generation::default());
    printer.printf(b"%s", std::slice::from_ref(value));
    String::from_utf8_lossy(&printer.finish().unwrap_or_default()).into_owned()
}

fn equal(a: &Value, b: &Value) -> Result<bool, CallError> {
    match (a, b) {
        (Value::Int(int), Value::Byte(byte)) | (Value::Byte(byte), Value::Int(int)) => Ok(*int == i64::from(*byte)),
        _ if basic(a) != basic(b) => {
            if a.is_nil() || b.is_nil() {
                return Ok(false);
            }
            Err("incompatible types for comparison".into())
        }
        _ if basic(a) != Basic::None => Ok(a == b),
        _ if a.is_nil() || b.is_nil() => Ok(a.is_nil() && b.is_nil()),
        (Value::List(_), Value::List(_)) | (Value::Map(_) | Value::Texts(_), Value::Map(_) | Value::Texts(_)) => {
            Err(format!("non-comparable type {}: {}", shown(b), b.type_name()).into())
        }
        _ => {
            let mut plain = Vec::new();
            write_plain(&mut plain, b);
            let (x, y) = (shown(a), String::from_utf8_lossy(&plain));
            Err(format!("non-comparable types {x}: {}, {}: {y}", a.type_name(), b.type_name()).into())
        }
    }
}

fn less(a: &Value, b: &Value) -> Result<bool, CallError> {
    if basic(a) == Basic::None || basic(b) == Basic::None {
        return Err("invalid type for comparison".into());
    }
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a < b),
        (Value::Byte(a), Value::Byte(b)) => Ok(a < b),
        (Value::Int(a), Value::Byte(b)) => Ok(*a < i64::from(*b)),
        (Value::Byte(a), Value::Int(b)) => Ok(i64::from(*a) < *b),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b) == Some(Ordering::Less)),
        (Value::Text(a), Value::Text(b)) => Ok(a < b),
        _ if basic(a) == basic(b) => Err("invalid type for comparison".into()),
        _ => Err("incompatible types for comparison".into()),
    }
}
