//! Attention of some rows to the keys and values of their own sequence.

use std::ops::Range;

use crate::kernels::{Epilogue, Isa, Matrix, Output, Product, matmul, softmax_rows};

use super::scratch::{Scratch, sized};

/// Shape of the attention.
#[derive(Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    pub(crate) dim: usize,
}

impl Heads {
    fn hidden(self) -> usize {
        self.count * self.dim
    }
}

/// Queries, keys and values of a whole batch and where its sequences lie.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// `[tokens, 3 hidden]`: query, key, value of each token.
    pub(crate) qkv: &'a [f32],
    /// Rows of each sequence, in order.
    pub(crate) sequences: &'a [Range<usize>],
}

/// Computes the attention output of `rows`, which may span several sequences, into
/// `scratch.context`, `[rows, hidden]`.
pub(crate) fn attend(
    isa: Isa,
    heads: Heads,
    sources: Sources<'_>,
    rows: &Range<usize>,
    scratch: &mut Scratch,
) {
    sized(&mut scratch.context, rows.len() * heads.hidden());
    let first = sources
        .sequences
        .partition_point(|sequence| sequence.end <= rows.start);
    for sequence in &sources.sequences[first..] {
        if sequence.start >= rows.end {
            break;
        }
        let queries = sequence.start.max(rows.start)..sequence.end.min(rows.end);
        let place = queries.start - rows.start;
        for head in 0..heads.count {
            let part = Part {
                head,
                queries: queries.clone(),
                keys: sequence.clone(),
                place,
            };
            attend_head(isa, heads, sources.qkv, &part, scratch);
        }
    }
}

/// One head over some queries of one sequence.
struct Part {
    head: usize,
    queries: Range<usize>,
    keys: Range<usize>,
    /// Row of the context that the first query writes.
    place: usize,
}

fn attend_head(isa: Isa, heads: Heads, qkv: &[f32], part: &Part, scratch: &mut Scratch) {
    let (hidden, dim) = (heads.hidden(), heads.dim);
    let stride = 3 * hidden;
    let (count, length) = (part.queries.len(), part.keys.len());
    // The three sources of this head, as strided views.
    let view = |rows: &Range<usize>, which: usize| Matrix {
        values: &qkv[rows.start * stride + which * hidden + part.head * dim..rows.end * stride],
        stride,
    };
    scratch
        .keys
        .fill_transposed(view(&part.keys, 1), length, dim);
    scratch.values.fill(view(&part.keys, 2), length, dim);

    let scores = sized(&mut scratch.scores, count * length);
    let (left, right) = (view(&part.queries, 0), &scratch.keys);
    let mut out = Output {
        values: scores,
        stride: length,
        rows: count,
    };
    matmul(
        isa,
        Product {
            left,
            right,
            epilogue: Epilogue::None,
        },
        &mut out,
        &mut scratch.tiles,
    );

    let sums = sized(&mut scratch.sums, count);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a head is far narrower than 2^24"
    )]
    let scale = 1.0 / (dim as f32).sqrt();
    softmax_rows(isa, scores, length, scale, sums);

    let context = &mut scratch.context[part.place * hidden + part.head * dim..];
    let left = Matrix {
        values: scores,
        stride: length,
    };
    let mut out = Output {
        values: context,
        stride: hidden,
        rows: count,
    };
    matmul(
        isa,
        Product {
            left,
            right: &scratch.values,
            epilogue: Epilogue::None,
        },
        &mut out,
        &mut scratch.tiles,
    );
    for (row, sum) in context.chunks_mut(hidden).zip(sums) {
        row[..dim].iter_mut().for_each(|value| *value /= *sum);
    }
}
