//! What is listed: results, aggregates and values of KPIs. Each is read through the view that
//! analysts read, or made by what makes that view.

use super::WHOSE;
use super::listing::{Key, Kind, Listing};
use crate::client::ident;
use crate::kpi::kpi_current_sql;
use crate::kpi_period::kpi_period_of_sql;
use crate::table::underscored;
use crate::view::rollup_name;
use crate::{StoreError, measure};
use jiff::civil::Date;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, EventDef, EventId, Expr, JudgedWindow, KpiDef, Op, Stat, Term};
use weir_model::{Micros, WindowSize};

/// Digits after the point that a measure is told with.
const DECIMALS: u32 = 9;

/// Which alerts, anomalies or published values are wanted; what is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Columns that have a value.
    pub equal: Vec<(&'static str, String)>,
    /// Dimensions that have a value.
    pub subject: BTreeMap<String, String>,
    /// Over or not yet: of alerts.
    pub over: Option<bool>,
    /// From the first moment on, before the second: by the time that rows are sorted by.
    pub within: (Option<Micros>, Option<Micros>),
}

fn found(view: &str, time: &str, of: &Finding) -> Listing {
    let keys = vec![Key::down(time, Kind::Time), Key::up("id", Kind::Text)];
    let mut listing = Listing::new(view, keys);
    narrowed(&mut listing, &of.equal, &of.subject);
    listing.within(&ident(time), of.within);
    listing
}

