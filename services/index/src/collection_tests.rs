//! A collection against a map, through every way in which its points are kept.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::{GraphConfig, WordsConfig};
use crate::model::{FacetSpec, Value, Words};
use crate::read::Parts;
use crate::search::{FacetInput, Fusion, Query, Settings, search};
use crate::testing::{merge, seal};

fn spec() -> Spec {
    let facet = |kind| FacetSpec {
        kind,
        default_weight: 1.0,
    };
    Spec {
        name: "a".to_owned(),
        facets: [
            ("text".to_owned(), facet(FacetKind::Dense(2))),
            ("words".to_owned(), facet(FacetKind::Words)),
        ]
        .into(),
        model_fingerprint: "f".to_owned(),
    }
}

fn record(id: &str, value: u8, text: &str) -> Record {
    Record {
        id: id.to_owned(),
        vectors: [("text".to_owned(), vec![f32::from(value), 1.0])].into(),
        words: [("words".to_owned(), words(text))].into(),
        payload: [("n".to_owned(), Value::Number(value.into()))].into(),
        summary: format!("summary {value}").into_bytes(),
        document: format!("document {id} {value} {text}").into_bytes(),
        revision: vec![value],
    }
}

fn words(text: &str) -> Words {
    Words {
        text: text.to_owned(),
        lang: String::new(),
    }
}

fn upsert(records: Vec<Record>) -> Operation {
    Operation::Upsert {
        collection: "a".to_owned(),
        records,
    }
}

fn delete(ids: &[&str]) -> Operation {
    Operation::Delete {
        collection: "a".to_owned(),
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    }
}

const ALL: Parts = Parts {
    payload: true,
    summary: true,
    document: true,
    vectors: true,
};

/// Every record in id order, as readers get it; words are never given back.
fn contents(collection: &Collection) -> Vec<Record> {
    let found = collection.after("", 1_000, None);
    let records = found.iter().map(|(id, stored)| {
        let record = stored.read(ALL).unwrap();
        assert_eq!(*id, record.id);
        record
    });
    records.collect()
}

fn expected(model: &BTreeMap<String, Record>) -> Vec<Record> {
    let records = model.values().cloned();
    let bare = records.map(|record| Record {
        words: BTreeMap::new(),
        ..record
    });
    bare.collect()
}

/// Exact scores by id.
fn scores(collection: &Collection, text: &str) -> Vec<(String, f32)> {
    let query = Query {
        facets: [
            (
                "text".to_owned(),
                (FacetInput::Vector(vec![1.0, 0.5]), 0.25),
            ),
            (
                "words".to_owned(),
                (FacetInput::Words(words(text), Vec::new()), 3.0),
            ),
        ]
        .into(),
        reported: BTreeMap::new(),
        filter: None,
        k: 1_000,
        ef: 200,
        exact: true,
        fusion: Fusion::Sum,
    };
    let config = GraphConfig::default();
    let settings = Settings {
        graph: &config,
        words: &WordsConfig::default(),
    };
    let view = collection.view();
    let found = search(&view, &view.schema.layout, &query, settings).unwrap();
    let mut scores: Vec<_> = found
        .hits
        .into_iter()
        .map(|hit| (hit.id, hit.score))
        .collect();
    scores.sort_by(|a, b| a.0.cmp(&b.0));
    scores
}

#[test]
fn one_group_may_insert_replace_delete_and_insert_again() {
    let collection = Collection::new(spec(), 0).unwrap();
    let operations = [
        upsert(vec![
            record("x", 1, "red"),
            record("y", 2, "red"),
            record("x", 3, "blue"),
        ]),
        delete(&["y", "y", "absent"]),
        upsert(vec![record("y", 4, "green"), record("z", 5, "red")]),
    ];
    let borrowed: Vec<_> = operations.iter().collect();
    let outcomes = collection.apply(&borrowed, Publish::Now).unwrap();
    let counts = |o: &Outcome| (o.inserted, o.replaced, o.deleted);
    assert_eq!(
        outcomes.iter().map(counts).collect::<Vec<_>>(),
        [(2, 1, 0), (0, 0, 1), (2, 0, 0)]
    );
    let found = contents(&collection);
    let shown: Vec<_> = found
        .iter()
        .map(|r| (r.id.as_str(), r.revision[0]))
        .collect();
    assert_eq!(shown, [("x", 3), ("y", 4), ("z", 5)]);
    assert_eq!(collection.counts().points, 3);
    let scored = scores(&collection, "red blue");

    // The same group again changes nothing that a reader sees.
    let outcomes = collection.apply(&borrowed, Publish::Later).unwrap();
    assert_eq!(outcomes[0].inserted, 0);
    collection.publish().unwrap();
    assert_eq!(contents(&collection), found);
    assert_eq!(scores(&collection, "red blue"), scored);
}

