//! Draws synthetic vacancies.

use std::collections::BTreeMap;

use anyhow::Context;
use vivier_types::{
    Contract, Language, LanguageLevel, ProfileId, RemotePolicy, Salary, Seniority, Skill, Vacancy,
};

use super::people::location;
use super::random::Random;
use super::tables::{Lang, Occupation, Place, Tables, Words};

/// Keeps the streams of vacancies apart from those of candidates.
const STREAM: u64 = 1 << 40;

/// Least weight of a place with vacancies: elsewhere nobody would live near.
const TOWN: usize = 8;

/// Draws the vacancy with this number, from 1.
///
/// Occupations take turns, so that a dozen vacancies are a dozen different
/// jobs.
///
/// # Errors
/// When the tables are empty.
pub(crate) fn vacancy(tables: &Tables, seed: u64, number: usize) -> anyhow::Result<Vacancy> {
    let turns =
        Random::stream(seed, STREAM).places(tables.occupations.len(), tables.occupations.len());
    let turn = turns
        .get((number - 1) % turns.len().max(1))
        .context("no occupations")?;
    let occupation = &tables.occupations[*turn];
    let mut random = Random::stream(seed, STREAM + number as u64);
    let towns: Vec<&Place> = tables
        .places
        .iter()
        .filter(|place| place.weight >= TOWN)
        .collect();
    let place = *random.pick(&towns).context("no towns")?;
    let lang = *random.pick(&place.languages).context("no languages")?;
    let step = *random
        .weighted(&[0, 1, 2, 3], |step| [15, 40, 30, 15][*step])
        .unwrap_or(&1);
    let words = occupation.words(lang);
    let count = 4 + random.below(3);
    let skills = random.places(words.skills.len(), count + 3);
    let skill = |index: &usize| Skill {
        name: words.skills[*index].clone(),
        uri: None,
    };
    let (required, optional) = skills.split_at(count.min(skills.len()));
    let required_skills: Vec<Skill> = required.iter().map(skill).collect();
    let job = Job {
        occupation,
        place,
        lang,
        step,
    };
    Ok(Vacancy {
        id: ProfileId::new(format!("sample-v-{number:04}"))?,
        tenant: String::new(),
        lang: Some(lang.code().to_owned()),
        title: job.title(words),
        description: job.description(words, &mut random),
        wanted_profile: job.wanted(words, &required_skills),
        required_skills,
        optional_skills: optional.iter().map(skill).collect(),
        location: location(place),
        remote: Some(job.remote(&mut random)),
        contract: Some(job.contract(&mut random)),
        seniority: [
            Seniority::Junior,
            Seniority::Mid,
            Seniority::Senior,
            Seniority::Lead,
        ]
        .get(step)
        .copied(),
        salary: Some(job.salary()),
        languages: job.languages(&mut random),
        attributes: BTreeMap::from([
            ("source".to_owned(), "synthetic".to_owned()),
            ("occupation".to_owned(), occupation.key.clone()),
        ]),
    })
}

struct Job<'a> {
    occupation: &'a Occupation,
    place: &'a Place,
    lang: Lang,
    step: usize,
}

impl Job<'_> {
    fn title(&self, words: &Words) -> String {
        let title = &words.titles[self.step.min(3)];
        match self.lang {
            Lang::Fr => format!("{title} (H/F)"),
            Lang::En => title.clone(),
        }
    }

    fn description(&self, words: &Words, random: &mut Random) -> String {
        let employer = random.pick(&words.employers).map_or("", String::as_str);
        let tasks: Vec<String> = random
            .places(words.tasks.len(), 3)
            .into_iter()
            .map(|task| format!("- {}", words.tasks[task]))
            .collect();
        let tasks = tasks.join("\n");
        let place = &self.place.name;
        match self.lang {
            Lang::Fr => format!(
                "{employer} à {place} recherche une personne pour renforcer son équipe.\nVos missions :\n{tasks}"
            ),
            Lang::En => format!(
                "{employer} in {place} is looking for somebody to join the team.\nWhat you will do:\n{tasks}"
            ),
        }
    }

    fn wanted(&self, words: &Words, skills: &[Skill]) -> String {
        let names: Vec<&str> = skills.iter().map(|skill| skill.name.as_str()).collect();
        let names = names.join(", ");
        let years = [0, 2, 6, 12][self.step.min(3)];
        let field = &words.field;
        match (self.lang, years) {
            (Lang::Fr, 0) => {
                format!("Formation : {field}. Débutants acceptés. Vous maîtrisez : {names}.")
            }
            (Lang::Fr, _) => {
                format!(
                    "Formation : {field}. Au moins {years} ans d'expérience. Vous maîtrisez : {names}."
                )
            }
            (Lang::En, 0) => {
                format!("Education: {field}. Beginners are welcome. You know: {names}.")
            }
            (Lang::En, _) => {
                format!(
                    "Education: {field}. At least {years} years of experience. You know: {names}."
                )
            }
        }
    }

    fn remote(&self, random: &mut Random) -> RemotePolicy {
        if !self.occupation.remote {
            return RemotePolicy::OnSite;
        }
        *random
            .pick(&[
                RemotePolicy::OnSite,
                RemotePolicy::Hybrid,
                RemotePolicy::Hybrid,
                RemotePolicy::Remote,
            ])
            .unwrap_or(&RemotePolicy::Hybrid)
    }

    fn contract(&self, random: &mut Random) -> Contract {
        if self.step == 0 && random.chance(20) {
            return Contract::Apprenticeship;
        }
        let contracts = [
            (Contract::Permanent, 70),
            (Contract::FixedTerm, 20),
            (Contract::Temporary, 10),
        ];
        random
            .weighted(&contracts, |(_, weight)| *weight)
            .map_or(Contract::Permanent, |(contract, _)| *contract)
    }

    fn salary(&self) -> Salary {
        let [low, high] = self.occupation.salary;
        let share = [0.0, 0.25, 0.5, 0.75][self.step.min(3)];
        let round = |pay: f64| (pay / 500.0).round() * 500.0;
        Salary {
            min: Some(round(low + (high - low) * share)),
            max: Some(round(low + (high - low) * (share + 0.25))),
            currency: "EUR".to_owned(),
            period: "year".to_owned(),
        }
    }

    fn languages(&self, random: &mut Random) -> Vec<Language> {
        let language = |lang: Lang, level| Language {
            code: lang.code().to_owned(),
            level: Some(level),
        };
        let mut languages = vec![language(self.lang, LanguageLevel::C1)];
        if random.chance(35) {
            languages.push(language(self.lang.other(), LanguageLevel::B1));
        }
        languages
    }
}
