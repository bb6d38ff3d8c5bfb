//! The places of one name, which of them are meant, and how sure that is.

use crate::draft::arrondissement;
use crate::gazetteer::Gazetteer;
use crate::names::Use;
use crate::place::{Kind, Place, about_km};
use crate::resolve::{Resolution, SURE};

/// Inhabitants of a town for which no file says: about those of a French commune.
const ASSUMED_INHABITANTS: f64 = 1_000.0;

/// What a town weighs under another name than its own.
const OTHER_NAME: f64 = 0.1;

/// What a part of a town weighs beside whole ones.
const PART: f64 = 0.3;

/// Inhabitants of the town that no file has and whose own name may be the one under which
/// a town is found that has another: files have those above 15,000.
const UNLISTED: f64 = 5_000.0;

/// Towns of one name that are as near as this are one place, entered twice.
const SAME_PLACE_KM: f64 = 10.0;

/// A place that may be meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'g> {
    pub(crate) place: &'g Place,
    pub(crate) usage: Use,
}

impl Candidate<'_> {
    fn weight(&self) -> f64 {
        let inhabitants = self.place.population.map_or(ASSUMED_INHABITANTS, f64::from);
        match (self.place.kind, self.usage) {
            (Kind::City, Use::Other) => inhabitants * OTHER_NAME,
            (Kind::District, Use::Chief) => inhabitants * PART,
            (Kind::District, Use::Other) => inhabitants * PART * OTHER_NAME,
            _ => inhabitants,
        }
    }

    fn inhabitants(&self) -> u32 {
        self.place.population.unwrap_or_default()
    }
}

