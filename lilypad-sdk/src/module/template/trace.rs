//! A run that remembers which part of the template wrote which part of the output, so that a fault in the output can be shown
//! in the template. Before each text and each action of a copy of the tree stands a mark; the marks are taken out again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{List, Node, Templates};
use super::value::Value;
use super::{Template, TemplateError};

/// What a part of the template wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins in the output.
    pub(crate) start: usize,
    /// Which part of the template: the same number is the same part, in every run.
    pub(crate) part: usize,
    /// Where that part begins in the template.
    pub(crate) source: usize,
    /// Whether it is an action rather than text.
    pub(crate) is_action: bool,
}

/// Output with its origin.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    pub(crate) output: Vec<u8>,
    pub(crate) pieces: Vec<Piece>,
}

impl Traced {
    /// The place in the template that wrote a byte of the output; the end of the output belongs to its last part.
    pub(crate) fn source(&self, offset: usize) -> usize {
        match self.index(offset).and_then(|index| self.pieces.get(index)) {
            Some(piece) if piece.is_action => piece.source,
            Some(piece) => piece.source + (offset - piece.start),
            None => 0,
        }
    }

    /// The piece that wrote a byte of the output and those before it, nearest first.
    pub(crate) fn back_from(&self, offset: usize) -> impl Iterator<Item = &Piece> {
        let end = self.index(offset).map_or(0, |index| index + 1);
        self.pieces.iter().take(end).rev()
    }

    /// Which parts ran, in order.
    pub(crate) fn path(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().map(|piece| piece.part)
    }

    fn index(&self, offset: usize) -> Option<usize> {
        self.pieces.partition_point(|piece| piece.start <= offset).checked_sub(1)
    }
}

impl Template {
    /// Runs the template as [`Template::execute`] does and tells where each part of the output comes from.
    ///
    /// # Errors
    /// As [`Template::execute`]; the marks count towards its limits.
    pub(crate) fn execute_traced(&self, data: &Value) -> Result<Traced, TemplateError> {
        let mark = mark_unlike(data, &self.text);
        let mut copy =
            Marked { mark: &mark, regions: regions(&self.text), next: 0, text: &self.text, parts: Vec::new() };
        let mut lists = BTreeMap::new();
        for (name, list) in &self.templates.0 {
            copy.next = 0;
            lists.insert(name.clone(), Arc::new(copy.list(list)));
        }
        let parts = copy.parts;
        let marked = Self { templates: Templates(lists), ..self.clone() };
        let text = marked.execute(data)?;
        Ok(split(&text, &mark, &parts))
    }
}

/// Bytes that neither the data nor the template holds.
fn mark_unlike(data: &Value, text: &[u8]) -> Vec<u8> {
    let holds = |bytes: &[u8], mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
    let mut count: u32 = 0;
    loop {
        let mark = format!("\u{0}\u{1}{count:x}\u{2}").into_bytes();
        let in_data = match data {
            Value::Texts(map) => {
                // A function may decode what stands here as JSON escapes.
                let decoded = |value: &[u8]| crate::module::json::decode_string(value).unwrap_or_default().into_bytes();
                map.values().any(|value| holds(value, &mark) || holds(&decoded(value), &mark))
            }
            _ => false,
        };
        if count == u32::MAX || !(in_data || holds(text, &mark)) {
            return mark;
        }
        count += 1;
    }
}

struct Marked<'a> {
    mark: &'a [u8],
    regions: Vec<(usize, &'a [u8])>,
    next: usize,
    text: &'a [u8],
    parts: Vec<(usize, bool)>,
}

impl Marked<'_> {
    fn list(&mut self, list: &List) -> List {
        let mut marked = Vec::with_capacity(list.len() * 2);
        for node in list {
            match node {
                Node::Text(text) => {
                    let at = self.text_at(text);
                    marked.push(self.add(at, false));
                    marked.push(node.clone());
                }
                Node::Action(pipe) => {
                    let at = self.action_at(pipe.pos);
                    marked.push(self.add(at, true));
                    marked.push(node.clone());
                }
                Node::If { pipe, body, otherwise } => {
                    self.action_at(pipe.pos);
                    let (body, otherwise) = (self.list(body), self.list(otherwise));
                    marked.push(Node::If { pipe: pipe.clone(), body, otherwise });
                }
                Node::With { pipe, body, otherwise } => {
                    self.action_at(pipe.pos);
                    let (body, otherwise) = (self.list(body), self.list(otherwise));
                    marked.push(Node::With { pipe: pipe.clone(), body, otherwise });
                }
                Node::Range { pipe, body, otherwise } => {
                    self.action_at(pipe.pos);
                    let (body, otherwise) = (self.list(body), self.list(otherwise));
                    marked.push(Node::Range { pipe: pipe.clone(), body, otherwise });
                }
                Node::Template(call) => {
                    self.action_at(call.pos);
                    marked.push(node.clone());
                }
                Node::Break | Node::Continue => marked.push(node.clone()),
            }
        }
        marked
    }

    fn add(&mut self, source: usize, is_action: bool) -> Node {
        let number = self.parts.len();
        self.parts.push((source, is_action));
        let text: Vec<u8> = self.mark.iter().copied().chain(format!("{number:08x}").into_bytes()).collect();
        Node::Text(Arc::from(text))
    }

    /// Where the action that holds a byte begins; what follows is looked for behind it.
    fn action_at(&mut self, pos: usize) -> usize {
        self.next = self.regions.partition_point(|&(start, _)| start <= pos);
        let before = self.text.get(..pos).unwrap_or_default();
        before.windows(2).rposition(|window| window == b"{{").unwrap_or(pos)
    }

    /// Where a text of the tree stands: trim markers may have cut blanks off.
    fn text_at(&mut self, text: &[u8]) -> usize {
        for index in self.next..self.regions.len() {
            let Some(&(start, region)) = self.regions.get(index) else { break };
            if region.trim_ascii() == text.trim_ascii()
                && let Some(at) = region.windows(text.len().max(1)).position(|window| window == text)
            {
                self.next = index + 1;
                return start + at;
            }
        }
        self.regions.get(self.next).map_or(0, |&(start, _)| start)
    }
}

