//! The places of a column: rows in the order of a quadtree, searched by radius.
//!
//! An order (see [`super::order`]) and then each distinct place, latitude and
//! longitude of 8 bytes each, ascending by Morton code (the bits of latitude
//! and longitude, 16 each, interleaved), then by latitude and longitude.
//! A cell of the quadtree is one range of that order.
//!
//! A cell lies in a circle round its middle, whose radius bounds how far its
//! places are from the middle. By the triangle inequality the cell then lies
//! wholly inside the asked radius, wholly outside, or across, and is split.
//! Only great-circle distances are compared, so that the poles and the 180th
//! meridian are places like any other.

use std::ops::Range;

use bytes::Bytes;

use super::bits::as_index;
use super::format::{Cursor, Damage, ensure};
use super::order::{self, Order};
use crate::payload::distance_km;
use crate::segment::arrays::{f64_at, partition};

/// Bits of each coordinate in a code: cells of 305 by at most 611 metres.
const LEVELS: u32 = 16;
/// A cell with so few places is not split any more.
const FEW: u32 = 16;
/// Beyond the rounding of the haversine formula, which is worst (0.2 m) at the
/// antipode.
const MARGIN_KM: f64 = 0.01;
const KM_PER_DEGREE: f64 = 111.195_080;

/// A latitude and a longitude, in degrees.
pub(super) type Place = (f64, f64);

/// The stored places of a column.
pub(super) struct Places {
    order: Order,
    places: Bytes,
}

/// A cell of the quadtree: the codes that begin with the bits of `code` above
/// the last `2 * levels`, and the places there.
struct Cell {
    code: u32,
    levels: u32,
    keys: Range<u32>,
}

impl Places {
    /// Reads places and checks them wholly.
    ///
    /// # Errors
    /// When they do not have the described form.
    pub(super) fn decode(section: Bytes, rows: u32) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(section);
        let order = Order::decode(&mut cursor, rows)?;
        let places = cursor.array(order.keys(), 16, "the places")?;
        cursor.finish("the places")?;
        let places = Self { order, places };
        for index in 0..places.order.keys() {
            let place = places.place(index);
            ensure(is_place(place), "a place is not on the Earth")?;
            let ascends = index == 0 || precedes(places.place(index - 1), place);
            ensure(ascends, "places are out of order")?;
        }
        Ok(places)
    }

    /// Bounds the rows within a radius from below and above.
    pub(super) fn estimate(&self, center: Place, radius_km: f64) -> (u32, u32) {
        let (mut lower, mut upper) = (0, 0);
        let few = (self.order.keys() / 256).max(FEW);
        self.visit(center, radius_km, few, &mut |keys, inside| {
            let count = self.order.start(keys.end) - self.order.start(keys.start);
            lower += if inside { count } else { 0 };
            upper += count;
        });
        (lower, upper)
    }

    /// Adds the rows within a radius.
    pub(super) fn add(&self, center: Place, radius_km: f64, words: &mut [u64]) {
        self.visit(center, radius_km, FEW, &mut |keys, inside| {
            if inside {
                return self.order.add(keys.start, keys.end, words);
            }
            for key in keys {
                if distance_km(center, self.place(key)) <= radius_km {
                    self.order.add(key, key + 1, words);
                }
            }
        });
    }

    /// Calls `found` with ranges of places: those wholly inside (true) and
    /// those of cells of `few` places or of the least size that the radius
    /// may cross (false).
    fn visit(
        &self,
        center: Place,
        radius_km: f64,
        few: u32,
        found: &mut impl FnMut(Range<u32>, bool),
    ) {
        let keys = 0..self.order.keys();
        if !is_place(center) {
            // What the formula makes of it, place by place.
            return found(keys, false);
        }
        let root = Cell {
            code: 0,
            levels: LEVELS,
            keys,
        };
        let mut cells = vec![root];
        while let Some(cell) = cells.pop() {
            let (middle, reach_km) = cell.circle();
            let distance = distance_km(center, middle);
            if distance - reach_km - MARGIN_KM > radius_km {
                continue;
            }
            if distance + reach_km + MARGIN_KM <= radius_km {
                found(cell.keys, true);
            } else if cell.levels == 0 || cell.keys.end - cell.keys.start <= few {
                found(cell.keys, false);
            } else {
                self.split(&cell, &mut cells);
            }
        }
    }

    fn split(&self, cell: &Cell, cells: &mut Vec<Cell>) {
        let levels = cell.levels - 1;
        let mut start = cell.keys.start;
        for quarter in 0..4 {
            let code = cell.code | quarter << (2 * levels);
            let last = code | !(u32::MAX << (2 * levels));
            let end = partition(start, cell.keys.end, |key| morton(self.place(key)) <= last);
            if start < end {
                let keys = start..end;
                cells.push(Cell { code, levels, keys });
            }
            start = end;
        }
    }

    fn place(&self, key: u32) -> Place {
        let at = 2 * as_index(key);
        (f64_at(&self.places, at), f64_at(&self.places, at + 1))
    }
}

