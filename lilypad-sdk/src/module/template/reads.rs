//! Which members of its data a template reads, where, and what stands there without them. Read off the tree; nothing is run.

use std::fmt::Display;

use super::Template;
use super::ast::{Command, List, Node, Operand, Pipe, Term};
use super::funcs::Function;

/// What becomes of a read whose member is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Usage {
    /// It only decides: the head of `if`, `with` or `range`, or an argument of a comparison.
    Tested,
    /// Something else stands in: `or .X "…"`, `index . "X"`.
    Replaced,
    /// It is not reached, or another condition decides whether it is: it stands inside `if`, `with` or `range`.
    Guarded,
    /// It is written: `<no value>`, or the run fails.
    Bare,
}

/// One place where a template reads a member of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Read {
    /// The member.
    pub name: String,
    /// Line of the template, from 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
    /// The whole action in its canonical form, such as `{{subst "PROMPT=%s" .prompt}}`.
    pub action: String,
    /// What becomes of it without the member.
    pub usage: Usage,
    /// The text that stands there without the member, where the template says so itself: the constant of `or .X "…"`, the
    /// `else` part of `if .X` or `with .X` when it is plain text.
    pub fallback: Option<String>,
    /// Byte of the text.
    pub(super) offset: usize,
}

impl Template {
    /// Every place where this template reads a member of its data, in the order of the text. A template that
    /// `{{template "x" .Y}}` calls counts as if it were given the whole data.
    pub fn reads(&self) -> Vec<Read> {
        let mut walk = Walk { text: &self.text, found: Vec::new() };
        for list in self.templates.0.values() {
            walk.list(list, Scope { dot_is_data: true, guarded: false });
        }
        walk.found.sort_by_key(|read| read.offset);
        walk.found.dedup();
        walk.found
    }

    /// Where the action of a read begins in the text.
    pub(crate) fn action_start(&self, read: &Read) -> usize {
        let before = self.text.get(..read.offset).unwrap_or_default();
        before.windows(2).rposition(|window| window == b"{{").unwrap_or(read.offset)
    }

    /// Where a byte of the text stands: line and character of the line, both from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        position(&self.text, offset)
    }
}

#[derive(Clone, Copy)]
struct Scope {
    /// Whether `.` is the template's data here, not an element or a value of it.
    dot_is_data: bool,
    guarded: bool,
}

struct Walk<'a> {
    text: &'a [u8],
    found: Vec<Read>,
}

pub(super) fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let left = String::from_utf8_lossy(before.get(start..).unwrap_or_default());
    (line, left.chars().count() + 1)
}

impl Walk<'_> {
    fn list(&mut self, list: &List, scope: Scope) {
        for node in list {
            match node {
                Node::Text(_) | Node::Break | Node::Continue => {}
                Node::Action(pipe) => {
                    let usage = if scope.guarded { Usage::Guarded } else { Usage::Bare };
                    self.pipe(pipe, scope, usage, None, &format!("{{{{{pipe}}}}}"));
                }
                Node::Template(call) => {
                    let action = call.to_string();
                    call.pipe.iter().for_each(|pipe| self.pipe(pipe, scope, Usage::Tested, None, &action));
                }
                Node::If { pipe, body, otherwise } => self.branch("if", pipe, body, otherwise, scope, scope),
                Node::With { pipe, body, otherwise } => {
                    let inside = Scope { dot_is_data: false, ..scope };
                    self.branch("with", pipe, body, otherwise, scope, inside);
                }
                Node::Range { pipe, body, otherwise } => {
                    let inside = Scope { dot_is_data: false, ..scope };
                    self.branch("range", pipe, body, otherwise, scope, inside);
                }
            }
        }
    }

    fn branch(&mut self, word: &str, pipe: &Pipe, body: &List, otherwise: &List, scope: Scope, inside: Scope) {
        let fallback = if is_one_field(pipe) { plain_text(otherwise) } else { None };
        self.pipe(pipe, scope, Usage::Tested, fallback.as_deref(), &format!("{{{{{word} {pipe}}}}}"));
        self.list(body, Scope { guarded: true, ..inside });
        self.list(otherwise, Scope { guarded: true, ..scope });
    }

    fn pipe(&mut self, pipe: &Pipe, scope: Scope, usage: Usage, fallback: Option<&str>, action: &str) {
        for command in &pipe.commands {
            self.command(command, scope, usage, fallback, action);
        }
    }

    fn command(&mut self, command: &Command, scope: Scope, usage: Usage, fallback: Option<&str>, action: &str) {
        let function = match command.args.first().map(|first| &first.term) {
            Some(Term::Function(function)) => Some(*function),
            _ => None,
        };
        if function == Some(Function::Index)
            && let [_, dot, key, ..] = command.args.as_slice()
            && let Term::Str { value, .. } = &key.term
            && is_data(dot, scope)
        {
            let name = String::from_utf8_lossy(value).into_owned();
            self.add(key.pos, name, replaced(usage), Some(""), action);
            return;
        }
        let last = command.args.len().saturating_sub(1);
        for (index, arg) in command.args.iter().enumerate() {
            use Function as F;
            let (usage, fallback) = match function {
                Some(F::Or) if index < last => {
                    let constant = command.args.get(last).and_then(constant);
                    (replaced(usage), constant)
                }
                Some(F::Not | F::Eq | F::Ne | F::And) => (tested(usage), None),
                _ => (usage, fallback.map(str::to_owned)),
            };
            self.operand(arg, scope, usage, fallback.as_deref(), action);
        }
    }

    fn operand(&mut self, operand: &Operand, scope: Scope, usage: Usage, fallback: Option<&str>, action: &str) {
        match &operand.term {
            Term::Field(names) if scope.dot_is_data => {
                if let Some(name) = names.first() {
                    self.add(operand.pos, name.to_string(), usage, fallback, action);
                }
            }
            Term::Variable { name, fields } if &**name == "$" => {
                if let Some(name) = fields.first() {
                    self.add(operand.pos, name.to_string(), usage, fallback, action);
                }
            }
            Term::Chain { node, .. } => self.operand(node, scope, usage, fallback, action),
            Term::Pipe(pipe) => self.pipe(pipe, scope, usage, fallback, action),
            _ => {}
        }
    }

    fn add(&mut self, pos: usize, name: String, usage: Usage, fallback: Option<&str>, action: &str) {
        let (line, column) = position(self.text, pos);
        let (action, fallback) = (action.to_owned(), fallback.map(str::to_owned));
        self.found.push(Read { name, line, column, action, usage, fallback, offset: pos });
    }
}

