//! Searches against exhaustive ones.

use proptest::prelude::*;

use super::*;
use crate::collection::{Collection, Publish};
use crate::filter::Test;
use crate::model::{AddedWords, FacetKind, FacetSpec, Operation, Record, Spec, Value};
use crate::testing::{Random, seal};

#[path = "search/filtered_tests.rs"]
mod filtered;

const DIM: usize = 24;

fn spec() -> Spec {
    let facet = |kind| FacetSpec {
        kind,
        default_weight: 1.0,
    };
    Spec {
        name: "a".to_owned(),
        facets: [
            ("geo".to_owned(), facet(FacetKind::Dense(8))),
            ("text".to_owned(), facet(FacetKind::Dense(DIM))),
            ("words".to_owned(), facet(FacetKind::Words)),
        ]
        .into(),
        model_fingerprint: String::new(),
    }
}

/// A seeded pool: texts lie in clusters, norms differ, as facets do.
fn pool(random: &mut Random, count: usize) -> Vec<Record> {
    let centers: Vec<_> = (0..40).map(|_| random.vector(DIM, 1.0)).collect();
    let record = |number: usize| {
        let center = &centers[random.below(centers.len())];
        let noise = random.vector(DIM, 0.6);
        let text = center.iter().zip(noise).map(|(a, b)| a + b).collect();
        let words: Vec<_> = (0..12).map(|_| format!("w{}", random.below(200))).collect();
        let group = if random.below(10) == 0 {
            "rare"
        } else {
            "Common"
        };
        Record {
            id: format!("{number:05}"),
            vectors: [
                ("text".to_owned(), text),
                ("geo".to_owned(), random.vector(8, 0.5)),
            ]
            .into(),
            words: [("words".to_owned(), words_of(&words.join(" ")))].into(),
            payload: [
                ("group".to_owned(), Value::Strings(vec![group.to_owned()])),
                (
                    "number".to_owned(),
                    Value::Number(f64::from(u32::try_from(number).unwrap())),
                ),
            ]
            .into(),
            ..Record::default()
        }
    };
    (0..count).map(record).collect()
}

fn words_of(text: &str) -> Words {
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

fn filled(records: Vec<Record>) -> Collection {
    let collection = Collection::new(spec(), 0).unwrap();
    collection.apply(&[&upsert(records)], Publish::Now).unwrap();
    collection
}

fn query(random: &mut Random, weights: [f32; 3], k: usize) -> Query {
    let words: Vec<_> = (0..6).map(|_| format!("w{}", random.below(220))).collect();
    Query {
        facets: [
            (
                "geo".to_owned(),
                (FacetInput::Vector(random.vector(8, 1.0)), weights[0]),
            ),
            (
                "text".to_owned(),
                (FacetInput::Vector(random.vector(DIM, 1.0)), weights[1]),
            ),
            (
                "words".to_owned(),
                (
                    FacetInput::Words(words_of(&words.join(" ")), Vec::new()),
                    weights[2],
                ),
            ),
        ]
        .into(),
        reported: BTreeMap::new(),
        filter: None,
        k,
        ef: GraphConfig::default().ef_search,
        exact: false,
        fusion: Fusion::Sum,
    }
}

fn run(collection: &Collection, query: &Query, config: &GraphConfig) -> Found {
    let settings = Settings {
        graph: config,
        words: &WordsConfig::default(),
    };
    let view = collection.view();
    search(&view, &view.schema.layout, query, settings).unwrap()
}

fn ids(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.id.as_str()).collect()
}

fn small_graphs() -> GraphConfig {
    GraphConfig {
        scan_points: 500,
        ..GraphConfig::default()
    }
}

fn column(name: &str, test: Test) -> Option<Filter> {
    Some(Filter::Column {
        column: name.to_owned(),
        test,
    })
}

fn below(limit: f64) -> Option<Filter> {
    column(
        "number",
        Test::Range {
            min: 0.0,
            max: limit,
        },
    )
}

