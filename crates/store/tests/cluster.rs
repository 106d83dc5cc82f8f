//! Tables of a cluster: the SQL of both forms, read by ClickHouse's parser, and the form for a
//! cluster run in the embedded engine. That one is a single node without a queue of distributed DDL,
//! and replicas in it stay read-only: tables of shards, `Distributed` ones in front of them, views
//! and questions over these run here; `ON CLUSTER`, replicas and a second shard's own rows do not.
#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use std::os::unix::fs::DirBuilderExt;
use std::sync::LazyLock;
use weir_catalog::{Catalog, EventDef, load_sources};
use weir_embedded::testing::{clickhouse, clickhouse_options, with_password};
use weir_embedded::{ClickHouse, Secrets};
use weir_model::measure::Sample;
use weir_model::records::{
    Aggregate, AggregateBlock, AggregateReader, MeasureValue, Part, Subject,
};
use weir_model::{Fixed, Micros};
use weir_store::cluster::Cluster;
use weir_store::encode::PartsEncoder;
use weir_store::{
    EventsTable, PartsTable, Prepared, Question, Store, StoreConfig, StoreError, built_in,
    statements,
};

fn catalog() -> Catalog {
    Catalog::embedded().unwrap()
}

fn event<'a>(catalog: &'a Catalog, name: &str) -> &'a EventDef {
    catalog.events.iter().find(|e| e.name == name).unwrap()
}

fn cluster() -> Cluster {
    Cluster {
        name: "main".into(),
        keeper: true,
        database: "weir".into(),
    }
}

/// What weir says of one event type and of what has none, for a single node.
fn single(catalog: &Catalog) -> Vec<String> {
    let mut all = vec!["CREATE DATABASE IF NOT EXISTS `weir` ENGINE = Atomic".to_owned()];
    all.extend(built_in().iter().flat_map(|m| statements(&m.sql)));
    let goal = event(catalog, "goal.set");
    let (parts, archive) = (
        PartsTable::of(goal).unwrap(),
        EventsTable::of(goal).unwrap(),
    );
    all.extend([parts.create(), archive.create()]);
    all.push("ALTER TABLE `t` ADD COLUMN `a` String, MODIFY ORDER BY (k, `a`)".into());
    all.push("ALTER TABLE `t` MODIFY TTL toDateTime(at) + toIntervalDay(9)".into());
    all.push("ALTER TABLE `t` ADD COLUMN IF NOT EXISTS `b` Int8 COMMENT 'a, (b'".into());
    all.push("DROP VIEW IF EXISTS `v`".into());
    all.push("INSERT INTO runs (run) VALUES (1)".into());
    all
}

#[test]
fn each_statement_has_both_forms() {
    let single = single(&catalog());
    let forms = |sql: &String| cluster().statements(sql).unwrap().join(";\n");
    let of_cluster: Vec<String> = single.iter().map(forms).collect();
    insta::assert_snapshot!("single_node", single.join(";\n"));
    insta::assert_snapshot!("cluster", of_cluster.join(";\n"));
}

#[test]
fn what_has_no_form_for_a_cluster_is_refused() {
    for sql in [
        "CREATE TABLE t (a Int8) ENGINE = Memory",
        "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY tuple()",
        "CREATE TABLE other.t (a Int8) ENGINE = MergeTree ORDER BY a",
        "CREATE DICTIONARY d (a Int8) PRIMARY KEY a",
        "RENAME TABLE a TO b",
        "OPTIMIZE TABLE t",
    ] {
        let refused = cluster().statements(sql);
        let refused = matches!(refused, Err(StoreError::NoClusterForm { .. }));
        assert!(refused, "{sql}");
    }
    let keeper = false;
    let silent = Cluster {
        keeper,
        ..cluster()
    };
    let said = silent.statements("DROP TABLE IF EXISTS `t` SYNC").unwrap();
    assert_eq!(
        said,
        [
            "DROP TABLE IF EXISTS `t` SYNC",
            "DROP TABLE IF EXISTS `t__shard` SYNC"
        ]
    );
    assert_eq!(
        cluster().sync("t"),
        "SYSTEM SYNC REPLICA ON CLUSTER `main` `weir`.`t__shard`"
    );
}

