//! Coordinates as files write them.

use vivier_types::Coordinates;

use crate::error::PlacesError;
use crate::reading::{Reason, Tally, example};

/// Names of the two columns.
const LATITUDE: &str = "latitude";
const LONGITUDE: &str = "longitude";

/// The weighed mean of points: that of their places on the sphere, so that the 180th
/// meridian is no border.
#[derive(Default)]
pub(crate) struct Mean([f64; 3]);

impl Mean {
    /// Adds a town; one whose inhabitants no file says weighs as one inhabitant.
    pub(crate) fn add(&mut self, point: Coordinates, inhabitants: Option<u32>) {
        let weight = f64::from(inhabitants.unwrap_or_default().max(1));
        let (up, across) = point.latitude.to_radians().sin_cos();
        let (right, ahead) = point.longitude.to_radians().sin_cos();
        let place = [across * ahead, across * right, up];
        for (sum, value) in self.0.iter_mut().zip(place) {
            *sum += weight * value;
        }
    }

    /// Returns the mean; `None` when nothing was added, or it is the middle of the Earth.
    pub(crate) fn get(&self) -> Option<Coordinates> {
        let [ahead, right, up] = self.0;
        let across = ahead.hypot(right);
        (across.hypot(up) > 1e-6).then(|| Coordinates {
            latitude: up.atan2(across).to_degrees(),
            longitude: right.atan2(ahead).to_degrees(),
        })
    }
}

impl Tally<'_> {
    /// Reads coordinates. `Some(None)` when the row has none; `None` when they are
    /// broken and the row is to be left out. `sound` says what else they must meet.
    pub(crate) fn coordinates(
        &mut self,
        line: u64,
        [latitude, longitude]: [&str; 2],
        sound: impl FnOnce(Coordinates) -> Option<&'static str>,
    ) -> Option<Option<Coordinates>> {
        if latitude.is_empty() && longitude.is_empty() {
            self.leave(Reason::NoCoordinates, line, LATITUDE, latitude);
            return Some(None);
        }
        self.located += 1;
        let found = degrees(latitude, 90.0)
            .map_err(|problem| (LATITUDE, latitude, problem))
            .and_then(|north| {
                let east = degrees(longitude, 180.0);
                let east = east.map_err(|problem| (LONGITUDE, longitude, problem))?;
                let coordinates = Coordinates {
                    latitude: north,
                    longitude: east,
                };
                match sound(coordinates) {
                    None => Ok(coordinates),
                    Some(problem) => Err((LATITUDE, latitude, problem)),
                }
            });
        match found {
            Ok(coordinates) => Some(Some(coordinates)),
            Err((column, value, problem)) => {
                self.leave(Reason::BrokenCoordinates, line, column, value);
                let path = self.path;
                self.first_broken
                    .get_or_insert_with(|| (example(path, line, column, value), problem));
                None
            }
        }
    }

    /// Refuses a file most of whose rows cannot be used.
    pub(crate) fn check(&self) -> Result<(), PlacesError> {
        let broken = self.left_out.count(Reason::BrokenCoordinates);
        if let Some((first, problem)) = &self.first_broken
            && broken * 2 > self.located
        {
            return Err(PlacesError::BrokenCoordinates {
                path: first.path.clone(),
                line: first.line,
                column: first.column,
                value: first.value.clone(),
                problem,
                broken,
                rows: self.located,
            });
        }
        let (left_out, most) = self.left_out.rows();
        match most {
            Some((reason, first)) if left_out * 2 > self.rows => Err(PlacesError::BrokenRows {
                path: first.path.clone(),
                line: first.line,
                column: first.column,
                value: first.value.clone(),
                problem: reason.text(),
                left_out,
                rows: self.rows,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Reads degrees; a comma may stand for the point.
fn degrees(text: &str, most: f64) -> Result<f64, &'static str> {
    let value: Result<f64, _> = match text.split_once(',') {
        None => text.parse(),
        Some((whole, rest)) => format!("{whole}.{rest}").parse(),
    };
    match value {
        Ok(value) if value.is_finite() && value.abs() <= most => Ok(value),
        Ok(value) if value.is_finite() => Err("is out of range"),
        Ok(_) | Err(_) => Err("is not a number of degrees"),
    }
}
