//! From a text to the concepts that it names.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use rayon::prelude::*;
use vivier_ontology::{ConceptId, Kind, Language, Ontology};

use crate::catalog::{Catalog, Label};
use crate::error::LinkError;
use crate::learn::{Question, calibrated, learn};
use crate::learned::{Learned, Lesson, Translator};
use crate::letters::Letters;
use crate::lists::best;
use crate::mentions::{Dictionary, phrases, words};
use crate::profiles::{Profiles, rows};
use crate::scorer::{Evidence, Scorer, Weights};
use crate::subspace::Row;
use crate::terms::Terms;
use crate::text::{Stems, plain};
use crate::vectors::{LabelVectors, Near, place};
use crate::words::Words;

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

/// A place of a text that names a concept.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// The bytes of the text.
    pub range: Range<usize>,
    /// What they name.
    pub link: Link,
    /// Whether a label stands there, but for inflection; otherwise it was told by other
    /// words.
    pub exact: bool,
}

/// Finds the concepts of one kind that texts of one language name.
pub struct Linker {
    catalog: Catalog,
    /// Language of the texts.
    language: Language,
    /// Language of the labels that stand for texts when weights are learned: that of the
    /// texts, or English where it has no labels.
    asked: Language,
    stems: Stems,
    letters: Letters,
    words: Terms,
    dictionary: Dictionary,
    vectors: Option<LabelVectors>,
    /// By concept: the skills that it asks for.
    skills: Vec<Row>,
    learned: Learned,
    scorer: Scorer,
}

impl Linker {
    /// Indexes the labels of the concepts of some kinds, in a language and in English. The
    /// first kind chooses the weights.
    ///
    /// Without vectors ([`Self::with_vectors`]) texts are compared by letters and words, and
    /// where weights say so by the skills that they ask for. Runs on the current rayon pool.
    ///
    /// # Errors
    /// When no concept has a label.
    pub fn new(ontology: &Ontology, kinds: &[Kind], language: Language) -> Result<Self, LinkError> {
        let kind = kinds.first().copied().unwrap_or(Kind::Skill);
        let languages: BTreeSet<Language> = BTreeSet::from([language, Language::ENGLISH]);
        let languages: Vec<Language> = languages.into_iter().collect();
        let (catalog, plains) = Catalog::of(ontology, kinds, &languages);
        if catalog.labels.is_empty() {
            return Err(LinkError::NoLabels {
                kind: kind.plural(),
                language: language.code().to_owned(),
            });
        }
        let words = Words::of(&plains);
        let (letters, (words, dictionary)) = rayon::join(
            || Letters::new(&words),
            || {
                let (numbers, stems) = words.stems(&catalog, language);
                let words = Terms::new(numbers, &stems);
                (words, Dictionary::new(&catalog, stems, language))
            },
        );
        let spoken = catalog
            .labels
            .iter()
            .any(|label| label.language == language);
        let skills = rows(ontology, &catalog.concepts);
        let asked = if spoken { language } else { Language::ENGLISH };
        let linker = Self {
            catalog,
            language,
            asked,
            stems: Stems::of(language),
            letters,
            words,
            dictionary,
            vectors: None,
            skills,
            learned: Learned::default(),
            scorer: Scorer::default(),
        };
        Ok(linker.with_scorer(Scorer::of(kind, language)?))
    }

