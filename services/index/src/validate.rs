//! Checks of everything that comes in, against the limits and against the
//! collection. Nothing that fails here reaches the engine.

use std::collections::BTreeMap;

use vivier_types::ProfileId;

use crate::config::IndexLimits;
use crate::dense::dot;
use crate::error::IndexError;
use crate::model::{AddedWords, FacetKind, FacetSpec, FacetUpdate, Record, Spec, Value, Words};
use crate::search::{FacetInput, Inputs};
use crate::service::AskedInputs;

/// Longest name of a collection or a facet, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Most texts added to the words of a search.
const MAX_ADDED: usize = 256;
/// Longest fingerprint, in bytes.
const MAX_FINGERPRINT_BYTES: usize = 256;

/// Checks a collection's description.
pub(crate) fn spec(spec: &Spec, limits: &IndexLimits) -> Result<(), IndexError> {
    name("spec.name", &spec.name)?;
    at_most(
        "spec.facets",
        "facets",
        spec.facets.len(),
        limits.max_facets,
    )?;
    let field = "spec.model_fingerprint";
    at_most(
        field,
        "bytes",
        spec.model_fingerprint.len(),
        MAX_FINGERPRINT_BYTES,
    )?;
    for (facet_name, facet) in &spec.facets {
        let path = format!("spec.facets[{facet_name:?}]");
        name(&path, facet_name)?;
        weight(
            &format!("{path}.default_weight"),
            facet.default_weight,
            limits,
        )?;
        if let FacetKind::Dense(dim) = facet.kind
            && (dim == 0 || dim > limits.max_dim)
        {
            let reason = format!("must be 1 to {}", limits.max_dim);
            return Err(IndexError::invalid(
                format!("{path}.dense.dim"),
                dim,
                reason,
            ));
        }
    }
    let dims = spec.facets.values().map(|facet| match facet.kind {
        FacetKind::Dense(dim) => dim,
        FacetKind::Words => 0,
    });
    let (unit, most) = ("values in all vectors of a point", vivier_ann::MAX_DIM);
    at_most("spec.facets", unit, dims.sum(), most)
}

/// Checks names of aliases and of collections.
pub(crate) fn aliases(aliases: &BTreeMap<String, String>) -> Result<(), IndexError> {
    for (alias, collection) in aliases {
        name("aliases.alias", alias)?;
        name("aliases.collection", collection)?;
    }
    Ok(())
}

fn name(field: &str, name: &str) -> Result<(), IndexError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    if !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.chars().all(allowed) {
        return Ok(());
    }
    let reason = format!("must be 1 to {MAX_NAME_BYTES} of a-z, 0-9, \"_\", \"-\" and \".\"");
    Err(IndexError::invalid(field, name, reason))
}

/// Checks a weight.
pub(crate) fn weight(field: &str, weight: f32, limits: &IndexLimits) -> Result<(), IndexError> {
    if weight.is_finite() && (0.0..=limits.max_weight).contains(&weight) {
        return Ok(());
    }
    let reason = format!("must be 0 to {}", limits.max_weight);
    Err(IndexError::invalid(field, weight, reason))
}

/// Checks that a fingerprint is the collection's.
pub(crate) fn fingerprint(spec: &Spec, found: &str) -> Result<(), IndexError> {
    if spec.model_fingerprint == found {
        return Ok(());
    }
    Err(IndexError::Mismatch {
        collection: spec.name.clone(),
        field: "model_fingerprint".to_owned(),
        value: found.to_owned(),
        expected: format!("{:?}", spec.model_fingerprint),
    })
}

/// Checks the points of an upsert.
pub(crate) fn records(
    records: &[Record],
    spec: &Spec,
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    at_most("points", "points", records.len(), limits.max_points)?;
    for (index, found) in records.iter().enumerate() {
        record(&format!("points[{index}]"), found, spec, limits)?;
    }
    Ok(())
}

fn record(
    path: &str,
    record: &Record,
    spec: &Spec,
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    id(&format!("{path}.id"), &record.id)?;
    facets(path, (&record.vectors, &record.words), spec, limits)?;
    for (part, bytes, limit) in [
        ("summary", record.summary.len(), limits.max_summary_bytes),
        ("document", record.document.len(), limits.max_document_bytes),
        ("revision", record.revision.len(), limits.max_revision_bytes),
    ] {
        at_most(&format!("{path}.{part}"), "bytes", bytes, limit)?;
    }
    payload(&format!("{path}.payload"), &record.payload, limits)
}

