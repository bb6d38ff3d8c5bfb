//! One record of a file becomes one profile, or a violation that says why not.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use vivier_types::{Candidate, Profile, ProfileKind, Vacancy, Violation};

use super::mapping::Mapping;

/// Name given to a line as a whole in violations.
const WHOLE_LINE: &str = "line";

/// Turns records into profiles of one kind.
#[derive(Debug)]
pub(crate) struct Decoder {
    kind: ProfileKind,
    mapping: Mapping,
    id_needed: bool,
}

impl Decoder {
    /// Decodes records that must have an id.
    pub(crate) fn new(kind: ProfileKind, mapping: Mapping) -> Self {
        Self {
            kind,
            mapping,
            id_needed: true,
        }
    }

    /// Decodes a query: a record that needs no id, and gets `query` without one.
    pub(crate) fn for_query(kind: ProfileKind, mapping: Mapping) -> Self {
        Self {
            kind,
            mapping,
            id_needed: false,
        }
    }

    /// Returns the mapping.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Decodes one JSON line.
    ///
    /// # Errors
    /// Names the field that breaks a rule, or `line` when the line is no JSON
    /// object.
    pub(crate) fn json_line(&mut self, line: &[u8]) -> Result<Profile, Violation> {
        let text = std::str::from_utf8(line).map_err(|error| invalid_utf8(line, &error))?;
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let message = without_position(&message);
            // The parser sees one line, so only the column says something.
            let reason = format!("is not JSON: {message} at column {}", error.column());
            Violation::new(WHOLE_LINE, text, reason)
        })?;
        let Value::Object(record) = value else {
            return Err(Violation::new(WHOLE_LINE, text, "is not a JSON object"));
        };
        let record = self.mapping.apply(record)?;
        self.profile(record)
    }

    /// Decodes one row of a table with these columns.
    ///
    /// # Errors
    /// Names the column that breaks a rule.
    pub(crate) fn row(
        &mut self,
        columns: &[String],
        cells: Vec<Vec<u8>>,
    ) -> Result<Profile, Violation> {
        if cells.len() != columns.len() {
            let reason = format!(
                "has {} cells, the header has {} columns",
                cells.len(),
                columns.len()
            );
            return Err(Violation::new(WHOLE_LINE, cells.len(), reason));
        }
        let mut row = Map::new();
        for (column, cell) in columns.iter().zip(cells) {
            let text = String::from_utf8(cell).map_err(|error| Violation {
                field: column.clone(),
                ..invalid_utf8_in(&error)
            })?;
            row.insert(column.clone(), Value::String(text));
        }
        let record = self.mapping.apply_row(row)?;
        self.profile(record)
    }

    fn profile(&self, mut record: Map<String, Value>) -> Result<Profile, Violation> {
        if !self.id_needed {
            record
                .entry("id")
                .or_insert_with(|| Value::String("query".to_owned()));
        }
        if !record.contains_key("id") {
            return Err(Violation::new("id", "", "is missing"));
        }
        match self.kind {
            ProfileKind::Candidate => Ok(Profile::Candidate(Box::new(typed::<Candidate>(record)?))),
            ProfileKind::Vacancy => {
                if record.contains_key("text") && record.contains_key("description") {
                    let reason = "is another name for description, which is there too";
                    return Err(Violation::new("text", &record["text"], reason));
                }
                Ok(Profile::Vacancy(Box::new(typed::<Vacancy>(record)?)))
            }
        }
    }
}

/// The violation of a line that is no UTF-8.
fn invalid_utf8(line: &[u8], error: &std::str::Utf8Error) -> Violation {
    let reason = format!(
        "is not UTF-8: invalid byte at offset {}",
        error.valid_up_to()
    );
    Violation::new(WHOLE_LINE, line.escape_ascii(), reason)
}

fn invalid_utf8_in(error: &std::string::FromUtf8Error) -> Violation {
    invalid_utf8(error.as_bytes(), &error.utf8_error())
}

/// The violation of a line over the limit.
pub(crate) fn too_long(bytes: u64, max_bytes: usize) -> Violation {
    let reason = format!("is too long: {bytes} bytes, limit {max_bytes}");
    Violation::new(WHOLE_LINE, "", reason)
}

fn typed<T: DeserializeOwned>(record: Map<String, Value>) -> Result<T, Violation> {
    let value = Value::Object(record);
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." {
            WHOLE_LINE.to_owned()
        } else {
            path
        };
        let found = value_at(&value, error.path());
        Violation::new(path, found, error.into_inner().to_string())
    })
}

