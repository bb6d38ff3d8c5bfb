//! A table from folded names to the places that bear them.
//!
//! Names lie end to end in one text and the table holds their numbers, so that a third
//! of a million names take some ten megabytes.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::PlacesError;
use crate::place::PlaceId;

/// How a name belongs to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// The name of the place.
    Chief,
    /// Another name.
    Other,
}

/// A name in the table.
#[derive(Debug)]
struct Name {
    start: u32,
    length: u16,
    /// First of its entries.
    first: u32,
}

/// A place of a name, and where the next one stands.
#[derive(Debug)]
struct Entry {
    place: PlaceId,
    usage: Use,
    next: u32,
}

const END: u32 = u32::MAX;

/// Folded names and their places.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    names: Vec<Name>,
    entries: Vec<Entry>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// Says that a place bears a folded name; the chief use wins over the other.
    pub(crate) fn add(
        &mut self,
        name: &str,
        place: PlaceId,
        usage: Use,
    ) -> Result<(), PlacesError> {
        let Ok(length) = u16::try_from(name.len()) else {
            return Ok(());
        };
        let hash = self.hasher.hash_one(name);
        let number = match self.find(hash, name) {
            Some(number) => number,
            None => self.push(hash, name, length)?,
        };
        let Some(entry) = self.names.get_mut(number as usize) else {
            return Ok(());
        };
        let mut at = entry.first;
        while let Some(known) = self.entries.get_mut(at as usize) {
            if known.place == place {
                known.usage = known.usage.min(usage);
                return Ok(());
            }
            at = known.next;
        }
        let next = entry.first;
        entry.first = fitting(self.entries.len())?;
        self.entries.push(Entry { place, usage, next });
        Ok(())
    }

    fn push(&mut self, hash: u64, name: &str, length: u16) -> Result<u32, PlacesError> {
        let number = fitting(self.names.len())?;
        let start = fitting(self.text.len())?;
        self.text.push_str(name);
        self.names.push(Name {
            start,
            length,
            first: END,
        });
        let Self {
            text,
            names,
            table,
            hasher,
            ..
        } = self;
        table.insert_unique(hash, number, |number| {
            hasher.hash_one(spelled(text, names, *number))
        });
        Ok(number)
    }

    fn find(&self, hash: u64, name: &str) -> Option<u32> {
        let same = |number: &u32| spelled(&self.text, &self.names, *number) == name;
        self.table.find(hash, same).copied()
    }

    /// Returns the places that bear a folded name.
    pub(crate) fn places(&self, name: &str) -> impl Iterator<Item = (PlaceId, Use)> {
        let number = self.find(self.hasher.hash_one(name), name);
        let mut at = number
            .and_then(|number| self.names.get(number as usize))
            .map_or(END, |name| name.first);
        std::iter::from_fn(move || {
            let entry = self.entries.get(at as usize)?;
            at = entry.next;
            Some((entry.place, entry.usage))
        })
    }

    /// Returns how many names there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Gives back what was held in reserve.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.names.shrink_to_fit();
        self.entries.shrink_to_fit();
    }
}

fn spelled<'a>(text: &'a str, names: &[Name], number: u32) -> &'a str {
    let range = names.get(number as usize).map(|name| {
        let start = name.start as usize;
        start..start + usize::from(name.length)
    });
    range.and_then(|range| text.get(range)).unwrap_or_default()
}

fn fitting(count: usize) -> Result<u32, PlacesError> {
    u32::try_from(count)
        .ok()
        .filter(|number| *number != END)
        .ok_or(PlacesError::TooMany {
            what: "names of places",
            limit: END as usize,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_name() {
        let mut names = Names::default();
        let places = [PlaceId(0), PlaceId(1), PlaceId(2)];
        for number in 0..1_000 {
            names
                .add(&format!("town {number}"), places[0], Use::Other)
                .unwrap();
        }
        names.add("lyon", places[1], Use::Other).unwrap();
        names.add("lyon", places[2], Use::Other).unwrap();
        names.add("lyon", places[1], Use::Chief).unwrap();
        let mut found: Vec<_> = names.places("lyon").collect();
        found.sort();
        assert_eq!(found, [(places[1], Use::Chief), (places[2], Use::Other)]);
        assert_eq!(names.places("town 999").count(), 1);
        assert_eq!(names.places("town").count(), 0);
        assert_eq!(names.len(), 1_001);
    }
}
