//! Whether the place of a job suits where a person would work.

use vivier_types::{RemotePolicy, Summary};

use crate::columns::working_regions;
use crate::geography::distance_km;
use crate::key::match_key;

/// Radius assumed when the person names none, in kilometres: an hour's way.
pub(crate) const ASSUMED_RADIUS_KM: f64 = 50.0;

/// Kilometres beyond the radius over which the fit falls to 1/e.
const FALL_KM: f64 = 50.0;

/// How well a place fits, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlaceFit {
    /// 1 within what the person accepts, falling to 0.
    pub(crate) fit: f64,
    /// What decided.
    pub(crate) basis: Basis,
    /// Distance from the home to the job.
    pub(crate) km: Option<f64>,
    /// Distance beyond the radius accepted: 0 within it or in a region accepted; `None`
    /// without a distance or a radius, and for a remote job.
    pub(crate) beyond_radius_km: Option<f64>,
}

/// What decided about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The job is wholly remote.
    Remote,
    /// A region that the mobility names, or for want of one the home region.
    Region,
    /// The distance from home.
    Distance,
    /// Both name the same place.
    SamePlace,
}

/// Judges the place of a vacancy for a candidate; `None` when too little is
/// known.
///
/// In this order: a remote job fits unless remote work is refused; a region
/// named by the mobility fits; then the distance against the radius; then the
/// regions; then equal place names. Different place names prove nothing.
pub(crate) fn judge(candidate: &Summary, vacancy: &Summary) -> Option<PlaceFit> {
    let mobility = &candidate.mobility;
    let km = candidate
        .location
        .coordinates
        .zip(vacancy.location.coordinates)
        .map(|(home, job)| distance_km(home, job));
    let beyond = km
        .zip(mobility.radius_km)
        .map(|(km, radius)| (km - radius).max(0.0));
    let found = |fit: f64, basis| {
        Some(PlaceFit {
            fit,
            basis,
            km,
            beyond_radius_km: match basis {
                Basis::Remote => None,
                Basis::Region if fit > 0.0 => beyond.map(|_| 0.0),
                Basis::Region | Basis::Distance | Basis::SamePlace => beyond,
            },
        })
    };

    if vacancy.remote == Some(RemotePolicy::Remote) {
        return found(
            if mobility.remote == Some(false) {
                0.0
            } else {
                1.0
            },
            Basis::Remote,
        );
    }
    let inside = region_accepted(candidate, vacancy);
    let names_regions = !mobility.regions.is_empty();
    if names_regions && inside == Some(true) {
        return found(1.0, Basis::Region);
    }
    let only_regions = names_regions && inside.is_some() && mobility.radius_km.is_none();
    if let Some(km) = km.filter(|_| !only_regions) {
        let beyond = km - mobility.radius_km.unwrap_or(ASSUMED_RADIUS_KM);
        return found((-beyond.max(0.0) / FALL_KM).exp(), Basis::Distance);
    }
    if let Some(inside) = inside {
        return found(f64::from(u8::from(inside)), Basis::Region);
    }
    let (home, job) = (
        match_key(&candidate.location.place),
        match_key(&vacancy.location.place),
    );
    if !home.is_empty() && home == job {
        found(1.0, Basis::SamePlace)
    } else {
        None
    }
}

/// Tells whether the job lies in a region where the person would work; `None`
/// when either is unknown.
fn region_accepted(candidate: &Summary, vacancy: &Summary) -> Option<bool> {
    let job = match_key(&vacancy.location.region);
    let accepted: Vec<String> = working_regions(candidate)
        .into_iter()
        .map(match_key)
        .filter(|region| !region.is_empty())
        .collect();
    if job.is_empty() || accepted.is_empty() {
        None
    } else {
        Some(accepted.contains(&job))
    }
}

#[cfg(test)]
mod tests {
    use vivier_types::{Coordinates, Location, Mobility};

    use super::*;

    const LYON: Coordinates = Coordinates {
        latitude: 45.764,
        longitude: 4.8357,
    };

    fn at(place: &str, region: &str, coordinates: Option<Coordinates>) -> Summary {
        let location = Location {
            place: place.to_owned(),
            region: region.to_owned(),
            country: String::new(),
            coordinates,
        };
        Summary {
            location,
            ..Summary::default()
        }
    }

    fn north(km: f64) -> Option<Coordinates> {
        Some(Coordinates {
            latitude: LYON.latitude + km / 111.195,
            longitude: LYON.longitude,
        })
    }

    fn within(radius_km: f64) -> Mobility {
        Mobility {
            radius_km: Some(radius_km),
            ..Mobility::default()
        }
    }

    fn fit(candidate: &Summary, vacancy: &Summary) -> (f64, Basis) {
        let found = judge(candidate, vacancy).unwrap();
        (found.fit, found.basis)
    }

    #[test]
    fn distance_is_judged_against_the_radius() {
        let job = at("Lyon", "", Some(LYON));
        for (km, radius, wanted) in [
            (10.0, 30.0, 1.0),
            (80.0, 30.0, 1.0 / std::f64::consts::E),
            (80.0, 90.0, 1.0),
        ] {
            let candidate = Summary {
                mobility: within(radius),
                ..at("", "", north(km))
            };
            let (found, basis) = fit(&candidate, &job);
            assert_eq!(basis, Basis::Distance);
            assert!(
                (found - wanted).abs() < 0.01,
                "{km} km, radius {radius}: {found}"
            );
        }
        assert!(fit(&at("", "", north(45.0)), &job).0 > 0.999);
        assert!(fit(&at("", "", north(500.0)), &job).0 < 0.001);
    }

    #[test]
    fn regions_named_by_the_mobility_outrank_distance() {
        let job = at("Lyon", "Auvergne-Rhône-Alpes", Some(LYON));
        let mut candidate = at("Brest", "Bretagne", north(700.0));
        candidate.mobility.regions = vec!["auvergne rhone alpes".to_owned()];
        assert_eq!(fit(&candidate, &job), (1.0, Basis::Region));
        candidate.mobility.regions = vec!["Normandie".to_owned()];
        assert_eq!(fit(&candidate, &job), (0.0, Basis::Region));
        candidate.mobility.radius_km = Some(800.0);
        assert_eq!(fit(&candidate, &job), (1.0, Basis::Distance));
    }

    #[test]
    fn without_coordinates_the_home_region_stands_in() {
        let job = at("", "Bretagne", None);
        assert_eq!(fit(&at("", "bretagne", None), &job), (1.0, Basis::Region));
        assert_eq!(fit(&at("", "Corse", None), &job), (0.0, Basis::Region));
    }

    #[test]
    fn place_names_prove_only_equality() {
        assert_eq!(
            fit(&at("LYON", "", None), &at("Lyon", "", None)),
            (1.0, Basis::SamePlace)
        );
        assert_eq!(
            judge(&at("Villeurbanne", "", None), &at("Lyon", "", None)),
            None
        );
        assert_eq!(judge(&Summary::default(), &Summary::default()), None);
    }

    #[test]
    fn remote_jobs_fit_unless_refused() {
        let job = Summary {
            remote: Some(RemotePolicy::Remote),
            ..at("", "", Some(LYON))
        };
        let mut candidate = at("", "", north(900.0));
        assert_eq!(fit(&candidate, &job), (1.0, Basis::Remote));
        candidate.mobility.remote = Some(false);
        assert_eq!(fit(&candidate, &job), (0.0, Basis::Remote));
    }
}
