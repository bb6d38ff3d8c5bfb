//! Places, and the tables by which they are found.

use std::collections::BTreeMap;

use vivier_types::Coordinates;

use crate::coordinates::Mean;
use crate::draft::arrondissement;
use crate::error::PlacesError;
use crate::fold::fold;
use crate::names::{Names, Use};
use crate::place::{CountryCode, Kind, Place, PlaceId};

/// Places by name, postcode and code. Made by [`Gazetteer::load`].
#[derive(Debug, Default)]
pub struct Gazetteer {
    places: Vec<Place>,
    pub(crate) names: Names,
    /// Names of several words, written as one, and the words they are; for "newyork".
    pub(crate) compact: Names,
    /// French postcodes, in order.
    postcodes: Vec<(u32, PlaceId)>,
    countries: BTreeMap<CountryCode, PlaceId>,
    regions: BTreeMap<(CountryCode, Box<str>), PlaceId>,
    departements: BTreeMap<Box<str>, PlaceId>,
    /// Letters that stand for a region: "CA", and the code of the region.
    letters: Vec<(Box<str>, CountryCode, Box<str>)>,
    centres: BTreeMap<PlaceId, Coordinates>,
}

impl Gazetteer {
    /// Returns a place by its number, if it is one of this gazetteer.
    pub fn place(&self, id: PlaceId) -> Option<&Place> {
        self.places.get(id.index())
    }

    /// Returns all places in the order of their numbers.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
    }

    /// Returns how many different names places have, after folding.
    pub fn count_names(&self) -> usize {
        self.names.len()
    }

    /// Returns the country a place lies in, or is.
    pub fn country(&self, place: &Place) -> Option<&Place> {
        self.place(place.country?)
    }

    /// Returns the region a place lies in, or is.
    pub fn region(&self, place: &Place) -> Option<&Place> {
        match place.kind {
            Kind::Region => self.place(place.id),
            Kind::Country | Kind::Departement | Kind::City | Kind::District => {
                self.place(place.region?)
            }
        }
    }

    /// Returns the French département a place lies in, or is.
    pub fn departement(&self, place: &Place) -> Option<&Place> {
        match place.kind {
            Kind::Departement => self.place(place.id),
            Kind::Country | Kind::Region | Kind::City | Kind::District => {
                self.place(place.departement?)
            }
        }
    }

    /// Returns where the inhabitants of a place live on average: the place of a town, the
    /// mean of the towns of an area, weighed by their inhabitants. `None` when no file says
    /// where they are.
    pub fn centre(&self, place: &Place) -> Option<Coordinates> {
        let centre = self.centres.get(&place.id).copied();
        place.coordinates.or(centre)
    }

    /// Returns the region where a person is taken to be ready to work who lives in `home`
    /// and has not said where: the region of the home. `None` when no file tells the
    /// region, or `home` is a country.
    ///
    /// This is the rule of the recommendation method document, section 3.1: the missing
    /// values of "Mobilité" (a region of France) are filled with the region of "Ville"
    /// (the current town). A mobility that is stated always comes first, which is for the
    /// caller to see to. Only the name of the region is given: whoever has stated a
    /// radius has stated a mobility.
    pub fn default_mobility(&self, home: &Place) -> Option<&str> {
        self.region(home).map(|region| &*region.name)
    }

    /// Tells whether a place lies in another, or is it.
    pub fn within(&self, place: &Place, area: &Place) -> bool {
        place.id == area.id
            || match area.kind {
                Kind::Country => place.country_code == area.country_code,
                Kind::Region => place.region == Some(area.id),
                Kind::Departement => place.departement == Some(area.id),
                Kind::City | Kind::District => false,
            }
    }

    /// Returns the country of a code, in any case.
    pub(crate) fn country_of_code(&self, code: &str) -> Option<&Place> {
        self.place(*self.countries.get(&CountryCode::parse(code)?)?)
    }

    /// Returns the regions that letters stand for, such as "CA".
    pub(crate) fn regions_of_letters(&self, letters: &str) -> impl Iterator<Item = &Place> {
        let found = self
            .letters
            .iter()
            .filter(move |known| &*known.0 == letters);
        found.filter_map(|(_, country, code)| {
            let number = self.regions.get(&(*country, code.clone()))?;
            self.place(*number)
        })
    }

    /// Returns the places of a French postcode.
    pub(crate) fn of_postcode(&self, postcode: u32) -> impl Iterator<Item = &Place> {
        let start = self.postcodes.partition_point(|known| known.0 < postcode);
        let rest = self.postcodes.get(start..).unwrap_or_default().iter();
        let same = rest.take_while(move |known| known.0 == postcode);
        same.filter_map(|known| self.place(known.1))
    }

    /// Returns the département of a number such as "69" or "2A", or of a postcode.
    pub(crate) fn departement_of(&self, number: &str) -> Option<&Place> {
        let number = number.to_ascii_uppercase();
        let length = if number.starts_with("97") { 3 } else { 2 };
        let number = match number.len() {
            5 => number.get(..length)?,
            _ => &number,
        };
        self.place(*self.departements.get(number)?)
    }
}

