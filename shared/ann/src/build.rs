//! From vectors to a segment's file.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use crate::AnnError;
use crate::audit::unreachable;
use crate::builder::{self, Plan, Watch};
use crate::file::{Sink, Writer};
use crate::flat::Flat;
use crate::graph::Graph;
use crate::kernel::{index, stride};
use crate::layout::Layout;
use crate::links;
use crate::meta::{MAX_M, MAX_META, Meta};
use crate::planes::Rounding;
use crate::reference;
use crate::vectors::Vectors;

/// Widest search for links.
const MAX_EF: usize = 10_000;
/// Vectors up to which hnsw_rs builds the graph: it takes well under a second for them,
/// three times as long as our own builder, and searches scan so few.
const SMALL: usize = 1_000;

/// How the graph of a segment is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// Links of a node above level 0, from 2 to 128; twice as many on level 0.
    pub m: usize,
    /// Width of the search for links.
    pub ef_construction: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            m: 16,
            ef_construction: 200,
        }
    }
}

/// A segment's vectors with their graph, to be written.
pub struct Built<'a> {
    vectors: Vectors<'a>,
    layout: Layout,
    graph: Graph,
    /// Row to input: first the distinct vectors, then the copies.
    order: Vec<u32>,
    /// For each row behind the distinct ones, the row that it equals; ascending.
    copies: Vec<u32>,
    residual: Vec<u32>,
}

/// Builds the graph of vectors on the current rayon pool, which bounds the threads;
/// with one thread the same vectors give the same graph. `None` when `watch` stopped
/// it.
///
/// # Errors
/// When an option is out of bounds, or there is no memory.
pub fn build<'a>(
    vectors: Vectors<'a>,
    layout: &Layout,
    options: &BuildOptions,
    watch: &dyn Watch,
) -> Result<Option<Built<'a>>, AnnError> {
    bounded("m", options.m.max(2), MAX_M)?;
    bounded("ef_construction", options.ef_construction, MAX_EF)?;
    let plan = Plan {
        m: options.m.max(2),
        ef: options.ef_construction.max(options.m),
    };
    let (distinct, copied) = join(vectors);
    let flat = Flat::new(vectors, layout, &distinct)?;
    let graph = if distinct.len() <= SMALL {
        Some(reference::build(&flat, plan))
    } else {
        builder::build(&flat, plan, watch)
    };
    let Some(graph) = graph else {
        return Ok(None);
    };
    let Some(residual) = unreachable(&graph, &flat, watch) else {
        return Ok(None);
    };
    let order = graph.order();
    let graph = graph.renumbered(&order);
    let mut places = vec![0_u32; order.len()];
    for (place, node) in (0_u32..).zip(&order) {
        places[index(*node)] = place;
    }
    let place = |node: u32| places.get(index(node)).copied().unwrap_or_default();
    let mut residual: Vec<u32> = residual.into_iter().map(place).collect();
    residual.sort_unstable();
    let mut copied: Vec<(u32, u32)> = copied
        .into_iter()
        .map(|(input, node)| (place(node), input))
        .collect();
    copied.sort_unstable();
    let inputs = order
        .iter()
        .filter_map(|node| distinct.get(index(*node)).copied());
    let order = inputs
        .chain(copied.iter().map(|(_, input)| *input))
        .collect();
    Ok(Some(Built {
        vectors,
        layout: layout.clone(),
        graph,
        order,
        copies: copied.iter().map(|(row, _)| *row).collect(),
        residual,
    }))
}

fn bounded(what: &'static str, found: usize, limit: usize) -> Result<(), AnnError> {
    if found > limit {
        return Err(AnnError::TooMany { what, found, limit });
    }
    Ok(())
}

/// Returns the inputs of distinct vectors, and for each other input the place among
/// those of the vector that it equals.
fn join(vectors: Vectors<'_>) -> (Vec<u32>, Vec<(u32, u32)>) {
    let count = u32::try_from(vectors.len()).unwrap_or(u32::MAX);
    let mut first: HashMap<u64, u32> = HashMap::with_capacity(vectors.len());
    let mut distinct: Vec<u32> = Vec::with_capacity(vectors.len());
    let mut copied = Vec::new();
    for input in 0..count {
        let vector = vectors.get(index(input));
        let mut hasher = DefaultHasher::new();
        hasher.write(bytemuck::cast_slice(vector));
        let next = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
        let node = *first.entry(hasher.finish()).or_insert(next);
        let same = distinct
            .get(index(node))
            .is_some_and(|other| vectors.get(index(*other)) == vector);
        if same {
            copied.push((input, node));
        } else {
            // New, or of the same hash as another: then it stays alone.
            distinct.push(input);
        }
    }
    (distinct, copied)
}

