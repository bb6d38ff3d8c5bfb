//! Measures columns of a million rows of a candidate pool, and a full tail:
//! `cargo test --release -p vivier-index columns::bench -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::tests::{Lcg, Row, column};
use super::{Columns, ColumnsBuilder, TailColumns};
use crate::filter::{Filter, Test};
use crate::model::Value;
use crate::points::Meta;

const TOWNS: u32 = 35_000;
const SKILLS: u32 = 13_000;

/// Draws 0 to `count - 1`, number n with a share of about 1 / (n + 1).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "drawn from 0 to count"
)]
fn zipf(random: &mut Lcg, count: u32) -> u32 {
    let drawn = f64::from(count + 1).powf(random.share()).floor() - 1.0;
    (drawn as u32).min(count - 1)
}

fn skill(number: u32) -> String {
    let scattered = u64::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let tail = scattered & 0xffff_ffff;
    format!("http://data.europa.eu/esco/skill/{scattered:016x}-4c0b-{tail:08x}")
}

/// A place in a country of 900 km by 750 km.
fn town(number: u32) -> (f64, f64) {
    let mut random = Lcg(u64::from(number) * 7_919 + 1);
    random.below(2);
    (random.share() * 8.0 + 43.0, random.share() * 10.0 - 2.0)
}

fn candidate(random: &mut Lcg) -> Row {
    let texts = |name: &str, texts: Vec<String>| (name.to_owned(), Value::Strings(texts));
    let drawn = |random: &mut Lcg, what: &str, many: u32, of: u32| -> Vec<String> {
        (0..many)
            .map(|_| format!("{what}{}", zipf(random, of)))
            .collect()
    };
    let (latitude, longitude) = town(zipf(random, TOWNS));
    let at = Value::Coordinates {
        latitude,
        longitude,
    };
    let latitude = latitude + random.share() / 10.0;
    let longitude = longitude + random.share() / 10.0;
    let home = Value::Coordinates {
        latitude,
        longitude,
    };
    let (regions, languages) = (1 + random.below(3), 1 + random.below(3));
    let skills = 5 + random.below(11);
    Row::from([
        texts("status", drawn(random, "status", 1, 4)),
        texts("tenant", drawn(random, "tenant", 1, 50)),
        texts("region", drawn(random, "region", regions, 100)),
        texts("language", drawn(random, "language", languages, 20)),
        texts(
            "skill",
            (0..skills).map(|_| skill(zipf(random, SKILLS))).collect(),
        ),
        (
            "seniority".to_owned(),
            Value::Number(f64::from(1 + random.below(5))),
        ),
        ("remote".to_owned(), Value::Boolean(random.below(3) == 0)),
        (
            "from".to_owned(),
            Value::Date(i32::try_from(20_000 + random.below(1_000)).unwrap()),
        ),
        (
            "salary".to_owned(),
            Value::Number(f64::from(20_000 + 100 * random.below(1_000))),
        ),
        ("town".to_owned(), at),
        ("home".to_owned(), home),
    ])
}

fn filters() -> Vec<(&'static str, Filter)> {
    let within = |name: &str, town_number: u32, radius_km: f64| {
        let center = town(town_number);
        column(name, Test::Within { center, radius_km })
    };
    let range = |name: &str, min: f64, max: f64| column(name, Test::Range { min, max });
    let one = |name: &str, text: &str| column(name, Test::In(vec![text.to_owned()]));
    let skills = |from: u32, to: u32| column("skill", Test::In((from..to).map(skill).collect()));
    let recruiter = Filter::All(vec![
        one("status", "status0"),
        one("tenant", "tenant3"),
        skills(20, 30),
        Filter::Any(vec![
            within("home", 0, 50.0),
            column("remote", Test::Is(true)),
        ]),
        range("from", 20_000.0, 20_400.0),
        range("salary", 30_000.0, 70_000.0),
        range("seniority", 3.0, 5.0),
        Filter::Not(Box::new(one("region", "region7"))),
    ]);
    vec![
        ("status", one("status", "status0")),
        ("tenant", one("tenant", "tenant7")),
        ("one frequent skill", skills(0, 1)),
        ("ten frequent skills", skills(0, 10)),
        ("ten middling skills", skills(300, 310)),
        ("ten rare skills", skills(12_000, 12_010)),
        ("seniority 3 to 5", range("seniority", 3.0, 5.0)),
        ("dates of 3 months", range("from", 20_300.0, 20_390.0)),
        ("salary, middle 80 %", range("salary", 30_000.0, 110_000.0)),
        ("remote", column("remote", Test::Is(true))),
        ("missing", column("town", Test::Missing(true))),
        ("50 km, 35,000 towns, largest", within("town", 0, 50.0)),
        ("50 km, 35,000 towns, middling", within("town", 500, 50.0)),
        ("50 km, distinct places", within("home", 0, 50.0)),
        ("300 km, distinct places", within("home", 0, 300.0)),
        ("5 km, distinct places", within("home", 0, 5.0)),
        (
            "50 km, dates, ten skills",
            Filter::All(vec![
                within("home", 0, 50.0),
                range("from", 20_300.0, 20_390.0),
                skills(0, 10),
            ]),
        ),
        ("a recruiter's eight conditions", recruiter),
    ]
}

