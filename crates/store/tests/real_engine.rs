//! The store against the real engine: what views answer is what plain code gets from the same
//! parts.
#![allow(clippy::unwrap_used, missing_docs)]

mod measure;
mod to_date;

use bytes::Bytes;
use measure::{full, plain, value};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{Catalog, EventDef, Expr, JudgedWindow, KpiDef, MeasureKind, Op, Term};
use weir_model::records::{
    Aggregate, AggregateBlock, AggregateReader, Alert, AlertState, MeasureValue, Part, Subject,
};
use weir_model::sketch::{THETA, quantile, theta_estimate};
use weir_model::{Micros, WindowSize};
use weir_store::encode::PartsEncoder;
use weir_store::{
    Form, PartsTable, Question, Store, StoreConfig, built_in, merged_sql, results, rollup_name,
};

fn store(database: &str) -> Store {
    let url = weir_embedded::testing::clickhouse().url();
    Store::new(&StoreConfig {
        database: database.into(),
        ..StoreConfig::at(url)
    })
}

/// The repository's catalog with tenants in three zones.
fn catalog() -> Catalog {
    in_three_zones("{}")
}

/// Terms with fixed dimensions: one that replaces a dimension of the subject, one that adds one.
const JOINED: &str = r#"
kpis:
  replaced:
    by: [provider, model]
    window: 5m
    terms: {own: llm.call.calls, other: {of: llm.call.calls, at: {model: "b'\\"}}}
    value: own - other * 0.001
  added:
    by: [team]
    window: 1d
    terms: {own: llm.call.calls, a: {of: llm.call.latency.max, at: {model: a}}, all: {of: llm.call.calls, at: []}}
    value: own + all + coalesce(a, -1e9)
    target: 5
    better: lower
  hourly: {category: joined, by: [team], window: 1h, value: llm.call.calls, target: 900, better: higher}
  failing:
    {by: [team], window: 5m, value: llm.call.failures, target: 100, better: lower, targets: {team: {a: 3, "b'\\": 1e7}}}
  a_day: {by: [team], window: 1d, value: llm.call.calls / days, target: 40, better: higher, targets: {team: {"": 4}}}
  an_hour: {by: [team], window: 1h, value: llm.call.calls / days}
  a_week: {by: [team], window: 7d/1d, value: llm.call.calls / days, decimals: 5}
"#;

/// Of windows that are its own and shorter ones, of another score, and by a category.
const SCORES: &str = "
scores:
  day: {by: [team], window: 1d, of: {added: 1, failing: 0.3, hourly: 3}}
  hour: {by: [team], window: 1h, decimals: 4, category: joined}
  both: {by: [team], window: 1d, of: {day: 2, hour: 0.7}, target: 70, better: higher, targets: {team: {a: 20}}}
";

const ZONES: &str = "
tenants:
  zones: {acme: America/Sao_Paulo, globex: Asia/Kathmandu, initech: Europe/Berlin}
";

/// With the declarations of one more file.
fn in_three_zones(more: &str) -> Catalog {
    let mut sources = Catalog::embedded_sources();
    sources.push(("catalog/zones.yaml".into(), ZONES.into()));
    sources.push(("catalog/more.yaml".into(), more.into()));
    weir_catalog::load_sources(sources).unwrap()
}

fn now() -> Micros {
    Micros(jiff::Timestamp::now().as_microsecond())
}

async fn prepared(database: &str, catalog: &Catalog) -> Store {
    let store = store(database);
    store.prepare(&built_in(), catalog).await.unwrap();
    store.set_current_run(1, catalog.hash).await.unwrap();
    store
}

fn parts(rng: &mut ChaCha8Rng, catalog: &Catalog, event: &EventDef) -> Vec<Aggregate> {
    // Around the nights on which clocks were changed in Berlin and in São Paulo (there at
    // midnight).
    let begin = jiff::civil::date(2018, 10, 27)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_microsecond();
    let mut rows: BTreeMap<_, Aggregate> = BTreeMap::new();
    for n in 0..600 {
        let rollup = rng.random_range(0..event.rollups.len());
        let tenant = *["acme", "globex", "initech", "other"].choose(rng).unwrap();
        let names = event.rollups[rollup]
            .dimensions
            .iter()
            .map(|d| event.dimensions[*d].name.clone());
        let dimensions: Vec<_> = names
            .map(|d| (d, ["", "a", "b'\\", "ü"].choose(rng).unwrap().to_string()))
            .collect();
        let t = Micros(begin + rng.random_range(0..10 * Micros::DAY.0));
        let is_late = rng.random_bool(0.5);
        let window = if is_late {
            WindowSize::Minute
        } else {
            *event.rollups[rollup].windows.choose(rng).unwrap()
        };
        let (start, end) = window.span(t, catalog.tenants.zone(tenant));
        let part = if is_late {
            Part::Late {
                partition: n % 3,
                offset: i64::from(n),
                row: 5,
            }
        } else {
            Part::OnTime
        };
        let values = event
            .measures
            .iter()
            .map(|m| value(rng, &m.kind, t))
            .collect();
        let subject = Subject {
            tenant: tenant.into(),
            dimensions,
        };
        rows.insert(
            (subject.clone(), window, start, part),
            Aggregate {
                subject,
                window,
                start,
                end,
                part,
                values,
            },
        );
    }
    rows.into_values().collect()
}

