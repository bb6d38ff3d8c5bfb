//! One signal that tells every part of a process to stop.

use std::io;

use tokio_util::sync::CancellationToken;

/// A stop signal; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Makes a signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a signal that Ctrl-C and SIGTERM give.
    ///
    /// A second Ctrl-C ends the process at once, as people expect.
    ///
    /// # Errors
    /// When the system refuses the signal handlers.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let handle = shutdown.clone();
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut interrupt =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            handle.trigger();
            interrupt.recv().await;
            tracing::warn!("second interrupt: leaving without draining");
            exit_now();
        });
        Ok(shutdown)
    }

    /// Gives the signal; giving it twice changes nothing.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Waits for the signal.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }

    /// Tells whether the signal was given.
    pub fn is_triggered(&self) -> bool {
        self.token.is_cancelled()
    }
}

#[expect(
    clippy::exit,
    reason = "the user asked twice: nothing else is to be saved"
)]
fn exit_now() {
    // 128 + SIGINT, as shells report it.
    std::process::exit(130);
}
