//! A query against one segment: exact scores of rows.

use crate::AnnError;
use crate::kernel::{Operand, index};
use crate::planes::FINE;
use crate::segment::Segment;
use crate::traverse::Scores;

/// Rows whose parts are computed at once.
const TOGETHER: usize = 32;

/// A weighted query, in the numbers of one segment.
///
/// The score of a row is the sum over facets of weight times dot product. Query
/// values are rounded to 16 bits like those of rows; the sums are exact. So a row has
/// the same score whatever the plan and the processor, and it is within
/// `3.2e-5 · Σ |q|·|x|` of the true one, both measured at their greatest values.
pub struct Query<'a> {
    pub(crate) segment: &'a Segment,
    /// Weighted, times the factors of the segment.
    pub(crate) operand: Operand,
    unit: f64,
    /// Of each facet, not weighted, times the factors of the segment: a vector that is
    /// 0 in the others, and what one unit of it is worth.
    facets: Vec<(Operand, f64)>,
    /// Most that a score by the first plane may be wrong.
    pub(crate) margin: f32,
    /// Share of the graph's geometry that the query uses: 1 with usual weights.
    pub(crate) kept: f32,
}

impl Segment {
    /// Prepares a query: its vector `[dim]`, and a weight for each facet in the order
    /// of the layout.
    ///
    /// # Errors
    /// When there are not as many values as the layout asks for, or one is not finite.
    pub fn query(&self, vector: &[f32], weights: &[f32]) -> Result<Query<'_>, AnnError> {
        let layout = self.layout();
        check("query", vector, layout.dim())?;
        check("weights", weights, layout.facets().len())?;
        let factors = self.rounding.factors();
        let plain: Vec<f32> = vector
            .iter()
            .zip(factors)
            .map(|(value, factor)| value * factor)
            .collect();
        let weighted = plain
            .iter()
            .zip(layout.spread(weights))
            .map(|(value, weight)| value * weight);
        let weighted: Vec<f32> = weighted.collect();
        check("weighted query", &weighted, layout.dim())?;
        let length = weighted
            .iter()
            .map(|value| value * value)
            .sum::<f32>()
            .sqrt();
        let facets = layout.ranges().map(|range| {
            let mut alone = vec![0.0; plain.len()];
            if let (Some(to), Some(from)) = (alone.get_mut(range.clone()), plain.get(range)) {
                to.copy_from_slice(from);
            }
            Operand::wide(&alone)
        });
        let (operand, unit) = Operand::wide(&weighted);
        // The product of lengths bounds a product (Cauchy); 1 % pays for rounding.
        let margin = 1.01 * length * self.reach * self.rest;
        Ok(Query {
            segment: self,
            operand,
            unit,
            facets: facets.collect(),
            margin,
            kept: kept(self, weights),
        })
    }
}

/// Returns the share of the graph's geometry that weights use.
///
/// The graph knows the neighbourhoods of the usual weights. A query that weighs a
/// facet less than others, compared with that, sees only a part of what tells them
/// apart. A facet that counts against a row counts as not seen; one that is zero in
/// all rows tells none of them from another, whatever it weighs.
fn kept(segment: &Segment, weights: &[f32]) -> f32 {
    let facets = segment.layout().facets().iter();
    let ratios = facets
        .zip(weights)
        .map(|(facet, weight)| weight.max(0.0) / facet.usual_weight);
    let told = ratios
        .zip(&segment.shares)
        .filter(|(_, share)| **share > 0.0);
    let greatest = told.clone().map(|(ratio, _)| ratio).fold(0.0, f32::max);
    if greatest == 0.0 {
        return 0.0;
    }
    told.map(|(ratio, share)| ratio / greatest * share).sum()
}

fn check(what: &'static str, values: &[f32], expected: usize) -> Result<(), AnnError> {
    if values.len() != expected {
        let found = values.len();
        return Err(AnnError::Shape {
            what,
            found,
            expected,
        });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(AnnError::NotFinite {
            what,
            index: 0,
            position,
        }),
        None => Ok(()),
    }
}

