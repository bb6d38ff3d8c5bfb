//! Filters: a condition on the payload of a point, and the set of slots that
//! pass it.
//!
//! A column that a point lacks, or that holds another type than the test asks
//! for, fails every test but `missing`.

use std::collections::BTreeMap;

use crate::model::Value;
use crate::payload::distance_km;

/// A condition on the payload of a point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// Every one holds.
    All(Vec<Filter>),
    /// At least one holds.
    Any(Vec<Filter>),
    /// Does not hold.
    Not(Box<Filter>),
    /// One column is tested.
    Column { column: String, test: Test },
}

/// The test of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// Any of the texts is in the set; all are folded.
    In(Vec<String>),
    /// The number, or the date in days, lies in the range, ends included.
    Range { min: f64, max: f64 },
    /// The boolean equals this.
    Is(bool),
    /// The place lies within the radius of the centre (latitude, longitude).
    Within { center: (f64, f64), radius_km: f64 },
    /// The column is absent (true) or present (false).
    Missing(bool),
}

impl Filter {
    /// Tells whether columns, with folded texts, pass.
    pub(crate) fn passes(&self, columns: &BTreeMap<String, Value>) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.passes(columns)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(columns)),
            Self::Not(filter) => !filter.passes(columns),
            Self::Column { column, test } => test.passes(columns.get(column)),
        }
    }
}

impl Test {
    fn passes(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Missing(missing), value) => value.is_none() == *missing,
            (Self::In(set), Some(Value::Strings(strings))) => {
                strings.iter().any(|string| set.contains(string))
            }
            (Self::Range { min, max }, Some(Value::Number(number))) => {
                number >= min && number <= max
            }
            (Self::Range { min, max }, Some(Value::Date(days))) => {
                let days = f64::from(*days);
                days >= *min && days <= *max
            }
            (Self::Is(wanted), Some(Value::Boolean(boolean))) => boolean == wanted,
            (
                Self::Within { center, radius_km },
                Some(Value::Coordinates {
                    latitude,
                    longitude,
                }),
            ) => distance_km(*center, (*latitude, *longitude)) <= *radius_km,
            (
                Self::In(_) | Self::Range { .. } | Self::Is(_) | Self::Within { .. },
                None | Some(_),
            ) => false,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> impl Strategy<Value = BTreeMap<String, Value>> {
        let value = prop_oneof![
            prop::collection::vec("[ab]", 0..3).prop_map(Value::Strings),
            (0_u8..4).prop_map(|number| Value::Number(f64::from(number))),
            any::<bool>().prop_map(Value::Boolean),
            (0_i32..4).prop_map(Value::Date),
        ];
        prop::collection::btree_map("[xyz]", value, 0..3)
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let test = prop_oneof![
            prop::collection::vec("[ab]", 0..3).prop_map(Test::In),
            (0_u8..4, 0_u8..4).prop_map(|(min, max)| Test::Range {
                min: min.into(),
                max: max.into()
            }),
            any::<bool>().prop_map(Test::Is),
            any::<bool>().prop_map(Test::Missing),
        ];
        let leaf = ("[xyz]", test).prop_map(|(column, test)| Filter::Column { column, test });
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
                inner.prop_map(|filter| Filter::Not(Box::new(filter))),
            ]
        })
    }

    /// Written apart from the evaluator, straight from the documentation.
    fn naive(filter: &Filter, columns: &BTreeMap<String, Value>) -> bool {
        match filter {
            Filter::All(list) => !list.iter().any(|filter| !naive(filter, columns)),
            Filter::Any(list) => list.iter().filter(|filter| naive(filter, columns)).count() > 0,
            Filter::Not(filter) => !naive(filter, columns),
            Filter::Column { column, test } => {
                let Some(value) = columns.get(column) else {
                    return *test == Test::Missing(true);
                };
                match test {
                    Test::Missing(missing) => !missing,
                    Test::In(set) => match value {
                        Value::Strings(strings) => {
                            set.iter().any(|wanted| strings.contains(wanted))
                        }
                        Value::Number(_)
                        | Value::Boolean(_)
                        | Value::Date(_)
                        | Value::Coordinates { .. } => false,
                    },
                    Test::Range { min, max } => match value {
                        Value::Number(number) => (*min..=*max).contains(number),
                        Value::Date(days) => (*min..=*max).contains(&f64::from(*days)),
                        Value::Strings(_) | Value::Boolean(_) | Value::Coordinates { .. } => false,
                    },
                    Test::Is(wanted) => *value == Value::Boolean(*wanted),
                    Test::Within { .. } => unreachable!("not generated"),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn filters_equal_a_naive_evaluator(filter in filter(), columns in columns()) {
            prop_assert_eq!(filter.passes(&columns), naive(&filter, &columns));
        }

        #[test]
        fn a_range_and_a_set_that_say_the_same_agree(pool in prop::collection::vec(0_u8..9, 1..30)) {
            let column = |test| Filter::Column { column: "n".to_owned(), test };
            let range = column(Test::Range { min: 2.0, max: 4.0 });
            let points = (2..=4_u8).map(|n| column(Test::Range { min: n.into(), max: n.into() }));
            let any = Filter::Any(points.collect());
            for number in pool {
                let columns = [("n".to_owned(), Value::Number(number.into()))].into();
                prop_assert_eq!(range.passes(&columns), any.passes(&columns));
            }
        }
    }

    #[test]
    fn a_radius_holds_what_lies_inside() {
        let within = |radius_km| Test::Within {
            center: (48.8566, 2.3522),
            radius_km,
        };
        let lyon = Value::Coordinates {
            latitude: 45.7640,
            longitude: 4.8357,
        };
        assert!(within(400.0).passes(Some(&lyon)));
        assert!(!within(380.0).passes(Some(&lyon)));
        assert!(!within(1e6).passes(Some(&Value::Number(1.0))));
    }
}
