//! How well texts are linked: questions with known answers, and measures.

mod melo;
mod questions;
mod sentences;

pub use melo::{Melo, MeloQuestion};
pub use questions::{Questions, skills, titles};
pub use sentences::{Agreement, Sentence, Sentences, sentences};

use std::path::{Path, PathBuf};

/// Why a file of questions cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QuestionsError {
    /// The disk refused.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is no CSV.
    #[error("{} is no CSV in UTF-8", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the reader found, with the line.
        #[source]
        source: csv::Error,
    },
    /// The file has none of the expected sets of columns.
    #[error("{}: expected the columns {expected}; it has {found}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The sets of columns that can be read.
        expected: &'static str,
        /// The columns that it has.
        found: String,
    },
    /// A line cannot be used.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, with the value.
        problem: String,
    },
    /// No question has an answer that the ontology knows.
    #[error("{} asks nothing that the ontology can answer ({without} questions without an answer)", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// Questions that were left out.
        without: usize,
    },
}

impl QuestionsError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// How the right answers to questions rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Questions.
    pub questions: usize,
    /// Mean of 1 / the rank of the first right answer, 0 where none is found.
    pub mrr: f64,
    /// Share of questions with a right answer among the first 1, 5 and 10.
    pub hit: [f64; 3],
    /// R-precision cut at 10: right answers among the first 10, over the right ones or
    /// 10, whichever is less.
    pub rp_10: f64,
}

impl Measures {
    /// The ranks at which hits are counted.
    pub const HITS: [usize; 3] = [1, 5, 10];

    /// Measures answers: for each question whether each answer in order is right, and
    /// how many right ones there are.
    #[must_use]
    pub fn of(answers: &[(Vec<bool>, usize)]) -> Self {
        let mut sum = Self {
            questions: answers.len(),
            ..Self::default()
        };
        for (right, all) in answers {
            if let Some(first) = right.iter().position(|right| *right) {
                sum.mrr += 1.0 / (first as f64 + 1.0);
                for (hit, within) in sum.hit.iter_mut().zip(Self::HITS) {
                    *hit += f64::from(u8::from(first < within));
                }
            }
            let found = right.iter().take(10).filter(|right| **right).count();
            sum.rp_10 += found as f64 / (*all).clamp(1, 10) as f64;
        }
        let questions = answers.len().max(1) as f64;
        sum.mrr /= questions;
        sum.rp_10 /= questions;
        sum.hit.iter_mut().for_each(|hit| *hit /= questions);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_those_of_the_books() {
        let answers = [
            (vec![false, true, true], 2),
            (vec![true], 20),
            (vec![false; 12], 1),
        ];
        let measures = Measures::of(&answers);
        assert_eq!(measures.questions, 3);
        assert!((measures.mrr - (0.5 + 1.0) / 3.0).abs() < 1e-12);
        assert_eq!(measures.hit.map(|hit| (hit * 3.0).round()), [1.0, 2.0, 2.0]);
        assert!((measures.rp_10 - (1.0 + 0.1) / 3.0).abs() < 1e-12);
        assert_eq!(Measures::of(&[]), Measures::default());
    }
}
