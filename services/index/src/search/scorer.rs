//! Computes the parts of points' scores.
//!
//! A part of a view may be older than some facets of its collection: what a query
//! asks is laid out anew for each part, by the facets that this one has. The others
//! are 0 in all its points.

use std::ops::Range;

use crate::config::WordsConfig;
use crate::dense::{Layout, dot};
use crate::points::{Slot, as_index};
use crate::search::{FacetInput, Inputs};
use crate::segment::SegmentError;
use crate::view::{Part, Place, View};
use crate::words::{AskedWords, WordsError, WordsQuery, WordsSegment, WordsStatistics};

/// A query, prepared for a view.
pub(super) struct Scorer {
    /// In the order of the names.
    facets: Vec<Facet>,
}

struct Facet {
    name: String,
    weight: f32,
    kind: Kind,
}

enum Kind {
    /// A facet of weight 0.
    Nothing,
    /// The dense query without its weight.
    Dense(Vec<f32>),
    Words(WordsQuery),
}

impl Scorer {
    /// Prepares a query.
    ///
    /// # Errors
    /// When the words fail.
    pub(super) fn new(
        view: &View,
        layout: &Layout,
        inputs: &Inputs,
        config: &WordsConfig,
    ) -> Result<Self, SegmentError> {
        let mut facets = Vec::new();
        for (name, (input, weight)) in inputs {
            let kind = match input {
                _ if *weight == 0.0 => Kind::Nothing,
                FacetInput::Words(words, added) => {
                    let asked = AskedWords::of(words).with(added, &words.lang);
                    let statistics = statistics(view, name, &asked)?;
                    Kind::Words(WordsQuery::new(asked, &statistics, config))
                }
                FacetInput::Vector(values) => {
                    debug_assert_eq!(layout.range(name).map(|r| r.len()), Some(values.len()));
                    Kind::Dense(values.clone())
                }
            };
            facets.push(Facet {
                name: name.clone(),
                weight: *weight,
                kind,
            });
        }
        Ok(Self { facets })
    }

    /// Tells whether any dense facet counts.
    pub(super) fn is_dense(&self) -> bool {
        let mut facets = self.facets.iter();
        facets.any(|facet| matches!(facet.kind, Kind::Dense(_)))
    }

    /// Tells whether any words facet counts.
    pub(super) fn has_words(&self) -> bool {
        let mut facets = self.facets.iter();
        facets.any(|facet| matches!(facet.kind, Kind::Words(_)))
    }

    /// Prepares for one part of the view.
    ///
    /// # Errors
    /// When the part cannot be searched.
    pub(super) fn part<'a>(
        &'a self,
        number: usize,
        part: Part<'a>,
    ) -> Result<PartScorer<'a>, SegmentError> {
        let mut vectors = None;
        let mut words_by_row = vec![Vec::new(); self.facets.len()];
        let places = match part {
            Part::Segment(view) => {
                let segment = view.segment.vectors.as_ref();
                let places = self.places(segment.map(vivier_ann::Segment::layout));
                if let Some(segment) = segment
                    && places.iter().any(Option::is_some)
                {
                    let (vector, weights) = self.laid_out(segment.layout(), &places);
                    vectors = Some(segment.query(&vector, &weights)?);
                }
                places
            }
            Part::Tail(tail) => {
                for (facet, scores) in self.facets.iter().zip(&mut words_by_row) {
                    let index = tail.words.get(&facet.name);
                    if let (Kind::Words(query), Some(index)) = (&facet.kind, index) {
                        *scores = index.scores(query, tail.points.slots())?;
                    }
                }
                let layout = &tail.schema.layout;
                let ranges = self.facets.iter().map(|facet| layout.range(&facet.name));
                ranges.map(|range| Some(Dense::Range(range?))).collect()
            }
        };
        Ok(PartScorer {
            scorer: self,
            number,
            part,
            vectors,
            places,
            words_by_row,
        })
    }

    /// Finds the dense facets of the query in the layout of a segment.
    fn places(&self, layout: Option<&vivier_ann::Layout>) -> Vec<Option<Dense>> {
        let known = layout.map_or(&[][..], vivier_ann::Layout::facets);
        let places = self.facets.iter().map(|facet| {
            let Kind::Dense(values) = &facet.kind else {
                return None;
            };
            let same =
                |known: &vivier_ann::Facet| known.name == facet.name && known.dim == values.len();
            known.iter().position(same).map(Dense::Number)
        });
        places.collect()
    }

    /// Lays the query out as a segment lays out its vectors: `[dim]`, and a weight
    /// for each of its facets.
    fn laid_out(
        &self,
        layout: &vivier_ann::Layout,
        places: &[Option<Dense>],
    ) -> (Vec<f32>, Vec<f32>) {
        let mut vector = vec![0.0; layout.dim()];
        let mut weights = vec![0.0; layout.facets().len()];
        let ranges: Vec<Range<usize>> = layout.ranges().collect();
        for (facet, place) in self.facets.iter().zip(places) {
            if let (Kind::Dense(values), Some(Dense::Number(number))) = (&facet.kind, place)
                && let (Some(weight), Some(range)) = (weights.get_mut(*number), ranges.get(*number))
                && let Some(target) = vector.get_mut(range.clone())
            {
                *weight = facet.weight;
                target.copy_from_slice(values);
            }
        }
        (vector, weights)
    }
}

