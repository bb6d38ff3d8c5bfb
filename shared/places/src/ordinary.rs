//! Words and personal names that are also names of places.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How much a name is a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ordinary {
    /// A place when something says so.
    Sometimes,
    /// A month, an abbreviation: a place only beside a postcode or an area.
    Mostly,
}

static WORDS: LazyLock<HashMap<&'static str, Ordinary>> = LazyLock::new(|| {
    let mut kind = Ordinary::Sometimes;
    let mut words = HashMap::new();
    let lines = include_str!("ordinary.txt").lines();
    for word in lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(' '))
    {
        match word {
            "---" => kind = Ordinary::Mostly,
            _ => {
                words.insert(word, kind);
            }
        }
    }
    words
});

/// Tells whether a folded name is also a word or a personal name.
pub(crate) fn is_ordinary(folded: &str) -> bool {
    WORDS.contains_key(folded)
}

/// Tells whether a folded name is hardly ever a place.
pub(crate) fn is_hardly_a_place(folded: &str) -> bool {
    WORDS.get(folded) == Some(&Ordinary::Mostly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known() {
        for word in [
            "reading", "nice", "mobile", "orange", "of", "as", "y", "bath",
        ] {
            assert!(is_ordinary(word) && !is_hardly_a_place(word), "{word}");
        }
        assert!(is_hardly_a_place("may"));
        for town in ["lyon", "boston", "---", ""] {
            assert!(!is_ordinary(town), "{town}");
        }
    }

    #[test]
    fn words_are_folded() {
        let same = |word: &&str| crate::fold::fold(word).as_deref() == Some(*word);
        assert!(WORDS.keys().all(same));
    }
}
