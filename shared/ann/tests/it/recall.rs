//! What is found, against exact search over the f32 vectors.

use std::collections::HashSet;
use std::path::Path;

use vivier_ann::{
    BuildOptions, Facet, Found, Hit, Layout, Plan, RowSet, Scratch, SearchOptions, Segment,
    Unwatched, Vectors, build,
};

use crate::random::{Random, clustered};

/// Rows wanted.
const K: usize = 100;
/// Width of searches.
const EF: usize = 300;

/// A segment and what it was made of.
struct Made {
    segment: Segment,
    /// By row.
    vectors: Vec<Vec<f32>>,
    _folder: tempfile::TempDir,
}

fn layout(dims: &[usize]) -> Layout {
    let facets = dims.iter().enumerate().map(|(at, dim)| Facet {
        name: format!("facet {at}"),
        dim: *dim,
        usual_weight: 1.0,
    });
    Layout::new(facets.collect()).unwrap()
}

fn make(values: &[f32], layout: &Layout) -> Made {
    let vectors = Vectors::new(values, layout).unwrap();
    let options = BuildOptions::default();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    let built = pool
        .install(|| build(vectors, layout, &options, &Unwatched))
        .unwrap()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.ann");
    built.write(&path, "a model").unwrap();
    let segment = Segment::open(Path::new(&path)).unwrap();
    assert_eq!(segment.fingerprint(), "a model");
    assert_eq!(segment.layout(), layout);
    let rows = built
        .order()
        .iter()
        .map(|input| vectors.get(usize::try_from(*input).unwrap()).to_vec());
    Made {
        segment,
        vectors: rows.collect(),
        _folder: folder,
    }
}

impl Made {
    fn weighted(&self, row: u32, query: &[f32], weights: &[f32]) -> f64 {
        let vector = &self.vectors[usize::try_from(row).unwrap()];
        let ranges = self.segment.layout().ranges().zip(weights);
        ranges
            .map(|(range, weight)| {
                let products = query[range.clone()].iter().zip(&vector[range]);
                products
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum::<f64>()
                    * f64::from(*weight)
            })
            .sum()
    }

    /// Returns the exact best, by the f32 vectors.
    fn exact(&self, asked: &Asked<'_>) -> Vec<(f64, u32)> {
        let allowed = |row: &u32| asked.allow.is_none_or(|allow| allow.contains(*row));
        let rows = (0..self.segment.rows()).filter(allowed);
        let score = |row| (self.weighted(row, asked.query, asked.weights), row);
        let mut exact: Vec<(f64, u32)> = rows.map(score).collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        exact.truncate(K);
        exact
    }

    /// Returns the share of the exact best that was found; the answer itself must be
    /// right: its scores, its order, its length, its filter.
    fn recall(&self, asked: &Asked<'_>, exact: &[(f64, u32)], found: &Found) -> f64 {
        assert_eq!(found.hits.len(), exact.len());
        // A row within the rounding of 16 bits of the last is as good.
        let last = exact.last().map_or(0.0, |last| last.0) - 1e-4;
        let mut good = 0;
        for hit in &found.hits {
            assert!(asked.allow.is_none_or(|allow| allow.contains(hit.row)));
            let true_score = self.weighted(hit.row, asked.query, asked.weights);
            let error = (f64::from(hit.score) - true_score).abs();
            let reach: f32 = asked.weights.iter().sum();
            assert!(error < 1e-4 * f64::from(reach), "{hit:?} {true_score}");
            good += usize::from(true_score >= last);
        }
        let ordered = |a: &Hit, b: &Hit| a.score > b.score || (a.score == b.score && a.row < b.row);
        assert!(found.hits.is_sorted_by(ordered));
        let rows: HashSet<u32> = found.hits.iter().map(|hit| hit.row).collect();
        assert_eq!(rows.len(), found.hits.len());
        ratio(good, exact.len())
    }
}

/// A search to be made.
#[derive(Clone, Copy)]
struct Asked<'a> {
    query: &'a [f32],
    weights: &'a [f32],
    allow: Option<&'a RowSet>,
}

/// Returns a share of a number, at least 1.
fn portion(whole: usize, share: f64) -> usize {
    (1..whole)
        .find(|part| ratio(*part, whole) >= share)
        .unwrap_or(whole)
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |number: usize| f64::from(u32::try_from(number).unwrap());
    if whole == 0 {
        1.0
    } else {
        float(part) / float(whole)
    }
}

