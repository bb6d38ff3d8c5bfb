//! The forward pass over a ragged batch.

use std::ops::Range;

use rayon::prelude::*;

use super::attention::{self, Sequence, attend};
use super::buffer::Buffer;
use super::element::Element;
use super::linear::{Converted, Input, Linear};
use super::model::{Layer, Model, Token};
use super::rows::{add, add_norm, normalize};
use super::shelf::Shelf;
use crate::batch::Batch;
use crate::pooling::pool_all;
use crate::transformer::NormPlacement;

/// Tokens of a group of sequences, unless one sequence alone has more: its states
/// should stay in the cache of a core through all layers.
pub(super) const GROUP_TOKENS: usize = 256;

/// The same where all threads share a group: the weights then pass through their caches
/// once for all of its tokens.
const SHARED_TOKENS: usize = 1_024;

/// Most rows that go through the products of a layer together, and where threads share.
const BLOCK_ROWS: usize = 96;
const SHARED_ROWS: usize = 320;

/// A model and the memory that its passes reuse; attention is computed in `E`.
pub(super) struct Forward<E> {
    pub(super) model: Model,
    scratches: Shelf<Scratch<E>>,
    activations: Shelf<Activations<E>>,
}

/// What one thread needs for one block or head.
struct Scratch<E> {
    attention: attention::Scratch<E>,
    converted: Converted,
    /// Rows of the attention output or normalised states, `[rows, columns]`.
    rows: Buffer<f32>,
    /// Output of a product as wide as the states.
    narrow: Buffer<f32>,
    /// Output of the wider products.
    wide: Buffer<f32>,
}

impl<E> Default for Scratch<E> {
    fn default() -> Self {
        Self {
            attention: attention::Scratch::default(),
            converted: Converted::default(),
            rows: Buffer::default(),
            narrow: Buffer::default(),
            wide: Buffer::default(),
        }
    }
}

/// What one group needs.
struct Activations<E> {
    /// `[tokens, hidden]`.
    states: Buffer<f32>,
    /// Queries, keys and values, `[tokens, width of the product]`.
    qkv: Buffer<E>,
    /// Attention output: for each sequence and key and value head, `[tokens, shared × dim]`.
    context: Buffer<f32>,
}

impl<E> Default for Activations<E> {
    fn default() -> Self {
        Self {
            states: Buffer::default(),
            qkv: Buffer::default(),
            context: Buffer::default(),
        }
    }
}

/// Tokens of a batch: the place in its sequence and the task of each.
struct Tokens<'a> {
    ids: &'a [u32],
    places: Vec<usize>,
    tasks: Vec<usize>,
    gives_way: bool,
}

/// Sequences that go through the model together.
struct Group<'a> {
    tokens: &'a Tokens<'a>,
    /// In the batch, one after the other.
    sequences: &'a [Range<usize>],
    /// Whether the threads of the pool share the work of this group.
    shared: bool,
}

impl Group<'_> {
    /// Returns where the tokens of the group lie in the batch.
    fn range(&self) -> Range<usize> {
        let end = |range: Option<&Range<usize>>| range.map_or(0, |range| range.end);
        let start = self.sequences.first().map_or(0, |range| range.start);
        start..end(self.sequences.last())
    }

    /// Lets any other thread have the core, if the batch gives way.
    fn give_way(&self) {
        if self.tokens.gives_way {
            std::thread::yield_now();
        }
    }
}

/// Some rows of a group.
struct Block<'a, E> {
    /// In the batch.
    tokens: Range<usize>,
    /// The first row in the group.
    first: usize,
    states: &'a mut [f32],
    qkv: &'a mut [E],
}

impl<E: Element> Forward<E> {
    pub(super) fn new(model: Model) -> Self {
        Self {
            model,
            scratches: Shelf::default(),
            activations: Shelf::default(),
        }
    }

