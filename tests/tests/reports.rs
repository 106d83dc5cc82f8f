//! Reports on a real system: every format is written and opened again by another library, figures
//! are those of the views and of the api, what has no data is not 0, and exported reports of
//! engineers merge into what the system itself says of the team.

#![allow(clippy::unwrap_used)]

use calamine::{Data, Reader};
use serde_json::Value as Json;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Output;
use weir_tests::{System, copy_dir, root};

const KINDS: [&str; 10] = [
    "engineer",
    "team",
    "executive",
    "cost",
    "sla",
    "learning",
    "procedures",
    "compliance",
    "trend",
    "operator",
];
const FORMATS: [&str; 5] = ["html", "md", "json", "yaml", "csv"];
/// The days that are simulated, and those that most reports are of.
const START: &str = "2026-01-05";
const PERIOD: [&str; 4] = ["--from", "2026-01-19", "--to", "2026-02-01"];
/// Days without any data.
const EMPTY: [&str; 4] = ["--from", "2025-06-01", "--to", "2025-06-07"];

const MINE: &str = r#"
title: Calls of {{ tenant }}
reader: whoever asks
sections:
  - title: Calls
    figures: [{id: calls, measure: llm.call.calls}]
points: [{say: "There were {{ told.calls }}"}]
fields: {calls: calls}
"#;

struct Reports {
    system: System,
    dir: PathBuf,
    engineers: Vec<String>,
    operator: String,
}

impl Reports {
    fn simulated(dir: &Path) -> Reports {
        let own = dir.join("schemas");
        copy_dir(&root().join("schemas"), &own);
        fs::write(own.join("reports/mine.yaml"), MINE).unwrap();
        let system = System::start(dir, Some(&own), &[]);
        let fixed = [
            "simulate",
            "--engineers",
            "6",
            "--days",
            "28",
            "--start",
            START,
        ];
        let said = system.json(&[&fixed[..], &["--quiet"]].concat());
        assert!(said["written"].as_u64().unwrap() > 1000, "{said}");
        system.settle();
        let all = system.query(
            "SELECT DISTINCT engineer_email AS e FROM engineer_registered_events ORDER BY e",
        );
        let engineers = all
            .iter()
            .map(|r| r["e"].as_str().unwrap().to_owned())
            .collect();
        let named = system.query("SELECT min(operator_email) AS o FROM training_session_events");
        let operator = named[0]["o"].as_str().unwrap().to_owned();
        Reports {
            system,
            dir: dir.to_owned(),
            engineers,
            operator,
        }
    }

    fn ask(&self, kind: &str, period: &[&str], more: &[&str]) -> Output {
        let subject: &[&str] = match kind {
            _ if more.contains(&"--subject") => &[],
            "engineer" => &["--subject", &self.engineers[0]],
            "operator" => &["--subject", &self.operator],
            _ => &[],
        };
        self.system
            .weir(&[&["report", kind], period, subject, more].concat())
    }

    fn text(&self, kind: &str, period: &[&str], more: &[&str]) -> String {
        let out = self.ask(kind, period, more);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{kind} {more:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    }

    fn json(&self, kind: &str, period: &[&str]) -> Json {
        serde_json::from_str(&self.text(kind, period, &["--format", "json"])).unwrap()
    }

    fn file(&self, kind: &str, format: &str) -> Vec<u8> {
        let path = self.dir.join(format!("{kind}.{format}"));
        self.text(
            kind,
            &PERIOD,
            &["--format", format, "--output", path.to_str().unwrap()],
        );
        fs::read(path).unwrap()
    }
}

fn figure<'a>(report: &'a Json, id: &str) -> &'a Json {
    let sections = report["sections"].as_array().unwrap().iter();
    let mut figures = sections.flat_map(|s| s["figures"].as_array().unwrap());
    figures
        .find(|f| f["id"] == id)
        .unwrap_or_else(|| panic!("no figure {id}"))
}

