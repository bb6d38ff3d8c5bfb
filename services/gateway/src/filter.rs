//! Checks the filters of callers, and adds the consent rule.

use vivier_proto::v1;
use vivier_proto::v1::{condition, filter};
use vivier_types::Violation;

/// Column that holds the last day on which a candidate's record may be used.
const CONSENT_COLUMN: &str = "consent_until";

/// Bounds on a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilterLimits {
    /// Deepest nesting.
    pub(crate) depth: usize,
    /// Most nodes and set members together.
    pub(crate) nodes: usize,
}

/// Checks that a filter is complete, finite and small enough.
///
/// # Errors
/// Names the first node that breaks a rule by its path under `path`.
pub(crate) fn check_filter(
    filter: &v1::Filter,
    path: &str,
    limits: FilterLimits,
) -> Result<(), Violation> {
    let mut walk = Walk { limits, nodes: 0 };
    walk.node(filter, path, 1)
}

/// Restricts a search to candidates whose consent holds on `today` (days since
/// 1970-01-01) or has no end.
pub(crate) fn with_consent(filter: Option<v1::Filter>, today: i32) -> v1::Filter {
    let test = |test| condition_node(CONSENT_COLUMN, test);
    let range = v1::Range {
        min: Some(f64::from(today)),
        max: None,
    };
    let holds = list(vec![
        test(condition::Test::Missing(true)),
        test(condition::Test::Range(range)),
    ]);
    let holds = v1::Filter {
        node: Some(filter::Node::Any(holds)),
    };
    let Some(filter) = filter else { return holds };
    v1::Filter {
        node: Some(filter::Node::All(list(vec![filter, holds]))),
    }
}

fn list(filters: Vec<v1::Filter>) -> v1::FilterList {
    v1::FilterList { filters }
}

fn condition_node(column: &str, test: condition::Test) -> v1::Filter {
    let condition = v1::Condition {
        column: column.to_owned(),
        test: Some(test),
    };
    v1::Filter {
        node: Some(filter::Node::Condition(condition)),
    }
}

struct Walk {
    limits: FilterLimits,
    nodes: usize,
}

impl Walk {
    fn node(&mut self, filter: &v1::Filter, path: &str, depth: usize) -> Result<(), Violation> {
        if depth > self.limits.depth {
            let reason = format!("is nested too deeply, limit {}", self.limits.depth);
            return Err(Violation::new(path, depth, reason));
        }
        self.count(path, 1)?;
        match &filter.node {
            Some(filter::Node::All(list)) => self.list(list, &format!("{path}.all"), depth),
            Some(filter::Node::Any(list)) => self.list(list, &format!("{path}.any"), depth),
            Some(filter::Node::Not(inner)) => self.node(inner, &format!("{path}.not"), depth + 1),
            Some(filter::Node::Condition(condition)) => {
                self.condition(condition, &format!("{path}.condition"))
            }
            None => Err(Violation::new(
                path,
                "",
                "must be all, any, not or condition",
            )),
        }
    }

    fn list(&mut self, list: &v1::FilterList, path: &str, depth: usize) -> Result<(), Violation> {
        for (index, filter) in list.filters.iter().enumerate() {
            self.node(filter, &format!("{path}[{index}]"), depth + 1)?;
        }
        Ok(())
    }

    fn condition(&mut self, condition: &v1::Condition, path: &str) -> Result<(), Violation> {
        if condition.column.is_empty() {
            return Err(Violation::new(format!("{path}.column"), "", "is empty"));
        }
        match &condition.test {
            Some(condition::Test::In(set)) => self.count(&format!("{path}.in"), set.values.len()),
            Some(condition::Test::Range(range)) => check_range(range, &format!("{path}.range")),
            Some(condition::Test::Within(circle)) => {
                check_circle(circle, &format!("{path}.within"))
            }
            Some(condition::Test::Is(_) | condition::Test::Missing(_)) => Ok(()),
            None => Err(Violation::new(path, &condition.column, "has no test")),
        }
    }

