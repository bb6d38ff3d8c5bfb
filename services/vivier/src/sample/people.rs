//! Draws synthetic candidates.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::civil::Date;
use vivier_types::{
    Candidate, Coordinates, Education, Experience, Language, LanguageLevel, Location, Mobility,
    PartialDate, PoolStatus, ProfileId, Skill,
};

use super::random::Random;
use super::tables::{Lang, Occupation, Place, Tables};

/// The month in which every drawn life is told; fixed, so that the same seed
/// gives the same bytes for ever.
const NOW: Month = Month(2026 * 12 + 9);

/// A month, counted from year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Month(i32);

impl Month {
    fn before(self, months: i32) -> Self {
        Self(self.0 - months)
    }

    fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    fn date(self) -> Option<PartialDate> {
        format!("{:04}-{:02}", self.year(), self.0.rem_euclid(12) + 1)
            .parse()
            .ok()
    }
}

/// Draws the candidate with this number, from 1.
///
/// # Errors
/// When the tables are empty.
pub(crate) fn candidate(tables: &Tables, seed: u64, number: usize) -> anyhow::Result<Candidate> {
    let mut random = Random::stream(seed, number as u64);
    let place = random
        .weighted(&tables.places, |place| place.weight)
        .context("no places")?;
    let lang = *random.pick(&place.languages).context("no languages")?;
    let occupation = random.pick(&tables.occupations).context("no occupations")?;
    let mut drawer = Drawer {
        tables,
        random,
        place,
        lang,
        occupation,
        first_day: NOW,
    };
    let months = drawer.career_months();
    let experiences = drawer.experiences(months);
    let skills = drawer.skills(months);
    let birth_year = drawer.first_day.year() - drawer.random.between(19, 27);
    Ok(Candidate {
        id: ProfileId::new(format!("sample-c-{number:04}"))?,
        tenant: String::new(),
        lang: Some(lang.code().to_owned()),
        titles: titles(&experiences),
        text: drawer.text(months, &skills),
        skills,
        education: drawer.education(),
        languages: drawer.languages(),
        location: location(place),
        mobility: drawer.mobility(),
        status: drawer.status(),
        consent_until: drawer.consent(),
        sensitive: drawer.sensitive(birth_year),
        attributes: BTreeMap::from([
            ("source".to_owned(), "synthetic".to_owned()),
            ("occupation".to_owned(), occupation.key.clone()),
        ]),
        experiences,
        salary: None,
    })
}

/// Returns the place as a profile has it.
pub(crate) fn location(place: &Place) -> Location {
    Location {
        place: place.name.clone(),
        region: place.region.clone(),
        country: place.country.clone(),
        coordinates: Some(Coordinates {
            latitude: place.latitude,
            longitude: place.longitude,
        }),
    }
}

/// Returns which of the four titles a career of this length has.
fn step(months: i32) -> usize {
    match months {
        ..24 => 0,
        24..72 => 1,
        72..150 => 2,
        _ => 3,
    }
}

/// The titles held, latest first, each once.
fn titles(experiences: &[Experience]) -> Vec<String> {
    let mut titles: Vec<String> = Vec::new();
    for experience in experiences {
        if !titles.contains(&experience.title) {
            titles.push(experience.title.clone());
        }
    }
    titles
}

struct Drawer<'a> {
    tables: &'a Tables,
    random: Random,
    place: &'a Place,
    lang: Lang,
    occupation: &'a Occupation,
    /// Start of the first position.
    first_day: Month,
}

