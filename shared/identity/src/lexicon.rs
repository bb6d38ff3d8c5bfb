//! Word lists, one file each under `lexicon/`; words are written as
//! [`crate::key::key`] gives them, but for the forms.
//!
//! - `esco_words.txt`: the words of three letters and more that stand in at
//!   least two labels or descriptions of the ESCO classification (1.1.1 in
//!   English, 1.2.0 in French), without those in the lists of names below.
//!   "This service uses the ESCO classification of the European Commission."
//! - `more_words.txt`: words of CVs that ESCO lacks: tools, months, headings,
//!   and words of places that have several.
//! - `given_names.txt`: the given names of fifteen locales of Faker (MIT
//!   licence, see `lexicon/NOTICE`), without words of the other lists;
//!   `lexicon/make.py` makes it.
//! - `given_names_and_words.txt`, `family_names_and_words.txt`: words of the
//!   first list that are common names too.
//! - `forms.txt`: gendered forms of occupations, each with the form that is
//!   written in its place; the French ones are the pairs in ESCO's labels,
//!   without those that also mean a machine, a thing or a quality.
//! - `more_forms.txt`: others, chosen by hand: adjectives that French CVs use of
//!   a person and English has not, and members of associations.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

type Lexicon = LazyLock<HashSet<&'static str>>;

fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_ascii_whitespace()
}

/// Words that are no names.
pub(crate) static WORDS: Lexicon = LazyLock::new(|| {
    words(include_str!("lexicon/esco_words.txt"))
        .chain(words(include_str!("lexicon/more_words.txt")))
        .collect()
});

/// Given names that are no words.
pub(crate) static GIVEN_NAMES: Lexicon =
    LazyLock::new(|| words(include_str!("lexicon/given_names.txt")).collect());

/// Given names that are words too.
pub(crate) static GIVEN_NAMES_AND_WORDS: Lexicon =
    LazyLock::new(|| words(include_str!("lexicon/given_names_and_words.txt")).collect());

/// Family names that are words too.
pub(crate) static FAMILY_NAMES_AND_WORDS: Lexicon =
    LazyLock::new(|| words(include_str!("lexicon/family_names_and_words.txt")).collect());

/// Gendered forms of occupations by their key, with the form for everyone.
pub(crate) static FORMS: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    include_str!("lexicon/forms.txt")
        .lines()
        .chain(include_str!("lexicon/more_forms.txt").lines())
        .filter_map(|line| line.split_once(' '))
        .map(|(form, neutral)| (crate::key::key(form), neutral))
        .collect()
});

/// The keys of the forms for everyone.
pub(crate) static NEUTRALS: LazyLock<HashSet<String>> =
    LazyLock::new(|| FORMS.values().map(|form| crate::key::key(form)).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_disjoint_and_forms_are_final() {
        let lists = [
            &WORDS,
            &GIVEN_NAMES,
            &GIVEN_NAMES_AND_WORDS,
            &FAMILY_NAMES_AND_WORDS,
        ];
        for (at, list) in lists.iter().enumerate() {
            assert!(!list.is_empty());
            for other in &lists[at + 1..] {
                let common: Vec<_> = list.intersection(other).collect();
                assert!(common.is_empty(), "{common:?}");
            }
        }
        #[expect(clippy::iter_over_hash_type, reason = "the order changes nothing")]
        for (form, neutral) in FORMS.iter() {
            assert!(!FORMS.contains_key(&crate::key::key(neutral)), "{form}");
        }
    }
}
