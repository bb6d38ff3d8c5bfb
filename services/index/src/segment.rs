//! Sealed segments: immutable files in a folder of their own.
//!
//! A segment has rows `0..n`; a row is the same point in every file:
//!
//! ```text
//! records.bin   whole records; everything else can be made from them again
//! ids.bin       ids by row, rows by id
//! columns.bin   payload columns with their indexes
//! vectors.ann   rounded vectors and their graph; absent without dense facets
//! words-N/      the N-th words facet, by name
//! ```
//!
//! It has the facets that its collection had when it was written: those added since
//! are the zero vector, or no words, in all its rows.
//!
//! The folder is complete once a manifest names it.

pub(crate) mod arrays;
pub(crate) mod files;
pub(crate) mod ids;
pub(crate) mod manifest;
pub(crate) mod map;
pub(crate) mod records;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vivier_ann::{AnnError, RowSet};

use crate::columns::{Columns, ColumnsError};
use crate::filter::Filter;
use crate::model::{FacetKind, Spec};
use crate::segment::files::FileError;
use crate::segment::ids::Ids;
use crate::segment::manifest::{Listed, Manifest};
use crate::segment::records::Records;
use crate::words::{DeadWords, WordsError, WordsSegment};

/// Why a segment cannot be written, read or searched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    #[error("the vectors failed")]
    Vectors(#[from] AnnError),
    #[error("the words failed")]
    Words(#[from] WordsError),
    #[error("{} has {found} rows, {} has {expected}", path.display(), other.display())]
    Rows {
        path: PathBuf,
        found: u32,
        other: PathBuf,
        expected: u32,
    },
    /// A sound file in the place of another.
    #[error("{} is not the file that was written there", path.display())]
    Swapped { path: PathBuf },
    #[error("stopped before it was done")]
    Stopped,
}

/// One sealed segment, open for searching.
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) ids: Ids,
    pub(crate) records: Records,
    pub(crate) columns: Columns,
    /// Without dense facets there are none.
    pub(crate) vectors: Option<vivier_ann::Segment>,
    /// By words facet.
    pub(crate) words: BTreeMap<String, WordsSegment>,
}

/// Returns the folder of a segment inside the data folder.
pub(crate) fn folder(data: &Path, number: u64) -> PathBuf {
    data.join("segments").join(format!("{number:010}"))
}

pub(crate) fn records_path(folder: &Path) -> PathBuf {
    folder.join("records.bin")
}

pub(crate) fn ids_path(folder: &Path) -> PathBuf {
    folder.join("ids.bin")
}

pub(crate) fn columns_path(folder: &Path) -> PathBuf {
    folder.join("columns.bin")
}

pub(crate) fn vectors_path(folder: &Path) -> PathBuf {
    folder.join("vectors.ann")
}

/// Returns the words facets with their folders, in the order of the names.
pub(crate) fn words_folders<'a>(
    folder: &'a Path,
    spec: &'a Spec,
) -> impl Iterator<Item = (&'a String, PathBuf)> {
    let words = spec.facets.iter();
    let words = words.filter(|(_, facet)| facet.kind == FacetKind::Words);
    (0_usize..)
        .zip(words)
        .map(|(number, (name, _))| (name, folder.join(format!("words-{number}"))))
}

/// Returns the files, or folders of files, of a segment.
fn paths(folder: &Path, spec: &Spec) -> Vec<PathBuf> {
    let mut paths = vec![records_path(folder), ids_path(folder), columns_path(folder)];
    paths.extend(spec.has_dense().then(|| vectors_path(folder)));
    paths.extend(words_folders(folder, spec).map(|(_, path)| path));
    paths
}

impl Segment {
    /// Opens a segment of the manifest, as [`Self::open`] does, and checks that
    /// its files are its own; `spec` is that of its collection.
    ///
    /// # Errors
    /// Those of [`Self::open`], and when a file is that of another segment.
    pub(crate) fn open_listed(
        data: &Path,
        listed: &Listed,
        spec: &Spec,
    ) -> Result<Self, SegmentError> {
        let spec = &spec.without(&listed.lacking);
        let segment = Self::open(data, listed.number, spec)?;
        let paths = paths(&folder(data, listed.number), spec);
        let found = segment.sums();
        if listed.sums.len() != paths.len() {
            let path = Manifest::path(data);
            return Err(FileError::damaged(&path, "a segment has other files").into());
        }
        for (path, (found, expected)) in paths.into_iter().zip(found.iter().zip(&listed.sums)) {
            if found != expected {
                return Err(SegmentError::Swapped { path });
            }
        }
        let (rows, known) = (segment.rows(), listed.dead.len());
        let others = Rows {
            folder: &folder(data, listed.number),
            count: rows,
        };
        others.check(Manifest::path(data), known)?;
        Ok(segment)
    }

    /// Returns the checksums of the files, in the order of [`paths`].
    pub(crate) fn sums(&self) -> Vec<u32> {
        let mut sums = vec![
            self.records.checksum(),
            self.ids.checksum(),
            self.columns.checksum(),
        ];
        sums.extend(self.vectors.as_ref().map(vivier_ann::Segment::checksum));
        sums.extend(self.words.values().map(WordsSegment::checksum));
        sums
    }

