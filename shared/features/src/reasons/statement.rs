//! What a reason says, before it is put into a language.

use vivier_types::{Language, LanguageLevel, Seniority};

use crate::salary::{PayMatch, YearlyPay};
use crate::spoken::Standing;

/// Most names listed in one sentence.
pub(super) const MAX_NAMES: usize = 8;

/// One fact about a pair, with all that its sentence needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    /// Of so many that are asked for; of those that are not required, the missing ones are
    /// left out.
    Skills {
        names: SkillNames,
        count: usize,
        asked: Asked,
    },
    Title {
        held: String,
        asked: String,
        likeness: TitleLikeness,
    },
    /// By the label of the occupation.
    SameOccupation(String),
    /// By the labels on the way from the occupation held to the one asked for.
    NearOccupation(Vec<String>),
    /// Whether remote work is accepted, for a job that is wholly remote.
    Remote(Option<bool>),
    /// The region of the job is one of those accepted, or is not.
    RegionAccepted {
        job: String,
        accepted: Vec<String>,
        inside: bool,
    },
    /// Where the person lives in the region of the job.
    SameRegion(String),
    OtherRegion {
        home: String,
        job: String,
    },
    /// Where the person lives in the town of the job.
    SamePlace(String),
    Distance {
        km: f64,
        /// Town or region of the job, when known.
        job: Option<String>,
        reach: Reach,
    },
    Language {
        asked: Language,
        standing: Standing,
    },
    Seniority {
        held: Seniority,
        years: Option<f32>,
        asked: Seniority,
    },
    Experience {
        held: f32,
        asked: f32,
    },
    /// Levels of the European Qualifications Framework.
    Education {
        held: u8,
        asked: u8,
    },
    Salary(PayMatch),
    /// Cosine of the texts, and whether it is high.
    TextLikeness {
        cosine: f32,
        is_close: bool,
    },
    /// Words that both texts have.
    SharedWords(Vec<String>),
}

/// How much a vacancy says that skills matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Required,
    Optional,
    /// Its text mentions them, and nothing lists them.
    Mentioned,
}

/// The skills asked for, by name, as they are met.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SkillNames {
    pub(super) matched: Vec<String>,
    /// The name asked for, and the labels on the way from what is held to it.
    pub(super) related: Vec<(String, Vec<String>)>,
    pub(super) missing: Vec<String>,
}

impl SkillNames {
    /// Returns how many are asked for.
    pub(super) fn count(&self) -> usize {
        self.matched.len() + self.related.len() + self.missing.len()
    }

    /// Returns the related ones with their ways, such as "SQL (MySQL → developer → SQL)".
    pub(super) fn ways(&self) -> Vec<String> {
        let ways = self.related.iter();
        ways.map(|(asked, path)| format!("{asked} ({})", path.join(" → ")))
            .collect()
    }
}

/// How alike a title held and the one asked for are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TitleLikeness {
    Same,
    Similar,
    Partly,
}

/// A distance against the radius that is accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reach {
    Within(f64),
    Beyond(f64),
    /// No radius is known, and the distance is short.
    Near,
    /// No radius is known, and the distance is long.
    Unknown,
}

/// How far a level held is from the one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    Same,
    Below(u8),
    Above(u8),
}

impl Gap {
    pub(super) fn of(held: u8, asked: u8) -> Self {
        match held.cmp(&asked) {
            std::cmp::Ordering::Equal => Self::Same,
            std::cmp::Ordering::Less => Self::Below(asked - held),
            std::cmp::Ordering::Greater => Self::Above(held - asked),
        }
    }
}

/// Returns how a level of the Common European Framework is written; `None` for a mother
/// tongue, which each language has a word for.
pub(super) fn level_code(level: LanguageLevel) -> Option<&'static str> {
    match level {
        LanguageLevel::A1 => Some("A1"),
        LanguageLevel::A2 => Some("A2"),
        LanguageLevel::B1 => Some("B1"),
        LanguageLevel::B2 => Some("B2"),
        LanguageLevel::C1 => Some("C1"),
        LanguageLevel::C2 => Some("C2"),
        LanguageLevel::Native => None,
    }
}

/// Whole years of experience as they are said; `None` for less than one.
pub(super) fn whole_years(years: f32) -> Option<String> {
    (years >= 1.0).then(|| format!("{:.0}", years.floor()))
}

/// Returns a sum of money without cents, its thousands set apart by `separator`.
pub(super) fn money(sum: f64, separator: char) -> String {
    let digits = format!("{sum:.0}");
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(separator);
        }
        written.push(digit);
    }
    written
}

/// Returns both ends of a range of pay, the second only when it differs.
pub(super) fn ends(pay: YearlyPay, separator: char) -> (Option<String>, Option<String>) {
    let written = |sum: Option<f64>| sum.map(|sum| money(sum, separator));
    let (min, max) = (written(pay.min), written(pay.max));
    if min == max { (None, max) } else { (min, max) }
}

/// Joins the first names, and says how many more there are by `more`.
pub(super) fn listed(names: &[String], more: fn(usize) -> String) -> String {
    let (shown, rest) = names.split_at(names.len().min(MAX_NAMES));
    let joined = shown.join(", ");
    if rest.is_empty() {
        joined
    } else {
        format!("{joined} {}", more(rest.len()))
    }
}
