//! What calls of `printf` and `subst` write into the text when their format does not fit their values. The language reports no
//! such mistake, it writes `%!d(string=7)` and goes on; where the format stands in the template, it can be told beforehand.

use super::Template;
use super::ast::{Command, Constant, List, Node, Operand, Pipe, Term};
use super::funcs::Function;
use super::printf::Printer;
use super::value::Value;
use crate::module::json;

/// Longest text, in bytes, that a format alone makes without being told.
pub(crate) const LONG: usize = 1 << 16;
/// Most calls that are looked at, and most that are told.
const MOST: (usize, usize) = (2000, 64);
/// Stands for a value of which nothing is known, and for `!` where it is no complaint.
const UNKNOWN: &str = "\u{2}";
const MARK: u8 = 1;

/// A call that writes a complaint into the text, whatever the inputs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormatFault {
    /// Line and character of the format, from 1.
    pub(crate) place: (usize, usize),
    /// The whole action.
    pub(crate) action: String,
    pub(crate) function: &'static str,
    /// What it writes, `…` for values; empty for [`FormatFaultKind::Long`].
    pub(crate) noise: String,
    pub(crate) kind: FormatFaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatFaultKind {
    /// Fewer values than verbs.
    Missing,
    /// More values than verbs.
    Extra,
    /// A verb that does not take a text.
    TextVerb,
    /// A verb that does not take its value.
    Verb,
    /// A percent sign with nothing behind it.
    NoVerb,
    /// A width or precision that is too large to count as one.
    Absurd,
    /// An argument index beyond the values.
    Index,
    /// A width or precision by `*` that is no number.
    Star,
    /// Nothing but padding, and much of it.
    Long,
}

/// What is known of a value before anything runs.
#[derive(Clone, Debug)]
enum Known {
    /// An input, as JSON text.
    Input,
    /// Some text.
    Text,
    Value(Value),
    Unknown,
}

impl Template {
    /// The calls whose format does not fit, in the order of the text.
    pub(crate) fn format_faults(&self) -> Vec<FormatFault> {
        let mut walk = Walk { template: self, looked_at: 0, found: Vec::new() };
        for (name, list) in &self.templates.0 {
            // What other templates are called with is not followed.
            walk.list(list, **name == *self.name.as_bytes());
        }
        walk.found.sort_by_key(|fault| fault.place);
        walk.found.dedup();
        walk.found
    }
}

struct Walk<'a> {
    template: &'a Template,
    looked_at: usize,
    found: Vec<FormatFault>,
}

