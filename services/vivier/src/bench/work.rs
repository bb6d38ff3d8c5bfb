//! What is encoded: real text, as token sequences.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use vivier_encoders::{Encoder, InputKind, PrepareError, Prepared, Truncation};

use crate::failure::Usage;
use crate::sample;

/// What every text counts as.
const KIND: InputKind = InputKind::Candidate;

/// Largest file of texts: all of it is held in memory.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// What is encoded in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One batch of so many sequences of exactly so many tokens.
    Fixed { batch: usize, tokens: usize },
    /// All texts, in batches of at most so many tokens; of each the first `head`
    /// tokens, or all in windows.
    Texts {
        head: Option<usize>,
        batch_tokens: usize,
    },
}

/// Texts, ready to be encoded.
pub(crate) struct Work {
    shape: Shape,
    /// Those that are timed, then those that are only compared.
    texts: Vec<Prepared>,
    timed: usize,
    compared: usize,
}

/// What the report says of the work.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) shape: Shape,
    /// Texts of one run.
    pub(crate) texts: usize,
    /// Lengths of the sequences of one run, special tokens included.
    pub(crate) lengths: Vec<usize>,
    /// Texts or sequences that are compared with the reference.
    pub(crate) compared: usize,
}

impl Work {
    /// Makes the sequences of a shape from the texts of a file, at most so many, or
    /// from synthetic ones; and as many as are to be compared.
    ///
    /// # Errors
    /// When the file cannot be read or holds no text.
    pub(crate) fn prepare(
        encoder: &Encoder,
        shape: Shape,
        file: Option<&Path>,
        most: usize,
        compare: usize,
    ) -> anyhow::Result<Self> {
        let texts = match file {
            Some(path) => read_texts(path, most)?,
            None => sample::english_texts(most)?,
        };
        let (texts, timed) = match shape {
            // The window of the encoder is the length of the sequences.
            Shape::Fixed { batch, .. } => (fixed(encoder, &texts, batch.max(compare))?, batch),
            Shape::Texts { head, .. } => {
                let truncation = match head {
                    Some(_) => Truncation::Head,
                    None => Truncation::Windows {
                        overlap: overlap(),
                        most: usize::MAX,
                    },
                };
                let texts = whole(encoder, &texts, truncation)?;
                let count = texts.len();
                (texts, count)
            }
        };
        if texts.is_empty() {
            let from = file.map_or_else(String::new, |path| path.display().to_string());
            return Err(Usage(format!("--texts {from}: no text in it has tokens")).into());
        }
        let compared = compare.min(texts.len());
        Ok(Self {
            shape,
            texts,
            timed,
            compared,
        })
    }

    /// Returns the texts of one run.
    pub(crate) fn timed(&self) -> &[Prepared] {
        &self.texts[..self.timed]
    }

    /// Returns the texts that are compared with the reference.
    pub(crate) fn compared(&self) -> &[Prepared] {
        &self.texts[..self.compared]
    }

    /// Returns the most tokens of a batch.
    pub(crate) fn batch_tokens(&self) -> usize {
        match self.shape {
            Shape::Fixed { batch, tokens } => batch * tokens,
            Shape::Texts { batch_tokens, .. } => batch_tokens,
        }
    }

    /// Returns what the report says.
    pub(crate) fn summary(&self) -> Summary {
        let sequences = self.timed().iter().flat_map(|text| &text.sequences);
        Summary {
            shape: self.shape,
            texts: self.timed,
            lengths: sequences.map(Vec::len).collect(),
            compared: self.compared,
        }
    }

    /// Writes the token ids of each text, and its reference vector as far as there
    /// are any: one JSON object a line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self, path: &Path, vectors: &[Vec<f32>]) -> anyhow::Result<()> {
        let unwritable = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(File::create(path).with_context(unwritable)?);
        for (at, text) in self.texts.iter().enumerate() {
            let line = json!({"sequences": text.sequences, "vector": vectors.get(at)});
            writeln!(file, "{line}").with_context(unwritable)?;
        }
        file.flush().with_context(unwritable)
    }
}

