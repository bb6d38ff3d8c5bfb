//! From a text to the concepts that it names.

use std::collections::BTreeSet;

use rayon::prelude::*;
use vivier_ontology::{ConceptId, Kind, Language, Ontology};

use crate::catalog::{Catalog, Label};
use crate::error::LinkError;
use crate::scorer::{Evidence, Scorer};
use crate::terms::Terms;
use crate::text::{Stems, grams, plain};
use crate::vectors::{LabelVectors, Near, place};

/// Labels taken from each source of candidates.
const CANDIDATES: usize = 150;
/// A score from which on a text counts as naming the concept.
pub const MAPPED: f32 = 0.5;

/// A concept that a text may name.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The concept.
    pub concept: ConceptId,
    /// The label of it that is most like the text, as the ontology has it.
    pub label: String,
    /// How probable it is that the text names it, in `(0, 1)`; below [`MAPPED`] the text
    /// counts as naming nothing.
    pub score: f32,
}

/// Finds the concepts of one kind that texts of one language name.
pub struct Linker {
    catalog: Catalog,
    stems: Stems,
    letters: Terms,
    words: Terms,
    vectors: Option<LabelVectors>,
    scorer: Scorer,
}

impl Linker {
    /// Indexes the labels of the concepts of some kinds, in a language and in English. The
    /// first kind chooses the weights.
    ///
    /// Without vectors ([`Self::with_vectors`]) texts are compared by letters and words.
    ///
    /// # Errors
    /// When no concept has a label.
    pub fn new(
        ontology: &Ontology,
        kinds: &[Kind],
        language: Language,
    ) -> Result<Self, LinkError> {
        let kind = kinds.first().copied().unwrap_or(Kind::Skill);
        let languages: BTreeSet<Language> = BTreeSet::from([language, Language::ENGLISH]);
        let languages: Vec<Language> = languages.into_iter().collect();
        let catalog = Catalog::of(ontology, kinds, &languages);
        if catalog.labels.is_empty() {
            return Err(LinkError::NoLabels {
                kind: kind.plural(),
                language: language.code().to_owned(),
            });
        }
        let plains: Vec<String> = catalog
            .labels
            .par_iter()
            .map(|label| plain(&label.text))
            .collect();
        let stems: Vec<(Language, Stems)> = languages
            .iter()
            .map(|language| (*language, Stems::of(*language)))
            .collect();
        let stemmed = catalog.labels.iter().zip(&plains).map(|(label, plain)| {
            let stems = stems.iter().find(|(known, _)| *known == label.language);
            stems.map_or_else(Vec::new, |(_, stems)| stems.words(plain))
        });
        let words = Terms::new(stemmed);
        let letters = Terms::new(plains.iter().map(|plain| grams(plain)));
        Ok(Self {
            catalog,
            stems: Stems::of(language),
            letters,
            words,
            vectors: None,
            scorer: Scorer::of(kind)?,
        })
    }

    /// Returns the texts to be encoded, one for each label, in order.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.catalog.labels.iter().map(|label| label.text.as_str())
    }

    /// Compares texts by their vectors too; the vectors are those of [`Self::labels`].
    #[must_use]
    pub fn with_vectors(mut self, vectors: LabelVectors) -> Self {
        self.vectors = Some(vectors);
        self
    }

    /// Returns the concepts that a text most probably names, the most probable first.
    ///
    /// `vector` is the text's, of the encoder that made the labels' vectors; it is not
    /// looked at where there are none.
    ///
    /// # Errors
    /// When the vector has the wrong length or holds a value that is not finite.
    pub fn link(
        &self,
        text: &str,
        vector: Option<&[f32]>,
        count: usize,
    ) -> Result<Vec<Link>, LinkError> {
        let plain = plain(text);
        let letters = self.letters.cosines(&grams(&plain));
        let words = self.words.cosines(&self.stems.words(&plain));
        let near = match (&self.vectors, vector) {
            (Some(vectors), Some(vector)) => Some(vectors.query(vector)?),
            _ => None,
        };
        let mut owners: BTreeSet<u32> = BTreeSet::new();
        for cosines in [&letters, &words] {
            owners.extend(self.owners(&best(cosines, CANDIDATES)));
        }
        if let Some(near) = &near {
            owners.extend(self.owners(&near.nearest(CANDIDATES)?));
        }
        let mut links: Vec<Link> = owners
            .into_iter()
            .filter_map(|owner| self.judge(owner, &letters, &words, near.as_ref()))
            .collect();
        links.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.concept.cmp(&b.concept)));
        links.truncate(count);
        Ok(links)
    }

    fn owners(&self, labels: &[u32]) -> impl Iterator<Item = u32> {
        let labels = labels
            .iter()
            .filter_map(|label| self.catalog.labels.get(place(*label)));
        labels.map(|label| label.owner)
    }

    /// Weighs what speaks for a concept.
    fn judge(
        &self,
        owner: u32,
        letters: &[f32],
        words: &[f32],
        near: Option<&Near<'_>>,
    ) -> Option<Link> {
        let range = self.catalog.labels_of(owner);
        let labels = self.catalog.labels.get(range.clone())?;
        let (letters, words) = (letters.get(range.clone())?, words.get(range.clone())?);
        let first = u32::try_from(range.start).ok()?;
        let cosines: Option<Vec<f32>> = near.map(|near| {
            let all = (first..).take(labels.len());
            all.map(|label| near.cosine(label)).collect()
        });
        let evidence = evidence(labels, letters, words, cosines.as_deref());
        let likeness = |at: usize| {
            let of = |values: &[f32]| values.get(at).copied().unwrap_or_default();
            of(letters) + of(words) + cosines.as_deref().map_or(0.0, of)
        };
        let label = (0..labels.len()).max_by(|a, b| {
            let order = likeness(*a).total_cmp(&likeness(*b));
            order.then(b.cmp(a))
        })?;
        Some(Link {
            concept: self.catalog.concepts.get(place(owner)).copied()?,
            label: labels.get(label)?.text.clone(),
            score: self.scorer.score(&evidence, near.is_some()),
        })
    }
}

fn evidence(
    labels: &[Label],
    letters: &[f32],
    words: &[f32],
    cosines: Option<&[f32]>,
) -> Evidence {
    let greatest = |values: &[f32]| values.iter().copied().fold(0.0, f32::max);
    let mut evidence = Evidence {
        letters: greatest(letters),
        words: greatest(words),
        ..Evidence::default()
    };
    if let Some(cosines) = cosines {
        evidence.nearest = greatest(cosines);
        let preferred = labels.iter().zip(cosines);
        evidence.preferred = preferred
            .filter(|(label, _)| label.preferred)
            .map(|(_, cosine)| *cosine)
            .fold(0.0, f32::max);
        let mut sorted = cosines.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        sorted.truncate(3);
        evidence.around = sorted.iter().sum::<f32>() / sorted.len().max(1) as f32;
    }
    evidence
}

/// Returns the places of the greatest values above 0, at most so many.
fn best(values: &[f32], count: usize) -> Vec<u32> {
    let mut places: Vec<u32> = (0..)
        .zip(values)
        .filter(|(_, value)| **value > 0.0)
        .map(|(at, _)| at)
        .collect();
    let value = |at: &u32| values.get(place(*at)).copied().unwrap_or_default();
    if places.len() > count {
        places.select_nth_unstable_by(count, |a, b| value(b).total_cmp(&value(a)).then(a.cmp(b)));
        places.truncate(count);
    }
    places
}
