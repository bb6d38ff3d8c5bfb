//! Compact tables: texts in one string, lists in one array.

use std::ops::Range;

/// Texts side by side; a text's number is its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) all: String,
    /// Where each text ends.
    pub(crate) ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns a text; empty when there is none of this number.
    pub(crate) fn get(&self, number: u32) -> &str {
        let place = index(number);
        let end = self.ends.get(place).copied();
        let before = place.checked_sub(1).and_then(|place| self.ends.get(place));
        let range = index(before.copied().unwrap_or(0))..end.map_or(0, index);
        self.all.get(range).unwrap_or_default()
    }

    /// Adds a text; `None` when there is no number or no room for it.
    pub(crate) fn push(&mut self, text: &str) -> Option<u32> {
        let number = u32::try_from(self.ends.len()).ok()?;
        let end = u32::try_from(self.all.len() + text.len()).ok()?;
        self.all.push_str(text);
        self.ends.push(end);
        Some(number)
    }
}

/// A list for each number from 0 on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// Where each list ends.
    pub(crate) ends: Vec<u32>,
    pub(crate) items: Vec<u32>,
}

impl Lists {
    /// Makes `count` lists of pairs of number and item; each sorted, repetitions dropped.
    pub(crate) fn of(count: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        Self::in_order(count, &pairs)
    }

    /// Makes `count` lists of pairs whose numbers ascend, in their order.
    pub(crate) fn in_order(count: usize, pairs: &[(u32, u32)]) -> Self {
        let mut lists = Self::default();
        let mut rest = pairs.iter().peekable();
        for number in 0..count {
            while let Some((_, item)) = rest.next_if(|pair| index(pair.0) == number) {
                lists.items.push(*item);
            }
            lists
                .ends
                .push(u32::try_from(lists.items.len()).unwrap_or(u32::MAX));
        }
        lists
    }

    pub(crate) fn get(&self, number: u32) -> &[u32] {
        self.items.get(self.range(number)).unwrap_or_default()
    }

    /// Returns where the items of a list stand.
    pub(crate) fn range(&self, number: u32) -> Range<usize> {
        let place = index(number);
        let before = place.checked_sub(1).and_then(|place| self.ends.get(place));
        let start = before.copied().map_or(0, index);
        let end = self.ends.get(place).copied().map_or(0, index);
        start..end
    }

    /// Returns for each of `count` items the numbers of the lists that have it, ascending.
    pub(crate) fn inverse(&self, count: usize) -> Self {
        let lists = (0..).take(self.ends.len());
        let pairs =
            lists.flat_map(|number| self.get(number).iter().map(move |item| (*item, number)));
        Self::of(count, pairs.collect())
    }
}

/// Widens a number; targets have at least 32-bit addresses.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
