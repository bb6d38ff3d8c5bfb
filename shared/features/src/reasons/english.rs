//! The sentences of the reasons in English. All its wording is here.

use vivier_types::{Language, LanguageLevel, Seniority};

use super::statement::{
    Asked, Gap, Reach, SkillNames, Statement, TitleLikeness, ends, level_code, listed, whole_years,
};
use crate::salary::{PayMatch, YearlyPay};
use crate::seniority::step;
use crate::spoken::{Standing, primary};

/// Puts a statement into words: a sentence, or a few about skills.
pub(super) fn sentence(statement: &Statement) -> String {
    match statement {
        Statement::Skills {
            names,
            count,
            asked,
        } => skills(names, *count, *asked),
        Statement::Title {
            held,
            asked,
            likeness,
        } => match likeness {
            TitleLikeness::Same => format!("Has held the title asked for: {held}."),
            TitleLikeness::Similar => format!("Has held a similar title: {held}, for {asked}."),
            TitleLikeness::Partly => {
                format!("Has held a partly similar title: {held}, for {asked}.")
            }
        },
        Statement::SameOccupation(label) => {
            format!("Has worked in the occupation of the job: {label}.")
        }
        Statement::NearOccupation(path) => {
            format!("Has worked in a related occupation: {}.", path.join(" → "))
        }
        Statement::Remote(accepted) => match accepted {
            Some(true) => "The job is remote, and remote work is accepted.",
            Some(false) => "The job is remote, and remote work is not accepted.",
            None => "The job is remote.",
        }
        .to_owned(),
        Statement::RegionAccepted {
            job, inside: true, ..
        } => format!("The job is in {job}, a region accepted."),
        Statement::RegionAccepted { job, accepted, .. } => format!(
            "The job is in {job}, outside the regions accepted: {}.",
            names(accepted)
        ),
        Statement::SameRegion(region) => format!("Lives in the region of the job, {region}."),
        Statement::OtherRegion { home, job } => {
            format!("Lives in {home}, and the job is in {job}.")
        }
        Statement::SamePlace(place) => format!("Lives in {place}, where the job is."),
        Statement::Distance { km, job, reach } => distance(*km, job.as_deref(), *reach),
        Statement::Language { asked, standing } => language(asked, *standing),
        Statement::Seniority { held, years, asked } => seniority(*held, *years, *asked),
        Statement::Experience { held, asked } => {
            let (held, asked) = (years(*held), years(*asked));
            format!("Has {held} of experience; {asked} asked for.")
        }
        Statement::Education { held, asked } => education(*held, *asked),
        Statement::Salary(pay) => salary(pay),
        Statement::TextLikeness {
            cosine,
            is_close: true,
        } => format!("The texts are close in meaning (cosine {cosine:.2})."),
        Statement::TextLikeness { cosine, .. } => {
            format!("The texts have a likeness in meaning of {cosine:.2} (cosine).")
        }
        Statement::SharedWords(words) => format!("Shares words: {}.", names(words)),
    }
}

fn names(list: &[String]) -> String {
    listed(list, |count| format!("and {count} more"))
}

fn skills(skills: &SkillNames, count: usize, asked: Asked) -> String {
    let [one, many] = match asked {
        Asked::Required => ["required skill", "required skills"],
        Asked::Optional => ["optional skill", "optional skills"],
        Asked::Mentioned => [
            "skill that the advert mentions",
            "skills that the advert mentions",
        ],
    };
    let matched = names(&skills.matched);
    let none = match count {
        1 => format!("Does not list the {one}"),
        _ => format!("Lists none of the {count} {many}"),
    };
    let nothing_near = skills.related.is_empty();
    let mut text = match skills.matched.len() {
        0 if nothing_near => return format!("{none}: {}.", names(&skills.missing)),
        0 => format!("{none}."),
        1 if count == 1 => format!("Has the {one}: {matched}."),
        has if has == count => format!("Has all {count} {many}: {matched}."),
        has => format!("Has {has} of {count} {many}: {matched}."),
    };
    if !nothing_near {
        text += &format!(" Related: {}.", names(&skills.ways()));
    }
    if !skills.missing.is_empty() {
        text += &format!(" Missing: {}.", names(&skills.missing));
    }
    text
}

fn kilometres(km: f64) -> String {
    if km < 1.0 {
        "under 1 km".to_owned()
    } else {
        format!("{km:.0} km")
    }
}

fn distance(km: f64, job: Option<&str>, reach: Reach) -> String {
    let way = format!("Lives {} from {}", kilometres(km), job.unwrap_or("the job"));
    match reach {
        Reach::Within(radius) => format!("{way}, within the {} radius.", kilometres(radius)),
        Reach::Beyond(radius) => format!("{way}, beyond the {} radius.", kilometres(radius)),
        Reach::Near => format!("{way}."),
        Reach::Unknown => format!("{way}; the radius accepted is not known."),
    }
}

fn level(level: LanguageLevel) -> &'static str {
    level_code(level).unwrap_or("native")
}

