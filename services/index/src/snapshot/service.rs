//! The calls about snapshots: one that changes the location at a time.

use std::path::PathBuf;

use tokio::sync::{Mutex, MutexGuard};
use vivier_runtime::{CpuPool, PoolError};

use crate::config::{Config, SnapshotsConfig};
use crate::error::IndexError;
use crate::snapshot::clean::{SNAPSHOTS, read_all, sweep};
use crate::snapshot::contents::{Contents, SnapshotSummary, is_name};
use crate::snapshot::create::{Created, Job, Progress, create};
use crate::snapshot::store::Store;
use crate::snapshot::{Moment, SnapshotError, identity};

/// Takes, lists and deletes snapshots.
pub(crate) struct Snapshots {
    config: SnapshotsConfig,
    data: PathBuf,
    /// Reads, checks and hashes: one core at most, so that searches have the others.
    pool: CpuPool,
    /// Held by whoever changes the location.
    turn: Mutex<()>,
}

impl Snapshots {
    /// Prepares for calls; the location is opened by each.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn new(config: &Config) -> Result<Self, PoolError> {
        Ok(Self {
            config: config.snapshots.clone(),
            data: config.data_dir.clone(),
            pool: CpuPool::new("index-snapshot", 1)?,
            turn: Mutex::new(()),
        })
    }

    /// Takes a snapshot of the moment that `hold` gives.
    ///
    /// # Errors
    /// When the name is wrong or taken, no location is configured or it is another
    /// index's, a file is damaged, or the store refuses.
    pub(crate) async fn create(
        &self,
        name: &str,
        progress: &Progress,
        hold: impl Future<Output = Result<Moment, IndexError>>,
    ) -> Result<Created, IndexError> {
        check_name(name)?;
        let _turn = self.turn()?;
        let (store, index) = self.own().await?;
        // What cannot be read is named, but must not stop a new one.
        let known = read_all(&store).await;
        if let Err(error) = &known {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "a snapshot cannot be read: delete it; files that nothing needs stay until then"
            );
        }
        self.check_room(&store, name).await?;
        let contents = Contents::new(name, &index);
        let moment = hold.await?;
        let job = Job {
            store: &store,
            data: &self.data,
            pool: &self.pool,
            progress,
        };
        let latest = known.as_ref().ok().and_then(|known| known.last());
        let created = create(job, contents, moment, latest).await?;
        if known.is_ok()
            && let Err(error) = sweep(&store).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "files that no snapshot needs stay until the next one"
            );
        }
        tracing::info!(
            snapshot = name,
            bytes = created.snapshot.bytes,
            copied = created.copied_bytes,
            "snapshot taken"
        );
        Ok(created)
    }

    /// Returns the snapshots, the oldest first, and where they are.
    ///
    /// # Errors
    /// When no location is configured, a list is damaged, or the store refuses.
    pub(crate) async fn list(&self) -> Result<(Vec<SnapshotSummary>, String), SnapshotError> {
        let store = self.open().await?;
        let all = read_all(&store).await?;
        let summaries = all.iter().map(Contents::summary).collect();
        Ok((summaries, store.location().to_owned()))
    }

    /// Deletes a snapshot and what no other needs; returns the bytes of the files.
    ///
    /// # Errors
    /// When there is none of that name, the list of another is damaged, or the store
    /// refuses.
    pub(crate) async fn delete(&self, name: &str) -> Result<u64, SnapshotError> {
        check_name(name)?;
        let _turn = self.turn()?;
        let (store, _) = self.own().await?;
        let is_there = store.list(SNAPSHOTS).await?.contains_key(name);
        if is_there {
            store.remove(&[format!("{SNAPSHOTS}/{name}")]).await?;
            // Before its files go: a list without them would be a broken snapshot.
            store.sync(SNAPSHOTS).await?;
        }
        // Also for a name that is not there: a deletion may have been cut off.
        let freed = sweep(&store).await?;
        if !is_there {
            return Err(SnapshotError::NotFound {
                name: name.to_owned(),
                location: store.location().to_owned(),
            });
        }
        tracing::info!(snapshot = name, freed, "snapshot deleted");
        Ok(freed)
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>, SnapshotError> {
        self.turn.try_lock().map_err(|_| SnapshotError::Busy)
    }

    async fn open(&self) -> Result<Store, SnapshotError> {
        let location = self.config.location.clone();
        if location.is_empty() {
            return Err(SnapshotError::NoLocation);
        }
        self.pool.run(move || Store::open(&location, true)).await?
    }

    /// Opens the location, which must be this index's own.
    async fn own(&self) -> Result<(Store, String), SnapshotError> {
        let store = self.open().await?;
        let data = self.data.clone();
        let index = self.pool.run(move || identity::of_folder(&data)).await??;
        identity::check(&store, &index).await?;
        Ok((store, index))
    }

    async fn check_room(&self, store: &Store, name: &str) -> Result<(), SnapshotError> {
        let names = store.list(SNAPSHOTS).await?;
        let location = store.location().to_owned();
        if names.contains_key(name) {
            let name = name.to_owned();
            return Err(SnapshotError::Exists { name, location });
        }
        let (count, limit) = (names.len(), self.config.max_snapshots);
        if count >= limit {
            return Err(SnapshotError::TooMany {
                location,
                count,
                limit,
            });
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), SnapshotError> {
    if is_name(name) {
        return Ok(());
    }
    let name = name.to_owned();
    Err(SnapshotError::Name { name })
}
