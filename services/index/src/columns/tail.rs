//! The columns of the tail: rows are appended while searches read.
//!
//! Rows gather in blocks of 64; eight of them become one of 512, each an
//! immutable [`Columns`] in memory. The rows that fill no block yet are tested
//! one by one. So a row is built into columns twice, no write waits for more than
//! 576 rows to be built, a filter asks some twenty blocks of a tail of 8,192 rows,
//! and a clone is a view that never changes and shares all but the list of
//! blocks.
//!
//! Rows that die stay until the tail is sealed: the caller leaves them out.

use std::sync::Arc;

use vivier_ann::RowSet;

use super::bits::as_index;
use super::{Columns, ColumnsBuilder, ColumnsError};
use crate::filter::Filter;
use crate::points::Meta;

/// Rows of the smallest block; a word of bits.
const SMALLEST: usize = 64;
/// Rows of the largest block: to build it holds a write, and all behind it.
const LARGEST: usize = 512;
/// Blocks of one size that become one.
const JOINED: usize = 8;

/// The columns of the rows of a tail.
#[derive(Clone, Default)]
pub(crate) struct TailColumns {
    /// Sizes never ascend; all are multiples of 64.
    blocks: Vec<Arc<Block>>,
    /// Fewer than the smallest block holds.
    open: Arc<Vec<Arc<Meta>>>,
    rows: u32,
}

struct Block {
    metas: Vec<Arc<Meta>>,
    columns: Columns,
}

impl TailColumns {
    /// Starts with no rows.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends a row with validated columns.
    ///
    /// # Errors
    /// When its columns are not what validation lets through, or rows exceed
    /// what numbers of rows can name.
    pub(crate) fn push(&mut self, meta: Arc<Meta>) -> Result<(), ColumnsError> {
        let rows = self.rows.checked_add(1).ok_or(ColumnsError::TooManyRows)?;
        if self.open.len() + 1 < SMALLEST {
            Arc::make_mut(&mut self.open).push(meta);
        } else {
            let mut metas = self.open.as_ref().clone();
            metas.push(meta);
            self.blocks.push(Arc::new(Block::of(metas)?));
            self.open = Arc::default();
        }
        self.rows = rows;
        self.join()
    }

    /// Returns the rows that pass a filter, dead ones too.
    pub(crate) fn select(&self, filter: &Filter) -> RowSet {
        let mut words = Vec::with_capacity(as_index(self.rows).div_ceil(SMALLEST));
        for block in &self.blocks {
            words.extend_from_slice(block.columns.select(filter).words());
        }
        words.push(self.open_word(filter));
        RowSet::from_words(self.rows, words)
    }

    fn open_word(&self, filter: &Filter) -> u64 {
        let mut word = 0;
        for (bit, meta) in self.open.iter().enumerate() {
            word |= u64::from(filter.passes(&meta.columns)) << bit;
        }
        word
    }

    /// Makes one block of the last ones as long as they are of one size.
    fn join(&mut self) -> Result<(), ColumnsError> {
        while let Some(last) = self.blocks.last() {
            let size = last.metas.len();
            let mut equal = self.blocks.iter().rev().take(JOINED);
            let from = self.blocks.len().checked_sub(JOINED);
            let (Some(from), true) = (from, equal.all(|block| block.metas.len() == size)) else {
                break;
            };
            if size * JOINED > LARGEST {
                break;
            }
            let parts = self.blocks.get(from..).unwrap_or_default();
            let metas = parts.iter().flat_map(|block| block.metas.iter().cloned());
            let joined = Block::of(metas.collect())?;
            self.blocks.truncate(from);
            self.blocks.push(Arc::new(joined));
        }
        Ok(())
    }
}

impl Block {
    fn of(metas: Vec<Arc<Meta>>) -> Result<Self, ColumnsError> {
        let mut builder = ColumnsBuilder::new();
        for meta in &metas {
            builder.push(&meta.columns)?;
        }
        let columns = Columns::from_bytes(builder.into_bytes()?)?;
        Ok(Self { metas, columns })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{Lcg, Row, column, filter, many_rows, rows, scan};
    use super::*;
    use crate::filter::Test;
    use crate::payload::fold_columns;

    fn meta(row: &Row) -> Arc<Meta> {
        let columns = fold_columns(row);
        let id = "".into();
        Arc::new(Meta {
            id,
            columns,
            ..Meta::default()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_view_of_the_tail_equals_the_evaluation_of_each_row(rows in rows(),
            filters in prop::collection::vec(filter(), 1..5), viewed in 0_usize..200)
        {
            let mut tail = TailColumns::new();
            let mut view = tail.clone();
            for (number, row) in rows.iter().enumerate() {
                if number == viewed {
                    view = tail.clone();
                }
                tail.push(meta(row)).unwrap();
            }
            let seen = if viewed < rows.len() { &rows[..viewed] } else { &[] };
            for (tail, rows) in [(&tail, &rows[..]), (&view, seen)] {
                for filter in &filters {
                    let wanted = scan(rows, filter);
                    prop_assert_eq!(tail.select(filter), wanted.clone());
                }
            }
        }
    }

    #[test]
    fn blocks_of_every_size_answer_and_stay_few() {
        let rows = many_rows(10_000, &mut Lcg(5));
        let mut tail = TailColumns::new();
        let filter = Filter::All(vec![
            column("pay", Test::Range { min: 2e4, max: 9e4 }),
            Filter::Not(Box::new(column("text", Test::In(vec!["t7".to_owned()])))),
        ]);
        for (number, row) in rows.iter().enumerate() {
            if [511, 512, 4_095, 4_096, 4_097, 9_999].contains(&number) {
                assert_eq!(tail.select(&filter), scan(&rows[..number], &filter));
            }
            tail.push(meta(row)).unwrap();
            let sizes: Vec<usize> = tail.blocks.iter().map(|block| block.metas.len()).collect();
            assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
            assert!(sizes.len() <= number / LARGEST + 2 * JOINED, "{sizes:?}");
        }
    }
}