/// Returns the text of the value that an error is about.
fn value_at(value: &Value, path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut found = value;
    for segment in path {
        let next = match segment {
            Segment::Seq { index } => found.get(index),
            Segment::Map { key } => found.get(key),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let Some(next) = next else { break };
        found = next;
    }
    match found {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            found.to_string()
        }
    }
}

/// Cuts ` at line 1 column 5` from the end of a message of `serde_json`.
fn without_position(message: &str) -> &str {
    message
        .rfind(" at line ")
        .map_or(message, |at| &message[..at])
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Extra;
    use super::*;

    fn decoder(kind: ProfileKind) -> Decoder {
        Decoder::new(kind, Mapping::new(kind, Vec::new(), Extra::Reject).unwrap())
    }

    fn refusal(line: &[u8]) -> (String, String) {
        let violation = decoder(ProfileKind::Candidate).json_line(line).unwrap_err();
        (violation.field, violation.reason)
    }

    #[test]
    fn every_bad_line_has_its_own_error() {
        for (line, field, reason) in [
            (
                &b"{\"id\": \"a\""[..],
                "line",
                "is not JSON: EOF while parsing an object",
            ),
            (b"hello", "line", "is not JSON: expected value"),
            (b"[1]", "line", "is not a JSON object"),
            (b"{\"id\": NaN}", "line", "is not JSON: expected value"),
            (
                b"{\"id\": \"\xff\"}",
                "line",
                "is not UTF-8: invalid byte at offset 8",
            ),
            (b"{\"text\": \"a\"}", "id", "is missing"),
            (b"{\"id\": null}", "id", "is missing"),
            (b"{\"id\": \"\"}", "id", "id is empty"),
            (b"{\"id\": \"a\", \"titel\": 1}", "titel", "unknown field"),
            (
                b"{\"id\": \"a\", \"status\": \"fired\"}",
                "status",
                "unknown variant `fired`",
            ),
            (
                b"{\"id\": \"a\", \"experiences\": [{}, {\"start\": \"now\"}]}",
                "experiences[1].start",
                "not a date",
            ),
            (
                b"{\"id\": \"a\", \"consent_until\": \"2026-02-30\"}",
                "consent_until",
                "",
            ),
            (
                b"{\"id\": \"a\", \"location\": {\"latitude\": 1e999}}",
                "line",
                "out of range",
            ),
            (
                b"{\"id\": \"a\", \"location\": {\"latitude\": 1.0}}",
                "location",
                "must come together",
            ),
        ] {
            let shown = line.escape_ascii();
            let (found_field, found_reason) = refusal(line);
            assert_eq!(found_field, field, "{shown}: {found_reason}");
            assert!(found_reason.contains(reason), "{shown}: {found_reason}");
        }
    }

    #[test]
    fn a_good_line_becomes_a_profile() {
        let line = br#"{"id": "a", "skills": ["Rust", {"name": "C", "uri": "x:y"}],
            "location": {"place": "Brest", "latitude": 48.39, "longitude": -4.49},
            "languages": [{"code": "fr", "level": "native"}], "status": "pooled"}"#;
        let profile = decoder(ProfileKind::Candidate).json_line(line).unwrap();
        let Profile::Candidate(candidate) = profile else {
            panic!("a candidate")
        };
        assert_eq!(candidate.skills[1].uri.as_deref(), Some("x:y"));
        assert!(candidate.location.coordinates.is_some());
        let line = br#"{"id": "v", "title": "Cook", "text": "cooks"}"#;
        let profile = decoder(ProfileKind::Vacancy).json_line(line).unwrap();
        let Profile::Vacancy(vacancy) = profile else {
            panic!("a vacancy")
        };
        assert_eq!(vacancy.description, "cooks");
    }

    #[test]
    fn a_query_needs_no_id() {
        let kind = ProfileKind::Vacancy;
        let mapping = Mapping::new(kind, Vec::new(), Extra::Reject).unwrap();
        let profile = Decoder::for_query(kind, mapping)
            .json_line(b"{\"title\": \"x\"}")
            .unwrap();
        assert_eq!(profile.id().as_str(), "query");
    }

    #[test]
    fn rows_must_fit_the_header() {
        let columns = ["id".to_owned(), "text".to_owned()];
        let mut decoder = decoder(ProfileKind::Candidate);
        let short = decoder.row(&columns, vec![b"a".to_vec()]).unwrap_err();
        assert_eq!(short.reason, "has 1 cells, the header has 2 columns");
        let bad = decoder
            .row(&columns, vec![b"a".to_vec(), b"\xff".to_vec()])
            .unwrap_err();
        assert_eq!(bad.field, "text");
    }
}
