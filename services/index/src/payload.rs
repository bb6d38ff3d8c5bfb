//! Payload columns as filters see them.

use std::collections::BTreeMap;

use crate::model::Value;

/// Folds a text for comparison: case is ignored.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Returns columns with their texts folded.
pub(crate) fn fold_columns(payload: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let folded = payload.iter().map(|(column, value)| {
        let value = match value {
            Value::Strings(strings) => {
                Value::Strings(strings.iter().map(|string| fold(string)).collect())
            }
            Value::Number(_) | Value::Boolean(_) | Value::Date(_) | Value::Coordinates { .. } => {
                value.clone()
            }
        };
        (column.clone(), value)
    });
    folded.collect()
}

/// Mean radius of the Earth.
const EARTH_KM: f64 = 6_371.008_8;

/// Returns the great-circle distance of two places in decimal degrees, in
/// kilometres (haversine; the Earth as a sphere, at most 0.6 % off).
pub(crate) fn distance_km(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (latitude_a, latitude_b) = (from.0.to_radians(), to.0.to_radians());
    let half_latitude = (latitude_b - latitude_a) / 2.0;
    let half_longitude = (to.1 - from.1).to_radians() / 2.0;
    let square = half_latitude.sin().powi(2)
        + latitude_a.cos() * latitude_b.cos() * half_longitude.sin().powi(2);
    2.0 * EARTH_KM * square.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_distances() {
        let (paris, lyon) = ((48.8566, 2.3522), (45.7640, 4.8357));
        assert!((distance_km(paris, lyon) - 392.0).abs() < 2.0);
        assert!(distance_km(paris, paris).abs() < 1e-9);
        let antipode = distance_km((0.0, 0.0), (0.0, 180.0));
        assert!((antipode - 20_015.1).abs() < 1.0);
    }
}
