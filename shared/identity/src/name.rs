//! Tells whether a few words are a person's name.
//!
//! Names of every origin must go alike, so no list of names can be enough: a
//! name is known by what it is not. Words that stand in no label of an
//! occupation or skill, written with capitals, are taken for a name where one
//! is expected; lists of names only settle words that are both ("Cook").

use std::ops::Range;

use crate::key::key;
use crate::lexicon::{FAMILY_NAMES_AND_WORDS, GIVEN_NAMES, GIVEN_NAMES_AND_WORDS, WORDS};

/// Words before and between the parts of a name.
const PARTICLES: [&str; 32] = [
    "mr", "mrs", "ms", "dr", "mme", "mlle", "shri", "smt", "de", "du", "des", "d", "la", "le",
    "van", "von", "der", "den", "ter", "el", "al", "bin", "ben", "ibn", "da", "dos", "di", "del",
    "della", "y", "abu", "st",
];

/// What a word can be in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A given name that is no word.
    Given,
    /// A given name that is a word too.
    GivenOrWord,
    /// A family name that is a word too.
    FamilyOrWord,
    /// In no list.
    Unknown,
    /// "J." or "J".
    Initial,
    /// "de", "van".
    Particle,
    /// A word that is no name, or no word at all.
    Other,
}

impl Part {
    /// Tells whether the word can be a part of a name that carries meaning.
    pub(crate) fn is_name(self) -> bool {
        matches!(
            self,
            Self::Given | Self::GivenOrWord | Self::FamilyOrWord | Self::Unknown
        )
    }
}

/// A word with its place in the text.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) range: Range<usize>,
    pub(crate) part: Part,
}

/// How sure it is that words are a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// No name.
    No,
    /// Nothing speaks against it.
    Likely,
    /// A given name is in it.
    Sure,
}

/// Splits `text[range]` at white space into words.
pub(crate) fn words(text: &str, range: Range<usize>) -> impl Iterator<Item = Word> {
    let part = &text[range.clone()];
    let mut done = 0;
    std::iter::from_fn(move || {
        let start = done + part[done..].find(|c: char| !c.is_whitespace())?;
        let length = part[start..].find(char::is_whitespace);
        done = length.map_or(part.len(), |length| start + length);
        let word = &part[start..done];
        let trimmed = word.trim_end_matches([',', ';', ':']);
        // A full stop belongs to "Jr." and "J.", and else ends a sentence.
        let trimmed = match trimmed.strip_suffix('.') {
            Some(bare) if bare.chars().count() > 3 && !bare.contains('.') => bare,
            _ => trimmed,
        };
        let end = if trimmed.is_empty() {
            done
        } else {
            start + trimmed.len()
        };
        Some(Word {
            range: range.start + start..range.start + end,
            part: classify(&part[start..end]),
        })
    })
}

/// Returns what a word can be in a name.
pub(crate) fn classify(word: &str) -> Part {
    let bare = word.trim_matches(['\'', '’', '"', '“', '”', '*', '_']);
    let stem = bare.strip_suffix('.').unwrap_or(bare);
    let stem = stem
        .strip_suffix("'s")
        .or_else(|| stem.strip_suffix("’s"))
        .unwrap_or(stem);
    let mut letters = stem.chars();
    let Some(first) = letters.next() else {
        return Part::Other;
    };
    let is_capital = first.is_alphabetic() && !first.is_lowercase();
    if letters.next().is_none() {
        return if is_capital {
            Part::Initial
        } else {
            Part::Other
        };
    }
    let spelt = |c: char| c.is_alphabetic() || ('\u{300}'..='\u{36f}').contains(&c);
    if !stem.chars().all(|c| spelt(c) || "-'’".contains(c)) {
        return initials(stem, is_capital);
    }
    let whole = key(stem);
    if PARTICLES.contains(&whole.as_str()) {
        return Part::Particle;
    }
    // "d'Arc" and "al-Amin" start small; "iPhone" and "eBay" are no names.
    let has_capital = is_capital || stem.split(['-', '\'', '’']).skip(1).any(starts_big);
    if !has_capital || !is_evenly_spelt(stem) {
        return Part::Other;
    }
    let parts: Vec<Part> = stem
        .split(['-', '\'', '’'])
        .filter(|part| part.chars().count() > 1)
        .map(|part| lookup(&key(part)))
        .collect();
    for wanted in [Part::Given, Part::Unknown] {
        if parts.contains(&wanted) && !parts.contains(&Part::Other) {
            return wanted;
        }
    }
    match parts[..] {
        [one] => one,
        _ if parts.contains(&Part::GivenOrWord) => Part::GivenOrWord,
        _ => Part::Other,
    }
}

