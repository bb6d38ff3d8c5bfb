//! Sentences with annotated spans, and how well mentions are found in them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use vivier_ontology::{ConceptId, Ontology};

use super::QuestionsError;
use super::questions::{Table, field, labelled, skill_labels};
use crate::linker::Mention;

const COLUMNS: &str = "sentence, span, sub_span, label";

/// A sentence with the places that people marked in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Bytes of the sentence, and what they name; `None` where no concept fits.
    pub spans: Vec<(Range<usize>, Option<ConceptId>)>,
}

/// Distinct sentences, in the order of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentences {
    /// The sentences.
    pub items: Vec<Sentence>,
    /// Rows whose span does not stand in their sentence.
    pub unplaced: usize,
}

/// Reads sentences whose spans are labelled with skills, as [`super::skills`] does; of a
/// sub-span that does not stand in its sentence word by word, the whole span counts. A sentence
/// whose rows name no span is one without skills.
///
/// # Errors
/// When the file cannot be read, has other columns, or no row of it has a skill.
pub fn sentences(path: &Path, ontology: &Ontology) -> Result<Sentences, QuestionsError> {
    let mut table = Table::open(path)?;
    let Some([sentence, span, part, label]) =
        table.places(["sentence", "span", "sub_span", "label"])
    else {
        return Err(table.columns(COLUMNS));
    };
    let labels = skill_labels(ontology);
    let mut read = Sentences::default();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut without = 0;
    for row in table.rows() {
        let row = row?;
        let text = field(&row, sentence);
        let place = *places.entry(text.to_owned()).or_insert(read.items.len());
        if place == read.items.len() {
            read.items.push(Sentence {
                text: text.to_owned(),
                spans: Vec::new(),
            });
        }
        // A sub-span may leave words of its span out, and then stands nowhere.
        let words = [labelled(&row, span, part), field(&row, span)];
        let mut words = words.into_iter().filter(|words| !words.is_empty());
        let is_marked = words.clone().next().is_some();
        let Some(marked) = words.find_map(|words| {
            let start = text.find(words)?;
            Some(start..start + words.len())
        }) else {
            read.unplaced += usize::from(is_marked);
            continue;
        };
        let concept = labels.get(field(&row, label)).copied();
        without += usize::from(concept.is_none());
        let marked = (marked, concept);
        if let Some(item) = read.items.get_mut(place)
            && !item.spans.contains(&marked)
        {
            item.spans.push(marked);
        }
    }
    let mut spans = read.items.iter().flat_map(|item| &item.spans);
    if !spans.any(|(_, concept)| concept.is_some()) {
        let path = path.to_owned();
        return Err(QuestionsError::Empty { path, without });
    }
    Ok(read)
}

/// How mentions agree with what people marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Mentions that share a byte with a span of the same concept.
    pub right: usize,
    /// Of the others, those that share one with a span of another concept,
    pub other: usize,
    /// with a span of none,
    pub unlabelled: usize,
    /// and with no span.
    pub outside: usize,
    /// Spans of a concept.
    pub spans: usize,
    /// Of these, those that a mention of the same concept shares a byte with.
    pub found: usize,
}

impl Agreement {
    /// Compares mentions with the spans of their sentence.
    #[must_use]
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a Sentence, &'a [Mention])>) -> Self {
        let mut sum = Self::default();
        for (sentence, mentions) in pairs {
            for mention in mentions {
                sum.count(sentence, mention);
            }
            for (span, concept) in &sentence.spans {
                let Some(concept) = concept else { continue };
                sum.spans += 1;
                let mut mentions = mentions.iter();
                sum.found += usize::from(mentions.any(|mention| {
                    mention.link.concept == *concept && overlap(&mention.range, span)
                }));
            }
        }
        sum
    }

    fn count(&mut self, sentence: &Sentence, mention: &Mention) {
        let spans = sentence.spans.iter();
        let touched = spans.filter(|(span, _)| overlap(span, &mention.range));
        let touched: Vec<Option<ConceptId>> = touched.map(|(_, concept)| *concept).collect();
        let kind = if touched.contains(&Some(mention.link.concept)) {
            &mut self.right
        } else if touched.iter().any(Option::is_some) {
            &mut self.other
        } else if touched.is_empty() {
            &mut self.outside
        } else {
            &mut self.unlabelled
        };
        *kind += 1;
    }

    /// Counts the mentions.
    #[must_use]
    pub fn mentions(&self) -> usize {
        self.right + self.other + self.unlabelled + self.outside
    }

    /// Returns the share of mentions that are right.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.right, self.mentions())
    }

    /// Returns the share of spans of a concept that are found.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.found, self.spans)
    }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}
