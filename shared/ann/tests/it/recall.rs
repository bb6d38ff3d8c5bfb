//! What is found, against exact search over the f32 vectors.

use std::collections::HashSet;
use std::path::Path;

use vivier_ann::{
    BuildOptions, Facet, Found, Layout, Plan, RowSet, Scratch, SearchOptions, Segment, Unwatched,
    Vectors, build,
};

use crate::random::{Random, clustered};

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

    /// Returns the share of the exact best that was found; the answer itself must be
    /// right: its scores, its order, its length, its filter.
    fn recall(
        &self,
        found: &Found,
        query: &[f32],
        weights: &[f32],
        allow: Option<&RowSet>,
        k: usize,
    ) -> f64 {
        let rows = 0..self.segment.rows();
        let mut exact: Vec<(f64, u32)> = rows
            .filter(|row| allow.is_none_or(|allow| allow.contains(*row)))
            .map(|row| (self.weighted(row, query, weights), row))
            .collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        exact.truncate(k);
        assert_eq!(found.hits.len(), exact.len());
        for hit in &found.hits {
            assert!(allow.is_none_or(|allow| allow.contains(hit.row)));
            let true_score = self.weighted(hit.row, query, weights);
            assert!(
                (f64::from(hit.score) - true_score).abs() < 1e-3,
                "{hit:?} {true_score}"
            );
        }
        let ordered = found
            .hits
            .is_sorted_by(|a, b| a.score > b.score || (a.score == b.score && a.row < b.row));
        assert!(ordered);
        let rows: HashSet<u32> = found.hits.iter().map(|hit| hit.row).collect();
        assert_eq!(rows.len(), found.hits.len());
        let last = exact.last().map_or(0.0, |last| last.0);
        // A row within rounding of the last is as good.
        let good = found
            .hits
            .iter()
            .filter(|hit| self.weighted(hit.row, query, weights) >= last - 1e-5);
        ratio(good.count(), exact.len())
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |number: usize| f64::from(u32::try_from(number).unwrap());
    if whole == 0 {
        1.0
    } else {
        float(part) / float(whole)
    }
}

fn mean_recall(
    made: &Made,
    queries: &[f32],
    weights: &[f32],
    ef: usize,
    allow: Option<&RowSet>,
) -> (f64, Vec<Plan>) {
    let mut scratch = Scratch::default();
    let dim = made.segment.layout().dim();
    let mut sum = 0.0;
    let mut plans = Vec::new();
    for query in queries.chunks(dim) {
        let prepared = made.segment.query(query, weights).unwrap();
        let found = prepared
            .search(SearchOptions { k: 100, ef }, allow, &mut scratch)
            .unwrap();
        sum += made.recall(&found, query, weights, allow, 100);
        plans.push(found.plan);
        let scanned = prepared.scan(100, allow, &mut scratch).unwrap();
        let recall = made.recall(&scanned, query, weights, allow, 100);
        assert!(recall > 0.9999, "a scan found {recall}");
    }
    (sum / f64::from(u32::try_from(plans.len()).unwrap()), plans)
}

#[test]
fn the_graph_finds_what_a_scan_finds() {
    let values = clustered(20_000, 64, 50, 1);
    let (points, queries) = values.split_at(19_950 * 64);
    let made = make(points, &layout(&[64]));
    let (recall, plans) = mean_recall(&made, queries, &[1.0], 300, None);
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
    let (recall, _) = mean_recall(&made, &queries, &[1.0], 200, None);
    assert!(recall >= 0.99, "recall {recall}");
    let mut random = Random::new(4);
    let rows = made.segment.rows();
    let allow = RowSet::of(rows, (0..rows).filter(|_| random.below(3) == 0));
    let (recall, _) = mean_recall(&made, &queries, &[1.0], 200, Some(&allow));
    assert!(recall >= 0.99, "recall {recall}");
}
