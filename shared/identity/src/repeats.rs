//! Finds the repeats of the names that a CV gives of its person.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::finder::Found;
use crate::kind::Kind;
use crate::name::{Part, bare, capitalised, words};

/// Most names of one text whose repeats are looked for, and most words of them.
const MOST_WORDS: usize = 12;

/// Fewest letters of a word that is removed where it stands by itself.
const ALONE_CHARS: usize = 3;

/// Finds the words of `names` elsewhere in the text, written with a capital.
///
/// A word that is in no list of words goes wherever it stands; one that can
/// mean something else ("Cook") only next to another word of a name.
pub(crate) fn repeats(text: &str, names: &[Range<usize>], found: &mut Vec<Found>) {
    let mut alone = BTreeSet::new();
    let mut beside = BTreeSet::new();
    for name in names {
        for word in words(text, name.clone()) {
            let bare = bare(&text[word.range]);
            if bare.chars().count() < ALONE_CHARS || alone.len() + beside.len() >= MOST_WORDS {
                continue;
            }
            let forms = [bare.to_owned(), capitalised(bare), bare.to_uppercase()];
            match word.part {
                Part::Given | Part::Unknown => alone.extend(forms),
                Part::GivenOrWord | Part::FamilyOrWord => beside.extend(forms),
                Part::Initial | Part::Particle | Part::Other => {}
            }
        }
    }
    let mut hits: Vec<Range<usize>> = Vec::new();
    for form in &alone {
        hits.extend(occurrences(text, form));
    }
    hits.sort_unstable_by_key(|hit| hit.start);
    let mut near = Vec::new();
    for form in &beside {
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
        .filter(|(run, count)| *count > 1 || !is_in_another_name(text, run))
        .map(|(run, _)| Found::new(Kind::Name, run));
    found.extend(new);
}

/// Tells whether one word of a name has neighbours with capitals, as in
/// "John Deere".
fn is_in_another_name(text: &str, word: &Range<usize>) -> bool {
    let is_capital = |word: Option<&str>| {
        word.and_then(|word| word.chars().next())
            .is_some_and(char::is_uppercase)
    };
    let joins = |c: char| c == ' ' || c == '-' || c == '&';
    let after = text[word.end..].trim_start_matches(joins);
    let before = text[..word.start].trim_end_matches(joins);
    let before = before.rsplit(|c: char| !c.is_alphanumeric()).next();
    is_capital(Some(after)) || is_capital(before)
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

/// Tells whether only spaces, hyphens or one initial stand between a word and
/// one of the sorted hits.
fn touches(text: &str, word: &Range<usize>, hits: &[Range<usize>]) -> bool {
    let next = hits.partition_point(|hit| hit.start < word.start);
    let gap_before = next
        .checked_sub(1)
        .and_then(|last| text.get(hits[last].end..word.start));
    let gap_after = hits.get(next).and_then(|hit| text.get(word.end..hit.start));
    is_gap(gap_before) || is_gap(gap_after)
}

/// Tells whether a gap between two words can lie inside one name.
fn is_gap(gap: Option<&str>) -> bool {
    gap.is_some_and(|gap| {
        gap.len() <= 5
            && !gap.contains(['\n', ',', ';', '|'])
            && gap.chars().filter(|c| c.is_alphabetic()).count() <= 1
    })
}
