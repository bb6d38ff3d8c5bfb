//! What a rule is: words that call it, where it may stand, and a pattern.

use std::sync::LazyLock;

use regex::Regex;

use crate::kind::Kind;

/// Where the word that calls a rule must stand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Anywhere.
    Anywhere,
    /// Where a label can stand: at the start of a line or after a sign.
    Label,
    /// After this pattern, which stays.
    After(&'static str),
    /// After this pattern, which goes too.
    From(&'static str),
}

/// What follows the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing: what the pattern matched goes.
    End,
    /// The person's name; label and name go, and the name's repeats.
    OwnName,
    /// A name; label and name go.
    Name,
}

/// A rule as it is written in a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    /// Words that call the rule, as [`crate::key::key`] writes them.
    pub(crate) words: &'static str,
    pub(crate) place: Place,
    /// What must stand at the word: a pattern without regard to case, in which
    /// the names of [`FRAGMENTS`] stand for patterns.
    pub(crate) pattern: &'static str,
    /// What must not follow.
    pub(crate) unless: Option<&'static str>,
    pub(crate) then: Then,
}

impl Rule {
    pub(crate) const fn new(kind: Kind, words: &'static str, pattern: &'static str) -> Self {
        Self {
            kind,
            words,
            place: Place::Anywhere,
            pattern,
            unless: None,
            then: Then::End,
        }
    }

    pub(crate) const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    pub(crate) const fn unless(self, pattern: &'static str) -> Self {
        Self {
            unless: Some(pattern),
            ..self
        }
    }

    pub(crate) const fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

/// Patterns that several rules share; later ones may use earlier ones.
const FRAGMENTS: [(&str, &str); 12] = [
    // The sign after a label.
    ("SEP", r"(?:[\s\u{a0}Â]*(?:[:=\-–—]|\.{2,}))+[\s\u{a0}Â]*"),
    ("GAP", r"[\s\u{a0}Â:=\-–—.]*"),
    // A label at the end of a line, without a value.
    ("NONE", r"[ \t\u{a0}]*:[ \t\u{a0}]*(?m:$)"),
    (
        "MONTH",
        r"(?:jan|feb|fev|fév|fre|mar|apr|avr|mai|may|jun|juin|jul|juil|aug|aou|aoû|sep|oct|nov|dec|déc)\p{L}{0,7}\.?",
    ),
    (
        "DATE",
        r"(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}\b|\d{1,2}(?:st|nd|rd|th|er)?(?:\s+of)?[\s\u{a0}Â,./-]*(?:MONTH|\d{1,2})[\s\u{a0}Â,./-]*(?:\d{4}|\d{2})\b|MONTH[\s,.-]*\d{1,2}\s?(?:st|nd|rd|th)?[\s,.-]*(?:\d{4}|\d{2})\b|MONTH\s+\d{4}\b|(?:19|20)\d\d\b)",
    ),
    (
        "SPOT",
        r"(?-i:\p{Lu}[\p{L}'’-]+(?:[ -](?:(?:de|du|la|le|les|sur|sous|en)[ -])?\p{Lu}[\p{L}'’-]+)?(?: ?\(\d{2,3}\)|,? \p{Lu}{2,3}\b|,? \(?\p{Lu}\p{Ll}+\)?)?)",
    ),
    (
        "AGE",
        r"\d{1,3}\s*-?\s*(?:years?(?:[ -]+old)?|yrs?|y\.\s?o\b\.?|ans|y/o)\b",
    ),
    (
        "FEW",
        r"(?:\d{1,2}|an?|one|two|three|four|five|six|seven|eight|nine|ten|un|une|deux|trois|quatre|cinq|sept|huit)",
    ),
    (
        "CHILD",
        r"(?:(?:young|small|little|adult|grown|beautiful|wonderful|great|jeunes?|petits?|grands?)\s+)?(?:child(?:ren)?|kids?|boys?|girls?|sons?|daughters?|enfants?|fils|filles?|gar[çc]ons?)\b(?:\s+à\s+charge)?",
    ),
    (
        "CHILDREN",
        r"(?:\s*[,;/+(&–-]?\s*(?:(?:with|and|avec|et)\s+)?(?:FEW\s+CHILD|no\s+(?:children|kids|child)\b|sans\s+enfants?\b|without\s+children\b)(?:\s*\([^)\n]{0,40}\))?\)?)",
    ),
    (
        "STATUS",
        r"(?:(?:un|re)?married|not\s+married|single|divorc[ée]e?d?|widow(?:ed|er)?|separated|engaged|bachelor|spinster|in\s+a\s+relationship|(?:civil|domestic)\s+partner(?:ship)?|mari[ée]e?|c[ée]libataire|veuf|veuve|pacs[ée]e?|concubinage|(?:en\s+)?union\s+libre|(?:vie\s+|en\s+)couple|s[ée]par[ée]e?|fianc[ée]e?|vie\s+maritale|en\s+couple)(?:\b|(?:\(e\)|\(ve\)))(?:\(e\)|/e\b|/ée\b|·e\b|\.e\b)?",
    ),
    ("PRONOUN", r"(?:he|she|him|hers|her|his|himself|herself)"),
];

/// Replaces the names of fragments by their patterns.
pub(crate) fn expand(pattern: &str) -> String {
    let mut pattern = pattern.to_owned();
    for (name, fragment) in FRAGMENTS.iter().rev() {
        pattern = pattern.replace(name, fragment);
    }
    pattern
}

/// Compiles a pattern of this crate.
#[expect(
    clippy::expect_used,
    reason = "patterns are constants and all are compiled in a test"
)]
pub(crate) fn compile(pattern: &str) -> Regex {
    Regex::new(&expand(pattern)).expect("a pattern of this crate is valid")
}

/// A rule with its patterns compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    pub(crate) pattern: Regex,
    pub(crate) before: Option<Regex>,
    pub(crate) unless: Option<Regex>,
}

impl Compiled {
    fn new(rule: Rule) -> Self {
        let before = match rule.place {
            Place::Anywhere | Place::Label => None,
            Place::After(before) | Place::From(before) => {
                Some(compile(&format!("(?i)(?:{before})$")))
            }
        };
        Self {
            pattern: compile(&format!("^(?i:{})", rule.pattern)),
            before,
            unless: rule
                .unless
                .map(|pattern| compile(&format!("^(?i:{pattern})"))),
            rule,
        }
    }
}

/// Every rule that a word calls.
pub(crate) static RULES: LazyLock<Vec<Compiled>> =
    LazyLock::new(|| crate::rules::all().map(Compiled::new).collect());
