//! What can go wrong when a model is loaded, a text prepared or a batch encoded.

use std::path::PathBuf;

/// A model folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder is absent.
    #[error("model folder {} does not exist; run `make model` to fetch the default model", path.display())]
    FolderMissing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder has no weights.
    #[error("model folder {} has no model.safetensors; run `make model` to fetch the default model", path.display())]
    WeightsMissing {
        /// The folder.
        path: PathBuf,
    },
    /// Another file that the folder must hold is absent.
    #[error("model folder {} has no {file}", path.display())]
    FileMissing {
        /// The folder.
        path: PathBuf,
        /// Name of the file, relative to the folder.
        file: String,
    },
    /// A file exists and cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The weights file is cut short or is no safetensors file.
    #[error("{} is cut short or not a safetensors file ({bytes} bytes); fetch it again", path.display())]
    WeightsCorrupt {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// What the parser found.
        source: Box<candle_core::Error>,
    },
    /// The weights lack a tensor that the architecture needs.
    #[error("weights lack the tensor {name}")]
    TensorMissing {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape than the config says.
    #[error("tensor {name} has shape {found:?}, config.json asks for {expected:?}")]
    TensorShape {
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape by the config.
        expected: Vec<usize>,
    },
    /// A tensor cannot be read as f32.
    #[error("tensor {name} cannot be read as f32")]
    TensorType {
        /// Name of the tensor.
        name: String,
        /// What the reader found.
        source: Box<candle_core::Error>,
    },
    /// The architecture is not one of ours.
    #[error("architecture {found:?} is unknown; known: {known}")]
    UnknownArchitecture {
        /// `model_type` of config.json.
        found: String,
        /// The ones that can be loaded.
        known: &'static str,
    },
    /// The model cannot be had from the hub.
    #[error(transparent)]
    Hub {
        /// Why.
        #[from]
        source: crate::hub::HubError,
    },
    /// A configuration file is wrong.
    #[error("{}: {reason}", path.display())]
    BadConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tokenizer file is wrong.
    #[error("cannot load the tokenizer {}: {reason}", path.display())]
    BadTokenizer {
        /// The file.
        path: PathBuf,
        /// What the parser found.
        reason: String,
    },
    /// An option does not fit the model.
    #[error("{option} = {value}: {reason}")]
    BadOption {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: usize,
        /// The rule that it breaks.
        reason: String,
    },
    /// The reference engine runs models of BERT's structure only.
    #[error("the reference engine runs bert only")]
    NotBert,
    /// A graphics card is asked for, and the binary can use none.
    #[error(
        "device = {device:?}: this binary was built without the feature cuda; build it with `make build-cuda`"
    )]
    NoCuda {
        /// The device asked for.
        device: String,
    },
    /// There is no card of this number.
    #[error("device = {device:?}: cards are numbered from 0, and there are {cards}")]
    NoCard {
        /// The device asked for.
        device: String,
        /// How many cards there are.
        cards: usize,
    },
    /// The device does not compute in this precision.
    #[error("precision = {precision:?} cannot be had on {device}; known: {known}")]
    Precision {
        /// The precision asked for.
        precision: String,
        /// Name of the device.
        device: String,
        /// The ones that it has.
        known: &'static str,
    },
    /// The device cannot be opened or has no memory for the model.
    #[error("cannot load the model on {device}")]
    Device {
        /// Name of the device.
        device: String,
        /// What candle found.
        source: Box<candle_core::Error>,
    },
    /// The reference engine refused the weights.
    #[error("cannot build the reference engine")]
    Reference {
        /// What candle found.
        source: Box<candle_core::Error>,
    },
}

/// A text cannot be turned into token sequences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// No token is left of the text.
    #[error("text has no tokens")]
    Empty,
    /// The text does not fit and may not be cut.
    #[error(
        "text has {tokens} tokens, the model takes {limit}; allow truncation (head, tail or windows)"
    )]
    TooLong {
        /// Tokens of the text, special tokens excluded.
        tokens: usize,
        /// Most tokens of a text, special tokens and prompt excluded.
        limit: usize,
    },
    /// The window asked for is none that the model can have.
    #[error("a window of {max_tokens} tokens is not {least} to {most}")]
    BadWindow {
        /// The window, special tokens and prompt included.
        max_tokens: usize,
        /// Least that has room for one token of text.
        least: usize,
        /// The model's window.
        most: usize,
    },
    /// The tokenizer failed.
    #[error("cannot tokenize: {reason}")]
    Tokenizer {
        /// What the tokenizer found.
        reason: String,
    },
}

/// A batch cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A sequence is empty.
    #[error("sequence {index} is empty")]
    EmptySequence {
        /// Place in the batch.
        index: usize,
    },
    /// A sequence is longer than the model's window.
    #[error("sequence {index} has {tokens} tokens, the model takes {limit}")]
    SequenceTooLong {
        /// Place in the batch.
        index: usize,
        /// Tokens, special tokens included.
        tokens: usize,
        /// Most tokens.
        limit: usize,
    },
    /// A token is not in the vocabulary of the model.
    #[error("sequence {index} holds token {token}, the model knows {vocabulary}")]
    UnknownToken {
        /// Place in the batch.
        index: usize,
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocabulary: usize,
    },
    /// The vector of a sequence is not finite or is zero.
    #[error("sequence {index} gave a vector that cannot be normalised")]
    NotFinite {
        /// Place in the batch.
        index: usize,
    },
    /// The device has no memory for even one sequence of the batch.
    #[error("{device} has no memory for a batch of {sequences} sequences and {tokens} tokens")]
    OutOfMemory {
        /// Name of the device.
        device: String,
        /// Sequences of the smallest batch tried.
        sequences: usize,
        /// Its tokens.
        tokens: usize,
    },
    /// The device failed.
    #[error("{device} failed")]
    Device {
        /// Name of the device.
        device: String,
        /// What candle found.
        source: Box<candle_core::Error>,
    },
    /// The reference engine failed.
    #[error("the reference engine failed")]
    Reference {
        /// What candle found.
        source: Box<candle_core::Error>,
    },
}

impl From<candle_core::Error> for EncodeError {
    fn from(source: candle_core::Error) -> Self {
        Self::Reference {
            source: Box::new(source),
        }
    }
}
