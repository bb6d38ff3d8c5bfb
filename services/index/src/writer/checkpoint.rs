//! What the writer does about files: the manifest, the log before it, segments that
//! were replaced, and what a snapshot needs of all these.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::CheckpointError;
use crate::error::{IndexError, WriteError};
use crate::log;
use crate::segment::files::sync_folder;
use crate::segment::folder;
use crate::snapshot::{Held, Moment};
use crate::writer::Writer;

impl Writer {
    /// Writes the manifest, cuts the log, and then removes the segments that
    /// were replaced; what a snapshot copies stays until it is done.
    pub(super) fn checkpoint(&mut self) {
        self.erasures.set_stale();
        let held = self.held.upgrade();
        self.is_late = held.is_some();
        match self.write_manifest(held.as_deref()) {
            Ok(cut) => self.cut = cut,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the manifest cannot be written; the log and old segments stay"
                );
                self.erasures.fail();
                return;
            }
        }
        if self.gone.is_empty() {
            return;
        }
        let data = &self.engine.config.data_dir;
        let mut is_removed = true;
        self.gone.retain(|number| {
            if held
                .as_ref()
                .is_some_and(|held| held.segments.contains(number))
            {
                return true;
            }
            let path = folder(data, *number);
            let removed = std::fs::remove_dir_all(&path);
            let stays = removed
                .as_ref()
                .is_err_and(|error| error.kind() != ErrorKind::NotFound);
            if let Err(error) = &removed {
                tracing::warn!(%error, path = %path.display(), "a merged segment stays for now");
            }
            is_removed &= !stays;
            stays
        });
        let synced = sync_folder(&data.join("segments"));
        if !is_removed || synced.is_err() {
            self.erasures.fail();
        }
    }

    /// Keeps the files that hold the present state, for as long as the moment lives:
    /// the segments, and the log after what they hold, which goes on in a new file.
    ///
    /// # Errors
    /// When an earlier write failed, or the disk refuses.
    pub(super) fn hold(&mut self) -> Result<Moment, IndexError> {
        if self.broken {
            return Err(IndexError::ReadOnly);
        }
        let failed = |error: WriteError| IndexError::Write(Arc::new(error));
        let rotated = self.log.rotate();
        rotated.map_err(|error| failed(error.into()))?;
        let manifest = self.engine.manifest();
        let after = manifest.flushed();
        let logs = log::files_of(&self.engine.config.data_dir, after, manifest.sequence);
        let logs = logs.map_err(|error| failed(error.into()))?;
        let collections = self.engine.collections();
        let points = collections.iter().map(|c| c.counts().points);
        let segments = manifest.collections.values().flat_map(|c| &c.segments);
        let held = Arc::new(Held {
            segments: segments.map(|listed| listed.number).collect(),
            log_after: after,
            wake: self.wake.clone(),
        });
        self.held = Arc::downgrade(&held);
        Ok(Moment {
            manifest,
            logs,
            points: points.sum(),
            _held: held,
        })
    }

    /// Writes the manifest, which tells the last operation: the log must hold it.
    fn write_manifest(&mut self, held: Option<&Held>) -> Result<u64, CheckpointError> {
        self.log.sync()?;
        self.engine.checkpoint(log_held(held))
    }

    /// Ends the jobs and writes the manifest.
    pub(super) fn close(&mut self) {
        self.rx.close();
        self.engine.stopping.store(true, Ordering::Release);
        self.sealing.join();
        self.merging.join();
        while let Ok(done) = self.done_rx.try_recv() {
            if !self.broken {
                self.put_into_use(done);
            }
        }
        if self.broken {
            return;
        }
        // The manifest then knows the last operation: a log without it is damaged.
        let held = self.held.upgrade();
        if let Err(error) = self.write_manifest(held.as_deref()) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the manifest cannot be written at the end"
            );
        }
    }
}

/// Returns the operation after which the log must stay.
fn log_held(held: Option<&Held>) -> u64 {
    held.map_or(u64::MAX, |held| held.log_after)
}