impl Gazetteer {
    /// Returns the places that bear a folded name.
    pub(crate) fn named(&self, folded: &str) -> Vec<Candidate<'_>> {
        let places = self.names.places(folded);
        let found = places.filter_map(|(id, usage)| {
            let place = self.place(id)?;
            Some(Candidate { place, usage })
        });
        found.collect()
    }

    /// Returns the places that bear a folded name, or whose name it is with its spaces
    /// left out; of an arrondissement that no file has, the town.
    pub(crate) fn spelled(&self, folded: &str) -> Vec<Candidate<'_>> {
        if let Some((town, number)) = arrondissement(folded) {
            let part = self.named(&format!("{town} {number}"));
            return if part.is_empty() {
                self.named(town)
            } else {
                part
            };
        }
        let mut found = self.named(folded);
        let own = found.iter().any(|candidate| candidate.usage == Use::Chief);
        if !own && !folded.contains(' ') {
            found.extend(self.named_in_one(folded));
        }
        found
    }

    /// Returns the places of a name whose spaces are missing, such as "newyork" or
    /// "stlouis".
    pub(crate) fn named_in_one(&self, folded: &str) -> Vec<Candidate<'_>> {
        let find = |name: &str| -> Vec<Candidate<'_>> {
            let places = self.compact.places(name);
            let found = places.filter_map(|(id, usage)| {
                let place = self.place(id)?;
                Some(Candidate { place, usage })
            });
            found.collect()
        };
        let found = find(folded);
        if !found.is_empty() {
            return found;
        }
        let written_out = [("st", "saint"), ("ft", "fort"), ("mt", "mount")];
        let mut more = written_out.into_iter().filter_map(|(short, long)| {
            let rest = folded.strip_prefix(short)?;
            Some(find(&format!("{long}{rest}"))).filter(|found| !found.is_empty())
        });
        more.next().unwrap_or_default()
    }

    /// Says which of some candidates is meant, when nothing but the name is known.
    pub(crate) fn settle<'g>(&self, candidates: &[Candidate<'g>]) -> Resolution<'g> {
        self.settled(candidates, UNLISTED)
    }

    /// Says which of some candidates is meant that lie in an area which the text names.
    pub(crate) fn settle_within<'g>(&self, candidates: &[Candidate<'g>]) -> Resolution<'g> {
        self.settled(candidates, 0.0)
    }

    fn settled<'g>(&self, candidates: &[Candidate<'g>], unlisted: f64) -> Resolution<'g> {
        let mut left: Vec<Candidate<'g>> = candidates
            .iter()
            .filter(|one| !candidates.iter().any(|other| self.gives_way(one, other)))
            .copied()
            .collect();
        left.sort_by(|one, other| {
            let heavier = other.weight().total_cmp(&one.weight());
            heavier.then(one.place.id.cmp(&other.place.id))
        });
        left.dedup_by_key(|candidate| candidate.place.id);
        let total: f64 = left.iter().map(Candidate::weight).sum();
        let Some(best) = left.first() else {
            return Resolution::Unknown;
        };
        let by_own_name = best.place.kind < Kind::City || best.usage == Use::Chief;
        let sure = match (left.len(), by_own_name) {
            (1, true) => 1.0,
            (_, true) => best.weight() / total,
            (_, false) => best.weight() / (total + unlisted),
        };
        if sure >= SURE {
            return Resolution::Found {
                place: best.place,
                sure,
            };
        }
        Resolution::Ambiguous {
            best: best.place,
            sure,
            candidates: left.iter().map(|candidate| candidate.place).collect(),
        }
    }

    /// Tells whether one reading of a name is no reading beside another: of a town and
    /// the area around it that has its name, one is enough.
    fn gives_way(&self, one: &Candidate<'_>, other: &Candidate<'_>) -> bool {
        if one.place.id == other.place.id {
            return false;
        }
        let town = |place: &Place| place.kind >= Kind::City;
        match (town(one.place), town(other.place)) {
            (true, true) => {
                let apart = one.place.coordinates.zip(other.place.coordinates);
                let near = apart.is_some_and(|(one, other)| about_km(one, other) < SAME_PLACE_KM);
                let key = |candidate: &Candidate<'_>| {
                    let larger = std::cmp::Reverse(candidate.inhabitants());
                    (
                        candidate.usage,
                        candidate.place.kind,
                        larger,
                        candidate.place.id,
                    )
                };
                near && key(other) < key(one)
            }
            (false, false) => {
                self.within(one.place, other.place) && one.place.kind > other.place.kind
            }
            (false, true) => self.within(other.place, one.place) && town_is_meant(one, other),
            (true, false) => self.within(one.place, other.place) && !town_is_meant(other, one),
        }
    }

    /// Returns the areas that a text after a town may name: countries, regions and
    /// départements, by name, and by letters or number.
    ///
    /// The code of a country is the second choice where its letters stand for a region:
    /// "CA" after a town is California before it is Canada.
    pub(crate) fn areas(&self, text: &str) -> Vec<Candidate<'_>> {
        let text = text.trim();
        let mut found: Vec<Candidate<'_>> = Vec::new();
        if let Some(folded) = crate::fold::fold(text) {
            let named = self.named(&folded).into_iter();
            let named = named.filter(|candidate| candidate.place.kind < Kind::City);
            found.extend(named.map(|candidate| Candidate {
                usage: Use::Chief,
                ..candidate
            }));
        }
        let letters = text.trim_matches(|letter: char| !letter.is_alphanumeric());
        if letters.len() > 3 {
            return found;
        }
        let usage = Use::Chief;
        let regions = self.regions_of_letters(letters);
        found.extend(regions.map(|place| Candidate { place, usage }));
        if letters.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let usage = if found.is_empty() {
                Use::Chief
            } else {
                Use::Other
            };
            let country = self.country_of_code(letters);
            found.extend(country.map(|place| Candidate { place, usage }));
        } else {
            let departement = self.departement_of(letters);
            found.extend(departement.map(|place| Candidate { place, usage }));
        }
        found
    }
}

/// Tells whether a name that a town and its area share means the town.
fn town_is_meant(area: &Candidate<'_>, town: &Candidate<'_>) -> bool {
    let most = town.inhabitants() >= area.inhabitants() / 3;
    match area.place.kind {
        // "Mexico" is the country, "Singapore" the town.
        Kind::Country => most,
        // "Québec" and "New York" are the towns.
        Kind::Region => most || matches!(town.usage, Use::Chief),
        Kind::Departement | Kind::City | Kind::District => matches!(town.usage, Use::Chief),
    }
}
