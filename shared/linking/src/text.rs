//! The forms in which a text and a label are compared.

use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use vivier_ontology::Language;

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
    let folded = fold(text);
    let letters: Vec<char> = folded.chars().collect();
    let mut plain = String::with_capacity(folded.len());
    for (at, letter) in letters.iter().enumerate() {
        let inside = |place: Option<usize>| {
            let neighbour = place.and_then(|place| letters.get(place));
            neighbour.is_some_and(|letter| letter.is_alphanumeric())
        };
        let kept = letter.is_alphanumeric()
            || matches!(letter, '+' | '#' | '&')
            || (*letter == '.' && inside(at.checked_sub(1)) && inside(at.checked_add(1)));
        plain.push(if kept { *letter } else { ' ' });
    }
    let words = plain.split_ascii_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// Lowers a text, takes its accents off, and its markers of gender out.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Some capitals show only in the decomposed form.
    for letter in text.nfkd().flat_map(char::to_lowercase) {
        match letter {
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            letter if is_combining_mark(letter) => {}
            letter => folded.push(letter),
        }
    }
    let pieces = folded.split_whitespace().filter(|piece| !is_marker(piece));
    pieces.collect::<Vec<_>>().join(" ")
}

/// Tells whether a piece of text is a marker such as "(h/f/x)".
fn is_marker(piece: &str) -> bool {
    let inner = piece.trim_matches(|letter: char| "()[],;:-".contains(letter));
    let mut letters = inner.split('/');
    inner.contains('/')
        && letters.all(|one| one.chars().count() == 1 && MARKER_LETTERS.contains(one))
}

/// Returns the words of a plain text that say something; all when none does.
fn telling(plain: &str) -> Vec<&str> {
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

/// Returns the runs of 3, 4 and 5 letters of each word, its ends marked; short words
/// whole. `plain` is a [`plain`] text.
pub(crate) fn grams(plain: &str) -> Vec<String> {
    let mut grams = Vec::new();
    for word in telling(plain) {
        let letters: Vec<char> = format!("^{word}$").chars().collect();
        for length in 3..=5 {
            grams.extend(letters.windows(length).map(String::from_iter));
        }
        if letters.len() <= 3 {
            grams.push(letters.iter().collect());
        }
    }
    grams
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

    /// Returns the stem of each word that says something of a [`plain`] text.
    pub(crate) fn words(&self, plain: &str) -> Vec<String> {
        let stem = |word: &str| match &self.0 {
            Some(stemmer) => stemmer.stem(word).into_owned(),
            None => word.to_owned(),
        };
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
        assert_eq!(grams("r"), ["^r$", "^r$"]);
        assert_eq!(grams("sql"), ["^sq", "sql", "ql$", "^sql", "sql$", "^sql$"]);
    }

    proptest! {
        #[test]
        fn plain_is_plain_already(text in "\\PC{0,60}") {
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once);
        }
    }
}
