//! A text without personal details, and where its parts stood.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::edit::Edit;
use crate::kind::Counts;

/// A stretch of the clean text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    clean: Range<usize>,
    original: Range<usize>,
    /// Whether the text was kept as it was.
    kept: bool,
}

impl Piece {
    fn original_offset(&self, at: usize) -> usize {
        if self.kept {
            self.original.start + at.min(self.clean.end) - self.clean.start
        } else {
            self.original.start
        }
    }
}

/// A text without personal details.
///
/// What was removed is counted and not kept; [`fmt::Debug`] shows no text.
#[derive(Clone, PartialEq, Eq)]
pub struct Stripped<'a> {
    text: Cow<'a, str>,
    removed: Counts,
    pieces: Vec<Piece>,
    original_length: usize,
}

impl<'a> Stripped<'a> {
    /// Wraps a text of which nothing was removed.
    pub(crate) fn unchanged(text: &'a str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            removed: Counts::default(),
            pieces: Vec::new(),
            original_length: text.len(),
        }
    }

    /// Applies edits of the original text, which are in order and apart.
    pub(crate) fn apply(original: &'a str, edits: &[Edit], removed: Counts) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut pieces = Vec::with_capacity(2 * edits.len() + 1);
        let mut done = 0;
        let mut push = |part: &str, original: Range<usize>, kept: bool| {
            let start = text.len();
            text.push_str(part);
            if !part.is_empty() {
                pieces.push(Piece {
                    clean: start..text.len(),
                    original,
                    kept,
                });
            }
        };
        for edit in edits {
            push(
                &original[done..edit.range.start],
                done..edit.range.start,
                true,
            );
            push(&edit.instead, edit.range.clone(), false);
            done = edit.range.end;
        }
        push(&original[done..], done..original.len(), true);
        Self {
            text: Cow::Owned(text),
            removed,
            pieces,
            original_length: original.len(),
        }
    }

    /// Returns the clean text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the clean text itself.
    pub fn into_text(self) -> Cow<'a, str> {
        self.text
    }

    /// Returns how many details of each kind were removed.
    pub fn removed(&self) -> Counts {
        self.removed
    }

    /// Returns where the byte at an offset of the clean text stood in the
    /// original.
    ///
    /// Defined for every offset; greater offsets never stand earlier. The end
    /// of the clean text stands for the end of its last kept part. What was
    /// written in place of a detail stands where the detail started.
    pub fn original_offset(&self, at: usize) -> usize {
        if matches!(self.text, Cow::Borrowed(_)) {
            return at.min(self.original_length);
        }
        let piece = self.last_piece(|piece| piece.clean.start <= at);
        piece.map_or(0, |piece| piece.original_offset(at))
    }

    /// Returns where a range of the clean text stood in the original: from its
    /// first byte to its last, with what was removed between.
    pub fn original_range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.original_offset(range.start);
        if matches!(self.text, Cow::Borrowed(_)) {
            return start..self.original_offset(range.end).max(start);
        }
        let last = self.last_piece(|piece| piece.clean.start < range.end);
        let end = last.map_or(start, |piece| {
            if piece.kept {
                piece.original_offset(range.end)
            } else {
                piece.original.end
            }
        });
        start..end.max(start)
    }

    fn last_piece(&self, starts_before: impl Fn(&Piece) -> bool) -> Option<&Piece> {
        let next = self.pieces.partition_point(starts_before);
        self.pieces.get(next.checked_sub(1)?)
    }
}

impl fmt::Debug for Stripped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripped")
            .field("length", &self.text.len())
            .field("original_length", &self.original_length)
            .field("removed", &self.removed)
            .finish_non_exhaustive()
    }
}
