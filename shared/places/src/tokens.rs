//! Words of a text with their places.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// Returns the words of a text: runs of letters, digits and marks.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    Words { text, at: 0 }.map(|range| &text[range])
}

/// Iterates over the ranges of the words of a text.
pub(crate) struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || (!letter.is_ascii() && is_combining_mark(letter))
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let mut start = None;
        let mut at = self.at;
        while let Some(byte) = bytes.get(at) {
            let (inside, length) = if byte.is_ascii() {
                (byte.is_ascii_alphanumeric(), 1)
            } else {
                let letter = self.text.get(at..)?.chars().next()?;
                (is_word(letter), letter.len_utf8())
            };
            match start {
                None if inside => start = Some(at),
                Some(start) if !inside => {
                    self.at = at + length;
                    return Some(start..at);
                }
                None | Some(_) => {}
            }
            at += length;
        }
        self.at = at;
        start.map(|start| start..at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters() {
        let found: Vec<&str> = words("L’Haÿ-les-Roses (94), Zu\u{308}rich 8e — ").collect();
        let wanted = ["L", "Haÿ", "les", "Roses", "94", "Zu\u{308}rich", "8e"];
        assert_eq!(found, wanted);
    }
}
