//! The form under which letters count as the same.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Appends a letter in lower case without accents: "e" for "É", "oe" for "Œ", nothing for an
/// accent by itself. Latin letters become ASCII as far as they are plain letters with
/// something added; others are decomposed and lose their marks.
pub fn push_folded(letter: char, folded: &mut String) {
    if letter.is_ascii() {
        folded.push(letter.to_ascii_lowercase());
        return;
    }
    // Some capitals show only in the decomposed form.
    for part in std::iter::once(letter).nfkd().flat_map(char::to_lowercase) {
        match plain(part) {
            Some(plain) => folded.push_str(plain),
            None if is_combining_mark(part) => {}
            None => folded.push(part),
        }
    }
}

/// Returns the plain form of a lower-case Latin letter that does not decompose.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ı' => "i",
        'ħ' => "h",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut folded = String::new();
        text.chars()
            .for_each(|letter| push_folded(letter, &mut folded));
        folded
    }

    #[test]
    fn letters_lose_case_and_accents() {
        for (text, wanted) in [
            ("ÉTAT Née cœur", "etat nee coeur"),
            ("e\u{301}tat", "etat"),
            ("İstanbul Łódź Đà Þór", "istanbul lodz da thor"),
            ("Ngọc Phượng Hải", "ngoc phuong hai"),
            ("Straße ﬁn", "strasse fin"),
            ("ΑΘΉΝΑ й", "αθηνα и"),
            ("C++ №", "c++ no"),
        ] {
            assert_eq!(folded(text), wanted, "{text}");
        }
    }

    /// Of the letters of Latin-1, Latin Extended A and Additional all but a few have a plain
    /// form; folding is final for every letter.
    #[test]
    fn latin_letters_become_ascii_and_stay() {
        let latin = ('\u{c0}'..='\u{17f}').chain('\u{1e00}'..='\u{1eff}');
        let mut kept = String::new();
        for letter in latin.filter(|letter| letter.is_alphabetic()) {
            let once = folded(&letter.to_string());
            if !once.is_ascii() {
                kept.push(letter);
            }
        }
        assert_eq!(kept, "ĸĿŀŉŊŋŦŧẚẜẝẟỺỻỼỽỾỿ");
        for letter in '\0'..=char::MAX {
            let once = folded(&letter.to_string());
            assert_eq!(folded(&once), once, "{letter:?}");
        }
    }
}
