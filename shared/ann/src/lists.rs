//! Lists of neighbours that threads change while others read them.

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard, atomic::AtomicU32};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard, atomic::AtomicU32};

use crate::kernel::{index, prefetch};
use crate::traverse::NONE;

/// Lists of one width, ended by [`NONE`] where they are shorter.
///
/// Whoever changes a list holds its lock; readers take none. What they see while a
/// list changes is a mix of old and new neighbours, which serves a search as well. Who
/// reads a link to a node sees the lists that the node had when the link was written.
pub(crate) struct Lists {
    cells: Vec<AtomicU32>,
    width: usize,
    /// They sleep: where there are more threads than cores, who holds one may not run.
    locks: Vec<Mutex<()>>,
}

impl Lists {
    /// Makes so many empty lists.
    pub(crate) fn new(count: usize, width: usize) -> Self {
        Self {
            cells: (0..count * width).map(|_| AtomicU32::new(NONE)).collect(),
            width,
            locks: (0..count).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Returns the number of cells of a list.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Asks the processor to load a list.
    #[inline]
    pub(crate) fn prefetch(&self, list: u32) {
        let start = index(list) * self.width;
        prefetch(&self.cells, start);
        prefetch(&self.cells, start + 16);
    }

    /// Returns the neighbours in a list.
    #[inline]
    pub(crate) fn read(&self, list: u32) -> impl Iterator<Item = u32> + '_ {
        let start = index(list) * self.width;
        let cells = self
            .cells
            .get(start..start + self.width)
            .unwrap_or_default();
        let nodes = cells.iter().map(|cell| cell.load(Ordering::Acquire));
        nodes.take_while(|node| *node != NONE)
    }

    /// Locks a list until the lock is dropped.
    pub(crate) fn lock(&self, list: u32) -> Locked<'_> {
        let lock = self.locks.get(index(list));
        Locked {
            lists: self,
            list,
            _guard: lock.map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

/// The right to change one list.
pub(crate) struct Locked<'a> {
    lists: &'a Lists,
    list: u32,
    _guard: Option<MutexGuard<'a, ()>>,
}

impl Locked<'_> {
    /// Replaces the list; what does not fit is left out.
    pub(crate) fn write(&self, nodes: impl IntoIterator<Item = u32>) {
        let start = index(self.list) * self.lists.width;
        let cells = self.lists.cells.get(start..start + self.lists.width);
        let nodes = nodes.into_iter().chain(std::iter::repeat(NONE));
        for (cell, node) in cells.unwrap_or_default().iter().zip(nodes) {
            cell.store(node, Ordering::Release);
        }
    }
}

/// Every order in which threads can run, and all that their processors may see: run by
/// `make loom`.
#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// Links a node as the builder does: first its own list, then it is linked back.
    fn insert(lists: &Lists, node: u32, to: u32) {
        lists.lock(node).write([to]);
        let locked = lists.lock(to);
        let mut found: Vec<u32> = lists.read(to).collect();
        found.push(node);
        locked.write(found);
    }

    #[test]
    fn no_node_is_seen_before_its_list_leads_on() {
        let linked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::Arc::clone(&linked);
        loom::model(move || {
            let lists = Arc::new(Lists::new(2, 2));
            let reader = Arc::clone(&lists);
            let count = std::sync::Arc::clone(&count);
            let reading = thread::spawn(move || {
                for node in reader.read(0) {
                    count.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(reader.read(node).collect::<Vec<_>>(), [0]);
                }
            });
            insert(&lists, 1, 0);
            reading.join().unwrap();
        });
        assert!(
            linked.load(Ordering::Relaxed) > 0,
            "the link was never seen"
        );
    }

    #[test]
    fn no_link_is_lost_when_two_nodes_link_to_one() {
        loom::model(|| {
            let lists = Arc::new(Lists::new(3, 2));
            let writer = Arc::clone(&lists);
            let inserted = thread::spawn(move || insert(&writer, 1, 0));
            insert(&lists, 2, 0);
            inserted.join().unwrap();
            let mut seen: Vec<u32> = lists.read(0).collect();
            seen.sort_unstable();
            assert_eq!(seen, [1, 2]);
        });
    }
}
