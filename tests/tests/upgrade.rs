//! `weir upgrade --check` against a running system: what it says is what a start with the same
//! schemas does, and it changes nothing.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::path::Path;
use weir_tests::{System, copy_dir, root};

struct Said {
    code: Option<i32>,
    check: Json,
    errors: String,
}

impl Said {
    fn of(&self, part: &str) -> &Json {
        let parts = self.check["parts"].as_array().unwrap();
        parts.iter().find(|p| p["part"] == part).unwrap()
    }
}

/// What is said of schemas in place of those that the system runs with.
fn check(system: &System, schemas: Option<&Path>) -> Said {
    let mut command = system.command();
    if let Some(schemas) = schemas {
        command.env("WEIR_SCHEMAS", schemas);
    }
    let out = command
        .args(["upgrade", "--check", "--json"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&out.stderr).into_owned();
    Said {
        code: out.status.code(),
        check: serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {errors}")),
        errors,
    }
}

/// A copy of the schemas with one text in place of another.
fn changed(dir: &Path, name: &str, from: &str, to: &str) -> std::path::PathBuf {
    let copy = dir.join(name);
    copy_dir(&root().join("schemas"), &copy);
    let file = copy.join("catalog/kpis.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    copy
}

#[test]
fn a_system_goes_on_is_migrated_begins_a_run_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("d");
    std::fs::create_dir(&home).unwrap();
    let mut system = System::start(&home, None, &["--api", "127.0.0.1:0"]);
    system.wait_ready();
    let simulate = ["simulate", "--days", "1", "--engineers", "2", "--quiet"];
    assert!(system.weir(&simulate).status.success());
    system.settle();
    let same = check(&system, None);
    assert_eq!(same.code, Some(0), "{:#} {}", same.check, same.errors);
    assert_eq!(same.check["verdict"], "goes_on");
    assert_eq!(same.of("run")["what"], "goes on in run 1");
    assert_ne!(same.of("positions")["running"], "0");

    // A migration that is not applied yet, under the same catalog.
    let more = changed(dir.path(), "more", "kpis:", "kpis:");
    let table = "CREATE TABLE IF NOT EXISTS more (a Int32) ENGINE = MergeTree ORDER BY a;\n";
    std::fs::write(more.join("clickhouse/9000_more.sql"), table).unwrap();
    let updated = check(&system, Some(&more));
    assert_eq!(updated.code, Some(0), "{:#}", updated.check);
    assert_eq!(updated.of("tables")["what"], "applies 9000_more");
    assert_eq!(updated.check["verdict"], "updated");

    let value = "value: ratio(cost, calls - unpriced)";
    let other = "value: ratio(cost, calls)";
    let refused = check(&system, Some(&changed(dir.path(), "other", value, other)));
    assert_eq!(refused.code, Some(1), "{:#}", refused.check);
    let why = refused.of("run")["what"].as_str().unwrap();
    assert!(why.contains("WEIR-0108"), "{why}");

    let newer = changed(
        dir.path(),
        "newer",
        "  cost_per_call:\n",
        "  cost_per_call:\n    version: 2\n",
    );
    let again = check(&system, Some(&newer));
    assert_eq!(again.code, Some(3), "{:#}", again.check);
    let what = again.of("run")["what"].as_str().unwrap();
    assert!(what.starts_with("begins run 2"), "{what}");

    // Nothing of this was done.
    let after = check(&system, None);
    for part in ["run", "topics", "schemas", "tables"] {
        assert_eq!(after.of(part), same.of(part));
    }
    system.stop();
}
