//! A sealed segment's vectors, opened.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::AnnError;
use crate::file::{Section, Table};
use crate::graph::{Upper, UpperLinks};
use crate::kernel::{Codes, Kernel, index, stride};
use crate::layout::Layout;
use crate::links::{self, PackedLinks};
use crate::memory::Pages;
use crate::meta::{MAX_M, MAX_META, Meta};
use crate::planes::Rounding;
use crate::traverse::NONE;

/// An immutable set of vectors with a graph over them.
///
/// What a search walks over (first plane, links, scales, upper levels) is read into
/// memory on large pages when it is opened; the second plane is mapped from the file.
/// The file must not be changed while it is open.
pub struct Segment {
    path: PathBuf,
    checksum: u32,
    layout: Layout,
    meta: Meta,
    pub(crate) kernel: Kernel,
    pub(crate) rounding: Rounding,
    /// Share of each facet in the geometry of the graph.
    pub(crate) shares: Vec<f32>,
    /// Greatest length of what the first plane leaves out of a vector, in units.
    pub(crate) rest: f32,
    /// Greatest scale.
    pub(crate) reach: f32,
    pub(crate) scales: Vec<f32>,
    first: Pages,
    links: Pages,
    map: Mmap,
    second: Range<usize>,
    upper: Vec<Upper>,
    pub(crate) residual: Vec<u32>,
    pub(crate) copies: Vec<u32>,
}

impl Segment {
    /// Opens a file and checks every byte of it.
    ///
    /// # Errors
    /// When it cannot be read, or a section is damaged.
    pub fn open(path: &Path) -> Result<Self, AnnError> {
        let unreadable = |source| AnnError::io("read", path, source);
        let mut file = File::open(path).map_err(unreadable)?;
        let table = Table::read(path, &mut file)?;
        let mut source = Source { path, file, table };
        let meta = source.meta()?;
        let facets = Layout::new(meta.facets.clone());
        let layout = facets.map_err(|error| source.damaged(Section::Meta, error.to_string()))?;
        let nodes = index(meta.nodes);
        let mut factors = source.floats(Section::Factors, 2 * layout.facets().len() + 1)?;
        if factors
            .iter()
            .any(|factor| !factor.is_finite() || *factor < 0.0)
        {
            return Err(source.damaged(Section::Factors, "one is not a number from 0".to_owned()));
        }
        let rest = factors.pop().unwrap_or_default();
        let shares = factors.split_off(layout.facets().len());
        if factors.contains(&0.0) {
            return Err(source.damaged(Section::Factors, "one is 0".to_owned()));
        }
        let scales = source.floats(Section::Scales, nodes)?;
        if scales
            .iter()
            .any(|scale| !scale.is_finite() || *scale < 0.0)
        {
            return Err(source.damaged(Section::Scales, "one is not a number from 0".to_owned()));
        }
        let plane = nodes * stride(layout.dim());
        let first = source.pages(Section::First, plane)?;
        let links = source.links(&meta)?;
        let upper = source.upper(&meta)?;
        let residual = source.ascending(Section::Residual, meta.nodes, None)?;
        let copies = index(meta.rows).checked_sub(nodes);
        let copies = source.ascending(Section::Copies, meta.nodes, copies)?;
        let second = source.expect(Section::Second, plane)?;
        let map = map(&source.file).map_err(unreadable)?;
        let bytes = map.get(second.clone()).unwrap_or_default();
        source.table.check(path, Section::Second, bytes)?;
        Ok(Self {
            path: path.to_owned(),
            checksum: source.table.crc(),
            kernel: Kernel::best(),
            rounding: Rounding::new(&layout, factors),
            shares,
            rest,
            reach: scales.iter().copied().fold(0.0, f32::max),
            layout,
            scales,
            first,
            links,
            map,
            second,
            upper,
            residual,
            copies,
            meta,
        })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a checksum of the whole file, by which it is told from another.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Returns the facets of the vectors.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the fingerprint of the model that made the vectors.
    pub fn fingerprint(&self) -> &str {
        &self.meta.fingerprint
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u32 {
        self.meta.rows
    }

    /// Returns the bytes that searches touch: both planes, scales, links, upper
    /// levels, residual and copies.
    pub fn resident_bytes(&self) -> usize {
        let planes = 2 * self.second.len();
        let links = index(self.meta.nodes) * 2 * self.meta.m * links::BYTES;
        let levels = self.upper.iter();
        let upper: usize = levels
            .map(|level| level.nodes.len() + level.links.len())
            .sum();
        let lists = self.residual.len() + self.copies.len();
        planes + links + 4 * (self.scales.len() + upper + lists)
    }

    /// Returns the vector of a row, each value within 1.6e-5 of the greatest of what was
    /// stored, both measured in the factors of their facets; `None` when there is no such
    /// row.
    pub fn vector(&self, row: u32) -> Option<Vec<f32>> {
        let node = self.node_of(row);
        let scale = self.scales.get(index(node)).copied()?;
        let (first, second) = (self.first().row(node), self.second().row(node));
        Some(self.rounding.decode(first, second, scale))
    }

    /// Counts the distinct vectors.
    pub(crate) fn nodes(&self) -> u32 {
        self.meta.nodes
    }

    /// Returns the node from which searches start.
    pub(crate) fn entry(&self) -> u32 {
        self.meta.entry
    }

    pub(crate) fn first(&self) -> Codes<'_> {
        let bytes = self.first.numbers().get(..self.second.len());
        Codes::new(bytes.unwrap_or_default(), stride(self.layout.dim()))
    }

    pub(crate) fn second(&self) -> Codes<'_> {
        let bytes = self.map.get(self.second.clone());
        Codes::new(bytes.unwrap_or_default(), stride(self.layout.dim()))
    }

