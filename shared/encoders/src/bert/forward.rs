//! The forward pass.

use std::ops::Range;

use rayon::prelude::*;

use crate::backend::Backend;
use crate::batch::Batch;
use crate::error::{EncodeError, LoadError};
use crate::folder::Pooling;
use crate::kernels::{Isa, LayerNorm, add_layer_norm};
use crate::pooling::pool_all;
use crate::transformer::Activation;
use crate::weights::Weights;

use super::attention::{Heads, Sources, attend};
use super::config::BertConfig;
use super::layer::{Layer, Linear, load_norm};
use super::scratch::{Activations, Scratch, Shelf, sized};

/// Most rows of a block: its activations should fit the cache of a core.
const BLOCK_ROWS: usize = 96;

/// Rows of a block are a multiple of this, the height of the tallest tile.
const TILE_ROWS: usize = 12;

/// A BERT encoder with packed f32 weights.
pub(crate) struct BertModel {
    isa: Isa,
    heads: Heads,
    pooling: Pooling,
    activation: Activation,
    hidden: usize,
    intermediate: usize,
    words: Vec<f32>,
    /// Position embeddings with the embedding of token type 0 added.
    positions: Vec<f32>,
    embedding_norm: LayerNorm,
    layers: Vec<Layer>,
    scratches: Shelf<Scratch>,
    activations: Shelf<Activations>,
}

impl BertModel {
    /// Reads and packs the weights.
    pub(crate) fn load(
        weights: &Weights,
        config: &BertConfig,
        pooling: Pooling,
    ) -> Result<Self, LoadError> {
        let hidden = config.hidden_size;
        let table = |name: &str, rows: usize| {
            weights.values(
                &format!("embeddings.{name}_embeddings.weight"),
                &[rows, hidden],
            )
        };
        let types = table("token_type", config.type_vocab_size)?;
        let mut positions = table("position", config.max_position_embeddings)?;
        for row in positions.chunks_exact_mut(hidden) {
            for (value, &other) in row.iter_mut().zip(&types) {
                *value += other;
            }
        }
        let layers = (0..config.num_hidden_layers).map(|index| Layer::load(weights, config, index));
        Ok(Self {
            isa: Isa::best(),
            heads: Heads {
                count: config.num_attention_heads,
                dim: config.head_dim(),
            },
            pooling,
            activation: config.hidden_act,
            hidden,
            intermediate: config.intermediate_size,
            words: table("word", config.vocab_size)?,
            positions,
            embedding_norm: load_norm(weights, config, "embeddings")?,
            layers: layers.collect::<Result<_, _>>()?,
            scratches: Shelf::new(),
            activations: Shelf::new(),
        })
    }

    /// Embeds the tokens of one block and starts the first layer.
    fn embed_block(&self, tokens: &Tokens<'_>, block: &mut Block<'_>, scratch: &mut Scratch) {
        let hidden = self.hidden;
        let positions = sized(&mut scratch.product, block.states.len());
        let states = block
            .states
            .chunks_exact_mut(hidden)
            .zip(positions.chunks_exact_mut(hidden));
        for (row, (state, position)) in block.rows.clone().zip(states) {
            let id = tokens.ids[row] as usize;
            state.copy_from_slice(&self.words[id * hidden..][..hidden]);
            position.copy_from_slice(&self.positions[tokens.places[row] * hidden..][..hidden]);
        }
        add_layer_norm(self.isa, block.states, positions, &self.embedding_norm);
        self.project(&self.layers[0].qkv, block, &mut scratch.tiles);
    }

