//! Approximate nearest neighbours by inner product, over immutable segments.
//!
//! [`build`] links vectors to a graph and tells the order of rows; [`Built::write`]
//! makes the file; [`Segment::open`] checks all of it; [`Segment::query`] prepares a
//! weighted query, which searches or scans rows and scores single ones. A segment has
//! rows, numbered from 0; sets of rows are [`RowSet`]. Nothing here knows of ids,
//! payloads or words.

mod audit;
mod build;
mod builder;
mod error;
mod explore;
mod file;
mod filtered;
mod flat;
mod graph;
mod kernel;
mod layout;
mod links;
mod lists;
mod marks;
mod memory;
mod meta;
mod planes;
mod pool;
mod prune;
mod query;
mod reference;
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
pub use explore::Explored;
pub use layout::{Facet, Layout, MAX_DIM, MAX_FACETS};
pub use query::Query;
pub use row_set::RowSet;
pub use search::{Found, Hit, Plan, Scratch, SearchOptions};
pub use segment::Segment;
pub use vectors::Vectors;