impl Walk<'_> {
    /// `data` says whether dot is the template's data, whose members are inputs.
    fn list(&mut self, list: &List, data: bool) {
        for node in list {
            match node {
                Node::Text { .. } | Node::Break | Node::Continue => {}
                Node::Action(pipe) => drop(self.pipe(pipe, data, &|| format!("{{{{{pipe}}}}}"))),
                Node::Template(call) => {
                    call.pipe.iter().for_each(|pipe| drop(self.pipe(pipe, data, &|| call.to_string())));
                }
                Node::If { pipe, body, otherwise } => self.branch("if", pipe, body, otherwise, (data, data)),
                Node::With { pipe, body, otherwise } => self.branch("with", pipe, body, otherwise, (data, false)),
                Node::Range { pipe, body, otherwise } => self.branch("range", pipe, body, otherwise, (data, false)),
            }
        }
    }

    fn branch(&mut self, word: &str, pipe: &Pipe, body: &List, otherwise: &List, (data, inside): (bool, bool)) {
        self.pipe(pipe, data, &|| format!("{{{{{word} {pipe}}}}}"));
        self.list(body, inside);
        self.list(otherwise, data);
    }

    fn pipe(&mut self, pipe: &Pipe, data: bool, action: &dyn Fn() -> String) -> Known {
        let mut piped = None;
        for command in &pipe.commands {
            let mut args: Vec<Known> = command.args.iter().map(|arg| self.operand(arg, data, action)).collect();
            args.extend(piped.take());
            piped = Some(self.command(command, args, action));
        }
        piped.unwrap_or(Known::Unknown)
    }

    fn operand(&mut self, operand: &Operand, data: bool, action: &dyn Fn() -> String) -> Known {
        match &operand.term {
            Term::Field(names) if data && names.len() == 1 => Known::Input,
            Term::Variable { name, fields } if &**name == "$" && fields.len() == 1 => Known::Input,
            Term::Str { value, .. } => Known::Value(Value::Text(value.clone())),
            Term::Bool(truth) => Known::Value(Value::Bool(*truth)),
            Term::Nil => Known::Value(Value::Nil),
            Term::Number { value: Constant::Int(number), .. } => Known::Value(Value::Int(*number)),
            Term::Number { value: Constant::Float(number), .. } => Known::Value(Value::Float(*number)),
            Term::Pipe(pipe) => self.pipe(pipe, data, action),
            Term::Chain { node, .. } => {
                self.operand(node, data, action);
                Known::Unknown
            }
            _ => Known::Unknown,
        }
    }

    /// What a command gives; its arguments stand behind the callee in `args`.
    fn command(&mut self, command: &Command, args: Vec<Known>, action: &dyn Fn() -> String) -> Known {
        use Function as F;
        let Some(Term::Function(function)) = command.args.first().map(|first| &first.term) else {
            let mut args = args.into_iter();
            return args.next().filter(|_| args.next().is_none()).unwrap_or(Known::Unknown);
        };
        let args = args.get(1..).unwrap_or_default();
        match function {
            F::Printf | F::Subst => {
                self.format(*function, command, args, action);
                Known::Text
            }
            F::Print | F::Println | F::Html | F::Js | F::Urlquery => Known::Text,
            F::Not | F::Eq | F::Ne | F::Lt | F::Le | F::Gt | F::Ge => Known::Value(Value::Bool(true)),
            F::Len => Known::Value(Value::Int(1)),
            F::And | F::Or if args.iter().all(|arg| matches!(arg, Known::Input)) => Known::Input,
            F::And | F::Or if args.iter().all(Known::is_text) => Known::Text,
            _ => Known::Unknown,
        }
    }

    fn format(&mut self, function: Function, command: &Command, args: &[Known], action: &dyn Fn() -> String) {
        let Some((Operand { pos, term: Term::Str { value: format, .. } }, (_, args))) =
            command.args.get(1).zip(args.split_first())
        else {
            return;
        };
        self.looked_at += 1;
        if self.looked_at > MOST.0 || self.found.len() >= MOST.1 || format.len() > LONG / 2 {
            return;
        }
        let Some(values) = args.iter().map(|arg| arg.sample(function)).collect::<Option<Vec<_>>>() else { return };
        let mut printer = Printer::new(LONG, self.template.generation);
        printer.printf(&without_calls(format), &values);
        let (noise, kind) = match printer.finish() {
            None => (String::new(), FormatFaultKind::Long),
            Some(text) => match complaint(&String::from_utf8_lossy(&text), format, args) {
                Some(found) => found,
                None => return,
            },
        };
        let (place, function) = (self.template.position(*pos), function.name());
        self.found.push(FormatFault { place, action: action(), function, noise, kind });
    }
}

impl Known {
    fn is_text(&self) -> bool {
        matches!(self, Self::Input | Self::Text | Self::Value(Value::Text(_)))
    }

    /// A value like it; `None` where the call fails instead.
    fn sample(&self, function: Function) -> Option<Value> {
        let text = |text: &str| Some(Value::text(without_calls(text.as_bytes())));
        match (self, function) {
            (Self::Value(Value::Text(document)), Function::Subst) => {
                json::decode_string(document).and_then(|it| text(&it))
            }
            (Self::Value(_), Function::Subst) => None,
            // Whatever it is, it is text, or the call fails.
            (Self::Input | Self::Text | Self::Unknown, Function::Subst) | (Self::Text, _) => text("…"),
            (Self::Input, _) => text("\"…\""),
            (Self::Value(Value::Text(it)), _) => Some(Value::text(without_calls(it))),
            (Self::Value(value), _) => Some(value.clone()),
            (Self::Unknown, _) => text(UNKNOWN),
        }
    }
}

/// The text with marks for its exclamation marks: what has one afterwards is a complaint.
fn without_calls(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| if byte == b'!' { MARK } else { byte }).collect()
}

/// The first complaint in a text that holds nobody else's `%!`.
fn complaint(text: &str, format: &[u8], args: &[Known]) -> Option<(String, FormatFaultKind)> {
    use FormatFaultKind as Kind;
    let any_unknown = args.iter().any(|arg| matches!(arg, Known::Unknown));
    text.match_indices("%!").find_map(|(at, _)| {
        let rest = text.get(at..)?;
        let behind = rest.get(2..)?;
        let end = rest.find(')').map_or(rest.len(), |at| at + 1);
        let (kind, end) = if behind.starts_with("(NOVERB)") {
            (if has_absurd_number(format) { Kind::Absurd } else { Kind::NoVerb }, end)
        } else if behind.starts_with("(BADWIDTH)") || behind.starts_with("(BADPREC)") {
            (Kind::Star, end)
        } else if behind.starts_with("(EXTRA ") {
            (Kind::Extra, rest.len())
        } else {
            let inside = behind.split_once('(').map_or("", |(_, inside)| inside);
            let kind = if inside.starts_with("MISSING)") {
                Kind::Missing
            } else if inside.starts_with("BADINDEX)") {
                Kind::Index
            } else if inside.starts_with("string=") {
                Kind::TextVerb
            } else {
                Kind::Verb
            };
            (kind, end)
        };
        let noise = rest.get(..end)?;
        let is_guess = match kind {
            Kind::TextVerb | Kind::Verb => noise.contains(UNKNOWN),
            Kind::Star => any_unknown,
            _ => false,
        };
        (!is_guess).then(|| (noise.replace(UNKNOWN, "…").replace(char::from(MARK), "!"), kind))
    })
}

