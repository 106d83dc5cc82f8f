//! The period of a question: whole days of each tenant's zone. The one place that says what
//! `--days`, `--from` and `--to` mean.
//!
//! In the text of a question `{period of COLUMN}` is the condition that a row lies in it; the row
//! has the columns `day` and `days_ago` of its tenant (the views have them), and COLUMN is its
//! time, by which ClickHouse skips months. `{length of period}` is its number of days; without
//! `--to` it needs a column `today`.

use crate::StoreError;
use crate::client::Param;
use jiff::civil::Date;
use weir_model::Micros;

/// Longest period, in days.
const LONGEST: u32 = 36_500;

/// Days of a tenant, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Days up to `to`; without it up to today, which counts as one of them.
    pub days: u32,
    /// First day, in place of `days`.
    pub from: Option<Date>,
    /// Last day.
    pub to: Option<Date>,
}

impl Period {
    /// From what the asker said, by name.
    ///
    /// # Errors
    /// A number or date that is none, or dates that exclude each other.
    pub fn of(default: u32, given: &[Param]) -> Result<Period, StoreError> {
        let said = |name: &str| {
            let found = given.iter().rfind(|(n, _)| n == name);
            found.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
        };
        let date = |name: &str| match said(name) {
            None => Ok(None),
            Some(v) => match v.parse::<Date>() {
                // ClickHouse's dates end in 2149.
                Ok(d) if (1970..2100).contains(&d.year()) => Ok(Some(d)),
                _ => wrong(format!(
                    "--{name} takes a day such as 2026-01-05, not {v:?}"
                )),
            },
        };
        let (from, to) = (date("from")?, date("to")?);
        let days = match said("days") {
            None => default,
            Some(_) if from.is_some() && to.is_some() => {
                return wrong("--from and --to say all; leave --days out".into());
            }
            Some(v) => match v.parse() {
                Ok(n) if (1..=LONGEST).contains(&n) => n,
                _ => {
                    return wrong(format!(
                        "--days takes a whole number from 1 to {LONGEST}, not {v:?}"
                    ));
                }
            },
        };
        match (from, to, said("days")) {
            (Some(from), Some(to), _) if to < from => {
                wrong(format!("--to {to} lies before --from {from}"))
            }
            // So many days from a first one.
            (Some(from), None, Some(_)) => Ok(Period {
                days,
                from: Some(from),
                to: Some(later(from, i64::from(days) - 1)),
            }),
            _ => Ok(Period { days, from, to }),
        }
    }

    /// The condition that a row lies in it.
    pub fn condition(&self, time: &str) -> String {
        let midnight = |d: Date| format!("toDateTime64('{d} 00:00:00', 6, 'UTC')");
        let day = |d: Date| format!("toDate('{d}')");
        match self.ends() {
            // No zone is a day from UTC.
            (Some(from), Some(to)) => format!(
                "(day BETWEEN {} AND {} AND {time} >= {} AND {time} < {})",
                day(from),
                day(to),
                midnight(later(from, -1)),
                midnight(later(to, 2))
            ),
            (Some(from), None) => format!(
                "(day >= {} AND {time} >= {})",
                day(from),
                midnight(later(from, -1))
            ),
            (None, _) => format!(
                "(days_ago < {0} AND {time} >= now() - toIntervalDay({0} + 1))",
                self.days
            ),
        }
    }

    /// Its number of days.
    pub fn length(&self) -> String {
        match self.ends() {
            (Some(from), Some(to)) => {
                let days = from.until(to).map_or(0, |span| span.get_days());
                (days + 1).to_string()
            }
            (Some(from), None) => format!("(dateDiff('day', toDate('{from}'), today) + 1)"),
            (None, _) => self.days.to_string(),
        }
    }

    /// Times that no tenant's period reaches beyond.
    pub fn bounds(&self, now: Micros) -> (Micros, Micros) {
        let start = |d: Date| {
            let utc = d.to_zoned(jiff::tz::TimeZone::UTC);
            utc.map_or(Micros(0), |z| Micros(z.timestamp().as_microsecond()))
        };
        let (from, to) = self.ends();
        let days = |n: i64| Micros(n * Micros::DAY.0);
        (
            from.map_or(now.minus(days(i64::from(self.days) + 1)), |d| {
                start(d).minus(days(1))
            }),
            to.map_or(now, |d| start(d).plus(days(2)).min(now)),
        )
    }

    /// First and last day, where they do not depend on the tenant's today.
    pub fn ends(&self) -> (Option<Date>, Option<Date>) {
        let first = |to| later(to, 1 - i64::from(self.days));
        (self.from.or(self.to.map(first)), self.to)
    }
}

fn wrong<T>(what: String) -> Result<T, StoreError> {
    Err(StoreError::Question(what))
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.ends() {
            (Some(from), Some(to)) => write!(f, "{from} to {to}"),
            (Some(from), None) => write!(f, "{from} to today"),
            (None, _) if self.days == 1 => write!(f, "today"),
            (None, _) => write!(f, "the {} days up to today", self.days),
        }
    }
}

/// A day so many days later.
fn later(day: Date, days: i64) -> Date {
    day.saturating_add(jiff::Span::new().days(days))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(given: &[(&str, &str)]) -> Result<Period, StoreError> {
        let given: Vec<Param> = given
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        Period::of(30, &given)
    }

    #[test]
    fn days_and_dates_say_the_same() {
        let same = of(&[("from", "2026-01-05"), ("to", "2026-01-11")]).unwrap();
        let ends = same.ends();
        assert_eq!(
            of(&[("from", "2026-01-05"), ("days", "7")]).unwrap().ends(),
            ends
        );
        assert_eq!(
            of(&[("to", "2026-01-11"), ("days", "7")]).unwrap().ends(),
            ends
        );
        assert_eq!(same.length(), "7");
        assert_eq!(same.to_string(), "2026-01-05 to 2026-01-11");
        assert_eq!(of(&[]).unwrap().days, 30);
        assert_eq!(of(&[("from", "")]).unwrap(), of(&[]).unwrap());
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for given in [
            &[("days", "0")][..],
            &[("days", "x")],
            &[("days", "99999")],
            &[("from", "2026-02-30")],
            &[("to", "5. 1. 2026")],
            &[("from", "1500-01-01")],
            &[("from", "2026-01-05"), ("to", "2026-01-04")],
            &[("from", "2026-01-05"), ("to", "2026-01-06"), ("days", "2")],
        ] {
            assert!(of(given).is_err(), "{given:?}");
        }
    }
}
