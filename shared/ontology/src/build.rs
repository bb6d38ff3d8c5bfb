//! Joins what files say of concepts into an ontology.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::circles::{Circle, break_circles};
use crate::concept::{Kind, Labels, Language, NONE, Ontology, Relation};
use crate::defects::{Defect, DefectKind, Defects};
use crate::error::OntologyError;
use crate::skill::{NOT_GIVEN, ReuseLevel, SkillType};
use crate::table::{Lists, Texts};

/// Concepts of a circle that are named.
const NAMED: usize = 8;

/// What files say, concept by concept.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    files: Vec<PathBuf>,
    concepts: BTreeMap<String, Concept>,
    relations: Vec<Related>,
    /// By collection: members, each with the row that names it first.
    collections: BTreeMap<String, BTreeMap<String, Place>>,
    defects: Defects,
}

/// A row of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    file: u32,
    line: u32,
}

impl Place {
    pub(crate) fn new(file: u32, line: u64) -> Self {
        Self {
            file,
            line: u32::try_from(line).unwrap_or(u32::MAX),
        }
    }

    /// Returns the line, from 1.
    pub(crate) fn line(self) -> u64 {
        self.line.into()
    }
}

/// A field of a file.
pub(crate) struct Cell<'a> {
    pub(crate) place: Place,
    pub(crate) column: &'a str,
    pub(crate) value: &'a str,
}

#[derive(Debug)]
struct Concept {
    kind: Kind,
    /// Where it is named first, and in which column.
    place: Place,
    column: String,
    code: String,
    /// Where its code is.
    code_place: Place,
    skill_type: Option<SkillType>,
    reuse_level: Option<ReuseLevel>,
    words: BTreeMap<Language, Known>,
}

#[derive(Debug)]
struct Related {
    relation: Relation,
    from: String,
    to: String,
    place: Place,
}

/// The words of a row for one concept in one language.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) preferred: String,
    pub(crate) others: Vec<String>,
    pub(crate) hidden: Vec<String>,
    pub(crate) description: String,
}

/// The words that are known for one concept in one language.
#[derive(Debug, Default)]
struct Known {
    preferred: String,
    /// Each with whether it is hidden.
    others: Vec<(String, bool)>,
    description: String,
}

/// Returns the columns of a relation, from and to.
pub(crate) fn columns(relation: Relation) -> [&'static str; 2] {
    match relation {
        Relation::Broader => ["conceptUri", "broaderUri"],
        Relation::Essential | Relation::Optional => ["occupationUri", "skillUri"],
        Relation::SkillEssential | Relation::SkillOptional => {
            ["originalSkillUri", "relatedSkillUri"]
        }
        Relation::Group => ["code", "code"],
        Relation::Level => ["Level 1 URI", "Level 0 URI"],
    }
}

