//! Rotary position embeddings: the tables of a model, and the rows of a batch.

use candle_core::{Result, Tensor};
use candle_nn::rotary_emb::rope_thd;

use super::weights::Place;
use crate::transformer::Transformer;

/// Cosines and sines, `[places, dim / 2]`: of every place of the model, or of the
/// rows of a batch.
#[derive(Clone)]
pub(super) struct Angles {
    base: f32,
    cosines: Tensor,
    sines: Tensor,
}

/// The tables of each base that a layer of the model rotates by.
pub(super) fn tables(model: &Transformer, place: &Place) -> Result<Vec<Angles>> {
    let mut bases: Vec<f32> = model
        .layers
        .iter()
        .filter_map(|layer| layer.rotary)
        .collect();
    bases.sort_by(f32::total_cmp);
    bases.dedup();
    let (places, half) = (model.max_positions, model.heads.dim / 2);
    let table = |base: f32| {
        let angles = angles(base, places, half);
        let values = |function: fn(f64) -> f64| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "rounding a cosine to f32 is meant"
            )]
            let values: Vec<f32> = angles.iter().map(|&angle| function(angle) as f32).collect();
            place.tensor(&values, &[places, half])
        };
        Ok(Angles {
            base,
            cosines: values(f64::cos)?,
            sines: values(f64::sin)?,
        })
    };
    bases.into_iter().map(table).collect()
}

/// `place · base^(-i / half)`, in f64: places go to tens of thousands.
fn angles(base: f32, places: usize, half: usize) -> Vec<f64> {
    let mut angles = Vec::with_capacity(places * half);
    for place in 0..places {
        for pair in 0..half {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let (place, pair, half) = (place as f64, pair as f64, half as f64);
            angles.push(place * f64::from(base).powf(-pair / half));
        }
    }
    angles
}

impl Angles {
    /// Returns the angles of rows, given the place of each.
    pub(super) fn of(&self, places: &Tensor) -> Result<Self> {
        Ok(Self {
            base: self.base,
            cosines: self.cosines.index_select(places, 0)?,
            sines: self.sines.index_select(places, 0)?,
        })
    }

    /// Rotates contiguous `[rows, heads, dim]`.
    pub(super) fn rotate(&self, heads: &Tensor) -> Result<Tensor> {
        rope_thd(&heads.unsqueeze(0)?, &self.cosines, &self.sines)?.squeeze(0)
    }
}

/// Finds the angles of a base.
pub(super) fn find(angles: &[Angles], base: f32) -> Result<&Angles> {
    let found = angles
        .iter()
        .find(|other| other.base.total_cmp(&base).is_eq());
    found.ok_or_else(|| candle_core::Error::Msg(format!("no rotary table of base {base}")))
}
