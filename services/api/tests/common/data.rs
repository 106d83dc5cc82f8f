//! Numbers of two tenants in a database: the parts that the engine would write, and results.

use super::catalog;
use bytes::Bytes;
use std::collections::BTreeMap;
use weir_catalog::EventDef;
use weir_model::measure::Sample;
use weir_model::records::{
    Aggregate, AggregateBlock, AggregateReader, MeasureValue, Part, Subject,
};
use weir_model::{Fixed, Micros};
use weir_store::encode::PartsEncoder;
use weir_store::{PartsTable, Store, StoreConfig, built_in};

/// Each has its own value in every dimension: its name with `-x`.
pub const TENANTS: [&str; 2] = ["acme", "zeta"];
/// Results of each kind that each tenant has.
pub const RESULTS: usize = 23;
/// First day, midnight UTC.
const FIRST: &str = "2026-02-01T00:00:00Z";
/// Days that have numbers.
pub const DAYS: i64 = 59;

/// What every dimension of a tenant's numbers is.
pub fn value(tenant: &str) -> String {
    format!("{tenant}-x")
}

/// A database of this name with numbers of both.
pub fn filled(database: &str) -> StoreConfig {
    let config = StoreConfig {
        database: database.into(),
        ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(fill(&Store::new(&config)));
    config
}

async fn fill(store: &Store) {
    let catalog = catalog();
    store.prepare(&built_in(), &catalog).await.unwrap();
    store.set_current_run(1, catalog.hash).await.unwrap();
    for event in &catalog.events {
        let mut rows = Vec::new();
        for tenant in TENANTS {
            rows.extend(parts(event, tenant));
        }
        write(store, event, rows).await;
    }
    for tenant in TENANTS {
        for n in 0..RESULTS {
            results(store, tenant, n).await;
        }
    }
}

/// When something happened, and how much: twice a day, more on later days; and yesterday, for what
/// looks back from today.
fn times() -> Vec<(Micros, u64)> {
    let first = Micros(FIRST.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let half_day = |n: i64| first.plus(Micros((n * 12 + 6) * Micros::HOUR.0));
    let mut times: Vec<(Micros, u64)> = (0..DAYS * 2)
        .map(|n| (half_day(n), 20 + n as u64 / 20))
        .collect();
    times.push((weir_http::now().minus(Micros::DAY), 30));
    times
}

/// What the engine would write of one tenant's events.
fn parts(event: &EventDef, tenant: &str) -> Vec<Aggregate> {
    let catalog = catalog();
    let zone = catalog.tenants.zone(tenant);
    let mut rows = Vec::new();
    for rollup in &event.rollups {
        let dimensions = rollup.dimensions.iter();
        let named = |d: &usize| (event.dimensions[*d].name.clone(), value(tenant));
        let subject = Subject {
            tenant: tenant.into(),
            dimensions: dimensions.map(named).collect(),
        };
        for size in &rollup.windows {
            let mut windows: BTreeMap<(Micros, Micros), u64> = BTreeMap::new();
            for (at, n) in times() {
                *windows.entry(size.span(at, zone)).or_default() += n;
            }
            rows.extend(windows.into_iter().map(|((start, end), n)| Aggregate {
                subject: subject.clone(),
                window: *size,
                start,
                end,
                part: Part::OnTime,
                values: cell(event, n, start),
            }));
        }
    }
    rows
}

fn cell(event: &EventDef, n: u64, at: Micros) -> Vec<MeasureValue> {
    let measured = event.measures.iter().map(|m| {
        let mut value = m.kind.accumulator().empty();
        // A price is known for every call.
        let n = if m.kind.label() == "unpriced" { 0 } else { n };
        for hash in 0..n {
            value.add(&Sample {
                at,
                id: 1,
                value: 5.0,
                exact: Fixed::from_int(1),
                hash,
            });
        }
        value
    });
    measured.collect()
}

async fn write(store: &Store, event: &EventDef, rows: Vec<Aggregate>) {
    let block = AggregateBlock {
        event: event.name.clone(),
        catalog: 1,
        run: 1,
        measures: event.measures.iter().map(|m| m.name.clone()).collect(),
        rows,
    };
    let mut bytes = Vec::new();
    block.encode(&mut bytes).unwrap();
    let encoder = PartsEncoder::new(PartsTable::of(event).unwrap());
    let mut out = Vec::new();
    let mut reader = AggregateReader::new(&bytes).unwrap();
    encoder.block(&mut out, &mut reader, 1).unwrap();
    let (name, columns) = (&encoder.table().name, encoder.table().insert_columns());
    let written = store.insert(name, &columns, Bytes::from(out)).await;
    written.unwrap();
}

/// One of each result; several have the same time.
async fn results(store: &Store, tenant: &str, n: usize) {
    let end = format!("2026-03-{:02} 10:00:00", 1 + n / 3);
    let state = if n.is_multiple_of(2) {
        "open"
    } else {
        "resolve"
    };
    let of = format!("map('team', '{}')", value(tenant));
    for sql in [
        format!(
            "INSERT INTO anomalies_log (run, id, detector, tenant, dimensions, window_start, \
             window_end, event) VALUES (1, '{tenant}-{n:02}', 'd', '{tenant}', {of}, '{end}', \
             '{end}', 'llm.call')"
        ),
        format!(
            "INSERT INTO kpis_log (run, id, kpi, tenant, dimensions, window_start, window_end, \
             value, status, momentum) VALUES (1, '{tenant}-{n:02}', 'spend_per_hour', \
             '{tenant}', {of}, '{end}', '{end}', 1.5, 'on_target', 'stable')"
        ),
        alert(tenant, &format!("{tenant}-{n:02}"), state, &end),
    ] {
        store.execute(&sql).await.unwrap();
    }
}

/// The statement that adds an alert.
pub fn alert(tenant: &str, id: &str, state: &str, end: &str) -> String {
    let of = value(tenant);
    format!(
        "INSERT INTO alerts_log (run, id, rule, severity, tenant, dimensions, state, opened, at) \
         VALUES (1, '{id}', 'r', 'high', '{tenant}', map('team', '{of}'), '{state}', '{end}', \
         '{end}')"
    )
}
