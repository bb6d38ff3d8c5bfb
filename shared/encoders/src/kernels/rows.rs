//! Element-wise and row-wise kernels: activations, softmax, layer normalisation.

use super::{fma, kernel};
use crate::transformer::Activation;

/// Partial sums kept apart so that a reduction becomes vector code.
const LANES: usize = 16;

/// Applies an activation to each value.
#[inline(always)]
pub(super) fn activate<const FMA: bool>(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => {
            for value in values {
                let half = 0.5 * *value;
                *value = fma::<FMA>(
                    half,
                    erf::<FMA>(*value * std::f32::consts::FRAC_1_SQRT_2),
                    half,
                );
            }
        }
        Activation::GeluTanh => {
            for value in values {
                let x = *value;
                // 0.5 (1 + tanh z) is the logistic function of 2 z.
                let z = 0.797_884_6 * fma::<FMA>(0.044_715 * x * x, x, x);
                *value = x / (1.0 + exp::<FMA>(-2.0 * z));
            }
        }
        Activation::Silu => {
            for value in values {
                *value /= 1.0 + exp::<FMA>(-*value);
            }
        }
        Activation::Relu => {
            for value in values {
                *value = value.max(0.0);
            }
        }
    }
}

/// The error function as a quotient of polynomials on [-4, 4], beyond which it is
/// ±1 in f32; error below 5e-7 (coefficients as in Eigen's `generic_fast_erf`).
#[inline(always)]
fn erf<const FMA: bool>(x: f32) -> f32 {
    const ALPHA: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_4e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const BETA: [f32; 5] = [
        -1.456_607_2e-5,
        -2.133_740_5e-4,
        -1.682_827e-3,
        -7.373_329_3e-3,
        -1.426_473_9e-2,
    ];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let mut above = ALPHA[0];
    for &coefficient in &ALPHA[1..] {
        above = fma::<FMA>(above, square, coefficient);
    }
    let mut below = BETA[0];
    for &coefficient in &BETA[1..] {
        below = fma::<FMA>(below, square, coefficient);
    }
    x * above / below
}

/// The exponential: `2^n e^r` with `r` within ±ln 2 / 2 and a polynomial for `e^r`
/// (coefficients as in Cephes' `expf`); relative error below 3e-7 on [-87, 88],
/// clamped beyond.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    /// Adding this rounds to an integer, whose bits are then the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    const POLYNOMIAL: [f32; 6] = [
        1.987_569_1e-4,
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ];
    let x = x.clamp(-87.0, 88.0);
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<FMA>(n, 2.121_944_4e-4, fma::<FMA>(n, -0.693_359_4, x));
    let mut sum = POLYNOMIAL[0];
    for &coefficient in &POLYNOMIAL[1..] {
        sum = fma::<FMA>(sum, r, coefficient);
    }
    let power = fma::<FMA>(sum * r, r, r) + 1.0;
    power * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

kernel! {
    /// Replaces each row by `exp(scale (x - max))` and writes the sums of the rows:
    /// dividing by them is left to whoever multiplies the rows by something narrower.
    ///
    /// `scores` holds rows of `width` values; `sums` one value a row.
    softmax_rows = softmax_body(scores: &mut [f32], width: usize, scale: f32, sums: &mut [f32])
}

#[inline(always)]
fn softmax_body<const TILE: usize, const FMA: bool>(
    scores: &mut [f32],
    width: usize,
    scale: f32,
    sums: &mut [f32],
) {
    for (row, sum) in scores.chunks_exact_mut(width).zip(sums) {
        let top = max(row);
        for value in row.iter_mut() {
            *value = exp::<FMA>((*value - top) * scale);
        }
        *sum = reduce(row, |value| value);
    }
}

#[inline(always)]
fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max)
}

/// Sums `term` over the values.
#[inline(always)]
fn reduce(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += term(value);
        }
    }
    let whole: f32 = lanes.iter().sum();
    rest.iter().fold(whole, |sum, &value| sum + term(value))
}

/// Scale and shift of a layer normalisation, one value a column.
pub(crate) struct LayerNorm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    /// Added to the variance.
    pub(crate) epsilon: f32,
}

kernel! {
    /// Replaces each row of `values` by the layer normalisation of its sum with the
    /// same row of `residual`. Rows are as wide as `norm.weight`.
    add_layer_norm = add_layer_norm_body(values: &mut [f32], residual: &[f32], norm: &LayerNorm)
}

