//! Vectors of labels, searched by the index's own graph.

use std::path::{Path, PathBuf};

use vivier_ann::{
    BuildOptions, Layout, Query, Scratch, SearchOptions, Segment, Unwatched, Vectors, build,
};

use crate::error::LinkError;

const GRAPH: &str = "labels.ann";
const ORDER: &str = "labels.order";
/// Width of the search.
const EF: usize = 200;

/// The vectors of a list of labels, on disk and mapped.
pub struct LabelVectors {
    segment: Segment,
    /// Row to label.
    labels: Vec<u32>,
    /// Label to row.
    rows: Vec<u32>,
}

impl LabelVectors {
    /// Opens what [`Self::build`] wrote; `None` when there is nothing, or it is of other
    /// labels or another encoder, as the fingerprint tells.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn open(folder: &Path, fingerprint: &str) -> Result<Option<Self>, LinkError> {
        let path = folder.join(GRAPH);
        // It is written last.
        if !path.try_exists().map_err(LinkError::io("read", &path))? {
            return Ok(None);
        }
        let segment = Segment::open(&path)?;
        if segment.fingerprint() != fingerprint {
            return Ok(None);
        }
        let path = folder.join(ORDER);
        let bytes = std::fs::read(&path).map_err(LinkError::io("read", &path))?;
        let labels: Vec<u32> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|four| u32::from_le_bytes(*four))
            .collect();
        Self::new(segment, labels, path).map(Some)
    }

    /// Links vectors to a graph, writes it into a folder, and opens it. Runs on the
    /// current rayon pool.
    ///
    /// `vectors` is `[labels, dim]`, row-major.
    ///
    /// # Errors
    /// When the vectors have the wrong shape, or the folder cannot be written.
    pub fn build(
        folder: &Path,
        fingerprint: &str,
        vectors: &[f32],
        dim: usize,
    ) -> Result<Self, LinkError> {
        std::fs::create_dir_all(folder).map_err(LinkError::io("make", folder))?;
        let layout = Layout::single(dim)?;
        let vectors = Vectors::new(vectors, &layout)?;
        let built = build(vectors, &layout, &BuildOptions::default(), &Unwatched)?;
        let Some(built) = built else {
            return Err(LinkError::Stopped);
        };
        let path = folder.join(ORDER);
        let order = built.order().iter().flat_map(|label| label.to_le_bytes());
        std::fs::write(&path, order.collect::<Vec<u8>>()).map_err(LinkError::io("write", &path))?;
        let labels = built.order().to_vec();
        built.write(&folder.join(GRAPH), fingerprint)?;
        Self::new(Segment::open(&folder.join(GRAPH))?, labels, path)
    }

    /// Checks that the order names every row once.
    fn new(segment: Segment, labels: Vec<u32>, path: PathBuf) -> Result<Self, LinkError> {
        let mut rows = vec![u32::MAX; labels.len()];
        for (row, label) in (0..).zip(&labels) {
            if let Some(place) = rows.get_mut(place(*label)) {
                *place = row;
            }
        }
        let whole = !rows.contains(&u32::MAX) && labels.len() == place(segment.rows());
        if !whole {
            return Err(LinkError::Damaged { path });
        }
        Ok(Self {
            segment,
            labels,
            rows,
        })
    }

    /// Returns the length of the vectors.
    pub fn dim(&self) -> usize {
        self.segment.layout().dim()
    }

    /// Reads the vector of a label back, to about 16 bits; `None` when there is none.
    pub(crate) fn get(&self, label: u32) -> Option<Vec<f32>> {
        self.segment.vector(*self.rows.get(place(label))?)
    }

    /// Prepares a text's vector.
    pub(crate) fn query(&self, vector: &[f32]) -> Result<Near<'_>, LinkError> {
        Ok(Near {
            vectors: self,
            query: self.segment.query(vector, &[1.0])?,
        })
    }
}

/// What is near a text.
pub(crate) struct Near<'a> {
    vectors: &'a LabelVectors,
    query: Query<'a>,
}

impl Near<'_> {
    /// Returns the nearest labels, the nearest first.
    pub(crate) fn nearest(&self, count: usize) -> Result<Vec<u32>, LinkError> {
        let options = SearchOptions {
            k: count,
            ef: EF.max(count),
        };
        let found = self.query.search(options, None, &mut Scratch::default())?;
        let labels = found.hits.iter().filter_map(|hit| {
            let label = self.vectors.labels.get(place(hit.row));
            label.copied()
        });
        Ok(labels.collect())
    }

    /// Returns the cosine with a label.
    pub(crate) fn cosine(&self, label: u32) -> f32 {
        let row = self.vectors.rows.get(place(label)).copied();
        let score = row.and_then(|row| self.query.score(row));
        score.unwrap_or_default()
    }
}

/// Widens a number.
pub(crate) fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
