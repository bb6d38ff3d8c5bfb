//! Text to token ids with their places in the text, never truncated.

use std::ops::Range;
use std::path::Path;

use tokenizers::normalizers::{self, Lowercase, NormalizerWrapper};

use crate::error::{LoadError, PrepareError};

/// The tokenizer of one model.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    before: Vec<u32>,
    after: Vec<u32>,
}

/// The tokens of one text, special tokens excluded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Ids in the vocabulary.
    pub ids: Vec<u32>,
    /// The bytes of the text that each token stands for, as offsets that lie on
    /// character boundaries.
    pub offsets: Vec<Range<usize>>,
}

impl Tokenizer {
    /// Parses the content of `tokenizer.json`; `path` is for messages only. What
    /// the file says about truncation and padding is switched off.
    ///
    /// # Errors
    ///
    /// [`LoadError::BadTokenizer`] when the content is not a tokenizer.
    pub fn parse(content: &[u8], path: &Path) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::BadTokenizer {
            path: path.into(),
            reason,
        };
        let mut inner =
            tokenizers::Tokenizer::from_bytes(content).map_err(|error| bad(error.to_string()))?;
        inner
            .with_truncation(None)
            .map_err(|error| bad(error.to_string()))?;
        inner.with_padding(None);
        let mut tokenizer = Self {
            inner,
            before: Vec::new(),
            after: Vec::new(),
        };
        tokenizer
            .learn_special_tokens()
            .map_err(|error| bad(error.to_string()))?;
        Ok(tokenizer)
    }

    /// Finds the special tokens that the model wants around a text by encoding one
    /// with and without them.
    fn learn_special_tokens(&mut self) -> tokenizers::Result<()> {
        let plain = self.inner.encode_fast("a", false)?;
        let framed = self.inner.encode_fast("a", true)?;
        let (plain, framed) = (plain.get_ids(), framed.get_ids());
        let start = framed
            .windows(plain.len().max(1))
            .position(|window| window == plain)
            .ok_or("the special tokens do not stand around the text")?;
        self.before = framed[..start].to_vec();
        self.after = framed[start + plain.len()..].to_vec();
        Ok(())
    }

    /// Puts every text in lower case before the tokenizer's own rules, as
    /// sentence-transformers does for `do_lower_case`.
    ///
    /// # Errors
    ///
    /// [`LoadError::BadTokenizer`] when the tokenizer refuses the rule.
    pub(crate) fn lowercase(&mut self, path: &Path) -> Result<(), LoadError> {
        let mut rules: Vec<NormalizerWrapper> = vec![Lowercase.into()];
        rules.extend(self.inner.get_normalizer().cloned());
        match self
            .inner
            .with_normalizer(Some(normalizers::Sequence::new(rules)))
        {
            Ok(_) => Ok(()),
            Err(error) => Err(LoadError::BadTokenizer {
                path: path.into(),
                reason: error.to_string(),
            }),
        }
    }

    /// Returns the tokens of a text; none are added and none are cut.
    ///
    /// # Errors
    ///
    /// [`PrepareError::Tokenizer`] when the tokenizer fails.
    pub fn tokens(&self, text: &str) -> Result<Tokens, PrepareError> {
        let encoding = self
            .inner
            .encode(text, false)
            .map_err(|error| PrepareError::Tokenizer {
                reason: error.to_string(),
            })?;
        let offsets = encoding
            .get_offsets()
            .iter()
            .map(|&(start, end)| start..end)
            .collect();
        Ok(Tokens {
            ids: encoding.get_ids().to_vec(),
            offsets,
        })
    }

    /// Returns the tokens of a prompt, and those of the text behind it, as they are when
    /// both are tokenized as one: a space at the end of the prompt may belong to the
    /// first token of the text, whose offsets count from the start of the text.
    ///
    /// # Errors
    ///
    /// [`PrepareError::Tokenizer`] when the tokenizer fails.
    pub(crate) fn tokens_behind(
        &self,
        prompt: &str,
        text: &str,
    ) -> Result<(Vec<u32>, Tokens), PrepareError> {
        if prompt.is_empty() {
            return Ok((Vec::new(), self.tokens(text)?));
        }
        let mut all = self.tokens(&format!("{prompt}{text}"))?;
        let behind = |range: &Range<usize>| range.end > prompt.len();
        let first = all.offsets.iter().position(behind);
        let first = first.unwrap_or(all.offsets.len());
        let ids = all.ids.split_off(first);
        let inside = |range: Range<usize>| {
            range.start.saturating_sub(prompt.len())..range.end.saturating_sub(prompt.len())
        };
        let offsets = all.offsets.split_off(first).into_iter().map(inside);
        let offsets = offsets.collect();
        Ok((all.ids, Tokens { ids, offsets }))
    }

    /// Returns how many special tokens stand around a text.
    #[must_use]
    pub fn special_tokens(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Puts the special tokens around `prompt` followed by `ids`.
    #[must_use]
    pub fn frame(&self, prompt: &[u32], ids: &[u32]) -> Vec<u32> {
        [&self.before, prompt, ids, &self.after].concat()
    }
}