fn block(event: &EventDef, run: u32, rows: Vec<Aggregate>) -> Vec<u8> {
    let measures = event.measures.iter().map(|m| m.name.clone()).collect();
    let block = AggregateBlock {
        event: event.name.clone(),
        catalog: 1,
        run,
        measures,
        rows,
    };
    let mut out = Vec::new();
    block.encode(&mut out).unwrap();
    out
}

async fn insert(store: &Store, event: &EventDef, run: u32, rows: Vec<Aggregate>, version: u64) {
    let encoder = PartsEncoder::new(PartsTable::of(event).unwrap());
    let bytes = block(event, run, rows);
    let mut out = Vec::new();
    encoder
        .block(
            &mut out,
            &mut AggregateReader::new(&bytes).unwrap(),
            version,
        )
        .unwrap();
    store
        .insert(
            &encoder.table().name,
            &encoder.table().insert_columns(),
            Bytes::from(out),
        )
        .await
        .unwrap();
}

type Windows = BTreeMap<(String, String, Vec<String>, i64, i64), Vec<MeasureValue>>;

/// The contract, plainly: on-time row of the size, and late rows whose minute starts in the window.
fn expected(catalog: &Catalog, event: &EventDef, rows: &[Aggregate], size: WindowSize) -> Windows {
    let mut windows = Windows::new();
    for row in rows {
        let names: Vec<&str> = row
            .subject
            .dimensions
            .iter()
            .map(|(d, _)| d.as_str())
            .collect();
        let rollup = (0..event.rollups.len())
            .find(|i| rollup_name(event, *i) == names.join(","))
            .unwrap();
        if !event.rollups[rollup].windows.contains(&size)
            || (row.part == Part::OnTime && row.window != size)
        {
            continue;
        }
        let (start, end) = size.span(row.start, catalog.tenants.zone(&row.subject.tenant));
        let all = event.dimensions.iter().map(|d| {
            row.subject
                .dimensions
                .iter()
                .find(|(n, _)| *n == d.name)
                .map_or(String::new(), |(_, v)| v.clone())
        });
        let key = (
            row.subject.tenant.clone(),
            names.join(","),
            all.collect(),
            start.0,
            end.0,
        );
        match windows.get_mut(&key) {
            Some(have) => have
                .iter_mut()
                .zip(&row.values)
                .for_each(|(a, b)| a.merge(b)),
            None => drop(windows.insert(key, row.values.clone())),
        }
    }
    windows
}

/// The rows of a query in a form in which equal text means equal bits.
async fn bits(store: &Store, sql: &str) -> Vec<Vec<String>> {
    let described = store.rows(&format!("DESCRIBE ({sql})"), &[]).await.unwrap();
    let columns: Vec<String> = described
        .rows
        .iter()
        .map(|c| {
            let (name, kind) = (
                format!("`{}`", c[0].as_str().unwrap()),
                c[1].as_str().unwrap(),
            );
            match kind.trim_start_matches("Nullable(").trim_end_matches(')') {
                "Float64" => format!("toString(reinterpretAsUInt64({name}))"),
                k if k.starts_with("Decimal(") => {
                    format!("toString(reinterpret({name}, 'Int128'))")
                }
                k if k.starts_with("DateTime64(") => {
                    format!("toString(toUnixTimestamp64Micro({name}))")
                }
                _ => format!("toString({name})"),
            }
        })
        .collect();
    let nullable = columns
        .iter()
        .map(|c| format!("ifNull({c}, '\\\\N')"))
        .collect::<Vec<_>>()
        .join(", ");
    let rows = store
        .rows(&format!("SELECT {nullable} FROM ({sql})"), &[])
        .await
        .unwrap();
    rows.rows
        .into_iter()
        .map(|r| {
            r.into_iter()
                .map(|v| v.as_str().unwrap().to_string())
                .collect()
        })
        .collect()
}

