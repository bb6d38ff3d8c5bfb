//! Finds personal details by the words that announce them.
//!
//! The text is read once, word by word. Few words call a rule, so a table of
//! the first two letters turns most of them away.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use vivier_types::push_folded;

use crate::forms::{self, Agreement};
use crate::key::key;
use crate::kind::Kind;
use crate::lexicon::FORMS;
use crate::name::{Certainty, Part, Word, certainty, words};
use crate::rule::{Compiled, Place, RULES, Then};

/// A personal detail in a text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
    /// What is written in its place, if not nothing.
    pub(crate) instead: Option<String>,
    /// The name of a person.
    pub(crate) name: Option<Range<usize>>,
}

impl Found {
    pub(crate) fn new(kind: Kind, range: Range<usize>) -> Self {
        Self {
            range,
            kind,
            instead: None,
            name: None,
        }
    }
}

/// How far a rule looks ahead and back, in bytes.
const AHEAD_BYTES: usize = 240;
const BACK_BYTES: usize = 80;

/// Returns the start of the character at a byte.
pub(crate) fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What a word calls.
#[derive(Debug, Default)]
struct Call {
    rules: Vec<&'static Compiled>,
    form: Option<&'static str>,
}

struct Calls {
    by_word: HashMap<&'static str, Call>,
    /// Whether a word with these first two letters calls anything.
    starts: [bool; LETTERS * LETTERS],
    longest: usize,
}

/// Letters of the alphabet, and one place for the end of a word.
const LETTERS: usize = 27;

/// Returns the place of the first two letters of a key in the table.
fn start_of(key: &[u8]) -> Option<usize> {
    let place = |letter: Option<&u8>| match letter {
        Some(letter @ b'a'..=b'z') => Some(usize::from(letter - b'a')),
        Some(_) => None,
        None => Some(LETTERS - 1),
    };
    Some(place(key.first())? * LETTERS + place(key.get(1))?)
}

static CALLS: LazyLock<Calls> = LazyLock::new(|| {
    let mut by_word: HashMap<&'static str, Call> = HashMap::new();
    for rule in RULES.iter() {
        for word in rule.rule.words.split(' ') {
            by_word.entry(word).or_default().rules.push(rule);
        }
    }
    #[expect(clippy::iter_over_hash_type, reason = "the order changes nothing")]
    for (form, neutral) in FORMS.iter() {
        by_word.entry(form).or_default().form = Some(neutral);
    }
    let mut starts = [false; LETTERS * LETTERS];
    #[expect(clippy::iter_over_hash_type, reason = "the order changes nothing")]
    for word in by_word.keys() {
        if let Some(start) = start_of(word.as_bytes()) {
            starts[start] = true;
        }
    }
    let longest = by_word.keys().map(|word| word.len()).max();
    Calls {
        by_word,
        starts,
        longest: longest.unwrap_or_default(),
    }
});

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All personal details.
    Person,
    /// Gendered forms of occupations alone.
    Forms,
}

/// Finds what words announce.
pub(crate) fn announced(text: &str, scope: Scope, found: &mut Vec<Found>) {
    let calls = &*CALLS;
    let bytes = text.as_bytes();
    let mut spelt = String::new();
    let mut agreement = Agreement::default();
    let mut at = 0;
    while at < bytes.len() {
        if !is_letter(text, at) {
            at += 1;
            continue;
        }
        let end = word_end(text, at);
        spelt.clear();
        if end - at <= calls.longest * 2 {
            text[at..end]
                .chars()
                .for_each(|letter| push_folded(letter, &mut spelt));
        }
        let hit = start_of(spelt.as_bytes())
            .filter(|start| calls.starts[*start])
            .and_then(|_| calls.by_word.get(spelt.as_str()));
        let adjective = agreement.adjective(text, at..end, &spelt);
        let hit = answer(text, at..end, hit, scope).or(adjective);
        let next = hit.as_ref().map_or(end, |hit| hit.range.end.max(end));
        agreement.note(&text[at..end], &spelt, hit.as_ref(), next);
        at = next;
        found.extend(hit);
    }
}

/// Tells whether a letter starts at a byte.
fn is_letter(text: &str, at: usize) -> bool {
    let byte = text.as_bytes()[at];
    byte.is_ascii_alphabetic()
        || (byte >= 0xc0 && text[at..].chars().next().is_some_and(char::is_alphabetic))
}

/// Returns where the letters from `at` on end.
fn word_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    while end < bytes.len() && is_letter(text, end) {
        end += 1;
        while end < bytes.len() && bytes[end] & 0xc0 == 0x80 {
            end += 1;
        }
    }
    end
}

/// Finds what a word announces; `call` is what it calls, if anything.
fn answer(text: &str, word: Range<usize>, call: Option<&Call>, scope: Scope) -> Option<Found> {
    let rules = call.filter(|_| scope == Scope::Person);
    let mut rules = rules.into_iter().flat_map(|call| &call.rules);
    rules
        .find_map(|rule| apply(text, word.start, rule))
        .or_else(|| forms::mark(text, word.clone()))
        .or_else(|| forms::ending(text, word.clone()))
        .or_else(|| forms::neutral_form(text, word, call?.form?))
}

