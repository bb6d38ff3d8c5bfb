//! Walks the postings of all terms of a query and sums the score of every row.
//!
//! Rows are taken in windows that fit the cache beside their lengths: within a
//! window, one term after the other adds its parts, a block of postings at a
//! time, at about 2 ns for each posting.
//!
//! Skipping by upper bounds (WAND, MaxScore) does not pay: a vacancy has dozens
//! of terms of similar weight, and the thousandth of a million texts has a score
//! of about 0.06. On 150 adverts over 20,000 texts of recombined CVs, counted at
//! the same share of texts: the terms whose bounds sum to a third of that score
//! hold a fifth of the postings, and to leave them out 5,000 of a million rows
//! would have to be looked up one by one, at 400 ns each; to leave out more, 20,000.

use tantivy::postings::BlockSegmentPostings;

use super::bm25::{Norm, part};
use crate::points::as_index;

/// Rows of one window: 128 KiB of sums and as much of lengths. Half or twice as
/// many are as fast.
const WINDOW: usize = 1 << 15;
const WINDOW_ROWS: u32 = 1 << 15;
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

/// The rows `end - WINDOW..end` with their sums so far. A row's place is the rest
/// of its number, so no place is outside, whatever a file says.
struct Window<'a> {
    end: u32,
    lengths: &'a [[u8; 4]; WINDOW],
    norm: Norm,
    /// In units.
    sums: &'a mut [i32; WINDOW],
}

impl Window<'_> {
    /// Adds one term's parts: at most [`BLOCK`] rows inside the window.
    fn add(&mut self, docs: &[u32], counts: &[u32], share: f32) {
        // Three passes, so that the middle one is done several at a time.
        let mut lengths = [0_u32; BLOCK];
        for (length, doc) in lengths.iter_mut().zip(docs) {
            *length = u32::from_le_bytes(self.lengths[place(*doc)]);
        }
        let mut parts = [0_i32; BLOCK];
        for ((part_of, count), length) in parts.iter_mut().zip(counts).zip(&lengths) {
            *part_of = part(share, *count, self.norm.of(*length));
        }
        for (doc, part) in docs.iter().zip(&parts) {
            self.sums[place(*doc)] += part;
        }
    }
}

#[inline]
fn place(doc: u32) -> usize {
    as_index(doc % WINDOW_ROWS)
}

/// Visits the sums of all rows in ascending order: the first row of a window,
/// and the units of it and those after it.
pub(super) fn walk(
    mut cursors: Vec<Cursor>,
    lengths: &[[u8; 4]],
    norm: Norm,
    mut visit: impl FnMut(u32, &[i32]),
) {
    let mut sums = boxed(0_i32);
    let mut last = boxed([0_u8; 4]);
    let mut first = 0_u32;
    for lengths in lengths.chunks(WINDOW) {
        let rows = lengths.len();
        let lengths: &[[u8; 4]; WINDOW] = match lengths.try_into() {
            Ok(lengths) => lengths,
            Err(_) => {
                for (to, from) in last.iter_mut().zip(lengths) {
                    *to = *from;
                }
                &last
            }
        };
        sums.fill(0);
        let mut window = Window {
            end: first.saturating_add(WINDOW_ROWS),
            lengths,
            norm,
            sums: &mut sums,
        };
        for cursor in &mut cursors {
            cursor.add_to(&mut window);
        }
        visit(first, sums.get(..rows).unwrap_or_default());
        first = first.saturating_add(WINDOW_ROWS);
    }
}

/// An array that the stack would not hold.
fn boxed<T: Copy>(value: T) -> Box<[T; WINDOW]> {
    match vec![value; WINDOW].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => Box::new([value; WINDOW]),
    }
}