/// "J.P." and "Y.JOHN" are parts of names.
fn initials(stem: &str, is_capital: bool) -> Part {
    let mut parts = stem.split(['.', '-']);
    let short = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(char::is_uppercase) && letters.next().is_none()
    };
    let last = parts.next_back().unwrap_or_default();
    if !is_capital || !parts.all(short) {
        return Part::Other;
    }
    if short(last) {
        return Part::Initial;
    }
    let spelt = !last.is_empty() && last.chars().all(char::is_alphabetic);
    if spelt {
        lookup(&key(last))
    } else {
        Part::Other
    }
}

fn starts_big(part: &str) -> bool {
    part.chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() && !c.is_lowercase())
}

/// Tells "McKoy", "Dupont" and "DUPONT" from "JavaScript" and "DevOps".
fn is_evenly_spelt(stem: &str) -> bool {
    stem.split(['-', '\'', '’']).all(|part| {
        let mut humps = 0;
        let mut before = None;
        for letter in part.chars() {
            if letter.is_uppercase() && before.is_some_and(char::is_lowercase) {
                humps += 1;
            }
            before = Some(letter);
        }
        humps == 0
            || (humps == 1
                && ["Mc", "Mac", "De", "La", "Le", "Di", "O"]
                    .iter()
                    .any(|start| part.strip_prefix(start).is_some_and(starts_big)))
    })
}

fn lookup(key: &str) -> Part {
    if GIVEN_NAMES.contains(key) {
        Part::Given
    } else if GIVEN_NAMES_AND_WORDS.contains(key) {
        Part::GivenOrWord
    } else if FAMILY_NAMES_AND_WORDS.contains(key) {
        Part::FamilyOrWord
    } else if WORDS.contains(key) || is_plural_of_a_word(key) {
        Part::Other
    } else {
        Part::Unknown
    }
}

fn is_plural_of_a_word(key: &str) -> bool {
    key.strip_suffix('s').is_some_and(|one| WORDS.contains(one))
}

/// Most words that carry a name, and most words in all.
const NAME_WORDS: (usize, usize) = (4, 7);

/// Reads words that stand by themselves.
pub(crate) fn certainty(words: &[Word]) -> Certainty {
    let meant: Vec<Part> = words
        .iter()
        .map(|word| word.part)
        .filter(|part| !matches!(part, Part::Initial | Part::Particle))
        .collect();
    let count = |part: Part| meant.iter().filter(|one| **one == part).count();
    let (given, unknown) = (count(Part::Given), count(Part::Unknown));
    let has_initial = words.iter().any(|word| word.part == Part::Initial);
    if meant.is_empty() || meant.len() > NAME_WORDS.0 || words.len() > NAME_WORDS.1 {
        return Certainty::No;
    }
    if count(Part::Other) > 0
        || matches!(
            words,
            [
                ..,
                Word {
                    part: Part::Particle,
                    ..
                }
            ]
        )
    {
        return Certainty::No;
    }
    if meant.len() == 1 {
        return if meant[0] == Part::Given && (has_initial || words.len() == 1) {
            Certainty::Sure
        } else if meant[0] == Part::Unknown && has_initial {
            Certainty::Likely
        } else {
            Certainty::No
        };
    }
    if given > 0 || (count(Part::GivenOrWord) > 0 && (unknown > 0 || count(Part::FamilyOrWord) > 0))
    {
        Certainty::Sure
    } else if unknown > 0 {
        Certainty::Likely
    } else {
        Certainty::No
    }
}

/// Returns the words of a name for the search of its repeats: without
/// particles, initials and signs.
pub(crate) fn bare(word: &str) -> &str {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    word.strip_suffix("'s")
        .or_else(|| word.strip_suffix("’s"))
        .unwrap_or(word)
}

/// Writes a word with one capital.
pub(crate) fn capitalised(word: &str) -> String {
    let mut written = String::with_capacity(word.len());
    let mut starts = true;
    for letter in word.chars() {
        if starts {
            written.push(letter);
        } else {
            written.extend(letter.to_lowercase());
        }
        starts = !letter.is_alphabetic();
    }
    written
}
