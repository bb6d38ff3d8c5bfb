//! The cache gives back what it was given, stays in its bounds, and never stops the
//! service.

use std::path::Path;

use super::*;

const DIM: usize = 384;

fn config(folder: &Path, max_bytes: u64) -> Config {
    Config {
        cache_dir: folder.to_owned(),
        cache_max_bytes: max_bytes,
        ..Config::default()
    }
}

fn open(folder: &Path, max_bytes: u64) -> (Option<Cache>, Arc<Stats>) {
    let stats = Arc::new(Stats::default());
    let cache = match Cache::try_open(&config(folder, max_bytes), DIM, &stats) {
        Ok(cache) => Some(cache),
        Err(error) => {
            eprintln!("the cache does not open: {error:?}");
            None
        }
    };
    (cache, stats)
}

fn key(number: u32) -> Key {
    use sha2::Digest;
    sha2::Sha256::digest(number.to_le_bytes()).into()
}

fn embedding(number: u32) -> Embedding {
    Embedding {
        values: (0..DIM)
            .map(|place| (number as f32) + place as f32)
            .collect(),
        input_tokens: 7,
        used_tokens: 5,
        windows: 1,
        cut: Some(3..9),
        cached: true,
    }
}

/// Writes vectors and waits until they are written.
fn fill(cache: &Cache, stats: &Stats, numbers: std::ops::Range<u32>) {
    let written = stats.cache.writes.get() + u64::from(numbers.end - numbers.start);
    for number in numbers {
        cache.put(key(number), &embedding(number));
    }
    while stats.cache.writes.get() < written {
        assert_eq!(stats.cache.dropped_writes.get(), 0);
        assert_eq!(stats.cache.errors.get(), 0);
        std::thread::yield_now();
    }
}

fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[test]
fn vectors_come_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, stats) = open(folder.path(), 64 << 20);
    let cache = cache.unwrap();
    assert_eq!(cache.get(&key(1)), None);
    cache.put(key(1), &embedding(1));
    cache.close();
    assert_eq!(cache.get(&key(1)), Some(embedding(1)));
    assert_eq!(stats.cache.hits.get() + stats.cache.misses.get(), 2);
    drop(cache);
    let (cache, stats) = open(folder.path(), 64 << 20);
    let cache = cache.unwrap();
    assert_eq!(cache.get(&key(1)), Some(embedding(1)));
    assert_eq!(cache.get(&key(2)), None);
    assert_eq!((stats.cache.hits.get(), stats.cache.misses.get()), (1, 1));
    let other_dim = Cache::open(
        &Config {
            cache: false,
            ..config(folder.path(), 64 << 20)
        },
        DIM,
        &stats,
    );
    assert!(other_dim.is_none(), "switched off");
}

#[test]
fn the_bound_on_disk_holds_and_what_is_used_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 24 << 20;
    let (cache, stats) = open(folder.path(), limit);
    let cache = cache.unwrap();
    let mut largest = 0;
    // Vectors of 1.6 kB: several times what fits.
    for round in 0..40_u32 {
        let start = round * 1000;
        fill(&cache, &stats, start..start + 1000);
        // Asked for all the time.
        assert!(round == 0 || cache.get(&key(0)).is_some(), "round {round}");
        largest = largest.max(bytes(folder.path()));
    }
    assert!(stats.cache.rotations.get() >= 2);
    assert!(largest <= limit, "{largest} bytes of {limit}");
    assert!(cache.bytes() <= limit);
    cache.close();
    assert!(cache.get(&key(39_999)).is_some(), "the latest is kept");
    assert!(cache.get(&key(1000)).is_none(), "the oldest is gone");
    drop(cache);
    // A restart keeps the bound and the vectors.
    let (cache, stats) = open(folder.path(), limit);
    let cache = cache.unwrap();
    assert!(cache.get(&key(39_999)).is_some() && cache.get(&key(0)).is_some());
    fill(&cache, &stats, 0..1000);
    cache.close();
    assert!(bytes(folder.path()) <= limit);
}

#[test]
fn a_folder_in_use_or_out_of_reach_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = open(folder.path(), 64 << 20);
    let first = first.unwrap();
    first.put(key(1), &embedding(1));
    let (second, _) = open(folder.path(), 64 << 20);
    assert!(second.is_none());
    first.close();
    assert_eq!(first.get(&key(1)), Some(embedding(1)));
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    assert!(open(&file, 64 << 20).0.is_none());
}

#[test]
fn a_damaged_generation_is_put_aside_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    for (round, name) in [(0_u32, "generation-1"), (1, "generation-2")] {
        let (cache, stats) = open(folder.path(), 64 << 20);
        let cache = cache.unwrap();
        fill(&cache, &stats, 0..500);
        cache.close();
        drop(cache);
        let tree = folder.path().join(name);
        for file in std::fs::read_dir(&tree).unwrap().flatten() {
            if file.metadata().unwrap().is_file() {
                let mut content = std::fs::read(file.path()).unwrap();
                content.iter_mut().for_each(|byte| *byte ^= 0x5a);
                std::fs::write(file.path(), content).unwrap();
            }
        }
        let (cache, _) = open(folder.path(), 64 << 20);
        let cache = cache.unwrap();
        assert_eq!(cache.get(&key(round)), None);
        assert!(cache.is_enabled());
        assert!(folder.path().join(DAMAGED_NAME).is_dir(), "round {round}");
        drop(cache);
    }
}

/// Name under which the store keeps what is damaged.
const DAMAGED_NAME: &str = "damaged";

#[test]
fn entries_that_are_damaged_count_as_misses() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, stats) = open(folder.path(), 64 << 20);
    let cache = cache.unwrap();
    cache.store.put(&key(1), b"no entry").unwrap();
    assert_eq!(cache.get(&key(1)), None);
    assert_eq!((stats.cache.misses.get(), stats.cache.errors.get()), (1, 1));
    assert!(cache.is_enabled());
}

#[test]
fn a_store_that_fails_while_running_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, stats) = open(folder.path(), 64 << 20);
    let cache = cache.unwrap();
    cache.put(key(1), &embedding(1));
    give_up(
        &cache.failed,
        &cache.store,
        &cache.stats,
        &StoreError::Panicked,
    );
    assert!(!cache.is_enabled());
    assert_eq!(cache.get(&key(1)), None);
    cache.put(key(2), &embedding(2));
    cache.close();
    assert_eq!(stats.cache.errors.get(), 1);
    assert!(folder.path().join(DAMAGED_NAME).is_dir());
    drop(cache);
    assert!(open(folder.path(), 64 << 20).0.is_some(), "begins anew");
}