impl Drawer<'_> {
    fn career_months(&mut self) -> i32 {
        let bounds = [(4, 23), (24, 71), (72, 149), (150, 330)];
        let (low, high) = self
            .random
            .weighted(&[0, 1, 2, 3], |step| [20, 35, 30, 15][*step])
            .map_or((24, 71), |step| bounds[*step]);
        self.random.between(low, high)
    }

    fn experiences(&mut self, months: i32) -> Vec<Experience> {
        let mut experiences = Vec::new();
        let mut end = NOW;
        let mut left = months;
        // Some are between two jobs.
        let mut holds_post = !self.random.chance(25);
        if !holds_post {
            end = end.before(self.random.between(1, 8));
        }
        while left > 0 && experiences.len() < 6 {
            let longest = if experiences.len() == 5 {
                left
            } else {
                left.min(80)
            };
            let length = self.random.between(longest.min(9), longest).max(1);
            let earlier = left - length < 6 && months > 48 && self.random.chance(30);
            let start = end.before(length);
            self.first_day = start;
            experiences.push(self.experience(
                step(left),
                earlier,
                (start, (!holds_post).then_some(end)),
            ));
            holds_post = false;
            left -= length;
            end = start.before(self.random.between(0, 3));
        }
        experiences
    }

    fn experience(
        &mut self,
        step: usize,
        earlier: bool,
        (start, end): (Month, Option<Month>),
    ) -> Experience {
        let near = self.random.pick(&self.occupation.near).filter(|_| earlier);
        let other = near.and_then(|key| self.tables.occupation(key));
        let words = other.unwrap_or(self.occupation).words(self.lang);
        let title = if other.is_some() {
            &words.titles[0]
        } else {
            &words.titles[step.min(3)]
        };
        let employer = self
            .random
            .pick(&words.employers)
            .cloned()
            .unwrap_or_default();
        let count = 2 + self.random.below(2);
        let tasks: Vec<&str> = self
            .random
            .places(words.tasks.len(), count)
            .into_iter()
            .map(|task| words.tasks[task].as_str())
            .collect();
        Experience {
            title: title.clone(),
            employer: format!("{employer}, {}", self.place.name),
            start: start.date(),
            end: end.and_then(Month::date),
            text: tasks.join(" "),
        }
    }

    fn skills(&mut self, months: i32) -> Vec<Skill> {
        let own = &self.occupation.words(self.lang).skills;
        let count = 4 + step(months) + self.random.below(4);
        let mut names: Vec<&String> = self
            .random
            .places(own.len(), count)
            .into_iter()
            .map(|place| &own[place])
            .collect();
        let near = self.random.pick(&self.occupation.near);
        if let Some(other) = near.and_then(|key| self.tables.occupation(key)) {
            let others = &other.words(self.lang).skills;
            let count = self.random.below(3);
            names.extend(
                self.random
                    .places(others.len(), count)
                    .into_iter()
                    .map(|p| &others[p]),
            );
        }
        let mut skills: Vec<Skill> = Vec::new();
        for name in names {
            if !skills.iter().any(|skill| skill.name == *name) {
                skills.push(Skill {
                    name: name.clone(),
                    uri: None,
                });
            }
        }
        skills
    }

    fn education(&mut self) -> Vec<Education> {
        let words = self.occupation.words(self.lang);
        let index = self.random.below(words.degrees.len());
        let end = self.first_day.before(self.random.between(1, 6));
        let years = self.random.between(1, 3);
        let institution = format!(
            "{}, {}",
            self.lang.either("Établissement d'enseignement", "College"),
            self.place.name
        );
        let year = |month: Month| format!("{:04}", month.year()).parse().ok();
        vec![Education {
            degree: words.degrees.get(index).cloned().unwrap_or_default(),
            field: words.field.clone(),
            institution,
            start: year(end.before(12 * years)),
            end: year(end),
        }]
    }

    fn languages(&mut self) -> Vec<Language> {
        use LanguageLevel::{A2, B1, B2, C1, Native};
        let language = |code: &str, level| Language {
            code: code.to_owned(),
            level: Some(level),
        };
        let mut languages = vec![language(self.lang.code(), Native)];
        if self.random.chance(70) {
            let level = *self.random.pick(&[A2, B1, B2, B2, C1]).unwrap_or(&B1);
            languages.push(language(self.lang.other().code(), level));
        }
        if self.random.chance(25) {
            let code = self
                .random
                .pick(&["es", "de", "it", "pt", "ar", "nl"])
                .unwrap_or(&"es");
            let level = *self.random.pick(&[A2, B1, B2, Native]).unwrap_or(&B1);
            languages.push(language(code, level));
        }
        languages
    }

    fn mobility(&mut self) -> Mobility {
        let radius_km = self.random.pick(&[10.0, 20.0, 30.0, 50.0, 100.0]).copied();
        let mut regions = Vec::new();
        if self.random.chance(20) {
            regions.push(self.place.region.clone());
            let same = |place: &&Place| place.country == self.place.country;
            let near: Vec<&Place> = self.tables.places.iter().filter(same).collect();
            let other = self.random.pick(&near).map(|place| place.region.clone());
            regions.extend(other.filter(|region| *region != self.place.region));
        }
        let remote = self
            .random
            .chance(75)
            .then(|| self.occupation.remote && self.random.chance(70));
        Mobility {
            regions,
            radius_km,
            remote,
        }
    }

    fn status(&mut self) -> Option<PoolStatus> {
        let weight = |status: &PoolStatus| match status {
            PoolStatus::Applied => 25,
            PoolStatus::Pooled => 55,
            PoolStatus::Hired => 5,
            PoolStatus::Rejected => 10,
            PoolStatus::Withdrawn => 5,
        };
        self.random.weighted(&PoolStatus::ALL, weight).copied()
    }

    /// Most consents run for years; a few ended before the sample was drawn.
    fn consent(&mut self) -> Option<Date> {
        let month = Month(NOW.0 + self.random.between(-4, 30));
        let year = i16::try_from(month.year()).ok()?;
        let number = i8::try_from(month.0.rem_euclid(12) + 1).ok()?;
        let date = Date::new(year, number, 1).ok()?.last_of_month();
        self.random.chance(85).then_some(date)
    }

    /// Only for audits of fairness: nothing above depends on it.
    fn sensitive(&mut self, birth_year: i32) -> BTreeMap<String, String> {
        let gender = self.random.pick(&["female", "male"]).unwrap_or(&"female");
        let mut sensitive = BTreeMap::from([
            ("gender".to_owned(), (*gender).to_owned()),
            ("birth_year".to_owned(), birth_year.to_string()),
        ]);
        if self.random.chance(5) {
            sensitive.insert("disability".to_owned(), "yes".to_owned());
        }
        sensitive
    }

    fn text(&mut self, months: i32, skills: &[Skill]) -> String {
        let title = &self.occupation.words(self.lang).titles[step(months)];
        let years = months / 12;
        let names: Vec<&str> = skills
            .iter()
            .take(3)
            .map(|skill| skill.name.as_str())
            .collect();
        let names = names.join(", ");
        let field = self.occupation.words(self.lang).field.to_lowercase();
        let goal = match self.lang {
            Lang::Fr => [
                "Cherche un poste stable dans une équipe à taille humaine.",
                "Souhaite évoluer vers plus de responsabilités.",
                "Disponible rapidement.",
                "Apprécie la transmission et le travail en équipe.",
            ],
            Lang::En => [
                "Looks for a lasting position in a team of human size.",
                "Wants to take on more responsibility.",
                "Available soon.",
                "Enjoys teaching others and working in a team.",
            ],
        };
        let goal = self.random.pick(&goal).unwrap_or(&"");
        match (self.lang, years) {
            (Lang::Fr, 0) => format!(
                "{title}, en début de carrière (domaine : {field}). Points forts : {names}. {goal}"
            ),
            (Lang::Fr, _) => format!(
                "{title}, {years} ans d'expérience (domaine : {field}). Points forts : {names}. {goal}"
            ),
            (Lang::En, 0) => {
                format!("{title} at the start of a career in {field}. Strengths: {names}. {goal}")
            }
            (Lang::En, _) => format!(
                "{title} with {years} years of experience in {field}. Strengths: {names}. {goal}"
            ),
        }
    }
}
