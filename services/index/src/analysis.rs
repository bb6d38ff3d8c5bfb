//! From text to terms: how words are split, folded and stemmed.
//!
//! Splits into runs of letters and digits, with `+` and `#` kept at the end of
//! a word (C++, C#); lower case; stop words, single letters and small numbers
//! out; accents folded; then the stem, by the language of the text (English,
//! French; others keep their words).
//! Accents are folded before the stemmer because many CVs leave them out: a
//! word must meet itself with and without.

use std::sync::LazyLock;

use tantivy::schema::{IndexRecordOption, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, Stemmer, StopWordFilter,
    TextAnalyzer, Token, TokenStream, Tokenizer,
};

/// Longest word looked at, in bytes; longer runs are no words.
const MAX_WORD_BYTES: usize = 64;

/// Stands between terms handed to an index; no term has it inside.
pub(crate) const SEPARATOR: char = ' ';

/// How a field of analysed terms is indexed: with their counts, and not
/// analysed again.
pub(crate) fn indexed_terms() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("whitespace")
        .set_index_option(IndexRecordOption::WithFreqs)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}

/// Analyses texts of every language.
#[derive(Clone)]
pub(crate) struct Analysis {
    english: TextAnalyzer,
    french: TextAnalyzer,
    other: TextAnalyzer,
}

impl Analysis {
    pub(crate) fn new() -> Self {
        // Reading the stop words takes longer than analysing a text.
        static FIRST: LazyLock<Analysis> = LazyLock::new(|| Analysis {
            english: analyzer(Some((Language::English, stop_words::Language::English))),
            french: analyzer(Some((Language::French, stop_words::Language::French))),
            other: analyzer(None),
        });
        FIRST.clone()
    }

    /// Visits the terms of a text in their order, repeats included: what is
    /// indexed, and the word as written.
    pub(crate) fn each(&mut self, text: &str, lang: &str, mut visit: impl FnMut(&str, &str)) {
        let analyzer = match lang {
            "en" => &mut self.english,
            "fr" => &mut self.french,
            _ => &mut self.other,
        };
        let mut stream = analyzer.token_stream(text);
        while stream.advance() {
            let token = stream.token();
            if !is_noise(&token.text) {
                let word = text.get(token.offset_from..token.offset_to);
                visit(&token.text, word.unwrap_or_default());
            }
        }
    }
}

/// Tells whether a term says nothing by itself: a number of up to three digits
/// ("3 years", "10 000") or a letter ("H/F"), but for the languages C and R.
fn is_noise(term: &str) -> bool {
    let small_number = term.len() <= 3 && term.bytes().all(|byte| byte.is_ascii_digit());
    let letter = term.chars().count() == 1 && !matches!(term, "c" | "r");
    small_number || letter
}

/// Builds the chain for a language, named once for the stemmer and once for the
/// list of stop words; none for words left as they are.
///
/// Adverts speak to their reader ("you", "we", "our") and CVs do not, so without a
/// long list of stop words these would look rare and telling.
fn analyzer(language: Option<(Language, stop_words::Language)>) -> TextAnalyzer {
    let base = TextAnalyzer::builder(WordTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .dynamic();
    let Some((stemmed, stopped)) = language else {
        return base.filter_dynamic(AsciiFoldingFilter).build();
    };
    let stop_words = stop_words::get(stopped).iter().map(ToString::to_string);
    base.filter_dynamic(StopWordFilter::remove(stop_words))
        .filter_dynamic(AsciiFoldingFilter)
        .filter_dynamic(Stemmer::new(stemmed))
        .build()
}

/// Splits a text into words.
#[derive(Clone, Default)]
struct WordTokenizer {
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream {
            text,
            at: 0,
            token: &mut self.token,
        }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(start) = rest.find(char::is_alphanumeric) else {
            return false;
        };
        let word = rest.get(start..).unwrap_or_default();
        let letters = word
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(word.len());
        let signs = word.get(letters..).unwrap_or_default();
        // "C++" and "C#", but not the first half of "a+b".
        let kept = signs
            .find(|c: char| c != '+' && c != '#')
            .unwrap_or(signs.len());
        let ends = !signs[kept..].starts_with(char::is_alphanumeric);
        let length = if ends { letters + kept } else { letters };

        self.token.position = self.token.position.wrapping_add(1);
        self.token.offset_from = self.at + start;
        self.token.offset_to = self.at + start + length;
        self.token.text.clear();
        self.token
            .text
            .push_str(word.get(..length).unwrap_or_default());
        self.at = self.token.offset_to;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str, lang: &str) -> Vec<String> {
        let mut terms = Vec::new();
        Analysis::new().each(text, lang, |term, _| terms.push(term.to_owned()));
        terms
    }

    #[test]
    fn words_meet_across_forms_and_accents() {
        assert_eq!(
            terms("You and we are developing our Developers", "en"),
            terms("develop developer", "en")
        );
        assert_eq!(
            terms("DEVELOPPEUR développeurs", "fr")[0],
            terms("développeur", "fr")[0]
        );
        assert_eq!(terms("développeurs", "fr"), terms("Developpeur", "fr"));
        assert_eq!(
            terms("le chef de la cuisine", "fr").len(),
            2,
            "stop words go"
        );
        assert_eq!(
            terms("die Köche", "de"),
            ["die", "koche"],
            "others keep their words"
        );
    }

    #[test]
    fn small_numbers_and_letters_are_noise() {
        assert_eq!(
            terms("Chef (H/F), 3 ans, ISO 9001, HTML5, 10 000", ""),
            ["chef", "ans", "iso", "9001", "html5"]
        );
    }

    #[test]
    fn names_of_languages_survive() {
        assert_eq!(terms("C++, C# / .NET a+b C", ""), ["c++", "c#", "net", "c"]);
    }

    proptest! {
        #[test]
        fn words_are_parts_of_the_text(text in ".{0,60}", lang in "en|fr|de|") {
            let mut from = 0;
            Analysis::new().each(&text, &lang, |term, word| {
                assert!(!term.is_empty() && !term.contains(char::is_whitespace));
                let at = text[from..].find(word);
                assert!(at.is_some() && !word.is_empty());
                from += at.unwrap() + word.len();
            });
        }
    }
}
