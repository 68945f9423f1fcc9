//! Texts of strangers, before a person's terminal shows them.

/// The text on one line, at most `longest` characters, with nothing in it that moves a cursor, colours, retitles or reverses:
/// blanks for line ends and tabs, U+FFFD for every other control and direction character.
pub fn one_line(text: &str, longest: usize) -> String {
    let visible = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().take(longest).map(visible).collect()
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
    }
}