fn narrowed(
    listing: &mut Listing,
    equal: &[(&'static str, String)],
    subject: &BTreeMap<String, String>,
) {
    for (column, value) in equal {
        let condition = format!("{} = {{}}", ident(column));
        listing.given(&condition, "String", value);
    }
    for (name, value) in subject {
        // A dimension that a row does not have is no empty one.
        listing.given("mapContains(dimensions, {})", "String", name);
        let place = listing.params.len() - 1;
        let condition = format!("dimensions[{{g{place}:String}}] = {{}}");
        listing.given(&condition, "String", value);
    }
}

/// Alerts, those that opened last first.
pub fn alerts(of: &Finding) -> Listing {
    let mut listing = found("alerts", "opened", of);
    match of.over {
        Some(true) => listing.conditions.push("state = 'resolve'".to_owned()),
        Some(false) => listing.conditions.push("state != 'resolve'".to_owned()),
        None => {}
    }
    listing
}

/// Anomalies, those of the newest windows first.
pub fn anomalies(of: &Finding) -> Listing {
    found("anomalies", "window_end", of)
}

/// What was said of KPIs and scores when their windows were final, the newest first.
pub fn published(of: &Finding) -> Listing {
    found("kpis", "window_end", of)
}

/// Which forecasts, trends or findings are wanted; what is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Computed {
    /// Columns that have a value.
    pub equal: Vec<(&'static str, String)>,
    /// Dimensions that have a value.
    pub subject: BTreeMap<String, String>,
    /// Of analyses through this day and later ones; else of the newest one.
    pub since: Option<Date>,
}

impl Computed {
    /// Narrowed by the columns that a value is given for.
    pub fn of(
        equal: &[(&'static str, &Option<String>)],
        subject: BTreeMap<String, String>,
        since: Option<Date>,
    ) -> Computed {
        let given = equal.iter();
        Computed {
            equal: given
                .filter_map(|(column, value)| Some((*column, value.as_ref()?.clone())))
                .collect(),
            subject,
            since,
        }
    }
}

/// Days ahead, those of the newest analysis first, then by KPI, series and day.
pub fn forecasts(of: &Computed) -> Listing {
    let keys = [
        Key::up("kpi", Kind::Text),
        Key::up("series", Kind::Text),
        Key::up("day", Kind::Day),
    ];
    computed("forecasts", of, &keys)
}

/// Trends, those of the newest analysis first, then by KPI.
pub fn trends(of: &Computed) -> Listing {
    let keys = [Key::up("kpi", Kind::Text), Key::up("id", Kind::Text)];
    computed("trends", of, &keys)
}

/// Findings, those of the newest analysis first, then the most urgent ones.
pub fn findings(of: &Computed) -> Listing {
    let keys = [
        Key::up("priority", Kind::Number),
        Key::up("kind", Kind::Text),
        Key::up("id", Kind::Text),
    ];
    computed("findings", of, &keys)
}

fn computed(view: &str, of: &Computed, then: &[Key]) -> Listing {
    let mut keys = vec![Key::down("data_through", Kind::Day)];
    keys.extend_from_slice(then);
    let mut listing = Listing::new(view, keys);
    narrowed(&mut listing, &of.equal, &of.subject);
    match of.since {
        Some(since) => listing.given("data_through >= {}", "Date", since.to_string()),
        None => listing.conditions.push("newest".to_owned()),
    }
    listing
}

/// Which aggregates are wanted.
#[derive(Clone, Debug)]
pub struct AggregatesOf<'a> {
    /// Event type.
    pub event: &'a EventDef,
    /// Place of the rollup in it.
    pub rollup: usize,
    /// Size of windows; the rollup keeps it.
    pub size: WindowSize,
    /// Places of measures; empty: all.
    pub measures: &'a [usize],
    /// Dimensions of the rollup that have a value.
    pub subject: &'a BTreeMap<String, String>,
    /// Windows that begin from the first moment on, before the second.
    pub within: (Option<Micros>, Option<Micros>),
}

/// Aggregates by window and subject, the earliest first.
pub fn aggregates(of: &AggregatesOf<'_>) -> Listing {
    let event = of.event;
    let dimensions = event.rollup_dimensions(&event.rollups[of.rollup]);
    let mut keys = vec![Key::up("window_start", Kind::Time)];
    keys.extend(dimensions.iter().map(|d| Key::up(d, Kind::Text)));
    let view = format!("{}_{}", underscored(&event.name), of.size.label());
    let mut listing = Listing::new(ident(&view), keys);
    let fixed = ["window_start", "window_end", "day"];
    let names = fixed.iter().chain(&dimensions);
    listing.columns = names.map(|n| ident(n)).collect();
    for (i, m) in event.measures.iter().enumerate() {
        if of.measures.is_empty() || of.measures.contains(&i) {
            let shown = measure::shown(&m.name, m.kind.accumulator());
            listing.columns.extend(shown.iter().map(|(_, n)| ident(n)));
        }
    }
    listing.given("rollup = {}", "String", rollup_name(event, of.rollup));
    for (name, value) in of.subject {
        listing.given(&format!("{} = {{}}", ident(name)), "String", value);
    }
    listing.within("window_start", of.within);
    listing
}

/// Values that a KPI or score has by now, by window and subject, the earliest first. Windows end
/// after the first moment, at most at the second.
///
/// # Errors
/// As of [`kpi_current_sql`].
pub fn kpi_windows(
    kpi: &KpiDef,
    catalog: &Catalog,
    subject: &BTreeMap<String, String>,
    ends: (Option<Micros>, Option<Micros>),
) -> Result<Listing, StoreError> {
    let values = kpi_current_sql(kpi, catalog, ends.0, ends.1)?;
    Ok(of_subjects(&values, "window_end", Kind::Time, kpi, subject))
}

/// Values of a KPI over days of the tenant, both included, by step (`all`, `day`, `week` or
/// `month`) and subject, the earliest first: the rows of the view `kpi_<name>(from, to, step)`.
///
/// # Errors
/// As of [`crate::kpi_period_sql`].
pub fn kpi_days(
    kpi: &KpiDef,
    catalog: &Catalog,
    subject: &BTreeMap<String, String>,
    (from, to): (Date, Date),
    step: &str,
) -> Result<Listing, StoreError> {
    let values = kpi_period_of_sql(kpi, catalog, WHOSE)?;
    let mut listing = of_subjects(&values, "from", Kind::Day, kpi, subject);
    let named = [("from", from.to_string()), ("to", to.to_string())];
    let named = named.into_iter().chain([("step", step.to_owned())]);
    listing.params.extend(named.map(|(n, v)| (n.to_owned(), v)));
    Ok(listing)
}

fn of_subjects(
    values: &str,
    time: &str,
    kind: Kind,
    kpi: &KpiDef,
    subject: &BTreeMap<String, String>,
) -> Listing {
    let mut keys = vec![Key::up(time, kind)];
    keys.extend(kpi.dimensions.iter().map(|d| Key::up(d, Kind::Text)));
    let mut listing = Listing::new(format!("(\n{values}\n)"), keys);
    for (name, value) in subject {
        listing.given(&format!("{} = {{}}", ident(name)), "String", value);
    }
    listing
}

/// A statistic of a measure, of one rollup.
#[derive(Clone, Copy, Debug)]
pub struct MeasureOf {
    /// Event type, which is no setting.
    pub event: EventId,
    /// Place of the rollup in it.
    pub rollup: usize,
    /// Place of the measure.
    pub measure: usize,
    /// What of it.
    pub stat: Stat,
}

/// A statistic of a measure over days of the tenant, both included, as [`kpi_days`] has a KPI: it
/// is the value of the KPI that is this measure and nothing else.
///
/// # Errors
/// As of [`kpi_days`]; also where the event type is a setting.
pub fn measure_days(
    of: MeasureOf,
    catalog: &Catalog,
    subject: &BTreeMap<String, String>,
    days: (Date, Date),
    step: &str,
) -> Result<Listing, StoreError> {
    kpi_days(&measure_kpi(of, catalog), catalog, subject, days, step)
}

/// The KPI that is a statistic of a measure and nothing else, without a target.
pub fn measure_kpi(of: MeasureOf, catalog: &Catalog) -> KpiDef {
    let event = &catalog.events[of.event];
    let measure = &event.measures[of.measure];
    let dimensions = event.rollup_dimensions(&event.rollups[of.rollup]);
    let dimensions: Vec<String> = dimensions.into_iter().map(str::to_owned).collect();
    KpiDef {
        name: format!("{}.{}", event.name, measure.name),
        version: measure.version,
        title: measure.title.clone(),
        unit: measure.unit.clone(),
        decimals: DECIMALS,
        category: String::new(),
        weight: 1.0,
        window: JudgedWindow::Tumbling(WindowSize::Day),
        terms: vec![Term {
            name: "value".into(),
            event: of.event,
            rollup: of.rollup,
            measure: of.measure,
            stat: of.stat,
            at: dimensions.clone(),
            fixed: Vec::new(),
        }],
        dimensions,
        expr: Expr {
            source: "value".into(),
            ops: vec![Op::Term(0)],
        },
        target: None,
        targets: None,
        minimum_sample: None,
        local: true,
        only_changes: false,
        mix: None,
        examples: Vec::new(),
    }
}
