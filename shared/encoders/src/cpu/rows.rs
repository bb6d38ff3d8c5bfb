//! What is done to rows between the products: norms, activations, softmax and
//! conversion to the number type of the next product.

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::element::Bf16;
use super::functions::{exp2, gelu, gelu_coarse, gelu_tanh, silu};
use super::isa::{Isa, by_isa, fma};
use crate::transformer::{Activation, Norm, NormKind};

/// Partial results kept apart so that a reduction becomes vector code.
const LANES: usize = 16;

/// Folds the values lane by lane, then the lanes in pairs.
#[inline(always)]
fn reduce(
    values: &[f32],
    start: f32,
    fold: impl Fn(f32, f32) -> f32,
    join: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut lanes = [start; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = fold(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = fold(*lane, value);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

by_isa! {
    /// Adds `residual` to a row.
    add = add_body(row: &mut [f32], residual: &[f32])
}

#[inline(always)]
fn add_body<const FMA: bool>(row: &mut [f32], residual: &[f32]) {
    for (value, &other) in row.iter_mut().zip(residual) {
        *value += other;
    }
}

by_isa! {
    /// Replaces a row by the norm of its sum with `residual`.
    add_norm = add_norm_body(row: &mut [f32], residual: &[f32], norm: &Norm)
}

#[inline(always)]
fn add_norm_body<const FMA: bool>(row: &mut [f32], residual: &[f32], norm: &Norm) {
    add_body::<FMA>(row, residual);
    normalize_body::<FMA>(row, norm);
}

by_isa! {
    /// Replaces a row by its norm.
    normalize = normalize_body(row: &mut [f32], norm: &Norm)
}

#[inline(always)]
#[expect(
    clippy::cast_precision_loss,
    reason = "a row is far shorter than 2^24 values"
)]
fn normalize_body<const FMA: bool>(row: &mut [f32], norm: &Norm) {
    let scale = 1.0 / row.len() as f32;
    let sum = |a: f32, b: f32| a + b;
    let mean = match norm.kind {
        NormKind::Layer => reduce(row, 0.0, sum, sum) * scale,
        NormKind::RootMeanSquare => 0.0,
    };
    let square = |sum: f32, value: f32| fma::<FMA>(value - mean, value - mean, sum);
    let variance = reduce(row, 0.0, square, sum) * scale;
    let inverse = 1.0 / (variance + norm.epsilon).sqrt();
    for (value, &weight) in row.iter_mut().zip(&norm.weight) {
        *value = (*value - mean) * inverse * weight;
    }
    // Empty when the norm has none.
    for (value, &bias) in row.iter_mut().zip(&norm.bias) {
        *value += bias;
    }
}

by_isa! {
    /// Applies an activation to a row. `coarse` allows errors that vanish in bf16 or
    /// 8 bits.
    activate = activate_body(activation: Activation, coarse: bool, row: &mut [f32])
}

#[inline(always)]
fn activate_body<const FMA: bool>(activation: Activation, coarse: bool, row: &mut [f32]) {
    #[inline(always)]
    fn each(row: &mut [f32], function: impl Fn(f32) -> f32) {
        row.iter_mut().for_each(|value| *value = function(*value));
    }
    match activation {
        Activation::Gelu if coarse => each(row, gelu_coarse::<FMA>),
        Activation::Gelu => each(row, gelu::<FMA>),
        Activation::GeluTanh => each(row, gelu_tanh::<FMA>),
        Activation::Relu => each(row, |value| value.max(0.0)),
        Activation::Silu => each(row, silu::<FMA>),
    }
}

by_isa! {
    /// Multiplies a row by another.
    scale_by = scale_by_body(row: &mut [f32], factors: &[f32])
}

#[inline(always)]
fn scale_by_body<const FMA: bool>(row: &mut [f32], factors: &[f32]) {
    for (value, &factor) in row.iter_mut().zip(factors) {
        *value *= factor;
    }
}

by_isa! {
    /// Replaces each value by `2^(value - max)` and writes one over their sum.
    softmax = softmax_body(row: &mut [f32], coarse: bool, inverse_sum: &mut f32)
}

#[inline(always)]
fn softmax_body<const FMA: bool>(row: &mut [f32], coarse: bool, inverse_sum: &mut f32) {
    if coarse {
        exponentials::<FMA, true>(row, inverse_sum);
    } else {
        exponentials::<FMA, false>(row, inverse_sum);
    }
}

#[inline(always)]
fn exponentials<const FMA: bool, const COARSE: bool>(row: &mut [f32], inverse_sum: &mut f32) {
    let top = reduce(row, f32::NEG_INFINITY, larger, larger);
    let mut lanes = [0.0_f32; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *value = exp2::<FMA, COARSE>(*value - top);
            *lane += *value;
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.into_remainder()) {
        *value = exp2::<FMA, COARSE>(*value - top);
        *lane += *value;
    }
    let sum = |a: f32, b: f32| a + b;
    *inverse_sum = 1.0 / reduce(&lanes, 0.0, sum, sum);
}

/// Rounds to bf16 as many values as both slices have.
#[expect(
    unsafe_code,
    reason = "calls code compiled for a detected processor feature"
)]
pub(super) fn to_bf16(isa: Isa, values: &[f32], out: &mut [Bf16]) {
    #[cfg(target_arch = "x86_64")]
    if isa.bf16() {
        // SAFETY: an Isa says so only where the features were detected.
        return unsafe { avx512::round_bf16(values, out) };
    }
    round_each(isa, values, out);
}

