//! The fields of a profile as files spell them: which there are, and of which
//! type.
//!
//! serde checks the same, but stops at the first unknown field and names no
//! path inside a skill or a location. Walking this table first gives every bad
//! record an error that names its field, and tells unknown fields apart so that
//! they can be kept or dropped.

use serde_json::{Map, Value};
use vivier_types::{ProfileKind, Violation};

/// Type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Texts by name.
    TextMap,
    /// An object with these fields.
    Object(Fields),
    /// An object, or a text that stands for one of its fields.
    TextOr(Fields),
    /// A list.
    List(&'static Shape),
}

/// Names and types of the fields of an object.
pub(crate) type Fields = &'static [(&'static str, Shape)];

const SKILL: Fields = &[("name", Shape::Text), ("uri", Shape::Text)];
const SKILLS: Shape = Shape::List(&Shape::TextOr(SKILL));
const LANGUAGE: Fields = &[("code", Shape::Text), ("level", Shape::Text)];
const LANGUAGES: Shape = Shape::List(&Shape::Object(LANGUAGE));
const TEXTS: Shape = Shape::List(&Shape::Text);
const EXPERIENCE: Fields = &[
    ("title", Shape::Text),
    ("employer", Shape::Text),
    ("start", Shape::Text),
    ("end", Shape::Text),
    ("text", Shape::Text),
];
const EDUCATION: Fields = &[
    ("degree", Shape::Text),
    ("field", Shape::Text),
    ("institution", Shape::Text),
    ("start", Shape::Text),
    ("end", Shape::Text),
];
const LOCATION: Fields = &[
    ("place", Shape::Text),
    ("region", Shape::Text),
    ("country", Shape::Text),
    ("latitude", Shape::Number),
    ("longitude", Shape::Number),
];
const MOBILITY: Fields = &[
    ("regions", TEXTS),
    ("radius_km", Shape::Number),
    ("remote", Shape::Flag),
];
const SALARY: Fields = &[
    ("min", Shape::Number),
    ("max", Shape::Number),
    ("currency", Shape::Text),
    ("period", Shape::Text),
];

const CANDIDATE: Fields = &[
    ("id", Shape::Text),
    ("tenant", Shape::Text),
    ("lang", Shape::Text),
    ("titles", TEXTS),
    ("skills", SKILLS),
    ("experiences", Shape::List(&Shape::Object(EXPERIENCE))),
    ("education", Shape::List(&Shape::Object(EDUCATION))),
    ("languages", LANGUAGES),
    ("location", Shape::TextOr(LOCATION)),
    ("mobility", Shape::Object(MOBILITY)),
    ("status", Shape::Text),
    ("consent_until", Shape::Text),
    ("text", Shape::Text),
    ("sensitive", Shape::TextMap),
    ("salary", Shape::Object(SALARY)),
    ("attributes", Shape::TextMap),
];

const VACANCY: Fields = &[
    ("id", Shape::Text),
    ("tenant", Shape::Text),
    ("lang", Shape::Text),
    ("title", Shape::Text),
    ("description", Shape::Text),
    ("text", Shape::Text),
    ("wanted_profile", Shape::Text),
    ("required_skills", SKILLS),
    ("optional_skills", SKILLS),
    ("location", Shape::TextOr(LOCATION)),
    ("remote", Shape::Text),
    ("contract", Shape::Text),
    ("seniority", Shape::Text),
    ("salary", Shape::Object(SALARY)),
    ("languages", LANGUAGES),
    ("attributes", Shape::TextMap),
];

/// Returns the fields of a kind of profile.
pub(crate) fn fields(kind: ProfileKind) -> Fields {
    match kind {
        ProfileKind::Candidate => CANDIDATE,
        ProfileKind::Vacancy => VACANCY,
    }
}

/// Returns the shape at a dotted path such as `location.place`; `None` when
/// there is no such field.
pub(crate) fn shape_at(fields: Fields, path: &str) -> Option<Shape> {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    let (_, shape) = fields.iter().find(|(known, _)| *known == name)?;
    match (rest, shape) {
        (None, _) => Some(*shape),
        (Some(rest), Shape::Object(inner) | Shape::TextOr(inner)) => shape_at(inner, rest),
        (Some(_), Shape::TextMap) => Some(Shape::Text),
        (Some(_), Shape::Text | Shape::Number | Shape::Flag | Shape::List(_)) => None,
    }
}

/// Checks the types of a record and takes out what no field stands for.
///
/// Nulls are removed: they mean absent. Unknown fields are moved to the
/// returned list, each under its path.
///
/// # Errors
/// Names the first field of a wrong type.
pub(crate) fn check(
    record: &mut Map<String, Value>,
    fields: Fields,
) -> Result<Vec<(String, Value)>, Violation> {
    let mut unknown = Vec::new();
    check_object(record, fields, "", &mut unknown)?;
    Ok(unknown)
}

