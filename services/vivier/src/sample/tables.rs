//! The tables that the sample is drawn from.

use anyhow::Context;
use serde::Deserialize;

/// Occupations and places.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) occupations: Vec<Occupation>,
    pub(crate) places: Vec<Place>,
}

/// One family of jobs, in two languages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Occupation {
    /// Name of the family.
    pub(crate) key: String,
    /// Families from which people come.
    pub(crate) near: Vec<String>,
    /// Whether it can be done from home.
    pub(crate) remote: bool,
    /// Yearly pay of a junior and of a lead, in euros.
    pub(crate) salary: [f64; 2],
    pub(crate) fr: Words,
    pub(crate) en: Words,
}

/// The words of a family in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    /// Junior, mid, senior and lead.
    pub(crate) titles: [String; 4],
    /// In the same order in both languages.
    pub(crate) skills: Vec<String>,
    pub(crate) tasks: Vec<String>,
    pub(crate) degrees: Vec<String>,
    pub(crate) field: String,
    pub(crate) employers: Vec<String>,
}

impl Occupation {
    /// Returns the words in a language.
    pub(crate) fn words(&self, lang: Lang) -> &Words {
        match lang {
            Lang::Fr => &self.fr,
            Lang::En => &self.en,
        }
    }
}

/// A town.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) country: String,
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
    pub(crate) weight: usize,
    /// Languages spoken at work there.
    pub(crate) languages: Vec<Lang>,
}

/// Language of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lang {
    Fr,
    En,
}

impl Lang {
    /// Returns the ISO 639-1 code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }

    /// Returns the other language.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Fr => Self::En,
            Self::En => Self::Fr,
        }
    }

    /// Returns the text in this language.
    pub(crate) fn either<'a>(self, fr: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Fr => fr,
            Self::En => en,
        }
    }
}

impl Tables {
    /// Reads the bundled tables.
    ///
    /// # Errors
    /// When they are broken, which a test excludes.
    pub(crate) fn bundled() -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Occupations {
            occupation: Vec<Occupation>,
        }
        #[derive(Deserialize)]
        struct Places {
            place: Vec<Place>,
        }
        let occupations: Occupations =
            toml::from_str(include_str!("occupations.toml")).context("bundled occupations")?;
        let places: Places =
            toml::from_str(include_str!("places.toml")).context("bundled places")?;
        Ok(Self {
            occupations: occupations.occupation,
            places: places.place,
        })
    }

    /// Finds a family by name.
    pub(crate) fn occupation(&self, key: &str) -> Option<&Occupation> {
        self.occupations
            .iter()
            .find(|occupation| occupation.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_whole() {
        let tables = Tables::bundled().unwrap();
        assert_eq!(tables.occupations.len(), 15);
        for occupation in &tables.occupations {
            let key = &occupation.key;
            assert_eq!(
                occupation.fr.skills.len(),
                occupation.en.skills.len(),
                "{key}"
            );
            assert_eq!(
                occupation.fr.tasks.len(),
                occupation.en.tasks.len(),
                "{key}"
            );
            assert!(occupation.salary[0] < occupation.salary[1], "{key}");
            for near in &occupation.near {
                assert!(
                    tables.occupation(near).is_some(),
                    "{key}: no occupation {near}"
                );
            }
        }
        for place in &tables.places {
            assert!((35.0..60.0).contains(&place.latitude), "{}", place.name);
            assert!((-10.0..14.0).contains(&place.longitude), "{}", place.name);
            assert!(
                !place.languages.is_empty() && place.weight > 0,
                "{}",
                place.name
            );
        }
    }
}
