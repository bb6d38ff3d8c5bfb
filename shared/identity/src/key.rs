//! Words as the lists spell them: lower case, without accents.

use vivier_types::push_folded;

/// Returns the key of a word.
pub(crate) fn key(word: &str) -> String {
    let mut key = String::with_capacity(word.len());
    for letter in word.chars() {
        push_folded(letter, &mut key);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        for (word, wanted) in [
            ("Née", "nee"),
            ("ÉTAT", "etat"),
            ("cœur", "coeur"),
            ("e\u{301}tat", "etat"),
            ("Ωmega", "ωmega"),
            ("", ""),
        ] {
            assert_eq!(key(word), wanted, "{word}");
        }
    }
}