/// Where a dense facet is in a part.
#[derive(Clone, Debug)]
enum Dense {
    /// Its place among the facets of a segment.
    Number(usize),
    /// Its values in the vectors of a tail.
    Range(Range<usize>),
}

/// Sums what BM25 must know over the parts of a view.
pub(crate) fn statistics(
    view: &View,
    facet: &str,
    asked: &AskedWords,
) -> Result<WordsStatistics, WordsError> {
    let mut sum = WordsStatistics::none(asked);
    for part in view.parts() {
        match part {
            Part::Segment(view) => {
                let words = view.segment.words.get(facet);
                if let (Some(words), Some(dead)) = (words, view.dead_words(facet)) {
                    sum.add(&words.statistics(asked, dead)?);
                }
            }
            Part::Tail(tail) => {
                if let Some(words) = tail.words.get(facet) {
                    sum.add(&words.statistics(asked)?);
                }
            }
        }
    }
    Ok(sum)
}

/// A query, prepared for one part of a view.
pub(super) struct PartScorer<'a> {
    scorer: &'a Scorer,
    number: usize,
    part: Part<'a>,
    /// In a segment, when it has a dense facet that counts.
    vectors: Option<vivier_ann::Query<'a>>,
    /// Where each facet of the query is in this part, if it is dense and there.
    places: Vec<Option<Dense>>,
    /// By facet, words scores by row: always in a tail, in a segment when they were set.
    words_by_row: Vec<Vec<f32>>,
}

/// Weighted parts of some rows, row after row.
pub(super) struct Scores {
    values: Vec<f32>,
    facets: usize,
}

impl Scores {
    /// Returns the parts of each row, in the order of the facets' names.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.facets)
    }

    fn set(&mut self, row: usize, facet: usize, value: f32) {
        if let Some(place) = self.values.get_mut(row * self.facets + facet) {
            *place = value;
        }
    }
}

