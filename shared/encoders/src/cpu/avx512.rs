//! Matrix-product kernels for AVX-512, with BF16 and VNNI.
//!
//! Each keeps up to 12 rows by 32 columns of sums in 24 registers and feeds them
//! from two registers of the panel and one broadcast of the row: 24 multiply-adds
//! for 14 loads, so that the multipliers are the bound.

#![expect(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

use std::arch::x86_64::*;

use super::element::Bf16;
use super::gemm::{MR, NR, Product, Quantized, Shape, tiles};
use super::rows::ByteScale;

/// Calls `$kernel::<height>` for the height of a tile.
macro_rules! by_height {
    ($rows:expr, $kernel:ident, $arguments:tt) => {
        match $rows {
            1 => $kernel::<1> $arguments,
            2 => $kernel::<2> $arguments,
            3 => $kernel::<3> $arguments,
            4 => $kernel::<4> $arguments,
            5 => $kernel::<5> $arguments,
            6 => $kernel::<6> $arguments,
            7 => $kernel::<7> $arguments,
            8 => $kernel::<8> $arguments,
            9 => $kernel::<9> $arguments,
            10 => $kernel::<10> $arguments,
            11 => $kernel::<11> $arguments,
            _ => $kernel::<MR> $arguments,
        }
    };
}

/// Loads the 32 values of a panel from a slice over all columns, or zeros from an
/// empty one.
#[target_feature(enable = "avx512f")]
pub(super) fn columns(values: &[f32], panel: usize) -> [__m512; 2] {
    if values.is_empty() {
        return [_mm512_setzero_ps(); 2];
    }
    let values = &values[panel * NR..(panel + 1) * NR];
    // SAFETY: the slice holds 32 values.
    unsafe {
        let start = values.as_ptr();
        [_mm512_loadu_ps(start), _mm512_loadu_ps(start.add(16))]
    }
}

