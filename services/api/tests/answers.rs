//! How answers are given: pages, tags, packed, within limits, and refused in one form.
#![allow(clippy::unwrap_used)]

mod common;

use common::asked::ORDERED;
use common::data::{DAYS, RESULTS, alert, filled, value};
use common::{Answer, Served, token};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Read;
use weir_http::token::Scope;
use weir_store::{Store, StoreConfig};

/// Walks a list from page to page: the rows of all.
fn walk(api: &Served, path: &str, token: &str, mut between: impl FnMut(usize)) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut after = String::new();
    for page in 0.. {
        let answer = api.get(&format!("{path}{after}"), token);
        rows.extend(answer.rows().iter().cloned());
        match answer.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
        between(page);
    }
    rows
}

#[test]
fn pages_visit_every_row_once_while_others_come() {
    let config = filled("pages");
    let api = Served::start(config.clone(), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = Store::new(&config);
    let ids = |rows: &[Value]| -> Vec<String> {
        let id = |r: &Value| r["id"].as_str().unwrap().to_owned();
        rows.iter().map(id).collect()
    };
    // New ones open meanwhile, before those that are walked.
    let come = |page: usize| {
        let sql = alert(
            "acme",
            &format!("new-{page}"),
            "open",
            "2026-04-01 00:00:00",
        );
        runtime.block_on(store.execute(&sql)).unwrap();
    };
    let seen = ids(&walk(&api, "/v1/alerts?limit=4", &acme, come));
    let all: BTreeSet<String> = (0..RESULTS).map(|n| format!("acme-{n:02}")).collect();
    assert_eq!(seen.len(), RESULTS, "{seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    let open = walk(
        &api,
        "/v1/alerts?limit=4&status=open&to=2026-03-31",
        &acme,
        |_| {},
    );
    assert_eq!(open.len(), RESULTS.div_ceil(2));
    assert!(open.iter().all(|a| a["state"] == "open"));
    let found = ids(&walk(&api, "/v1/anomalies?limit=1", &acme, |_| {}));
    assert_eq!(found.len(), RESULTS);
    let team = value("acme").to_owned();
    for (path, want) in [
        (
            "/v1/aggregates/llm.call?window=1d&by=team&measures=calls&limit=7&to=2026-04-01",
            DAYS,
        ),
        (
            "/v1/kpis/cost_per_call/values?from=2026-02-01&to=2026-03-31&step=day&limit=9",
            DAYS,
        ),
        (
            "/v1/kpis/cost_per_call/values?from=2026-02-01&to=2026-03-31&step=month&limit=1",
            2,
        ),
    ] {
        let rows = walk(&api, path, &acme, |_| {});
        assert_eq!(rows.len() as i64, want, "{path}");
        let key = |r: &Value| format!("{} {} {}", r["window_start"], r["from"], r["subject"]);
        let keys: Vec<String> = rows.iter().map(key).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), rows.len());
        let values = rows[0]["subject"].as_object().unwrap();
        assert!(
            values.values().all(|v| *v == team.as_str()),
            "{path}: {values:?}"
        );
    }
}