    /// Opens a segment and checks every file of it; of the records the index
    /// only, the rest whenever it is read.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, with its name.
    pub(crate) fn open(data: &Path, number: u64, spec: &Spec) -> Result<Self, SegmentError> {
        let folder = folder(data, number);
        let records = Records::open(&records_path(&folder))?;
        let rows = Rows {
            folder: &folder,
            count: records.rows(),
        };
        let ids = Ids::open(&ids_path(&folder))?;
        rows.check(ids_path(&folder), ids.rows())?;
        let columns = Columns::open(&columns_path(&folder))?;
        rows.check(columns_path(&folder), columns.rows())?;
        let mut vectors = None;
        if spec.has_dense() {
            let opened = vivier_ann::Segment::open(&vectors_path(&folder))?;
            rows.check(vectors_path(&folder), opened.rows())?;
            vectors = Some(opened);
        }
        let mut words = BTreeMap::new();
        for (name, path) in words_folders(&folder, spec) {
            let opened = WordsSegment::open(&path)?;
            rows.check(path, opened.rows())?;
            words.insert(name.clone(), opened);
        }
        Ok(Self {
            number,
            ids,
            records,
            columns,
            vectors,
            words,
        })
    }

    /// Returns the facets of a collection that came after the segment was written.
    pub(crate) fn lacking(&self, spec: &Spec) -> Vec<String> {
        let facets = spec.facets.keys();
        facets.filter(|facet| !self.has(facet)).cloned().collect()
    }

    fn has(&self, facet: &str) -> bool {
        let vectors = self.vectors.as_ref();
        let mut dense = vectors.into_iter().flat_map(|v| v.layout().facets());
        self.words.contains_key(facet) || dense.any(|dense| dense.name == facet)
    }

    /// Returns the number of rows, dead ones included.
    pub(crate) fn rows(&self) -> u32 {
        self.ids.rows()
    }
}

/// The rows that every file of a segment must have.
struct Rows<'a> {
    folder: &'a Path,
    count: u32,
}

impl Rows<'_> {
    fn check(&self, path: PathBuf, found: u32) -> Result<(), SegmentError> {
        if found == self.count {
            return Ok(());
        }
        Err(SegmentError::Rows {
            path,
            found,
            other: records_path(self.folder),
            expected: self.count,
        })
    }
}

/// What one search sees of a segment: cheap to take, never changing.
#[derive(Clone)]
pub(crate) struct SegmentView {
    pub(crate) segment: Arc<Segment>,
    dead: Arc<RowSet>,
    /// What the dead rows held, by words facet.
    dead_words: Arc<BTreeMap<String, DeadWords>>,
    live: u32,
}

impl SegmentView {
    /// Sees a segment with its dead rows.
    pub(crate) fn new(segment: Arc<Segment>, dead: &RowSet) -> Self {
        let words = segment.words.keys();
        let words = words.map(|facet| (facet.clone(), DeadWords::default()));
        let mut view = Self {
            dead: Arc::new(RowSet::empty(segment.rows())),
            dead_words: Arc::new(words.collect()),
            live: segment.rows(),
            segment,
        };
        dead.iter().for_each(|row| view.bury(row));
        view
    }

    /// Marks a row as dead.
    pub(crate) fn bury(&mut self, row: u32) {
        if !Arc::make_mut(&mut self.dead).insert(row) {
            return;
        }
        self.live -= 1;
        for (facet, dead) in Arc::make_mut(&mut self.dead_words) {
            if let Some(words) = self.segment.words.get(facet) {
                words.bury(row, dead);
            }
        }
    }

    /// Returns the dead rows.
    pub(crate) fn dead(&self) -> &RowSet {
        &self.dead
    }

    /// Returns what the dead rows of a words facet held.
    pub(crate) fn dead_words(&self, facet: &str) -> Option<&DeadWords> {
        self.dead_words.get(facet)
    }

    /// Counts the live rows.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Returns the live row of an id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let row = self.segment.ids.row(id)?;
        (!self.dead.contains(row)).then_some(row)
    }

    /// Returns the live rows that pass a filter; `None` when all rows do.
    pub(crate) fn select(&self, filter: Option<&Filter>) -> Option<RowSet> {
        let mut selected = match filter {
            Some(filter) => self.segment.columns.select(filter),
            None if self.live == self.segment.rows() => return None,
            None => RowSet::full(self.segment.rows()),
        };
        selected.subtract(&self.dead);
        (selected.count() < self.segment.rows()).then_some(selected)
    }

    /// Returns up to `limit` live rows of ids after one that are in a set, in
    /// id order.
    pub(crate) fn after<'a>(
        &'a self,
        id: &str,
        limit: usize,
        allow: Option<&'a RowSet>,
    ) -> impl Iterator<Item = u32> + 'a {
        let live = move |row: &u32| match allow {
            Some(allow) => allow.contains(*row),
            None => !self.dead.contains(*row),
        };
        self.segment.ids.after(id).filter(live).take(limit)
    }
}
