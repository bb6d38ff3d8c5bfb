//! How a collection gets one more facet while it is in use.
//!
//! Nothing that is there is written anew: the tail is frozen, the next one has the
//! new facet, and so have the segments made from then on.

use std::sync::Arc;

use crate::collection::state::Frozen;
use crate::collection::{Collection, commit, start_words};
use crate::model::FacetSpec;
use crate::tail::Tail;
use crate::words::WordsError;

impl Collection {
    /// Adds a facet, as operation `sequence` does; nothing happens when it is there.
    /// Called by the writer.
    ///
    /// # Errors
    /// When the words index does not start.
    pub(crate) fn add_facet(
        &self,
        name: &str,
        facet: FacetSpec,
        sequence: u64,
    ) -> Result<(), WordsError> {
        let schema = self.schema();
        if schema.spec.facets.contains_key(name) {
            return Ok(());
        }
        let schema = schema.with(name, facet);
        let mut words = start_words(&schema.spec)?;
        let tail = Tail::new(Arc::clone(&schema), commit(&mut words)?);
        let is_empty = self.tail_size().0 == 0;
        let mut indexes = self.words();
        let mut state = self.write();
        state.schema = schema;
        if is_empty {
            indexes.pop();
            state.tails.pop();
        } else {
            state.frozen.push(Frozen { sequence });
        }
        indexes.push(words);
        state.tails.push(tail);
        Ok(())
    }
}
