//! Products on AVX-512 with VNNI, and on AVX2.

#![expect(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

use std::arch::x86_64::*;

use super::{Codes, LINE, Operand, index};

/// Asks the processor to load the cache line of an element.
#[inline]
pub(super) fn prefetch<T>(slice: &[T], offset: usize) {
    // SAFETY: a prefetch reads nothing that the program can see, at any address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().wrapping_add(offset).cast()) }
}

/// Returns where a row starts, after a check that all of it is there.
#[inline]
fn start(codes: Codes<'_>, row: u32) -> *const u8 {
    let start = index(row) * codes.stride;
    assert!(
        start + codes.stride <= codes.bytes.len(),
        "row {row} lies inside the codes"
    );
    codes.bytes.as_ptr().wrapping_add(start)
}

/// Multiplies the operand with rows, four at a time.
///
/// # Safety
///
/// The processor has AVX-512 (F, BW) with VNNI and AVX2; the operand is as long as a
/// row, and has low bytes if `WIDE`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2")]
pub(super) unsafe fn vnni<const WIDE: bool>(
    codes: Codes<'_>,
    operand: &Operand,
    rows: &[u32],
    out: &mut Vec<i64>,
) {
    let mut fours = rows.chunks_exact(4);
    for four in &mut fours {
        let starts = [0, 1, 2, 3].map(|place| start(codes, four[place]));
        // SAFETY: the caller's, and each start has a whole row behind it.
        unsafe { vnni_tile::<WIDE, 4>(starts, operand, out) };
    }
    for row in fours.remainder() {
        // SAFETY: as above.
        unsafe { vnni_tile::<WIDE, 1>([start(codes, *row)], operand, out) };
    }
}

/// Multiplies the operand with N rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2")]
unsafe fn vnni_tile<const WIDE: bool, const N: usize>(
    starts: [*const u8; N],
    operand: &Operand,
    out: &mut Vec<i64>,
) {
    let mut high = [_mm512_setzero_si512(); N];
    let mut low = [_mm512_setzero_si512(); N];
    for offset in (0..operand.high.len()).step_by(LINE) {
        // SAFETY: the length is a multiple of 64, and the rows and low bytes are as long.
        unsafe {
            let high_part = _mm512_loadu_si512(operand.high.as_ptr().add(offset).cast());
            let low_part = if WIDE {
                _mm512_loadu_si512(operand.low.as_ptr().add(offset).cast())
            } else {
                high_part
            };
            for n in 0..N {
                let row = _mm512_loadu_si512(starts[n].add(offset).cast());
                high[n] = _mm512_dpbusd_epi32(high[n], row, high_part);
                if WIDE {
                    low[n] = _mm512_dpbusd_epi32(low[n], row, low_part);
                }
            }
        }
    }
    let highs = sums(high);
    if WIDE {
        let lows = sums(low);
        out.extend(std::array::from_fn::<i64, N, _>(|n| {
            256 * i64::from(highs[n] - operand.high_bias) + i64::from(lows[n] - operand.low_bias)
        }));
    } else {
        out.extend(highs.map(|sum| i64::from(sum - operand.high_bias)));
    }
}

/// Adds up the lanes of each register.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
fn sums<const N: usize>(registers: [__m512i; N]) -> [i32; N] {
    if N != 4 {
        return registers.map(|register| _mm512_reduce_add_epi32(register));
    }
    let halves = registers.map(|register| {
        let upper = _mm512_extracti64x4_epi64::<1>(register);
        _mm256_add_epi32(_mm512_castsi512_si256(register), upper)
    });
    let pairs = _mm256_hadd_epi32(halves[0], halves[1 % N]);
    let others = _mm256_hadd_epi32(halves[2 % N], halves[3 % N]);
    let all = _mm256_hadd_epi32(pairs, others);
    let four = _mm_add_epi32(
        _mm256_castsi256_si128(all),
        _mm256_extracti128_si256::<1>(all),
    );
    let mut values = [0_i32; 4];
    // SAFETY: four values of four bytes are 16 bytes.
    unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), four) };
    std::array::from_fn(|n| values[n % 4])
}

