//! Facets: where each one lies in a vector, and how much it usually weighs.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::AnnError;

/// Most values of a vector: integer sums stay inside 32 bits.
pub const MAX_DIM: usize = 16_384;
/// Most facets of a layout.
pub const MAX_FACETS: usize = 256;

/// One facet of the vectors of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facet {
    /// Its name.
    pub name: String,
    /// Number of its values.
    pub dim: usize,
    /// The weight that searches usually give it, more than 0: the graph is built
    /// for it.
    pub usual_weight: f32,
}

/// The facets of a segment's vectors, side by side in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    facets: Vec<Facet>,
    dim: usize,
}

impl Layout {
    /// Lays facets side by side.
    ///
    /// # Errors
    /// When there are none or too many, one has no values or a usual weight that is
    /// not a finite number above 0, or all together have too many values.
    pub fn new(facets: Vec<Facet>) -> Result<Self, AnnError> {
        if facets.is_empty() || facets.len() > MAX_FACETS {
            let count = facets.len();
            let problem = format!("{count} facets, from 1 to {MAX_FACETS} are possible");
            return Err(AnnError::Layout(problem));
        }
        let mut dim = 0_usize;
        for facet in &facets {
            let (name, weight) = (&facet.name, facet.usual_weight);
            if facet.dim == 0 {
                return Err(AnnError::Layout(format!("facet {name} has no values")));
            }
            if !(weight.is_finite() && weight > 0.0) {
                let problem = format!("facet {name} usually weighs {weight}, must be above 0");
                return Err(AnnError::Layout(problem));
            }
            dim = dim.saturating_add(facet.dim);
        }
        if dim > MAX_DIM {
            return Err(AnnError::TooMany {
                what: "number of values of a vector",
                found: dim,
                limit: MAX_DIM,
            });
        }
        Ok(Self { facets, dim })
    }

    /// Returns the layout of vectors that are one facet.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn single(dim: usize) -> Result<Self, AnnError> {
        Self::new(vec![Facet {
            name: "all".to_owned(),
            dim,
            usual_weight: 1.0,
        }])
    }

    /// Returns the facets.
    pub fn facets(&self) -> &[Facet] {
        &self.facets
    }

    /// Returns the number of values of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Returns where each facet lies, in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut start = 0;
        self.facets.iter().map(move |facet| {
            let range = start..start + facet.dim;
            start = range.end;
            range
        })
    }

    /// Returns one number for each value of a vector from one for each facet.
    pub(crate) fn spread(&self, by_facet: &[f32]) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.dim);
        for (facet, value) in self.facets.iter().zip(by_facet) {
            values.resize(values.len() + facet.dim, *value);
        }
        values
    }
}
