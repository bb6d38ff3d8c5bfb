//! Concepts of ESCO by the identifier in their URI.

use uuid::Uuid;

/// What the URI of every ESCO skill and occupation ends in.
///
/// 16 bytes where the URI has 70: summaries carry dozens of them.
pub type ConceptKey = Uuid;

/// Reads the key of a URI, such as
/// `http://data.europa.eu/esco/skill/ccd0a1d9-afda-43d9-b901-96344886e14d`; `None` when it
/// does not end in one.
pub fn concept_key(uri: &str) -> Option<ConceptKey> {
    Uuid::try_parse(uri.rsplit('/').next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_end_of_a_uri() {
        let uuid = "ccd0a1d9-afda-43d9-b901-96344886e14d";
        let uri = format!("http://data.europa.eu/esco/skill/{uuid}");
        assert_eq!(concept_key(&uri).unwrap().to_string(), uuid);
        assert_eq!(concept_key("http://data.europa.eu/esco/isco/C2512"), None);
        assert_eq!(concept_key(""), None);
    }
}