fn replaced(usage: Usage) -> Usage {
    if usage == Usage::Bare { Usage::Replaced } else { usage }
}

fn tested(usage: Usage) -> Usage {
    if usage == Usage::Bare { Usage::Tested } else { usage }
}

/// Whether an operand is the template's data itself.
fn is_data(operand: &Operand, scope: Scope) -> bool {
    match &operand.term {
        Term::Dot => scope.dot_is_data,
        Term::Variable { name, fields } => &**name == "$" && fields.is_empty(),
        _ => false,
    }
}

/// Whether a pipeline is nothing but `.X`.
fn is_one_field(pipe: &Pipe) -> bool {
    let [command] = pipe.commands.as_slice() else { return false };
    let [operand] = command.args.as_slice() else { return false };
    match &operand.term {
        Term::Field(names) => names.len() == 1,
        Term::Variable { fields, .. } => fields.len() == 1,
        _ => false,
    }
}

fn constant(operand: &Operand) -> Option<String> {
    match &operand.term {
        Term::Str { value, .. } => Some(String::from_utf8_lossy(value).into_owned()),
        Term::Number { .. } | Term::Bool(_) => Some(display(operand)),
        _ => None,
    }
}

fn display(thing: &impl Display) -> String {
    thing.to_string()
}

/// The text of a list that holds nothing else; `None` when it is blank.
fn plain_text(list: &List) -> Option<String> {
    let mut text = Vec::new();
    for node in list {
        match node {
            Node::Text(piece) => text.extend_from_slice(piece),
            _ => return None,
        }
    }
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn reads(text: &str) -> Vec<(String, Usage, Option<String>)> {
        let reads = Template::parse("t", text).unwrap().reads();
        reads.into_iter().map(|read| (read.name, read.usage, read.fallback)).collect()
    }

    #[test]
    fn tells_how_each_member_is_used() {
        let one =
            |name: &str, usage, fallback: Option<&str>| vec![(name.to_owned(), usage, fallback.map(str::to_owned))];
        assert_eq!(reads("{{.A}}"), one("A", Usage::Bare, None));
        assert_eq!(reads("{{.A.B.C | js}}"), one("A", Usage::Bare, None));
        assert_eq!(reads("{{$.A}}"), one("A", Usage::Bare, None));
        assert_eq!(reads("{{or .A \"\\\"d\\\"\"}}"), one("A", Usage::Replaced, Some("\"d\"")));
        assert_eq!(reads("{{or .A 7 | printf \"%v\"}}"), one("A", Usage::Replaced, Some("7")));
        assert_eq!(reads("{{index . \"A\"}}"), one("A", Usage::Replaced, Some("")));
        assert_eq!(reads("{{if not .A}}x{{end}}"), one("A", Usage::Tested, None));
        assert_eq!(reads("{{if (eq .A \"x\")}}x{{end}}"), one("A", Usage::Tested, None));
        assert_eq!(reads("{{range .A}}{{.B}}{{end}}"), one("A", Usage::Tested, None));
        assert_eq!(reads("text {{/* .A */}} {{\"x\"}}"), []);
    }

    #[test]
    fn finds_defaults_in_the_other_branch() {
        let found = reads("{{if .A}}{{.A}}{{else}} \"d\" {{end}}");
        assert_eq!(found[0], ("A".to_owned(), Usage::Tested, Some("\"d\"".to_owned())));
        assert_eq!(found[1], ("A".to_owned(), Usage::Guarded, None));
        assert_eq!(reads("{{with .A}}{{.}}{{else}}7{{end}}")[0].2.as_deref(), Some("7"));
        assert_eq!(reads("{{if .A}}{{.A}}{{else}}{{.B}}{{end}}")[0].2, None);
    }

    #[test]
    fn reads_come_in_the_order_of_the_text_with_their_place() {
        let text = "{{define \"a\"}}{{.Late}}{{end}}\nü {{ js .A }}\n{{template \"a\" .}}";
        let reads = Template::parse("t", text).unwrap().reads();
        let places: Vec<_> =
            reads.iter().map(|read| (read.name.as_str(), read.line, read.column, read.action.as_str())).collect();
        assert_eq!(places, [("Late", 1, 17, "{{.Late}}"), ("A", 2, 9, "{{js .A}}")]);
    }
}
