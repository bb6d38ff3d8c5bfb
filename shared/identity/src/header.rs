//! Finds what a CV tells of its person at the top, without labels: the name,
//! gender, age and civil status.
//!
//! Lines are read from the start until the first heading, a long line, or
//! enough lines that stay. Lines that go do not count, so that stripping twice
//! finds nothing new.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::finder::Found;
use crate::key::key;
use crate::kind::Kind;
use crate::name::{Certainty, Part, Word, certainty, words};
use crate::rule::compile;
use crate::rules::ALONE;

/// Most lines that stay among which a name with a known given name is looked
/// for, and a name in no list.
const SURE_LINES: usize = 6;
const LIKELY_LINES: usize = 2;

/// A line with more characters than this is no header.
const LONG_LINE: usize = 100;

/// Words that head what is no header, as lines of few words.
static HEADINGS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    "summary objective objectives experience experiences education skills highlights \
     accomplishments qualifications employment history languages certifications projects \
     overview about strengths competencies achievements career work training interests \
     experiences formation formations competences parcours objectif diplomes etudes \
     expertise technologies tools references projets certificats accroche apropos profile \
     profil technical key core areas activities"
        .split_ascii_whitespace()
        .collect()
});

/// Most words of a heading.
const HEADING_WORDS: usize = 4;

struct Alone {
    kind: Kind,
    pattern: Regex,
}

static ALONE_PATTERNS: LazyLock<Vec<Alone>> = LazyLock::new(|| {
    ALONE
        .iter()
        .map(|(kind, pattern)| Alone {
            kind: *kind,
            pattern: compile(&format!("^(?i:{pattern})$")),
        })
        .collect()
});

/// Finds the details of a header; `found` holds, in order, what rules found.
pub(crate) fn header(text: &str, found: &mut Vec<Found>) {
    let known: Vec<Range<usize>> = found.iter().map(|one| one.range.clone()).collect();
    let mut next = 0;
    let mut kept_lines = 0;
    let mut start = 0;
    while start < text.len() && kept_lines < SURE_LINES {
        let length = text[start..].find('\n');
        let line = start..length.map_or(text.len(), |length| start + length);
        start = line.end + 1;
        while next < known.len() && known[next].end <= line.start {
            next += 1;
        }
        let parts = parts(text, &line, &known[next..]);
        if is_heading(text, &parts) {
            break;
        }
        let untouched = known.get(next).is_none_or(|one| one.start >= line.end);
        if untouched
            && kept_lines < LIKELY_LINES
            && let Some(name) = turned_name(text, &parts)
        {
            found.push(name_at(name));
            continue;
        }
        let mut kept = 0;
        for (place, part) in parts.iter().enumerate() {
            let first = place == 0 || kept == 0;
            match personal(text, part, first.then_some(kept_lines)) {
                Some(one) => {
                    kept += letters(&text[one.range.end..part.end]);
                    found.push(one);
                }
                None => kept += letters(&text[part.clone()]),
            }
        }
        kept_lines += usize::from(kept > 0);
        if kept > LONG_LINE {
            break;
        }
    }
}

/// Finds the names that stand beside a title, such as "Marie Dupont, assistante";
/// only where a given name is in them, as titles have words of no list. `found`
/// holds, in order, what rules found.
pub(crate) fn title(text: &str, found: &mut Vec<Found>) {
    names_within(text, 0..text.len(), found);
}

/// Words that head the names of referees.
const REFEREES: [&str; 4] = ["reference", "references", "referee", "referees"];

/// Most words of a line that heads them, and most lines that follow it.
const REFEREE_WORDS: usize = 3;
const REFEREE_LINES: usize = 12;

/// Finds the names of referees below a heading such as "References", or behind it in its
/// line; only where a given name is in them. `found` holds, in order, what rules found.
pub(crate) fn referees(text: &str, found: &mut Vec<Found>) {
    let mut left = 0;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        if let Some(behind) = behind_heading(text, range.clone()) {
            left = REFEREE_LINES;
            names_within(text, behind, found);
        } else if left > 0 && !line.trim().is_empty() {
            let ends = is_heading(text, &parts(text, &range, &[]));
            left = if ends { 0 } else { left - 1 };
            if left > 0 && letters(line) <= LONG_LINE {
                names_within(text, range, found);
            }
        }
    }
}

/// Returns what follows, in a line, the words that head referees.
fn behind_heading(text: &str, line: Range<usize>) -> Option<Range<usize>> {
    let written = &text[line.clone()];
    let end = written.find(':').unwrap_or(written.len());
    let mut words = written[..end].split_whitespace();
    let heads = |word: &str| {
        let word = key(word.trim_matches(|sign: char| !sign.is_alphanumeric()));
        REFEREES.contains(&word.as_str())
    };
    let is_short = words.clone().nth(REFEREE_WORDS).is_none();
    (is_short && words.any(heads)).then_some(line.start + end..line.end)
}

/// Finds names with a given name in a part of a text.
fn names_within(text: &str, range: Range<usize>, found: &mut Vec<Found>) {
    let inside = found.iter().map(|one| one.range.clone());
    let known: Vec<Range<usize>> = inside.filter(|one| one.end > range.start).collect();
    for part in parts(text, &range, &known) {
        let words: Vec<Word> = words(text, part.clone()).collect();
        let is_name = words.len() > 1 && certainty(&words) == Certainty::Sure;
        let name = is_name.then_some(part).or_else(|| leading_name(&words));
        found.extend(name.map(name_at));
    }
}

