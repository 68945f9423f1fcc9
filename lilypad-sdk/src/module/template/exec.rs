//! Runs a parsed template.

use std::sync::Arc;

use super::ast::{Call, Command, Constant, List, Node, Operand, Pipe, Term};
use super::error::{Limit, Phase, TemplateError};
use super::funcs::{self, CallError, Function, Param};
use super::printf;
use super::quote::quote;
use super::trace::{Piece, Traced};
use super::value::{Typed, Value};
use super::{Generation, Limits, Template};

type Outcome<T> = Result<T, TemplateError>;

/// Names of variables that are compared in the time of a step.
const NAMES_PER_STEP: usize = 16;
/// Bytes of text that a function looks at or builds in the time of a step.
const BYTES_PER_STEP: usize = 64;

/// Runs without looking back.
pub(super) fn run(template: &Template, data: &Value) -> Outcome<Vec<u8>> {
    start(template, data, None).0.map(|run| run.output)
}

/// Runs and notes which part of the template wrote which part of the output; also gives the steps that were taken, however it
/// ended.
pub(super) fn run_traced(template: &Template, data: &Value) -> (Outcome<Traced>, usize) {
    start(template, data, Some(Vec::new()))
}

fn start(template: &Template, data: &Value, pieces: Option<Vec<Piece>>) -> (Outcome<Traced>, usize) {
    let name: &[u8] = template.name.as_bytes();
    let data = Typed::plain(data.clone());
    let mut exec = Exec {
        template,
        limits: template.limits,
        running: name,
        vars: vec![(Arc::from("$"), data.clone())],
        at: At::Nowhere,
        // Most modules write about what they read.
        out: Vec::with_capacity(template.text.len().min(template.limits.output_bytes) + 64),
        pieces,
        steps: 0,
        built: 0,
        depth: 0,
    };
    let ended = match template.templates.0.get(name) {
        Some(root) => exec.walk(&data, root).map(|_| ()),
        None => Ok(()),
    };
    let Exec { out, pieces, steps, .. } = exec;
    (ended.map(|()| Traced { output: out, pieces: pieces.unwrap_or_default() }), steps)
}

