//! Sentence encoders: a model folder in, unit vectors out.
//!
//! An [`Encoder`] loads a folder in the sentence-transformers layout, or a model of the
//! hub pinned to a commit, and offers
//! three steps, so that a server can run each where it belongs: [`Encoder::prepare`]
//! turns one text into token sequences (pure CPU work, any thread),
//! [`Encoder::encode`] turns a [`Batch`] of sequences into vectors (parallel on
//! the current rayon pool), and [`Prepared::pool`] joins the windows of a text.
//!
//! Loaders (`architectures`) turn the checkpoints of each family into one description
//! (`transformer`); engines run it: [`Engine::Native`], ragged on kernels of our own in
//! f32, bf16 or 8 bits; [`Engine::Candle`], ragged on candle's tensors, also on graphics
//! cards; [`Engine::Reference`], stock candle, which the others are tested against.

mod adapter;
mod architectures;
mod backend;
mod batch;
mod candle;
mod cpu;
mod encoder;
mod engines;
mod error;
mod folder;
mod hub;
#[cfg(test)]
mod naive;
mod operations;
mod options;
mod peak;
mod pooling;
mod prepare;
mod reference;
mod settings;
mod tokenizer;
mod transformer;
mod weights;
mod windows;

pub use adapter::Adapter;
pub use batch::Batch;
pub use encoder::{Encoder, Encoding, ModelSpec};
pub use engines::suited_precision;
pub use error::{EncodeError, LoadError, PrepareError};
pub use folder::Pooling;
pub use hub::{Hub, HubError, HubModel, ModelSource};
pub use options::{ByKind, DeviceChoice, EncoderOptions, Engine, Precision};
pub use peak::peak_ops_per_second;
pub use prepare::{InputKind, Prepared, Truncation};
pub use tokenizer::{Tokenizer, Tokens};
pub use windows::{Window, split_windows};
