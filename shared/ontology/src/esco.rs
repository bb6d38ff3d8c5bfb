//! Reads the CSV files of ESCO, as they are downloaded, and lists of labels alone.

use std::io;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use crate::build::{Cell, Draft, Place, Words, columns};
use crate::concept::{Kind, Language, Relation};
use crate::content::Content;
use crate::defects::DefectKind;
use crate::error::OntologyError;
use crate::skill::{ReuseLevel, SkillType};

/// Start of every URI of ESCO.
const PREFIX: &str = "http://data.europa.eu/esco/";

/// Reads a file into a draft; returns its rows.
///
/// # Errors
/// When it cannot be read, lacks a column, or none of its rows can be used.
pub(crate) fn read(
    path: &Path,
    content: &Content,
    draft: &mut Draft,
) -> Result<usize, OntologyError> {
    let bytes = std::fs::read(path).map_err(OntologyError::io("read", path))?;
    if let Err(error) = std::str::from_utf8(&bytes) {
        return Err(OntologyError::not_utf8(path, &bytes, error.valid_up_to()));
    }
    let mut reading = Reading::new(path, &bytes, draft)?;
    match content {
        Content::Concepts(kind, language) => reading.concepts(*kind, *language),
        Content::Broader => reading.broader(),
        Content::OccupationSkills => reading.relations([Relation::Essential, Relation::Optional]),
        Content::SkillSkills => {
            reading.relations([Relation::SkillEssential, Relation::SkillOptional])
        }
        Content::Levels => reading.levels(),
        Content::Collection(name) => reading.collection(name),
    }
}

/// Tells whether a file of concepts is a list that only adds labels: it has no status of
/// its concepts, as the files of a release have.
///
/// # Errors
/// When its header cannot be read.
pub(crate) fn is_list(path: &Path) -> Result<bool, OntologyError> {
    let file = std::fs::File::open(path).map_err(OntologyError::io("open", path))?;
    let table = Table::new(path, file)?;
    Ok(table.optional("status").is_none())
}

/// A CSV file with a header.
struct Table<R> {
    path: PathBuf,
    reader: csv::Reader<R>,
    header: Vec<String>,
}

impl<R: io::Read> Table<R> {
    fn new(path: &Path, source: R) -> Result<Self, OntologyError> {
        // Some rows of ESCO have fewer fields than the header.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(source);
        let header = reader.byte_headers().map_err(|source| OntologyError::Csv {
            path: path.to_owned(),
            source,
        })?;
        let names = header.iter().map(String::from_utf8_lossy);
        let names = names.map(|name| name.trim_start_matches('\u{feff}').trim().to_owned());
        Ok(Self {
            path: path.to_owned(),
            header: names.collect(),
            reader,
        })
    }

    /// Returns the place of a column, the first where it stands twice.
    fn optional(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|name| name == column)
    }
}

/// Counts lines; the reader is one short where lines end in a carriage return, too.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// Returns the line, from 1, of the row that begins at a byte, or after the ends of lines
    /// there; not before that of the last call.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|place| usize::try_from(place.byte()).ok());
        let start = start.unwrap_or_default().max(self.at);
        let rest = self.bytes.get(start..).unwrap_or_default().iter();
        let ends = rest.take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let start = start + ends.count();
        let passed = self.bytes.get(self.at..start).unwrap_or_default();
        let ends = passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = start;
        self.line += u64::try_from(ends).unwrap_or(u64::MAX);
        self.line
    }
}

/// A column that a file must have.
#[derive(Clone, Copy)]
struct Column {
    place: usize,
    name: &'static str,
}

/// A file that is being read.
struct Reading<'a> {
    table: Table<&'a [u8]>,
    lines: Lines<'a>,
    /// Where the header is.
    header: Place,
    /// The number of the file in the draft.
    file: u32,
    draft: &'a mut Draft,
}

impl<'a> Reading<'a> {
    fn new(path: &Path, bytes: &'a [u8], draft: &'a mut Draft) -> Result<Self, OntologyError> {
        let mut table = Table::new(path, bytes)?;
        let mut lines = Lines {
            bytes,
            at: 0,
            line: 1,
        };
        let header = table.reader.byte_headers().ok();
        let line = lines.of(header.and_then(csv::ByteRecord::position));
        let file = draft.file(path);
        let header = Place::new(file, line);
        for (place, column) in table.header.iter().enumerate() {
            if !column.is_empty() && table.optional(column) != Some(place) {
                let cell = Cell {
                    place: header,
                    column,
                    value: column,
                };
                draft.defect(DefectKind::RepeatedColumn, &cell, "stands twice");
            }
        }
        Ok(Self {
            table,
            lines,
            header,
            file,
            draft,
        })
    }

