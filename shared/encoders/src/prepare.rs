//! One text to the token sequences that stand for it, and their vectors back to one.

use std::ops::Range;

use crate::batch::Batch;
use crate::encoder::Encoder;
use crate::error::PrepareError;
use crate::pooling::normalize;
use crate::tokenizer::Tokens;
use crate::windows::split_windows;

/// What a text is; decides the prompt put before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// The text of a candidate.
    Candidate,
    /// The text of a vacancy.
    Vacancy,
    /// A search in a person's words.
    Query,
    /// The name of a skill.
    Skill,
}

impl InputKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Candidate, Self::Vacancy, Self::Query, Self::Skill];

    /// Names of the prompt to use, best first.
    pub(crate) fn prompt_names(self) -> &'static [&'static str] {
        match self {
            Self::Candidate => &["candidate", "document", "passage"],
            Self::Vacancy => &["vacancy", "document", "passage"],
            Self::Query => &["query"],
            Self::Skill => &["skill"],
        }
    }

    /// How much a window of a text counts beside the one before it.
    ///
    /// An advert says what the job is at its top and ends with what the employer says in
    /// every advert: counted evenly, its windows find worse. A CV's later pages hold what
    /// its first does not. `docs/data-scientists.md`, "What windows give", has the figures.
    fn window_decay(self) -> f32 {
        match self {
            Self::Vacancy | Self::Query => 0.5,
            Self::Candidate | Self::Skill => 1.0,
        }
    }
}

/// What to do with a text that is longer than the model's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truncation {
    /// Refuse it.
    #[default]
    Fail,
    /// Keep its first tokens.
    Head,
    /// Keep its last tokens.
    Tail,
    /// Encode overlapping windows (see [`split_windows`]) and pool them.
    Windows {
        /// Most tokens that two neighbouring windows share.
        overlap: usize,
        /// Most tokens of the text that are encoded, the first ones; at least one
        /// window full. `usize::MAX` for all.
        most: usize,
    },
}

/// One text, ready to be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What the text is.
    pub kind: InputKind,
    /// One token sequence for each window, special tokens and prompt included.
    pub sequences: Vec<Vec<u32>>,
    /// For each window, the tokens that no earlier window holds.
    pub fresh: Vec<usize>,
    /// Tokens of the text, special tokens and prompt excluded.
    pub input_tokens: usize,
    /// Tokens that the vector will rest on.
    pub used_tokens: usize,
    /// The bytes of the text that no window holds; `None` when nothing was cut.
    pub cut: Option<Range<usize>>,
}

impl Prepared {
    /// Returns the number of tokens to encode, special tokens and overlaps included.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.sequences.iter().map(Vec::len).sum()
    }

    /// Appends the sequences to a batch.
    pub fn push_to(&self, batch: &mut Batch) {
        for sequence in &self.sequences {
            batch.push(sequence, self.kind);
        }
    }

    /// Joins the unit vectors of the windows: their mean weighted by the fresh
    /// tokens of each window, brought to length 1. Of vacancies and queries a token
    /// counts half as much as one of the window before. One window's vector is returned
    /// as it is. `None` when the windows cancel out or none is given.
    #[must_use]
    pub fn pool(&self, vectors: &[Vec<f32>]) -> Option<Vec<f32>> {
        if let [only] = vectors {
            return Some(only.clone());
        }
        let mut pooled = vec![0.0; vectors.first()?.len()];
        let mut each = 1.0;
        for (vector, &fresh) in vectors.iter().zip(&self.fresh) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a window has far fewer than 2^24 tokens"
            )]
            let weight = each * fresh as f32;
            each *= self.kind.window_decay();
            for (sum, value) in pooled.iter_mut().zip(vector) {
                *sum += weight * value;
            }
        }
        normalize(&mut pooled).then_some(pooled)
    }
}

impl Encoder {
    /// Tokenizes a text and fits it to the model's window.
    ///
    /// # Errors
    ///
    /// [`PrepareError::Empty`] when no token is left, [`PrepareError::TooLong`] when
    /// the text does not fit and `truncation` is [`Truncation::Fail`].
    pub fn prepare(
        &self,
        text: &str,
        kind: InputKind,
        truncation: Truncation,
    ) -> Result<Prepared, PrepareError> {
        self.prepare_within(text, kind, truncation, self.spec().max_tokens)
    }

