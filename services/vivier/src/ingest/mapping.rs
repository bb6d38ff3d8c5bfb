//! Makes our fields out of theirs: renames, and the fate of unknown fields.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use serde_json::{Map, Value};
use vivier_types::{ProfileKind, Violation};

use super::schema::{self, Fields};

/// What becomes of a field that we have no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Extra {
    /// The record is refused, the field named.
    Reject,
    /// It is stored as a string attribute, which filters can use.
    Keep,
    /// It is left out.
    Drop,
}

/// `OURS=THEIRS`: our field OURS is read from their field THEIRS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rename {
    ours: String,
    theirs: String,
}

impl FromStr for Rename {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((ours, theirs)) if !ours.is_empty() && !theirs.is_empty() => Ok(Self {
                ours: ours.to_owned(),
                theirs: theirs.to_owned(),
            }),
            Some(_) | None => Err(format!(
                "{text:?} is not of the form OURS=THEIRS, such as text=summary"
            )),
        }
    }
}

impl fmt::Display for Rename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.ours, self.theirs)
    }
}

/// Turns the records of a file into records with our fields.
#[derive(Debug)]
pub(crate) struct Mapping {
    fields: Fields,
    renames: Vec<Rename>,
    used: Vec<bool>,
    seen_records: bool,
    extra: Extra,
}

impl Mapping {
    /// Checks the renames.
    ///
    /// # Errors
    /// When a rename names a field that a profile of this kind has not, or two
    /// renames fill the same field or read the same one.
    pub(crate) fn new(
        kind: ProfileKind,
        renames: Vec<Rename>,
        extra: Extra,
    ) -> Result<Self, String> {
        let fields = schema::fields(kind);
        for (index, rename) in renames.iter().enumerate() {
            if schema::shape_at(fields, &rename.ours).is_none() {
                let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                return Err(format!(
                    "--map {rename}: {} have no field {:?}; they have {}",
                    kind.plural(),
                    rename.ours,
                    known.join(", ")
                ));
            }
            let earlier = &renames[..index];
            if earlier.iter().any(|other| other.ours == rename.ours) {
                return Err(format!("--map {rename}: {} is mapped twice", rename.ours));
            }
            if earlier.iter().any(|other| other.theirs == rename.theirs) {
                return Err(format!("--map {rename}: {} is read twice", rename.theirs));
            }
        }
        Ok(Self {
            fields,
            used: vec![false; renames.len()],
            seen_records: false,
            renames,
            extra,
        })
    }

