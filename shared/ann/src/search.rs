//! The best rows for a query: by the graph, or by a scan.

use std::borrow::Cow;

use crate::AnnError;
use crate::filtered::{self, Allowed, Spread};
use crate::kernel::index;
use crate::query::{Coarse, Query};
use crate::row_set::RowSet;
use crate::segment::Segment;
use crate::shortlist::Shortlist;
use crate::traverse::{Scores, Walk, descend};

/// How a search was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Over the graph.
    Graph,
    /// Over the graph, through rows that the filter refuses.
    Filtered,
    /// All rows, or all that the filter allows, one after the other: exact.
    Scan,
}

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchOptions {
    /// Rows wanted.
    pub k: usize,
    /// Width of the search; at least `k` is used.
    pub ef: usize,
}

/// A row and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The row.
    pub row: u32,
    /// Higher is better.
    pub score: f32,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Best first; equal scores in the order of rows.
    pub hits: Vec<Hit>,
    /// How they were found.
    pub plan: Plan,
    /// Rows whose neighbours were looked at.
    pub visited: usize,
    /// Scores computed, rough and exact.
    pub distances: usize,
}

/// What searches work with; kept between them to spare allocations.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) walk: Walk,
    pub(crate) shortlist: Shortlist,
    pub(crate) scores: Vec<f32>,
    pub(crate) nodes: Vec<u32>,
    next: Vec<u32>,
}

/// Rows scored at once.
pub(crate) const BATCH: usize = 32;
/// Rows that can be scanned in the time that a walk over the graph takes for one node
/// of its width: of all rows, and of those that a filter allows. A walk under a filter
/// takes half as long again, rows that do not lie side by side twice as long.
const SCAN_PER_WIDTH: usize = 50;
const FILTERED_SCAN_PER_WIDTH: usize = 45;
/// Per cent of the nodes from which on a walk goes past those that a filter refuses, as
/// if there were none, and leaves them out of what it found.
const MOST: u64 = 70;
/// Share of the graph's geometry that a query must use; below, the graph knows mostly
/// what the query ignores.
const MIN_KEPT: f32 = 0.2;

/// Returns how wide a walk must be for a query that uses a share of the geometry.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a width of some thousands times at most 5"
)]
fn widened(ef: usize, kept: f32) -> usize {
    (ef as f32 / kept.clamp(MIN_KEPT, 1.0)).ceil() as usize
}

/// Returns how wide a walk past refused nodes must be to keep `ef` allowed ones.
fn wider(ef: usize, all: u32, allowed: u32) -> usize {
    ef.saturating_mul(index(all))
        .div_ceil(index(allowed).max(1))
}

/// What a walk may find.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// `None` for all.
    pub(crate) rows: Option<&'a RowSet>,
    /// Their nodes; `None` for all.
    nodes: Option<&'a RowSet>,
    /// Whether the walk goes over all nodes, and the refused ones are left out of what it
    /// found; otherwise it looks for allowed ones.
    past_refused: bool,
}

impl<'a> Wanted<'a> {
    /// Wants rows and looks for their nodes.
    #[cfg(test)]
    pub(crate) fn around(rows: Option<&'a RowSet>, nodes: Option<&'a RowSet>) -> Self {
        Self {
            rows,
            nodes,
            past_refused: false,
        }
    }

    /// Returns the nodes that the walk looks for; `None` for all.
    fn sought(self) -> Option<&'a RowSet> {
        self.nodes.filter(|_| !self.past_refused)
    }

    /// Tells whether a node that was found is wanted.
    #[inline]
    pub(crate) fn has(self, node: u32) -> bool {
        self.nodes.is_none_or(|nodes| nodes.contains(node))
    }

    /// Returns how the walk is called.
    pub(crate) fn plan(self) -> Plan {
        self.sought().map_or(Plan::Graph, |_| Plan::Filtered)
    }
}

