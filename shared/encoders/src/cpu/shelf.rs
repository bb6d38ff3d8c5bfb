//! Working memory that is kept between blocks and between batches.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Lends values and takes them back.
pub(super) struct Shelf<T>(Mutex<Vec<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T: Default> Shelf<T> {
    /// Lends a value that was given back, or a new one.
    pub(super) fn lend(&self) -> Lent<'_, T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent {
            value: kept.unwrap_or_default(),
            shelf: self,
        }
    }
}

/// A value on loan: goes back to its shelf when dropped.
pub(super) struct Lent<'a, T: Default> {
    value: T,
    shelf: &'a Shelf<T>,
}

impl<T: Default> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let value = std::mem::take(&mut self.value);
        let mut shelf = self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.push(value);
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
