//! Filters and points as they come over the wire: what is selected by columns, in a
//! segment and in the tail, against the evaluation of each record.

use std::sync::Arc;

use prost::Message;
use vivier_ann::RowSet;
use vivier_proto::v1;

use crate::columns::{Columns, ColumnsBuilder, TailColumns};
use crate::config::IndexLimits;
use crate::convert;
use crate::filter::Filter;
use crate::model::Record;
use crate::payload::fold_columns;
use crate::points::Meta;
use crate::validate;

/// Rows that are made of the records, again and again: more than a block of the tail.
const ROWS: usize = 150;

/// Writes a filter and points as [`filters`] reads them.
pub(super) fn encode(filter: &v1::Filter, points: &v1::UpsertRequest) -> Vec<u8> {
    let filter = filter.encode_to_vec();
    let length = u16::try_from(filter.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(filter);
    bytes.extend(points.encode_to_vec());
    bytes
}

/// Reads the length of a filter in two bytes, the filter, and an upsert; selects.
pub fn filters(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (filter, points) = rest.split_at(length);
    let limits = IndexLimits::default();
    let (Ok(filter), Ok(points)) = (
        v1::Filter::decode(filter),
        v1::UpsertRequest::decode(points),
    ) else {
        return;
    };
    let Ok(Some(filter)) = convert::filter(Some(filter), &limits) else {
        return;
    };
    let records = points.points.into_iter().take(ROWS);
    let records = records.filter_map(|point| convert::records(vec![point]).ok()?.pop());
    let spec = super::seeds::spec();
    let is_valid =
        |record: &Record| validate::records(std::slice::from_ref(record), &spec, &limits).is_ok();
    let records: Vec<Record> = records.filter(is_valid).collect();
    if !records.is_empty() {
        select(&filter, &records);
    }
}

fn select(filter: &Filter, records: &[Record]) {
    let mut builder = ColumnsBuilder::new();
    let mut tail = TailColumns::new();
    let mut wanted = Vec::new();
    for (row, record) in (0_u32..).zip(records.iter().cycle().take(ROWS)) {
        let columns = fold_columns(&record.payload);
        if filter.passes(&columns) {
            wanted.push(row);
        }
        let built = builder.push(&record.payload);
        assert!(built.is_ok(), "validated columns are built: {built:?}");
        let meta = Meta {
            columns,
            ..Meta::default()
        };
        let pushed = tail.push(Arc::new(meta));
        assert!(
            pushed.is_ok(),
            "validated columns come into the tail: {pushed:?}"
        );
    }
    let rows = u32::try_from(ROWS).unwrap_or(u32::MAX);
    let wanted = RowSet::of(rows, wanted);
    assert_eq!(tail.select(filter), wanted, "the tail selects {filter:?}");
    let bytes = builder.into_bytes();
    assert!(bytes.is_ok(), "columns are written: {bytes:?}");
    let columns = bytes.ok().map(Columns::from_bytes);
    let Some(Ok(columns)) = columns else {
        assert!(columns.is_none(), "what was written opens");
        return;
    };
    assert_eq!(columns.select(filter), wanted, "columns select {filter:?}");
    let estimate = columns.estimate(filter);
    let bounds = estimate.lower..=estimate.upper;
    assert!(
        bounds.contains(&wanted.count()),
        "{bounds:?} for {filter:?}"
    );
}
