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
}

/// A text and its language (ISO 639-1; empty when unknown).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The text.
    pub text: String,
    /// Its language.
    pub lang: String,
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
#[derive(Clone, Debug, PartialEq)]
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
}

impl Operation {
    /// Returns the name of the collection that it changes.
    pub(crate) fn collection(&self) -> &str {
        match self {
            Self::Create(spec) => &spec.name,
            Self::Upsert { collection, .. } | Self::Delete { collection, .. } => collection,
        }
    }

    /// Estimates the bytes that it takes in the log.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Create(_) | Self::Delete { .. } => 1_024,
            Self::Upsert { records, .. } => records
                .iter()
                .map(|record| {
                    let vectors: usize =
                        record.vectors.values().map(|vector| vector.len() * 4).sum();
                    let words: usize = record.words.values().map(|words| words.text.len()).sum();
                    vectors + words + record.document.len() + record.summary.len()
                })
                .sum(),
        }
    }
}

/// What an operation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its place in the log; 0 for a creation that changed nothing.
    pub(crate) sequence: u64,
    pub(crate) inserted: u64,
    pub(crate) replaced: u64,
    pub(crate) deleted: u64,
}
