//! Builds the tree of a template.
//!
//! Recursive descent over three tokens of look-ahead. Which token was read furthest decides the line an error names, so
//! the look-ahead buffer behaves as the language's reference does.

use std::sync::Arc;

use super::Generation;
use super::ast::{Call, Command, List, Node, Operand, Pipe, Templates, Term, is_blank};
use super::error::{Limit, Phase, TemplateError};
use super::funcs::Function;
use super::lexer::{Kind, Lexer, Token};
use super::number;
use super::quote::{quote, unquote};

type Parsed<T> = Result<T, TemplateError>;

/// Reads all templates of `text`; the main one is stored under `name`.
pub(super) fn parse(name: &str, text: &[u8], nesting: usize, generation: Generation) -> Parsed<Templates> {
    let mut shared = Shared {
        name,
        lexer: Lexer::new(text, generation),
        templates: Templates::default(),
        nesting,
        depth: 0,
        generation,
    };
    let mut parser = Parser::new(&mut shared);
    let root = parser.main()?;
    parser.add(name.as_bytes(), root)?;
    Ok(shared.templates)
}

/// What the parsers of one text have in common.
struct Shared<'a> {
    name: &'a str,
    lexer: Lexer<'a>,
    templates: Templates,
    nesting: usize,
    depth: usize,
    generation: Generation,
}

/// Why a list of nodes ended.
#[derive(Clone, Copy)]
enum Close {
    End,
    Else,
}

