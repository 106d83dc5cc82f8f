//! Current values of KPIs that read settings, on the real engine: what plain code gets from the
//! same parts.
#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, EventDef, JudgedWindow, load_sources};
use weir_model::measure::Last;
use weir_model::records::{
    Aggregate, AggregateBlock, AggregateReader, MeasureValue, Part, Subject,
};
use weir_model::{Micros, WindowSize};
use weir_store::encode::PartsEncoder;
use weir_store::{PartsTable, Store, StoreConfig, built_in};

const SCHEMA: &str = r#"{"type": "record", "name": "NAME", "namespace": "weir.events", "fields": [
    {"name": "event_id", "type": "string"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "tenant", "type": "string"},
    {"name": "source", "type": "string"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}},
    {"name": "team", "type": "string"},
    {"name": "amount", "type": ["null", "double"], "default": null}
]}"#;
const WORK: &str = "\
event: work.done
dimensions: {team: team}
measures: {jobs: {count: true}}
windows: [5m, 1h, 1d]
rollups: [[], [team]]
";
const LIMIT: &str = "\
event: limit.set
setting: true
dimensions: {team: team}
measures: {changes: {count: true}, amount: {last: amount}}
windows: [5m, 1h, 1d]
rollups: [[], [team]]
";
/// Every KPI has the same terms, so that one piece of plain code answers for all.
const TERMS: &str = "terms: {jobs: work.done.jobs, own: limit.set.amount, n: limit.set.changes, \
                     all: {of: limit.set.amount, at: []}}, value: jobs";
const TENANTS: &str =
    "tenants: {default_zone: UTC, zones: {acme: Europe/Berlin, globex: Asia/Kathmandu}}";

fn catalog() -> Catalog {
    let windows = [("hours", "1h"), ("days", "1d"), ("rolling", "1h/5m")];
    let kpi = |(name, window): (&str, &str)| {
        format!("  {name}: {{by: [team], window: {window}, {TERMS}}}\n")
    };
    let kpis: String = windows.into_iter().map(kpi).collect();
    let sources = [
        ("events/work.done.avsc", SCHEMA.replace("NAME", "WorkDone")),
        ("events/limit.set.avsc", SCHEMA.replace("NAME", "LimitSet")),
        ("catalog/work.done.yaml", WORK.into()),
        ("catalog/limit.set.yaml", LIMIT.into()),
        ("catalog/kpis.yaml", format!("kpis:\n{kpis}")),
        ("catalog/tenants.yaml", TENANTS.into()),
    ];
    let sources = sources.map(|(f, t)| (f.to_owned(), t)).to_vec();
    load_sources(sources).unwrap_or_else(|e| panic!("{e}"))
}

/// An event: of whom, when, what it says, whether it came late.
#[derive(Clone, Debug)]
struct Event {
    setting: bool,
    tenant: &'static str,
    team: &'static str,
    t: Micros,
    id: u64,
    amount: Option<f64>,
    late: bool,
}

/// A fortnight around the night on which Berlin puts its clocks forward.
fn events(rng: &mut ChaCha8Rng) -> Vec<Event> {
    let begin = 1_774_224_000_000_000;
    let mut one = |id| Event {
        setting: rng.random_bool(0.4),
        tenant: ["acme", "globex", "other"].choose(rng).unwrap(),
        team: ["", "a", "b'"].choose(rng).unwrap(),
        t: Micros(begin + rng.random_range(0..14 * Micros::DAY.0)),
        id,
        amount: rng.random_bool(0.8).then(|| rng.random_range(0.0..9.0)),
        late: rng.random_bool(0.4),
    };
    (0..400).map(&mut one).collect()
}

fn values(e: &Event) -> Vec<MeasureValue> {
    let last = e.amount.map(|value| Last {
        at: e.t,
        id: e.id,
        value,
    });
    match e.setting {
        true => vec![MeasureValue::Count(1), MeasureValue::Last(last)],
        false => vec![MeasureValue::Count(1)],
    }
}

/// On time: a row of each size, merged; late: a row of its minute.
fn parts(catalog: &Catalog, def: &EventDef, events: &[Event]) -> Vec<Aggregate> {
    let mut rows: BTreeMap<_, Aggregate> = BTreeMap::new();
    for e in events.iter().filter(|e| e.setting == def.setting) {
        let zone = catalog.tenants.zone(e.tenant);
        let sizes = match e.late {
            true => vec![WindowSize::Minute],
            false => def.rollups[0].windows.clone(),
        };
        for (by_team, window) in sizes.into_iter().flat_map(|w| [(false, w), (true, w)]) {
            let (start, end) = window.span(e.t, zone);
            let dimensions = by_team.then(|| ("team".to_owned(), e.team.to_owned()));
            let subject = Subject {
                tenant: e.tenant.into(),
                dimensions: dimensions.into_iter().collect(),
            };
            let (offset, row) = (e.id as i64, u32::from(by_team));
            let part = match e.late {
                true => Part::Late {
                    partition: 0,
                    offset,
                    row,
                },
                false => Part::OnTime,
            };
            let key = (subject.clone(), window, start, part);
            let values = values(e);
            let row = rows.entry(key).or_insert_with(|| Aggregate {
                subject,
                window,
                start,
                end,
                part,
                values: values.iter().map(|v| v.accumulator().empty()).collect(),
            });
            row.values
                .iter_mut()
                .zip(&values)
                .for_each(|(a, b)| a.merge(b));
        }
    }
    rows.into_values().collect()
}

