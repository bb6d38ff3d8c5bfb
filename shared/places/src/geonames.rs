//! Reads GeoNames' own files: towns, and names of regions.
//!
//! Their format is described in <https://download.geonames.org/export/dump/readme.txt>:
//! fields separated by tabs, no header, no quotes.

use crate::draft::{Draft, Town};
use crate::fold::fold;
use crate::place::CountryCode;
use crate::reading::{Reason, Tally};
use crate::source::GEONAMES_COLUMNS;

/// Reads towns.
pub(crate) fn towns(text: &str, tally: &mut Tally<'_>, draft: &mut Draft) {
    for (line, row) in rows(text) {
        tally.rows += 1;
        let fields: Vec<&str> = row.split('\t').collect();
        let Ok(fields) = <[&str; GEONAMES_COLUMNS]>::try_from(fields) else {
            tally.leave(Reason::Fields, line, "row", row);
            continue;
        };
        let [
            _,
            name,
            ascii,
            others,
            latitude,
            longitude,
            _,
            feature,
            country,
            ..,
        ] = fields;
        let [.., region, division, _, _, population, _, _, _, _] = fields;
        let Some(coordinates) = tally.coordinates(line, [latitude, longitude], |_| None) else {
            continue;
        };
        let Some(country) = CountryCode::parse(country) else {
            tally.leave(Reason::Country, line, "country", country);
            continue;
        };
        let (name, ascii) = match (fold(name), fold(ascii)) {
            (Some(_), _) => (name, ascii),
            (None, Some(_)) => (ascii, name),
            (None, None) => {
                tally.leave(Reason::NoName, line, "name", name);
                continue;
            }
        };
        let inhabitants = population.parse::<u32>();
        if inhabitants.is_err() && !population.is_empty() {
            tally.leave(Reason::Population, line, "population", population);
        }
        draft.towns.push(Town {
            name: name.to_owned(),
            ascii: ascii.to_owned(),
            others: latin(others),
            country,
            region: region.to_owned(),
            division: division.to_owned(),
            coordinates,
            population: inhabitants.ok().filter(|count| *count > 0),
            part: feature == "PPLX",
        });
    }
}

/// Reads names of regions: "FR.84", name, name in ASCII, number.
pub(crate) fn regions(text: &str, tally: &mut Tally<'_>, draft: &mut Draft) {
    for (line, row) in rows(text) {
        tally.rows += 1;
        let fields: Vec<&str> = row.split('\t').collect();
        let &[code, name, ascii, _] = fields.as_slice() else {
            tally.leave(Reason::Fields, line, "row", row);
            continue;
        };
        let country = code.split_once('.');
        let country = country.and_then(|(country, region)| {
            CountryCode::parse(country).map(|country| (country, region))
        });
        let Some((country, region)) = country else {
            tally.leave(Reason::Country, line, "code", code);
            continue;
        };
        if fold(name).is_none() && fold(ascii).is_none() {
            tally.leave(Reason::NoName, line, "name", name);
            continue;
        }
        let names = draft
            .regions
            .entry((country, region.to_owned()))
            .or_default();
        names.extend([name.to_owned(), ascii.to_owned()]);
    }
}

/// Returns the rows that are not empty, with their lines.
fn rows(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let rows = (1..).zip(text.lines());
    rows.filter(|(_, row)| !row.trim().is_empty())
}

/// Returns the names that are written in Latin letters.
fn latin(names: &str) -> Vec<String> {
    // Latin letters and their marks come before Greek; Vietnamese ones lie above 1E00.
    let is_latin = |letter: char| {
        letter < '\u{370}' || ('\u{1e00}'..'\u{1f00}').contains(&letter) || "‘’ʻ–".contains(letter)
    };
    let names = names.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty() && name.chars().all(is_latin));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_town_is_read() {
        let text = "2996944\tLyon\tLyon\tLYS,Lione,Лион,リヨン,Líon\t45.74846\t4.84671\tP\tPPLA\tFR\t\t84\t69\t691\t69123\t522969\t\t173\tEurope/Paris\t2025-01-01\r\n\n\
            1\tX\tX\t\t95\t4\tP\tPPL\tFR\t\t84\t69\t\t\t0\t\t\t\t\n\
            2\tshort\n";
        let mut tally = Tally::new(Path::new("cities.txt"));
        let mut draft = Draft::default();
        towns(text, &mut tally, &mut draft);
        let [lyon] = draft.towns.as_slice() else {
            panic!("{:?}", draft.towns);
        };
        assert_eq!(
            (lyon.name.as_str(), lyon.population),
            ("Lyon", Some(522_969))
        );
        assert_eq!((lyon.region.as_str(), lyon.division.as_str()), ("84", "69"));
        assert_eq!(lyon.others, ["LYS", "Lione", "Líon"]);
        assert_eq!(tally.rows, 3);
        let said = tally.left_out.to_string();
        assert!(
            said.contains("cities.txt, line 3: latitude \"95\""),
            "{said}"
        );
        assert!(
            said.contains("cities.txt, line 4: row \"2\\tshort\""),
            "{said}"
        );
    }
}