    /// Returns the pooled vectors, not normalised, `[sequences, hidden]`.
    pub(super) fn run(&self, batch: &Batch) -> Vec<f32> {
        let sequences: Vec<Range<usize>> = batch.ranges().collect();
        let task = |kind: &crate::prepare::InputKind| self.model.tasks[*kind as usize];
        let of_tokens = || sequences.iter().zip(batch.kinds());
        let tokens = Tokens {
            ids: batch.ids(),
            places: sequences.iter().flat_map(|range| 0..range.len()).collect(),
            tasks: of_tokens()
                .flat_map(|(range, kind)| std::iter::repeat_n(task(kind), range.len()))
                .collect(),
            gives_way: batch.gives_way(),
        };
        let mut pooled = vec![0.0; batch.len() * self.model.hidden];
        // The groups that the threads cannot take in equal numbers are shared.
        let threads = rayon::current_num_threads();
        let small = groups(&sequences, GROUP_TOKENS);
        let whole = if threads == 1 {
            small.len()
        } else if small.len() >= 2 * threads {
            small.len() - small.len() % threads
        } else {
            0
        };
        let alone = small.into_iter().take(whole);
        let of_alone = alone.clone().map(<[_]>::len).sum();
        let (mut rest, mut jobs) = (pooled.as_mut_slice(), Vec::new());
        let shared = groups(&sequences[of_alone..], SHARED_TOKENS).into_iter();
        let all = alone.map(|group| (group, false));
        for (sequences, shared) in all.chain(shared.map(|group| (group, true))) {
            let (out, later) = rest.split_at_mut(sequences.len() * self.model.hidden);
            rest = later;
            let group = Group {
                tokens: &tokens,
                sequences,
                shared,
            };
            jobs.push((group, out));
        }
        let shared = jobs.split_off(whole);
        jobs.into_par_iter()
            .with_max_len(1)
            .for_each(|(group, out)| self.run_group(&group, out));
        for (group, out) in shared {
            self.run_group(&group, out);
        }
        pooled
    }

    /// Takes a group through all layers and pools its sequences into `out`.
    fn run_group(&self, group: &Group<'_>, out: &mut [f32]) {
        let model = &self.model;
        let range = group.range();
        let rows = range.len();
        let mut activations = self.activations.lend();
        let Activations {
            states,
            qkv,
            context,
        } = &mut *activations;
        let states = states.sized(rows * model.hidden);
        let width = model.layers.iter().map(|layer| layer.qkv.width()).max();
        let qkv = qkv.sized(rows * width.unwrap_or(0));
        let context = context.sized(rows * model.heads.count * model.heads.dim);

        self.for_blocks(group, states, qkv, |block, scratch| {
            self.embed(group, block);
            if let Some(layer) = model.layers.first() {
                self.project(group, layer, block, scratch);
            }
        });
        for (index, layer) in model.layers.iter().enumerate() {
            self.attend(group, layer, qkv, context);
            let context = &*context;
            self.for_blocks(group, states, qkv, |block, scratch| {
                self.gather(group, context, block, scratch);
                self.finish_layer(group, layer, block, scratch);
                if let Some(next) = model.layers.get(index + 1) {
                    self.project(group, next, block, scratch);
                }
            });
        }
        if let Some(norm) = &model.final_norm {
            for row in states.chunks_exact_mut(model.hidden) {
                normalize(model.isa, row, norm);
            }
        }
        let inside =
            |sequence: &Range<usize>| sequence.start - range.start..sequence.end - range.start;
        let sequences = group.sequences.iter().map(inside);
        out.copy_from_slice(&pool_all(states, sequences, model.hidden, model.pooling));
    }

