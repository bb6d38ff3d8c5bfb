//! Strips a text until nothing personal is found in it.

use std::ops::Range;

use crate::contacts::contacts;
use crate::edit::{Edit, edits};
use crate::finder::{Found, Scope, announced};
use crate::header::header;
use crate::kind::Counts;
use crate::places::addresses;
use crate::repeats::repeats;
use crate::stripped::Stripped;

/// Most times that a text is read. A real text is read twice: once to find
/// what goes, and once to see that nothing new came together.
const MAX_PASSES: usize = 16;

/// How much of a text counts as its top, in bytes.
const TOP_BYTES: usize = 600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Cv,
    Field,
    Advert,
}

/// Strips the free text of a CV, whose first lines may be a header.
///
/// Stripping the result again changes nothing.
pub fn strip(text: &str) -> Stripped<'_> {
    strip_as(text, Reading::Cv)
}

/// Strips another text of a candidate, such as the story of one experience: as
/// [`strip`] does, but without looking for a header.
pub fn strip_field(text: &str) -> Stripped<'_> {
    strip_as(text, Reading::Field)
}

/// Strips a text that tells of no person, such as an advert: contacts go, and
/// gendered forms of occupations are written as in a candidate's text.
pub fn strip_advert(text: &str) -> Stripped<'_> {
    strip_as(text, Reading::Advert)
}

fn strip_as(text: &str, reading: Reading) -> Stripped<'_> {
    let mut stripped = Stripped::unchanged(text);
    let mut done: Vec<Edit> = Vec::new();
    let mut removed = Counts::default();
    for _ in 0..MAX_PASSES {
        let mut found = find(stripped.text(), reading);
        if found.is_empty() {
            break;
        }
        for one in &found {
            removed.count(one.kind);
        }
        let new = edits(stripped.text(), &mut found);
        done = merge(done, new, &stripped);
        stripped = Stripped::apply(text, &done, removed);
    }
    stripped
}

fn find(text: &str, reading: Reading) -> Vec<Found> {
    let mut found = Vec::new();
    contacts(text, &mut found);
    if reading == Reading::Advert {
        announced(text, Scope::Forms, &mut found);
        return found;
    }
    announced(text, Scope::Person, &mut found);
    let top_end = if reading == Reading::Cv { TOP_BYTES } else { 0 };
    addresses(text, top_end, &mut found);
    if reading == Reading::Cv {
        found.sort_by_key(|one| one.range.start);
        header(text, &mut found);
    }
    let names: Vec<Range<usize>> = found.iter().filter_map(|one| one.name.clone()).collect();
    if !names.is_empty() {
        repeats(text, &names, &mut found);
        drop_repeated_counts(&mut found);
    }
    found
}

/// Keeps of two details with one start the longer, so that a name that is found
/// as its own repeat counts once.
fn drop_repeated_counts(found: &mut Vec<Found>) {
    found.sort_by_key(|one| (one.range.start, std::cmp::Reverse(one.range.end)));
    let mut end = 0;
    found.retain(|one| {
        let inside = one.range.end <= end;
        end = end.max(one.range.end);
        !inside
    });
}

/// Adds the edits of the clean text to those of the original.
fn merge(done: Vec<Edit>, new: Vec<Edit>, stripped: &Stripped<'_>) -> Vec<Edit> {
    if done.is_empty() {
        return new;
    }
    let mut all = done;
    for edit in new {
        all.push(Edit {
            range: stripped.original_range(edit.range),
            instead: edit.instead,
        });
    }
    // Of two that overlap the later finding covers the earlier one.
    let mut order: Vec<(usize, Edit)> = all.into_iter().enumerate().collect();
    order.sort_by_key(|(age, edit)| (edit.range.start, edit.range.end, *age));
    let mut merged: Vec<(usize, Edit)> = Vec::with_capacity(order.len());
    for (age, edit) in order {
        match merged.last_mut() {
            Some((last_age, last)) if edit.range.start < last.range.end => {
                last.range.end = last.range.end.max(edit.range.end);
                if age > *last_age {
                    *last_age = age;
                    last.instead = edit.instead;
                }
            }
            _ => merged.push((age, edit)),
        }
    }
    merged.into_iter().map(|(_, edit)| edit).collect()
}

#[cfg(test)]
#[path = "strip/tests.rs"]
mod tests;
