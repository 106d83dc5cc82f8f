//! The views that analysts read: one per event type and window size, merged from parts.

use crate::StoreError;
use crate::client::{ident, text};
use crate::measure;
use crate::table::{PartsTable, underscored};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, EventDef};
use weir_model::{Micros, WindowSize};

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

/// SQL of the start of the window of a size that holds `time`. Monotonic in `time` (for days: in
/// each zone), so that filters on it reach the index.
pub fn start_of(size: WindowSize, time: &str, zones: &Zones) -> String {
    match size {
        WindowSize::Minute => time.to_string(),
        WindowSize::FiveMinutes => format!("toDateTime64(toStartOfFiveMinutes({time}), 6, 'UTC')"),
        WindowSize::Hour => format!("toDateTime64(toStartOfHour({time}), 6, 'UTC')"),
        WindowSize::Day => {
            zones.each(|z| format!("toDateTime64(toStartOfDay({time}, {z}), 6, 'UTC')"))
        }
    }
}

/// SQL of the end of the window of a size that starts at `start`.
pub fn end_of(size: WindowSize, start: &str, zones: &Zones) -> String {
    match size {
        WindowSize::Minute => format!("{start} + toIntervalMinute(1)"),
        WindowSize::FiveMinutes => format!("{start} + toIntervalMinute(5)"),
        WindowSize::Hour => format!("{start} + toIntervalHour(1)"),
        // By date: a day may have 23 or 25 hours, and midnight may not exist.
        WindowSize::Day => zones
            .each(|z| format!("toDateTime64(toDateTime(toDate({start}, {z}) + 1, {z}), 6, 'UTC')")),
    }
}

/// Which rows make up windows of a size: those of the size, and late minutes, of the rollups that
/// keep it.
pub fn rows_of(size: WindowSize, rollups: &[String]) -> String {
    let list: Vec<String> = rollups.iter().map(|r| text(r)).collect();
    format!(
        "run = (SELECT run FROM current_run) AND rollup IN ({}) AND (late = 1 OR (late = 0 AND window_size = '{}'))",
        list.join(", "),
        size.label()
    )
}

/// The name of a rollup: its dimensions, comma separated.
pub fn rollup_name(event: &EventDef, rollup: usize) -> String {
    let names = event
        .rollups
        .get(rollup)
        .into_iter()
        .flat_map(|r| &r.dimensions);
    names
        .filter_map(|d| event.dimensions.get(*d))
        .map(|d| d.name.as_str())
        .collect::<Vec<_>>()
        .join(",")
}

/// Reads with FINAL need not look across months: a key lies in one.
pub const SETTINGS: &str = "SETTINGS do_not_merge_across_partitions_select_final = 1";

/// What a reader of merged windows wants to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Numbers and percentiles.
    Plain,
    /// What parts hold, merged: exact sums, bins, hashes. What is compared bit by bit.
    Exact,
}

/// (name, SELECT) of every view of an event type.
///
/// # Errors
/// As of [`PartsTable::of`] and [`zones`].
pub fn event_views(
    catalog: &Catalog,
    event: &EventDef,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut views = Vec::new();
    for size in WindowSize::ALL {
        if event.rollups.iter().any(|r| r.windows.contains(&size)) {
            views.push((
                format!("{}_{}", underscored(&event.name), size.label()),
                merged_sql(catalog, event, size, Form::Plain, None)?,
            ));
        }
    }
    views.push((
        format!("{}_events", underscored(&event.name)),
        format!(
            "SELECT * FROM {} FINAL {SETTINGS}",
            ident(&format!("events_{}", underscored(&event.name)))
        ),
    ));
    Ok(views)
}

/// Windows of one size merged from on-time and late parts, ended at most at `through`, if given. In
/// [`Form::Exact`] each measure has the columns of the table of parts, with bins as sorted arrays
/// of pairs and the smallest hashes.
///
/// # Errors
/// As of [`event_views`].
pub fn merged_sql(
    catalog: &Catalog,
    event: &EventDef,
    size: WindowSize,
    form: Form,
    through: Option<Micros>,
) -> Result<String, StoreError> {
    let zones = zones(catalog)?;
    let table = PartsTable::of(event)?;
    let rollups: Vec<String> = (0..event.rollups.len())
        .filter(|i| event.rollups[*i].windows.contains(&size))
        .map(|i| rollup_name(event, i))
        .collect();
    let mut columns = Vec::new();
    for (m, a) in &table.measures {
        columns.extend(match form {
            Form::Plain => measure::plain(m, *a),
            Form::Exact => measure::exact(m, *a),
        });
    }
    let name = format!("p.{}", ident("window_start"));
    let start = start_of(size, &name, &zones);
    let dims: String = table
        .dimensions
        .iter()
        .map(|d| format!("{}, ", ident(d)))
        .collect();
    let until = match through {
        Some(t) => format!(
            "\nHAVING window_end <= fromUnixTimestamp64Micro({}, 'UTC')",
            t.0
        ),
        None => String::new(),
    };
    Ok(format!(
        "SELECT tenant, rollup, {dims}{start} AS window_start, {} AS window_end,\n    {}\nFROM {} AS p FINAL\nWHERE {}\nGROUP BY tenant, rollup, {dims}{start}{until}\n{SETTINGS}",
        end_of(size, &start, &zones),
        columns.join(",\n    "),
        ident(&table.name),
        rows_of(size, &rollups),
    ))
}
