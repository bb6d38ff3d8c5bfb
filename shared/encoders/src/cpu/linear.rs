//! Linear layers with weights packed for the kernels of [`super::gemm`].

use std::sync::{Mutex, PoisonError};

use super::buffer::{Buffer, Plain};
use super::element::Bf16;
use super::gemm::{NR, Product, Quantized, Shape, multiply_bf16, multiply_f32, multiply_int8};
use super::isa::Isa;
use super::rows::{ByteScale, activate, quantize, scale_by, to_bf16};
use crate::options::Precision;
use crate::transformer::{self, Activation};

/// How much of the range of an input channel moves from the activations to the
/// weights before both are brought to 8 bits: the exponent α of SmoothQuant (Xiao et
/// al., 2022, eq. 4).
const SMOOTHING: f32 = 0.5;

/// Least range that an input channel is taken to have, as a share of the largest.
const FLOOR: f32 = 0.01;

/// `x Wᵀ + b`, and the change of the row's task.
pub(super) struct Linear {
    weights: Packed,
    /// `[panels × NR]`, or empty.
    bias: Vec<f32>,
    inputs: usize,
    panels: usize,
    adapter: Option<Adapter>,
    /// Largest absolute value of each input so far, when the layer records them.
    seen: Option<Mutex<Vec<f32>>>,
}

enum Packed {
    F32(Buffer<f32>),
    Bf16(Buffer<Bf16>),
    Int8(Bytes),
}

/// Weights in 8 bits.
struct Bytes {
    bytes: Buffer<i8>,
    /// Scale of each output.
    scales: Vec<f32>,
    /// Sum of the bytes of each output.
    sums: Vec<f32>,
    /// What each input is multiplied by before it is brought to a byte.
    factors: Vec<f32>,
}

/// Rows in the number type of a product.
#[derive(Default)]
pub(super) struct Converted {
    halves: Buffer<Bf16>,
    bytes: Buffer<u8>,
    scales: Vec<f32>,
    zeros: Vec<f32>,
}

/// Input rows of a product.
pub(super) struct Input<'a> {
    pub(super) values: &'a mut [f32],
    /// Between the starts of two rows.
    pub(super) stride: usize,
    /// The task of each row; may be empty where no layer has adapters.
    pub(super) tasks: &'a [usize],
    /// What is done to each row, in place, before anything else.
    pub(super) mlp: Option<Mlp>,
}

impl<'a> Input<'a> {
    /// Returns dense rows.
    pub(super) fn dense(values: &'a mut [f32], stride: usize, tasks: &'a [usize]) -> Self {
        Self {
            values,
            stride,
            tasks,
            mlp: None,
        }
    }

    /// Returns the rows, each ready when it is asked for: still in the first-level
    /// cache when it is converted.
    #[expect(clippy::manual_inspect, reason = "the row is changed")]
    fn ready(&mut self, isa: Isa) -> impl Iterator<Item = &mut [f32]> {
        let mlp = self.mlp.take();
        self.values.chunks_mut(self.stride).map(move |row| {
            if let Some(mlp) = mlp {
                mlp.apply(isa, row);
            }
            row
        })
    }
}

/// What stands between the products of the MLP.
#[derive(Clone, Copy)]
pub(super) struct Mlp {
    pub(super) activation: Activation,
    pub(super) gated: bool,
    pub(super) inner: usize,
    /// Whether coarser approximations hide in the precision of the products.
    pub(super) coarse: bool,
}

impl Mlp {
    /// Works on a row of the first product; the result is the first part of it.
    fn apply(self, isa: Isa, row: &mut [f32]) {
        let (inner, gate) = row.split_at_mut(self.inner);
        activate(isa, self.activation, self.coarse, inner);
        if self.gated {
            scale_by(isa, inner, gate);
        }
    }
}

/// What a layer is packed for.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) precision: Precision,
    /// Whether the layer records its inputs.
    pub(super) record: bool,
    /// Largest absolute value of each input, for 8 bits; empty when unknown.
    pub(super) largest: &'a [f32],
}

