//! Filter expressions of the command line, such as `status=pooled` or
//! `near=48.85,2.35,50km`.

use jiff::civil::Date;
use vivier_proto::v1;
use vivier_proto::v1::{condition, filter};

/// The language of filters, for `--help`.
pub(crate) const HELP: &str = "\
Filters (--filter EXPR, repeatable; all must hold):
  status=pooled                one of the values, case ignored; several: region=Bretagne,Normandie
  attributes.category=CHEF     any stored attribute
  remote=true                  yes or no
  seniority>=senior            intern, junior, mid, senior, lead, or 1 to 5; also <= and =
  years_of_experience>=3       numbers, also <= and =
  consent_until>=2027-01-31    dates, also <= and =
  near=48.85,2.35,50km         within 50 km of a latitude and longitude
  present=coordinates          the column is known; missing=COLUMN: it is not
  !status=rejected             does not hold
Columns: status, region, place, country, language, lang, tenant, contract,
remote, remote_policy, seniority, years_of_experience, consent_until,
coordinates, skill (URIs), attributes.NAME. In a value, \\, stands for a comma.";

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Texts,
    Flag,
    Number,
    Seniority,
    Date,
    Coordinates,
}

const COLUMNS: [(&str, Column); 15] = [
    ("status", Column::Texts),
    ("region", Column::Texts),
    ("place", Column::Texts),
    ("country", Column::Texts),
    ("language", Column::Texts),
    ("lang", Column::Texts),
    ("tenant", Column::Texts),
    ("contract", Column::Texts),
    ("skill", Column::Texts),
    ("remote_policy", Column::Texts),
    ("remote", Column::Flag),
    ("seniority", Column::Seniority),
    ("years_of_experience", Column::Number),
    ("consent_until", Column::Date),
    ("coordinates", Column::Coordinates),
];

const SENIORITIES: [&str; 5] = ["intern", "junior", "mid", "senior", "lead"];

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    AtLeast,
    AtMost,
}

/// Parses every expression and joins them: all must hold.
///
/// # Errors
/// Names the expression that cannot be read, and why.
pub(crate) fn parse_all(expressions: &[String]) -> Result<Option<v1::Filter>, String> {
    let mut filters = Vec::with_capacity(expressions.len());
    for expression in expressions {
        let parsed = parse(expression.trim());
        filters.push(parsed.map_err(|reason| format!("filter {expression:?}: {reason}"))?);
    }
    Ok(match filters.len() {
        0 | 1 => filters.pop(),
        _ => Some(node(filter::Node::All(v1::FilterList { filters }))),
    })
}

fn parse(expression: &str) -> Result<v1::Filter, String> {
    if let Some(inner) = expression.strip_prefix('!') {
        let inner = parse(inner.trim_start())?;
        return Ok(node(filter::Node::Not(Box::new(inner))));
    }
    let (name, operator, value) = split(expression)?;
    match (name, operator) {
        ("near", Operator::Equal) => near(value),
        ("missing", Operator::Equal) => presence(value, true),
        ("present", Operator::Equal) => presence(value, false),
        _ => compare(name, operator, value),
    }
}

fn split(expression: &str) -> Result<(&str, Operator, &str), String> {
    let Some(at) = expression.find(['=', '<', '>']) else {
        return Err("has no =, >= or <=".to_owned());
    };
    let (name, rest) = expression.split_at(at);
    let (operator, value) = if let Some(value) = rest.strip_prefix(">=") {
        (Operator::AtLeast, value)
    } else if let Some(value) = rest.strip_prefix("<=") {
        (Operator::AtMost, value)
    } else if let Some(value) = rest.strip_prefix('=') {
        (Operator::Equal, value)
    } else {
        return Err("bounds are inclusive: write >= or <=".to_owned());
    };
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return Err("names no column".to_owned());
    }
    if value.is_empty() {
        return Err("gives no value".to_owned());
    }
    Ok((name, operator, value))
}

