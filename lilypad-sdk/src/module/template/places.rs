//! Lines and columns of a template, in time that does not grow with its length.

/// Bytes between two counts of characters.
const STRIDE: usize = 64;

/// What is known of a text after one look at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Where lines begin.
    lines: Vec<usize>,
    /// Characters before each multiple of [`STRIDE`].
    characters: Vec<usize>,
}

/// Whether a byte begins a character; bytes that belong to none count as beginning one when they could.
fn begins_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

impl Places {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut places = Self { lines: vec![0], characters: Vec::with_capacity(text.len() / STRIDE + 1) };
        let mut count = 0;
        for (at, &byte) in text.iter().enumerate() {
            if at % STRIDE == 0 {
                places.characters.push(count);
            }
            count += usize::from(begins_character(byte));
            if byte == b'\n' {
                places.lines.push(at + 1);
            }
        }
        places
    }

    /// Line and character of the line of a byte of the same text, both from 1.
    pub(super) fn at(&self, text: &[u8], offset: usize) -> (usize, usize) {
        let offset = offset.min(text.len());
        let line = self.lines.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        (line, self.before(text, offset).saturating_sub(self.before(text, start)) + 1)
    }

    /// Characters before a byte.
    fn before(&self, text: &[u8], offset: usize) -> usize {
        let block = (offset / STRIDE).min(self.characters.len().saturating_sub(1));
        let counted = self.characters.get(block).copied().unwrap_or(0);
        let rest = text.get(block * STRIDE..offset).unwrap_or_default();
        counted + rest.iter().filter(|&&byte| begins_character(byte)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_to_counting_from_the_beginning() {
        let text = format!("ü{}\n{}\n\nend", "añb→".repeat(50), "x".repeat(200));
        let places = Places::of(text.as_bytes());
        for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let before = &text[..offset];
            let line = 1 + before.matches('\n').count();
            let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
            assert_eq!(places.at(text.as_bytes(), offset), (line, column), "byte {offset}");
        }
        assert_eq!(places.at(text.as_bytes(), text.len() + 9), places.at(text.as_bytes(), text.len()));
        assert_eq!(Places::of(b"").at(b"", 0), (1, 1));
    }

    #[test]
    fn bytes_that_are_no_characters_do_not_confuse_it() {
        let text = b"\x80\xff\n\xffa";
        assert_eq!(Places::of(text).at(text, 4), (2, 2));
    }
}
