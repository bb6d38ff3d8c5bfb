//! Work beside the writer: sealing tails and merging segments.
//!
//! A job only makes files; the writer, which it tells, puts them into use. One
//! tail is sealed and one merge goes on at a time. Both let searches have the
//! cores between their steps; merges take only what is idle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vivier_ann::Watch;
use vivier_runtime::{CpuPool, PoolError};

use crate::collection::Collection;
use crate::engine::Engine;
use crate::segment::write::{SegmentWriter, Source, Written};
use crate::segment::{SegmentError, folder};

/// Wait after a job that failed.
const RETRY: Duration = Duration::from_secs(10);

/// What a job was to do.
#[derive(Clone)]
pub(crate) enum Task {
    /// Make a segment of the oldest frozen tail, which this operation ends.
    Seal(u64),
    /// Make one segment of these.
    Merge(Vec<u64>),
}

/// What a job did.
pub(crate) struct Done {
    pub(crate) collection: Arc<Collection>,
    pub(crate) task: Task,
    /// `None` when no point lived.
    pub(crate) written: Result<Option<Written>, SegmentError>,
}

/// One job at a time.
#[derive(Default)]
pub(crate) struct Worker {
    thread: Option<JoinHandle<()>>,
    not_before: Option<Instant>,
}

impl Worker {
    /// Tells whether a job may start: none is running, and the last one's end
    /// has been taken notice of by [`Worker::join`].
    pub(crate) fn is_free(&self) -> bool {
        let waiting = self.not_before.is_some_and(|start| Instant::now() < start);
        !waiting && self.thread.is_none()
    }

    /// Tells whether the job has ended and not been joined yet.
    pub(crate) fn has_ended(&self) -> bool {
        let thread = self.thread.as_ref();
        thread.is_some_and(JoinHandle::is_finished)
    }

    /// Keeps further jobs back for a while.
    pub(crate) fn failed(&mut self) {
        self.not_before = Some(Instant::now() + RETRY);
    }

    /// Starts a job; its end is told through the channel, and `wake` is called.
    pub(crate) fn start(
        &mut self,
        engine: &Arc<Engine>,
        job: (Arc<Collection>, Task, Vec<Source>),
        done: mpsc::Sender<Done>,
        wake: impl FnOnce() + Send + 'static,
    ) {
        self.join();
        let engine = Arc::clone(engine);
        let (collection, task, sources) = job;
        let work = move || {
            let pool = match &task {
                Task::Seal(_) => &engine.seal_pool,
                Task::Merge(_) => &engine.merge_pool,
            };
            let written = pool.install(|| write(&engine, &collection, &sources));
            drop(sources);
            // A writer that has gone has no use for it.
            drop(done.send(Done {
                collection,
                task,
                written,
            }));
            wake();
        };
        let started = std::thread::Builder::new()
            .name("index-segment".to_owned())
            .spawn(work);
        match started {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => {
                tracing::error!(%error, "cannot start to write a segment");
                self.failed();
            }
        }
    }

    /// Waits for the end of the job; false when it has panicked.
    pub(crate) fn join(&mut self) -> bool {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("writing a segment panicked");
            self.failed();
            return false;
        }
        true
    }
}

/// Makes the job that writes segments of a collection into one; `None` when
/// there is nothing to merge.
pub(crate) fn merge_of(
    collection: &Arc<Collection>,
    numbers: &[u64],
) -> Option<(Arc<Collection>, Task, Vec<Source>)> {
    let mut segments = collection.segments();
    segments.retain(|view| numbers.contains(&view.segment.number));
    if segments.is_empty() {
        return None;
    }
    let numbers = segments.iter().map(|view| view.segment.number).collect();
    let sources = segments.into_iter().map(Source::Segment).collect();
    Some((Arc::clone(collection), Task::Merge(numbers), sources))
}

fn write(
    engine: &Engine,
    collection: &Collection,
    sources: &[Source],
) -> Result<Option<Written>, SegmentError> {
    let started = Instant::now();
    if !sources.iter().any(Source::lives) {
        return Ok(None);
    }
    let number = engine.next_segment();
    let config = &engine.config;
    let writer = SegmentWriter {
        data: &config.data_dir,
        schema: &collection.schema(),
        options: config.graph.build_options(),
        watch: &Stopping(engine),
    };
    let written = writer.write(number, sources);
    if written.is_err() {
        // No part of it may outlive an erasure; a start removes it too.
        let path = folder(&config.data_dir, number);
        if let Err(error) = std::fs::remove_dir_all(&path) {
            tracing::warn!(%error, path = %path.display(), "an unfinished segment stays until the next start");
        }
    }
    let written = written?;
    tracing::info!(
        collection = collection.name(),
        segment = number,
        points = written.origins.len(),
        parts = sources.len(),
        seconds = started.elapsed().as_secs_f64(),
        "segment written"
    );
    Ok(Some(written))
}

/// Reads every record of the segments that a start has opened, in the background,
/// so that damage is known before someone asks for the record.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn scrub(engine: &Arc<Engine>) -> Result<JoinHandle<()>, ScrubError> {
    let engine = Arc::clone(engine);
    let pool = CpuPool::in_background("index-scrub", 1)?;
    let work = move || pool.install(|| verify(&engine));
    let thread = std::thread::Builder::new().name("index-scrub".to_owned());
    Ok(thread.spawn(work)?)
}

/// Why records are not checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScrubError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}

fn verify(engine: &Engine) {
    let stop = || engine.stopping.load(Ordering::Acquire);
    for collection in engine.collections() {
        for view in collection.segments() {
            if let Err(error) = view.segment.records.verify(stop) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    collection = collection.name(),
                    "records are damaged; restore the segment from a copy"
                );
            }
        }
    }
}

/// Stops a job when the engine stops.
struct Stopping<'a>(&'a Engine);

impl Watch for Stopping<'_> {
    fn progress(&self, _done: usize, _all: usize) {}

    fn stopped(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Even a thread of the lowest priority keeps its core until the kernel's next
    /// tick from searches that wait awake.
    fn give_way(&self) {
        std::thread::yield_now();
    }
}