impl Cell {
    /// Returns the middle, and a bound in kilometres on the way from there to
    /// any place of the cell: along the middle parallel, then along a meridian.
    fn circle(&self) -> (Place, f64) {
        let side = f64::from(1_u32 << self.levels) / f64::from(1_u32 << LEVELS);
        let corner = |code: u32| f64::from(even_bits(code)) / f64::from(1_u32 << LEVELS);
        let half = (90.0 * side, 180.0 * side);
        let latitude = corner(self.code >> 1) * 180.0 - 90.0 + half.0;
        let longitude = corner(self.code) * 360.0 - 180.0 + half.1;
        let reach = half.0 + half.1 * latitude.to_radians().cos();
        ((latitude, longitude), reach * KM_PER_DEGREE)
    }
}

/// Tells whether a latitude and longitude are in their ranges.
pub(super) fn is_place((latitude, longitude): Place) -> bool {
    (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude)
}

fn precedes(a: Place, b: Place) -> bool {
    let key = |place: Place| (morton(place), place.0, place.1);
    key(a) < key(b)
}

/// Returns the code of a place: the bits of its latitude and longitude
/// interleaved, those of the latitude above.
fn morton((latitude, longitude): Place) -> u32 {
    let row = level_bits((latitude + 90.0) / 180.0);
    let column = level_bits((longitude + 180.0) / 360.0);
    spread(row) << 1 | spread(column)
}

/// Scales a share of 0 to 1 to 16 bits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the share lies in 0 to 1, and a cast of a float saturates"
)]
fn level_bits(share: f64) -> u16 {
    (share * f64::from(1_u32 << LEVELS)) as u16
}

/// Puts 16 bits on the even ones of 32.
fn spread(bits: u16) -> u32 {
    let mut bits = u32::from(bits);
    bits = (bits | bits << 8) & 0x00ff_00ff;
    bits = (bits | bits << 4) & 0x0f0f_0f0f;
    bits = (bits | bits << 2) & 0x3333_3333;
    (bits | bits << 1) & 0x5555_5555
}

/// Takes the even bits of 32 together: undoes [`spread`].
fn even_bits(bits: u32) -> u32 {
    let mut bits = bits & 0x5555_5555;
    bits = (bits | bits >> 1) & 0x3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff;
    (bits | bits >> 8) & 0x0000_ffff
}

