//! Evaluates filters over columns.

use std::collections::BTreeSet;

use vivier_ann::RowSet;

use super::bitmap::Bitmap;
use super::numbers::Numbers;
use super::{Column, Columns, bits, boolean_text};
use crate::filter::{Filter, Test};

/// Bounds on a number of rows, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) lower: u32,
    pub(crate) upper: u32,
}

/// With so few rows, finding those that pass is as quick as estimating them.
const SMALL: u32 = 8_192;

impl Estimate {
    const NONE: Self = Self { lower: 0, upper: 0 };

    /// Bounds a counted number.
    pub(super) fn exact(count: u32) -> Self {
        Self {
            lower: count,
            upper: count,
        }
    }

    fn complement(self, rows: u32) -> Self {
        Self {
            lower: rows.saturating_sub(self.upper),
            upper: rows.saturating_sub(self.lower),
        }
    }

    /// Bounds the rows in this or the other set.
    fn or(self, other: Self, rows: u32) -> Self {
        Self {
            lower: self.lower.max(other.lower),
            upper: self.upper.saturating_add(other.upper).min(rows),
        }
    }

    /// Bounds the rows in both sets.
    fn and(self, other: Self, rows: u32) -> Self {
        let outside = self.complement(rows).or(other.complement(rows), rows);
        outside.complement(rows)
    }
}

impl Columns {
    /// Returns the rows that pass a filter, exactly as
    /// [`Filter::passes`] tells over their folded payload. The texts of the
    /// filter are folded.
    pub(crate) fn select(&self, filter: &Filter) -> RowSet {
        RowSet::from_words(self.rows(), self.words(filter))
    }

    /// Bounds the number of rows that pass, without finding them: exactly for
    /// one value, a range, a boolean and presence.
    pub(crate) fn estimate(&self, filter: &Filter) -> Estimate {
        let rows = self.rows();
        match filter {
            Filter::All(filters) => {
                let estimates = filters.iter().map(|filter| self.estimate(filter));
                estimates.fold(Estimate::exact(rows), |all, next| all.and(next, rows))
            }
            Filter::Any(filters) => {
                let estimates = filters.iter().map(|filter| self.estimate(filter));
                estimates.fold(Estimate::NONE, |any, next| any.or(next, rows))
            }
            Filter::Not(filter) => self.estimate(filter).complement(rows),
            Filter::Column { column, test } => match (test, self.columns.get(column)) {
                (test, Some(column)) => column.estimate(test, rows),
                (Test::Missing(true), None) => Estimate::exact(rows),
                (_, None) => Estimate::NONE,
            },
        }
    }

    /// Returns the bits of the rows that pass; those behind the last row hold
    /// anything.
    fn words(&self, filter: &Filter) -> Vec<u64> {
        if let Filter::All(filters) = filter {
            return self.all(filters);
        }
        let mut words = bits::empty(self.rows());
        self.add(filter, &mut words);
        words
    }

    /// Adds the rows that pass.
    fn add(&self, filter: &Filter, words: &mut [u64]) {
        match filter {
            Filter::All(filters) => bits::unite(words, &self.all(filters)),
            Filter::Any(filters) => filters.iter().for_each(|filter| self.add(filter, words)),
            Filter::Not(filter) => bits::unite_complement(words, &self.words(filter)),
            Filter::Column { column, test } => match (test, self.columns.get(column)) {
                (test, Some(column)) => column.add(test, self.rows(), words),
                (Test::Missing(true), None) => bits::fill(words),
                (_, None) => {}
            },
        }
    }

    /// Intersects, the narrowest first, until nothing is left.
    fn all(&self, filters: &[Filter]) -> Vec<u64> {
        let mut ordered: Vec<&Filter> = filters.iter().collect();
        if self.rows() > SMALL {
            ordered.sort_by_cached_key(|filter| self.estimate(filter).upper);
        } else {
            ordered.sort_by_key(|filter| is_radius(filter));
        }
        let mut words: Option<Vec<u64>> = None;
        for filter in ordered {
            match (&mut words, filter) {
                (None, filter) => words = Some(self.words(filter)),
                (Some(words), _) if words.iter().all(|word| *word == 0) => break,
                (Some(words), Filter::Not(filter)) => bits::subtract(words, &self.words(filter)),
                (Some(words), filter) => bits::intersect(words, &self.words(filter)),
            }
        }
        words.unwrap_or_else(|| {
            let mut all = bits::empty(self.rows());
            bits::fill(&mut all);
            all
        })
    }
}

/// Tells whether the test is the one that costs most with few rows.
fn is_radius(filter: &Filter) -> bool {
    let test = match filter {
        Filter::Column { test, .. } => test,
        Filter::All(_) | Filter::Any(_) | Filter::Not(_) => return false,
    };
    matches!(test, Test::Within { .. })
}

impl Column {
    fn estimate(&self, test: &Test, rows: u32) -> Estimate {
        match test {
            Test::Missing(missing) => {
                let present = Estimate::exact(self.present().map_or(0, |set| set.count()));
                let missing = *missing;
                if missing {
                    present.complement(rows)
                } else {
                    present
                }
            }
            Test::In(set) => {
                let distinct: BTreeSet<&String> = set.iter().collect();
                let counts = self
                    .strings(distinct)
                    .map(|bitmap| Estimate::exact(bitmap.count()));
                counts.fold(Estimate::NONE, |any, next| any.or(next, rows))
            }
            Test::Is(wanted) => Estimate::exact(self.boolean(*wanted).map_or(0, |set| set.count())),
            Test::Range { min, max } => {
                let counts = self.ordered().map(|numbers| numbers.count(*min, *max));
                // No row has both a number and a date.
                Estimate::exact(counts.sum())
            }
            Test::Within { center, radius_km } => {
                let bounds = self.places.as_ref();
                let (lower, upper) =
                    bounds.map_or((0, 0), |places| places.estimate(*center, *radius_km));
                Estimate { lower, upper }
            }
        }
    }

    fn add(&self, test: &Test, rows: u32, words: &mut [u64]) {
        match test {
            Test::Missing(true) => {
                let mut present = bits::empty(rows);
                self.present().iter().for_each(|set| set.add(&mut present));
                bits::unite_complement(words, &present);
            }
            Test::Missing(false) => self.present().iter().for_each(|set| set.add(words)),
            Test::In(set) => self.strings(set).for_each(|bitmap| bitmap.add(words)),
            Test::Is(wanted) => self.boolean(*wanted).iter().for_each(|set| set.add(words)),
            Test::Range { min, max } => {
                self.ordered()
                    .for_each(|numbers| numbers.add(*min, *max, words));
            }
            Test::Within { center, radius_km } => {
                if let Some(places) = &self.places {
                    places.add(*center, *radius_km, words);
                }
            }
        }
    }

    /// Returns the rows of each text that some row holds.
    fn strings<'a>(
        &self,
        texts: impl IntoIterator<Item = &'a String>,
    ) -> impl Iterator<Item = Bitmap<'_>> {
        let dictionary = self.strings.as_ref();
        texts
            .into_iter()
            .filter_map(move |text| dictionary?.get(text))
    }

    fn boolean(&self, wanted: bool) -> Option<Bitmap<'_>> {
        self.booleans.as_ref()?.get(boolean_text(wanted))
    }

    fn ordered(&self) -> impl Iterator<Item = &Numbers> {
        self.numbers.iter().chain(&self.dates)
    }
}
