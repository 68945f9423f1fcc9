//! Writes random templates, mostly well formed.

use std::fmt::Write as _;

use super::template_cases::{
    ARGUMENT_INDEXES, BAD_NUMBERS, BETWEEN, COMPLEXES, FIELDS, FLOATS, FUNCTIONS, INDEXES, INTEGERS, Random, TEXTS,
};

/// Writes one template.
pub(super) struct Writer {
    pub(super) random: Random,
    out: String,
    vars: Vec<String>,
    ranges: usize,
    depth: usize,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub(super) fn new(random: Random) -> Self {
        Self { random, out: String::new(), vars: vec!["$".to_owned()], ranges: 0, depth: 0 }
    }

    pub(super) fn template(&mut self) -> String {
        let writer = self;
        for name in ["a", "b"] {
            if writer.random.percent(15) {
                writer.open();
                writer.push("define ");
                let name = if name == "a" { "\"a\"" } else { writer.random.one(&["\"a\"", "\"b\"", "`c d`", "\"t\""]) };
                writer.push(name);
                writer.close();
                writer.scope(|writer| {
                    writer.vars = vec!["$".to_owned()];
                    writer.ranges = 0;
                    writer.list(3);
                });
                writer.end();
            }
        }
        let items = 1 + writer.random.below(5);
        writer.list(items);
        std::mem::take(&mut writer.out)
    }

    /// Actions that rarely fail, so that all of them are seen: formats with anything, escapers, comparisons of like with like.
    pub(super) fn harmless(&mut self) -> String {
        for _ in 0..2 + self.random.below(7) {
            self.open();
            match self.random.below(10) {
                0..6 => {
                    self.push("printf ");
                    self.format(false);
                    self.constants(0, 5);
                }
                6 => {
                    let name = self.random.one(&["print", "println", "html", "js", "urlquery"]);
                    self.push(name);
                    self.constants(0, 4);
                }
                7 => {
                    let name = self.random.one(&["js", "html", "urlquery", "len", "not", "print", "printf \"%q\""]);
                    self.push(name);
                    self.space();
                    self.string();
                }
                8 => {
                    let name = self.random.one(&["eq", "ne", "lt", "le", "gt", "ge"]);
                    self.push(name);
                    let family = self.random.below(8);
                    for _ in 0..2 {
                        self.space();
                        self.of_family(family);
                    }
                }
                _ => {
                    let name = self.random.one(&["and", "or", "eq", "index .", "slice \"héllo\""]);
                    self.push(name);
                    self.constants(1, 3);
                }
            }
            self.close();
            self.text();
        }
        std::mem::take(&mut self.out)
    }

    /// Constants, fields and dot, each after a space.
    fn constants(&mut self, least: usize, most: usize) {
        for _ in 0..least + self.random.below(most + 1 - least) {
            self.space();
            let text = match self.random.below(8) {
                0 | 1 => self.random.one(INTEGERS),
                2 | 3 => self.random.one(FLOATS),
                4 => self.random.one(COMPLEXES),
                5 => self.random.one(&["true", "false", "nil", ".", "$"]),
                6 => {
                    self.string();
                    continue;
                }
                _ => {
                    self.field();
                    continue;
                }
            };
            self.push(text);
        }
    }

    fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        let (vars, ranges) = (self.vars.clone(), self.ranges);
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        (self.vars, self.ranges) = (vars, ranges);
    }

    fn list(&mut self, most: usize) {
        for _ in 0..=self.random.below(most) {
            self.item();
        }
    }

    fn space(&mut self) {
        let text = match self.random.below(20) {
            0 => "  ",
            1 => "\n",
            2 => "\t ",
            _ => " ",
        };
        self.push(text);
    }

    fn open(&mut self) {
        let text = match self.random.below(24) {
            0 => "{{- ",
            1 => "{{-\n",
            2 => "{{ ",
            3 => "{{\n\t",
            _ => "{{",
        };
        self.push(text);
    }

    fn close(&mut self) {
        let text = match self.random.below(24) {
            0 => " -}}",
            1 => "\n-}}",
            2 => " }}",
            3 => "\n}}",
            4 => "  -}}",
            _ => "}}",
        };
        self.push(text);
    }

    fn end(&mut self) {
        self.open();
        self.push("end");
        self.close();
    }

    fn text(&mut self) {
        let text = self.random.one(BETWEEN);
        self.push(text);
    }

    fn item(&mut self) {
        let deep = self.depth >= 4;
        match self.random.below(if deep { 60 } else { 100 }) {
            0..16 => self.text(),
            16..46 => {
                self.open();
                self.pipeline();
                self.close();
            }
            46..54 => self.variable(),
            54..57 => {
                let text = self.random.one(&[
                    "{{/* c */}}",
                    " {{- /* a\nb */ -}} ",
                    "{{/* }} */}}",
                    "{{- /**/}}",
                    "{{/* \n\n*/ -}}\n",
                ]);
                self.push(text);
            }
            57..60 => self.jump_or_call(),
            60..74 => self.branch("if"),
            74..82 => self.branch("with"),
            82..96 => self.range(),
            _ => {
                self.open();
                self.push("block ");
                let name = self.random.one(&["\"a\"", "\"k\"", "`z`"]);
                self.push(name);
                self.push(" ");
                self.pipeline();
                self.close();
                self.scope(|writer| {
                    writer.vars = vec!["$".to_owned()];
                    writer.ranges = 0;
                    writer.list(2);
                });
                self.end();
            }
        }
    }

    fn jump_or_call(&mut self) {
        self.open();
        if self.ranges > 0 && self.random.percent(60) || self.random.percent(2) {
            let word = self.random.one(&["break", "continue"]);
            self.push(word);
        } else {
            self.push("template ");
            let name = self.random.one(&["\"a\"", "\"b\"", "\"k\"", "`c d`", "\"none\""]);
            self.push(name);
            if self.random.percent(70) {
                self.push(" ");
                self.pipeline();
            }
        }
        self.close();
    }

    fn variable(&mut self) {
        self.open();
        let name = self.random.one(&["$x", "$y", "$z", "$é", "$x1"]).to_owned();
        if self.random.percent(60) || !self.vars.contains(&name) && self.random.percent(90) {
            let declare = self.random.one(&[" := ", " := ", ":=", " :="]);
            let _ = write!(self.out, "{name}{declare}");
            self.pipeline();
            self.vars.push(name);
        } else {
            let _ = write!(self.out, "{name} = ");
            self.pipeline();
        }
        self.close();
    }

    fn head(&mut self, word: &str) {
        self.push(word);
        self.space();
        if self.random.percent(15) {
            let name = self.random.one(&["$x", "$v"]);
            let _ = write!(self.out, "{name} := ");
            self.vars.push(name.to_owned());
        }
        self.pipeline();
        self.close();
    }

    fn branch(&mut self, word: &str) {
        self.scope(|writer| {
            writer.open();
            writer.head(word);
            writer.scope(|writer| writer.list(2));
            if writer.random.percent(30) {
                writer.open();
                let _ = write!(writer.out, "else ");
                let other = if writer.random.percent(8) { "if" } else { word };
                writer.head(other);
                writer.scope(|writer| writer.list(2));
            }
            if writer.random.percent(45) {
                writer.open();
                writer.push("else");
                writer.close();
                writer.scope(|writer| writer.list(2));
            }
            writer.end();
        });
    }

    fn range(&mut self) {
        self.scope(|writer| {
            writer.open();
            writer.push("range ");
            match writer.random.below(10) {
                0..2 => {
                    writer.push("$i, $e := ");
                    writer.vars.extend(["$i".to_owned(), "$e".to_owned()]);
                }
                2..4 => {
                    writer.push("$e := ");
                    writer.vars.push("$e".to_owned());
                }
                4 if writer.vars.len() > 1 => {
                    let (first, second) = (writer.var(), writer.var());
                    let _ = if writer.random.percent(50) {
                        write!(writer.out, "{first}, {second} = ")
                    } else {
                        write!(writer.out, "{first} = ")
                    };
                }
                _ => {}
            }
            let over = writer.random.below(10);
            match over {
                0..3 => writer.push("."),
                3..5 => writer.push("$"),
                5..7 => writer.push(".l"),
                7 => writer.push("$.m"),
                _ => writer.pipeline(),
            }
            writer.close();
            writer.scope(|writer| {
                writer.ranges += 1;
                writer.list(3);
            });
            if writer.random.percent(25) {
                writer.open();
                writer.push("else");
                writer.close();
                writer.scope(|writer| {
                    writer.ranges = 0;
                    writer.list(2);
                });
            }
            writer.end();
        });
    }

    fn var(&mut self) -> String {
        if self.random.percent(1) {
            return "$undeclared".to_owned();
        }
        let at = self.random.below(self.vars.len());
        self.vars[at].clone()
    }

    fn pipeline(&mut self) {
        self.depth += 1;
        self.command();
        while self.random.percent(22) && self.depth < 8 {
            let pipe = self.random.one(&[" | ", " | ", "|", "\n| ", "| "]);
            self.push(pipe);
            if self.random.percent(95) {
                self.call();
            } else {
                self.operand();
            }
        }
        self.depth -= 1;
    }

    fn command(&mut self) {
        match self.random.below(100) {
            0..55 if self.depth < 8 => self.call(),
            0..97 => self.operand(),
            _ => {
                self.operand();
                self.space();
                self.operand();
            }
        }
    }

    fn call(&mut self) {
        let name = self.random.one(FUNCTIONS);
        self.push(name);
        let wild = self.random.percent(8);
        let count = match name {
            _ if wild => self.random.below(5),
            "not" | "len" | "js" | "html" | "urlquery" => usize::from(!self.random.percent(12)),
            "ne" | "lt" | "le" | "gt" | "ge" => 2 - usize::from(self.random.percent(8)),
            "printf" | "subst" => {
                self.space();
                self.format(name == "subst");
                self.random.below(4)
            }
            "index" | "slice" => {
                self.space();
                self.container();
                let count = self.random.below(4);
                for _ in 0..count {
                    self.space();
                    if self.random.percent(70) {
                        let at = self.random.one(INDEXES);
                        self.push(at);
                    } else {
                        self.operand();
                    }
                }
                0
            }
            "eq" => 1 + self.random.below(3),
            _ => self.random.below(4),
        };
        let family = self.random.below(12);
        for _ in 0..count {
            self.space();
            if matches!(name, "eq" | "ne" | "lt" | "le" | "gt" | "ge") && self.random.percent(75) {
                self.of_family(family);
            } else {
                self.operand();
            }
        }
    }

    fn container(&mut self) {
        match self.random.below(10) {
            0..2 => self.push("."),
            2 => self.push("$"),
            3..5 => self.push(".l"),
            5 => self.push(".m"),
            6..8 => self.string(),
            _ => self.operand(),
        }
    }

    fn of_family(&mut self, family: usize) {
        match family {
            0..3 => {
                let text = self.random.one(INTEGERS);
                self.push(text);
            }
            3 | 4 => {
                let text = self.random.one(FLOATS);
                self.push(text);
            }
            5..8 => self.string(),
            8 => self.push(["true", "false"][usize::from(self.depth.is_multiple_of(2))]),
            9 => self.push("(index \"abc\" 1)"),
            10 => self.push("nil"),
            _ => {
                let text = self.random.one(COMPLEXES);
                self.push(text);
            }
        }
    }

    fn operand(&mut self) {
        match self.random.below(100) {
            0 if self.random.percent(50) => {
                let text = self.random.one(BAD_NUMBERS);
                self.push(text);
            }
            0..24 => self.field(),
            24..36 => self.string(),
            36..46 => {
                let text = self.random.one(INTEGERS);
                self.push(text);
            }
            46..54 => {
                let text = self.random.one(FLOATS);
                self.push(text);
            }
            54..57 => {
                let text = self.random.one(COMPLEXES);
                self.push(text);
            }
            57..63 => {
                let text = self.random.one(&["true", "false"]);
                self.push(text);
            }
            63..66 => self.push("nil"),
            66..74 => self.push("."),
            74..86 => {
                let name = self.var();
                self.push(&name);
                if self.random.percent(25) {
                    self.field();
                }
            }
            86..88 => {
                let text = self.random.one(if self.random.clone().percent(10) {
                    &["nosuch"]
                } else {
                    &["print", "len", "and", "html", "or"]
                });
                self.push(text);
            }
            _ if self.depth < 7 => {
                self.push("(");
                self.pipeline();
                self.push(")");
                if self.random.percent(25) {
                    self.field();
                }
            }
            _ => self.field(),
        }
    }

    fn field(&mut self) {
        for _ in 0..=usize::from(self.random.percent(15)) {
            let name = self.random.one(FIELDS);
            let _ = write!(self.out, ".{name}");
        }
    }

    fn string(&mut self) {
        let text = self.random.one(TEXTS);
        match self.random.below(10) {
            0 if !text.contains('`') => {
                let _ = write!(self.out, "`{text}`");
            }
            1 if self.random.percent(15) => {
                let text = self.random.one(&["\"\\ud800\"", "\"\\q\"", "\"\\'\"", "\"\\400\"", "\"\\x4\""]);
                self.push(text);
            }
            1 | 2 => {
                let text = self.random.one(&[
                    "\"\\xff\\xfe\"",
                    "\"\\377\"",
                    "\"\\u00e9\\U0001F438\"",
                    "\"\\a\\b\\v\"",
                    "\"a\\xe9b\"",
                    "`a\r\nb`",
                ]);
                self.push(text);
            }
            _ => self.quoted(text),
        }
    }

    fn quoted(&mut self, text: &str) {
        self.push("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => {
                    let _ = write!(self.out, "\\{c}");
                }
                '\n' => self.push("\\n"),
                c => self.out.push(c),
            }
        }
        self.push("\"");
    }

    /// A format: mostly directives, each with any flags, width, precision and index.
    fn format(&mut self, texts: bool) {
        let mut format = String::new();
        for _ in 0..self.random.below(4) + usize::from(!self.random.percent(5)) {
            if self.random.percent(30) {
                format.push_str(self.random.one(&["x", " ", "é", "|", "=", "%%"]));
            }
            format.push('%');
            while self.random.percent(35) {
                format.push_str(self.random.one(&["+", "-", "#", "0", " "]));
            }
            self.number(&mut format, 35);
            if self.random.percent(30) {
                format.push('.');
                self.number(&mut format, 80);
            }
            if self.random.percent(6) {
                format.push_str(self.random.one(ARGUMENT_INDEXES));
            }
            let verbs: &[&str] = if texts {
                &["s", "s", "q", "v", "x", "X", "d", "T"]
            } else {
                &[
                    "v", "v", "d", "s", "q", "x", "X", "T", "t", "b", "c", "o", "O", "U", "e", "E", "f", "F", "g", "G",
                    "p", "w", "z", "é", "!", "%", "\n", "",
                ]
            };
            format.push_str(self.random.one(verbs));
        }
        self.quoted(&format);
    }

    fn number(&mut self, format: &mut String, chance: usize) {
        if self.random.percent(chance) {
            format.push_str(self.random.one(&[
                "0", "1", "2", "3", "5", "8", "10", "12", "20", "010", "25", "*", "*", "[1]*", "[2]*", "9000",
                "99999999", "-3", "77",
            ]));
        }
    }
}
