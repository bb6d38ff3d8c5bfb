//! One collection: its live state, how writes change it, and the views that
//! searches read.
//!
//! One thread changes it, the writer: it applies operations, freezes tails, and
//! puts segments in their place. So what the writer has looked up stays true
//! until it acts on it. Readers take views.

mod counts;
mod facets;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use vivier_ann::RowSet;

pub(crate) use crate::collection::counts::Counts;
use crate::collection::state::{Frozen, State, Step};
use crate::columns::ColumnsError;
use crate::filter::Filter;
use crate::model::{FacetKind, Operation, Outcome, Record, Spec};
use crate::payload::fold_columns;
use crate::points::{Meta, Slot, as_slot};
use crate::schema::Schema;
use crate::segment::SegmentView;
use crate::segment::manifest::{Flushed, Listed};
use crate::segment::write::{Source, Written};
use crate::tail::Tail;
use crate::view::{Place, Stored, View};
use crate::words::{WordsError, WordsIndex, WordsView};

/// Why operations cannot be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("the words index failed")]
    Words(#[from] WordsError),
    #[error(transparent)]
    Columns(#[from] ColumnsError),
}

/// Whether changes of words are made visible at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publish {
    /// Before the call returns.
    Now,
    /// At the next [`Collection::publish`]: while starting.
    Later,
}

type WordsIndexes = BTreeMap<String, WordsIndex>;
type WordsViews = BTreeMap<String, Arc<WordsView>>;

/// A collection; writes come from one thread, reads from any.
pub(crate) struct Collection {
    name: String,
    state: RwLock<State>,
    /// The writing side of the words facets of each tail; only the writer
    /// locks it.
    words: Mutex<Vec<WordsIndexes>>,
}

impl Collection {
    /// Starts empty, as operation `sequence` does: what the log holds of its name
    /// before is of another collection.
    ///
    /// # Errors
    /// When the words index does not start.
    pub(crate) fn new(spec: Spec, sequence: u64) -> Result<Self, WordsError> {
        Self::open(spec, sequence, Vec::new())
    }

    /// Starts with segments that reflect all operations up to one.
    ///
    /// # Errors
    /// When the words index does not start.
    pub(crate) fn open(
        spec: Spec,
        flushed: u64,
        segments: Vec<SegmentView>,
    ) -> Result<Self, WordsError> {
        let mut words = start_words(&spec)?;
        let name = spec.name.clone();
        let schema = Schema::of(spec);
        let tail = Tail::new(Arc::clone(&schema), commit(&mut words)?);
        Ok(Self {
            name,
            state: RwLock::new(State {
                schema,
                segments,
                tails: vec![tail],
                frozen: Vec::new(),
                flushed,
            }),
            words: Mutex::new(vec![words]),
        })
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns what new points look like; facets may be added at any time, none
    /// is ever changed.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.read().schema)
    }

    /// Takes a view; the lock is held for a moment only.
    pub(crate) fn view(&self) -> View {
        self.read().view()
    }

    /// Applies operations in order, as one step for readers; returns what each
    /// one did.
    ///
    /// # Errors
    /// When the words or the columns fail; then the state is unchanged for
    /// readers but the collection must not be written again.
    pub(crate) fn apply(
        &self,
        operations: &[&Operation],
        publish: Publish,
    ) -> Result<Vec<Outcome>, ApplyError> {
        let (steps, outcomes) = self.plan(operations);
        let words = self.apply_words(&steps, publish)?;

        // What takes long is done before the lock, so that it is held for a moment.
        let schema = self.schema();
        let prepared: Vec<_> = steps.iter().map(|step| prepare(&schema, step)).collect();
        let mut state = self.write();
        for (step, prepared) in steps.iter().zip(prepared) {
            if let Some(old) = step.old {
                state.remove(&step.id, old);
            }
            if let (Some((meta, vector)), Some(tail)) = (prepared, state.tails.last_mut()) {
                tail.push(meta, &vector)?;
            }
        }
        for (tail, words) in state.tails.iter_mut().zip(words) {
            if let Some(words) = words {
                tail.set_words(words);
            }
        }
        Ok(outcomes)
    }