by_isa! {
    /// Rounds to bf16 where there is no instruction for it.
    round_each = round_each_body(values: &[f32], out: &mut [Bf16])
}

#[inline(always)]
fn round_each_body<const FMA: bool>(values: &[f32], out: &mut [Bf16]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = Bf16::round(*value);
    }
}

/// How a row was brought to bytes: `value = scale (byte + zero)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ByteScale {
    pub(super) scale: f32,
    /// A whole number.
    pub(super) zero: f32,
}

/// Returns the smallest or largest of 0 and the products: the range of the bytes
/// starts from 0, so that the zero is one of them however small the step.
#[inline(always)]
fn extreme(row: &[f32], factors: &[f32], pick: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (rows, factor_lanes) = (row.chunks_exact(LANES), factors.chunks_exact(LANES));
    let rest = rows.remainder().iter().zip(factor_lanes.remainder());
    for (lane, (value, factor)) in lanes.iter_mut().zip(rest) {
        *lane = pick(*lane, value * factor);
    }
    for (row, factors) in rows.zip(factor_lanes) {
        for (lane, (value, factor)) in lanes.iter_mut().zip(row.iter().zip(factors)) {
            *lane = pick(*lane, value * factor);
        }
    }
    reduce(&lanes, 0.0, &pick, &pick)
}

/// Brings a row, multiplied by `factors` on the way, to bytes that span its values and
/// 0; the three slices are of one length.
#[expect(
    unsafe_code,
    reason = "calls code compiled for a detected processor feature"
)]
pub(super) fn quantize(
    isa: Isa,
    row: &[f32],
    factors: &[f32],
    bytes: &mut [u8],
    scale: &mut ByteScale,
) {
    assert!(row.len() == factors.len() && row.len() == bytes.len());
    #[cfg(target_arch = "x86_64")]
    if isa.avx512() {
        // SAFETY: an Isa says so only where the features were detected.
        *scale = unsafe { avx512::quantize(row, factors, bytes) };
        return;
    }
    quantize_each(isa, row, factors, bytes, scale);
}

impl ByteScale {
    /// Lays the 256 bytes from `low`, at most 0, to `high`, at least 0.
    #[inline(always)]
    pub(super) fn spanning(low: f32, high: f32) -> Self {
        let scale = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        let zero = (low / scale).round_ties_even();
        Self { scale, zero }
    }
}

by_isa! {
    /// [`quantize`] where there is no AVX-512.
    quantize_each = quantize_body(row: &[f32], factors: &[f32], bytes: &mut [u8], scale: &mut ByteScale)
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low byte is what was clamped to 0..=255"
)]
fn quantize_body<const FMA: bool>(
    row: &[f32],
    factors: &[f32],
    bytes: &mut [u8],
    scale: &mut ByteScale,
) {
    // Two passes: in one, the compiler shuffles both extremes through one register.
    let low = extreme(row, factors, smaller);
    let high = extreme(row, factors, larger);
    *scale = ByteScale::spanning(low, high);
    let (inverse, zero) = (1.0 / scale.scale, scale.zero);
    for ((byte, value), factor) in bytes.iter_mut().zip(row).zip(factors) {
        // Adding 2^23 rounds to an integer in the low bits.
        let place = fma::<FMA>(value * factor, inverse, -zero).clamp(0.0, 255.0);
        *byte = (place + 8_388_608.0).to_bits() as u8;
    }
}

#[cfg(test)]
mod tests;
