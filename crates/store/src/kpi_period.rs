//! Values of KPIs over periods: the same expression as of windows, over the parts of whole days of
//! each tenant.

use crate::StoreError;
use crate::assembly::{Frame, Settings, Source, assemble, list};
use crate::calendar::{Zones, zones};
use crate::client::{ident, text};
use crate::kpi::{columns, fixed_sql, free_dimensions, sources};
use crate::period::Period;
use crate::table::underscored;
use crate::view::rollup_name;
use weir_catalog::{Catalog, KpiDef};

/// The views' parameter `step`.
const STEP: &str = "{step:Enum8('all' = 0, 'day' = 1, 'week' = 2, 'month' = 3)}";

/// First and last day of a row.
const FROM: &str = "`from`";
const TO: &str = "`to`";

/// Which days, and how they are cut into rows. SQL: it may read `p.day`, `tenant` and parameters.
pub(crate) struct Days {
    /// That a row of `<event>_day_parts` is of the period.
    within: String,
    /// First day of the period.
    first: String,
    /// Last day of it.
    last: String,
    /// By the views' parameter `step`; else one row.
    stepped: bool,
    /// Condition on the tenant, after `AND`; empty for all tenants.
    whose: String,
}

impl Days {
    /// By the parameters of a view.
    fn asked() -> Days {
        let (first, last) = ("{from:Date}", "{to:Date}");
        // No zone is a day from UTC: months outside are skipped.
        let within = format!(
            "p.day BETWEEN {first} AND {last} AND p.window_start >= toDateTime64({first}, 6, 'UTC') - toIntervalDay(1) AND p.window_start < toDateTime64({last}, 6, 'UTC') + toIntervalDay(2)"
        );
        Days {
            within,
            first: first.into(),
            last: last.into(),
            stepped: true,
            whose: String::new(),
        }
    }

    /// Of a question's period, and of one tenant if `whose` says so.
    fn of(period: &Period, zones: &Zones, whose: Option<&str>) -> Days {
        let today = zones.day("now()");
        let (first, last) = period.ends();
        let date = |d: jiff::civil::Date| format!("toDate('{d}')");
        Days {
            within: period.condition("p.window_start"),
            first: first.map_or(format!("({today} - {})", period.days - 1), date),
            last: last.map_or(today, date),
            stepped: false,
            whose: whose.map_or(String::new(), |w| format!(" AND {w}")),
        }
    }

    /// First and last day of the row that a part lies in. Weeks begin on Monday; those and months
    /// are cut where the period begins and ends.
    fn row(&self) -> (String, String) {
        let Days { first, last, .. } = self;
        if !self.stepped {
            return (first.clone(), last.clone());
        }
        let cut = |all: &str, day: &str, week: String, month: String| {
            format!(
                "multiIf({STEP} = 'day', {day}, {STEP} = 'week', {week}, {STEP} = 'month', {month}, {all})"
            )
        };
        let from = |start: &str| format!("greatest({start}, {first})");
        let to = |end: &str| format!("least({end}, {last})");
        (
            cut(
                first,
                "p.day",
                from("toMonday(p.day)"),
                from("toStartOfMonth(p.day)"),
            ),
            cut(
                last,
                "p.day",
                to("toMonday(p.day) + 6"),
                to("toLastDayOfMonth(p.day)"),
            ),
        )
    }
}

/// The view `kpi_<name>(from = 'YYYY-MM-DD', to = 'YYYY-MM-DD', step = 'all')`, of a KPI with
/// terms: one row for each subject and step (`all`, `day`, `week` from Monday, or `month`):
/// `tenant`, its dimensions, `from` and `to` (days of the tenant, both included), `value`, `score`,
/// `status`, `sample` and each term as `term_<name>`.
///
/// # Errors
/// No term stands on the KPI's own dimensions, or the catalog has no tables.
pub fn kpi_period_sql(kpi: &KpiDef, catalog: &Catalog) -> Result<String, StoreError> {
    over(kpi, catalog, &Days::asked())
}

/// The same rows of those that the condition `whose` leaves.
///
/// # Errors
/// As of [`kpi_period_sql`].
pub(crate) fn kpi_period_of_sql(
    kpi: &KpiDef,
    catalog: &Catalog,
    whose: &str,
) -> Result<String, StoreError> {
    let days = Days {
        whose: format!(" AND {whose}"),
        ..Days::asked()
    };
    over(kpi, catalog, &days)
}

/// The same rows for the period of a question, one for each subject, of all tenants or of those
/// that the condition `whose` leaves.
///
/// # Errors
/// As of [`kpi_period_sql`].
pub(crate) fn kpi_of_period(
    kpi: &KpiDef,
    catalog: &Catalog,
    period: &Period,
    whose: Option<&str>,
) -> Result<String, StoreError> {
    let zones = zones(catalog)?;
    over(kpi, catalog, &Days::of(period, &zones, whose))
}

fn over(kpi: &KpiDef, catalog: &Catalog, days: &Days) -> Result<String, StoreError> {
    if kpi.mix.is_some() {
        return Err(StoreError::Catalog {
            event: kpi.name.clone(),
            reason: "a score has no value over a period; ask for the KPIs that it is made of"
                .into(),
        });
    }
    let (from, to) = days.row();
    let mut all = Vec::new();
    for terms in sources(kpi, catalog) {
        let first = &kpi.terms[terms[0]];
        let names = free_dimensions(catalog, first);
        let columns = columns(kpi, catalog, &terms, first.stands_on(&kpi.dimensions));
        let span = [(from.as_str(), FROM), (to.as_str(), TO)];
        let select = parts(kpi, catalog, &terms, &columns, (&span, &days.within), days);
        all.push(Source {
            terms,
            names,
            select,
        });
    }
    // What was set on a day is in force at its end.
    let up_to_last = format!("p.day <= {}", days.last);
    let terms = kpi.terms.iter().enumerate();
    let settings: Settings = terms
        .filter(|(_, term)| catalog.is_setting(term))
        .map(|(i, _)| {
            let columns = columns(kpi, catalog, &[i], false);
            let of = (&[("p.day", TO)][..], up_to_last.as_str());
            (i, parts(kpi, catalog, &[i], &columns, of, days))
        })
        .collect();
    let frame = Frame {
        start: FROM,
        end: TO,
        starts_apart: false,
        days: format!("toFloat64(b.{TO} - b.{FROM} + 1)"),
        beside: String::new(),
        filter: String::new(),
    };
    assemble(kpi, catalog, &all, &settings, &frame)
}

/// Parts of days of some terms, which stand in one table, merged by subject and by what `span`
/// says: (SQL, name) of columns.
fn parts(
    kpi: &KpiDef,
    catalog: &Catalog,
    terms: &[usize],
    columns: &[String],
    (span, within): (&[(&str, &str)], &str),
    days: &Days,
) -> String {
    let first = &kpi.terms[terms[0]];
    let event = &catalog.events[first.event];
    let dims = list(&free_dimensions(catalog, first));
    let keys: Vec<&str> = span.iter().map(|(_, name)| *name).collect();
    let span: String = span
        .iter()
        .map(|(sql, name)| format!("{sql} AS {name}, "))
        .collect();
    format!(
        "SELECT tenant, {dims}{span}{}\nFROM {} AS p\nWHERE p.rollup = {} AND {within}{}{}\nGROUP BY tenant, {dims}{}",
        columns.join(", "),
        ident(&format!("{}_day_parts", underscored(&event.name))),
        text(&rollup_name(event, first.rollup)),
        fixed_sql(first),
        days.whose,
        keys.join(", "),
    )
}
