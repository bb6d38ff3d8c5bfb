//! Reasons about where the job is.

use vivier_types::{Location, Summary};

use super::statement::{Reach, Statement};
use super::{Draft, Polarity, non_empty};
use crate::pair::Feature;
use crate::place::{ASSUMED_RADIUS_KM, Basis, judge};

pub(super) fn place(candidate: &Summary, vacancy: &Summary) -> Option<Draft> {
    let found = judge(candidate, vacancy)?;
    let job = place_name(&vacancy.location);
    let statement = match found.basis {
        Basis::Remote => Statement::Remote(candidate.mobility.remote),
        Basis::Region => region(candidate, vacancy, found.fit > 0.0),
        Basis::SamePlace => Statement::SamePlace(candidate.location.place.trim().to_owned()),
        Basis::Distance => {
            let km = found.km?;
            Statement::Distance {
                km,
                job: job.clone(),
                reach: reach(km, candidate.mobility.radius_km),
            }
        }
    };
    let polarity = match found.fit {
        fit if fit >= 0.99 => Polarity::For,
        fit if fit >= 0.3 => Polarity::Neutral,
        _ => Polarity::Against,
    };
    let km = found.km.map(|km| format!("{km:.0} km"));
    let evidence = [km, job, non_empty(&vacancy.location.region)];
    let draft = Draft::new(Feature::LocationFit, statement, polarity);
    Some(draft.resting_on(evidence.into_iter().flatten().collect()))
}

fn region(candidate: &Summary, vacancy: &Summary, inside: bool) -> Statement {
    let job = vacancy.location.region.trim().to_owned();
    let accepted = &candidate.mobility.regions;
    if !accepted.is_empty() {
        return Statement::RegionAccepted {
            job,
            accepted: accepted.clone(),
            inside,
        };
    }
    if inside {
        return Statement::SameRegion(job);
    }
    let home = candidate.location.region.trim().to_owned();
    Statement::OtherRegion { home, job }
}

fn reach(km: f64, radius: Option<f64>) -> Reach {
    match radius {
        Some(radius) if km <= radius => Reach::Within(radius),
        Some(radius) => Reach::Beyond(radius),
        None if km > ASSUMED_RADIUS_KM => Reach::Unknown,
        None => Reach::Near,
    }
}

fn place_name(location: &Location) -> Option<String> {
    non_empty(&location.place).or_else(|| non_empty(&location.region))
}
