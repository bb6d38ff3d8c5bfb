//! What an operator may set, with defaults that suit one machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vivier_ann::BuildOptions;
use vivier_runtime::ServerConfig;
use vivier_types::Violation;

use crate::snapshot::Location;

/// Configuration of the index service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the log and the segments; one process at a time.
    pub data_dir: PathBuf,
    /// The graph of the dense facets.
    pub graph: GraphConfig,
    /// When segments are made and merged.
    pub segments: SegmentsConfig,
    /// The words facets.
    pub words: WordsConfig,
    /// Where snapshots go.
    pub snapshots: SnapshotsConfig,
    /// Bounds on what a request may hold.
    pub limits: IndexLimits,
    /// Size of the operation log, in bytes, at which everything in it goes into
    /// segments; bounds the replay at start.
    pub checkpoint_log_bytes: u64,
    /// When the operation log is synced to disk.
    pub log_sync: LogSync,
    /// Threads that search; 0 for one on each core.
    pub search_threads: usize,
    /// The gRPC server.
    pub server: ServerConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("vivier-data/index"),
            graph: GraphConfig::default(),
            segments: SegmentsConfig::default(),
            words: WordsConfig::default(),
            snapshots: SnapshotsConfig::default(),
            limits: IndexLimits::default(),
            checkpoint_log_bytes: 128 << 20,
            log_sync: LogSync::Commit,
            search_threads: 0,
            server: ServerConfig::on_port(7402),
        }
    }
}

/// When the operation log is synced to disk, and so what an acknowledged write
/// outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogSync {
    /// Before each acknowledgement, once for all writes that wait: a loss of power.
    #[default]
    Commit,
    /// When the system likes, and before each manifest: the end of the process, but no
    /// loss of power. For pools that can be filled again.
    System,
}

/// How the graph of a segment is built and searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphConfig {
    /// Links of a point: 8 to 64.
    pub m: usize,
    /// Width of the search for links while building.
    pub ef_construction: usize,
    /// Candidates that graph and words give each, for a search that says nothing.
    pub ef_search: usize,
    /// Points in segments that pass the filter up to which every one is scored
    /// exactly instead.
    pub scan_points: usize,
    /// Rows for each hit wanted that are looked at for their words alone, at most, when a
    /// sum of vectors and words decides.
    pub sum_factor: usize,
    /// Share of searches that are carried out again exactly, in idle time, to know
    /// their recall: 0 to 1.
    pub recall_share: f64,
    /// Threads that seal, and as many that merge; they let searches have the cores.
    pub build_threads: usize,
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self {
            m: 16,
            ef_construction: 200,
            ef_search: 200,
            scan_points: 2_000,
            sum_factor: 30,
            recall_share: 0.001,
            build_threads: 1,
        }
    }
}

/// When points in memory become a segment, and segments are merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentsConfig {
    /// Points, replaced ones included, that make a segment; every search scans
    /// those that are in none yet.
    pub seal_points: usize,
    /// Bytes of records that make a segment.
    pub seal_bytes: usize,
    /// Most lots of points that wait to become segments; then writes wait.
    pub max_frozen: usize,
    /// How many segments of about one size become one.
    pub merge_factor: usize,
    /// Share of dead rows from which a segment is written anew.
    pub max_dead_share: f64,
}

impl Default for SegmentsConfig {
    fn default() -> Self {
        Self {
            seal_points: 8_192,
            seal_bytes: 128 << 20,
            max_frozen: 4,
            merge_factor: 6,
            max_dead_share: 0.2,
        }
    }
}

/// How words are scored: BM25 (Robertson and Zaragoza, 2009).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WordsConfig {
    /// Most terms of a query that are looked up; the most telling are kept.
    pub max_query_terms: usize,
    /// How soon repetition stops to count.
    pub k1: f32,
    /// How soon repetition in the query stops to count.
    pub k3: f32,
    /// How much long texts are held back: 0 to 1.
    pub b: f32,
}