/// Cells of a table's column, by the first column.
fn column(report: &Json, table: &str, id: &str) -> Vec<(String, Json)> {
    let sections = report["sections"].as_array().unwrap().iter();
    let mut tables = sections.flat_map(|s| s["tables"].as_array().unwrap());
    let table = tables.find(|t| t["id"] == table).unwrap();
    let columns = table["columns"].as_array().unwrap();
    let place = columns.iter().position(|c| c["id"] == id).unwrap();
    let rows = table["rows"].as_array().unwrap().iter();
    let mut cells: Vec<(String, Json)> = rows
        .map(|r| (r[0].as_str().unwrap().to_owned(), r[place].clone()))
        .collect();
    cells.sort_by(|a, b| a.0.cmp(&b.0));
    cells
}

#[test]
fn reports_say_what_the_views_say_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let mut reports = Reports::simulated(dir.path());
    every_format_is_written(&reports);
    figures_are_those_of_the_views(&reports);
    no_data_is_not_0(&reports);
    workbooks_have_numbers(&reports);
    slides_have_tables_and_charts(&reports);
    documents_can_be_read(&reports);
    what_is_declared_is_told(&reports);
    exported_reports_merge(&reports);
    reports.system.stop();
}

fn every_format_is_written(reports: &Reports) {
    for format in FORMATS {
        let text = reports.text("engineer", &PERIOD, &["--format", format]);
        let readable = match format {
            "html" => text.starts_with("<!doctype html>") && text.ends_with("</html>\n"),
            "md" => text.starts_with("# ") && text.contains("## "),
            "json" => serde_json::from_str::<Json>(&text).unwrap()["kind"] == "engineer",
            "yaml" => text.contains("\nexecutive_summary:\n"),
            _ => text.starts_with("section,item,") && text.lines().count() > 3,
        };
        assert!(readable, "{format}: {text}");
    }
    for kind in KINDS {
        let report = reports.json(kind, &PERIOD);
        assert!(
            report["complete_through"].as_str().unwrap() >= "2026-02-01",
            "{kind}"
        );
        let said = report["talking_points"].as_array().unwrap();
        assert!(!said.is_empty(), "{kind} has nothing to say");
        let cited = said.iter().flat_map(|p| p["cites"].as_object().unwrap());
        for (id, value) in cited {
            assert_eq!(&figure(&report, id)["value"], value, "{kind}: {id}");
        }
    }
    let refused = reports.ask("cost", &PERIOD, &["--format", "pptx"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("WEIR-1203"));
}

fn figures_are_those_of_the_views(reports: &Reports) {
    let over = "(from = '2026-01-19', to = '2026-02-01', step = 'all')";
    let system = &reports.system;
    let team = reports.json("team", &PERIOD);
    for kpi in [
        "roi",
        "cost_saved",
        "productivity_value",
        "memory_hit_rate",
        "productivity_gain",
    ] {
        let rows = system.query(&format!(
            "SELECT team, value FROM kpi_{kpi}{over} ORDER BY team"
        ));
        let rows: Vec<(String, Json)> = rows
            .into_iter()
            .map(|r| (r["team"].as_str().unwrap().to_owned(), r["value"].clone()))
            .collect();
        assert!(!rows.is_empty());
        assert_eq!(column(&team, "teams", kpi), rows, "{kpi}");
    }
    // What all teams have together: the formula over the sums of its terms, not a mean of values.
    let sum = |term: &str| system.number(&format!("SELECT sum(term_{term}) FROM kpi_roi{over}"));
    let terms = figure(&team, "roi")["terms"].as_array().unwrap();
    for term in terms {
        let name = term["name"].as_str().unwrap();
        let told = term["value"].as_f64().unwrap();
        assert!((told - sum(name)).abs() < 1e-6, "{name}: {told}");
    }
    let gain = sum("tokens_saved") / 1000.0 * 0.03
        + sum("calls_avoided") * 0.01
        + sum("minutes_saved") / 60.0 * 100.0 * 0.18;
    let roi = gain / (sum("engineers") * 50.0 / 30.0 * 14.0);
    let told = figure(&team, "roi")["value"].as_f64().unwrap();
    assert!((told - roi).abs() <= 0.000_51, "{told} is not {roi}");
    // What the executive is told is what the team is told.
    let executive = reports.json("executive", &PERIOD);
    for id in ["roi", "cost_saved", "commits", "tool_cost", "acceptance"] {
        assert_eq!(
            figure(&executive, id)["value"],
            figure(&team, id)["value"],
            "{id}"
        );
    }
    // The days before are those that the same report of these days has.
    let earlier = reports.json("team", &["--from", "2026-01-05", "--to", "2026-01-18"]);
    for id in ["cost_saved", "commits", "roi"] {
        assert_eq!(
            figure(&team, id)["before"],
            figure(&earlier, id)["value"],
            "{id}"
        );
    }
}

fn no_data_is_not_0(reports: &Reports) {
    for kind in ["engineer", "executive", "sla"] {
        let report = reports.json(kind, &EMPTY);
        let sections = report["sections"].as_array().unwrap().iter();
        for f in sections.flat_map(|s| s["figures"].as_array().unwrap()) {
            assert_eq!(f["value"], Json::Null, "{kind}: {f}");
            assert_eq!(f["status"], "no_data", "{kind}: {f}");
        }
        assert!(!report["missing"].as_array().unwrap().is_empty(), "{kind}");
        let page = reports.text(kind, &EMPTY, &["--format", "md"]);
        assert!(
            page.contains("no data") || page.contains("No data"),
            "{kind}: {page}"
        );
    }
}

fn workbooks_have_numbers(reports: &Reports) {
    for (kind, table, sheet, value) in [
        ("team", "teams", "What each team gets of it", "roi"),
        ("cost", "models", "Models", "usd"),
    ] {
        let report = reports.json(kind, &PERIOD);
        let bytes = reports.file(kind, "xlsx");
        let mut book = calamine::Xlsx::new(Cursor::new(bytes)).unwrap();
        let figures = book.worksheet_range("Figures").unwrap();
        let numbers = figures
            .rows()
            .filter(|r| matches!(r.get(2), Some(Data::Float(_))));
        assert!(numbers.count() > 3, "{kind}");
        let cells = column(&report, table, value);
        let known: Vec<f64> = cells.iter().filter_map(|(_, v)| v.as_f64()).collect();
        assert!(!known.is_empty(), "{kind}");
        let rows = book.worksheet_range(sheet).unwrap();
        let written: Vec<f64> = rows
            .rows()
            .flatten()
            .filter_map(|c| match c {
                Data::Float(x) => Some(*x),
                _ => None,
            })
            .collect();
        for x in known {
            assert!(written.contains(&x), "{kind}: {x} is not in {written:?}");
        }
    }
}

fn slides_have_tables_and_charts(reports: &Reports) {
    let bytes = reports.file("executive", "pptx");
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = zip
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    let (mut tables, mut charts, mut slides) = (0, 0, 0);
    for name in &names {
        let mut bytes = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        if name.ends_with(".xlsx") {
            let mut book = calamine::Xlsx::new(Cursor::new(bytes)).unwrap();
            assert!(book.worksheet_range("Sheet1").unwrap().height() > 1);
            continue;
        }
        let text = String::from_utf8(bytes).unwrap();
        let tree = roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let count = |tag: &str| {
            tree.descendants()
                .filter(|n| n.has_tag_name(tag_of(tag)))
                .count()
        };
        tables += count("a:tbl");
        if name.starts_with("ppt/slides/slide") {
            slides += 1;
            assert!(count("a:t") > 0, "{name} is empty");
        }
        charts += count("c:chartSpace");
        // Whatever is referred to is there.
        if let Some((folder, _)) = name.split_once("_rels/") {
            for n in tree.descendants().filter_map(|n| n.attribute("Target")) {
                let path = match n.strip_prefix("../") {
                    Some(rest) => format!("ppt/{rest}"),
                    None => format!("{folder}{n}"),
                };
                assert!(names.contains(&path), "{name}: {path}");
            }
        }
    }
    assert!(
        slides >= 8 && tables >= 6 && charts >= 2,
        "{slides} {tables} {charts}"
    );
}

fn documents_can_be_read(reports: &Reports) {
    for kind in ["executive", "engineer"] {
        let document = lopdf::Document::load_mem(&reports.file(kind, "pdf")).unwrap();
        let pages: Vec<u32> = document.get_pages().into_keys().collect();
        let bare = |text: &str| text.replace(char::is_whitespace, "");
        let shown = bare(&document.extract_text(&pages).unwrap());
        let report = reports.json(kind, &PERIOD);
        let points = report["talking_points"].as_array().unwrap().iter();
        let said = points.map(|p| p["text"].as_str().unwrap());
        for text in said.chain([report["title"].as_str().unwrap()]) {
            assert!(
                shown.contains(&bare(text)),
                "{kind}: {text} is not in {shown}"
            );
        }
    }
}

/// A name with its namespace.
fn tag_of(name: &str) -> (&'static str, &str) {
    const DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";
    const CHART: &str = "http://schemas.openxmlformats.org/drawingml/2006/chart";
    match name.split_once(':').unwrap() {
        ("c", name) => (CHART, name),
        (_, name) => (DRAWING, name),
    }
}

fn what_is_declared_is_told(reports: &Reports) {
    let mine = reports.json("mine", &PERIOD);
    let calls = reports.system.number(
        "SELECT sum(calls) FROM llm_call_1d WHERE rollup = '' AND day BETWEEN '2026-01-19' AND '2026-02-01'",
    );
    assert_eq!(figure(&mine, "calls")["value"].as_f64(), Some(calls));
    assert_eq!(mine["title"], "Calls of acme");
    let yaml = reports.text("mine", &PERIOD, &["--format", "yaml"]);
    assert_eq!(
        yaml.trim().trim_end_matches(".0"),
        format!("calls: {calls}")
    );
    let templates = reports.dir.join("templates");
    fs::create_dir_all(&templates).unwrap();
    let own = "{{ report.sections[0].figures[0].value | unit('calls', 0) }} & more";
    fs::write(templates.join("report.md"), own).unwrap();
    let more = ["--format", "md", "--templates", templates.to_str().unwrap()];
    let page = reports.text("mine", &PERIOD, &more);
    assert!(page.ends_with(" calls & more"), "{page}");
    fs::write(templates.join("report.md"), "{{ report.title | nothing }}").unwrap();
    let refused = reports.ask("mine", &PERIOD, &more);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("WEIR-1202"));
}

