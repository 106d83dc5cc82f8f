//! One spelling of a person at every way in: a table through a mapping, and a repository.
#![allow(clippy::unwrap_used)]

use apache_avro::{Schema, from_avro_datum, types::Value};
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_sources::git::Repository;
use weir_sources::map::{Format, Mapper, Mapping, Rows};

const MAPPING: &str = "\
name: gateway
title: Calls of a gateway
event: llm.call
format: csv
time: {at: row.at}
source: row.who
identity: row.who
fields:
  engineer.email: row.who
  engineer.team: \"'Core'\"
  provider: \"'p'\"
  model: \"'M'\"
";

/// The e-mail, team and model that a row becomes.
fn mapped(who: &str) -> [String; 3] {
    let catalog = Catalog::embedded().unwrap();
    let event = catalog.event("llm.call").unwrap();
    let mapping = Mapping::parse("gateway", MAPPING).unwrap();
    let now = Micros::from_secs(1_800_000_000);
    let mut mapper = Mapper::new(mapping, event, "acme", now).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "at,who\n2026-03-04T05:06:07Z,{who}\n").unwrap();
    let mut rows = Rows::open(file.path(), Format::Csv, mapper.reads(), true).unwrap();
    let row = rows
        .next_row()
        .unwrap()
        .unwrap()
        .unwrap_or_else(|e| panic!("{}", e.error));
    let value = mapper.map(&row).unwrap().unwrap().value;
    let schema = Schema::parse_str(&event.schema_json).unwrap();
    let read = from_avro_datum(&schema, &mut &value[5..], None).unwrap();
    ["engineer.email", "engineer.team", "model"].map(|path| {
        let mut at = &read;
        for name in path.split('.') {
            let Value::Record(fields) = at else {
                panic!("{at:?}")
            };
            at = &fields.iter().find(|(n, _)| n == name).unwrap().1;
        }
        match at {
            Value::String(s) => s.clone(),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn a_mapped_address_is_written_in_its_canonical_form() {
    for who in [
        "Grace@Example.org",
        " grace@example.org\t",
        "grace@example.org",
    ] {
        // Only fields of people are touched.
        assert_eq!(mapped(who), ["grace@example.org", "Core", "M"]);
    }
    assert_eq!(mapped("Rene\u{301}@example.org")[0], "rené@example.org");
    assert_eq!(mapped("RENÉ@example.org")[0], "rené@example.org");
}

fn git(dir: &Path, args: &[&str]) {
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args([
            "-c",
            "user.name=Rene",
            "-c",
            "user.email=Rene\u{301}@Example.org",
        ])
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "git {args:?}");
}

#[test]
fn a_commit_meets_the_calls_of_its_author() {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    let message = "Fix it\n\nco-authored-BY: Claude\n <noreply@anthropic.com>\nCo-authored-by: Claude Martin <claude@example.org>";
    git(
        dir.path(),
        &["commit", "-q", "--allow-empty", "-m", message],
    );
    let repository = Repository::open(dir.path()).unwrap();
    let known = Catalog::embedded().unwrap().assistants;
    let mut list = tempfile::tempfile().unwrap();
    let head = repository.head.clone().unwrap();
    repository
        .list(&head, &[], &mut |c| Ok(writeln!(list, "{}", c.id)?))
        .unwrap();
    list.rewind().unwrap();
    let commit = repository.commits(list).unwrap().next().unwrap().unwrap();
    let event = repository.event("acme", "", &commit, &known);
    assert_eq!(event.engineer.email, mapped("rené@example.org")[0]);
    assert_eq!(event.assistant.as_deref(), Some("claude"));
}
