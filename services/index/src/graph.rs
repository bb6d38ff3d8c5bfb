//! The graph: approximate search over the dense facets by hnsw_rs. The only
//! module that knows the crate.
//!
//! **Inner product.** Scores are inner products of vectors that are not of unit
//! length, and the weights change with each query. The graph therefore holds
//! each vector divided by the greatest norm M and given one more dimension,
//! `x' = (x / M, sqrt(1 - |x|² / M²))`, so that all lie on the unit sphere; a
//! query becomes `q' = (q / |q|, 0)` with its weights inside. Then `1 - q'·x'` is
//! between 0 and 2 and falls exactly as `q·x` rises: a metric graph answers the
//! inner product (Bachrach et al., RecSys 2014; Neyshabur and Srebro, ICML
//! 2015).
//!
//! **Weights.** One graph serves every weighting. Its geometry is that of the
//! default weights w: `Σ w q·x = Σ (√w q)·(√w x)`, so stored facets carry √w and
//! a query with weights v carries v / √w. Other weights bend the query away from
//! the neighbourhoods that the graph knows. [`Graph::width`] measures how far:
//! it widens the search, and gives up where the graph knows mostly what the
//! query ignores (such as one small facet alone); then a scan is honest. The
//! graph only finds candidates; the caller scores them exactly.
//!
//! **The crate's traps.** It panics on NaN and on negative distances (our
//! distance clamps), links nothing when threads race into an empty graph (the
//! first hundred go in serially), cannot delete (the caller drops the dead),
//! and deadlocks when iterated while inserting (a graph is built aside and
//! never changed afterwards).

use hnsw_rs::prelude::{Distance, Hnsw};

use crate::config::GraphConfig;
use crate::dense::{Layout, dot};
use crate::points::{Points, Slot, as_index, as_slot};

/// Points inserted one after the other before threads share the work.
const SERIAL: usize = 100;
/// Points inserted between two looks at the stop signal.
const BLOCK: usize = 2_048;
/// Layers: the crate's own greatest number.
const LAYERS: usize = 16;
/// Share of the graph's geometry that a query must use.
const MIN_KEPT: f64 = 0.5;
/// Narrowest search that is safe inside the crate.
const MIN_EF: usize = 16;

/// `1 - a·b` on unit vectors, clamped to 0..2; never NaN.
#[derive(Clone, Copy)]
struct UnitDistance;

impl Distance<f32> for UnitDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        let distance = 1.0 - dot(a, b);
        if distance.is_nan() {
            return 2.0;
        }
        distance.clamp(0.0, 2.0)
    }
}

/// A graph over the points that lived when it was built.
pub(crate) struct Graph {
    hnsw: Hnsw<'static, f32, UnitDistance>,
    /// Slots below this are in the graph, if they lived.
    end: usize,
    points: usize,
    /// Factor of each value of a stored vector, `[dim]`.
    factors: Vec<f32>,
    /// By dense facet, in layout order: usual weight, and share of the squared
    /// length of all stored vectors.
    facets: Vec<(f32, f64)>,
}

impl Graph {
    /// Builds a graph over the live points on the current rayon pool; `None`
    /// when `stop` asked to end early.
    pub(crate) fn build(
        points: &Points,
        layout: &Layout,
        config: &GraphConfig,
        stop: impl Fn() -> bool,
    ) -> Option<Self> {
        let mut factors = vec![1.0; layout.dim()];
        for (_, range, usual) in layout.facets() {
            if let Some(place) = factors.get_mut(range) {
                place.fill(usual.sqrt());
            }
        }
        let scale = greatest_norm(points, &factors);
        let hnsw = Hnsw::new(
            config.m,
            points.live(),
            LAYERS,
            config.ef_construction,
            UnitDistance,
        );
        let mut block = Vec::with_capacity(BLOCK);
        let mut inserted = 0;
        for point in points.from(0) {
            let vector = augment(point.vector, &factors, scale);
            if inserted < SERIAL {
                hnsw.insert((&vector, as_index(point.slot)));
            } else {
                block.push((vector, as_index(point.slot)));
            }
            inserted += 1;
            if block.len() == BLOCK {
                insert_block(&hnsw, &mut block);
                if stop() {
                    return None;
                }
            }
        }
        insert_block(&hnsw, &mut block);
        Some(Self {
            hnsw,
            end: points.slots(),
            points: inserted,
            facets: shares(points, layout),
            factors,
        })
    }

