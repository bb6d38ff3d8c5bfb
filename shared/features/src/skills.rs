//! Which of the skills asked for are held.
//!
//! Two skills are the same when they share an ESCO concept, or when their
//! names have the same [`crate::match_key`].

use std::collections::HashMap;

use vivier_types::Skill;

use crate::key::push_key;

/// A list of skills, repetitions dropped, in which others are looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct SkillSet<'a> {
    distinct: Vec<&'a Skill>,
    by_key: HashMap<String, usize>,
    by_uri: HashMap<&'a str, usize>,
}

impl<'a> SkillSet<'a> {
    /// Indexes a list; blank names without a concept are left out.
    pub(crate) fn new(skills: &'a [Skill]) -> Self {
        let mut set = Self::default();
        let mut key = String::new();
        for skill in skills {
            let known = set.find(skill, &mut key);
            if known.is_none() && key.is_empty() && skill.uri.is_none() {
                continue;
            }
            let place = known.unwrap_or_else(|| {
                set.distinct.push(skill);
                set.distinct.len() - 1
            });
            if !key.is_empty() {
                set.by_key.entry(key.clone()).or_insert(place);
            }
            if let Some(uri) = &skill.uri {
                set.by_uri.entry(uri).or_insert(place);
            }
        }
        set
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.distinct.is_empty()
    }

    /// Finds a skill; `key` is scratch space and holds the skill's key after.
    fn find(&self, skill: &Skill, key: &mut String) -> Option<usize> {
        key.clear();
        push_key(&skill.name, key);
        let by_uri = skill.uri.as_deref().and_then(|uri| self.by_uri.get(uri));
        by_uri.or_else(|| self.by_key.get(key.as_str())).copied()
    }

    /// Tells, for each distinct skill of this list, whether `held` has it.
    fn found_in(&self, held: &[Skill]) -> Vec<bool> {
        let mut found = vec![false; self.distinct.len()];
        let mut key = String::new();
        for skill in held {
            if let Some(place) = self.find(skill, &mut key) {
                found[place] = true;
            }
        }
        found
    }

    /// Returns the share of this list that `held` has, `None` when either is
    /// empty.
    pub(crate) fn share_held(&self, held: &[Skill]) -> Option<f32> {
        if held.is_empty() || self.is_empty() {
            return None;
        }
        let count = self
            .found_in(held)
            .into_iter()
            .filter(|found| *found)
            .count();
        Some(count as f32 / self.distinct.len() as f32)
    }

    /// Splits this list into what `held` has and what it lacks.
    pub(crate) fn split_by(&self, held: &[Skill]) -> (Vec<&'a Skill>, Vec<&'a Skill>) {
        let found = self.found_in(held);
        let paired = self.distinct.iter().copied().zip(found);
        let (has, lacks): (Vec<_>, Vec<_>) = paired.partition(|(_, found)| *found);
        let skills =
            |list: Vec<(&'a Skill, bool)>| list.into_iter().map(|(skill, _)| skill).collect();
        (skills(has), skills(lacks))
    }
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

    #[test]
    fn names_and_concepts_match() {
        let asked = skills(&["Rust", "Node.js", "Baking|u1", "Go"]);
        let held = skills(&["rust", "node JS", "Boulangerie|u1", "C"]);
        let set = SkillSet::new(&asked);
        assert_eq!(set.share_held(&held), Some(0.75));
        let (has, lacks) = set.split_by(&held);
        assert_eq!(has.len(), 3);
        assert_eq!(lacks[0].name, "Go");
    }

    #[test]
    fn nothing_asked_or_nothing_known_is_unknown() {
        let (some, none) = (skills(&["Rust"]), skills(&[]));
        assert_eq!(SkillSet::new(&none).share_held(&some), None);
        assert_eq!(SkillSet::new(&some).share_held(&none), None);
        assert_eq!(SkillSet::new(&skills(&["-"])).share_held(&some), None);
        assert_eq!(SkillSet::new(&some).share_held(&skills(&["Go"])), Some(0.0));
    }

    #[test]
    fn repetitions_count_once() {
        let asked = skills(&["Rust", "RUST", "Go|u", "golang|u", "C"]);
        assert_eq!(
            SkillSet::new(&asked).share_held(&skills(&["go|u"])),
            Some(1.0 / 3.0)
        );
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
            let share = SkillSet::new(&asked).share_held(&list(&held)).unwrap();
            prop_assert!((share - count as f32 / distinct.len() as f32).abs() < 1e-6);
        }
    }
}