    /// Calls `work` for every block of rows of a group.
    fn for_blocks(
        &self,
        group: &Group<'_>,
        states: &mut [f32],
        qkv: &mut [E],
        work: impl Fn(&mut Block<'_, E>, &mut Scratch<E>) + Sync,
    ) {
        let range = group.range();
        let rows = block_rows(range.len(), group.shared);
        let width = (qkv.len() / range.len()).max(1);
        let hidden = self.model.hidden;
        let block = |index: usize, states, qkv| {
            let first = index * rows;
            let start = range.start + first;
            Block {
                tokens: start..(start + rows).min(range.end),
                first,
                states,
                qkv,
            }
        };
        if group.shared {
            let states = states.par_chunks_mut(rows * hidden);
            let blocks = states.zip(qkv.par_chunks_mut(rows * width)).enumerate();
            blocks.with_max_len(1).for_each(|(index, (states, qkv))| {
                group.give_way();
                work(&mut block(index, states, qkv), &mut self.scratches.lend());
            });
        } else {
            let mut scratch = self.scratches.lend();
            let states = states.chunks_mut(rows * hidden);
            let blocks = states.zip(qkv.chunks_mut(rows * width)).enumerate();
            for (index, (states, qkv)) in blocks {
                group.give_way();
                work(&mut block(index, states, qkv), &mut scratch);
            }
        }
    }

    fn embed(&self, group: &Group<'_>, block: &mut Block<'_, E>) {
        let model = &self.model;
        let rows = block.states.chunks_exact_mut(model.hidden);
        let Tokens {
            ids, places, tasks, ..
        } = group.tokens;
        for (row, index) in rows.zip(block.tokens.clone()) {
            let token = Token {
                id: ids[index],
                place: places[index],
                task: tasks[index],
            };
            model.embeddings.write(model.isa, token, row);
        }
    }

    /// Computes the queries, keys and values of a block.
    fn project(
        &self,
        group: &Group<'_>,
        layer: &Layer,
        block: &mut Block<'_, E>,
        scratch: &mut Scratch<E>,
    ) {
        let model = &self.model;
        let states = match (model.placement, &layer.attention_norm) {
            (NormPlacement::Before, Some(norm)) => {
                let rows = scratch.rows.sized(block.states.len());
                normalized(model, norm, block.states, rows);
                rows
            }
            _ => &mut *block.states,
        };
        let width = layer.qkv.width();
        let wide = scratch.wide.sized(block.tokens.len() * width);
        let tasks = &group.tokens.tasks[block.tokens.clone()];
        let input = Input::dense(states, model.hidden, tasks);
        layer
            .qkv
            .run(model.isa, input, &mut scratch.converted, wide);
        let rows = wide
            .chunks_exact_mut(width)
            .zip(block.qkv.chunks_exact_mut(width));
        for ((row, qkv), token) in rows.zip(block.tokens.clone()) {
            if !layer.heads.is_empty() {
                let place = group.tokens.places[token];
                layer.heads.apply(model.isa, model.heads, place, row);
            }
            E::convert(model.isa, row, qkv);
        }
    }

    /// Computes the attention of every head over every sequence of a group.
    fn attend(&self, group: &Group<'_>, layer: &Layer, qkv: &[E], context: &mut [f32]) {
        let model = &self.model;
        let start = group.range().start;
        let (stride, rules) = (layer.qkv.width(), model.rules(layer));
        let columns = rules.shared() * model.heads.dim;
        group.give_way();
        let mut work = Vec::new();
        let mut rest = context;
        for sequence in group.sequences {
            let tokens = sequence.len();
            let rows = &qkv[(sequence.start - start) * stride..(sequence.end - start) * stride];
            let (own, later) = rest.split_at_mut(tokens * columns * model.heads.groups);
            rest = later;
            for (head, out) in own.chunks_exact_mut(tokens * columns).enumerate() {
                let sequence = Sequence {
                    rows,
                    stride,
                    tokens,
                };
                work.push((sequence, head, out));
            }
        }
        if group.shared {
            work.into_par_iter().for_each(|(sequence, head, out)| {
                let scratch = &mut self.scratches.lend().attention;
                attend(rules, sequence, head, scratch, out);
            });
        } else {
            let scratch = &mut self.scratches.lend().attention;
            for (sequence, head, out) in work {
                attend(rules, sequence, head, scratch, out);
            }
        }
    }

    /// Takes a block from the attention output, in `scratch.rows`, to the end of the
    /// layer.
    fn finish_layer(
        &self,
        group: &Group<'_>,
        layer: &Layer,
        block: &mut Block<'_, E>,
        scratch: &mut Scratch<E>,
    ) {
        let model = &self.model;
        let count = block.tokens.len();
        let tasks = &group.tokens.tasks[block.tokens.clone()];
        let columns = model.heads.count * model.heads.dim;
        let rows = scratch.rows.sized(count * columns.max(model.hidden));
        let narrow = scratch
            .narrow
            .sized(count * layer.output.width().max(layer.down.width()));
        let wide = scratch.wide.sized(count * layer.up.width());

        let input = Input::dense(&mut rows[..count * columns], columns, tasks);
        layer
            .output
            .run(model.isa, input, &mut scratch.converted, narrow);
        let norm = layer.attention_norm.as_ref();
        self.add_residual(block.states, narrow, &layer.output, norm);

        let states = match model.placement {
            NormPlacement::Before => {
                let rows = &mut rows[..block.states.len()];
                normalized(model, &layer.mlp_norm, block.states, rows);
                rows
            }
            NormPlacement::After => &mut *block.states,
        };
        let input = Input::dense(states, model.hidden, tasks);
        layer.up.run(model.isa, input, &mut scratch.converted, wide);
        let input = Input {
            mlp: Some(model.mlp),
            ..Input::dense(wide, layer.up.width(), tasks)
        };
        layer
            .down
            .run(model.isa, input, &mut scratch.converted, narrow);
        self.add_residual(block.states, narrow, &layer.down, Some(&layer.mlp_norm));
    }

    /// Adds the output of a product to the states, and normalises where norms are
    /// placed after.
    fn add_residual(
        &self,
        states: &mut [f32],
        product: &[f32],
        layer: &Linear,
        norm: Option<&crate::transformer::Norm>,
    ) {
        let model = &self.model;
        let rows = states
            .chunks_exact_mut(model.hidden)
            .zip(product.chunks_exact(layer.width()));
        for (row, product) in rows {
            match (model.placement, norm) {
                (NormPlacement::After, Some(norm)) => add_norm(model.isa, row, product, norm),
                _ => add(model.isa, row, product),
            }
        }
    }

    /// Copies the rows of a block of the attention output to `scratch.rows`, `[rows,
    /// heads × dim]`.
    fn gather(
        &self,
        group: &Group<'_>,
        context: &[f32],
        block: &Block<'_, E>,
        scratch: &mut Scratch<E>,
    ) {
        let heads = self.model.heads;
        let (width, columns) = (
            heads.count * heads.dim,
            heads.count / heads.groups * heads.dim,
        );
        let (first, count) = (block.first, block.tokens.len());
        // As large as the layer needs it, which must not move what is copied here.
        let size = count * width.max(self.model.hidden);
        let out = &mut scratch.rows.sized(size)[..count * width];
        let wanted = first..first + count;
        let mut start = 0;
        for sequence in group.sequences {
            let tokens = sequence.len();
            let own = &context[start * width..(start + tokens) * width];
            for row in wanted.start.max(start)..wanted.end.min(start + tokens) {
                let out = &mut out[(row - first) * width..][..width];
                for (head, out) in out.chunks_exact_mut(columns).enumerate() {
                    out.copy_from_slice(&own[(head * tokens + row - start) * columns..][..columns]);
                }
            }
            start += tokens;
        }
    }
}

/// Writes the norm of each row of the states to `out`.
fn normalized(model: &Model, norm: &crate::transformer::Norm, states: &[f32], out: &mut [f32]) {
    out.copy_from_slice(states);
    for row in out.chunks_exact_mut(model.hidden) {
        normalize(model.isa, row, norm);
    }
}

/// Returns the rows of a block: of near equal size, and one for each thread at least
/// when they share a group.
fn block_rows(rows: usize, shared: bool) -> usize {
    let most = if shared {
        let threads = rayon::current_num_threads();
        rows.div_ceil(threads).min(SHARED_ROWS)
    } else {
        rows.min(BLOCK_ROWS)
    };
    rows.div_ceil(rows.div_ceil(most.max(1)).max(1)).max(1)
}

/// Packs whole sequences, in order, into groups of about so many tokens.
fn groups(sequences: &[Range<usize>], most: usize) -> Vec<&[Range<usize>]> {
    let (mut groups, mut start, mut tokens) = (Vec::new(), 0, 0);
    for (index, sequence) in sequences.iter().enumerate() {
        if tokens > 0 && tokens + sequence.len() > most {
            groups.push(&sequences[start..index]);
            (start, tokens) = (index, 0);
        }
        tokens += sequence.len();
    }
    if start < sequences.len() {
        groups.push(&sequences[start..]);
    }
    groups
}

#[cfg(test)]
mod tests;
