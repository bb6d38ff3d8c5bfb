//! An ontology in one file that is read in a moment.
//!
//! ```text
//! magic 8 | checksum of the sources 32 | crc32 of the rest 4 | length of the rest 8
//! texts, URIs, names of collections: each a text and the places where its parts end
//! kinds, types of skills, reuse levels, codes
//! languages: count 4, then for each its letters, preferred, descriptions, others, hidden
//! relations: count 4, then the lists of each
//! members of collections: lists
//! rows: of each file that was read, in order
//! defects: count 4, then for each kind its number 4, its defects 4, its examples 4,
//!   and for each example its file 4, line 4, column, value, problem
//! ```
//! Little-endian; every array begins with its length in 4 bytes. A cache of another version
//! is made again.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::concept::{Labels, Language, Ontology, Relation};
use crate::defects::{Counted, Defect, DefectKind, Defects};
use crate::load::{Read, SourceSum};
use crate::table::{Lists, Texts, index};

const MAGIC: &[u8; 8] = b"VIVESCO3";
/// How every version begins.
const NAME: &[u8] = b"VIVESCO";
const HEADER: usize = 8 + 32 + 4 + 8;

/// Writes a cache under a name of its own, as several services may at once, syncs it, and
/// puts it in its place.
pub(crate) fn write(path: &Path, sum: &SourceSum, read: &Read) -> std::io::Result<()> {
    let body = encode(read).ok_or_else(|| std::io::Error::other("too large"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)?;
    // As any file: other users may read it.
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(MAGIC)?;
    file.write_all(sum)?;
    file.write_all(&crc32fast::hash(&body).to_le_bytes())?;
    file.write_all(&u64::try_from(body.len()).unwrap_or(u64::MAX).to_le_bytes())?;
    file.write_all(&body)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Reads a cache of files; `None` when there is none or it is of other sources.
///
/// # Errors
/// Why it cannot be used, when it is damaged.
pub(crate) fn read(
    path: &Path,
    sum: &SourceSum,
    files: &[PathBuf],
) -> Result<Option<Read>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let damaged = |what: &str| format!("{} is damaged: {what}", path.display());
    let (header, body) = bytes
        .split_at_checked(HEADER)
        .ok_or_else(|| damaged("too short"))?;
    if !header.starts_with(NAME) {
        return Err(damaged("unknown format"));
    }
    if !header.starts_with(MAGIC) {
        return Ok(None);
    }
    let crc = header.get(40..44).and_then(|bytes| bytes.first_chunk());
    let length = header.get(44..52).and_then(|bytes| bytes.first_chunk());
    let length = length.map(|bytes| u64::from_le_bytes(*bytes));
    if length != u64::try_from(body.len()).ok() {
        return Err(damaged("its length is wrong"));
    }
    if crc.map(|bytes| u32::from_le_bytes(*bytes)) != Some(crc32fast::hash(body)) {
        return Err(damaged("its checksum is wrong"));
    }
    if header.get(8..40) != Some(sum) {
        return Ok(None);
    }
    let read = decode(&mut Reader(body), files);
    read.map(Some)
        .ok_or_else(|| damaged("its tables do not fit"))
}

fn encode(read: &Read) -> Option<Vec<u8>> {
    let ontology = &read.ontology;
    let mut out = Vec::new();
    for texts in [&ontology.texts, &ontology.uris, &ontology.collections] {
        bytes(&mut out, texts.all.as_bytes())?;
        numbers(&mut out, &texts.ends)?;
    }
    bytes(&mut out, &ontology.kinds)?;
    bytes(&mut out, &ontology.skill_types)?;
    bytes(&mut out, &ontology.reuse_levels)?;
    numbers(&mut out, &ontology.codes)?;
    number(&mut out, ontology.labels.len())?;
    for (language, labels) in &ontology.labels {
        bytes(&mut out, language.code().as_bytes())?;
        numbers(&mut out, &labels.preferred)?;
        numbers(&mut out, &labels.descriptions)?;
        lists(&mut out, &labels.others)?;
        numbers(&mut out, &labels.hidden)?;
    }
    number(&mut out, ontology.relations.len())?;
    for relation in &ontology.relations {
        lists(&mut out, relation)?;
    }
    lists(&mut out, &ontology.members)?;
    number(&mut out, read.files.len())?;
    for (_, rows) in &read.files {
        number(&mut out, *rows)?;
    }
    defects(&mut out, read)?;
    Some(out)
}

fn defects(out: &mut Vec<u8>, read: &Read) -> Option<()> {
    number(out, read.defects.iter().count())?;
    for (kind, count, examples) in read.defects.iter() {
        number(out, DefectKind::ALL.iter().position(|one| *one == kind)?)?;
        number(out, count)?;
        number(out, examples.len())?;
        for defect in examples {
            let mut files = read.files.iter();
            number(out, files.position(|(path, _)| *path == defect.path)?)?;
            number(out, usize::try_from(defect.line).ok()?)?;
            for text in [&defect.column, &defect.value, &defect.problem] {
                bytes(out, text.as_bytes())?;
            }
        }
    }
    Some(())
}

fn number(out: &mut Vec<u8>, number: usize) -> Option<()> {
    out.extend(u32::try_from(number).ok()?.to_le_bytes());
    Some(())
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
    out.extend(bytes);
    Some(())
}

fn numbers(out: &mut Vec<u8>, numbers: &[u32]) -> Option<()> {
    out.extend(u32::try_from(numbers.len()).ok()?.to_le_bytes());
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    Some(())
}

fn lists(out: &mut Vec<u8>, lists: &Lists) -> Option<()> {
    numbers(out, &lists.ends)?;
    numbers(out, &lists.items)
}

fn decode(reader: &mut Reader<'_>, files: &[PathBuf]) -> Option<Read> {
    let mut ontology = Ontology {
        texts: reader.texts()?,
        uris: reader.texts()?,
        collections: reader.texts()?,
        kinds: reader.bytes()?.to_vec(),
        skill_types: reader.bytes()?.to_vec(),
        reuse_levels: reader.bytes()?.to_vec(),
        codes: reader.numbers()?,
        ..Ontology::default()
    };
    let mut labels = BTreeMap::new();
    for _ in 0..reader.number()? {
        let language = reader.text()?;
        let of_language = Labels {
            preferred: reader.numbers()?,
            descriptions: reader.numbers()?,
            others: reader.lists()?,
            hidden: reader.numbers()?,
        };
        labels.insert(Language::parse(language).ok()?, of_language);
    }
    ontology.labels = labels;
    for _ in 0..reader.number()? {
        ontology.relations.push(reader.lists()?);
    }
    ontology.members = reader.lists()?;
    let rows = reader.numbers()?.into_iter().map(index);
    let files: Vec<_> = files.iter().cloned().zip(rows).collect();
    let defects = reader.defects(&files)?;
    let complete = reader.0.is_empty() && ontology.relations.len() == Relation::ALL.len();
    let even = ontology.kinds.len() == ontology.uris.len();
    (complete && even).then_some(Read {
        ontology,
        files,
        defects,
    })
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn defects(&mut self, files: &[(PathBuf, usize)]) -> Option<Defects> {
        let mut kinds = BTreeMap::new();
        for _ in 0..self.number()? {
            let kind = *DefectKind::ALL.get(index(self.number()?))?;
            let mut counted = Counted {
                count: index(self.number()?),
                examples: Vec::new(),
            };
            for _ in 0..self.number()? {
                let (path, _) = files.get(index(self.number()?))?;
                counted.examples.push(Defect {
                    path: path.clone(),
                    line: self.number()?.into(),
                    column: self.text()?.to_owned(),
                    value: self.text()?.to_owned(),
                    problem: self.text()?.to_owned(),
                });
            }
            kinds.insert(kind, counted);
        }
        Some(Defects(kinds))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn numbers(&mut self) -> Option<Vec<u32>> {
        let length = usize::try_from(self.number()?).ok()?;
        let bytes = self.take(length.checked_mul(4)?)?;
        let numbers = bytes.as_chunks().0.iter();
        Some(numbers.map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    fn texts(&mut self) -> Option<Texts> {
        let all = self.text()?.to_owned();
        let ends = self.numbers()?;
        Some(Texts { all, ends })
    }

    fn lists(&mut self) -> Option<Lists> {
        let ends = self.numbers()?;
        let items = self.numbers()?;
        Some(Lists { ends, items })
    }
}
