//! What the files say, before it is joined into places.

use std::collections::{BTreeMap, HashMap};

use vivier_types::Coordinates;

use crate::fold::fold;
use crate::place::CountryCode;

/// A town of GeoNames.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) name: String,
    pub(crate) ascii: String,
    /// Other names in Latin letters.
    pub(crate) others: Vec<String>,
    pub(crate) country: CountryCode,
    /// Code of the region.
    pub(crate) region: String,
    /// Code of the division below; in France the number of the département.
    pub(crate) division: String,
    pub(crate) coordinates: Option<Coordinates>,
    pub(crate) population: Option<u32>,
    /// Whether it is a part of a town.
    pub(crate) part: bool,
}

/// A French commune, or an arrondissement of one.
#[derive(Debug, Default)]
pub(crate) struct Commune {
    pub(crate) name: String,
    pub(crate) others: Vec<String>,
    /// Number of the département, such as "01" or "2A"; empty when unknown.
    pub(crate) departement: String,
    pub(crate) coordinates: Option<Coordinates>,
    pub(crate) population: Option<u32>,
    pub(crate) postcodes: Vec<u32>,
}

/// A French département.
#[derive(Debug, Default)]
pub(crate) struct Departement {
    pub(crate) name: String,
    /// Name of its region.
    pub(crate) region: String,
}

/// What the files say.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Names of countries.
    pub(crate) countries: BTreeMap<CountryCode, Vec<String>>,
    /// Names of regions by country and code.
    pub(crate) regions: BTreeMap<(CountryCode, String), Vec<String>>,
    /// Codes of French regions by name; empty while no file says.
    pub(crate) french: BTreeMap<String, String>,
    pub(crate) departements: BTreeMap<String, Departement>,
    pub(crate) communes: Vec<Commune>,
    /// Communes by département and key.
    by_key: HashMap<(String, String), usize>,
    pub(crate) towns: Vec<Town>,
}

impl Draft {
    /// Returns the commune of a département that bears one of some names, made when there
    /// is none; the first name is the chief one.
    pub(crate) fn commune(&mut self, departement: &str, names: &[&str]) -> Option<&mut Commune> {
        let mut keys: Vec<(String, String)> = Vec::new();
        let mut chief = None;
        for (at, name) in names.iter().enumerate() {
            let seen = names.get(..at).is_some_and(|before| before.contains(name));
            if !seen && let Some(key) = commune_key(name) {
                chief = chief.or(Some(*name));
                keys.push((departement.to_owned(), key));
            }
        }
        let known = keys.iter().find_map(|key| self.by_key.get(key).copied());
        let number = known.unwrap_or(self.communes.len());
        if known.is_none() {
            self.communes.push(Commune {
                name: chief?.to_owned(),
                departement: departement.to_owned(),
                ..Commune::default()
            });
        }
        for key in keys {
            self.by_key.entry(key).or_insert(number);
        }
        let commune = self.communes.get_mut(number)?;
        for name in names {
            let known = commune.name == *name || commune.others.iter().any(|other| other == name);
            if !known {
                commune.others.push((*name).to_owned());
            }
        }
        Some(commune)
    }

    /// Adds a département and its region, unless known.
    pub(crate) fn departement(&mut self, number: &str, [name, region, code]: [&str; 3]) {
        if !region.is_empty() {
            let known = self.french.entry(region.to_owned()).or_default();
            if known.is_empty() {
                code.clone_into(known);
            }
        }
        if number.is_empty() || name.is_empty() {
            return;
        }
        let departements = self.departements.entry(number.to_owned());
        departements.or_insert_with(|| Departement {
            name: name.to_owned(),
            region: region.to_owned(),
        });
    }
}

/// Returns the key under which a commune is joined: its folded name, or "lyon 3" for
/// every way to write that arrondissement.
pub(crate) fn commune_key(name: &str) -> Option<String> {
    let folded = fold(name)?;
    Some(match arrondissement(&folded) {
        Some((town, number)) => format!("{town} {number}"),
        None => folded,
    })
}

/// Towns with arrondissements, and how many.
const ARRONDISSEMENTS: [(&str, u8); 3] = [("paris", 20), ("lyon", 9), ("marseille", 16)];

/// Reads a folded name such as "lyon 03", "paris 15e" or "marseille 1er arrondissement".
pub(crate) fn arrondissement(folded: &str) -> Option<(&'static str, u8)> {
    let (town, rest) = folded.split_once(' ')?;
    let (town, most) = ARRONDISSEMENTS.into_iter().find(|known| known.0 == town)?;
    let (number, after) = match rest.split_once(' ') {
        Some((number, after)) => (number, after),
        None => (rest, ""),
    };
    let digits = number.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let ordinal = ["", "e", "er", "eme", "ieme", "nd", "th", "st", "rd"];
    let ends = [
        "",
        "arrondissement",
        "arrondissements",
        "arr",
        "arrdt",
        "ardt",
        "district",
    ];
    let is_ordinal = ordinal.contains(&number.get(digits.len()..)?);
    let number: u8 = digits.parse().ok()?;
    let known = (1..=most).contains(&number) && is_ordinal && ends.contains(&after);
    (known && digits.len() <= 2).then_some((town, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrondissement_has_one_key() {
        for name in ["Lyon 03", "Lyon 3e Arrondissement", "LYON 3ème", "lyon 3"] {
            assert_eq!(commune_key(name).as_deref(), Some("lyon 3"), "{name}");
        }
        for name in ["Lyon 10", "Lyon 69003", "Paris 21e", "Paris 0", "Nice 3"] {
            assert_eq!(commune_key(name), fold(name), "{name}");
        }
    }

    #[test]
    fn communes_of_one_name_and_departement_are_one() {
        let mut draft = Draft::default();
        draft
            .commune("01", &["L'Abergement", "Abergement"])
            .unwrap();
        draft
            .commune("01", &["ABERGEMENT"])
            .unwrap()
            .postcodes
            .push(1400);
        draft.commune("02", &["Abergement"]).unwrap();
        assert!(draft.commune("02", &["", "-"]).is_none());
        assert_eq!(draft.communes.len(), 2);
        assert_eq!(draft.communes[0].postcodes, [1400]);
        assert_eq!(draft.communes[0].others, ["Abergement", "ABERGEMENT"]);
    }
}
