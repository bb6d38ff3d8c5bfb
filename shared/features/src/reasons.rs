//! Reasons that a recruiter can check, in plain sentences.
//!
//! A reason says only what both profiles say. It names skills, titles, places,
//! levels: never anything that tells who the person is. What is unknown gives
//! no reason.

use vivier_types::{Location, ProfileKind, Skill, Summary};

use crate::pair::{Feature, Hit, Query};
use crate::place::{ASSUMED_RADIUS_KM, Basis, PlaceFit, judge};
use crate::seniority::{name, step};
use crate::skills::SkillSet;
use crate::spoken::{Standing, language_name, level_name, standings};

/// Most names listed in one sentence.
const MAX_NAMES: usize = 8;

/// Text likeness from which it speaks for a pair.
const CLOSE_TEXT: f32 = 0.5;

/// Whether a reason speaks for the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// Speaks for it.
    For,
    /// Neither.
    Neutral,
    /// Speaks against it.
    Against,
}

/// Language of the reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasonLanguage {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

impl ReasonLanguage {
    /// Returns its code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Finds a language by its code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::English, Self::French]
            .into_iter()
            .find(|language| language.code() == code)
    }
}

/// One statement about a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The feature that it puts into words.
    pub feature: Feature,
    /// One sentence, two when something is missing.
    pub text: String,
    /// Whether it speaks for the pair.
    pub polarity: Polarity,
    /// What it rests on, such as the names of the matched skills.
    pub evidence: Vec<String>,
    /// How each skill asked for is met: reasons about skills only.
    pub skills: Vec<SkillEvidence>,
}

/// How one skill that a vacancy asks for is met by a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct SkillEvidence {
    /// The skill asked for.
    pub asked: Skill,
    /// The candidate's skill that is nearest to it; `None` when none is near.
    pub held: Option<Skill>,
    /// 1 for the same skill, `exp(-0.7 x steps)` on ESCO's graph for a near one, 0 when it
    /// is missing.
    pub similarity: f32,
    /// The way through ESCO from the skill held to the one asked for, both included, by
    /// labels; empty unless the skill is near.
    pub path: Vec<String>,
}

impl Query<'_> {
    /// Returns what can be said about a pair, in the order: required skills,
    /// title, place, languages, seniority, optional skills, likeness of the
    /// texts. A scorer's caller may put the strongest first.
    pub fn explain(&self, hit: &Hit<'_>, _language: ReasonLanguage) -> Vec<Reason> {
        let (candidate, vacancy) = self.sides(hit);
        let mut reasons = Vec::new();
        reasons.extend(required_skills(candidate, vacancy));
        reasons.extend(self.title(hit));
        reasons.extend(judge(candidate, vacancy).map(|fit| place(candidate, vacancy, fit)));
        reasons.extend(languages(candidate, vacancy));
        reasons.extend(seniority(candidate, vacancy));
        reasons.extend(optional_skills(candidate, vacancy));
        reasons.extend(text_likeness(self.features(hit).get(Feature::FacetText)));
        reasons
    }

    fn title(&self, hit: &Hit<'_>) -> Option<Reason> {
        let closest = self.closest_titles(hit.summary)?;
        let (candidate, vacancy) = self.sides(hit);
        let (held, asked) = match self.kind() {
            ProfileKind::Candidate => (closest.here, closest.there),
            ProfileKind::Vacancy => (closest.there, closest.here),
        };
        let (held, asked) = (candidate.titles.get(held)?, vacancy.titles.get(asked)?);
        if closest.likeness <= 0.0 {
            return None;
        }
        let (text, polarity) = if closest.likeness >= 0.99 {
            (
                format!("Has held the title asked for: {held}."),
                Polarity::For,
            )
        } else if closest.likeness >= 0.5 {
            (
                format!("Has held a similar title: {held}, for {asked}."),
                Polarity::For,
            )
        } else {
            (
                format!("Has held a partly similar title: {held}, for {asked}."),
                Polarity::Neutral,
            )
        };
        Some(Reason {
            feature: Feature::TitleOverlap,
            text,
            polarity,
            evidence: vec![held.clone(), asked.clone()],
            skills: Vec::new(),
        })
    }
}

