//! The views that analysts read: one per event type and window size, merged from parts.

use crate::StoreError;
use crate::calendar::{self, Zones, zones};
use crate::client::{ident, text};
use crate::measure;
use crate::table::{EventsTable, PartsTable, underscored};
use weir_catalog::{Catalog, EventDef};
use weir_model::{Micros, WindowSize};

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
    /// Numbers and percentiles, sums also as exact decimals, and the tenant's day: the views.
    Plain,
    /// The numbers of the views, and what the parts they come from hold: bins, hashes, the keys of
    /// last values. What is compared to the last digit.
    Full,
}

fn stores(event: &EventDef, size: WindowSize) -> bool {
    event.rollups.iter().any(|r| r.windows.contains(&size))
}

/// The name of the view of merged windows of a size, `llm_call_1h`.
pub fn view_of(event: &EventDef, size: WindowSize) -> String {
    format!("{}_{}", underscored(&event.name), size.label())
}

/// Names of the views of windows that no rollup of an event type stores.
pub(crate) fn not_stored(event: &EventDef) -> impl Iterator<Item = String> {
    let sizes = WindowSize::ALL.into_iter();
    let none = sizes.filter(|s| !stores(event, *s));
    none.map(|size| view_of(event, size))
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
    for size in WindowSize::ALL.into_iter().filter(|s| stores(event, *s)) {
        let select = merged_sql(catalog, event, size, Form::Plain, None)?;
        views.push((view_of(event, size), select));
    }
    let zones = zones(catalog)?;
    views.push((
        format!("{}_day_parts", underscored(&event.name)),
        calendar::day_parts_sql(event, &zones)?,
    ));
    views.push((
        format!("{}_events", underscored(&event.name)),
        calendar::events_sql(&EventsTable::of(event)?, &zones),
    ));
    Ok(views)
}

/// Windows of one size merged from on-time and late parts, ended at most at `through`, if given. In
/// [`Form::Full`] bins are sorted arrays of pairs, and hashes the smallest ones.
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
        columns.extend(measure::shown(m, *a));
        if form == Form::Full {
            columns.extend(measure::beneath(m, *a));
        }
    }
    if let Some(twice) = twice(&columns, &table.dimensions) {
        return Err(StoreError::Catalog {
            event: event.name.clone(),
            reason: format!(
                "two columns of its views are named {twice}; rename the measure or dimension"
            ),
        });
    }
    let columns: Vec<String> = columns
        .into_iter()
        .map(|(sql, name)| format!("{sql} AS {}", ident(&name)))
        .collect();
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
    // When it is asked must not be part of what is compared.
    let calendar = match form {
        Form::Plain => format!(",\n    {}", zones.calendar(&start)),
        Form::Full => String::new(),
    };
    Ok(format!(
        "SELECT tenant, rollup, {dims}{start} AS window_start, {} AS window_end{calendar},\n    {}\nFROM {} AS p FINAL\nWHERE {}\nGROUP BY tenant, rollup, {dims}{start}{until}\n{SETTINGS}",
        end_of(size, &start, &zones),
        columns.join(",\n    "),
        ident(&table.name),
        rows_of(size, &rollups),
    ))
}

/// A name that two columns would have.
fn twice(columns: &[(String, String)], dimensions: &[String]) -> Option<String> {
    let fixed = [
        "tenant",
        "rollup",
        "window_start",
        "window_end",
        "day",
        "days_ago",
    ];
    let mut names: Vec<&str> = columns.iter().map(|(_, n)| n.as_str()).collect();
    names.extend(dimensions.iter().map(String::as_str));
    names.extend(fixed);
    names.sort_unstable();
    names
        .windows(2)
        .find(|w| w[0] == w[1])
        .map(|w| w[0].to_owned())
}
