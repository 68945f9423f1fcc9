//! Texts of strangers, before a person's terminal shows them.

/// The text on one line, at most `longest` characters, with nothing in it that moves a cursor, colours, retitles or reverses:
/// blanks for line ends and tabs, U+FFFD for every other control and direction character.
pub fn one_line(text: &str, longest: usize) -> String {
    let visible = |c: char| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { visible(c) };
    text.chars().take(longest).map(visible).collect()
}

/// The text with its lines and tabs, and U+FFFD in the place of every other control and direction character: what a job
/// wrote, as a terminal may show it.
pub fn plain_lines(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if matches!(c, '\n' | '\t') { c } else { visible(c) }).collect()
}

fn visible(c: char) -> char {
    match c {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let text = "a\x1b]0;title\x07\x1b[2Jb\r\nc\u{9b}31m\u{202e}d é";
        let clean = one_line(text, 100);
        assert!(!clean.chars().any(char::is_control), "{clean:?}");
        assert_eq!(clean, "a\u{fffd}]0;title\u{fffd}\u{fffd}[2Jb  c\u{fffd}31m\u{fffd}d é");
        assert_eq!(one_line("abc", 2), "ab");
        assert_eq!(plain_lines("a\tb\r\n\x1b[31mc\rd\n"), "a\tb\n\u{fffd}[31mc\u{fffd}d\n");
    }
}
