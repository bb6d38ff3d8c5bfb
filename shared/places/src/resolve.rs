//! The place that a location field names.

use crate::field::{Field, several};
use crate::fold::fold;
use crate::gazetteer::Gazetteer;
use crate::lookup::Candidate;
use crate::names::Use;
use crate::place::{Kind, Place};

/// How sure the likeliest of several places must be to be taken as found: its share of
/// the inhabitants of all places of that name.
pub const SURE: f64 = 0.9;

/// What else is known of a place: of two of one name, the one that lies there is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint<'a> {
    /// Name or code of the country.
    pub country: Option<&'a str>,
    /// Name of the region.
    pub region: Option<&'a str>,
}

/// What a text names.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution<'g> {
    /// One place. It may be larger than the one that was meant: "Hollywood, MD" is in
    /// Maryland, which is all that is known of it.
    Found {
        /// The place.
        place: &'g Place,
        /// Share of the inhabitants of all places of that name, [`SURE`] to 1.
        sure: f64,
    },
    /// Several places.
    Ambiguous {
        /// The likeliest.
        best: &'g Place,
        /// Its share of the inhabitants of all of them; another name than the chief one
        /// counts for a tenth.
        sure: f64,
        /// All, the likeliest first.
        candidates: Vec<&'g Place>,
    },
    /// None that the gazetteer has.
    Unknown,
}

impl<'g> Resolution<'g> {
    /// Returns the place, or the likeliest.
    pub fn best(&self) -> Option<&'g Place> {
        match self {
            Self::Found { place, .. } | Self::Ambiguous { best: place, .. } => Some(place),
            Self::Unknown => None,
        }
    }

    /// Returns the place when only one is meant.
    pub fn found(&self) -> Option<&'g Place> {
        match self {
            Self::Found { place, .. } => Some(place),
            Self::Ambiguous { .. } | Self::Unknown => None,
        }
    }

    /// Says of what is found that it is not certain.
    fn doubted(self) -> Self {
        match self {
            Self::Found { place, sure } => Self::Ambiguous {
                best: place,
                sure: sure / 2.0,
                candidates: vec![place],
            },
            Self::Ambiguous { .. } | Self::Unknown => self,
        }
    }
}

impl Gazetteer {
    /// Resolves a location field: "Lyon", "69003 Lyon", "Lyon (69)", "Paris 15e",
    /// "Richmond, VA", "Paris, France", "Bretagne", "Canada".
    ///
    /// Where the text itself says in which area the place lies, only places there are
    /// meant, and when there is none the area is the answer. A hint only chooses: a
    /// place that does not lie there is reported as ambiguous, not dropped. Several
    /// places in one field are ambiguous; [`Gazetteer::resolve_each`] takes them apart.
    pub fn resolve(&self, text: &str, hint: Hint<'_>) -> Resolution<'_> {
        let whole = self.exact(text, hint);
        if whole != Resolution::Unknown {
            return whole;
        }
        let mut found: Vec<&Place> = Vec::new();
        let mut answers = Vec::new();
        for part in several(text) {
            let answer = self.resolve_one(part, hint);
            if let Some(place) = answer.best()
                && !found.contains(&place)
            {
                found.push(place);
                answers.push(answer);
            }
        }
        match answers.len() {
            0 => Resolution::Unknown,
            1 => answers.remove(0),
            _ => {
                let places = found.into_iter();
                let usage = Use::Chief;
                let candidates: Vec<Candidate<'_>> =
                    places.map(|place| Candidate { place, usage }).collect();
                self.several_meant(&candidates)
            }
        }
    }

    /// Resolves each place of a location field that names several, such as
    /// "Austin, TX; Santa Clara, CA" or "Douala - Yaoundé"; parts that name nothing are
    /// unknown.
    pub fn resolve_each(&self, text: &str, hint: Hint<'_>) -> Vec<Resolution<'_>> {
        let whole = self.exact(text, hint);
        if whole != Resolution::Unknown {
            return vec![whole];
        }
        several(text)
            .map(|part| self.resolve_one(part, hint))
            .collect()
    }

    /// Resolves a text that is a name and nothing else.
    fn exact(&self, text: &str, hint: Hint<'_>) -> Resolution<'_> {
        match fold(text) {
            Some(folded) => self.hinted(self.spelled(&folded), hint, false),
            None => Resolution::Unknown,
        }
    }

    /// Says that all of some places are meant; the likeliest is as sure as it is large.
    fn several_meant<'g>(&self, candidates: &[Candidate<'g>]) -> Resolution<'g> {
        match self.settle(candidates) {
            Resolution::Found { place, sure } => {
                let others = candidates.iter().map(|candidate| candidate.place);
                let others = others.filter(|other| other.id != place.id);
                Resolution::Ambiguous {
                    best: place,
                    sure,
                    candidates: std::iter::once(place).chain(others).collect(),
                }
            }
            answer @ (Resolution::Ambiguous { .. } | Resolution::Unknown) => answer,
        }
    }

