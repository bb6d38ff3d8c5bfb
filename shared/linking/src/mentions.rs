//! Where a running text names concepts.

use std::hash::BuildHasher as _;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};
use vivier_ontology::Language;

use crate::catalog::Catalog;
use crate::lists::Lists;
use crate::text::{Stems, plain, telling};
use crate::vectors::place;
use crate::wording::{is_conjunction, is_vague, same_words, says, stands_alone};
use crate::words::StemNumbers;

/// Most words of a label that is looked for in a text.
const MOST_WORDS: usize = 10;
/// Words of a phrase that is compared by its vector, both included.
const PHRASE_WORDS: (usize, usize) = (2, 9);

/// Labels by the stems of their words.
#[derive(Debug)]
pub(crate) struct Dictionary {
    /// Labels by the hashes of their stems.
    labels: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// By label: its stems.
    stems: Lists,
    /// By stem: the most stems of a label that begins with it.
    most: Vec<usize>,
    /// The language of the texts.
    language: Language,
}

impl Dictionary {
    /// Lists labels by the numbers of their stems; of labels with the same stems one of the
    /// language of the texts stays, of these the first preferred one, else the first.
    pub(crate) fn new(catalog: &Catalog, stems: Lists, language: Language) -> Self {
        let hasher = DefaultHashBuilder::default();
        let hash = |label: &u32| hasher.hash_one(stems.get(*label));
        let mut labels = HashTable::with_capacity(stems.len());
        let mut most = Vec::new();
        for (own_language, preferred) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            for ((number, label), own) in (0..).zip(&catalog.labels).zip(stems.iter()) {
                let Some(first) = own.first().map(|first| place(*first)) else {
                    continue;
                };
                if (label.language == language, label.preferred) == (own_language, preferred) {
                    let same = |other: &u32| stems.get(*other) == own;
                    labels.entry(hash(&number), same, hash).or_insert(number);
                    most.resize(most.len().max(first + 1), 0);
                    if let Some(most) = most.get_mut(first) {
                        *most = own.len().max(*most);
                    }
                }
            }
        }
        labels.shrink_to_fit(hash);
        Self {
            labels,
            hasher,
            stems,
            most,
            language,
        }
    }

    /// Returns where labels stand in a text, given with its words, and which: the longest
    /// of those that overlap, from the left.
    ///
    /// A single word counts only as [`stands_alone`] says, and several words of another
    /// language only when they are those of the label: by stems "management d'équipe" would
    /// be "manage equipment".
    pub(crate) fn find(
        &self,
        text: &str,
        words: &TextWords,
        catalog: &Catalog,
    ) -> Vec<(Range<usize>, u32)> {
        let mut found = Vec::new();
        let mut rest = words.words.as_slice();
        while !rest.is_empty() {
            let longest = self.longest(rest, &words.stems, |range, label, alone| {
                let written = text.get(range.clone()).unwrap_or_default();
                let label = catalog.labels.get(place(label));
                label.is_some_and(|label| {
                    let text = catalog.text(label);
                    match alone {
                        Some(word) => {
                            (!word.is_short || text == written)
                                && stands_alone(written, text, label.language)
                        }
                        None => {
                            let (written, text) = (plain(written), plain(text));
                            let says_it = if label.language == self.language {
                                says(&written, &text, self.language)
                            } else {
                                same_words(&written, &text)
                            };
                            says_it && !is_vague(&written)
                        }
                    }
                })
            });
            let taken = match longest {
                Some((range, label, count)) => {
                    found.push((range, label));
                    count
                }
                None => 1,
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        found
    }

    fn longest(
        &self,
        words: &[Word],
        stems: &[u32],
        counts: impl Fn(&Range<usize>, u32, Option<&Word>) -> bool,
    ) -> Option<(Range<usize>, u32, usize)> {
        let first = words.first()?;
        let most = *self
            .most
            .get(place(*stems.get(first.stems.clone())?.first()?))?;
        let mut longest = None;
        for (count, word) in (1..=MOST_WORDS).zip(words) {
            if count > 1 && word.after_break {
                break;
            }
            if word.stems.is_empty() {
                continue;
            }
            let part = stems.get(first.stems.start..word.stems.end)?;
            if part.len() > most {
                break;
            }
            let same = |other: &u32| self.stems.get(*other) == part;
            let Some(label) = self.labels.find(self.hasher.hash_one(part), same) else {
                continue;
            };
            let range = first.range.start..word.range.end;
            let alone = (part.len() == 1).then_some(word);
            if counts(&range, *label, alone) {
                longest = Some((range, *label, count));
            }
        }
        longest
    }
}

/// The words of a text.
pub(crate) struct TextWords {
    words: Vec<Word>,
    /// The numbers of their stems.
    stems: Vec<u32>,
}

/// A word of a text.
struct Word {
    range: Range<usize>,
    /// Where its stems are; none of a word that says nothing.
    stems: Range<usize>,
    /// Whether its stem is so short that it must stand as it is written.
    is_short: bool,
    /// Whether a sign that ends a phrase stands before it.
    after_break: bool,
}

/// The number of a stem that no label has.
const UNKNOWN: u32 = u32::MAX;

/// Splits a text into words, with their places and the numbers of their stems.
pub(crate) fn words(text: &str, stems: &Stems, numbers: &StemNumbers) -> TextWords {
    let mut words = TextWords {
        words: Vec::new(),
        stems: Vec::new(),
    };
    let mut after_break = false;
    for range in pieces(text) {
        let piece = text.get(range.clone()).unwrap_or_default();
        let plain = plain(piece);
        if plain.is_empty() {
            after_break |= piece.contains(ends_phrase);
            continue;
        }
        let first = words.stems.len();
        if !Stems::is_empty_word(&plain) {
            let telling = telling(&plain).into_iter();
            let known = telling.map(|word| numbers.word(word, stems).unwrap_or(UNKNOWN));
            words.stems.extend(known);
        }
        let is_short = match words.stems.get(first..) {
            Some([stem]) => numbers.is_short(*stem),
            _ => false,
        };
        words.words.push(Word {
            range,
            stems: first..words.stems.len(),
            is_short,
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
        let joins = is_conjunction(&piece.to_lowercase());
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