    /// Returns the texts to be encoded, one for each label, in order.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        let labels = self.catalog.labels.iter();
        labels.map(|label| self.catalog.text(label))
    }

    /// Compares texts by their vectors too; the vectors are those of [`Self::labels`].
    ///
    /// For a language other than English it learns from labels in both how to translate
    /// texts, in a second or so. Runs on the current rayon pool.
    #[must_use]
    pub fn with_vectors(mut self, vectors: LabelVectors) -> Self {
        let translator = self.lesson(&HashSet::new()).translator(&vectors);
        self.learned.translator = translator;
        self.vectors = Some(vectors);
        self
    }

    fn lesson<'a>(&'a self, without: &'a HashSet<usize>) -> Lesson<'a> {
        Lesson::of(&self.catalog, self.language, &self.stems, without)
    }

    /// Weighs what speaks for a concept by other weights. Learns what skills texts ask for
    /// where that weighs. Runs on the current rayon pool.
    #[must_use]
    pub fn with_scorer(mut self, scorer: Scorer) -> Self {
        self.scorer = scorer;
        let weighs = scorer.vectors.skills != 0.0 || scorer.letters.skills != 0.0;
        if weighs && self.learned.profiles.is_none() {
            self.learned.profiles = self.lesson(&HashSet::new()).profiles(&self.skills);
        }
        self
    }

    /// Returns the concepts that a text most probably names, the most probable first. A word
    /// that is the head of many labels, such as "driver", names none of them: its scores are
    /// below [`MAPPED`].
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
        let found = self.look_up(text, vector, &self.learned)?;
        let weights = self.weights(found.near.is_some());
        let compared = found.owners.iter().filter_map(|owner| {
            let compared = self.compare(*owner, &found, None)?;
            Some((weights.score(&compared.evidence), compared.most_like))
        });
        let mut scored: Vec<(f32, usize)> = compared.collect();
        // Labels lie in the order of concepts.
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.truncate(count);
        let sure = if found.is_vague { MAPPED } else { 1.0 };
        let links = scored.into_iter();
        Ok(links
            .filter_map(|(score, label)| self.linked(label, score * sure))
            .collect())
    }

    /// Returns the phrases of a text that [`Self::mentions`] wants to have encoded: those
    /// in which no label stands.
    pub fn phrases(&self, text: &str) -> Vec<Range<usize>> {
        let labels = self.found(text);
        let mut phrases = phrases(text);
        phrases.retain(|phrase| {
            let mut ranges = labels.iter().map(|(range, _)| range);
            !ranges.any(|range| range.start < phrase.end && phrase.start < range.end)
        });
        phrases
    }

    /// Returns where a text names concepts, from the left; the places do not overlap.
    ///
    /// Labels count wherever they stand. `phrases` are those of [`Self::phrases`] with
    /// their vectors: one counts if what it names is at least [`MAPPED`] probable.
    ///
    /// # Errors
    /// As for [`Self::link`].
    pub fn mentions(
        &self,
        text: &str,
        phrases: &[(Range<usize>, &[f32])],
    ) -> Result<Vec<Mention>, LinkError> {
        let found = self.found(text);
        let mut mentions: Vec<Mention> = found
            .into_iter()
            .filter_map(|(range, label)| self.stands(range, label))
            .collect();
        for (range, vector) in phrases {
            let phrase = text.get(range.clone()).unwrap_or_default();
            let best = self.link(phrase, Some(vector), 1)?.pop();
            mentions.extend(
                best.filter(|link| link.score >= MAPPED)
                    .map(|link| Mention {
                        range: range.clone(),
                        link,
                        exact: false,
                    }),
            );
        }
        mentions.sort_by_key(|mention| mention.range.start);
        Ok(mentions)
    }

    /// Returns where labels stand in a text, and which.
    fn found(&self, text: &str) -> Vec<(Range<usize>, u32)> {
        let words = words(text, &self.stems, self.words.numbers());
        self.dictionary.find(text, &words, &self.catalog)
    }

    /// Says what a label that stands in a text names.
    fn stands(&self, range: Range<usize>, label: u32) -> Option<Mention> {
        let label = place(label);
        let preferred = self.catalog.labels.get(label)?.preferred;
        let evidence = [
            1.0,
            if preferred { 1.0 } else { 0.7 },
            0.8,
            1.0,
            1.0,
            0.8,
            0.8,
        ];
        let score = self.weights(self.vectors.is_some()).score(&evidence);
        Some(Mention {
            range,
            link: self.linked(label, score)?,
            exact: true,
        })
    }

    /// Names a concept by one of its labels.
    fn linked(&self, label: usize, score: f32) -> Option<Link> {
        let label = self.catalog.labels.get(label)?;
        Some(Link {
            concept: self.catalog.concepts.get(place(label.owner)).copied()?,
            label: self.catalog.text(label).to_owned(),
            score,
        })
    }

    /// Compares a text with all labels, and lists the concepts that may be named.
    fn look_up<'a>(
        &'a self,
        text: &str,
        vector: Option<&[f32]>,
        learned: &'a Learned,
    ) -> Result<LookUp<'a>, LinkError> {
        let plain = plain(text);
        let stems = self.stems.words(&plain);
        let letters = self.letters.cosines(&plain);
        let words = self.words.cosines(&stems);
        let near = match (&self.vectors, vector) {
            (Some(vectors), Some(vector)) => Some(vectors.query(vector)?),
            _ => None,
        };
        let translator = learned.translator.as_ref().filter(|_| near.is_some());
        let translated = translator.and_then(|by| Some((by, by.vector(&stems)?)));
        let translated = match (&self.vectors, translated) {
            (Some(vectors), Some((by, vector))) => Some((by, vectors.query(&vector)?)),
            _ => None,
        };
        let profiles = learned.profiles.as_ref();
        let wanted = profiles.and_then(|by| Some((by, by.of_text(&stems)?)));
        let mut owners: BTreeSet<u32> = BTreeSet::new();
        for cosines in [&letters, &words] {
            owners.extend(self.owners(&best(cosines, CANDIDATES)));
        }
        for near in near.iter().chain(translated.iter().map(|(_, near)| near)) {
            owners.extend(self.owners(&near.nearest(CANDIDATES)?));
        }
        Ok(LookUp {
            is_vague: self.catalog.is_vague_word(&plain),
            owners,
            letters,
            words,
            near,
            translated,
            wanted,
        })
    }

    fn owners(&self, labels: &[u32]) -> impl Iterator<Item = u32> {
        let labels = labels
            .iter()
            .filter_map(|label| self.catalog.labels.get(place(*label)));
        labels.map(|label| label.owner)
    }

    fn weights(&self, with_vectors: bool) -> &Weights {
        if with_vectors {
            &self.scorer.vectors
        } else {
            &self.scorer.letters
        }
    }

    /// Gathers what speaks for a concept by its labels, one of them left out if asked;
    /// `None` when no other is left.
    fn compare(&self, owner: u32, found: &LookUp<'_>, without: Option<usize>) -> Option<Compared> {
        let mut cosines = Vec::new();
        let mut translated = Vec::new();
        let mut greatest: Evidence = [0.0; 7];
        let mut most: Option<(f32, usize)> = None;
        let labels = self.catalog.labels_of(owner);
        for at in labels.filter(|label| Some(*label) != without) {
            let of = |values: &[f32]| values.get(at).copied().unwrap_or_default();
            let (letters, words) = (of(&found.letters), of(&found.words));
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            let near = found.near.as_ref();
            let cosine = near.map_or(0.0, |near| near.cosine(number));
            let label = self.catalog.labels.get(at)?;
            let of_name = if label.preferred { cosine } else { 0.0 };
            let here = [cosine, of_name, 0.0, letters, words, 0.0, 0.0];
            if let Some((_, near)) = &found.translated
                && label.language == Language::ENGLISH
            {
                translated.push(near.cosine(number));
            }
            for (greatest, value) in greatest.iter_mut().zip(here) {
                *greatest = greatest.max(value);
            }
            cosines.push(cosine);
            let likeness = cosine + letters + words;
            if most.is_none_or(|(known, _)| likeness > known) {
                most = Some((likeness, at));
            }
        }
        cosines.sort_by(|a, b| b.total_cmp(a));
        cosines.truncate(3);
        let [nearest, preferred, _, letters, words, ..] = greatest;
        let around = cosines.iter().sum::<f32>() / cosines.len().max(1) as f32;
        let by = found.translated.as_ref();
        let translated = by.map_or(0.0, |(by, _)| by.cosine(owner, &translated));
        let wanted = found.wanted.as_ref();
        let skills = wanted.map_or(0.0, |(by, profile)| by.cosine(profile, owner));
        let (_, most_like) = most?;
        Some(Compared {
            evidence: [
                nearest, preferred, around, letters, words, translated, skills,
            ],
            most_like,
        })
    }

    /// Learns weights from labels, given by their places in [`Self::labels`], with their
    /// vectors if there are any: each is taken out of the labels of its concept and asked
    /// for. A label of another language than the texts teaches nothing, nor does a preferred
    /// one, nor one that another concept has too: texts are other words than preferred
    /// labels. What translates texts is learned without the labels that are asked for.
    ///
    /// # Errors
    /// As for [`Self::link`].
    pub fn learn(&self, asked: &[(usize, Option<&[f32]>)]) -> Result<Weights, LinkError> {
        Ok(learn(&self.questions(asked)?))
    }

    /// Keeps the ratios of weights, and learns their scale and the bias as
    /// [`Self::learn`] does, so that scores are probabilities.
    ///
    /// # Errors
    /// As for [`Self::link`].
    pub fn calibrate(
        &self,
        weights: &Weights,
        asked: &[(usize, Option<&[f32]>)],
    ) -> Result<Weights, LinkError> {
        Ok(calibrated(&self.questions(asked)?, weights.values()))
    }

    fn questions(&self, asked: &[(usize, Option<&[f32]>)]) -> Result<Vec<Question>, LinkError> {
        let left_out: HashSet<usize> = asked.iter().map(|(label, _)| *label).collect();
        let vectors = self.vectors.as_ref();
        let lesson = self.lesson(&left_out);
        let learned = Learned {
            translator: vectors.and_then(|vectors| lesson.translator(vectors)),
            profiles: lesson.profiles(&self.skills),
        };
        let questions: Result<Vec<Option<Question>>, LinkError> = asked
            .par_iter()
            .map(|(label, vector)| self.question(*label, *vector, &learned))
            .collect();
        Ok(questions?.into_iter().flatten().collect())
    }

    fn question(
        &self,
        at: usize,
        vector: Option<&[f32]>,
        learned: &Learned,
    ) -> Result<Option<Question>, LinkError> {
        let label = self.catalog.labels.get(at);
        let asked = |label: &&Label| !label.preferred && label.language == self.asked;
        let Some(label) = label.filter(asked) else {
            return Ok(None);
        };
        let found = self.look_up(self.catalog.text(label), vector, learned)?;
        let Some(right) = self.compare(label.owner, &found, Some(at)) else {
            return Ok(None);
        };
        let others = found.owners.iter().filter(|owner| **owner != label.owner);
        let others = others.filter_map(|owner| self.compare(*owner, &found, None));
        let others: Vec<Evidence> = others.map(|one| one.evidence).collect();
        let letters = |evidence: &Evidence| evidence.get(3).copied().unwrap_or_default();
        if others.iter().any(|one| letters(one) > 0.999) {
            return Ok(None);
        }
        let right = std::iter::once(right.evidence);
        Ok(Some(right.chain(others).collect()))
    }
}

/// How a text compares with the labels.
struct LookUp<'a> {
    /// Whether the text is a word that is the head of many labels.
    is_vague: bool,
    /// The concepts that it may name.
    owners: BTreeSet<u32>,
    /// By label.
    letters: Vec<f32>,
    /// By label.
    words: Vec<f32>,
    near: Option<Near<'a>>,
    /// The translation.
    translated: Option<(&'a Translator, Near<'a>)>,
    /// The profile of the skills that it asks for.
    wanted: Option<(&'a Profiles, Vec<f32>)>,
}

/// How a text compares with a concept.
struct Compared {
    evidence: Evidence,
    /// The place of the label that is most like the text.
    most_like: usize,
}