impl Built<'_> {
    /// Returns the input that each row is: whatever else belongs to the segment is
    /// written in this order.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Counts the rows that the graph does not find; every search scans them.
    pub fn residual(&self) -> usize {
        self.residual.len()
    }

    /// Counts the rows that equal another.
    pub fn copies(&self) -> usize {
        self.copies.len()
    }

    /// Writes the file: under a temporary name, synced, then renamed.
    ///
    /// # Errors
    /// When the file cannot be written, or the fingerprint is too long.
    pub fn write(&self, path: &Path, fingerprint: &str) -> Result<(), AnnError> {
        let meta = self.meta(fingerprint);
        let meta =
            serde_json::to_vec(&meta).map_err(|error| AnnError::io("write", path, error.into()))?;
        bounded(
            "number of bytes that describe the segment",
            meta.len(),
            MAX_META,
        )?;
        let rounding = Rounding::of(self.vectors, &self.layout);
        let mut scales = Vec::with_capacity(self.graph.nodes());
        let mut rest = 0.0_f32;
        self.each(&rounding, |scale, left, _, _| {
            scales.push(scale);
            rest = rest.max(left);
            Ok(())
        })
        .map_err(|source| AnnError::io("write", path, source))?;
        let mut factors = rounding.by_facet.clone();
        factors.extend(Rounding::shares(self.vectors, &self.layout));
        factors.push(rest);
        let mut writer = Writer::create(path)?;
        writer.section(|sink| sink.write(&meta))?;
        writer.section(|sink| floats(sink, &factors))?;
        writer.section(|sink| floats(sink, &scales))?;
        writer.section(|sink| self.each(&rounding, |_, _, first, _| sink.write(first)))?;
        writer.section(|sink| self.each(&rounding, |_, _, _, second| sink.write(second)))?;
        writer.section(|sink| {
            let mut links = self.graph.base.iter();
            links.try_for_each(|link| sink.write(&links::pack(*link)))
        })?;
        writer.section(|sink| {
            self.graph.upper.iter().try_for_each(|level| {
                numbers(sink, &level.nodes)?;
                numbers(sink, &level.links)
            })
        })?;
        writer.section(|sink| numbers(sink, &self.residual))?;
        writer.section(|sink| numbers(sink, &self.copies))?;
        writer.finish()
    }

    fn meta(&self, fingerprint: &str) -> Meta {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Meta {
            fingerprint: fingerprint.to_owned(),
            facets: self.layout.facets().to_vec(),
            rows: count(self.order.len()),
            nodes: count(self.graph.nodes()),
            m: self.graph.m,
            entry: self.graph.entry,
            levels: self
                .graph
                .upper
                .iter()
                .map(|level| count(level.nodes.len()))
                .collect(),
        }
    }

    /// Calls back with scale, rest, and both rows of each distinct vector.
    fn each(
        &self,
        rounding: &Rounding,
        mut take: impl FnMut(f32, f32, &[u8], &[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let stride = stride(self.layout.dim());
        let (mut first, mut second) = (vec![0; stride], vec![0; stride]);
        for input in self.order.iter().take(self.graph.nodes()) {
            let vector = self.vectors.get(index(*input));
            let measures = rounding.encode(vector, &mut first, &mut second);
            take(measures.scale, measures.rest, &first, &second)?;
        }
        Ok(())
    }
}

fn floats(sink: &mut Sink<'_>, values: &[f32]) -> std::io::Result<()> {
    values
        .iter()
        .try_for_each(|value| sink.write(&value.to_le_bytes()))
}

fn numbers(sink: &mut Sink<'_>, values: &[u32]) -> std::io::Result<()> {
    values
        .iter()
        .try_for_each(|value| sink.write(&value.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::builder::Unwatched;
    use crate::row_set::RowSet;
    use crate::search::Wanted;
    use crate::search::{Plan as Way, Scratch, SearchOptions};
    use crate::segment::Segment;
    use crate::testing::Random;

    #[test]
    fn a_small_segment_is_built_opened_and_searched() {
        let values = Random::new(2).vector(60 * 4, 1.0);
        let layout = Layout::single(4).unwrap();
        let vectors = Vectors::new(&values, &layout).unwrap();
        let options = BuildOptions {
            m: 4,
            ef_construction: 16,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        let built = pool
            .unwrap()
            .install(|| build(vectors, &layout, &options, &Unwatched));
        let built = built.unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.ann");
        built.write(&path, "").unwrap();
        let segment = Segment::open(&path).unwrap();
        let query = segment.query(vectors.get(5), &[1.0]).unwrap();
        let mut scratch = Scratch::default();
        let some = RowSet::of(60, (0..60).step_by(2));
        let mut walked = 0;
        for allow in [None, Some(&some)] {
            let exact = query.scan(5, allow, &mut scratch).unwrap();
            if let Some(hits) = query.walked(5, 20, Wanted::around(allow, allow), &mut scratch) {
                assert_eq!(hits, exact.hits);
                walked += 1;
            }
        }
        assert!(walked > 0);
    }

    /// Stops so many questions after all nodes have their links.
    struct StopsAfter {
        linked: AtomicBool,
        left: AtomicUsize,
    }

    impl Watch for StopsAfter {
        fn progress(&self, done: usize, all: usize) {
            self.linked.fetch_or(done == all, Ordering::SeqCst);
        }

        fn stopped(&self) -> bool {
            let less = |left: usize| left.checked_sub(1);
            let order = Ordering::SeqCst;
            self.linked.load(order) && self.left.fetch_update(order, order, less).is_err()
        }
    }

    #[test]
    fn pruning_and_the_audit_stop_when_they_are_told_to() {
        let values = Random::new(3).vector(9_000 * 8, 1.0);
        let layout = Layout::single(8).unwrap();
        let vectors = Vectors::new(&values, &layout).unwrap();
        let ends = |left: usize| {
            let watch = StopsAfter {
                linked: AtomicBool::new(false),
                left: AtomicUsize::new(left),
            };
            let built = build(vectors, &layout, &BuildOptions::default(), &watch).unwrap();
            built.is_none()
        };
        assert!(!ends(usize::MAX));
        // One question when all is linked, one for each of 140 blocks that are pruned, and for
        // each of 35 that are audited, and the levels above.
        for left in [0, 3, 20, 100, 150, 170] {
            assert!(ends(left), "after {left} questions");
        }
    }

    #[test]
    fn what_no_walk_finds_is_found_once() {
        let mut random = Random::new(1);
        let values = random.vector(6_000 * 8, 1.0);
        let layout = Layout::single(8).unwrap();
        let vectors = Vectors::new(&values, &layout).unwrap();
        let options = BuildOptions::default();
        let mut built = build(vectors, &layout, &options, &Unwatched)
            .unwrap()
            .unwrap();
        // Cut some off, and list them together with some that walks find.
        let width = 2 * built.graph.m;
        for link in &mut built.graph.base[..] {
            if (100..110).contains(link) {
                *link = 200;
            }
        }
        for level in &mut built.graph.upper {
            level
                .links
                .iter_mut()
                .filter(|link| (100..110).contains(*link))
                .for_each(|link| *link = 200);
        }
        assert!(built.graph.base.len().is_multiple_of(width));
        built.residual = (100..130).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.ann");
        built.write(&path, "").unwrap();
        let segment = Segment::open(&path).unwrap();
        let mut scratch = Scratch::default();
        for row in 100..130_u32 {
            let vector = vectors.get(index(built.order()[index(row)]));
            let query = segment.query(vector, &[1.0]).unwrap();
            let found = query
                .search(SearchOptions { k: 50, ef: 110 }, None, &mut scratch)
                .unwrap();
            assert_eq!(found.plan, Way::Graph);
            let mut rows: Vec<u32> = found.hits.iter().map(|hit| hit.row).collect();
            let exact = query.scan(50, None, &mut scratch).unwrap();
            let expected: Vec<u32> = exact.hits.iter().map(|hit| hit.row).collect();
            let listed = |rows: &[u32]| rows.iter().filter(|row| (100..130).contains(*row)).count();
            assert!(listed(&rows) >= listed(&expected));
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 50);
        }
    }
}