fn shown(windows: &Windows, form: fn(&MeasureValue) -> Vec<String>) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = windows
        .iter()
        .map(|((tenant, rollup, dims, start, end), values)| {
            let mut row = vec![tenant.clone(), rollup.clone()];
            row.extend(dims.iter().cloned());
            row.extend([start.to_string(), end.to_string()]);
            row.extend(values.iter().flat_map(form));
            row
        })
        .collect();
    all.sort();
    all
}

fn same(got: &[Vec<String>], want: &[Vec<String>], what: &str) {
    for (g, w) in got.iter().zip(want) {
        assert_eq!(g, w, "{what}");
    }
    assert_eq!(got.len(), want.len(), "{what}");
}

#[tokio::test]
async fn views_are_the_plain_merge_of_parts() {
    let catalog = catalog();
    let store = prepared("views", &catalog).await;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for event in &catalog.events {
        let rows = parts(&mut rng, &catalog, event);
        insert(&store, event, 1, rows.clone(), 1).await;
        // Delivered twice, in other blocks and order, and rows of a run that is not the current
        // one.
        let mut again = rows.clone();
        again.reverse();
        again.truncate(400);
        insert(&store, event, 1, again, 2).await;
        insert(&store, event, 0, rows.clone(), 3).await;
        for size in WindowSize::ALL {
            let windows = expected(&catalog, event, &rows, size);
            if windows.is_empty() {
                continue;
            }
            let sql = merged_sql(&catalog, event, size, Form::Full, None).unwrap();
            let mut got = bits(&store, &sql).await;
            got.sort();
            same(
                &got,
                &shown(&windows, full),
                &format!("{} {}", event.name, size.label()),
            );
            let view = format!(
                "SELECT * EXCEPT (day, days_ago) FROM {}_{}",
                weir_store::underscored(&event.name),
                size.label()
            );
            let mut got = bits(&store, &view).await;
            got.sort();
            same(&got, &shown(&windows, plain), &view);
        }
    }
}

#[tokio::test]
async fn functions_equal_rust_bit_for_bit() {
    let store = prepared("functions", &catalog()).await;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for round in 0..60 {
        let n = if round == 0 {
            0
        } else {
            rng.random_range(1..400)
        };
        let mut bins: BTreeMap<u16, u64> = BTreeMap::new();
        (0..n).for_each(|_| {
            *bins.entry(rng.random_range(0..52_500)).or_insert(0) += rng.random_range(1..1u64 << 20)
        });
        let count: u64 = bins.values().sum();
        let map = bins
            .iter()
            .map(|(b, n)| format!("{b}, {n}"))
            .collect::<Vec<_>>()
            .join(", ");
        let q = f64::from(rng.random_range(0..=1000u16)) / 1000.0;
        let want = quantile(
            bins.iter().map(|(b, n)| (*b, *n)),
            count,
            q,
            (0.0, f64::MAX),
        )
        .map_or("\\N".into(), |v| v.to_bits().to_string());
        let map = format!("CAST(map({map}), 'Map(UInt16, UInt64)')");
        let one = format!("SELECT toFloat64(weirQuantile({q:?}, {map})) AS v");
        assert_eq!(bits(&store, &one).await[0][0], want, "weirQuantile({q})");
        let merged = format!(
            "SELECT weirBin(quantileExactWeightedArray({q:?})(mapKeys(m), mapValues(m))) AS v FROM (SELECT {map} AS m)"
        );
        if n > 0 {
            assert_eq!(bits(&store, &merged).await[0][0], want, "weirBin({q})");
        }
        let kept = rng.random_range(THETA - 1..THETA + 30);
        let shift = rng.random_range(0..20);
        let top = rng.random_range(1..=u64::MAX >> shift);
        let mut hashes: BTreeSet<u64> = BTreeSet::new();
        while hashes.len() < kept && top > 1 << 14 {
            hashes.insert(rng.random_range(1..=top));
        }
        let list = hashes
            .iter()
            .rev()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let smallest: Vec<u64> = hashes.into_iter().take(THETA).collect();
        let want = theta_estimate(smallest.len(), smallest.last().copied().unwrap_or(0));
        let got = bits(
            &store,
            &format!("SELECT weirDistinct(CAST([{list}], 'Array(UInt64)')) AS v"),
        )
        .await;
        assert_eq!(got[0][0], want.to_string());
    }
}

/// Operands with and without a value, at the edges of what each function takes.
const OPERANDS: [Option<f64>; 16] = [
    None,
    Some(0.0),
    Some(-1.0),
    Some(1.0),
    Some(0.5),
    Some(-2.5),
    Some(2.0),
    Some(3.75),
    Some(1.0 / 3.0),
    Some(100.0),
    Some(-100.0),
    Some(709.7),
    Some(710.0),
    Some(-745.0),
    Some(1e-300),
    Some(1e300),
];