/// Overlap of windows, as the embedder has it by default.
fn overlap() -> usize {
    vivier_embedder::Config::default().window_overlap_tokens
}

/// Reads at most so many texts, evenly from all of a file.
fn read_texts(path: &Path, most: usize) -> anyhow::Result<Vec<String>> {
    let unreadable = || format!("cannot read {}", path.display());
    let bytes = std::fs::metadata(path).with_context(unreadable)?.len();
    if bytes > MAX_FILE_BYTES {
        let limit = MAX_FILE_BYTES;
        let path = path.display();
        return Err(Usage(format!("--texts {path}: {bytes} bytes, limit {limit}")).into());
    }
    let content = std::fs::read_to_string(path).with_context(unreadable)?;
    let lines: Vec<(usize, &str)> = (1..)
        .zip(content.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let count = most.min(lines.len());
    (0..count)
        .map(|place| lines[place * lines.len() / count])
        .map(|(number, line)| {
            text_of(line).with_context(|| format!("{} line {number}", path.display()))
        })
        .collect()
}

/// Returns the text of a line: the field "text" of an object, else the line itself.
fn text_of(line: &str) -> anyhow::Result<String> {
    if !line.trim_start().starts_with('{') {
        return Ok(line.to_owned());
    }
    let mut record: Value = serde_json::from_str(line).context("is no JSON object")?;
    match record.get_mut("text").map(Value::take) {
        Some(Value::String(text)) => Ok(text),
        _ => anyhow::bail!("has no field \"text\" that is a text"),
    }
}

/// Prepares whole texts; those without tokens are left out, and that is said.
fn whole(
    encoder: &Encoder,
    texts: &[String],
    truncation: Truncation,
) -> anyhow::Result<Vec<Prepared>> {
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        match encoder.prepare(text, KIND, truncation) {
            Ok(prepared) => found.push(prepared),
            Err(PrepareError::Empty) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let empty = texts.len() - found.len();
    if empty > 0 {
        crate::report_line(&format!("{empty} texts without tokens are left out"));
    }
    Ok(found)
}

/// Makes so many sequences that fill the window from texts laid end to end, from the
/// start again when they are used up. None when no text has tokens.
fn fixed(encoder: &Encoder, texts: &[String], count: usize) -> anyhow::Result<Vec<Prepared>> {
    let capacity = encoder.capacity(KIND);
    let mut ids = Vec::new();
    for text in texts {
        ids.extend(encoder.tokenizer().tokens(text)?.ids);
        if ids.len() >= count.saturating_mul(capacity) {
            break;
        }
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut stream = ids.iter().copied().cycle();
    let sequence = || {
        let content: Vec<u32> = stream.by_ref().take(capacity).collect();
        encoder.tokenizer().frame(encoder.prompt(KIND), &content)
    };
    let prepared = |sequence| Prepared {
        kind: KIND,
        sequences: vec![sequence],
        fresh: vec![capacity],
        input_tokens: capacity,
        used_tokens: capacity,
        cut: None,
    };
    Ok(std::iter::repeat_with(sequence)
        .take(count)
        .map(prepared)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str, most: usize) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("texts");
        std::fs::write(&path, content).unwrap();
        read_texts(&path, most).map_err(|error| crate::failure::chain(&error))
    }

    #[test]
    fn reads_objects_and_plain_lines_evenly() {
        let mixed = "{\"id\": 1, \"text\": \"one\"}\n\ntwo words\n";
        assert_eq!(read(mixed, 9).unwrap(), ["one", "two words"]);
        assert_eq!(read("a\nb\nc\nd\ne\nf\n", 3).unwrap(), ["a", "c", "e"]);
        assert_eq!(read("", 3).unwrap(), [""; 0]);
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in ["{\"text\": 7}", "{}", "{\"text\""] {
            let error = read(&format!("fine\n{bad}\n"), 9).unwrap_err();
            assert!(error.contains("line 2"), "{error}");
        }
        let error = read_texts(Path::new("/nowhere/at/all"), 1).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"));
    }
}
