//! Random templates and data, the same for the same seed on every machine.
//!
//! Three of four are well formed, and built so that many get far: functions mostly receive what they can work on. The rest
//! are those with a few bytes changed, words of the language in any order, or noise.

use serde_json::{Map, Value as Json, json};

use super::template_writer::Writer;

/// A template with its data, as the Go program of `fixtures/go-template` takes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) template: Vec<u8>,
    pub(super) mode: &'static str,
    pub(super) data: Json,
}

/// A small random generator (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(super) fn one<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// The `number`-th case of a seed.
pub(super) fn case(seed: u64, number: u64) -> Case {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(number));
    let name =
        if random.percent(90) { "t" } else { random.one(&["a", "https://h/o/r-/m.tmpl-v1", "--", "q\"é", "x y"]) };
    let (mode, data) = data(&mut random);
    let mut writer = Writer::new(random);
    let kind = writer.random.below(100);
    let template = match kind {
        0..12 => writer.harmless().into_bytes(),
        12..80 => writer.template().into_bytes(),
        80..94 => {
            let mut bytes = writer.template().into_bytes();
            for _ in 0..1 + writer.random.below(2) {
                mutate(&mut writer.random, &mut bytes);
            }
            bytes
        }
        94..98 => {
            let words = 1 + writer.random.below(24);
            (0..words).flat_map(|_| writer.random.one(WORDS).bytes()).collect()
        }
        _ => {
            let mut bytes: Vec<u8> =
                (0..writer.random.below(40)).map(|_| writer.random.next().to_le_bytes()[0]).collect();
            if writer.random.percent(70) {
                bytes.splice(0..0, *b"{{");
                bytes.extend(b"}}");
            }
            bytes
        }
    };
    Case { name: name.to_owned(), template, mode, data }
}

#[rustfmt::skip]
pub(super) const TEXTS: &[&str] = &[
    "", "a", "moo", "hello, world", "42", "-7", "3.5", "0", "true", " lead and trail ", "say \"hi\"", "it's",
    "a\nb\tc\rd", "\u{8}\u{c}\u{1}\u{1f}\u{7f}", "<b>&amp;</b>=", "back\\slash", "100% %s %d %[1]q", "é漢🐸",
    "\u{ad}\u{a0}\u{200b}\u{2028}\u{2029}\u{feff}\u{e000}\u{fffd}", "\u{cf2}\u{1e030}\u{16af0}\u{11f00}", "{{.a}}",
    "`tick`", "a\u{0}b", "x\u{301}", "null", "\"json\"", " \"json \\u00e9 \\ud800\" ", "{\"a\":[1]}",
];

pub(super) const FIELDS: &[&str] = &["a", "b", "c", "l", "m", "n", "Message", "A_1", "é", "missing"];

fn data(random: &mut Random) -> (&'static str, Json) {
    let mode = random.below(10);
    if mode < 7 {
        let mut members = Map::new();
        for _ in 0..random.below(6) {
            members.insert(random.one(FIELDS).to_owned(), json!(random.one(TEXTS)));
        }
        return (if mode < 4 { "inputs" } else { "strings" }, Json::Object(members));
    }
    if random.percent(80) {
        let mut members = Map::new();
        for field in &FIELDS[..FIELDS.len() - 1] {
            if random.percent(60) {
                members.insert((*field).to_owned(), any(random, 2));
            }
        }
        return ("json", Json::Object(members));
    }
    ("json", any(random, 3))
}

fn any(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth == 0 { 6 } else { 9 }) {
        0 => Json::Null,
        1 => json!(random.percent(50)),
        2 => json!([0, 1, 2, -1, 3, 65, 100_000, 0x1f438, i64::MAX, i64::MIN][random.below(10)]),
        3 => json!([0.0, 0.5, -1.5, 2.0, 1e6, 1e-7, 1e21, 123_456.789, 1e300, 5e-324][random.below(10)]),
        4 | 5 => json!(random.one(TEXTS)),
        6 | 7 => Json::Array((0..random.below(5)).map(|_| any(random, depth - 1)).collect()),
        _ => {
            let mut members = Map::new();
            for _ in 0..random.below(4) {
                members.insert(random.one(FIELDS).to_owned(), any(random, depth - 1));
            }
            Json::Object(members)
        }
    }
}

