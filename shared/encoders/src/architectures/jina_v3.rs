//! jina-embeddings-v3 (Sturua et al., 2024): XLM-RoBERTa with rotary positions and
//! low-rank adapters (LoRA), one set for each task.
//!
//! A kind of text uses the adapters of one task, which [`EncoderOptions`] can name.
//!
//! [`EncoderOptions`]: crate::EncoderOptions

use serde::Deserialize;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::prepare::InputKind;
use crate::transformer::{
    Activation, Adapter, Heads, Layer, Linear, NormPlacement, PositionBias, Transformer,
};
use crate::weights::Weights;

use super::config::{check_rotated, check_sizes, head_dim, refuse_unless, rotary_base};
use super::tensors::{layer_norm, linear};

/// Every checkpoint has it, whether its embeddings carry adapters or not.
const ANCHOR: &str = "emb_ln.weight";
/// Base of the rotary embedding where the config names none, as in the published code.
const ROTARY_BASE: f32 = 10_000.0;
/// The same for the form in `transformers`.
const NATIVE_ROTARY_BASE: f32 = 20_000.0;

#[derive(Deserialize)]
struct Config {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
    rotary_emb_base: Option<f32>,
    #[serde(default)]
    lora_adaptations: Vec<String>,
    #[serde(default = "default_rank")]
    lora_rank: usize,
    #[serde(default = "default_alpha")]
    lora_alpha: f32,
}

fn default_rank() -> usize {
    4
}

fn default_alpha() -> f32 {
    1.0
}

impl Config {
    fn read(folder: &ModelFolder) -> Result<Self, LoadError> {
        let config: Self = folder.architecture_config()?;
        check_sizes(
            folder,
            ("max_position_embeddings", config.max_position_embeddings),
            &[
                ("vocab_size", config.vocab_size),
                ("hidden_size", config.hidden_size),
                ("num_hidden_layers", config.num_hidden_layers),
                ("num_attention_heads", config.num_attention_heads),
                ("intermediate_size", config.intermediate_size),
                ("type_vocab_size", config.type_vocab_size),
                ("lora_rank", config.lora_rank),
            ],
        )?;
        refuse_unless(folder, "position_embedding_type", &["rotary".into()])?;
        refuse_unless(folder, "is_decoder", &[false.into()])?;
        refuse_unless(folder, "emb_pooler", &["mean".into()])?;
        Ok(config)
    }

