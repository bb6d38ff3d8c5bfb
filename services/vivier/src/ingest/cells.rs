//! Gives the text of a table cell the type of its field.

use serde_json::{Map, Value};
use vivier_types::Violation;

use super::schema::Shape;

/// Separates the entries of a list inside one cell.
const LIST_SEPARATOR: char = '|';

/// Turns the text of a cell into a value of the field at `path`.
///
/// Lists are split at `|`; a list of objects or an object is written as JSON,
/// but languages may be written `fr:C1|en:B2`.
///
/// # Errors
/// When the text has not the form of the field.
pub(crate) fn typed(path: &str, text: String, shape: Shape) -> Result<Value, Violation> {
    match shape {
        Shape::Text => Ok(Value::String(text)),
        Shape::TextOr(_) if !text.trim_start().starts_with('{') => Ok(Value::String(text)),
        Shape::Number => number(path, &text),
        Shape::Flag => flag(path, &text),
        Shape::List(_) if text.trim_start().starts_with('[') => json(path, &text),
        Shape::List(item) => list(path, &text, *item),
        Shape::TextOr(_) | Shape::Object(_) | Shape::TextMap => json(path, &text),
    }
}

fn number(path: &str, text: &str) -> Result<Value, Violation> {
    let parsed = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite());
    parsed
        .and_then(serde_json::Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| Violation::new(path, text, "must be a finite number"))
}

fn flag(path: &str, text: &str) -> Result<Value, Violation> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(Value::Bool(true)),
        "false" | "no" | "0" => Ok(Value::Bool(false)),
        _ => Err(Violation::new(path, text, "must be true or false")),
    }
}

fn list(path: &str, text: &str, item: Shape) -> Result<Value, Violation> {
    let entries = text
        .split(LIST_SEPARATOR)
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    match item {
        Shape::Text | Shape::TextOr(_) => Ok(entries
            .map(|entry| Value::String(entry.to_owned()))
            .collect()),
        Shape::Object(_) if path == "languages" => Ok(entries.map(language).collect()),
        Shape::Object(_) | Shape::Number | Shape::Flag | Shape::TextMap | Shape::List(_) => {
            Err(Violation::new(path, text, "must be a JSON list of objects"))
        }
    }
}

fn language(entry: &str) -> Value {
    let (code, level) = entry
        .split_once(':')
        .map_or((entry, None), |(c, l)| (c, Some(l)));
    let mut object = Map::from_iter([("code".to_owned(), Value::String(code.trim().to_owned()))]);
    if let Some(level) = level {
        object.insert("level".to_owned(), Value::String(level.trim().to_owned()));
    }
    Value::Object(object)
}

fn json(path: &str, text: &str) -> Result<Value, Violation> {
    serde_json::from_str(text)
        .map_err(|error| Violation::new(path, text, format!("is not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;
    use serde_json::json;
    use vivier_types::ProfileKind;

    fn cell(path: &str, text: &str) -> Result<Value, Violation> {
        let shape = schema::shape_at(schema::fields(ProfileKind::Candidate), path).unwrap();
        typed(path, text.to_owned(), shape)
    }

    #[test]
    fn cells_take_the_type_of_their_field() {
        assert_eq!(
            cell("mobility.regions", "A | B|").unwrap(),
            json!(["A", "B"])
        );
        assert_eq!(cell("location", "Brest").unwrap(), json!("Brest"));
        assert_eq!(cell("mobility.radius_km", " 30 ").unwrap(), json!(30.0));
        assert_eq!(cell("mobility.remote", "No").unwrap(), json!(false));
        assert_eq!(
            cell("experiences", r#"[{"title": "cook"}]"#).unwrap(),
            json!([{"title": "cook"}])
        );
    }

    #[test]
    fn cells_of_another_form_are_refused() {
        for (path, text) in [
            ("location.latitude", "nan"),
            ("location.latitude", "1e999"),
            ("location.latitude", "48,5"),
            ("mobility.remote", "maybe"),
            ("experiences", "cook"),
            ("experiences", "[{"),
            ("mobility", "anywhere"),
        ] {
            assert_eq!(cell(path, text).unwrap_err().field, path, "{text}");
        }
    }
}
