//! Between the messages of `index.proto` and the values of the engine.

mod lifecycle;
mod search;
pub(crate) mod snapshots;

use std::collections::BTreeMap;

use vivier_proto::v1;

use crate::config::IndexLimits;
pub(crate) use crate::convert::lifecycle::{aliases_message, set_aliases, updates};
pub(crate) use crate::convert::search::{search, search_message};
use crate::error::IndexError;
use crate::filter::{Filter, Test};
use crate::model::{FacetKind, FacetSpec, Record, Spec, Value, Words};
use crate::payload::fold;
use crate::read::{Page, Parts, WordMatches};
use crate::service::{ExplainRequest, ScrollRequest, Stats};
use crate::validate;

fn missing(field: impl Into<String>) -> IndexError {
    IndexError::invalid(field, "", "is missing")
}

/// Widens a count; targets have at most 64-bit addresses.
fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn size(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

// === collections ===

/// Reads a collection's description.
pub(crate) fn spec(message: Option<v1::CollectionSpec>) -> Result<Spec, IndexError> {
    let message = message.ok_or_else(|| missing("spec"))?;
    let mut facets = BTreeMap::new();
    for (index, message) in message.facets.into_iter().enumerate() {
        let path = format!("spec.facets[{index}]");
        let (name, facet) = facet(&path, message)?;
        if facets.insert(name.clone(), facet).is_some() {
            let field = format!("{path}.name");
            return Err(IndexError::invalid(field, name, "is there twice"));
        }
    }
    Ok(Spec {
        name: message.name,
        facets,
        model_fingerprint: message.model_fingerprint,
    })
}

/// Reads the name and the description of a facet.
pub(crate) fn facet(path: &str, message: v1::FacetSpec) -> Result<(String, FacetSpec), IndexError> {
    let kind = match message.kind {
        Some(v1::facet_spec::Kind::Dense(dense)) => FacetKind::Dense(size(dense.dim)),
        Some(v1::facet_spec::Kind::Words(_)) => FacetKind::Words,
        None => return Err(missing(format!("{path}.kind"))),
    };
    let default_weight = message.default_weight;
    let spec = FacetSpec {
        kind,
        default_weight,
    };
    Ok((message.name, spec))
}

/// Writes a collection's description.
pub(crate) fn spec_message(spec: Spec) -> v1::CollectionSpec {
    let facets = spec.facets.into_iter().map(|(name, facet)| {
        let kind = match facet.kind {
            FacetKind::Dense(dim) => {
                let dim = u32::try_from(dim).unwrap_or(u32::MAX);
                v1::facet_spec::Kind::Dense(v1::DenseFacet { dim })
            }
            FacetKind::Words => v1::facet_spec::Kind::Words(v1::WordsFacet {}),
        };
        v1::FacetSpec {
            name,
            kind: Some(kind),
            default_weight: facet.default_weight,
        }
    });
    v1::CollectionSpec {
        name: spec.name,
        facets: facets.collect(),
        model_fingerprint: spec.model_fingerprint,
    }
}

// === points ===

/// Reads the points of an upsert.
pub(crate) fn records(points: Vec<v1::Point>) -> Result<Vec<Record>, IndexError> {
    let numbered = points.into_iter().enumerate();
    numbered
        .map(|(index, point)| record(index, point))
        .collect()
}

fn record(index: usize, point: v1::Point) -> Result<Record, IndexError> {
    let mut payload = BTreeMap::new();
    for (column, message) in point.payload {
        let Some(kind) = message.kind else {
            return Err(missing(format!("points[{index}].payload[{column:?}]")));
        };
        payload.insert(column, value(kind));
    }
    Ok(Record {
        id: point.id,
        vectors: vectors(point.vectors),
        words: words_of(point.words),
        payload,
        summary: point.summary.into(),
        document: point.document.into(),
        revision: point.revision.into(),
    })
}

fn vectors(messages: BTreeMap<String, v1::Vector>) -> BTreeMap<String, Vec<f32>> {
    let vectors = messages.into_iter();
    vectors
        .map(|(facet, vector)| (facet, vector.values))
        .collect()
}

fn words_of(messages: BTreeMap<String, v1::WordsValue>) -> BTreeMap<String, Words> {
    let texts = messages.into_iter();
    texts
        .map(|(facet, message)| (facet, words(message)))
        .collect()
}

fn value(kind: v1::payload_value::Kind) -> Value {
    use v1::payload_value::Kind;
    match kind {
        Kind::Strings(strings) => Value::Strings(strings.values),
        Kind::Number(number) => Value::Number(number),
        Kind::Boolean(boolean) => Value::Boolean(boolean),
        Kind::Date(days) => Value::Date(days),
        Kind::Coordinates(place) => Value::Coordinates {
            latitude: place.latitude,
            longitude: place.longitude,
        },
    }
}

fn value_message(value: Value) -> v1::PayloadValue {
    use v1::payload_value::Kind;
    let kind = match value {
        Value::Strings(values) => Kind::Strings(v1::Strings { values }),
        Value::Number(number) => Kind::Number(number),
        Value::Boolean(boolean) => Kind::Boolean(boolean),
        Value::Date(days) => Kind::Date(days),
        Value::Coordinates {
            latitude,
            longitude,
        } => Kind::Coordinates(v1::Coordinates {
            latitude,
            longitude,
        }),
    };
    v1::PayloadValue { kind: Some(kind) }
}

/// Writes a point.
pub(crate) fn point_message(record: Record) -> v1::Point {
    let vectors = record.vectors.into_iter();
    let words = record
        .words
        .into_iter()
        .map(|(facet, Words { text, lang })| (facet, v1::WordsValue { text, lang }));
    let payload = record.payload.into_iter();
    v1::Point {
        id: record.id,
        vectors: vectors
            .map(|(facet, values)| (facet, v1::Vector { values }))
            .collect(),
        words: words.collect(),
        payload: payload
            .map(|(column, value)| (column, value_message(value)))
            .collect(),
        summary: record.summary.into(),
        document: record.document.into(),
        revision: record.revision.into(),
    }
}

/// Reads a text.
pub(crate) fn words(message: v1::WordsValue) -> Words {
    Words {
        text: message.text,
        lang: message.lang,
    }
}

/// Reads which parts are wanted; none when absent.
pub(crate) fn parts(message: Option<v1::PointParts>) -> Parts {
    let message = message.unwrap_or_default();
    Parts {
        payload: message.payload,
        summary: message.summary,
        document: message.document,
        vectors: message.vectors,
    }
}

/// Reads a scroll.
pub(crate) fn scroll(
    message: v1::ScrollRequest,
    limits: &IndexLimits,
) -> Result<ScrollRequest, IndexError> {
    Ok(ScrollRequest {
        collection: message.collection,
        after: message.after_id,
        limit: size(message.limit),
        filter: filter(message.filter, limits)?,
        parts: parts(message.parts),
    })
}

/// Writes a page.
pub(crate) fn page_message(page: Page) -> v1::ScrollResponse {
    v1::ScrollResponse {
        points: page.records.into_iter().map(point_message).collect(),
        next_after_id: page.next.unwrap_or_default(),
    }
}

// === filters ===

/// Reads a filter, checked against the limits.
pub(crate) fn filter(
    message: Option<v1::Filter>,
    limits: &IndexLimits,
) -> Result<Option<Filter>, IndexError> {
    let mut reader = FilterReader { limits, nodes: 0 };
    message
        .map(|message| reader.node(message, "filter", 1))
        .transpose()
}

struct FilterReader<'a> {
    limits: &'a IndexLimits,
    nodes: usize,
}