#[tokio::test]
async fn every_statement_of_a_cluster_is_read_by_clickhouse() {
    let store = Store::new(&StoreConfig {
        database: "default".into(),
        ..StoreConfig::at(clickhouse().url())
    });
    let catalog = catalog();
    let mut all: Vec<String> = Vec::new();
    for sql in single(&catalog) {
        all.extend(cluster().statements(&sql).unwrap());
    }
    for event in &catalog.events {
        for sql in [
            PartsTable::of(event).unwrap().create(),
            EventsTable::of(event).unwrap().create(),
        ] {
            all.extend(cluster().statements(&sql).unwrap());
        }
    }
    all.push(cluster().sync("runs"));
    assert!(all.len() > 100, "{}", all.len());
    for sql in all.iter().filter(|s| !s.starts_with("INSERT")) {
        let asked = format!("EXPLAIN AST {sql}");
        let read = store.scalar(&asked, &[]).await;
        assert!(matches!(&read, Ok(Some(_))), "{sql}: {read:?}");
    }
}

/// Clusters of this one node: `one` has it as its only shard, `two` as both: each row is there
/// twice, and what a server refuses over several shards it refuses here.
const CONFIGURATION: &str = "<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers>
    <one><shard><internal_replication>true</internal_replication>
      <replica><host>127.0.0.1</host><port>9000</port></replica></shard></one>
    <two>
      <shard><internal_replication>true</internal_replication>
        <replica><host>127.0.0.1</host><port>9000</port></replica></shard>
      <shard><internal_replication>true</internal_replication>
        <replica><host>127.0.0.1</host><port>9000</port></replica></shard>
    </two>
  </remote_servers>
</clickhouse>";

struct Engine {
    url: String,
    _engine: ClickHouse,
    _dir: tempfile::TempDir,
}

fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| start().unwrap());
    &ENGINE
}

fn start() -> Result<Engine, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    // Nothing else can the engine read.
    let data = dir.path().join("clickhouse/data");
    let mut closed = std::fs::DirBuilder::new();
    closed.mode(0o700).recursive(true).create(&data)?;
    let file = data.join("cluster.xml");
    std::fs::write(&file, CONFIGURATION)?;
    Secrets::open_or_create(dir.path())?;
    let mut options = clickhouse_options(dir.path());
    let program = options.program.as_mut().ok_or("no program")?;
    program.arguments = vec![
        format!("--config-file={}", file.display()).into(),
        "--distributed".into(),
    ];
    let engine = ClickHouse::start(&options)?;
    Ok(Engine {
        url: with_password(engine.url(), engine.secrets().write.expose()),
        _engine: engine,
        _dir: dir,
    })
}

/// A database, on a cluster where one is named.
fn store(database: &str, cluster: &str) -> Store {
    Store::new(&StoreConfig {
        database: database.into(),
        cluster: cluster.into(),
        keeper: false,
        ..StoreConfig::at(&engine().url)
    })
}

async fn prepared(database: &str, cluster: &str, catalog: &Catalog) -> Store {
    let store = store(database, cluster);
    store.prepare(&built_in(), catalog).await.unwrap();
    store.set_current_run(1, catalog.hash).await.unwrap();
    store
}

const START: i64 = 1_772_323_200_000_000;

/// What `n` events are in every measure.
fn cell(event: &EventDef, n: i64, at: Micros) -> Vec<MeasureValue> {
    let value = |accumulator: weir_model::measure::Accumulator| {
        let mut value = accumulator.empty();
        for i in 0..n {
            value.add(&Sample {
                at,
                id: i as u64,
                value: (i + 1) as f64,
                exact: Fixed::from_int(i + 1),
                hash: i as u64,
            });
        }
        value
    };
    let of = event.measures.iter().map(|m| m.kind.accumulator());
    of.map(value).collect()
}

/// Some hours and days of all rollups of an event type.
async fn fill(store: &Store, catalog: &Catalog, event: &EventDef) {
    let mut rows = Vec::new();
    for rollup in &event.rollups {
        for (i, size) in rollup.windows.iter().enumerate() {
            for hour in 0..40 {
                let at = Micros(START + hour * Micros::HOUR.0);
                let (start, end) = size.span(at, catalog.tenants.zone("acme"));
                let dimension = |d: &usize| {
                    let value = format!("v{}", hour % 3);
                    (event.dimensions[*d].name.clone(), value)
                };
                rows.push(Aggregate {
                    subject: Subject {
                        tenant: "acme".into(),
                        dimensions: rollup.dimensions.iter().map(dimension).collect(),
                    },
                    window: *size,
                    start,
                    end,
                    part: Part::OnTime,
                    values: cell(event, 1 + (hour + i as i64) % 4, start),
                });
            }
        }
    }
    // One row of each subject and window.
    rows.sort_by(|a, b| (&a.subject, a.window, a.start).cmp(&(&b.subject, b.window, b.start)));
    rows.dedup_by(|a, b| (&a.subject, a.window, a.start) == (&b.subject, b.window, b.start));
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
    let (mut out, mut reader) = (Vec::new(), AggregateReader::new(&bytes).unwrap());
    encoder.block(&mut out, &mut reader, 1).unwrap();
    let (name, columns) = (&encoder.table().name, encoder.table().insert_columns());
    let out = Bytes::from(out);
    // Twice: what is not known to have arrived is sent again.
    for _ in 0..2 {
        store.insert(name, &columns, out.clone()).await.unwrap();
    }
}

