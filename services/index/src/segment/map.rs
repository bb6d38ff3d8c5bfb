//! Maps an immutable file into memory.
#![expect(unsafe_code, reason = "a mapped file is foreign memory")]

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;
use memmap2::Mmap;

/// Maps a whole file that nobody will change any more.
///
/// # Errors
/// When it cannot be opened or mapped.
pub(crate) fn map(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the file got its name only when it was complete and synced, and
    // files of a segment are never written again, only replaced or unlinked as
    // a whole, which leaves a mapping as it was. Another process that cuts the
    // file short would end this one with a bus error: the data folder is
    // locked against a second index, and others have no business there.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Bytes::from_owner(map))
}
