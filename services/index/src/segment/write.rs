//! Makes a segment: of the points of a tail, or of the live rows of others.

use std::path::Path;
use std::sync::Arc;

use vivier_ann::{BuildOptions, RowSet, Vectors, Watch};

use crate::columns::ColumnsBuilder;
use crate::model::Record;
use crate::points::Slot;
use crate::schema::Schema;
use crate::segment::files::{FileError, sync_folder};
use crate::segment::records::{Records, RecordsWriter};
use crate::segment::{
    Segment, SegmentError, SegmentView, columns_path, folder, ids, ids_path, records_path,
    vectors_path, words_folders,
};
use crate::tail::TailView;
use crate::words::{WordsSegmentBuilder, WordsSource};

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Which of the sources.
    pub(crate) source: usize,
    /// Its slot or row there.
    pub(crate) row: Slot,
}

/// Points that go into a segment.
pub(crate) enum Source {
    /// The live points of a tail.
    Tail(TailView),
    /// The rows of a segment that are not dead.
    Segment(SegmentView),
    /// The records of a segment whose other files are damaged, and its dead rows.
    Records(Arc<Records>, RowSet),
}

impl Source {
    /// Tells whether any point lives.
    pub(crate) fn lives(&self) -> bool {
        match self {
            Self::Tail(tail) => tail.points.live() > 0,
            Self::Segment(view) => view.live() > 0,
            Self::Records(records, dead) => dead.count() < records.rows(),
        }
    }

    /// Returns the rows or slots that live.
    fn live(&self) -> Vec<Slot> {
        match self {
            Self::Tail(tail) => tail.points.iter().map(|point| point.slot).collect(),
            Self::Segment(view) => living(view.segment.rows(), view.dead()),
            Self::Records(records, dead) => living(records.rows(), dead),
        }
    }

    /// Returns the records, but for a tail.
    fn records(&self) -> Option<&Records> {
        match self {
            Self::Tail(_) => None,
            Self::Segment(view) => Some(&view.segment.records),
            Self::Records(records, _) => Some(records),
        }
    }
}

fn living(rows: u32, dead: &RowSet) -> Vec<Slot> {
    (0..rows).filter(|row| !dead.contains(*row)).collect()
}

/// Makes segments of one collection.
pub(crate) struct SegmentWriter<'a> {
    pub(crate) data: &'a Path,
    /// Facets that a source lacks are the zero vector, or no words.
    pub(crate) schema: &'a Schema,
    pub(crate) options: BuildOptions,
    pub(crate) watch: &'a dyn Watch,
}

/// A finished segment.
pub(crate) struct Written {
    pub(crate) segment: Arc<Segment>,
    /// Where each row comes from.
    pub(crate) origins: Vec<Origin>,
}

