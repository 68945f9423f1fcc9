//! A run that remembers which part of the template wrote which part of the output, so that a fault in the output can be shown
//! in the template.

use super::value::Value;
use super::{Template, TemplateError, exec};

/// What a part of the template wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins in the output.
    pub(crate) start: usize,
    /// Where the text or action that wrote it begins in the template; the same place is the same part, in every run.
    pub(crate) source: usize,
    /// Whether it is an action rather than text.
    pub(crate) is_action: bool,
}

/// Output with its origin.
#[derive(Clone, Debug, Default)]
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
        self.pieces.iter().map(|piece| piece.source)
    }

    fn index(&self, offset: usize) -> Option<usize> {
        self.pieces.partition_point(|piece| piece.start <= offset).checked_sub(1)
    }
}

/// Longest action shown, in bytes.
const LONGEST_ACTION: usize = 120;

impl Template {
    /// The text of the action that begins at a byte.
    pub(crate) fn action_at(&self, start: usize) -> String {
        let text = self.text.get(start..).unwrap_or_default();
        let text = text.get(..LONGEST_ACTION).unwrap_or(text);
        let end = text.windows(2).position(|window| window == b"}}").map_or(text.len(), |at| at + 2);
        String::from_utf8_lossy(text.get(..end).unwrap_or_default()).into_owned()
    }

    /// Runs the template as [`Template::execute`] does and tells where each part of the output comes from. The number is that
    /// of the steps taken, also when it fails.
    pub(crate) fn execute_traced(&self, data: &Value) -> (Result<Traced, TemplateError>, usize) {
        exec::run_traced(self, data)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Value {
        Value::Texts(Arc::new(pairs.iter().map(|(k, v)| (k.as_bytes().to_vec(), Arc::from(v.as_bytes()))).collect()))
    }

    fn trace(text: &str, data: &Value) -> (Traced, Vec<(String, usize)>) {
        let template = Template::parse("t", text).unwrap();
        let traced = template.execute_traced(data).0.unwrap();
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
}
