//! Approximate nearest neighbours by inner product, over immutable segments.
//!
//! A segment has rows, numbered from 0; sets of rows are [`RowSet`].

mod audit;
mod build;
mod builder;
mod error;
mod file;
mod filtered;
mod flat;
mod graph;
mod kernel;
mod layout;
mod lists;
mod marks;
mod memory;
mod meta;
mod planes;
mod pool;
mod prune;
mod query;
mod row_set;
mod search;
mod segment;
mod shortlist;
#[cfg(test)]
mod testing;
mod traverse;
mod vectors;

pub use build::{BuildOptions, Built, build};
pub use builder::{Unwatched, Watch};
pub use error::AnnError;
pub use layout::{Facet, Layout, MAX_DIM, MAX_FACETS};
pub use query::Query;
pub use row_set::RowSet;
pub use search::{Found, Hit, Plan, Scratch, SearchOptions};
pub use segment::Segment;
pub use vectors::Vectors;