    /// Returns the renames whose source no record had; none before a record
    /// was read.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &Rename> {
        self.renames
            .iter()
            .zip(&self.used)
            .filter(|(_, used)| self.seen_records && !**used)
            .map(|(rename, _)| rename)
    }

    /// Renames, checks the types, and keeps, drops or refuses unknown fields.
    ///
    /// # Errors
    /// Names the first field that breaks a rule.
    pub(crate) fn apply(
        &mut self,
        mut record: Map<String, Value>,
    ) -> Result<Map<String, Value>, Violation> {
        self.rename(&mut record)?;
        self.admit(record)
    }

    /// Checks the types, and keeps, drops or refuses unknown fields.
    fn admit(&self, mut record: Map<String, Value>) -> Result<Map<String, Value>, Violation> {
        for (path, value) in schema::check(&mut record, self.fields)? {
            match self.extra {
                Extra::Reject => {
                    let advice = "unknown field: map it, keep it or drop it";
                    return Err(Violation::new(path, value, advice));
                }
                Extra::Drop => {}
                Extra::Keep => keep(&mut record, path, value)?,
            }
        }
        Ok(record)
    }

    /// Turns a row of texts, named by column, into a typed record.
    ///
    /// Dotted columns become nested fields, lists are split at `|`, empty cells
    /// are absent.
    ///
    /// # Errors
    /// Names the first column that breaks a rule.
    pub(crate) fn apply_row(
        &mut self,
        mut row: Map<String, Value>,
    ) -> Result<Map<String, Value>, Violation> {
        self.rename(&mut row)?;
        let mut record = Map::new();
        for (column, cell) in row {
            // What a rename nested is taken apart again: cells are flat.
            for (path, text) in flatten(column, cell) {
                let Value::String(text) = text else { continue };
                if text.trim().is_empty() {
                    continue;
                }
                match schema::shape_at(self.fields, &path) {
                    Some(shape) => {
                        let value = super::cells::typed(&path, text, shape)?;
                        set_path(&mut record, &path, value)?;
                    }
                    None => {
                        record.insert(path, Value::String(text));
                    }
                }
            }
        }
        self.admit(record)
    }

    /// Checks the header of a table: under [`Extra::Reject`] an unknown column
    /// would refuse every row.
    ///
    /// # Errors
    /// Names the first unknown or repeated column.
    pub(crate) fn check_header(&self, columns: &[String]) -> Result<(), Violation> {
        for (index, column) in columns.iter().enumerate() {
            if columns[..index].contains(column) {
                return Err(Violation::new(column, column, "column appears twice"));
            }
            let known = schema::shape_at(self.fields, column).is_some()
                || self.renames.iter().any(|rename| rename.theirs == *column);
            if !known && self.extra == Extra::Reject {
                let advice = "unknown column: map it, keep it or drop it";
                return Err(Violation::new(column, column, advice));
            }
        }
        Ok(())
    }

    fn rename(&mut self, record: &mut Map<String, Value>) -> Result<(), Violation> {
        self.seen_records = true;
        // All are taken before any is put, so that two fields can be swapped.
        let mut taken = Vec::new();
        for (rename, used) in self.renames.iter().zip(&mut self.used) {
            if let Some(value) = take_path(record, &rename.theirs) {
                *used = true;
                taken.push((rename, value));
            }
        }
        for (rename, value) in taken {
            if value.is_null() {
                continue;
            }
            set_path(record, &rename.ours, value).map_err(|violation| {
                let reason = format!("{} by --map {rename}", violation.reason);
                Violation {
                    reason,
                    ..violation
                }
            })?;
        }
        Ok(())
    }
}

/// Stores an unknown field as a string attribute.
fn keep(record: &mut Map<String, Value>, path: String, value: Value) -> Result<(), Violation> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let attributes = record
        .entry("attributes")
        .or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(attributes) = attributes else {
        return Err(Violation::new(
            "attributes",
            attributes,
            "must be an object of texts",
        ));
    };
    if attributes.contains_key(&path) {
        return Err(Violation::new(path, text, "an attribute has the same name"));
    }
    attributes.insert(path, Value::String(text));
    Ok(())
}

