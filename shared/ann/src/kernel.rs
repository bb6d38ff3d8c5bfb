//! Products of one vector with many rows of bytes, on what the processor has.
//!
//! A row holds values from -127 to 127 as bytes moved up by 128, so that the
//! processor's product of unsigned by signed bytes fits (VNNI). The operand has up
//! to 16 bits a value, as two signed bytes: `256 * high + low`. All sums are
//! integers, so every processor gives the same numbers.

#[cfg(target_arch = "x86_64")]
mod x86;

/// Rows are padded to so many bytes: a cache line, and the widest register.
pub(crate) const LINE: usize = 64;
/// What a stored byte is moved up by.
pub(crate) const OFFSET: u8 = 128;
/// Greatest value of an operand of two bytes.
pub(crate) const WIDE_MAX: f32 = 32_512.0;

/// Returns the bytes of a row of so many values.
pub(crate) fn stride(dim: usize) -> usize {
    dim.next_multiple_of(LINE)
}

/// Rows of bytes, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Codes<'a> {
    bytes: &'a [u8],
    stride: usize,
}

impl<'a> Codes<'a> {
    /// Takes rows of `stride` bytes, a multiple of [`LINE`].
    pub(crate) fn new(bytes: &'a [u8], stride: usize) -> Self {
        debug_assert!(stride > 0 && stride.is_multiple_of(LINE));
        Self { bytes, stride }
    }

    /// Returns the bytes of a row; empty when there is no such row.
    #[inline]
    pub(crate) fn row(&self, row: u32) -> &'a [u8] {
        let start = index(row) * self.stride;
        self.bytes
            .get(start..start + self.stride)
            .unwrap_or_default()
    }

    /// Asks the processor to load a row.
    #[inline]
    pub(crate) fn prefetch(&self, row: u32) {
        let start = index(row) * self.stride;
        for offset in (0..self.stride.min(1_024)).step_by(LINE) {
            prefetch(self.bytes, start + offset);
        }
    }
}

/// One side of products: a vector of integers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operand {
    high: Vec<i8>,
    /// Empty when the values have one byte.
    low: Vec<i8>,
    /// Both bytes in one, where they are two.
    whole: Vec<i16>,
    /// What the offset of the stored bytes adds to each sum.
    high_bias: i32,
    low_bias: i32,
}

impl Operand {
    /// Rounds values to 16 bits, greatest first; returns what one unit is worth.
    pub(crate) fn wide(values: &[f32]) -> (Self, f64) {
        let greatest = values
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        if greatest == 0.0 {
            let zeros = vec![0; stride(values.len())];
            let operand = Self {
                whole: vec![0; zeros.len()],
                high: zeros.clone(),
                low: zeros,
                ..Self::default()
            };
            return (operand, 0.0);
        }
        let unit = f64::from(greatest) / f64::from(WIDE_MAX);
        let mut operand = Self::default();
        for value in values {
            let (high, low) = split(f64::from(*value) / unit);
            operand.high.push(high);
            operand.low.push(low);
        }
        operand.high.resize(stride(values.len()), 0);
        operand.low.resize(stride(values.len()), 0);
        operand.high_bias = bias(&operand.high);
        operand.low_bias = bias(&operand.low);
        let both = operand.high.iter().zip(&operand.low);
        let whole = both.map(|(high, low)| 256 * i16::from(*high) + i16::from(*low));
        operand.whole = whole.collect();
        (operand, unit)
    }

    /// Becomes a row of bytes.
    #[inline]
    pub(crate) fn take_row(&mut self, row: &[u8], bias: i32) {
        self.high.clear();
        self.high.extend(row.iter().map(|byte| signed(*byte)));
        self.high_bias = bias;
    }

    /// Returns the number of values, padding included.
    fn len(&self) -> usize {
        self.high.len()
    }

    fn is_wide(&self) -> bool {
        !self.low.is_empty()
    }
}

/// Returns what the offset of stored bytes adds to a sum with these values.
pub(crate) fn bias(values: &[i8]) -> i32 {
    let sum: i32 = values.iter().map(|value| i32::from(*value)).sum();
    sum * i32::from(OFFSET)
}

/// Returns the value of a stored byte.
#[inline]
pub(crate) fn signed(byte: u8) -> i8 {
    (byte ^ OFFSET).cast_signed()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded and at most 32,512; both halves are then signed bytes"
)]
fn split(value: f64) -> (i8, i8) {
    let most = f64::from(WIDE_MAX);
    let whole = value.round().clamp(-most, most) as i32;
    let high = (whole + 128) >> 8;
    (high as i8, (whole - (high << 8)) as i8)
}

/// The best code that this processor runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