    fn column(&self, column: &'static str) -> Result<Column, OntologyError> {
        let place = self.table.optional(column);
        let place = place.ok_or_else(|| OntologyError::Column {
            path: self.table.path.clone(),
            line: self.header.line(),
            column,
            found: self.table.header.join(", "),
        })?;
        Ok(Column {
            place,
            name: column,
        })
    }

    /// Calls `visit` for each row; what it refuses is left out and counted.
    fn each(
        &mut self,
        mut visit: impl FnMut(&Row<'_>, &mut Draft) -> Result<(), Refused>,
    ) -> Result<usize, OntologyError> {
        let mut record = StringRecord::new();
        let (mut rows, mut used) = (0, 0);
        let mut refused = None;
        loop {
            let more = self.table.reader.read_record(&mut record);
            let more = more.map_err(|source| OntologyError::Csv {
                path: self.table.path.clone(),
                source,
            })?;
            if !more {
                break;
            }
            rows += 1;
            let line = self.lines.of(record.position());
            let row = Row {
                place: Place::new(self.file, line),
                record: &record,
            };
            if record.len() != self.table.header.len() {
                ragged(&row, &self.table.header, self.draft);
            }
            match visit(&row, self.draft) {
                Ok(()) => used += 1,
                Err(problem) => {
                    problem.count(row.place, self.draft);
                    refused.get_or_insert((row.place, problem));
                }
            }
        }
        match refused {
            Some((place, problem)) if used == 0 => Err(OntologyError::NoRow {
                rows,
                first: Box::new(problem.defect(place, self.draft)),
            }),
            _ => Ok(rows),
        }
    }

    fn concepts(&mut self, kind: Kind, language: Language) -> Result<usize, OntologyError> {
        let uri = self.column("conceptUri")?;
        let preferred = self.column("preferredLabel")?;
        let optional = |name: &str| self.table.optional(name);
        let (others, hidden) = (optional("altLabels"), optional("hiddenLabels"));
        let (code, description) = (optional("code"), optional("description"));
        let facts = Facts::of(&self.table);
        let declares = optional("status").is_some();
        self.each(|row, draft| {
            let uri = row.uri(uri)?;
            if declares {
                draft.concept(uri, kind, &row.cell("conceptUri", uri));
                draft.code(uri, row.field(code), row.place);
            }
            let owned = |field| labels(row.field(field)).map(str::to_owned).collect();
            let words = Words {
                preferred: row.field(Some(preferred.place)).to_owned(),
                others: owned(others),
                hidden: owned(hidden),
                description: row.field(description).to_owned(),
            };
            draft.words(uri, language, words, row.place);
            facts.note(uri, row, draft);
            Ok(())
        })
    }

    fn broader(&mut self) -> Result<usize, OntologyError> {
        let kinds = [self.column("conceptType")?, self.column("broaderType")?];
        let [from, to] = columns(Relation::Broader);
        let uris = [self.column(from)?, self.column(to)?];
        self.each(|row, draft| {
            let [from, to] = [row.uri(uris[0])?, row.uri(uris[1])?];
            let kinds = [row.kind(kinds[0])?, row.kind(kinds[1])?];
            draft.concept(from, kinds[0], &row.cell(uris[0].name, from));
            draft.concept(to, kinds[1], &row.cell(uris[1].name, to));
            draft.relate(Relation::Broader, from, to, row.place);
            Ok(())
        })
    }

    fn relations(&mut self, [essential, optional]: [Relation; 2]) -> Result<usize, OntologyError> {
        let [from, to] = columns(essential);
        let [from, to] = [self.column(from)?, self.column(to)?];
        let kind = self.column("relationType")?;
        self.each(|row, draft| {
            let relation = match row.field(Some(kind.place)) {
                "essential" => essential,
                "optional" => optional,
                other => {
                    let problem = "is neither essential nor optional";
                    return Err(Refused::new(
                        DefectKind::UnknownRelation,
                        kind,
                        other,
                        problem,
                    ));
                }
            };
            draft.relate(relation, row.uri(from)?, row.uri(to)?, row.place);
            Ok(())
        })
    }

    fn levels(&mut self) -> Result<usize, OntologyError> {
        let mut levels = Vec::new();
        for level in ["Level 0 URI", "Level 1 URI", "Level 2 URI", "Level 3 URI"] {
            levels.push(self.column(level)?);
        }
        self.each(|row, draft| {
            let given = levels.iter();
            let given = given.filter(|level| !row.field(Some(level.place)).is_empty());
            let groups = given.map(|level| Ok((level.name, row.uri(*level)?)));
            let groups = groups.collect::<Result<Vec<_>, Refused>>()?;
            for (column, uri) in &groups {
                draft.concept(uri, Kind::SkillGroup, &row.cell(column, uri));
            }
            for ((_, above), (_, below)) in groups.iter().zip(groups.iter().skip(1)) {
                draft.relate(Relation::Level, below, above, row.place);
            }
            Ok(())
        })
    }

    fn collection(&mut self, name: &str) -> Result<usize, OntologyError> {
        let uri = self.column("conceptUri")?;
        let facts = Facts::of(&self.table);
        self.each(|row, draft| {
            let uri = row.uri(uri)?;
            draft.member(name, uri, row.place);
            facts.note(uri, row, draft);
            Ok(())
        })
    }
}

/// Counts a row that has fewer or more fields than the header.
fn ragged(row: &Row<'_>, header: &[String], draft: &mut Draft) {
    let (fields, columns) = (row.record.len(), header.len());
    let (column, state) = match header.get(fields) {
        Some(column) => (column.clone(), "is missing"),
        None => (format!("field {}", columns + 1), "is one too many"),
    };
    let cell = row.cell(&column, row.field(Some(columns)));
    let problem = format!("{state}: the row has {fields} fields, the header {columns}");
    draft.defect(DefectKind::RaggedRow, &cell, &problem);
}

/// The columns that only skills have.
struct Facts {
    skill_type: Option<usize>,
    reuse_level: Option<usize>,
}

impl Facts {
    fn of(table: &Table<&[u8]>) -> Self {
        Self {
            skill_type: table.optional("skillType"),
            reuse_level: table.optional("reuseLevel"),
        }
    }

