//! BERT on the CPU in f32, over ragged batches: no padding anywhere.
//!
//! Tokens of all sequences lie end to end as rows. A layer is one parallel pass
//! over blocks of rows: attention of these rows to the keys and values of their own
//! sequence, the feed-forward part, and the query-key-value product of the next
//! layer, so that a block's activations stay in the cache of one core and the
//! threads meet once a layer.

mod attention;
mod config;
mod forward;
mod layer;
mod scratch;

pub(crate) use config::BertConfig;
pub(crate) use forward::BertModel;
