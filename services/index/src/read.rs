//! Reading points: pages, parts, and the words that matched.

use std::collections::BTreeMap;

use crate::collection::Collection;
use crate::engine::Engine;
use crate::error::IndexError;
use crate::filter::Filter;
use crate::model::Record;
use crate::service::{ExplainRequest, ScrollRequest};

/// Ids looked at under one lock while scrolling.
const SCROLL_STEP: usize = 1_000;

/// Which parts of a point are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) payload: bool,
    pub(crate) summary: bool,
    pub(crate) document: bool,
    pub(crate) vectors: bool,
}

impl Parts {
    /// Tells whether any part is.
    fn any(self) -> bool {
        self != Self::default()
    }
}

/// A page in id order.
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    /// Where the next page starts; `None` at the end.
    pub(crate) next: Option<String>,
}

/// The words of a query that one point matched, best first.
pub(crate) struct WordMatches {
    pub(crate) id: String,
    pub(crate) words: Vec<(String, f32)>,
}

/// Reads a page.
///
/// # Errors
/// When the store fails.
pub(crate) fn page(
    engine: &Engine,
    collection: &Collection,
    request: ScrollRequest,
) -> Result<Page, IndexError> {
    let filter = request.filter.as_ref();
    let (ids, next) = page_ids(collection, request.after, request.limit, filter);
    let records = points(engine, collection, &ids, request.parts)?;
    Ok(Page { records, next })
}

/// Collects the ids of a page, looking at some points at a time so that no
/// lock is held for long.
fn page_ids(
    collection: &Collection,
    mut after: String,
    limit: usize,
    filter: Option<&Filter>,
) -> (Vec<String>, Option<String>) {
    let mut ids: Vec<String> = Vec::new();
    loop {
        let step = collection.after(&after, SCROLL_STEP);
        for meta in &step {
            if filter.is_none_or(|filter| filter.passes(&meta.columns)) {
                if ids.len() == limit {
                    let next = ids.last().cloned();
                    return (ids, next);
                }
                ids.push(meta.id.to_string());
            }
        }
        match step.last() {
            Some(last) if step.len() == SCROLL_STEP => after = last.id.to_string(),
            Some(_) | None => return (ids, None),
        }
    }
}

/// Reads the wanted parts of points; unknown ones are left out.
///
/// # Errors
/// When the store fails.
pub(crate) fn points(
    engine: &Engine,
    collection: &Collection,
    ids: &[String],
    parts: Parts,
) -> Result<Vec<Record>, IndexError> {
    let vectors = if parts.vectors {
        collection.vectors(ids)
    } else {
        BTreeMap::new()
    };
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        let vector = vectors.get(id).map(Vec::as_slice);
        records.extend(point(engine, collection, id, vector, parts)?);
    }
    Ok(records)
}

/// Reads the wanted parts of a point; id and revision always come. `None` when
/// it does not exist.
fn point(
    engine: &Engine,
    collection: &Collection,
    id: &str,
    vector: Option<&[f32]>,
    parts: Parts,
) -> Result<Option<Record>, IndexError> {
    let name = &collection.spec().name;
    let Some(head) = engine.store.head(name, id)? else {
        return Ok(None);
    };
    let mut record = Record {
        id: id.to_owned(),
        revision: head.revision,
        ..Record::default()
    };
    if parts.payload {
        record.payload = head.payload;
    }
    if parts.summary {
        record.summary = head.summary;
    }
    if parts.document {
        record.document = engine.store.document(name, id)?.unwrap_or_default();
    }
    if let Some(vector) = vector.filter(|_| parts.vectors) {
        record.vectors = collection.layout().split(vector);
    }
    Ok(Some(record))
}

/// Reads the parts of a hit; the store is left alone when none are wanted.
pub(crate) fn hit(
    engine: &Engine,
    collection: &Collection,
    id: &str,
    vector: Option<&[f32]>,
    parts: Parts,
) -> Result<Option<Record>, IndexError> {
    if parts.any() {
        return point(engine, collection, id, vector, parts);
    }
    Ok(Some(Record {
        id: id.to_owned(),
        ..Record::default()
    }))
}

/// Says which words of a query matched each point, best first.
///
/// # Errors
/// When the index fails.
pub(crate) fn explain(
    collection: &Collection,
    request: ExplainRequest,
) -> Result<Vec<WordMatches>, IndexError> {
    let (view, slots) = collection.slots(&request.ids);
    let Some(index) = view.words.get(&request.facet) else {
        return Ok(Vec::new());
    };
    let query = index.query(&request.query)?;
    let wanted: Vec<_> = slots.values().copied().collect();
    let parts = index.explain(&query, &wanted)?;
    let matches = request.ids.into_iter().map(|id| {
        let found = slots.get(&id).and_then(|slot| parts.get(slot));
        let best = found.into_iter().flatten().take(request.max_terms);
        let words =
            best.filter_map(|(term, part)| Some((query.terms().get(*term)?.word.clone(), *part)));
        WordMatches {
            words: words.collect(),
            id,
        }
    });
    Ok(matches.collect())
}