/// The texts between actions, with the places where they begin.
fn regions(text: &[u8]) -> Vec<(usize, &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let open = rest.windows(2).position(|window| window == b"{{").unwrap_or(rest.len());
        found.push((at, rest.get(..open).unwrap_or_default()));
        match rest.get(open + 2..) {
            Some(inside) => at += open + 2 + action_length(inside),
            None => break,
        }
    }
    found
}

/// Bytes up to and with the closing braces; they don't close inside quotes and comments.
fn action_length(inside: &[u8]) -> usize {
    let comment = inside.strip_prefix(b"-").unwrap_or(inside).trim_ascii_start();
    let mut at = 0;
    if comment.starts_with(b"/*") {
        at = inside.windows(2).position(|window| window == b"*/").map_or(inside.len(), |at| at + 2);
    }
    let mut quote = None;
    while let Some(&byte) = inside.get(at) {
        match (quote, byte) {
            (None, b'}') if inside.get(at + 1) == Some(&b'}') => return at + 2,
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
        at += 1;
    }
    inside.len()
}

fn split(text: &[u8], mark: &[u8], parts: &[(usize, bool)]) -> Traced {
    let mut traced = Traced { output: Vec::with_capacity(text.len()), pieces: Vec::new() };
    let mut rest = text;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        let (before, behind) = rest.split_at(at);
        traced.output.extend_from_slice(before);
        let behind = behind.get(mark.len()..).unwrap_or_default();
        let (number, behind) = behind.split_at_checked(8).unwrap_or((behind, &[]));
        let part = std::str::from_utf8(number).ok().and_then(|text| usize::from_str_radix(text, 16).ok()).unwrap_or(0);
        let (source, is_action) = parts.get(part).copied().unwrap_or_default();
        traced.pieces.push(Piece { start: traced.output.len(), part, source, is_action });
        rest = behind;
    }
    traced.output.extend_from_slice(rest);
    traced
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Value {
        Value::Texts(Arc::new(pairs.iter().map(|(k, v)| (k.as_bytes().to_vec(), Arc::from(v.as_bytes()))).collect()))
    }

    fn trace(text: &str, data: &Value) -> (Traced, Vec<(String, usize)>) {
        let template = Template::parse("t", text).unwrap();
        let traced = template.execute_traced(data).unwrap();
        assert_eq!(traced.output, template.execute(data).unwrap(), "{text}");
        let ends = traced.pieces.iter().skip(1).map(|piece| piece.start).chain([traced.output.len()]);
        let pieces = traced.pieces.iter().zip(ends);
        let shown = pieces
            .map(|(piece, end)| (String::from_utf8_lossy(&traced.output[piece.start..end]).into_owned(), piece.source))
            .collect();
        (traced, shown)
    }

    #[test]
    fn every_piece_knows_its_place() {
        let data = texts(&[("A", "\"x\"")]);
        let (traced, shown) = trace("a{{.A}}b{{if .A}}c{{else}}c{{end}}c{{- /* }} c */ -}} d", &data);
        let expected = [("a", 0), ("\"x\"", 1), ("b", 7), ("c", 17), ("c", 34), ("d", 54)];
        assert_eq!(shown, expected.map(|(text, at)| (text.to_owned(), at)));
        assert_eq!(traced.source(0), 0);
        assert_eq!(traced.source(2), 1, "inside an action: where it begins");
        assert_eq!(traced.source(4), 7);
        assert_eq!(traced.source(999), 54 + 999 - 7);
    }

    #[test]
    fn braces_in_quotes_and_blanks_cut_off_do_not_confuse_it() {
        let (_, shown) = trace("{{\"}}\"}} x {{- `}}` -}} \n y{{'}'}}", &texts(&[]));
        let expected = [("}}", 0), (" x", 8), ("}}", 11), ("y", 26), ("125", 27)];
        assert_eq!(shown, expected.map(|(text, at)| (text.to_owned(), at)));
    }

    #[test]
    fn data_that_looks_like_a_mark_is_left_alone() {
        let data = texts(&[("A", "\u{0}\u{1}0\u{2}00000000"), ("B", "\"\\u0000\\u00011\\u0002\"")]);
        let (traced, _) = trace("{{.A}}{{subst \"%s\" .B}}", &data);
        assert!(traced.output.starts_with(b"\x00\x010\x02"));
    }
}
