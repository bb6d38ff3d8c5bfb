//! Place names in running text.
//!
//! Every run of words that is a name in the gazetteer is a possible mention; the longest
//! is tried first. What else must speak for it depends on the name:
//!
//! - A postcode, or an area that has such a place, next to it is enough for any name:
//!   "Reading, PA", "69003 Lyon", "Nice (06)".
//! - A name that is also a word or a personal name ("Reading", "Nice", "Orange") needs a
//!   capital and a cue before it ("in", "à"), no other capital after it, and a file that
//!   says its inhabitants.
//! - A French commune of which no file says the inhabitants needs "à" before it, or three
//!   words with hyphens.
//! - A name that a place has besides its own needs a cue, five letters and 100,000
//!   inhabitants.
//! - Other names of towns need a capital and either a cue or 100,000 inhabitants, and
//!   must not be part of a longer name ("Boston Consulting Group").
//! - A name in small letters needs a cue and 200,000 inhabitants.

use std::ops::Range;

use crate::draft::arrondissement;
use crate::gazetteer::Gazetteer;
use crate::lookup::Candidate;
use crate::names::Use;
use crate::ordinary::{is_hardly_a_place, is_ordinary};
use crate::place::Kind;
use crate::resolve::Resolution;
use crate::scan::{Cue, Scan};

/// Words of the longest name that is looked for.
const MOST_WORDS: usize = 7;

/// Inhabitants of a town that is known without more being said.
const LARGE: u32 = 100_000;

/// Inhabitants of a town that is known by a name in small letters, or in capitals only.
const VERY_LARGE: u32 = 200_000;

/// A place name in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention<'g> {
    /// Where it stands, in bytes; with its postcode and the areas behind it.
    pub range: Range<usize>,
    /// What it names; never unknown.
    pub resolution: Resolution<'g>,
}

/// A run of words that is a name.
struct Name<'s, 'g> {
    first: usize,
    last: usize,
    folded: &'s str,
    candidates: Vec<Candidate<'g>>,
}

