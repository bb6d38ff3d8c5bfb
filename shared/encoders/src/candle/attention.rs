//! Attention over the groups of a packed batch.

use std::ops::Range;

use candle_core::{Result, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::bias::ScoreBias;
use super::layout::GroupLayout;
use crate::transformer::Heads;

/// A group with what its scores need, on the device.
pub(super) struct DeviceGroup {
    pub(super) rows: Range<usize>,
    pub(super) count: usize,
    pub(super) length: usize,
    /// Row of each token of `[count, length]`, where the group is padded.
    pub(super) gather: Option<Tensor>,
    /// `[1, count, 1, 1, length]`, where the group is padded.
    pub(super) mask: Option<Tensor>,
    /// `[count, 1, length]` in f32, for the mean.
    pub(super) shares: Option<Tensor>,
    /// Queries of one product: all, unless the scores would not fit.
    pub(super) queries: usize,
    /// For each kind of window, the bias of all queries, where they are in one product.
    pub(super) bias: Vec<Option<Tensor>>,
}

impl DeviceGroup {
    /// `limit` bounds the scores held at a time.
    pub(super) fn queries(layout: &GroupLayout, heads: usize, limit: usize) -> usize {
        let row = heads * layout.count * layout.length;
        (limit / row.max(1)).clamp(1, layout.length)
    }

    /// Takes the rows of the group out of packed rows: `[count × length, width]`.
    pub(super) fn rows_of(&self, packed: &Tensor) -> Result<Tensor> {
        match &self.gather {
            Some(rows) => packed.index_select(rows, 0),
            None => packed.narrow(0, self.rows.start, self.rows.len()),
        }
    }
}

/// A kind of window of the model: its place among them and its reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) place: usize,
    pub(super) reach: Option<usize>,
}

/// Attends within every group.
///
/// `qkv` is `[rows, (count + 2 groups) dim]`, queries scaled, everything normalised
/// and rotated. Returns `[rows, count × dim]`.
pub(super) fn attend(
    qkv: &Tensor,
    groups: &[DeviceGroup],
    scatter: Option<&Tensor>,
    (heads, rules, window): (Heads, &ScoreBias, Window),
) -> Result<Tensor> {
    let mut outputs = Vec::with_capacity(groups.len());
    for group in groups {
        let split = split(&group.rows_of(qkv)?, group, heads)?;
        outputs.push(attend_group(&split, group, (heads, rules, window))?);
    }
    let joined = match &outputs[..] {
        [only] => only.clone(),
        many => Tensor::cat(many, 0)?,
    };
    match scatter {
        Some(rows) => joined.index_select(rows, 0),
        None => Ok(joined),
    }
}

/// Queries, keys and values of a group, by head.
struct Split {
    /// `[groups × count, repeats, length, dim]`.
    queries: Tensor,
    /// `[groups × count, length, dim]`, as are the values.
    keys: Tensor,
    values: Tensor,
}

/// One copy brings heads before tokens; where query heads share keys, a second one.
fn split(rows: &Tensor, group: &DeviceGroup, heads: Heads) -> Result<Split> {
    let (count, length) = (group.count, group.length);
    let (query_heads, shared) = (heads.count, heads.groups);
    let repeats = query_heads / shared;
    let rows = rows.reshape((count, length, query_heads + 2 * shared, heads.dim))?;
    let by_head = |rows: &Tensor| rows.permute((2, 0, 1, 3))?.contiguous();
    let flat = |part: Tensor| part.reshape((shared * count, length, heads.dim));
    let (queries, rest) = if repeats == 1 {
        let all = by_head(&rows)?;
        let queries = all.narrow(0, 0, query_heads)?;
        (queries, all.narrow(0, query_heads, 2 * shared)?)
    } else {
        let queries = rows.narrow(2, 0, query_heads)?.contiguous()?;
        let queries = queries.reshape((count, length, shared, repeats, heads.dim))?;
        let queries = queries.permute((2, 0, 3, 1, 4))?.contiguous()?;
        (queries, by_head(&rows.narrow(2, query_heads, 2 * shared)?)?)
    };
    Ok(Split {
        queries: queries.reshape((shared * count, repeats, length, heads.dim))?,
        keys: flat(rest.narrow(0, 0, shared)?)?,
        values: flat(rest.narrow(0, shared, shared)?)?,
    })
}

/// Returns `[count × length, heads × dim]`.
fn attend_group(
    split: &Split,
    group: &DeviceGroup,
    (heads, rules, window): (Heads, &ScoreBias, Window),
) -> Result<Tensor> {
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < group.length {
        let taken = start..group.length.min(start + group.queries);
        let bias = if taken.len() == group.length {
            group.bias[window.place].clone()
        } else {
            rules.of(taken.clone(), group.length, window.reach)?
        };
        start = taken.end;
        blocks.push(attend_block(split, group, heads, (taken, bias))?);
    }
    let joined = match &blocks[..] {
        [only] => only.clone(),
        many => Tensor::cat(many, 3)?,
    };
    // [groups, count, repeats, length, dim], heads back behind tokens.
    let rows = joined.permute((1, 3, 0, 2, 4))?.contiguous()?;
    rows.reshape((group.count * group.length, heads.count * heads.dim))
}

/// Returns `[groups, count, repeats, queries, dim]`.
fn attend_block(
    split: &Split,
    group: &DeviceGroup,
    heads: Heads,
    (taken, bias): (Range<usize>, Option<Tensor>),
) -> Result<Tensor> {
    let (shared, repeats) = (heads.groups, heads.count / heads.groups);
    let rows = repeats * taken.len();
    let queries = split.queries.narrow(2, taken.start, taken.len())?;
    let queries = queries.reshape((shared * group.count, rows, heads.dim))?;
    let mut scores = queries.matmul(&split.keys.t()?)?;
    if bias.is_some() || group.mask.is_some() {
        let shape = (shared, group.count, repeats, taken.len(), group.length);
        scores = scores.reshape(shape)?;
        for added in [bias.as_ref(), group.mask.as_ref()].into_iter().flatten() {
            scores = scores.broadcast_add(added)?;
        }
        scores = scores.reshape((shared * group.count, rows, group.length))?;
    }
    let mixed = softmax_last_dim(&scores)?.matmul(&split.values)?;
    mixed.reshape((shared, group.count, repeats, taken.len(), heads.dim))
}