#[test]
fn what_dies_while_its_segment_is_made_stays_dead() {
    let folder = tempfile::tempdir().unwrap();
    let collection = Collection::new(spec(), 0).unwrap();
    let names: Vec<String> = (0..9).map(|n| format!("p{n}")).collect();
    let records = names.iter().map(|id| record(id, 1, "red")).collect();
    collection.apply(&[&upsert(records)], Publish::Now).unwrap();
    collection.freeze(7).unwrap();
    assert_eq!(collection.listed(9).sequence, 0);
    let (sequence, source) = collection.to_seal().unwrap();
    let written = crate::testing::write(&collection, folder.path(), 1, &[source]);
    // Meanwhile one is deleted and one replaced.
    let changes = [delete(&["p3"]), upsert(vec![record("p5", 9, "blue")])];
    collection
        .apply(&[&changes[0], &changes[1]], Publish::Now)
        .unwrap();
    let before = (contents(&collection), scores(&collection, "red"));
    collection.sealed(sequence, Some(written));
    assert_eq!((contents(&collection), scores(&collection, "red")), before);
    let counts = collection.counts();
    assert_eq!(
        (counts.points, counts.sealed_points, counts.tombstones),
        (8, 7, 2)
    );
    assert_eq!(collection.listed(9).sequence, 7);

    // The same during a merge.
    seal(&collection, folder.path(), 2);
    let segments = collection.segments();
    let sources: Vec<_> = segments.into_iter().map(Source::Segment).collect();
    let written = crate::testing::write(&collection, folder.path(), 3, &sources);
    collection
        .apply(&[&delete(&["p5", "p6"])], Publish::Now)
        .unwrap();
    let before = (contents(&collection), scores(&collection, "red"));
    collection.merged(&[1, 2], Some(written));
    assert_eq!((contents(&collection), scores(&collection, "red")), before);
    let counts = collection.counts();
    assert_eq!(
        (counts.points, counts.segments, counts.tombstones),
        (6, 1, 2)
    );
    // Nothing is in memory: all that came is in segments.
    assert_eq!(collection.listed(9).sequence, 9);
}

/// What happens to a collection.
#[derive(Clone, Debug)]
enum Event {
    Upsert(Vec<(u8, u8)>),
    Delete(Vec<u8>),
    Seal,
    Merge,
    Reopen,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop::collection::vec((0_u8..30, 0_u8..200), 1..12).prop_map(Event::Upsert),
        2 => prop::collection::vec(0_u8..30, 1..6).prop_map(Event::Delete),
        2 => Just(Event::Seal),
        1 => Just(Event::Merge),
        1 => Just(Event::Reopen),
    ]
}

/// Opens the segments again, as a start does; the tail must be empty.
fn reopen(collection: &Collection, data: &Path) -> Collection {
    let listed = collection.listed(0).segments.into_iter();
    let views = listed.map(|listed| {
        let segment =
            crate::segment::Segment::open_listed(data, &listed, &collection.schema().spec);
        SegmentView::new(Arc::new(segment.unwrap()), &listed.dead)
    });
    Collection::open(collection.schema().spec.clone(), 0, views.collect()).unwrap()
}

#[test]
fn a_tail_that_is_sealed_twice_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let collection = Collection::new(spec(), 0).unwrap();
    let upsert = |id: &str| {
        let operation = Operation::Upsert {
            collection: "people".to_owned(),
            records: vec![record(id, 1, "red")],
        };
        collection.apply(&[&operation], Publish::Now).unwrap();
    };
    upsert("first");
    collection.freeze(1).unwrap();
    upsert("second");
    collection.freeze(2).unwrap();
    let (sequence, source) = collection.to_seal().unwrap();
    let sources = [source];
    for number in [1, 2] {
        let written = crate::testing::write(&collection, folder.path(), number, &sources);
        collection.sealed(sequence, Some(written));
    }
    let ids =
        |points: Vec<(String, Stored)>| points.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(collection.after("", 10, None)), ["first", "second"]);
    assert_eq!(collection.listed(2).sequence, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_collection_equals_a_map(events in prop::collection::vec(event(), 1..14)) {
        let folder = tempfile::tempdir().unwrap();
        let mut collection = Collection::new(spec(), 0).unwrap();
        let mut model: BTreeMap<String, Record> = BTreeMap::new();
        let colours = ["red", "red blue", "green", "blue blue grey"];
        let mut number = 0;
        for event in events {
            number += 1;
            match event {
                Event::Upsert(points) => {
                    let records: Vec<Record> = points
                        .iter()
                        .map(|(id, value)| record(&format!("p{id:02}"), *value, colours[usize::from(*value) % 4]))
                        .collect();
                    model.extend(records.iter().map(|record| (record.id.clone(), record.clone())));
                    collection.apply(&[&upsert(records)], Publish::Now).unwrap();
                }
                Event::Delete(ids) => {
                    let ids: Vec<String> = ids.iter().map(|id| format!("p{id:02}")).collect();
                    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                    ids.iter().for_each(|id| { model.remove(*id); });
                    collection.apply(&[&delete(&ids)], Publish::Now).unwrap();
                }
                Event::Seal if collection.view().tails.iter().all(|tail| tail.points.live() == 0) => {}
                Event::Seal => seal(&collection, folder.path(), number),
                Event::Merge if collection.segments().iter().all(|view| view.live() == 0) => {}
                Event::Merge => merge(&collection, folder.path(), number),
                Event::Reopen if collection.tail_size().0 > 0 => {}
                Event::Reopen => collection = reopen(&collection, folder.path()),
            }
            prop_assert_eq!(contents(&collection), expected(&model));
            prop_assert_eq!(collection.counts().points, model.len());
        }
        // Scores are those of a collection that holds the records in memory;
        // vectors of segments are rounded.
        let fresh = Collection::new(spec(), 0).unwrap();
        fresh.apply(&[&upsert(model.into_values().collect())], Publish::Now).unwrap();
        let (found, wanted) = (scores(&collection, "red grey"), scores(&fresh, "red grey"));
        prop_assert_eq!(found.len(), wanted.len());
        for ((id, score), (wanted_id, wanted_score)) in found.iter().zip(&wanted) {
            prop_assert_eq!(id, wanted_id);
            prop_assert!((score - wanted_score).abs() < 0.01, "{id}: {score} {wanted_score}");
        }
    }
}
