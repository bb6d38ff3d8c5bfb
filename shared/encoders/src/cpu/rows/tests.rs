//! Each kernel against its definition in f64, on every instruction set.

use proptest::prelude::*;

use super::*;

fn values(count: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-9.0_f32..9.0, count)
}

fn rows() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    (1_usize..70).prop_flat_map(|count| (values(count), values(count)))
}

fn close(found: f32, expected: f64, bound: f64) -> bool {
    (f64::from(found) - expected).abs() <= bound
}

proptest! {
    #[test]
    fn norms_centre_scale_and_shift((row, residual) in rows(), layer: bool, shifted: bool) {
        let norm = Norm {
            kind: if layer { NormKind::Layer } else { NormKind::RootMeanSquare },
            weight: (0..row.len()).map(|i| i as f32 * 0.1 - 1.0).collect(),
            bias: if shifted { vec![0.5; row.len()] } else { Vec::new() },
            epsilon: 1e-3,
        };
        let sums: Vec<f64> = row.iter().zip(&residual).map(|(a, b)| f64::from(a + b)).collect();
        let count = sums.len() as f64;
        let mean = if layer { sums.iter().sum::<f64>() / count } else { 0.0 };
        let variance = sums.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        for isa in Isa::available() {
            let mut found = row.clone();
            add_norm(isa, &mut found, &residual, &norm);
            let mut apart = row.clone();
            add(isa, &mut apart, &residual);
            normalize(isa, &mut apart, &norm);
            prop_assert_eq!(&found, &apart);
            for (index, (&found, x)) in found.iter().zip(&sums).enumerate() {
                let unit = (x - mean) / (variance + 1e-3).sqrt();
                let expected = unit * f64::from(norm.weight[index]) + if shifted { 0.5 } else { 0.0 };
                prop_assert!(close(found, expected, 1e-4), "{:?}: {} {}", isa, found, expected);
            }
        }
    }

    #[test]
    fn softmax_is_a_share_of_powers_of_two((row, _) in rows(), coarse: bool) {
        let total: f64 = row.iter().map(|&x| f64::from(x).exp2()).sum();
        for isa in Isa::available() {
            let (mut found, mut inverse_sum) = (row.clone(), 0.0);
            softmax(isa, &mut found, coarse, &mut inverse_sum);
            for (&x, found) in row.iter().zip(found) {
                let bound = if coarse { 2e-4 } else { 1e-6 };
                prop_assert!(close(found * inverse_sum, f64::from(x).exp2() / total, bound));
            }
        }
    }

    #[test]
    fn bytes_stand_within_half_a_step((row, factors) in rows()) {
        for isa in Isa::available() {
            let (mut bytes, mut scale) = (vec![0; row.len()], ByteScale::default());
            quantize(isa, &row, &factors, &mut bytes, &mut scale);
            prop_assert_eq!(scale.zero.fract(), 0.0);
            for ((value, factor), byte) in row.iter().zip(&factors).zip(bytes) {
                let found = scale.scale * (f32::from(byte) + scale.zero);
                // Half a step of rounding, and half a step of the rounded zero.
                prop_assert!((found - value * factor).abs() <= scale.scale * 1.01);
            }
        }
    }

    #[test]
    fn rounding_to_bf16_is_to_the_nearest((row, _) in rows()) {
        for isa in Isa::available() {
            let mut found = vec![Bf16::default(); row.len()];
            to_bf16(isa, &row, &mut found);
            for (value, found) in row.iter().zip(found) {
                prop_assert_eq!(found, Bf16::round(*value), "{:?} {}", isa, value);
                prop_assert!((found.widen() - value).abs() <= value.abs() / 256.0);
            }
        }
    }
}

#[test]
fn activations_are_applied_to_each_value() {
    let row: Vec<f32> = (-50..50).map(|step| step as f32 * 0.1).collect();
    let all = [
        (Activation::Gelu, gelu::<true> as fn(f32) -> f32),
        (Activation::GeluTanh, gelu_tanh::<true>),
        (Activation::Silu, silu::<true>),
        (Activation::Relu, |value| value.max(0.0)),
    ];
    for isa in Isa::available() {
        for (activation, function) in all {
            for (coarse, bound) in [(false, 2e-6), (true, 2e-4)] {
                let mut found = row.clone();
                activate(isa, activation, coarse, &mut found);
                for (&x, found) in row.iter().zip(found) {
                    assert!(
                        close(found, f64::from(function(x)), bound),
                        "{isa:?} {activation:?} {x}"
                    );
                }
            }
        }
        let mut found = row.clone();
        scale_by(isa, &mut found, &row);
        assert!(found.iter().zip(&row).all(|(found, x)| *found == x * x));
    }
}

#[test]
fn a_row_of_equal_values_survives_quantizing() {
    for isa in Isa::available() {
        for value in [0.0, 3.5, -2.0] {
            let (mut bytes, mut scale) = (vec![9; 20], ByteScale::default());
            quantize(isa, &[value; 20], &[1.0; 20], &mut bytes, &mut scale);
            for byte in bytes {
                let found = scale.scale * (f32::from(byte) + scale.zero);
                assert!((found - value).abs() < 1e-3, "{isa:?}: {found} {value}");
            }
        }
    }
}