    fn resolve_one(&self, text: &str, hint: Hint<'_>) -> Resolution<'_> {
        let exact = self.exact(text, hint);
        if exact != Resolution::Unknown {
            return exact;
        }
        let field = Field::read(text);
        let mut areas: Vec<Candidate<'_>> = Vec::new();
        let mut town: Vec<Candidate<'_>> = Vec::new();
        // From the last part, which is the largest area, to the first.
        for (index, part) in field.parts.iter().enumerate().rev() {
            let named = self.heads(part);
            let here = self.of_postcode_and(&field, &named);
            let inside = self.below(&here, &areas);
            let within = !areas.is_empty() || here.len() < named.len();
            let mut as_area = self.areas(part);
            if as_area.is_empty() && part.len() <= 3 {
                as_area = self.areas(&part.to_ascii_uppercase());
            }
            as_area = self.inside(&as_area, &areas);
            if index > 0 && !as_area.is_empty() {
                // "La Défense, Paris" is in the town rather than in its département.
                let departement = |one: &Candidate<'_>| one.place.kind == Kind::Departement;
                town = Vec::new();
                if as_area.iter().all(departement) {
                    town = inside;
                }
                areas = as_area;
                continue;
            }
            if !inside.is_empty() {
                if index == 0 {
                    return self.hinted(inside, hint, within);
                }
                // "La Défense, Paris": what stands before may still be a place there.
                let first = self.first_part(&field, index, &areas);
                return self.hinted(first.unwrap_or(inside), hint, true);
            }
            if index == 0 && !as_area.is_empty() {
                areas = as_area;
            }
        }
        let by_postcode = self.by_postcode(&field, &areas);
        if !by_postcode.is_empty() {
            return self.hinted(by_postcode, hint, true);
        }
        if !town.is_empty() {
            return self.hinted(town, hint, true);
        }
        if !areas.is_empty() {
            return self.hinted(first_choice(&areas), hint, true);
        }
        self.hinted(self.loosely(&field), hint, false)
    }

    /// Returns the places of the parts before `index` that lie in the areas.
    fn first_part<'g>(
        &'g self,
        field: &Field<'_>,
        index: usize,
        areas: &[Candidate<'g>],
    ) -> Option<Vec<Candidate<'g>>> {
        if areas.is_empty() {
            return None;
        }
        let before = field.parts.iter().take(index);
        let mut found = before.map(|part| {
            let named = self.heads(part);
            self.below(&self.of_postcode_and(field, &named), areas)
        });
        found.find(|found| !found.is_empty())
    }

    /// Returns those candidates that lie in one of some areas, of first choice if any do;
    /// all when there is no area.
    pub(crate) fn inside<'g>(
        &self,
        candidates: &[Candidate<'g>],
        areas: &[Candidate<'_>],
    ) -> Vec<Candidate<'g>> {
        if areas.is_empty() {
            return candidates.to_vec();
        }
        let lie = |areas: &[Candidate<'_>]| -> Vec<Candidate<'g>> {
            let lies = |candidate: &&Candidate<'_>| {
                let mut areas = areas.iter();
                areas.any(|area| self.within(candidate.place, area.place))
            };
            candidates.iter().filter(lies).copied().collect()
        };
        let found = lie(&first_choice(areas));
        if found.is_empty() { lie(areas) } else { found }
    }