#[inline(always)]
fn add_layer_norm_body<const TILE: usize, const FMA: bool>(
    values: &mut [f32],
    residual: &[f32],
    norm: &LayerNorm,
) {
    let width = norm.weight.len();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a row is far shorter than 2^24 values"
    )]
    let scale = 1.0 / width as f32;
    for (row, residual) in values
        .chunks_exact_mut(width)
        .zip(residual.chunks_exact(width))
    {
        for (value, &other) in row.iter_mut().zip(residual) {
            *value += other;
        }
        let mean = reduce(row, |value| value) * scale;
        let variance = reduce(row, |value| (value - mean) * (value - mean)) * scale;
        let inverse = 1.0 / (variance + norm.epsilon).sqrt();
        for ((value, &weight), &bias) in row.iter_mut().zip(&norm.weight).zip(&norm.bias) {
            *value = fma::<FMA>((*value - mean) * inverse, weight, bias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;

    kernel! { run = run_body(activation: Activation, values: &mut [f32]) }

    fn run_body<const TILE: usize, const FMA: bool>(activation: Activation, values: &mut [f32]) {
        activate::<FMA>(activation, values);
    }

    /// The error function by its Taylor series in f64, good to 1e-12 on [-4, 4].
    fn erf_series(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    fn steps() -> impl Iterator<Item = f32> {
        (-5000..=5000).map(|step| step as f32 * 1e-3)
    }

    #[test]
    fn gelu_equals_the_series() {
        for isa in Isa::available() {
            let mut values: Vec<f32> = steps().collect();
            run(isa, Activation::Gelu, &mut values);
            for (x, found) in steps().map(f64::from).zip(values) {
                let expected = 0.5 * x * (1.0 + erf_series(x / std::f64::consts::SQRT_2));
                assert!(
                    (f64::from(found) - expected).abs() < 1e-6,
                    "{isa:?} {x}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn gelu_tanh_and_relu_equal_their_definitions() {
        for isa in Isa::available() {
            let mut tanh: Vec<f32> = steps().collect();
            run(isa, Activation::GeluTanh, &mut tanh);
            let mut relu: Vec<f32> = steps().collect();
            run(isa, Activation::Relu, &mut relu);
            for ((x, tanh), relu) in steps().zip(tanh).zip(relu) {
                let wide = f64::from(x);
                let z = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044715 * wide.powi(3));
                let expected = 0.5 * wide * (1.0 + z.tanh());
                assert!(
                    (f64::from(tanh) - expected).abs() < 2e-6,
                    "{isa:?} {x}: {tanh} {expected}"
                );
                assert_eq!(relu, x.max(0.0));
            }
        }
    }

    #[test]
    fn exp_is_close_and_clamped() {
        for step in -8700..8800 {
            let x = step as f32 * 1e-2;
            let error = f64::from(exp::<true>(x)) / f64::from(x).exp() - 1.0;
            assert!(error.abs() < 3e-7, "{x}: {error}");
        }
        assert!(exp::<false>(-1e30) < 1e-37);
        assert!(exp::<true>(1e30).is_finite());
    }

    #[test]
    fn softmax_rows_sum_to_their_sums() {
        for isa in Isa::available() {
            for width in [1, 5, 16, 37] {
                let scores: Vec<f32> = (0..2 * width)
                    .map(|i| ((i * 37) % 19) as f32 - 9.0)
                    .collect();
                let (mut found, mut sums) = (scores.clone(), [0.0; 2]);
                softmax_rows(isa, &mut found, width, 0.5, &mut sums);
                for row in 0..2 {
                    let scores = &scores[row * width..][..width];
                    let total: f64 = scores.iter().map(|&x| (0.5 * f64::from(x)).exp()).sum();
                    for (&x, &y) in scores.iter().zip(&found[row * width..][..width]) {
                        let expected = (0.5 * f64::from(x)).exp() / total;
                        assert!(
                            (f64::from(y / sums[row]) - expected).abs() < 1e-6,
                            "{isa:?} {width}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn layer_norm_centres_scales_and_shifts() {
        let norm = LayerNorm {
            weight: vec![2.0; 20],
            bias: vec![1.0; 20],
            epsilon: 1e-12,
        };
        for isa in Isa::available() {
            let mut values: Vec<f32> = (0..40).map(|i| (i * i % 23) as f32).collect();
            let residual: Vec<f32> = (0..40).map(|i| (i % 7) as f32).collect();
            let sums: Vec<f64> = values
                .iter()
                .zip(&residual)
                .map(|(a, b)| f64::from(a + b))
                .collect();
            add_layer_norm(isa, &mut values, &residual, &norm);
            for (row, sums) in values.chunks(20).zip(sums.chunks(20)) {
                let mean = sums.iter().sum::<f64>() / 20.0;
                let variance = sums.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20.0;
                for (&found, &x) in row.iter().zip(sums) {
                    let expected = (x - mean) / variance.sqrt() * 2.0 + 1.0;
                    assert!(
                        (f64::from(found) - expected).abs() < 1e-5,
                        "{isa:?}: {found} {expected}"
                    );
                }
            }
        }
    }
}
