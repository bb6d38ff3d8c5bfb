//! Words and personal names that are also names of places.

/// Tells whether a folded name is an ordinary word.
pub(crate) fn is_ordinary(folded: &str) -> bool {
    matches!(folded, "of")
}