impl Gazetteer {
    /// Finds the place names in a running text, in order, without overlaps. Those that
    /// several places bear are reported as ambiguous.
    ///
    /// Made to be right rather than complete: a small town that is only named, without a
    /// cue, is passed over.
    pub fn mentions(&self, text: &str) -> Vec<Mention<'_>> {
        let scan = Scan::new(text);
        let mut found = Vec::new();
        let mut folded = String::new();
        let mut at = 0;
        while at < scan.len() {
            let starts = scan.is_capital(at) || scan.cue(at) == Cue::Strong;
            let mention = starts.then(|| self.mention_at(&scan, at, &mut folded));
            match mention.flatten() {
                Some((mention, next)) => {
                    found.push(mention);
                    at = next;
                }
                None => at += 1,
            }
        }
        found
    }

    /// Returns the mention that begins with a word, and the word after it.
    fn mention_at<'g>(
        &'g self,
        scan: &Scan<'_>,
        first: usize,
        folded: &mut String,
    ) -> Option<(Mention<'g>, usize)> {
        folded.clear();
        let mut ends = [0; MOST_WORDS];
        let mut count = 0;
        for (offset, end) in ends.iter_mut().enumerate() {
            if first + offset >= scan.len()
                || scan.fold_next(first + offset, first, folded).is_none()
            {
                break;
            }
            *end = folded.len();
            count = offset + 1;
        }
        for offset in (0..count).rev() {
            let name = folded.get(..*ends.get(offset)?)?;
            let last = first + offset;
            let capital = scan.is_capital(last) || scan.is_capital(first);
            let candidates = match arrondissement(name) {
                Some(_) => self.spelled(name),
                None => self.named(name),
            };
            if candidates.is_empty() || (offset > 0 && !capital) {
                continue;
            }
            let name = Name {
                first,
                last,
                folded: name,
                candidates,
            };
            if let Some(found) = self.judge(scan, &name) {
                return Some(found);
            }
        }
        None
    }

    /// Returns the mention when enough speaks for it.
    fn judge<'g>(&'g self, scan: &Scan<'_>, name: &Name<'_, 'g>) -> Option<(Mention<'g>, usize)> {
        let capital = scan.is_capital(name.first);
        if capital && let Some(found) = self.with_area(scan, name) {
            return Some(found);
        }
        if !speaks_for_itself(scan, name) {
            return None;
        }
        let resolution = self.settle(&name.candidates);
        let range = scan.range(name.first).start..scan.end(name.first, name.last);
        (resolution != Resolution::Unknown)
            .then_some((Mention { range, resolution }, name.last + 1))
    }

    /// Returns the mention when a postcode or an area next to it confirms it.
    fn with_area<'g>(
        &'g self,
        scan: &Scan<'_>,
        name: &Name<'_, 'g>,
    ) -> Option<(Mention<'g>, usize)> {
        let mut left = name.candidates.clone();
        if is_ordinary(name.folded) {
            left.retain(|one| one.usage == Use::Chief);
        }
        let mut range = scan.range(name.first).start..scan.end(name.first, name.last);
        let mut last = name.last;
        let before = name
            .first
            .checked_sub(1)
            .filter(|_| scan.gap_before(name.first) == " ");
        if let Some(before) = before
            && let Some(here) = self.at_postcode(scan.word(before), &left)
        {
            left = here;
            range.start = scan.range(before).start;
        }
        // "Richmond, VA, USA", "Lyon (69003)", "Paris France"
        while let Some((here, end)) = self.area_behind(scan, last, &left) {
            let (first, opens) = (last + 1, scan.gap(last) == " (");
            left = here;
            last = end;
            range.end = scan.end(first, end);
            let behind = scan.text.get(range.end..).unwrap_or_default();
            if opens && behind.starts_with(')') {
                range.end += 1;
            }
        }
        let confirmed = last > name.last || range.start < scan.range(name.first).start;
        if !confirmed {
            return self.with_letters(scan, name);
        }
        let resolution = self.settle_within(&left);
        (resolution != Resolution::Unknown).then_some((Mention { range, resolution }, last + 1))
    }

    /// Returns the region whose letters follow a name that no place there bears: of
    /// "Hollywood, MD" Maryland is known.
    fn with_letters<'g>(
        &'g self,
        scan: &Scan<'_>,
        name: &Name<'_, 'g>,
    ) -> Option<(Mention<'g>, usize)> {
        let next = name.last + 1;
        let letters = scan.word(next);
        let stated = scan.gap(name.last) == ", " && letters.len() == 2;
        if !stated || is_ordinary(name.folded) || scan.is_all_capitals(name.last) {
            return None;
        }
        let usage = Use::Chief;
        let regions = self.regions_of_letters(letters);
        let regions: Vec<_> = regions.map(|place| Candidate { place, usage }).collect();
        let resolution = self.settle_within(&regions);
        let range = scan.range(name.first).start..scan.range(next).end;
        (resolution != Resolution::Unknown).then_some((Mention { range, resolution }, next + 1))
    }

    /// Returns those candidates that have a postcode or lie in its département.
    fn at_postcode<'g>(
        &'g self,
        text: &str,
        candidates: &[Candidate<'g>],
    ) -> Option<Vec<Candidate<'g>>> {
        if text.len() != 5 {
            return None;
        }
        let postcode: u32 = text.parse().ok()?;
        let here: Vec<_> = self.of_postcode(postcode).map(|place| place.id).collect();
        let mut found: Vec<Candidate<'g>> = candidates.to_vec();
        found.retain(|one| here.contains(&one.place.id));
        if found.is_empty() {
            let departement = self.departement_of(text)?;
            found = candidates.to_vec();
            found.retain(|one| self.within(one.place, departement));
        }
        Some(found).filter(|found| !found.is_empty())
    }

    /// Returns those candidates that lie in the area behind a word, and the last word of
    /// that area.
    fn area_behind<'g>(
        &'g self,
        scan: &Scan<'_>,
        last: usize,
        candidates: &[Candidate<'g>],
    ) -> Option<(Vec<Candidate<'g>>, usize)> {
        let (gap, first) = (scan.gap(last), last + 1);
        if !matches!(gap, ", " | "," | ",\n" | " (" | " " | " - ") || first >= scan.len() {
            return None;
        }
        let number = scan.word(first);
        if gap == " (" && number.len() <= 5 && number.starts_with(|one: char| one.is_ascii_digit())
        {
            let found = match number.len() {
                5 => self.at_postcode(number, candidates)?,
                _ => {
                    let departement = self.departement_of(number)?;
                    let inside = |one: &&Candidate<'_>| self.within(one.place, departement);
                    candidates.iter().filter(inside).copied().collect()
                }
            };
            return Some((found, first)).filter(|(found, _)| !found.is_empty());
        }
        if !scan.is_capital(first) {
            return None;
        }
        for end in (first..(first + 4).min(scan.len())).rev() {
            let range = scan.range(first).start..scan.range(end).end;
            let text = scan.text.get(range)?;
            // "VA", "N.J"
            let letters = text.replace('.', "");
            let short = letters.len() <= 3;
            let capitals = letters.bytes().all(|byte| byte.is_ascii_uppercase());
            let broken = (first..end).any(|word| !matches!(scan.gap(word), " " | "-" | "'" | "."));
            if broken || (short && !capitals) {
                continue;
            }
            let areas = self.areas(if short { &letters } else { text });
            if areas.is_empty() {
                continue;
            }
            let inside = self.inside(candidates, &areas);
            // The area must be larger than the name before it: "Paris, Paris".
            let is_area =
                |one: &Candidate<'_>| areas.iter().any(|area| area.place.id == one.place.id);
            let inside: Vec<_> = inside.iter().filter(|one| !is_area(one)).copied().collect();
            if !inside.is_empty() {
                return Some((inside, end));
            }
        }
        None
    }
}

