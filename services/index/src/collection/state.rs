//! The live state of a collection.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Record;
use crate::schema::Schema;
use crate::segment::SegmentView;
use crate::tail::Tail;
use crate::view::{Place, View};

/// A tail that takes no points any more.
#[derive(Clone, Copy)]
pub(super) struct Frozen {
    /// Last operation in it.
    pub(super) sequence: u64,
}

/// The live state; of the tails the last takes writes.
pub(super) struct State {
    /// That of the last tail.
    pub(super) schema: Arc<Schema>,
    pub(super) segments: Vec<SegmentView>,
    pub(super) tails: Vec<Tail>,
    /// One for each tail but the last.
    pub(super) frozen: Vec<Frozen>,
    /// Last operation that the segments reflect.
    pub(super) flushed: u64,
}

/// One step of a group of writes.
pub(super) struct Step<'a> {
    pub(super) id: Arc<str>,
    /// Where the version before is; rows of points of this very group are slots
    /// of the last tail.
    pub(super) old: Option<Place>,
    /// The new version, if there is one.
    pub(super) record: Option<&'a Record>,
}

impl State {
    pub(super) fn view(&self) -> View {
        View {
            schema: Arc::clone(&self.schema),
            segments: self.segments.clone(),
            tails: self.tails.iter().map(|tail| tail.view().clone()).collect(),
        }
    }

    /// Finds a live point: its id as shared, and its place.
    pub(super) fn find(&self, id: &str) -> Option<(Arc<str>, Place)> {
        let first = self.segments.len();
        for (number, tail) in self.tails.iter().enumerate().rev() {
            let part = first + number;
            if let Some((id, row)) = tail.find(id) {
                return Some((id, Place { part, row }));
            }
        }
        let segments = self.segments.iter().enumerate().rev();
        let mut found = segments.filter_map(|(part, view)| {
            let row = view.find(id)?;
            Some((Arc::from(id), Place { part, row }))
        });
        found.next()
    }

    /// Finds the shared id and the place that a point has before this step.
    pub(super) fn step<'a>(
        &self,
        id: &str,
        changed: &BTreeMap<&str, Option<Place>>,
        record: Option<&'a Record>,
    ) -> Step<'a> {
        let known = self.find(id);
        let old = match changed.get(id) {
            Some(place) => *place,
            None => known.as_ref().map(|(_, place)| *place),
        };
        Step {
            id: known.map_or_else(|| Arc::from(id), |(id, _)| id),
            old,
            record,
        }
    }

    pub(super) fn remove(&mut self, id: &str, place: Place) {
        match place.part.checked_sub(self.segments.len()) {
            None => {
                if let Some(view) = self.segments.get_mut(place.part) {
                    view.bury(place.row);
                }
            }
            Some(tail) => {
                if let Some(tail) = self.tails.get_mut(tail) {
                    tail.remove(id, place.row);
                }
            }
        }
    }
}
