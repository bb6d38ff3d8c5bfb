//! What one search sees of a collection: its segments and tails, unchanging.

use std::sync::Arc;

use crate::model::Record;
use crate::points::{Meta, Slot};
use crate::read::Parts;
use crate::schema::Schema;
use crate::segment::files::FileError;
use crate::segment::{Segment, SegmentView};
use crate::tail::TailView;

/// Where a point is in a view: a part and a row (a slot in a tail).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) part: usize,
    pub(crate) row: Slot,
}

/// A view: segments first, then tails, each from oldest to newest.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// What the newest points look like; older parts may lack facets of it.
    pub(crate) schema: Arc<Schema>,
    pub(crate) segments: Vec<SegmentView>,
    pub(crate) tails: Vec<TailView>,
}

/// One part of a view.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Segment(&'a SegmentView),
    Tail(&'a TailView),
}

impl View {
    /// Returns the parts; their places in this order are the parts of a
    /// [`Place`].
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let segments = self.segments.iter().map(Part::Segment);
        segments.chain(self.tails.iter().map(Part::Tail))
    }

    /// Returns one part.
    pub(crate) fn part(&self, part: usize) -> Option<Part<'_>> {
        match part.checked_sub(self.segments.len()) {
            None => self.segments.get(part).map(Part::Segment),
            Some(tail) => self.tails.get(tail).map(Part::Tail),
        }
    }

    /// Counts the live points.
    pub(crate) fn live(&self) -> usize {
        self.parts().map(|part| part.live()).sum()
    }

    /// Returns the id of a point; empty when there is none.
    pub(crate) fn id(&self, place: Place) -> &str {
        match self.part(place.part) {
            Some(Part::Segment(view)) => view.segment.ids.id(place.row),
            Some(Part::Tail(tail)) => tail
                .points
                .get(place.row)
                .map_or("", |point| &point.meta.id),
            None => "",
        }
    }

    /// Returns a handle of a live point that outlives the view.
    pub(crate) fn stored(&self, place: Place) -> Option<Stored> {
        match self.part(place.part)? {
            Part::Segment(view) => Some(Stored::Row(Arc::clone(&view.segment), place.row)),
            Part::Tail(tail) => {
                let point = tail.points.get(place.row)?;
                let vector = point.vector.to_vec();
                Some(Stored::New(
                    Arc::clone(point.meta),
                    vector,
                    Arc::clone(&tail.schema),
                ))
            }
        }
    }
}

impl Part<'_> {
    /// Counts the live points.
    pub(crate) fn live(self) -> usize {
        match self {
            Self::Segment(view) => crate::points::as_index(view.live()),
            Self::Tail(tail) => tail.points.live(),
        }
    }
}

/// A stored point, to read parts of its record.
pub(crate) enum Stored {
    /// In a tail, with its concatenated vector and what that is made of.
    New(Arc<Meta>, Vec<f32>, Arc<Schema>),
    /// A row of a segment.
    Row(Arc<Segment>, Slot),
}

impl Stored {
    /// Reads the whole record.
    ///
    /// # Errors
    /// When the segment cannot be read or is damaged.
    pub(crate) fn whole(&self) -> Result<Record, FileError> {
        match self {
            Self::New(meta, vector, schema) => Ok(Record {
                vectors: schema.layout.split(vector),
                ..meta.record.clone()
            }),
            Self::Row(segment, row) => segment.records.record(*row),
        }
    }

    /// Reads the wanted parts; id and revision always come.
    ///
    /// # Errors
    /// When the segment cannot be read or is damaged.
    pub(crate) fn read(&self, parts: Parts) -> Result<Record, FileError> {
        match self {
            Self::New(meta, vector, schema) => {
                let stored = &meta.record;
                let mut record = Record {
                    id: stored.id.clone(),
                    revision: stored.revision.clone(),
                    ..Record::default()
                };
                if parts.payload {
                    record.payload.clone_from(&stored.payload);
                }
                if parts.summary {
                    record.summary.clone_from(&stored.summary);
                }
                if parts.document {
                    record.document.clone_from(&stored.document);
                }
                if parts.vectors {
                    record.vectors = schema.layout.split(vector);
                }
                Ok(record)
            }
            Self::Row(segment, row) => {
                let head = if parts.payload {
                    segment.records.head(*row)?
                } else {
                    segment.records.summary(*row)?
                };
                let mut record = Record {
                    id: head.id,
                    revision: head.revision,
                    ..Record::default()
                };
                if parts.payload {
                    record.payload = head.payload;
                }
                if parts.summary {
                    record.summary = head.summary;
                }
                if parts.document {
                    record.document = segment.records.document(*row)?;
                }
                if parts.vectors {
                    record.vectors = segment.records.vectors(*row)?;
                }
                Ok(record)
            }
        }
    }
}