/// Returns the time of this thread on a processor.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = stat.split_whitespace().next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

/// Returns the least and the middle time of a call, in microseconds; the
/// least is what it takes when nothing else runs.
fn timed<T>(calls: usize, mut call: impl FnMut() -> T) -> (f64, f64) {
    let mut times: Vec<f64> = (0..calls)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(call());
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[calls / 2])
}

fn resident(kind: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(kind)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[test]
#[ignore = "measures; run by hand"]
fn a_million_rows() {
    const ROWS: u32 = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("columns.bin");
    let mut random = Lcg(1);
    let (mut builder, mut pushing) = (ColumnsBuilder::new(), Duration::ZERO);
    for _ in 0..ROWS / 1_000 {
        let rows: Vec<Row> = (0..1_000).map(|_| candidate(&mut random)).collect();
        let before = cpu();
        rows.iter().for_each(|row| builder.push(row).unwrap());
        pushing += cpu() - before;
    }
    let before = cpu();
    builder.write(&path).unwrap();
    let writing = cpu() - before;
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("build, processor: push {pushing:.2?}, write {writing:.2?}");
    println!(
        "file: {bytes} bytes, {:.1} per row",
        bytes as f64 / f64::from(ROWS)
    );
    let (heap, mapped) = (resident("RssAnon"), resident("RssFile"));
    let (before, wall) = (cpu(), Instant::now());
    let columns = Columns::open(&path).unwrap();
    println!(
        "open: processor {:.2?}, wall {:.2?}",
        cpu() - before,
        wall.elapsed()
    );
    let (heap_after, mapped_after) = (resident("RssAnon"), resident("RssFile"));
    println!(
        "resident by opening: heap {} KiB",
        heap_after.saturating_sub(heap) / 1024
    );
    println!(
        "  mapped pages {} KiB",
        mapped_after.saturating_sub(mapped) / 1024
    );
    for (name, filter) in filters() {
        let rows = columns.select(&filter).count();
        let (least, middle) = timed(200, || columns.select(&filter));
        let (estimate, _) = timed(200, || columns.estimate(&filter));
        let bounds = columns.estimate(&filter);
        println!(
            "{name:32} {rows:7} rows, bounds {:7} {:7}",
            bounds.lower, bounds.upper
        );
        println!("  select {least:.1} us, middle {middle:.1}, estimate {estimate:.1}");
    }
}

#[test]
#[ignore = "measures; run by hand"]
fn a_full_tail() {
    // The most blocks and open rows.
    const ROWS: usize = 32_767;
    let mut random = Lcg(2);
    let metas: Vec<Arc<Meta>> = (0..ROWS)
        .map(|number| {
            let id = number.to_string().into();
            let columns = candidate(&mut random);
            Arc::new(Meta {
                id,
                columns,
                ..Meta::default()
            })
        })
        .collect();
    let mut tail = TailColumns::new();
    let (before, mut longest) = (cpu(), Duration::ZERO);
    for meta in &metas {
        let start = Instant::now();
        tail.push(Arc::clone(meta)).unwrap();
        longest = longest.max(start.elapsed());
    }
    let each = (cpu() - before).as_secs_f64() * 1e6 / ROWS as f64;
    println!("append: {each:.1} us a row, longest {longest:.2?}");
    println!("clone: {:.2} us", timed(1_000, || tail.clone()).0);
    for (name, filter) in filters() {
        let rows = tail.select(&filter).count();
        let (least, middle) = timed(200, || tail.select(&filter));
        let passes = |meta: &&Arc<Meta>| filter.passes(&meta.columns);
        let (scan, _) = timed(5, || metas.iter().filter(passes).count());
        println!("{name:32} {rows:6} rows, row by row {scan:.0} us");
        println!("  select {least:.1} us, middle {middle:.1}");
    }
}