    /// Runs one layer over one block, and the first product of the next layer.
    fn layer_block(
        &self,
        index: usize,
        sources: Sources<'_>,
        block: &mut Block<'_>,
        scratch: &mut Scratch,
    ) {
        let (isa, layer) = (self.isa, &self.layers[index]);
        attend(isa, self.heads, sources, &block.rows, scratch);
        let Scratch {
            tiles,
            context,
            product,
            inner,
            ..
        } = scratch;
        let product = sized(product, block.states.len());
        let attended = layer
            .attention_output
            .product(&context[..block.states.len()]);
        layer.attention_output.run(isa, attended, product, tiles);
        add_layer_norm(isa, block.states, product, &layer.attention_norm);

        let inner = sized(inner, block.rows.len() * self.intermediate);
        layer.up.run(
            isa,
            layer.up.activated(block.states, self.activation),
            inner,
            tiles,
        );
        layer
            .down
            .run(isa, layer.down.product(inner), product, tiles);
        add_layer_norm(isa, block.states, product, &layer.output_norm);

        if let Some(next) = self.layers.get(index + 1) {
            self.project(&next.qkv, block, tiles);
        }
    }

    fn project(&self, qkv: &Linear, block: &mut Block<'_>, tiles: &mut Vec<f32>) {
        qkv.run(self.isa, qkv.product(block.states), block.qkv, tiles);
    }

    /// Calls `work` for every block of rows, in parallel.
    fn for_blocks(
        &self,
        states: &mut [f32],
        qkv: &mut [f32],
        work: impl Fn(&mut Block<'_>, &mut Scratch) + Sync,
    ) {
        let hidden = self.hidden;
        let rows = block_rows(states.len() / hidden, rayon::current_num_threads());
        states
            .par_chunks_mut(rows * hidden)
            .zip(qkv.par_chunks_mut(rows * 3 * hidden))
            .enumerate()
            .for_each(|(index, (states, qkv))| {
                let start = index * rows;
                let rows = start..start + states.len() / hidden;
                work(&mut Block { rows, states, qkv }, &mut self.scratches.lend());
            });
    }
}

impl Backend for BertModel {
    fn forward(&self, batch: &Batch) -> Result<Vec<f32>, EncodeError> {
        let sequences: Vec<Range<usize>> = batch.ranges().collect();
        let places: Vec<usize> = sequences
            .iter()
            .flat_map(|sequence| 0..sequence.len())
            .collect();
        let tokens = Tokens {
            ids: batch.ids(),
            places: &places,
        };

        let mut activations = self.activations.lend();
        let Activations {
            states,
            current,
            next,
        } = &mut *activations;
        let states = sized(states, batch.tokens() * self.hidden);
        let mut current = sized(current, 3 * states.len());
        let mut next = sized(next, 3 * states.len());
        self.for_blocks(states, current, |block, scratch| {
            self.embed_block(&tokens, block, scratch);
        });
        for index in 0..self.layers.len() {
            let sources = Sources {
                qkv: current,
                sequences: &sequences,
            };
            self.for_blocks(states, next, |block, scratch| {
                self.layer_block(index, sources, block, scratch);
            });
            std::mem::swap(&mut current, &mut next);
        }
        Ok(pool_all(states, batch.ranges(), self.hidden, self.pooling))
    }
}

/// The tokens of a batch and each one's place in its sequence.
struct Tokens<'a> {
    ids: &'a [u32],
    places: &'a [usize],
}

/// Some consecutive rows of a batch.
struct Block<'a> {
    rows: Range<usize>,
    /// `[rows, hidden]`.
    states: &'a mut [f32],
    /// Queries, keys and values that the next layer reads, `[rows, 3 hidden]`.
    qkv: &'a mut [f32],
}

/// Chooses the height of blocks: small enough that every thread has work, whole
/// tiles where there is enough work for that.
fn block_rows(rows: usize, threads: usize) -> usize {
    let share = rows.div_ceil(threads.max(1));
    if share < TILE_ROWS {
        return share.max(1);
    }
    let blocks = share.div_ceil(BLOCK_ROWS);
    share.div_ceil(blocks).next_multiple_of(TILE_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_tiles_and_shared_out() {
        assert_eq!(block_rows(1, 2), 1);
        assert_eq!(block_rows(16, 2), 8);
        assert_eq!(block_rows(128, 2), 72);
        assert_eq!(block_rows(4096, 2), 96);
        assert_eq!(block_rows(4096, 64), 72);
    }
}