impl<'a> PartScorer<'a> {
    /// Returns the number of the part in its view.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Returns the part.
    pub(super) fn part(&self) -> Part<'a> {
        self.part
    }

    /// Tells whether dense facets count of which the segment has none: they are 0 in
    /// all its points.
    pub(super) fn lacks_dense(&self) -> bool {
        self.vectors.is_none() && self.scorer.is_dense()
    }

    /// Returns the prepared dense query.
    pub(super) fn vectors(&self) -> Option<&vivier_ann::Query<'a>> {
        self.vectors.as_ref()
    }

    /// Returns the words facets of the segment: the facet's place, its words, and
    /// what is asked of them.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &WordsSegment, &WordsQuery)> {
        let facets = self.scorer.facets.iter().enumerate();
        facets.filter_map(|(place, facet)| {
            let (Part::Segment(view), Kind::Words(query)) = (self.part, &facet.kind) else {
                return None;
            };
            Some((place, view.segment.words.get(&facet.name)?, query))
        })
    }

    /// Gives the words scores of all rows that may be scored, by row: they are not looked
    /// up again.
    pub(super) fn set_words(&mut self, facet: usize, scores: Vec<f32>) {
        if let Some(place) = self.words_by_row.get_mut(facet) {
            *place = scores;
        }
    }

    /// Returns the words scores of all rows, where they are known: the facet's weight, and
    /// scores by row.
    pub(super) fn words_by_row(&self) -> impl Iterator<Item = (f32, &[f32])> {
        let facets = self.scorer.facets.iter().zip(&self.words_by_row);
        facets
            .filter(|(_, scores)| !scores.is_empty())
            .map(|(facet, scores)| (facet.weight, scores.as_slice()))
    }

    /// Returns the place of a row.
    pub(super) fn place(&self, row: Slot) -> Place {
        Place {
            part: self.number,
            row,
        }
    }

    /// Scores rows, which are given in ascending order.
    ///
    /// # Errors
    /// When the words fail.
    pub(super) fn scores(&self, rows: &[Slot]) -> Result<Scores, SegmentError> {
        let facets = self.scorer.facets.len();
        let mut scores = Scores {
            values: vec![0.0; rows.len() * facets],
            facets,
        };
        self.score_vectors(rows, &mut scores);
        self.score_words(rows, &mut scores)?;
        Ok(scores)
    }

    fn score_vectors(&self, rows: &[Slot], scores: &mut Scores) {
        let products = self.vectors.as_ref().map(|query| query.parts(rows));
        let products = products.unwrap_or_default();
        // As many as the segment has.
        let facets = products.len().checked_div(rows.len()).unwrap_or(0);
        for (index, row) in rows.iter().enumerate() {
            let found = self.scorer.facets.iter().zip(&self.places);
            for (place, (facet, found)) in found.enumerate() {
                let (Kind::Dense(values), Some(found)) = (&facet.kind, found) else {
                    continue;
                };
                let product = match (self.part, found) {
                    (Part::Segment(_), Dense::Number(number)) => {
                        products.get(index * facets + number).copied()
                    }
                    (Part::Tail(tail), Dense::Range(range)) => {
                        let point = tail.points.get(*row);
                        let stored = point.and_then(|point| point.vector.get(range.clone()));
                        stored.map(|stored| dot(values, stored))
                    }
                    _ => None,
                };
                scores.set(index, place, facet.weight * product.unwrap_or(0.0));
            }
        }
    }

    fn score_words(&self, rows: &[Slot], scores: &mut Scores) -> Result<(), SegmentError> {
        for (place, facet) in self.scorer.facets.iter().enumerate() {
            let Kind::Words(query) = &facet.kind else {
                continue;
            };
            let by_row = self.words_by_row.get(place).filter(|all| !all.is_empty());
            let found = match (by_row, self.part) {
                (Some(by_row), _) => {
                    let of = |row: &Slot| by_row.get(as_index(*row)).copied().unwrap_or(0.0);
                    rows.iter().map(of).collect()
                }
                (None, Part::Segment(view)) => match view.segment.words.get(&facet.name) {
                    Some(words) => words.scores(query, rows)?,
                    None => Vec::new(),
                },
                (None, Part::Tail(_)) => Vec::new(),
            };
            for (index, score) in found.into_iter().enumerate() {
                scores.set(index, place, facet.weight * score);
            }
        }
        Ok(())
    }

    /// Returns the names of the facets, in the order of the parts.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.scorer.facets.iter().map(|facet| facet.name.as_str())
    }

    /// Sums the parts of dense facets.
    pub(super) fn dense_sum(&self, parts: &[f32]) -> f32 {
        self.sum_of(parts, |kind| matches!(kind, Kind::Dense(_)))
    }

    /// Sums the parts of words facets.
    pub(super) fn words_sum(&self, parts: &[f32]) -> f32 {
        self.sum_of(parts, |kind| matches!(kind, Kind::Words(_)))
    }

    fn sum_of(&self, parts: &[f32], counts: impl Fn(&Kind) -> bool) -> f32 {
        let facets = self.scorer.facets.iter().zip(parts);
        let counted = facets.filter(|(facet, _)| counts(&facet.kind));
        counted.map(|(_, part)| part).sum()
    }
}
