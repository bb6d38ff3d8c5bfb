//! Place names in running text.
use crate::resolve::Resolution;
/// A place name in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention<'g> {
    /// Where it stands, in bytes.
    pub range: std::ops::Range<usize>,
    /// What it names.
    pub resolution: Resolution<'g>,
}
impl crate::Gazetteer {
    /// Finds.
    pub fn mentions<'g>(&'g self, _text: &str) -> Vec<Mention<'g>> {
        Vec::new()
    }
}
