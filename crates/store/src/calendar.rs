//! The calendar of tenants in SQL: days in their time zones, and the views that need them.

use crate::client::{ident, text};
use crate::table::{EventsTable, PartsTable};
use crate::view::{SETTINGS, rollup_name};
use crate::{StoreError, acknowledged, results};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, EventDef, begins_days_within_hours};
use weir_model::WindowSize;

/// Tenants by the name of their time zone. ClickHouse takes zones as constants only, so SQL names
/// each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zones {
    /// Of tenants that are not named.
    pub default: String,
    /// Other zones, with their tenants.
    pub others: BTreeMap<String, Vec<String>>,
}

/// Zones of a catalog.
///
/// # Errors
/// A zone without a name in the time zone database.
pub fn zones(catalog: &Catalog) -> Result<Zones, StoreError> {
    let name = |zone: &jiff::tz::TimeZone| {
        zone.iana_name().map(str::to_string).ok_or_else(|| StoreError::Catalog {
            event: "tenants".into(),
            reason: "a time zone has no name in the time zone database; name one such as Europe/Berlin".into(),
        })
    };
    let default = name(&catalog.tenants.default_zone)?;
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tenant, zone) in &catalog.tenants.zones {
        let zone = name(zone)?;
        if zone != default {
            others.entry(zone).or_default().push(tenant.clone());
        }
    }
    Ok(Zones { default, others })
}

impl Zones {
    /// `f` of the zone of column `tenant`.
    pub fn each(&self, f: impl Fn(&str) -> String) -> String {
        if self.others.is_empty() {
            return f(&text(&self.default));
        }
        let cases: Vec<String> = self
            .others
            .iter()
            .map(|(zone, tenants)| {
                let list: Vec<String> = tenants.iter().map(|t| text(t)).collect();
                format!("tenant IN ({}), {}", list.join(", "), f(&text(zone)))
            })
            .collect();
        format!("multiIf({}, {})", cases.join(", "), f(&text(&self.default)))
    }
}

impl Zones {
    /// SQL of the columns `day`, the date in the tenant's zone, and `days_ago`, days since then, of
    /// a time.
    pub fn calendar(&self, time: &str) -> String {
        let day = self.day(time);
        let today = self.day("now()");
        format!("{day} AS day, dateDiff('day', {day}, {today}) AS days_ago")
    }

    /// SQL of the date of a time in the zone of column `tenant`.
    pub fn day(&self, time: &str) -> String {
        self.each(|z| format!("toDate({time}, {z})"))
    }
}

/// Whether the days of a zone do not begin with an hour of UTC.
fn has_odd_hours(zone: &str) -> bool {
    let zone = jiff::tz::TimeZone::get(zone);
    zone.is_ok_and(|zone| begins_days_within_hours(&zone))
}

impl Zones {
    /// The condition that the days of a tenant do not begin with an hour of UTC; `None` where those
    /// of all do.
    fn odd(&self) -> Option<String> {
        let list = |odd: bool| {
            let zones = self.others.iter().filter(|(z, _)| has_odd_hours(z) == odd);
            let names: Vec<String> = zones.flat_map(|(_, t)| t).map(|t| text(t)).collect();
            names.join(", ")
        };
        match has_odd_hours(&self.default) {
            false => match list(true) {
                named if named.is_empty() => None,
                named => Some(format!("tenant IN ({named})")),
            },
            true => Some(match list(false) {
                named if named.is_empty() => "1".into(),
                named => format!("tenant NOT IN ({named})"),
            }),
        }
    }
}

/// The parts that make up days of tenants, each event in one of them, with the tenant's `day`. What
/// questions over many days add up: sums, bins and hashes merge over any span. On-time parts are
/// hours, so that a day shows as far as it is final; where days do not begin with an hour they are
/// the 5-minute windows that a day is made of.
///
/// # Errors
/// As of [`PartsTable::of`].
pub fn day_parts_sql(event: &EventDef, zones: &Zones) -> Result<String, StoreError> {
    use WindowSize::{Day, FiveMinutes, Hour, Minute};
    let table = PartsTable::of(event)?;
    let of = |order: &[WindowSize], who: Option<String>| {
        let mut by_size: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (i, rollup) in event.rollups.iter().enumerate() {
            if let Some(size) = order.iter().find(|s| rollup.windows.contains(s)) {
                let rollups = by_size.entry(size.label()).or_default();
                rollups.push(text(&rollup_name(event, i)));
            }
        }
        let who = who.map_or(String::new(), |w| format!(" AND {w}"));
        let each = by_size.into_iter().map(move |(size, rollups)| {
            let list = rollups.join(", ");
            format!("(late = 0 AND window_size = '{size}' AND rollup IN ({list}){who})")
        });
        each.collect::<Vec<_>>()
    };
    let odd = zones.odd();
    let mut any = vec!["late = 1".to_string()];
    any.extend(of(
        &[Hour, FiveMinutes, Minute, Day],
        odd.as_ref().map(|o| format!("NOT ({o})")),
    ));
    if odd.is_some() {
        any.extend(of(&[FiveMinutes, Minute, Day], odd));
    }
    Ok(format!(
        "SELECT *, {} FROM {} FINAL WHERE run = (SELECT run FROM current_run) AND ({}) {SETTINGS}",
        zones.calendar("window_start"),
        ident(&table.name),
        any.join(" OR "),
    ))
}

/// Raw events with the tenant's `day` of the event, and `arrived`, the one of its log time.
pub fn events_sql(table: &EventsTable, zones: &Zones) -> String {
    format!(
        "SELECT *, {}, {} AS arrived FROM {} FINAL {SETTINGS}",
        zones.calendar("event_time"),
        zones.day("log_time"),
        ident(&table.name)
    )
}

/// The day of a window is the one it ends in.
pub(crate) const LAST_MOMENT: &str = "window_end - toIntervalMicrosecond(1)";

/// (name, SELECT) of the views of results, and of `data_spans`: first and last day of what there
/// is, by tenant and event type.
///
/// # Errors
/// As of [`PartsTable::of`] and [`zones`].
pub fn result_views(catalog: &Catalog) -> Result<Vec<(String, String)>, StoreError> {
    let zones = zones(catalog)?;
    let mut views = Vec::new();
    for result in results::ALL {
        let run = match result.of_a_run() {
            true => " WHERE run = (SELECT run FROM current_run)",
            false => "",
        };
        let mut select = format!(
            "SELECT {}, {} FROM {} FINAL{run}",
            result.select(),
            zones.calendar(result.time),
            result.table
        );
        if result == results::ALERTS {
            select = acknowledged::joined(catalog, select)?;
        }
        views.push((result.view.to_string(), select));
    }
    let spans: Vec<String> = catalog
        .events
        .iter()
        .map(|event| {
            Ok(format!(
                "SELECT tenant, {} AS event, {} AS first_day, {} AS last_day FROM {} WHERE run = (SELECT run FROM current_run) GROUP BY tenant",
                text(&event.name),
                zones.day("min(window_start)"),
                zones.day("max(window_start)"),
                ident(&PartsTable::of(event)?.name)
            ))
        })
        .collect::<Result<_, StoreError>>()?;
    if !spans.is_empty() {
        views.push(("data_spans".into(), spans.join("\nUNION ALL\n")));
    }
    Ok(views)
}
