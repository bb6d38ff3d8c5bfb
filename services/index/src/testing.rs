//! What tests share.

/// A small seeded generator (SplitMix64), so that tests repeat.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// A number in 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        let bits = u16::try_from(self.next() >> 48).unwrap();
        f32::from(bits) / 65_536.0
    }

    /// A vector with values in -reach..reach.
    pub(crate) fn vector(&mut self, dim: usize, reach: f32) -> Vec<f32> {
        (0..dim)
            .map(|_| (self.unit() * 2.0 - 1.0) * reach)
            .collect()
    }
}

use std::path::Path;

use vivier_ann::{BuildOptions, Unwatched};

use crate::collection::Collection;
use crate::segment::write::{SegmentWriter, Source, Written};

/// Writes a segment as a job does.
pub(crate) fn write(
    collection: &Collection,
    data: &Path,
    number: u64,
    sources: &[Source],
) -> Written {
    let writer = SegmentWriter {
        data,
        schema: &collection.schema(),
        options: BuildOptions {
            m: 16,
            ef_construction: 100,
        },
        watch: &Unwatched,
    };
    writer.write(number, sources).unwrap()
}

/// Makes a segment of all that is in memory, as the writer has it done.
pub(crate) fn seal(collection: &Collection, data: &Path, number: u64) {
    collection.freeze(number).unwrap();
    while let Some((sequence, source)) = collection.to_seal() {
        let written = write(collection, data, number, &[source]);
        collection.sealed(sequence, Some(written));
    }
}

/// Makes one segment of all.
pub(crate) fn merge(collection: &Collection, data: &Path, number: u64) {
    let segments = collection.segments();
    let numbers: Vec<u64> = segments.iter().map(|view| view.segment.number).collect();
    let sources: Vec<Source> = segments.into_iter().map(Source::Segment).collect();
    let written = write(collection, data, number, &sources);
    collection.merged(&numbers, Some(written));
}
