//! Strips a text until nothing personal is found in it.

use crate::contacts::contacts;
use crate::edit::{Edit, edits};
use crate::finder::{Found, Scope, announced};
use crate::header::{header, referees, title};
use crate::kind::Counts;
use crate::places::addresses;
use crate::repeats::{Names, repeats};
use crate::stripped::Stripped;

/// Most times that a text is read. A real text is read twice: once to find
/// what goes, and once to see that nothing new came together.
const MAX_PASSES: usize = 16;

/// How much of a text counts as its top, in bytes.
const TOP_BYTES: usize = 600;

/// What a text is, which says how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The free text of a CV, whose first lines may be a header.
    Cv,
    /// A title of a candidate, in which a name can stand beside it.
    Title,
    /// Another text of a candidate, such as the story of one experience.
    Field,
    /// A text that tells of no person, such as an advert: contacts go, and
    /// gendered forms of occupations are written as in a candidate's text.
    Advert,
}

/// Strips the free text of a CV ([`Reading::Cv`]).
///
/// Stripping the result again changes nothing.
pub fn strip(text: &str) -> Stripped<'_> {
    strip_one(text, Reading::Cv)
}

/// Strips another text of a candidate ([`Reading::Field`]).
pub fn strip_field(text: &str) -> Stripped<'_> {
    strip_one(text, Reading::Field)
}

/// Strips a text that tells of no person ([`Reading::Advert`]).
pub fn strip_advert(text: &str) -> Stripped<'_> {
    strip_one(text, Reading::Advert)
}

fn strip_one(text: &str, reading: Reading) -> Stripped<'_> {
    let one = strip_record(&[(reading, text)]).pop();
    one.unwrap_or_else(|| Stripped::unchanged(text))
}

/// Strips the texts of one record, in their order: a name that one of them gives
/// goes from all of them.
///
/// Stripping the results again, all together or one by one, changes nothing.
pub fn strip_record<'a>(texts: &[(Reading, &'a str)]) -> Vec<Stripped<'a>> {
    let mut all: Vec<Progress<'a>> = texts.iter().copied().map(Progress::new).collect();
    let mut names = Names::default();
    for _ in 0..MAX_PASSES {
        let mut has_new = false;
        for one in &mut all {
            one.look();
            has_new |= names.learn(one.stripped.text(), &one.found);
        }
        for one in &mut all {
            one.look_for(&names, has_new);
            one.remove();
        }
        if all.iter().all(|one| one.is_clean) {
            break;
        }
    }
    all.into_iter().map(|one| one.stripped).collect()
}

/// A text on its way.
struct Progress<'a> {
    reading: Reading,
    original: &'a str,
    stripped: Stripped<'a>,
    edits: Vec<Edit>,
    removed: Counts,
    found: Vec<Found>,
    /// Whether the text was read and nothing was found.
    is_clean: bool,
}

impl<'a> Progress<'a> {
    fn new((reading, original): (Reading, &'a str)) -> Self {
        Self {
            reading,
            original,
            stripped: Stripped::unchanged(original),
            edits: Vec::new(),
            removed: Counts::default(),
            found: Vec::new(),
            is_clean: false,
        }
    }

    /// Finds what the text tells by itself.
    fn look(&mut self) {
        if !self.is_clean {
            self.found = find(self.stripped.text(), self.reading);
        }
    }

    /// Finds names of the record; a clean text is read again only for new ones.
    fn look_for(&mut self, names: &Names, has_new: bool) {
        if self.reading != Reading::Advert && (has_new || !self.is_clean) {
            let spares_others = self.reading != Reading::Title;
            repeats(self.stripped.text(), names, spares_others, &mut self.found);
            if !names.is_empty() {
                drop_repeated_counts(&mut self.found);
            }
        }
    }

    /// Takes out what was found.
    fn remove(&mut self) {
        self.is_clean = self.found.is_empty();
        if self.is_clean {
            return;
        }
        for one in &self.found {
            self.removed.count(one.kind);
        }
        let new = edits(self.stripped.text(), &mut self.found);
        self.edits = merge(std::mem::take(&mut self.edits), new, &self.stripped);
        self.stripped = Stripped::apply(self.original, &self.edits, self.removed);
        self.found.clear();
    }
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
    found.sort_by_key(|one| one.range.start);
    match reading {
        Reading::Title => title(text, &mut found),
        Reading::Cv | Reading::Field => referees(text, &mut found),
        Reading::Advert => {}
    }
    if reading == Reading::Cv {
        found.sort_by_key(|one| one.range.start);
        header(text, &mut found);
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