impl Default for WordsConfig {
    fn default() -> Self {
        Self {
            max_query_terms: 64,
            k1: 1.2,
            k3: 8.0,
            b: 0.75,
        }
    }
}

/// Where snapshots go, and how many there may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotsConfig {
    /// A folder, `file:///FOLDER` or `s3://BUCKET/PREFIX`, of this index alone; empty:
    /// none are taken.
    pub location: String,
    /// Most snapshots at the location.
    pub max_snapshots: usize,
}

impl Default for SnapshotsConfig {
    fn default() -> Self {
        Self {
            location: String::new(),
            max_snapshots: 1_000,
        }
    }
}

/// Bounds on requests and records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexLimits {
    /// Most collections.
    pub max_collections: usize,
    /// Most aliases of collections.
    pub max_aliases: usize,
    /// Most facets of a collection.
    pub max_facets: usize,
    /// Longest vector of a facet.
    pub max_dim: usize,
    /// Greatest Euclidean length of a vector; keeps every score finite.
    pub max_vector_norm: f32,
    /// Greatest weight of a facet.
    pub max_weight: f32,
    /// Most points in one upsert request.
    pub max_points: usize,
    /// Most ids in one request.
    pub max_ids: usize,
    /// Longest text of a words facet, in bytes.
    pub max_text_bytes: usize,
    /// Largest summary, in bytes.
    pub max_summary_bytes: usize,
    /// Largest document, in bytes.
    pub max_document_bytes: usize,
    /// Largest revision, in bytes.
    pub max_revision_bytes: usize,
    /// Most payload columns of a point.
    pub max_columns: usize,
    /// Most texts in one payload column or one filter set.
    pub max_strings: usize,
    /// Longest text in a payload column, and longest column name, in bytes.
    pub max_string_bytes: usize,
    /// Most nodes of a filter.
    pub max_filter_nodes: usize,
    /// Deepest nesting of a filter.
    pub max_filter_depth: usize,
    /// Most hits of a search.
    pub max_k: usize,
    /// Widest graph search.
    pub max_ef: usize,
    /// Most points on a page of a scroll.
    pub max_page: usize,
    /// Most searches under way at once; more are shed.
    pub max_concurrent_searches: usize,
    /// Most writes waiting for the log; more are shed.
    pub max_pending_writes: usize,
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self {
            max_collections: 64,
            max_aliases: 64,
            max_facets: 16,
            max_dim: 4_096,
            max_vector_norm: 1e6,
            max_weight: 1e6,
            max_points: 1_000,
            max_ids: 10_000,
            max_text_bytes: 4 << 20,
            max_summary_bytes: 1 << 20,
            max_document_bytes: 16 << 20,
            max_revision_bytes: 256,
            max_columns: 256,
            max_strings: 1_000,
            max_string_bytes: 16 << 10,
            max_filter_nodes: 256,
            max_filter_depth: 16,
            max_k: 10_000,
            max_ef: 10_000,
            max_page: 1_000,
            max_concurrent_searches: 256,
            max_pending_writes: 256,
        }
    }
}

impl Config {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value out of its range, with the key and the range.
    pub fn validate(&self) -> Result<(), Violation> {
        if self.data_dir.as_os_str().is_empty() {
            return Err(Violation::new("data_dir", "", "must name a folder"));
        }
        at_least("checkpoint_log_bytes", self.checkpoint_log_bytes, 1 << 16)?;
        self.graph.validate()?;
        self.segments.validate()?;
        self.words.validate()?;
        self.snapshots.validate()?;
        self.limits.validate()
    }
}

impl GraphConfig {
    /// Returns how a segment's graph is built.
    pub(crate) fn build_options(&self) -> BuildOptions {
        BuildOptions {
            m: self.m,
            ef_construction: self.ef_construction,
        }
    }

    fn validate(&self) -> Result<(), Violation> {
        within("graph.m", self.m, 8, 64)?;
        within("graph.ef_construction", self.ef_construction, 16, 2_000)?;
        within("graph.ef_search", self.ef_search, 16, 10_000)?;
        at_least("graph.scan_points", self.scan_points, 1)?;
        within("graph.sum_factor", self.sum_factor, 1, 1_000)?;
        within("graph.recall_share", self.recall_share, 0.0, 1.0)?;
        within("graph.build_threads", self.build_threads, 1, 256)
    }
}

