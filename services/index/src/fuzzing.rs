//! The door of the fuzzer (`tests/fuzz`) to the decoders of files, and to filters. Not
//! part of the interface: behind the feature `fuzzing`.
//!
//! Files are behind checksums, which no random change would pass: what a target is
//! given is tried as it is, and again with its checksums made right. What opens is
//! used, since searches check nothing any more.

mod filters;
mod seal;
mod seeds;

use std::path::Path;

use bytes::Bytes;

use crate::codec::{decode_operation, encode_operation};
use crate::columns::Columns;
use crate::filter::{Filter, Test};
use crate::log::{Log, LogError};
use crate::segment::ids::Ids;
use crate::segment::manifest::Manifest;
use crate::segment::records::Records;

pub use filters::filters;
pub use seeds::write as write_seeds;

/// Most rows of an opened file that are looked at.
const ROWS: u32 = 64;

/// A folder in memory for those files that are opened by name.
fn with_file(name: &str, content: &[u8], open: impl FnOnce(&Path)) {
    let base = Path::new("/dev/shm");
    let folder = base.join(format!("vivier-fuzz-{}", std::process::id()));
    let path = folder.join(name);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, content));
    if written.is_ok() {
        open(&path);
    }
}

/// Decodes an operation; what decodes survives a round trip.
pub fn operation(bytes: &[u8]) {
    if let Ok(operation) = decode_operation(bytes) {
        let again = encode_operation(&operation);
        assert_eq!(
            decode_operation(&again).map(|operation| encode_operation(&operation)),
            Ok(again),
            "what was decoded is encoded again"
        );
    }
}

/// Opens a log; a log that opened opens again and says the same.
pub fn log(bytes: &[u8]) {
    let open = |path: &Path| {
        let mut seen = Vec::new();
        let folder = path.parent().unwrap_or(path);
        let log = Log::open(folder, 0, 0, |sequence, operation| {
            seen.push((sequence, encode_operation(&operation)));
            Ok::<(), LogError>(())
        });
        log.map(|log| (log.last_sequence(), seen))
    };
    for content in [bytes.to_vec(), seal::log(bytes)] {
        with_file("log-00000000000000000001.bin", &content, |path| {
            if let Ok(first) = open(path) {
                assert_eq!(open(path).ok(), Some(first), "a second start sees the same");
            }
        });
    }
}

/// Decodes a manifest.
pub fn manifest(bytes: &[u8]) {
    for content in [bytes.to_vec(), seal::manifest(bytes)] {
        drop(Manifest::decode(&content));
    }
}

/// Opens ids and looks up every row.
pub fn ids(bytes: &[u8]) {
    for content in [bytes.to_vec(), seal::end(bytes)] {
        let Ok(ids) = Ids::from_bytes(&content.into()) else {
            continue;
        };
        for row in 0..ids.rows().min(ROWS) {
            let id = ids.id(row).to_owned();
            let found = ids.row(&id);
            assert!(found.is_none_or(|found| ids.id(found) == id), "{id}");
            ids.after(&id).take(3).for_each(drop);
        }
    }
}

/// Opens records and reads every row.
pub fn records(bytes: &[u8]) {
    for content in [bytes.to_vec(), seal::records(bytes)] {
        with_file("records.bin", &content, |path| {
            if let Ok(records) = Records::open(path) {
                for row in 0..records.rows().min(ROWS) {
                    drop(records.record(row));
                    drop(records.words(row));
                    drop(records.document(row));
                }
            }
        });
    }
}

/// Opens columns and selects by every kind of test.
pub fn columns(bytes: &[u8]) {
    let tests = [
        Test::In(vec!["a".to_owned(), "b".to_owned()]),
        Test::Range {
            min: -1.0,
            max: 20_000.0,
        },
        Test::Is(true),
        Test::Within {
            center: (48.0, 2.0),
            radius_km: 900.0,
        },
        Test::Missing(false),
    ];
    for content in [bytes.to_vec(), seal::columns(bytes)] {
        let Ok(columns) = Columns::from_bytes(Bytes::from(content)) else {
            continue;
        };
        if columns.rows() > 1 << 20 {
            continue;
        }
        for name in ["x", "y", "z"] {
            for test in &tests {
                let column = name.to_owned();
                let filter = Filter::Column {
                    column,
                    test: test.clone(),
                };
                let selected = columns.select(&filter);
                assert_eq!(selected.len(), columns.rows());
                let both = Filter::Any(vec![filter.clone(), Filter::Not(Box::new(filter))]);
                assert_eq!(columns.select(&both).count(), columns.rows());
            }
        }
    }
}

/// Opens the forward file of a words segment and reads every row.
pub fn forward(bytes: &[u8]) {
    crate::words::fuzz_forward(bytes);
}

/// Opens the list of a words segment's files.
pub fn sums(bytes: &[u8]) {
    for content in [bytes.to_vec(), seal::sums(bytes)] {
        with_file("SUMS", &content, |path| {
            crate::words::fuzz_sums(path.parent().unwrap_or(path));
        });
    }
}

/// Opens vectors and searches them.
pub fn vectors(bytes: &[u8]) {
    for content in [bytes.to_vec(), seal::vectors(bytes)] {
        with_file("vectors.ann", &content, |path| {
            let Ok(segment) = vivier_ann::Segment::open(path) else {
                return;
            };
            let dim = segment.layout().dim();
            let weights = vec![1.0; segment.layout().facets().len()];
            let Ok(query) = segment.query(&vec![0.5; dim], &weights) else {
                return;
            };
            let options = vivier_ann::SearchOptions { k: 5, ef: 10 };
            let mut scratch = vivier_ann::Scratch::default();
            drop(query.search(options, None, &mut scratch));
            let some = vivier_ann::RowSet::of(segment.rows(), [0, 2, 5]);
            drop(query.search(options, Some(&some), &mut scratch));
            for row in 0..segment.rows().min(ROWS) {
                query.score(row);
            }
        });
    }
}
