//! A request for each resource.

use super::catalog;
use super::data::value;
use weir_store::Question;

/// Days that have numbers, as most resources take them.
const SPAN: &str = "from=2026-02-01&to=2026-03-31";

/// An order of the report `learning`, as an id.
pub const ORDERED: &str =
    "eyJyZXBvcnQiOiJsZWFybmluZyIsImZyb20iOiIyMDI2LTAyLTAxIiwidG8iOiIyMDI2LTAzLTMxIn0";

/// A request for each route of the document, for a tenant; most of them show something.
pub fn requests(tenant: &str) -> Vec<(String, String)> {
    let of = |names: &[String]| -> String {
        let each = names.iter();
        each.map(|n| format!("&subject[{n}]={}", value(tenant)))
            .collect()
    };
    let kpi = |name: &str| of(&catalog().kpi(name).unwrap().dimensions);
    let cost = kpi("cost_per_call");
    let mut all: Vec<(&str, String)> = vec![
        ("/v1/status", "/v1/status".into()),
        ("/v1/reports", "/v1/reports".into()),
        ("/v1/schedules", "/v1/schedules".into()),
        (
            "/v1/reports/{report}",
            format!("/v1/reports/team?{SPAN}&format=json"),
        ),
        (
            "/v1/reports/{report}",
            format!("/v1/reports/cost?{SPAN}&format=md"),
        ),
        (
            "/api/analytics/reports/{id}/download",
            format!("/api/analytics/reports/{ORDERED}/download?format=html"),
        ),
        ("/v1/event-types", "/v1/event-types".into()),
        (
            "/v1/event-types/{event_type}",
            "/v1/event-types/llm.call".into(),
        ),
        ("/v1/kpis", "/v1/kpis".into()),
        ("/v1/kpis/{kpi}", "/v1/kpis/cost_per_call".into()),
        (
            "/v1/kpis/{kpi}/values",
            format!("/v1/kpis/cost_per_call/values?{SPAN}&step=week"),
        ),
        (
            "/v1/kpis/{kpi}/windows",
            "/v1/kpis/cost_per_call/windows?from=2026-03-01&as_of=2026-03-08".into(),
        ),
        (
            "/v1/kpis/{kpi}/published",
            format!("/v1/kpis/spend_per_hour/published?{SPAN}"),
        ),
        (
            "/v1/kpis/{kpi}/trend",
            format!("/v1/kpis/cost_per_call/trend?{SPAN}&better=lower{cost}"),
        ),
        (
            "/v1/kpis/{kpi}/forecast",
            format!("/v1/kpis/cost_per_call/forecast?{SPAN}&horizon=7{cost}"),
        ),
        ("/v1/alerts", "/v1/alerts".into()),
        ("/v1/alerts/{id}", format!("/v1/alerts/{tenant}-00")),
        ("/v1/silences", "/v1/silences".into()),
        ("/v1/anomalies", "/v1/anomalies".into()),
        ("/v1/anomalies/{id}", format!("/v1/anomalies/{tenant}-00")),
        (
            "/v1/explain/measures/{statistic}",
            "/v1/explain/measures/llm.call.cost?window=2026-03-02".into(),
        ),
        ("/v1/explain/kpis/{kpi}", explained("cost_per_call", tenant)),
        ("/v1/questions", "/v1/questions".into()),
        (
            "/v1/measures/{statistic}/values",
            format!("/v1/measures/llm.call.cost/values?{SPAN}&by=team,model&step=month"),
        ),
        (
            "/api/analytics/leaderboard",
            "/api/analytics/leaderboard?type=xp".into(),
        ),
        (
            "/api/analytics/operator/{id}/performance",
            format!("/api/analytics/operator/{}/performance", value(tenant)),
        ),
        (
            "/api/analytics/operator/{id}/recommendations",
            format!("/api/analytics/operator/{}/recommendations", value(tenant)),
        ),
        (
            "/api/analytics/cost/breakdown",
            "/api/analytics/cost/breakdown?category=model&time_range_days=700".into(),
        ),
    ];
    for (route, more) in [
        ("/v1/scores", ""),
        ("/v1/slas", ""),
        ("/v1/budgets", ""),
        ("/v1/experiments", ""),
        ("/v1/deployments", ""),
        ("/v1/leaderboards", "&limit=5"),
        ("/v1/procedures", "&limit=5"),
    ] {
        all.push((route, format!("{route}?{SPAN}{more}")));
    }
    for route in ["/v1/forecasts", "/v1/trends", "/v1/findings"] {
        all.push((route, format!("{route}?since=2026-03-01")));
    }
    for event in &catalog().events {
        let name = &event.name;
        // Not every type is kept without dimensions.
        let by = event.rollup_dimensions(&event.rollups[0]).join(",");
        let path = format!("/v1/aggregates/{name}?window=1d&by={by}");
        all.push(("/v1/aggregates/{event_type}", path));
    }
    for q in Question::built_in() {
        let takes = |p: &str| q.parameters.iter().any(|q| q.name == p);
        let span = if takes("from") { SPAN } else { "" };
        let path = format!("/v1/questions/{}?{span}", q.name);
        all.push(("/v1/questions/{name}", path));
    }
    all.into_iter().map(|(r, p)| (r.to_owned(), p)).collect()
}

/// A value of a KPI of windows that are days or end with one.
fn explained(name: &str, tenant: &str) -> String {
    let catalog = catalog();
    let kpi = catalog.kpi(name).unwrap();
    let each = kpi.dimensions.iter();
    let subject: String = each
        .map(|n| format!("&subject[{n}]={}", value(tenant)))
        .collect();
    let window = match kpi.window.label() {
        "1d" => "2026-03-02",
        "1h" => "2026-03-02T06",
        _ => "2026-03-03T00:00:00Z",
    };
    format!("/v1/explain/kpis/{name}?window={window}{subject}")
}
