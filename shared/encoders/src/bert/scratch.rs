//! Working memory, kept between blocks and between batches.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::kernels::Packed;

/// What one block of rows needs while it is computed.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Rows of a left operand, packed as tiles.
    pub(crate) tiles: Vec<f32>,
    /// Attention output, `[rows, hidden]`.
    pub(crate) context: Vec<f32>,
    /// Output of a product that a residual is added to, `[rows, hidden]`.
    pub(crate) product: Vec<f32>,
    /// Between the feed-forward products, `[rows, intermediate]`.
    pub(crate) inner: Vec<f32>,
    /// Attention weights of one head, `[rows, keys]`.
    pub(crate) scores: Vec<f32>,
    /// Sums of the attention weights, `[rows]`.
    pub(crate) sums: Vec<f32>,
    /// Keys of one head, transposed.
    pub(crate) keys: Packed,
    /// Values of one head.
    pub(crate) values: Packed,
}

/// What one batch needs while it is computed.
#[derive(Default)]
pub(crate) struct Activations {
    /// States, `[tokens, hidden]`.
    pub(crate) states: Vec<f32>,
    /// Queries, keys and values of the layer being read, `[tokens, 3 hidden]`.
    pub(crate) current: Vec<f32>,
    /// Those of the layer being written.
    pub(crate) next: Vec<f32>,
}

/// Returns the first `length` values of a buffer, grown when it is too short.
///
/// What they hold is what was left there: callers overwrite all of it.
pub(crate) fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

/// Lends values and takes them back.
pub(crate) struct Shelf<T>(Mutex<Vec<T>>);

impl<T: Default> Shelf<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Lends a value that was given back, or a new one.
    pub(crate) fn lend(&self) -> Lent<'_, T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent {
            value: kept.unwrap_or_default(),
            shelf: self,
        }
    }
}

/// A value on loan: goes back to its shelf when dropped.
pub(crate) struct Lent<'a, T: Default> {
    value: T,
    shelf: &'a Shelf<T>,
}

impl<T: Default> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let value = std::mem::take(&mut self.value);
        self.shelf
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(value);
    }
}

impl<T: Default> Deref for Lent<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