/// Share of the exact answer that the graph found, over some queries. Words
/// stay out, so that the vectors alone are judged: walked over or scanned, as
/// they choose.
fn recall(collection: &Collection, weights: [f32; 2]) -> f64 {
    let mut random = Random::new(99);
    let (mut shared, mut wanted) = (0_u32, 0_u32);
    for _ in 0..40 {
        let mut query = query(&mut random, [weights[0], weights[1], 0.0], 100);
        let found = run(collection, &query, &small_graphs());
        query.exact = true;
        let exact = run(collection, &query, &small_graphs());
        let best = ids(&exact);
        shared += u32::try_from(ids(&found).iter().filter(|id| best.contains(id)).count()).unwrap();
        wanted += 100;
    }
    f64::from(shared) / f64::from(wanted)
}

#[test]
fn the_graph_finds_what_an_exact_scan_finds() {
    let mut random = Random::new(5);
    let folder = tempfile::tempdir().unwrap();
    let collection = filled(pool(&mut random, 8_000));
    seal(&collection, folder.path(), 1);
    // A tenth replaced, a tail of new ones: both must not cost recall.
    let mut changed = pool(&mut random, 900);
    changed
        .iter_mut()
        .skip(800)
        .for_each(|record| record.id.push('n'));
    collection.apply(&[&upsert(changed)], Publish::Now).unwrap();
    assert_eq!(collection.counts().tombstones, 800);

    for weights in [[1.0, 1.0], [0.0, 4.0], [0.25, 4.0], [2.0, 1.5]] {
        let found = recall(&collection, weights);
        println!("weights {weights:?}: recall {found}");
        // The floor is .95; these seeds give .97 and more.
        assert!(found >= 0.95, "weights {weights:?}: recall {found}");
    }
}

/// Points of equal trades often come together, and so lie in one segment: the share of
/// the best that it holds is then not its share of the points.
#[test]
fn many_segments_find_what_one_does_also_when_each_holds_its_own_kind() {
    let mut random = Random::new(15);
    let folder = tempfile::tempdir().unwrap();
    let mut records = pool(&mut random, 12_000);
    let axis = |record: &Record| record.vectors["text"][0];
    records.sort_by(|a, b| axis(a).total_cmp(&axis(b)));
    let (mut mixed, mut apart) = (Vec::new(), Vec::new());
    for (number, record) in records.into_iter().enumerate() {
        mixed.push((number % 12, record.clone()));
        apart.push((number / 1_000, record));
    }
    for (name, mut records) in [("mixed", mixed), ("apart", apart)] {
        records.sort_by_key(|(segment, _)| *segment);
        let collection = Collection::new(spec(), 0).unwrap();
        for (number, lot) in (1..).zip(records.chunks(1_000)) {
            let lot = lot.iter().map(|(_, record)| record.clone()).collect();
            collection.apply(&[&upsert(lot)], Publish::Now).unwrap();
            seal(&collection, &folder.path().join(name), number);
        }
        let found = recall(&collection, [1.0, 1.0]);
        println!("{name}: recall {found}");
        assert!(found >= 0.98, "{name}: recall {found}");
        let mut query = query(&mut random, [1.0; 3], 200);
        let found = run(&collection, &query, &small_graphs());
        // Twice the width of 600 and some of equal score, not twelve times.
        assert!(found.scored < 1_800, "{name}: {} scored", found.scored);
        query.facets.retain(|facet, _| facet == "words");
        let found = run(&collection, &query, &small_graphs());
        query.exact = true;
        let exact = run(&collection, &query, &small_graphs());
        assert_eq!(ids(&found), ids(&exact), "{name}");
    }
}

