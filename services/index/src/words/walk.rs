//! Walks the postings of all terms of a query and sums the score of every row.
//!
//! Rows are taken in windows that fit the cache beside their lengths: within a
//! window, one term after the other adds its parts, a block of postings at a
//! time. Skipping by upper bounds (WAND, MaxScore) does not pay here: a query
//! has dozens of terms of similar weight, so the bound of the terms left out
//! exceeds the score of the thousandth row until nearly all are walked, while a
//! plain walk costs about a nanosecond for each posting.

use tantivy::postings::BlockSegmentPostings;

use super::bm25::{Norm, part};
use crate::points::as_index;

/// Rows of one window: 256 KiB of sums and as much of lengths.
const WINDOW: u32 = 1 << 16;
/// Postings of one block of tantivy's.
const BLOCK: usize = 128;

/// Where the walk stands in one term's postings.
pub(super) struct Cursor {
    postings: BlockSegmentPostings,
    /// Place in the current block.
    at: usize,
    share: f32,
}

impl Cursor {
    pub(super) fn new(postings: BlockSegmentPostings, share: f32) -> Self {
        Self {
            postings,
            at: 0,
            share,
        }
    }

    /// Adds this term's parts to the rows of a window.
    fn add_to(&mut self, window: &mut Window<'_>) {
        loop {
            let docs = self.postings.docs();
            let Some(last) = docs.last() else {
                return;
            };
            let end = if *last < window.end {
                docs.len()
            } else {
                docs.partition_point(|doc| *doc < window.end)
            };
            let range = self.at..end.max(self.at);
            if let (Some(docs), Some(counts)) = (
                docs.get(range.clone()),
                self.postings.freqs().get(range.clone()),
            ) {
                window.add(docs, counts, self.share);
            }
            self.at = range.end;
            if self.at < docs.len() {
                return;
            }
            self.postings.advance();
            self.at = 0;
        }
    }
}

/// The rows `first..end` with their sums so far.
struct Window<'a> {
    first: u32,
    end: u32,
    lengths: &'a [[u8; 4]],
    norm: Norm,
    /// In units, by row from `first` on.
    sums: &'a mut [i32],
}

impl Window<'_> {
    /// Adds one term's parts: at most [`BLOCK`] rows inside the window.
    fn add(&mut self, docs: &[u32], counts: &[u32], share: f32) {
        // Three passes, so that the middle one is done several at a time.
        let mut lengths = [0_u32; BLOCK];
        for (length, doc) in lengths.iter_mut().zip(docs) {
            let place = as_index(doc.wrapping_sub(self.first));
            *length = self
                .lengths
                .get(place)
                .map_or(1, |v| u32::from_le_bytes(*v));
        }
        let mut parts = [0_i32; BLOCK];
        for ((part_of, count), length) in parts.iter_mut().zip(counts).zip(&lengths) {
            *part_of = part(share, *count, self.norm.of(*length));
        }
        for (doc, part) in docs.iter().zip(&parts) {
            let place = as_index(doc.wrapping_sub(self.first));
            if let Some(sum) = self.sums.get_mut(place) {
                *sum += part;
            }
        }
    }
}

/// Visits the sums of all rows in ascending order: the first row of a window,
/// and the units of it and those after it.
pub(super) fn walk(
    mut cursors: Vec<Cursor>,
    lengths: &[[u8; 4]],
    norm: Norm,
    mut visit: impl FnMut(u32, &[i32]),
) {
    let window_rows = as_index(WINDOW);
    let mut sums = vec![0; window_rows.min(lengths.len())];
    for (first, lengths) in (0_u32..)
        .step_by(window_rows)
        .zip(lengths.chunks(window_rows))
    {
        let sums = sums.get_mut(..lengths.len()).unwrap_or_default();
        sums.fill(0);
        let mut window = Window {
            first,
            end: first.saturating_add(WINDOW),
            lengths,
            norm,
            sums,
        };
        for cursor in &mut cursors {
            cursor.add_to(&mut window);
        }
        visit(first, window.sums);
    }
}