/// Tells whether a name is a place without an area next to it.
fn speaks_for_itself(scan: &Scan<'_>, name: &Name<'_, '_>) -> bool {
    let (first, last) = (name.first, name.last);
    let words = last - first + 1;
    let letters = name.folded.len();
    let area = |one: &Candidate<'_>| one.place.kind < Kind::City;
    let is_area = name.candidates.iter().any(area);
    // "en" stands before areas and a thousand other things, but not before towns.
    let cue = match scan.cue(first) {
        Cue::Strong if !is_area && scan.follows_en(first) => Cue::None,
        cue @ (Cue::None | Cue::Weak | Cue::Strong) => cue,
    };
    // "University City" is a town, and what is left of a letterhead.
    if letters < 3
        || is_hardly_a_place(name.folded)
        || name.folded == "university city"
        || scan.is_cut(first, words)
    {
        return false;
    }
    if scan.is_capital(first) && arrondissement(name.folded).is_some() {
        return true;
    }
    let alone = !scan.goes_on(last) && !scan.has_begun(first);
    let capital = scan.is_capital(first) && !(scan.is_all_capitals(first) && letters < 4);
    let hyphens = words >= 3 && scan.gap(first) == "-";
    let own = |one: &&Candidate<'_>| one.usage == Use::Chief || one.place.kind < Kind::City;
    let inhabitants = |one: &Candidate<'_>| one.place.population.unwrap_or_default();
    let largest = name.candidates.iter().filter(own).map(inhabitants).max();
    let Some(largest) = largest else {
        let largest = name.candidates.iter().map(inhabitants).max();
        let known = largest >= Some(LARGE) && letters >= 5 && cue == Cue::Strong;
        return capital && alone && known && !is_ordinary(name.folded);
    };
    let departement = |one: &Candidate<'_>| one.place.kind == Kind::Departement;
    if is_ordinary(name.folded) || name.candidates.iter().all(departement) {
        let sure = hyphens && name.candidates.iter().all(departement);
        let shouted = scan.is_all_capitals(first);
        let known = largest > 0 && cue == Cue::Strong && alone && !shouted;
        return capital && (known || sure);
    }
    if !capital {
        return cue == Cue::Strong && largest >= VERY_LARGE && letters >= 4;
    }
    if largest == 0 {
        return (scan.french_cue(first) && alone && letters >= 4) || hyphens;
    }
    if scan.is_all_capitals(first) && cue == Cue::None {
        return alone && largest >= VERY_LARGE && letters >= 5;
    }
    if words == 1 && !alone {
        return cue == Cue::Strong && largest >= VERY_LARGE && !scan.has_begun(first);
    }
    cue >= Cue::Weak || largest >= LARGE || is_area
}
