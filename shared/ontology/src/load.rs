//! Finds the files of ESCO, reads them, and keeps what was read in a cache.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::build::Draft;
use crate::cache;
use crate::concept::{Kind, Ontology, Relation};
use crate::content::{Content, Folder};
use crate::defects::Defects;
use crate::error::OntologyError;
use crate::esco;
use crate::skill::{ReuseLevel, SkillType};

/// Checksum of all that was read.
pub(crate) type SourceSum = [u8; 32];

/// Bytes of a file that are read at a time.
const PART: usize = 1 << 18;

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
    /// The files that were read, in order, with their rows.
    pub files: Vec<(PathBuf, usize)>,
    /// Files of ESCO that say nothing that is asked for, and were not read.
    pub unused_files: Vec<PathBuf>,
    /// CSV files whose names are none of ESCO's, and were not read.
    pub unknown_files: Vec<PathBuf>,
    /// What is wrong with the files that were read; the cache keeps it.
    pub defects: Defects,
    /// Why the cache could not be used or written, if so.
    pub cache_problem: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What the files say, read from them or from the cache.
pub(crate) struct Read {
    pub(crate) ontology: Ontology,
    /// Each with its rows.
    pub(crate) files: Vec<(PathBuf, usize)>,
    pub(crate) defects: Defects,
}

/// Loads ESCO from folders of CSV files, of one or several languages, merged by URI; what
/// an earlier folder says holds. Files that say nothing of concepts or relations are left
/// alone and listed, rows that cannot be used are left out and counted. With a cache file the
/// folders are read only when they have changed.
///
/// # Errors
/// When a folder holds no file of ESCO, or a file cannot be used: it lacks a column, is not
/// UTF-8, has labels of no known language, or no row that can be used. It is named, with what
/// stands there. A cache that cannot be used is no error.
pub fn load(folders: &[PathBuf], cache: Option<&Path>) -> Result<Loaded, OntologyError> {
    let started = Instant::now();
    let mut all = Folder::default();
    for folder in folders {
        let folder = Folder::list(folder)?;
        all.read.extend(folder.read);
        all.unused.extend(folder.unused);
        all.unknown.extend(folder.unknown);
    }
    let mut problem = None;
    let sum = cache.map(|_| sum_of(&all.read)).transpose()?;
    let cache = cache.zip(sum.as_ref());
    let kept = cache.and_then(|(path, sum)| {
        let files: Vec<_> = all.read.iter().map(|(path, _)| path.clone()).collect();
        let kept = cache::read(path, sum, &files);
        kept.unwrap_or_else(|error| {
            problem = Some(error);
            None
        })
    });
    let (read, origin) = match kept {
        Some(read) => (read, Origin::Cache),
        None => (read_files(&all.read)?, Origin::Files),
    };
    if let (Some((path, sum)), Origin::Files) = (cache, origin)
        && let Err(error) = cache::write(path, sum, &read)
    {
        problem = Some(format!("cannot write {}: {error}", path.display()));
    }
    Ok(Loaded {
        ontology: read.ontology,
        origin,
        files: read.files,
        unused_files: all.unused,
        unknown_files: all.unknown,
        defects: read.defects,
        cache_problem: problem,
        elapsed: started.elapsed(),
    })
}

fn read_files(contents: &[(PathBuf, Content)]) -> Result<Read, OntologyError> {
    let mut draft = Draft::default();
    let mut files = Vec::new();
    for (path, content) in contents {
        let rows = esco::read(path, content, &mut draft)?;
        files.push((path.clone(), rows));
    }
    let (ontology, defects) = draft.finish()?;
    Ok(Read {
        ontology,
        files,
        defects,
    })
}

/// Returns a checksum of the names and the contents of files: of each its CRC-32, which is
/// enough to see that a file has changed and takes a tenth of the time of SHA-256 where the
/// processor has no instructions for that.
fn sum_of(files: &[(PathBuf, Content)]) -> Result<SourceSum, OntologyError> {
    let mut sum = Sha256::new();
    // Bit by bit: whole files would stay in the memory of the process.
    let mut part = vec![0; PART];
    for (path, _) in files {
        let mut file = File::open(path).map_err(OntologyError::io("open", path))?;
        let (mut crc, mut length) = (crc32fast::Hasher::new(), 0_u64);
        loop {
            let read = file
                .read(&mut part)
                .map_err(OntologyError::io("read", path))?;
            if read == 0 {
                break;
            }
            crc.update(part.get(..read).unwrap_or_default());
            length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
        sum.update(path.as_os_str().as_encoded_bytes());
        sum.update([0]);
        sum.update(length.to_le_bytes());
        sum.update(crc.finalize().to_le_bytes());
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
            let hidden = ontology.count_hidden(language);
            let code = language.code();
            writeln!(
                f,
                "labels in {code}: {preferred} preferred, {others} others, {hidden} of them hidden"
            )?;
        }
        let types =
            SkillType::ALL.map(|one| count(ontology.count_skill_type(Some(one)), one.name()));
        let none = ontology.count_skill_type(None);
        writeln!(f, "types of skills: {}, {none} not given", types.join(", "))?;
        let levels =
            ReuseLevel::ALL.map(|one| count(ontology.count_reuse_level(Some(one)), one.name()));
        let none = ontology.count_reuse_level(None);
        writeln!(f, "reuse levels: {}, {none} not given", levels.join(", "))?;
        let collections = ontology.collections();
        let collections: Vec<_> = collections
            .map(|(name, members)| count(members, name))
            .collect();
        if !collections.is_empty() {
            writeln!(f, "members of collections: {}", collections.join(", "))?;
        }
        for path in &self.unused_files {
            writeln!(f, "known, but not used: {}", path.display())?;
        }
        for path in &self.unknown_files {
            writeln!(
                f,
                "no file of ESCO by its name, not read: {}",
                path.display()
            )?;
        }
        write!(f, "{}", self.defects)?;
        if let Some(problem) = &self.cache_problem {
            writeln!(f, "the cache was not used: {problem}")?;
        }
        Ok(())
    }
}

fn count(count: usize, name: &str) -> String {
    format!("{count} {name}")
}