fn column(name: &str) -> Result<Column, String> {
    if name
        .strip_prefix("attributes.")
        .is_some_and(|attribute| !attribute.is_empty())
    {
        return Ok(Column::Texts);
    }
    let found = COLUMNS.iter().find(|(known, _)| *known == name);
    found.map(|(_, column)| *column).ok_or_else(|| {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        format!(
            "unknown column {name:?}; there are {} and attributes.NAME",
            names.join(", ")
        )
    })
}

fn compare(name: &str, operator: Operator, value: &str) -> Result<v1::Filter, String> {
    let test = match (column(name)?, operator) {
        (Column::Texts, Operator::Equal) => condition::Test::In(v1::Strings {
            values: values(value),
        }),
        (Column::Texts, _) => return Err(format!("{name} is a text: it only takes =")),
        (Column::Flag, Operator::Equal) => condition::Test::Is(flag(value)?),
        (Column::Flag, _) => return Err(format!("{name} is yes or no: it only takes =")),
        (Column::Number, _) => range(operator, number(value)?),
        (Column::Seniority, _) => range(operator, seniority(value)?),
        (Column::Date, _) => range(operator, days_since_1970(value)?),
        (Column::Coordinates, _) => {
            return Err("coordinates are tested by near=LATITUDE,LONGITUDE,RADIUSkm".to_owned());
        }
    };
    Ok(condition_node(name, test))
}

fn presence(name: &str, missing: bool) -> Result<v1::Filter, String> {
    column(name)?;
    Ok(condition_node(name, condition::Test::Missing(missing)))
}

fn near(value: &str) -> Result<v1::Filter, String> {
    let form = || format!("{value:?} is not of the form LATITUDE,LONGITUDE,RADIUSkm");
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    let [latitude, longitude, radius] = parts.as_slice() else {
        return Err(form());
    };
    let radius = radius.strip_suffix("km").unwrap_or(radius).trim_end();
    let (latitude, longitude) = (number(latitude)?, number(longitude)?);
    let radius_km = number(radius)?;
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(format!("latitude {latitude} is not between -90 and 90"));
    }
    if !(-180.0..=180.0).contains(&longitude) {
        return Err(format!("longitude {longitude} is not between -180 and 180"));
    }
    if radius_km <= 0.0 {
        return Err(format!("radius {radius_km} km is not more than 0"));
    }
    let center = Some(v1::Coordinates {
        latitude,
        longitude,
    });
    Ok(condition_node(
        "coordinates",
        condition::Test::Within(v1::Within { center, radius_km }),
    ))
}

/// Splits at commas, but not at `\,`.
fn values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == ',' {
            values.push(String::new());
            continue;
        }
        let escaped = character == '\\' && matches!(characters.peek(), Some(',' | '\\'));
        let taken = if escaped {
            characters.next()
        } else {
            Some(character)
        };
        if let (Some(value), Some(taken)) = (values.last_mut(), taken) {
            value.push(taken);
        }
    }
    values.iter().map(|value| value.trim().to_owned()).collect()
}

fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err(format!("{value:?} is not true or false")),
    }
}

fn number(value: &str) -> Result<f64, String> {
    let parsed = value
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite());
    parsed.ok_or_else(|| format!("{value:?} is not a number"))
}

fn seniority(value: &str) -> Result<f64, String> {
    let steps = SENIORITIES.iter().zip([1.0, 2.0, 3.0, 4.0, 5.0]);
    let mut named = steps.filter(|(name, _)| name.eq_ignore_ascii_case(value));
    if let Some((_, step)) = named.next() {
        return Ok(step);
    }
    let step = number(value).ok().filter(|step| (1.0..=5.0).contains(step));
    step.ok_or_else(|| {
        format!(
            "{value:?} is not one of {} or 1 to 5",
            SENIORITIES.join(", ")
        )
    })
}

fn days_since_1970(value: &str) -> Result<f64, String> {
    let day: Date = value
        .parse()
        .map_err(|_| format!("{value:?} is not a date (YYYY-MM-DD)"))?;
    let span = day.duration_since(Date::constant(1970, 1, 1));
    Ok(span.as_secs_f64() / 86_400.0)
}

