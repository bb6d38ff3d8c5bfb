//! Dates as people write them in a CV: a year, a month or a day.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A calendar date known to the year, to the month or to the day.
///
/// Written `2019`, `2019-03` or `2019-03-31` (ISO 8601).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDate {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
}

impl PartialDate {
    /// Returns the first day that the date can mean.
    pub fn first_day(self) -> jiff::civil::Date {
        jiff::civil::Date::constant(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }

    /// Returns the last day that the date can mean.
    pub fn last_day(self) -> jiff::civil::Date {
        match (self.month, self.day) {
            (Some(_), Some(_)) => self.first_day(),
            (Some(_), None) => self.first_day().last_of_month(),
            (None, _) => self.first_day().last_of_year(),
        }
    }
}

impl FromStr for PartialDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let refuse = || DateError(text.to_owned());
        let parts: Vec<&str> = text.split('-').collect();
        let widths_fit = parts.iter().zip([4, 2, 2]).all(|(part, width)| {
            part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit())
        });
        if parts.len() > 3 || !widths_fit {
            return Err(refuse());
        }
        let year = parts[0].parse::<i16>().map_err(|_| refuse())?;
        let number = |index: usize| parts.get(index).map(|part| part.parse::<i8>()).transpose();
        let month = number(1).map_err(|_| refuse())?;
        let day = number(2).map_err(|_| refuse())?;
        jiff::civil::Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).map_err(|_| refuse())?;
        Ok(Self { year, month, day })
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for PartialDate {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, DateError> {
        text.parse()
    }
}

impl From<PartialDate> for String {
    fn from(date: PartialDate) -> Self {
        date.to_string()
    }
}

/// Says that a text is no date; holds the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date of the form YYYY, YYYY-MM or YYYY-MM-DD")]
pub struct DateError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip_and_span() {
        for (text, first, last) in [
            ("2020", "2020-01-01", "2020-12-31"),
            ("2020-02", "2020-02-01", "2020-02-29"),
            ("2020-02-03", "2020-02-03", "2020-02-03"),
        ] {
            let date: PartialDate = text.parse().unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(date.first_day().to_string(), first);
            assert_eq!(date.last_day().to_string(), last);
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "20",
            "2020-13",
            "2020-02-30",
            "2020-1",
            "03/2020",
            "2020-01-01-01",
            "+020",
        ] {
            assert!(text.parse::<PartialDate>().is_err(), "{text}");
        }
    }
}
