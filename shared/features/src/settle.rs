//! What a gazetteer adds to the places of a record.
//!
//! Nothing that the record states is replaced. What is not sure is not guessed: it stays
//! unknown and is reported. What is read from a text or assumed is told apart from what was
//! stated ([`Completed::derived`], [`Completed::assumed_mobility`]).

use std::collections::BTreeMap;

use vivier_places::{Gazetteer, Hint, Kind, Place, Resolution};
use vivier_types::{Candidate, Coordinates, Location, Mobility, Vacancy, Violation};

use crate::geography::distance_km;
use crate::key::match_key;

/// A place that is as near to the coordinates given as this is the one that is meant.
const SAME_PLACE_KM: f64 = 30.0;

/// Lines at the top of a CV where its author's town may stand.
const HEADER_LINES: usize = 6;

/// Letters of the longest line that is a header rather than prose.
const HEADER_LETTERS: usize = 80;

/// Most names that a doubt lists.
const MAX_LISTED: usize = 4;

/// The places of a profile, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completed {
    /// Where the person lives or the job is: as stated, filled where it lacked something.
    pub location: Location,
    /// Whether the location was read from the text, as the record states none.
    pub derived: bool,
    /// Regions where a candidate would work: those stated, with the names that the gazetteer
    /// has for them, or the one assumed.
    pub mobility_regions: Vec<String>,
    /// Whether that is the region of the home, as neither a region nor a radius is stated.
    pub assumed_mobility: bool,
    /// Where a candidate would work, for [`crate::candidate_geography`]: the home, and the
    /// centres of the regions stated; of the assumed region when the home is not known more
    /// exactly. Without the home when regions are stated, no radius is, and the home is in
    /// none of them. Of a vacancy its coordinates.
    pub points: Vec<Coordinates>,
    /// What could not be read for sure: the field, its value, and between which places.
    pub doubts: Vec<Violation>,
}

impl Completed {
    /// Returns the places of a record without a gazetteer: what it states.
    pub(crate) fn as_stated(location: &Location) -> Self {
        Self {
            location: location.clone(),
            points: location.coordinates.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Completes the places of a candidate.
///
/// Without a location, the town is taken that the first lines of the text name, if it is the
/// only place there and no doubt is left; the text is read as it is, so it should be without
/// the name of a person. Without a mobility, the region of the home is
/// assumed: the seed's rule, which fills a missing "Mobilité" with the region of the
/// current town.
///
/// `country` (name or code) chooses between places of one name that nothing else tells
/// apart.
pub fn complete_candidate(
    candidate: &Candidate,
    gazetteer: &Gazetteer,
    country: Option<&str>,
) -> Completed {
    let found = || header_place(&candidate.text, gazetteer);
    let mut completed = complete(&candidate.location, gazetteer, country, found);
    add_mobility(&mut completed, &candidate.mobility, gazetteer);
    completed
}

/// Completes the place of a vacancy.
///
/// Without a location, the town is taken that the title and the texts name more often than
/// any other, or for want of towns the area. `country` as for [`complete_candidate`].
pub fn complete_vacancy(
    vacancy: &Vacancy,
    gazetteer: &Gazetteer,
    country: Option<&str>,
) -> Completed {
    let found = || {
        let parts = [
            &*vacancy.title,
            &vacancy.description,
            &vacancy.wanted_profile,
        ];
        most_named(&parts.join("\n"), gazetteer)
    };
    let mut completed = complete(&vacancy.location, gazetteer, country, found);
    completed.points = completed.location.coordinates.into_iter().collect();
    completed
}

fn complete<'g>(
    location: &Location,
    gazetteer: &'g Gazetteer,
    country: Option<&str>,
    in_text: impl FnOnce() -> Option<&'g Place>,
) -> Completed {
    let mut completed = Completed::default();
    if location.is_empty() {
        if let Some(place) = in_text() {
            completed.derived = true;
            completed.location.place = place.name.to_string();
            fill(&mut completed.location, place, gazetteer);
        }
        return completed;
    }
    let (filled, doubt) = settle(location, gazetteer, country);
    completed.location = filled;
    completed.doubts.extend(doubt);
    completed
}

/// Fills what a location lacks (coordinates, region, country) from the name of its place, or
/// for want of one of its region or country. Returns it with the doubt that is left, if any.
///
/// A name that several places bear is settled only when the gazetteer is sure
/// ([`vivier_places::SURE`]), when coordinates are given that lie at one of them, or when
/// `country` leaves one. Else only what all of them have in common is filled.
pub fn settle(
    location: &Location,
    gazetteer: &Gazetteer,
    country: Option<&str>,
) -> (Location, Option<Violation>) {
    let mut filled = location.clone();
    let whole = location.coordinates.is_some()
        && !location.region.trim().is_empty()
        && !location.country.trim().is_empty();
    let fields = [
        ("location.place", &location.place),
        ("location.region", &location.region),
        ("location.country", &location.country),
    ];
    let named = fields.into_iter().find(|(_, text)| !text.trim().is_empty());
    let Some((field, text)) = named.filter(|_| !whole) else {
        return (filled, None);
    };
    let hint = Hint {
        country: stated(&location.country),
        region: stated(&location.region),
    };
    let mut answer = gazetteer.resolve(text, hint);
    if answer.found().is_none() && hint.country.is_none() {
        let chosen = gazetteer.resolve(text, Hint { country, ..hint });
        if chosen.found().is_some() {
            answer = chosen;
        }
    }
    match answer {
        Resolution::Found { place, .. } => {
            fill(&mut filled, place, gazetteer);
            (filled, None)
        }
        Resolution::Unknown => {
            let reason = "no place of this name is known".to_owned();
            (filled, Some(Violation::new(field, text, reason)))
        }
        Resolution::Ambiguous { candidates, .. } => {
            if let Some(place) = at(location.coordinates, &candidates) {
                fill(&mut filled, place, gazetteer);
                return (filled, None);
            }
            fill_common(&mut filled, &candidates, gazetteer);
            let reason = doubt(&candidates, gazetteer);
            (filled, Some(Violation::new(field, text, reason)))
        }
    }
}

fn stated(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Returns the candidate at some coordinates, if only one is.
fn at<'g>(coordinates: Option<Coordinates>, candidates: &[&'g Place]) -> Option<&'g Place> {
    let here = coordinates?;
    let near = |place: &&&Place| {
        let there = place.coordinates;
        there.is_some_and(|there| distance_km(here, there) < SAME_PLACE_KM)
    };
    let mut near = candidates.iter().filter(near);
    let first = near.next()?;
    near.next().is_none().then_some(*first)
}

