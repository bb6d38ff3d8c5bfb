//! Every precision and instruction set against the plain sum of products.

use proptest::prelude::*;

use super::*;

/// Values in -1..1 that a seed decides.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as f32 / 32768.0 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// What rounding may cost, as a share of `Σ|x w|` and of the range of the row.
fn bound(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        Precision::Bf16 | Precision::F16 => 0.01,
        Precision::Int8 => 0.03,
    }
}

proptest! {
    #[test]
    fn equals_the_plain_product(
        rows in 1_usize..70, inputs in prop_oneof![1_usize..70, (1_usize..4).prop_map(|n| 64 * n)], outputs in 1_usize..80, pad in 0_usize..3,
        biased: bool, smoothed: bool, adapted: bool, seed: u32,
    ) {
        let stride = inputs + pad;
        let mut input = values(rows * stride, seed);
        let layer = transformer::Linear {
            weight: values(outputs * inputs, seed ^ 7),
            bias: if biased { values(outputs, seed ^ 9) } else { Vec::new() },
            inputs,
            outputs,
            adapter: adapted.then(|| transformer::Adapter {
                tasks: 2,
                rank: 3,
                down: values(6 * inputs, seed ^ 11),
                up: values(6 * outputs, seed ^ 13),
            }),
        };
        let tasks: Vec<usize> = (0..rows).map(|row| row % 2).collect();
        let largest = if smoothed { vec![1.0; inputs] } else { Vec::new() };
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let target = Target { precision, record: true, largest: &largest };
            let packed = Linear::new(&layer, target);
            for isa in Isa::available() {
                let mut out = vec![7.0; rows * packed.width()];
                let rows = Input::dense(&mut input, stride, &tasks);
                packed.run(isa, rows, &mut Converted::default(), &mut out);
                for (row, found) in out.chunks(packed.width()).enumerate() {
                    let x = &input[row * stride..][..inputs];
                    for (output, found) in found.iter().enumerate().take(outputs) {
                        let (expected, size) = plain(&layer, x, tasks[row], output);
                        let error = (f64::from(*found) - expected).abs();
                        let allowed = bound(precision) * (size + 1.0);
                        prop_assert!(error < allowed, "{isa:?} {precision}: {found} {expected}");
                    }
                }
            }
            let seen = packed.seen();
            let seen = if precision == Precision::F32 { seen } else { Vec::new() };
            for (column, seen) in seen.iter().enumerate() {
                let column = input.iter().skip(column).step_by(stride);
                prop_assert_eq!(*seen, column.fold(0.0_f32, |top, value| top.max(value.abs())));
            }
        }
    }
}

/// Returns one output and the sum of the absolute values of what was summed.
fn plain(layer: &transformer::Linear, x: &[f32], task: usize, output: usize) -> (f64, f64) {
    let dot = |a: &[f32]| -> (f64, f64) {
        let terms = a.iter().zip(x).map(|(a, b)| f64::from(*a) * f64::from(*b));
        terms.fold((0.0, 0.0), |(sum, size), term| {
            (sum + term, size + term.abs())
        })
    };
    let (mut sum, mut size) = dot(&layer.weight[output * layer.inputs..][..layer.inputs]);
    if let Some(bias) = layer.bias.get(output) {
        sum += f64::from(*bias);
    }
    if let Some(adapter) = &layer.adapter {
        let ranks = adapter.tasks * adapter.rank;
        for rank in task * adapter.rank..(task + 1) * adapter.rank {
            let (inner, inner_size) = dot(&adapter.down[rank * layer.inputs..][..layer.inputs]);
            let up = f64::from(adapter.up[output * ranks + rank]);
            sum += inner * up;
            size += inner_size * up.abs();
        }
    }
    (sum, size)
}

#[test]
fn smoothing_keeps_an_outlying_channel_from_drowning_the_others() {
    let inputs = 64;
    let mut input = values(inputs, 3);
    input[5] = 80.0;
    let layer = transformer::Linear {
        weight: values(32 * inputs, 5),
        bias: Vec::new(),
        inputs,
        outputs: 32,
        adapter: None,
    };
    let error = |largest: &[f32]| -> f64 {
        let target = Target {
            precision: Precision::Int8,
            record: false,
            largest,
        };
        let packed = Linear::new(&layer, target);
        let mut out = vec![0.0; 32];
        let mut values = input.clone();
        let rows = Input::dense(&mut values, inputs, &[]);
        packed.run(Isa::best(), rows, &mut Converted::default(), &mut out);
        let differences = out
            .iter()
            .enumerate()
            .map(|(output, found)| (f64::from(*found) - plain(&layer, &input, 0, output).0).abs());
        differences.sum()
    };
    let mut largest = vec![1.0; inputs];
    largest[5] = 80.0;
    assert!(
        error(&largest) < 0.6 * error(&[]),
        "{} {}",
        error(&largest),
        error(&[])
    );
}
