//! The view of alerts against the real engine, with and without an event type in which people take
//! alerts on.
#![allow(clippy::unwrap_used, missing_docs)]

use weir_catalog::{Catalog, load_sources};
use weir_store::{Store, StoreConfig, built_in};

const SCHEMA: &str = r#"{"type": "record", "name": "Acknowledged", "namespace": "weir.events",
  "fields": [
  {"name": "event_id", "type": "string"},
  {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "tenant", "type": "string"}, {"name": "source", "type": "string"},
  {"name": "resource", "type": {"type": "map", "values": "string"}},
  {"name": "alert_id", "type": "string"},
  {"name": "engineer", "type": {"type": "record", "name": "Person", "fields": [
    {"name": "email", "type": "string"}]}}]}"#;

const DECLARED: &str = "
event: alert.acknowledged
measures: {acknowledgements: {count: true}}
windows: [1d]
rollups: [[]]
";

fn catalog(with: bool) -> Catalog {
    let mut sources = Catalog::embedded_sources();
    sources.retain(|(file, _)| !file.contains("alert.acknowledged"));
    if with {
        sources.push(("events/alert.acknowledged.avsc".into(), SCHEMA.into()));
        sources.push(("catalog/alert.acknowledged.yaml".into(), DECLARED.into()));
    }
    load_sources(sources).unwrap()
}

#[tokio::test]
async fn an_alert_shows_who_took_it_on_first() {
    let store = Store::new(&StoreConfig {
        database: "acknowledged".into(),
        ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
    });
    let before = catalog(false);
    store.prepare(&built_in(), &before).await.unwrap();
    store.set_current_run(1, before.hash).await.unwrap();
    for sql in [
        "INSERT INTO alerts_log (run, id, tenant, rule, state) VALUES \
         (1, 'x', 'acme', 'r', 'open'), (1, 'y', 'acme', 'r', 'open'), (1, 'x', 'globex', 'r', 'open')",
        // The same without the event type.
        "CREATE TABLE seen ENGINE = Memory AS SELECT * FROM alerts LIMIT 0",
    ] {
        store
            .execute(sql)
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    let names = "SELECT name FROM system.columns WHERE database = currentDatabase() \
                 AND table = 'alerts' AND name LIKE 'acknowledged%'";
    assert!(store.fetch::<String>(names).await.unwrap().is_empty());

    store.prepare(&built_in(), &catalog(true)).await.unwrap();
    let said = "INSERT INTO events_alert_acknowledged \
                (event_id, event_time, tenant, alert_id, engineer_email, log_offset) VALUES \
                ('2', toDateTime64(200, 6, 'UTC'), 'acme', 'x', 'ben', 1), \
                ('1', toDateTime64(100, 6, 'UTC'), 'acme', 'x', 'ada', 2)";
    store.execute(said).await.unwrap();
    let shown = "SELECT concat_ws('|', tenant, id, rule, state, ifNull(acknowledged_by, 'nobody'), \
                 ifNull(toString(toUnixTimestamp(acknowledged_at)), '-')) FROM alerts \
                 WHERE rule = 'r' ORDER BY tenant, id";
    assert_eq!(
        store.fetch::<String>(shown).await.unwrap(),
        [
            "acme|x|r|open|ada|100",
            "acme|y|r|open|nobody|-",
            "globex|x|r|open|nobody|-",
        ]
    );
    // All that was there before has its name still.
    let lost = "SELECT name FROM system.columns WHERE database = currentDatabase() \
                AND table = 'seen' AND name NOT IN (SELECT name FROM system.columns \
                WHERE database = currentDatabase() AND table = 'alerts')";
    assert!(store.fetch::<String>(lost).await.unwrap().is_empty());
}
