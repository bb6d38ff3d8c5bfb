//! Which collections a shard has, and which of them serves.
//!
//! Profiles of a kind live in one collection for each model, such as
//! `candidates.0f3a55c1e2b4`; the alias `candidates` names the one that serves. On
//! shards from before there were aliases, `candidates` is a collection itself.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use vivier_proto::v1;
use vivier_types::ProfileKind;

use crate::cluster::{Encoder, collection};

/// Characters of a model in the name of a collection.
const MODEL_CHARS: usize = 12;

/// The collections and aliases of one shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    collections: BTreeMap<String, v1::CollectionSpec>,
    aliases: BTreeMap<String, String>,
}

impl Catalog {
    /// Takes what a shard lists.
    pub(crate) fn new(collections: Vec<v1::CollectionSpec>, aliases: Vec<v1::Alias>) -> Self {
        let collections = collections.into_iter();
        let aliases = aliases.into_iter();
        Self {
            collections: collections.map(|spec| (spec.name.clone(), spec)).collect(),
            aliases: aliases.map(|a| (a.alias, a.collection)).collect(),
        }
    }

    /// Returns the collection of a name, or the one that an alias names.
    pub(crate) fn find(&self, name: &str) -> Option<&v1::CollectionSpec> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.collections.get(name)
    }

    /// Returns the fingerprint of the model that serves, if any does.
    pub(crate) fn model(&self) -> Option<&str> {
        let spec = self.find(collection(ProfileKind::Candidate))?;
        Some(&spec.model_fingerprint)
    }

    /// Returns the collections of models that do not serve.
    pub(crate) fn unused(&self) -> Vec<String> {
        let used = |name: &String| self.aliases.values().any(|named| named == name);
        let names = self.collections.keys();
        let unused = names.filter(|name| is_of_a_model(name) && !used(name));
        unused.cloned().collect()
    }
}

/// Returns the name of the collection in which profiles of a kind live with the
/// vectors of a model.
pub(crate) fn collection_of(kind: ProfileKind, encoder: &Encoder) -> String {
    let digest = Sha256::digest(encoder.version.fingerprint.as_bytes());
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    let mut model: String = digits.collect();
    model.truncate(MODEL_CHARS);
    format!("{}.{model}", collection(kind))
}

fn is_of_a_model(name: &str) -> bool {
    let kinds = [ProfileKind::Candidate, ProfileKind::Vacancy];
    let mut models = kinds.into_iter().filter_map(|kind| {
        let rest = name.strip_prefix(collection(kind))?;
        rest.strip_prefix('.')
    });
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    models.any(|model| model.len() == MODEL_CHARS && model.chars().all(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, model: &str) -> v1::CollectionSpec {
        v1::CollectionSpec {
            name: name.to_owned(),
            facets: Vec::new(),
            model_fingerprint: model.to_owned(),
        }
    }

    #[test]
    fn the_model_that_serves_is_found_with_and_without_aliases() {
        assert_eq!(Catalog::default().model(), None);
        let plain = Catalog::new(vec![spec("candidates", "old")], Vec::new());
        assert_eq!(plain.model(), Some("old"));
        assert!(plain.unused().is_empty());
        let names = [
            ("candidates.0f3a55c1e2b4", "new"),
            ("candidates.aaaaaaaaaaaa", "older"),
            ("candidates.sensitive", ""),
            ("candidates.somebody-else", "x"),
        ];
        let alias = v1::Alias {
            alias: "candidates".to_owned(),
            collection: names[0].0.to_owned(),
        };
        let specs = names.map(|(name, model)| spec(name, model)).to_vec();
        let catalog = Catalog::new(specs, vec![alias]);
        assert_eq!(catalog.model(), Some("new"));
        assert_eq!(catalog.unused(), ["candidates.aaaaaaaaaaaa"]);
    }
}