    pub(crate) fn base_links(&self) -> PackedLinks<'_> {
        PackedLinks::new(self.links.numbers(), 2 * self.meta.m)
    }

    /// Returns the upper levels, highest first.
    pub(crate) fn upper_links(&self) -> impl Iterator<Item = UpperLinks<'_>> {
        let levels = self.upper.iter().rev();
        levels.map(|level| UpperLinks::new(&level.nodes, &level.links, self.meta.m))
    }

    /// Returns the node whose vector a row has.
    pub(crate) fn node_of(&self, row: u32) -> u32 {
        match row.checked_sub(self.meta.nodes) {
            None => row,
            Some(copy) => self.copies.get(index(copy)).copied().unwrap_or(NONE),
        }
    }

    /// Returns the rows behind the distinct ones that have a node's vector.
    pub(crate) fn copies_of(&self, node: u32) -> Range<u32> {
        let start = self.copies.partition_point(|of| *of < node);
        let end = self.copies.partition_point(|of| *of <= node);
        let row = |at: usize| self.meta.nodes + u32::try_from(at).unwrap_or(u32::MAX);
        row(start)..row(end)
    }
}

/// Maps a file for reading, on large pages where the system has them: a search jumps
/// between rows, and with pages of 4 KiB most jumps miss the table of addresses too.
#[expect(unsafe_code, reason = "a file is mapped into memory")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: a segment's file is written once under another name and never changed;
    // it is only ever unlinked while it is open.
    let map = unsafe { Mmap::map(file)? };
    #[cfg(target_os = "linux")]
    {
        // Advice: without it only speed is lost.
        let _advised = map.advise(memmap2::Advice::HugePage);
    }
    Ok(map)
}

/// A file that is being opened.
struct Source<'a> {
    path: &'a Path,
    file: File,
    table: Table,
}

