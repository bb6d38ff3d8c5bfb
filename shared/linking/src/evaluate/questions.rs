//! Questions in CSV files: spans labelled with skills, titles with occupations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use vivier_ontology::{ConceptId, Kind, Language, Ontology};

use super::QuestionsError;

const SKILL_COLUMNS: &str = "sentence, span, sub_span, label or text, skill_uri";
const TITLE_COLUMNS: &str = "title, occupation_uri";

/// Distinct texts, each with every concept that answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// In the order of the file.
    pub items: Vec<(String, BTreeSet<ConceptId>)>,
    /// Rows whose answer is none, or unknown to the ontology.
    pub without: usize,
}

/// Reads spans labelled with skills: `sentence,span,sub_span,label`, the label being a
/// preferred English one, or `text,skill_uri`. The question is the sub-span, or the span
/// where there is none.
///
/// # Errors
/// When the file cannot be read, has other columns, or asks nothing.
pub fn skills(path: &Path, ontology: &Ontology) -> Result<Questions, QuestionsError> {
    let mut table = Table::open(path)?;
    if let Some([text, uri]) = table.places(["text", "skill_uri"]) {
        return table.read(|row| (field(row, text), by_uri(ontology, row, uri)));
    }
    let Some([span, part, label]) = table.places(["span", "sub_span", "label"]) else {
        return Err(table.columns(SKILL_COLUMNS));
    };
    let labels = skill_labels(ontology);
    table.read(|row| {
        let concept = labels.get(field(row, label)).copied();
        (labelled(row, span, part), concept)
    })
}

/// Returns the skills by their preferred English labels.
pub(super) fn skill_labels(ontology: &Ontology) -> HashMap<&str, ConceptId> {
    let concepts = ontology.concepts();
    let skills = concepts.filter(|concept| ontology.kind(*concept) == Kind::Skill);
    let labels = skills.filter_map(|concept| {
        let label = ontology.label(concept, Language::ENGLISH)?;
        Some((label.trim(), concept))
    });
    labels.collect()
}

/// Returns the words that a row labels: the sub-span, or the span where there is none.
pub(super) fn labelled(row: &csv::StringRecord, span: usize, part: usize) -> &str {
    let part = Some(field(row, part)).filter(|part| !part.is_empty());
    part.unwrap_or(field(row, span))
}

/// Reads titles labelled with occupations: `title,occupation_uri`; each
/// distinct title is a question.
///
/// # Errors
/// As for [`skills`].
pub fn titles(path: &Path, ontology: &Ontology) -> Result<Questions, QuestionsError> {
    let mut table = Table::open(path)?;
    let Some([title, uri]) = table.places(["title", "occupation_uri"]) else {
        return Err(table.columns(TITLE_COLUMNS));
    };
    table.read(|row| (field(row, title), by_uri(ontology, row, uri)))
}

fn by_uri(ontology: &Ontology, row: &csv::StringRecord, place: usize) -> Option<ConceptId> {
    ontology.find(field(row, place)).ok()
}

pub(super) fn field(row: &csv::StringRecord, place: usize) -> &str {
    row.get(place).unwrap_or_default().trim()
}

/// A CSV file with its header.
pub(super) struct Table<'p> {
    path: &'p Path,
    reader: csv::Reader<std::fs::File>,
    header: csv::StringRecord,
}

impl<'p> Table<'p> {
    pub(super) fn open(path: &'p Path) -> Result<Self, QuestionsError> {
        let file = std::fs::File::open(path).map_err(QuestionsError::io(path))?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let header = reader.headers().map_err(|source| csv_error(path, source))?;
        let header = header
            .iter()
            .map(|name| name.trim_matches(['\u{feff}', ' ']));
        let header = header.collect();
        Ok(Self {
            path,
            reader,
            header,
        })
    }

    pub(super) fn places<const N: usize>(&self, names: [&str; N]) -> Option<[usize; N]> {
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = self.header.iter().position(|column| column == name)?;
        }
        Some(places)
    }

    pub(super) fn columns(&self, expected: &'static str) -> QuestionsError {
        QuestionsError::Columns {
            path: self.path.to_owned(),
            expected,
            found: self.header.iter().collect::<Vec<_>>().join(", "),
        }
    }

    pub(super) fn rows(
        &mut self,
    ) -> impl Iterator<Item = Result<csv::StringRecord, QuestionsError>> + '_ {
        let path = self.path;
        let rows = self.reader.records();
        rows.map(move |row| row.map_err(|source| csv_error(path, source)))
    }

    fn read(
        &mut self,
        ask: impl for<'r> Fn(&'r csv::StringRecord) -> (&'r str, Option<ConceptId>),
    ) -> Result<Questions, QuestionsError> {
        let mut questions = Questions::default();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for row in self.rows() {
            let row = row?;
            let (text, Some(concept)) = ask(&row) else {
                questions.without += 1;
                continue;
            };
            if text.is_empty() {
                questions.without += 1;
                continue;
            }
            let next = questions.items.len();
            let place = *places.entry(text.to_owned()).or_insert(next);
            if place == next {
                questions.items.push((text.to_owned(), BTreeSet::new()));
            }
            if let Some((_, answers)) = questions.items.get_mut(place) {
                answers.insert(concept);
            }
        }
        if questions.items.is_empty() {
            return Err(QuestionsError::Empty {
                path: self.path.to_owned(),
                without: questions.without,
            });
        }
        Ok(questions)
    }
}

fn csv_error(path: &Path, source: csv::Error) -> QuestionsError {
    QuestionsError::Csv {
        path: path.to_owned(),
        source,
    }
}