fn required_skills(candidate: &Summary, vacancy: &Summary) -> Option<Reason> {
    let asked = SkillSet::new(&vacancy.skills);
    let share = asked.share_held(&candidate.skills)?;
    let (has, lacks) = asked.split_by(&candidate.skills);
    let (has, lacks) = (names(&has), names(&lacks));
    let count = has.len() + lacks.len();
    let noun = if count == 1 { "skill" } else { "skills" };
    let text = if has.is_empty() {
        format!(
            "Lists none of the {count} required {noun}: {}.",
            listed(&lacks)
        )
    } else if lacks.is_empty() {
        let all = if count == 1 {
            "the required skill".to_owned()
        } else {
            format!("all {count} required skills")
        };
        format!("Has {all}: {}.", listed(&has))
    } else {
        format!(
            "Has {} of {count} required {noun}: {}. Missing: {}.",
            has.len(),
            listed(&has),
            listed(&lacks)
        )
    };
    let polarity = match share {
        share if share >= 0.5 => Polarity::For,
        share if share > 0.0 => Polarity::Neutral,
        _ => Polarity::Against,
    };
    Some(Reason {
        feature: Feature::SkillOverlap,
        text,
        polarity,
        evidence: has,
        skills: Vec::new(),
    })
}

fn optional_skills(candidate: &Summary, vacancy: &Summary) -> Option<Reason> {
    let asked = SkillSet::new(&vacancy.optional_skills);
    let (has, lacks) = asked.split_by(&candidate.skills);
    if has.is_empty() {
        return None;
    }
    let (count, has) = (has.len() + lacks.len(), names(&has));
    let noun = if count == 1 { "skill" } else { "skills" };
    let text = format!(
        "Has {} of {count} optional {noun}: {}.",
        has.len(),
        listed(&has)
    );
    Some(Reason {
        feature: Feature::OptionalSkillOverlap,
        text,
        polarity: Polarity::For,
        evidence: has,
        skills: Vec::new(),
    })
}

fn place(candidate: &Summary, vacancy: &Summary, found: PlaceFit) -> Reason {
    let job = place_name(&vacancy.location);
    let text = match found.basis {
        Basis::Remote => remote_text(candidate.mobility.remote),
        Basis::Region => region_text(candidate, vacancy, found.fit > 0.0),
        Basis::SamePlace => format!("Lives in {}, where the job is.", candidate.location.place),
        Basis::Distance => distance_text(
            found.km.unwrap_or_default(),
            candidate.mobility.radius_km,
            &job,
        ),
    };
    let polarity = match found.fit {
        fit if fit >= 0.99 => Polarity::For,
        fit if fit >= 0.3 => Polarity::Neutral,
        _ => Polarity::Against,
    };
    let evidence = [
        found.km.map(kilometres),
        Some(job),
        non_empty(&vacancy.location.region),
    ];
    let evidence = evidence
        .into_iter()
        .flatten()
        .filter(|part| part != "the job")
        .collect();
    Reason {
        feature: Feature::LocationFit,
        text,
        polarity,
        evidence,
        skills: Vec::new(),
    }
}

fn remote_text(accepted: Option<bool>) -> String {
    match accepted {
        Some(true) => "The job is remote, and remote work is accepted.",
        Some(false) => "The job is remote, and remote work is not accepted.",
        None => "The job is remote.",
    }
    .to_owned()
}

fn region_text(candidate: &Summary, vacancy: &Summary, inside: bool) -> String {
    let job = &vacancy.location.region;
    let accepted = &candidate.mobility.regions;
    match (accepted.is_empty(), inside) {
        (false, true) => format!("The job is in {job}, a region accepted."),
        (false, false) => {
            let regions: Vec<String> = accepted.clone();
            format!(
                "The job is in {job}, outside the regions accepted: {}.",
                listed(&regions)
            )
        }
        (true, true) => format!("Lives in the region of the job, {job}."),
        (true, false) => format!(
            "Lives in {}, and the job is in {job}.",
            candidate.location.region
        ),
    }
}

fn distance_text(km: f64, radius: Option<f64>, job: &str) -> String {
    let distance = kilometres(km);
    match radius {
        Some(radius) if km <= radius => {
            format!(
                "Lives {distance} from {job}, within the {} radius.",
                kilometres(radius)
            )
        }
        Some(radius) => format!(
            "Lives {distance} from {job}, beyond the {} radius.",
            kilometres(radius)
        ),
        None if km > ASSUMED_RADIUS_KM => {
            format!("Lives {distance} from {job}; the radius accepted is not known.")
        }
        None => format!("Lives {distance} from {job}."),
    }
}

fn kilometres(km: f64) -> String {
    if km < 1.0 {
        "under 1 km".to_owned()
    } else {
        format!("{km:.0} km")
    }
}

fn place_name(location: &Location) -> String {
    non_empty(&location.place)
        .or_else(|| non_empty(&location.region))
        .unwrap_or_else(|| "the job".to_owned())
}

