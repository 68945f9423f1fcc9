//! Which members of its data a template reads, where, and what stands there without them. Read off the tree; nothing is run.

use std::sync::Arc;

use super::Template;
use super::ast::{Command, List, Node, Operand, Pipe, Term};
use super::funcs::Function;
use super::places::Places;

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
    pub action: Arc<str>,
    /// What becomes of it without the member.
    pub usage: Usage,
    /// The text that stands there without the member, where the template says so itself: the constant of `or .X "…"`, the
    /// `else` part of `if .X` or `with .X` when it is plain text.
    pub fallback: Option<Arc<str>>,
    /// Whether the action writes something else than the member on purpose: `urlquery`, `html`, `len`, `slice`, a verb other
    /// than `%s`, `%v` and `%d`.
    pub(crate) is_transformed: bool,
    /// Whether the action escapes for another language: `js`, `html`, `%q`.
    pub(crate) is_escaped: bool,
    /// Byte of the text at which the action begins.
    pub(crate) start: usize,
    /// Byte of the text.
    pub(super) offset: usize,
}

impl Template {
    /// Every place where this template reads a member of its data, in the order of the text. A template that
    /// `{{template "x" .Y}}` calls counts as if it were given the whole data.
    pub fn reads(&self) -> Vec<Read> {
        self.survey().reads
    }

    /// The same, and what reads do not tell.
    pub(crate) fn survey(&self) -> Survey {
        let mut walk =
            Walk { template: self, found: Vec::new(), declared: Vec::new(), any_transforms: false, whole: None };
        for list in self.templates.0.values() {
            walk.list(list, Scope { dot_is_data: true, guarded: false });
        }
        walk.survey()
    }

    /// Where a byte of the text stands: line and character of the line, both from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        self.places.get_or_init(|| Arc::new(Places::of(&self.text))).at(&self.text, offset)
    }
}

/// What a template does with its data.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// Every place where it reads a member by name, in the order of the text.
    pub(crate) reads: Vec<Read>,
    /// Whether it writes anything else than its values on purpose.
    pub(crate) any_transforms: bool,
    /// Where it first takes its data as a whole (`range .`, `$d := .`): what it reads that way is not among the reads.
    pub(crate) whole: Option<usize>,
}

#[derive(Clone, Copy)]
struct Scope {
    /// Whether `.` is the template's data here, not an element or a value of it.
    dot_is_data: bool,
    guarded: bool,
}

/// The action around a read.
struct Action {
    text: Arc<str>,
    start: usize,
    is_transformed: bool,
    is_escaped: bool,
    /// Whether it gives its value to a variable, so that another action writes it.
    declares: bool,
}

impl Action {
    fn of(pipe: &Pipe, text: String) -> Self {
        Self {
            text: Arc::from(text),
            start: pipe.start,
            is_transformed: transforms_in(pipe),
            is_escaped: calls(pipe, &escapes),
            declares: !pipe.decl.is_empty(),
        }
    }
}

struct Walk<'a> {
    template: &'a Template,
    found: Vec<Read>,
    /// Reads whose value goes into a variable.
    declared: Vec<usize>,
    any_transforms: bool,
    whole: Option<usize>,
}