#[test]
fn plans_are_chosen_by_what_passes_and_every_answer_is_full() {
    let mut random = Random::new(6);
    let folder = tempfile::tempdir().unwrap();
    let collection = filled(pool(&mut random, 4_000));
    let config = small_graphs();
    let mut query = query(&mut random, [1.0; 3], 50);
    assert_eq!(run(&collection, &query, &config).plan, Plan::Exact);
    seal(&collection, folder.path(), 1);
    assert_eq!(run(&collection, &query, &config).plan, Plan::Graph);
    query.exact = true;
    let exact = run(&collection, &query, &config);
    assert_eq!(
        (exact.plan, exact.scored, exact.matching),
        (Plan::Exact, 4_000, None)
    );

    query.exact = false;
    for (limit, plan, matching) in [
        (3_000.0, Plan::Graph, 3_001),
        (300.0, Plan::FilteredScan, 301),
        (9.0, Plan::FilteredScan, 10),
        (-1.0, Plan::FilteredScan, 0),
    ] {
        query.filter = below(limit);
        let found = run(&collection, &query, &config);
        assert_eq!((found.plan, found.matching), (plan, Some(matching)));
        assert_eq!(found.hits.len(), matching.min(50));
        assert!(
            found
                .hits
                .iter()
                .all(|hit| hit.id.parse::<f64>().unwrap() <= limit)
        );
    }
    // Case is ignored in sets.
    query.filter = column(
        "group",
        Test::In(vec!["rare".to_owned(), "common".to_owned()]),
    );
    assert_eq!(run(&collection, &query, &config).matching, Some(4_000));
    // Words alone: the best by words, then points without any of them.
    query.facets.retain(|name, _| name == "words");
    query.filter = None;
    let found = run(&collection, &query, &config);
    query.exact = true;
    assert_eq!(found.hits, run(&collection, &query, &config).hits);
    query.facets.insert(
        "words".to_owned(),
        (FacetInput::Words(words_of("nowhere"), Vec::new()), 1.0),
    );
    query.exact = false;
    let found = run(&collection, &query, &config);
    let first: Vec<String> = (0..50).map(|number| format!("{number:05}")).collect();
    assert_eq!(ids(&found), first);
}

#[test]
fn every_plan_gives_a_point_the_same_score_and_words_reach_the_graph() {
    let mut random = Random::new(8);
    let mut records = pool(&mut random, 3_000);
    // Far away by vectors, unique by words.
    records[7].vectors.clear();
    records[7].words = [("words".to_owned(), words_of("needle"))].into();
    let folder = tempfile::tempdir().unwrap();
    let collection = filled(records);
    seal(&collection, folder.path(), 1);
    let mut query = query(&mut random, [0.1, 0.1, 9.0], 20);
    query.facets.insert(
        "words".to_owned(),
        (FacetInput::Words(words_of("needle"), Vec::new()), 9.0),
    );
    let found = run(&collection, &query, &small_graphs());
    assert_eq!(found.plan, Plan::Graph);
    assert_eq!(found.hits[0].id, "00007");
    query.exact = true;
    let exact = run(&collection, &query, &small_graphs());
    for hit in &found.hits {
        let same = exact.hits.iter().find(|other| other.id == hit.id);
        if let Some(same) = same {
            assert_eq!(same.score.to_bits(), hit.score.to_bits());
            assert_eq!(same.parts, hit.parts);
        }
    }
}

#[test]
fn ranks_fuse_as_defined() {
    let records = [
        ("a", 3.0, "xx"),
        ("b", 2.0, "xx yy"),
        ("c", 1.0, "zz"),
        ("d", 0.5, "zz"),
    ];
    let records = records.map(|(id, value, text)| {
        let mut vector = vec![0.0; DIM];
        vector[0] = value;
        Record {
            id: id.to_owned(),
            vectors: [("text".to_owned(), vector)].into(),
            words: [("words".to_owned(), words_of(text))].into(),
            ..Record::default()
        }
    });
    let collection = filled(records.to_vec());
    let mut vector = vec![0.0; DIM];
    vector[0] = 1.0;
    let mut query = query(&mut Random::new(1), [1.0; 3], 3);
    query.fusion = Fusion::Rrf;
    query.facets = [
        ("text".to_owned(), (FacetInput::Vector(vector), 1.0)),
        (
            "words".to_owned(),
            (FacetInput::Words(words_of("yy xx"), Vec::new()), 0.5),
        ),
    ]
    .into();
    let found = run(&collection, &query, &GraphConfig::default());
    let scores: Vec<_> = found
        .hits
        .iter()
        .map(|hit| (hit.id.as_str(), hit.score))
        .collect();
    // Dense order a b c d; words order b a; ties in id order.
    let (first, second) = (1.0 / 61.0_f32 + 1.0 / 62.0, 1.0 / 62.0_f32 + 1.0 / 61.0);
    assert_eq!(scores, [("a", first), ("b", second), ("c", 1.0 / 63.0)]);
    let parts: f32 = found.hits[0].parts.iter().map(|(_, part)| part).sum();
    assert!(parts > 3.0, "the parts are still those of the sum");
}