    /// Returns those candidates that lie in one of some areas and are not that area, if
    /// there are any: "New York, NY" is the town.
    pub(crate) fn below<'g>(
        &self,
        candidates: &[Candidate<'g>],
        areas: &[Candidate<'_>],
    ) -> Vec<Candidate<'g>> {
        let is_area = |one: &Candidate<'_>| areas.iter().any(|area| area.place.id == one.place.id);
        let inside = self.inside(candidates, areas);
        let below = inside.iter().filter(|one| !is_area(one)).copied();
        let below: Vec<Candidate<'g>> = below.collect();
        if below.is_empty() { inside } else { below }
    }

    /// Settles candidates with a hint.
    fn hinted<'g>(
        &self,
        candidates: Vec<Candidate<'g>>,
        hint: Hint<'_>,
        mut within: bool,
    ) -> Resolution<'g> {
        let mut left = candidates;
        let mut contradicted = false;
        for text in [hint.country, hint.region].into_iter().flatten() {
            let areas = self.areas(text);
            if areas.is_empty() {
                continue;
            }
            let inside = self.inside(&left, &areas);
            // A larger area than the hint contradicts nothing.
            let around =
                |one: &Candidate<'_>| areas.iter().any(|area| self.within(area.place, one.place));
            if !inside.is_empty() {
                left = inside;
                within = true;
            } else if !left.iter().any(around) {
                contradicted = true;
            }
        }
        let answer = if within {
            self.settle_within(&left)
        } else {
            self.settle(&left)
        };
        if contradicted {
            answer.doubted()
        } else {
            answer
        }
    }

    /// Returns places of the field's postcode alone.
    fn by_postcode<'g>(&'g self, field: &Field<'_>, areas: &[Candidate<'_>]) -> Vec<Candidate<'g>> {
        let Some(postcode) = &field.postcode else {
            return Vec::new();
        };
        let usage = Use::Chief;
        let found = postcode.parse().map(|number| self.of_postcode(number));
        let found = found.into_iter().flatten();
        let mut found: Vec<Candidate<'g>> = found.map(|place| Candidate { place, usage }).collect();
        if found.is_empty() {
            let departement = self.departement_of(postcode);
            found.extend(departement.map(|place| Candidate { place, usage }));
        }
        self.inside(&found, areas)
    }

    /// Keeps those candidates that the field's postcode or number of a département
    /// allows; all when it has none, or when it is the postcode of another country.
    fn of_postcode_and<'g>(
        &'g self,
        field: &Field<'_>,
        named: &[Candidate<'g>],
    ) -> Vec<Candidate<'g>> {
        let number = field.postcode.as_ref().or(field.departement.as_ref());
        let Some(number) = number else {
            return named.to_vec();
        };
        if let Some(postcode) = field.postcode.as_ref().and_then(|text| text.parse().ok()) {
            let here: Vec<&Place> = self.of_postcode(postcode).collect();
            let same = |one: &&Candidate<'_>| here.iter().any(|place| place.id == one.place.id);
            let exact: Vec<_> = named.iter().filter(same).copied().collect();
            if !exact.is_empty() {
                return exact;
            }
            // "75015 Paris" is an arrondissement of Paris.
            let part = here.iter().find(|place| {
                let folded = fold(&place.name).unwrap_or_default();
                let town = crate::draft::arrondissement(&folded).map(|found| found.0);
                let bears = |one: &Candidate<'_>| {
                    town.is_some() && fold(&one.place.name).as_deref() == town
                };
                place.kind == Kind::District && named.iter().any(bears)
            });
            if let Some(place) = part {
                let usage = Use::Chief;
                return vec![Candidate { place, usage }];
            }
        }
        let Some(departement) = self.departement_of(number) else {
            return named.to_vec();
        };
        let inside = |one: &&Candidate<'_>| self.within(one.place, departement);
        let inside: Vec<_> = named.iter().filter(inside).copied().collect();
        if inside.is_empty() {
            named.to_vec()
        } else {
            inside
        }
    }
}

/// Returns the areas of first choice; all when there are none.
fn first_choice<'g>(areas: &[Candidate<'g>]) -> Vec<Candidate<'g>> {
    let first = areas.iter().filter(|area| area.usage == Use::Chief);
    let first: Vec<Candidate<'g>> = first.copied().collect();
    if first.is_empty() {
        areas.to_vec()
    } else {
        first
    }
}
