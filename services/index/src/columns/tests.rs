//! Columns against the evaluation of each row by [`Filter::passes`].

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use vivier_ann::RowSet;

use super::*;
use crate::filter::{Filter, Test};
use crate::model::Value;
use crate::payload::fold_columns;

pub(super) type Row = BTreeMap<String, Value>;

/// Latitudes and longitudes with the poles, the 180th meridian and towns.
pub(super) fn place() -> impl Strategy<Value = (f64, f64)> {
    prop_oneof![
        (-90.0..=90.0_f64, -180.0..=180.0_f64),
        (48.0..49.0_f64, 2.0..3.0_f64),
        (
            prop::sample::select(vec![-90.0, -89.9, -0.0, 0.0, 89.9, 90.0]),
            -180.0..=180.0_f64
        ),
        (
            -1.0..1.0_f64,
            prop::sample::select(vec![-180.0, -179.9, -0.0, 0.0, 179.9, 180.0])
        ),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (0_u8..4).prop_map(f64::from),
        -5.0..5.0_f64,
        prop::sample::select(vec![-0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE]),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let value = prop_oneof![
        3 => prop::collection::vec("[abAÉß]{0,2}", 0..4).prop_map(Value::Strings),
        2 => number().prop_map(Value::Number),
        1 => any::<bool>().prop_map(Value::Boolean),
        2 => (-3_i32..4).prop_map(Value::Date),
        2 => place().prop_map(|(latitude, longitude)| Value::Coordinates { latitude, longitude }),
    ];
    prop::collection::btree_map("[xyz]", value, 0..4)
}

/// Rows with enough repetition that each form of a bitmap occurs.
pub(super) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let pool = prop::collection::vec(row(), 1..12);
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 0..200);
    (pool, picks)
        .prop_map(|(pool, picks)| picks.iter().map(|pick| pick.get(&pool).clone()).collect())
}

fn bound() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => number(),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