/// Searches and scans; returns the mean recall of searches and their plans.
fn mean_recall(
    made: &Made,
    queries: &[f32],
    weights: &[f32],
    allow: Option<&RowSet>,
) -> (f64, Vec<Plan>) {
    let mut scratch = Scratch::default();
    let mut sum = 0.0;
    let mut plans = Vec::new();
    for query in queries.chunks(made.segment.layout().dim()) {
        let asked = Asked {
            query,
            weights,
            allow,
        };
        let prepared = made.segment.query(query, weights).unwrap();
        let found = prepared
            .search(SearchOptions { k: K, ef: EF }, allow, &mut scratch)
            .unwrap();
        let exact = made.exact(&asked);
        sum += made.recall(&asked, &exact, &found);
        plans.push(found.plan);
        let scanned = prepared.scan(K, allow, &mut scratch).unwrap();
        let recall = made.recall(&asked, &exact, &scanned);
        assert!(recall > 0.9999, "a scan found {recall}");
    }
    (sum / f64::from(u32::try_from(plans.len()).unwrap()), plans)
}

#[test]
fn the_graph_finds_what_a_scan_finds() {
    let values = clustered(20_000, 64, 50, 1);
    let (points, queries) = values.split_at(19_950 * 64);
    let made = make(points, &layout(&[64]));
    let (recall, plans) = mean_recall(&made, queries, &[1.0], None);
    assert!(recall >= 0.99, "recall {recall}");
    assert!(plans.iter().all(|plan| *plan == Plan::Graph));
}

#[test]
fn equal_vectors_are_one_node_and_all_found() {
    let mut values = clustered(3_000, 16, 10, 2);
    let copies: Vec<f32> = values[..1_000 * 16].to_vec();
    values.extend(copies);
    values.extend(vec![0.0; 500 * 16]);
    let made = make(&values, &layout(&[16]));
    let queries = clustered(20, 16, 10, 3);
    let (recall, _) = mean_recall(&made, &queries, &[1.0], None);
    assert!(recall >= 0.99, "recall {recall}");
    let mut random = Random::new(4);
    let rows = made.segment.rows();
    let allow = RowSet::of(rows, (0..rows).filter(|_| random.below(3) == 0));
    let (recall, _) = mean_recall(&made, &queries, &[1.0], Some(&allow));
    assert!(recall >= 0.99, "recall {recall}");
}

/// Three facets, of unit length each, drawn independently: 32, 16 and 3 values.
fn facets(count: usize, seed: u64) -> Vec<f32> {
    let parts = [(32, 60), (16, 20), (3, 40)];
    let drawn: Vec<(usize, Vec<f32>)> = (seed..)
        .zip(parts)
        .map(|(seed, (dim, clusters))| (dim, clustered(count, dim, clusters, seed)))
        .collect();
    let point = |at: usize| {
        drawn
            .iter()
            .flat_map(move |(dim, values)| values[at * dim..(at + 1) * dim].to_vec())
    };
    (0..count).flat_map(point).collect()
}

#[test]
fn weights_that_are_not_usual_are_served_too() {
    let values = facets(60_020, 11);
    let (points, queries) = values.split_at(60_000 * 51);
    let made = make(points, &layout(&[32, 16, 3]));
    for weights in [
        [1.0, 1.0, 1.0],
        [0.0, 1.0, 1.0],
        [1.0, 1.0, 0.0],
        [4.0, 1.0, 1.0],
        [1.0, 1.0, 4.0],
        [0.0, 4.0, 1.0],
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
    ] {
        let (recall, plans) = mean_recall(&made, queries, &weights, None);
        assert!(recall >= 0.99, "{weights:?}: recall {recall}");
        assert!(plans.contains(&Plan::Graph), "{weights:?}: {plans:?}");
        let query = made.segment.query(&queries[..51], &weights).unwrap();
        let parts = query.parts(&[7]);
        let sum: f32 = parts
            .iter()
            .zip(&weights)
            .map(|(part, weight)| part * weight)
            .sum();
        assert!((sum - query.score(7).unwrap()).abs() < 1e-4, "{parts:?}");
    }
}

