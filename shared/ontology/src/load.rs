//! Finds the files of ESCO, reads them, and keeps what was read in a cache.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::build::{Draft, LeftOut};
use crate::cache;
use crate::concept::{Kind, Ontology, Relation};
use crate::error::OntologyError;
use crate::esco::{self, Content};

/// Checksum of all that was read.
pub(crate) type SourceSum = [u8; 32];

/// Where an ontology came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The cache, whose sources have not changed.
    Cache,
    /// The CSV files.
    Files,
}

/// An ontology and what is to be told of it.
#[derive(Debug)]
pub struct Loaded {
    /// The ontology.
    pub ontology: Ontology,
    /// Where it came from.
    pub origin: Origin,
    /// The files that were read, in order, with their rows; rows are 0 where the cache
    /// spared reading them.
    pub files: Vec<(PathBuf, usize)>,
    /// What was left out; empty where the cache spared the work.
    pub left_out: LeftOut,
    /// Why the cache could not be used or written, if so.
    pub cache_problem: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Loads ESCO from folders of CSV files, of one or several languages, merged by URI; what
/// an earlier folder says holds. Files that say nothing of concepts or relations are left
/// alone. With a cache file the folders are read only when they have changed.
///
/// # Errors
/// When a folder holds no file of ESCO, or a file cannot be used; it is named, with line,
/// column and value. A cache that cannot be used is no error.
pub fn load(folders: &[PathBuf], cache: Option<&Path>) -> Result<Loaded, OntologyError> {
    let started = Instant::now();
    let mut files = Vec::new();
    for folder in folders {
        files.extend(files_of(folder)?);
    }
    let mut problem = None;
    let sum = cache.map(|_| sum_of(&files)).transpose()?;
    if let (Some(path), Some(sum)) = (cache, &sum) {
        match cache::read(path, sum) {
            Ok(Some(ontology)) => {
                return Ok(Loaded {
                    ontology,
                    origin: Origin::Cache,
                    files: files.into_iter().map(|(path, _)| (path, 0)).collect(),
                    left_out: LeftOut::default(),
                    cache_problem: None,
                    elapsed: started.elapsed(),
                });
            }
            Ok(None) => {}
            Err(error) => problem = Some(error),
        }
    }
    let mut draft = Draft::default();
    let mut read = Vec::new();
    for (path, content) in files {
        let rows = esco::read(&path, content, &mut draft)?;
        read.push((path, rows));
    }
    let (ontology, left_out) = draft.finish()?;
    if let (Some(path), Some(sum)) = (cache, &sum)
        && let Err(error) = cache::write(path, sum, &ontology)
    {
        problem = Some(error.to_string());
    }
    Ok(Loaded {
        ontology,
        origin: Origin::Files,
        files: read,
        left_out,
        cache_problem: problem,
        elapsed: started.elapsed(),
    })
}

/// Lists the files of a folder that say something, in the order in which they are read:
/// files of concepts by name, then relations, then lists that only add labels.
fn files_of(folder: &Path) -> Result<Vec<(PathBuf, Content)>, OntologyError> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(OntologyError::io("read", folder))?;
    for entry in entries {
        let path = entry.map_err(OntologyError::io("read", folder))?.path();
        if let Some(content) = esco::content(&path)? {
            let order = match content {
                Content::Concepts(..) if esco::is_list(&path)? => 2,
                Content::Concepts(..) => 0,
                Content::Broader
                | Content::OccupationSkills
                | Content::SkillSkills
                | Content::Levels => 1,
            };
            found.push((order, path, content));
        }
    }
    if found.is_empty() {
        return Err(OntologyError::NoFiles {
            path: folder.to_owned(),
        });
    }
    found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    Ok(found
        .into_iter()
        .map(|(_, path, content)| (path, content))
        .collect())
}

/// Returns a checksum of the names and the contents of files: of each its CRC-32, which is
/// enough to see that a file has changed and takes a tenth of the time of SHA-256 where the
/// processor has no instructions for that.
fn sum_of(files: &[(PathBuf, Content)]) -> Result<SourceSum, OntologyError> {
    let mut sum = Sha256::new();
    for (path, _) in files {
        let bytes = std::fs::read(path).map_err(OntologyError::io("read", path))?;
        sum.update(path.as_os_str().as_encoded_bytes());
        sum.update([0]);
        sum.update(bytes.len().to_le_bytes());
        sum.update(crc32fast::hash(&bytes).to_le_bytes());
    }
    Ok(sum.finalize().into())
}

/// Says what was loaded, in some lines.
impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ontology = &self.ontology;
        let kinds = Kind::ALL.map(|kind| format!("{} {}", ontology.count(kind), kind.plural()));
        writeln!(f, "{} concepts: {}", ontology.len(), kinds.join(", "))?;
        let relations = Relation::ALL
            .map(|relation| format!("{} {}", ontology.count_related(relation), relation.name()));
        writeln!(f, "relations: {}", relations.join(", "))?;
        for language in ontology.languages() {
            let (preferred, others) = ontology.count_labels(language);
            let code = language.code();
            writeln!(
                f,
                "labels in {code}: {preferred} preferred, {others} others"
            )?;
        }
        let LeftOut {
            unknown,
            unknown_example,
            circles,
        } = &self.left_out;
        if let Some(example) = unknown_example {
            writeln!(
                f,
                "left out: {unknown} relations of unknown URIs, such as {example}"
            )?;
        }
        for circle in circles {
            writeln!(
                f,
                "left out: {circle}, which closes a circle of broader concepts"
            )?;
        }
        if let Some(problem) = &self.cache_problem {
            writeln!(f, "the cache was not used: {problem}")?;
        }
        Ok(())
    }
}
