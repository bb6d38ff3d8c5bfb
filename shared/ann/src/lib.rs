//! Approximate nearest neighbours by inner product, over immutable segments.
//!
//! A segment has rows, numbered from 0; sets of rows are [`RowSet`].

mod row_set;

pub use row_set::RowSet;