    /// Tokenizes a text and fits it to a window of `max_tokens`, special tokens and
    /// prompt included.
    ///
    /// # Errors
    ///
    /// Those of [`Encoder::prepare`], and [`PrepareError::BadWindow`] when
    /// `max_tokens` is above the model's window or leaves no room for a token.
    pub fn prepare_within(
        &self,
        text: &str,
        kind: InputKind,
        truncation: Truncation,
        max_tokens: usize,
    ) -> Result<Prepared, PrepareError> {
        let limit = self.capacity_within(kind, max_tokens)?;
        let (prompt, tokens) = self.tokens(text, kind)?;
        let total = tokens.ids.len();
        if total == 0 {
            return Err(PrepareError::Empty);
        }
        let (windows, cut) = if total <= limit {
            (vec![(0..total, total)], None)
        } else {
            match truncation {
                Truncation::Fail => {
                    return Err(PrepareError::TooLong {
                        tokens: total,
                        limit,
                    });
                }
                Truncation::Head => {
                    let cut = tokens.offsets[limit - 1].end..text.len();
                    (vec![(0..limit, limit)], Some(cut))
                }
                Truncation::Tail => {
                    let first = total - limit;
                    (
                        vec![(first..total, limit)],
                        Some(0..tokens.offsets[first].start),
                    )
                }
                Truncation::Windows { overlap, most } => {
                    let read = &tokens.offsets[..total.min(most.max(limit))];
                    let windows = split_windows(text, read, limit, overlap);
                    let parts = windows.into_iter();
                    let end = read.last().map_or(0, |last| last.end);
                    (
                        parts.map(|window| (window.range, window.fresh)).collect(),
                        (read.len() < total).then_some(end..text.len()),
                    )
                }
            }
        };
        let frame = |ids: &[u32]| self.tokenizer().frame(&prompt, ids);
        Ok(Prepared {
            kind,
            sequences: windows
                .iter()
                .map(|(range, _)| frame(&tokens.ids[range.clone()]))
                .collect(),
            used_tokens: windows.iter().map(|(_, fresh)| fresh).sum(),
            fresh: windows.into_iter().map(|(_, fresh)| fresh).collect(),
            input_tokens: total,
            cut,
        })
    }

    /// Returns the tokens of the prompt and of the text.
    fn tokens(&self, text: &str, kind: InputKind) -> Result<(Vec<u32>, Tokens), PrepareError> {
        if text.trim().is_empty() {
            // Some tokenizers have a token for a space.
            return Err(PrepareError::Empty);
        }
        let alone = self.prompt(kind);
        let (prompt, tokens) = self
            .tokenizer()
            .tokens_behind(self.prompt_text(kind), text)?;
        if prompt.len() > alone.len() {
            // The window has no room for more than the prompt takes alone.
            return Ok((alone.to_vec(), self.tokenizer().tokens(text)?));
        }
        Ok((prompt, tokens))
    }

    /// Returns how many tokens of a text fit a window of `max_tokens`.
    fn capacity_within(&self, kind: InputKind, max_tokens: usize) -> Result<usize, PrepareError> {
        let most = self.spec().max_tokens;
        let taken = most - self.capacity(kind);
        if max_tokens <= taken || max_tokens > most {
            return Err(PrepareError::BadWindow {
                max_tokens,
                least: taken + 1,
                most,
            });
        }
        Ok(max_tokens - taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(kind: InputKind, fresh: &[usize]) -> Prepared {
        Prepared {
            kind,
            sequences: Vec::new(),
            fresh: fresh.to_vec(),
            input_tokens: 0,
            used_tokens: 0,
            cut: None,
        }
    }

    #[test]
    fn pools_windows_by_fresh_tokens() {
        let prepared = |fresh: &[usize]| prepared(InputKind::Candidate, fresh);
        let pooled = prepared(&[3, 4])
            .pool(&[vec![1.0, 0.0], vec![0.0, 1.0]])
            .unwrap();
        assert_eq!(pooled, [0.6, 0.8]);
        let only = vec![0.6, 0.8];
        assert_eq!(prepared(&[7]).pool(std::slice::from_ref(&only)), Some(only));
        assert_eq!(prepared(&[1, 1]).pool(&[vec![1.0], vec![-1.0]]), None);
        assert_eq!(prepared(&[]).pool(&[]), None);
    }

    #[test]
    fn a_window_of_a_vacancy_counts_half_as_much_as_the_one_before() {
        let windows = [vec![1.0, 0.0], vec![0.0, 1.0], vec![0.0, 1.0]];
        for kind in [InputKind::Vacancy, InputKind::Query] {
            // 6 · (1, 0) + (4 / 2 + 24 / 4) · (0, 1)
            let pooled = prepared(kind, &[6, 4, 24]).pool(&windows).unwrap();
            assert_eq!(pooled, [0.6, 0.8]);
        }
    }
}