#[test]
fn added_words_come_on_top_and_what_was_asked_is_reported_as_it_was() {
    let texts = ["xx", "yy", "xx yy", "zz", "yy zz"];
    let records = texts.map(|text| Record {
        id: text.to_owned(),
        words: [("words".to_owned(), words_of(text))].into(),
        ..Record::default()
    });
    let collection = filled(records.to_vec());
    let plain = Query {
        facets: asking("xx", &[]),
        ..query(&mut Random::new(1), [1.0; 3], 5)
    };
    let expanded = |added: &[(&str, f32)]| Query {
        facets: asking("xx", added),
        reported: plain.facets.clone(),
        ..plain.clone()
    };
    let scores = |query: &Query| -> BTreeMap<String, (f32, f32)> {
        let found = run(&collection, query, &GraphConfig::default());
        let hits = found.hits.into_iter();
        hits.map(|hit| {
            let asked = hit.reported.first().map_or(0.0, |(_, part)| *part);
            (hit.id, (hit.score, asked))
        })
        .collect()
    };
    let asked = scores(&plain);
    // Asked for already: its weight here is nothing.
    let with = scores(&expanded(&[("yy", 0.25), ("xx yy", 0.5)]));
    for (id, (score, reported)) in &with {
        assert_eq!(reported.to_bits(), asked[id].0.to_bits(), "{id}");
        assert!(score >= reported, "{id}");
    }
    assert_eq!(with["xx"].0.to_bits(), asked["xx"].0.to_bits());
    assert_eq!(with["zz"].0.to_bits(), 0.0_f32.to_bits());
    // xx is in two texts and yy in three: ln(1 + 3.5 / 2.5) and ln(1 + 2.5 / 3.5).
    let share = 0.5 * (1.0 + 2.5 / 3.5_f32).ln() / (1.0 + 3.5 / 2.5_f32).ln();
    let wanted = share * asked["xx"].0;
    assert!(
        (with["yy"].0 - wanted).abs() < 1e-6,
        "{} {wanted}",
        with["yy"].0
    );
    let both = (asked["xx yy"].0) * (1.0 + share);
    assert!((with["xx yy"].0 - both).abs() < 1e-6);
    // However many are added, they come to the greatest weight at most.
    let many = scores(&expanded(&[("yy zz", 0.5)]));
    assert!(many["yy zz"].0 <= 0.5 && many["yy"].0 < with["yy"].0);
    let only = Query {
        facets: asking("nowhere", &[("zz", 1.0)]),
        ..plain.clone()
    };
    assert!(scores(&only)["zz"].0 > 0.0);
}

/// A query of words alone.
fn asking(text: &str, added: &[(&str, f32)]) -> Inputs {
    let added = added.iter().map(|(text, weight)| AddedWords {
        text: (*text).to_owned(),
        weight: *weight,
    });
    let input = FacetInput::Words(words_of(text), added.collect());
    [("words".to_owned(), (input, 1.0))].into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn parts_sum_to_the_score_and_the_order_is_that_of_a_sort(
        seed in any::<u64>(), weights in [0.0_f32..5.0, 0.0_f32..5.0, 0.0_f32..5.0], k in 1_usize..80)
    {
        let mut random = Random::new(seed);
        let collection = filled(pool(&mut random, 60));
        let query = query(&mut random, weights, k);
        let found = run(&collection, &query, &GraphConfig::default());
        prop_assert_eq!(found.hits.len(), k.min(60));
        for hit in &found.hits {
            let sum: f32 = hit.parts.iter().map(|(_, part)| part).sum();
            prop_assert_eq!(sum.to_bits(), hit.score.to_bits());
        }
        let mut sorted = found.hits.clone();
        sorted.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        prop_assert_eq!(&sorted, &found.hits);
    }
}
