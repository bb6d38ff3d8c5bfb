//! A named, sized pool for CPU work, away from the async threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

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
        Self::start_threads(name, threads, |_| {})
    }

    /// Starts threads that yield the cores to all other threads of the machine at once,
    /// and still get a share of about 3 in 1,000 from one that never rests.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn in_background(name: &'static str, threads: usize) -> Result<Self, PoolError> {
        Self::start_threads(name, threads, |_| yield_to_others())
    }

    fn start_threads(
        name: &'static str,
        threads: usize,
        begin: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<Self, PoolError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |index| format!("{name}-{index}"))
            .start_handler(begin)
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
            let result = catch_unwind(AssertUnwindSafe(|| span.in_scope(work)));
            if let Ok(result) = result {
                // The caller may have left meanwhile: then nobody wants the result.
                drop(result_tx.send(result));
            }
        });
        result_rx.await.map_err(|_| PoolError::Lost)
    }

    /// Starts `work` on the pool and returns at once: the caller can do something
    /// else before it waits.
    pub fn start<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Started<R> {
        let (result_tx, result_rx) = mpsc::sync_channel(1);
        self.pool.spawn(move || {
            if let Ok(result) = catch_unwind(AssertUnwindSafe(work)) {
                // The caller may not want the result any more.
                drop(result_tx.send(result));
            }
        });
        Started(result_rx)
    }

    /// Runs `work` inside the pool and blocks until it is done.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}

/// Gives the current thread the policy `SCHED_IDLE`: whoever wakes up takes its core at
/// once. A lower priority (`nice`) would let it finish its slice of milliseconds first.
#[cfg(target_os = "linux")]
fn yield_to_others() {
    #[expect(unsafe_code, reason = "a system call that the standard library lacks")]
    // SAFETY: reads the parameter, whose only field must be 0; 0 means the calling thread.
    let refused = unsafe {
        let parameter: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter)
    } != 0;
    if refused {
        tracing::warn!("background threads keep the usual priority");
    }
}

/// Elsewhere the priority of a single thread cannot be set this way.
#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}

/// Work that runs on a pool.
#[derive(Debug)]
pub struct Started<R>(mpsc::Receiver<R>);

impl<R> Started<R> {
    /// Blocks until the work is done and returns its result.
    ///
    /// # Errors
    /// [`PoolError::Lost`] when the work panicked.
    pub fn wait(self) -> Result<R, PoolError> {
        self.0.recv().map_err(|_| PoolError::Lost)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn background_threads_yield_and_no_others_do() {
        let policy = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // The 41st field; the second, in parentheses, may hold spaces.
            let (_, fields) = stat.rsplit_once(')').unwrap();
            let field = fields.split_whitespace().nth(38).unwrap();
            field.parse::<i32>().unwrap()
        };
        let own = policy();
        let background = CpuPool::in_background("test", 1).unwrap().install(policy);
        assert_eq!(background, libc::SCHED_IDLE);
        assert_eq!(CpuPool::new("test", 1).unwrap().install(policy), own);
        assert_eq!(policy(), own);
    }

    #[test]
    fn started_work_runs_beside_its_caller() {
        let pool = CpuPool::new("test", 1).unwrap();
        let (go_tx, go_rx) = mpsc::sync_channel(1);
        let started = pool.start(move || go_rx.recv());
        go_tx.send(7).unwrap();
        assert_eq!(started.wait().unwrap(), Ok(7));
        let lost = pool.start(|| panic!("on purpose"));
        assert!(matches!(lost.wait(), Err(PoolError::Lost)));
    }
}