fn fill(location: &mut Location, place: &Place, gazetteer: &Gazetteer) {
    if location.coordinates.is_none() {
        location.coordinates = place.coordinates;
    }
    if location.region.trim().is_empty() {
        location.region = region_name(place, gazetteer).to_owned();
    }
    if location.country.trim().is_empty() {
        place
            .country_code
            .as_str()
            .clone_into(&mut location.country);
    }
}

/// Fills the region and the country, if some places have the same.
fn fill_common(location: &mut Location, candidates: &[&Place], gazetteer: &Gazetteer) {
    if location.region.trim().is_empty() {
        let names = candidates.iter().map(|place| region_name(place, gazetteer));
        location.region = common(names).to_owned();
    }
    if location.country.trim().is_empty() {
        let codes = candidates.iter().map(|place| place.country_code.as_str());
        location.country = common(codes).to_owned();
    }
}

/// Returns the text that all have; nothing when two differ.
fn common<'a>(mut texts: impl Iterator<Item = &'a str>) -> &'a str {
    let first = texts.next().unwrap_or_default();
    if texts.all(|text| text == first) {
        first
    } else {
        ""
    }
}

/// Returns the name of the region of a place; nothing when it has but a code ("CM.05").
fn region_name<'g>(place: &Place, gazetteer: &'g Gazetteer) -> &'g str {
    let region = gazetteer.region(place);
    region.map_or("", |region| {
        let code = format!("{}.{}", region.country_code.as_str(), region.code);
        if *region.name == *code {
            ""
        } else {
            &region.name
        }
    })
}

/// Says between which places the doubt is.
fn doubt(candidates: &[&Place], gazetteer: &Gazetteer) -> String {
    let described = candidates.iter().take(MAX_LISTED).map(|place| {
        let region = region_name(place, gazetteer);
        let areas = [region, place.country_code.as_str()];
        let areas = areas
            .into_iter()
            .filter(|area| !area.is_empty() && *area != &*place.name);
        let areas: Vec<&str> = areas.collect();
        if areas.is_empty() {
            place.name.to_string()
        } else {
            format!("{} ({})", place.name, areas.join(", "))
        }
    });
    let described: Vec<String> = described.collect();
    let more = candidates.len().saturating_sub(described.len());
    match (candidates.len(), more) {
        (1, _) => format!("{} does not fit what else is given", described.join("")),
        (_, 0) => format!("several places are possible: {}", described.join("; ")),
        _ => format!(
            "several places are possible: {}; and {more} more",
            described.join("; ")
        ),
    }
}

