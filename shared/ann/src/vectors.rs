//! The vectors that a segment is made of.

use crate::AnnError;
use crate::layout::Layout;
use crate::pool::MAX_NODES;

/// Vectors side by side, `[n, dim]`, all of them finite.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    values: &'a [f32],
    dim: usize,
}

impl<'a> Vectors<'a> {
    /// Takes vectors of a layout.
    ///
    /// # Errors
    /// When the values are no whole number of vectors, there are too many vectors, or
    /// a value is not finite.
    pub fn new(values: &'a [f32], layout: &Layout) -> Result<Self, AnnError> {
        let dim = layout.dim();
        if !values.len().is_multiple_of(dim) {
            return Err(AnnError::Shape {
                what: "the last vector",
                found: values.len() % dim,
                expected: dim,
            });
        }
        let count = values.len() / dim;
        if count > MAX_NODES {
            return Err(AnnError::TooMany {
                what: "number of vectors",
                found: count,
                limit: MAX_NODES,
            });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(AnnError::NotFinite {
                what: "vector",
                index: at / dim,
                position: at % dim,
            });
        }
        Ok(Self { values, dim })
    }

    /// Counts them.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns one; empty when there is no such vector.
    pub fn get(&self, at: usize) -> &'a [f32] {
        let start = at.saturating_mul(self.dim);
        self.values.get(start..start + self.dim).unwrap_or_default()
    }
}
