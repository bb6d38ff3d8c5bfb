//! The numbers of a column, or its dates in days: rows in the order of their
//! values.
//!
//! An order (see [`super::order`]) and then each distinct value, 8 bytes,
//! ascending.

use bytes::Bytes;

use super::bits::as_index;
use super::format::{Cursor, Damage, ensure};
use super::order::{self, Order};
use crate::segment::arrays::{f64_at, partition};

/// The stored numbers of a column.
pub(super) struct Numbers {
    order: Order,
    values: Bytes,
}

impl Numbers {
    /// Reads numbers and checks them wholly.
    ///
    /// # Errors
    /// When they do not have the described form.
    pub(super) fn decode(section: Bytes, rows: u32) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(section);
        let order = Order::decode(&mut cursor, rows)?;
        let values = cursor.array(order.keys(), 8, "the values")?;
        cursor.finish("the values")?;
        let mut last = f64::NEG_INFINITY;
        for index in 0..order.keys() {
            let value = f64_at(&values, as_index(index));
            let next = value > last && value.is_finite();
            ensure(next, "values are out of order")?;
            last = value;
        }
        Ok(Self { order, values })
    }

    /// Counts the rows whose value lies in a range, ends included.
    pub(super) fn count(&self, min: f64, max: f64) -> u32 {
        let (from, to) = self.keys(min, max);
        self.order.start(to).saturating_sub(self.order.start(from))
    }

    /// Adds the rows whose value lies in a range, ends included.
    pub(super) fn add(&self, min: f64, max: f64, words: &mut [u64]) {
        let (from, to) = self.keys(min, max);
        self.order.add(from, to, words);
    }

    /// Returns the keys in a range: none when an end is not a number.
    fn keys(&self, min: f64, max: f64) -> (u32, u32) {
        let value = |index: u32| f64_at(&self.values, as_index(index));
        if min.is_nan() || max.is_nan() || min > max {
            return (0, 0);
        }
        let from = partition(0, self.order.keys(), |index| value(index) < min);
        let to = partition(from, self.order.keys(), |index| value(index) <= max);
        (from, to)
    }
}

/// Stores the finite values of rows; ascending by row.
///
/// # Errors
/// When there are too many.
pub(super) fn encode(mut values: Vec<(f64, u32)>, rows: u32) -> Result<Vec<u8>, Damage> {
    // Equal zeros are one value; the sort is stable.
    values.iter_mut().for_each(|(value, _)| *value += 0.0);
    values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (keys, ends, ordered) = order::group(values);
    let mut section = Vec::new();
    order::store(&ends, &ordered, rows, &mut section)?;
    for key in keys {
        section.extend(key.to_le_bytes());
    }
    Ok(section)
}
