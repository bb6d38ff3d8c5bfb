//! Finds the skills and the occupations of the ontology that a text names.
//!
//! Candidates come from three sources: labels that share runs of letters with the text,
//! labels that share stems, and labels whose vectors are near. What speaks for each
//! candidate is weighed by a scorer that was learned from the ontology's own labels.
//!
//! Nothing here runs an encoder: whoever has one gives the vectors.

mod catalog;
mod error;
pub mod evaluate;
mod learn;
mod learned;
mod letters;
mod linker;
mod lists;
mod mentions;
mod profiles;
mod scorer;
mod subspace;
mod terms;
mod text;
mod translation;
mod vectors;
mod wording;
mod words;

/// The LoRA adapter that linking uses with the default encoder, all-MiniLM-L6-v2: the
/// contents of `adapter_config.json` and `adapter_model.safetensors`, as PEFT saves them.
/// It was trained on the labels and descriptions of ESCO, in English and French, by
/// `bench/link/train_adapter.py`.
///
/// "This service uses the ESCO classification of the European Commission."
pub const ADAPTER: [&[u8]; 2] = [
    include_bytes!("../adapter/adapter_config.json"),
    include_bytes!("../adapter/adapter_model.safetensors"),
];

pub use error::LinkError;
pub use linker::{Link, Linker, MAPPED, Mention};
pub use scorer::{Scorer, Weights};
pub use vectors::LabelVectors;