#[tokio::test]
async fn functions_of_expressions_mean_in_sql_what_they_mean_in_the_engine() {
    let store = prepared("expressions", &catalog()).await;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut pairs: Vec<(Option<f64>, Option<f64>)> = OPERANDS
        .iter()
        .flat_map(|a| OPERANDS.iter().map(|b| (*a, *b)))
        .collect();
    pairs.extend((0..400).map(|_| {
        let size = 10f64.powi(rng.random_range(-8..3));
        let a = rng.random_range(-1.0..1.0) * size;
        (Some(a), Some(rng.random_range(-9.0..9.0)))
    }));
    let shown = |v: Option<f64>| v.map_or("NULL".into(), |v| format!("{v:?}"));
    let values: Vec<String> = pairs
        .iter()
        .enumerate()
        .map(|(i, (a, b))| format!("({i}, {}, {})", shown(*a), shown(*b)))
        .collect();
    let table = format!(
        "values('i UInt32, a Nullable(Float64), b Nullable(Float64)', {})",
        values.join(", ")
    );
    for op in [Op::Sqrt, Op::Ln, Op::Exp, Op::Floor, Op::Pow] {
        let mut ops = vec![Op::Term(0), op];
        if op == Op::Pow {
            ops.insert(1, Op::Term(1));
        }
        // No value comes back as a number that none of these gives.
        ops.extend([Op::Number(-7e77), Op::Coalesce]);
        let expr = Expr {
            source: String::new(),
            ops,
        };
        let sql = weir_catalog::sql::expression(&expr, &["a".into(), "b".into()]);
        let got = bits(
            &store,
            &format!("SELECT {sql} AS v FROM {table} ORDER BY i"),
        )
        .await;
        assert_eq!(got.len(), pairs.len());
        let mut with_value = 0;
        for ((a, b), got) in pairs.iter().zip(got) {
            let got = f64::from_bits(got[0].parse().unwrap());
            let want = match op {
                Op::Sqrt => a.map(f64::sqrt),
                Op::Ln => a.map(libm::log),
                Op::Exp => a.map(libm::exp),
                Op::Floor => a.map(f64::floor),
                _ => a.zip(*b).map(|(a, b)| libm::pow(a, b)),
            };
            let want = want.filter(|v| v.is_finite()).unwrap_or(-7e77);
            with_value += usize::from(want != -7e77);
            // Roots and whole numbers to the bit, the others to 12 digits; what is next to 0 is 0.
            let near = match op {
                Op::Sqrt | Op::Floor => 0.0,
                Op::Ln => 1e-12 * want.abs().max(1.0),
                _ => 1e-12 * want.abs() + 1e-300,
            };
            assert!(
                (got - want).abs() <= near,
                "{op:?} of {a:?}, {b:?}: {got:?} instead of {want:?}"
            );
        }
        assert!(
            with_value > 200 && with_value < pairs.len(),
            "{op:?}: {with_value}"
        );
    }
}