fn check_object(
    object: &mut Map<String, Value>,
    fields: Fields,
    path: &str,
    unknown: &mut Vec<(String, Value)>,
) -> Result<(), Violation> {
    object.retain(|_, value| !value.is_null());
    let known = |name: &str| fields.iter().find(|(known, _)| *known == name);
    let strange: Vec<String> = object
        .keys()
        .filter(|name| known(name).is_none())
        .cloned()
        .collect();
    for name in strange {
        if let Some(value) = object.remove(&name) {
            unknown.push((join(path, &name), value));
        }
    }
    // In the order of the table, so that the same error comes first every time.
    for (name, shape) in fields {
        if let Some(value) = object.get_mut(*name) {
            check_value(value, *shape, &join(path, name), unknown)?;
        }
    }
    Ok(())
}

fn check_value(
    value: &mut Value,
    shape: Shape,
    path: &str,
    unknown: &mut Vec<(String, Value)>,
) -> Result<(), Violation> {
    match (shape, value) {
        (Shape::Text, Value::String(_))
        | (Shape::TextOr(_), Value::String(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::Flag, Value::Bool(_)) => Ok(()),
        (Shape::Object(fields) | Shape::TextOr(fields), Value::Object(object)) => {
            check_object(object, fields, path, unknown)
        }
        (Shape::TextMap, Value::Object(object)) => {
            object.retain(|_, value| !value.is_null());
            for (name, value) in object.iter_mut() {
                check_value(value, Shape::Text, &join(path, name), unknown)?;
            }
            Ok(())
        }
        (Shape::List(item), Value::Array(values)) => {
            for (index, value) in values.iter_mut().enumerate() {
                check_value(value, *item, &format!("{path}[{index}]"), unknown)?;
            }
            Ok(())
        }
        (shape, value) => Err(wrong_type(path, value, shape)),
    }
}

fn wrong_type(path: &str, value: &Value, shape: Shape) -> Violation {
    let wanted = match shape {
        Shape::Text => "a text",
        Shape::Number => "a number",
        Shape::Flag => "true or false",
        Shape::TextMap => "an object of texts",
        Shape::Object(_) => "an object",
        Shape::TextOr(_) => "a text or an object",
        Shape::List(_) => "a list",
    };
    let reason = format!("must be {wanted}, not {}", type_name(value));
    match value {
        Value::String(text) => Violation::new(path, text, reason),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Violation::new(path, value, reason)
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use vivier_types::{Candidate, Vacancy};

    use super::*;

    /// The names that serde lists when it refuses an unknown field.
    fn serde_names<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
        let error = serde_json::from_str::<T>(r#"{"zzz": 1}"#)
            .err()
            .unwrap()
            .to_string();
        let (_, names) = error.split_once("expected one of ").unwrap();
        names
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_tables_agree_with_the_types() {
        let names = |fields: Fields| fields.iter().map(|(name, _)| (*name).to_owned()).collect();
        let table: BTreeSet<String> = names(CANDIDATE);
        assert_eq!(table, serde_names::<Candidate>());
        let table: BTreeSet<String> = names(VACANCY);
        assert_eq!(table, serde_names::<Vacancy>());
    }

    fn refusal(record: Value) -> (String, String) {
        let Value::Object(mut record) = record else {
            panic!("an object")
        };
        let violation = check(&mut record, CANDIDATE).unwrap_err();
        (violation.field, violation.reason)
    }

    #[test]
    fn wrong_types_are_named_by_path() {
        let (field, reason) = refusal(json!({"location": {"latitude": "NaN", "longitude": 2.0}}));
        assert_eq!(
            (field.as_str(), reason.as_str()),
            ("location.latitude", "must be a number, not a text")
        );
        assert_eq!(refusal(json!({"id": 7})).0, "id");
        assert_eq!(
            refusal(json!({"skills": ["a", {"name": 3}]})).0,
            "skills[1].name"
        );
        assert_eq!(refusal(json!({"attributes": {"a": []}})).0, "attributes.a");
        assert_eq!(
            refusal(json!({"titles": "cook"})).1,
            "must be a list, not a text"
        );
    }

    #[test]
    fn unknown_fields_are_taken_out_at_every_depth_and_nulls_vanish() {
        let Value::Object(mut record) = json!({
            "id": "a", "text": null, "extra": 1,
            "experiences": [{"title": "cook", "boss": "x"}],
        }) else {
            panic!("an object")
        };
        let unknown = check(&mut record, CANDIDATE).unwrap();
        assert_eq!(
            unknown,
            [
                ("extra".to_owned(), json!(1)),
                ("experiences[0].boss".to_owned(), json!("x"))
            ]
        );
        assert_eq!(
            Value::Object(record),
            json!({"id": "a", "experiences": [{"title": "cook"}]})
        );
    }
}
