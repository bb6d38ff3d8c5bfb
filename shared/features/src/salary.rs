//! Pay expected and pay offered, compared.

use vivier_types::Salary;

/// Hours of work in a year: the French full-time year of 35 hours a week.
const HOURS_PER_YEAR: f64 = 1_607.0;
/// Hours of a day's work of that year.
const HOURS_PER_DAY: f64 = 7.0;
/// Months for which pay is given, without any thirteenth.
const MONTHS_PER_YEAR: f64 = 12.0;

/// A range of pay for a year; an end that was not said is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct YearlyPay {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

/// Pay expected beside pay offered, in one currency.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PayMatch {
    pub(crate) expected: YearlyPay,
    pub(crate) offered: YearlyPay,
    /// ISO 4217 code.
    pub(crate) currency: String,
    /// Share of the expected range that the offer reaches, 0 to 1.
    pub(crate) share: f64,
}

/// Compares pay expected with pay offered; `None` when a side says nothing, or currencies
/// or periods are unknown or differ in a way that cannot be converted.
///
/// The share is that of the expected range that lies at or below the top of the offer: who
/// expects less than the least offered loses nothing by it. An offer without a top is known
/// to reach only its least.
pub(crate) fn compare(expected: &Salary, offered: &Salary) -> Option<PayMatch> {
    let currency = expected.currency.trim().to_uppercase();
    if currency.is_empty() || currency != offered.currency.trim().to_uppercase() {
        return None;
    }
    let (expected, offered) = (yearly(expected)?, yearly(offered)?);
    let (low, high) = ends(expected)?;
    let share = match (offered.max, offered.min) {
        (Some(top), _) => reached(low, high, top),
        (None, Some(least)) if high <= least => 1.0,
        (None, _) => return None,
    };
    Some(PayMatch {
        expected,
        offered,
        currency,
        share,
    })
}

/// Converts to a year; `None` for an unknown period, no figure, or figures out of order.
fn yearly(salary: &Salary) -> Option<YearlyPay> {
    let times = match salary.period.trim().to_ascii_lowercase().as_str() {
        "year" => 1.0,
        "month" => MONTHS_PER_YEAR,
        "day" => HOURS_PER_YEAR / HOURS_PER_DAY,
        "hour" => HOURS_PER_YEAR,
        _ => return None,
    };
    let of_year = |pay: Option<f64>| {
        pay.filter(|pay| pay.is_finite() && *pay > 0.0)
            .map(|pay| pay * times)
    };
    let pay = YearlyPay {
        min: of_year(salary.min),
        max: of_year(salary.max),
    };
    ends(pay).filter(|(low, high)| low <= high).map(|_| pay)
}

/// Returns both ends, the same where only one is known.
fn ends(pay: YearlyPay) -> Option<(f64, f64)> {
    Some((pay.min.or(pay.max)?, pay.max.or(pay.min)?))
}

/// Returns the share of a range at or below `top`.
fn reached(low: f64, high: f64, top: f64) -> f64 {
    if top >= high {
        1.0
    } else if high > low {
        ((top - low) / (high - low)).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pay(min: Option<f64>, max: Option<f64>, period: &str) -> Salary {
        Salary {
            min,
            max,
            currency: "EUR".to_owned(),
            period: period.to_owned(),
        }
    }

    fn share(expected: &Salary, offered: &Salary) -> Option<f64> {
        compare(expected, offered).map(|found| found.share)
    }

    #[test]
    fn the_share_is_what_the_offer_reaches() {
        let expected = pay(Some(40_000.0), Some(50_000.0), "year");
        let offer = |min, max| share(&expected, &pay(min, max, "year"));
        assert_eq!(offer(Some(30_000.0), Some(45_000.0)), Some(0.5));
        assert_eq!(offer(Some(60_000.0), Some(70_000.0)), Some(1.0));
        assert_eq!(offer(Some(30_000.0), Some(39_000.0)), Some(0.0));
        assert_eq!(offer(None, Some(50_000.0)), Some(1.0));
        assert_eq!(offer(Some(50_000.0), None), Some(1.0));
        assert_eq!(offer(Some(45_000.0), None), None);
    }

    #[test]
    fn periods_are_converted_to_a_year() {
        let yearly = pay(Some(36_000.0), None, "year");
        assert_eq!(
            share(&yearly, &pay(None, Some(3_000.0), "month")),
            Some(1.0)
        );
        assert_eq!(
            share(&yearly, &pay(None, Some(2_999.0), "Month")),
            Some(0.0)
        );
        let hourly = pay(Some(20.0), None, "hour");
        assert_eq!(
            share(&hourly, &pay(None, Some(32_140.0), "year")),
            Some(1.0)
        );
        assert_eq!(share(&pay(Some(140.0), None, "day"), &hourly), Some(1.0));
    }

    #[test]
    fn what_cannot_be_compared_is_unknown() {
        let euros = pay(Some(40_000.0), None, "year");
        let other = |change: fn(&mut Salary)| {
            let mut other = pay(Some(40_000.0), Some(50_000.0), "year");
            change(&mut other);
            share(&euros, &other)
        };
        assert_eq!(other(|_| ()), Some(1.0));
        assert_eq!(other(|pay| pay.currency = "CHF".to_owned()), None);
        assert_eq!(other(|pay| pay.currency = String::new()), None);
        assert_eq!(other(|pay| pay.period = "fortnight".to_owned()), None);
        assert_eq!(other(|pay| pay.period = String::new()), None);
        assert_eq!(other(|pay| pay.max = Some(1.0)), None);
        assert_eq!(
            other(|pay| {
                pay.min = None;
                pay.max = Some(f64::NAN);
            }),
            None
        );
    }

    proptest! {
        #[test]
        fn a_better_offer_never_reaches_less(
            low in 1.0..1e6_f64, width in 0.0..1e6_f64, top in 1.0..2e6_f64, more in 0.0..1e6_f64,
        ) {
            let expected = pay(Some(low), Some(low + width), "year");
            let at = |top| share(&expected, &pay(None, Some(top), "year")).unwrap();
            prop_assert!((0.0..=1.0).contains(&at(top)));
            prop_assert!(at(top + more) >= at(top));
        }
    }
}