/// The part of the template being evaluated, for error texts.
#[derive(Clone, Copy)]
enum At<'t> {
    Nowhere,
    Operand(&'t Operand),
    Command(&'t Command),
    Pipe(&'t Pipe),
    Call(&'t Call),
}

/// What follows a list of nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Exec<'t> {
    template: &'t Template,
    limits: Limits,
    running: &'t [u8],
    vars: Vec<(Arc<str>, Typed)>,
    at: At<'t>,
    out: Vec<u8>,
    pieces: Option<Vec<Piece>>,
    steps: usize,
    built: usize,
    depth: usize,
}

impl<'t> Exec<'t> {
    // Errors and limits.

    fn locate(&self, text: impl std::fmt::Display) -> (usize, String) {
        let name = &self.template.name;
        let (pos, context) = match self.at {
            At::Nowhere => return (1, format!("template: {name}: {text}")),
            At::Operand(node) => (node.pos, node.to_string()),
            At::Command(node) => (node.pos, node.to_string()),
            At::Pipe(node) => (node.pos, node.to_string()),
            At::Call(node) => (node.pos, node.to_string()),
        };
        let before = self.template.text.get(..pos).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count();
        let running = quote(self.running, self.template.generation);
        (line, format!("template: {name}:{line}:{column}: executing {running} at <{context}>: {text}"))
    }

    fn error(&self, text: impl std::fmt::Display) -> TemplateError {
        let (line, message) = self.locate(text);
        TemplateError::new(Phase::Exec, line, message)
    }

    fn limit(&self, limit: Limit, most: usize) -> TemplateError {
        let (line, message) = self.locate(format_args!("more than the limit of {most} ({limit})"));
        TemplateError::limit(Phase::Exec, line, limit, message)
    }

    fn step(&mut self) -> Outcome<()> {
        self.charge(1)
    }

    /// Counts work that takes as long as `steps` steps.
    fn charge(&mut self, steps: usize) -> Outcome<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.limits.steps {
            return Err(self.limit(Limit::Steps, self.limits.steps));
        }
        Ok(())
    }

    fn enter(&mut self) -> Outcome<()> {
        self.depth += 1;
        if self.depth > self.limits.nesting {
            return Err(self.limit(Limit::Nesting, self.limits.nesting));
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        if self.out.len() + bytes.len() > self.limits.output_bytes {
            return Err(self.limit(Limit::OutputBytes, self.limits.output_bytes));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn begin_piece(&mut self, source: usize, is_action: bool) {
        if let Some(pieces) = &mut self.pieces {
            pieces.push(Piece { start: self.out.len(), source, is_action });
        }
    }

    // Variables.

    fn variable(&mut self, name: &str) -> Outcome<Typed> {
        let found = self.vars.iter().rev().position(|(known, _)| **known == *name);
        self.charge(found.unwrap_or(self.vars.len()) / NAMES_PER_STEP)?;
        match found.and_then(|back| self.vars.iter().rev().nth(back)) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.error(format_args!("undefined variable: {name}"))),
        }
    }

    fn assign(&mut self, name: &str, value: Typed) -> Outcome<()> {
        self.charge(self.vars.len() / NAMES_PER_STEP)?;
        match self.vars.iter_mut().rev().find(|(known, _)| **known == *name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(self.error(format_args!("undefined variable: {name}"))),
        }
    }

    fn set_from_top(&mut self, back: usize, value: Typed) {
        let slot = self.vars.len().checked_sub(back).and_then(|at| self.vars.get_mut(at));
        if let Some((_, slot)) = slot {
            *slot = value;
        }
    }

    // Nodes.

    fn walk(&mut self, dot: &Typed, list: &'t List) -> Outcome<Flow> {
        self.enter()?;
        for node in list {
            self.step()?;
            let flow = self.node(dot, node)?;
            if flow != Flow::On {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::On)
    }

    fn node(&mut self, dot: &Typed, node: &'t Node) -> Outcome<Flow> {
        match node {
            Node::Text { at, text } => {
                self.begin_piece(*at, false);
                self.write(text)?;
            }
            Node::Action(pipe) => {
                self.begin_piece(pipe.start, true);
                let value = self.pipeline(dot, pipe)?;
                if pipe.decl.is_empty() {
                    self.print(&value.value)?;
                }
            }
            Node::If { pipe, body, otherwise } => return self.branch(dot, pipe, body, otherwise, false),
            Node::With { pipe, body, otherwise } => return self.branch(dot, pipe, body, otherwise, true),
            Node::Range { pipe, body, otherwise } => return self.range(dot, pipe, body, otherwise),
            Node::Template(call) => self.call_template(dot, call)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Value) -> Outcome<()> {
        if let Value::Text(text) = value {
            return self.write(text);
        }
        let mut text = Vec::new();
        value.write_to(&mut text);
        self.write(&text)
    }

    fn branch(
        &mut self,
        dot: &Typed,
        pipe: &'t Pipe,
        body: &'t List,
        otherwise: &'t List,
        moves_dot: bool,
    ) -> Outcome<Flow> {
        let mark = self.vars.len();
        let value = self.pipeline(dot, pipe)?;
        let flow = if value.value.truth() {
            self.walk(if moves_dot { &value } else { dot }, body)?
        } else {
            self.walk(dot, otherwise)?
        };
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Typed, pipe: &'t Pipe, body: &'t List, otherwise: &'t List) -> Outcome<Flow> {
        let outer = self.vars.len();
        let over = self.pipeline(dot, pipe)?.value;
        let mark = self.vars.len();
        let mut any = false;
        match &over {
            Value::List(list) => {
                for (index, element) in list.iter().enumerate() {
                    any = true;
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    if !self.turn(mark, pipe, body, index, Typed::boxed(element.clone()))? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, element) in map.iter() {
                    any = true;
                    if !self.turn(mark, pipe, body, Value::text(key), Typed::boxed(element.clone()))? {
                        break;
                    }
                }
            }
            Value::Texts(map) => {
                for (key, element) in map.iter() {
                    any = true;
                    let element = Typed::plain(Value::Text(Arc::clone(element)));
                    if !self.turn(mark, pipe, body, Value::text(key), element)? {
                        break;
                    }
                }
            }
            Value::Missing | Value::Nil => {}
            other => {
                let mut text = Vec::new();
                printf::write_plain(&mut text, other);
                return Err(self.error(format_args!("range can't iterate over {}", String::from_utf8_lossy(&text))));
            }
        }
        // A break in the other part is taken for one of this range, though no turn was taken; a continue is not.
        let flow = match any {
            true => Flow::On,
            false => Some(self.walk(dot, otherwise)?).filter(|&flow| flow == Flow::Continue).unwrap_or(Flow::On),
        };
        self.vars.truncate(outer);
        Ok(flow)
    }

    /// One turn of a range; says whether to go on.
    fn turn(&mut self, mark: usize, pipe: &'t Pipe, body: &'t List, index: Value, element: Typed) -> Outcome<bool> {
        self.step()?;
        let index = Typed::plain(index);
        match (pipe.decl.as_slice(), pipe.assign) {
            ([], _) => {}
            // The older generation puts them where a declaration would have put them, whatever is there.
            (_, true) if self.template.generation == Generation::Go1_19 => {
                self.set_from_top(1, element.clone());
                if pipe.decl.len() > 1 {
                    self.set_from_top(2, index);
                }
            }
            ([only], true) => self.assign(only, element.clone())?,
            ([first, second, ..], true) => {
                self.assign(first, index)?;
                self.assign(second, element.clone())?;
            }
            ([_], false) => self.set_from_top(1, element.clone()),
            (_, false) => {
                self.set_from_top(1, element.clone());
                self.set_from_top(2, index);
            }
        }
        let flow = self.walk(&element, body)?;
        self.vars.truncate(mark);
        Ok(flow != Flow::Break)
    }

    fn call_template(&mut self, dot: &Typed, call: &'t Call) -> Outcome<()> {
        self.at = At::Call(call);
        let template = self.template;
        let Some(body) = template.templates.0.get(&call.name) else {
            return Err(self.error(format_args!("template {} not defined", quote(&call.name, template.generation))));
        };
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Typed::plain(Value::Missing),
        };
        let vars = std::mem::replace(&mut self.vars, vec![(Arc::from("$"), dot.clone())]);
        let running = std::mem::replace(&mut self.running, &call.name);
        let at = self.at;
        self.walk(&dot, body)?;
        self.at = at;
        self.running = running;
        self.vars = vars;
        Ok(())
    }

    // Pipelines.

    fn pipeline(&mut self, dot: &Typed, pipe: &'t Pipe) -> Outcome<Typed> {
        self.enter()?;
        self.at = At::Pipe(pipe);
        let mut value: Option<Typed> = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.unboxed());
        }
        let value = value.unwrap_or(Typed::plain(Value::Missing));
        for name in &pipe.decl {
            if pipe.assign {
                self.assign(name, value.clone())?;
            } else {
                self.vars.push((Arc::clone(name), value.clone()));
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn command(&mut self, dot: &Typed, command: &'t Command, piped: Option<Typed>) -> Outcome<Typed> {
        self.step()?;
        let Some((first, rest)) = command.args.split_first() else {
            return Err(self.error("empty command"));
        };
        let has_args = !rest.is_empty() || piped.is_some();
        match &first.term {
            Term::Field(fields) => {
                self.at = At::Operand(first);
                self.fields(dot.clone(), fields, has_args)
            }
            Term::Chain { node, fields } => {
                self.at = At::Operand(first);
                let receiver = self.argument(dot, None, node)?;
                self.fields(receiver, fields, has_args)
            }
            Term::Function(function) => self.call(dot, *function, first, At::Command(command), rest, piped),
            Term::Pipe(pipe) => {
                self.no_function(first, has_args)?;
                self.pipeline(dot, pipe)
            }
            Term::Variable { name, fields } => {
                self.at = At::Operand(first);
                let value = self.variable(name)?;
                if fields.is_empty() {
                    self.no_function(first, has_args)?;
                    return Ok(value);
                }
                self.fields(value, fields, has_args)
            }
            Term::Nil => {
                self.at = At::Operand(first);
                self.no_function(first, has_args)?;
                Err(self.error("nil is not a command"))
            }
            Term::Dot | Term::Bool(_) | Term::Number { .. } | Term::Str { .. } => {
                self.at = At::Operand(first);
                self.no_function(first, has_args)?;
                self.operand(dot, first)
            }
        }
    }

    fn no_function(&self, operand: &Operand, has_args: bool) -> Outcome<()> {
        if !has_args {
            return Ok(());
        }
        let shown = match &operand.term {
            Term::Pipe(pipe) => pipe.to_string(),
            _ => operand.to_string(),
        };
        Err(self.error(format_args!("can't give argument to non-function {shown}")))
    }

    /// A word without arguments.
    fn operand(&mut self, dot: &Typed, operand: &'t Operand) -> Outcome<Typed> {
        match &operand.term {
            Term::Dot => Ok(dot.clone()),
            Term::Nil => Ok(Typed::plain(Value::Missing)),
            Term::Bool(value) => Ok(Typed::plain(Value::Bool(*value))),
            Term::Str { value, .. } => Ok(Typed::plain(Value::Text(Arc::clone(value)))),
            Term::Number { text, value } => match value {
                Constant::Int(value) => Ok(Typed::plain(Value::Int(*value))),
                Constant::Float(value) => Ok(Typed::plain(Value::Float(*value))),
                Constant::Complex(real, imaginary) => Ok(Typed::plain(Value::Complex(*real, *imaginary))),
                Constant::TooLarge => Err(self.error(format_args!("{text} overflows int"))),
            },
            Term::Field(fields) => self.fields(dot.clone(), fields, false),
            Term::Variable { name, fields } => {
                let value = self.variable(name)?;
                self.fields(value, fields, false)
            }
            Term::Chain { node, fields } => {
                let receiver = self.argument(dot, None, node)?;
                self.fields(receiver, fields, false)
            }
            Term::Function(function) => self.call(dot, *function, operand, At::Operand(operand), &[], None),
            Term::Pipe(pipe) => self.pipeline(dot, pipe),
        }
    }

    fn fields(&mut self, mut receiver: Typed, fields: &[Arc<str>], has_args: bool) -> Outcome<Typed> {
        self.charge(fields.len())?;
        for (index, field) in fields.iter().enumerate() {
            receiver = self.field(receiver, field, has_args && index + 1 == fields.len())?;
        }
        Ok(receiver)
    }

    fn field(&self, receiver: Typed, field: &str, has_args: bool) -> Outcome<Typed> {
        match &receiver.value {
            Value::Nil if receiver.boxed => {
                Err(self.error(format_args!("nil pointer evaluating interface {{}}.{field}")))
            }
            Value::Missing | Value::Nil => Ok(Typed::plain(Value::Missing)),
            Value::Map(_) | Value::Texts(_) if has_args => {
                Err(self.error(format_args!("{field} is not a method but has arguments")))
            }
            Value::Map(map) => {
                Ok(map.get(field.as_bytes()).map_or(Typed::plain(Value::Missing), |value| Typed::boxed(value.clone())))
            }
            Value::Texts(map) => {
                Ok(Typed::plain(map.get(field.as_bytes()).map_or(Value::Missing, |text| Value::Text(Arc::clone(text)))))
            }
            _ => Err(self.error(format_args!("can't evaluate field {field} in type {}", receiver.type_name()))),
        }
    }

    // Calls.

    /// Evaluates an argument for a parameter; `None` is the receiver of a chain, which takes anything.
    fn argument(&mut self, dot: &Typed, param: Option<Param>, operand: &'t Operand) -> Outcome<Typed> {
        self.step()?;
        self.at = At::Operand(operand);
        match (&operand.term, param) {
            (Term::Nil, Some(Param::Text)) => Err(self.error("cannot assign nil to string")),
            (Term::Nil, Some(Param::Any)) => Ok(Typed::plain(Value::Nil)),
            (Term::Bool(_) | Term::Number { .. }, Some(Param::Text)) => {
                Err(self.error(format_args!("expected string; found {operand}")))
            }
            _ => {
                let value = self.operand(dot, operand)?;
                self.fit(value, param)
            }
        }
    }

    /// Converts a value for a parameter.
    fn fit(&self, value: Typed, param: Option<Param>) -> Outcome<Typed> {
        let missing = matches!((&value.value, value.boxed), (Value::Missing, _) | (Value::Nil, false));
        match param {
            None | Some(Param::Value) => Ok(value),
            Some(Param::Any) if missing => Ok(Typed::plain(Value::Nil)),
            Some(Param::Any) => Ok(Typed::plain(value.value)),
            Some(Param::Text) if missing => Err(self.error("invalid value; expected string")),
            Some(Param::Text) => match &value.value {
                Value::Text(_) => Ok(Typed::plain(value.value)),
                Value::Nil => Err(self.error("wrong type for value; expected string; got interface {}")),
                other => {
                    Err(self.error(format_args!("wrong type for value; expected string; got {}", other.type_name())))
                }
            },
        }
    }

    fn call(
        &mut self,
        dot: &Typed,
        function: Function,
        callee: &'t Operand,
        whole: At<'t>,
        args: &'t [Operand],
        piped: Option<Typed>,
    ) -> Outcome<Typed> {
        self.at = At::Operand(callee);
        let name = function.name();
        let signature = function.signature();
        let given = args.len() + usize::from(piped.is_some());
        let fixed = signature.fixed.len();
        if signature.rest.is_some() {
            if given < fixed {
                let text = format!("wrong number of args for {name}: want at least {fixed} got {}", args.len());
                return Err(self.error(text));
            }
        } else if given != fixed {
            return Err(self.error(format_args!("wrong number of args for {name}: want {fixed} got {given}")));
        }
        let param = |index: usize| signature.fixed.get(index).copied().or(signature.rest);

        if let Function::And | Function::Or = function {
            let mut value = Typed::plain(Value::Missing);
            for arg in args {
                value = self.argument(dot, Some(Param::Value), arg)?;
                if value.value.truth() == (function == Function::Or) {
                    return Ok(value);
                }
            }
            return Ok(piped.unwrap_or(value));
        }

        let mut values = Vec::with_capacity(given);
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, param(index), arg)?);
        }
        let mut shown = match (function, args.first()) {
            (Function::Call, Some(first)) => first.to_string(),
            _ => String::new(),
        };
        if let Some(piped) = piped {
            if function == Function::Call && args.is_empty() {
                shown = match &piped.value {
                    Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    _ => format!("<{} Value>", piped.type_name()),
                };
            }
            values.push(self.fit(piped, param(args.len()))?);
        }
        // A function looks at all of its texts, however cheap it was to name them.
        let looked_at = values.iter().map(|value| value.value.weight()).fold(0, usize::saturating_add);
        self.charge(looked_at.saturating_add(shown.len()) / BYTES_PER_STEP)?;
        let room = self.limits.value_bytes.saturating_sub(self.built);
        match funcs::call(function, &values, &shown, room, self.template.generation) {
            Ok(value) => {
                let weight = value.value.weight();
                self.charge(weight / BYTES_PER_STEP)?;
                self.built += weight;
                if self.built > self.limits.value_bytes {
                    self.at = whole;
                    return Err(self.limit(Limit::ValueBytes, self.limits.value_bytes));
                }
                Ok(value)
            }
            Err(CallError::Message(text)) => {
                self.at = whole;
                Err(self.error(format_args!("error calling {name}: {text}")))
            }
            Err(CallError::TooLong) => {
                self.at = whole;
                Err(self.limit(Limit::ValueBytes, self.limits.value_bytes))
            }
        }
    }
}
