//! One sound file for each target, to begin with.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use vivier_ann::{BuildOptions, Unwatched};

use crate::codec::encode_operation;
use crate::collection::{Collection, Publish};
use crate::log::{Log, LogError};
use crate::model::{FacetKind, FacetSpec, Operation, Record, Spec, Value, Words};
use crate::segment::manifest::Manifest;
use crate::segment::write::SegmentWriter;

const POINTS: u8 = 40;

fn spec() -> Spec {
    let facet = |kind, default_weight| FacetSpec {
        kind,
        default_weight,
    };
    Spec {
        name: "people".to_owned(),
        facets: BTreeMap::from([
            ("text".to_owned(), facet(FacetKind::Dense(3), 1.0)),
            ("words".to_owned(), facet(FacetKind::Words, 0.5)),
        ]),
        model_fingerprint: "f".to_owned(),
    }
}

fn record(number: u8) -> Record {
    let value = match number % 5 {
        0 => Value::Strings(vec!["a".to_owned(), "b".to_owned()]),
        1 => Value::Number(f64::from(number)),
        2 => Value::Boolean(number.is_multiple_of(2)),
        3 => Value::Date(i32::from(number) * 500),
        _ => Value::Coordinates {
            latitude: f64::from(number),
            longitude: 2.0,
        },
    };
    let text = ["rust search", "the search of rust and rust", "grey"][usize::from(number % 3)];
    let words = Words {
        text: text.to_owned(),
        lang: "en".to_owned(),
    };
    let vector = vec![f32::from(number % 31), 1.0, -0.5];
    Record {
        id: format!("p{number}"),
        vectors: BTreeMap::from([("text".to_owned(), vector)]),
        words: BTreeMap::from([("words".to_owned(), words)]),
        payload: ["x", "y"]
            .map(|column| (column.to_owned(), value.clone()))
            .into(),
        summary: b"summary".to_vec(),
        document: b"document".to_vec(),
        revision: b"r1".to_vec(),
    }
}

/// Writes a folder for each target below one, with a sound file in it.
///
/// # Errors
/// When the disk or the index refuses.
pub fn write(corpora: &Path) -> io::Result<()> {
    let scratch = corpora.join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let upsert = Operation::Upsert {
        collection: spec().name,
        records: (0..POINTS).map(record).collect(),
    };
    let few = Operation::Upsert {
        collection: spec().name,
        records: vec![record(1), record(3)],
    };
    let delete = Operation::Delete {
        collection: spec().name,
        ids: vec!["p1".to_owned()],
    };
    let create = Operation::Create(spec());
    let add = Operation::AddFacet {
        collection: spec().name,
        facet: "skills".to_owned(),
        spec: FacetSpec {
            kind: FacetKind::Dense(2),
            default_weight: 0.5,
        },
    };
    let aliases = Operation::SetAliases(BTreeMap::from([("live".to_owned(), spec().name)]));
    for (name, operation) in [
        ("create", &create),
        ("upsert", &few),
        ("delete", &delete),
        ("add", &add),
        ("aliases", &aliases),
    ] {
        put(corpora, "operation", name, &encode_operation(operation))?;
    }
    let mut log =
        Log::open(&scratch, 0, 0, |_, _| Ok::<(), LogError>(())).map_err(io::Error::other)?;
    for operations in [&[&create, &few][..], &[&delete]] {
        log.append(operations).map_err(io::Error::other)?;
    }
    let collection = Collection::new(spec(), 0).map_err(io::Error::other)?;
    collection
        .apply(&[&upsert], Publish::Now)
        .map_err(io::Error::other)?;
    collection.freeze(1).map_err(io::Error::other)?;
    let Some((sequence, source)) = collection.to_seal() else {
        return Err(io::Error::other("nothing is frozen"));
    };
    let writer = SegmentWriter {
        data: &scratch,
        schema: &collection.schema(),
        options: BuildOptions {
            m: 8,
            ef_construction: 16,
        },
        watch: &Unwatched,
    };
    let written = writer.write(1, &[source]).map_err(io::Error::other)?;
    collection.sealed(sequence, Some(written));
    collection
        .apply(&[&delete], Publish::Now)
        .map_err(io::Error::other)?;
    let manifest = Manifest {
        next_segment: 2,
        sequence: 3,
        collections: [(spec().name, collection.listed(3))].into(),
        aliases: BTreeMap::from([("live".to_owned(), spec().name)]),
    };
    manifest.write(&scratch).map_err(io::Error::other)?;
    let segment = crate::segment::folder(&scratch, 1);
    for (target, file) in [
        ("manifest", Manifest::path(&scratch)),
        ("log", scratch.join("log-00000000000000000001.bin")),
        ("records", segment.join("records.bin")),
        ("ids", segment.join("ids.bin")),
        ("columns", segment.join("columns.bin")),
        ("vectors", segment.join("vectors.ann")),
        ("forward", segment.join("words-0/rows.fwd")),
        ("sums", segment.join("words-0/SUMS")),
    ] {
        put(corpora, target, "seed", &std::fs::read(file)?)?;
    }
    std::fs::remove_dir_all(scratch)
}

fn put(corpora: &Path, target: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let folder = corpora.join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), content)
}
