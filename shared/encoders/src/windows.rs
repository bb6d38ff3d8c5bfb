//! Splits a long text into overlapping windows at the places where its author did.
//!
//! The rule: a window is filled to at least two thirds and then ends at the
//! strongest boundary before it is full: a blank line, else the end of a line,
//! else the end of a sentence, else a space, else anywhere. The next window starts
//! with the whole lines or sentences that fit the overlap, so that a sentence is
//! read with the one before it; after a boundary with nothing shorter inside the
//! overlap it starts fresh.

use std::ops::Range;

/// One window over the tokens of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The tokens that the window holds.
    pub range: Range<usize>,
    /// How many of them no earlier window holds.
    pub fresh: usize,
}

/// How strongly a text is divided before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Boundary {
    /// Inside a word.
    None,
    Word,
    Sentence,
    Line,
    Section,
}

/// Splits the tokens of a text into windows of at most `capacity` tokens that
/// share at most `overlap` tokens.
///
/// `offsets` are the tokens' places in `text`. Every token is in some window, the
/// `fresh` counts sum to the number of tokens, and a text that fits gives one
/// window. A capacity of 0 counts as 1, an overlap above half the capacity as half.
#[must_use]
pub fn split_windows(
    text: &str,
    offsets: &[Range<usize>],
    capacity: usize,
    overlap: usize,
) -> Vec<Window> {
    let capacity = capacity.max(1);
    let overlap = overlap.min(capacity / 2);
    let total = offsets.len();
    let mut windows = Vec::new();
    let (mut start, mut covered) = (0, 0);
    while covered < total {
        let full = start + capacity;
        let end = if full >= total {
            total
        } else {
            let least = (start + capacity - capacity / 3).max(covered + 1);
            strongest(text, offsets, least..full + 1)
        };
        windows.push(Window {
            range: start..end,
            fresh: end - covered,
        });
        covered = end;
        start = next_start(text, offsets, end, overlap);
    }
    windows
}

/// Returns the place of the strongest boundary in `places`, the last of equals.
fn strongest(text: &str, offsets: &[Range<usize>], places: Range<usize>) -> usize {
    let last = places.end - 1;
    places
        .max_by_key(|&place| boundary(text, offsets, place))
        .unwrap_or(last)
}

/// Returns where the window after one that ends at `end` starts: at the first
/// sentence or line inside the overlap, or at `end` itself when it is the only
/// boundary, else at the first word, or `overlap` tokens back when there is none.
fn next_start(text: &str, offsets: &[Range<usize>], end: usize, overlap: usize) -> usize {
    let earliest = end - overlap.min(end);
    let first = |least| (earliest..=end).find(|&place| boundary(text, offsets, place) >= least);
    first(Boundary::Sentence)
        .or_else(|| first(Boundary::Word))
        .unwrap_or(earliest)
}

/// Classifies the gap before token `place`.
fn boundary(text: &str, offsets: &[Range<usize>], place: usize) -> Boundary {
    if place == 0 || place >= offsets.len() {
        return Boundary::Section;
    }
    let before = &offsets[place - 1];
    let gap = text
        .get(before.end..offsets[place].start)
        .unwrap_or_default();
    match gap.bytes().filter(|&byte| byte == b'\n').count() {
        0 if gap.is_empty() => Boundary::None,
        0 => {
            let last = text
                .get(before.clone())
                .and_then(|token| token.chars().next_back());
            if matches!(last, Some('.' | '!' | '?' | '…' | '。' | ';')) {
                Boundary::Sentence
            } else {
                Boundary::Word
            }
        }
        1 => Boundary::Line,
        _ => Boundary::Section,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One token for each run of letters and for each other visible character.
    fn tokens(text: &str) -> Vec<Range<usize>> {
        let mut offsets: Vec<Range<usize>> = Vec::new();
        let mut in_word = false;
        for (at, character) in text.char_indices() {
            let end = at + character.len_utf8();
            if character.is_whitespace() {
                in_word = false;
            } else if character.is_alphabetic() && in_word {
                offsets.last_mut().unwrap().end = end;
            } else {
                offsets.push(at..end);
                in_word = character.is_alphabetic();
            }
        }
        offsets
    }

    fn texts(text: &str, capacity: usize, overlap: usize) -> Vec<String> {
        let offsets = tokens(text);
        let slice = |range: &Range<usize>| {
            text[offsets[range.start].start..offsets[range.end - 1].end].to_owned()
        };
        split_windows(text, &offsets, capacity, overlap)
            .iter()
            .map(|window| slice(&window.range))
            .collect()
    }

    #[test]
    fn prefers_sections_to_sentences_and_repeats_whole_sentences() {
        let text = "one two three\n\nfour five. six seven eight nine";
        assert_eq!(
            texts(text, 6, 0),
            ["one two three\n\nfour five.", "six seven eight nine"]
        );
        assert_eq!(texts(text, 4, 0)[0], "one two three");
        assert_eq!(
            texts("a b. c d. e f. g h.", 6, 3),
            ["a b. c d.", "c d. e f.", "e f. g h."]
        );
    }

    #[test]
    fn falls_back_to_words_then_to_anywhere() {
        assert_eq!(texts("a b c d e", 2, 0), ["a b", "c d", "e"]);
        assert_eq!(texts("-----", 2, 1), ["--", "--", "--", "--"]);
    }

    #[test]
    fn no_tokens_give_no_window() {
        assert!(split_windows("", &[], 4, 1).is_empty());
    }

    proptest! {
        #[test]
        fn windows_cover_every_token_and_fit(
            text in "([a-z]{1,4}|[ ]|\\. |\n|\n\n|-){0,200}",
            capacity in 1_usize..40,
            overlap in 0_usize..40,
        ) {
            let offsets = tokens(&text);
            let windows = split_windows(&text, &offsets, capacity, overlap);
            let mut covered = 0;
            for window in &windows {
                prop_assert!(window.range.len() <= capacity);
                prop_assert!(window.range.start <= covered, "a token is in no window");
                prop_assert!(covered - window.range.start <= overlap);
                prop_assert_eq!(window.fresh, window.range.end - covered);
                prop_assert!(window.fresh > 0);
                covered = window.range.end;
            }
            prop_assert_eq!(covered, offsets.len());
            prop_assert_eq!(windows.len() == 1, !offsets.is_empty() && offsets.len() <= capacity);
        }
    }
}