impl SegmentsConfig {
    fn validate(&self) -> Result<(), Violation> {
        within("segments.seal_points", self.seal_points, 16, 1 << 24)?;
        at_least("segments.seal_bytes", self.seal_bytes, 1 << 16)?;
        within("segments.max_frozen", self.max_frozen, 1, 64)?;
        within("segments.merge_factor", self.merge_factor, 2, 64)?;
        within("segments.max_dead_share", self.max_dead_share, 0.01, 1.0)
    }
}

impl WordsConfig {
    fn validate(&self) -> Result<(), Violation> {
        within("words.max_query_terms", self.max_query_terms, 1, 10_000)?;
        within("words.k1", self.k1, 0.01, 100.0)?;
        within("words.k3", self.k3, 0.0, 10_000.0)?;
        within("words.b", self.b, 0.0, 1.0)
    }
}

impl SnapshotsConfig {
    /// Returns a location of its own for one of several shards; none stays none.
    #[must_use]
    pub fn of_shard(&self, number: usize) -> Self {
        let mut own = self.clone();
        if !own.location.is_empty() {
            own.location = format!("{}/shard-{number}", self.location.trim_end_matches('/'));
        }
        own
    }

    fn validate(&self) -> Result<(), Violation> {
        within("snapshots.max_snapshots", self.max_snapshots, 1, 100_000)?;
        if self.location.is_empty() {
            return Ok(());
        }
        let read = Location::read(&self.location).map(drop);
        read.map_err(|reason| Violation::new("snapshots.location", &self.location, reason))
    }
}

impl IndexLimits {
    fn validate(&self) -> Result<(), Violation> {
        let counts = [
            ("limits.max_collections", self.max_collections),
            ("limits.max_aliases", self.max_aliases),
            ("limits.max_facets", self.max_facets),
            ("limits.max_dim", self.max_dim),
            ("limits.max_points", self.max_points),
            ("limits.max_ids", self.max_ids),
            ("limits.max_columns", self.max_columns),
            ("limits.max_strings", self.max_strings),
            ("limits.max_string_bytes", self.max_string_bytes),
            ("limits.max_filter_nodes", self.max_filter_nodes),
            ("limits.max_filter_depth", self.max_filter_depth),
            ("limits.max_k", self.max_k),
            ("limits.max_ef", self.max_ef),
            ("limits.max_page", self.max_page),
            (
                "limits.max_concurrent_searches",
                self.max_concurrent_searches,
            ),
            ("limits.max_pending_writes", self.max_pending_writes),
        ];
        for (key, value) in counts {
            at_least(key, value, 1)?;
        }
        // Beyond these, sums of squares leave the range of f32.
        within("limits.max_vector_norm", self.max_vector_norm, 1.0, 1e9)?;
        within("limits.max_weight", self.max_weight, 1.0, 1e9)
    }
}

fn at_least<T: Copy + PartialOrd + std::fmt::Display>(
    key: &str,
    value: T,
    least: T,
) -> Result<(), Violation> {
    if value >= least {
        return Ok(());
    }
    Err(Violation::new(
        key,
        value,
        format!("must be at least {least}"),
    ))
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    key: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), Violation> {
    if value >= least && value <= most {
        return Ok(());
    }
    Err(Violation::new(
        key,
        value,
        format!("must be {least} to {most}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_toml() {
        let config = Config::default();
        config.validate().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn wrong_values_are_named() {
        let mut config = Config::default();
        config.graph.m = 300;
        assert_eq!(config.validate().unwrap_err().field, "graph.m");
        let mut config = Config::default();
        config.words.b = f32::NAN;
        assert_eq!(config.validate().unwrap_err().field, "words.b");
        let mut config = Config::default();
        config.snapshots.location = "ftp://elsewhere".to_owned();
        assert_eq!(config.validate().unwrap_err().field, "snapshots.location");
    }
}
