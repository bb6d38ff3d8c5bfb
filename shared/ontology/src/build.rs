//! Joins what files say of concepts into an ontology.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::concept::{Kind, Labels, Language, NONE, Ontology, Relation};
use crate::error::OntologyError;
use crate::table::{Lists, Texts, index};

/// What files say, concept by concept.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    concepts: BTreeMap<String, Concept>,
    relations: Vec<(Relation, String, String)>,
}

#[derive(Debug)]
struct Concept {
    kind: Kind,
    code: String,
    words: BTreeMap<Language, Words>,
}

/// The words for one concept in one language.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) preferred: String,
    pub(crate) others: Vec<String>,
    pub(crate) description: String,
}

/// What was left out of an ontology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Relations to or from a URI that is no concept.
    pub unknown: usize,
    /// One of them.
    pub unknown_example: Option<String>,
    /// Broader relations that close a circle, as `narrower -> broader`.
    pub circles: Vec<String>,
}

impl Draft {
    /// Notes a concept; what one file says first holds.
    pub(crate) fn concept(&mut self, uri: &str, kind: Kind, code: &str) {
        let concept = self
            .concepts
            .entry(uri.to_owned())
            .or_insert_with(|| Concept {
                kind,
                code: String::new(),
                words: BTreeMap::new(),
            });
        if concept.code.is_empty() {
            code.clone_into(&mut concept.code);
        }
    }

    /// Adds words for a concept that was noted: the first preferred label holds, a later
    /// one is another label.
    pub(crate) fn words(&mut self, uri: &str, language: Language, words: Words) {
        let Some(concept) = self.concepts.get_mut(uri) else {
            return;
        };
        let known = concept.words.entry(language).or_default();
        let mut others = words.others;
        if known.preferred.is_empty() {
            known.preferred = words.preferred;
        } else {
            others.insert(0, words.preferred);
        }
        for label in others {
            let is_known = label == known.preferred || known.others.contains(&label);
            if !label.is_empty() && !is_known {
                known.others.push(label);
            }
        }
        if known.description.is_empty() {
            known.description = words.description;
        }
    }

    /// Relates two concepts, which may be noted later.
    pub(crate) fn relate(&mut self, relation: Relation, from: &str, to: &str) {
        self.relations
            .push((relation, from.to_owned(), to.to_owned()));
    }

    /// Joins all that was noted, and says what had to be left out.
    ///
    /// # Errors
    /// When there are too many concepts or labels.
    pub(crate) fn finish(mut self) -> Result<(Ontology, LeftOut), OntologyError> {
        self.relate_to_groups();
        let mut ontology = Ontology::default();
        let mut numbers: HashMap<&str, u32> = HashMap::with_capacity(self.concepts.len());
        for (uri, concept) in &self.concepts {
            let number = ontology.uris.push(uri).ok_or(too_many("concepts"))?;
            numbers.insert(uri, number);
            ontology.kinds.push(concept.kind.code());
            let code = text(&mut ontology.texts, &concept.code)?;
            ontology.codes.push(code);
        }
        let languages: BTreeSet<Language> = self
            .concepts
            .values()
            .flat_map(|concept| concept.words.keys().copied())
            .collect();
        for language in languages {
            let labels = self.labels(language, &mut ontology.texts)?;
            ontology.labels.insert(language, labels);
        }
        let mut left_out = LeftOut::default();
        let mut pairs = vec![Vec::new(); Relation::ALL.len()];
        for (relation, from, to) in &self.relations {
            let found = numbers.get(from.as_str()).zip(numbers.get(to.as_str()));
            if let (Some((from, to)), Some(pairs)) = (found, pairs.get_mut(*relation as usize)) {
                pairs.push((*from, *to));
            } else {
                left_out.unknown += 1;
                let missing = if numbers.contains_key(from.as_str()) {
                    to
                } else {
                    from
                };
                left_out
                    .unknown_example
                    .get_or_insert_with(|| missing.clone());
            }
        }
        let count = self.concepts.len();
        if let Some(broader) = pairs.first_mut() {
            broader.sort_unstable();
            broader.dedup();
            for (from, to) in break_circles(count, broader) {
                let (from, to) = (ontology.uris.get(from), ontology.uris.get(to));
                left_out.circles.push(format!("{from} -> {to}"));
            }
        }
        let lists = pairs.into_iter().map(|pairs| Lists::of(count, pairs));
        ontology.relations = lists.collect();
        Ok((ontology, left_out))
    }

