//! How a model is to be loaded and run.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::adapter::Adapter;
use crate::folder::Pooling;
use crate::prepare::InputKind;

/// Which code runs the model. All compute the same function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Our own ragged path on the CPU; on a graphics card, the same as [`Engine::Candle`].
    #[default]
    Native,
    /// The ragged path on candle's tensors: every architecture, CPU and CUDA.
    Candle,
    /// Stock candle, padded, in f32 on the CPU, for `bert` only: slow, and what the
    /// others are tested against.
    Reference,
}

/// Numbers that the products of the model are computed in; sums are always f32 or
/// wider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision: exact to rounding.
    #[default]
    F32,
    /// Half precision with 8 bits of exponent.
    Bf16,
    /// Half precision with 5 bits of exponent; on graphics cards only.
    F16,
    /// Weights in 8 bits for each output channel, activations for each token; on
    /// the CPU only.
    Int8,
}

impl Precision {
    const ALL: [(Self, &'static str); 4] = [
        (Self::F32, "f32"),
        (Self::Bf16, "bf16"),
        (Self::F16, "f16"),
        (Self::Int8, "int8"),
    ];
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(precision, _)| precision == self);
        formatter.write_str(found.map_or("", |(_, name)| name))
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found
            .map(|(precision, _)| *precision)
            .ok_or_else(|| format!("{text:?} is no precision; use f32, bf16, f16 or int8"))
    }
}

/// Where the model runs: `"auto"`, `"cpu"` or `"cuda:N"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// The first graphics card when there is one that this binary can use, else the CPU.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The graphics card of this number.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let card = |text: &str| text.strip_prefix("cuda:")?.parse().ok();
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            _ => card(text)
                .map(Self::Cuda)
                .ok_or_else(|| format!("{text:?} is no device; use auto, cpu or cuda:N")),
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

/// How to load a model.
#[derive(Clone, Debug, Default)]
pub struct EncoderOptions {
    /// Which code runs it.
    pub engine: Engine,
    /// Where it runs.
    pub device: DeviceChoice,
    /// What its products are computed in.
    pub precision: Precision,
    /// Window in tokens, special tokens included; `None` for what the model folder
    /// says. At most the positions that the model knows.
    pub max_tokens: Option<usize>,
    /// How token vectors become one; `None` for what the folder says.
    pub pooling: Option<Pooling>,
    /// The text put before a text of each kind; `None` for what the folder says.
    pub prompts: ByKind<Option<String>>,
    /// The task whose adapters a text of each kind uses, in models that have them;
    /// `None` for the usual one.
    pub tasks: ByKind<Option<String>>,
    /// Whether vectors are brought to length 1; `None` for what the folder says.
    pub normalize: Option<bool>,
    /// Length that vectors are cut to, before they are brought to length 1; `None`
    /// for what the folder says. One of the lengths that the folder lists, if it
    /// lists any.
    pub dim: Option<usize>,
    /// What is added to the model's weights.
    pub adapter: Option<Arc<Adapter>>,
}

/// One value for each kind of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByKind<T> {
    /// For texts of candidates.
    pub candidate: T,
    /// For texts of vacancies.
    pub vacancy: T,
    /// For searches.
    pub query: T,
    /// For names of skills.
    pub skill: T,
}

impl<T> ByKind<T> {
    /// Returns the value of a kind.
    pub fn of(&self, kind: InputKind) -> &T {
        match kind {
            InputKind::Candidate => &self.candidate,
            InputKind::Vacancy => &self.vacancy,
            InputKind::Query => &self.query,
            InputKind::Skill => &self.skill,
        }
    }

    /// Returns the value of a kind, to be changed.
    pub fn of_mut(&mut self, kind: InputKind) -> &mut T {
        match kind {
            InputKind::Candidate => &mut self.candidate,
            InputKind::Vacancy => &mut self.vacancy,
            InputKind::Query => &mut self.query,
            InputKind::Skill => &mut self.skill,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (precision, name) in Precision::ALL {
            assert_eq!(name.parse(), Ok(precision));
            assert_eq!(precision.to_string(), name);
        }
        assert!("fp8".parse::<Precision>().unwrap_err().contains("\"fp8\""));
        for name in ["auto", "cpu", "cuda:3"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        for name in ["gpu", "cuda", "cuda:x", ""] {
            assert!(name.parse::<DeviceChoice>().is_err(), "{name}");
        }
    }
}
