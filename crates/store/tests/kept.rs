//! A version takes over the tables of the ones before it: each folder below `kept` has the hashes
//! of the migrations that a release applied, tables as it made them, and rows.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use weir_catalog::Catalog;
use weir_model::hash;
use weir_store::{
    EventsTable, Migration, PartsTable, Prepared, Store, StoreConfig, built_in, statements,
};

/// Event types whose tables are kept: with measures of many kinds, with settings, with many fields.
const EVENTS: [&str; 3] = ["llm.call", "goal.set", "capability.executed"];
const ROWS: &str = "\
INSERT INTO parts_llm_call (run, tenant, rollup, window_size, window_start, window_end, version, calls)
VALUES (1, 'acme', '', '1h', '2026-03-01 10:00:00', '2026-03-01 11:00:00', 1, 5);
INSERT INTO events_llm_call (log_partition, log_offset, tenant, event_id, event_time)
VALUES (0, 7, 'acme', 'e', '2026-03-01 10:30:00');
INSERT INTO kpis_log (run, id, kpi, tenant, window, window_start, window_end, value, version)
VALUES (1, 'k', 'cost_per_call', 'acme', '1h', '2026-03-01 10:00:00', '2026-03-01 11:00:00', 2.5, 1);
INSERT INTO alerts_log (run, id, rule, tenant, state, step, opened, at)
VALUES (1, 'a', 'r', 'acme', 'open', 1, '2026-03-01 11:00:00', '2026-03-01 11:00:00');
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept")
}

fn releases() -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap());
    let mut dirs: Vec<PathBuf> = all.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    dirs.sort();
    assert!(!dirs.is_empty());
    dirs
}

fn hash_of(m: &Migration) -> String {
    hash::id(&[m.sql.as_bytes()])
}

/// The migrations that a release had applied, as they are today.
fn applied(dir: &Path) -> Vec<Migration> {
    let text = std::fs::read_to_string(dir.join("migrations.txt")).unwrap();
    let known = built_in();
    let one = |line: &str| {
        let (name, hash) = line.split_once(' ').unwrap();
        let found = known.iter().find(|m| m.name == name);
        let found = found.unwrap_or_else(|| panic!("{name} is gone"));
        assert_eq!(hash_of(found), hash, "{name} was applied with another text");
        found.clone()
    };
    text.lines().map(one).collect()
}

#[test]
fn migrations_are_never_edited() {
    for dir in releases() {
        assert!(!applied(&dir).is_empty());
    }
}

#[tokio::test]
async fn tables_and_rows_of_a_release_are_taken_over() {
    let catalog = Catalog::embedded().unwrap();
    for dir in releases() {
        let version = dir.file_name().unwrap().to_string_lossy().replace('.', "_");
        let store = Store::new(&StoreConfig {
            database: format!("kept_{version}"),
            ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
        });
        store.migrate(&applied(&dir)).await.unwrap();
        for file in ["tables.sql", "rows.sql"] {
            let text = std::fs::read_to_string(dir.join(file)).unwrap();
            for sql in statements(&text) {
                let done = store.execute(&sql).await;
                done.unwrap_or_else(|e| panic!("{file}: {sql}: {e}"));
            }
        }
        store.prepare(&built_in(), &catalog).await.unwrap();
        store.set_current_run(1, catalog.hash).await.unwrap();
        let again = store.prepare(&built_in(), &catalog).await.unwrap();
        assert_eq!(again, Prepared::default());
        for (sql, shown) in [
            (
                "SELECT sum(calls) FROM llm_call_1h WHERE tenant = 'acme'",
                "5",
            ),
            ("SELECT event_id FROM llm_call_events", "e"),
            ("SELECT value FROM kpis WHERE kpi = 'cost_per_call'", "2.5"),
            ("SELECT state FROM alerts", "open"),
        ] {
            let found = store.scalar(sql, &[]).await.unwrap();
            assert_eq!(found.as_deref(), Some(shown), "{sql}");
        }
        for event in &catalog.events {
            // New rows have the columns of today.
            let (parts, archive) = (
                PartsTable::of(event).unwrap(),
                EventsTable::of(event).unwrap(),
            );
            for (table, columns) in [
                (&parts.name, parts.insert_columns()),
                (&archive.name, archive.insert_columns()),
            ] {
                let none = format!("SELECT {columns} FROM `{table}` LIMIT 0");
                store.rows(&none, &[]).await.unwrap();
            }
        }
    }
}

/// Writes the folder of this version, which must not be there yet.
#[test]
#[ignore = "once a release: WEIR_KEEP=VERSION cargo test -p weir-store --test kept -- --ignored"]
fn keep() {
    let version = std::env::var("WEIR_KEEP").unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"), "of this version alone");
    let dir = folder().join(version);
    std::fs::create_dir(&dir).expect("kept files are never written anew");
    let line = |m: &Migration| format!("{} {}\n", m.name, hash_of(m));
    let migrations: String = built_in().iter().map(line).collect();
    std::fs::write(dir.join("migrations.txt"), migrations).unwrap();
    let catalog = Catalog::embedded().unwrap();
    let of = |name: &str| {
        let event = catalog.events.iter().find(|e| e.name == name).unwrap();
        let (parts, archive) = (
            PartsTable::of(event).unwrap(),
            EventsTable::of(event).unwrap(),
        );
        format!("{};\n{};\n", parts.create(), archive.create())
    };
    let tables: String = EVENTS.map(of).concat();
    std::fs::write(dir.join("tables.sql"), tables).unwrap();
    std::fs::write(dir.join("rows.sql"), ROWS).unwrap();
}