impl FilterReader<'_> {
    fn node(
        &mut self,
        message: v1::Filter,
        path: &str,
        depth: usize,
    ) -> Result<Filter, IndexError> {
        use v1::filter::Node;
        self.nodes += 1;
        let (nodes, max_nodes) = (self.nodes, self.limits.max_filter_nodes);
        if nodes > max_nodes {
            let reason = format!("has too many nodes, limit {max_nodes}");
            return Err(IndexError::invalid(
                "filter",
                format!("{nodes} nodes"),
                reason,
            ));
        }
        let max_depth = self.limits.max_filter_depth;
        if depth > max_depth {
            let reason = format!("is nested too deeply, limit {max_depth}");
            return Err(IndexError::invalid(path, format!("depth {depth}"), reason));
        }
        match message.node {
            None => Err(missing(format!("{path}.node"))),
            Some(Node::All(list)) => Ok(Filter::All(self.list(
                list,
                &format!("{path}.all"),
                depth,
            )?)),
            Some(Node::Any(list)) => Ok(Filter::Any(self.list(
                list,
                &format!("{path}.any"),
                depth,
            )?)),
            Some(Node::Not(inner)) => {
                let inner = self.node(*inner, &format!("{path}.not"), depth + 1)?;
                Ok(Filter::Not(Box::new(inner)))
            }
            Some(Node::Condition(condition)) => {
                self.condition(condition, &format!("{path}.condition"))
            }
        }
    }

    fn list(
        &mut self,
        list: v1::FilterList,
        path: &str,
        depth: usize,
    ) -> Result<Vec<Filter>, IndexError> {
        let numbered = list.filters.into_iter().enumerate();
        numbered
            .map(|(index, filter)| self.node(filter, &format!("{path}[{index}]"), depth + 1))
            .collect()
    }

    fn condition(&self, message: v1::Condition, path: &str) -> Result<Filter, IndexError> {
        use v1::condition;
        if message.column.is_empty() {
            return Err(missing(format!("{path}.column")));
        }
        let test = match message.test {
            None => return Err(missing(format!("{path}.test"))),
            Some(condition::Test::In(set)) => {
                validate::strings(&format!("{path}.in"), &set.values, self.limits)?;
                Test::In(set.values.iter().map(|text| fold(text)).collect())
            }
            Some(condition::Test::Range(range)) => self::range(range, &format!("{path}.range"))?,
            Some(condition::Test::Is(boolean)) => Test::Is(boolean),
            Some(condition::Test::Within(circle)) => within(circle, &format!("{path}.within"))?,
            Some(condition::Test::Missing(missing)) => Test::Missing(missing),
        };
        Ok(Filter::Column {
            column: message.column,
            test,
        })
    }
}

