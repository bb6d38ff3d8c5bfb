//! Vectors of texts that were embedded before.
//!
//! A key is the SHA-256 of everything that decides a vector: the model and how it is
//! run, what the text is, how it may be cut, and the text. So another model, another
//! precision or another window never reads an old vector.
//!
//! Looking up reads the disk: it is done where texts are tokenized, never on the async
//! threads. Writing is done by a thread of its own behind a bounded channel; when the
//! disk is slower than the model, vectors are not written. A cache that fails is left:
//! the service goes on without it.

mod entry;
mod store;

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::config::Config;
use crate::service::Embedding;
use crate::stats::Stats;

pub(crate) use self::entry::{Key, Keys};
use self::store::{Found, Store, StoreError};

/// Vectors that wait to be written; about 6 MB at 384 dims.
const WAITING_WRITES: usize = 4096;
/// Vectors written before the size on disk is looked at again.
const WRITES_PER_CHECK: usize = 64;

/// A vector to write.
struct Write {
    key: Key,
    entry: Vec<u8>,
    /// Whether it only moves from the older half to the newer one.
    moved: bool,
}

/// Vectors of texts that were embedded before, on disk.
pub(crate) struct Cache {
    store: Arc<Store>,
    stats: Arc<Stats>,
    /// Set when the store failed: from then on nothing is read or written.
    failed: Arc<AtomicBool>,
    writes: Mutex<Option<SyncSender<Write>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    dim: usize,
}

impl Cache {
    /// Opens the cache of the config for vectors of `dim`; `None` when it is switched
    /// off or cannot be used, which is logged.
    pub(crate) fn open(config: &Config, dim: usize, stats: &Arc<Stats>) -> Option<Self> {
        if !config.cache {
            return None;
        }
        match Self::try_open(config, dim, stats) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn Error, folder = %config.cache_dir.display(),
                    "the embedding cache cannot be used; going on without it"
                );
                None
            }
        }
    }

    fn try_open(config: &Config, dim: usize, stats: &Arc<Stats>) -> Result<Self, StoreError> {
        let store = Arc::new(Store::open(&config.cache_dir, config.cache_max_bytes)?);
        let failed = Arc::new(AtomicBool::new(false));
        let (write_tx, write_rx) = sync_channel(WAITING_WRITES);
        let writer = Writer {
            store: Arc::clone(&store),
            stats: Arc::clone(stats),
            failed: Arc::clone(&failed),
        };
        let thread = std::thread::Builder::new()
            .name("cache".into())
            .spawn(move || writer.run(&write_rx))
            .map_err(StoreError::Thread)?;
        Ok(Self {
            store,
            stats: Arc::clone(stats),
            failed,
            writes: Mutex::new(Some(write_tx)),
            writer: Mutex::new(Some(thread)),
            dim,
        })
    }

    /// Returns the vector of a key. Reads the disk.
    pub(crate) fn get(&self, key: &Key) -> Option<Embedding> {
        if !self.is_enabled() {
            return None;
        }
        let found = match self.store.get(key) {
            Ok(found) => found,
            Err(error) => {
                give_up(&self.failed, &self.store, &self.stats, &error);
                None
            }
        };
        let embedding = found.and_then(|found| self.read(key, found));
        let counter = match embedding {
            Some(_) => &self.stats.cache.hits,
            None => &self.stats.cache.misses,
        };
        counter.add(1);
        embedding
    }

    fn read(&self, key: &Key, found: Found) -> Option<Embedding> {
        let embedding = entry::decode(&found.entry, self.dim);
        if embedding.is_none() {
            self.stats.cache.errors.add(1);
        } else if found.is_old {
            // What is asked for moves to the newer half, so that it outlives the older.
            self.send(Write {
                key: *key,
                entry: found.entry,
                moved: true,
            });
        }
        embedding
    }

    /// Writes a vector, some time later.
    pub(crate) fn put(&self, key: Key, embedding: &Embedding) {
        if self.is_enabled() {
            self.send(Write {
                key,
                entry: entry::encode(embedding),
                moved: false,
            });
        }
    }

    fn send(&self, write: Write) {
        let sender = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = sender.as_ref() else {
            return;
        };
        match sender.try_send(write) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.stats.cache.dropped_writes.add(1);
            }
        }
    }

    /// Tells whether it is in use.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }

    /// Returns the size on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.store.bytes()
    }

    /// Writes what waits and closes the store. Blocks.
    pub(crate) fn close(&self) {
        drop(
            self.writes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the embedding cache panicked");
        }
    }
}

impl Drop for Cache {
    /// The folder is free for another when the value is gone.
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes what comes through the channel.
struct Writer {
    store: Arc<Store>,
    stats: Arc<Stats>,
    failed: Arc<AtomicBool>,
}

impl Writer {
    fn run(&self, writes: &Receiver<Write>) {
        let mut since_check = 0;
        while let Ok(write) = writes.recv() {
            if self.failed.load(Ordering::Acquire) {
                continue;
            }
            since_check += 1;
            let written = self.write(&write).and_then(|()| {
                if since_check < WRITES_PER_CHECK {
                    return Ok(());
                }
                since_check = 0;
                self.keep_in_bounds()
            });
            if let Err(error) = written {
                give_up(&self.failed, &self.store, &self.stats, &error);
            }
        }
        if let Err(error) = self.store.flush() {
            tracing::warn!(
                error = &error as &dyn Error,
                "the embedding cache was not written to its end"
            );
        }
    }

    fn write(&self, write: &Write) -> Result<(), StoreError> {
        self.store.put(&write.key, &write.entry)?;
        if !write.moved {
            self.stats.cache.writes.add(1);
        }
        Ok(())
    }

    fn keep_in_bounds(&self) -> Result<(), StoreError> {
        if self.store.rotate_if_full()? {
            self.stats.cache.rotations.add(1);
            tracing::info!("the embedding cache is full; its older half was removed");
        }
        Ok(())
    }
}

/// Leaves a store that failed, once.
fn give_up(failed: &AtomicBool, store: &Store, stats: &Stats, error: &StoreError) {
    stats.cache.errors.add(1);
    if failed.swap(true, Ordering::AcqRel) {
        return;
    }
    tracing::error!(
        error = error as &dyn Error,
        "the embedding cache failed; going on without it"
    );
    if error.is_damage() {
        store.put_aside();
    }
}

#[cfg(test)]
mod tests;
