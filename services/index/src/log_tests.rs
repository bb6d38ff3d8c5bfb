//! Tests of the log: what was acknowledged comes back, and damage is named.

use proptest::prelude::*;

use super::*;
use crate::codec::tests::operation;

type Read = (Log, Vec<(u64, Operation)>);

fn open(folder: &Path, after: u64) -> Result<Read, LogError> {
    let mut seen = Vec::new();
    let log = Log::open(folder, after, 0, |sequence, operation| {
        seen.push((sequence, operation));
        Ok::<(), LogError>(())
    })?;
    Ok((log, seen))
}

fn delete(id: &str) -> Operation {
    Operation::Delete {
        collection: "c".to_owned(),
        ids: vec![id.to_owned()],
    }
}

fn numbered(log: &mut Log, count: usize) -> Vec<u64> {
    let mut ends = Vec::new();
    for number in 0..count {
        log.append(&[&delete(&number.to_string())]).unwrap();
        ends.push(log.bytes().load(Ordering::Relaxed));
    }
    ends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_log_round_trips(commits in prop::collection::vec(
        prop::collection::vec(operation(), 1..4), 0..5), rotate in any::<bool>(), lazy in any::<bool>())
    {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = open(folder.path(), 0).unwrap();
        log.set_sync(if lazy { LogSync::System } else { LogSync::Commit });
        for commit in &commits {
            log.append(&commit.iter().collect::<Vec<_>>()).unwrap();
            if rotate {
                log.rotate().unwrap();
            }
        }
        log.sync().unwrap();
        let wrote: Vec<_> = (1..).zip(commits.into_iter().flatten()).collect();
        let (reopened, read) = open(folder.path(), 0).unwrap();
        prop_assert_eq!(reopened.last_sequence(), log.last_sequence());
        prop_assert_eq!(read, wrote);
    }
}

#[test]
fn a_log_cut_anywhere_keeps_every_whole_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path(), 0).unwrap();
    let ends = numbered(&mut log, 5);
    let content = std::fs::read(&log.path).unwrap();
    for cut in 0..=content.len() {
        let copy = tempfile::tempdir().unwrap();
        let path = file_path(copy.path(), 1);
        std::fs::write(&path, &content[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= as_u64(cut)).count();
        let (mut log, seen) = open(copy.path(), 0).unwrap();
        assert_eq!(seen.len(), whole, "cut at {cut}");
        // What follows the cut is readable too.
        log.append(&[&delete("after")]).unwrap();
        assert_eq!(open(copy.path(), 0).unwrap().1.len(), whole + 1);
    }
}

#[test]
fn a_flipped_byte_in_the_middle_names_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path(), 0).unwrap();
    let ends = numbered(&mut log, 3);
    let content = std::fs::read(&log.path).unwrap();
    let second = usize::try_from(ends[0]).unwrap();
    let third = usize::try_from(ends[1]).unwrap();
    for at in second..third {
        let mut damaged = content.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&log.path, damaged).unwrap();
        let Err(LogError::Damaged { path, offset, .. }) = open(folder.path(), 0) else {
            panic!("byte {at} was not noticed");
        };
        assert_eq!((path, offset), (log.path.clone(), second));
    }
}

#[test]
fn a_tail_that_was_acknowledged_is_not_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path(), 0).unwrap();
    let ends = numbered(&mut log, 3);
    let path = file_path(folder.path(), 1);
    let content = std::fs::read(&path).unwrap();
    let start = |known| {
        Log::open(folder.path(), 0, known, |_, _| Ok::<(), LogError>(())).map(|log| log.next)
    };
    let mut flipped = content.clone();
    flipped[usize::try_from(ends[1]).unwrap() + HEADER] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let error = start(3).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), flipped, "nothing is cut off");
    assert_eq!(start(2).unwrap(), 3, "a torn tail is");

    std::fs::remove_file(&path).unwrap();
    let error = start(2).unwrap_err().to_string();
    assert!(error.contains("operations 1 to 2 are missing"), "{error}");
}

#[test]
fn files_before_a_checkpoint_go_and_a_gap_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = open(folder.path(), 0).unwrap();
    numbered(&mut log, 3);
    assert_eq!(log.rotate().unwrap(), 3);
    assert_eq!(log.rotate().unwrap(), 3, "an empty file is kept");
    numbered(&mut log, 2);
    remove_through(folder.path(), 3, &log.bytes()).unwrap();
    let (reopened, seen) = open(folder.path(), 3).unwrap();
    assert_eq!(seen.iter().map(|(s, _)| *s).collect::<Vec<_>>(), [4, 5]);
    let bytes = reopened.bytes().load(Ordering::Relaxed);
    assert_eq!(bytes, log.bytes().load(Ordering::Relaxed));
    assert!(matches!(
        open(folder.path(), 1),
        Err(LogError::Gap {
            expected: 2,
            found: 4,
            ..
        })
    ));
}