    fn count(&mut self, path: &str, nodes: usize) -> Result<(), Violation> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        let reason = format!("has too many nodes and values, limit {}", self.limits.nodes);
        Err(Violation::new(path, self.nodes, reason))
    }
}

fn check_range(range: &v1::Range, path: &str) -> Result<(), Violation> {
    for (name, bound) in [("min", range.min), ("max", range.max)] {
        if let Some(bound) = bound.filter(|bound| bound.is_nan()) {
            return Err(Violation::new(
                format!("{path}.{name}"),
                bound,
                "is not a number",
            ));
        }
    }
    match (range.min, range.max) {
        (Some(min), Some(max)) if min > max => Err(Violation::new(
            format!("{path}.min"),
            min,
            format!("exceeds max, which is {max}"),
        )),
        (None, None) => Err(Violation::new(path, "", "must give min or max")),
        (Some(_), _) | (None, Some(_)) => Ok(()),
    }
}

fn check_circle(circle: &v1::Within, path: &str) -> Result<(), Violation> {
    let radius = circle.radius_km;
    if !(radius.is_finite() && radius > 0.0) {
        let field = format!("{path}.radius_km");
        return Err(Violation::new(
            field,
            radius,
            "must be finite and more than 0",
        ));
    }
    let Some(center) = circle.center else {
        return Err(Violation::new(format!("{path}.center"), "", "is missing"));
    };
    vivier_types::Coordinates::try_from(center)
        .map(|_| ())
        .map_err(|violation| Violation {
            field: format!("{path}.center.{}", violation.field),
            ..violation
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FilterLimits = FilterLimits {
        depth: 3,
        nodes: 10,
    };

    fn field(filter: &v1::Filter) -> String {
        check_filter(filter, "filter", LIMITS).unwrap_err().field
    }

    fn range(min: Option<f64>, max: Option<f64>) -> v1::Filter {
        condition_node("x", condition::Test::Range(v1::Range { min, max }))
    }

    fn circle(center: Option<(f64, f64)>, radius_km: f64) -> v1::Filter {
        let center = center.map(|(latitude, longitude)| v1::Coordinates {
            latitude,
            longitude,
        });
        condition_node(
            "x",
            condition::Test::Within(v1::Within { center, radius_km }),
        )
    }

    fn not(inner: v1::Filter) -> v1::Filter {
        v1::Filter {
            node: Some(filter::Node::Not(Box::new(inner))),
        }
    }

    #[test]
    fn each_broken_node_is_named() {
        assert_eq!(field(&v1::Filter { node: None }), "filter");
        assert_eq!(
            field(&range(Some(2.0), Some(1.0))),
            "filter.condition.range.min"
        );
        assert_eq!(field(&range(None, None)), "filter.condition.range");
        assert_eq!(
            field(&range(None, Some(f64::NAN))),
            "filter.condition.range.max"
        );
        assert_eq!(field(&circle(None, 1.0)), "filter.condition.within.center");
        let off_earth = circle(Some((91.0, 0.0)), 1.0);
        assert_eq!(field(&off_earth), "filter.condition.within.center.latitude");
        let empty = circle(Some((0.0, 0.0)), 0.0);
        assert_eq!(field(&empty), "filter.condition.within.radius_km");
        let nameless = condition_node("", condition::Test::Is(true));
        assert_eq!(field(&nameless), "filter.condition.column");
        let deep = not(not(not(range(Some(1.0), None))));
        assert_eq!(field(&deep), "filter.not.not.not");
        let values = (0..10).map(|number| number.to_string()).collect();
        let large = condition_node("x", condition::Test::In(v1::Strings { values }));
        assert_eq!(field(&large), "filter.condition.in");
    }

    #[test]
    fn the_consent_rule_joins_the_filter_of_the_caller() {
        let alone = with_consent(None, 20_000);
        check_filter(&alone, "filter", LIMITS).unwrap();
        let both = with_consent(Some(range(Some(1.0), None)), 20_000);
        let Some(filter::Node::All(list)) = both.node else {
            panic!("not a conjunction")
        };
        assert_eq!(list.filters, [range(Some(1.0), None), alone]);
    }
}