/// Takes out the value at a name, or else at a dotted path.
fn take_path(record: &mut Map<String, Value>, path: &str) -> Option<Value> {
    if let Some(value) = record.remove(path) {
        return Some(value);
    }
    let (name, rest) = path.split_once('.')?;
    match record.get_mut(name)? {
        Value::Object(inner) => take_path(inner, rest),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

/// Puts a value at a dotted path whose place must be free.
fn set_path(record: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), Violation> {
    let mut object = record;
    let mut rest = path;
    while let Some((name, inner)) = rest.split_once('.') {
        let next = object
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(next) = next else {
            return Err(Violation::new(path, value, "is filled twice"));
        };
        object = next;
        // Names of attributes may hold dots.
        if name == "attributes" || name == "sensitive" {
            rest = inner;
            break;
        }
        rest = inner;
    }
    if object.get(rest).is_some_and(|there| !there.is_null()) {
        return Err(Violation::new(path, value, "is filled twice"));
    }
    object.insert(rest.to_owned(), value);
    Ok(())
}

fn flatten(path: String, value: Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(object) => object
            .into_iter()
            .flat_map(|(name, value)| flatten(format!("{path}.{name}"), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            vec![(path, value)]
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    fn mapping(renames: &[&str], extra: Extra) -> Mapping {
        let renames = renames.iter().map(|text| text.parse().unwrap()).collect();
        Mapping::new(ProfileKind::Candidate, renames, extra).unwrap()
    }

    fn apply(renames: &[&str], extra: Extra, record: Value) -> Result<Value, Violation> {
        mapping(renames, extra)
            .apply(object(record))
            .map(Value::Object)
    }

    #[test]
    fn fields_are_renamed_from_and_to_nested_places() {
        let renames = [
            "text=summary",
            "location.place=address.city",
            "attributes.dept=unit",
        ];
        let record = json!({"id": "1", "summary": "s", "address": {"city": "Brest"}, "unit": "u"});
        let expected = json!({"id": "1", "text": "s", "location": {"place": "Brest"},
            "attributes": {"dept": "u"}});
        assert_eq!(apply(&renames, Extra::Drop, record).unwrap(), expected);
    }

    #[test]
    fn two_fields_can_be_swapped() {
        let record = json!({"id": "a", "tenant": "b"});
        let swapped = apply(&["id=tenant", "tenant=id"], Extra::Reject, record).unwrap();
        assert_eq!(swapped, json!({"id": "b", "tenant": "a"}));
    }

    #[test]
    fn a_rename_never_overwrites() {
        let record = json!({"id": "a", "text": "t", "summary": "s"});
        let violation = apply(&["text=summary"], Extra::Reject, record).unwrap_err();
        assert_eq!(violation.field, "text");
        assert_eq!(violation.reason, "is filled twice by --map text=summary");
    }

    #[test]
    fn unknown_fields_meet_the_chosen_fate() {
        let record =
            || json!({"id": "a", "n": 1.5, "b": true, "z": null, "o": {"x": [1]}, "s": "t"});
        let violation = apply(&[], Extra::Reject, record()).unwrap_err();
        assert_eq!(violation.field, "b");
        assert_eq!(
            apply(&[], Extra::Drop, record()).unwrap(),
            json!({"id": "a"})
        );
        assert_eq!(
            apply(&[], Extra::Keep, record()).unwrap(),
            json!({"id": "a", "attributes": {"n": "1.5", "b": "true", "o": "{\"x\":[1]}", "s": "t"}})
        );
        let clash = json!({"id": "a", "k": "1", "attributes": {"k": "2"}});
        assert_eq!(apply(&[], Extra::Keep, clash).unwrap_err().field, "k");
    }

    #[test]
    fn bad_renames_are_refused_and_unused_ones_known() {
        assert!("text".parse::<Rename>().is_err());
        assert!("=a".parse::<Rename>().is_err());
        let try_new = |texts: &[&str]| {
            let renames = texts.iter().map(|text| text.parse().unwrap()).collect();
            Mapping::new(ProfileKind::Vacancy, renames, Extra::Reject)
                .map(|_| ())
                .unwrap_err()
        };
        assert!(try_new(&["titel=a"]).contains("no field \"titel\""));
        assert!(try_new(&["title=a", "title=b"]).contains("mapped twice"));
        assert!(try_new(&["title=a", "description=a"]).contains("read twice"));
        let mut mapping = mapping(&["text=summary", "tenant=owner"], Extra::Reject);
        mapping
            .apply(object(json!({"id": "a", "summary": "s"})))
            .unwrap();
        assert_eq!(
            mapping
                .unused()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["tenant=owner"]
        );
    }

    #[test]
    fn rows_become_typed_records() {
        let row = json!({"id": "1", "skills": "Rust|C", "location.latitude": "48.5",
            "location.longitude": "-4", "mobility.remote": "yes", "titles": "", "dept": "x",
            "languages": "fr:native|en"});
        let record = mapping(&["attributes.d=dept"], Extra::Reject)
            .apply_row(object(row))
            .unwrap();
        let expected = json!({"id": "1", "skills": ["Rust", "C"],
            "location": {"latitude": 48.5, "longitude": -4.0}, "mobility": {"remote": true},
            "languages": [{"code": "fr", "level": "native"}, {"code": "en"}],
            "attributes": {"d": "x"}});
        assert_eq!(Value::Object(record), expected);
    }

    #[test]
    fn headers_are_checked_once() {
        let columns = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let reject = mapping(&["text=summary"], Extra::Reject);
        reject
            .check_header(&columns(&["id", "summary", "location.place"]))
            .unwrap();
        assert_eq!(
            reject
                .check_header(&columns(&["id", "who"]))
                .unwrap_err()
                .field,
            "who"
        );
        assert_eq!(
            reject
                .check_header(&columns(&["id", "id"]))
                .unwrap_err()
                .field,
            "id"
        );
        mapping(&[], Extra::Keep)
            .check_header(&columns(&["id", "who"]))
            .unwrap();
    }
}