#[test]
fn a_value_is_the_one_that_the_view_has() {
    let config = filled("same");
    let api = Served::start(config.clone(), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    let path = "/v1/kpis/cost_per_call/values?from=2026-02-10&to=2026-03-20&step=week";
    let told: Vec<Value> = api.get(path, &acme).rows().clone();
    let sql = "SELECT toString(`from`), value, term_calls FROM kpi_cost_per_call(from = \
               '2026-02-10', to = '2026-03-20', step = 'week') WHERE tenant = 'acme' ORDER BY 1";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = runtime
        .block_on(Store::new(&config).rows(sql, &[]))
        .unwrap()
        .rows;
    assert!(rows.len() > 4, "{rows:?}");
    let told: Vec<Vec<Value>> = told
        .iter()
        .map(|r| {
            vec![
                r["from"].clone(),
                r["value"].clone(),
                r["terms"]["calls"].clone(),
            ]
        })
        .collect();
    assert_eq!(told, rows);
}

#[test]
fn statistics_are_of_days_with_their_gaps() {
    let api = Served::start(filled("series"), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    let model = value("acme");
    let of = |what: &str, more: &str| {
        let path = format!("/v1/kpis/cost_per_call/{what}?subject[model]={model}{more}");
        api.get(&path, &acme)
    };
    let trend = of("trend", "&from=2026-02-01&to=2026-03-31&better=lower");
    assert_eq!(trend.status, 200, "{}", trend.text());
    assert_eq!(trend.body["data"]["values"], DAYS);
    assert_eq!(trend.body["data"]["verdict"], "stable");
    let forecast = of("forecast", "&from=2026-02-01&to=2026-04-03&horizon=5");
    let points = forecast.body["data"]["points"].as_array().unwrap();
    assert_eq!(points.len(), 5);
    // After the last day that is asked for, though the last value is three days older.
    assert_eq!(points[0]["time"], "2026-04-04T00:00:00Z");
    let value = forecast.body["data"]["points"][0]["point"]
        .as_f64()
        .unwrap();
    let lower = points[0]["lower_95"].as_f64().unwrap();
    assert!(lower <= value && value > 0.0, "{points:?}");
    let short = of("forecast", "&from=2026-02-01&to=2026-02-05");
    assert_eq!(
        (short.status, &short.body["code"]),
        (422, &json!("WEIR-0324"))
    );
    let whole = api.get("/v1/kpis/cost_per_call/trend?better=lower", &acme);
    assert_eq!(whole.status, 400, "{}", whole.text());
    let far = of("forecast", "&horizon=5000");
    assert_eq!(far.status, 400, "{}", far.text());
}

#[test]
fn the_endpoints_of_other_clients_show_the_same_numbers() {
    let api = Served::start(filled("analytics"), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    let name = value("acme");
    let costs = api.get(
        "/api/analytics/cost/breakdown?category=model&time_range_days=3",
        &acme,
    );
    let item = &costs.body["data"]["items"][0];
    assert_eq!(item["name"], name.as_str(), "{}", costs.text());
    assert_eq!(
        (&item["cost"], &item["percent"]),
        (&json!(30.0), &json!(100.0))
    );
    assert_eq!(costs.body["data"]["total_cost"], 30.0);
    let today = &costs.body["data"]["to"].as_str().unwrap().to_owned();
    let from = costs.body["data"]["from"].as_str().unwrap().to_owned();
    let path = format!("/v1/measures/llm.call.cost/values?by=model&from={from}&to={today}");
    assert_eq!(api.get(&path, &acme).rows()[0]["value"], 30.0);
    for wrong in [
        "category=colour",
        "time_range_days=0",
        "category=model,team",
    ] {
        let answer = api.get(&format!("/api/analytics/cost/breakdown?{wrong}"), &acme);
        refused(&answer, 400, "WEIR-0305");
    }
    let board = api.get("/api/analytics/leaderboard?type=xp&limit=10", &acme);
    let first = &board.rows()[0];
    assert_eq!((&first["rank"], &first["name"]), (&json!(1), &json!(name)));
    assert_eq!(first["value"].as_f64(), first["values"]["xp"].as_f64());
    assert!(first["value"].as_f64() > Some(0.0));
    let how = api.get(
        &format!("/api/analytics/operator/{name}/performance"),
        &acme,
    );
    let kpis = how.body["data"]["kpis"].as_array().unwrap();
    let xp = kpis.iter().find(|k| k["kpi"] == "operator_xp").unwrap();
    let same = xp["value"].as_f64() == first["value"].as_f64();
    assert!(same, "{} {}", how.text(), board.text());
    refused(
        &api.get("/api/analytics/operator/zeta-x/performance", &acme),
        404,
        "WEIR-0931",
    );
    refused(
        &api.get("/api/analytics/leaderboard?type=luck", &acme),
        400,
        "WEIR-0305",
    );
}

#[test]
fn what_did_not_change_is_not_sent_again_and_what_is_sent_is_packed() {
    let api = Served::start(filled("tags"), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    let path = "/v1/alerts?to=2026-03-31";
    let first = api.get(path, &acme);
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let again = api.ask("GET", path, &acme, &[("if-none-match", &tag)]);
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    let other = api.ask("GET", "/v1/anomalies", &acme, &[("if-none-match", &tag)]);
    assert_eq!(other.status, 200);
    // Not to who may not see it.
    let stranger = api.ask("GET", path, "", &[("if-none-match", &tag)]);
    assert_eq!(stranger.status, 401);
    let packed = |how: &str| api.ask("GET", path, &acme, &[("accept-encoding", how)]);
    let gzip = packed("gzip");
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&gzip.bytes[..])
        .read_to_end(&mut plain)
        .unwrap();
    assert_eq!(plain, first.bytes);
    let zstd = packed("zstd");
    assert_eq!(zstd.header("content-encoding"), "zstd");
    assert_eq!(zstd::decode_all(&zstd.bytes[..]).unwrap(), first.bytes);
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let text = answer.text();
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (status, Some(code)),
        "{text}"
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
    for name in ["type", "title", "detail", "remedy"] {
        assert!(
            answer.body[name].as_str().is_some_and(|t| !t.is_empty()),
            "{name}: {text}"
        );
    }
    assert_eq!(answer.body["status"], status);
}

#[test]
fn what_cannot_be_answered_is_a_problem() {
    let api = Served::start(filled("problems"), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    refused(&api.get("/v1/alerts", ""), 401, "WEIR-0911");
    refused(&api.get("/v1/alerts", "weir_none"), 401, "WEIR-0911");
    let writes = token("acme", Scope::Write);
    let until = std::time::Instant::now() + common::DEADLINE;
    while api.get("/v1/alerts", &writes).status == 401 {
        assert!(std::time::Instant::now() < until);
    }
    refused(&api.get("/v1/alerts", &writes), 403, "WEIR-0912");
    refused(&api.get("/v1/nothing", &acme), 404, "WEIR-0914");
    refused(
        &api.ask("DELETE", "/v1/alerts", &acme, &[]),
        405,
        "WEIR-0914",
    );
    for path in [
        "/v1/kpis/cost_per_cal",
        "/v1/kpis/none/values",
        "/v1/event-types/llm.cal",
        "/v1/aggregates/none",
        "/v1/questions/none",
        "/v1/alerts/none",
        "/v1/explain/measures/none?window=2026-03-02",
        "/v1/measures/none/values",
        "/v1/explain/kpis/cost_per_call?window=2026-03-02T06&subject[model]=none",
    ] {
        refused(&api.get(path, &acme), 404, "WEIR-0931");
    }
    let near = api.get("/v1/kpis/cost_per_cal", &acme);
    let detail = near.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("did you mean \"cost_per_call\"?"),
        "{detail}"
    );
    for path in [
        "/v1/alerts?limit=0",
        "/v1/alerts?limit=10001",
        "/v1/alerts?limit=many",
        "/v1/alerts?status=closed",
        "/v1/alerts?after=abc",
        "/v1/alerts?from=2026-03-02&to=2026-03-01",
        "/v1/alerts?from=yesterday",
        "/v1/alerts?sevrity=high",
        "/v1/aggregates/llm.call?window=2h",
        "/v1/aggregates/llm.call?by=nothing",
        "/v1/aggregates/llm.call?measures=nothing",
        "/v1/aggregates/llm.call?subject[nothing]=x",
        "/v1/kpis/cost_per_call/values?step=year",
        "/v1/kpis/cost_per_call/values?from=1066-10-14",
        "/v1/kpis?kind=other",
        "/v1/questions/top-models?limit=-1",
        "/v1/questions/top-models?from=soon",
        "/v1/questions/top-models?nothing=1",
        "/v1/explain/kpis/cost_per_call",
    ] {
        refused(&api.get(path, &acme), 400, "WEIR-0305");
    }
}

#[test]
fn what_is_given_is_a_value_and_never_sql() {
    let api = Served::start(filled("hostile"), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    for hostile in [
        "' OR 1=1 --",
        "x') OR ('1'='1",
        "\\'; DROP TABLE alerts_log; --",
        "{tenant:String}",
        "`team`",
        "\u{0}",
        "%",
    ] {
        let text: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
        for path in [
            format!("/v1/alerts?rule={text}"),
            format!("/v1/alerts?subject[team]={text}"),
            format!("/v1/alerts?subject[{text}]=x"),
            format!("/v1/anomalies?detector={text}"),
            format!("/v1/aggregates/llm.call?window=1d&subject[team]={text}"),
            format!("/v1/kpis/cost_per_call/values?subject[model]={text}"),
            format!("/v1/explain/kpis/cost_per_call?window=2026-03-02T06&subject[model]={text}"),
            format!("/v1/questions/kpis?of={text}"),
            format!("/v1/questions/kpi-trend?kpi={text}"),
        ] {
            let answer = api.get(&path, &acme);
            assert!(answer.status < 500, "{path}: {}", answer.text());
            let empty = answer.body["data"].as_array().is_none_or(Vec::is_empty);
            assert!(empty || answer.status != 200, "{path}: {}", answer.text());
        }
    }
    assert_eq!(api.get("/v1/alerts", &acme).rows().len(), RESULTS);
}

#[test]
fn a_token_that_asks_too_fast_waits() {
    let api = Served::start(filled("fast"), |config| config.rate = 2);
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    let fast = (0..50).map(|_| api.get("/v1/kpis", &acme));
    let told = fast.into_iter().find(|a| a.status != 200).unwrap();
    refused(&told, 429, "WEIR-0918");
    assert!(told.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[test]
fn an_answer_stays_within_its_limits() {
    let api = Served::start(filled("limits"), |config| config.limits.rows = 5);
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    assert_eq!(api.get("/v1/alerts", &acme).rows().len(), 5);
    refused(&api.get("/v1/alerts?limit=6", &acme), 400, "WEIR-0305");
    let many = "/v1/questions/anomalies?from=2026-02-01&to=2026-03-31";
    refused(&api.get(many, &acme), 422, "WEIR-0932");
    let series = format!(
        "/v1/kpis/cost_per_call/forecast?from=2026-02-01&to=2026-03-31&subject[model]={}",
        value("acme")
    );
    refused(&api.get(&series, &acme), 422, "WEIR-0932");
    let small = Served::start(filled("memory"), |config| {
        config.limits.memory = weir_runtime::Size::of(1 << 20);
    });
    small.knows(&acme);
    let large = small.get("/v1/questions/kpis?of=all&days=36500", &acme);
    refused(&large, 422, "WEIR-0932");
}

#[test]
fn without_clickhouse_there_is_no_answer_but_what_is_known() {
    // A port that nobody listens at.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let api = Served::start(StoreConfig::at(format!("http://{address}")), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    for path in [
        "/v1/alerts",
        "/v1/anomalies/acme-00",
        "/v1/aggregates/llm.call",
        "/v1/kpis/cost_per_call/values",
        "/v1/kpis/cost_per_call/windows",
        "/v1/questions/top-models",
        "/v1/explain/kpis/cost_per_call?window=2026-03-02T06&subject[model]=x",
    ] {
        let answer = api.get(path, &acme);
        let code = answer.body["code"].as_str().unwrap().to_owned();
        refused(&answer, 503, &code);
        assert!(!answer.header("retry-after").is_empty());
        assert!(
            answer.body["complete_through"].is_object(),
            "{}",
            answer.text()
        );
        assert!(
            !answer.text().contains(&address.to_string()),
            "{}",
            answer.text()
        );
    }
    // Declarations need no store.
    assert_eq!(api.get("/v1/kpis", &acme).status, 200);
}

#[test]
fn the_document_is_whole_and_its_examples_run() {
    let api = Served::start(filled("document"), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    let served = api.get("/openapi.json", "").body;
    assert!(
        served["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        served["openapi"]
    );
    let document = serde_json::to_value(weir_api::document()).unwrap();
    assert_eq!(served, document);
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} is nothing"
        );
    }
    let mut names = BTreeSet::new();
    for (route, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(names.insert(id.to_owned()), "{id} twice");
            assert!(operation["summary"].as_str().is_some(), "{route}");
            let mut statuses = vec!["200", "400", "401", "403", "404", "422", "429", "503"];
            statuses.extend((method == "get").then_some("304"));
            for status in statuses {
                let told = &operation["responses"][status];
                assert!(told.is_object(), "{method} {route} {status}");
            }
        }
        // Commands and the stream have tests of their own.
        let operation = &item["get"];
        if operation.is_null() || route == "/v1/live" {
            continue;
        }
        let path = example(route, operation);
        let answer = api.get(&path, &acme);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let page = api.get("/docs/", "");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("swagger-ui"), "{}", page.text());
    assert!(!page.text().contains("https://"), "{}", page.text());
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, v)| match v {
            Value::String(text) if name == "$ref" => found.push(text.clone()),
            v => collect(v, found),
        }),
        Value::Array(all) => all.iter().for_each(|v| collect(v, found)),
        _ => {}
    }
}