    /// Notes the type and the level of a row; an empty field is not given.
    fn note(&self, uri: &str, row: &Row<'_>, draft: &mut Draft) {
        let value = row.field(self.skill_type);
        if let Some(of_skill) = SkillType::parse(value) {
            draft.skill_type(uri, of_skill);
        } else if !value.is_empty() {
            let cell = row.cell("skillType", value);
            let problem = "is neither skill/competence nor knowledge";
            draft.defect(DefectKind::UnknownSkillType, &cell, problem);
        }
        let value = row.field(self.reuse_level);
        if let Some(level) = ReuseLevel::parse(value) {
            draft.reuse_level(uri, level);
        } else if !value.is_empty() {
            let cell = row.cell("reuseLevel", value);
            let known = ReuseLevel::ALL.map(ReuseLevel::name).join(", ");
            let problem = format!("is none of {known}");
            draft.defect(DefectKind::UnknownReuseLevel, &cell, &problem);
        }
    }
}

/// One row of a file.
struct Row<'a> {
    place: Place,
    record: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// Returns a field; empty when the file or the row has none.
    fn field(&self, place: Option<usize>) -> &'a str {
        let field = place.and_then(|place| self.record.get(place));
        field.unwrap_or_default().trim()
    }

    fn cell<'b>(&self, column: &'b str, value: &'b str) -> Cell<'b> {
        Cell {
            place: self.place,
            column,
            value,
        }
    }

    fn uri(&self, column: Column) -> Result<&'a str, Refused> {
        let uri = self.field(Some(column.place));
        if uri.starts_with(PREFIX) && !uri.contains(char::is_whitespace) {
            return Ok(uri);
        }
        let problem = "is not a URI of ESCO, http://data.europa.eu/esco/...";
        Err(Refused::new(DefectKind::MalformedUri, column, uri, problem))
    }

    fn kind(&self, column: Column) -> Result<Kind, Refused> {
        match self.field(Some(column.place)) {
            "KnowledgeSkillCompetence" => Ok(Kind::Skill),
            "SkillGroup" => Ok(Kind::SkillGroup),
            "Occupation" => Ok(Kind::Occupation),
            "ISCOGroup" => Ok(Kind::IscoGroup),
            other => {
                let problem = "is no type of concept";
                Err(Refused::new(
                    DefectKind::UnknownType,
                    column,
                    other,
                    problem,
                ))
            }
        }
    }
}

/// Why a row is left out.
struct Refused {
    kind: DefectKind,
    column: &'static str,
    value: String,
    problem: &'static str,
}

impl Refused {
    fn new(kind: DefectKind, column: Column, value: &str, problem: &'static str) -> Self {
        Self {
            kind,
            column: column.name,
            value: value.to_owned(),
            problem,
        }
    }

    fn cell(&self, place: Place) -> Cell<'_> {
        Cell {
            place,
            column: self.column,
            value: &self.value,
        }
    }

    fn count(&self, place: Place, draft: &mut Draft) {
        draft.defect(self.kind, &self.cell(place), self.problem);
    }

    fn defect(&self, place: Place, draft: &Draft) -> crate::defects::Defect {
        draft.describe(&self.cell(place), self.problem)
    }
}

/// Splits labels, which stand on lines of their own or between bars.
fn labels(field: &str) -> impl Iterator<Item = &str> {
    let labels = field.split(['\n', '|']).map(str::trim);
    labels.filter(|label| !label.is_empty())
}
