//! Lengths of the vectors of facets that need no encoder.

use vivier_types::Facet;

use crate::ReasonLanguage;
use crate::geography::GEOGRAPHY_DIM;

/// Returns the length of a facet's vector; `None` for words, and for those of an encoder.
pub fn facet_dim(facet: Facet) -> Option<usize> {
    match facet {
        Facet::Text | Facet::Skills | Facet::Words => None,
        Facet::Occupation => Some(64),
        Facet::Geography => Some(GEOGRAPHY_DIM),
        Facet::Seniority => Some(8),
        Facet::Languages => Some(96),
    }
}

/// TODO(merge).
pub fn words_sentence(words: &[String], _language: ReasonLanguage) -> String {
    format!("Shares words: {}.", words.join(", "))
}