pub(super) fn filter() -> impl Strategy<Value = Filter> {
    let radius = prop_oneof![
        0.0..300.0_f64,
        0.0..21_000.0_f64,
        prop::sample::select(vec![0.0, -1.0, f64::INFINITY, f64::NAN, 20_015.2]),
    ];
    let center = prop_oneof![
        9 => place(),
        1 => (bound(), bound()).prop_map(|(a, b)| (a * 40.0, b * 100.0)),
    ];
    let test = prop_oneof![
        prop::collection::vec("[abé]{0,2}", 0..4).prop_map(Test::In),
        (bound(), bound()).prop_map(|(min, max)| Test::Range { min, max }),
        any::<bool>().prop_map(Test::Is),
        (center, radius).prop_map(|(center, radius_km)| Test::Within { center, radius_km }),
        any::<bool>().prop_map(Test::Missing),
    ];
    let leaf = ("[xyzw]", test).prop_map(|(column, test)| Filter::Column { column, test });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn built(rows: &[Row]) -> ColumnsBuilder {
    let mut builder = ColumnsBuilder::new();
    for row in rows {
        builder.push(row).unwrap();
    }
    builder
}

fn columns(rows: &[Row]) -> Columns {
    Columns::from_bytes(built(rows).into_bytes().unwrap()).unwrap()
}

/// Evaluates row by row.
pub(super) fn scan(rows: &[Row], filter: &Filter) -> RowSet {
    let len = u32::try_from(rows.len()).unwrap();
    let numbered = (0..len).zip(rows);
    let passing = numbered.filter(|(_, row)| filter.passes(&fold_columns(row)));
    RowSet::of(len, passing.map(|(row, _)| row))
}

fn check(columns: &Columns, rows: &[Row], filter: &Filter) -> Result<(), TestCaseError> {
    let wanted = scan(rows, filter);
    prop_assert_eq!(columns.select(filter), wanted.clone());
    let estimate = columns.estimate(filter);
    let bounds = estimate.lower..=estimate.upper;
    prop_assert!(
        bounds.contains(&wanted.count()),
        "{bounds:?}: {}",
        wanted.count()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn columns_equal_the_evaluation_of_each_row(rows in rows(),
        filters in prop::collection::vec(filter(), 1..8))
    {
        let columns = columns(&rows);
        for filter in filters {
            check(&columns, &rows, &filter)?;
        }
    }

    #[test]
    fn folded_rows_give_the_same_file(rows in rows()) {
        let folded: Vec<Row> = rows.iter().map(fold_columns).collect();
        prop_assert_eq!(built(&rows).into_bytes().unwrap(), built(&folded).into_bytes().unwrap());
    }

    #[test]
    fn any_bytes_are_refused_or_answer(mut content in prop::collection::vec(any::<u8>(), 0..300),
        filter in filter())
    {
        let with_magic = built(&[]).into_bytes().unwrap();
        let head = content.len().min(12);
        content[..head].copy_from_slice(&with_magic[..head]);
        prop_assert!(Columns::from_bytes(content.into()).is_err());
        let empty = Columns::from_bytes(with_magic).unwrap();
        prop_assert_eq!(empty.select(&filter), RowSet::empty(0));
    }
}

/// A generator of numbers below a limit, for rows by the thousand.
pub(super) struct Lcg(pub(super) u64);

impl Lcg {
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        u32::try_from(((self.0 >> 33) * u64::from(limit)) >> 31).unwrap()
    }

    pub(super) fn share(&mut self) -> f64 {
        f64::from(self.below(1 << 30)) / f64::from(1 << 30)
    }
}

/// Rows enough for every form of a bitmap and for checkpoints.
pub(super) fn many_rows(count: usize, random: &mut Lcg) -> Vec<Row> {
    let row = |number: usize| {
        let mut row = Row::new();
        let texts = (0..random.below(3)).map(|_| format!("t{}", random.below(80)));
        let texts = texts.chain([format!("run{}", number / 700)]).collect();
        row.insert("text".to_owned(), Value::Strings(texts));
        row.insert("level".to_owned(), Value::Number(random.below(5).into()));
        row.insert("pay".to_owned(), Value::Number(random.share() * 1e5));
        let place = (random.share() * 6.0 + 44.0, random.share() * 6.0 - 1.0);
        let (latitude, longitude) = place;
        if random.below(9) > 0 {
            row.insert(
                "at".to_owned(),
                Value::Coordinates {
                    latitude,
                    longitude,
                },
            );
        }
        row
    };
    (0..count).map(row).collect()
}

pub(super) fn column(name: &str, test: Test) -> Filter {
    let column = name.to_owned();
    Filter::Column { column, test }
}

#[test]
fn large_columns_equal_the_evaluation_of_each_row() {
    let mut random = Lcg(7);
    let rows = many_rows(20_000, &mut random);
    let columns = columns(&rows);
    for _ in 0..40 {
        let (a, b) = (random.share() * 1e5, random.share() * 1e5);
        let level = f64::from(random.below(5));
        let texts = vec![
            format!("t{}", random.below(90)),
            format!("run{}", random.below(30)),
        ];
        let center = (random.share() * 8.0 + 43.0, random.share() * 8.0 - 2.0);
        let radius_km = random.share() * if random.below(2) == 0 { 20.0 } else { 600.0 };
        let range = |min, max| Test::Range { min, max };
        let leaves = [
            column("pay", range(a.min(b), a.max(b))),
            column("pay", range(f64::NEG_INFINITY, a)),
            column("level", range(level, 9.0)),
            column("text", Test::In(texts)),
            column("at", Test::Within { center, radius_km }),
            column("at", Test::Missing(true)),
        ];
        for leaf in &leaves {
            check(&columns, &rows, leaf).unwrap();
        }
        check(&columns, &rows, &Filter::All(leaves[..4].to_vec())).unwrap();
        let no = Filter::Not(Box::new(leaves[4].clone()));
        check(&columns, &rows, &Filter::All(vec![leaves[1].clone(), no])).unwrap();
    }
}

#[test]
fn a_range_and_a_set_that_say_the_same_agree() {
    let rows = many_rows(9_000, &mut Lcg(11));
    let columns = columns(&rows);
    let level = |min: u8, max: u8| {
        let (min, max) = (min.into(), max.into());
        column("level", Test::Range { min, max })
    };
    let set = Filter::Any((1..=3).map(|number| level(number, number)).collect());
    assert_eq!(columns.select(&level(1, 3)), columns.select(&set));
    let outside = Filter::Any(vec![level(0, 0), level(4, 4)]);
    let inside = Filter::Not(Box::new(outside));
    assert_eq!(columns.select(&level(1, 3)), columns.select(&inside));
    assert!(columns.select(&set).count() > 1_000);
}

/// A file with every kind of section and form of bitmap.
fn small_file() -> Bytes {
    let row = |number: u32| {
        let strings = vec![format!("t{}", number / 3), "all".to_owned()];
        let mut row = Row::from([("text".to_owned(), Value::Strings(strings))]);
        let (latitude, longitude) = (f64::from(number % 2), f64::from(number % 3));
        let mixed = match number % 4 {
            0 => Value::Number(f64::from(number % 5)),
            1 => Value::Boolean(number % 8 == 1),
            2 => Value::Date(3),
            _ => Value::Coordinates {
                latitude,
                longitude,
            },
        };
        if number < 12 {
            row.insert("mixed".to_owned(), mixed);
        }
        row
    };
    built(&(0..70).map(row).collect::<Vec<_>>())
        .into_bytes()
        .unwrap()
}

#[test]
fn a_flipped_missing_or_surplus_byte_is_found_and_the_file_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("columns.bin");
    let sound = small_file();
    let on_disk = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let error = Columns::open(&path).err().unwrap();
        assert!(matches!(&error, ColumnsError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("columns.bin"), "{error}");
    };
    let damaged = |content: &[u8]| {
        let content = Bytes::copy_from_slice(content);
        assert!(Columns::from_bytes(content).is_err());
    };
    for at in 0..sound.len() {
        for flip in [1, 0x80, 0xff] {
            let mut content = sound.to_vec();
            content[at] ^= flip;
            damaged(&content);
        }
        damaged(&sound[..at]);
        damaged(&[&sound[..at], &sound[at + 1..]].concat());
    }
    for at in (0..sound.len()).step_by(61) {
        let mut content = sound.to_vec();
        content[at] ^= 1;
        on_disk(&content);
        on_disk(&sound[..at]);
    }
    on_disk(&[&sound, &b"\0"[..]].concat());
    std::fs::write(&path, &sound).unwrap();
    assert_eq!(Columns::open(&path).unwrap().rows(), 70);
}

