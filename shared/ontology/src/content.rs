//! What the files of a folder hold, told by their names.

use std::path::{Path, PathBuf};

use crate::concept::{Kind, Language};
use crate::error::OntologyError;
use crate::esco;

/// What a file holds that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The members of a collection, by its name.
    Collection(String),
}

/// What a file is.
enum Told {
    Read(Content),
    /// Of ESCO, and says nothing that is asked for.
    Unused,
    Unknown,
    /// No CSV file at all.
    Other,
}

/// The files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// What is read, in order.
    pub(crate) read: Vec<(PathBuf, Content)>,
    /// Files of ESCO that say nothing that is asked for.
    pub(crate) unused: Vec<PathBuf>,
    /// CSV files that are none of ESCO's.
    pub(crate) unknown: Vec<PathBuf>,
}

impl Folder {
    /// Lists the files of a folder in the order in which they are read: files of concepts by
    /// name, then relations, then lists that only add labels, then collections.
    ///
    /// # Errors
    /// When there is no file to read, or the name of one does not say its language.
    pub(crate) fn list(folder: &Path) -> Result<Self, OntologyError> {
        let mut listed = Self::default();
        let entries = std::fs::read_dir(folder).map_err(OntologyError::io("read", folder))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(OntologyError::io("read", folder))?.path());
        }
        paths.sort();
        let mut read = Vec::new();
        for path in paths {
            match tell(&path)? {
                Told::Read(content) => read.push((order(&path, &content)?, path, content)),
                Told::Unused => listed.unused.push(path),
                Told::Unknown => listed.unknown.push(path),
                Told::Other => {}
            }
        }
        if read.is_empty() {
            return Err(OntologyError::NoFiles {
                path: folder.to_owned(),
            });
        }
        // Stable: the names stay in order.
        read.sort_by_key(|(order, _, _)| *order);
        let read = read.into_iter().map(|(_, path, content)| (path, content));
        listed.read = read.collect();
        Ok(listed)
    }
}

fn order(path: &Path, content: &Content) -> Result<u8, OntologyError> {
    Ok(match content {
        Content::Concepts(..) if esco::is_list(path)? => 2,
        Content::Concepts(..) => 0,
        Content::Broader | Content::OccupationSkills | Content::SkillSkills | Content::Levels => 1,
        Content::Collection(_) => 3,
    })
}

fn tell(path: &Path) -> Result<Told, OntologyError> {
    let extension = path.extension().unwrap_or_default();
    if !extension.eq_ignore_ascii_case("csv") {
        return Ok(Told::Other);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut words = stem.split('_');
    let (base, language) = (words.next().unwrap_or_default(), words.next());
    let kind = match base {
        "occupations" => Kind::Occupation,
        "skills" => Kind::Skill,
        "skillGroups" => Kind::SkillGroup,
        "ISCOGroups" => Kind::IscoGroup,
        _ => return Ok(without_labels(base)),
    };
    let language = language.ok_or_else(|| OntologyError::no_language(path, base))?;
    let language = Language::parse(language).map_err(|error| error.in_file(path))?;
    Ok(Told::Read(Content::Concepts(kind, language)))
}

/// Tells what a file is whose language does not matter.
fn without_labels(base: &str) -> Told {
    Told::Read(match base {
        "broaderRelationsOccPillar" | "broaderRelationsSkillPillar" => Content::Broader,
        "occupationSkillRelations" => Content::OccupationSkills,
        "skillSkillRelations" => Content::SkillSkills,
        "skillsHierarchy" => Content::Levels,
        "conceptSchemes" | "dictionary" | "greenShareOcc" => return Told::Unused,
        _ if base.ends_with("Collection") => Content::Collection(base.to_owned()),
        _ => return Told::Unknown,
    })
}