impl Source<'_> {
    fn damaged(&self, section: Section, problem: String) -> AnnError {
        AnnError::damaged(self.path, section.name(), problem)
    }

    /// Returns where a section lies, which must have so many bytes.
    fn expect(&self, section: Section, bytes: usize) -> Result<Range<usize>, AnnError> {
        let range = self.table.range(section);
        if range.len() != bytes {
            let problem = format!("{} bytes, expected {bytes}", range.len());
            return Err(self.damaged(section, problem));
        }
        Ok(range)
    }

    fn bytes(&mut self, section: Section, limit: usize) -> Result<Vec<u8>, AnnError> {
        let length = self.table.range(section).len();
        if length > limit {
            return Err(self.damaged(section, format!("{length} bytes, limit {limit}")));
        }
        let mut bytes = vec![0; length];
        self.table
            .fill(self.path, &mut self.file, section, &mut bytes)?;
        Ok(bytes)
    }

    fn pages(&mut self, section: Section, length: usize) -> Result<Pages, AnnError> {
        self.expect(section, length)?;
        let mut pages = Pages::zeroed(length)?;
        let bytes = pages.numbers_mut().get_mut(..length).unwrap_or_default();
        self.table.fill(self.path, &mut self.file, section, bytes)?;
        Ok(pages)
    }

    fn meta(&mut self) -> Result<Meta, AnnError> {
        let bytes = self.bytes(Section::Meta, MAX_META)?;
        let meta: Meta = serde_json::from_slice(&bytes)
            .map_err(|error| self.damaged(Section::Meta, error.to_string()))?;
        let counts = meta.nodes <= meta.rows && (meta.nodes > 0 || meta.rows == 0);
        let entry = meta.entry < meta.nodes || meta.nodes == 0;
        if !counts || !entry || !(2..=MAX_M).contains(&meta.m) {
            return Err(self.damaged(Section::Meta, "its counts make no sense".to_owned()));
        }
        Ok(meta)
    }

    fn numbers(&mut self, section: Section) -> Result<Vec<u32>, AnnError> {
        let bytes = self.bytes(section, usize::MAX)?;
        let fields = bytes.chunks_exact(4);
        if !fields.remainder().is_empty() {
            return Err(self.damaged(section, format!("{} bytes", bytes.len())));
        }
        Ok(fields
            .map(|field| u32::from_le_bytes([field[0], field[1], field[2], field[3]]))
            .collect())
    }

    fn floats(&mut self, section: Section, count: usize) -> Result<Vec<f32>, AnnError> {
        self.expect(section, 4 * count)?;
        Ok(self
            .numbers(section)?
            .into_iter()
            .map(f32::from_bits)
            .collect())
    }

    /// Reads nodes in ascending order, so many if a count is given.
    fn ascending(
        &mut self,
        section: Section,
        nodes: u32,
        count: Option<usize>,
    ) -> Result<Vec<u32>, AnnError> {
        let found = self.numbers(section)?;
        let inside = found.last().is_none_or(|last| *last < nodes);
        if !inside || !found.is_sorted() || count.is_some_and(|count| count != found.len()) {
            return Err(self.damaged(section, "its rows make no sense".to_owned()));
        }
        Ok(found)
    }

    fn links(&mut self, meta: &Meta) -> Result<Pages, AnnError> {
        let width = 2 * meta.m;
        let links = self.pages(Section::Links, index(meta.nodes) * width * links::BYTES)?;
        if !PackedLinks::new(links.numbers(), width).inside(meta.nodes) {
            return Err(self.damaged(Section::Links, "a link leads nowhere".to_owned()));
        }
        Ok(links)
    }

    fn upper(&mut self, meta: &Meta) -> Result<Vec<Upper>, AnnError> {
        let all = self.numbers(Section::Upper)?;
        let mut rest = all.as_slice();
        let mut levels = Vec::new();
        for count in &meta.levels {
            let nodes = rest.split_off(..index(*count)).unwrap_or_default();
            let links = rest.split_off(..index(*count) * meta.m).unwrap_or_default();
            let whole = nodes.len() == index(*count) && links.len() == nodes.len() * meta.m;
            let fine = nodes.is_sorted() && nodes.last().is_none_or(|last| *last < meta.nodes);
            if !whole || !fine || !inside(links, meta.nodes) {
                return Err(self.damaged(Section::Upper, "a link leads nowhere".to_owned()));
            }
            levels.push(Upper {
                nodes: nodes.to_vec(),
                links: links.to_vec(),
            });
        }
        if !rest.is_empty() {
            return Err(self.damaged(Section::Upper, "it is too long".to_owned()));
        }
        Ok(levels)
    }
}

/// Tells whether all links lead to nodes.
fn inside(links: &[u32], nodes: u32) -> bool {
    links.iter().all(|link| *link < nodes || *link == NONE)
}