impl Walk<'_> {
    fn list(&mut self, list: &List, scope: Scope) {
        for node in list {
            match node {
                Node::Text { .. } | Node::Break | Node::Continue => {}
                Node::Action(pipe) => {
                    let usage = if scope.guarded { Usage::Guarded } else { Usage::Bare };
                    self.whole(pipe, scope, usage, None, format!("{{{{{pipe}}}}}"));
                }
                Node::Template(call) => {
                    if let Some(pipe) = &call.pipe
                        && !is_all_data(pipe, scope)
                    {
                        self.whole(pipe, scope, Usage::Tested, None, call.to_string());
                    }
                }
                Node::If { pipe, body, otherwise } => self.branch("if", pipe, body, otherwise, scope, scope),
                Node::With { pipe, body, otherwise } => {
                    let inside = Scope { dot_is_data: is_all_data(pipe, scope), ..scope };
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
        if word == "range" || !is_all_data(pipe, scope) {
            let action = Action {
                is_transformed: word != "if" && transforms_in(pipe),
                ..Action::of(pipe, format!("{{{{{word} {pipe}}}}}"))
            };
            self.any_transforms |= action.is_transformed;
            self.pipe(pipe, scope, Usage::Tested, fallback.as_ref(), &action);
        }
        self.list(body, Scope { guarded: true, ..inside });
        self.list(otherwise, Scope { guarded: true, ..scope });
    }

    /// The pipeline of an action that reads `text`.
    fn whole(&mut self, pipe: &Pipe, scope: Scope, usage: Usage, fallback: Option<&Arc<str>>, text: String) {
        let action = Action::of(pipe, text);
        self.any_transforms |= action.is_transformed;
        self.pipe(pipe, scope, usage, fallback, &action);
    }

    fn pipe(&mut self, pipe: &Pipe, scope: Scope, usage: Usage, fallback: Option<&Arc<str>>, action: &Action) {
        for command in &pipe.commands {
            self.command(command, scope, usage, fallback, action);
        }
    }

    fn command(&mut self, command: &Command, scope: Scope, usage: Usage, fallback: Option<&Arc<str>>, action: &Action) {
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
            self.add(key.pos, name, replaced(usage), Some(&Arc::from("")), action);
            return;
        }
        let last = command.args.len().saturating_sub(1);
        let stands_in = match function {
            Some(Function::Or) => command.args.get(last).and_then(constant),
            _ => None,
        };
        for (index, arg) in command.args.iter().enumerate() {
            use Function as F;
            let (usage, fallback) = match function {
                Some(F::Or) if index < last => (replaced(usage), stands_in.as_ref()),
                Some(F::Not | F::Eq | F::Ne | F::And) => (tested(usage), None),
                _ => (usage, fallback),
            };
            self.operand(arg, scope, usage, fallback, action);
        }
    }

    fn operand(&mut self, operand: &Operand, scope: Scope, usage: Usage, fallback: Option<&Arc<str>>, action: &Action) {
        match &operand.term {
            Term::Field(names) if scope.dot_is_data => {
                if let Some(name) = names.first() {
                    self.add(operand.pos, name.to_string(), usage, fallback, action);
                }
            }
            Term::Variable { name, fields } if &**name == "$" => match fields.first() {
                Some(name) => self.add(operand.pos, name.to_string(), usage, fallback, action),
                None => self.whole = self.whole.or(Some(operand.pos)),
            },
            Term::Dot if scope.dot_is_data => self.whole = self.whole.or(Some(operand.pos)),
            Term::Chain { node, .. } => self.operand(node, scope, usage, fallback, action),
            Term::Pipe(pipe) => self.pipe(pipe, scope, usage, fallback, action),
            _ => {}
        }
    }

    fn add(&mut self, pos: usize, name: String, usage: Usage, fallback: Option<&Arc<str>>, action: &Action) {
        let (line, column) = self.template.position(pos);
        if action.declares {
            self.declared.push(self.found.len());
        }
        self.found.push(Read {
            name,
            line,
            column,
            action: Arc::clone(&action.text),
            usage,
            fallback: fallback.cloned(),
            is_transformed: action.is_transformed,
            is_escaped: action.is_escaped,
            start: action.start,
            offset: pos,
        });
    }

    fn survey(mut self) -> Survey {
        for index in self.declared {
            if let Some(read) = self.found.get_mut(index) {
                read.is_transformed |= self.any_transforms;
            }
        }
        self.found.sort_by_key(|read| read.offset);
        self.found.dedup();
        Survey { reads: self.found, any_transforms: self.any_transforms, whole: self.whole }
    }
}

/// Whether a pipeline calls such a function.
fn calls(pipe: &Pipe, is_such: &dyn Fn(Function, &Command) -> bool) -> bool {
    let inside = |arg: &Operand| match &arg.term {
        Term::Pipe(pipe) => calls(pipe, is_such),
        Term::Chain { node, .. } => matches!(&node.term, Term::Pipe(pipe) if calls(pipe, is_such)),
        _ => false,
    };
    pipe.commands.iter().any(|command| {
        let here = match command.args.first().map(|first| &first.term) {
            Some(Term::Function(function)) => is_such(*function, command),
            _ => false,
        };
        here || command.args.iter().any(inside)
    })
}

fn transforms_in(pipe: &Pipe) -> bool {
    calls(pipe, &transforms)
}

/// Whether a function writes something else than its values on purpose.
fn transforms(function: Function, command: &Command) -> bool {
    match function {
        Function::Urlquery | Function::Html | Function::Len | Function::Slice => true,
        Function::Printf | Function::Subst => match command.args.get(1).map(|format| &format.term) {
            Some(Term::Str { value, .. }) => has_other_verbs(value),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a function escapes for another language, quotes included.
fn escapes(function: Function, command: &Command) -> bool {
    match function {
        Function::Js | Function::Html => true,
        Function::Printf | Function::Subst => match command.args.get(1).map(|format| &format.term) {
            Some(Term::Str { value, .. }) => value.windows(2).any(|verb| verb == b"%q"),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a format has a verb that does more than write the value.
fn has_other_verbs(format: &[u8]) -> bool {
    let mut verbs = format.split(|&byte| byte == b'%');
    verbs.next();
    let mut escaped = false;
    verbs.any(|verb| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        escaped = verb.is_empty();
        !escaped && !matches!(verb.first(), Some(b's' | b'v' | b'd'))
    })
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

/// Whether a pipeline is nothing but the template's data.
fn is_all_data(pipe: &Pipe, scope: Scope) -> bool {
    match (pipe.decl.as_slice(), pipe.commands.as_slice()) {
        ([], [command]) => matches!(command.args.as_slice(), [operand] if is_data(operand, scope)),
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

fn constant(operand: &Operand) -> Option<Arc<str>> {
    match &operand.term {
        Term::Str { value, .. } => Some(Arc::from(String::from_utf8_lossy(value))),
        Term::Number { .. } | Term::Bool(_) => Some(Arc::from(operand.to_string())),
        _ => None,
    }
}

/// The text of a list that holds nothing else; `None` when it is blank.
fn plain_text(list: &List) -> Option<Arc<str>> {
    let mut text = Vec::new();
    for node in list {
        match node {
            Node::Text { text: piece, .. } => text.extend_from_slice(piece),
            _ => return None,
        }
    }
    let text = String::from_utf8_lossy(&text);
    Some(text.trim()).filter(|text| !text.is_empty()).map(Arc::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn reads(text: &str) -> Vec<(String, Usage, Option<Arc<str>>)> {
        let reads = Template::parse("t", text).unwrap().reads();
        reads.into_iter().map(|read| (read.name, read.usage, read.fallback)).collect()
    }

    #[test]
    fn tells_how_each_member_is_used() {
        let one = |name: &str, usage, fallback: Option<&str>| vec![(name.to_owned(), usage, fallback.map(Arc::from))];
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
        assert_eq!(found[0], ("A".to_owned(), Usage::Tested, Some(Arc::from("\"d\""))));
        assert_eq!(found[1], ("A".to_owned(), Usage::Guarded, None));
        assert_eq!(reads("{{with .A}}{{.}}{{else}}7{{end}}")[0].2.as_deref(), Some("7"));
        assert_eq!(reads("{{if .A}}{{.A}}{{else}}{{.B}}{{end}}")[0].2, None);
    }

    #[test]
    fn says_where_the_data_is_taken_as_a_whole() {
        let whole = |text: &str| Template::parse("t", text).unwrap().survey().whole;
        for text in ["{{range .}}{{.}}{{end}}", "{{$d := .}}{{$d.a}}", "{{index . $}}", "{{.a}}{{$}}", "{{print .}}"] {
            assert!(whole(text).is_some(), "{text}");
        }
        for text in
            ["{{.a}}{{index . \"b\"}}", "{{with $}}{{.a}}{{end}}", "{{define \"x\"}}{{.b}}{{end}}{{template \"x\" .}}"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(reads("{{with $}}{{.a}}{{end}}")[0].0, "a");
        assert_eq!(whole("ab{{range .}}{{end}}"), Some(10));
    }

    #[test]
    fn tells_what_is_written_otherwise_on_purpose() {
        let transformed =
            |text: &str| Template::parse("t", text).unwrap().reads().iter().all(|read| read.is_transformed);
        for text in [
            "{{urlquery .A}}",
            "{{.A | html}}",
            "{{printf \"%5s\" .A}}",
            "{{printf \"100%% %q\" .A}}",
            "{{len (js .A)}}",
        ] {
            assert!(transformed(text), "{text}");
        }
        for text in
            ["{{.A}}", "{{js .A}}", "{{subst \"A=%s\" .A}}", "{{printf \"%s 100%%x %v\" .A .B}}", "{{if .A}}{{end}}"]
        {
            assert!(!transformed(text), "{text}");
        }
        assert!(transformed("{{$x := .A}}{{urlquery $x}}"), "another action writes it");
        assert!(!transformed("{{$x := .A}}{{js $x}}"));
        assert!(!transformed("{{if gt (len .A) 2}}x{{end}}"), "nothing is written there");
    }

    #[test]
    fn reads_come_in_the_order_of_the_text_with_their_place() {
        let text = "{{define \"a\"}}{{.Late}}{{end}}\nü {{ js .A }}\n{{template \"a\" .}}";
        let reads = Template::parse("t", text).unwrap().reads();
        let places: Vec<_> =
            reads.iter().map(|read| (read.name.as_str(), read.line, read.column, &*read.action)).collect();
        assert_eq!(places, [("Late", 1, 17, "{{.Late}}"), ("A", 2, 9, "{{js .A}}")]);
    }
}