    /// Returns how wide a search must be that should be `ef` wide, for a query
    /// with these weights of the dense facets, in layout order; `None` when the
    /// graph would serve it badly.
    pub(crate) fn width(&self, weights: &[f32], ef: usize) -> Option<usize> {
        let ratios = weights
            .iter()
            .zip(&self.facets)
            .map(|(weight, (usual, _))| weight / usual);
        let greatest = ratios.clone().fold(0.0, f32::max);
        if greatest <= 0.0 {
            return None;
        }
        let kept = ratios
            .zip(&self.facets)
            .map(|(ratio, (_, share))| f64::from(ratio / greatest) * share);
        let kept: f64 = kept.sum();
        (kept >= MIN_KEPT).then(|| scale_up(ef, 1.0 / kept.min(1.0)))
    }

    /// Returns the first slot that is not in the graph.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Counts the points in the graph, dead ones included.
    pub(crate) fn points(&self) -> usize {
        self.points
    }

    /// Returns about the `ef` best slots for a weighted query, dead ones
    /// included.
    pub(crate) fn search(&self, query: &[f32], ef: usize) -> Vec<Slot> {
        let ef = ef.max(MIN_EF);
        let found = self.hnsw.search(&unit_query(query, &self.factors), ef, ef);
        found.iter().map(|hit| as_slot(hit.d_id)).collect()
    }

    /// Returns about the `ef` best slots that `allow` lets pass; it is asked
    /// inside the traversal.
    pub(crate) fn search_filtered(
        &self,
        query: &[f32],
        ef: usize,
        allow: impl Fn(Slot) -> bool,
    ) -> Vec<Slot> {
        let ef = ef.max(MIN_EF);
        let filter = |id: &usize| allow(as_slot(*id));
        let found =
            self.hnsw
                .search_filter(&unit_query(query, &self.factors), ef, ef, Some(&filter));
        found.iter().map(|hit| as_slot(hit.d_id)).collect()
    }
}

fn insert_block(hnsw: &Hnsw<'static, f32, UnitDistance>, block: &mut Vec<(Vec<f32>, usize)>) {
    let borrowed: Vec<_> = block.iter().map(|(vector, id)| (vector, *id)).collect();
    hnsw.parallel_insert(&borrowed);
    block.clear();
}

fn greatest_norm(points: &Points, factors: &[f32]) -> f32 {
    let squares = points.from(0).map(|point| {
        let scaled = scaled(point.vector, factors);
        dot(&scaled, &scaled)
    });
    let greatest = squares.fold(0.0, f32::max).sqrt();
    // Rounding must not lift a vector out of the unit ball; all zeros is fine.
    (greatest * 1.000_1).max(f32::MIN_POSITIVE)
}

/// Sums the squared lengths by facet, as shares of the whole.
fn shares(points: &Points, layout: &Layout) -> Vec<(f32, f64)> {
    let mut sums: Vec<(f32, f64)> = Vec::new();
    for (_, range, usual) in layout.facets() {
        let squares = points.from(0).map(|point| {
            let facet = point.vector.get(range.clone()).unwrap_or_default();
            f64::from(usual * dot(facet, facet))
        });
        sums.push((usual, squares.sum()));
    }
    let whole: f64 = sums.iter().map(|(_, sum)| sum).sum();
    for (_, sum) in &mut sums {
        *sum /= whole.max(f64::MIN_POSITIVE);
    }
    sums
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a width of a few thousand times a factor of 1 to 2"
)]
fn scale_up(width: usize, factor: f64) -> usize {
    (width as f64 * factor).ceil() as usize
}

fn scaled(vector: &[f32], factors: &[f32]) -> Vec<f32> {
    vector
        .iter()
        .zip(factors)
        .map(|(value, factor)| value * factor)
        .collect()
}

