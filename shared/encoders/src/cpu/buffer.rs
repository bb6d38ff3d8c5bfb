//! Memory that starts at a cache line and is kept between uses.

#![expect(
    unsafe_code,
    reason = "an aligned allocation is read as a slice of numbers"
)]

use std::ops::{Deref, DerefMut};

/// One cache line, which is also one 512-bit register.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Plain numbers.
///
/// # Safety
///
/// Any bit pattern is a value, there is no padding, and 64 is a multiple of the size.
pub(super) unsafe trait Plain: Copy + Send + Sync {}

// SAFETY: a number type without padding or forbidden values.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for i8 {}
// SAFETY: a transparent wrapper of u16.
unsafe impl Plain for super::element::Bf16 {}

/// A slice of numbers aligned to a cache line.
pub(super) struct Buffer<T> {
    lines: Vec<Line>,
    len: usize,
    element: std::marker::PhantomData<T>,
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            len: 0,
            element: std::marker::PhantomData,
        }
    }
}

impl<T: Plain> Buffer<T> {
    /// Makes `len` zeros.
    pub(super) fn zeroed(len: usize) -> Self {
        let mut buffer = Self::default();
        buffer.sized(len);
        buffer
    }

    /// Returns the first `len` elements, grown when there are fewer.
    ///
    /// What they hold is zero or what was left there: callers overwrite all of it.
    pub(super) fn sized(&mut self, len: usize) -> &mut [T] {
        if self.len < len {
            self.lines = vec![Line([0; 64]); (len * size_of::<T>()).div_ceil(64)];
            self.len = len;
        }
        &mut self[..len]
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold at least `len` elements, are aligned to 64 and
        // initialised, and any bit pattern is a `T`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
