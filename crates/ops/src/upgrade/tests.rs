#![allow(clippy::unwrap_used)]

use super::*;

fn catalog() -> Catalog {
    Catalog::embedded().unwrap()
}

/// A run of another catalog than the built-in one.
fn other(number: u32) -> Run {
    Run {
        number,
        catalog: "00000000000000aa".into(),
        partials: 16,
        terms: 4,
    }
}

fn own(number: u32, catalog: &Catalog) -> Run {
    Run {
        catalog: format!("{:016x}", catalog.hash),
        ..other(number)
    }
}

fn there(partials: u32) -> Vec<(String, u32)> {
    let mut all = vec![(topics::PARTIALS.to_owned(), partials)];
    all.push((topics::TERMS.to_owned(), 4));
    all
}

#[test]
fn the_same_catalog_goes_on_and_another_one_begins_the_next_run() {
    let catalog = catalog();
    let part = run(Some(&own(3, &catalog)), None, &catalog, &there(16));
    assert_eq!(part.verdict, Verdict::GoesOn);
    assert_eq!(part.what, "goes on in run 3");
    let part = run(Some(&other(3)), Some(&catalog), &catalog, &there(16));
    assert_eq!(part.verdict, Verdict::Again);
    assert!(part.what.starts_with("begins run 4"), "{}", part.what);
    let part = run(None, None, &catalog, &[]);
    assert_eq!(
        (part.verdict, &*part.what),
        (Verdict::Updated, "begins run 1")
    );
}

#[test]
fn partials_of_another_number_of_partitions_are_refused_with_their_code() {
    let catalog = catalog();
    let part = run(Some(&own(3, &catalog)), None, &catalog, &there(8));
    assert_eq!(part.verdict, Verdict::Refused);
    assert!(part.what.contains("WEIR-0207"), "{}", part.what);
}

#[test]
fn a_meaning_that_changed_under_its_version_is_refused_with_its_code() {
    let new = catalog();
    let sources = new.sources.as_ref().clone();
    let changed: Vec<(String, String)> = sources
        .into_iter()
        .map(|(file, text)| {
            (
                file,
                text.replace("ratio(cost, calls - unpriced)", "ratio(cost, calls)"),
            )
        })
        .collect();
    let old = weir_catalog::load_sources(changed).unwrap();
    assert_ne!(old.hash, new.hash, "the replacement found nothing");
    let part = run(Some(&other(3)), Some(&old), &new, &there(16));
    assert_eq!(part.verdict, Verdict::Refused);
    assert!(part.what.contains("WEIR-0108"), "{}", part.what);
}

#[test]
fn topics_that_are_missing_are_named() {
    let catalog = catalog();
    let part = topics(&catalog, &there(16));
    assert_eq!(part.verdict, Verdict::Updated);
    assert!(part.what.contains("weir.state"), "{}", part.what);
    assert!(!part.what.contains("weir.partials"), "{}", part.what);
    let mut all = there(16);
    let raw = catalog.events.iter().map(|e| Raw {
        event_type: &e.name,
        low_volume: e.low_volume,
    });
    let standard = standard(raw, &Partitions::default());
    all.extend(standard.into_iter().map(|t| (t.name, 4)));
    assert_eq!(topics(&catalog, &all).verdict, Verdict::GoesOn);
}

#[test]
fn a_schema_is_new_known_or_cannot_read_what_was_written() {
    let catalog = catalog();
    let registered: Vec<RegisteredSchema> = catalog
        .writer_schemas()
        .into_iter()
        .map(|(subject, schema)| RegisteredSchema::new(subject, 1, schema))
        .collect();
    assert_eq!(schemas(&registered, &catalog).verdict, Verdict::GoesOn);
    let part = schemas(&registered[1..], &catalog);
    assert_eq!(part.verdict, Verdict::Updated);
    assert_eq!(part.what, format!("registers {} 1", registered[0].subject));
    // The id of an event became a number: nothing here reads that as text.
    let mut wrong = registered;
    let text = wrong[0].schema.clone();
    let number = text.replacen("\"string\"", "\"long\"", 1);
    assert_ne!(text, number);
    wrong.push(RegisteredSchema::new(wrong[0].subject.clone(), 2, number));
    let part = schemas(&wrong, &catalog);
    assert_eq!(part.verdict, Verdict::Refused, "{}", part.what);
    assert!(part.what.contains("version 2"), "{}", part.what);
}

#[test]
fn positions_and_snapshots_of_other_versions_are_told_apart() {
    let good = Position::default().to_metadata();
    let texts = [good.as_str(), "", good.as_str()];
    let part = positions(texts.into_iter());
    assert_eq!((part.verdict, &*part.running), (Verdict::GoesOn, "2"));
    let part = positions([good.as_str(), "9 1 2 3"].into_iter());
    assert_eq!(part.verdict, Verdict::Refused);

    let (window, score) = (window::snapshot::FORMATS, score::snapshot::FORMATS);
    let of = |w: u8, s: u8| Formats::from([(("window", w), 8), (("score", s), 2)]);
    for w in window {
        for s in score {
            assert_eq!(snapshots(&of(*w, *s)).verdict, Verdict::GoesOn);
        }
    }
    let part = snapshots(&of(200, score[0]));
    assert_eq!(part.verdict, Verdict::Again);
    assert_eq!((&*part.running, &*part.here), ("10", "2"));
}

#[test]
fn tables_are_left_migrated_or_refused() {
    let plan = |applied: &[&str], pending: &[&str], changed: &[&str], unknown: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        planned(&Plan {
            applied: owned(applied),
            pending: owned(pending),
            changed: owned(changed),
            unknown: owned(unknown),
            statements: Vec::new(),
        })
    };
    let part = plan(&["0001_a"], &[], &[], &[]);
    assert_eq!((part.verdict, &*part.running), (Verdict::GoesOn, "0001_a"));
    let part = plan(&["0001_a"], &["0002_b"], &[], &[]);
    assert_eq!(part.verdict, Verdict::Updated);
    assert_eq!(part.what, "applies 0002_b");
    let part = plan(&[], &["0002_b"], &["0001_a"], &[]);
    assert_eq!(part.verdict, Verdict::Refused);
    let part = plan(&["0001_a"], &[], &[], &["0003_c"]);
    assert_eq!((part.verdict, &*part.running), (Verdict::GoesOn, "0003_c"));
    let added = Plan {
        statements: vec!["ALTER TABLE t ADD COLUMN c".to_owned()],
        ..Plan::default()
    };
    let part = planned(&added);
    assert_eq!(part.verdict, Verdict::Updated);
    assert!(part.what.contains("ADD COLUMN c"), "{}", part.what);
}

#[test]
fn the_worst_of_all_parts_is_said() {
    let part = |verdict| Part {
        part: "tables",
        running: String::new(),
        here: String::new(),
        verdict,
        what: String::new(),
    };
    let parts = [Verdict::Updated, Verdict::Again, Verdict::GoesOn].map(part);
    assert_eq!(of(parts.to_vec()).verdict, Verdict::Again);
    assert_eq!(of(Vec::new()).verdict, Verdict::GoesOn);
}
