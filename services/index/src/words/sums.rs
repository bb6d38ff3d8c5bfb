//! The list of a segment's files with their sizes and checksums.
//!
//! A text file, `SUMS`: a line that names the format, the number of rows, a line
//! for each file (CRC-32 in hexadecimal, bytes, name), and the CRC-32 of all
//! lines before. It is written last, so a folder without it is an unfinished
//! segment.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use super::WordsError;

/// Name of the list.
const LIST: &str = "SUMS";
/// First line: the format of the whole folder.
const FORMAT: &str = "vivier words segment 1";
/// Greatest size of the list: a segment has about ten files.
const MAX_LIST_BYTES: u64 = 64 << 10;
const READ_BYTES: usize = 1 << 20;

/// Lists every file of a finished segment and makes all durable.
pub(super) fn write(folder: &Path, rows: u32) -> Result<(), WordsError> {
    let mut list = format!("{FORMAT}\nrows {rows}\n");
    for path in files(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (sum, bytes) = sum(&path)?;
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(WordsError::file(&path))?;
        // Writing to a string does not fail.
        writeln!(list, "{sum:08x} {bytes} {name}").unwrap_or_default();
    }
    writeln!(list, "{:08x}", crc32fast::hash(list.as_bytes())).unwrap_or_default();
    let path = folder.join(LIST);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(list.as_bytes())?;
        file.sync_all()
    });
    written.map_err(WordsError::file(&path))?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(WordsError::file(folder))
}

/// Compares every listed file with the list; returns the number of rows and the
/// checksum of the list.
pub(super) fn verify(folder: &Path) -> Result<(u32, u32), WordsError> {
    let path = folder.join(LIST);
    let damaged = |reason: &str| WordsError::damaged(&path, reason);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_LIST_BYTES).read_to_end(&mut bytes))
        .map_err(WordsError::file(&path))?;
    let list = std::str::from_utf8(&bytes).map_err(|_| damaged("it is no text"))?;
    let body = list.trim_end_matches('\n');
    let (_, last) = body.rsplit_once('\n').ok_or_else(|| damaged("too short"))?;
    let lines = list
        .strip_suffix(&format!("{last}\n"))
        .ok_or_else(|| damaged("it does not end with a line"))?;
    let checksum = crc32fast::hash(lines.as_bytes());
    if format!("{checksum:08x}") != last {
        return Err(damaged("its checksum differs"));
    }
    let mut lines = lines.lines();
    if lines.next() != Some(FORMAT) {
        return Err(damaged("unknown format"));
    }
    let rows = lines.next().and_then(|line| line.strip_prefix("rows "));
    let rows = rows.and_then(|rows| rows.parse().ok());
    let rows = rows.ok_or_else(|| damaged("no number of rows"))?;
    for line in lines {
        let mut fields = line.splitn(3, ' ');
        let (Some(wanted), Some(size), Some(name)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(damaged("a line is not sum, size and name"));
        };
        verify_file(&folder.join(name), wanted, size)?;
    }
    Ok((rows, checksum))
}

fn verify_file(path: &Path, wanted: &str, size: &str) -> Result<(), WordsError> {
    let (found, bytes) = sum(path)?;
    if bytes.to_string() != size {
        let reason = format!("it has {bytes} bytes, expected {size}");
        return Err(WordsError::damaged(path, reason));
    }
    if format!("{found:08x}") != wanted {
        let reason = format!("its checksum is {found:08x}, expected {wanted}");
        return Err(WordsError::damaged(path, reason));
    }
    Ok(())
}

/// Returns CRC-32 and size.
fn sum(path: &Path) -> Result<(u32, u64), WordsError> {
    let mut file = File::open(path).map_err(WordsError::file(path))?;
    let mut buffer = vec![0; READ_BYTES];
    let mut hasher = crc32fast::Hasher::new();
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(WordsError::file(path))?;
        if read == 0 {
            return Ok((hasher.finalize(), bytes));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        bytes += u64::try_from(read).unwrap_or_default();
    }
}

/// Returns the files of a folder in the order of their names, locks left out.
fn files(folder: &Path) -> Result<Vec<PathBuf>, WordsError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(WordsError::file(folder))? {
        let path = entry.map_err(WordsError::file(folder))?.path();
        let is_lock = path.extension().is_some_and(|end| end == "lock");
        if path.is_file() && !is_lock {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_of_every_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("a"), "some bytes").unwrap();
        std::fs::write(path.join("b"), "").unwrap();
        write(path, 7).unwrap();
        assert_eq!(verify(path).unwrap().0, 7);
        for name in ["a", LIST] {
            let good = std::fs::read(path.join(name)).unwrap();
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(path.join(name), &bad).unwrap();
                let error = verify(path).unwrap_err().to_string();
                assert!(error.contains(&format!("/{name} is damaged")), "{error}");
            }
            for length in 0..good.len() {
                std::fs::write(path.join(name), &good[..length]).unwrap();
                assert!(verify(path).is_err(), "{name} cut to {length}");
            }
            std::fs::write(path.join(name), &good).unwrap();
        }
        std::fs::remove_file(path.join("b")).unwrap();
        assert!(verify(path).unwrap_err().to_string().contains("/b "));
    }
}
