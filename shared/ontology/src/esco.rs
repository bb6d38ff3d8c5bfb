//! Reads the CSV files of ESCO, as they are downloaded, and lists of labels alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use crate::build::{Draft, Words};
use crate::concept::{Kind, Language, Relation};
use crate::error::OntologyError;

/// Start of every URI of ESCO.
const PREFIX: &str = "http://data.europa.eu/esco/";

/// What a file holds, told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Concepts of a kind with their words in a language.
    Concepts(Kind, Language),
    /// From concepts to broader ones.
    Broader,
    /// From occupations to skills.
    OccupationSkills,
    /// From skills to skills.
    SkillSkills,
    /// The levels of skill groups.
    Levels,
}

/// Tells what a file holds; `None` for one that says nothing that is not said elsewhere.
///
/// # Errors
/// When its name has a language that ESCO does not have.
pub(crate) fn content(path: &Path) -> Result<Option<Content>, OntologyError> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some(stem) = name.strip_suffix(".csv") else {
        return Ok(None);
    };
    let mut words = stem.split('_');
    let (base, language) = (words.next().unwrap_or_default(), words.next());
    let language =
        language.map(|language| Language::parse(language).map_err(|error| error.in_file(path)));
    // Only relations are the same in every language.
    let language = language.transpose()?.unwrap_or(Language::ENGLISH);
    Ok(match base {
        "occupations" => Some(Content::Concepts(Kind::Occupation, language)),
        "skills" => Some(Content::Concepts(Kind::Skill, language)),
        "skillGroups" => Some(Content::Concepts(Kind::SkillGroup, language)),
        "ISCOGroups" => Some(Content::Concepts(Kind::IscoGroup, language)),
        "broaderRelationsOccPillar" | "broaderRelationsSkillPillar" => Some(Content::Broader),
        "occupationSkillRelations" => Some(Content::OccupationSkills),
        "skillSkillRelations" => Some(Content::SkillSkills),
        "skillsHierarchy" => Some(Content::Levels),
        _ => None,
    })
}

/// Reads a file into a draft; returns its rows.
///
/// # Errors
/// When it cannot be read, lacks a column, or a row has a URI that is not one of ESCO's.
pub(crate) fn read(
    path: &Path,
    content: Content,
    draft: &mut Draft,
) -> Result<usize, OntologyError> {
    let mut table = Table::open(path)?;
    match content {
        Content::Concepts(kind, language) => table.concepts(kind, language, draft),
        Content::Broader => table.broader(draft),
        Content::OccupationSkills => {
            let columns = ["occupationUri", "relationType", "skillUri"];
            table.relations(columns, [Relation::Essential, Relation::Optional], draft)
        }
        Content::SkillSkills => {
            let columns = ["originalSkillUri", "relationType", "relatedSkillUri"];
            let kinds = [Relation::SkillEssential, Relation::SkillOptional];
            table.relations(columns, kinds, draft)
        }
        Content::Levels => table.levels(draft),
    }
}

/// A CSV file with a header.
struct Table {
    path: PathBuf,
    reader: csv::Reader<std::fs::File>,
    columns: BTreeMap<String, usize>,
    /// The line of the header, from 1.
    header: u64,
}

impl Table {
    fn open(path: &Path) -> Result<Self, OntologyError> {
        let file = std::fs::File::open(path).map_err(OntologyError::io("open", path))?;
        // Some rows of ESCO have more or fewer fields than the header.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
        let csv = |source| OntologyError::Csv {
            path: path.to_owned(),
            source,
        };
        let header = reader.headers().map_err(csv)?;
        let line = header.position().map_or(1, csv::Position::line);
        let names = header.iter().enumerate();
        let names = names.map(|(place, name)| {
            let name = name.trim_start_matches('\u{feff}').trim();
            (name.to_owned(), place)
        });
        Ok(Self {
            path: path.to_owned(),
            columns: names.collect(),
            header: line,
            reader,
        })
    }

    fn column(&self, column: &'static str) -> Result<usize, OntologyError> {
        let found = self.columns.get(column).copied();
        found.ok_or_else(|| {
            let mut names: Vec<_> = self.columns.iter().collect();
            names.sort_by_key(|(_, place)| **place);
            let names: Vec<&str> = names.into_iter().map(|(name, _)| name.as_str()).collect();
            OntologyError::Column {
                path: self.path.clone(),
                line: self.header,
                column,
                found: names.join(", "),
            }
        })
    }

