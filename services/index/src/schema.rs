//! What the points of a collection look like at a time.
//!
//! Facets are added, never taken away or changed. Each tail has the schema it was
//! started with, each segment that it was written with: what came before a facet
//! lacks it, and counts as the zero vector, or as no words, in it.

use std::sync::Arc;

use crate::dense::Layout;
use crate::model::{FacetSpec, Spec};

/// The facets of a collection and where the dense ones lie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    pub(crate) spec: Spec,
    /// That of `spec`.
    pub(crate) layout: Layout,
}

impl Schema {
    /// Lays the dense facets of a collection side by side.
    pub(crate) fn of(spec: Spec) -> Arc<Self> {
        let layout = Layout::of(&spec);
        Arc::new(Self { spec, layout })
    }

    /// Returns the same with one facet more.
    pub(crate) fn with(&self, name: &str, facet: FacetSpec) -> Arc<Self> {
        let mut spec = self.spec.clone();
        spec.facets.insert(name.to_owned(), facet);
        Self::of(spec)
    }
}
