//! Lists of neighbours that threads change while others read them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::kernel::{index, prefetch};
use crate::traverse::NONE;

/// Lists of one width, ended by [`NONE`] where they are shorter.
///
/// Whoever changes a list holds its lock; readers take none. What they see while a
/// list changes is a mix of old and new neighbours, which serves a search as well.
pub(crate) struct Lists {
    cells: Vec<AtomicU32>,
    width: usize,
    locks: Vec<AtomicBool>,
}

impl Lists {
    /// Makes so many empty lists.
    pub(crate) fn new(count: usize, width: usize) -> Self {
        Self {
            cells: (0..count * width).map(|_| AtomicU32::new(NONE)).collect(),
            width,
            locks: (0..count).map(|_| AtomicBool::new(false)).collect(),
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
        let nodes = cells.iter().map(|cell| cell.load(Ordering::Relaxed));
        nodes.take_while(|node| *node != NONE)
    }

    /// Locks a list until the lock is dropped; only a few instructions may follow.
    pub(crate) fn lock(&self, list: u32) -> Locked<'_> {
        let lock = self.locks.get(index(list));
        if let Some(lock) = lock {
            let mut spins = 0_u32;
            while lock
                .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
            {
                spins += 1;
                if spins.is_multiple_of(64) {
                    std::thread::yield_now();
                } else {
                    std::hint::spin_loop();
                }
            }
        }
        Locked {
            lists: self,
            list,
            lock,
        }
    }
}

/// The right to change one list.
pub(crate) struct Locked<'a> {
    lists: &'a Lists,
    list: u32,
    lock: Option<&'a AtomicBool>,
}

impl Locked<'_> {
    /// Replaces the list; what does not fit is left out.
    pub(crate) fn write(&self, nodes: impl IntoIterator<Item = u32>) {
        let start = index(self.list) * self.lists.width;
        let cells = self.lists.cells.get(start..start + self.lists.width);
        let nodes = nodes.into_iter().chain(std::iter::repeat(NONE));
        for (cell, node) in cells.unwrap_or_default().iter().zip(nodes) {
            cell.store(node, Ordering::Relaxed);
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.lock {
            lock.store(false, Ordering::Release);
        }
    }
}
