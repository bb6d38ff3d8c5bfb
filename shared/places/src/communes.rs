//! Reads the files of French communes, and the list of countries.

use csv::{ReaderBuilder, StringRecord};
use vivier_types::Coordinates;

use crate::draft::Draft;
use crate::error::PlacesError;
use crate::place::CountryCode;
use crate::reading::{Reason, Tally};

/// Columns of the file of communes and regions.
const COLUMNS: [&str; 6] = [
    "nom_commune",
    "code_postal",
    "code_departement",
    "nom_departement",
    "code_region",
    "nom_region",
];

/// Codes of `countries.csv` that are no countries.
const NO_COUNTRIES: [&str; 2] = ["AP", "EU"];

/// Reads communes with their département and region; the file has a header.
pub(crate) fn communes(
    text: &str,
    tally: &mut Tally<'_>,
    draft: &mut Draft,
) -> Result<(), PlacesError> {
    let mut places = None;
    each(text, b',', tally, |tally, line, row| {
        let Some(places) = &places else {
            places = Some(header(row, tally)?);
            return Ok(());
        };
        tally.rows += 1;
        let field = |column: usize| places.get(column).and_then(|place| row.get(*place));
        let fields: Vec<&str> = (0..COLUMNS.len())
            .filter_map(field)
            .map(str::trim)
            .collect();
        let &[name, postcode, number, departement, code, region] = fields.as_slice() else {
            tally.leave(Reason::Fields, line, "row", &joined(row));
            return Ok(());
        };
        let number = departement_number(number);
        draft.departement(&number, [departement, region, code]);
        let Some(commune) = draft.commune(&number, &[name]) else {
            tally.leave(Reason::NoName, line, "nom_commune", name);
            return Ok(());
        };
        commune.postcodes.extend(tally.postcode(line, postcode));
        Ok(())
    })
}

fn header(row: &StringRecord, tally: &Tally<'_>) -> Result<Vec<usize>, PlacesError> {
    let find = |column: &'static str| {
        let found = row.iter().position(|name| name.trim() == column);
        found.ok_or_else(|| PlacesError::Column {
            path: tally.path.to_owned(),
            column,
            expected: COLUMNS.join(", "),
        })
    };
    COLUMNS.into_iter().map(find).collect()
}

/// Reads communes with their coordinates; the file has no header.
pub(crate) fn coordinates(
    text: &str,
    tally: &mut Tally<'_>,
    draft: &mut Draft,
) -> Result<(), PlacesError> {
    each(text, b';', tally, |tally, line, row| {
        tally.rows += 1;
        let fields: Vec<&str> = row.iter().map(str::trim).collect();
        let &[
            postcode,
            _,
            latitude,
            longitude,
            bare,
            name,
            number,
            departement,
            region,
        ] = fields.as_slice()
        else {
            tally.leave(Reason::Fields, line, "row", &joined(row));
            return Ok(());
        };
        let number = departement_number(number);
        let place = [latitude, longitude];
        let metropolitan = number.len() == 2 && number.as_str() < "97";
        let place = tally.coordinates(line, place, |found| {
            (metropolitan && !in_france(found)).then_some("is not in metropolitan France")
        });
        let Some(place) = place else {
            return Ok(());
        };
        draft.departement(&number, [departement, region, ""]);
        let Some(commune) = draft.commune(&number, &[name, bare]) else {
            tally.leave(Reason::NoName, line, "name", name);
            return Ok(());
        };
        commune.coordinates = commune.coordinates.or(place);
        commune.postcodes.extend(tally.postcode(line, postcode));
        Ok(())
    })
}

/// Reads codes and names of countries; the file has no header.
pub(crate) fn countries(
    text: &str,
    tally: &mut Tally<'_>,
    draft: &mut Draft,
) -> Result<(), PlacesError> {
    each(text, b',', tally, |tally, line, row| {
        tally.rows += 1;
        let mut fields = row.iter().map(str::trim);
        let (Some(code), Some(name), None) = (fields.next(), fields.next(), fields.next()) else {
            tally.leave(Reason::Fields, line, "row", &joined(row));
            return Ok(());
        };
        let Some(country) = CountryCode::parse(code) else {
            tally.leave(Reason::Country, line, "code", code);
            return Ok(());
        };
        if crate::fold::fold(name).is_none() {
            tally.leave(Reason::NoName, line, "name", name);
            return Ok(());
        }
        if NO_COUNTRIES.contains(&code) {
            return Ok(());
        }
        let names = draft.countries.entry(country).or_default();
        names.push(name.to_owned());
        // "Korea, Republic of"
        if let Some((name, before)) = name.split_once(", ") {
            names.push(format!("{before} {name}"));
        }
        Ok(())
    })
}

/// Calls `visit` with each row and its line.
fn each<'a>(
    text: &str,
    delimiter: u8,
    tally: &mut Tally<'a>,
    mut visit: impl FnMut(&mut Tally<'a>, u64, &StringRecord) -> Result<(), PlacesError>,
) -> Result<(), PlacesError> {
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut row = StringRecord::new();
    loop {
        let more = reader.read_record(&mut row);
        let more = more.map_err(|source| PlacesError::Csv {
            path: tally.path.to_owned(),
            source,
        })?;
        if !more {
            return Ok(());
        }
        let line = row.position().map_or(0, csv::Position::line);
        visit(tally, line, &row)?;
    }
}

fn joined(row: &StringRecord) -> String {
    row.iter().collect::<Vec<_>>().join(",")
}

/// Returns the number of a département with the zero that "1" has lost.
fn departement_number(text: &str) -> String {
    match text {
        "" => String::new(),
        _ => format!("{text:0>2}"),
    }
}

impl Tally<'_> {
    /// Reads a postcode, which may have lost its leading zero.
    fn postcode(&mut self, line: u64, text: &str) -> Option<u32> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok();
        let number = number.filter(|number| digits && (1_000..100_000).contains(number));
        match number {
            Some(_) if text.len() < 5 => self.leave(Reason::LostZero, line, "postcode", text),
            // The communes of Paris, Lyon and Marseille have none of their own.
            None if !text.is_empty() => self.leave(Reason::Postcode, line, "postcode", text),
            Some(_) | None => {}
        }
        number
    }
}

/// Tells whether a point lies in metropolitan France or close to it.
fn in_france(point: Coordinates) -> bool {
    (41.0..52.0).contains(&point.latitude) && (-6.0..10.5).contains(&point.longitude)
}