impl Kernel {
    /// Returns all that this processor can run, best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            let avx512 =
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            if avx512 && is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx2")
            {
                found.push(Self(Level::Vnni));
            }
            if is_x86_feature_detected!("avx2") {
                found.push(Self(Level::Avx2));
            }
        }
        found.push(Self(Level::Portable));
        found
    }

    /// Returns the best that this processor can run.
    pub(crate) fn best() -> Self {
        Self::available()
            .first()
            .copied()
            .unwrap_or(Self(Level::Portable))
    }

    /// Fills `out` with the product of the operand and each of the rows.
    ///
    /// # Panics
    /// When a row lies outside the codes, or the operand is not as long as a row:
    /// the rows of a segment are checked when it is opened.
    #[expect(
        unsafe_code,
        reason = "calls code compiled for a detected processor feature"
    )]
    #[inline]
    pub(crate) fn products(
        self,
        codes: Codes<'_>,
        operand: &Operand,
        rows: &[u32],
        out: &mut Vec<i64>,
    ) {
        out.clear();
        assert_eq!(
            operand.len(),
            codes.stride,
            "the operand is as long as a row"
        );
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel is of this level only where the features were detected.
            Level::Vnni => unsafe {
                if operand.is_wide() {
                    x86::vnni::<true>(codes, operand, rows, out);
                } else {
                    x86::vnni::<false>(codes, operand, rows, out);
                }
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { x86::avx2(codes, operand, rows, out) },
            Level::Portable => out.extend(rows.iter().map(|row| portable(codes, operand, *row))),
        }
    }
}

fn portable(codes: Codes<'_>, operand: &Operand, row: u32) -> i64 {
    let bytes = codes.row(row);
    assert_eq!(
        bytes.len(),
        operand.len(),
        "row {row} lies inside the codes"
    );
    let sum = |values: &[i8]| -> i32 {
        let products = bytes.iter().zip(values);
        products
            .map(|(byte, value)| i32::from(signed(*byte)) * i32::from(*value))
            .sum()
    };
    let high = i64::from(sum(&operand.high));
    if operand.is_wide() {
        256 * high + i64::from(sum(&operand.low))
    } else {
        high
    }
}

/// Asks the processor to load the cache line at an offset of a slice; one outside of
/// it does nothing.
#[inline]
pub(crate) fn prefetch<T>(slice: &[T], offset: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    x86::prefetch(slice, offset);
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = (slice, offset);
}

/// Widens a row number; targets have at least 32-bit addresses.
#[inline]
pub(crate) fn index(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::MAX_DIM;

    fn plain(codes: Codes<'_>, values: &[i64], row: u32) -> i64 {
        let bytes = codes.row(row).iter().map(|byte| i64::from(*byte) - 128);
        bytes.zip(values).map(|(byte, value)| byte * value).sum()
    }

    proptest! {
        #[test]
        fn every_kernel_gives_the_same_integers(
            dim in 1_usize..300,
            seed in any::<u64>(),
            extreme in any::<bool>(),
        ) {
            let mut random = crate::testing::Random::new(seed);
            let stride = stride(dim);
            let bytes: Vec<u8> = (0..stride * 9)
                .map(|_| if extreme { 255 } else { u8::try_from(1 + random.below(255)).unwrap() })
                .collect();
            let codes = Codes::new(&bytes, stride);
            let values = if extreme { vec![-1.0; dim] } else { random.vector(dim, 1.0) };
            let (wide, _) = Operand::wide(&values);
            let wholes: Vec<i64> = wide.high.iter().zip(&wide.low)
                .map(|(high, low)| i64::from(*high) * 256 + i64::from(*low)).collect();
            let mut narrow = Operand::default();
            let own: Vec<i8> = codes.row(3).iter().map(|byte| signed(*byte)).collect();
            narrow.take_row(codes.row(3), bias(&own));
            let own: Vec<i64> = own.iter().map(|value| i64::from(*value)).collect();
            let rows = [8, 0, 3, 3, 7, 1, 2];
            for kernel in Kernel::available() {
                let mut out = Vec::new();
                for count in 0..=rows.len() {
                    kernel.products(codes, &wide, &rows[..count], &mut out);
                    let expected: Vec<i64> = rows[..count].iter().map(|row| plain(codes, &wholes, *row)).collect();
                    prop_assert_eq!(&out, &expected, "{:?}", kernel);
                    kernel.products(codes, &narrow, &rows[..count], &mut out);
                    let expected: Vec<i64> = rows[..count].iter().map(|row| plain(codes, &own, *row)).collect();
                    prop_assert_eq!(&out, &expected, "{:?}", kernel);
                }
            }
        }
    }

    #[test]
    fn the_longest_vectors_do_not_overflow() {
        let stride = stride(MAX_DIM);
        for byte in [1_u8, 255] {
            let bytes = vec![byte; stride];
            let codes = Codes::new(&bytes, stride);
            for sign in [-1.0, 1.0] {
                let (operand, unit) = Operand::wide(&vec![sign; MAX_DIM]);
                assert!((unit * f64::from(WIDE_MAX) - 1.0).abs() < 1e-9);
                let expected = (i64::from(byte) - 128) * 32_512 * i64::try_from(MAX_DIM).unwrap();
                for kernel in Kernel::available() {
                    let sign = if sign < 0.0 { -1 } else { 1 };
                    let mut out = Vec::new();
                    kernel.products(codes, &operand, &[0], &mut out);
                    assert_eq!(out, [sign * expected], "{kernel:?}");
                }
            }
        }
    }
}
