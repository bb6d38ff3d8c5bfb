//! The vectors of a segment while its graph is built: one byte a value, in the
//! geometry of the usual weights.
//!
//! **Inner product.** Scores are inner products of vectors that are not of unit
//! length. Each vector is divided by the greatest length M of the segment and given
//! one more dimension, the *lift* `sqrt(1 - |x|² / M²)`, so that all lie on the unit
//! sphere; a query has lift 0. Then the nearest on the sphere is the greatest inner
//! product (Bachrach et al., RecSys 2014). **Weights.** `Σ w q·x = Σ (√w q)·(√w x)`:
//! stored facets carry √w of the usual weights.

use rayon::prelude::*;

use crate::AnnError;
use crate::kernel::{Codes, Kernel, OFFSET, Operand, bias, index, signed, stride};
use crate::layout::Layout;
use crate::memory::Pages;
use crate::traverse::Scores;
use crate::vectors::Vectors;

/// Greatest stored value.
const MOST: f32 = 127.0;

/// Vectors on the unit sphere, by node.
pub(crate) struct Flat {
    codes: Pages,
    stride: usize,
    nodes: Vec<Node>,
    kernel: Kernel,
}

/// What is known of a vector beside its bytes.
#[derive(Clone, Copy, Default)]
struct Node {
    /// Worth of one unit of its bytes.
    scale: f32,
    lift: f32,
    /// What the offset of bytes adds to a product with it.
    bias: i32,
}

impl Flat {
    /// Takes the vectors `picked` of all, in this order.
    pub(crate) fn new(
        vectors: Vectors<'_>,
        layout: &Layout,
        picked: &[u32],
    ) -> Result<Self, AnnError> {
        let roots: Vec<f32> = layout
            .facets()
            .iter()
            .map(|facet| facet.usual_weight.sqrt())
            .collect();
        let factors = layout.spread(&roots);
        let weighted_norm = |at: &u32| {
            let values = vectors.get(index(*at)).iter().zip(&factors);
            values
                .map(|(value, factor)| (value * factor).powi(2))
                .sum::<f32>()
        };
        let greatest = picked
            .par_iter()
            .map(weighted_norm)
            .reduce(|| 0.0, f32::max);
        // Rounding must not lift a vector out of the unit ball; all zeros is fine.
        let reach = (greatest.sqrt() * 1.000_1).max(f32::MIN_POSITIVE);
        let stride = stride(layout.dim());
        let mut codes = Pages::zeroed(stride * picked.len())?;
        let mut nodes = vec![Node::default(); picked.len()];
        let rows = codes.numbers_mut::<u8>().par_chunks_exact_mut(stride);
        rows.zip(&mut nodes)
            .zip(picked)
            .for_each(|((row, node), at)| {
                *node = encode(vectors.get(index(*at)), &factors, reach, row);
            });
        let kernel = Kernel::best();
        Ok(Self {
            codes,
            stride,
            nodes,
            kernel,
        })
    }

    /// Counts the nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn codes(&self) -> Codes<'_> {
        Codes::new(self.codes.numbers(), self.stride)
    }

    /// Returns a node's vector on the unit sphere, its lift last.
    pub(crate) fn unit_vector(&self, node: u32) -> Vec<f32> {
        let known = self.nodes.get(index(node)).copied().unwrap_or_default();
        let row = self.codes().row(node);
        let values = row
            .iter()
            .map(|byte| f32::from(signed(*byte)) * known.scale);
        values.chain(std::iter::once(known.lift)).collect()
    }

    /// Returns a scorer, to be aimed at nodes.
    pub(crate) fn aim(&self) -> Aim<'_> {
        Aim {
            flat: self,
            codes: self.codes(),
            operand: Operand::default(),
            node: Node::default(),
            products: Vec::new(),
        }
    }
}

fn encode(vector: &[f32], factors: &[f32], reach: f32, row: &mut [u8]) -> Node {
    let unit = |(value, factor): (&f32, &f32)| value * factor / reach;
    let values = || vector.iter().zip(factors).map(unit);
    let greatest = values().fold(0.0_f32, |most, value| most.max(value.abs()));
    let square: f32 = values().map(|value| value * value).sum();
    let lift = (1.0 - square).max(0.0).sqrt();
    row.fill(OFFSET);
    let scale = greatest / MOST;
    if scale > 0.0 {
        for (byte, value) in row.iter_mut().zip(values()) {
            *byte = rounded(value / scale);
        }
    }
    let signed: Vec<i8> = row.iter().map(|byte| signed(*byte)).collect();
    Node {
        scale,
        lift,
        bias: bias(&signed),
    }
}

/// Rounds a value from -127 to 127 to a stored byte.
///
/// What is cut off is at least 1.5, so cutting off rounds. `round` would be a call for
/// each value where the processor that is built for has no such instruction, and half
/// of the time of writing a segment.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 1.5..=255.5 first"
)]
pub(crate) fn rounded(value: f32) -> u8 {
    (value.clamp(-MOST, MOST) + (f32::from(OFFSET) + 0.5)) as u8
}

/// Scores nodes by how near they are to one of them: the cosine of their angle.
pub(crate) struct Aim<'a> {
    flat: &'a Flat,
    codes: Codes<'a>,
    operand: Operand,
    node: Node,
    products: Vec<i64>,
}

impl Aim<'_> {
    /// Aims at a node.
    pub(crate) fn at(&mut self, node: u32) {
        self.node = self
            .flat
            .nodes
            .get(index(node))
            .copied()
            .unwrap_or_default();
        self.operand.take_row(self.codes.row(node), self.node.bias);
    }
}

impl Scores for Aim<'_> {
    #[inline]
    fn prefetch(&self, node: u32) {
        self.codes.prefetch(node);
    }

    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a score needs no more than 24 bits"
    )]
    fn score(&mut self, nodes: &[u32], out: &mut Vec<f32>) {
        self.flat
            .kernel
            .products(self.codes, &self.operand, nodes, &mut self.products);
        out.clear();
        out.extend(nodes.iter().zip(&self.products).map(|(node, product)| {
            let other = self
                .flat
                .nodes
                .get(index(*node))
                .copied()
                .unwrap_or_default();
            let planar = *product as f32 * self.node.scale * other.scale;
            planar + self.node.lift * other.lift
        }));
    }
}