/// Values of two bytes of which the products with a row's values, in pairs, fit into
/// 32 bits when they are added up in lanes: `128 * 2 * 255 * 32512 < 2^31`.
const FITTING: usize = 128 * 16;

/// Multiplies the operand with rows, four at a time if it has two bytes.
///
/// # Safety
///
/// The processor has AVX2; the operand is as long as a row, and its low bytes and whole
/// values too if it has any.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(codes: Codes<'_>, operand: &Operand, rows: &[u32], out: &mut Vec<i64>) {
    if !operand.is_wide() {
        for row in rows {
            let start = start(codes, *row);
            // SAFETY: the caller's, and a whole row lies behind the start.
            out.push(i64::from(unsafe { avx2_sum(start, &operand.high) }));
        }
        return;
    }
    let mut fours = rows.chunks_exact(4);
    for four in &mut fours {
        let starts = [0, 1, 2, 3].map(|place| start(codes, four[place]));
        // SAFETY: as above.
        unsafe { avx2_tile(starts, operand, out) };
    }
    for row in fours.remainder() {
        // SAFETY: as above.
        unsafe { avx2_tile([start(codes, *row)], operand, out) };
    }
}

/// Multiplies the operand of two bytes with N rows; the offset of the rows is taken
/// away at the end.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn avx2_tile<const N: usize>(starts: [*const u8; N], operand: &Operand, out: &mut Vec<i64>) {
    let bias = 256 * i64::from(operand.high_bias) + i64::from(operand.low_bias);
    let mut totals = [-bias; N];
    for (part, values) in operand.whole.chunks(FITTING).enumerate() {
        let mut lanes = [_mm256_setzero_si256(); N];
        for at in (0..values.len()).step_by(16) {
            // SAFETY: the length is a multiple of 64, and the rows are as long.
            unsafe {
                let others = _mm256_loadu_si256(values.as_ptr().add(at).cast());
                for n in 0..N {
                    let row = starts[n].add(part * FITTING + at);
                    let bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128(row.cast()));
                    lanes[n] = _mm256_add_epi32(lanes[n], _mm256_madd_epi16(bytes, others));
                }
            }
        }
        for (total, lanes) in totals.iter_mut().zip(lanes) {
            *total += long_sum(lanes);
        }
    }
    out.extend(totals);
}

/// Adds up eight lanes, of which the sum may be longer than one.
#[inline]
#[target_feature(enable = "avx2")]
fn long_sum(lanes: __m256i) -> i64 {
    let low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(lanes));
    let high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(lanes));
    let four = _mm256_add_epi64(low, high);
    let two = _mm_add_epi64(
        _mm256_castsi256_si128(four),
        _mm256_extracti128_si256::<1>(four),
    );
    _mm_extract_epi64::<0>(two) + _mm_extract_epi64::<1>(two)
}

/// Multiplies a row with signed bytes; the offset of the row is taken away.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn avx2_sum(row: *const u8, values: &[i8]) -> i32 {
    let mut sum = _mm256_setzero_si256();
    let offset = _mm_set1_epi8(i8::MIN);
    for at in (0..values.len()).step_by(16) {
        // SAFETY: the length is a multiple of 64, and the row is as long.
        unsafe {
            let bytes = _mm_loadu_si128(row.add(at).cast());
            let bytes = _mm256_cvtepi8_epi16(_mm_xor_si128(bytes, offset));
            let others = _mm256_cvtepi8_epi16(_mm_loadu_si128(values.as_ptr().add(at).cast()));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(bytes, others));
        }
    }
    let half = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let pairs = _mm_hadd_epi32(half, half);
    _mm_cvtsi128_si32(_mm_hadd_epi32(pairs, pairs))
}
