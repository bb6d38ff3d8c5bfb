//! What is added to the scores of a group by position: linear or relative biases,
//! windows, and the future that a causal model must not see.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};

use super::layout::{UNSEEN, int};
use super::weights::Place;
use crate::transformer::{Heads, PositionBias, Transformer};

/// The rules of a model, with its tables on the device.
pub(super) struct ScoreBias {
    heads: Heads,
    causal: bool,
    table: Table,
    place: Place,
}

enum Table {
    None,
    /// `-slopes`, `[groups, 1, repeats, 1, 1]`, in f32.
    Alibi(Tensor),
    /// `[2 reach + 1, heads]`, in the type of the scores.
    Relative {
        values: Tensor,
        reach: usize,
    },
}

impl ScoreBias {
    pub(super) fn new(model: &Transformer, place: &Place) -> Result<Self> {
        let heads = model.heads;
        let table = match &model.bias {
            PositionBias::None => Table::None,
            PositionBias::Alibi { slopes } => {
                let negative: Vec<f32> = slopes.iter().map(|slope| -slope).collect();
                let shape = (heads.groups, 1, heads.count / heads.groups, 1, 1);
                Table::Alibi(Tensor::from_vec(negative, shape, &place.device)?)
            }
            PositionBias::Relative { values, reach } => {
                let by_head = place.tensor(values, &[heads.count, 2 * reach + 1])?;
                Table::Relative {
                    values: by_head.t()?.contiguous()?,
                    reach: *reach,
                }
            }
        };
        Ok(Self {
            heads,
            causal: model.causal,
            table,
            place: place.clone(),
        })
    }

    /// Returns what is added to the scores of the queries at `queries` with all keys
    /// of a sequence of `length`, or `None` for nothing. It broadcasts to
    /// `[groups, sequences, repeats, queries, length]`.
    pub(super) fn of(
        &self,
        queries: Range<usize>,
        length: usize,
        window: Option<usize>,
    ) -> Result<Option<Tensor>> {
        let window = window.filter(|&reach| reach + 1 < length);
        if window.is_none() && !self.causal && matches!(self.table, Table::None) {
            return Ok(None);
        }
        let distances = distances(queries, length, &self.place.device)?;
        let unseen = self.unseen(&distances, window)?;
        let by_place = self.by_place(&distances)?;
        match (unseen, by_place) {
            (Some(unseen), Some(bias)) => bias.broadcast_add(&unseen).map(Some),
            (unseen, bias) => Ok(unseen.or(bias)),
        }
    }

    /// `[1, 1, 1, queries, length]`: [`UNSEEN`] for what a query must not see.
    fn unseen(&self, distances: &Tensor, window: Option<usize>) -> Result<Option<Tensor>> {
        let after = if self.causal {
            Some(distances.gt(0_f32)?)
        } else {
            None
        };
        let far = match window {
            Some(reach) => Some(distances.abs()?.gt(int(reach))?),
            None => None,
        };
        let hidden = match (after, far) {
            // Zeros and ones.
            (Some(after), Some(far)) => after.maximum(&far)?,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Ok(None),
        };
        let mask = (hidden.to_dtype(DType::F32)? * f64::from(UNSEEN))?;
        self.five(&mask.to_dtype(self.place.dtype)?).map(Some)
    }

    /// `[groups, 1, repeats, queries, length]`: the bias of each head.
    fn by_place(&self, distances: &Tensor) -> Result<Option<Tensor>> {
        match &self.table {
            Table::None => Ok(None),
            Table::Alibi(slopes) => {
                let far = self.five(&distances.abs()?)?;
                let bias = slopes.broadcast_mul(&far)?;
                bias.to_dtype(self.place.dtype).map(Some)
            }
            Table::Relative { values, reach } => {
                let (queries, length) = distances.dims2()?;
                let reach = f64::from(int(*reach));
                let rows = (distances.clamp(-reach, reach)? + reach)?;
                let rows = rows.to_dtype(DType::U32)?.flatten_all()?;
                let groups = self.heads.groups;
                let shape = (groups, 1, self.heads.count / groups, queries, length);
                let by_head = values.index_select(&rows, 0)?.t()?.contiguous()?;
                by_head.reshape(shape).map(Some)
            }
        }
    }

    fn five(&self, matrix: &Tensor) -> Result<Tensor> {
        let (rows, columns) = matrix.dims2()?;
        matrix.reshape((1, 1, 1, rows, columns))
    }
}

/// `[queries, length]`: place of the key less place of the query, in f32.
fn distances(queries: Range<usize>, length: usize, device: &Device) -> Result<Tensor> {
    let places = |range: Range<usize>| {
        Tensor::arange(int(range.start), int(range.end), device)?.to_dtype(DType::F32)
    };
    let keys = places(0..length)?.reshape((1, length))?;
    let count = queries.len();
    keys.broadcast_sub(&places(queries)?.reshape((count, 1))?)
}
