//! Places profiles on shards by rendezvous hashing.
//!
//! A profile lives on the shard whose hash with its id is greatest. Every
//! gateway finds the same shard without shared state, and when shard n is
//! appended only the profiles that it wins, one in n, change place
//! (Thaler and Ravishankar, IEEE/ACM Transactions on Networking, 1998).

use sha2::{Digest, Sha256};

/// Places ids on `shards` shards, numbered from 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    shards: u32,
}

impl Placement {
    /// Places on this many shards; at least one.
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards: u32::try_from(shards).unwrap_or(u32::MAX).max(1),
        }
    }

    /// Returns the shard on which `id` lives.
    pub(crate) fn shard_of(self, id: &str) -> usize {
        let owner = (0..self.shards)
            .max_by_key(|shard| (weight(*shard, id), *shard))
            .unwrap_or(0);
        usize::try_from(owner).unwrap_or(0)
    }
}

/// Hashes a shard number with an id: the first eight bytes, big endian, of
/// SHA-256 over the number as four little-endian bytes and the id. Stable for
/// ever: stored profiles rest on it.
fn weight(shard: u32, id: &str) -> u64 {
    let digest = Sha256::new()
        .chain_update(shard.to_le_bytes())
        .chain_update(id)
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> impl Iterator<Item = String> {
        (0..10_000).map(|number| format!("candidate-{number}"))
    }

    #[test]
    fn placements_never_change() {
        // Computed apart, by Python's hashlib.
        let placement = Placement::new(4);
        let places: Vec<usize> = ["a", "b", "c", "d", "é", "candidate-1"]
            .map(|id| placement.shard_of(id))
            .to_vec();
        assert_eq!(places, [1, 1, 3, 1, 0, 3]);
    }

    #[test]
    fn shards_get_even_parts() {
        let placement = Placement::new(4);
        let mut counts = [0_i32; 4];
        for id in ids() {
            counts[placement.shard_of(&id)] += 1;
        }
        // Binomial(10,000, 1/4) has a standard deviation of 43.
        for count in counts {
            assert!((count - 2_500).abs() < 220, "{counts:?}");
        }
    }

    #[test]
    fn a_new_shard_takes_its_part_and_moves_nothing_else() {
        let (before, after) = (Placement::new(4), Placement::new(5));
        let mut moved = 0_i32;
        for id in ids() {
            let (old, new) = (before.shard_of(&id), after.shard_of(&id));
            if old != new {
                assert_eq!(new, 4, "{id} moved between old shards");
                moved += 1;
            }
        }
        assert!((moved - 2_000).abs() < 200, "{moved}");
    }
}
