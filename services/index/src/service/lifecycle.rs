//! Facets that are added, aliases that are switched, collections that are dropped:
//! all while searches and writes go on.

use std::collections::BTreeMap;

use crate::error::IndexError;
use crate::model::{FacetSpec, FacetUpdate, Operation, Outcome};
use crate::service::IndexService;
use crate::validate;
use crate::writer::{After, SetAliases, Write};

impl IndexService {
    /// Adds a facet; false when it is there already. Points stored before have the
    /// zero vector, or no words, in it.
    ///
    /// # Errors
    /// Invalid, unknown collection, another facet has the name, too many facets, or
    /// the disk refuses.
    pub(crate) async fn add_facet(
        &self,
        collection: &str,
        facet: String,
        spec: FacetSpec,
    ) -> Result<bool, IndexError> {
        let collection = self.collection(collection)?.name().to_owned();
        let change = Operation::AddFacet {
            collection,
            facet,
            spec,
        };
        Ok(self.change(change).await?.changed)
    }

    /// Replaces some facets of points that are there; all else of them stays. They
    /// are on disk and searchable when this returns.
    ///
    /// # Errors
    /// Invalid, unknown collection, facets or model that do not fit, or the disk
    /// refuses.
    pub(crate) async fn update_facets(
        &self,
        name: String,
        model_fingerprint: &str,
        updates: Vec<FacetUpdate>,
    ) -> Result<Outcome, IndexError> {
        let checked = self.collection(&name)?;
        let spec = &checked.schema().spec;
        validate::fingerprint(spec, model_fingerprint)?;
        validate::updates(&updates, spec, &self.engine.config.limits)?;
        let write = Write::Update {
            name,
            checked,
            updates,
        };
        self.write(write, After::Commit).await
    }

    /// Lets aliases name collections, all in one step; false when they do already.
    ///
    /// # Errors
    /// Invalid, unknown collection, an alias has the name of a collection that is not
    /// to be replaced, other operations came before, too many aliases, or the disk
    /// refuses.
    pub(crate) async fn set_aliases(&self, set: SetAliases) -> Result<bool, IndexError> {
        validate::aliases(&set.aliases)?;
        let outcome = self.write(Write::SetAliases(set), After::Commit).await?;
        Ok(outcome.changed)
    }

    /// Removes an alias; false when there is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) async fn remove_alias(&self, alias: String) -> Result<bool, IndexError> {
        Ok(self.change(Operation::RemoveAlias(alias)).await?.changed)
    }

    /// Returns the names of collections by alias.
    pub(crate) fn aliases(&self) -> BTreeMap<String, String> {
        self.engine.catalog().aliases.clone()
    }

    /// Removes a collection with all its points; false when there is none.
    ///
    /// # Errors
    /// When an alias names it, it is an alias, or the disk refuses.
    pub(crate) async fn delete_collection(&self, name: String) -> Result<bool, IndexError> {
        Ok(self.change(Operation::Drop(name)).await?.changed)
    }

    /// Has the catalog changed.
    pub(super) async fn change(&self, change: Operation) -> Result<Outcome, IndexError> {
        self.write(Write::Change(change), After::Commit).await
    }
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
