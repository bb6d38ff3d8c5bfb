//! How much arithmetic a token costs: what a measured speed is held against.

use crate::transformer::Transformer;

/// Multiplications and additions of one forward pass, for each token.
///
/// Counted are the linear layers and the two products of attention, one
/// multiply-add being two operations; norms, activations and softmax are a few per
/// cent of that and are left out, and so are task adapters, which can be folded
/// into the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operations {
    /// Of the linear layers.
    linear: u64,
    /// Of attention, for each token that is seen, in one layer.
    seen: u64,
    /// How far each layer sees; `None` for everywhere.
    windows: Vec<Option<usize>>,
    /// Whether only earlier tokens are seen.
    causal: bool,
}

impl Operations {
    pub(crate) fn of(model: &Transformer) -> Self {
        let linear = |layer: &crate::transformer::Layer| {
            [&layer.qkv, &layer.output, &layer.up, &layer.down]
                .map(|linear| 2 * wide(linear.inputs) * wide(linear.outputs))
                .iter()
                .sum::<u64>()
        };
        Self {
            linear: model.layers.iter().map(linear).sum(),
            // A score and its share of the value, for each head.
            seen: 2 * 2 * wide(model.heads.count) * wide(model.heads.dim),
            windows: model.layers.iter().map(|layer| layer.window).collect(),
            causal: model.causal,
        }
    }

    /// Returns the operations of one token in a sequence of so many, on average.
    pub(crate) fn per_token(&self, tokens: usize) -> f64 {
        let pairs = |window: &Option<usize>| seen(tokens, *window, self.causal);
        let pairs: f64 = self.windows.iter().map(pairs).sum();
        float(self.linear) + float(self.seen) * pairs
    }
}

/// Returns how many tokens a token sees on average.
fn seen(tokens: usize, window: Option<usize>, causal: bool) -> f64 {
    if tokens == 0 {
        return 0.0;
    }
    let reach = wide(window.unwrap_or(tokens).min(tokens - 1));
    let tokens = wide(tokens);
    // To one side: the first `reach` tokens see fewer than `reach`.
    let side = tokens * reach - reach * (reach + 1) / 2;
    let sides = if causal { side } else { 2 * side };
    float(tokens + sides) / float(tokens)
}

/// Widens; a number too large counts as the largest.
fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 53 bits"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_token_sees() {
        assert_eq!(seen(0, None, false), 0.0);
        assert_eq!(seen(1, None, true), 1.0);
        assert_eq!(seen(5, None, false), 5.0);
        assert_eq!(seen(5, None, true), 3.0);
        for (tokens, window) in [(1, 0), (5, 0), (5, 2), (7, 3), (4, 9)] {
            for causal in [false, true] {
                let pairs = (0..tokens)
                    .flat_map(|at: usize| (0..tokens).map(move |other: usize| (at, other)))
                    .filter(|(at, other)| at.abs_diff(*other) <= window)
                    .filter(|(at, other)| !causal || other <= at)
                    .count();
                let expected = pairs as f64 / tokens as f64;
                let found = seen(tokens, Some(window), causal);
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{tokens} {window} {causal}"
                );
            }
        }
    }

    #[test]
    fn adds_linear_layers_and_attention() {
        // The sizes of all-MiniLM-L6-v2.
        let linear = 6 * 2 * (3 * 384 * 384 + 384 * 384 + 2 * 384 * 1536);
        let operations = Operations {
            linear,
            seen: 4 * 384,
            windows: vec![None; 6],
            causal: false,
        };
        assert_eq!(linear, 21_233_664);
        let expected = 21_233_664.0 + 6.0 * 128.0 * 4.0 * 384.0;
        assert_eq!(operations.per_token(128), expected);
    }
}