fn language(asked: &Language, standing: Standing) -> String {
    let language = language_name(asked);
    let wanted = asked.level.map(level);
    match (standing, wanted) {
        (Standing::Met(Some(held)), Some(wanted)) => {
            format!("Speaks {language} ({}), asked for {wanted}.", level(held))
        }
        (Standing::Met(Some(held)), None) => {
            format!("Speaks {language} ({}), as asked for.", level(held))
        }
        (Standing::Met(None), Some(wanted)) => {
            format!("Speaks {language}, level not said, asked for {wanted}.")
        }
        (Standing::Met(None), None) => format!("Speaks {language}, as asked for."),
        (Standing::Below(held), wanted) => format!(
            "Speaks {language} ({}), below the {} asked for.",
            level(held),
            wanted.unwrap_or("level")
        ),
        (Standing::Absent, Some(wanted)) => {
            format!("{language} ({wanted}) is asked for and not among the languages listed.")
        }
        (Standing::Absent, None) => {
            format!("{language} is asked for and not among the languages listed.")
        }
    }
}

/// Returns the name of a language, or its code when it has none here.
fn language_name(language: &Language) -> &str {
    match primary(language).as_str() {
        "ar" => "Arabic",
        "bg" => "Bulgarian",
        "ca" => "Catalan",
        "cs" => "Czech",
        "da" => "Danish",
        "de" => "German",
        "el" => "Greek",
        "en" => "English",
        "es" => "Spanish",
        "et" => "Estonian",
        "fi" => "Finnish",
        "fr" => "French",
        "he" => "Hebrew",
        "hi" => "Hindi",
        "hr" => "Croatian",
        "hu" => "Hungarian",
        "it" => "Italian",
        "ja" => "Japanese",
        "ko" => "Korean",
        "nl" => "Dutch",
        "no" => "Norwegian",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "ro" => "Romanian",
        "ru" => "Russian",
        "sk" => "Slovak",
        "sl" => "Slovenian",
        "sv" => "Swedish",
        "tr" => "Turkish",
        "uk" => "Ukrainian",
        "vi" => "Vietnamese",
        "zh" => "Chinese",
        _ => &language.code,
    }
}

fn seniority_name(seniority: Seniority) -> &'static str {
    match seniority {
        Seniority::Intern => "intern",
        Seniority::Junior => "junior",
        Seniority::Mid => "mid",
        Seniority::Senior => "senior",
        Seniority::Lead => "lead",
    }
}

fn years(years: f32) -> String {
    match whole_years(years) {
        None => "under a year".to_owned(),
        Some(one) if one == "1" => "1 year".to_owned(),
        Some(whole) => format!("{whole} years"),
    }
}

fn seniority(held: Seniority, held_years: Option<f32>, asked: Seniority) -> String {
    let level = match held_years {
        Some(held_years) => format!(
            "{} ({} of experience)",
            seniority_name(held),
            years(held_years)
        ),
        None => seniority_name(held).to_owned(),
    };
    let wanted = seniority_name(asked);
    match Gap::of(step(held), step(asked)) {
        Gap::Same => format!("Seniority is {level}, as asked for."),
        Gap::Below(gap) => {
            format!(
                "Seniority is {level}, {} below {wanted}, which is asked for.",
                steps(gap)
            )
        }
        Gap::Above(gap) => {
            format!(
                "Seniority is {level}, {} above {wanted}, which is asked for.",
                steps(gap)
            )
        }
    }
}

fn steps(count: u8) -> String {
    if count == 1 {
        "one step".to_owned()
    } else {
        format!("{count} steps")
    }
}

/// Returns what a level of the European Qualifications Framework stands for.
fn education_name(level: u8) -> &'static str {
    match level {
        0 | 1 => "primary school",
        2 => "lower secondary school",
        3 => "vocational certificate",
        4 => "upper secondary school",
        5 => "short-cycle higher education",
        6 => "bachelor's degree",
        7 => "master's degree",
        _ => "doctorate",
    }
}

fn education(held: u8, asked: u8) -> String {
    let (level, wanted) = (education_name(held), education_name(asked));
    match Gap::of(held, asked) {
        Gap::Same => format!("Education is at the level asked for: {level}."),
        Gap::Below(_) => format!("Education: {level}, below the level asked for ({wanted})."),
        Gap::Above(_) => format!("Education: {level}, above the level asked for ({wanted})."),
    }
}

fn range(pay: YearlyPay) -> String {
    match ends(pay, ',') {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("from {min}"),
        (None, Some(max)) if pay.min.is_none() => format!("up to {max}"),
        (None, same) => same.unwrap_or_default(),
    }
}

fn salary(pay: &PayMatch) -> String {
    let (expected, offered) = (range(pay.expected), range(pay.offered));
    let answer = match pay.share {
        share if share >= 1.0 => "is met by",
        share if share > 0.0 => "is partly met by",
        _ => "is above",
    };
    format!(
        "Pay expected ({expected} {} a year) {answer} the offer ({offered}).",
        pay.currency
    )
}
