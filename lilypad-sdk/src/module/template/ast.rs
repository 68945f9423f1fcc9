//! What a parsed template is made of, and how its parts are written back in error messages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::sync::Arc;

use super::Generation;
use super::funcs::Function;
use super::quote::quote;

/// A sequence of nodes.
pub(super) type List = Vec<Node>;

/// One part of a template's body.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A text, and where it begins in the template.
    Text {
        at: usize,
        text: Arc<[u8]>,
    },
    Action(Pipe),
    If {
        pipe: Pipe,
        body: List,
        otherwise: List,
    },
    With {
        pipe: Pipe,
        body: List,
        otherwise: List,
    },
    Range {
        pipe: Pipe,
        body: List,
        otherwise: List,
    },
    Template(Call),
    Break,
    Continue,
}

/// `{{template "name" pipe}}`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) pos: usize,
    pub(super) name: Arc<[u8]>,
    pub(super) pipe: Option<Pipe>,
    pub(super) generation: Generation,
}

/// Commands joined by `|`, with the variables that take the last one's value.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    /// Where the action around it begins.
    pub(super) start: usize,
    pub(super) pos: usize,
    pub(super) assign: bool,
    /// How error texts write `=`; the older generation writes `:=` there too.
    pub(super) sign: &'static str,
    pub(super) decl: Vec<Arc<str>>,
    pub(super) commands: Vec<Command>,
}

/// A callee and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) pos: usize,
    pub(super) args: Vec<Operand>,
}

/// A number as written, and the value it has without further context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Constant {
    Int(i64),
    Float(f64),
    Complex(f64, f64),
    /// Fits 64 bits without a sign only; using it is an error of the run, not of the parse.
    TooLarge,
}

/// One word of a command.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) pos: usize,
    pub(super) term: Term,
}

/// What an operand is.
#[derive(Clone, Debug)]
pub(super) enum Term {
    Function(Function),
    Dot,
    Nil,
    Bool(bool),
    Number {
        text: Arc<str>,
        value: Constant,
    },
    Str {
        source: Arc<[u8]>,
        value: Arc<[u8]>,
    },
    /// `.A.B`: the names.
    Field(Vec<Arc<str>>),
    /// `$x.A`: the variable with its sigil, then the names.
    Variable {
        name: Arc<str>,
        fields: Vec<Arc<str>>,
    },
    /// `(pipe).A`: fields of something that is no field and no variable.
    Chain {
        node: Box<Operand>,
        fields: Vec<Arc<str>>,
    },
    Pipe(Box<Pipe>),
}

/// All templates of one text, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Templates(pub(super) BTreeMap<Arc<[u8]>, Arc<List>>);

/// Whether a body is nothing but white space; such a definition neither replaces nor conflicts.
pub(super) fn is_blank(list: &List) -> bool {
    list.iter().all(|node| match node {
        // The blanks that the language's reference trims here are those of Unicode.
        Node::Text { text, .. } => std::str::from_utf8(text).is_ok_and(|text| text.trim().is_empty()),
        _ => false,
    })
}

/// First names of all fields of dot and of `$`.
pub(super) fn fields(templates: &Templates) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for list in templates.0.values() {
        list_fields(list, &mut found);
    }
    found
}

fn list_fields(list: &List, found: &mut BTreeSet<String>) {
    for node in list {
        match node {
            Node::Text { .. } | Node::Break | Node::Continue => {}
            Node::Action(pipe) => pipe_fields(pipe, found),
            Node::Template(call) => call.pipe.iter().for_each(|pipe| pipe_fields(pipe, found)),
            Node::If { pipe, body, otherwise }
            | Node::With { pipe, body, otherwise }
            | Node::Range { pipe, body, otherwise } => {
                pipe_fields(pipe, found);
                list_fields(body, found);
                list_fields(otherwise, found);
            }
        }
    }
}

fn pipe_fields(pipe: &Pipe, found: &mut BTreeSet<String>) {
    for operand in pipe.commands.iter().flat_map(|command| &command.args) {
        operand_fields(operand, found);
    }
}

fn operand_fields(operand: &Operand, found: &mut BTreeSet<String>) {
    match &operand.term {
        Term::Field(fields) => found.extend(fields.first().map(|name| name.to_string())),
        Term::Variable { name, fields } if &**name == "$" => found.extend(fields.first().map(|name| name.to_string())),
        Term::Chain { node, .. } => operand_fields(node, found),
        Term::Pipe(pipe) => pipe_fields(pipe, found),
        _ => {}
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Arc<str>]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Function(function) => f.write_str(function.name()),
            Term::Dot => f.write_str("."),
            Term::Nil => f.write_str("nil"),
            Term::Bool(value) => write!(f, "{value}"),
            Term::Number { text, .. } => f.write_str(text),
            Term::Str { source, .. } => f.write_str(&String::from_utf8_lossy(source)),
            Term::Field(fields) => write_fields(f, fields),
            Term::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            Term::Chain { node, fields } => {
                match &node.term {
                    Term::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => write!(f, "{node}")?,
                }
                write_fields(f, fields)
            }
            Term::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match &arg.term {
                Term::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => write!(f, "{arg}")?,
            }
        }
        Ok(())
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.decl.iter().enumerate() {
            write!(f, "{}{name}", if index > 0 { ", " } else { "" })?;
        }
        if !self.decl.is_empty() {
            f.write_str(self.sign)?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if index > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name, self.generation))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}
