//! Words as the lists spell them: lower case, without accents.

/// Appends the key of one letter.
pub(crate) fn push_letter(letter: char, key: &mut String) {
    if letter.is_ascii() {
        key.push(letter.to_ascii_lowercase());
        return;
    }
    for letter in letter.to_lowercase() {
        match unaccented(letter) {
            Some(plain) => key.push_str(plain),
            None => key.push(letter),
        }
    }
}

/// Returns the key of a word.
pub(crate) fn key(word: &str) -> String {
    let mut key = String::with_capacity(word.len());
    for letter in word.chars() {
        push_letter(letter, &mut key);
    }
    key
}

/// Returns a lower-case Latin letter without its accent, when it has one;
/// nothing for an accent that stands by itself.
fn unaccented(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ı' | 'ī' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'œ' => "oe",
        'æ' => "ae",
        'ß' => "ss",
        '\u{300}'..='\u{36f}' => "",
        _ => return None,
    })
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
