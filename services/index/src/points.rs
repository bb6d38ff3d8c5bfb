//! Points in memory: vectors side by side, found by slot.
//!
//! Every version of a point has a slot of its own, in order of arrival; a
//! replaced or deleted one leaves a hole. Slots lie in chunks shared between
//! the live state and the searches under way: a search clones the list of
//! chunks and then sees one unchanging state without holding a lock, while the
//! writer copies a chunk only if some search still reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Record, Value};

/// Slots in one chunk.
const CHUNK: usize = 512;

const DEAD: u32 = u32::MAX;

/// A point's place, as index and as stored number.
pub(crate) type Slot = u32;

/// A point besides its vectors.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    pub(crate) id: Arc<str>,
    /// Payload columns with folded texts (see [`crate::payload`]).
    pub(crate) columns: BTreeMap<String, Value>,
    /// The record, without its vectors.
    pub(crate) record: Record,
}

#[derive(Clone, Default)]
struct Chunk {
    first: Slot,
    metas: Vec<Option<Arc<Meta>>>,
    /// Row of each slot in `vectors`, or [`DEAD`].
    rows: Vec<u32>,
    vectors: Arc<Vec<f32>>,
    live: usize,
}

/// One live point.
#[derive(Clone, Copy)]
pub(crate) struct Point<'a> {
    pub(crate) slot: Slot,
    pub(crate) meta: &'a Arc<Meta>,
    /// The concatenated facet vectors, `[dim]`.
    pub(crate) vector: &'a [f32],
}

impl Chunk {
    /// Returns the live points in slot order.
    fn points(&self, dim: usize) -> impl Iterator<Item = Point<'_>> {
        (0..self.metas.len()).filter_map(move |index| self.point(index, dim))
    }

    fn point(&self, index: usize, dim: usize) -> Option<Point<'_>> {
        let meta = self.metas.get(index)?.as_ref()?;
        let row = as_index(*self.rows.get(index)?);
        Some(Point {
            slot: self.first + as_slot(index),
            meta,
            vector: self.vectors.get(row * dim..(row + 1) * dim)?,
        })
    }

    fn push(&mut self, meta: Arc<Meta>, vector: &[f32]) {
        let row = self.vectors.len().checked_div(vector.len()).unwrap_or(0);
        self.rows.push(as_slot(row));
        self.metas.push(Some(meta));
        Arc::make_mut(&mut self.vectors).extend_from_slice(vector);
        self.live += 1;
    }

    /// Frees a slot; true when it was live.
    fn remove(&mut self, index: usize, dim: usize) -> bool {
        let Some(meta) = self.metas.get_mut(index).and_then(Option::take) else {
            return false;
        };
        drop(meta);
        if let Some(row) = self.rows.get_mut(index) {
            *row = DEAD;
        }
        self.live -= 1;
        // Vectors of dead points go once they are the greater part.
        let kept = self.vectors.len().checked_div(dim).unwrap_or(0);
        if self.metas.len() == CHUNK && self.live * 2 <= kept {
            self.compact(dim);
        }
        true
    }

    fn compact(&mut self, dim: usize) {
        let mut vectors = Vec::with_capacity(self.live * dim);
        let mut next = 0;
        for row in &mut self.rows {
            if *row == DEAD {
                continue;
            }
            let from = as_index(*row) * dim;
            vectors.extend_from_slice(self.vectors.get(from..from + dim).unwrap_or_default());
            *row = next;
            next += 1;
        }
        self.vectors = Arc::new(vectors);
    }
}

/// All points of a collection; a clone is a view that never changes.
#[derive(Clone)]
pub(crate) struct Points {
    dim: usize,
    chunks: Vec<Arc<Chunk>>,
    slots: usize,
    live: usize,
}

impl Points {
    /// Starts empty, for vectors of `dim` values (0 for none).
    pub(crate) fn new(dim: usize) -> Self {
        Self {
            dim,
            chunks: Vec::new(),
            slots: 0,
            live: 0,
        }
    }

    /// Counts the live points.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Counts the slots given out, and so names the next one.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the live point in a slot.
    pub(crate) fn get(&self, slot: Slot) -> Option<Point<'_>> {
        let index = as_index(slot);
        self.chunks
            .get(index / CHUNK)?
            .point(index % CHUNK, self.dim)
    }

    /// Puts a point into the next slot; `vector` is `[dim]`.
    pub(crate) fn push(&mut self, meta: Arc<Meta>, vector: &[f32]) -> Slot {
        debug_assert_eq!(vector.len(), self.dim, "the caller checks lengths");
        let slot = as_slot(self.slots);
        if self.slots.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Chunk {
                first: slot,
                ..Chunk::default()
            }));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            Arc::make_mut(chunk).push(meta, vector);
        }
        self.slots += 1;
        self.live += 1;
        slot
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let index = as_index(slot);
        let Some(chunk) = self.chunks.get_mut(index / CHUNK) else {
            return;
        };
        if Arc::make_mut(chunk).remove(index % CHUNK, self.dim) {
            self.live -= 1;
        }
    }

    /// Returns the live points in slot order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Point<'_>> {
        self.chunks.iter().flat_map(|chunk| chunk.points(self.dim))
    }

    /// Returns the bytes that vectors take.
    pub(crate) fn vector_bytes(&self) -> usize {
        let values: usize = self.chunks.iter().map(|chunk| chunk.vectors.len()).sum();
        values * size_of::<f32>()
    }
}

/// Widens a slot.
pub(crate) fn as_index(slot: Slot) -> usize {
    // Targets have at least 32-bit addresses.
    usize::try_from(slot).unwrap_or(usize::MAX)
}

/// Narrows an index; four billion versions of points exhaust the slots of one
/// process, far beyond its memory.
pub(crate) fn as_slot(index: usize) -> Slot {
    Slot::try_from(index).unwrap_or(Slot::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meta(number: usize) -> Arc<Meta> {
        Arc::new(Meta {
            id: number.to_string().into(),
            ..Meta::default()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn points_equal_a_map(dim in 0_usize..3, removals in prop::collection::vec(0_u32..1500, 0..1400)) {
            let mut points = Points::new(dim);
            let mut model = BTreeMap::new();
            for number in 0..1500_usize {
                let vector = vec![f32::from(u16::try_from(number).unwrap()); dim];
                let slot = points.push(meta(number), &vector);
                model.insert(slot, vector);
            }
            let before = points.clone();
            for slot in removals {
                points.remove(slot);
                model.remove(&slot);
            }
            prop_assert_eq!(points.live(), model.len());
            let found: Vec<_> = points.iter().map(|p| (p.slot, p.vector.to_vec())).collect();
            let wanted: Vec<_> = model.iter().map(|(s, v)| (*s, v.clone())).collect();
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(before.iter().count(), 1500, "a view does not change");
            prop_assert!(points.vector_bytes() <= (2 * model.len() + 2 * CHUNK) * dim * 4);
        }
    }
}
