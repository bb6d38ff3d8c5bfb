//! What a linker learns from the labels of its ontology when it is made.

use std::collections::HashSet;

use vivier_ontology::Language;

use crate::catalog::Catalog;
use crate::profiles::Profiles;
use crate::subspace::Row;
use crate::text::{Stems, plain};
use crate::translation::Translation;
use crate::vectors::{LabelVectors, place};

/// The labels of a language that may be learned from.
pub(crate) struct Lesson<'a> {
    catalog: &'a Catalog,
    language: Language,
    /// Places of labels that must not be learned from.
    without: &'a HashSet<usize>,
    /// The stems of each label, and the place of its concept.
    labels: Vec<(Vec<String>, u32)>,
}

impl<'a> Lesson<'a> {
    /// Takes the labels of a language, some left out.
    pub(crate) fn of(
        catalog: &'a Catalog,
        language: Language,
        stems: &Stems,
        without: &'a HashSet<usize>,
    ) -> Self {
        let labels = catalog.labels.iter().enumerate();
        let labels = labels
            .filter(|(at, label)| label.language == language && !without.contains(at))
            .map(|(_, label)| (stems.words(&plain(catalog.text(label))), label.owner));
        Self {
            labels: labels.collect(),
            catalog,
            language,
            without,
        }
    }

    /// Learns to bring texts of the language to the vectors of English labels; `None` for
    /// English, and where there is nothing to learn from.
    pub(crate) fn translator(&self, vectors: &LabelVectors) -> Option<Translator> {
        if self.language == Language::ENGLISH || self.labels.is_empty() {
            return None;
        }
        let (means, lengths) = self.means(vectors);
        let dim = vectors.dim();
        let (mut stems, mut wanted) = (Vec::new(), Vec::new());
        for (of_label, owner) in &self.labels {
            let mean = means.chunks_exact(dim.max(1)).nth(place(*owner));
            let length = lengths.get(place(*owner)).copied().unwrap_or_default();
            if let Some(mean) = mean.filter(|_| length > 0.0) {
                stems.push(of_label.as_slice());
                wanted.extend(mean.iter().map(|value| value / length));
            }
        }
        (!stems.is_empty()).then(|| Translator {
            translation: Translation::learn(&stems, &wanted, dim),
            lengths,
        })
    }

    /// Learns what skills texts ask for; `None` where no concept asks for any.
    pub(crate) fn profiles(&self, skills: &[Row]) -> Option<Profiles> {
        let some = skills.iter().any(|skills| !skills.is_empty());
        some.then(|| Profiles::learn(skills, &self.labels))
    }

    /// Returns by concept the mean of the vectors of its English labels, `[concepts, dim]`,
    /// and its length.
    fn means(&self, vectors: &LabelVectors) -> (Vec<f32>, Vec<f32>) {
        let dim = vectors.dim().max(1);
        let count = self.catalog.concepts.len();
        let (mut means, mut counts) = (vec![0.0_f32; count * dim], vec![0.0_f32; count]);
        for (at, label) in self.catalog.labels.iter().enumerate() {
            if label.language != Language::ENGLISH || self.without.contains(&at) {
                continue;
            }
            let vector = u32::try_from(at).ok().and_then(|at| vectors.get(at));
            let start = place(label.owner) * dim;
            let sums = means.get_mut(start..start + dim);
            let count = counts.get_mut(place(label.owner));
            if let (Some(vector), Some(sums), Some(count)) = (vector, sums, count) {
                *count += 1.0;
                for (sum, value) in sums.iter_mut().zip(vector) {
                    *sum += value;
                }
            }
        }
        for (mean, count) in means.chunks_exact_mut(dim).zip(&counts) {
            mean.iter_mut().for_each(|value| *value /= count.max(1.0));
        }
        let length = |mean: &[f32]| mean.iter().map(|value| value * value).sum::<f32>().sqrt();
        let lengths = means.chunks_exact(dim).map(length).collect();
        (means, lengths)
    }
}

/// Brings texts of a language to the vectors of English labels.
pub(crate) struct Translator {
    translation: Translation,
    /// By concept: the length of the mean of the vectors of its English labels.
    lengths: Vec<f32>,
}

impl Translator {
    /// Returns the vector of a text, of length 1; `None` when no stem of it is known.
    pub(crate) fn vector(&self, stems: &[String]) -> Option<Vec<f32>> {
        self.translation.vector(stems)
    }

    /// Returns the cosine with the mean of the English labels of a concept, given those with
    /// each of them; 0 where there are none.
    pub(crate) fn cosine(&self, owner: u32, with_labels: &[f32]) -> f32 {
        let length = self.lengths.get(place(owner)).copied().unwrap_or_default();
        let mean = with_labels.iter().sum::<f32>() / with_labels.len().max(1) as f32;
        if length > 0.0 { mean / length } else { 0.0 }
    }
}

/// What was learned.
#[derive(Default)]
pub(crate) struct Learned {
    pub(crate) translator: Option<Translator>,
    pub(crate) profiles: Option<Profiles>,
}
