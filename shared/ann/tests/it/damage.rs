//! Files that are not what was written.

use std::path::Path;

use vivier_ann::{AnnError, BuildOptions, Layout, Segment, Unwatched, Vectors, build};

use crate::random::clustered;

fn write_small(path: &Path) {
    let mut values = clustered(60, 5, 3, 7);
    let copies = values[..10].to_vec();
    values.extend(copies);
    let layout = Layout::single(5).unwrap();
    let vectors = Vectors::new(&values, &layout).unwrap();
    let options = BuildOptions {
        m: 2,
        ef_construction: 10,
    };
    let built = build(vectors, &layout, &options, &Unwatched)
        .unwrap()
        .unwrap();
    assert_eq!(built.copies(), 2);
    built.write(path, "a model").unwrap();
}

#[test]
fn every_flipped_byte_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.ann");
    write_small(&path);
    let whole = std::fs::read(&path).unwrap();
    let mut sections = std::collections::BTreeSet::new();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let damaged = folder.path().join("damaged.ann");
        std::fs::write(&damaged, &bytes).unwrap();
        let error = Segment::open(&damaged)
            .err()
            .unwrap_or_else(|| panic!("byte {at} was not missed"));
        assert!(error.to_string().contains("damaged.ann"), "{error}");
        let AnnError::Damaged { section, .. } = error else {
            panic!("byte {at}: {error}");
        };
        sections.insert(section);
    }
    let names = [
        "copies",
        "factors",
        "first plane",
        "header",
        "links",
        "meta",
        "scales",
        "second plane",
        "upper levels",
    ];
    assert!(
        names.iter().all(|name| sections.contains(name)),
        "{sections:?}"
    );
}

#[test]
fn every_shorter_and_longer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.ann");
    write_small(&path);
    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.ann");
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&cut, &whole[..length]).unwrap();
        assert!(Segment::open(&cut).is_err(), "{length} bytes");
    }
    let mut longer = whole;
    longer.extend([0; 64]);
    std::fs::write(&cut, &longer).unwrap();
    assert!(Segment::open(&cut).is_err());
    assert!(matches!(
        Segment::open(Path::new("/nowhere")),
        Err(AnnError::Io { .. })
    ));
}

#[test]
fn an_empty_segment_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.ann");
    let layout = Layout::single(3).unwrap();
    let vectors = Vectors::new(&[], &layout).unwrap();
    let built = build(vectors, &layout, &BuildOptions::default(), &Unwatched)
        .unwrap()
        .unwrap();
    built.write(&path, "").unwrap();
    let segment = Segment::open(&path).unwrap();
    let query = segment.query(&[1.0, 0.0, 0.0], &[1.0]).unwrap();
    let mut scratch = vivier_ann::Scratch::default();
    let options = vivier_ann::SearchOptions { k: 3, ef: 10 };
    assert!(
        query
            .search(options, None, &mut scratch)
            .unwrap()
            .hits
            .is_empty()
    );
    assert_eq!(query.score(0), None);
}
