//! Where a candidate's record names skills.

use std::ops::Range;

use vivier_types::{Candidate, ConceptKey, Skill, concept_key};

use crate::clean::CleanCandidate;
use crate::key::match_key;
use crate::knowledge::Knowledge;
use crate::knowledge::fields::Field;
use crate::language::{SAMPLE_BYTES, detect_language};

/// A place of a record that names a skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillSpan {
    /// The field, such as `text` or `skills[3].name`.
    pub field: String,
    /// Bytes of the field.
    pub range: Range<usize>,
    /// What stands there.
    pub text: String,
}

/// Returns where a record names each of some skills, field by field: wherever a label of
/// the concept stands, or, for a skill that the ontology does not know, its name.
///
/// Places that hold a personal detail are none: they are read by nothing.
pub fn skill_spans(
    candidate: &Candidate,
    held: &[Skill],
    knowledge: &Knowledge,
) -> Vec<Vec<SkillSpan>> {
    let clean = CleanCandidate::of(candidate);
    let lang = candidate.lang.clone();
    let lang = lang.or_else(|| language_of(&clean.fields));
    let lang = lang.as_deref();
    let wanted: Vec<Wanted> = held.iter().map(Wanted::new).collect();
    let mut spans = vec![Vec::new(); held.len()];
    for (place, field) in &clean.skills {
        let keys = clean.record.skills.get(*place).map(|skill| {
            let reader = knowledge.esco();
            reader.map_or_else(Vec::new, |reader| reader.skills_named(skill, lang))
        });
        let (keys, name) = (keys.unwrap_or_default(), match_key(field.clean.text()));
        for (wanted, spans) in wanted.iter().zip(&mut spans) {
            let is_named = keys.iter().any(|key| Some(*key) == wanted.key);
            if is_named || name == wanted.name {
                spans.push(span(field, 0..field.clean.text().len()));
            }
        }
    }
    for field in clean.fields {
        let named = knowledge.esco().map(|reader| {
            let named = reader.skills_in(field.clean.text(), lang);
            named.into_iter().map(|named| (named.range, named.key))
        });
        let named: Vec<(Range<usize>, ConceptKey)> = named.into_iter().flatten().collect();
        for (wanted, spans) in wanted.iter().zip(&mut spans) {
            let mut ranges: Vec<Range<usize>> = named
                .iter()
                .filter(|(_, key)| Some(*key) == wanted.key)
                .map(|(range, _)| range.clone())
                .collect();
            if ranges.is_empty() {
                ranges = occurrences(field.clean.text(), &wanted.written);
            }
            spans.extend(ranges.into_iter().map(|range| span(&field, range)));
        }
    }
    spans
}

/// Returns the language of the running texts.
fn language_of(fields: &[Field<'_>]) -> Option<String> {
    let mut sample = String::new();
    for field in fields {
        if sample.len() >= SAMPLE_BYTES {
            break;
        }
        sample.push_str(field.clean.text());
        sample.push('\n');
    }
    detect_language(&sample).map(str::to_owned)
}

/// A skill that is looked for.
struct Wanted {
    key: Option<ConceptKey>,
    /// Its match key.
    name: String,
    /// Its name in small letters.
    written: String,
}

impl Wanted {
    fn new(skill: &Skill) -> Self {
        Self {
            key: skill.uri.as_deref().and_then(concept_key),
            name: match_key(&skill.name),
            written: skill.name.trim().to_lowercase(),
        }
    }
}

fn span(field: &Field<'_>, range: Range<usize>) -> SkillSpan {
    let (range, text) = field.at(range);
    SkillSpan {
        field: field.path.clone(),
        range,
        text: text.to_owned(),
    }
}

/// Returns where a name stands in a text as words of their own, in any case.
fn occurrences(text: &str, name: &str) -> Vec<Range<usize>> {
    if name.is_empty() {
        return Vec::new();
    }
    let stands = |start: usize| {
        let rest = text.get(start..)?;
        let mut letters = rest.char_indices();
        let mut wanted = name.chars();
        let end = loop {
            let Some(next) = wanted.next() else {
                break letters.next().map_or(text.len(), |(at, _)| start + at);
            };
            let (_, letter) = letters.next()?;
            let mut small = letter.to_lowercase();
            let same = small.next() == Some(next) && small.next().is_none();
            if !same {
                return None;
            }
        };
        Some(start..end)
    };
    let is_edge = |letter: Option<char>| !letter.is_some_and(char::is_alphanumeric);
    let mut before = None;
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, letter) in text.char_indices() {
        let is_free = found.last().is_none_or(|last| last.end <= at);
        if is_edge(before) && is_free {
            let range = stands(at);
            let after = |range: &Range<usize>| text.get(range.end..)?.chars().next();
            found.extend(range.filter(|range| is_edge(after(range))));
        }
        before = Some(letter);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_as_words_of_their_own() {
        let text = "SQL, MySQL and sql; É. SQLite (SQL)";
        let found: Vec<&str> = occurrences(text, "sql")
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(found, ["SQL", "sql", "SQL"]);
        assert_eq!(occurrences("C++ et C", "c++").len(), 1);
        assert!(occurrences("Rust", "").is_empty());
    }

    #[test]
    fn without_an_ontology_skills_are_found_by_name() {
        let candidate: Candidate = serde_json::from_str(
            r#"{"id":"c","skills":["Sourdough","Wine"],
                "text":"Anna Berg\nanna@berg.example\nBaker\nBaked sourdough and rye.",
                "experiences":[{"title":"Baker","text":"Sourdough bread."}]}"#,
        )
        .unwrap();
        let held = [Skill {
            name: "sourdough".to_owned(),
            uri: None,
        }];
        let spans = skill_spans(&candidate, &held, &Knowledge::default());
        let found: Vec<(&str, &str)> = spans[0]
            .iter()
            .map(|span| (span.field.as_str(), span.text.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("skills[0].name", "Sourdough"),
                ("text", "sourdough"),
                ("experiences[0].text", "Sourdough")
            ]
        );
        let at = &spans[0][1].range;
        assert_eq!(&candidate.text[at.clone()], "sourdough");
    }
}