fn apply(text: &str, at: usize, compiled: &Compiled) -> Option<Found> {
    let rule = &compiled.rule;
    let back = &text[floor_boundary(text, at.saturating_sub(BACK_BYTES))..at];
    let mut start = at;
    match rule.place {
        Place::Anywhere => {}
        Place::Label => {
            if !is_label_place(text, at) {
                return None;
            }
        }
        Place::After(_) | Place::From(_) => {
            let before = compiled.before.as_ref()?.find(back)?;
            if matches!(rule.place, Place::From(_)) {
                start = at - (back.len() - before.start());
            }
        }
    }
    let ahead = &text[at..floor_boundary(text, at + AHEAD_BYTES)];
    let end = at + compiled.pattern.find(ahead)?.end();
    if let Some(unless) = &compiled.unless
        && unless.is_match(&text[end..floor_boundary(text, end + AHEAD_BYTES)])
    {
        return None;
    }
    let mut found = Found::new(rule.kind, start..end);
    match rule.then {
        Then::End => {}
        Then::OwnName => {
            let name = labelled_name(text, end)?;
            found.range.end = name.end;
            found.name = Some(name);
        }
        Then::Name => {
            let name = following_name(text, end)?;
            found.range.end = name.end;
            found.name = Some(name);
        }
    }
    Some(found)
}

/// Words after which a label can stand although no sign comes between.
const BEFORE_LABELS: [&str; 13] = [
    "details",
    "detail",
    "information",
    "informations",
    "info",
    "profile",
    "particulars",
    "data",
    "personal",
    "personnelles",
    "personnel",
    "civil",
    "hello",
];

/// Tells whether a label can start at `at`.
fn is_label_place(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', '\t', '\u{a0}']);
    let Some(last) = before.chars().next_back() else {
        return true;
    };
    if !last.is_alphanumeric() {
        return true;
    }
    let from = floor_boundary(before, before.len().saturating_sub(BACK_BYTES));
    let word = before[from..]
        .rsplit(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or_default();
    BEFORE_LABELS.contains(&key(word).as_str())
}

/// Most words of a name that is announced.
const ANNOUNCED_WORDS: usize = 6;

/// Signs that end the part of a line in which a name stands.
const PART_ENDS: [char; 9] = ['\n', '\r', '\t', '|', '•', ';', '(', '/', '·'];

/// Words that start the next label behind a name.
const NEXT_LABELS: [&str; 26] = [
    "father",
    "mother",
    "husband",
    "wife",
    "date",
    "gender",
    "sex",
    "sexe",
    "dob",
    "address",
    "adresse",
    "age",
    "nationality",
    "nationalite",
    "marital",
    "email",
    "e",
    "phone",
    "tel",
    "mobile",
    "birth",
    "prenom",
    "nom",
    "contact",
    "ne",
    "nee",
];

/// Returns the words of the part of a line that starts at `at`.
fn part_words(text: &str, at: usize) -> Vec<Word> {
    let part = &text[at..floor_boundary(text, at + AHEAD_BYTES)];
    let end = part.find(PART_ENDS).unwrap_or(part.len());
    let mut taken = Vec::new();
    for word in words(text, at..at + end).take(ANNOUNCED_WORDS + 1) {
        // A comma ends the part, but for "DUPONT, Marie".
        let ends = text[word.range.end..].starts_with([',', ':']) && !taken.is_empty();
        taken.push(word);
        if ends {
            break;
        }
    }
    taken
}

/// Returns the name of the person after a label such as "Name:".
fn labelled_name(text: &str, at: usize) -> Option<Range<usize>> {
    let words = part_words(text, at);
    let (name, rest) = leading_name(&words, ANNOUNCED_WORDS);
    let has_given = name.iter().any(|word| word.part == Part::Given);
    let next_label = rest.first().is_none_or(|word| {
        let plain = key(&text[word.range.clone()]);
        let plain = plain.split(|c: char| !c.is_alphabetic()).next();
        NEXT_LABELS.contains(&plain.unwrap_or_default())
    });
    let alone = matches!(name, [one] if one.part.is_name());
    let sure = certainty(name) != Certainty::No || alone;
    (sure && (has_given || next_label))
        .then(|| span(name))
        .flatten()
}

/// Words that show a name before them to be that of a place.
const NAMED_PLACES: [&str; 12] = [
    "college",
    "university",
    "school",
    "institute",
    "hospital",
    "award",
    "foundation",
    "polytechnic",
    "academy",
    "pageant",
    "center",
    "centre",
];

/// Returns the name after an honorific.
fn following_name(text: &str, at: usize) -> Option<Range<usize>> {
    let words = part_words(text, at);
    let (name, rest) = leading_name(&words, 3);
    let of_place = rest.first().is_some_and(|word| {
        let word = key(&text[word.range.clone()]);
        NAMED_PLACES.contains(&word.trim_end_matches(|c: char| !c.is_alphabetic()))
    });
    let has_name = name.iter().any(|word| word.part.is_name());
    (has_name && !of_place).then(|| span(name)).flatten()
}

/// Splits off the words at the start that can be one name, with at most `most`
/// words that carry it.
fn leading_name(words: &[Word], most: usize) -> (&[Word], &[Word]) {
    let mut end = 0;
    let mut meant = 0;
    for (place, word) in words.iter().enumerate() {
        if word.part == Part::Other || meant == most {
            break;
        }
        if word.part.is_name() {
            meant += 1;
        }
        if word.part != Part::Particle {
            end = place + 1;
        }
    }
    words.split_at(end)
}

fn span(words: &[Word]) -> Option<Range<usize>> {
    Some(words.first()?.range.start..words.last()?.range.end)
}