    fn rotary(&self, folder: &ModelFolder) -> Result<f32, LoadError> {
        let native = self.model_type == "jina_embeddings_v3";
        let otherwise = if native {
            NATIVE_ROTARY_BASE
        } else {
            ROTARY_BASE
        };
        let base = self.rotary_emb_base.unwrap_or(otherwise);
        rotary_base(folder, folder.config.get("rope_parameters"), base)
    }
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config = Config::read(folder)?;
    let (hidden, count) = (config.hidden_size, config.num_attention_heads);
    let dim = head_dim(
        folder,
        ("hidden_size", hidden),
        ("num_attention_heads", count),
    )?;
    check_rotated(folder, dim)?;
    let rotary = config.rotary(folder)?;
    let tasks = tasks(folder, &config.lora_adaptations)?;
    let weights = Weights::take(folder, ANCHOR, &["roberta.", ""])?;
    let reader = Reader {
        weights: &weights,
        tasks: config.lora_adaptations.len(),
        rank: config.lora_rank,
        scale: adapter_scale(&config),
    };
    let embeddings = reader.embeddings(&config)?;
    let layers = (0..config.num_hidden_layers).map(|index| reader.layer(&config, index, rotary));
    Ok(Transformer {
        hidden,
        heads: Heads {
            count,
            groups: count,
            dim,
        },
        max_positions: config.max_position_embeddings,
        causal: false,
        placement: NormPlacement::After,
        bias: PositionBias::None,
        activation: config.hidden_act,
        gated: false,
        intermediate: config.intermediate_size,
        words: embeddings.words,
        words_adapter: embeddings.adapter,
        positions: embeddings.types,
        embedding_norm: Some(layer_norm(
            &weights,
            "emb_ln",
            hidden,
            config.layer_norm_eps,
        )?),
        layers: layers.collect::<Result<_, _>>()?,
        final_norm: None,
        tasks,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a rank is small")]
fn adapter_scale(config: &Config) -> f32 {
    config.lora_alpha / config.lora_rank as f32
}

/// Chooses the task of each kind of text.
fn tasks(folder: &mut ModelFolder, known: &[String]) -> Result<[usize; 4], LoadError> {
    let mut chosen = [0; 4];
    if known.is_empty() {
        return Ok(chosen);
    }
    for (task, kind) in chosen.iter_mut().zip(InputKind::ALL) {
        let asked = folder.tasks.of(kind).clone();
        let names = asked.map_or_else(|| usual_tasks(kind), |name| vec![name]);
        let place = |name: &String| known.iter().position(|other| other == name);
        *task = names.iter().find_map(place).ok_or_else(|| {
            folder.bad_config(format!(
                "lora_adaptations has no task {} for texts of kind {kind:?}; it has {}",
                names.join(" or "),
                known.join(", ")
            ))
        })?;
        *folder.tasks.of_mut(kind) = Some(known[*task].clone());
    }
    Ok(chosen)
}

/// Returns the tasks that a kind of text may use, best first: documents are searched,
/// queries search, and names of skills are compared with each other.
fn usual_tasks(kind: InputKind) -> Vec<String> {
    let names = match kind {
        InputKind::Candidate | InputKind::Vacancy => ["retrieval.passage", "text-matching"],
        InputKind::Query => ["retrieval.query", "text-matching"],
        InputKind::Skill => ["text-matching", "retrieval.passage"],
    };
    names.map(str::to_owned).into()
}

/// The embeddings of words, and of the one type of token.
struct Embeddings {
    words: Vec<f32>,
    types: Vec<f32>,
    adapter: Option<Adapter>,
}

/// Reads tensors with their adapters.
struct Reader<'a> {
    weights: &'a Weights,
    tasks: usize,
    rank: usize,
    scale: f32,
}

impl Reader<'_> {
    fn adapted(&self, name: &str) -> bool {
        self.tasks > 0
            && self
                .weights
                .has(&format!("{name}.parametrizations.weight.original"))
    }

    fn weight(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        if self.adapted(name) {
            let name = format!("{name}.parametrizations.weight.original");
            return self.weights.values(&name, shape);
        }
        self.weights.values(&format!("{name}.weight"), shape)
    }

    /// Reads the two factors of the adapters of `name`, of these shapes.
    fn factors(
        &self,
        name: &str,
        first: [usize; 2],
        second: [usize; 2],
    ) -> Result<(Vec<f32>, Vec<f32>), LoadError> {
        let read = |part: &str, shape: [usize; 2]| {
            self.weights.values(
                &format!("{name}.parametrizations.weight.0.lora_{part}"),
                &[self.tasks, shape[0], shape[1]],
            )
        };
        Ok((read("A", first)?, read("B", second)?))
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, LoadError> {
        if !self.adapted(name) {
            return linear(self.weights, &[(name.to_owned(), outputs)], inputs, true);
        }
        let rank = self.rank;
        let (down, factor) = self.factors(name, [rank, inputs], [outputs, rank])?;
        Ok(Linear {
            weight: self.weight(name, &[outputs, inputs])?,
            bias: self.weights.values(&format!("{name}.bias"), &[outputs])?,
            inputs,
            outputs,
            adapter: Some(Adapter {
                tasks: self.tasks,
                rank,
                down,
                up: side_by_side(&factor, outputs, rank, self.scale),
            }),
        })
    }

    fn embeddings(&self, config: &Config) -> Result<Embeddings, LoadError> {
        let hidden = config.hidden_size;
        let (words, types) = (
            "embeddings.word_embeddings",
            "embeddings.token_type_embeddings",
        );
        let mut row = self.weight(types, &[config.type_vocab_size, hidden])?;
        row.truncate(hidden);
        Ok(Embeddings {
            words: self.weight(words, &[config.vocab_size, hidden])?,
            types: row,
            adapter: if self.adapted(words) {
                Some(self.embedding_adapter(config, words, types)?)
            } else {
                None
            },
        })
    }

    /// Reads the adapters of the words. The change of the token type is the same for
    /// every token: it takes one more rank, in which every token has 1.
    fn embedding_adapter(
        &self,
        config: &Config,
        words: &str,
        types: &str,
    ) -> Result<Adapter, LoadError> {
        let (hidden, rank, rows) = (config.hidden_size, self.rank, config.vocab_size);
        let wide = rank + 1;
        let (tokens, factor) = self.factors(words, [rows, rank], [rank, hidden])?;
        let changes = self.type_changes(config, types)?;
        let mut down = vec![1.0; rows * self.tasks * wide];
        let mut up = vec![0.0; hidden * self.tasks * wide];
        for task in 0..self.tasks {
            for row in 0..rows {
                let from = (task * rows + row) * rank;
                let to = (row * self.tasks + task) * wide;
                down[to..to + rank].copy_from_slice(&tokens[from..from + rank]);
            }
            for output in 0..hidden {
                let to = (output * self.tasks + task) * wide;
                for place in 0..rank {
                    let value = factor[(task * rank + place) * hidden + output];
                    up[to + place] = value * self.scale;
                }
                up[to + rank] = changes[task * hidden + output];
            }
        }
        Ok(Adapter {
            tasks: self.tasks,
            rank: wide,
            down,
            up,
        })
    }

    /// Returns the change of the first token type, `[tasks, hidden]`.
    fn type_changes(&self, config: &Config, types: &str) -> Result<Vec<f32>, LoadError> {
        let (hidden, rank, rows) = (config.hidden_size, self.rank, config.type_vocab_size);
        let mut changes = vec![0.0; self.tasks * hidden];
        if !self.adapted(types) {
            return Ok(changes);
        }
        let (tokens, factor) = self.factors(types, [rows, rank], [rank, hidden])?;
        for (task, change) in changes.chunks_exact_mut(hidden).enumerate() {
            for place in 0..rank {
                let weight = tokens[task * rows * rank + place] * self.scale;
                let row = &factor[(task * rank + place) * hidden..][..hidden];
                for (sum, value) in change.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        }
        Ok(changes)
    }

    fn layer(&self, config: &Config, index: usize, rotary: f32) -> Result<Layer, LoadError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layers.{index}.{part}");
        let norm =
            |part: &str| layer_norm(self.weights, &name(part), hidden, config.layer_norm_eps);
        Ok(Layer {
            attention_norm: Some(norm("norm1")?),
            qkv: self.linear(&name("mixer.Wqkv"), 3 * hidden, hidden)?,
            query_norm: None,
            key_norm: None,
            rotary: Some(rotary),
            window: None,
            output: self.linear(&name("mixer.out_proj"), hidden, hidden)?,
            mlp_norm: norm("norm2")?,
            up: self.linear(&name("mlp.fc1"), inner, hidden)?,
            down: self.linear(&name("mlp.fc2"), hidden, inner)?,
        })
    }
}

/// Turns `[tasks, outputs, rank]` into `[outputs, tasks × rank]`, scaled.
fn side_by_side(factor: &[f32], outputs: usize, rank: usize, scale: f32) -> Vec<f32> {
    let tasks = factor.len() / (outputs * rank);
    let mut joined = Vec::with_capacity(factor.len());
    for output in 0..outputs {
        for task in 0..tasks {
            let row = &factor[(task * outputs + output) * rank..][..rank];
            joined.extend(row.iter().map(|value| value * scale));
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_of_the_tasks_stand_side_by_side() {
        // Two tasks, three outputs, rank two.
        let factor: Vec<f32> = (0_u8..12).map(f32::from).collect();
        let joined = side_by_side(&factor, 3, 2, 2.0);
        let expected =
            [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11].map(|value: u8| f32::from(value) * 2.0);
        assert_eq!(joined, expected);
    }
}
