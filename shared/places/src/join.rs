//! Joins what the files say of one place, and numbers the places.

use std::collections::{BTreeMap, HashMap};

use vivier_types::Coordinates;

use crate::countries::NAMES;
use crate::draft::{Commune, Draft, Town, arrondissement, commune_key};
use crate::error::PlacesError;
use crate::fold::fold;
use crate::gazetteer::{Builder, Gazetteer};
use crate::place::{CountryCode, Kind, Place, PlaceId, about_km};
use crate::regions::{FRENCH, REGIONS};

/// How far a town of GeoNames may lie from the middle of its commune.
const SAME_PLACE_KM: f64 = 15.0;

/// Codes that GeoNames has as countries and France as regions.
const OVERSEAS: [(&str, &str); 5] = [
    ("GF", "Guyane"),
    ("GP", "Guadeloupe"),
    ("MQ", "Martinique"),
    ("RE", "La Réunion"),
    ("YT", "Mayotte"),
];

/// Makes a gazetteer; returns how many towns were joined with a commune.
pub(crate) fn join(mut draft: Draft) -> Result<(Gazetteer, usize), PlacesError> {
    let towns = std::mem::take(&mut draft.towns);
    let (alone, joined) = join_communes(&mut draft, towns);
    let mut builder = Builder::default();
    add_countries(&mut draft, &mut builder)?;
    add_regions(&draft, &mut builder)?;
    let french = add_french_regions(&draft, &mut builder)?;
    let departements = add_departements(&draft, &french, &mut builder)?;
    add_communes(draft.communes, &departements, &mut builder)?;
    for town in alone {
        add_town(town, &french, &departements, &mut builder)?;
    }
    Ok((builder.finish(), joined))
}

/// Returns the code of the region of France that GeoNames has as a country.
fn overseas(country: CountryCode) -> Option<&'static str> {
    let found = OVERSEAS.iter().find(|(code, _)| *code == country.as_str());
    found.map(|(_, name)| *name)
}

