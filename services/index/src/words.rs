//! Words facets: BM25 over inverted indexes by tantivy. The only modules, with
//! `analysis`, that know the crate.
//!
//! **Score.** A term t of the query gives a text
//! `w(t) · tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean length))`
//! with `w(t) = idf(t) · qtf · (k3 + 1) / (qtf + k3)`, qtf its count in the query,
//! and `idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5))` (Robertson and Zaragoza,
//! 2009). No text can get more than `Σ w · (k1 + 1)`, so the sum divided by that
//! bound lies in 0..1 and is the facet's score: `k1 + 1` cancels out. Words that
//! no text has are left out of the bound. Words added to a query ([`AskedWords::with`])
//! come on top, with shares of the same bound times a weight.
//!
//! Of a long query the terms of greatest w are kept. By idf alone the rarest
//! words would be, names and slips mostly: on the development pool of CVs, each
//! used as a query of 64 terms, the ten nearest shared its category in 32 % of
//! cases by idf and in 40 % by w.
//!
//! **Where texts are.** New texts are in an index in memory ([`memory`]), older
//! ones in immutable segments on disk ([`segment`]). A search analyses its text
//! ([`AskedWords`]), sums the statistics of all these places
//! ([`WordsStatistics`]), makes one [`WordsQuery`] of both and asks each place.
//!
//! **Exactness.** N, df and the mean length count live texts only, everywhere: a
//! segment knows what its dead rows held ([`DeadWords`]). Each term's part is
//! computed by one function ([`bm25::part`]) from true lengths, as a whole number
//! of units of 2⁻²³, and whole numbers add up to the same sum in any order. So a
//! text has one score, to the bit, whichever way it is found, and scores do not
//! depend on the order of writes, on merges or on a restart.

mod bm25;
mod dead;
mod error;
mod forward;
mod memory;
mod segment;
mod select;
mod sums;
mod walk;
mod write;

pub use bm25::{AskedWords, QueryTerm, WordsQuery, WordsStatistics};
pub use dead::DeadWords;
pub use error::WordsError;
pub(crate) use memory::{WordsIndex, WordsView};
pub use segment::WordsSegment;
pub use write::{WordsSegmentBuilder, WordsSource};

#[cfg(feature = "fuzzing")]
pub(crate) use forward::fuzz_forward;

/// Checks a list of files, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_sums(folder: &std::path::Path) {
    drop(sums::verify(folder));
}

#[cfg(test)]
mod tests;
