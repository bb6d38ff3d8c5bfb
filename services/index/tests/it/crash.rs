//! Real processes, really killed: what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use vivier_proto::v1;

use crate::support::*;

const FOLDER: &str = "VIVIER_INDEX_TEST_FOLDER";
const SEAL_POINTS: &str = "VIVIER_INDEX_TEST_SEAL_POINTS";
/// How often to kill; `make test` is content with few.
const KILLS: &str = "VIVIER_INDEX_TEST_KILLS";
const FEW: u64 = 12;

/// Not a test of its own: the process that the test below kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child by a_killed_process_loses_and_resurrects_nothing"]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("\nlistening {}", listener.local_addr().unwrap());
    let mut small = config(Path::new(&folder));
    // Seals, merges, manifests and cuts of the log all the time, so that kills
    // fall into them too.
    let seal_points = std::env::var(SEAL_POINTS).unwrap();
    small.segments.seal_points = seal_points.parse().unwrap();
    small.segments.merge_factor = 2;
    small.graph.scan_points = 20;
    small.checkpoint_log_bytes = 1 << 16;
    vivier_index::run(small, listener, vivier_runtime::Shutdown::new())
        .await
        .unwrap();
}

/// Starts a process; returns it once it opens the folder, with its address.
pub(crate) fn start(folder: &Path, round: u64) -> (Child, String) {
    let seal_points = [16, 64, 300][usize::try_from(round % 3).unwrap()];
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(SEAL_POINTS, seal_points.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    for line in output.lines() {
        if let Some(address) = line.unwrap().strip_prefix("listening ") {
            return (child, address.to_owned());
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("the child did not start");
}

/// What each id must look like: its revision, `None` when deleted. A write
/// that was not acknowledged may show or not.
type State = BTreeMap<String, Option<String>>;

async fn write_until_killed(client: &mut Client, round: u64, certain: &mut State) -> State {
    let mut pending;
    let mut number = 0_u64;
    loop {
        number += 1;
        let mixed = round
            .wrapping_mul(7_919)
            .wrapping_add(number.wrapping_mul(104_729));
        let names: Vec<String> = (0..20)
            .map(|i| format!("p{}", (mixed + i * 13) % 200))
            .collect();
        let revision = format!("{round}-{number}");
        let done = if number.is_multiple_of(3) {
            pending = names
                .iter()
                .map(|name| (name.clone(), None))
                .collect::<State>();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            delete(client, &names).await.is_ok()
        } else {
            pending = names
                .iter()
                .map(|name| (name.clone(), Some(revision.clone())))
                .collect();
            let points = names.iter().map(|name| {
                let mut point = point(name, [1.0, 0.5], "rust search");
                point.revision = revision.clone().into_bytes().into();
                point
            });
            upsert(client, vec![upsert_request(points.collect())])
                .await
                .is_ok()
        };
        if !done {
            return pending;
        }
        certain.append(&mut pending);
    }
}

async fn check(client: &mut Client, certain: &mut State, pending: &State) {
    let points: BTreeMap<String, String> = scroll(client, 1_000)
        .await
        .into_iter()
        .map(|point| {
            (
                point.id,
                String::from_utf8(point.revision.to_vec()).unwrap(),
            )
        })
        .collect();
    let mut exact = search_request(10_000);
    exact.exact = true;
    let searched = search(client, exact).await.unwrap();
    let mut found = ids(&searched);
    found.sort_unstable();
    let stored: Vec<&str> = points.keys().map(String::as_str).collect();
    assert_eq!(found, stored, "what is stored is searchable");
    let names: Vec<String> = certain.keys().chain(pending.keys()).cloned().collect();
    for name in names {
        let found = points.get(&name).cloned();
        let sure = certain.get(&name).cloned().flatten();
        let maybe = pending.get(&name).cloned();
        assert!(
            found == sure || Some(&found) == maybe.as_ref(),
            "{name}: {found:?}, acknowledged {sure:?}, sent {maybe:?}"
        );
        certain.insert(name, found);
    }
    assert!(points.keys().all(|name| certain.contains_key(name)));
}

/// Counts the folders of segments, those of no manifest included.
fn segments(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder.join("segments"));
    entries.map_or(0, Iterator::count)
}

/// Kills a process after some time, while it opens or serves.
pub(crate) fn kill_after(mut child: Child, moment: Duration) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_and_resurrects_nothing() {
    let kills = std::env::var(KILLS).map_or(FEW, |kills| kills.parse().unwrap());
    let started = std::time::Instant::now();
    // The folder of a failure stays.
    let folder = tempfile::tempdir().unwrap().keep();
    let mut certain = State::new();
    let mut pending = State::new();
    let mut unfinished = 0;
    for round in 0..kills {
        // A moment of its own for each round, spread over all of them.
        let mixed = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        if round % 5 == 4 {
            let (child, _) = start(&folder, round);
            let moment = Duration::from_micros(mixed % 30_000);
            kill_after(child, moment).await.unwrap();
        }
        let left = segments(&folder);
        let (child, address) = start(&folder, round);
        let mut client = connect(&address).await;
        unfinished += u32::from(segments(&folder) < left);
        create(&mut client, people()).await.unwrap();
        check(&mut client, &mut certain, &pending).await;
        let moment = Duration::from_micros(20_000 + mixed % 300_000);
        let killer = kill_after(child, moment);
        pending = write_until_killed(&mut client, round, &mut certain).await;
        killer.await.unwrap();
    }
    assert!(certain.len() > 100, "the rounds wrote something");
    let (mut child, address) = start(&folder, 0);
    let mut client = connect(&address).await;
    check(&mut client, &mut certain, &pending).await;
    let stats = client
        .get_stats(v1::GetStatsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(stats.sequence > kills);
    eprintln!(
        "{kills} kills, {unfinished} with unfinished segments, {} operations, {:?}",
        stats.sequence,
        started.elapsed()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