fn range(message: v1::Range, path: &str) -> Result<Test, IndexError> {
    let (min, max) = (
        message.min.unwrap_or(f64::NEG_INFINITY),
        message.max.unwrap_or(f64::INFINITY),
    );
    for (end, value) in [("min", min), ("max", max)] {
        if value.is_nan() {
            return Err(IndexError::invalid(
                format!("{path}.{end}"),
                value,
                "must be a number",
            ));
        }
    }
    if min > max {
        let reason = format!("must not be above max {max}");
        return Err(IndexError::invalid(format!("{path}.min"), min, reason));
    }
    Ok(Test::Range { min, max })
}

fn within(message: v1::Within, path: &str) -> Result<Test, IndexError> {
    let center = message
        .center
        .ok_or_else(|| missing(format!("{path}.center")))?;
    validate::coordinates(&format!("{path}.center"), center.latitude, center.longitude)?;
    let radius_km = message.radius_km;
    if !(radius_km.is_finite() && radius_km > 0.0) {
        let reason = "must be more than 0";
        return Err(IndexError::invalid(
            format!("{path}.radius_km"),
            radius_km,
            reason,
        ));
    }
    Ok(Test::Within {
        center: (center.latitude, center.longitude),
        radius_km,
    })
}

// === words ===

/// Reads a question which words matched.
pub(crate) fn explain(message: v1::ExplainWordsRequest) -> ExplainRequest {
    ExplainRequest {
        collection: message.collection,
        facet: message.facet,
        query: words(message.query.unwrap_or_default()),
        ids: message.ids,
        max_terms: size(message.max_terms),
    }
}

/// Writes which words matched.
pub(crate) fn matches_message(matches: Vec<WordMatches>) -> v1::ExplainWordsResponse {
    let matches = matches.into_iter().map(|found| {
        let words = found.words.into_iter();
        v1::WordMatches {
            id: found.id,
            words: words
                .map(|(word, score)| v1::WordMatch { word, score })
                .collect(),
        }
    });
    v1::ExplainWordsResponse {
        matches: matches.collect(),
    }
}

/// Writes the counts.
pub(crate) fn stats_message(stats: Stats) -> v1::GetStatsResponse {
    let collections =
        stats
            .collections
            .into_iter()
            .map(|(name, counts, recall)| v1::CollectionStats {
                name,
                points: count(counts.points),
                tombstones: count(counts.tombstones),
                sealed_points: count(counts.sealed_points),
                segments: count(counts.segments),
                vector_bytes: count(counts.vector_bytes),
                recall: Some(v1::RecallGauge {
                    searches: recall.searches,
                    mean: recall.mean,
                    lowest: recall.lowest,
                }),
            });
    v1::GetStatsResponse {
        collections: collections.collect(),
        sequence: stats.sequence,
        log_bytes: stats.log_bytes,
    }
}
