//! Reading points: pages, parts, and the words that matched.

use std::collections::BTreeMap;

use crate::collection::Collection;
use crate::config::WordsConfig;
use crate::error::IndexError;
use crate::model::Record;
use crate::search::statistics;
use crate::service::{ExplainRequest, ScrollRequest};
use crate::view::{Part, Place};
use crate::words::{AskedWords, WordsQuery};

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
    pub(crate) fn any(self) -> bool {
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
/// When a segment cannot be read.
pub(crate) fn page(collection: &Collection, request: &ScrollRequest) -> Result<Page, IndexError> {
    let ScrollRequest { after, limit, .. } = request;
    // One more tells whether there is a next page.
    let mut found = collection.after(after, limit + 1, request.filter.as_ref());
    let more = found.len() > *limit;
    found.truncate(*limit);
    let next = found.last().filter(|_| more).map(|(id, _)| id.clone());
    let records = found.iter().map(|(_, stored)| stored.read(request.parts));
    Ok(Page {
        records: records.collect::<Result<_, _>>()?,
        next,
    })
}

/// Reads the wanted parts of points; unknown ones are left out.
///
/// # Errors
/// When a segment cannot be read.
pub(crate) fn points(
    collection: &Collection,
    ids: &[String],
    parts: Parts,
) -> Result<Vec<Record>, IndexError> {
    let found = collection.find(ids);
    let records = found.iter().map(|stored| stored.read(parts));
    Ok(records.collect::<Result<_, _>>()?)
}

/// Says which words of a query matched each point, best first.
///
/// # Errors
/// When the words fail.
pub(crate) fn explain(
    collection: &Collection,
    request: ExplainRequest,
    config: &WordsConfig,
) -> Result<Vec<WordMatches>, IndexError> {
    let (view, places) = collection.places(&request.ids);
    let facet = &request.facet;
    let asked = AskedWords::of(&request.query);
    let statistics = statistics(&view, facet, &asked)?;
    let query = WordsQuery::new(asked, &statistics, config);
    let mut parts: BTreeMap<Place, Vec<(usize, f32)>> = BTreeMap::new();
    for (number, part) in view.parts().enumerate() {
        let own = places.values().filter(|place| place.part == number);
        let mut rows: Vec<_> = own.map(|place| place.row).collect();
        rows.sort_unstable();
        rows.dedup();
        let place = |row| Place { part: number, row };
        match part {
            Part::Segment(view) => {
                if let Some(words) = view.segment.words.get(facet) {
                    let found = words.explain(&query, &rows)?;
                    parts.extend(rows.into_iter().map(place).zip(found));
                }
            }
            Part::Tail(tail) => {
                if let Some(words) = tail.words.get(facet) {
                    let found = words.explain(&query, &rows)?;
                    parts.extend(found.into_iter().map(|(row, found)| (place(row), found)));
                }
            }
        }
    }
    let matches = request.ids.into_iter().map(|id| {
        let found = places.get(&id).and_then(|place| parts.get(place));
        let best = found.into_iter().flatten().take(request.max_terms);
        let words = best.filter_map(|(term, part)| {
            let term = query.terms().get(*term)?;
            Some((term.word.clone(), *part))
        });
        WordMatches {
            words: words.collect(),
            id,
        }
    });
    Ok(matches.collect())
}
