//! Which of the skills asked for are held.
//!
//! Two skills are the same when they share an ESCO concept or another URI, or when their
//! names have the same [`crate::match_key`].

use hashbrown::HashMap;
use vivier_types::{ConceptKey, Skill, Summary, concept_key};

use crate::key::push_key;

/// A list of skills, repetitions dropped, in which others are looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct SkillSet<'a> {
    distinct: Vec<&'a Skill>,
    by_key: HashMap<String, usize>,
    by_uri: HashMap<Uri<'a>, usize>,
}

/// What a URI stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Uri<'a> {
    Concept(ConceptKey),
    Other(&'a str),
}

impl<'a> Uri<'a> {
    fn of(skill: &'a Skill) -> Option<Self> {
        let uri = skill.uri.as_deref()?;
        Some(concept_key(uri).map_or(Self::Other(uri), Self::Concept))
    }
}

/// How many of the skills asked for are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) matched: usize,
    pub(crate) asked: usize,
}

impl Held {
    pub(crate) fn share(self) -> f32 {
        self.matched as f32 / self.asked as f32
    }
}

impl<'a> SkillSet<'a> {
    /// Indexes a list; blank names without a URI are left out.
    pub(crate) fn new(skills: &'a [Skill]) -> Self {
        let mut set = Self {
            distinct: Vec::with_capacity(skills.len()),
            by_key: HashMap::with_capacity(skills.len()),
            by_uri: HashMap::with_capacity(skills.len()),
        };
        let mut key = String::new();
        for skill in skills {
            let uri = Uri::of(skill);
            let [by_uri, by_key] = set.find(skill, &mut key);
            let known = by_uri.or(by_key);
            if known.is_none() && key.is_empty() && uri.is_none() {
                continue;
            }
            let place = known.unwrap_or_else(|| {
                set.distinct.push(skill);
                set.distinct.len() - 1
            });
            if !key.is_empty() {
                set.by_key.entry(key.clone()).or_insert(place);
            }
            if let Some(uri) = uri {
                set.by_uri.entry(uri).or_insert(place);
            }
        }
        set
    }

    /// Returns the skills, each once.
    pub(crate) fn distinct(&self) -> &[&'a Skill] {
        &self.distinct
    }

    /// Finds a skill by its URI and by its name, which may be of two skills; `key` is
    /// scratch space and holds the skill's key after.
    fn find(&self, skill: &Skill, key: &mut String) -> [Option<usize>; 2] {
        key.clear();
        push_key(&skill.name, key);
        let by_uri = Uri::of(skill).and_then(|uri| self.by_uri.get(&uri).copied());
        [by_uri, self.by_key.get(key.as_str()).copied()]
    }

    /// Returns, for each distinct skill of this list, what of the candidate's is the same:
    /// a skill that is listed, or a concept that the texts name.
    pub(crate) fn met_by<'b>(&self, candidate: &'b Summary) -> Vec<Option<Met<'b>>> {
        let mut met = vec![None; self.distinct.len()];
        let mut meet = |place: Option<usize>, by: Met<'b>| {
            if let Some(place @ None) = place.and_then(|place| met.get_mut(place)) {
                *place = Some(by);
            }
        };
        let mut key = String::new();
        for skill in &candidate.skills {
            for place in self.find(skill, &mut key) {
                meet(place, Met::Listed(skill));
            }
        }
        for concept in &candidate.skill_concepts {
            let place = self.by_uri.get(&Uri::Concept(*concept));
            meet(place.copied(), Met::Named(*concept));
        }
        met
    }

    /// Counts what of the skills asked for is in this list, that of a candidate, or among
    /// the concepts that the candidate's texts name; `None` when nothing is asked for or
    /// known. The same as [`Self::held_by`] from the other side, without an index of what
    /// is asked for: that is made for one comparison only.
    pub(crate) fn counted_in(&self, candidate: &Summary, asked: &[Skill]) -> Option<Held> {
        if !knows_skills(candidate) {
            return None;
        }
        // By the first of each skill asked for: its names, by ends in one text, and URIs.
        let mut text = String::new();
        let mut names: Vec<(usize, usize, usize)> = Vec::with_capacity(asked.len());
        let mut uris: Vec<(Uri<'_>, usize)> = Vec::with_capacity(asked.len());
        let mut held: Vec<bool> = Vec::with_capacity(asked.len());
        for skill in asked {
            let start = text.len();
            push_key(&skill.name, &mut text);
            let end = text.len();
            let name = text.get(start..end).unwrap_or_default();
            let uri = Uri::of(skill);
            let by_uri = uri.and_then(|uri| uris.iter().find(|(known, _)| *known == uri));
            let by_name = names
                .iter()
                .find(|(start, end, _)| text.get(*start..*end) == Some(name));
            let by_uri = by_uri.map(|(_, place)| *place);
            let by_name = by_name.map(|(_, _, place)| *place);
            let known = by_uri.or(by_name);
            if known.is_none() && name.is_empty() && uri.is_none() {
                continue;
            }
            let place = known.unwrap_or(held.len());
            if known.is_none() {
                held.push(false);
            }
            // A name and a URI stand for the skill that had them first.
            let mut mark = |place: usize| {
                held.get_mut(place)
                    .into_iter()
                    .for_each(|held| *held = true)
            };
            if self.by_key.contains_key(name) {
                mark(by_name.unwrap_or(place));
            }
            if uri.is_some_and(|uri| self.has(uri, candidate)) {
                mark(by_uri.unwrap_or(place));
            }
            if !name.is_empty() && by_name.is_none() {
                names.push((start, end, place));
            }
            if let Some(uri) = uri.filter(|_| by_uri.is_none()) {
                uris.push((uri, place));
            }
        }
        let matched = held.iter().filter(|held| **held).count();
        let asked = held.len();
        (asked > 0).then_some(Held { matched, asked })
    }

    /// Tells whether a URI is in this list or among the concepts of the candidate's texts.
    fn has(&self, uri: Uri<'_>, candidate: &Summary) -> bool {
        let is_named = match uri {
            Uri::Concept(key) => candidate.skill_concepts.contains(&key),
            Uri::Other(_) => false,
        };
        is_named || self.by_uri.contains_key(&uri)
    }

    /// Counts what of this list the candidate holds; `None` when the list is empty or
    /// nothing is known of the candidate's skills.
    pub(crate) fn held_by(&self, candidate: &Summary) -> Option<Held> {
        let asked = self.distinct.len();
        if asked == 0 || !knows_skills(candidate) {
            return None;
        }
        let met = self.met_by(candidate);
        let matched = met.iter().filter(|met| met.is_some()).count();
        Some(Held { matched, asked })
    }
}

