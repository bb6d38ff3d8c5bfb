//! Graphs built by hnsw_rs: those of small segments, and what our own builder is
//! measured against. The only module that knows the crate.
//!
//! The crate panics on NaN and on negative distances (our distance clamps), and links
//! nothing when threads race into an empty graph (here nodes go in one by one).

use hnsw_rs::prelude::{Distance, Hnsw};

use crate::builder::Plan;
use crate::flat::Flat;
use crate::graph::{Graph, Upper};
use crate::kernel::index;
use crate::traverse::NONE;

/// Layers: the crate's own greatest number.
const LAYERS: usize = 16;

/// `1 - a·b` on unit vectors, clamped to 0..2; never NaN.
#[derive(Clone, Copy)]
struct UnitDistance;

impl Distance<f32> for UnitDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        let product: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
        let distance = 1.0 - product;
        if distance.is_nan() {
            return 2.0;
        }
        distance.clamp(0.0, 2.0)
    }
}

/// Neighbours of one node, by level from 0 on.
type Lists = Vec<Vec<u32>>;

/// Builds the graph of all nodes.
pub(crate) fn build(flat: &Flat, plan: Plan) -> Graph {
    let count = u32::try_from(flat.len()).unwrap_or(u32::MAX);
    let hnsw = Hnsw::new(plan.m, flat.len().max(1), LAYERS, plan.ef, UnitDistance);
    for node in 0..count {
        hnsw.insert((&flat.unit_vector(node), index(node)));
    }
    let mut lists: Vec<Lists> = vec![Lists::new(); flat.len()];
    // The crate panics where it iterates over nothing.
    let points = (count > 0).then(|| hnsw.get_point_indexation());
    for point in points.into_iter().flatten() {
        let levels = usize::from(point.get_point_id().0) + 1;
        let found = point.get_neighborhood_id();
        let nodes = found.iter().take(levels).map(|level| {
            let nodes = level
                .iter()
                .filter_map(|near| u32::try_from(near.d_id).ok());
            nodes.collect()
        });
        if let Some(place) = lists.get_mut(point.get_origin_id()) {
            *place = nodes.collect();
        }
    }
    let highest = (0..count).max_by_key(|node| lists.get(index(*node)).map_or(0, Vec::len));
    let entry = highest.unwrap_or_default();
    let levels = lists.get(index(entry)).map_or(0, Vec::len);
    Graph {
        m: plan.m,
        base: (0..count)
            .flat_map(|node| cells(&lists, node, 0, 2 * plan.m))
            .collect(),
        upper: (1..levels)
            .map(|level| upper(&lists, level, plan.m))
            .collect(),
        entry,
    }
}

fn upper(lists: &[Lists], level: usize, width: usize) -> Upper {
    let count = u32::try_from(lists.len()).unwrap_or(u32::MAX);
    let here = |node: &u32| lists.get(index(*node)).is_some_and(|own| own.len() > level);
    let nodes: Vec<u32> = (0..count).filter(here).collect();
    let links = nodes
        .iter()
        .flat_map(|node| cells(lists, *node, level, width));
    Upper {
        links: links.collect(),
        nodes,
    }
}

/// Returns a list filled up to its width.
fn cells(lists: &[Lists], node: u32, level: usize, width: usize) -> impl Iterator<Item = u32> {
    let found = lists.get(index(node)).and_then(|own| own.get(level));
    let found = found.map(Vec::as_slice).unwrap_or_default();
    found
        .iter()
        .copied()
        .chain(std::iter::repeat(NONE))
        .take(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{BaseLinks, unreachable};
    use crate::builder::{self, Unwatched};
    use crate::graph::UpperLinks;
    use crate::layout::Layout;
    use crate::testing::Random;
    use crate::traverse::{Scores, Walk, descend};
    use crate::vectors::Vectors;

    const DIM: usize = 24;

    fn clustered(count: usize) -> Vec<f32> {
        let mut random = Random::new(3);
        let centres: Vec<Vec<f32>> = (0..30).map(|_| random.vector(DIM, 1.0)).collect();
        let point = |_| {
            let centre = &centres[random.below(30)];
            let spread = random.vector(DIM, 0.5);
            centre
                .iter()
                .zip(spread)
                .map(|(a, b)| a + b)
                .collect::<Vec<f32>>()
        };
        (0..count).flat_map(point).collect()
    }

    /// Returns the share of the ten nearest that a search of width 20 finds.
    fn recall(graph: &Graph, flat: &Flat) -> f64 {
        let (mut walk, mut aim) = (Walk::default(), flat.aim());
        let count = u32::try_from(flat.len()).unwrap();
        let (mut found, mut wanted) = (0_u32, 0_u32);
        for node in (0..count).step_by(17) {
            aim.at(node);
            let mut scores = Vec::new();
            aim.score(&(0..count).collect::<Vec<_>>(), &mut scores);
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let mut from = (scores[index(graph.entry)], graph.entry);
            for level in graph.upper.iter().rev() {
                let links = UpperLinks::new(&level.nodes, &level.links, graph.m);
                from = descend(&links, &mut aim, &mut walk, from);
            }
            walk.start(count, 20);
            walk.seed(from.0, from.1);
            walk.run(&BaseLinks::new(&graph.base, 2 * graph.m), &mut aim);
            let best = walk.pool.items().iter().take(10);
            found += u32::try_from(best.filter(|item| item.score >= sorted[9]).count()).unwrap();
            wanted += 10;
        }
        f64::from(found) / f64::from(wanted)
    }

    #[test]
    fn our_builder_finds_as_much_as_the_reference() {
        let values = clustered(4_000);
        let layout = Layout::single(DIM).unwrap();
        let vectors = Vectors::new(&values, &layout).unwrap();
        let flat = Flat::new(vectors, &layout, &(0..4_000).collect::<Vec<_>>()).unwrap();
        let plan = Plan { m: 8, ef: 60 };
        let theirs = build(&flat, plan);
        let ours = builder::build(&flat, plan, &Unwatched).unwrap();
        let (ours_found, theirs_found) = (recall(&ours, &flat), recall(&theirs, &flat));
        assert!(theirs_found > 0.9, "reference {theirs_found}");
        assert!(
            ours_found >= theirs_found - 0.005,
            "{ours_found} against {theirs_found}"
        );
        let lost = |graph| unreachable(graph, &flat, &Unwatched).unwrap();
        let (lost, theirs_lost) = (lost(&ours), lost(&theirs));
        assert!(
            lost.len() <= 4,
            "{} lost, {} by the reference",
            lost.len(),
            theirs_lost.len()
        );
    }

    #[test]
    fn one_thread_builds_the_same_graph_twice() {
        let values = clustered(2_500);
        let layout = Layout::single(DIM).unwrap();
        let vectors = Vectors::new(&values, &layout).unwrap();
        let flat = Flat::new(vectors, &layout, &(0..2_500).collect::<Vec<_>>()).unwrap();
        let plan = Plan { m: 8, ef: 40 };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let build = || {
            pool.install(|| builder::build(&flat, plan, &Unwatched))
                .unwrap()
        };
        assert_eq!(build(), build());
    }

    #[test]
    fn our_distance_never_leaves_its_range() {
        for (a, b) in [
            (1.0, 1.000_001),
            (f32::NAN, 1.0),
            (-1.0, 1.1),
            (f32::INFINITY, 1.0),
        ] {
            let distance = UnitDistance.eval(&[a], &[b]);
            assert!((0.0..=2.0).contains(&distance), "{a} {b}");
        }
    }
}
