//! Reports over HTTP: files of the right type, with the numbers that the other resources have.
#![allow(clippy::unwrap_used)]

mod common;

use common::data::{filled, value};
use common::{Answer, Served, token};
use serde_json::{Value, json};
use std::io::Read;
use weir_http::token::Scope;

/// Days that have numbers.
const SPAN: &str = "from=2026-02-01&to=2026-03-31";

struct Api {
    served: Served,
    acme: String,
}

impl Api {
    fn get(&self, path: &str) -> Answer {
        self.served.get(path, &self.acme)
    }

    fn report(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.body
    }
}

fn figure<'a>(report: &'a Value, id: &str) -> &'a Value {
    let sections = report["sections"].as_array().unwrap().iter();
    let mut all = sections.flat_map(|s| s["figures"].as_array().unwrap());
    all.find(|f| f["id"] == id)
        .unwrap_or_else(|| panic!("no figure {id}"))
}

#[test]
fn reports_are_files_with_the_numbers_of_the_other_resources() {
    let served = Served::start(filled("reports"), |c| c.analysis.enabled = false);
    let acme = token("acme", Scope::Read);
    served.knows(&acme);
    let api = Api { served, acme };
    they_are_listed(&api);
    figures_are_those_of_kpis(&api);
    each_format_is_what_it_says(&api);
    what_cannot_be_is_a_problem(&api);
    in_two_steps_it_is_the_same(&api);
}

fn they_are_listed(api: &Api) {
    let all = api.get("/v1/reports");
    let of = |name: &str| {
        all.rows()
            .iter()
            .find(|r| r["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(of("engineer")["subject"], "engineer");
    assert_eq!(of("cost")["subject"], Value::Null);
    assert_eq!(
        of("executive")["formats"],
        json!(["html", "md", "json", "yaml", "csv", "pptx", "pdf"])
    );
}

fn figures_are_those_of_kpis(api: &Api) {
    let who = value("acme");
    let report = api.report(&format!(
        "/v1/reports/engineer?{SPAN}&format=json&subject={who}"
    ));
    assert_eq!(
        (&report["tenant"], &report["period"]["days"]),
        (&"acme".into(), &59.into())
    );
    let mut compared = 0;
    for (id, kpi) in [
        ("commits_per_day", "commits_per_day"),
        ("quality_score", "quality_score"),
        ("value_delivered", "engineer_value"),
    ] {
        let path = format!("/v1/kpis/{kpi}/values?{SPAN}&subject[engineer]={who}");
        let answer = api.get(&path);
        assert_eq!(answer.rows().len(), 1, "{path}: {}", answer.text());
        let (own, other) = (&figure(&report, id)["value"], &answer.rows()[0]["value"]);
        // JSON has one kind of numbers: 62 is 62.0.
        assert_eq!(own.as_f64(), other.as_f64(), "{id}");
        compared += usize::from(own.as_f64().is_some_and(|v| v > 0.0));
    }
    assert!(compared >= 2, "too little is there to compare: {report}");
    let spend = &figure(&report, "spend")["value"];
    let path = format!("/v1/measures/llm.call.cost/values?{SPAN}&subject[engineer]={who}");
    assert_eq!(spend.as_f64(), api.get(&path).rows()[0]["value"].as_f64());
    assert!(spend.as_f64().unwrap() > 0.0);
}

fn each_format_is_what_it_says(api: &Api) {
    for (report, format, kind, begins) in [
        (
            "team",
            "html",
            "text/html; charset=utf-8",
            &b"<!doctype html>"[..],
        ),
        ("team", "md", "text/markdown; charset=utf-8", b"# "),
        ("team", "yaml", "application/yaml", b"report_metadata:"),
        ("team", "csv", "text/csv; charset=utf-8", b""),
        ("executive", "pdf", "application/pdf", b"%PDF-"),
        (
            "cost",
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            b"PK",
        ),
        (
            "executive",
            "pptx",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            b"PK",
        ),
    ] {
        let path = format!("/v1/reports/{report}?{SPAN}&format={format}");
        let answer = api.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), kind);
        let named =
            format!("attachment; filename=\"{report}-acme-2026-02-01-2026-03-31.{format}\"");
        assert_eq!(answer.header("content-disposition"), named);
        assert!(
            answer.bytes.starts_with(begins),
            "{path}: {}",
            answer.text()
        );
        // Where a minute ends in between, it is asked once more.
        let same = |tag: &str| {
            api.served
                .ask("GET", &path, &api.acme, &[("if-none-match", tag)])
        };
        let again = same(answer.header("etag"));
        if again.status != 304 {
            assert_eq!(same(again.header("etag")).status, 304, "{path}");
        }
    }
    let mut text = String::new();
    let page = api.get(&format!("/v1/reports/cost?{SPAN}"));
    page.bytes.as_slice().read_to_string(&mut text).unwrap();
    assert!(text.contains("acme") && !text.contains("zeta"), "{text}");
}

fn what_cannot_be_is_a_problem(api: &Api) {
    for (path, status, code, says) in [
        ("/v1/reports/costs", 404, "WEIR-0931", "cost"),
        (
            "/v1/reports/cost?format=pptx",
            400,
            "WEIR-1203",
            "no format pptx",
        ),
        (
            "/v1/reports/engineer",
            400,
            "WEIR-1203",
            "name it with subject",
        ),
        (
            "/v1/reports/cost?subject=ada",
            400,
            "WEIR-1203",
            "leave subject out",
        ),
        (
            "/v1/reports/cost?period=soon",
            400,
            "WEIR-1203",
            "period takes days",
        ),
        (
            "/v1/reports/cost?from=2026-04-01&to=2026-03-01",
            400,
            "WEIR-1203",
            "lies after",
        ),
        (
            "/v1/reports/cost?period=7d&from=2026-03-01",
            400,
            "WEIR-1203",
            "leave one",
        ),
        ("/v1/reports/cost?tenant=zeta", 400, "WEIR-0305", "tenant"),
        (
            "/api/analytics/reports/nothing/download",
            404,
            "WEIR-0931",
            "no such report",
        ),
    ] {
        let answer = api.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.contains(says) && !detail.contains("--"),
            "{path}: {detail}"
        );
        assert_eq!(answer.body["code"], code, "{path}: {detail}");
    }
    assert_eq!(api.served.get("/v1/reports/cost", "").status, 401);
}

fn in_two_steps_it_is_the_same(api: &Api) {
    let order = json!({
        "report_type": "operator_progress",
        "parameters": {"operator_id": value("acme"), "from": "2026-02-01", "to": "2026-03-31"},
    });
    let path = ("POST", "/api/analytics/reports/generate");
    let made = api.served.send(path, &api.acme, &[], &order.to_string());
    assert_eq!(made.status, 200, "{}", made.text());
    let made = &made.body["data"];
    assert_eq!(made["report"], "operator");
    let download = made["download"].as_str().unwrap();
    let mut report = api.report(&format!("{download}?format=json"));
    let direct = format!(
        "/v1/reports/operator?{SPAN}&format=json&subject={}",
        value("acme")
    );
    let mut direct = api.report(&direct);
    for report in [&mut report, &mut direct] {
        report["generated_at"] = Value::Null;
    }
    assert_eq!(report, direct);
    assert!(figure(&report, "sessions")["value"].as_f64().unwrap() > 0.0);
    let unknown = json!({"report_type": "weather"}).to_string();
    assert_eq!(api.served.send(path, &api.acme, &[], &unknown).status, 404);
}
