//! Turns a described profile into a point of the index.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;
use vivier_features::{ColumnValue, Columns, Description};
use vivier_proto::v1;
use vivier_proto::v1::payload_value::Kind;
use vivier_types::Facet;

use crate::draft::Draft;
use crate::embed::{EmbedJob, ProfileVectors};

/// Returns what a profile has to embed.
pub(crate) fn embed_job(kind: vivier_types::ProfileKind, description: &Description) -> EmbedJob {
    EmbedJob {
        kind,
        text: description.text.clone(),
        skills: description.skills.clone(),
    }
}

/// Returns the dense vectors of a profile by facet; facets about which nothing
/// is known are left out.
pub(crate) fn facet_vectors(
    description: &Description,
    vectors: ProfileVectors,
) -> BTreeMap<Facet, Vec<f32>> {
    let mut facets = description.facets.clone();
    let encoded = [(Facet::Text, vectors.text), (Facet::Skills, vectors.skills)];
    let encoded = encoded.into_iter();
    facets.extend(encoded.filter_map(|(facet, vector)| Some((facet, vector?))));
    facets
}

/// Returns the words of a profile; `None` when it has none.
pub(crate) fn words_value(description: &Description) -> Option<v1::WordsValue> {
    let text = description.words.clone();
    let lang = description.lang.clone().unwrap_or_default();
    (!text.trim().is_empty()).then_some(v1::WordsValue { text, lang })
}

/// Builds the point of a draft from its description and its vectors.
pub(crate) fn build_point(
    draft: &Draft,
    description: Description,
    vectors: ProfileVectors,
) -> v1::Point {
    let record = Record {
        id: draft.id().to_owned(),
        document: draft.document.clone(),
        revision: draft.revision.clone(),
    };
    point_of(record, description, vectors)
}

/// The parts of a point that are no features of its profile.
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) document: Bytes,
    pub(crate) revision: Bytes,
}

/// Builds the point of a record from its description and its vectors.
pub(crate) fn point_of(
    record: Record,
    description: Description,
    vectors: ProfileVectors,
) -> v1::Point {
    let words = words_value(&description).map(|words| (Facet::Words.name().to_owned(), words));
    let vectors = facet_vectors(&description, vectors)
        .into_iter()
        .map(|(facet, values)| (facet.name().to_owned(), v1::Vector { values }))
        .collect();
    v1::Point {
        id: record.id,
        vectors,
        words: words.into_iter().collect(),
        payload: payload(description.columns),
        summary: Bytes::from(v1::Summary::from(description.summary).encode_to_vec()),
        document: record.document,
        revision: record.revision,
    }
}

fn payload(columns: Columns) -> BTreeMap<String, v1::PayloadValue> {
    columns
        .into_iter()
        .map(|(name, value)| {
            (
                name,
                v1::PayloadValue {
                    kind: Some(payload_kind(value)),
                },
            )
        })
        .collect()
}

fn payload_kind(value: ColumnValue) -> Kind {
    match value {
        ColumnValue::Strings(values) => Kind::Strings(v1::Strings { values }),
        ColumnValue::Number(number) => Kind::Number(number),
        ColumnValue::Boolean(boolean) => Kind::Boolean(boolean),
        ColumnValue::Date(days) => Kind::Date(days),
        ColumnValue::Coordinates(coordinates) => Kind::Coordinates(coordinates.into()),
    }
}
