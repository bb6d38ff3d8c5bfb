//! The values that the engine speaks of: records, collections, operations.

use std::collections::BTreeMap;

/// What the index knows of one profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// Identifies the point inside its collection.
    pub(crate) id: String,
    /// Dense vectors by facet.
    pub(crate) vectors: BTreeMap<String, Vec<f32>>,
    /// Words by facet.
    pub(crate) words: BTreeMap<String, Words>,
    /// Columns that filters use.
    pub(crate) payload: BTreeMap<String, Value>,
    /// Returned with hits; opaque.
    pub(crate) summary: Vec<u8>,
    /// The whole record; opaque.
    pub(crate) document: Vec<u8>,
    /// Tells whether a record changed; opaque.
    pub(crate) revision: Vec<u8>,
}

impl Record {
    /// Estimates the bytes that it takes, without its vectors.
    pub(crate) fn bytes(&self) -> usize {
        let words: usize = self.words.values().map(|words| words.text.len()).sum();
        // Maps and names: a rough allowance.
        words + self.summary.len() + self.document.len() + 64 * (self.payload.len() + 4)
    }

    /// Estimates the bytes that it takes in the log.
    pub(crate) fn log_bytes(&self) -> usize {
        let vectors: usize = self.vectors.values().map(|vector| vector.len() * 4).sum();
        let words: usize = self.words.values().map(|words| words.text.len()).sum();
        vectors + words + self.document.len() + self.summary.len()
    }
}

/// A text and its language (ISO 639-1; empty when unknown).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The text.
    pub text: String,
    /// Its language.
    pub lang: String,
}

/// A text whose words were not asked for but count beside those that were.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedWords {
    /// The text.
    pub text: String,
    /// Above 0, at most 1, the weight of a word asked for.
    pub weight: f32,
}

/// Value of one payload column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Strings(Vec<String>),
    Number(f64),
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Decimal degrees.
    Coordinates {
        latitude: f64,
        longitude: f64,
    },
}

/// A collection: what its points must look like.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    /// By name; none for a plain document store.
    pub(crate) facets: BTreeMap<String, FacetSpec>,
    /// Fingerprint of the model that made the vectors.
    pub(crate) model_fingerprint: String,
}

impl Spec {
    /// Tells whether any facet is dense.
    pub(crate) fn has_dense(&self) -> bool {
        let mut kinds = self.facets.values().map(|facet| facet.kind);
        kinds.any(|kind| matches!(kind, FacetKind::Dense(_)))
    }

    /// Returns the same without some facets: what there was before these.
    pub(crate) fn without(&self, facets: &[String]) -> Self {
        let mut spec = self.clone();
        spec.facets.retain(|name, _| !facets.contains(name));
        spec
    }
}

/// One facet of a collection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FacetSpec {
    pub(crate) kind: FacetKind,
    /// Weight when a search gives none.
    pub(crate) default_weight: f32,
}

/// What a facet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FacetKind {
    /// Vectors of this length.
    Dense(usize),
    /// Words under BM25.
    Words,
}

/// A change of the index: what the log holds. Applying one twice changes
/// nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    Create(Spec),
    Upsert {
        collection: String,
        records: Vec<Record>,
    },
    Delete {
        collection: String,
        ids: Vec<String>,
    },
    AddFacet {
        collection: String,
        facet: String,
        spec: FacetSpec,
    },
    /// Collections by alias; all of them in one step.
    SetAliases(BTreeMap<String, String>),
    RemoveAlias(String),
    /// Removes a collection and all its points.
    Drop(String),
}

impl Operation {
    /// Returns the name of the collection whose points it changes; `None` when it
    /// changes the catalog instead.
    pub(crate) fn points_of(&self) -> Option<&str> {
        match self {
            Self::Upsert { collection, .. } | Self::Delete { collection, .. } => Some(collection),
            Self::Create(_)
            | Self::AddFacet { .. }
            | Self::SetAliases(_)
            | Self::RemoveAlias(_)
            | Self::Drop(_) => None,
        }
    }
}

/// What an operation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its place in the log; 0 for a change of the catalog that changed nothing.
    pub(crate) sequence: u64,
    /// Whether the catalog is another one.
    pub(crate) changed: bool,
    pub(crate) inserted: u64,
    pub(crate) replaced: u64,
    pub(crate) deleted: u64,
    /// Points to update that are not there.
    pub(crate) unknown: u64,
    /// Points to update that have another revision than was asked for.
    pub(crate) stale: u64,
}

/// New values of some facets of a point; all else of it stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FacetUpdate {
    pub(crate) id: String,
    pub(crate) vectors: BTreeMap<String, Vec<f32>>,
    pub(crate) words: BTreeMap<String, Words>,
    /// Revision that the point must have; any when empty.
    pub(crate) if_revision: Vec<u8>,
}