impl Query<'_> {
    /// Returns the best rows, of those in `allow` if it is given: as many as wanted,
    /// or all that are allowed.
    ///
    /// # Errors
    /// When `allow` is not over the rows of the segment.
    pub fn search(
        &self,
        options: SearchOptions,
        allow: Option<&RowSet>,
        scratch: &mut Scratch,
    ) -> Result<Found, AnnError> {
        let allowed = self.allowed(allow)?;
        let nodes = allowed.as_deref();
        let count = nodes.map_or(self.segment.nodes(), RowSet::count);
        let mut spent = 0;
        for (wanted, ef) in self.walks(options, allow, nodes) {
            let hits = self.walked(options.k, ef, wanted, scratch);
            spent += scratch.walk.scored;
            if let Some(hits) = hits
                && hits.len() >= options.k.min(index(count))
            {
                return Ok(Found {
                    hits,
                    plan: wanted.plan(),
                    visited: scratch.walk.expanded,
                    distances: spent + scratch.nodes.len(),
                });
            }
        }
        let mut found = self.scan(options.k, allow, scratch)?;
        found.distances += spent;
        Ok(found)
    }

    /// Returns the walks that may find the best rows, and how wide each must be, the
    /// cheaper first; none where it takes less time to look at all rows.
    pub(crate) fn walks<'s>(
        &self,
        options: SearchOptions,
        rows: Option<&'s RowSet>,
        nodes: Option<&'s RowSet>,
    ) -> impl Iterator<Item = (Wanted<'s>, usize)> + use<'s> {
        let ef = options.ef.max(options.k).max(1);
        let ef = widened(ef, self.kept);
        let all = self.segment.nodes();
        let count = nodes.map_or(all, RowSet::count);
        let per_width = nodes.map_or(SCAN_PER_WIDTH, |_| FILTERED_SCAN_PER_WIDTH);
        let walks = self.kept >= MIN_KEPT && index(count) > ef.saturating_mul(per_width);
        let most = u64::from(count) * 100 >= u64::from(all) * MOST;
        let wanted = |past_refused| Wanted {
            rows,
            nodes,
            past_refused,
        };
        let past = (walks && most).then(|| (wanted(true), wider(ef, all, count)));
        let around = (walks && nodes.is_some()).then(|| (wanted(false), ef));
        past.into_iter().chain(around)
    }

    /// Returns the best of what a walk finds; `None` when these are no neighbourhood of
    /// the query.
    pub(crate) fn walked(
        &self,
        k: usize,
        ef: usize,
        wanted: Wanted<'_>,
        scratch: &mut Scratch,
    ) -> Option<Vec<Hit>> {
        let spread = self.walk(ef, wanted, scratch)?;
        self.list(k, wanted, scratch);
        let hits = self.finish(k, wanted.rows, scratch);
        let last = hits.last().zip(spread);
        let stands_out = last.is_none_or(|(last, spread)| spread.stands_out(last.score));
        stands_out.then_some(hits)
    }

    /// Lists what the walk found, and those that no walk finds.
    fn list(&self, k: usize, wanted: Wanted<'_>, scratch: &mut Scratch) {
        scratch.shortlist.clear(k, self.margin);
        let items = scratch.walk.pool.items().iter();
        for item in items.filter(|item| wanted.has(item.node())) {
            scratch.shortlist.offer(item.score, item.node());
        }
        self.score_residual(wanted, scratch);
        for (node, score) in scratch.nodes.iter().zip(&scratch.scores) {
            scratch.shortlist.offer(*score, *node);
        }
    }

    /// Scores the allowed nodes that no walk finds and this one has not seen.
    pub(crate) fn score_residual(&self, wanted: Wanted<'_>, scratch: &mut Scratch) {
        let walk = &mut scratch.walk;
        scratch.nodes.clear();
        for node in &self.segment.residual {
            // Some walks find them all the same.
            let is_new = match wanted.sought() {
                Some(_) => walk.fresh.remove(*node),
                None => walk.marks.insert(*node) && wanted.has(*node),
            };
            if is_new {
                scratch.nodes.push(*node);
            }
        }
        self.coarse().score(&scratch.nodes, &mut scratch.scores);
        walk.scored += scratch.nodes.len();
    }

    /// Returns the best rows of all, or of those in `allow`, by looking at each.
    ///
    /// # Errors
    /// As for [`Self::search`].
    pub fn scan(
        &self,
        k: usize,
        allow: Option<&RowSet>,
        scratch: &mut Scratch,
    ) -> Result<Found, AnnError> {
        let allowed = self.allowed(allow)?;
        scratch.shortlist.clear(k, self.margin);
        let seen = self.scan_allowed(allowed.as_deref(), scratch);
        let hits = self.finish(k, allow, scratch);
        Ok(Found {
            hits,
            plan: Plan::Scan,
            visited: seen,
            distances: seen + scratch.nodes.len(),
        })
    }

    /// Offers all allowed nodes to the shortlist; returns how many there are.
    pub(crate) fn scan_allowed(&self, allowed: Option<&RowSet>, scratch: &mut Scratch) -> usize {
        match allowed {
            Some(allowed) => self.scan_nodes(allowed.iter(), scratch),
            None => self.scan_nodes(0..self.segment.nodes(), scratch),
        }
    }

    fn scan_nodes(&self, mut nodes: impl Iterator<Item = u32>, scratch: &mut Scratch) -> usize {
        let mut scorer = self.coarse();
        let mut seen = 0;
        let mut gather = |batch: &mut Vec<u32>, scorer: &Coarse<'_>| {
            batch.clear();
            batch.extend(nodes.by_ref().take(BATCH));
            batch.iter().for_each(|node| scorer.prefetch(*node));
        };
        gather(&mut scratch.nodes, &scorer);
        while !scratch.nodes.is_empty() {
            // The next rows are on their way while these are scored.
            gather(&mut scratch.next, &scorer);
            scorer.score(&scratch.nodes, &mut scratch.scores);
            seen += scratch.nodes.len();
            for (node, score) in scratch.nodes.iter().zip(&scratch.scores) {
                scratch.shortlist.offer(*score, *node);
            }
            std::mem::swap(&mut scratch.nodes, &mut scratch.next);
        }
        seen
    }

    /// Walks over the graph; the pool then holds the best nodes. Returns how scores of
    /// allowed nodes are spread, if there is a filter, or `None` when no walk leads to
    /// what it allows.
    pub(crate) fn walk(
        &self,
        ef: usize,
        wanted: Wanted<'_>,
        scratch: &mut Scratch,
    ) -> Option<Option<Spread>> {
        let segment = self.segment;
        let scorer = &mut self.coarse();
        let walk = &mut scratch.walk;
        walk.expanded = 0;
        walk.scored = 0;
        let links = segment.base_links();
        let (score, node) = self.descend(scorer, walk);
        walk.start(segment.nodes(), ef);
        let Some(allowed) = wanted.sought() else {
            walk.seed(score, node);
            walk.run(&links, scorer);
            return Some(None);
        };
        let few = Allowed::new(allowed);
        walk.fresh.reset(allowed);
        if walk.fresh.remove(node) {
            walk.pool.offer(score, node);
        } else {
            filtered::visit(walk, links, few, scorer, node);
        }
        let spread = filtered::seed(walk, allowed, scorer);
        filtered::run(walk, links, few, scorer, spread).then_some(Some(spread))
    }

    /// Walks down the upper levels.
    fn descend(&self, scorer: &mut impl Scores, walk: &mut Walk) -> (f32, u32) {
        let segment = self.segment;
        scorer.score(&[segment.entry()], &mut walk.values);
        let mut from = (
            walk.values.first().copied().unwrap_or_default(),
            segment.entry(),
        );
        for links in segment.upper_links() {
            from = descend(&links, scorer, walk, from);
        }
        from
    }

    /// Scores the shortlist exactly and orders its rows.
    fn finish(&self, k: usize, allow: Option<&RowSet>, scratch: &mut Scratch) -> Vec<Hit> {
        let items = scratch.shortlist.items();
        let (first, others) = items.split_at(k.min(items.len()));
        scratch.nodes.clear();
        scratch.nodes.extend(first.iter().map(|item| item.1));
        self.exact(&scratch.nodes, &mut scratch.scores);
        // The last of any k is a floor for the others, and a higher one than by rough
        // scores: most are not scored again.
        let floor = scratch.scores.iter().copied().fold(f32::INFINITY, f32::min);
        let has_chance = |item: &&(f32, u32)| item.0 + self.margin_of(item.1) >= floor;
        let others = others.iter().filter(has_chance).map(|item| item.1);
        let others: Vec<u32> = others.collect();
        let mut scores = Vec::new();
        self.exact(&others, &mut scores);
        scratch.nodes.extend(&others);
        scratch.scores.extend(&scores);
        let mut hits = Vec::with_capacity(scratch.nodes.len());
        let allowed = |row: &u32| allow.is_none_or(|allow| allow.contains(*row));
        for (node, score) in scratch.nodes.iter().zip(&scratch.scores) {
            let rows = std::iter::once(*node).chain(self.segment.copies_of(*node));
            let rows = rows.filter(allowed).take(k);
            hits.extend(rows.map(|row| Hit { row, score: *score }));
        }
        hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        hits.truncate(k);
        hits
    }

    /// Returns the nodes of which a row is allowed.
    pub(crate) fn allowed<'s>(
        &self,
        allow: Option<&'s RowSet>,
    ) -> Result<Option<Cow<'s, RowSet>>, AnnError> {
        let Some(allow) = allow else {
            return Ok(None);
        };
        let segment: &Segment = self.segment;
        if allow.len() != segment.rows() {
            return Err(AnnError::Shape {
                what: "set of allowed rows",
                found: index(allow.len()),
                expected: index(segment.rows()),
            });
        }
        if segment.copies.is_empty() {
            return Ok(Some(Cow::Borrowed(allow)));
        }
        let mut nodes = RowSet::from_words(segment.nodes(), allow.words().to_vec());
        for (row, node) in (segment.nodes()..).zip(&segment.copies) {
            if allow.contains(row) {
                nodes.insert(*node);
            }
        }
        Ok(Some(Cow::Owned(nodes)))
    }
}