/// Whether a route has this part, as a whole: `/v1/trends` has no `/trend`.
fn about_one(route: &str, part: &str) -> bool {
    route.ends_with(part) || (part.ends_with('/') && route.contains(part))
}

/// The request that the examples of an operation make; what has none is left out, or is of acme.
fn example(route: &str, operation: &Value) -> String {
    let mut path = route.to_owned();
    let mut query = Vec::new();
    let single = ["/trend", "/forecast", "/explain/"];
    let empty = Vec::new();
    for p in operation["parameters"].as_array().unwrap_or(&empty) {
        let name = p["name"].as_str().unwrap();
        let text = match &p["example"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        match (p["in"].as_str().unwrap(), name) {
            ("path", "id") => {
                let id = match route {
                    _ if route.contains("operator") => value("acme"),
                    _ if route.contains("reports") => ORDERED.to_owned(),
                    _ => "acme-00".to_owned(),
                };
                path = path.replace("{id}", &id);
            }
            ("path", _) => path = path.replace(&format!("{{{name}}}"), &text.unwrap()),
            (_, "subject") if route.contains("/measures/") => {}
            (_, "subject") if single.iter().any(|s| about_one(route, s)) => {
                query.push(format!("subject[model]={}", value("acme")));
            }
            _ => query.extend(text.map(|t| format!("{name}={t}"))),
        }
    }
    if route.ends_with("/trend") {
        query.push("better=lower".to_owned());
    }
    assert!(
        !path.contains('{'),
        "{route} has a parameter that is not in the document"
    );
    format!("{path}?{}", query.join("&"))
}