fn augment(vector: &[f32], factors: &[f32], scale: f32) -> Vec<f32> {
    let mut unit = scaled(vector, factors);
    unit.iter_mut().for_each(|value| *value /= scale);
    let rest = (1.0 - dot(&unit, &unit)).max(0.0).sqrt();
    unit.push(rest);
    unit
}

fn unit_query(query: &[f32], factors: &[f32]) -> Vec<f32> {
    let mut unit: Vec<f32> = query
        .iter()
        .zip(factors)
        .map(|(value, factor)| value / factor)
        .collect();
    let norm = dot(&unit, &unit).sqrt().max(f32::MIN_POSITIVE);
    unit.iter_mut().for_each(|value| *value /= norm);
    unit.push(0.0);
    unit
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::model::{FacetKind, FacetSpec, Spec};
    use crate::points::Meta;
    use crate::testing::Random;

    fn layout(dim: usize) -> Layout {
        let facet = FacetSpec {
            kind: FacetKind::Dense(dim),
            default_weight: 2.0,
        };
        Layout::of(&Spec {
            name: "a".to_owned(),
            facets: [("text".to_owned(), facet)].into(),
            model_fingerprint: String::new(),
        })
    }

    #[test]
    fn our_distance_never_leaves_its_range() {
        for (a, b) in [
            (1.0, 1.000_001),
            (f32::NAN, 1.0),
            (-1.0, 1.000_001),
            (f32::INFINITY, 1.0),
        ] {
            let distance = UnitDistance.eval(&[a], &[b]);
            assert!((0.0..=2.0).contains(&distance), "{a} {b}");
        }
    }

    #[test]
    fn the_order_of_distances_is_that_of_inner_products() {
        let mut random = Random::new(7);
        let vectors: Vec<Vec<f32>> = (0..50).map(|_| random.vector(8, 3.0)).collect();
        let query = random.vector(8, 5.0);
        let factors = [0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0];
        let norm = |v: &Vec<f32>| dot(&scaled(v, &factors), &scaled(v, &factors)).sqrt();
        let scale = vectors.iter().map(norm).fold(0.0, f32::max) * 1.000_1;
        let mut by_distance: Vec<usize> = (0..50).collect();
        let mut by_product = by_distance.clone();
        let unit = unit_query(&query, &factors);
        let distance = |i: usize| UnitDistance.eval(&unit, &augment(&vectors[i], &factors, scale));
        by_distance.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        by_product.sort_by(|a, b| dot(&query, &vectors[*b]).total_cmp(&dot(&query, &vectors[*a])));
        assert_eq!(by_distance, by_product);
    }

    #[test]
    fn equal_and_zero_vectors_do_no_harm() {
        let layout = layout(4);
        let mut points = Points::new(4);
        for number in 0..600_u32 {
            let meta = Meta {
                id: number.to_string().into(),
                columns: BTreeMap::new(),
            };
            let value = if number % 2 == 0 { 0.0 } else { 1.0 };
            points.push(Arc::new(meta), &[value; 4]);
        }
        let graph = Graph::build(&points, &layout, &GraphConfig::default(), || false).unwrap();
        assert_eq!((graph.points(), graph.end()), (600, 600));
        assert!(!graph.search(&[1.0; 4], 10).is_empty());
        assert!(!graph.search(&[0.0; 4], 10).is_empty());
        let odd = graph.search_filtered(&[1.0; 4], 10, |slot| slot % 2 == 1);
        assert!(odd.iter().all(|slot| slot % 2 == 1) && !odd.is_empty());
    }

    #[test]
    fn a_build_stops_when_asked() {
        let layout = layout(2);
        let mut points = Points::new(2);
        let mut random = Random::new(1);
        for number in 0..3_000 {
            let meta = Meta {
                id: number.to_string().into(),
                columns: BTreeMap::new(),
            };
            points.push(Arc::new(meta), &random.vector(2, 1.0));
        }
        assert!(Graph::build(&points, &layout, &GraphConfig::default(), || true).is_none());
    }
}
