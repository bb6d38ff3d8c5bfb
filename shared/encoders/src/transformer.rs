//! A transformer encoder as data: what a loader makes and every engine runs.
//!
//! A loader (`architectures/`) maps the tensors of one family of checkpoints to a
//! [`Transformer`]; an engine takes it, keeps the weights in its own form and
//! computes the function that is written here. With `x` the token states,
//! `[tokens, hidden]`:
//!
//! ```text
//! x = norm?(words[id] + positions[place])
//! for each layer, norms placed after:   x = norm(x + attention(x)); x = norm(x + mlp(x))
//!                 norms placed before:  x = x + attention(norm(x)); x = x + mlp(norm(x))
//! x = norm?(x)
//! ```
//!
//! `attention(x)` joins `softmax(q kᵀ / √dim + bias) v` over the heads and applies
//! `output`; `q` and `k` are normalised and rotated first where the layer says so.
//! `mlp(x)` is `down(f(up(x)))`, or `down(f(a) ⊙ b)` with `up(x) = [a, b]` when gated.

use serde::Deserialize;

/// An encoder: sizes, rules and weights, all in f32, row-major.
#[derive(Clone, Debug)]
pub(crate) struct Transformer {
    /// Width of the token states.
    pub(crate) hidden: usize,
    pub(crate) heads: Heads,
    /// Most tokens of a sequence.
    pub(crate) max_positions: usize,
    /// Whether a token sees only itself and the tokens before it.
    pub(crate) causal: bool,
    pub(crate) placement: NormPlacement,
    pub(crate) bias: PositionBias,
    pub(crate) activation: Activation,
    /// Whether `up` gives twice `intermediate` outputs: the first half goes through
    /// the activation and multiplies the second.
    pub(crate) gated: bool,
    /// Inputs of `down`.
    pub(crate) intermediate: usize,
    /// Word embeddings, `[vocabulary, hidden]`.
    pub(crate) words: Vec<f32>,
    /// Low-rank change of the word embeddings for each task; `down` is
    /// `[vocabulary, tasks × rank]`, the rows of a token side by side.
    pub(crate) words_adapter: Option<Adapter>,
    /// Added to the word embedding of place `i`: `[max_positions, hidden]`, or one row
    /// for every place (a token type embedding alone), or empty.
    pub(crate) positions: Vec<f32>,
    pub(crate) embedding_norm: Option<Norm>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) final_norm: Option<Norm>,
    /// For each kind of text, in the order of `InputKind::ALL`, the task whose
    /// adapters apply; meaningless without adapters.
    pub(crate) tasks: [usize; 4],
}

/// Attention heads. Query head `h` reads key and value head `h / (count / groups)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Query heads.
    pub(crate) count: usize,
    /// Key and value heads; divides `count`.
    pub(crate) groups: usize,
    /// Width of a head.
    pub(crate) dim: usize,
}

/// Where the norms of a layer stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormPlacement {
    /// On the input of attention and MLP, outside the residual path.
    Before,
    /// On the sum of the residual and the output.
    After,
}

/// What is added to the scaled score of a query at `i` and a key at `j`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PositionBias {
    None,
    /// `-slopes[head] |i - j|`: attention with linear biases.
    Alibi {
        slopes: Vec<f32>,
    },
    /// `values[head][clamp(j - i, -reach, reach) + reach]`; `values` is
    /// `[heads, 2 reach + 1]`.
    Relative {
        values: Vec<f32>,
        reach: usize,
    },
}

/// The non-linearity of the MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Activation {
    /// `x Φ(x)` with the error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// The approximation of [`Activation::Gelu`] by a hyperbolic tangent.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluTanh,
    /// `max(x, 0)`.
    #[serde(rename = "relu")]
    Relu,
    /// `x σ(x)`.
    #[serde(rename = "silu", alias = "swish", alias = "swiglu")]
    Silu,
}

/// One layer.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// `None` for the identity, with norms placed before only.
    pub(crate) attention_norm: Option<Norm>,
    /// Queries, keys and values side by side: `(count + 2 groups) dim` outputs.
    pub(crate) qkv: Linear,
    /// Applied to each query head, before the rotation.
    pub(crate) query_norm: Option<Norm>,
    /// Applied to each key head, before the rotation.
    pub(crate) key_norm: Option<Norm>,
    /// Base of the rotary position embedding over the whole head, halves paired
    /// (`i` with `i + dim / 2`); `None` for none.
    pub(crate) rotary: Option<f32>,
    /// Tokens further away than this are not seen; `None` sees all.
    pub(crate) window: Option<usize>,
    pub(crate) output: Linear,
    pub(crate) mlp_norm: Norm,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
}

/// A linear layer: `x Wᵀ + b`, and the change of the sequence's task.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    /// `[outputs, inputs]`.
    pub(crate) weight: Vec<f32>,
    /// `[outputs]`, or empty for none.
    pub(crate) bias: Vec<f32>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) adapter: Option<Adapter>,
}

/// Low-rank changes of a linear layer (LoRA), one for each task: task `t` adds
/// `up_t (down_t x)`, the scale being part of `up`.
#[derive(Clone, Debug)]
pub(crate) struct Adapter {
    pub(crate) tasks: usize,
    pub(crate) rank: usize,
    /// `[tasks × rank, inputs]`.
    pub(crate) down: Vec<f32>,
    /// `[outputs, tasks × rank]`.
    pub(crate) up: Vec<f32>,
}

/// A normalisation of each row, `weight ⊙ x̂ + bias`.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub(crate) kind: NormKind,
    pub(crate) weight: Vec<f32>,
    /// Empty for none.
    pub(crate) bias: Vec<f32>,
    /// Added to the variance or to the mean square.
    pub(crate) epsilon: f32,
}

/// What `x̂` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormKind {
    /// `(x - mean) / √(variance + ε)`.
    Layer,
    /// `x / √(mean square + ε)`.
    RootMeanSquare,
}
