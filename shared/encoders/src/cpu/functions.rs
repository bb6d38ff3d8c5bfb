//! Elementary functions as polynomials that the compiler turns into vector code.

use super::isa::fma;

/// Adding this rounds to an integer, whose bits are then the low bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// Evaluates a polynomial, highest coefficient first.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = fma::<FMA>(sum, x, *coefficient);
    }
    sum
}

/// `2^x` for `x <= 126`: `2^n 2^r` with `r` within ±1/2; below -120 the result stays
/// at about `2^-120`.
///
/// Relative error below 3e-7 (series of `e^(r ln 2)`), or 8e-5 when `COARSE`
/// (minimax), which hides in the rounding of a bf16.
#[inline(always)]
pub(super) fn exp2<const FMA: bool, const COARSE: bool>(x: f32) -> f32 {
    let x = if x > -120.0 { x } else { -120.0 };
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    let power = if COARSE {
        polynomial::<FMA, 4>(r, [0.055_171_67, 0.242_611_14, 0.693_261, 0.999_928_06])
    } else {
        polynomial::<FMA, 7>(
            r,
            [
                1.540_353e-4,
                1.333_355_8e-3,
                9.618_129e-3,
                5.550_411e-2,
                2.402_265e-1,
                6.931_472e-1,
                1.0,
            ],
        )
    };
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `e^x` by [`exp2`], clamped to ±80; relative error below 8e-6 at the ends.
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f32) -> f32 {
    exp2::<FMA, false>(x.clamp(-80.0, 80.0) * std::f32::consts::LOG2_E)
}

/// The error function as a quotient of polynomials on [-4, 4], beyond which it is
/// ±1 in f32; error below 5e-7 (coefficients as in Eigen's `generic_fast_erf`).
#[inline(always)]
fn erf<const FMA: bool>(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let above = polynomial::<FMA, 7>(
        square,
        [
            -2.726_142_3e-10,
            2.770_681_4e-8,
            -2.101_024e-6,
            -5.692_506_4e-5,
            -7.349_906_4e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let below = polynomial::<FMA, 5>(
        square,
        [
            -1.456_607_2e-5,
            -2.133_740_5e-4,
            -1.682_827e-3,
            -7.373_329_3e-3,
            -1.426_473_9e-2,
        ],
    );
    x * above / below
}

/// `x Φ(x)` with the error function; error below 1e-6.
#[inline(always)]
pub(super) fn gelu<const FMA: bool>(x: f32) -> f32 {
    let half = 0.5 * x;
    fma::<FMA>(half, erf::<FMA>(x * std::f32::consts::FRAC_1_SQRT_2), half)
}

/// [`gelu`] without a division: `Φ(x) - 1/2` as an odd minimax polynomial on
/// [-4, 4]; error below 5e-5 there and below 5e-5 |x| beyond, less than the rounding
/// of a bf16 or of 8 bits.
#[inline(always)]
pub(super) fn gelu_coarse<const FMA: bool>(x: f32) -> f32 {
    let near = x.clamp(-4.0, 4.0);
    let even = polynomial::<FMA, 8>(
        near * near,
        [
            -1.301_295e-9,
            1.041_961e-7,
            -3.657_134e-6,
            7.485_507e-5,
            -1.006_490_6e-3,
            9.505_399_5e-3,
            -6.588_785e-2,
            3.986_734e-1,
        ],
    );
    x * fma::<FMA>(near, even, 0.5)
}

/// The approximation of [`gelu`] by a hyperbolic tangent.
#[inline(always)]
pub(super) fn gelu_tanh<const FMA: bool>(x: f32) -> f32 {
    // 0.5 (1 + tanh z) is the logistic function of 2 z.
    let z = 0.797_884_6 * fma::<FMA>(0.044_715 * x * x, x, x);
    x / (1.0 + exp::<FMA>(-2.0 * z))
}

/// `x σ(x)`.
#[inline(always)]
pub(super) fn silu<const FMA: bool>(x: f32) -> f32 {
    x / (1.0 + exp::<FMA>(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn steps(limit: i32) -> impl Iterator<Item = f32> {
        (-1000 * limit..=1000 * limit).map(|step| step as f32 * 1e-3)
    }

    #[test]
    fn exponentials_are_close_and_clamped() {
        for x in steps(119) {
            let expected = f64::from(x).exp2();
            let error = |found: f32| (f64::from(found) / expected - 1.0).abs();
            assert!(error(exp2::<true, false>(x)) < 3e-7, "{x}");
            assert!(error(exp2::<false, false>(x)) < 3e-7, "{x}");
            assert!(error(exp2::<true, true>(x)) < 8e-5, "{x}");
        }
        assert!(exp2::<true, false>(f32::NEG_INFINITY) < 1e-35);
        for x in steps(80) {
            let error = f64::from(exp::<true>(x)) / f64::from(x).exp() - 1.0;
            assert!(error.abs() < 8e-6, "{x}: {error}");
        }
        assert!(exp::<true>(1e30).is_finite());
    }

    #[test]
    fn activations_equal_their_definitions() {
        for x in steps(5) {
            let wide = f64::from(x);
            let close = |found: f32, expected: f64, bound: f64| {
                let error = (f64::from(found) - expected).abs();
                assert!(error < bound, "{x}: {found} {expected}");
            };
            let expected = 0.5 * wide * (1.0 + erf_series(wide / std::f64::consts::SQRT_2));
            close(gelu::<true>(x), expected, 1e-6);
            close(gelu_coarse::<true>(x), expected, 5e-5 * wide.abs().max(1.0));
            let z = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044715 * wide.powi(3));
            close(gelu_tanh::<false>(x), 0.5 * wide * (1.0 + z.tanh()), 2e-6);
            close(silu::<true>(x), wide / (1.0 + (-wide).exp()), 2e-6);
        }
        assert!(gelu_coarse::<true>(-30.0).abs() < 2e-3);
        assert!((gelu_coarse::<true>(30.0) - 30.0).abs() < 2e-3);
    }
}
