//! Finds the repeats of the names that a record gives.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::finder::Found;
use crate::forms::is_occupation;
use crate::kind::Kind;
use crate::name::{Part, bare, capitalised, words};

/// Most words of names whose repeats are looked for in one record.
const MOST_WORDS: usize = 24;

/// Fewest letters of a word that is removed where it stands by itself.
const ALONE_CHARS: usize = 3;

/// The words of the names in a record.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Words of no list, each in all its spellings.
    alone: BTreeSet<String>,
    /// Words that can mean something else.
    beside: BTreeSet<String>,
    words: usize,
}

impl Names {
    /// Tells whether no name was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// Adds the names that were found in a text, and tells whether one is new.
    pub(crate) fn learn(&mut self, text: &str, found: &[Found]) -> bool {
        let before = self.words;
        for name in found.iter().filter_map(|one| one.name.clone()) {
            for word in words(text, name) {
                let bare = bare(&text[word.range]);
                if bare.chars().count() < ALONE_CHARS || self.words >= MOST_WORDS {
                    continue;
                }
                let spellings = match word.part {
                    Part::Given | Part::Unknown => &mut self.alone,
                    Part::GivenOrWord | Part::FamilyOrWord => &mut self.beside,
                    Part::Initial | Part::Particle | Part::Other => continue,
                };
                let forms = [bare.to_owned(), capitalised(bare), bare.to_uppercase()];
                let mut is_new = false;
                for form in forms {
                    is_new |= spellings.insert(form);
                }
                self.words += usize::from(is_new);
            }
        }
        self.words > before
    }
}

/// Finds the words of names in a text, written with a capital.
///
/// A word that is in no list of words goes wherever it stands; one that can
/// mean something else ("Cook") only next to another word of a name. With
/// `spares_others` a word inside the name of something else, such as "John
/// Deere", stays.
pub(crate) fn repeats(text: &str, names: &Names, spares_others: bool, found: &mut Vec<Found>) {
    let mut hits: Vec<Range<usize>> = Vec::new();
    for form in &names.alone {
        hits.extend(occurrences(text, form));
    }
    hits.sort_unstable_by_key(|hit| hit.start);
    let mut near = Vec::new();
    for form in &names.beside {
        near.extend(occurrences(text, form).filter(|hit| touches(text, hit, &hits)));
    }
    hits.extend(near);
    hits.sort_unstable_by_key(|hit| hit.start);
    let mut runs: Vec<(Range<usize>, usize)> = Vec::new();
    for hit in hits {
        match runs.last_mut() {
            Some((run, count)) if is_gap(text.get(run.end..hit.start)) => {
                run.end = hit.end;
                *count += 1;
            }
            _ => runs.push((hit, 1)),
        }
    }
    let new = runs
        .into_iter()
        .filter(|(run, count)| *count > 1 || !spares_others || !is_in_another_name(text, run))
        .map(|(run, _)| Found::new(Kind::Name, run));
    found.extend(new);
}

/// Tells whether one word of a name has neighbours with capitals, as in
/// "John Deere", that are no occupation, as in "Infirmière Dupont".
fn is_in_another_name(text: &str, word: &Range<usize>) -> bool {
    let joins = |c: char| c == ' ' || c == '-' || c == '&';
    let inside = |c: char| !c.is_alphanumeric();
    let after = text[word.end..].trim_start_matches(joins);
    let before = text[..word.start].trim_end_matches(joins);
    let neighbours = [after.split(inside).next(), before.rsplit(inside).next()];
    neighbours
        .into_iter()
        .flatten()
        .any(|one| one.starts_with(char::is_uppercase) && !is_occupation(one))
}

/// Returns where a word stands by itself.
fn occurrences<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    text.match_indices(word).filter_map(move |(start, _)| {
        let end = start + word.len();
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        (!inside(before) && !inside(after)).then_some(start..end)
    })
}

/// Tells whether a word and one of the sorted hits can be one name.
fn touches(text: &str, word: &Range<usize>, hits: &[Range<usize>]) -> bool {
    let next = hits.partition_point(|hit| hit.start < word.start);
    let gap_before = next
        .checked_sub(1)
        .and_then(|last| text.get(hits[last].end..word.start));
    let gap_after = hits.get(next).and_then(|hit| text.get(word.end..hit.start));
    is_gap(gap_before) || is_gap(gap_after)
}

/// Tells whether a gap between two words can lie inside one name: spaces,
/// hyphens, one initial, or the comma of "Dupont, Marie".
fn is_gap(gap: Option<&str>) -> bool {
    gap.is_some_and(|gap| {
        gap == ", "
            || (gap.len() <= 5
                && !gap.contains(['\n', ',', ';', '|'])
                && gap.chars().filter(|c| c.is_alphabetic()).count() <= 1)
    })
}
