//! The sentences of the reasons in French. All its wording is here: no sentence says the
//! gender of a person, and names stand where nothing before them would need an elision.

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
            TitleLikeness::Same => format!("A déjà occupé le poste demandé : {held}."),
            TitleLikeness::Similar => {
                format!("A occupé un poste semblable : {held}, pour {asked}.")
            }
            TitleLikeness::Partly => {
                format!("A occupé un poste en partie semblable : {held}, pour {asked}.")
            }
        },
        Statement::SameOccupation(label) => format!("A exercé le métier demandé : {label}."),
        Statement::NearOccupation(path) => {
            format!("A exercé un métier proche : {}.", path.join(" → "))
        }
        Statement::Remote(accepted) => match accepted {
            Some(true) => "Le poste est à distance, et le télétravail est accepté.",
            Some(false) => "Le poste est à distance, et le télétravail n'est pas accepté.",
            None => "Le poste est à distance.",
        }
        .to_owned(),
        Statement::RegionAccepted {
            job, inside: true, ..
        } => format!("Le poste se trouve dans une région acceptée : {job}."),
        Statement::RegionAccepted { job, accepted, .. } => format!(
            "La région du poste ({job}) n'est pas parmi les régions acceptées : {}.",
            names(accepted)
        ),
        Statement::SameRegion(region) => format!("Vit dans la région du poste : {region}."),
        Statement::OtherRegion { home, job } => {
            format!("Région de résidence : {home} ; région du poste : {job}.")
        }
        Statement::SamePlace(place) => format!("Vit dans la ville du poste : {place}."),
        Statement::Distance { km, job, reach } => distance(*km, job.as_deref(), *reach),
        Statement::Language { asked, standing } => language(asked, *standing),
        Statement::Seniority { held, years, asked } => seniority(*held, *years, *asked),
        Statement::Experience { held, asked } => {
            let (held, asked) = (years(*held), years(*asked));
            format!("Expérience : {held} ; durée demandée : {asked}.")
        }
        Statement::Education { held, asked } => education(*held, *asked),
        Statement::Salary(pay) => salary(pay),
        Statement::TextLikeness { cosine, is_close } => {
            let cosine = format!("{cosine:.2}").replace('.', ",");
            if *is_close {
                format!("Les textes ont un sens proche (cosinus {cosine}).")
            } else {
                format!("Les textes ont une proximité de sens de {cosine} (cosinus).")
            }
        }
        Statement::SharedWords(words) => format!("Mots en commun : {}.", names(words)),
    }
}

fn names(list: &[String]) -> String {
    listed(list, |count| match count {
        1 => "et 1 autre".to_owned(),
        count => format!("et {count} autres"),
    })
}

/// `kind` in the singular; every one takes an s in the plural.
fn skills(skills: &SkillNames, count: usize, asked: Asked) -> String {
    let [one, many] = match asked {
        Asked::Required => ["compétence requise", "compétences requises"],
        Asked::Optional => ["compétence souhaitée", "compétences souhaitées"],
        Asked::Mentioned => [
            "compétence que l'annonce mentionne",
            "compétences que l'annonce mentionne",
        ],
    };
    let matched = names(&skills.matched);
    let none = match count {
        1 => format!("Ne mentionne pas la {one}"),
        _ => format!("Ne mentionne aucune des {count} {many}"),
    };
    let nothing_near = skills.related.is_empty();
    let mut text = match skills.matched.len() {
        0 if nothing_near => return format!("{none} : {}.", names(&skills.missing)),
        0 => format!("{none}."),
        1 if count == 1 => format!("Possède la {one} : {matched}."),
        has if has == count => format!("Possède les {count} {many} : {matched}."),
        has => format!("Possède {has} des {count} {many} : {matched}."),
    };
    match skills.related.len() {
        0 => {}
        1 => text += &format!(" Compétence proche : {}.", names(&skills.ways())),
        _ => text += &format!(" Compétences proches : {}.", names(&skills.ways())),
    }
    match skills.missing.len() {
        0 => {}
        1 => text += &format!(" Manque : {}.", names(&skills.missing)),
        _ => text += &format!(" Manquent : {}.", names(&skills.missing)),
    }
    text
}

fn kilometres(km: f64) -> String {
    if km < 1.0 {
        "moins de 1 km".to_owned()
    } else {
        format!("{km:.0} km")
    }
}

fn distance(km: f64, job: Option<&str>, reach: Reach) -> String {
    let job = job.map(|job| format!(" ({job})")).unwrap_or_default();
    let way = format!("Vit à {} du lieu du poste{job}", kilometres(km));
    match reach {
        Reach::Within(radius) => format!("{way}, dans le rayon accepté ({}).", kilometres(radius)),
        Reach::Beyond(radius) => {
            format!("{way}, au-delà du rayon accepté ({}).", kilometres(radius))
        }
        Reach::Near => format!("{way}."),
        Reach::Unknown => format!("{way} ; le rayon accepté n'est pas connu."),
    }
}

fn level(level: LanguageLevel) -> &'static str {
    level_code(level).unwrap_or("langue maternelle")
}

