//! What `config.json` says of a BERT, and the tensors that follow from it.

use serde::Deserialize;

use crate::transformer::Activation;

/// The part of `config.json` that inference needs.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BertConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) hidden_act: Activation,
    pub(crate) max_position_embeddings: usize,
    pub(crate) type_vocab_size: usize,
    #[serde(default = "default_epsilon")]
    pub(crate) layer_norm_eps: f32,
    #[serde(default = "default_position")]
    pub(crate) position_embedding_type: String,
}

fn default_epsilon() -> f32 {
    1e-12
}

fn default_position() -> String {
    "absolute".into()
}

impl BertConfig {
    /// A tensor that every BERT checkpoint has.
    pub(crate) const ANCHOR: &str = "embeddings.word_embeddings.weight";
    /// Where checkpoints nest the encoder.
    pub(crate) const PREFIXES: &[&'static str] = &["", "bert."];

    /// Says what is wrong, if anything.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("{name} is 0"));
        }
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        if hidden % heads != 0 {
            return Err(format!(
                "hidden_size {hidden} is no multiple of num_attention_heads {heads}"
            ));
        }
        if self.position_embedding_type != "absolute" {
            let found = &self.position_embedding_type;
            return Err(format!(
                "position_embedding_type {found:?} is not supported"
            ));
        }
        Ok(())
    }

    /// Returns the width of one attention head.
    pub(crate) fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Returns every tensor that inference reads, with its shape.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let hidden = self.hidden_size;
        let mut all = vec![
            (Self::ANCHOR.to_owned(), vec![self.vocab_size, hidden]),
            (
                "embeddings.position_embeddings.weight".into(),
                vec![self.max_position_embeddings, hidden],
            ),
            (
                "embeddings.token_type_embeddings.weight".into(),
                vec![self.type_vocab_size, hidden],
            ),
        ];
        let norm = |prefix: String| {
            ["weight", "bias"].map(|part| (format!("{prefix}.LayerNorm.{part}"), vec![hidden]))
        };
        let linear = |prefix: String, outputs: usize, inputs: usize| {
            [
                (format!("{prefix}.weight"), vec![outputs, inputs]),
                (format!("{prefix}.bias"), vec![outputs]),
            ]
        };
        all.extend(norm("embeddings".into()));
        for layer in 0..self.num_hidden_layers {
            let prefix = format!("encoder.layer.{layer}");
            for name in ["query", "key", "value"] {
                all.extend(linear(
                    format!("{prefix}.attention.self.{name}"),
                    hidden,
                    hidden,
                ));
            }
            all.extend(linear(
                format!("{prefix}.attention.output.dense"),
                hidden,
                hidden,
            ));
            all.extend(norm(format!("{prefix}.attention.output")));
            all.extend(linear(
                format!("{prefix}.intermediate.dense"),
                self.intermediate_size,
                hidden,
            ));
            all.extend(linear(
                format!("{prefix}.output.dense"),
                hidden,
                self.intermediate_size,
            ));
            all.extend(norm(format!("{prefix}.output")));
        }
        all
    }
}