/// What a candidate has of a skill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Met<'a> {
    /// A skill of the list.
    Listed(&'a Skill),
    /// A concept that is not in the list under this name.
    Named(ConceptKey),
}

/// Tells whether anything is known of a candidate's skills.
pub(crate) fn knows_skills(candidate: &Summary) -> bool {
    !(candidate.skills.is_empty() && candidate.skill_concepts.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn skills(names: &[&str]) -> Vec<Skill> {
        let skill = |name: &&str| match name.split_once('|') {
            Some((name, uri)) => Skill {
                name: name.to_owned(),
                uri: Some(uri.to_owned()),
            },
            None => Skill {
                name: (*name).to_owned(),
                uri: None,
            },
        };
        names.iter().map(skill).collect()
    }

    fn holding(skills: Vec<Skill>) -> Summary {
        Summary {
            skills,
            ..Summary::default()
        }
    }

    fn share(asked: &[Skill], held: Vec<Skill>) -> Option<f32> {
        SkillSet::new(asked)
            .held_by(&holding(held))
            .map(Held::share)
    }

    #[test]
    fn names_and_concepts_match() {
        let asked = skills(&["Rust", "Node.js", "Baking|u1", "Go"]);
        let held = skills(&["rust", "node JS", "Boulangerie|u1", "C"]);
        let held = holding(held);
        let met = SkillSet::new(&asked).met_by(&held);
        let listed = |place: usize| Some(Met::Listed(&held.skills[place]));
        assert_eq!(met, [listed(0), listed(1), listed(2), None]);
    }

    #[test]
    fn a_skill_held_can_meet_one_by_its_uri_and_another_by_its_name() {
        let asked = skills(&["Go", "golang|u"]);
        assert_eq!(share(&asked, skills(&["go|u"])), Some(1.0));
    }

    #[test]
    fn concepts_that_the_texts_name_are_held() {
        let uuid = "ccd0a1d9-afda-43d9-b901-96344886e14d";
        let asked = skills(&[
            &format!("Python|http://data.europa.eu/esco/skill/{uuid}"),
            "Go",
        ]);
        let key = ConceptKey::try_parse(uuid).unwrap();
        let named = Summary {
            skill_concepts: vec![key],
            ..Summary::default()
        };
        let set = SkillSet::new(&asked);
        assert_eq!(set.met_by(&named), [Some(Met::Named(key)), None]);
        assert_eq!(set.held_by(&named).map(Held::share), Some(0.5));
        let https = skills(&[&format!(
            "Python 3|https://data.europa.eu/esco/skill/{uuid}"
        )]);
        assert_eq!(share(&asked, https), Some(0.5));
    }

    #[test]
    fn nothing_asked_or_nothing_known_is_unknown() {
        let (some, none) = (skills(&["Rust"]), skills(&[]));
        assert_eq!(share(&none, some.clone()), None);
        assert_eq!(share(&some, none), None);
        assert_eq!(share(&skills(&["-"]), some.clone()), None);
        assert_eq!(share(&some, skills(&["Go"])), Some(0.0));
    }

    #[test]
    fn repetitions_count_once() {
        let asked = skills(&["Rust", "RUST", "Go|u", "golang|u", "C"]);
        assert_eq!(share(&asked, skills(&["go|u"])), Some(1.0 / 3.0));
    }

    proptest! {
        #[test]
        fn the_share_is_that_of_a_plain_count(
            asked in prop::collection::vec("[a-e]", 1..8), held in prop::collection::vec("[a-e]", 1..8)
        ) {
            let list = |names: &[String]| skills(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let mut distinct = asked.clone();
            distinct.sort();
            distinct.dedup();
            let count = distinct.iter().filter(|name| held.contains(name)).count();
            let asked = list(&asked);
            let share = share(&asked, list(&held)).unwrap();
            prop_assert!((share - count as f32 / distinct.len() as f32).abs() < 1e-6);
        }
    }
}
