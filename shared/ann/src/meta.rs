//! What a file says about itself, as JSON.

use serde::{Deserialize, Serialize};

use crate::layout::Facet;

/// The section "meta".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meta {
    /// The model that made the vectors.
    pub(crate) fingerprint: String,
    pub(crate) facets: Vec<Facet>,
    /// Rows, copies included.
    pub(crate) rows: u32,
    /// Distinct vectors.
    pub(crate) nodes: u32,
    /// Links of a node above level 0; twice as many on level 0.
    pub(crate) m: usize,
    /// The node from which searches start.
    pub(crate) entry: u32,
    /// Nodes of each upper level, lowest first.
    pub(crate) levels: Vec<u32>,
}

/// Longest section "meta" in bytes.
pub(crate) const MAX_META: usize = 1 << 20;
/// Most links of a node above level 0.
pub(crate) const MAX_M: usize = 128;
