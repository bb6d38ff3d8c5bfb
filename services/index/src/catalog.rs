//! Which collections there are, and under which other names they are reached.
//!
//! Collections and aliases share one space of names. A change of the catalog is one
//! operation of the log, made by the writer between two commits: readers see the
//! catalog before it or the one after it, never a part.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::collection::Collection;
use crate::config::IndexLimits;
use crate::error::IndexError;
use crate::model::{FacetSpec, Operation, Spec};
use crate::validate;
use crate::words::WordsError;

/// Collections and aliases.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    pub(crate) collections: BTreeMap<String, Arc<Collection>>,
    /// Names of collections by alias; none is the name of a collection.
    pub(crate) aliases: BTreeMap<String, String>,
}

impl Catalog {
    /// Returns the collection of a name, or the one that an alias names.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Collection>> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.collections.get(name)
    }

    /// Carries out a change, as operation `sequence` does; one that is made already
    /// changes nothing.
    ///
    /// # Errors
    /// When a words index does not start.
    pub(crate) fn apply(&mut self, sequence: u64, operation: &Operation) -> Result<(), WordsError> {
        match operation {
            Operation::Create(spec) => {
                if !self.collections.contains_key(&spec.name) {
                    let collection = Collection::new(spec.clone(), sequence)?;
                    self.collections
                        .insert(spec.name.clone(), Arc::new(collection));
                }
            }
            Operation::AddFacet {
                collection,
                facet,
                spec,
            } => {
                if let Some(collection) = self.collections.get(collection) {
                    collection.add_facet(facet, *spec, sequence)?;
                }
            }
            Operation::SetAliases(aliases) => {
                // Where a collection has the name, its replacement was asked for.
                aliases.keys().for_each(|alias| {
                    self.collections.remove(alias);
                });
                self.aliases.extend(aliases.clone());
            }
            Operation::RemoveAlias(alias) => {
                self.aliases.remove(alias);
            }
            Operation::Drop(name) => {
                self.collections.remove(name);
            }
            // These change points.
            Operation::Upsert { .. } | Operation::Delete { .. } => {}
        }
        Ok(())
    }

    /// Tells whether a change is to be made; false when all is that way already, or
    /// when it changes points.
    ///
    /// # Errors
    /// When the catalog does not allow it.
    pub(crate) fn check(
        &self,
        operation: &Operation,
        limits: &IndexLimits,
    ) -> Result<bool, IndexError> {
        match operation {
            Operation::Create(spec) => self.check_create(spec, limits),
            Operation::AddFacet {
                collection,
                facet,
                spec,
            } => self.check_facet((collection, facet), *spec, limits),
            Operation::SetAliases(aliases) => self.check_aliases(aliases, false, limits),
            Operation::RemoveAlias(alias) => Ok(self.aliases.contains_key(alias)),
            Operation::Drop(name) => self.check_drop(name),
            Operation::Upsert { .. } | Operation::Delete { .. } => Ok(false),
        }
    }

    fn check_create(&self, spec: &Spec, limits: &IndexLimits) -> Result<bool, IndexError> {
        if let Some(collection) = self.collections.get(&spec.name) {
            validate::same_spec(&collection.schema().spec, spec)?;
            return Ok(false);
        }
        if let Some(named) = self.aliases.get(&spec.name) {
            let reason = format!("is an alias of collection {named:?}");
            return Err(IndexError::refused("spec.name", &spec.name, reason));
        }
        let (count, limit) = (self.collections.len(), limits.max_collections);
        if count >= limit {
            let reason = format!("there are {count} collections already, limit {limit}");
            return Err(IndexError::invalid("spec.name", &spec.name, reason));
        }
        Ok(true)
    }

    fn check_facet(
        &self,
        (collection, name): (&str, &str),
        facet: FacetSpec,
        limits: &IndexLimits,
    ) -> Result<bool, IndexError> {
        let schema = self.existing(collection)?.schema();
        let Some(known) = schema.spec.facets.get(name) else {
            validate::spec(&schema.with(name, facet).spec, limits)?;
            return Ok(true);
        };
        if known.kind == facet.kind {
            return Ok(false);
        }
        Err(IndexError::Mismatch {
            collection: collection.to_owned(),
            field: "facet".to_owned(),
            value: format!("{name}: {:?}", facet.kind),
            expected: format!("{name}: {:?}", known.kind),
        })
    }

    /// Does the same for aliases, which may take the place of collections of their
    /// names.
    ///
    /// # Errors
    /// When the catalog does not allow it.
    pub(crate) fn check_aliases(
        &self,
        aliases: &BTreeMap<String, String>,
        may_replace: bool,
        limits: &IndexLimits,
    ) -> Result<bool, IndexError> {
        for (alias, name) in aliases {
            if self.collections.contains_key(alias) && !may_replace {
                let reason = "is the name of a collection";
                return Err(IndexError::refused("aliases", alias, reason));
            }
            self.existing(name)?;
            let mut named = self.aliases.iter().chain(aliases);
            if aliases.contains_key(name) || named.any(|(_, named)| named == alias) {
                let reason = "would be named by an alias and be one";
                return Err(IndexError::refused("aliases", alias, reason));
            }
        }
        let new = aliases.keys().filter(|a| !self.aliases.contains_key(*a));
        let (count, limit) = (self.aliases.len() + new.count(), limits.max_aliases);
        if count > limit {
            let reason = format!("would make {count} aliases, limit {limit}");
            return Err(IndexError::invalid("aliases", aliases.len(), reason));
        }
        let same = |(alias, name): (&String, &String)| self.aliases.get(alias) == Some(name);
        Ok(!aliases.iter().all(same))
    }

    fn check_drop(&self, name: &str) -> Result<bool, IndexError> {
        if let Some(named) = self.aliases.get(name) {
            let reason = format!("is an alias of collection {named:?}");
            return Err(IndexError::refused("collection", name, reason));
        }
        if let Some((alias, _)) = self.aliases.iter().find(|(_, named)| *named == name) {
            let reason = format!("is named by alias {alias:?}");
            return Err(IndexError::refused("collection", name, reason));
        }
        Ok(self.collections.contains_key(name))
    }

    fn existing(&self, name: &str) -> Result<&Arc<Collection>, IndexError> {
        let found = self.collections.get(name);
        found.ok_or_else(|| IndexError::CollectionNotFound {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FacetKind;

    const DENSE: FacetSpec = FacetSpec {
        kind: FacetKind::Dense(2),
        default_weight: 1.0,
    };

    fn create(name: &str) -> Operation {
        Operation::Create(Spec {
            name: name.to_owned(),
            facets: [("text".to_owned(), DENSE)].into(),
            model_fingerprint: "f".to_owned(),
        })
    }

    fn aliases(pairs: &[(&str, &str)]) -> Operation {
        let pairs = pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Operation::SetAliases(pairs.collect())
    }

    fn add(facet: &str, kind: FacetKind) -> Operation {
        Operation::AddFacet {
            collection: "a".to_owned(),
            facet: facet.to_owned(),
            spec: FacetSpec {
                kind,
                default_weight: 0.5,
            },
        }
    }

    /// Checks and carries out a change twice: the second time nothing is to do.
    fn change(catalog: &mut Catalog, operation: &Operation) {
        let limits = IndexLimits::default();
        assert!(catalog.check(operation, &limits).unwrap(), "{operation:?}");
        for sequence in [1, 2] {
            catalog.apply(sequence, operation).unwrap();
            assert!(!catalog.check(operation, &limits).unwrap(), "{operation:?}");
        }
    }

    fn refused(catalog: &Catalog, operation: &Operation, names: &str) {
        let limits = IndexLimits {
            max_collections: 3,
            max_facets: 3,
            max_aliases: 2,
            ..IndexLimits::default()
        };
        let error = catalog.check(operation, &limits).unwrap_err().to_string();
        assert!(error.contains(names), "{names:?} not in {error:?}");
    }

    #[test]
    fn changes_are_made_once_and_names_are_of_one_thing() {
        let mut catalog = Catalog::default();
        change(&mut catalog, &create("a"));
        change(&mut catalog, &create("b"));
        change(&mut catalog, &aliases(&[("live", "a")]));
        assert_eq!(catalog.find("live").unwrap().name(), "a");
        change(&mut catalog, &aliases(&[("live", "b"), ("other", "b")]));
        assert_eq!(catalog.find("live").unwrap().name(), "b");

        refused(&catalog, &create("live"), "is an alias of collection \"b\"");
        refused(
            &catalog,
            &aliases(&[("a", "b")]),
            "is the name of a collection",
        );
        refused(&catalog, &aliases(&[("x", "live")]), "does not exist");
        refused(&catalog, &aliases(&[("x", "a")]), "would make 3 aliases");
        let limits = IndexLimits::default();
        let replace = |alias: &str, name: &str| {
            let aliases = [(alias.to_owned(), name.to_owned())].into();
            catalog.check_aliases(&aliases, true, &limits)
        };
        assert!(replace("a", "b").unwrap());
        for (alias, name) in [("b", "a"), ("a", "a"), ("b", "b")] {
            let error = replace(alias, name).unwrap_err().to_string();
            assert!(error.contains("and be one"), "{error}");
        }
        refused(
            &catalog,
            &Operation::Drop("live".to_owned()),
            "is an alias of",
        );
        refused(&catalog, &Operation::Drop("b".to_owned()), "named by alias");

        change(&mut catalog, &Operation::Drop("a".to_owned()));
        assert!(catalog.find("a").is_none());
        for alias in ["live", "other"] {
            change(&mut catalog, &Operation::RemoveAlias(alias.to_owned()));
        }
        change(&mut catalog, &Operation::Drop("b".to_owned()));
        change(&mut catalog, &create("live"));
    }

    #[test]
    fn facets_are_added_and_never_changed() {
        let mut catalog = Catalog::default();
        change(&mut catalog, &create("a"));
        refused(&catalog, &add("Upper", FacetKind::Words), "Upper");
        change(&mut catalog, &add("words", FacetKind::Words));
        change(&mut catalog, &add("skills", FacetKind::Dense(3)));
        refused(&catalog, &add("skills", FacetKind::Dense(4)), "Dense(3)");
        refused(&catalog, &add("words", FacetKind::Dense(3)), "Words");
        refused(&catalog, &add("fourth", FacetKind::Words), "limit 3");
        // The first weight stays.
        let spec = catalog.find("a").unwrap().schema().spec.clone();
        assert_eq!(spec.facets["words"].default_weight, 0.5);
    }
}