    /// Decides for every change which version it replaces.
    fn plan<'a>(&self, operations: &[&'a Operation]) -> (Vec<Step<'a>>, Vec<Outcome>) {
        let state = self.read();
        let last = state.segments.len() + state.tails.len() - 1;
        let mut next = state.tails.last().map_or(0, |tail| tail.view().slots());
        // Places given and freed by earlier steps of this group.
        let mut changed: BTreeMap<&str, Option<Place>> = BTreeMap::new();
        let mut steps = Vec::new();
        let mut outcomes = Vec::new();
        for operation in operations {
            let mut outcome = Outcome::default();
            match operation {
                Operation::Upsert { records, .. } => {
                    for record in records {
                        let step = state.step(&record.id, &changed, Some(record));
                        let place = Place {
                            part: last,
                            row: next,
                        };
                        changed.insert(&record.id, Some(place));
                        next += 1;
                        outcome.replaced += u64::from(step.old.is_some());
                        outcome.inserted += u64::from(step.old.is_none());
                        steps.push(step);
                    }
                }
                Operation::Delete { ids, .. } => {
                    for id in ids {
                        let step = state.step(id, &changed, None);
                        if step.old.is_some() {
                            changed.insert(id, None);
                            outcome.deleted += 1;
                            steps.push(step);
                        }
                    }
                }
                // These change the catalog, not points.
                Operation::Create(_)
                | Operation::AddFacet { .. }
                | Operation::SetAliases(_)
                | Operation::RemoveAlias(_)
                | Operation::Drop(_) => {}
            }
            outcomes.push(outcome);
        }
        (steps, outcomes)
    }

    /// Changes the words of every tail; returns the new views of those that
    /// changed, if they are to be seen now.
    fn apply_words(
        &self,
        steps: &[Step<'_>],
        publish: Publish,
    ) -> Result<Vec<Option<WordsViews>>, WordsError> {
        let (segments, mut next) = {
            let state = self.read();
            let next = state.tails.last().map_or(0, |tail| tail.view().slots());
            (state.segments.len(), next)
        };
        let mut tails = self.words();
        let mut touched = BTreeSet::new();
        for step in steps {
            let old = step
                .old
                .and_then(|old| Some((old.part.checked_sub(segments)?, old.row)));
            if let Some((tail, slot)) = old
                && let Some(indexes) = tails.get_mut(tail)
            {
                indexes.values_mut().for_each(|index| index.remove(slot));
                touched.insert(tail);
            }
            let Some(record) = step.record else {
                continue;
            };
            let last = tails.len().saturating_sub(1);
            for (name, index) in tails.last_mut().into_iter().flatten() {
                if let Some(words) = record.words.get(name) {
                    index.add(next, words)?;
                    touched.insert(last);
                }
            }
            next += 1;
        }
        if publish == Publish::Later {
            return Ok(Vec::new());
        }
        let views = tails.iter_mut().enumerate().map(|(tail, indexes)| {
            let changed = touched.contains(&tail).then(|| commit(indexes));
            changed.transpose()
        });
        views.collect()
    }

    /// Makes changes of words visible that [`Publish::Later`] held back.
    ///
    /// # Errors
    /// When the words index fails.
    pub(crate) fn publish(&self) -> Result<(), WordsError> {
        let views = self
            .words()
            .iter_mut()
            .map(commit)
            .collect::<Result<Vec<_>, _>>()?;
        let mut state = self.write();
        for (tail, words) in state.tails.iter_mut().zip(views) {
            tail.set_words(words);
        }
        Ok(())
    }

    /// Returns the points and bytes of the tail that takes writes.
    pub(crate) fn tail_size(&self) -> (usize, usize) {
        let state = self.read();
        let tail = state.tails.last();
        tail.map_or((0, 0), |tail| (tail.view().points.slots(), tail.bytes()))
    }

    /// Counts the tails that wait to become segments.
    pub(crate) fn frozen(&self) -> usize {
        self.read().frozen.len()
    }

    /// Freezes the tail, which holds all operations up to one, and starts
    /// another; an empty one stays: with nothing frozen, the segments hold them all.
    ///
    /// # Errors
    /// When the words index does not start.
    pub(crate) fn freeze(&self, sequence: u64) -> Result<(), WordsError> {
        if self.tail_size().0 == 0 {
            let mut state = self.write();
            if state.frozen.is_empty() {
                state.flushed = sequence;
            }
            return Ok(());
        }
        let schema = self.schema();
        let mut words = start_words(&schema.spec)?;
        let tail = Tail::new(schema, commit(&mut words)?);
        self.words().push(words);
        let mut state = self.write();
        state.tails.push(tail);
        state.frozen.push(Frozen { sequence });
        Ok(())
    }

    /// Returns the oldest frozen tail and the last operation in it.
    pub(crate) fn to_seal(&self) -> Option<(u64, Source)> {
        let state = self.read();
        let frozen = state.frozen.first()?;
        let tail = state.tails.first()?;
        Some((frozen.sequence, Source::Tail(tail.view().clone())))
    }

    /// Returns what is in segments.
    pub(crate) fn segments(&self) -> Vec<SegmentView> {
        self.read().segments.clone()
    }

    /// Replaces the oldest frozen tail, which ends with operation `sequence`, by
    /// the segment made of it; nothing happens when it has been replaced before.
    pub(crate) fn sealed(&self, sequence: u64, written: Option<Written>) {
        let mut state = self.write();
        let oldest = state.frozen.first().map(|frozen| frozen.sequence);
        if oldest != Some(sequence) {
            return;
        }
        let frozen = state.frozen.remove(0);
        let tail = state.tails.remove(0);
        state.flushed = frozen.sequence;
        if let Some(Written { segment, origins }) = written {
            let points = &tail.view().points;
            let dead = origins
                .iter()
                .map(|origin| points.get(origin.row).is_none());
            let view = SegmentView::new(segment, &dead_rows(dead));
            state.segments.push(view);
        }
        drop(state);
        let gone = self.words().remove(0);
        // Freeing both takes a while: not under the locks.
        drop((tail, gone));
    }

    /// Replaces segments by the one made of them; `None` when no row lived.
    pub(crate) fn merged(&self, merged: &[u64], written: Option<Written>) {
        let mut state = self.write();
        let (gone, kept): (Vec<_>, Vec<_>) = state
            .segments
            .drain(..)
            .partition(|view| merged.contains(&view.segment.number));
        state.segments = kept;
        if let Some(Written { segment, origins }) = written {
            let dead = origins.iter().map(|origin| {
                let view = merged.get(origin.source);
                let view =
                    view.and_then(|number| gone.iter().find(|v| v.segment.number == *number));
                view.is_none_or(|view| view.dead().contains(origin.row))
            });
            let view = SegmentView::new(segment, &dead_rows(dead));
            state.segments.push(view);
        }
        drop(state);
        drop(gone);
    }

    /// Returns what the manifest says of the collection after operation
    /// `current`, the last one.
    pub(crate) fn listed(&self, current: u64) -> Flushed {
        let mut state = self.write();
        let empty = |tail: &Tail| tail.view().points.slots() == 0;
        if state.tails.iter().all(empty) {
            // For good: the log before may go, so no later manifest may ask for it.
            state.flushed = current;
        }
        let spec = state.schema.spec.clone();
        let segments = state.segments.iter().map(|view| Listed {
            number: view.segment.number,
            sums: view.segment.sums(),
            dead: view.dead().clone(),
            lacking: view.segment.lacking(&spec),
        });
        Flushed {
            spec: spec.clone(),
            sequence: state.flushed,
            segments: segments.collect(),
        }
    }

    /// Adds the numbers of the segments that hold dead rows of any of these ids.
    pub(crate) fn remains(&self, ids: &[String], numbers: &mut BTreeSet<u64>) {
        for view in self.segments() {
            let mut rows = ids.iter().filter_map(|id| view.segment.ids.row(id));
            if rows.any(|row| view.dead().contains(row)) {
                numbers.insert(view.segment.number);
            }
        }
    }

    /// Finds points, in the order asked; unknown ones are left out.
    pub(crate) fn find(&self, ids: &[String]) -> Vec<Stored> {
        let state = self.read();
        let view = state.view();
        let places = ids.iter().filter_map(|id| Some(state.find(id)?.1));
        places.filter_map(|place| view.stored(place)).collect()
    }

    /// Finds the places of points in a view, which is returned too.
    pub(crate) fn places(&self, ids: &[String]) -> (View, BTreeMap<String, Place>) {
        let state = self.read();
        let found = ids
            .iter()
            .filter_map(|id| Some((id.clone(), state.find(id)?.1)));
        (state.view(), found.collect())
    }

    /// Returns up to `limit` points after an id that pass a filter, in id order,
    /// with their ids.
    pub(crate) fn after(
        &self,
        id: &str,
        limit: usize,
        filter: Option<&Filter>,
    ) -> Vec<(String, Stored)> {
        let (view, mut found) = {
            let state = self.read();
            let view = state.view();
            let mut found = Vec::new();
            for (part, tail) in (state.segments.len()..).zip(&state.tails) {
                let points = tail.after(id, limit, filter);
                found.extend(points.map(|(meta, row)| (meta.id.to_string(), Place { part, row })));
            }
            (view, found)
        };
        for (part, segment) in view.segments.iter().enumerate() {
            let allow = segment.select(filter);
            let rows = segment.after(id, limit, allow.as_ref());
            let ids = &segment.segment.ids;
            found.extend(rows.map(|row| (ids.id(row).to_owned(), Place { part, row })));
        }
        found.sort_unstable();
        found.truncate(limit);
        let stored = found.into_iter();
        stored
            .filter_map(|(id, place)| Some((id, view.stored(place)?)))
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn words(&self) -> MutexGuard<'_, Vec<WordsIndexes>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes what a tail takes of a new version.
fn prepare(schema: &Schema, step: &Step<'_>) -> Option<(Arc<Meta>, Vec<f32>)> {
    let record = step.record?;
    let meta = Meta {
        id: Arc::clone(&step.id),
        columns: fold_columns(&record.payload),
        record: Record {
            id: record.id.clone(),
            vectors: BTreeMap::new(),
            words: record.words.clone(),
            payload: record.payload.clone(),
            summary: record.summary.clone(),
            document: record.document.clone(),
            revision: record.revision.clone(),
        },
    };
    Some((Arc::new(meta), schema.layout.concatenate(&record.vectors)))
}

/// Collects which rows are dead, in the order of the rows.
fn dead_rows(dead: impl ExactSizeIterator<Item = bool>) -> RowSet {
    let count = as_slot(dead.len());
    let rows = (0..count).zip(dead).filter(|(_, dead)| *dead);
    RowSet::of(count, rows.map(|(row, _)| row).collect::<Vec<Slot>>())
}

/// Starts the writing side of the words facets of one tail.
fn start_words(spec: &Spec) -> Result<WordsIndexes, WordsError> {
    let facets = spec.facets.iter();
    let words = facets.filter(|(_, facet)| facet.kind == FacetKind::Words);
    words
        .map(|(name, _)| Ok((name.clone(), WordsIndex::new()?)))
        .collect()
}

fn commit(indexes: &mut WordsIndexes) -> Result<WordsViews, WordsError> {
    indexes
        .iter_mut()
        .map(|(name, index)| Ok((name.clone(), index.commit()?)))
        .collect()
}

#[cfg(test)]
#[path = "collection_tests.rs"]
mod tests;