impl Linear {
    pub(super) fn new(layer: &transformer::Linear, target: Target<'_>) -> Self {
        let transformer::Linear {
            weight,
            inputs,
            outputs,
            ..
        } = layer;
        let shape = PackShape {
            inputs: *inputs,
            outputs: *outputs,
        };
        let weights = match target.precision {
            Precision::F32 => Packed::F32(shape.lay_out(1, |k, n| weight[n * inputs + k])),
            Precision::Bf16 | Precision::F16 => {
                Packed::Bf16(shape.lay_out(2, |k, n| Bf16::round(weight[n * inputs + k])))
            }
            Precision::Int8 => Packed::Int8(shape.quantized(weight, target.largest)),
        };
        let mut bias = layer.bias.clone();
        if !bias.is_empty() {
            bias.resize(shape.panels() * NR, 0.0);
        }
        Self {
            weights,
            bias,
            inputs: *inputs,
            panels: shape.panels(),
            adapter: layer.adapter.as_ref().map(Adapter::new),
            seen: target.record.then(|| Mutex::new(vec![0.0; *inputs])),
        }
    }

    /// Returns the length of an output row, padding included.
    pub(super) fn width(&self) -> usize {
        self.panels * NR
    }

    /// Returns the largest absolute value of each input so far; empty when the layer
    /// does not record them.
    pub(super) fn seen(&self) -> Vec<f32> {
        self.seen.as_ref().map_or_else(Vec::new, |seen| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }

    /// Computes `out = input Wᵀ + b`, rows of [`Linear::width`] values.
    pub(super) fn run(
        &self,
        isa: Isa,
        mut input: Input<'_>,
        converted: &mut Converted,
        out: &mut [f32],
    ) {
        let rows = input.values.len() / input.stride;
        let k = self.inputs.next_multiple_of(self.weights.group());
        let shape = Shape {
            rows,
            k,
            panels: self.panels,
            row_stride: k,
            panel_stride: k * NR,
            out_stride: self.width(),
        };
        match &self.weights {
            Packed::F32(right) => {
                input.ready(isa).for_each(|row| self.record(row));
                let row_stride = input.stride;
                let shape = Shape {
                    row_stride,
                    ..shape
                };
                let product = Product {
                    shape,
                    left: input.values,
                    right,
                    bias: &self.bias,
                };
                multiply_f32(isa, product, out);
            }
            Packed::Bf16(right) => {
                let left = converted.halves.sized(rows * k);
                for (row, left) in input.ready(isa).zip(left.chunks_exact_mut(k)) {
                    to_bf16(isa, &row[..self.inputs], left);
                    left[self.inputs..].fill(Bf16::default());
                }
                let product = Product {
                    shape,
                    left,
                    right,
                    bias: &self.bias,
                };
                multiply_bf16(isa, product, out);
            }
            Packed::Int8(right) => {
                let left = converted.bytes.sized(rows * k).chunks_exact_mut(k);
                converted.scales.resize(rows, 0.0);
                converted.zeros.resize(rows, 0.0);
                let scales = converted.scales.iter_mut().zip(&mut converted.zeros);
                for ((row, left), (scale, zero)) in input.ready(isa).zip(left).zip(scales) {
                    let (row, left) = (&row[..self.inputs], &mut left[..self.inputs]);
                    let mut both = ByteScale::default();
                    quantize(isa, row, &right.factors, left, &mut both);
                    (*scale, *zero) = (both.scale, both.zero);
                }
                let product = Quantized {
                    shape,
                    left: &converted.bytes,
                    scales: &converted.scales,
                    zeros: &converted.zeros,
                    right: &right.bytes,
                    column_scales: &right.scales,
                    column_sums: &right.sums,
                    bias: &self.bias,
                };
                multiply_int8(isa, product, out);
            }
        }
        if let Some(adapter) = &self.adapter {
            let rows = input.values.chunks(input.stride).zip(input.tasks);
            for ((row, task), out) in rows.zip(out.chunks_exact_mut(self.width())) {
                adapter.add(&row[..self.inputs], *task, out);
            }
        }
    }

    fn record(&self, row: &[f32]) {
        let Some(seen) = &self.seen else { return };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (largest, value) in seen.iter_mut().zip(row) {
            *largest = largest.max(value.abs());
        }
    }
}

impl Packed {
    fn group(&self) -> usize {
        match self {
            Self::F32(_) => 1,
            Self::Bf16(_) => 2,
            Self::Int8(_) => 4,
        }
    }
}

/// Sizes of a layer that is being packed.
#[derive(Clone, Copy)]
struct PackShape {
    inputs: usize,
    outputs: usize,
}

impl PackShape {
    fn panels(self) -> usize {
        self.outputs.div_ceil(NR)
    }

