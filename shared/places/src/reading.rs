//! What was left out of the files, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// How many examples are kept of one reason.
const EXAMPLES: usize = 3;

/// Why a row, or a part of it, was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It has no coordinates; the place is kept without.
    NoCoordinates,
    /// Its coordinates are no numbers, or not on the Earth, or not in France where they
    /// should be; the row is left out.
    BrokenCoordinates,
    /// It has fewer or more fields than it should; the row is left out.
    Fields,
    /// It has no name in Latin letters; the row is left out.
    NoName,
    /// Its country is no code of two letters; the row is left out.
    Country,
    /// Its population is no number; the place is kept without.
    Population,
    /// Its postcode is no number of at most five digits; the place is kept without.
    Postcode,
    /// The postcode had lost its leading zero, which was put back.
    LostZero,
}

impl Reason {
    /// Says what is wrong with a value.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoCoordinates => "has no coordinates: kept without",
            Self::BrokenCoordinates => "has broken coordinates: left out",
            Self::Fields => "has the wrong number of fields: left out",
            Self::NoName => "has no name in Latin letters: left out",
            Self::Country => "has no country code of two letters: left out",
            Self::Population => "has a population that is no number: kept without",
            Self::Postcode => "has no French postcode: kept without",
            Self::LostZero => "had lost the leading zero of its postcode: put back",
        }
    }

    /// Tells whether the whole row is left out.
    pub fn drops_row(self) -> bool {
        match self {
            Self::BrokenCoordinates | Self::Fields | Self::NoName | Self::Country => true,
            Self::NoCoordinates | Self::Population | Self::Postcode | Self::LostZero => false,
        }
    }
}

/// A value at its place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: u64,
    /// The column.
    pub column: &'static str,
    /// What stands there.
    pub value: String,
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            column,
            value,
        } = self;
        write!(f, "{}, line {line}: {column} {value:?}", path.display())
    }
}

/// What was left out or mended, by reason: how often, and the first of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<Reason, (usize, Vec<Example>)>);

impl LeftOut {
    /// Returns how often.
    pub fn count(&self, reason: Reason) -> usize {
        self.0.get(&reason).map_or(0, |(count, _)| *count)
    }

    /// Returns the reasons, how often, and the first examples.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, usize, &[Example])> {
        let entries = self.0.iter();
        entries.map(|(reason, (count, examples))| (*reason, *count, examples.as_slice()))
    }

    pub(crate) fn add(&mut self, reason: Reason, example: impl FnOnce() -> Example) {
        let (count, examples) = self.0.entry(reason).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        for (reason, (count, found)) in other.0 {
            let (sum, examples) = self.0.entry(reason).or_default();
            *sum += count;
            let room = EXAMPLES.saturating_sub(examples.len());
            examples.extend(found.into_iter().take(room));
        }
    }

    /// Returns how many rows are left out whole, and the first with its reason.
    pub(crate) fn rows(&self) -> (usize, Option<(Reason, &Example)>) {
        let dropped = self.iter().filter(|(reason, ..)| reason.drops_row());
        let mut count = 0;
        let mut most: Option<(usize, Reason, &Example)> = None;
        for (reason, times, examples) in dropped {
            count += times;
            if let Some(first) = examples.first()
                && most.is_none_or(|(most, ..)| times > most)
            {
                most = Some((times, reason, first));
            }
        }
        (count, most.map(|(_, reason, first)| (reason, first)))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, count, examples) in self.iter() {
            let examples: Vec<String> = examples.iter().map(Example::to_string).collect();
            let such = examples.join("; ");
            writeln!(f, "{count} × {}, such as {such}", reason.text())?;
        }
        Ok(())
    }
}

/// What was seen of the rows of one file.
pub(crate) struct Tally<'a> {
    pub(crate) path: &'a Path,
    pub(crate) rows: usize,
    /// Rows that have coordinates, broken ones included.
    pub(crate) located: usize,
    /// The first broken coordinate, and what is wrong with it.
    pub(crate) first_broken: Option<(Example, &'static str)>,
    pub(crate) left_out: LeftOut,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(path: &'a Path) -> Self {
        Self {
            path,
            rows: 0,
            located: 0,
            first_broken: None,
            left_out: LeftOut::default(),
        }
    }

    pub(crate) fn leave(&mut self, reason: Reason, line: u64, column: &'static str, value: &str) {
        let path = self.path;
        self.left_out
            .add(reason, || example(path, line, column, value));
    }
}

pub(crate) fn example(path: &Path, line: u64, column: &'static str, value: &str) -> Example {
    /// Letters that are shown of a value.
    const SHOWN: usize = 60;
    Example {
        path: path.to_owned(),
        line,
        column,
        value: value.chars().take(SHOWN).collect(),
    }
}
