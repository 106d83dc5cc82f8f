//! Questions against the real engine: their period is whole days of each tenant, whatever they add
//! up, and their tenant is the one that was asked for.
#![allow(clippy::unwrap_used, missing_docs)]

mod period;

use bytes::Bytes;
use jiff::civil::Date;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{Catalog, EventDef, MeasureKind};
use weir_model::measure::{Accumulator, Sample};
use weir_model::records::{
    Aggregate, AggregateBlock, AggregateReader, MeasureValue, Part, Subject,
};
use weir_model::{Fixed, Micros, WindowSize};
use weir_store::encode::PartsEncoder;
use weir_store::{Param, PartsTable, Question, Store, StoreConfig, built_in};

/// 25 hours apart, and one whose days begin at a quarter past an hour.
const TENANTS: [(&str, &str); 3] = [
    ("east", "Pacific/Kiritimati"),
    ("odd", "Asia/Kathmandu"),
    ("west", "Pacific/Pago_Pago"),
];

fn catalog() -> Catalog {
    let zones = TENANTS.iter().map(|(t, z)| format!("{t}: {z}"));
    let zones = zones.collect::<Vec<_>>().join(", ");
    let zones = format!("tenants: {{zones: {{{zones}}}}}\n");
    let mut sources = Catalog::embedded_sources();
    sources.push(("catalog/zones.yaml".into(), zones));
    weir_catalog::load_sources(sources).unwrap()
}

async fn prepared(database: &str, catalog: &Catalog) -> Store {
    let store = Store::new(&StoreConfig {
        database: database.into(),
        ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
    });
    store.prepare(&built_in(), catalog).await.unwrap();
    store.set_current_run(1, catalog.hash).await.unwrap();
    store
}

fn now() -> Micros {
    Micros(jiff::Timestamp::now().as_microsecond())
}