fn name_at(range: Range<usize>) -> Found {
    Found {
        name: Some(range.clone()),
        ..Found::new(Kind::Name, range)
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Splits what no rule found of a line at signs; every part has a letter or
/// digit at both ends, but for a bracket or full stop.
fn parts(text: &str, line: &Range<usize>, known: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut done = line.start;
    for one in known.iter().take_while(|one| one.start < line.end) {
        if one.start > done {
            split(text, done..one.start, &mut parts);
        }
        done = done.max(one.end.min(line.end));
    }
    split(text, done..line.end, &mut parts);
    parts
}

/// Signs that part a line, with spaces around them or without.
const SIGNS: [char; 12] = ['|', '•', '·', '\t', ',', ';', '(', ')', '*', '~', '▪', '●'];
const SPACED_SIGNS: [char; 6] = ['-', '–', '—', '/', ':', '&'];

fn split(text: &str, range: Range<usize>, parts: &mut Vec<Range<usize>>) {
    let mut start = range.start;
    let mut spaces = 0;
    let mut letters = text[range.clone()].char_indices().peekable();
    let mut cut = |from: usize, to: usize| {
        let part = &text[from..to];
        let is_edge = |c: char| !(c.is_alphanumeric() || "[].'’".contains(c));
        let trimmed = part.trim_start_matches(is_edge);
        let from = to - trimmed.len();
        let to = from + trimmed.trim_end_matches(is_edge).len();
        if text[from..to].contains(char::is_alphanumeric) {
            parts.push(from..to);
        }
    };
    while let Some((at, letter)) = letters.next() {
        let at = range.start + at;
        let mut spaced = || letters.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends = SIGNS.contains(&letter)
            || (SPACED_SIGNS.contains(&letter) && (spaces > 0 || letter == ':') && spaced());
        if ends || (letter == ' ' && spaces > 0) {
            cut(start, at);
            start = at + letter.len_utf8();
        }
        spaces = if letter.is_whitespace() {
            spaces + 1
        } else {
            0
        };
    }
    cut(start, range.end);
}

fn is_heading(text: &str, parts: &[Range<usize>]) -> bool {
    let [part] = parts else {
        return false;
    };
    let mut words = text[part.clone()].split_whitespace();
    let known = |word: &str| HEADINGS.contains(key(word.trim_end_matches(':')).as_str());
    let last = words.clone().next_back().unwrap_or_default();
    let first = words.next().unwrap_or_default();
    (known(first) || known(last)) && words.count() < HEADING_WORDS
}

/// Returns the name of a line such as "Dupont, Marie".
fn turned_name(text: &str, parts: &[Range<usize>]) -> Option<Range<usize>> {
    let [family, given] = parts else {
        return None;
    };
    let shouts = |part: &Range<usize>| text[part.clone()].chars().all(char::is_uppercase);
    // "Springfield, IL" is a place.
    if given.len() <= 3 && shouts(given) && !shouts(family) {
        return None;
    }
    let one_comma = text[family.end..given.start].trim() == ",";
    let name = family.start..given.end;
    let words: Vec<Word> = words(text, name.clone()).collect();
    (one_comma && certainty(&words) != Certainty::No).then_some(name)
}

/// Returns the personal detail that a part of a line is or starts with;
/// `kept_lines` is known where no other part of its line stays before it.
fn personal(text: &str, part: &Range<usize>, kept_lines: Option<usize>) -> Option<Found> {
    let written = &text[part.clone()];
    let alone = ALONE_PATTERNS
        .iter()
        .find(|alone| alone.pattern.is_match(written));
    if let Some(alone) = alone {
        return Some(Found::new(alone.kind, part.clone()));
    }
    let words: Vec<Word> = words(text, part.clone()).collect();
    let name = match certainty(&words) {
        // One word alone can be a tool, so it must come first.
        Certainty::Sure
            if words.len() > 1 || kept_lines.is_some_and(|kept| kept < LIKELY_LINES) =>
        {
            Some(part.clone())
        }
        Certainty::Likely if kept_lines.is_some_and(|kept| kept < LIKELY_LINES) => {
            Some(part.clone())
        }
        Certainty::Sure | Certainty::Likely | Certainty::No => {
            kept_lines.and_then(|_| leading_name(&words))
        }
    }?;
    Some(name_at(name))
}

/// Returns the name before other words: "Marie Dupont Software Engineer".
fn leading_name(words: &[Word]) -> Option<Range<usize>> {
    let end = words.iter().position(|word| word.part == Part::Other)?;
    let end = end.min(3);
    let name = &words[..end];
    let has_given = name.iter().any(|word| word.part == Part::Given);
    let meant = name.iter().filter(|word| word.part.is_name()).count();
    let ends_well = name.last()?.part.is_name();
    (has_given && meant >= 2 && ends_well && certainty(name) == Certainty::Sure)
        .then(|| words[0].range.start..words[end - 1].range.end)
}