fn language(asked: &Language, standing: Standing) -> String {
    let language = language_name(asked);
    let wanted = asked.level.map(level);
    match (standing, wanted) {
        (Standing::Met(Some(held)), Some(wanted)) => {
            format!(
                "Parle {language} ({}), niveau demandé : {wanted}.",
                level(held)
            )
        }
        (Standing::Met(Some(held)), None) => {
            format!("Parle {language} ({}), comme demandé.", level(held))
        }
        (Standing::Met(None), Some(wanted)) => {
            format!("Parle {language}, niveau non précisé ; niveau demandé : {wanted}.")
        }
        (Standing::Met(None), None) => format!("Parle {language}, comme demandé."),
        (Standing::Below(held), Some(wanted)) => format!(
            "Parle {language} ({}), en dessous du niveau demandé : {wanted}.",
            level(held)
        ),
        (Standing::Below(held), None) => format!(
            "Parle {language} ({}), en dessous du niveau demandé.",
            level(held)
        ),
        (Standing::Absent, Some(wanted)) => {
            format!("Langue demandée et non indiquée : {language} ({wanted}).")
        }
        (Standing::Absent, None) => {
            format!("Langue demandée et non indiquée : {language}.")
        }
    }
}

/// Returns the name of a language, or its code when it has none here.
fn language_name(language: &Language) -> &str {
    match primary(language).as_str() {
        "ar" => "arabe",
        "bg" => "bulgare",
        "ca" => "catalan",
        "cs" => "tchèque",
        "da" => "danois",
        "de" => "allemand",
        "el" => "grec",
        "en" => "anglais",
        "es" => "espagnol",
        "et" => "estonien",
        "fi" => "finnois",
        "fr" => "français",
        "he" => "hébreu",
        "hi" => "hindi",
        "hr" => "croate",
        "hu" => "hongrois",
        "it" => "italien",
        "ja" => "japonais",
        "ko" => "coréen",
        "nl" => "néerlandais",
        "no" => "norvégien",
        "pl" => "polonais",
        "pt" => "portugais",
        "ro" => "roumain",
        "ru" => "russe",
        "sk" => "slovaque",
        "sl" => "slovène",
        "sv" => "suédois",
        "tr" => "turc",
        "uk" => "ukrainien",
        "vi" => "vietnamien",
        "zh" => "chinois",
        _ => &language.code,
    }
}

fn seniority_name(seniority: Seniority) -> &'static str {
    match seniority {
        Seniority::Intern => "stage",
        Seniority::Junior => "junior",
        Seniority::Mid => "intermédiaire",
        Seniority::Senior => "senior",
        Seniority::Lead => "responsable",
    }
}

fn years(years: f32) -> String {
    match whole_years(years) {
        None => "moins d'un an".to_owned(),
        Some(one) if one == "1" => "1 an".to_owned(),
        Some(whole) => format!("{whole} ans"),
    }
}

fn seniority(held: Seniority, held_years: Option<f32>, asked: Seniority) -> String {
    let level = match held_years {
        Some(held_years) => {
            format!(
                "{} ({} d'expérience)",
                seniority_name(held),
                years(held_years)
            )
        }
        None => seniority_name(held).to_owned(),
    };
    let wanted = seniority_name(asked);
    match Gap::of(step(held), step(asked)) {
        Gap::Same => format!("Niveau : {level}, comme demandé."),
        Gap::Below(gap) => {
            format!(
                "Niveau : {level}, {} sous le niveau demandé ({wanted}).",
                steps(gap)
            )
        }
        Gap::Above(gap) => format!(
            "Niveau : {level}, {} au-dessus du niveau demandé ({wanted}).",
            steps(gap)
        ),
    }
}

fn steps(count: u8) -> String {
    if count == 1 {
        "un échelon".to_owned()
    } else {
        format!("{count} échelons")
    }
}

/// Returns what a level of the European Qualifications Framework stands for.
fn education_name(level: u8) -> &'static str {
    match level {
        0 | 1 => "école primaire",
        2 => "brevet des collèges",
        3 => "CAP ou BEP",
        4 => "baccalauréat",
        5 => "bac+2",
        6 => "licence",
        7 => "master",
        _ => "doctorat",
    }
}

fn education(held: u8, asked: u8) -> String {
    let (level, wanted) = (education_name(held), education_name(asked));
    match Gap::of(held, asked) {
        Gap::Same => format!("Niveau d'études demandé : {level}, atteint."),
        Gap::Below(_) => {
            format!("Niveau d'études : {level}, en dessous du niveau demandé ({wanted}).")
        }
        Gap::Above(_) => {
            format!("Niveau d'études : {level}, au-dessus du niveau demandé ({wanted}).")
        }
    }
}

fn range(pay: YearlyPay) -> String {
    match ends(pay, '\u{202f}') {
        (Some(min), Some(max)) => format!("de {min} à {max}"),
        (Some(min), None) => format!("à partir de {min}"),
        (None, Some(max)) if pay.min.is_none() => format!("jusqu'à {max}"),
        (None, same) => same.unwrap_or_default(),
    }
}

fn salary(pay: &PayMatch) -> String {
    let (expected, offered) = (range(pay.expected), range(pay.offered));
    let answer = match pay.share {
        share if share >= 1.0 => "y répond",
        share if share > 0.0 => "y répond en partie",
        _ => "est en dessous",
    };
    format!(
        "Rémunération attendue : {expected} {} par an ; l'offre ({offered}) {answer}.",
        pay.currency
    )
}
