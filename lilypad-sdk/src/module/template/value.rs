//! The values a template computes with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::printf;

/// A value of the template language. Text is bytes: slicing may cut a character.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value: an absent key, or nil after a pipeline. Shape on output: `<no value>`.
    Missing,
    /// Nil stored in a list or map, or passed where anything may be.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// One byte of a text, as `index` gives it.
    Byte(u8),
    /// A 64-bit float.
    Float(f64),
    /// A complex number: real and imaginary part.
    Complex(f64, f64),
    /// Text.
    Text(Arc<[u8]>),
    /// A list of anything.
    List(Arc<[Value]>),
    /// A map from text to anything, in key order.
    Map(Arc<BTreeMap<Vec<u8>, Value>>),
    /// A map from text to text, as the inputs of a module are.
    Texts(Arc<BTreeMap<Vec<u8>, Arc<[u8]>>>),
}

/// A value together with what is known of it statically: an element of a list or map of anything stays "something" until a
/// pipeline looks inside. Only error texts and the treatment of nil depend on it.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) value: Value,
    pub(super) boxed: bool,
}

impl Typed {
    pub(super) fn plain(value: Value) -> Self {
        Self { value, boxed: false }
    }

    pub(super) fn boxed(value: Value) -> Self {
        Self { value, boxed: true }
    }

    /// What a pipeline hands on: the thing inside, and nil is no value.
    pub(super) fn unboxed(self) -> Self {
        let value = if self.boxed && self.value == Value::Nil { Value::Missing } else { self.value };
        Self::plain(value)
    }

    pub(super) fn type_name(&self) -> &'static str {
        if self.boxed { "interface {}" } else { self.value.type_name() }
    }
}

impl Value {
    /// Text from a string.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// The name that `%T` and error texts use.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Text(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Texts(_) => "map[string]string",
        }
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Self::Missing | Self::Nil)
    }

    /// False, zero, empty, nil and missing are false; everything else is true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Texts(map) => !map.is_empty(),
        }
    }

    /// The text an action writes for this value.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        if self.is_nil() {
            out.extend_from_slice(b"<no value>");
        } else {
            printf::write_plain(out, self);
        }
    }

    /// What a function that looks at it has to do, in bytes, roughly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.len().saturating_mul(16),
            Self::Map(map) => map.len().saturating_mul(16),
            Self::Texts(map) => map.len().saturating_mul(16),
            _ => 16,
        }
    }
}