const FILLED: [&str; 4] = [
    "llm.call",
    "capability.executed",
    "deployment.recorded",
    "goal.set",
];

async fn filled(store: &Store, catalog: &Catalog) {
    for name in FILLED {
        fill(store, catalog, event(catalog, name)).await;
    }
    let alert = "INSERT INTO alerts_log (run, id, rule, severity, tenant, state, step, opened, at) \
         VALUES (1, 'a', 'r', 'high', 'acme', 'open', 1, now(), now()), \
         (1, 'a', 'r', 'high', 'acme', 'resolve', 2, now(), now())";
    store.execute(alert).await.unwrap();
}

/// Views of what is filled, and all that asks for no parameters of KPIs.
async fn views(store: &Store) -> Vec<String> {
    let sql = "SELECT name FROM system.tables WHERE database = currentDatabase() \
         AND engine = 'View' AND (startsWith(name, 'llm_call_') \
         OR name IN ('alerts', 'kpis', 'anomalies', 'tenants', 'current_run', 'data_spans') \
         OR match(name, '^kpi_(cost|llm|cache|team|operator_goal).*_current$')) ORDER BY name";
    store.fetch::<String>(sql).await.unwrap()
}

/// Name, SQL and parameters of a question.
type Asked = (String, String, Vec<(String, String)>);

/// Questions that need no parameters, of the days that are filled.
fn asked(catalog: &Catalog) -> Vec<Asked> {
    let now = Micros(START + 3 * Micros::DAY.0);
    let days = [("from", "2026-03-01"), ("to", "2026-03-03")];
    let given = |q: &Question| -> Vec<(String, String)> {
        let takes = |name: &str| q.parameters.iter().any(|p| p.name == name);
        let said = days.iter().filter(|(name, _)| takes(name));
        said.map(|(k, v)| (k.to_string(), v.to_string())).collect()
    };
    let all = Question::built_in().into_iter();
    let sql = |q: Question| Some((q.name.clone(), q.sql(&given(&q), catalog, now).ok()?));
    all.filter_map(sql)
        .map(|(name, (sql, params))| (name, sql, params))
        .collect()
}

#[tokio::test]
async fn a_cluster_answers_what_a_single_node_does() {
    let catalog = catalog();
    let one = prepared("of_one", "", &catalog).await;
    let cluster = prepared("of_cluster", "one", &catalog).await;
    filled(&one, &catalog).await;
    filled(&cluster, &catalog).await;
    let in_front = "SELECT count() FROM system.tables WHERE database = currentDatabase() \
         AND engine = 'Distributed'";
    let in_front = cluster.fetch::<u64>(in_front).await.unwrap();
    assert!(in_front[0] > 50, "{in_front:?}");

    let all = views(&one).await;
    assert_eq!(all, views(&cluster).await);
    assert!(all.len() > 15, "{all:?}");
    let mut with_rows = 0;
    for view in all {
        let sql = format!("SELECT * FROM `{view}` ORDER BY ALL");
        let (a, b) = (one.rows(&sql, &[]).await, cluster.rows(&sql, &[]).await);
        let (mut a, mut b) = (a.unwrap(), b.unwrap_or_else(|e| panic!("{view}: {e}")));
        if view == "current_run" || view == "alerts" {
            // When it was said differs.
            (a.rows, b.rows) = (
                vec![vec![a.rows.len().into()]],
                vec![vec![b.rows.len().into()]],
            );
        }
        with_rows += usize::from(!a.rows.is_empty());
        assert_eq!(a, b, "{view}");
    }
    assert!(with_rows > 10, "{with_rows}");
    let (mut with_rows, all) = (0, asked(&catalog));
    assert!(all.len() > 20, "{}", all.len());
    for (name, sql, params) in all {
        let (a, b) = (
            one.rows(&sql, &params).await,
            cluster.rows(&sql, &params).await,
        );
        let (a, b) = (a.unwrap(), b.unwrap_or_else(|e| panic!("{name}: {e}")));
        assert_eq!(a.rows.len(), b.rows.len(), "{name}");
        with_rows += usize::from(!a.rows.is_empty());
    }
    assert!(with_rows > 4, "{with_rows}");
}

