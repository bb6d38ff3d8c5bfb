//! Attention of the query heads that share one key and value head, over one
//! sequence.

use std::ops::Range;

use super::buffer::Buffer;
use super::element::Element;
use super::gemm::{NR, Product, Shape};
use super::isa::Isa;
use super::rows::{add, softmax};
use crate::transformer::{Heads, PositionBias};

/// Query rows handled together: their scores should fit the cache of a core.
const BLOCK: usize = 48;

/// What attention does in one layer.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) isa: Isa,
    pub(super) heads: Heads,
    pub(super) causal: bool,
    /// Tokens further away are not seen.
    pub(super) window: Option<usize>,
    /// In units of the scores: times log2 e.
    pub(super) bias: &'a PositionBias,
}

impl Rules<'_> {
    /// Returns the keys that a query sees.
    fn visible(&self, query: usize, tokens: usize) -> Range<usize> {
        let reach = self.window.unwrap_or(tokens);
        let end = if self.causal {
            query + 1
        } else {
            (query + reach).saturating_add(1).min(tokens)
        };
        query.saturating_sub(reach)..end
    }

    /// Returns the query heads of each key and value head.
    pub(super) fn shared(&self) -> usize {
        self.heads.count / self.heads.groups
    }
}

/// Queries, keys and values of one sequence: `stride` values a token. The queries are
/// scaled so that the weights are powers of 2.
#[derive(Clone, Copy)]
pub(super) struct Sequence<'a, E> {
    pub(super) rows: &'a [E],
    pub(super) stride: usize,
    pub(super) tokens: usize,
}

/// Memory reused from head to head.
pub(super) struct Scratch<E> {
    /// `[panel of tokens][dim / group][NR][group]`.
    keys: Buffer<E>,
    /// `[panel of dims][tokens / group][NR][group]`.
    values: Buffer<E>,
    /// The bias by distance, from `1 - tokens` to `tokens - 1`.
    bias: Vec<f32>,
    scores: Buffer<f32>,
    weights: Buffer<E>,
    mixed: Buffer<f32>,
    inverse_sums: [f32; BLOCK],
}

impl<E> Default for Scratch<E> {
    fn default() -> Self {
        Self {
            keys: Buffer::default(),
            values: Buffer::default(),
            bias: Vec::new(),
            scores: Buffer::default(),
            weights: Buffer::default(),
            mixed: Buffer::default(),
            inverse_sums: [0.0; BLOCK],
        }
    }
}

/// One key and value head, packed.
struct Packed {
    /// Head dimension, padded to the group.
    inner: usize,
    /// Tokens, padded to whole panels.
    width: usize,
    value_panels: usize,
}

/// Computes `softmax(q kᵀ + bias) v` for the query heads of one key and value head
/// into `out`, `[tokens, shared × dim]`.
pub(super) fn attend<E: Element>(
    rules: Rules<'_>,
    sequence: Sequence<'_, E>,
    group: usize,
    scratch: &mut Scratch<E>,
    out: &mut [f32],
) {
    let packed = pack(rules, sequence, group, scratch);
    for head in 0..rules.shared() {
        let whole = group * rules.shared() + head;
        fill_bias(rules.bias, whole, sequence.tokens, &mut scratch.bias);
        for first in (0..sequence.tokens).step_by(BLOCK) {
            let queries = first..(first + BLOCK).min(sequence.tokens);
            let block = Block {
                rules,
                sequence,
                packed: &packed,
                queries,
            };
            let keys = block.weigh(whole, scratch);
            block.mix(&keys, scratch);
            block.write(head, scratch, out);
        }
    }
}

/// Packs keys and values for the products.
fn pack<E: Element>(
    rules: Rules<'_>,
    sequence: Sequence<'_, E>,
    group: usize,
    scratch: &mut Scratch<E>,
) -> Packed {
    let Heads { count, groups, dim } = rules.heads;
    let tokens = sequence.tokens;
    let packed = Packed {
        inner: dim.next_multiple_of(E::GROUP),
        width: tokens.next_multiple_of(NR),
        value_panels: dim.div_ceil(NR),
    };
    let head = |column: usize| {
        let start = (count + column) * dim;
        move |token: usize| &sequence.rows[token * sequence.stride + start..][..dim]
    };
    let (key, value) = (head(group), head(groups + group));

    let keys = scratch.keys.sized(packed.width * packed.inner);
    for token in 0..tokens {
        let first = token / NR * NR * packed.inner + token % NR * E::GROUP;
        let values = key(token).chunks_exact(E::GROUP);
        let rest = values.remainder();
        let mut lines = keys[first..].chunks_mut(NR * E::GROUP);
        for (values, line) in values.zip(&mut lines) {
            line[..E::GROUP].copy_from_slice(&values[..E::GROUP]);
        }
        if let (false, Some(line)) = (rest.is_empty(), lines.next()) {
            line[..E::GROUP].fill(E::default());
            line[..rest.len()].copy_from_slice(rest);
        }
    }
    let values = scratch
        .values
        .sized(packed.value_panels * packed.width * NR);
    for (panel, values) in values.chunks_exact_mut(packed.width * NR).enumerate() {
        let columns = panel * NR..dim.min((panel + 1) * NR);
        let lines = values.chunks_exact_mut(NR * E::GROUP).enumerate();
        for (block, line) in lines {
            let known = block * E::GROUP..tokens.min((block + 1) * E::GROUP);
            if known.len() < E::GROUP {
                // What is left here meets weights of 0, which a NaN would survive.
                line.fill(E::default());
            }
            for (place, token) in known.enumerate() {
                let source = &value(token)[columns.clone()];
                for (slot, value) in line.chunks_exact_mut(E::GROUP).zip(source) {
                    slot[place] = *value;
                }
            }
        }
    }
    packed
}

