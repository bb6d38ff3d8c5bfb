//! Keys and entries of the cache, as bytes.

use sha2::{Digest, Sha256};
use vivier_encoders::{Encoder, InputKind, Truncation};

use crate::service::Embedding;

/// Changes whenever the same model, options and text give another vector than
/// before, or an entry is written otherwise.
const VERSION: u8 = 2;
/// Bytes before the values of an entry.
const HEADER: usize = 1 + 5 * 4;
/// Stands for "nothing was cut".
const NOT_CUT: u32 = u32::MAX;

/// SHA-256 of everything that decides a vector.
pub(crate) type Key = [u8; 32];

/// Makes the keys of one loaded model.
#[derive(Clone)]
pub(crate) struct Keys {
    /// For each kind of text, in the order of [`InputKind::ALL`]: the model has been
    /// hashed, and its prompt.
    prefixes: [Sha256; 4],
}

impl Keys {
    /// Makes the keys of a model. Its fingerprint stands for the files and the options;
    /// the device is added, as another rounds otherwise.
    pub(crate) fn new(encoder: &Encoder) -> Self {
        let spec = encoder.spec();
        let prefix = |kind| {
            let mut hasher = Sha256::new();
            hasher.update([VERSION]);
            for part in [spec.fingerprint.as_str(), &spec.device, kind_name(kind)] {
                update(&mut hasher, part.as_bytes());
            }
            let prompt = encoder.prompt(kind);
            hasher.update(wide(prompt.len()));
            for token in prompt {
                hasher.update(token.to_le_bytes());
            }
            hasher
        };
        Self {
            prefixes: InputKind::ALL.map(prefix),
        }
    }

    /// Returns the key of a text.
    pub(crate) fn key(
        &self,
        text: &str,
        kind: InputKind,
        truncation: Truncation,
        max_tokens: usize,
    ) -> Key {
        let [candidate, vacancy, query, skill] = &self.prefixes;
        let prefix = match kind {
            InputKind::Candidate => candidate,
            InputKind::Vacancy => vacancy,
            InputKind::Query => query,
            InputKind::Skill => skill,
        };
        let (policy, sizes) = match truncation {
            Truncation::Fail => (0_u8, [0, 0]),
            Truncation::Head => (1, [0, 0]),
            Truncation::Tail => (2, [0, 0]),
            Truncation::Windows { overlap, most } => (3, [overlap, most]),
        };
        let mut hasher = prefix.clone();
        hasher.update([policy]);
        hasher.update(sizes.map(wide).concat());
        hasher.update(wide(max_tokens));
        update(&mut hasher, text.as_bytes());
        hasher.finalize().into()
    }
}

fn kind_name(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Candidate => "candidate",
        InputKind::Vacancy => "vacancy",
        InputKind::Query => "query",
        InputKind::Skill => "skill",
    }
}

/// Adds a part and its length, so that parts cannot run into each other.
fn update(hasher: &mut Sha256, part: &[u8]) {
    hasher.update(wide(part.len()));
    hasher.update(part);
}

fn wide(number: usize) -> [u8; 8] {
    u64::try_from(number).unwrap_or(u64::MAX).to_le_bytes()
}

/// Writes an entry.
pub(super) fn encode(embedding: &Embedding) -> Vec<u8> {
    let narrow = |number: usize| u32::try_from(number).unwrap_or(NOT_CUT);
    let cut = embedding
        .cut
        .clone()
        .map_or([NOT_CUT; 2], |cut| [narrow(cut.start), narrow(cut.end)]);
    let counts = [
        narrow(embedding.input_tokens),
        narrow(embedding.used_tokens),
        narrow(embedding.windows),
    ];
    let mut entry = Vec::with_capacity(HEADER + 4 * embedding.values.len());
    entry.push(VERSION);
    for number in counts.into_iter().chain(cut) {
        entry.extend(number.to_le_bytes());
    }
    for value in &embedding.values {
        entry.extend(value.to_le_bytes());
    }
    entry
}

/// Reads an entry with a vector of `dim` values; `None` when it is none.
pub(super) fn decode(entry: &[u8], dim: usize) -> Option<Embedding> {
    if entry.len() != HEADER + 4 * dim || entry.first() != Some(&VERSION) {
        return None;
    }
    let (numbers, values) = entry[1..].split_at(HEADER - 1);
    let numbers: Vec<u32> = words(numbers).map(u32::from_le_bytes).collect();
    let &[input, used, windows, start, end] = numbers.as_slice() else {
        return None;
    };
    let count = |number: u32| usize::try_from(number).ok();
    let cut = if start == NOT_CUT {
        None
    } else {
        Some(count(start)?..count(end)?)
    };
    let values: Vec<f32> = words(values).map(f32::from_le_bytes).collect();
    values
        .iter()
        .all(|value| value.is_finite())
        .then_some(Embedding {
            values,
            input_tokens: count(input)?,
            used_tokens: count(used)?,
            windows: count(windows)?,
            cut,
            cached: true,
        })
}

/// Cuts bytes into words of four.
fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes
        .chunks_exact(4)
        .filter_map(|word| word.try_into().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_round_trip(
            values in proptest::collection::vec(-1e6_f32..1e6, 0..40),
            counts in any::<[u16; 3]>(),
            cut in proptest::option::of(0_usize..1000),
        ) {
            let embedding = Embedding {
                values,
                input_tokens: counts[0].into(),
                used_tokens: counts[1].into(),
                windows: counts[2].into(),
                cut: cut.map(|start| start..start + 7),
                cached: true,
            };
            let entry = encode(&embedding);
            prop_assert_eq!(decode(&entry, embedding.values.len()), Some(embedding.clone()));
            prop_assert_eq!(decode(&entry, embedding.values.len() + 1), None);
            prop_assert_eq!(decode(&entry[..entry.len() - 1], embedding.values.len()), None);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for dim in 0..10 {
                if let Some(embedding) = decode(&bytes, dim) {
                    prop_assert_eq!(embedding.values.len(), dim);
                    prop_assert!(embedding.values.iter().all(|value| value.is_finite()));
                }
            }
        }
    }
}