    /// Lays `at(k, n)` out as `[panel][k / group][NR][group]`; zero beyond the layer.
    fn lay_out<T: Plain>(self, group: usize, at: impl Fn(usize, usize) -> T) -> Buffer<T> {
        let inputs = self.inputs.next_multiple_of(group);
        let mut packed = Buffer::zeroed(self.panels() * inputs * NR);
        for (panel, values) in packed.chunks_exact_mut(inputs * NR).enumerate() {
            let columns = (self.outputs - panel * NR).min(NR);
            for (block, line) in values.chunks_exact_mut(NR * group).enumerate() {
                let known = (self.inputs - (block * group).min(self.inputs)).min(group);
                for (column, values) in line.chunks_exact_mut(group).enumerate().take(columns) {
                    for (place, value) in values.iter_mut().enumerate().take(known) {
                        *value = at(block * group + place, panel * NR + column);
                    }
                }
            }
        }
        packed
    }

    /// Rounds each output channel to 8 bits, symmetric, its largest value to 127.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded values lie in -127..=127"
    )]
    fn quantized(self, weight: &[f32], largest: &[f32]) -> Bytes {
        let divisors = self.smoothing(weight, largest);
        let mut scales = vec![0.0; self.panels() * NR];
        let mut sums = vec![0.0; self.panels() * NR];
        let mut rounded = Vec::with_capacity(weight.len());
        for (output, row) in weight.chunks_exact(self.inputs).enumerate() {
            let smooth = || {
                row.iter()
                    .zip(&divisors)
                    .map(|(value, divisor)| value * divisor)
            };
            let top = smooth().fold(0.0_f32, |top, value| top.max(value.abs()));
            let scale = (top / 127.0).max(f32::MIN_POSITIVE);
            let bytes = smooth().map(|value| (value / scale).round_ties_even() as i8);
            rounded.extend(bytes);
            scales[output] = scale;
            sums[output] = rounded[output * self.inputs..]
                .iter()
                .map(|&byte| f32::from(byte))
                .sum();
        }
        Bytes {
            bytes: self.lay_out(4, |k, n| rounded[n * self.inputs + k]),
            scales,
            sums,
            factors: divisors.iter().map(|divisor| 1.0 / divisor).collect(),
        }
    }

    /// Returns what each input is divided by: `max|x|^α / max|w|^(1 - α)`.
    fn smoothing(self, weight: &[f32], largest: &[f32]) -> Vec<f32> {
        let mut of_weight = vec![0.0_f32; self.inputs];
        for row in weight.chunks_exact(self.inputs) {
            for (top, value) in of_weight.iter_mut().zip(row) {
                *top = top.max(value.abs());
            }
        }
        // An input that calibration hardly moved may be larger in earnest: without the
        // floor it would then be multiplied beyond all others.
        let floor = FLOOR * largest.iter().copied().fold(0.0, f32::max);
        let divisor = |(index, of_weight): (usize, f32)| match largest.get(index) {
            Some(&of_input) if floor > 0.0 && of_weight > 0.0 => {
                of_input.max(floor).powf(SMOOTHING) / of_weight.powf(1.0 - SMOOTHING)
            }
            _ => 1.0,
        };
        of_weight.into_iter().enumerate().map(divisor).collect()
    }
}

/// Low-rank changes of a layer, see [`transformer::Adapter`]; always in f32.
struct Adapter {
    rank: usize,
    inputs: usize,
    outputs: usize,
    /// `[tasks × rank, inputs]`.
    down: Vec<f32>,
    /// `[tasks × rank, outputs]`: transposed, so that a rank is one row.
    up: Vec<f32>,
}

impl Adapter {
    fn new(adapter: &transformer::Adapter) -> Self {
        let ranks = adapter.tasks * adapter.rank;
        let outputs = adapter.up.len() / ranks;
        let mut up = vec![0.0; adapter.up.len()];
        for (output, row) in adapter.up.chunks_exact(ranks).enumerate() {
            for (rank, value) in row.iter().enumerate() {
                up[rank * outputs + output] = *value;
            }
        }
        Self {
            rank: adapter.rank,
            inputs: adapter.down.len() / ranks,
            outputs,
            down: adapter.down.clone(),
            up,
        }
    }

    /// Adds `up (down row)` of a task to `out`.
    fn add(&self, row: &[f32], task: usize, out: &mut [f32]) {
        for rank in task * self.rank..(task + 1) * self.rank {
            let down = &self.down[rank * self.inputs..][..self.inputs];
            let inner: f32 = down.iter().zip(row).map(|(a, b)| a * b).sum();
            let up = &self.up[rank * self.outputs..][..self.outputs];
            for (value, up) in out.iter_mut().zip(up) {
                *value += inner * up;
            }
        }
    }
}

#[cfg(test)]
mod tests;