/// Checks the facets of points that are updated.
pub(crate) fn updates(
    updates: &[FacetUpdate],
    spec: &Spec,
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    at_most("updates", "updates", updates.len(), limits.max_points)?;
    for (index, update) in updates.iter().enumerate() {
        let path = format!("updates[{index}]");
        id(&format!("{path}.id"), &update.id)?;
        facets(&path, (&update.vectors, &update.words), spec, limits)?;
    }
    Ok(())
}

/// Checks the vectors and the words of a point.
fn facets(
    path: &str,
    (vectors, words): (&BTreeMap<String, Vec<f32>>, &BTreeMap<String, Words>),
    spec: &Spec,
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    for (facet, vector) in vectors {
        let path = format!("{path}.vectors[{facet:?}]");
        self::vector(&path, facet, vector, spec, limits)?;
    }
    for (facet, words) in words {
        let path = format!("{path}.words[{facet:?}]");
        self::words(&path, facet, words, spec, limits)?;
    }
    Ok(())
}

fn payload(
    path: &str,
    payload: &BTreeMap<String, Value>,
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    at_most(path, "columns", payload.len(), limits.max_columns)?;
    for (column, value) in payload {
        let path = format!("{path}[{column:?}]");
        at_most(
            &path,
            "bytes in the name",
            column.len(),
            limits.max_string_bytes,
        )?;
        match value {
            Value::Strings(strings) => self::strings(&path, strings, limits)?,
            Value::Number(number) if !number.is_finite() => {
                return Err(IndexError::invalid(path, number, "must be finite"));
            }
            Value::Number(_) | Value::Boolean(_) | Value::Date(_) => {}
            Value::Coordinates {
                latitude,
                longitude,
            } => coordinates(&path, *latitude, *longitude)?,
        }
    }
    Ok(())
}

/// Checks a list of texts.
pub(crate) fn strings(
    path: &str,
    strings: &[String],
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    at_most(path, "texts", strings.len(), limits.max_strings)?;
    for (index, string) in strings.iter().enumerate() {
        at_most(
            &format!("{path}[{index}]"),
            "bytes",
            string.len(),
            limits.max_string_bytes,
        )?;
    }
    Ok(())
}

/// Checks a place on the Earth.
pub(crate) fn coordinates(path: &str, latitude: f64, longitude: f64) -> Result<(), IndexError> {
    for (part, value, reach) in [
        ("latitude", latitude, 90.0),
        ("longitude", longitude, 180.0),
    ] {
        // Not a number is in no range.
        if !(-reach..=reach).contains(&value) {
            let reason = format!("must be {} to {reach}", -reach);
            return Err(IndexError::invalid(format!("{path}.{part}"), value, reason));
        }
    }
    Ok(())
}

/// Checks a list of ids.
pub(crate) fn ids(ids: &[String], limits: &IndexLimits) -> Result<(), IndexError> {
    at_most("ids", "ids", ids.len(), limits.max_ids)?;
    ids.iter()
        .enumerate()
        .try_for_each(|(index, found)| id(&format!("ids[{index}]"), found))
}

fn id(field: &str, id: &str) -> Result<(), IndexError> {
    ProfileId::new(id)
        .map(drop)
        .map_err(|error| IndexError::invalid(field, id, error.to_string()))
}

/// Checks a vector for a facet: known, dense, of the right length, finite.
pub(crate) fn vector(
    path: &str,
    facet: &str,
    vector: &[f32],
    spec: &Spec,
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    let FacetKind::Dense(dim) = self::facet(path, facet, spec)?.kind else {
        return Err(mismatch(path, "a vector", "words".to_owned(), spec));
    };
    if vector.len() != dim {
        let value = format!("{} values", vector.len());
        return Err(mismatch(path, &value, format!("{dim} values"), spec));
    }
    if let Some(at) = vector.iter().position(|value| !value.is_finite()) {
        return Err(IndexError::invalid(
            format!("{path}[{at}]"),
            vector[at],
            "must be finite",
        ));
    }
    let norm = dot(vector, vector).sqrt();
    if norm > limits.max_vector_norm {
        let reason = format!("is too long, limit {}", limits.max_vector_norm);
        return Err(IndexError::invalid(path, format!("length {norm}"), reason));
    }
    Ok(())
}

/// Checks a text for a facet: known, of words, not too long.
pub(crate) fn words(
    path: &str,
    facet: &str,
    words: &Words,
    spec: &Spec,
    limits: &IndexLimits,
) -> Result<(), IndexError> {
    if self::facet(path, facet, spec)?.kind != FacetKind::Words {
        return Err(mismatch(path, "words", "a vector".to_owned(), spec));
    }
    at_most(
        &format!("{path}.lang"),
        "bytes",
        words.lang.len(),
        MAX_NAME_BYTES,
    )?;
    at_most(
        &format!("{path}.text"),
        "bytes",
        words.text.len(),
        limits.max_text_bytes,
    )
}

