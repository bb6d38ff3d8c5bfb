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
}