/// Subqueries and joins over several shards are refused by a server unless they are global.
#[tokio::test]
async fn no_view_or_question_is_refused_over_several_shards() {
    let catalog = catalog();
    let store = prepared("of_two", "two", &catalog).await;
    filled(&store, &catalog).await;
    for view in views(&store).await {
        let sql = format!("SELECT count() FROM (SELECT * FROM `{view}`)");
        let read = store.scalar(&sql, &[]).await;
        read.unwrap_or_else(|e| panic!("{view}: {e}"));
    }
    for (name, sql, params) in asked(&catalog) {
        let read = store.rows(&sql, &params).await;
        read.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

const SCHEMA: &str = r#"{"type": "record", "name": "Seen", "namespace": "weir.events",
  "fields": [
  {"name": "event_id", "type": "string"},
  {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "tenant", "type": "string"}, {"name": "source", "type": "string"},
  {"name": "resource", "type": {"type": "map", "values": "string"}},
  {"name": "who", "type": "string"}, {"name": "what", "type": "string"}]}"#;

fn seen(declared: &str) -> Catalog {
    let mut sources = Catalog::embedded_sources();
    sources.push(("events/thing.seen.avsc".into(), SCHEMA.into()));
    let text = format!("event: thing.seen\nwindows: [1d]\n{declared}");
    sources.push(("catalog/thing.seen.yaml".into(), text));
    load_sources(sources).unwrap()
}

/// A table that has what a later catalog brings, behind and in front.
#[tokio::test]
async fn a_cluster_is_brought_up_to_a_later_catalog() {
    let earlier = seen("dimensions: {who: who}\nmeasures: {n: {count: true}}\nrollups: [[who]]\n");
    let later = seen(
        "dimensions: {who: who, what: what}\n\
         measures: {n: {count: true}, more: {distinct: who}}\nrollups: [[who, what]]\n",
    );
    let store = store("of_later", "one");
    // A sink may die before it has written down what it did: then all of it is done again.
    store.migrate(&built_in()[..1]).await.unwrap();
    let forgotten = "TRUNCATE TABLE migrations__shard";
    store.execute(forgotten).await.unwrap();
    store.prepare(&built_in(), &earlier).await.unwrap();
    let brought = store.prepare(&built_in(), &later).await.unwrap();
    assert_eq!(brought.columns.len(), 2, "{:?}", brought.columns);
    let key = "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() \
         AND name = 'parts_thing_seen__shard'";
    let key = store.scalar(key, &[]).await.unwrap().unwrap();
    assert!(key.ends_with("late_row, what"), "{key}");
    let again = store.prepare(&built_in(), &later).await.unwrap();
    assert_eq!(again, Prepared::default());
    let columns = |table: &str| {
        format!(
            "SELECT groupArray(name) FROM (SELECT name FROM system.columns WHERE table = '{table}' \
             AND database = currentDatabase() ORDER BY name)"
        )
    };
    for table in [
        "parts_thing_seen",
        "events_thing_seen",
        "kpis_log",
        "alerts_log",
    ] {
        let front = store.scalar(&columns(table), &[]).await.unwrap();
        let behind = columns(&format!("{table}__shard"));
        assert_eq!(front, store.scalar(&behind, &[]).await.unwrap(), "{table}");
    }
    store.set_archive_ttl(&later, Some(30)).await.unwrap();
    store.set_archive_ttl(&later, None).await.unwrap();
    let told = store.describe(&later, &|| false).await.unwrap();
    assert!(told > 10, "{told}");
    assert_eq!(store.describe(&later, &|| false).await.unwrap(), 0);
}

#[tokio::test]
async fn a_database_of_the_other_form_is_refused() {
    let catalog = catalog();
    let first = &built_in()[..1];
    store("single", "").migrate(first).await.unwrap();
    store("clustered", "one").migrate(first).await.unwrap();
    for (database, cluster) in [("single", "one"), ("clustered", "")] {
        let refused = store(database, cluster)
            .prepare(&built_in(), &catalog)
            .await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::OtherForm { .. }), "{refused}");
        assert!(refused.to_string().contains("WEIR-0219"), "{refused}");
    }
}