/// Checks what a search asks of facets, and completes the weights.
pub(crate) fn inputs(
    field: &str,
    asked: AskedInputs,
    spec: &Spec,
    limits: &IndexLimits,
) -> Result<Inputs, IndexError> {
    let mut inputs = Inputs::new();
    for (name, (input, weight)) in asked {
        let path = format!("{field}[{name:?}]");
        match &input {
            FacetInput::Vector(vector) => {
                self::vector(&format!("{path}.vector"), &name, vector, spec, limits)?;
            }
            FacetInput::Words(words, added) => {
                self::words(&format!("{path}.words"), &name, words, spec, limits)?;
                self::added(&format!("{path}.added"), added, limits)?;
            }
        }
        let usual = spec
            .facets
            .get(&name)
            .map_or(0.0, |facet| facet.default_weight);
        let weight = weight.unwrap_or(usual);
        self::weight(&format!("{path}.weight"), weight, limits)?;
        inputs.insert(name, (input, weight));
    }
    Ok(inputs)
}

fn added(path: &str, added: &[AddedWords], limits: &IndexLimits) -> Result<(), IndexError> {
    at_most(path, "entries", added.len(), MAX_ADDED)?;
    for (at, AddedWords { text, weight }) in added.iter().enumerate() {
        let text_path = format!("{path}[{at}].text");
        at_most(&text_path, "bytes", text.len(), limits.max_string_bytes)?;
        if !(*weight > 0.0 && *weight <= 1.0) {
            let path = format!("{path}[{at}].weight");
            let reason = "must be above 0 and at most 1";
            return Err(IndexError::invalid(path, weight, reason));
        }
    }
    Ok(())
}

fn facet<'a>(path: &str, name: &str, spec: &'a Spec) -> Result<&'a FacetSpec, IndexError> {
    spec.facets.get(name).ok_or_else(|| {
        let known: Vec<&str> = spec.facets.keys().map(String::as_str).collect();
        mismatch(path, name, format!("one of the facets {known:?}"), spec)
    })
}

fn mismatch(field: &str, value: &str, expected: String, spec: &Spec) -> IndexError {
    IndexError::Mismatch {
        collection: spec.name.clone(),
        field: field.to_owned(),
        value: value.to_owned(),
        expected,
    }
}

/// Checks a number that must lie in 1..=limit.
pub(crate) fn one_to(field: &str, value: usize, limit: usize) -> Result<(), IndexError> {
    if (1..=limit).contains(&value) {
        return Ok(());
    }
    Err(IndexError::invalid(
        field,
        value,
        format!("must be 1 to {limit}"),
    ))
}

fn at_most(field: &str, unit: &str, value: usize, limit: usize) -> Result<(), IndexError> {
    if value <= limit {
        return Ok(());
    }
    Err(IndexError::invalid(
        field,
        format!("{value} {unit}"),
        format!("has too many {unit}, limit {limit}"),
    ))
}

/// Checks that a collection is the one asked for. Default weights may differ:
/// every search can give its own, so the stored ones stay.
///
/// # Errors
/// Names the first field that differs.
pub(crate) fn same_spec(have: &Spec, asked: &Spec) -> Result<(), IndexError> {
    let mismatch = |field: &str, value: String, expected: String| IndexError::Mismatch {
        collection: have.name.clone(),
        field: field.to_owned(),
        value,
        expected,
    };
    // Vectors of another length are another model too: say first what does not fit.
    let kinds = |spec: &Spec| -> Vec<_> {
        let facets = spec.facets.iter();
        facets
            .map(|(name, facet)| (name.clone(), facet.kind))
            .collect()
    };
    if kinds(have) != kinds(asked) {
        let (value, expected) = (describe(asked), describe(have));
        return Err(mismatch("spec.facets", value, expected));
    }
    if have.model_fingerprint != asked.model_fingerprint {
        let (value, expected) = (
            asked.model_fingerprint.clone(),
            have.model_fingerprint.clone(),
        );
        return Err(mismatch(
            "spec.model_fingerprint",
            value,
            format!("{expected:?}"),
        ));
    }
    Ok(())
}

fn describe(spec: &Spec) -> String {
    let facets = spec.facets.iter();
    let facets = facets.map(|(name, facet)| format!("{name}: {:?}", facet.kind));
    format!("[{}]", facets.collect::<Vec<_>>().join(", "))
}
