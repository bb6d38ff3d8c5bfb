//! The fields of a record that may name skills.

use std::ops::Range;

use vivier_identity::Stripped;

/// A field of a record, without personal details.
pub(crate) struct Field<'a> {
    /// Its path, such as `experiences[0].text`.
    pub(crate) path: String,
    /// As it is written.
    pub(crate) written: &'a str,
    /// Without personal details.
    pub(crate) clean: Stripped<'a>,
}

impl<'a> Field<'a> {
    /// Joins what belongs together; `None` for a blank field.
    pub(crate) fn new(path: String, written: &'a str, clean: Stripped<'a>) -> Option<Self> {
        (!written.trim().is_empty()).then_some(Self {
            path,
            written,
            clean,
        })
    }

    /// Returns what stands at a range of the clean text, with its place as written.
    pub(crate) fn at(&self, range: Range<usize>) -> (Range<usize>, &'a str) {
        let range = self.clean.original_range(range);
        (range.clone(), self.written.get(range).unwrap_or_default())
    }
}