fn range(operator: Operator, bound: f64) -> condition::Test {
    let min = (operator != Operator::AtMost).then_some(bound);
    let max = (operator != Operator::AtLeast).then_some(bound);
    condition::Test::Range(v1::Range { min, max })
}

fn condition_node(column: &str, test: condition::Test) -> v1::Filter {
    node(filter::Node::Condition(v1::Condition {
        column: column.to_owned(),
        test: Some(test),
    }))
}

fn node(node: filter::Node) -> v1::Filter {
    v1::Filter { node: Some(node) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(expression: &str) -> condition::Test {
        let filter = parse_all(&[expression.to_owned()]).unwrap().unwrap();
        let Some(filter::Node::Condition(condition)) = filter.node else {
            panic!("a condition")
        };
        condition.test.unwrap()
    }

    fn error(expression: &str) -> String {
        parse_all(&[expression.to_owned()]).unwrap_err()
    }

    fn texts(values: &[&str]) -> condition::Test {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        condition::Test::In(v1::Strings { values })
    }

    fn bounds(min: Option<f64>, max: Option<f64>) -> condition::Test {
        condition::Test::Range(v1::Range { min, max })
    }

    #[test]
    fn each_form_is_understood() {
        assert_eq!(one("status=pooled"), texts(&["pooled"]));
        assert_eq!(
            one("region = Bretagne, Normandie"),
            texts(&["Bretagne", "Normandie"])
        );
        assert_eq!(
            one(r"place=Richmond\, VA,A\\B"),
            texts(&["Richmond, VA", r"A\B"])
        );
        assert_eq!(one("attributes.a=b=c"), texts(&["b=c"]));
        assert_eq!(one("remote=Yes"), condition::Test::Is(true));
        assert_eq!(one("seniority>=3"), bounds(Some(3.0), None));
        assert_eq!(one("seniority<=Senior"), bounds(None, Some(4.0)));
        assert_eq!(one("years_of_experience=2.5"), bounds(Some(2.5), Some(2.5)));
        assert_eq!(one("consent_until>=1970-01-31"), bounds(Some(30.0), None));
        assert_eq!(one("missing=coordinates"), condition::Test::Missing(true));
        assert_eq!(one("present=attributes.x"), condition::Test::Missing(false));
        let center = Some(v1::Coordinates {
            latitude: 48.85,
            longitude: -2.35,
        });
        assert_eq!(
            one("near=48.85, -2.35, 50 km"),
            condition::Test::Within(v1::Within {
                center,
                radius_km: 50.0
            })
        );
    }

    #[test]
    fn several_are_joined_and_negated() {
        assert_eq!(parse_all(&[]), Ok(None));
        let both = ["status=pooled".to_owned(), "!remote=true".to_owned()];
        let Some(v1::Filter {
            node: Some(filter::Node::All(list)),
        }) = parse_all(&both).unwrap()
        else {
            panic!("a conjunction")
        };
        assert!(matches!(list.filters[1].node, Some(filter::Node::Not(_))));
    }

    #[test]
    fn bad_expressions_are_named_with_the_reason() {
        for (expression, reason) in [
            ("status", "has no ="),
            ("=x", "names no column"),
            ("status=", "gives no value"),
            ("statu=pooled", "unknown column \"statu\""),
            ("attributes.=x", "unknown column"),
            ("seniority>3", "write >= or <="),
            ("seniority>=9", "1 to 5"),
            ("status>=pooled", "only takes ="),
            ("remote=perhaps", "not true or false"),
            ("years_of_experience>=nan", "not a number"),
            ("consent_until>=soon", "not a date"),
            ("near=48.85,2.35", "LATITUDE,LONGITUDE,RADIUSkm"),
            ("near=98.85,2.35,5km", "latitude 98.85"),
            ("near=48.85,2.35,0km", "radius 0 km"),
            ("near=nan,2.35,5km", "not a number"),
            ("coordinates=1", "tested by near"),
        ] {
            let error = error(expression);
            assert!(error.contains(reason), "{expression}: {error}");
            assert!(
                error.starts_with(&format!("filter {expression:?}: ")),
                "{error}"
            );
        }
    }
}
