//! The tail: the newest points of a collection, in memory, scanned exactly.
//!
//! Writes go into the active tail. When it is full it is frozen, a new one takes
//! its place, and a segment is made of the points that still live; a frozen
//! tail takes deletes, but no points.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use vivier_ann::RowSet;

use crate::columns::{ColumnsError, TailColumns};
use crate::filter::Filter;
use crate::points::{Meta, Points, Slot, as_slot};
use crate::schema::Schema;
use crate::words::WordsView;

/// What one search sees of a tail: cheap to take, never changing.
#[derive(Clone)]
pub(crate) struct TailView {
    /// Where the facets lie in the vectors of its points.
    pub(crate) schema: Arc<Schema>,
    pub(crate) points: Points,
    columns: TailColumns,
    /// By words facet.
    pub(crate) words: BTreeMap<String, Arc<WordsView>>,
}

/// The live state of a tail.
pub(crate) struct Tail {
    /// Slot of each live point; gives the id order.
    order: BTreeMap<Arc<str>, Slot>,
    view: TailView,
    /// Bytes of the records that came in.
    bytes: usize,
}

impl Tail {
    /// Starts empty, for points of a schema.
    pub(crate) fn new(schema: Arc<Schema>, words: BTreeMap<String, Arc<WordsView>>) -> Self {
        Self {
            order: BTreeMap::new(),
            view: TailView {
                points: Points::new(schema.layout.dim()),
                schema,
                columns: TailColumns::new(),
                words,
            },
            bytes: 0,
        }
    }

    /// Returns what a search sees.
    pub(crate) fn view(&self) -> &TailView {
        &self.view
    }

    /// Returns the bytes of the records that came in.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the id as stored and the slot of a live point.
    pub(crate) fn find(&self, id: &str) -> Option<(Arc<str>, Slot)> {
        let (id, slot) = self.order.get_key_value(id)?;
        Some((Arc::clone(id), *slot))
    }

    /// Puts a point into the next slot; `vector` is `[dim]`.
    ///
    /// # Errors
    /// When its columns are not what validation lets through.
    pub(crate) fn push(&mut self, meta: Arc<Meta>, vector: &[f32]) -> Result<(), ColumnsError> {
        self.view.columns.push(Arc::clone(&meta))?;
        self.bytes += size_of_val(vector) + meta.record.bytes();
        let id = Arc::clone(&meta.id);
        let slot = self.view.points.push(meta, vector);
        self.order.insert(id, slot);
        Ok(())
    }

    /// Frees the slot of a point.
    pub(crate) fn remove(&mut self, id: &str, slot: Slot) {
        self.view.points.remove(slot);
        if self.order.get(id) == Some(&slot) {
            self.order.remove(id);
        }
    }

    /// Makes changes of words visible.
    pub(crate) fn set_words(&mut self, words: BTreeMap<String, Arc<WordsView>>) {
        self.view.words = words;
    }

    /// Returns up to `limit` points after an id that pass a filter, in id order.
    pub(crate) fn after<'a>(
        &'a self,
        id: &str,
        limit: usize,
        filter: Option<&'a Filter>,
    ) -> impl Iterator<Item = (&'a Arc<Meta>, Slot)> {
        let range = (Bound::Excluded(id), Bound::Unbounded);
        let live = self.order.range::<str, _>(range).filter_map(|(_, slot)| {
            let point = self.view.points.get(*slot)?;
            Some((point.meta, *slot))
        });
        live.filter(move |(meta, _)| filter.is_none_or(|filter| filter.passes(&meta.columns)))
            .take(limit)
    }
}

impl TailView {
    /// Returns the number of slots given out.
    pub(crate) fn slots(&self) -> u32 {
        as_slot(self.points.slots())
    }

    /// Returns the live slots that pass a filter.
    pub(crate) fn select(&self, filter: Option<&Filter>) -> RowSet {
        let live = self.points.iter().map(|point| point.slot);
        let mut live = RowSet::of(self.slots(), live);
        if let Some(filter) = filter {
            live.intersect(&self.columns.select(filter));
        }
        live
    }
}
