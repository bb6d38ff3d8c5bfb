//! What an engine must do: the seam between the encoder and the arithmetic.

use crate::batch::Batch;
use crate::error::EncodeError;

/// Runs one model on one device.
pub(crate) trait Backend: Send + Sync {
    /// Returns the pooled vectors, not normalised, row-major `[batch.len(), dim]`.
    ///
    /// The batch has passed the encoder's checks: every sequence is non-empty, fits
    /// the position table, and holds known tokens only.
    fn forward(&self, batch: &Batch) -> Result<Vec<f32>, EncodeError>;

    /// Starts a batch, so that the caller can prepare the next one meanwhile.
    ///
    /// An engine that computes where it is called, as on the CPU, is done when this
    /// returns; one that launches work on a card returns at once.
    fn start(&self, batch: &Batch) -> Result<Pending, EncodeError> {
        self.forward(batch).map(Pending::ready)
    }

    /// Returns where the model runs, by the name that the config has for it.
    fn device(&self) -> &str {
        "cpu"
    }
}

/// The rows of a batch that was started: what [`Backend::forward`] would have given.
pub(crate) struct Pending(Wait);

type Wait = Box<dyn FnOnce() -> Result<Vec<f32>, EncodeError> + Send>;

impl Pending {
    /// What is there already.
    pub(crate) fn ready(rows: Vec<f32>) -> Self {
        Self(Box::new(move || Ok(rows)))
    }

    /// What `wait` waits for.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "only a card keeps one waiting")
    )]
    pub(crate) fn new(
        wait: impl FnOnce() -> Result<Vec<f32>, EncodeError> + Send + 'static,
    ) -> Self {
        Self(Box::new(wait))
    }

    /// Waits until the rows are there.
    pub(crate) fn wait(self) -> Result<Vec<f32>, EncodeError> {
        (self.0)()
    }
}
