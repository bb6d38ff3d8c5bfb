//! The form under which two names count as the same.

use vivier_types::push_folded;

/// Returns the letters and digits of a name, in lower case and without
/// accents, and the signs `+` and `#`.
///
/// Spaces and punctuation are left out, so that "Node.js", "node js" and
/// "NodeJS" are one name, and "C", "C++" and "C#" are three.
pub fn match_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    push_key(name, &mut key);
    key
}

/// Appends [`match_key`] of `name` to `key`.
pub(crate) fn push_key(name: &str, key: &mut String) {
    if name.is_ascii() {
        let start = key.len();
        let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"+#".contains(&byte);
        for part in name.split(|letter: char| !u8::try_from(letter).is_ok_and(is_kept)) {
            key.push_str(part);
        }
        if let Some(added) = key.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    let is_kept = |letter: &char| letter.is_alphanumeric() || "+#".contains(*letter);
    let mut folded = String::new();
    for letter in name.chars() {
        folded.clear();
        push_folded(letter, &mut folded);
        if letter.is_alphabetic() && folded.is_ascii() {
            key.extend(folded.chars().filter(is_kept));
        } else {
            // Marks of other scripts can be letters, and "™" is none.
            key.extend(letter.to_lowercase().filter(is_kept));
        }
    }
}

/// Returns the words of a text: runs of letters and digits (and `+`, `#`), in
/// lower case and without accents.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '+' || c == '#'))
        .filter(|word| !word.is_empty())
        .map(match_key)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_share_a_key() {
        for (one, other) in [
            ("Node.js", "node JS"),
            ("Power-Point", "PowerPoint"),
            ("Gestion d'équipe", "gestion d’equipe"),
            ("CŒUR", "coeur"),
            ("Škoda Łódź™", "skoda lodz"),
        ] {
            assert_eq!(match_key(one), match_key(other), "{one} and {other}");
        }
    }

    #[test]
    fn different_names_keep_different_keys() {
        let keys: Vec<String> = ["C", "C++", "C#", "Java", "JavaScript"]
            .map(match_key)
            .into();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[i + 1..].contains(key), "{key}");
        }
    }

    #[test]
    fn words_are_split_and_folded() {
        assert_eq!(
            words("Chef-Cuisinier, Évry (C++)"),
            ["chef", "cuisinier", "evry", "c++"]
        );
        assert!(words("—, ").is_empty());
    }
}