#[tokio::test]
async fn what_is_declared_later_gets_its_column() {
    let mut catalog = catalog();
    let store = prepared("later", &catalog).await;
    assert_eq!(
        store.prepare(&built_in(), &catalog).await.unwrap(),
        weir_store::Prepared::default()
    );
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let before = parts(&mut rng, &catalog, &catalog.events[0]);
    insert(&store, &catalog.events[0], 1, before.clone(), 1).await;
    let event = &mut catalog.events[0];
    let mut added = event.measures[0].clone();
    added.name = "slowest".into();
    added.kind = MeasureKind::Max("duration_ms".into());
    event.measures.push(added);
    let done = store.prepare(&built_in(), &catalog).await.unwrap();
    assert_eq!(done.columns.len(), 1, "{done:?}");
    let mut rows: Vec<Aggregate> = before.clone();
    rows.iter_mut()
        .for_each(|r| r.values.push(MeasureValue::Max(Some(3.0))));
    insert(&store, &catalog.events[0], 1, rows[..300].to_vec(), 2).await;
    let view = format!("{}_1h", weir_store::underscored(&catalog.events[0].name));
    let got = store
        .scalar(&format!("SELECT max(slowest) FROM {view}"), &[])
        .await
        .unwrap();
    assert_eq!(got.as_deref(), Some("3"));
    let mut changed = built_in();
    changed[0].sql.push(' ');
    let refused = store.prepare(&changed, &catalog).await.unwrap_err();
    assert!(
        matches!(refused, weir_store::StoreError::MigrationChanged { .. }),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_are_stored_no_more_are_asked_in_vain_no_more() {
    let mut catalog = catalog();
    let at = catalog.event_id("llm.call").unwrap();
    for rollup in &mut catalog.events[at].rollups {
        rollup.windows = WindowSize::ALL.to_vec();
    }
    let store = prepared("stored_no_more", &catalog).await;
    let ask = "SELECT count() FROM llm_call_1m";
    assert_eq!(store.scalar(ask, &[]).await.unwrap().as_deref(), Some("0"));
    for rollup in &mut catalog.events[at].rollups {
        rollup.windows = vec![WindowSize::Hour];
    }
    store.prepare(&built_in(), &catalog).await.unwrap();
    let said = store.scalar(ask, &[]).await.unwrap_err().to_string();
    assert!(said.starts_with("WEIR-0305"), "{said}");
    assert!(said.contains("windows: [1m, 1h, 1d]"), "{said}");
    let kept = store.scalar("SELECT count() FROM llm_call_1h", &[]).await;
    assert_eq!(kept.unwrap().as_deref(), Some("0"));
}

/// (name, type) of the columns of a table or view, in its order.
async fn columns(store: &Store, table: &str) -> Vec<(String, String)> {
    let sql = format!(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() \
         AND table = '{table}' ORDER BY position"
    );
    store.fetch(&sql).await.unwrap()
}

#[tokio::test]
async fn tables_of_results_are_what_their_records_say() {
    let store = prepared("results", &catalog()).await;
    for result in results::ALL {
        let mut want: Vec<(String, String)> = result
            .columns()
            .map(|(name, kind)| (name.to_owned(), kind))
            .collect();
        let mut got = columns(&store, result.table).await;
        want.sort();
        got.sort();
        assert_eq!(got, want, "{}", result.table);
    }
}

#[tokio::test]
async fn what_was_stored_as_a_trend_is_shown_as_momentum() {
    let catalog = catalog();
    let store = prepared("momentum", &catalog).await;
    let view = columns(&store, "kpis").await;
    // As an older weir left it: the column has its old name, and the migration was never applied.
    let row = "INSERT INTO kpis_log (run, id, kpi, trend) VALUES (1, 'old', 'roi', 'improving')";
    for sql in [
        "ALTER TABLE kpis_log RENAME COLUMN momentum TO trend",
        "DELETE FROM migrations WHERE name LIKE '%momentum%'",
        row,
    ] {
        store.execute(sql).await.unwrap();
    }
    let done = store.prepare(&built_in(), &catalog).await.unwrap();
    assert_eq!((done.applied.len(), done.columns.len()), (1, 0), "{done:?}");
    assert_eq!(columns(&store, "kpis").await, view);
    let shown = "SELECT concat(id, ' ', momentum) FROM kpis";
    assert_eq!(
        store.fetch::<String>(shown).await.unwrap(),
        ["old improving"]
    );
}

#[tokio::test]
async fn a_field_that_records_get_later_gets_its_column() {
    let catalog = catalog();
    let store = prepared("fields", &catalog).await;
    let view = columns(&store, "alerts").await;
    // As if an older weir had made the table, with a row in it.
    let old = "INSERT INTO alerts_log (run, id, rule, state) VALUES (1, 'old', 'r', 'open')";
    for sql in [
        "ALTER TABLE alerts_log DROP COLUMN worst",
        "ALTER TABLE alerts_log DROP COLUMN impact",
        old,
    ] {
        store.execute(sql).await.unwrap();
    }
    let done = store.prepare(&built_in(), &catalog).await.unwrap();
    assert_eq!(done.columns.len(), 2, "{done:?}");
    assert_eq!(columns(&store, "alerts").await, view);
    let new = Alert {
        id: "new".into(),
        run: 1,
        catalog: catalog.hash,
        rule: "r".into(),
        version: 2,
        kind: "threshold".into(),
        severity: "high".into(),
        subject: Subject {
            tenant: "acme".into(),
            dimensions: vec![("team".into(), "core".into())],
        },
        state: AlertState::Update,
        step: 3,
        opened: Micros(0),
        at: Micros(60_000_000),
        value: Some(1.5),
        threshold: None,
        worst: Some(2.5),
        windows: 4,
        impact: "it costs".into(),
        action: "look".into(),
        reopenings: 1,
        r#type: "sla_breach".into(),
        priority: "P1".into(),
        metric: "burn_1h".into(),
        unit: "percent".into(),
        component: "checkout".into(),
        client: "globex".into(),
        group: "g".into(),
        group_key: "r{tenant=acme}".into(),
        conditions: vec![("burn_1h".into(), Some(1.5)), ("burn_5m".into(), None)],
        failing: "burn_1h".into(),
        revision: 9,
    };
    let mut row = Vec::new();
    results::alert(&mut row, &new);
    let table = results::ALERTS;
    store
        .insert(table.table, &table.insert_columns(), Bytes::from(row))
        .await
        .unwrap();
    let shown = "SELECT concat_ws('|', id, tenant, dimensions['team'], rule_version, state, step, \
                 toUnixTimestamp(at), ifNull(value, -1), ifNull(threshold, -1), ifNull(worst, -1), \
                 windows, impact, action, reopenings, type, priority, metric, unit, component, \
                 client, group_id, group_key, ifNull(conditions['burn_1h'], -1), failing) \
                 FROM alerts ORDER BY id";
    assert_eq!(
        store.fetch::<String>(shown).await.unwrap(),
        [
            "new|acme|core|2|update|3|60|1.5|-1|2.5|4|it costs|look|1|sla_breach|P1|burn_1h|percent|\
             checkout|globex|g|r{tenant=acme}|1.5|burn_1h",
            "old|||0|open|0|0|-1|-1|-1|0|||0|||||||||-1|",
        ]
    );
}

#[tokio::test]
async fn every_question_has_an_answer() {
    let catalog = catalog();
    let store = prepared("questions", &catalog).await;
    let all = Question::built_in();
    assert!(all.len() >= 10);
    for question in &all {
        let (sql, params) = question.sql(&[], &catalog, now()).unwrap();
        let answer = store.rows(&sql, &params).await;
        assert!(answer.is_ok(), "{}: {}", question.name, answer.unwrap_err());
    }
    assert!(Question::find(all.clone(), "nothing").is_err());
    let kpis = Question::find(all, "kpis").unwrap();
    let refused = |name: &str, value: &str| {
        let given = [(name.to_string(), value.to_string())];
        kpis.sql(&given, &catalog, now()).is_err()
    };
    assert!(refused("days", "x") && refused("hours", "1") && refused("from", "tomorrow"));
    let csv = store
        .query(
            "SELECT {n:UInt8} AS n",
            &[("n".into(), "4".into())],
            "CSVWithNames",
        )
        .unwrap();
    assert_eq!(csv.collect().await.unwrap(), "\"n\"\n4\n");
}

/// The windows of a KPI that a window of its base size is part of.
fn spans(kpi: &KpiDef, catalog: &Catalog, tenant: &str, start: i64) -> Vec<(i64, i64)> {
    let zone = catalog.tenants.zone(tenant);
    let of = kpi.window.stored();
    let count = match kpi.window {
        JudgedWindow::Rolling { count, .. } => i64::from(count),
        _ => 1,
    };
    // Walks along neighbours, so that days follow the calendar.
    let next = |t: i64, n: i64| (0..n).fold(t, |t, _| of.span(Micros(t), zone).1.0);
    let back = |t: i64, n: i64| (0..n).fold(t, |t, _| of.span(Micros(t - 1), zone).0.0);
    (0..count)
        .map(|k| {
            let end = next(start, k + 1);
            (back(end, count), end)
        })
        .collect()
}

/// Days of a window, counted along the calendar where it is made of days.
fn days(kpi: &KpiDef, catalog: &Catalog, tenant: &str, (start, end): (i64, i64)) -> f64 {
    if kpi.window.stored() != WindowSize::Day {
        return (end - start) as f64 / Micros::DAY.0 as f64;
    }
    let zone = catalog.tenants.zone(tenant);
    let next = |t: &i64| Some(WindowSize::Day.span(Micros(*t), zone).1.0);
    let midnights = std::iter::successors(Some(start), next);
    midnights.take_while(|t| *t < end).count() as f64
}

/// The score of a value of a subject.
fn scored(kpi: &KpiDef, dims: &[(String, String)], value: f64) -> Option<f64> {
    let target = kpi.target?;
    let own = kpi.targets.as_ref().and_then(|own| {
        let (_, value) = &dims[own.dimension];
        own.values.iter().find(|(v, _)| v == value)
    });
    let aim = own.map_or(target.value, |(_, own)| *own);
    let raw = match target.higher_is_better {
        true => 100.0 * value / aim,
        false if value <= aim => 100.0,
        false => 100.0 * aim / value,
    };
    Some(weir_model::fixed::round(raw.clamp(0.0, 100.0), 2))
}

fn evaluate(ops: &[Op], terms: &[Option<f64>], days: f64) -> Option<f64> {
    let mut stack: Vec<Option<f64>> = Vec::new();
    for op in ops {
        let v = match op {
            Op::Term(i) => terms[*i],
            Op::Number(n) => Some(*n),
            Op::Null => None,
            Op::Days => Some(days),
            Op::Neg => stack.pop().unwrap().map(|v| -v),
            Op::Abs => stack.pop().unwrap().map(f64::abs),
            Op::Sqrt => stack.pop().unwrap().map(f64::sqrt),
            Op::Floor => stack.pop().unwrap().map(f64::floor),
            Op::Select => {
                let (no, yes) = (stack.pop().unwrap(), stack.pop().unwrap());
                let holds = stack.pop().unwrap().is_some_and(|v| v != 0.0);
                if holds { yes } else { no }
            }
            two => {
                let (b, a) = (stack.pop().unwrap(), stack.pop().unwrap());
                match (two, a, b) {
                    (Op::Coalesce, a, b) => a.or(b),
                    (Op::Add, Some(a), Some(b)) => Some(a + b),
                    (Op::Sub, Some(a), Some(b)) => Some(a - b),
                    (Op::Mul, Some(a), Some(b)) => Some(a * b),
                    (Op::Div, Some(a), Some(b)) => (b != 0.0).then(|| a / b),
                    (Op::Lt, Some(a), Some(b)) => Some(f64::from(a < b)),
                    (Op::Min2, Some(a), Some(b)) => Some(a.min(b)),
                    (Op::Max2, Some(a), Some(b)) => Some(a.max(b)),
                    (Op::Add | Op::Sub | Op::Mul | Op::Div, ..) => None,
                    (Op::Lt | Op::Min2 | Op::Max2, ..) => None,
                    other => panic!("the catalog uses {other:?} now: teach this test"),
                }
            }
        };
        stack.push(v.filter(|v| v.is_finite()));
    }
    stack.pop().unwrap()
}

/// What was set holds beyond its window: `settings.rs` compares such KPIs.
fn reads_a_setting(kpi: &KpiDef, catalog: &Catalog) -> bool {
    kpi.terms.iter().any(|t| catalog.is_setting(t))
}

fn term_value(catalog: &Catalog, term: &Term, values: Option<&Vec<MeasureValue>>) -> Option<f64> {
    let kind = &catalog.events[term.event].measures[term.measure].kind;
    let none = kind.accumulator().empty();
    values
        .map_or(&none, |values| &values[term.measure])
        .stat(term.stat)
}

/// A database of random parts under the repository's catalog and more: with the parts by event type.
async fn filled(name: &str, more: &str, seed: u64) -> (Catalog, Store, Vec<Vec<Aggregate>>) {
    let catalog = in_three_zones(more);
    let store = prepared(name, &catalog).await;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut all: Vec<Vec<Aggregate>> = Vec::new();
    for event in &catalog.events {
        let rows = parts(&mut rng, &catalog, event);
        insert(&store, event, 1, rows.clone(), 1).await;
        all.push(rows);
    }
    (catalog, store, all)
}

#[tokio::test]
async fn current_kpis_are_their_expression_over_merged_parts() {
    let (catalog, store, all) = filled("kpis", JOINED, 11).await;
    let mut compared = 0;
    let to_date = |k: &&KpiDef| matches!(k.window, JudgedWindow::ToDate { .. });
    let windowed = catalog.kpis.iter().filter(|k| k.mix.is_none());
    let windowed = windowed.filter(|k| !reads_a_setting(k, &catalog));
    for kpi in windowed.filter(|k| !to_date(k)) {
        let size = kpi.window.stored();
        // (tenant, dimensions of the rollup, start, end) -> merged values, for each term's event
        // and rollup.
        type Merged = BTreeMap<(String, Vec<(String, String)>, i64, i64), Vec<MeasureValue>>;
        let merged: Vec<Merged> =
            kpi.terms
                .iter()
                .map(|term| {
                    let event = &catalog.events[term.event];
                    let rollup = rollup_name(event, term.rollup);
                    let mut out = Merged::new();
                    for ((tenant, name, dims, start, _), values) in
                        expected(&catalog, event, &all[term.event], size)
                    {
                        if name != rollup {
                            continue;
                        }
                        let named: Vec<_> = event
                            .dimensions
                            .iter()
                            .map(|d| d.name.clone())
                            .zip(dims)
                            .filter(|(d, _)| rollup.split(',').any(|r| r == d))
                            .collect();
                        for (from, to) in spans(kpi, &catalog, &tenant, start) {
                            match out.get_mut(&(tenant.clone(), named.clone(), from, to)) {
                                Some(have) => {
                                    have.iter_mut().zip(&values).for_each(|(a, b)| a.merge(b))
                                }
                                None => drop(out.insert(
                                    (tenant.clone(), named.clone(), from, to),
                                    values.clone(),
                                )),
                            }
                        }
                    }
                    out
                })
                .collect();
        let own: BTreeSet<_> = kpi
            .terms
            .iter()
            .zip(&merged)
            .filter(|(term, _)| term.stands_on(&kpi.dimensions))
            .flat_map(|(_, m)| m.keys())
            .cloned()
            .collect();
        let mut want: Vec<Vec<String>> = Vec::new();
        for (tenant, dims, start, end) in own {
            let terms: Vec<Option<f64>> = kpi
                .terms
                .iter()
                .zip(&merged)
                .map(|(term, m)| {
                    let event = &catalog.events[term.event];
                    let rollup = rollup_name(event, term.rollup);
                    let mut part: BTreeMap<String, String> = dims.iter().cloned().collect();
                    part.extend(term.fixed.iter().cloned());
                    part.retain(|d, _| rollup.split(',').any(|r| r == d));
                    let part = part.into_iter().collect();
                    term_value(&catalog, term, m.get(&(tenant.clone(), part, start, end)))
                })
                .collect();
            let enough = kpi
                .minimum_sample
                .is_none_or(|(i, least)| terms[i].is_some_and(|n| n >= least));
            let days = days(kpi, &catalog, &tenant, (start, end));
            let value = evaluate(&kpi.expr.ops, &terms, days).filter(|_| enough);
            let value = value.map(|v| weir_model::fixed::round(v, kpi.decimals));
            let score = value.and_then(|v| scored(kpi, &dims, v));
            let mut row = vec![tenant];
            row.extend(dims.into_iter().map(|(_, v)| v));
            row.extend([start.to_string(), end.to_string()]);
            let shown = |v: Option<f64>| v.map_or("\\N".into(), |v| v.to_bits().to_string());
            row.extend([value, score].map(shown));
            want.push(row);
        }
        want.sort();
        let dims: String = kpi.dimensions.iter().map(|d| format!("`{d}`, ")).collect();
        let sql = format!(
            "SELECT tenant, {dims}window_start, window_end, value, score FROM kpi_{}_current",
            kpi.name
        );
        let mut got = bits(&store, &sql).await;
        got.sort();
        same(&got, &want, &kpi.name);
        compared += want.len();
    }
    assert!(compared > 1000, "{compared}");
}

#[tokio::test]
async fn current_scores_are_the_mean_of_what_their_inputs_are_worth() {
    let (catalog, store, _) = filled("scores", &format!("{JOINED}{SCORES}"), 12).await;
    let number = |text: &String| (text != "\\N").then(|| f64::from_bits(text.parse().unwrap()));
    let (mut compared, mut partly) = (0, 0);
    for name in ["day", "hour", "both"] {
        let kpi = catalog.kpi(name).unwrap();
        let mix = kpi.mix.as_ref().unwrap();
        // By tenant, team and window: what each input is worth, with the end of its last window.
        type Worth = BTreeMap<(String, String, i64, i64), Vec<Option<(i64, f64)>>>;
        let mut worth = Worth::new();
        for (place, (input, _)) in mix.inputs.iter().enumerate() {
            let def = &catalog.kpis[*input];
            let column = if def.mix.is_some() { "value" } else { "score" };
            let sql = format!(
                "SELECT tenant, team, window_end, {column} FROM kpi_{}_current",
                def.name
            );
            for row in bits(&store, &sql).await {
                let Some(v) = number(&row[3]) else { continue };
                let end: i64 = row[2].parse().unwrap();
                let zone = catalog.tenants.zone(&row[0]);
                let (start, until) = mix.window.span(Micros(end - 1), zone);
                let key = (row[0].clone(), row[1].clone(), start.0, until.0);
                let held = &mut worth
                    .entry(key)
                    .or_insert_with(|| vec![None; mix.inputs.len()])[place];
                if held.is_none_or(|(before, _)| before <= end) {
                    *held = Some((end, v));
                }
            }
        }
        let mut want: Vec<Vec<String>> = Vec::new();
        for ((tenant, team, start, end), of) in worth {
            let (mut sum, mut present, mut all) = (0.0, 0.0, 0.0);
            for ((_, weight), worth) in mix.inputs.iter().zip(of) {
                all += weight;
                if let Some((_, v)) = worth {
                    sum += weight * v;
                    present += weight;
                }
            }
            partly += usize::from(present < all);
            let value = weir_model::fixed::round(sum / present, kpi.decimals);
            let coverage = weir_model::fixed::round(present / all, 4);
            let score = scored(kpi, &[("team".into(), team.clone())], value);
            let shown = |v: Option<f64>| v.map_or("\\N".into(), |v| v.to_bits().to_string());
            let mut row = vec![tenant, team, start.to_string(), end.to_string()];
            row.extend([Some(value), Some(coverage), score].map(shown));
            want.push(row);
        }
        want.sort();
        let sql = format!(
            "SELECT tenant, team, window_start, window_end, value, coverage, score FROM kpi_{name}_current"
        );
        let mut got = bits(&store, &sql).await;
        got.sort();
        same(&got, &want, name);
        compared += want.len();
    }
    assert!(
        partly > 10 && compared > partly + 10,
        "{compared}, {partly}"
    );
}