/// Joins towns with communes of the same name that are near; returns the others.
fn join_communes(draft: &mut Draft, towns: Vec<Town>) -> (Vec<Town>, usize) {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (number, commune) in draft.communes.iter().enumerate() {
        let names = std::iter::once(&commune.name).chain(&commune.others);
        for key in names.filter_map(|name| commune_key(name)) {
            let numbers = by_name.entry(key).or_default();
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }
    let mut alone = Vec::new();
    let mut joined = 0;
    for town in towns {
        if town.country != CountryCode::FRANCE && overseas(town.country).is_none() {
            alone.push(town);
            continue;
        }
        let find = |name: &String| {
            let numbers = by_name.get(&commune_key(name)?)?.iter().copied();
            let near = numbers.filter_map(|number| {
                let commune = draft.communes.get(number)?;
                let km = distance(&town, commune)?;
                Some((number, km))
            });
            near.min_by(|one, other| one.1.total_cmp(&other.1))
        };
        let chief = [&town.name, &town.ascii].into_iter().find_map(find);
        // A part of a town may have the name of the town among its others.
        let others = || town.others.iter().filter(|_| !town.part).find_map(find);
        let found = chief.or_else(others);
        let commune = found.and_then(|(number, _)| draft.communes.get_mut(number));
        let Some(commune) = commune.filter(|commune| commune.population.is_none()) else {
            alone.push(town);
            continue;
        };
        joined += 1;
        commune.coordinates = town.coordinates.or(commune.coordinates);
        commune.population = town.population.or(Some(0));
        commune.others.extend([town.name, town.ascii]);
        commune.others.extend(town.others);
        if town.country == CountryCode::FRANCE
            && let Some(departement) = draft.departements.get(&commune.departement)
            && let Some(code) = draft.french.get_mut(&departement.region)
            && code.is_empty()
        {
            *code = town.region;
        }
    }
    (alone, joined)
}

/// Returns the kilometres between a town and a commune that may be the same.
fn distance(town: &Town, commune: &Commune) -> Option<f64> {
    match (town.coordinates, commune.coordinates) {
        (Some(one), Some(other)) => Some(about_km(one, other)).filter(|km| *km < SAME_PLACE_KM),
        _ => (town.division == commune.departement).then_some(SAME_PLACE_KM),
    }
}

fn add_countries(draft: &mut Draft, builder: &mut Builder) -> Result<(), PlacesError> {
    for (code, names) in NAMES {
        if let Some(code) = CountryCode::parse(code) {
            let known = draft.countries.entry(code).or_default();
            known.extend(names.split('|').map(str::to_owned));
        }
    }
    for (code, names) in &draft.countries {
        let region = overseas(*code);
        if region.is_some_and(|region| draft.french.contains_key(region)) {
            continue;
        }
        let place = Place::blank(Kind::Country, code.as_str(), *code);
        builder.add(place, names)?;
    }
    Ok(())
}

fn add_regions(draft: &Draft, builder: &mut Builder) -> Result<(), PlacesError> {
    let mut regions: BTreeMap<(CountryCode, String), Vec<String>> = BTreeMap::new();
    for (country, code, names, letters) in REGIONS {
        let Some(country) = CountryCode::parse(country) else {
            continue;
        };
        let names = names.split('|').map(str::to_owned).collect();
        regions.insert((country, (*code).to_owned()), names);
        builder.letters(country, letters, code);
    }
    for (key, names) in &draft.regions {
        let known = regions.entry(key.clone()).or_default();
        known.extend(names.iter().cloned());
    }
    for ((country, code), names) in regions {
        // Those of the communes say the same, and more.
        if country == CountryCode::FRANCE && draft.french.values().any(|known| *known == code) {
            continue;
        }
        builder.add(Place::blank(Kind::Region, &code, country), &names)?;
    }
    Ok(())
}

fn add_french_regions(
    draft: &Draft,
    builder: &mut Builder,
) -> Result<BTreeMap<String, PlaceId>, PlacesError> {
    let mut numbers = BTreeMap::new();
    for (name, code) in &draft.french {
        let place = Place::blank(Kind::Region, code, CountryCode::FRANCE);
        let more = FRENCH.iter().find(|known| known.0 == name);
        let more = more.map_or("", |known| known.1).split('|');
        let mut names = vec![name.clone()];
        names.extend(more.map(str::to_owned));
        numbers.insert(name.clone(), builder.add(place, &names)?);
    }
    Ok(numbers)
}

fn add_departements(
    draft: &Draft,
    regions: &BTreeMap<String, PlaceId>,
    builder: &mut Builder,
) -> Result<BTreeMap<String, PlaceId>, PlacesError> {
    let mut numbers = BTreeMap::new();
    for (number, departement) in &draft.departements {
        let mut place = Place::blank(Kind::Departement, number, CountryCode::FRANCE);
        place.region = regions.get(&departement.region).copied();
        let names = [departement.name.clone()];
        numbers.insert(number.clone(), builder.add(place, &names)?);
    }
    Ok(numbers)
}

fn add_communes(
    communes: Vec<Commune>,
    departements: &BTreeMap<String, PlaceId>,
    builder: &mut Builder,
) -> Result<(), PlacesError> {
    let mut parts: BTreeMap<&'static str, Vec<Coordinates>> = BTreeMap::new();
    for commune in &communes {
        let folded = fold(&commune.name).unwrap_or_default();
        if let (Some((town, _)), Some(middle)) = (arrondissement(&folded), commune.coordinates) {
            parts.entry(town).or_default().push(middle);
        }
    }
    for commune in communes {
        let folded = fold(&commune.name).unwrap_or_default();
        let part = arrondissement(&folded).is_some();
        let kind = if part { Kind::District } else { Kind::City };
        let mut place = Place::blank(kind, "", CountryCode::FRANCE);
        place.departement = departements.get(&commune.departement).copied();
        place.region = place
            .departement
            .and_then(|number| builder.region_of(number));
        // The files have no coordinates of Paris, Lyon and Marseille as a whole.
        let middle = || parts.get(folded.as_str()).and_then(|parts| mean(parts));
        place.coordinates = commune.coordinates.or_else(middle);
        place.population = commune.population.filter(|count| *count > 0);
        let mut names = vec![commune.name];
        names.extend(commune.others);
        let number = builder.add(place, &names)?;
        builder.postcodes(number, &commune.postcodes);
    }
    Ok(())
}

fn add_town(
    town: Town,
    french: &BTreeMap<String, PlaceId>,
    departements: &BTreeMap<String, PlaceId>,
    builder: &mut Builder,
) -> Result<(), PlacesError> {
    let kind = if town.part {
        Kind::District
    } else {
        Kind::City
    };
    let region = overseas(town.country).and_then(|name| french.get(name));
    let country = match region {
        Some(_) => CountryCode::FRANCE,
        None => town.country,
    };
    let mut place = Place::blank(kind, "", country);
    if country == CountryCode::FRANCE {
        place.departement = departements.get(&town.division).copied();
    }
    let of_departement = place
        .departement
        .and_then(|number| builder.region_of(number));
    place.region = match region.copied().or(of_departement) {
        Some(region) => Some(region),
        None => builder.region(country, &town.region)?,
    };
    place.coordinates = town.coordinates;
    place.population = town.population;
    let mut names = vec![town.name, town.ascii];
    names.extend(town.others);
    builder.add(place, &names)?;
    Ok(())
}

fn mean(points: &[Coordinates]) -> Option<Coordinates> {
    let count = u32::try_from(points.len())
        .ok()
        .filter(|count| *count > 0)?;
    let sum = |of: fn(&Coordinates) -> f64| points.iter().map(of).sum::<f64>() / f64::from(count);
    Some(Coordinates {
        latitude: sum(|point| point.latitude),
        longitude: sum(|point| point.longitude),
    })
}