/// Whether a format has a number that is no width any more.
fn has_absurd_number(format: &[u8]) -> bool {
    format.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > 7)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn found(text: &str) -> Vec<(String, FormatFaultKind)> {
        let faults = Template::parse("t", text).unwrap().format_faults();
        faults.into_iter().map(|fault| (fault.noise, fault.kind)).collect()
    }

    #[test]
    fn tells_what_a_format_writes_that_nobody_meant() {
        use FormatFaultKind as Kind;
        let cases = [
            (r#"{{subst "A=%s B=%s" .A}}"#, "%!s(MISSING)", Kind::Missing),
            (r#"{{subst "A" .A}}"#, "%!(EXTRA string=…)", Kind::Extra),
            (r#"{{subst "%d" .A}}"#, "%!d(string=…)", Kind::TextVerb),
            (r#"{{printf "%d" .A}}"#, "%!d(string=\"…\")", Kind::TextVerb),
            (r#"{{.A | printf "%t"}}"#, "%!t(string=\"…\")", Kind::TextVerb),
            (r#"{{printf "%f" (or .A "x")}}"#, "%!f(string=…)", Kind::TextVerb),
            (r#"{{printf "%s" 7}}"#, "%!s(int=7)", Kind::Verb),
            (r#"{{printf "%s" nil}}"#, "%!s(<nil>)", Kind::Verb),
            (r#"{{printf "%s" (len .A)}}"#, "%!s(int=1)", Kind::Verb),
            (r#"{{printf "100%"}}"#, "%!(NOVERB)", Kind::NoVerb),
            (r#"{{printf "%!" 1}}"#, "%!!(int=1)", Kind::Verb),
            (r#"{{printf "%999999999d" 1}}"#, "%!(NOVERB)", Kind::Absurd),
            (r#"{{printf "%[3]s" .A}}"#, "%!s(BADINDEX)", Kind::Index),
            (r#"{{printf "%*d" "x" 1}}"#, "%!(BADWIDTH)", Kind::Star),
            (r#"{{printf "%70000d" 1}}"#, "", Kind::Long),
            (r#"{{if (subst "%d" .A)}}x{{end}}"#, "%!d(string=…)", Kind::TextVerb),
            (r#"{{with .A}}{{subst "%d" .}}{{end}}"#, "%!d(string=…)", Kind::TextVerb),
            (r#"{{if .B}}{{else}}{{printf "%d" $.A}}{{end}}"#, "%!d(string=\"…\")", Kind::TextVerb),
        ];
        for (text, noise, kind) in cases {
            assert_eq!(found(text), [(noise.to_owned(), kind)], "{text}");
        }
    }

    #[test]
    fn keeps_quiet_where_it_fits_or_is_not_known() {
        let fine = [
            r#"{{subst "A=%s" .A}}{{printf "%q %v %x" .A .A .A}}{{printf "100%%!"}}{{printf "%%!d(MISSING)"}}"#,
            r#"{{range .A}}{{printf "%d" .}}{{end}}{{$x := 1}}{{printf "%d%*d" $x $x 1}}"#,
            r#"{{define "a"}}{{printf "%d" .A}}{{end}}{{printf (print "%d") .A}}"#,
            r#"{{printf "%s" "%!d(x)"}}{{printf "%5.1f|%d|%t" 1.5 7 (not .A)}}{{printf "%d" (index .A 0)}}"#,
        ];
        for text in fine {
            assert_eq!(found(text), [], "{text}");
        }
    }

    /// What is told is what a run writes.
    #[test]
    fn the_complaint_is_the_one_of_a_run() {
        let inputs = std::collections::BTreeMap::from([("A".to_owned(), "…".to_owned())]);
        for text in [r#"{{subst "%s %s" .A}}"#, r#"{{printf "%d" .A}}"#, r#"{{subst "x" .A}}"#, r#"{{printf "%z"}}"#] {
            let written = crate::module::render_text(text, "t", &inputs).unwrap();
            let (noise, _) = found(text).remove(0);
            assert!(String::from_utf8(written).unwrap().contains(&noise), "{text}: {noise}");
        }
    }
}
