//! What a collection counts of itself.

use crate::collection::Collection;
use crate::view::Part;

/// Counts of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) points: usize,
    /// Dead rows of segments.
    pub(crate) tombstones: usize,
    /// Live rows of segments.
    pub(crate) sealed_points: usize,
    pub(crate) segments: usize,
    /// Bytes of vectors that searches touch.
    pub(crate) vector_bytes: usize,
}

impl Collection {
    /// Counts its points.
    pub(crate) fn counts(&self) -> Counts {
        let view = self.view();
        let mut counts = Counts {
            points: view.live(),
            segments: view.segments.len(),
            ..Counts::default()
        };
        for part in view.parts() {
            match part {
                Part::Tail(tail) => counts.vector_bytes += tail.points.vector_bytes(),
                Part::Segment(view) => {
                    let vectors = view.segment.vectors.as_ref();
                    counts.vector_bytes += vectors.map_or(0, vivier_ann::Segment::resident_bytes);
                    counts.sealed_points += part.live();
                    let rows = crate::points::as_index(view.segment.rows());
                    counts.tombstones += rows - part.live();
                }
            }
        }
        counts
    }
}