#[test]
fn filters_of_every_kind_are_served() {
    let values = clustered(60_015, 32, 100, 21);
    let (points, queries) = values.split_at(60_000 * 32);
    let made = make(points, &layout(&[32]));
    let rows = made.segment.rows();
    let mut random = Random::new(5);
    let mut walked = 0;
    for share in [0.9, 0.75, 0.5, 0.4, 0.1, 0.01, 0.001, 0.0001] {
        let mut drawn = |_: &u32| random.unit() < share;
        let anywhere = RowSet::of(rows, (0..rows).filter(&mut drawn));
        // Whole neighbourhoods: rows lie in their order.
        let blocks: Vec<bool> = (0..=rows / 50).map(|block| drawn(&block)).collect();
        let somewhere = (0..rows).filter(|row| blocks[usize::try_from(row / 50).unwrap()]);
        let somewhere = RowSet::of(rows, somewhere);
        // Those on one side of a plane.
        let side: Vec<f32> = (0..32).map(|_| random.normal()).collect();
        let count = usize::try_from(rows).unwrap();
        let side = made.segment.query(&side, &[1.0]).unwrap();
        let ordered = side
            .scan(count, None, &mut Scratch::default())
            .unwrap()
            .hits;
        let kept = portion(count, share);
        let half = RowSet::of(rows, ordered.iter().take(kept).map(|hit| hit.row));
        for (kind, allow) in [("random", anywhere), ("blocks", somewhere), ("half", half)] {
            let (recall, plans) = mean_recall(&made, queries, &[1.0], Some(&allow));
            assert!(recall >= 0.99, "{kind} {share}: recall {recall}");
            walked += plans.iter().filter(|plan| **plan != Plan::Scan).count();
            let around = plans.contains(&Plan::Filtered);
            assert!(
                share < 0.7 || !around || kind == "half",
                "{kind} {share}: {plans:?}"
            );
        }
    }
    assert!(walked >= 120, "{walked} searches over the graph");
}

#[test]
fn a_filter_that_allows_only_the_unlike_is_served() {
    let values = clustered(60_010, 32, 100, 31);
    let (points, queries) = values.split_at(60_000 * 32);
    let made = make(points, &layout(&[32]));
    let rows = made.segment.rows();
    for query in queries.chunks(32) {
        let opposite: Vec<f32> = query.iter().map(|value| -value).collect();
        let prepared = made.segment.query(&opposite, &[1.0]).unwrap();
        let worst = prepared
            .scan(30_000, None, &mut Scratch::default())
            .unwrap()
            .hits;
        let allow = RowSet::of(rows, worst.iter().map(|hit| hit.row));
        let (recall, _) = mean_recall(&made, query, &[1.0], Some(&allow));
        assert!(recall >= 0.99, "recall {recall}");
    }
}

#[test]
fn wrong_shapes_are_refused() {
    let values = clustered(50, 8, 3, 1);
    let made = make(&values, &layout(&[6, 2]));
    let segment = &made.segment;
    assert!(segment.query(&[0.0; 7], &[1.0, 1.0]).is_err());
    assert!(segment.query(&[0.0; 8], &[1.0]).is_err());
    assert!(segment.query(&[f32::NAN; 8], &[1.0, 1.0]).is_err());
    let query = segment.query(&[1.0; 8], &[1.0, 1.0]).unwrap();
    let other = RowSet::full(51);
    assert!(
        query
            .scan(3, Some(&other), &mut Scratch::default())
            .is_err()
    );
    assert_eq!((query.score(50), query.parts(&[50])), (None, vec![0.0; 2]));
    assert_eq!(segment.vector(50), None);
    let vector = segment.vector(49).unwrap();
    let sum: f32 = vector.iter().sum();
    assert!((sum - query.score(49).unwrap()).abs() < 1e-3, "{vector:?}");
    let nothing = RowSet::empty(50);
    let found = query
        .scan(3, Some(&nothing), &mut Scratch::default())
        .unwrap();
    assert!(found.hits.is_empty());
    assert!(
        query
            .scan(0, None, &mut Scratch::default())
            .unwrap()
            .hits
            .is_empty()
    );
    assert!(Vectors::new(&[f32::INFINITY; 8], segment.layout()).is_err());
    assert!(Vectors::new(&[0.0; 9], segment.layout()).is_err());
}

/// Counts calls, and stops a build after a few.
struct Few(std::sync::atomic::AtomicUsize);

impl vivier_ann::Watch for Few {
    fn progress(&self, done: usize, all: usize) {
        assert!(done <= all);
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) >= 3
    }
}

#[test]
fn a_build_tells_how_far_it_is_and_stops_when_asked() {
    let values = clustered(4_000, 8, 10, 9);
    let layout = layout(&[8]);
    let vectors = Vectors::new(&values, &layout).unwrap();
    let few = Few(std::sync::atomic::AtomicUsize::new(0));
    let built = build(vectors, &layout, &BuildOptions::default(), &few).unwrap();
    assert!(built.is_none());
    assert!(few.0.into_inner() >= 3);
}

#[test]
fn a_facet_may_count_against_a_row() {
    let values = facets(20_010, 41);
    let (points, queries) = values.split_at(20_000 * 51);
    let made = make(points, &layout(&[32, 16, 3]));
    let (recall, _) = mean_recall(&made, queries, &[1.0, 1.0, -1.0], None);
    assert!(recall >= 0.99, "recall {recall}");
}
