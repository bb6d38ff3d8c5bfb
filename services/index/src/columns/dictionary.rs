//! The distinct texts of a column, each with the set of rows that hold it.
//!
//! `texts 4 | end of each text 4 | end of each bitmap 8 | texts | bitmaps`;
//! the texts ascend by bytes, an end is an offset into what follows. A
//! boolean is the text `false` or `true`.

use std::collections::HashMap;

use bytes::Bytes;

use super::bitmap::{self, Bitmap};
use super::bits::as_index;
use super::format::{Cursor, Damage, ensure, u32_bytes};
use crate::segment::arrays::{partition, u32_at, u64_at};
use crate::segment::files::as_u64;

/// The stored dictionary of a column.
pub(super) struct Dictionary {
    count: u32,
    text_ends: Bytes,
    bitmap_ends: Bytes,
    texts: Bytes,
    bitmaps: Bytes,
}

impl Dictionary {
    /// Reads a dictionary and checks it wholly.
    ///
    /// # Errors
    /// When it does not have the described form.
    pub(super) fn decode(section: Bytes, rows: u32) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(section);
        let count = cursor.u32("the number of texts")?;
        let text_ends = cursor.array(count, 4, "the ends of texts")?;
        let bitmap_ends = cursor.array(count, 8, "the ends of bitmaps")?;
        let last = as_index(count).checked_sub(1);
        let text_bytes = last.map_or(0, |last| u32_at(&text_ends, last));
        let texts = cursor.take(as_index(text_bytes), "a text")?;
        let dictionary = Self {
            count,
            text_ends,
            bitmap_ends,
            texts,
            bitmaps: cursor.rest(),
        };
        dictionary.check(rows)?;
        Ok(dictionary)
    }

    fn check(&self, rows: u32) -> Result<(), Damage> {
        let mut last = None;
        for index in 0..self.count {
            let text = self
                .stored_text(index)
                .ok_or_else(|| Damage::new("the ends of texts do not ascend"))?;
            ensure(last < Some(text), "texts are out of order")?;
            last = Some(text);
            let stored = self
                .stored_bitmap(index)
                .ok_or_else(|| Damage::new("the ends of bitmaps do not ascend"))?;
            Bitmap::checked(stored, rows)?;
        }
        let end = as_index(self.count)
            .checked_sub(1)
            .map_or(0, |last| u64_at(&self.bitmap_ends, last));
        ensure(
            end == as_u64(self.bitmaps.len()),
            "bytes are left over behind the bitmaps",
        )
    }

    /// Returns the rows that hold a text.
    pub(super) fn get(&self, text: &str) -> Option<Bitmap<'_>> {
        let text = text.as_bytes();
        let index = partition(0, self.count, |index| {
            self.stored_text(index).is_some_and(|stored| stored < text)
        });
        if index == self.count || self.stored_text(index) != Some(text) {
            return None;
        }
        Bitmap::of(self.stored_bitmap(index)?)
    }

    fn stored_text(&self, index: u32) -> Option<&[u8]> {
        let index = as_index(index);
        let from = index
            .checked_sub(1)
            .map_or(0, |i| u32_at(&self.text_ends, i));
        let to = u32_at(&self.text_ends, index);
        self.texts.get(as_index(from)..as_index(to))
    }

    fn stored_bitmap(&self, index: u32) -> Option<&[u8]> {
        let index = as_index(index);
        let before = index.checked_sub(1);
        let from = before.map_or(0, |before| u64_at(&self.bitmap_ends, before));
        let to = u64_at(&self.bitmap_ends, index);
        let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
        self.bitmaps.get(range)
    }
}

/// Collects the rows of each text.
#[derive(Default)]
pub(super) struct DictionaryBuilder {
    places: HashMap<Box<str>, usize>,
    rows: Vec<Vec<u32>>,
}

impl DictionaryBuilder {
    /// Notes that a row holds a text; rows come in ascending order, and a text
    /// that the row already has counts once.
    pub(super) fn push(&mut self, text: &str, row: u32) {
        let place = self.places.get(text).copied().unwrap_or_else(|| {
            self.rows.push(Vec::new());
            self.places.insert(text.into(), self.rows.len() - 1);
            self.rows.len() - 1
        });
        if let Some(rows) = self.rows.get_mut(place)
            && rows.last() != Some(&row)
        {
            rows.push(row);
        }
    }

    /// Tells whether no row has a text.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Stores the dictionary of a segment of `rows` rows.
    ///
    /// # Errors
    /// When the texts take four gigabytes and more.
    pub(super) fn encode(self, rows: u32) -> Result<Vec<u8>, Damage> {
        let mut sorted: Vec<(Box<str>, usize)> = self.places.into_iter().collect();
        sorted.sort_unstable();
        let (mut text_ends, mut bitmap_ends) = (Vec::new(), Vec::new());
        let (mut texts, mut bitmaps) = (Vec::new(), Vec::new());
        for (text, place) in &sorted {
            texts.extend_from_slice(text.as_bytes());
            text_ends.extend(u32_bytes(texts.len())?);
            let set = self.rows.get(*place).map_or(&[][..], Vec::as_slice);
            bitmap::store(set, rows, &mut bitmaps)?;
            bitmap_ends.extend(as_u64(bitmaps.len()).to_le_bytes());
        }
        let mut section = u32_bytes(sorted.len())?.to_vec();
        for part in [text_ends, bitmap_ends, texts, bitmaps] {
            section.extend(part);
        }
        Ok(section)
    }
}
