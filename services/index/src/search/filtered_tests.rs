//! Searches that walk over the graph, under filters and without, against exhaustive
//! ones. Facets have unit length, as those of an encoder, and queries are drawn as the
//! points are: for queries unlike all points a walk must be wider.

use super::*;

/// So many that a walk pays where a filter leaves a tenth of them.
const POINTS: usize = 120_000;
/// Points that pass a filter, and how the best of them are found.
const FILTERS: [(usize, Plan); 5] = [
    (POINTS / 2, Plan::FilteredGraph),
    (POINTS / 10, Plan::FilteredGraph),
    (POINTS / 100, Plan::FilteredScan),
    (POINTS / 1_000, Plan::FilteredScan),
    (POINTS / 10_000, Plan::FilteredScan),
];
const K: usize = 100;
/// Little more than `K`: a wider walk costs more than a scan of a tenth.
const WIDTH: usize = 130;
const QUERIES: usize = 20;

/// What a point is filtered by: a draw, or its place along an axis of the vectors.
const COLUMNS: [&str; 2] = ["number", "along"];

/// A pool in one segment, and records like those of the pool to ask for. Each point has
/// a number in each column, and for each filter that its number passes a tag.
fn segment(folder: &std::path::Path) -> (Collection, Vec<Record>) {
    let mut records = pool(&mut Random::new(31), POINTS + QUERIES);
    for record in &mut records {
        record.words.clear();
        for vector in record.vectors.values_mut() {
            let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|value| *value /= norm);
        }
    }
    let asked = records.split_off(POINTS);
    records.sort_by(|a, b| a.vectors["text"][0].total_cmp(&b.vectors["text"][0]));
    for (rank, record) in records.iter_mut().enumerate() {
        let number: usize = record.id.parse().unwrap();
        let mut tags = Vec::new();
        for (column, value) in COLUMNS.into_iter().zip([number, rank]) {
            let float = Value::Number(f64::from(u32::try_from(value).unwrap()));
            record.payload.insert(column.to_owned(), float);
            let passed = FILTERS.iter().filter(|(passing, _)| value < *passing);
            tags.extend(passed.map(|(passing, _)| tag(column, *passing)));
        }
        let tags = Value::Strings(tags);
        record.payload.insert("tags".to_owned(), tags);
    }
    let collection = filled(records);
    // On one thread equal vectors make equal graphs.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.unwrap().install(|| seal(&collection, folder, 1));
    (collection, asked)
}

fn tag(column: &str, passing: usize) -> String {
    format!("{column} below {passing}")
}

/// Writes one filter as a range and as a set.
fn both_ways(column: &str, passing: usize) -> [Option<Filter>; 2] {
    let max = f64::from(u32::try_from(passing).unwrap()) - 1.0;
    let range = Test::Range { min: 0.0, max };
    let set = Test::In(vec![tag(column, passing)]);
    [self::column(column, range), self::column("tags", set)]
}

/// Asks by both facets of a record.
fn like(record: &Record, filter: Option<Filter>) -> Query {
    let facets = record.vectors.iter();
    let facets = facets.map(|(name, vector)| {
        let input = FacetInput::Vector(vector.clone());
        (name.clone(), (input, 1.0))
    });
    Query {
        facets: facets.collect(),
        reported: BTreeMap::new(),
        filter,
        k: K,
        ef: WIDTH,
        exact: false,
        fusion: Fusion::Sum,
    }
}

/// Returns the share of the exact answers that was found, and the plans.
fn asked_for(
    collection: &Collection,
    asked: &[Record],
    filter: &Option<Filter>,
) -> (f64, Vec<Found>) {
    let (mut shared, mut wanted) = (0, 0);
    let mut all = Vec::new();
    for record in asked {
        let mut query = like(record, filter.clone());
        let found = run(collection, &query, &small_graphs());
        query.exact = true;
        let exact = run(collection, &query, &small_graphs());
        let best = ids(&exact);
        assert_eq!(best.len(), found.hits.len());
        shared += ids(&found).iter().filter(|id| best.contains(id)).count();
        wanted += best.len();
        all.push(found);
    }
    let float = |count| f64::from(u32::try_from(count).unwrap());
    (float(shared) / float(wanted), all)
}

#[test]
fn a_walk_finds_what_an_exact_scan_finds_also_under_filters() {
    let folder = tempfile::tempdir().unwrap();
    let (collection, asked) = segment(folder.path());
    let (recall, found) = asked_for(&collection, &asked, &None);
    println!("all: recall {recall}");
    assert!(recall >= 0.99, "recall {recall}");
    assert!(found.iter().all(|found| found.plan == Plan::Graph));
    for column in COLUMNS {
        for (passing, plan) in FILTERS {
            let [range, set] = both_ways(column, passing);
            let (recall, found) = asked_for(&collection, &asked, &range);
            let planned = found.iter().filter(|found| found.plan == plan).count();
            println!("{column} {passing}: recall {recall}, {plan:?} {planned} of {QUERIES}");
            assert!(recall >= 0.99, "{column} {passing}: recall {recall}");
            // Where all that passes lies apart from the query, a walk ends as a scan.
            let least = if column == "number" { QUERIES } else { 1 };
            assert!(planned >= least, "{column} {passing}: {planned} {plan:?}");
            let (_, by_set) = asked_for(&collection, &asked, &set);
            for (found, by_set) in found.iter().zip(&by_set) {
                assert_eq!(found.matching, Some(passing));
                assert_eq!(found.hits, by_set.hits, "{column} {passing}");
                assert_eq!(found.plan, by_set.plan, "{column} {passing}");
            }
        }
    }
}