/// Writes the bias of one head by distance; empty when there is none.
#[expect(
    clippy::cast_precision_loss,
    reason = "distances are far below 2^24 tokens"
)]
fn fill_bias(bias: &PositionBias, head: usize, tokens: usize, out: &mut Vec<f32>) {
    out.clear();
    let distances = 0..2 * tokens - 1;
    match bias {
        PositionBias::None => {}
        PositionBias::Alibi { slopes } => {
            out.extend(distances.map(|place| -slopes[head] * place.abs_diff(tokens - 1) as f32));
        }
        PositionBias::Relative { values, reach } => {
            let values = &values[head * (2 * reach + 1)..][..2 * reach + 1];
            // Place `tokens - 1` is distance 0, which is value `reach`.
            out.extend(
                distances
                    .map(|place| values[(place + reach).saturating_sub(tokens - 1).min(2 * reach)]),
            );
        }
    }
}

/// Some queries of one sequence.
struct Block<'a, E> {
    rules: Rules<'a>,
    sequence: Sequence<'a, E>,
    packed: &'a Packed,
    queries: Range<usize>,
}

impl<E: Element> Block<'_, E> {
    /// Computes the weights of the keys, without the division by their sums, into
    /// `scratch.weights`; returns the keys that they are of, whole panels.
    fn weigh(&self, head: usize, scratch: &mut Scratch<E>) -> Range<usize> {
        let Sequence {
            rows,
            stride,
            tokens,
        } = self.sequence;
        let isa = self.rules.isa;
        let visible = |query| self.rules.visible(query, tokens);
        let first = visible(self.queries.start).start / NR;
        let panels = visible(self.queries.end - 1).end.div_ceil(NR) - first;
        let (start, span) = (first * NR, panels * NR);
        let inner = self.packed.inner;
        let shape = Shape {
            rows: self.queries.len(),
            k: inner,
            panels,
            row_stride: stride,
            panel_stride: inner * NR,
            out_stride: span,
        };
        let queries = &rows[self.queries.start * stride + head * self.rules.heads.dim..];
        let scores = scratch.scores.sized(BLOCK * span);
        let weights = scratch.weights.sized(BLOCK * span);
        let product = Product {
            shape,
            left: queries,
            right: &scratch.keys[start * inner..],
            bias: &[],
        };
        E::multiply(isa, product, scores);

        let lines = scores
            .chunks_exact_mut(span)
            .zip(weights.chunks_exact_mut(span));
        let sums = scratch.inverse_sums.iter_mut();
        for ((query, (scores, weights)), sum) in self.queries.clone().zip(lines).zip(sums) {
            let seen = visible(query);
            let row = &mut scores[seen.start - start..seen.end - start];
            if !scratch.bias.is_empty() {
                add(isa, row, &scratch.bias[tokens - 1 + seen.start - query..]);
            }
            softmax(isa, row, E::COARSE, sum);
            scores[..seen.start - start].fill(0.0);
            scores[seen.end - start..].fill(0.0);
            E::convert(isa, scores, weights);
        }
        start..start + span
    }

    /// Multiplies the weights with the values into `scratch.mixed`.
    fn mix(&self, keys: &Range<usize>, scratch: &mut Scratch<E>) {
        let value_width = self.packed.value_panels * NR;
        let shape = Shape {
            rows: self.queries.len(),
            k: keys.len(),
            panels: self.packed.value_panels,
            row_stride: keys.len(),
            panel_stride: self.packed.width * NR,
            out_stride: value_width,
        };
        let mixed = scratch.mixed.sized(BLOCK * value_width);
        let product = Product {
            shape,
            left: &scratch.weights,
            right: &scratch.values[keys.start * NR..],
            bias: &[],
        };
        E::multiply(self.rules.isa, product, mixed);
    }

    /// Divides by the sums and writes the columns of a head.
    fn write(&self, head: usize, scratch: &Scratch<E>, out: &mut [f32]) {
        let dim = self.rules.heads.dim;
        let width = self.rules.shared() * dim;
        let out = out[self.queries.start * width + head * dim..].chunks_mut(width);
        let mixed = scratch.mixed.chunks_exact(self.packed.value_panels * NR);
        let rows = out.zip(mixed).zip(&scratch.inverse_sums);
        for ((out, mixed), scale) in rows.take(self.queries.len()) {
            for (out, value) in out[..dim].iter_mut().zip(mixed) {
                *out = value * scale;
            }
        }
    }
}
