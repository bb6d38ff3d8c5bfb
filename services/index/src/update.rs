//! Updates of some facets of points: the writer joins them with what is stored, so
//! that the log holds whole records, and doing an operation again changes nothing.

use std::collections::BTreeMap;

use crate::collection::Collection;
use crate::model::{FacetUpdate, Outcome, Record};
use crate::segment::files::FileError;

/// Size from which records are written before more are read, in bytes: an update is
/// small, the documents that it leaves as they are may be large.
const CHUNK_BYTES: usize = 16 << 20;

/// Takes the next updates from the list, at least one, and joins them with their
/// records. Updates of one point follow each other. Those of points that are not
/// there, or have another revision, are counted in the outcome.
///
/// # Errors
/// When a record cannot be read.
pub(crate) fn join(
    collection: &Collection,
    updates: &mut impl Iterator<Item = FacetUpdate>,
    outcome: &mut Outcome,
) -> Result<Vec<Record>, FileError> {
    let mut joined: BTreeMap<String, Record> = BTreeMap::new();
    let mut bytes = 0;
    while bytes < CHUNK_BYTES
        && let Some(update) = updates.next()
    {
        let earlier = joined.remove(&update.id);
        let is_joined = earlier.is_some();
        let record = match earlier {
            Some(record) => Some(record),
            None => {
                let found = collection.find(std::slice::from_ref(&update.id));
                found.first().map(|stored| stored.whole()).transpose()?
            }
        };
        let Some(mut record) = record else {
            outcome.unknown += 1;
            continue;
        };
        bytes += record.log_bytes();
        let fits = update.if_revision.is_empty() || update.if_revision == record.revision;
        if fits {
            record.vectors.extend(update.vectors);
            record.words.extend(update.words);
        } else {
            outcome.stale += 1;
        }
        if fits || is_joined {
            joined.insert(update.id, record);
        }
    }
    Ok(joined.into_values().collect())
}