impl Draft {
    /// Notes a file; returns its number.
    pub(crate) fn file(&mut self, path: &Path) -> u32 {
        self.files.push(path.to_owned());
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// Counts a defect.
    pub(crate) fn defect(&mut self, kind: DefectKind, cell: &Cell<'_>, problem: &str) {
        let files = &self.files;
        self.defects.add(kind, || describe(files, cell, problem));
    }

    pub(crate) fn describe(&self, cell: &Cell<'_>, problem: &str) -> Defect {
        describe(&self.files, cell, problem)
    }

    /// Notes a concept, named by a field; what one file says first holds.
    pub(crate) fn concept(&mut self, uri: &str, kind: Kind, cell: &Cell<'_>) {
        let Some(known) = self.concepts.get(uri) else {
            let concept = Concept {
                kind,
                place: cell.place,
                column: cell.column.to_owned(),
                code: String::new(),
                code_place: cell.place,
                skill_type: None,
                reuse_level: None,
                words: BTreeMap::new(),
            };
            self.concepts.insert(uri.to_owned(), concept);
            return;
        };
        if known.kind != kind {
            let (one, other) = (kind.plural(), known.kind.plural());
            let first = at(&self.files, known.place);
            let problem = format!("stands among the {one} here, among the {other} in {first}");
            self.defect(DefectKind::OtherKind, cell, &problem);
        }
    }

    /// Notes the code of a concept that was noted.
    pub(crate) fn code(&mut self, uri: &str, code: &str, place: Place) {
        if let Some(concept) = self.concepts.get_mut(uri)
            && concept.code.is_empty()
        {
            code.clone_into(&mut concept.code);
            concept.code_place = place;
        }
    }

    /// Notes the type of a skill, if it is a concept that was noted.
    pub(crate) fn skill_type(&mut self, uri: &str, skill_type: SkillType) {
        if let Some(concept) = self.concepts.get_mut(uri) {
            concept.skill_type.get_or_insert(skill_type);
        }
    }

    /// Notes the reuse level of a skill, if it is a concept that was noted.
    pub(crate) fn reuse_level(&mut self, uri: &str, level: ReuseLevel) {
        if let Some(concept) = self.concepts.get_mut(uri) {
            concept.reuse_level.get_or_insert(level);
        }
    }

    /// Adds words for a concept that was noted: the first preferred label holds, a later
    /// one is another label.
    pub(crate) fn words(&mut self, uri: &str, language: Language, words: Words, place: Place) {
        let cell = |column, value| Cell {
            place,
            column,
            value,
        };
        if words.preferred.is_empty() {
            let problem = format!("is empty for {uri}");
            let cell = cell("preferredLabel", "");
            self.defect(DefectKind::MissingLabel, &cell, &problem);
        }
        let Some(concept) = self.concepts.get_mut(uri) else {
            let cell = cell("conceptUri", uri);
            self.defect(DefectKind::UnknownLabelled, &cell, "is no concept");
            return;
        };
        let known = concept.words.entry(language).or_default();
        let mut others = Vec::new();
        if known.preferred.is_empty() {
            known.preferred = words.preferred;
        } else {
            others.push((words.preferred, false));
        }
        others.extend(words.others.into_iter().map(|label| (label, false)));
        others.extend(words.hidden.into_iter().map(|label| (label, true)));
        for (label, hidden) in others {
            let mut all = known.others.iter();
            let is_known = label == known.preferred || all.any(|(other, _)| *other == label);
            if !label.is_empty() && !is_known {
                known.others.push((label, hidden));
            }
        }
        if known.description.is_empty() {
            known.description = words.description;
        }
    }

    /// Relates two concepts, which may be noted later.
    pub(crate) fn relate(&mut self, relation: Relation, from: &str, to: &str, place: Place) {
        self.relations.push(Related {
            relation,
            from: from.to_owned(),
            to: to.to_owned(),
            place,
        });
    }

    /// Notes a member of a collection, which may be noted as a concept later.
    pub(crate) fn member(&mut self, collection: &str, uri: &str, place: Place) {
        let members = self.collections.entry(collection.to_owned()).or_default();
        members.entry(uri.to_owned()).or_insert(place);
    }

    /// Joins all that was noted, and says what is wrong with it.
    ///
    /// # Errors
    /// When there are too many concepts or labels.
    pub(crate) fn finish(mut self) -> Result<(Ontology, Defects), OntologyError> {
        self.relate_to_groups();
        self.find_unlabelled();
        let mut ontology = Ontology::default();
        let mut numbers: HashMap<String, u32> = HashMap::with_capacity(self.concepts.len());
        for (uri, concept) in &self.concepts {
            let number = ontology.uris.push(uri).ok_or(too_many("concepts"))?;
            numbers.insert(uri.clone(), number);
            ontology.kinds.push(concept.kind.code());
            let code = text(&mut ontology.texts, &concept.code)?;
            ontology.codes.push(code);
            let skill_type = concept.skill_type.map_or(NOT_GIVEN, |one| one as u8);
            ontology.skill_types.push(skill_type);
            let level = concept.reuse_level.map_or(NOT_GIVEN, |one| one as u8);
            ontology.reuse_levels.push(level);
        }
        let languages: BTreeSet<Language> = self
            .concepts
            .values()
            .flat_map(|concept| concept.words.keys().copied())
            .collect();
        for language in languages {
            let labels = self.labels(language, &mut ontology.texts)?;
            ontology.labels.insert(language, labels);
        }
        self.join_relations(&mut ontology, &numbers);
        self.join_collections(&mut ontology, &numbers)?;
        Ok((ontology, self.defects))
    }

    fn join_relations(&mut self, ontology: &mut Ontology, numbers: &HashMap<String, u32>) {
        let mut pairs = vec![Vec::new(); Relation::ALL.len()];
        // Where each broader relation is first named.
        let mut places: HashMap<(u32, u32), Place> = HashMap::new();
        for related in std::mem::take(&mut self.relations) {
            let relation = related.relation;
            let (from, to) = (numbers.get(&related.from), numbers.get(&related.to));
            if let (Some((from, to)), Some(pairs)) =
                (from.zip(to), pairs.get_mut(relation as usize))
            {
                pairs.push((*from, *to));
                if relation == Relation::Broader {
                    places.entry((*from, *to)).or_insert(related.place);
                }
                continue;
            }
            let ends = [(from, &related.from), (to, &related.to)];
            let unknown = columns(relation).into_iter().zip(ends);
            if let Some((column, (_, uri))) = unknown.into_iter().find(|(_, end)| end.0.is_none()) {
                self.unknown_uri(column, uri, related.place);
            }
        }
        let count = ontology.len();
        if let Some(broader) = pairs.first_mut() {
            broader.sort_unstable();
            broader.dedup();
            for circle in break_circles(count, broader) {
                if let Some(place) = places.get(&circle.closing) {
                    self.circle(ontology, &circle, *place);
                }
            }
        }
        let lists = pairs.into_iter().map(|pairs| Lists::of(count, pairs));
        ontology.relations = lists.collect();
    }

    fn circle(&mut self, ontology: &Ontology, circle: &Circle, place: Place) {
        let name = |number: u32| ontology.named(number);
        let (from, to) = circle.closing;
        let mut way: Vec<String> = circle.concepts.iter().copied().map(name).collect();
        if way.len() > NAMED {
            let more = way.len() - NAMED;
            way.truncate(NAMED);
            way.push(format!("{more} more"));
        }
        way.push(name(to));
        let problem = format!(
            "closes the circle {}; {} -> {} is dropped, the rest kept",
            way.join(" -> "),
            name(from),
            name(to)
        );
        let [_, column] = columns(Relation::Broader);
        let cell = Cell {
            place,
            column,
            value: ontology.uris.get(to),
        };
        self.defect(DefectKind::Circle, &cell, &problem);
    }

    fn join_collections(
        &mut self,
        ontology: &mut Ontology,
        numbers: &HashMap<String, u32>,
    ) -> Result<(), OntologyError> {
        let mut pairs = Vec::new();
        for (name, members) in std::mem::take(&mut self.collections) {
            let collection = ontology.collections.push(&name);
            let collection = collection.ok_or(too_many("collections"))?;
            for (uri, place) in members {
                match numbers.get(&uri) {
                    Some(member) => pairs.push((collection, *member)),
                    None => self.unknown_uri("conceptUri", &uri, place),
                }
            }
        }
        ontology.members = Lists::of(ontology.collections.len(), pairs);
        Ok(())
    }

    fn unknown_uri(&mut self, column: &str, value: &str, place: Place) {
        let cell = Cell {
            place,
            column,
            value,
        };
        self.defect(DefectKind::UnknownUri, &cell, "is no concept");
    }

    /// Relates occupations to the ISCO groups that their codes begin with: `2512.4` to
    /// group 2512.
    fn relate_to_groups(&mut self) {
        let groups: HashMap<&str, &str> = self
            .concepts
            .iter()
            .filter(|(_, one)| one.kind == Kind::IscoGroup && !one.code.is_empty())
            .map(|(uri, group)| (group.code.as_str(), uri.as_str()))
            .collect();
        for (uri, occupation) in &self.concepts {
            if occupation.kind != Kind::Occupation || occupation.code.is_empty() {
                continue;
            }
            let code = occupation.code.split('.').next().unwrap_or_default();
            let place = occupation.code_place;
            if let Some(group) = groups.get(code) {
                self.relations.push(Related {
                    relation: Relation::Group,
                    from: uri.clone(),
                    to: (*group).to_owned(),
                    place,
                });
            } else {
                let (files, value) = (&self.files, occupation.code.as_str());
                let cell = Cell {
                    place,
                    column: "code",
                    value,
                };
                let problem = format!("of {uri} begins with the code of no ISCO group");
                let defect = || describe(files, &cell, &problem);
                self.defects.add(DefectKind::UnknownGroup, defect);
            }
        }
    }

    fn find_unlabelled(&mut self) {
        for (uri, concept) in &self.concepts {
            let mut words = concept.words.values();
            if words.any(|words| !words.preferred.is_empty()) {
                continue;
            }
            let cell = Cell {
                place: concept.place,
                column: &concept.column,
                value: uri,
            };
            let problem = "has no preferred label in any language";
            let defect = || describe(&self.files, &cell, problem);
            self.defects.add(DefectKind::Unlabelled, defect);
        }
    }

    fn labels(&self, language: Language, texts: &mut Texts) -> Result<Labels, OntologyError> {
        let mut labels = Labels::default();
        let mut others = Vec::new();
        for (number, concept) in (0..).zip(self.concepts.values()) {
            let words = concept.words.get(&language);
            let preferred = words.map_or("", |words| &words.preferred);
            let description = words.map_or("", |words| &words.description);
            labels.preferred.push(text(texts, preferred)?);
            labels.descriptions.push(text(texts, description)?);
            for (other, hidden) in words.iter().flat_map(|words| &words.others) {
                if *hidden {
                    let place = u32::try_from(others.len());
                    labels.hidden.push(place.map_err(|_| too_many("labels"))?);
                }
                others.push((number, text(texts, other)?));
            }
        }
        labels.others = Lists::in_order(self.concepts.len(), &others);
        Ok(labels)
    }
}

fn describe(files: &[PathBuf], cell: &Cell<'_>, problem: &str) -> Defect {
    Defect {
        path: path(files, cell.place).to_owned(),
        line: cell.place.line.into(),
        column: cell.column.to_owned(),
        value: cell.value.to_owned(),
        problem: problem.to_owned(),
    }
}

fn path(files: &[PathBuf], place: Place) -> &Path {
    let path = usize::try_from(place.file).ok();
    let path = path.and_then(|number| files.get(number));
    path.map_or(Path::new(""), PathBuf::as_path)
}

fn at(files: &[PathBuf], place: Place) -> String {
    format!("{}, line {}", path(files, place).display(), place.line)
}

/// Adds a text, unless it is empty.
fn text(texts: &mut Texts, value: &str) -> Result<u32, OntologyError> {
    if value.is_empty() {
        return Ok(NONE);
    }
    texts.push(value).ok_or(too_many("labels"))
}

fn too_many(what: &'static str) -> OntologyError {
    OntologyError::TooMany {
        what,
        limit: usize::try_from(u32::MAX).unwrap_or(usize::MAX),
    }
}
