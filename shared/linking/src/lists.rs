//! Lists of numbers in one array.

use crate::vectors::place;

/// A list of numbers for each number from 0 on.
#[derive(Debug)]
pub(crate) struct Lists {
    /// Where each list starts, and where the last one ends.
    bounds: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    pub(crate) fn new() -> Self {
        Self {
            bounds: vec![0],
            items: Vec::new(),
        }
    }

    /// Adds a list.
    pub(crate) fn push(&mut self, items: impl IntoIterator<Item = u32>) {
        self.items.extend(items);
        let end = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.bounds.push(end);
    }

    /// Returns how many lists there are.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// Returns a list; an empty one when there is none of this number.
    pub(crate) fn get(&self, number: u32) -> &[u32] {
        let bounds = self.bounds.get(place(number)..);
        match bounds {
            Some([start, end, ..]) => self.items.get(place(*start)..place(*end)),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// Returns each list.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let bounds = self.bounds.iter().zip(self.bounds.iter().skip(1));
        bounds.map(|(start, end)| {
            let list = self.items.get(place(*start)..place(*end));
            list.unwrap_or_default()
        })
    }

    /// Returns for each item below `count` the numbers of the lists that have it,
    /// ascending; a number stands as often as its list has the item.
    pub(crate) fn inverted(&self, count: usize) -> Self {
        let mut bounds = vec![0_u32; count + 1];
        for item in &self.items {
            if let Some(bound) = bounds.get_mut(place(*item) + 1) {
                *bound += 1;
            }
        }
        let mut sum = 0;
        for bound in &mut bounds {
            sum += *bound;
            *bound = sum;
        }
        let mut next = bounds.clone();
        let mut items = vec![0_u32; place(sum)];
        for (number, list) in (0..).zip(self.iter()) {
            for item in list {
                let Some(next) = next.get_mut(place(*item)) else {
                    continue;
                };
                if let Some(free) = items.get_mut(place(*next)) {
                    *free = number;
                }
                *next += 1;
            }
        }
        Self { bounds, items }
    }
}

/// Returns each number of an ascending list with how often it stands there.
pub(crate) fn runs(list: &[u32]) -> impl Iterator<Item = (u32, usize)> {
    let runs = list.chunk_by(|a, b| a == b);
    runs.filter_map(|run| Some((*run.first()?, run.len())))
}

/// Returns the places of the greatest values above 0, at most so many; of equal ones the
/// first.
pub(crate) fn best(values: &[f32], count: usize) -> Vec<u32> {
    let mut kept: Vec<(f32, u32)> = Vec::with_capacity(2 * count);
    // Leaves the greatest, and returns the least of them.
    let keep = |kept: &mut Vec<(f32, u32)>| {
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let (_, last, _) = kept.select_nth_unstable_by(count.saturating_sub(1), order);
        let floor = last.0;
        kept.truncate(count);
        floor
    };
    let mut floor = 0.0;
    for (at, value) in (0..).zip(values) {
        if *value > floor {
            kept.push((*value, at));
            if kept.len() == 2 * count {
                floor = keep(&mut kept);
            }
        }
    }
    if kept.len() > count {
        keep(&mut kept);
    }
    kept.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_inverted() {
        let mut lists = Lists::new();
        for list in [vec![2, 0, 2], vec![], vec![0]] {
            lists.push(list);
        }
        assert_eq!((lists.len(), lists.get(0)), (3, &[2, 0, 2][..]));
        assert!(lists.get(1).is_empty() && lists.get(3).is_empty());
        let inverted = lists.inverted(4);
        let all: Vec<&[u32]> = inverted.iter().collect();
        assert_eq!(all, [&[0, 2][..], &[], &[0, 0], &[]]);
        assert_eq!(runs(inverted.get(2)).collect::<Vec<_>>(), [(0, 2)]);
    }
}
