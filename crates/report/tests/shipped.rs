//! What the shipped reports name is there.

#![allow(clippy::unwrap_used)]

use weir_catalog::Catalog;
use weir_report::{Declaration, FigureDef, Format};
use weir_store::{Question, kpi_at};

/// Why a figure cannot be read on subjects of `by`, if it cannot.
fn wrong(catalog: &Catalog, f: &FigureDef, by: Option<&[String]>) -> Option<String> {
    let by = f.by.as_deref().or(by);
    let told = |what: &str| Some(format!("{}: {what} at {by:?}", f.id));
    match (&f.kpi, &f.measure) {
        (Some(name), None) => {
            let Some(own) = catalog.kpi(name) else {
                return told("no such KPI");
            };
            match kpi_at(own, catalog, by.unwrap_or(&own.dimensions)) {
                Some(_) => None,
                None => told("not kept"),
            }
        }
        (None, Some(path)) => {
            let Ok((event, ..)) = catalog.statistic(path) else {
                return told("no such measure");
            };
            let names: Vec<&str> = by.unwrap_or_default().iter().map(String::as_str).collect();
            match catalog.events[event].rollup_id(&names) {
                Some(_) => None,
                None => told("not kept"),
            }
        }
        _ => told("neither or both"),
    }
}

#[test]
fn every_shipped_report_names_what_there_is() {
    let catalog = Catalog::embedded().unwrap();
    let questions = Question::built_in();
    let all = Declaration::shipped().unwrap();
    assert!(all.len() >= 9);
    let mut found = Vec::new();
    for d in &all {
        for s in &d.sections {
            found.extend(s.figures.iter().filter_map(|f| wrong(&catalog, f, None)));
            for t in &s.tables {
                let of = t.figures.iter();
                found.extend(of.filter_map(|f| wrong(&catalog, f, Some(&t.by))));
                if let Some(name) = &t.question
                    && !questions.iter().any(|q| q.name == *name)
                {
                    found.push(format!("{}: no question {name}", t.id));
                }
            }
        }
        for name in &d.formats {
            assert!(Format::of(name, d).is_ok(), "{}: {name}", d.name);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_declaration_is_refused_with_where_and_why() {
    let refused = |text: &str| {
        let parsed = Declaration::parse("mine".into(), text);
        parsed.unwrap_err().to_string()
    };
    let unknown = refused("title: T\nreader: R\nsections: []\ncolour: red\n");
    assert!(unknown.starts_with("WEIR-1201: report mine: "), "{unknown}");
    assert!(unknown.contains("colour"), "{unknown}");
    let twice = "title: T\nreader: R\nsections:\n  - {title: S, figures: [{id: a, kpi: roi}, {id: a, kpi: roi}]}\n";
    assert!(refused(twice).contains("called a"), "{}", refused(twice));
    let plain = Declaration::parse("mine".into(), "title: T\nreader: R\nsections: []\n").unwrap();
    let refused = Format::of("pptx", &plain).unwrap_err().to_string();
    assert!(refused.starts_with("WEIR-1203"), "{refused}");
}