fn utc(text: &str) -> Micros {
    Micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

/// What `n` events are in every measure.
fn cell(event: &EventDef, n: u64, at: Micros) -> Vec<MeasureValue> {
    let value = |kind: &MeasureKind| {
        let accumulator = kind.accumulator();
        // One thing each, of size 5.
        let exact = if accumulator == Accumulator::Sum {
            1
        } else {
            5
        };
        let mut value = accumulator.empty();
        // The same three people at all times, whatever the size of a part.
        let hashes = match kind.label() {
            "distinct" => 7..10,
            _ => 7..8,
        };
        for hash in (0..n).flat_map(|_| hashes.clone()) {
            value.add(&Sample {
                at,
                id: 1,
                value: 5.0,
                exact: Fixed::from_int(exact),
                hash,
            });
        }
        value
    };
    event.measures.iter().map(|m| value(&m.kind)).collect()
}

/// An event each 20 minutes of every type and tenant, all of one value in each dimension; every
/// seventh is late. The parts that the engine would write of them.
async fn fill(store: &Store, catalog: &Catalog, from: Micros, hours: i64) -> Vec<Micros> {
    let times: Vec<Micros> = (0..hours * 3)
        .map(|i| from.plus(Micros(i * 20 * Micros::MINUTE.0)))
        .collect();
    for event in &catalog.events {
        let mut rows = Vec::new();
        for rollup in &event.rollups {
            let dimensions = rollup.dimensions.iter();
            let dimensions: Vec<_> = dimensions
                .map(|d| (event.dimensions[*d].name.clone(), "x".to_string()))
                .collect();
            for (tenant, _) in TENANTS {
                let subject = Subject {
                    tenant: tenant.into(),
                    dimensions: dimensions.clone(),
                };
                let row = |window, (start, end), part, n| Aggregate {
                    subject: subject.clone(),
                    window,
                    start,
                    end,
                    part,
                    values: cell(event, n, start),
                };
                let zone = catalog.tenants.zone(tenant);
                for size in &rollup.windows {
                    let mut windows: BTreeMap<(Micros, Micros), u64> = BTreeMap::new();
                    for (_, t) in times.iter().enumerate().filter(|(i, _)| i % 7 != 0) {
                        *windows.entry(size.span(*t, zone)).or_default() += 1;
                    }
                    rows.extend(
                        windows
                            .into_iter()
                            .map(|(w, n)| row(*size, w, Part::OnTime, n)),
                    );
                }
                for (i, t) in times.iter().enumerate().filter(|(i, _)| i % 7 == 0) {
                    let part = Part::Late {
                        partition: 0,
                        offset: i as i64,
                        row: 0,
                    };
                    let minute = WindowSize::Minute.span(*t, zone);
                    rows.push(row(WindowSize::Minute, minute, part, 1));
                }
            }
        }
        write(store, event, rows).await;
    }
    times
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

/// Rows of an answer by column.
async fn ask(
    store: &Store,
    catalog: &Catalog,
    name: &str,
    given: &[(&str, &str)],
) -> Vec<BTreeMap<String, Json>> {
    let given: Vec<_> = given
        .iter()
        .map(|(n, v)| (n.to_string(), v.to_string()))
        .collect();
    let question = Question::find(Question::built_in(), name).unwrap();
    let (sql, params) = question.sql(&given, catalog, now()).unwrap();
    rows(store, &sql, &params).await
}

async fn rows(store: &Store, sql: &str, params: &[Param]) -> Vec<BTreeMap<String, Json>> {
    let answer = store.rows(sql, params).await;
    let answer = answer.unwrap_or_else(|e| panic!("{e}\n{sql}"));
    let named = |row: Vec<Json>| {
        let names = answer.columns.iter().map(|c| c.name.clone());
        names.zip(row).collect()
    };
    answer.rows.clone().into_iter().map(named).collect()
}

fn number(v: &Json) -> u64 {
    match v {
        Json::String(s) => s.parse().unwrap(),
        v => v.as_f64().unwrap() as u64,
    }
}

fn day(t: Micros, zone: &str) -> Date {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let at = jiff::Timestamp::from_microsecond(t.0).unwrap();
    at.to_zoned(zone).date()
}

/// Questions that add up events, with the column that counts them here.
const TOTALS: [(&str, &str); 7] = [
    ("spend-by-team", "calls"),
    ("top-models", "calls"),
    ("errors", "calls"),
    ("latency-by-model", "calls"),
    ("cache-economics", "fresh"),
    ("capability-adoption", "executions"),
    ("commits-by-week", "commits"),
];

#[tokio::test]
async fn a_day_is_the_tenants_in_every_question_and_view() {
    let catalog = catalog();
    let store = prepared("days", &catalog).await;
    let times = fill(&store, &catalog, utc("2026-03-01T00:00:00Z"), 24 * 5).await;
    let mut compared = 0;
    for (tenant, zone) in TENANTS {
        let days: BTreeSet<Date> = times.iter().map(|t| day(*t, zone)).collect();
        for date in days {
            let want = times.iter().filter(|t| day(**t, zone) == date).count() as u64;
            let date = date.to_string();
            let given = [("from", date.as_str()), ("to", &date), ("tenant", tenant)];
            for (name, column) in TOTALS {
                let rows = ask(&store, &catalog, name, &given).await;
                assert_eq!(rows.len(), 1, "{name} of {tenant} on {date}");
                assert_eq!(
                    number(&rows[0][column]),
                    want,
                    "{name} of {tenant} on {date}"
                );
                compared += 1;
            }
            let sql = format!(
                "SELECT sum(calls) FROM llm_call_1d WHERE rollup = '' AND tenant = '{tenant}' AND day = '{date}'"
            );
            let view = store.scalar(&sql, &[]).await.unwrap().unwrap();
            assert_eq!(view.parse::<u64>().unwrap(), want, "{tenant} on {date}");
        }
    }
    assert!(compared > 100, "{compared}");
    // All of it at once: by weeks of the tenant.
    let all = [("from", "2026-02-01"), ("to", "2026-04-01")];
    for (name, column) in TOTALS {
        let rows = ask(&store, &catalog, name, &all).await;
        let tenants: BTreeSet<_> = rows.iter().map(|r| r["tenant"].as_str().unwrap()).collect();
        assert_eq!(tenants.len(), TENANTS.len(), "{name} {rows:?}");
        let sum: u64 = rows.iter().map(|r| number(&r[column])).sum();
        assert_eq!(sum as usize, times.len() * TENANTS.len(), "{name}");
    }
    let spans = store
        .rows(
            "SELECT tenant, first_day, last_day FROM data_spans WHERE event = 'llm.call' ORDER BY tenant",
            &[],
        )
        .await
        .unwrap();
    for (row, (tenant, zone)) in spans.rows.iter().zip(TENANTS) {
        let (first, last) = (times[0], times[times.len() - 1]);
        let want = [
            tenant.into(),
            day(first, zone).to_string(),
            day(last, zone).to_string(),
        ];
        let found: Vec<_> = row.iter().map(|v| v.as_str().unwrap().to_owned()).collect();
        assert_eq!(found, want);
    }
}

#[tokio::test]
async fn days_are_counted_back_from_each_tenants_today() {
    let catalog = catalog();
    let store = prepared("today", &catalog).await;
    let begin = now().floor(Micros::HOUR).minus(Micros(72 * Micros::HOUR.0));
    let times = fill(&store, &catalog, begin, 72).await;
    for (tenant, zone) in TENANTS {
        for days in [1u32, 2, 3] {
            loop {
                let today = day(now(), zone);
                let first = today.saturating_sub(jiff::Span::new().days(i64::from(days) - 1));
                let want = times.iter().filter(|t| day(**t, zone) >= first).count() as u64;
                let text = days.to_string();
                let given = [("days", text.as_str()), ("tenant", tenant)];
                let mut found = Vec::new();
                for (name, column) in TOTALS {
                    let rows = ask(&store, &catalog, name, &given).await;
                    let sum: u64 = rows.iter().map(|r| number(&r[column])).sum();
                    found.push((name, sum));
                }
                // Midnight may have passed meanwhile.
                if day(now(), zone) == today {
                    assert!(
                        found.iter().all(|(_, sum)| *sum == want),
                        "{tenant}, {days} days: {want}, not {found:?}"
                    );
                    break;
                }
            }
        }
    }
}

/// A row of each result for each tenant, in the window of a KPI's value.
async fn results(store: &Store, tenant: &str, end: &str) {
    for sql in [
        format!(
            "INSERT INTO anomalies_log (run, id, detector, tenant, window_start, window_end) VALUES (1, 'a-{tenant}', 'd', '{tenant}', '{end}', '{end}')"
        ),
        format!(
            "INSERT INTO kpis_log (run, id, kpi, tenant, window_start, window_end, value, status, momentum) VALUES (1, 'k-{tenant}', 'spend_per_hour', '{tenant}', '{end}', '{end}', 1.5, 'on_target', 'stable')"
        ),
        format!(
            "INSERT INTO alerts_log (run, id, rule, tenant, state, opened, at) VALUES (1, 'r-{tenant}', 'r', '{tenant}', 'open', '{end}', '{end}')"
        ),
        format!(
            "INSERT INTO late_log (run, topic, tenant, events, first_offset, earliest, watermark) VALUES (1, 't', '{tenant}', 3, cityHash64('{tenant}') % 1000, '{end}', '{end}')"
        ),
        format!(
            "INSERT INTO dead_letters_log (topic, tenant, offset, code, log_time) VALUES ('t', '{tenant}', cityHash64('{tenant}') % 1000, 7, '{end}')"
        ),
        format!(
            "INSERT INTO events_llm_call (log_partition, log_offset, log_time, event_id, event_time, tenant, resource) VALUES (0, 1, '{end}', 'e', '{end}', '{tenant}', map('weir.emitter', 'codex'))"
        ),
        format!(
            "INSERT INTO events_otel_doubled (log_partition, log_offset, log_time, event_id, event_time, tenant, emitter) VALUES (0, 1, '{end}', 'e', '{end}', '{tenant}', 'codex')"
        ),
    ] {
        store.execute(&sql).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_is_in_an_answer() {
    let catalog = catalog();
    let store = prepared("apart", &catalog).await;
    fill(&store, &catalog, utc("2026-03-01T00:00:00Z"), 24 * 3).await;
    for tenant in ["east", "west"] {
        results(&store, tenant, "2026-03-02 10:00:00").await;
    }
    let span = [("from", "2026-02-20"), ("to", "2026-03-10")];
    for question in Question::built_in() {
        let name = &question.name;
        let has = |p: &str| question.parameters.iter().any(|q| q.name == p);
        assert!(
            has("tenant") && has("days") && has("from") && has("to"),
            "{name}"
        );
        let all = ask(&store, &catalog, name, &span).await;
        let of = |rows: &[BTreeMap<String, Json>]| -> BTreeSet<String> {
            let text = |r: &BTreeMap<String, Json>| r["tenant"].as_str().unwrap().to_owned();
            rows.iter().map(text).collect()
        };
        assert!(
            of(&all).contains("east") && of(&all).contains("west"),
            "{name}: {all:?}"
        );
        for tenant in ["east", "west"] {
            let given = [span[0], span[1], ("tenant", tenant)];
            let rows = ask(&store, &catalog, name, &given).await;
            assert_eq!(of(&rows), BTreeSet::from([tenant.to_owned()]), "{name}");
        }
        let given = [span[0], span[1], ("tenant", "east' OR 1 = 1 --")];
        assert!(
            ask(&store, &catalog, name, &given).await.is_empty(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn kpis_have_values_where_nothing_was_published() {
    let catalog = catalog();
    let store = prepared("unpublished", &catalog).await;
    fill(&store, &catalog, utc("2020-03-01T00:00:00Z"), 24 * 3).await;
    // The last hour of the data: published for one tenant alone.
    results(&store, "east", "2020-03-04 00:00:00").await;
    let given = [("from", "2020-02-20"), ("to", "2020-03-10")];
    let of_cost = [given[0], given[1], ("of", "cost")];
    let rows = ask(&store, &catalog, "kpis", &of_cost).await;
    let spend = |tenant: &str| {
        let mut of = rows
            .iter()
            .filter(|r| r["tenant"] == tenant && r["kpi"] == "spend_per_hour");
        of.next().unwrap()
    };
    // Three events an hour, one USD each.
    assert_eq!(
        (
            spend("east")["value"].as_f64(),
            spend("west")["value"].as_f64()
        ),
        (Some(3.0), Some(3.0))
    );
    assert_eq!(spend("east")["published_status"], "on_target");
    assert_eq!(spend("east")["published_value"].as_f64(), Some(1.5));
    assert_eq!(spend("west")["published_status"], "not published");
    assert_eq!(spend("west")["published_value"], Json::Null);
    let kpis: BTreeSet<_> = rows.iter().map(|r| r["kpi"].as_str().unwrap()).collect();
    let cost = catalog.kpis.iter().filter(|k| k.category == "cost");
    assert_eq!(kpis.len(), cost.count(), "{kpis:?}");

    let trend = ask(&store, &catalog, "kpi-trend", &given).await;
    let windows = |tenant: &str, column: &str| -> u64 {
        let of = trend.iter().filter(|r| r["tenant"] == tenant);
        of.map(|r| number(&r[column])).sum()
    };
    assert_eq!(
        (
            windows("east", "windows"),
            windows("east", "published_windows")
        ),
        (72, 1)
    );
    assert_eq!(
        (
            windows("west", "windows"),
            windows("west", "published_windows")
        ),
        (72, 0)
    );
    let question = Question::find(Question::built_in(), "kpi-trend").unwrap();
    let unknown = [("kpi".to_string(), "nothing".to_string())];
    assert!(question.sql(&unknown, &catalog, now()).is_err());
}

#[tokio::test]
async fn tenants_have_one_row_each() {
    let mut catalog = catalog();
    let store = prepared("named", &catalog).await;
    let rows = async |store: &Store| {
        let rows = store
            .rows("SELECT tenant, zone FROM tenants ORDER BY tenant", &[])
            .await;
        let rows = rows.unwrap().rows.into_iter();
        rows.map(|r| {
            (
                r[0].as_str().unwrap().to_owned(),
                r[1].as_str().unwrap().to_owned(),
            )
        })
        .collect::<Vec<_>>()
    };
    let mut want: Vec<(String, String)> = TENANTS
        .iter()
        .map(|(t, z)| (t.to_string(), z.to_string()))
        .collect();
    want.insert(0, (String::new(), "UTC".into()));
    for _ in 0..3 {
        store.prepare(&built_in(), &catalog).await.unwrap();
        assert_eq!(rows(&store).await, want);
    }
    let written = store
        .scalar("SELECT count() FROM tenants_log", &[])
        .await
        .unwrap();
    assert_eq!(written.as_deref(), Some("4"), "starts add no rows");
    // One moves, one is named no more.
    catalog.tenants.zones.retain(|(t, _)| t != "west");
    catalog.tenants.zones[0].1 = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    store.prepare(&built_in(), &catalog).await.unwrap();
    want.retain(|(t, _)| t != "west");
    want[1].1 = "Europe/Berlin".into();
    assert_eq!(rows(&store).await, want);
}

#[tokio::test]
async fn sums_are_read_to_the_last_digit() {
    use rand::{Rng, SeedableRng};
    let store = prepared("digits", &catalog()).await;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let whole = |n: i128| n * Fixed::SCALE;
    let mut sums: Vec<i128> = [4_996_352_449, 1 << 53, (1 << 53) + 1, (1 << 54) + 2, 7]
        .into_iter()
        .flat_map(|n| [whole(n), -whole(n), whole(n) + 1, -whole(n) - 1])
        .collect();
    for _ in 0..3000 {
        // Decimals of the store end at 38 digits.
        let size = rng.random_range(1..124);
        let n = rng.random_range(-(1i128 << size)..1i128 << size);
        let step = [1, 1_000_000, 1_953_125, Fixed::SCALE][rng.random_range(0..4)];
        sums.push(n / step * step);
    }
    let text = |n: i128| {
        let (units, rest) = (
            n.unsigned_abs() / 1_000_000_000,
            n.unsigned_abs() % 1_000_000_000,
        );
        format!("{}{units}.{rest:09}", if n < 0 { "-" } else { "" })
    };
    let list: Vec<String> = sums.iter().map(|n| format!("'{}'", text(*n))).collect();
    let sql = format!(
        "SELECT toString(reinterpretAsUInt64(weirNearest(reinterpret(toDecimal128(d, 9), 'Int128'), 1000000000))) AS bits, d FROM (SELECT arrayJoin([{}]) AS d)",
        list.join(", ")
    );
    let rows = store.rows(&sql, &[]).await.unwrap().rows;
    assert_eq!(rows.len(), sums.len());
    for (row, n) in rows.iter().zip(&sums) {
        let found = f64::from_bits(row[0].as_str().unwrap().parse().unwrap());
        assert_eq!(found, Fixed(*n).to_f64(), "{}", text(*n));
        // As its digits read.
        assert_eq!(found, text(*n).parse::<f64>().unwrap(), "{}", text(*n));
    }
}

#[test]
fn an_unknown_question_names_the_nearest() {
    let said = |name: &str| {
        let unknown = Question::find(Question::built_in(), name);
        unknown.unwrap_err().to_string()
    };
    assert!(
        said("kpi").contains("did you mean kpi-trend or kpis? "),
        "{}",
        said("kpi")
    );
    assert!(
        said("top-model").contains("did you mean top-models"),
        "{}",
        said("top-model")
    );
    assert!(
        said("Alert").contains("did you mean alerts"),
        "{}",
        said("Alert")
    );
    assert!(
        said("latecny").contains("latency-by-model"),
        "{}",
        said("latecny")
    );
    let none = said("qqqqq");
    assert!(
        !none.contains("did you mean") && none.contains("`weir query`"),
        "{none}"
    );
}
