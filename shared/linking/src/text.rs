//! The forms in which a text and a label are compared.

use std::borrow::Cow;

use frostem::{Algorithm, Stemmer};
use vivier_ontology::Language;
use vivier_types::push_folded;

/// Words that say nothing of a skill or an occupation, in English and French. The lists
/// of search engines hold more, such as "it", which is a trade.
const EMPTY_WORDS: [&str; 33] = [
    "a", "an", "the", "of", "and", "or", "in", "on", "for", "to", "with", "by", "at", "from", "as",
    "de", "la", "le", "les", "l", "d", "des", "du", "un", "une", "et", "ou", "en", "dans", "pour",
    "sur", "aux", "au",
];

/// Letters of markers such as "(h/f)", "m/w/d" and "H/F/X".
const MARKER_LETTERS: &str = "hfmwdxvu";

/// Returns a text in lower case without accents, markers of gender and punctuation: its
/// words, one space between two. "C++", "c#", "node.js" and "R&D" are words.
pub(crate) fn plain(text: &str) -> String {
    let mut folded = fold(text);
    if folded.contains('/') {
        let pieces = folded.split_whitespace().filter(|piece| !is_marker(piece));
        folded = pieces.collect::<Vec<_>>().join(" ");
    }
    let mut plain = String::with_capacity(folded.len());
    let mut letters = folded.chars().peekable();
    let (mut before, mut open) = (false, false);
    while let Some(letter) = letters.next() {
        let is_word = letter.is_alphanumeric();
        let mut next_is_word = || letters.peek().is_some_and(|next| next.is_alphanumeric());
        if is_word
            || matches!(letter, '+' | '#' | '&')
            || (letter == '.' && before && next_is_word())
        {
            if open && !plain.is_empty() {
                plain.push(' ');
            }
            plain.push(letter);
            open = false;
        } else {
            open = true;
        }
        before = is_word;
    }
    plain
}

/// Lowers a text and takes its accents off.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    text.chars()
        .for_each(|letter| push_folded(letter, &mut folded));
    folded
}

/// Tells whether a piece of text is a marker such as "(h/f/x)".
fn is_marker(piece: &str) -> bool {
    let inner = piece.trim_matches(|letter: char| "()[],;:-".contains(letter));
    let mut letters = inner.split('/');
    inner.contains('/')
        && letters.all(|one| one.chars().count() == 1 && MARKER_LETTERS.contains(one))
}

/// Returns the words of a plain text that say something; all when none does.
pub(crate) fn telling(plain: &str) -> Vec<&str> {
    let words = plain.split(' ').filter(|word| !word.is_empty());
    let telling: Vec<&str> = words
        .clone()
        .filter(|word| !Stems::is_empty_word(word))
        .collect();
    if telling.is_empty() {
        words.collect()
    } else {
        telling
    }
}

/// Up to five letters, the places that are left being 0.
pub(crate) type Gram = [char; 5];

/// Returns the runs of 3, 4 and 5 letters of a word, its ends marked; a short word whole.
pub(crate) fn grams(word: &str) -> impl Iterator<Item = Gram> {
    let marked = std::iter::once('^').chain(word.chars());
    let letters: Vec<char> = marked.chain(['$']).collect();
    let gram = |run: &[char]| {
        let mut gram = Gram::default();
        gram.iter_mut()
            .zip(run)
            .for_each(|(place, letter)| *place = *letter);
        gram
    };
    let whole = (letters.len() <= 3).then(|| gram(&letters));
    let runs = (3..=5).flat_map(move |length| {
        let runs: Vec<Gram> = letters.windows(length).map(gram).collect();
        runs
    });
    runs.chain(whole)
}

/// Brings words to their stems.
pub(crate) struct Stems(Option<Stemmer>);

impl Stems {
    /// Makes the stems of a language; of English and French only, words of others stay.
    pub(crate) fn of(language: Language) -> Self {
        let algorithm = match language {
            Language::ENGLISH => Some(Algorithm::English),
            Language::FRENCH => Some(Algorithm::French),
            _ => None,
        };
        Self(algorithm.map(Stemmer::new))
    }

    /// Tells whether a word says nothing of a skill or an occupation.
    pub(crate) fn is_empty_word(word: &str) -> bool {
        EMPTY_WORDS.contains(&word)
    }

    /// Returns the stem of a word of a [`plain`] text.
    pub(crate) fn stem<'a>(&self, word: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(stemmer) => stemmer.stem(word),
            None => Cow::Borrowed(word),
        }
    }

    /// Returns the stem of each word that says something of a [`plain`] text.
    pub(crate) fn words(&self, plain: &str) -> Vec<String> {
        let stem = |word| self.stem(word).into_owned();
        telling(plain).into_iter().map(stem).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_become_plain() {
        for (text, wanted) in [
            ("Technicien d’études (H/F)", "technicien d etudes"),
            ("Chef de cœur, h/f/x", "chef de coeur"),
            ("C++ / C# developer", "c++ c# developer"),
            ("Node.js, R&D.", "node.js r&d"),
            ("  ", ""),
            ("ΑΘΉΝΑ", "αθηνα"),
        ] {
            assert_eq!(plain(text), wanted, "{text}");
        }
    }

    #[test]
    fn words_lose_their_inflection() {
        let english = Stems::of(Language::ENGLISH);
        assert_eq!(english.words("managing the managers"), ["manag", "manag"]);
        let french = Stems::of(Language::FRENCH);
        assert_eq!(
            french.words("conducteurs d engins"),
            french.words("conducteur engin")
        );
        assert_eq!(english.words("of the"), ["of", "the"]);
    }

    #[test]
    fn grams_mark_the_ends_of_words() {
        let written = |word| -> Vec<String> {
            let grams = grams(word).map(|gram| gram.iter().filter(|one| **one != '\0').collect());
            grams.collect()
        };
        assert_eq!(written("r"), ["^r$", "^r$"]);
        assert_eq!(
            written("sql"),
            ["^sq", "sql", "ql$", "^sql", "sql$", "^sql$"]
        );
    }

    proptest! {
        #[test]
        fn plain_is_plain_already(text in "\\PC{0,60}") {
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once);
        }
    }
}
