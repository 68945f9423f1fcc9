//! A reader of JSON that never gives up: it tells every member it can see and where, also in a text that is no JSON. What it
//! says of such a text is a guess; nothing but diagnostics depends on it.

use std::sync::Arc;

/// One value in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Names of the members around it and its own; elements of lists have their number. Long names are cut.
    pub(super) path: Vec<Arc<str>>,
    /// Byte at which its name begins; of an element, the value.
    pub(super) at: usize,
    /// Its text without quotes; `None` for objects and lists.
    pub(super) scalar: Option<String>,
    /// Whether the text was in quotes.
    pub(super) quoted: bool,
}

impl Entry {
    /// Whether a name on its path is not told whole.
    pub(super) fn is_cut(&self) -> bool {
        self.path.iter().any(|name| name.len() > LONGEST_NAME)
    }

    /// Its path with dots between the steps.
    pub(super) fn shown(&self) -> String {
        self.path.join(".")
    }

    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", |name| &**name)
    }

    /// Whether the path is this one, upper and lower case alike; `*` stands for one step of any name.
    pub(super) fn is(&self, path: &str) -> bool {
        let wanted: Vec<&str> = path.split('.').collect();
        wanted.len() == self.path.len()
            && wanted.iter().zip(&self.path).all(|(wanted, name)| *wanted == "*" || wanted.eq_ignore_ascii_case(name))
    }
}

enum Level {
    Object { name: Option<(Arc<str>, usize)> },
    List { index: usize },
}

/// Deepest level looked into.
const DEEPEST: usize = 64;
/// Most values told; a module has dozens.
pub(super) const MOST: usize = 20_000;
/// Longest name told whole, in bytes; no member that is read has a longer one.
const LONGEST_NAME: usize = 100;
/// Stands for the rest of a name.
const CUT: char = '…';

/// The first [`MOST`] values in the text, in order.
pub(super) fn scan(text: &[u8]) -> Vec<Entry> {
    let mut scan = Scan { text, at: 0, levels: Vec::new(), path: Vec::new(), found: Vec::new() };
    scan.run();
    scan.found
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    levels: Vec<Level>,
    path: Vec<Arc<str>>,
    found: Vec<Entry>,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            if self.found.len() >= MOST {
                return;
            }
            match byte {
                b'{' | b'[' => {
                    if !self.levels.is_empty() {
                        self.value(self.at, None, false);
                    }
                    if self.levels.len() >= DEEPEST {
                        return;
                    }
                    if !self.levels.is_empty() {
                        self.path.push(self.step().0);
                    }
                    self.levels.push(if byte == b'{' {
                        Level::Object { name: None }
                    } else {
                        Level::List { index: 0 }
                    });
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.levels.pop();
                    self.path.pop();
                    self.end_of_value();
                    self.at += 1;
                }
                b',' => {
                    match self.levels.last_mut() {
                        Some(Level::List { index }) => *index += 1,
                        Some(Level::Object { name }) => *name = None,
                        None => {}
                    }
                    self.at += 1;
                }
                b'"' => self.text_here(),
                b'-' | b'0'..=b'9' | b'a'..=b'z' => {
                    let start = self.at;
                    while self
                        .text
                        .get(self.at)
                        .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(byte))
                    {
                        self.at += 1;
                    }
                    let word = self.between(start, self.at);
                    self.value(start, Some(word), false);
                    self.end_of_value();
                }
                _ => self.at += 1,
            }
        }
    }

    fn between(&self, start: usize, end: usize) -> String {
        String::from_utf8_lossy(self.text.get(start..end).unwrap_or_default()).into_owned()
    }

    fn text_here(&mut self) {
        let start = self.at;
        self.at += 1;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\\' => self.at += 1,
                // A text that was not closed ends with its line.
                b'"' | b'\n' => break,
                _ => {}
            }
            self.at += 1;
        }
        let text = self.between(start + 1, self.at);
        self.at += 1;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_name = rest.trim_ascii_start().first() == Some(&b':');
        if let (true, Some(Level::Object { name })) = (is_name, self.levels.last_mut()) {
            *name = Some((cut(&text), start));
            self.at += 1 + rest.iter().position(|&byte| byte == b':').unwrap_or(0);
            return;
        }
        self.value(start, Some(text), true);
        self.end_of_value();
    }

    /// Name of what stands here, and where it begins.
    fn step(&self) -> (Arc<str>, Option<usize>) {
        match self.levels.last() {
            Some(Level::Object { name: Some((name, at)) }) => (Arc::clone(name), Some(*at)),
            Some(Level::List { index }) => (Arc::from(index.to_string()), None),
            _ => (Arc::from(""), None),
        }
    }

    fn value(&mut self, start: usize, scalar: Option<String>, quoted: bool) {
        let (name, at) = self.step();
        let path = self.path.iter().cloned().chain([name]).collect();
        self.found.push(Entry { path, at: at.unwrap_or(start), scalar, quoted });
    }

    fn end_of_value(&mut self) {
        if let Some(Level::Object { name }) = self.levels.last_mut() {
            *name = None;
        }
    }
}

fn cut(name: &str) -> Arc<str> {
    match name.char_indices().find(|(at, _)| *at >= LONGEST_NAME) {
        Some((at, _)) => name.get(..at).into_iter().flat_map(str::chars).chain([CUT]).collect::<String>().into(),
        None => Arc::from(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small_whatever_the_text() {
        assert_eq!(scan("1,".repeat(100_000).as_bytes()).len(), MOST);
        let text = format!("{{\"{}\":[1,1]}}", "ü".repeat(500_000));
        let entries = scan(text.as_bytes());
        assert_eq!(entries.len(), 3);
        assert!(entries.iter().flat_map(|entry| &entry.path).all(|name| name.len() <= LONGEST_NAME + CUT.len_utf8()));
        assert!(entries[0].is_cut() && entries[2].is_cut());
    }

    fn shown(text: &str) -> Vec<String> {
        let entries = scan(text.as_bytes());
        entries.iter().map(|e| format!("{}={}", e.path.join("."), e.scalar.as_deref().unwrap_or("…"))).collect()
    }

    #[test]
    fn tells_members_and_elements() {
        let text = r#"{"a": 1, "b": {"c": "x", "d": [true, {"e": null}]}, "f": "\"q\""}"#;
        let expected = ["a=1", "b=…", "b.c=x", "b.d=…", "b.d.0=true", "b.d.1=…", "b.d.1.e=null", "f=\\\"q\\\""];
        assert_eq!(shown(text), expected);
        assert_eq!(scan(text.as_bytes())[2].at, 15);
        assert!(scan(text.as_bytes())[6].is("B.D.*.e"));
    }

    #[test]
    fn goes_on_behind_faults() {
        assert_eq!(shown("{\"a\": 1,,} \n{\"b\": [1,], // x\n \"c\" 2"), ["a=1", "b=…", "b.0=1", "=x", "=c", "=2"]);
        assert_eq!(shown("{\"a\": \"x\n, \"b\": 2}"), ["a=x", "b=2"]);
        assert_eq!(shown("}]{{{["), ["=…", ".=…", "..=…"]);
        assert!(scan(&[b'['; 100_000]).len() <= DEEPEST);
    }
}
