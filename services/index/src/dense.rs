//! Dense facets: where each one lies in a point's vector, and dot products.
//!
//! The facet vectors of a point are concatenated in the order of their names;
//! the query side carries the weights (MUSE.0), so stored vectors never change
//! with them.

use std::collections::BTreeMap;
use std::ops::Range;

use vivier_ann::{AnnError, Facet};

use crate::model::{FacetKind, Spec};

/// Where each dense facet lies in the concatenated vector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    ranges: BTreeMap<String, Range<usize>>,
    /// Default weight of each dense facet, lifted off zero.
    usual: BTreeMap<String, f32>,
    dim: usize,
}

impl Layout {
    /// Lays the dense facets of a collection side by side.
    pub(crate) fn of(spec: &Spec) -> Self {
        let mut layout = Self::default();
        let weights = spec.facets.values().map(|facet| facet.default_weight);
        let greatest = weights.fold(0.0, f32::max);
        let least = if greatest > 0.0 { greatest / 10.0 } else { 1.0 };
        for (name, facet) in &spec.facets {
            if let FacetKind::Dense(dim) = facet.kind {
                let range = layout.dim..layout.dim + dim;
                layout.dim = range.end;
                layout.ranges.insert(name.clone(), range);
                let usual = facet.default_weight.max(least);
                layout.usual.insert(name.clone(), usual);
            }
        }
        layout
    }

    /// Returns the length of the concatenated vector.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Returns where a facet lies.
    pub(crate) fn range(&self, facet: &str) -> Option<Range<usize>> {
        self.ranges.get(facet).cloned()
    }

    /// Returns every dense facet: its place, and the weight that searches
    /// usually give it, more than 0.
    pub(crate) fn facets(&self) -> impl Iterator<Item = (&str, Range<usize>, f32)> {
        let facets = self.ranges.iter().zip(self.usual.values());
        facets.map(|((name, range), usual)| (name.as_str(), range.clone(), *usual))
    }

    /// Returns the same as the vectors of segments know it; `None` without
    /// dense facets.
    ///
    /// # Errors
    /// When the facets together are longer than a segment's vectors may be.
    pub(crate) fn facet_layout(&self) -> Result<Option<vivier_ann::Layout>, AnnError> {
        if self.dim == 0 {
            return Ok(None);
        }
        let facets = self.facets().map(|(name, range, usual)| Facet {
            name: name.to_owned(),
            dim: range.len(),
            usual_weight: usual,
        });
        vivier_ann::Layout::new(facets.collect()).map(Some)
    }

    /// Concatenates vectors of the right lengths; a missing facet is zero.
    pub(crate) fn concatenate(&self, vectors: &BTreeMap<String, Vec<f32>>) -> Vec<f32> {
        let mut joined = vec![0.0; self.dim];
        for (name, range) in &self.ranges {
            let Some(vector) = vectors.get(name) else {
                continue;
            };
            if let Some(place) = joined.get_mut(range.clone())
                && place.len() == vector.len()
            {
                place.copy_from_slice(vector);
            }
        }
        joined
    }

    /// Splits a concatenated vector; facets of zeros are left out.
    pub(crate) fn split(&self, joined: &[f32]) -> BTreeMap<String, Vec<f32>> {
        let facets = self.ranges.iter().filter_map(|(name, range)| {
            let vector = joined.get(range.clone())?;
            let empty = vector.iter().all(|value| *value == 0.0);
            (!empty).then(|| (name.clone(), vector.to_vec()))
        });
        facets.collect()
    }
}

/// Accumulators of [`dot`]: enough for the widest registers.
const LANES: usize = 16;

/// Returns the dot product of two vectors of one length.
///
/// Sums in a fixed order of lanes, so the same vectors give the same bits in
/// every search plan; the lanes compile to vector instructions.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (chunks_a, chunks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = chunks_a
        .remainder()
        .iter()
        .zip(chunks_b.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in chunks_a.zip(chunks_b) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::FacetSpec;

    fn layout() -> Layout {
        let facet = |kind| FacetSpec {
            kind,
            default_weight: 1.0,
        };
        Layout::of(&Spec {
            name: "a".to_owned(),
            facets: [
                ("b".to_owned(), facet(FacetKind::Dense(2))),
                ("a".to_owned(), facet(FacetKind::Dense(1))),
                ("w".to_owned(), facet(FacetKind::Words)),
            ]
            .into(),
            model_fingerprint: String::new(),
        })
    }

    #[test]
    fn facets_are_joined_and_split() {
        let layout = layout();
        assert_eq!(layout.dim(), 3);
        let vectors: BTreeMap<_, _> = [("b".to_owned(), vec![1.0, 2.0])].into();
        let joined = layout.concatenate(&vectors);
        assert_eq!(joined, [0.0, 1.0, 2.0]);
        assert_eq!(layout.split(&joined), vectors);
        assert_eq!(layout.range("w"), None);
    }

    proptest! {
        #[test]
        fn the_dot_product_is_that_of_f64(pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..100)) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
            let exact: f64 = pairs.iter().map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - exact).abs() < 1e-4);
        }
    }
}