/// Damage that no checksum shows: every section's bytes are changed and the
/// checksums made anew. Most must be refused; none may panic.
#[test]
fn forged_checksums_do_not_hide_wrong_structures() {
    let sound = small_file();
    let (rows, stored) = format::decode(sound).unwrap();
    let (mut refused, mut tried) = (0_u32, 0_u32);
    let filters = [
        column("text", Test::In(vec!["t1".to_owned(), "all".to_owned()])),
        column(
            "mixed",
            Test::Range {
                min: -9.0,
                max: 9.0,
            },
        ),
        column("mixed", Test::Is(true)),
        column("mixed", Test::Missing(true)),
        column(
            "mixed",
            Test::Within {
                center: (0.0, 1.0),
                radius_km: 50.0,
            },
        ),
    ];
    for (number, section) in sections(&stored) {
        for at in 0..stored[number].sections[section].1.len() {
            for flip in [1, 0x80, 0xff] {
                tried += 1;
                let mut forged = owned(&stored);
                forged[number].sections[section].1[at] ^= flip;
                let Ok(columns) = Columns::from_bytes(joined(rows, &forged)) else {
                    refused += 1;
                    continue;
                };
                for filter in &filters {
                    assert!(columns.select(filter).count() <= rows);
                    assert!(columns.estimate(filter).upper <= rows);
                }
            }
        }
    }
    assert!(
        tried > 1_000 && refused * 4 > tried * 3,
        "{refused} of {tried}"
    );
}

fn sections(stored: &[Stored<Bytes>]) -> Vec<(usize, usize)> {
    let columns = stored.iter().enumerate();
    columns
        .flat_map(|(number, column)| (0..column.sections.len()).map(move |at| (number, at)))
        .collect()
}

fn owned(stored: &[Stored<Bytes>]) -> Vec<Stored<Vec<u8>>> {
    let owned = stored.iter().map(|column| Stored {
        name: column.name.clone(),
        sections: column
            .sections
            .iter()
            .map(|(kind, body)| (*kind, body.to_vec()))
            .collect(),
    });
    owned.collect()
}

fn joined(rows: u32, columns: &[Stored<Vec<u8>>]) -> Bytes {
    let mut content = format::encode_head(rows, columns).unwrap();
    for (_, body) in columns.iter().flat_map(|column| &column.sections) {
        content.extend_from_slice(body);
    }
    content.into()
}

#[test]
fn what_is_written_opens_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("columns.bin");
    let rows = many_rows(5_000, &mut Lcg(3));
    built(&rows).write(&path).unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
    assert_eq!(
        std::fs::read(&path).unwrap(),
        built(&rows).into_bytes().unwrap()
    );
    let (opened, memory) = (Columns::open(&path).unwrap(), columns(&rows));
    for filter in [
        column("text", Test::In(vec!["run3".to_owned()])),
        column("pay", Test::Range { min: 1e4, max: 8e4 }),
        column(
            "at",
            Test::Within {
                center: (46.0, 2.0),
                radius_km: 100.0,
            },
        ),
    ] {
        assert_eq!(opened.select(&filter), memory.select(&filter));
        assert_eq!(opened.select(&filter), scan(&rows, &filter));
    }
    assert!(matches!(
        Columns::open(&Path::new("/nowhere").join("columns.bin")),
        Err(ColumnsError::Io { .. })
    ));
}

#[test]
fn values_that_validation_refuses_are_refused() {
    for value in [
        Value::Number(f64::NAN),
        Value::Number(f64::INFINITY),
        Value::Coordinates {
            latitude: 90.1,
            longitude: 0.0,
        },
        Value::Coordinates {
            latitude: 0.0,
            longitude: f64::NAN,
        },
    ] {
        let error = ColumnsBuilder::new().push(&Row::from([("x".to_owned(), value)]));
        assert!(
            matches!(error, Err(ColumnsError::Invalid { .. })),
            "{error:?}"
        );
    }
}