fn exported_reports_merge(reports: &Reports) {
    let files: Vec<String> = reports
        .engineers
        .iter()
        .map(|engineer| {
            let path = reports.dir.join(format!("{engineer}.yaml"));
            let path = path.to_str().unwrap().to_owned();
            let more = ["--format", "yaml", "--subject", engineer, "--output", &path];
            reports.text("engineer", &PERIOD, &more);
            path
        })
        .collect();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let merge = |files: &[&str]| {
        let args = [&["team", "aggregate"], files, &["--format", "json"]].concat();
        reports.system.weir(&args)
    };
    let out = merge(&names);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let merged: Json = serde_json::from_slice(&out.stdout).unwrap();
    let team = reports.json("team", &PERIOD);
    for id in [
        "engineers_active",
        "cost_saved",
        "minutes_saved",
        "tool_cost",
        "roi",
        "commits",
        "prs_merged",
        "memory_hit_rate",
        "acceptance",
        "saved_annual",
    ] {
        let (own, other) = (figure(&team, id), figure(&merged, id));
        let (own, other) = (
            own["value"].as_f64().unwrap(),
            other["value"].as_f64().unwrap(),
        );
        assert!(
            (own - other).abs() <= 1e-6 * own.abs().max(1.0),
            "{id}: {own} {other}"
        );
    }
    assert_eq!(
        column(&merged, "engineers", "roi"),
        column(&team, "engineers", "roi")
    );
    assert_eq!(
        column(&merged, "capabilities", "executions").len(),
        column(&team, "capabilities", "executions").len()
    );
    for wrong in [vec![names[0], names[1], names[0]], vec!["Cargo.toml"]] {
        let out = merge(&wrong);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            !out.status.success() && said.contains("WEIR-1204") || said.contains("cannot read"),
            "{said}"
        );
    }
    let other = reports.dir.join("other.yaml");
    let path = other.to_str().unwrap();
    let more = [
        "--format",
        "yaml",
        "--subject",
        &reports.engineers[1],
        "--output",
        path,
    ];
    reports.text(
        "engineer",
        &["--from", "2026-01-20", "--to", "2026-02-01"],
        &more,
    );
    let out = merge(&[names[0], path]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("of the same days"));
}