/// Stores the places of rows, each on the Earth; ascending by row.
///
/// # Errors
/// When there are too many.
pub(super) fn encode(places: &[(Place, u32)], rows: u32) -> Result<Vec<u8>, Damage> {
    let mut sorted: Vec<(u32, Place, u32)> = Vec::with_capacity(places.len());
    for ((latitude, longitude), row) in places {
        // Equal zeros are one value.
        let place = (latitude + 0.0, longitude + 0.0);
        sorted.push((morton(place), place, *row));
    }
    sorted.sort_by(|(code_a, a, _), (code_b, b, _)| {
        let longitudes = || a.1.total_cmp(&b.1);
        let places = || a.0.total_cmp(&b.0).then_with(longitudes);
        code_a.cmp(code_b).then_with(places)
    });
    let (keys, ends, ordered) = order::group(sorted.iter().map(|(_, place, row)| (*place, *row)));
    let mut section = Vec::new();
    order::store(&ends, &ordered, rows, &mut section)?;
    for (latitude, longitude) in keys {
        section.extend(latitude.to_le_bytes());
        section.extend(longitude.to_le_bytes());
    }
    Ok(section)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bits;
    use super::super::tests::place;
    use super::*;

    /// Many places near the poles, the 180th meridian and one town, so that
    /// cells are split down to the least.
    fn many() -> impl Strategy<Value = Vec<Place>> {
        let near = (place(), prop::sample::select(vec![0.0, 1e-4, 0.02, 3.0]));
        let shifts = prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 1..300);
        let cluster = (near, shifts).prop_map(|(((latitude, longitude), width), shifts)| {
            let shifted = shifts.iter().map(|(north, east)| {
                let latitude = (latitude + north * width).clamp(-90.0, 90.0);
                (latitude, (longitude + east * width).clamp(-180.0, 180.0))
            });
            shifted.collect::<Vec<_>>()
        });
        prop::collection::vec(cluster, 1..4).prop_map(|clusters| clusters.concat())
    }

    proptest! {
        #[test]
        fn a_radius_equals_the_distance_to_each_place(places in many(), center in place(),
            pick in any::<prop::sample::Index>(), radii in prop::collection::vec(0.0..1.0_f64, 4))
        {
            let numbered: Vec<(Place, u32)> = places.iter().copied().zip(0..).collect();
            let rows = u32::try_from(places.len()).unwrap();
            let section = encode(&numbered, rows).unwrap();
            let stored = Places::decode(section.into(), rows).unwrap();
            let near = places[pick.index(places.len())];
            // To a place's own distance, which must count as inside.
            let exact = distance_km(center, near);
            let scaled = radii.iter().zip([1e-2, 4.0, 400.0, 20_016.0]).map(|(r, km)| r * km);
            for radius_km in scaled.chain([exact, exact.next_down()]) {
                for center in [center, near] {
                    let mut found = bits::empty(rows);
                    stored.add(center, radius_km, &mut found);
                    let mut wanted = bits::empty(rows);
                    for (place, row) in &numbered {
                        if distance_km(center, *place) <= radius_km {
                            bits::set(&mut wanted, *row);
                        }
                    }
                    prop_assert_eq!(&found, &wanted);
                    let count = wanted.iter().map(|word| word.count_ones()).sum::<u32>();
                    let (lower, upper) = stored.estimate(center, radius_km);
                    prop_assert!((lower..=upper).contains(&count));
                }
            }
        }

        #[test]
        fn bits_spread_and_come_back(bits in any::<u16>()) {
            prop_assert_eq!(even_bits(spread(bits)), u32::from(bits));
            prop_assert_eq!(even_bits(spread(bits) << 1), 0);
        }

        #[test]
        fn a_cell_reaches_all_its_places(latitude in -90.0..=90.0_f64,
            longitude in -180.0..=180.0_f64, levels in 0..=LEVELS)
        {
            let place = (latitude, longitude);
            let mask = u32::try_from(u64::from(u32::MAX) << (2 * levels) & 0xffff_ffff).unwrap();
            let cell = Cell { code: morton(place) & mask, levels, keys: 0..0 };
            let (middle, reach_km) = cell.circle();
            prop_assert!(is_place(middle));
            prop_assert!(distance_km(middle, place) <= reach_km + MARGIN_KM);
        }
    }
}
