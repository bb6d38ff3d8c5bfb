//! Computes the parts of points' scores.

use std::ops::Range;

use crate::config::WordsConfig;
use crate::dense::{Layout, dot};
use crate::points::{Slot, as_index};
use crate::search::{FacetInput, Query};
use crate::segment::SegmentError;
use crate::view::{Part, Place, View};
use crate::words::{AskedWords, WordsError, WordsQuery, WordsSegment, WordsStatistics};

/// A query, prepared for a view.
pub(super) struct Scorer {
    /// In the order of the names.
    facets: Vec<Facet>,
    /// The dense query without its weights, `[dim]`.
    vector: Vec<f32>,
    /// Weight of each dense facet in layout order, 0 for those left out.
    weights: Vec<f32>,
}

struct Facet {
    name: String,
    weight: f32,
    kind: Kind,
}

enum Kind {
    /// A facet of weight 0.
    Nothing,
    Dense {
        range: Range<usize>,
        /// Its place in the layout.
        number: usize,
    },
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
        query: &Query,
        config: &WordsConfig,
    ) -> Result<Self, SegmentError> {
        let mut vector = vec![0.0; layout.dim()];
        let mut weights = vec![0.0; layout.facets().count()];
        let mut facets = Vec::new();
        for (name, (input, weight)) in &query.facets {
            let kind = match input {
                _ if *weight == 0.0 => Kind::Nothing,
                FacetInput::Words(words) => {
                    let asked = AskedWords::of(words);
                    let statistics = statistics(view, name, &asked)?;
                    Kind::Words(WordsQuery::new(asked, &statistics, config))
                }
                FacetInput::Vector(values) => {
                    let range = layout.range(name).unwrap_or_default();
                    if let Some(place) = vector.get_mut(range.clone())
                        && place.len() == values.len()
                    {
                        place.copy_from_slice(values);
                    }
                    let number = layout.facets().position(|(facet, ..)| facet == name);
                    let number = number.unwrap_or(usize::MAX);
                    if let Some(place) = weights.get_mut(number) {
                        *place = *weight;
                    }
                    Kind::Dense { range, number }
                }
            };
            facets.push(Facet {
                name: name.clone(),
                weight: *weight,
                kind,
            });
        }
        Ok(Self {
            facets,
            vector,
            weights,
        })
    }

    /// Tells whether any dense facet counts.
    pub(super) fn is_dense(&self) -> bool {
        self.weights.iter().any(|weight| *weight != 0.0)
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
        let mut tail_words = Vec::new();
        match part {
            Part::Segment(view) => {
                if let Some(segment) = view.segment.vectors.as_ref().filter(|_| self.is_dense()) {
                    vectors = Some(segment.query(&self.vector, &self.weights)?);
                }
            }
            Part::Tail(tail) => {
                for facet in &self.facets {
                    let index = tail.words.get(&facet.name);
                    tail_words.push(match (&facet.kind, index) {
                        (Kind::Words(query), Some(index)) => {
                            index.scores(query, tail.points.slots())?
                        }
                        _ => Vec::new(),
                    });
                }
            }
        }
        Ok(PartScorer {
            scorer: self,
            number,
            part,
            vectors,
            tail_words,
        })
    }
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
    /// In a segment, when a dense facet counts.
    vectors: Option<vivier_ann::Query<'a>>,
    /// In a tail: by facet, words scores by slot.
    tail_words: Vec<Vec<f32>>,
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
        let facets = self.scorer.weights.len();
        for (index, row) in rows.iter().enumerate() {
            for (place, facet) in self.scorer.facets.iter().enumerate() {
                let Kind::Dense { range, number } = &facet.kind else {
                    continue;
                };
                let product = match self.part {
                    Part::Segment(_) if *number < facets => {
                        products.get(index * facets + number).copied()
                    }
                    Part::Segment(_) => None,
                    Part::Tail(tail) => tail.points.get(*row).and_then(|point| {
                        let stored = point.vector.get(range.clone())?;
                        Some(dot(self.scorer.vector.get(range.clone())?, stored))
                    }),
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
            let found = match self.part {
                Part::Segment(view) => match view.segment.words.get(&facet.name) {
                    Some(words) => words.scores(query, rows)?,
                    None => Vec::new(),
                },
                Part::Tail(_) => {
                    let by_slot = self.tail_words.get(place);
                    let by_slot = by_slot.map(Vec::as_slice).unwrap_or_default();
                    let of = |row: &Slot| by_slot.get(as_index(*row)).copied().unwrap_or(0.0);
                    rows.iter().map(of).collect()
                }
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
        self.sum_of(parts, |kind| matches!(kind, Kind::Dense { .. }))
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
