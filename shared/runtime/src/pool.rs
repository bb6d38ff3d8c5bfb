//! A named, sized pool for CPU work, away from the async threads.

use std::sync::Arc;

use tokio::sync::oneshot;

/// Runs CPU work on a fixed number of threads.
///
/// Clones share the pool. Work whose caller has left before it starts is
/// skipped.
#[derive(Clone, Debug)]
pub struct CpuPool {
    pool: Arc<rayon::ThreadPool>,
}

impl CpuPool {
    /// Starts the threads; `threads` of 0 means one for each core.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn new(name: &'static str, threads: usize) -> Result<Self, PoolError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |index| format!("{name}-{index}"))
            .build()
            .map_err(|source| PoolError::Start { name, source })?;
        Ok(Self {
            pool: Arc::new(pool),
        })
    }

    /// Returns the number of threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` on the pool and waits for its result without blocking.
    ///
    /// # Errors
    /// [`PoolError::Lost`] when the work panicked.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, PoolError> {
        let (result_tx, result_rx) = oneshot::channel();
        let span = tracing::Span::current();
        self.pool.spawn(move || {
            if result_tx.is_closed() {
                return;
            }
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| span.in_scope(work)));
            if let Ok(result) = result {
                // The caller may have left meanwhile: then nobody wants the result.
                drop(result_tx.send(result));
            }
        });
        result_rx.await.map_err(|_| PoolError::Lost)
    }

    /// Runs `work` inside the pool and blocks until it is done.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}

/// Why work on a pool gave no result.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The threads did not start.
    #[error("cannot start the threads of pool {name}")]
    Start {
        /// Name of the pool.
        name: &'static str,
        /// What the system said.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
    /// The work panicked.
    #[error("the work panicked")]
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_come_back_and_panics_become_errors() {
        let pool = CpuPool::new("test", 1).unwrap();
        assert_eq!(pool.run(|| 6 * 7).await.unwrap(), 42);
        let lost = pool.run(|| panic!("on purpose")).await;
        assert!(matches!(lost, Err(PoolError::Lost)));
        assert_eq!(
            pool.run(|| 1).await.unwrap(),
            1,
            "the pool survives a panic"
        );
    }
}
