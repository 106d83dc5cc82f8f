//! Windows to date, computed again: sums of the steps of a day or month, or of all there is.

use crate::cells::Cell;
use crate::fold::Series;
use crate::kpis::TermValues;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, JudgedWindow};
use weir_model::{Micros, Since, WindowSize};

/// `1d/5m`, `1mo/1h`, `all/1d`.
pub(crate) fn label(since: Since, step: WindowSize) -> String {
    let since = match since {
        Since::Day => "1d",
        Since::Month => "1mo",
        Since::All => "all",
    };
    format!("{since}/{}", step.label())
}

/// A day or month: when it begins and ends.
#[derive(Clone, Copy, PartialEq)]
struct Period {
    start: Micros,
    end: Micros,
}

impl Period {
    /// The one of a step's last microsecond; `None`: all there is.
    fn of(since: Since, end: Micros, zone: &jiff::tz::TimeZone) -> Option<Period> {
        let local = jiff::Timestamp::from_microsecond(end.0 - 1).ok()?;
        let date = local.to_zoned(zone.clone()).date();
        let (first, next) = match since {
            Since::Day => (date, date.tomorrow().ok()?),
            Since::Month => (date.first_of_month(), date.last_of_month().tomorrow().ok()?),
            Since::All => return None,
        };
        let midnight = |d: jiff::civil::Date| {
            let first = d.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
            Some(Micros(first.timestamp().as_microsecond()))
        };
        Some(Period {
            start: midnight(first)?,
            end: midnight(next)?,
        })
    }
}

/// From the steps of each subject its window to date at each step with an event, and at the last
/// step of each period that has any.
pub(crate) fn series(
    catalog: &Catalog,
    (since, step): (Since, WindowSize),
    steps: Series,
    through: Micros,
) -> Series {
    let mut out = Series::new();
    for (subject, steps) in steps {
        let zone = catalog.tenants.zone(&subject.0);
        let mut windows: BTreeMap<Micros, (Micros, Cell)> = BTreeMap::new();
        let mut before: Option<(Option<Period>, Micros, Cell)> = None;
        for (end, (start, cell)) in steps {
            let period = Period::of(since, end, zone);
            let (start, sum) = match before.take() {
                Some((p, start, mut sum)) if p == period => {
                    sum.merge(&cell);
                    (start, sum)
                }
                _ => (period.map_or(start, |p| p.start), cell),
            };
            windows.insert(end, (start, sum.clone()));
            if let Some(p) = period {
                // The step that the next period begins in, or with.
                let last = step.span(p.end, zone).0;
                if last <= through {
                    windows.insert(last, (start, sum.clone()));
                }
            }
            before = Some((period, start, sum));
        }
        out.insert(subject, windows);
    }
    out
}

/// By subject: start and value by end.
type BySubject<'a> =
    BTreeMap<(&'a str, &'a [(String, String)]), BTreeMap<Micros, (Micros, Option<f64>)>>;

/// What terms of a KPI to date were worth when they were last evaluated. Of other KPIs it knows
/// nothing.
pub(crate) struct Earlier<'a> {
    /// What the window to date begins with.
    within: Option<Since>,
    /// By term.
    terms: Vec<BySubject<'a>>,
}

impl<'a> Earlier<'a> {
    pub fn of(window: JudgedWindow, values: &'a [TermValues]) -> Earlier<'a> {
        let JudgedWindow::ToDate { since, .. } = window else {
            return Earlier {
                within: None,
                terms: Vec::new(),
            };
        };
        let by_subject = |rows: &'a TermValues| {
            let mut out = BySubject::new();
            for ((tenant, end, dimensions), row) in rows {
                out.entry((tenant, dimensions))
                    .or_default()
                    .insert(*end, *row);
            }
            out
        };
        Earlier {
            within: Some(since),
            terms: values.iter().map(by_subject).collect(),
        }
    }

    /// The last value before `end` in the period that begins at `start`; `None`: there is none.
    pub fn value(
        &self,
        term: usize,
        (tenant, dimensions): (&str, &[(String, String)]),
        start: Micros,
        end: Micros,
    ) -> Option<Option<f64>> {
        let since = self.within?;
        let rows = self.terms[term].get(&(tenant, dimensions))?;
        let (_, (begins, value)) = rows.range(..end).next_back()?;
        (since == Since::All || *begins == start).then_some(*value)
    }
}