impl Query<'_> {
    /// Returns the score of a row; `None` when there is no such row.
    pub fn score(&self, row: u32) -> Option<f32> {
        if row >= self.segment.rows() {
            return None;
        }
        let mut scores = Vec::with_capacity(1);
        self.exact(&[self.segment.node_of(row)], &mut scores);
        scores.first().copied()
    }

    /// Returns the dot products of each facet with rows, not weighted: row after row,
    /// in the order of the layout; 0 for a row that there is not.
    ///
    /// Each is within `3.2e-5 · |q|·|x|` of the true one, as a score is.
    pub fn parts(&self, rows: &[u32]) -> Vec<f32> {
        let facets = self.facets.len();
        let mut parts = vec![0.0; rows.len() * facets];
        let (mut scores, mut places, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        // Few enough that their bytes are still at hand for the next facet.
        for (lot, rows) in rows.chunks(TOGETHER).enumerate() {
            places.clear();
            nodes.clear();
            for (place, row) in (lot * TOGETHER..).zip(rows) {
                if *row < self.segment.rows() {
                    let node = self.segment.node_of(*row);
                    self.segment.first().prefetch(node);
                    places.push(place);
                    nodes.push(node);
                }
            }
            for (facet, (operand, unit)) in self.facets.iter().enumerate() {
                self.fine(operand, *unit, &nodes, &mut scores);
                for (place, score) in places.iter().zip(&scores) {
                    if let Some(part) = parts.get_mut(place * facets + facet) {
                        *part = *score;
                    }
                }
            }
        }
        parts
    }

    /// Fills `out` with the scores of nodes, from both planes: the one function that
    /// scores what is returned.
    pub(crate) fn exact(&self, nodes: &[u32], out: &mut Vec<f32>) {
        self.fine(&self.operand, self.unit, nodes, out);
    }

    /// Fills `out` with the products of an operand and nodes, from both planes.
    fn fine(&self, operand: &Operand, unit: f64, nodes: &[u32], out: &mut Vec<f32>) {
        let segment = self.segment;
        let (first, second) = (segment.first(), segment.second());
        nodes.iter().for_each(|node| second.prefetch(*node));
        let (mut coarse, mut fine) = (Vec::new(), Vec::new());
        segment.kernel.products(first, operand, nodes, &mut coarse);
        segment.kernel.products(second, operand, nodes, &mut fine);
        out.clear();
        out.extend(
            nodes
                .iter()
                .zip(coarse.iter().zip(&fine))
                .map(|(node, (coarse, fine))| {
                    let scale = segment
                        .scales
                        .get(index(*node))
                        .copied()
                        .unwrap_or_default();
                    let whole = float(254 * coarse + fine);
                    narrow(whole * f64::from(scale) * unit / f64::from(FINE))
                }),
        );
    }

    /// Returns the scorer of a search: by the first plane.
    pub(crate) fn coarse(&self) -> Coarse<'_> {
        Coarse {
            query: self,
            unit: narrow(self.unit),
            products: Vec::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sums stay below 2^46")]
fn float(whole: i64) -> f64 {
    whole as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a score is rounded to f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Scores nodes by the first plane.
pub(crate) struct Coarse<'a> {
    query: &'a Query<'a>,
    unit: f32,
    products: Vec<i64>,
}

impl Scores for Coarse<'_> {
    #[inline]
    fn prefetch(&self, node: u32) {
        self.query.segment.first().prefetch(node);
        crate::kernel::prefetch(&self.query.segment.scales, index(node));
    }

    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a score needs no more than 24 bits"
    )]
    fn score(&mut self, nodes: &[u32], out: &mut Vec<f32>) {
        let segment = self.query.segment;
        segment.kernel.products(
            segment.first(),
            &self.query.operand,
            nodes,
            &mut self.products,
        );
        out.clear();
        out.extend(nodes.iter().zip(&self.products).map(|(node, product)| {
            let scale = segment
                .scales
                .get(index(*node))
                .copied()
                .unwrap_or_default();
            *product as f32 * (scale * self.unit)
        }));
    }
}
