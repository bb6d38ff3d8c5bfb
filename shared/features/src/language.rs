//! Which language a text is written in.

use whatlang::{Detector, Lang};

/// Most of a text that is looked at, in bytes: more does not change the answer.
pub(crate) const SAMPLE_BYTES: usize = 4_000;

/// Returns `"en"` or `"fr"` when the text is clearly in that language, and
/// `None` for other languages and for texts too short to tell.
///
/// Looks at every language first, so that Spanish is not taken for French;
/// decides between the two only when that leaves doubt.
pub fn detect_language(text: &str) -> Option<&'static str> {
    let sample = start_of(text);
    let open = whatlang::detect(sample)?;
    if open.is_reliable() {
        return code(open.lang());
    }
    let of_two = Detector::with_allowlist(vec![Lang::Eng, Lang::Fra]).detect(sample)?;
    if of_two.is_reliable() && of_two.lang() == open.lang() {
        return code(of_two.lang());
    }
    None
}

/// Returns at most [`SAMPLE_BYTES`] of a text, cut between letters.
fn start_of(text: &str) -> &str {
    let mut end = SAMPLE_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn code(lang: Lang) -> Option<&'static str> {
    if lang == Lang::Eng {
        Some("en")
    } else if lang == Lang::Fra {
        Some("fr")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_told_apart() {
        let english = "We are looking for a software engineer who will build services in our team";
        let french =
            "Nous recherchons un ingénieur logiciel qui construira les services de notre équipe";
        let german =
            "Wir suchen einen Entwickler, der mit uns die Dienste unserer Abteilung aufbaut";
        let spanish =
            "Buscamos una persona que desarrolle los servicios de nuestro equipo en Madrid";
        assert_eq!(detect_language(english), Some("en"));
        assert_eq!(detect_language(french), Some("fr"));
        assert_eq!(detect_language(german), None);
        assert_eq!(detect_language(spanish), None);
    }

    #[test]
    fn nothing_is_guessed_from_nothing() {
        assert_eq!(detect_language(""), None);
        assert_eq!(detect_language("2019 - 2021, 75 %"), None);
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let text = "é".repeat(5_000);
        assert!(detect_language(&text).is_none_or(|code| code == "fr"));
    }
}