fn non_empty(text: &str) -> Option<String> {
    Some(text.trim())
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn languages(candidate: &Summary, vacancy: &Summary) -> Vec<Reason> {
    let reason = |(asked, standing): (&vivier_types::Language, Standing)| {
        let language = language_name(asked);
        let wanted = asked.level.map(level_name);
        let (text, polarity) = match (standing, wanted) {
            (Standing::Met(Some(level)), Some(wanted)) => (
                format!(
                    "Speaks {language} ({}), asked for {wanted}.",
                    level_name(level)
                ),
                Polarity::For,
            ),
            (Standing::Met(Some(level)), None) => (
                format!("Speaks {language} ({}), as asked for.", level_name(level)),
                Polarity::For,
            ),
            (Standing::Met(None), Some(wanted)) => (
                format!("Speaks {language}, level not said, asked for {wanted}."),
                Polarity::Neutral,
            ),
            (Standing::Met(None), None) => {
                (format!("Speaks {language}, as asked for."), Polarity::For)
            }
            (Standing::Below(level), _) => (
                format!(
                    "Speaks {language} ({}), below the {} asked for.",
                    level_name(level),
                    wanted.unwrap_or("level")
                ),
                Polarity::Against,
            ),
            (Standing::Absent, _) => {
                let at = wanted
                    .map(|wanted| format!(" ({wanted})"))
                    .unwrap_or_default();
                (
                    format!("{language}{at} is asked for and not among the languages listed."),
                    Polarity::Against,
                )
            }
        };
        Reason {
            feature: Feature::LanguageMatch,
            text,
            polarity,
            evidence: vec![asked.code.clone()],
            skills: Vec::new(),
        }
    };
    standings(candidate, vacancy)
        .into_iter()
        .map(reason)
        .collect()
}

fn seniority(candidate: &Summary, vacancy: &Summary) -> Option<Reason> {
    let (held, asked) = candidate.seniority.zip(vacancy.seniority)?;
    let years = candidate.years_of_experience.map(|years| match years {
        years if years < 1.0 => "under a year of experience".to_owned(),
        years if years < 1.5 => "1 year of experience".to_owned(),
        years => format!("{years:.0} years of experience"),
    });
    let level = match &years {
        Some(years) => format!("{} ({years})", name(held)),
        None => name(held).to_owned(),
    };
    let gap = i16::from(step(held)) - i16::from(step(asked));
    let steps = if gap.abs() == 1 {
        "one step".to_owned()
    } else {
        format!("{} steps", gap.abs())
    };
    let (feature, text, polarity) = match gap {
        0 => (
            Feature::SeniorityShortfall,
            format!("Seniority is {level}, as asked for."),
            Polarity::For,
        ),
        gap if gap < 0 => (
            Feature::SeniorityShortfall,
            format!(
                "Seniority is {level}, {steps} below {}, which is asked for.",
                name(asked)
            ),
            if gap == -1 {
                Polarity::Neutral
            } else {
                Polarity::Against
            },
        ),
        _ => (
            Feature::SeniorityExcess,
            format!(
                "Seniority is {level}, {steps} above {}, which is asked for.",
                name(asked)
            ),
            Polarity::Neutral,
        ),
    };
    Some(Reason {
        feature,
        text,
        polarity,
        evidence: years.into_iter().collect(),
        skills: Vec::new(),
    })
}

fn text_likeness(cosine: Option<f32>) -> Option<Reason> {
    let cosine = cosine?;
    let (text, polarity) = if cosine >= CLOSE_TEXT {
        (
            format!("The texts are close in meaning (cosine {cosine:.2})."),
            Polarity::For,
        )
    } else {
        (
            format!("The texts have a likeness in meaning of {cosine:.2} (cosine)."),
            Polarity::Neutral,
        )
    };
    Some(Reason {
        feature: Feature::FacetText,
        text,
        polarity,
        evidence: Vec::new(),
        skills: Vec::new(),
    })
}

fn names(skills: &[&Skill]) -> Vec<String> {
    let shown = |skill: &&Skill| {
        non_empty(&skill.name)
            .or_else(|| skill.uri.clone())
            .unwrap_or_default()
    };
    skills.iter().map(shown).collect()
}

/// Lists names; after [`MAX_NAMES`] says how many more there are.
fn listed(names: &[String]) -> String {
    if names.len() <= MAX_NAMES {
        return names.join(", ");
    }
    format!(
        "{} and {} more",
        names[..MAX_NAMES].join(", "),
        names.len() - MAX_NAMES
    )
}

#[cfg(test)]
#[path = "reasons/tests.rs"]
mod tests;