    /// Calls `visit` for each row with its line.
    fn each(
        &mut self,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), OntologyError>,
    ) -> Result<usize, OntologyError> {
        let mut record = StringRecord::new();
        let mut rows = 0;
        loop {
            let more = self.reader.read_record(&mut record);
            let more = more.map_err(|source| OntologyError::Csv {
                path: self.path.clone(),
                source,
            })?;
            if !more {
                return Ok(rows);
            }
            rows += 1;
            visit(&Row {
                path: &self.path,
                line: record.position().map_or(0, csv::Position::line),
                record: &record,
            })?;
        }
    }

    fn concepts(
        &mut self,
        kind: Kind,
        language: Language,
        draft: &mut Draft,
    ) -> Result<usize, OntologyError> {
        let uri = self.column("conceptUri")?;
        let preferred = self.column("preferredLabel")?;
        let optional = |name: &str| self.columns.get(name).copied();
        let (others, hidden) = (optional("altLabels"), optional("hiddenLabels"));
        let (code, description) = (optional("code"), optional("description"));
        let declares = self.columns.contains_key("status");
        self.each(|row| {
            let uri = row.uri(uri, "conceptUri")?;
            if declares {
                draft.concept(uri, kind, row.field(code));
            }
            let others = labels(row.field(others)).chain(labels(row.field(hidden)));
            let words = Words {
                preferred: row.field(Some(preferred)).to_owned(),
                others: others.map(str::to_owned).collect(),
                description: row.field(description).to_owned(),
            };
            draft.words(uri, language, words);
            Ok(())
        })
    }

    fn broader(&mut self, draft: &mut Draft) -> Result<usize, OntologyError> {
        let kinds = (self.column("conceptType")?, self.column("broaderType")?);
        let uris = (self.column("conceptUri")?, self.column("broaderUri")?);
        self.each(|row| {
            let from = row.uri(uris.0, "conceptUri")?;
            let to = row.uri(uris.1, "broaderUri")?;
            draft.concept(from, row.kind(kinds.0, "conceptType")?, "");
            draft.concept(to, row.kind(kinds.1, "broaderType")?, "");
            draft.relate(Relation::Broader, from, to);
            Ok(())
        })
    }

    fn relations(
        &mut self,
        [from, kind, to]: [&'static str; 3],
        [essential, optional]: [Relation; 2],
        draft: &mut Draft,
    ) -> Result<usize, OntologyError> {
        let places = (self.column(from)?, self.column(kind)?, self.column(to)?);
        self.each(|row| {
            let relation = match row.field(Some(places.1)) {
                "essential" => essential,
                "optional" => optional,
                other => return Err(row.refuse(kind, other, "is neither essential nor optional")),
            };
            draft.relate(relation, row.uri(places.0, from)?, row.uri(places.2, to)?);
            Ok(())
        })
    }

    fn levels(&mut self, draft: &mut Draft) -> Result<usize, OntologyError> {
        let levels = ["Level 0 URI", "Level 1 URI", "Level 2 URI", "Level 3 URI"];
        let mut places = Vec::new();
        for level in levels {
            places.push((self.column(level)?, level));
        }
        self.each(|row| {
            let mut above: Option<&str> = None;
            for (place, level) in &places {
                if row.field(Some(*place)).is_empty() {
                    continue;
                }
                let uri = row.uri(*place, level)?;
                draft.concept(uri, Kind::SkillGroup, "");
                if let Some(above) = above {
                    draft.relate(Relation::Level, uri, above);
                }
                above = Some(uri);
            }
            Ok(())
        })
    }
}

/// One row of a file.
struct Row<'a> {
    path: &'a Path,
    line: u64,
    record: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// Returns a field; empty when the file or the row has none.
    fn field(&self, place: Option<usize>) -> &'a str {
        let field = place.and_then(|place| self.record.get(place));
        field.unwrap_or_default().trim()
    }

    fn uri(&self, place: usize, column: &'static str) -> Result<&'a str, OntologyError> {
        let uri = self.field(Some(place));
        if uri.starts_with(PREFIX) && !uri.contains(char::is_whitespace) {
            return Ok(uri);
        }
        Err(self.refuse(
            column,
            uri,
            "is not a URI of ESCO, http://data.europa.eu/esco/...",
        ))
    }

    fn kind(&self, place: usize, column: &'static str) -> Result<Kind, OntologyError> {
        match self.field(Some(place)) {
            "KnowledgeSkillCompetence" => Ok(Kind::Skill),
            "SkillGroup" => Ok(Kind::SkillGroup),
            "Occupation" => Ok(Kind::Occupation),
            "ISCOGroup" => Ok(Kind::IscoGroup),
            other => Err(self.refuse(column, other, "is no type of concept")),
        }
    }

    fn refuse(&self, column: &'static str, value: &str, problem: &'static str) -> OntologyError {
        OntologyError::Value {
            path: self.path.to_owned(),
            line: self.line,
            column,
            value: value.to_owned(),
            problem,
        }
    }
}

/// Splits labels, which stand on lines of their own or between bars.
fn labels(field: &str) -> impl Iterator<Item = &str> {
    let labels = field.split(['\n', '|']).map(str::trim);
    labels.filter(|label| !label.is_empty())
}

/// Tells whether a file of concepts is a list that only adds labels: it has no status of
/// its concepts, as the files of a release have.
///
/// # Errors
/// When its header cannot be read.
pub(crate) fn is_list(path: &Path) -> Result<bool, OntologyError> {
    Ok(!Table::open(path)?.columns.contains_key("status"))
}