impl SegmentWriter<'_> {
    /// Writes a segment of all live points of the sources, syncs it and opens it;
    /// the graph is built on the current rayon pool. An id must not live in two of
    /// the sources.
    ///
    /// # Errors
    /// When the disk refuses, a source is damaged, or the watch stopped it.
    pub(crate) fn write(&self, number: u64, sources: &[Source]) -> Result<Written, SegmentError> {
        let folder = folder(self.data, number);
        // What a crash has left of an earlier try.
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::io("remove", &folder)(error).into());
            }
            Ok(()) | Err(_) => {}
        }
        std::fs::create_dir_all(&folder).map_err(FileError::io("create", &folder))?;
        let live = origins(sources);
        let origins = self.write_vectors(&folder, sources, live)?;
        self.write_rows(&folder, sources, &origins)?;
        self.write_words(&folder, sources, &origins)?;
        sync_folder(&folder)?;
        sync_folder(&self.data.join("segments"))?;
        sync_folder(self.data)?;
        let segment = Segment::open(self.data, number, &self.schema.spec)?;
        Ok(Written {
            segment: Arc::new(segment),
            origins,
        })
    }

    /// Writes the vectors; returns the origins in the order of the rows.
    fn write_vectors(
        &self,
        folder: &Path,
        sources: &[Source],
        live: Vec<Origin>,
    ) -> Result<Vec<Origin>, SegmentError> {
        let Some(layout) = self.schema.layout.facet_layout()? else {
            return Ok(live);
        };
        let mut values = Vec::with_capacity(live.len() * self.schema.layout.dim());
        for origin in &live {
            self.check_stop()?;
            self.extend(&mut values, sources, *origin)?;
        }
        let vectors = Vectors::new(&values, &layout)?;
        let built = vivier_ann::build(vectors, &layout, &self.options, self.watch)?;
        let built = built.ok_or(SegmentError::Stopped)?;
        built.write(&vectors_path(folder), &self.schema.spec.model_fingerprint)?;
        let order = built.order().iter();
        let order = order.filter_map(|input| live.get(crate::points::as_index(*input)).copied());
        Ok(order.collect())
    }

    /// Appends the concatenated vector of a point.
    fn extend(
        &self,
        values: &mut Vec<f32>,
        sources: &[Source],
        origin: Origin,
    ) -> Result<(), SegmentError> {
        match &sources[origin.source] {
            Source::Tail(tail) => {
                let point = tail.points.get(origin.row);
                let vector = point.map_or(&[][..], |point| point.vector);
                if tail.schema.layout.dim() == self.schema.layout.dim() {
                    values.extend_from_slice(vector);
                } else {
                    let vectors = tail.schema.layout.split(vector);
                    values.extend(self.schema.layout.concatenate(&vectors));
                }
            }
            source @ (Source::Segment(_) | Source::Records(..)) => {
                if let Some(records) = source.records() {
                    let vectors = records.vectors(origin.row)?;
                    values.extend(self.schema.layout.concatenate(&vectors));
                }
            }
        }
        Ok(())
    }

    /// Writes records, ids and columns.
    fn write_rows(
        &self,
        folder: &Path,
        sources: &[Source],
        origins: &[Origin],
    ) -> Result<(), SegmentError> {
        let mut records = RecordsWriter::create(&records_path(folder))?;
        let mut columns = ColumnsBuilder::new();
        let mut names = Vec::with_capacity(origins.len());
        for origin in origins {
            self.check_stop()?;
            match &sources[origin.source] {
                Source::Tail(tail) => {
                    if let Some(record) = tail_record(tail, origin.row) {
                        records.push(&record)?;
                        columns.push(&record.payload)?;
                        names.push(record.id);
                    }
                }
                source @ (Source::Segment(_) | Source::Records(..)) => {
                    if let Some(known) = source.records() {
                        records.copy(known, origin.row)?;
                        let head = known.head(origin.row)?;
                        columns.push(&head.payload)?;
                        names.push(head.id);
                    }
                }
            }
        }
        records.finish()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        ids::write(&ids_path(folder), &names)?;
        columns.write(&columns_path(folder))?;
        Ok(())
    }

    fn write_words(
        &self,
        folder: &Path,
        sources: &[Source],
        origins: &[Origin],
    ) -> Result<(), SegmentError> {
        for (facet, path) in words_folders(folder, &self.schema.spec) {
            let mut builder = WordsSegmentBuilder::create(&path)?;
            let mut known = Vec::new();
            for source in sources {
                let words = match source {
                    Source::Segment(view) => view.segment.words.get(facet),
                    Source::Tail(_) | Source::Records(..) => None,
                };
                known.push(words.map(WordsSource::new).transpose()?);
            }
            for origin in origins {
                self.check_stop()?;
                match (&sources[origin.source], &mut known[origin.source]) {
                    (_, Some(source)) => builder.push_from(source, origin.row)?,
                    (Source::Tail(tail), None) => {
                        let point = tail.points.get(origin.row);
                        builder.push(point.and_then(|p| p.meta.record.words.get(facet)))?;
                    }
                    (Source::Records(records, _), None) => {
                        let words = records.words(origin.row)?;
                        builder.push(words.get(facet))?;
                    }
                    (Source::Segment(_), None) => builder.push(None)?,
                }
            }
            builder.finish()?;
        }
        Ok(())
    }

    fn check_stop(&self) -> Result<(), SegmentError> {
        self.watch.give_way();
        if self.watch.stopped() {
            return Err(SegmentError::Stopped);
        }
        Ok(())
    }
}

/// Joins the record of a point in a tail with its vectors.
fn tail_record(tail: &TailView, slot: Slot) -> Option<Record> {
    let point = tail.points.get(slot)?;
    let mut record = point.meta.record.clone();
    record.vectors = tail.schema.layout.split(point.vector);
    Some(record)
}

/// Lists the live points of the sources.
fn origins(sources: &[Source]) -> Vec<Origin> {
    let numbered = sources.iter().enumerate();
    let origins = numbered.flat_map(|(source, points)| {
        let rows = points.live().into_iter();
        rows.map(move |row| Origin { source, row })
    });
    origins.collect()
}