/// Returns the place that the first lines of a CV name, if it is the only one.
fn header_place<'g>(text: &str, gazetteer: &'g Gazetteer) -> Option<&'g Place> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.take(HEADER_LINES);
    let lines = lines.filter(|line| line.chars().count() <= HEADER_LETTERS);
    let mut only: Option<&Place> = None;
    for line in lines {
        for mention in gazetteer.mentions(line) {
            let place = mention.resolution.found()?;
            only = match only {
                None => Some(place),
                Some(known) if gazetteer.within(known, place) => Some(known),
                Some(known) if gazetteer.within(place, known) => Some(place),
                Some(_) => return None,
            };
        }
    }
    only.filter(|place| place.kind >= Kind::City)
}

/// Returns the place that a text names most often, towns before areas; none when two are
/// named as often.
fn most_named<'g>(text: &str, gazetteer: &'g Gazetteer) -> Option<&'g Place> {
    let mut counts: BTreeMap<(bool, vivier_places::PlaceId), usize> = BTreeMap::new();
    for mention in gazetteer.mentions(text) {
        if let Some(place) = mention.resolution.found() {
            *counts
                .entry((place.kind >= Kind::City, place.id))
                .or_default() += 1;
        }
    }
    let towns = counts.keys().any(|(town, _)| *town);
    let counts = counts.into_iter().filter(|((town, _), _)| *town == towns);
    let mut counts: Vec<(usize, vivier_places::PlaceId)> =
        counts.map(|((_, place), count)| (count, place)).collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    match counts.as_slice() {
        [(first, _), (second, _), ..] if first == second => None,
        [(_, place), ..] => gazetteer.place(*place),
        [] => None,
    }
}

/// Adds where a candidate would work.
fn add_mobility(completed: &mut Completed, mobility: &Mobility, gazetteer: &Gazetteer) {
    let home_region = completed.location.region.clone();
    let home = completed.location.coordinates;
    let country = stated(&completed.location.country).map(str::to_owned);
    let mut centres = Vec::new();
    if mobility.regions.is_empty() {
        if mobility.radius_km.is_none() && !home_region.trim().is_empty() {
            completed.assumed_mobility = true;
            completed.mobility_regions.push(home_region.clone());
        }
        if home.is_none() {
            let region = region_of(&home_region, country.as_deref(), gazetteer);
            centres.extend(region.ok().and_then(|region| gazetteer.centre(region)));
        }
    }
    for (index, region) in mobility.regions.iter().enumerate() {
        completed.mobility_regions.push(region.clone());
        match region_of(region, country.as_deref(), gazetteer) {
            Ok(place) => {
                centres.extend(gazetteer.centre(place));
                let name = &*place.name;
                let known = completed.mobility_regions.iter();
                let mut known = known.map(|known| match_key(known));
                if place.kind == Kind::Region && known.all(|known| known != match_key(name)) {
                    completed.mobility_regions.push(name.to_owned());
                }
            }
            Err(reason) => {
                let field = format!("mobility.regions[{index}]");
                completed.doubts.push(Violation::new(field, region, reason));
            }
        }
    }
    let regions = &completed.mobility_regions;
    let elsewhere = !mobility.regions.is_empty()
        && mobility.radius_km.is_none()
        && !centres.is_empty()
        && regions
            .iter()
            .all(|region| match_key(region) != match_key(&home_region));
    completed.points = home.filter(|_| !elsewhere).into_iter().collect();
    completed.points.extend(centres);
}

/// Finds the area that a mobility names, or says why not.
fn region_of<'g>(
    name: &str,
    country: Option<&str>,
    gazetteer: &'g Gazetteer,
) -> Result<&'g Place, String> {
    let region = None;
    let mut answer = gazetteer.resolve(name, Hint { country, region });
    // A region in another country than the home is as good.
    if answer.found().is_none() {
        answer = gazetteer.resolve(name, Hint::default());
    }
    match answer {
        Resolution::Found { place, .. } => Ok(place),
        Resolution::Ambiguous { candidates, .. } => Err(doubt(&candidates, gazetteer)),
        Resolution::Unknown => Err("no place of this name is known".to_owned()),
    }
}

#[cfg(test)]
#[path = "settle/tests.rs"]
mod tests;