async fn insert(store: &Store, catalog: &Catalog, def: &EventDef, rows: Vec<Aggregate>) {
    let block = AggregateBlock {
        event: def.name.clone(),
        catalog: catalog.hash,
        run: 1,
        measures: def.measures.iter().map(|m| m.name.clone()).collect(),
        rows,
    };
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    block.encode(&mut bytes).unwrap();
    let encoder = PartsEncoder::new(PartsTable::of(def).unwrap());
    let reader = &mut AggregateReader::new(&bytes).unwrap();
    encoder.block(&mut out, reader, 1).unwrap();
    let (table, columns) = (encoder.table(), encoder.table().insert_columns());
    store
        .insert(&table.name, &columns, Bytes::from(out))
        .await
        .unwrap();
}

/// The line of each window with a job of the subject: jobs, the team's limit and number of changes,
/// the tenant's limit.
fn expected(catalog: &Catalog, events: &[Event], window: JudgedWindow) -> Vec<String> {
    let (count, size) = match window {
        JudgedWindow::Tumbling(size) => (1, size),
        JudgedWindow::Rolling { count, of } => (count, of),
        JudgedWindow::ToDate { .. } => unreachable!("no KPI here is to date"),
    };
    let mut jobs: BTreeMap<(&str, &str, Micros), u64> = BTreeMap::new();
    for e in events.iter().filter(|e| !e.setting) {
        let zone = catalog.tenants.zone(e.tenant);
        let mut end = size.span(e.t, zone).1;
        for _ in 0..count {
            *jobs.entry((e.tenant, e.team, end)).or_default() += 1;
            end = size.span(end, zone).1;
        }
    }
    let shown = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{:016x}", v.to_bits()));
    let line = |((tenant, team, end), n): (&(&str, &str, Micros), &u64)| {
        let known = |e: &&Event| e.setting && e.tenant == *tenant && e.t < *end;
        let of_team = |e: &&Event| e.team == *team;
        let last = |all: Vec<&Event>| {
            let said = all.into_iter().filter(|e| e.amount.is_some());
            said.max_by_key(|e| (e.t, e.id)).and_then(|e| e.amount)
        };
        let all: Vec<&Event> = events.iter().filter(known).collect();
        let own: Vec<&Event> = all.iter().copied().filter(of_team).collect();
        let changes = own.len();
        let (own, all) = (shown(last(own)), shown(last(all)));
        format!("{tenant}|{team}|{}|{n}|{own}|{changes}|{all}", end.0)
    };
    jobs.iter().map(line).collect()
}

#[tokio::test]
async fn current_values_read_what_is_in_force_by_event_time() {
    let catalog = catalog();
    let store = Store::new(&StoreConfig {
        database: "settings".into(),
        ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
    });
    store.prepare(&built_in(), &catalog).await.unwrap();
    store.set_current_run(1, catalog.hash).await.unwrap();
    let events = events(&mut ChaCha8Rng::seed_from_u64(11));
    for def in &catalog.events {
        insert(&store, &catalog, def, parts(&catalog, def, &events)).await;
    }
    for kpi in &catalog.kpis {
        let number = |n: &str| {
            format!("if({n} IS NULL, '-', lower(hex(reinterpretAsUInt64(assumeNotNull({n})))))")
        };
        let sql = format!(
            "SELECT assumeNotNull(concat_ws('|', tenant, team, toString(toUnixTimestamp64Micro(window_end)), \
             toString(toUInt64(term_jobs)), {}, toString(toUInt64(term_n)), {})) FROM kpi_{}_current \
             ORDER BY tenant, team, window_end",
            number("term_own"),
            number("term_all"),
            kpi.name
        );
        let got: Vec<String> = store.fetch(&sql).await.unwrap();
        let want = expected(&catalog, &events, kpi.window);
        assert!(
            want.iter().any(|l| l.contains("|-|")) && want.len() > 100,
            "{}",
            want.len()
        );
        for (g, w) in got.iter().zip(&want) {
            assert_eq!(g, w, "{}", kpi.name);
        }
        assert_eq!(got.len(), want.len(), "{}", kpi.name);
    }
    days(&store).await;
}

/// Of a period what is in force at its end: on each day what the day's window has, whatever day
/// the period begins on.
async fn days(store: &Store) {
    let number = |n: &str| format!("ifNull(toString(reinterpretAsUInt64({n})), '-')");
    let lines = async |day: &str, jobs: &str, of: &str| -> Vec<String> {
        let sql = format!(
            "SELECT assumeNotNull(concat_ws('|', tenant, team, toString({day}), {jobs}, {}, \
             toString(toUInt64(term_n)), {})) AS line FROM {of} ORDER BY line",
            number("term_own"),
            number("term_all"),
        );
        store.fetch(&sql).await.unwrap()
    };
    let jobs = "toString(toUInt64(term_jobs))";
    let windows = lines("day", jobs, "kpi_days_current").await;
    let each = "kpi_days(from = '2026-03-20', to = '2026-04-10', step = 'day')";
    assert!(windows.len() > 100);
    assert_eq!(lines("`to`", jobs, each).await, windows);
    for to in ["2026-03-28", "2026-03-29", "2026-03-30"] {
        let of_day = format!("kpi_days_current WHERE day = '{to}'");
        let want = lines("day", "''", &of_day).await;
        let all = format!("kpi_days(from = '2026-03-20', to = '{to}', step = 'all')");
        let found = lines("`to`", "''", &all).await;
        assert!(
            want.len() > 3 && want.iter().all(|l| found.contains(l)),
            "{to}"
        );
    }
}
