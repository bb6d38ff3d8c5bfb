//! Lists of neighbours of level 0 as they lie in a file: three bytes a link.

use crate::kernel::{index, prefetch};
use crate::traverse::Neighbours;

/// Bytes of a link.
pub(crate) const BYTES: usize = 3;
/// Where no neighbour is.
const NOWHERE: u32 = 0x00ff_ffff;

/// Writes a link; [`crate::traverse::NONE`] leads nowhere.
pub(crate) fn pack(link: u32) -> [u8; BYTES] {
    let [low, middle, high, _] = link.min(NOWHERE).to_le_bytes();
    [low, middle, high]
}

fn unpack(bytes: &[u8]) -> u32 {
    match bytes {
        [low, middle, high] => u32::from_le_bytes([*low, *middle, *high, 0]),
        _ => NOWHERE,
    }
}

/// Lists of one width, one after the other, each ended by a link that leads nowhere if
/// it is shorter.
#[derive(Clone, Copy)]
pub(crate) struct PackedLinks<'a> {
    bytes: &'a [u8],
    /// Bytes of a list.
    width: usize,
}

impl<'a> PackedLinks<'a> {
    /// Takes lists of `width` links.
    pub(crate) fn new(bytes: &'a [u8], width: usize) -> Self {
        let width = width * BYTES;
        Self { bytes, width }
    }

    /// Returns the neighbours of a node.
    #[inline]
    pub(crate) fn of(&self, node: u32) -> impl Iterator<Item = u32> + 'a {
        let start = index(node) * self.width;
        let list = self.bytes.get(start..start + self.width);
        let links = list.unwrap_or_default().chunks_exact(BYTES).map(unpack);
        links.take_while(|link| *link != NOWHERE)
    }

    /// Appends those neighbours of a node that `keep` wants; returns how many there are
    /// in all.
    ///
    /// There is no branch for each: whether a filter allows a node is what a processor
    /// guesses wrong half of the time.
    #[inline]
    pub(crate) fn sift(&self, node: u32, keep: impl Fn(u32) -> bool, out: &mut Vec<u32>) -> usize {
        let mut end = out.len();
        let mut all = 0;
        out.resize(end + self.width / BYTES, 0);
        for link in self.of(node) {
            if let Some(place) = out.get_mut(end) {
                *place = link;
            }
            end += usize::from(keep(link));
            all += 1;
        }
        out.truncate(end);
        all
    }

    /// Tells whether all links lead to nodes below a number, or nowhere.
    pub(crate) fn inside(&self, nodes: u32) -> bool {
        let mut links = self.bytes.chunks_exact(BYTES).map(unpack);
        links.all(|link| link < nodes || link == NOWHERE)
    }
}

impl Neighbours for PackedLinks<'_> {
    #[inline]
    fn prefetch(&self, node: u32) {
        let start = index(node) * self.width;
        for line in (0..self.width).step_by(64) {
            prefetch(self.bytes, start + line);
        }
    }

    #[inline]
    fn collect(&self, node: u32, mut keep: impl FnMut(u32) -> bool, out: &mut Vec<u32>) {
        for neighbour in self.of(node) {
            if keep(neighbour) {
                out.push(neighbour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traverse::NONE;

    #[test]
    fn lists_are_read_as_written() {
        let lists = [[5, 0x00ff_fffe, NONE], [NONE; 3], [1, 2, 3]];
        let bytes: Vec<u8> = lists
            .iter()
            .flatten()
            .flat_map(|link| pack(*link))
            .collect();
        let links = PackedLinks::new(&bytes, 3);
        let of = |node| links.of(node).collect::<Vec<_>>();
        assert_eq!(
            (of(0), of(1), of(2)),
            (vec![5, 0x00ff_fffe], vec![], vec![1, 2, 3])
        );
        assert!(of(3).is_empty());
        assert!(links.inside(0x00ff_ffff) && !links.inside(6));
    }
}