    /// Relates occupations to the ISCO groups that their codes begin with: `2512.4` to
    /// group 2512.
    fn relate_to_groups(&mut self) {
        let of_kind = |kind| {
            self.concepts
                .iter()
                .filter(move |(_, one)| one.kind == kind)
        };
        let groups: HashMap<&str, &str> = of_kind(Kind::IscoGroup)
            .map(|(uri, group)| (group.code.as_str(), uri.as_str()))
            .collect();
        let found = of_kind(Kind::Occupation).filter_map(|(uri, occupation)| {
            let code = occupation.code.split('.').next()?;
            let group = groups.get(code)?;
            Some((Relation::Group, uri.clone(), (*group).to_owned()))
        });
        let found: Vec<_> = found.collect();
        self.relations.extend(found);
    }

    fn labels(&self, language: Language, texts: &mut Texts) -> Result<Labels, OntologyError> {
        let mut labels = Labels::default();
        let mut others = Vec::new();
        for (number, concept) in (0..).zip(self.concepts.values()) {
            let words = concept.words.get(&language);
            let preferred = words.map_or("", |words| &words.preferred);
            let description = words.map_or("", |words| &words.description);
            labels.preferred.push(text(texts, preferred)?);
            labels.descriptions.push(text(texts, description)?);
            for other in words.iter().flat_map(|words| &words.others) {
                others.push((number, text(texts, other)?));
            }
        }
        labels.others = Lists::in_order(self.concepts.len(), &others);
        Ok(labels)
    }
}

/// Adds a text, unless it is empty.
fn text(texts: &mut Texts, value: &str) -> Result<u32, OntologyError> {
    if value.is_empty() {
        return Ok(NONE);
    }
    texts.push(value).ok_or(too_many("labels"))
}

fn too_many(what: &'static str) -> OntologyError {
    OntologyError::TooMany {
        what,
        limit: usize::try_from(u32::MAX).unwrap_or(usize::MAX),
    }
}

/// Takes those of sorted pairs out that close a circle, walking from the lowest number on; returns
/// them.
fn break_circles(count: usize, pairs: &mut Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    const NEW: u8 = 0;
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let lists = Lists::in_order(count, pairs);
    let mut states = vec![NEW; count];
    let mut closing = BTreeSet::new();
    for start in (0..).take(count) {
        if state(&states, start) != NEW {
            continue;
        }
        let mut stack = vec![(start, 0_usize)];
        set(&mut states, start, OPEN);
        while let Some((node, at)) = stack.last_mut() {
            let Some(next) = lists.get(*node).get(*at).copied() else {
                set(&mut states, *node, DONE);
                stack.pop();
                continue;
            };
            *at += 1;
            match state(&states, next) {
                NEW => {
                    set(&mut states, next, OPEN);
                    stack.push((next, 0));
                }
                OPEN => {
                    closing.insert((*node, next));
                }
                _ => {}
            }
        }
    }
    pairs.retain(|pair| !closing.contains(pair));
    closing.into_iter().collect()
}

fn state(states: &[u8], node: u32) -> u8 {
    states.get(index(node)).copied().unwrap_or_default()
}

fn set(states: &mut [u8], node: u32, state: u8) {
    if let Some(place) = states.get_mut(index(node)) {
        *place = state;
    }
}