impl Close {
    fn describe(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

enum Item {
    Node(Node),
    Close(Close),
}

#[derive(Clone, Copy)]
enum Control {
    If,
    With,
    Range,
}

/// Most variables that are visible at one place; each use of one looks through them.
const MAX_VARIABLES: usize = 1000;

/// Parses one template; a definition inside the text gets its own.
struct Parser<'s, 'a> {
    shared: &'s mut Shared<'a>,
    tokens: [Token<'a>; 3],
    peeked: usize,
    vars: Vec<Arc<str>>,
    /// Line and byte at which the action begins; line 0 outside.
    action: (usize, usize),
    range_depth: usize,
}

impl<'s, 'a> Parser<'s, 'a> {
    fn new(shared: &'s mut Shared<'a>) -> Self {
        let blank = Token { kind: Kind::Eof, pos: 0, line: 1, val: &[] };
        Self { shared, tokens: [blank; 3], peeked: 0, vars: vec![Arc::from("$")], action: (0, 0), range_depth: 0 }
    }

    // Tokens.

    fn next(&mut self) -> Token<'a> {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.shared.lexer.next();
        }
        self.tokens[self.peeked.min(2)]
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn backup2(&mut self, first: Token<'a>) {
        self.tokens[1] = first;
        self.peeked = 2;
    }

    fn backup3(&mut self, first: Token<'a>, second: Token<'a>) {
        self.tokens[1] = second;
        self.tokens[2] = first;
        self.peeked = 3;
    }

    fn peek(&mut self) -> Token<'a> {
        if self.peeked > 0 {
            return self.tokens[(self.peeked - 1).min(2)];
        }
        self.peeked = 1;
        self.tokens[0] = self.shared.lexer.next();
        self.tokens[0]
    }

    fn next_non_space(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token<'a> {
        let token = self.next_non_space();
        self.backup();
        token
    }

    // Errors.

    fn error(&self, text: impl std::fmt::Display) -> TemplateError {
        let line = self.tokens[0].line;
        TemplateError::new(Phase::Parse, line, format!("template: {}:{line}: {text}", self.shared.name))
    }

    fn unexpected(&mut self, token: Token<'a>, context: &str) -> TemplateError {
        if token.kind != Kind::Error {
            return self.error(format_args!("unexpected {} in {context}", token.describe(self.shared.generation)));
        }
        let message = self.shared.lexer.take_error();
        if self.action.0 == 0 || self.action.0 == token.line {
            return self.error(message);
        }
        let extra = format!(" in action started at {}:{}", self.shared.name, self.action.0);
        match message.strip_suffix(" action") {
            Some(_) => self.error(format_args!("{message}{}", extra.strip_prefix(" in action").unwrap_or(&extra))),
            None => self.error(format_args!("{message}{extra}")),
        }
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'a>> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(token, context)) }
    }

    fn declare(&mut self, name: Arc<str>) -> Parsed<()> {
        if self.vars.len() >= MAX_VARIABLES {
            let line = self.tokens[0].line;
            let message = format!("template: {}:{line}: more than {MAX_VARIABLES} variables", self.shared.name);
            return Err(TemplateError::limit(Phase::Parse, line, Limit::Variables, message));
        }
        self.vars.push(name);
        Ok(())
    }

    fn enter(&mut self) -> Parsed<()> {
        self.shared.depth += 1;
        if self.shared.depth <= self.shared.nesting {
            return Ok(());
        }
        let line = self.tokens[0].line;
        let message =
            format!("template: {}:{line}: nested deeper than {} levels", self.shared.name, self.shared.nesting);
        Err(TemplateError::limit(Phase::Parse, line, Limit::Nesting, message))
    }

    fn leave(&mut self) {
        self.shared.depth -= 1;
    }

    // Structure.

    fn main(&mut self) -> Parsed<List> {
        let mut root = List::new();
        loop {
            let token = self.peek();
            if token.kind == Kind::Eof {
                return Ok(root);
            }
            if token.kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    Parser::new(self.shared).definition()?;
                    continue;
                }
                self.backup2(delim);
            }
            match self.text_or_action()? {
                Some(Item::Node(node)) => root.push(node),
                Some(Item::Close(close)) => return Err(self.error(format_args!("unexpected {}", close.describe()))),
                None => {}
            }
        }
    }

    fn definition(&mut self) -> Parsed<()> {
        let context = "define clause";
        let token = self.next_non_space();
        if !matches!(token.kind, Kind::Str | Kind::RawStr) {
            return Err(self.unexpected(token, context));
        }
        let name = self.unquoted(token)?;
        self.expect(Kind::RightDelim, context)?;
        let (root, close) = self.items()?;
        match close {
            Close::End => self.add(&name, root),
            Close::Else => Err(self.error(format_args!("unexpected {} in {context}", close.describe()))),
        }
    }

    fn add(&mut self, name: &[u8], root: List) -> Parsed<()> {
        match self.shared.templates.0.get(name) {
            Some(old) if !is_blank(old) => {
                if is_blank(&root) {
                    return Ok(());
                }
                let text = format!("template: multiple definition of template {}", quote(name, self.shared.generation));
                Err(self.error(text))
            }
            _ => {
                self.shared.templates.0.insert(Arc::from(name), Arc::new(root));
                Ok(())
            }
        }
    }

    fn items(&mut self) -> Parsed<(List, Close)> {
        self.enter()?;
        let mut list = List::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Some(Item::Node(node)) => list.push(node),
                Some(Item::Close(close)) => {
                    self.leave();
                    return Ok((list, close));
                }
                None => {}
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Parsed<Option<Item>> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Some(Item::Node(Node::Text { at: token.pos, text: Arc::from(token.val) }))),
            Kind::LeftDelim => {
                self.action = (token.line, token.pos);
                let item = self.action();
                self.action.0 = 0;
                item.map(Some)
            }
            _ => Err(self.unexpected(token, "input")),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.jump("{{break}}", Node::Break)?,
            Kind::Continue => self.jump("{{continue}}", Node::Continue)?,
            Kind::Else => {
                let next = self.peek_non_space().kind;
                if !(next == Kind::If || (next == Kind::With && self.shared.generation != Generation::Go1_19)) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Item::Close(Close::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Close(Close::End));
            }
            Kind::If => self.control(Control::If)?,
            Kind::Range => self.control(Control::Range)?,
            Kind::With => self.control(Control::With)?,
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Item::Node(node))
    }

    fn jump(&mut self, word: &str, node: Node) -> Parsed<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return Err(self.unexpected(token, word));
        }
        if self.range_depth == 0 {
            return Err(self.error(format_args!("{word} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    fn control(&mut self, control: Control) -> Parsed<Node> {
        let context = match control {
            Control::If => "if",
            Control::With => "with",
            Control::Range => "range",
        };
        let visible = self.vars.len();
        let in_range = usize::from(matches!(control, Control::Range));
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        self.range_depth += in_range;
        let (body, close) = self.items()?;
        self.range_depth -= in_range;
        let mut otherwise = List::new();
        if matches!(close, Close::Else) {
            let next = self.peek().kind;
            match control {
                Control::If if next == Kind::If => otherwise = self.else_control(Control::If)?,
                Control::With if next == Kind::With => otherwise = self.else_control(Control::With)?,
                _ => {
                    let (list, close) = self.items()?;
                    if matches!(close, Close::Else) {
                        return Err(self.error(format_args!("expected end; found {}", close.describe())));
                    }
                    otherwise = list;
                }
            }
        }
        self.vars.truncate(visible);
        Ok(match control {
            Control::If => Node::If { pipe, body, otherwise },
            Control::With => Node::With { pipe, body, otherwise },
            Control::Range => Node::Range { pipe, body, otherwise },
        })
    }

    fn else_control(&mut self, control: Control) -> Parsed<List> {
        self.next();
        self.enter()?;
        let node = self.control(control)?;
        self.leave();
        Ok(vec![node])
    }

    fn block(&mut self) -> Parsed<Node> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(token, context)?;
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let mut inner = Parser::new(self.shared);
        let (root, close) = inner.items()?;
        match close {
            Close::End => inner.add(&name, root)?,
            // This one names the line where the outer template stands, behind the block's head.
            Close::Else => return Err(self.error(format_args!("unexpected {} in {context}", close.describe()))),
        }
        Ok(Node::Template(Call { pos: token.pos, name, pipe: Some(pipe), generation: self.shared.generation }))
    }

    fn template(&mut self) -> Parsed<Node> {
        let context = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(token, context)?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(context, Kind::RightDelim)?);
        }
        Ok(Node::Template(Call { pos: token.pos, name, pipe, generation: self.shared.generation }))
    }

    fn template_name(&mut self, token: Token<'a>, context: &str) -> Parsed<Arc<[u8]>> {
        match token.kind {
            Kind::Str | Kind::RawStr => self.unquoted(token),
            _ => Err(self.unexpected(token, context)),
        }
    }

    fn unquoted(&self, token: Token<'a>) -> Parsed<Arc<[u8]>> {
        unquote(token.val).map(Arc::from).ok_or_else(|| self.error("invalid syntax"))
    }

    // Pipelines.

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        self.enter()?;
        let pos = self.peek_non_space().pos;
        let start = self.action.1;
        let mut pipe = Pipe { start, pos, assign: false, sign: " := ", decl: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawStr
                | Kind::Str
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return Err(self.unexpected(token, context)),
            }
        }
        if pipe.commands.is_empty() {
            return Err(self.error(format_args!("missing value for {context}")));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if let Some(Term::Bool(_) | Term::Dot | Term::Nil | Term::Number { .. } | Term::Str { .. }) =
                command.args.first().map(|arg| &arg.term)
            {
                return Err(self.error(format_args!("non executable command in pipeline stage {}", index + 1)));
            }
        }
        self.leave();
        Ok(pipe)
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let after = self.peek();
            let next = self.peek_non_space();
            let name: Arc<str> = Arc::from(String::from_utf8_lossy(variable.val));
            if matches!(next.kind, Kind::Assign | Kind::Declare) {
                pipe.assign = next.kind == Kind::Assign;
                if pipe.assign && self.shared.generation != Generation::Go1_19 {
                    pipe.sign = " = ";
                }
                self.next_non_space();
                pipe.decl.push(Arc::clone(&name));
                self.declare(name)?;
                return Ok(());
            }
            if next.kind == Kind::Char && next.val == b"," {
                self.next_non_space();
                pipe.decl.push(Arc::clone(&name));
                self.declare(name)?;
                if context == "range" && pipe.decl.len() < 2 {
                    match self.peek_non_space().kind {
                        Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                        _ => return Err(self.error("range can only initialize variables")),
                    }
                }
                return Err(self.error(format_args!("too many declarations in {context}")));
            }
            if after.kind == Kind::Space {
                self.backup3(variable, after);
            } else {
                self.backup2(variable);
            }
            return Ok(());
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command { pos: self.peek_non_space().pos, args: Vec::new() };
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                command.args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return Err(self.unexpected(token, "operand")),
            }
            break;
        }
        if command.args.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(command)
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(operand) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(operand));
        }
        let mut more = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            more.push(field_name(token));
        }
        let pos = first.pos;
        let term = match operand.term {
            Term::Field(mut fields) => {
                fields.extend(more);
                Term::Field(fields)
            }
            Term::Variable { name, mut fields } => {
                fields.extend(more);
                Term::Variable { name, fields }
            }
            Term::Bool(_) | Term::Str { .. } | Term::Number { .. } | Term::Nil | Term::Dot => {
                let text = operand.to_string();
                return Err(self.error(format_args!(
                    "unexpected . after term {}",
                    quote(text.as_bytes(), self.shared.generation)
                )));
            }
            _ => Term::Chain { node: Box::new(operand), fields: more },
        };
        Ok(Some(Operand { pos, term }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_non_space();
        let term = match token.kind {
            Kind::Identifier => match Function::named(token.val) {
                Some(function) => Term::Function(function),
                None => {
                    return Err(
                        self.error(format_args!("function {} not defined", quote(token.val, self.shared.generation)))
                    );
                }
            },
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable => {
                let name = String::from_utf8_lossy(token.val);
                if !self.vars.iter().any(|known| **known == *name) {
                    return Err(
                        self.error(format_args!("undefined variable {}", quote(token.val, self.shared.generation)))
                    );
                }
                Term::Variable { name: Arc::from(name), fields: Vec::new() }
            }
            Kind::Field => Term::Field(vec![field_name(token)]),
            Kind::Bool => Term::Bool(token.val == b"true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let text = String::from_utf8_lossy(token.val);
                match number::constant(token.val, token.kind) {
                    Ok(value) => Term::Number { text: Arc::from(text), value },
                    Err(message) => return Err(self.error(message)),
                }
            }
            Kind::LeftParen => Term::Pipe(Box::new(self.pipeline("parenthesized pipeline", Kind::RightParen)?)),
            Kind::Str | Kind::RawStr => {
                let value = self.unquoted(token)?;
                Term::Str { source: Arc::from(token.val), value }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        let pos = match &term {
            Term::Pipe(pipe) => pipe.pos,
            _ => token.pos,
        };
        Ok(Some(Operand { pos, term }))
    }
}

/// A field token without its dot.
fn field_name(token: Token<'_>) -> Arc<str> {
    Arc::from(String::from_utf8_lossy(token.val.get(1..).unwrap_or_default()))
}
