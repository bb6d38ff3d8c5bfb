//! Where a running text names concepts.

use std::collections::HashMap;
use std::ops::Range;

use crate::catalog::Catalog;
use crate::text::{Stems, plain};
use crate::vectors::place;

/// Most words of a label that is looked for in a text.
const MOST_WORDS: usize = 10;
/// Words of a phrase that is compared by its vector, both included.
const PHRASE_WORDS: (usize, usize) = (2, 9);
/// Letters of the shortest single word that counts in any case.
const SHORT: usize = 3;

/// Labels by the stems of their words.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    labels: HashMap<String, u32>,
}

impl Dictionary {
    /// Lists labels; of labels with the same stems the first preferred one stays, else
    /// the first.
    pub(crate) fn new(catalog: &Catalog, stemmed: &[Vec<String>]) -> Self {
        let mut labels: HashMap<String, u32> = HashMap::with_capacity(stemmed.len());
        for preferred in [true, false] {
            for ((number, label), stems) in (0..).zip(&catalog.labels).zip(stemmed) {
                if label.preferred == preferred && !stems.is_empty() {
                    labels.entry(stems.join(" ")).or_insert(number);
                }
            }
        }
        Self { labels }
    }

    /// Returns where labels stand in a text, and which: the longest of those that
    /// overlap, from the left.
    ///
    /// A single word of one or two letters, such as "R" and "Go", must stand as the
    /// label is written.
    pub(crate) fn find(
        &self,
        text: &str,
        catalog: &Catalog,
        stems: &Stems,
    ) -> Vec<(Range<usize>, u32)> {
        let words = words(text, stems);
        let mut found = Vec::new();
        let mut first = 0;
        while first < words.len() {
            match self.longest(text, words.get(first..).unwrap_or_default(), catalog) {
                Some((range, label, count)) => {
                    found.push((range, label));
                    first += count;
                }
                None => first += 1,
            }
        }
        found
    }

    fn longest(
        &self,
        text: &str,
        words: &[Word],
        catalog: &Catalog,
    ) -> Option<(Range<usize>, u32, usize)> {
        let first = words.first().filter(|word| !word.stem.is_empty())?;
        let joined = words.iter().skip(1).take_while(|word| !word.after_break);
        let most = (1 + joined.count()).min(MOST_WORDS);
        (1..=most).rev().find_map(|count| {
            let part = words.get(..count)?;
            let last = part.last().filter(|word| !word.stem.is_empty())?;
            let stems: Vec<&str> = part
                .iter()
                .map(|word| word.stem.as_str())
                .filter(|stem| !stem.is_empty())
                .collect();
            let label = *self.labels.get(&stems.join(" "))?;
            let range = first.range.start..last.range.end;
            let written = &catalog.labels.get(place(label))?.text;
            let as_written = text.get(range.clone()) == Some(written.as_str());
            let is_short = count == 1 && last.stem.chars().count() < SHORT;
            (!is_short || as_written).then_some((range, label, count))
        })
    }
}

/// A word of a text.
struct Word {
    range: Range<usize>,
    /// Empty for a word that says nothing.
    stem: String,
    /// Whether a sign that ends a phrase stands before it.
    after_break: bool,
}

/// Splits a text into words, with their places.
fn words(text: &str, stems: &Stems) -> Vec<Word> {
    let mut words = Vec::new();
    let mut after_break = false;
    for range in pieces(text) {
        let piece = text.get(range.clone()).unwrap_or_default();
        let plain = plain(piece);
        if plain.is_empty() {
            after_break |= piece.contains(ends_phrase);
            continue;
        }
        let mut stem = stems.words(&plain).join(" ");
        if Stems::is_empty_word(&plain) {
            stem.clear();
        }
        words.push(Word {
            range,
            stem,
            after_break: std::mem::take(&mut after_break),
        });
    }
    words
}

/// Tells whether a sign ends a phrase.
fn ends_phrase(sign: char) -> bool {
    matches!(
        sign,
        ',' | ';'
            | ':'
            | '!'
            | '?'
            | '\n'
            | '\r'
            | '\t'
            | '|'
            | '('
            | ')'
            | '['
            | ']'
            | '•'
            | '·'
            | '.'
            | '…'
            | '–'
            | '—'
            | '*'
    )
}

/// Returns the runs of letters of words, and the runs of other signs between them.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut last: Option<bool> = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let end = at + letter.len_utf8();
        let next_is_word = letters
            .peek()
            .is_some_and(|(_, next)| next.is_alphanumeric());
        // A point inside a word, as in "node.js", and the signs of "C++" and "R&D".
        let inside = last == Some(true)
            && (matches!(letter, '+' | '#') || (matches!(letter, '.' | '&') && next_is_word));
        let is_word = letter.is_alphanumeric() || inside;
        match pieces.last_mut() {
            Some(piece) if last == Some(is_word) => piece.end = end,
            _ => pieces.push(at..end),
        }
        last = Some(is_word);
    }
    pieces
}

/// Returns the phrases of a text that may name something in other words than a label:
/// what stands between signs and the words "and" and "or", a few words long.
pub(crate) fn phrases(text: &str) -> Vec<Range<usize>> {
    let mut phrases = Vec::new();
    let mut phrase: Option<(Range<usize>, usize)> = None;
    let mut close = |phrase: &mut Option<(Range<usize>, usize)>| {
        if let Some((range, count)) = phrase.take()
            && (PHRASE_WORDS.0..=PHRASE_WORDS.1).contains(&count)
        {
            phrases.push(range);
        }
    };
    for range in pieces(text) {
        let piece = text.get(range.clone()).unwrap_or_default();
        let is_word = piece.starts_with(char::is_alphanumeric);
        let joins = matches!(piece.to_lowercase().as_str(), "and" | "or" | "et" | "ou");
        if joins || (!is_word && piece.contains(ends_phrase)) {
            close(&mut phrase);
        } else if is_word {
            phrase = Some(match phrase.take() {
                Some((known, count)) => (known.start..range.end, count + 1),
                None => (range, 1),
            });
        }
    }
    close(&mut phrase);
    phrases
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn phrases_stand_between_signs() {
        let text = "Lead agile teams, write C++ code and node.js services. OK";
        let found: Vec<&str> = phrases(text)
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(
            found,
            ["Lead agile teams", "write C++ code", "node.js services"]
        );
    }

    proptest! {
        #[test]
        fn pieces_cover_any_text(text in "\\PC{0,60}") {
            let all: String = pieces(&text).into_iter().map(|range| &text[range]).collect();
            prop_assert_eq!(all, text.clone());
            for range in phrases(&text) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}
