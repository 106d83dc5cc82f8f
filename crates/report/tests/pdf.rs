//! The document is opened again by another library: it is tagged, tells what it is in words, and
//! has the report's numbers.
#![allow(clippy::unwrap_used)]

use lopdf::{Document, Object};
use std::collections::BTreeMap;
use weir_report::model::{
    Chart, ChartKind, Column, Figure, Point, Report, Section, Series, Span, Table,
};
use weir_report::{Declaration, Format, Renderer};

fn figure(title: &str, value: Option<f64>) -> Figure {
    Figure {
        id: "spend".into(),
        title: title.into(),
        value,
        unit: "usd".into(),
        decimals: 2,
        target: Some(100.0),
        higher_is_better: Some(false),
        status: "on_target".into(),
        before: Some(50.0),
        change_percent: Some(69.5),
        formula: "spend".into(),
        terms: Vec::new(),
        source: "kpi_spend".into(),
    }
}

/// A report with a table that is longer than a page.
fn report() -> Report {
    let span = |from: &str, to: &str| Span {
        from: from.into(),
        to: to.into(),
        days: 30,
    };
    let column = |id: &str, unit: &str| Column {
        id: id.into(),
        title: id.into(),
        unit: unit.into(),
        decimals: 0,
        hidden: false,
    };
    let chart = |kind, id: &str| Chart {
        id: id.into(),
        title: format!("Chart of {id}"),
        kind,
        unit: "usd".into(),
        decimals: 2,
        labels: vec![
            "2026-03-01".into(),
            "2026-03-02".into(),
            "2026-03-03".into(),
        ],
        series: vec![Series {
            name: "core".into(),
            values: vec![Some(7.0), None, Some(9.0)],
        }],
    };
    Report {
        kind: "executive".into(),
        title: "What it was worth to acme \u{4e2d}".into(),
        reader: "executives".into(),
        tenant: "acme".into(),
        subject: None,
        period: span("2026-03-01", "2026-03-30"),
        before: span("2026-01-30", "2026-02-28"),
        generated_at: "2026-03-31T07:00:00Z".into(),
        complete_through: None,
        sections: vec![Section {
            title: "In short".into(),
            note: Some("A note.".into()),
            figures: vec![figure("Spend", Some(84.75)), figure("Nothing", None)],
            charts: vec![
                chart(ChartKind::Line, "days"),
                chart(ChartKind::Bar, "names"),
            ],
            tables: vec![Table {
                id: "t".into(),
                title: "Models".into(),
                columns: vec![column("model", ""), column("calls", "calls")],
                rows: (0..120)
                    .map(|n| vec![format!("model-{n}").into(), (n * 1000).into()])
                    .collect(),
                rows_in_all: 500,
                empty: None,
                hidden: false,
                source: String::new(),
            }],
        }],
        talking_points: vec![Point {
            text: "Spend was $84.75".into(),
            cites: BTreeMap::new(),
        }],
        recommendations: Vec::new(),
        missing: vec!["Nothing: no data".into()],
    }
}

fn written(report: &Report) -> Vec<u8> {
    let all = Declaration::shipped().unwrap();
    let executive = Declaration::find(all, "executive").unwrap();
    let format = Format::of("pdf", &executive).unwrap();
    Renderer::default()
        .render(report, &executive, format)
        .unwrap()
}

/// Kinds of elements of the tree, how often each.
fn kinds(document: &Document) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for object in document.objects.values() {
        let Object::Dictionary(d) = object else {
            continue;
        };
        let is_element = d
            .get(b"Type")
            .and_then(Object::as_name)
            .is_ok_and(|t| t == b"StructElem");
        if let Ok(kind) = d.get(b"S").and_then(Object::as_name)
            && (is_element || d.has(b"P"))
        {
            *kinds
                .entry(String::from_utf8_lossy(kind).into_owned())
                .or_default() += 1;
        }
    }
    kinds
}

#[test]
fn a_document_is_tagged_and_has_the_numbers() {
    let bytes = written(&report());
    let document = Document::load_mem(&bytes).unwrap();
    let catalog = document.catalog().unwrap();
    let marked = catalog
        .get_deref(b"MarkInfo", &document)
        .and_then(Object::as_dict)
        .unwrap();
    assert!(marked.get(b"Marked").and_then(Object::as_bool).unwrap());
    assert_eq!(
        catalog.get(b"Lang").and_then(Object::as_str).unwrap(),
        b"en"
    );
    assert!(catalog.has(b"StructTreeRoot") && catalog.has(b"Outlines"));
    let kinds = kinds(&document);
    assert_eq!(kinds["H1"], 1, "{kinds:?}");
    assert_eq!(kinds["Figure"], 2, "{kinds:?}");
    assert_eq!(kinds["Table"], 2, "{kinds:?}");
    // 120 rows and a head, 2 figures and a head.
    assert_eq!(kinds["TR"], 124, "{kinds:?}");
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("pdfuaid"), "says that it is PDF/UA");

    let pages = document.get_pages();
    assert!(pages.len() >= 3, "{} pages", pages.len());
    let numbers: Vec<u32> = pages.keys().copied().collect();
    let shown = document.extract_text(&numbers).unwrap();
    for wanted in [
        "$84.75",
        "no data",
        "119,000",
        "model-119",
        "120 of 500 rows",
        "+69.5 %",
    ] {
        let bare = |t: &str| t.replace(char::is_whitespace, "");
        assert!(
            bare(&shown).contains(&bare(wanted)),
            "{wanted} is not in {shown}"
        );
    }
}

#[test]
fn the_same_report_is_the_same_file_and_an_empty_one_is_one_too() {
    assert!(written(&report()) == written(&report()));
    let mut empty = report();
    empty.sections.clear();
    empty.talking_points.clear();
    empty.missing.clear();
    let document = Document::load_mem(&written(&empty)).unwrap();
    assert_eq!(document.get_pages().len(), 1);
}