#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "{{", "}}", "{{- ", " -}}", "{{-", "-}}", "if ", "else ", "else", "end", "{{end}}", "{{else}}", "range ", "with ",
    "define \"a\"", "template \"a\" .", "block \"b\" .", "$x := ", "$x = ", "$x", "$", ".", ".a", ".a.b", "(", ")",
    " | ", "|", "printf \"%5.2f|%q|%[1]*d\" ", "print ", "subst \"%s\" ", "js ", "html ", "index ", "slice ", "len ",
    "eq ", "lt ", "and ", "or ", "not ", "call ", "1", "-2", "0x1p4", "1i", "1_0", "08", "'a'", "'\\''", "\"s\"",
    "`r`", "nil", "true", "break", "continue", "{{break}}", "{{continue}}", "/* c */", "{{/* c\n */}}", " ", "\n",
    "text", "é", "\u{2028}", "=", ":=", ",", "\"", "'", "`", "\\", "%", "_", "+1", "1e5", ".5", "{", "}", "!",
    "nosuch ", "\t", "\r\n", "\u{0}", "urlquery ", "println ", "range $i, $e := ", "range $i, $e = ", "else if ",
    "else with ",
];

// Words of well-formed templates, most of them.

#[rustfmt::skip]
pub(super) const INTEGERS: &[&str] = &[
    "0", "1", "2", "3", "-1", "5", "+7", "10", "42", "65", "0x1F", "0b101", "0o17", "017", "1_000", "0x_f", "'a'",
    "'\\n'", "'é'", "'\\x41'", "'\\''", "'\\u01F4'", "128056", "1114112", "55296", "9223372036854775807",
    "-9223372036854775808", "100000", "1000001", "173",
];
/// Numbers that are none, or none that can be used.
#[rustfmt::skip]
pub(super) const BAD_NUMBERS: &[&str] = &[
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "08", "1e1000", "1__0", "0x", "1e", "0b2",
    "3k", "'ab'", "''", "1+i", "5-ei", "0x1+2i", "1e999+1i", "0b1+1i", "1_+1i", "1+0x1p1i", "1+2", "-i", "+.", "0x1.8",
    "0x.p1", "1p4", "1i2", "'\\q'", "1.2.3",
];
#[rustfmt::skip]
pub(super) const FLOATS: &[&str] = &[
    "0.0", "1.5", "-2.5", ".5", "1.", "1e3", "1e21", "1E-7", "2.5e10", "0x1p-2", "0x1.8p3", "123456.789", "1_0.5",
    "-0.0", "1e6", "99999.95", "5e-324", "1.7976931348623157e308", "0.1", "1e100", "0X1.FFFFFFFFFFFFFP+1023", "3e0",
    "100000.0", "1000000.0",
];
pub(super) const COMPLEXES: &[&str] = &["1i", "2.5i", "1+2i", "-1.5-2e3i", "0i", "0x1p2i", "1e3+0i", "-0.0+0i", "1_0i"];
pub(super) const FUNCTIONS: &[&str] = &[
    "and", "or", "not", "len", "index", "slice", "print", "println", "printf", "js", "html", "urlquery", "eq", "ne",
    "lt", "le", "gt", "ge", "call", "subst", "printf", "printf", "index", "eq", "subst", "js",
];

#[rustfmt::skip]
pub(super) const BETWEEN: &[&str] = &[
    " ", "\n", "x", "abc ", " \n\t y", "é", "}}", "{", "\"", "\r\n", ",", "  ", "漢\u{a0}", "%d", "\u{0}", "- ", "/*",
    "{\"k\": ",
];

#[rustfmt::skip]
pub(super) const INDEXES: &[&str] = &[
    "0", "1", "2", "3", "-1", "\"a\"", "\"m\"", "\"missing\"", "nil", "9", "1.0", "(len .)",
    "(index \"\\x01\\x02\" 0)",
];

#[rustfmt::skip]
pub(super) const ARGUMENT_INDEXES: &[&str] = &[
    "[1]", "[2]", "[3]", "[0]", "[9]", "[]", "[x]", "[", "[-1]", "[99999999]",
];

/// Changes a few bytes: something goes, comes, is doubled or trades places.
pub(super) fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() + 1);
    let end = (at + 1 + random.below(6)).min(bytes.len());
    match random.below(7) {
        0 | 1 => drop(bytes.drain(at..end)),
        2 | 3 => drop(bytes.splice(at..at, random.one(WORDS).bytes())),
        4 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        5 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
        6 => {
            let piece: Vec<u8> = bytes.drain(at..end).collect();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        _ => bytes.truncate(at),
    }
}