/// Makes a gazetteer: larger places first.
#[derive(Default)]
pub(crate) struct Builder(Gazetteer);

impl Builder {
    /// Adds a place; its name is the first of its names that folds.
    pub(crate) fn add(
        &mut self,
        mut place: Place,
        names: &[String],
    ) -> Result<PlaceId, PlacesError> {
        let gazetteer = &mut self.0;
        let number = u32::try_from(gazetteer.places.len());
        let id = PlaceId(number.map_err(|_| PlacesError::TooMany {
            what: "places",
            limit: u32::MAX as usize,
        })?);
        place.id = id;
        let mut others = String::new();
        for name in names {
            let Some(folded) = fold(name) else { continue };
            let usage = if place.name.is_empty() {
                place.name = name.as_str().into();
                Use::Chief
            } else {
                Use::Other
            };
            gazetteer.names.add(&folded, id, usage)?;
            if let Some((town, number)) = arrondissement(&folded) {
                let name = format!("{town} {number}");
                gazetteer.names.add(&name, id, Use::Chief)?;
            }
            let is_chief = matches!(usage, Use::Chief);
            // Only names that people run together: chief ones, and of regions all.
            if is_chief || place.kind <= Kind::Region {
                // "New York City" is also "newyork".
                let short = folded.strip_suffix(" city").unwrap_or(&folded);
                for name in [folded.as_str(), short] {
                    if name.contains(' ') {
                        gazetteer.compact.add(&name.replace(' ', ""), id, usage)?;
                    }
                }
            }
            let repeated = *place.name == **name || others.split('\n').any(|known| known == name);
            if !repeated {
                others.push_str(name);
                others.push('\n');
            }
        }
        if place.name.is_empty() {
            place.name = format!("{}.{}", place.country_code.as_str(), place.code).into();
        }
        place.others = others.trim_end().into();
        match place.kind {
            Kind::Country => {
                gazetteer.countries.insert(place.country_code, id);
            }
            Kind::Region if !place.code.is_empty() => {
                let key = (place.country_code, place.code.clone());
                gazetteer.regions.insert(key, id);
            }
            Kind::Departement => {
                gazetteer.departements.insert(place.code.clone(), id);
            }
            Kind::Region | Kind::City | Kind::District => {}
        }
        place.country = gazetteer.countries.get(&place.country_code).copied();
        gazetteer.places.push(place);
        Ok(id)
    }

    /// Returns a region by its code, made when it is not known yet.
    pub(crate) fn region(
        &mut self,
        country: CountryCode,
        code: &str,
    ) -> Result<Option<PlaceId>, PlacesError> {
        // GeoNames writes "00" for none.
        if matches!(code, "" | "00") {
            return Ok(None);
        }
        if let Some(known) = self.0.regions.get(&(country, code.into())) {
            return Ok(Some(*known));
        }
        self.add(Place::blank(Kind::Region, code, country), &[])
            .map(Some)
    }

    /// Says that letters stand for a region.
    pub(crate) fn letters(&mut self, country: CountryCode, letters: &str, code: &str) {
        if !letters.is_empty() {
            self.0.letters.push((letters.into(), country, code.into()));
        }
    }

    /// Returns the region of a département.
    pub(crate) fn region_of(&self, departement: PlaceId) -> Option<PlaceId> {
        self.0.place(departement)?.region
    }

    /// Says which postcodes a place has.
    pub(crate) fn postcodes(&mut self, place: PlaceId, postcodes: &[u32]) {
        let pairs = postcodes.iter().map(|postcode| (*postcode, place));
        self.0.postcodes.extend(pairs);
    }

    /// Sums up populations and puts the tables in order.
    pub(crate) fn finish(self) -> Gazetteer {
        let mut gazetteer = self.0;
        gazetteer.postcodes.sort_unstable();
        gazetteer.postcodes.dedup();
        let mut sums: BTreeMap<PlaceId, u32> = BTreeMap::new();
        let mut means: BTreeMap<PlaceId, Mean> = BTreeMap::new();
        for place in gazetteer
            .places
            .iter()
            .filter(|place| place.kind == Kind::City)
        {
            let areas = [place.country, place.region, place.departement];
            for area in areas.into_iter().flatten() {
                let sum = sums.entry(area).or_default();
                *sum = sum.saturating_add(place.population.unwrap_or_default());
                if let Some(coordinates) = place.coordinates {
                    means
                        .entry(area)
                        .or_default()
                        .add(coordinates, place.population);
                }
            }
        }
        for (area, sum) in sums {
            if let Some(area) = gazetteer.places.get_mut(area.index()) {
                area.population = Some(sum).filter(|sum| *sum > 0);
            }
        }
        let centres = means
            .iter()
            .filter_map(|(area, mean)| Some((*area, mean.get()?)));
        gazetteer.centres = centres.collect();
        gazetteer.places.shrink_to_fit();
        gazetteer.names.shrink();
        gazetteer.compact.shrink();
        gazetteer
    }
}