/// Multiplies a block in f32.
///
/// # Safety
///
/// The processor has AVX-512 (F, BW, DQ, VL) and the slices are as long as the shape says.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn f32_block(product: Product<'_, f32>, out: &mut [f32]) {
    let Product {
        shape,
        left,
        right,
        bias,
    } = product;
    for panel in 0..shape.panels {
        let bias = columns(bias, panel);
        for (row, height) in tiles(shape.rows) {
            // SAFETY: the tile and the panel lie inside the slices.
            unsafe {
                let a = left.as_ptr().add(row * shape.row_stride);
                let b = right.as_ptr().add(panel * shape.panel_stride);
                let c = out.as_mut_ptr().add(row * shape.out_stride + panel * NR);
                by_height!(height, f32_tile, (shape, a, b, bias, c));
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn f32_tile<const M: usize>(
    shape: Shape,
    mut a: *const f32,
    mut b: *const f32,
    bias: [__m512; 2],
    c: *mut f32,
) {
    let mut sums = [bias; M];
    // SAFETY: the caller gives M rows, a whole panel and M output rows.
    unsafe {
        for _ in 0..shape.k {
            let (b0, b1) = (_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(16)));
            b = b.add(NR);
            for (row, sum) in sums.iter_mut().enumerate() {
                let value = _mm512_set1_ps(*a.add(row * shape.row_stride));
                sum[0] = _mm512_fmadd_ps(value, b0, sum[0]);
                sum[1] = _mm512_fmadd_ps(value, b1, sum[1]);
            }
            a = a.add(1);
        }
        for (row, sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(c.add(row * shape.out_stride), sum[0]);
            _mm512_storeu_ps(c.add(row * shape.out_stride + 16), sum[1]);
        }
    }
}

/// Multiplies a block in bf16.
///
/// # Safety
///
/// As for [`f32_block`], and the processor has AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) unsafe fn bf16_block(product: Product<'_, Bf16>, out: &mut [f32]) {
    let Product {
        shape,
        left,
        right,
        bias,
    } = product;
    for panel in 0..shape.panels {
        let bias = columns(bias, panel);
        for (row, height) in tiles(shape.rows) {
            // SAFETY: the tile and the panel lie inside the slices.
            unsafe {
                let a = left.as_ptr().add(row * shape.row_stride);
                let b = right.as_ptr().add(panel * shape.panel_stride);
                let c = out.as_mut_ptr().add(row * shape.out_stride + panel * NR);
                by_height!(height, bf16_tile, (shape, a, b, bias, c));
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn bf16_tile<const M: usize>(
    shape: Shape,
    mut a: *const Bf16,
    mut b: *const Bf16,
    bias: [__m512; 2],
    c: *mut f32,
) {
    let mut sums = [bias; M];
    // SAFETY: the caller gives M rows, a whole panel and M output rows; the
    // transmutes only rename a register of 32 bf16 values.
    unsafe {
        for _ in 0..shape.k / 2 {
            let b0: __m512bh = std::mem::transmute(_mm512_loadu_si512(b.cast()));
            let b1: __m512bh = std::mem::transmute(_mm512_loadu_si512(b.add(NR).cast()));
            b = b.add(2 * NR);
            for (row, sum) in sums.iter_mut().enumerate() {
                let pair = a.add(row * shape.row_stride).cast::<i32>().read_unaligned();
                let pair: __m512bh = std::mem::transmute(_mm512_set1_epi32(pair));
                sum[0] = _mm512_dpbf16_ps(sum[0], pair, b0);
                sum[1] = _mm512_dpbf16_ps(sum[1], pair, b1);
            }
            a = a.add(2);
        }
        for (row, sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(c.add(row * shape.out_stride), sum[0]);
            _mm512_storeu_ps(c.add(row * shape.out_stride + 16), sum[1]);
        }
    }
}

/// Rounds to bf16 as many values as both slices have.
///
/// # Safety
///
/// The processor has AVX-512 (F, BW, VL) and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn round_bf16(values: &[f32], out: &mut [Bf16]) {
    let count = values.len().min(out.len());
    for start in (0..count).step_by(16) {
        let lanes = (count - start).min(16);
        let mask = u16::MAX >> (16 - lanes);
        // SAFETY: the mask keeps to what both slices hold; the transmute only
        // renames a register of 16 bf16 values.
        unsafe {
            let wide = _mm512_maskz_loadu_ps(mask, values.as_ptr().add(start));
            let half: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(wide));
            _mm256_mask_storeu_epi16(out.as_mut_ptr().add(start).cast(), mask, half);
        }
    }
}

/// Brings a row, times `factors`, to bytes that span its values and 0.
///
/// # Safety
///
/// The processor has AVX-512 (F, BW, DQ, VL) and the slices are of one length.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn quantize(row: &[f32], factors: &[f32], bytes: &mut [u8]) -> ByteScale {
    // SAFETY: the mask of a part keeps to what the slices hold.
    let part = |start: usize| unsafe {
        let mask = u16::MAX >> (16 - (row.len() - start).min(16));
        let values = _mm512_maskz_loadu_ps(mask, row.as_ptr().add(start));
        let factors = _mm512_maskz_loadu_ps(mask, factors.as_ptr().add(start));
        (mask, _mm512_mul_ps(values, factors))
    };
    let (mut low, mut high) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    for start in (0..row.len()).step_by(16) {
        let (_, values) = part(start);
        low = _mm512_min_ps(low, values);
        high = _mm512_max_ps(high, values);
    }
    let scale = ByteScale::spanning(_mm512_reduce_min_ps(low), _mm512_reduce_max_ps(high));
    let inverse = _mm512_set1_ps(1.0 / scale.scale);
    let zero = _mm512_set1_ps(-scale.zero);
    for start in (0..row.len()).step_by(16) {
        let (mask, values) = part(start);
        let places = _mm512_cvtps_epi32(_mm512_fmadd_ps(values, inverse, zero));
        let places = _mm512_max_epi32(places, _mm512_setzero_si512());
        // SAFETY: as above; what is above 255 saturates.
        unsafe {
            let out = bytes.as_mut_ptr().add(start).cast();
            _mm512_mask_cvtusepi32_storeu_epi8(out, mask, places);
        }
    }
    scale
}

/// Multiplies a block in 8 bits.
///
/// # Safety
///
/// As for [`f32_block`], and the processor has AVX512-VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn int8_block(product: Quantized<'_>, out: &mut [f32]) {
    let shape = product.shape;
    for panel in 0..shape.panels {
        let of_panel = Epilogue::of(&product, panel);
        for (row, height) in tiles(shape.rows) {
            // SAFETY: the tile and the panel lie inside the slices.
            unsafe {
                let a = product.left.as_ptr().add(row * shape.row_stride);
                let b = product.right.as_ptr().add(panel * shape.panel_stride);
                let epilogue = of_panel.at_row(&product, row);
                let c = out.as_mut_ptr().add(row * shape.out_stride + panel * NR);
                by_height!(height, int8_tile, (shape, a, b, epilogue, c));
            }
        }
    }
}

/// What turns the whole sums of a tile into values.
#[derive(Clone, Copy)]
pub(super) struct Epilogue {
    scales: [__m512; 2],
    sums: [__m512; 2],
    bias: [__m512; 2],
    /// Of the rows of the tile.
    row_scales: *const f32,
    row_zeros: *const f32,
}

impl Epilogue {
    /// Takes what is of the columns of a panel; the rows are the first ones.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn of(product: &Quantized<'_>, panel: usize) -> Self {
        Self {
            scales: columns(product.column_scales, panel),
            sums: columns(product.column_sums, panel),
            bias: columns(product.bias, panel),
            row_scales: product.scales.as_ptr(),
            row_zeros: product.zeros.as_ptr(),
        }
    }

    /// Takes what is of the rows from one on.
    #[inline]
    pub(super) fn at_row(self, product: &Quantized<'_>, row: usize) -> Self {
        Self {
            row_scales: product.scales[row..].as_ptr(),
            row_zeros: product.zeros[row..].as_ptr(),
            ..self
        }
    }

    /// Returns the values of a row in half of the panel, from their whole sums.
    ///
    /// # Safety
    ///
    /// The tile has the row.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn value(&self, row: usize, half: usize, whole: __m512i) -> __m512 {
        // SAFETY: as the caller says.
        let (zero, scale) = unsafe { (*self.row_zeros.add(row), *self.row_scales.add(row)) };
        let (zero, scale) = (_mm512_set1_ps(zero), _mm512_set1_ps(scale));
        let whole = _mm512_fmadd_ps(zero, self.sums[half], _mm512_cvtepi32_ps(whole));
        let value = _mm512_mul_ps(whole, self.scales[half]);
        _mm512_fmadd_ps(value, scale, self.bias[half])
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn int8_tile<const M: usize>(
    shape: Shape,
    mut a: *const u8,
    mut b: *const i8,
    epilogue: Epilogue,
    c: *mut f32,
) {
    let mut sums = [[_mm512_setzero_si512(); 2]; M];
    // SAFETY: the caller gives M rows, a whole panel and M output rows.
    unsafe {
        for _ in 0..shape.k / 4 {
            let (b0, b1) = (
                _mm512_loadu_si512(b.cast()),
                _mm512_loadu_si512(b.add(2 * NR).cast()),
            );
            b = b.add(4 * NR);
            for (row, sum) in sums.iter_mut().enumerate() {
                let four = a.add(row * shape.row_stride).cast::<i32>().read_unaligned();
                let four = _mm512_set1_epi32(four);
                sum[0] = _mm512_dpbusd_epi32(sum[0], four, b0);
                sum[1] = _mm512_dpbusd_epi32(sum[1], four, b1);
            }
            a = a.add(4);
        }
        for half in 0..2 {
            for (row, sum) in sums.iter().enumerate() {
                let value = epilogue.value(row, half, sum[half]);
                _mm512_storeu_ps(c.add(row * shape.out_stride + 16 * half), value);
            }
        }
    }
}
