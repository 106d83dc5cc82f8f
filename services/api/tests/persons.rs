//! What is about one person, or about few, is hidden from tokens without the scope for persons.
#![allow(clippy::unwrap_used)]

mod common;

use common::asked::requests;
use common::data::filled;
use common::{Served, named_token, token};
use serde_json::Value;
use std::time::Duration;
use weir_api::ApiConfig;
use weir_http::token::Scope;
use weir_store::{Store, StoreConfig};

/// Names of dimensions whose values are persons.
const PERSONS: [&str; 3] = ["engineer", "operator", "actor"];

/// A token that reads, and nothing more.
fn reader(tenant: &str) -> String {
    named_token(tenant, &[Scope::Read]).1
}

fn run(config: &StoreConfig, statements: &[&str]) {
    let (runtime, store) = (tokio::runtime::Runtime::new().unwrap(), Store::new(config));
    for sql in statements {
        runtime.block_on(store.execute(sql)).unwrap();
    }
}

/// Whether a person is named by a dimension, anywhere in an answer.
fn names(value: &Value) -> bool {
    match value {
        Value::Object(all) => all.iter().any(|(key, v)| {
            let named =
                PERSONS.contains(&key.as_str()) && v.as_str().is_some_and(|v| !v.is_empty());
            named || names(v)
        }),
        Value::Array(all) => all.iter().any(names),
        _ => false,
    }
}

#[test]
fn no_resource_names_a_person_to_who_may_not_see_them() {
    // Every route is asked twice, on a machine that may have much else to do.
    let patient = |config: &mut ApiConfig| config.limits.time = Duration::from_secs(55);
    let api = Served::start(filled("persons"), patient);
    let (all, few) = (token("acme", Scope::Read), reader("acme"));
    [&all, &few].iter().for_each(|t| api.knows(t));
    let (mut named, mut refused, mut shown) = (0, 0, 0);
    for (_, path) in requests("acme") {
        let full = api.get(&path, &all);
        assert_eq!(full.status, 200, "{path}: {}", full.text());
        named += usize::from(names(&full.body));
        let answer = api.get(&path, &few);
        match answer.status {
            200 => shown += 1,
            403 => {
                assert_eq!(answer.body["code"], "WEIR-0912", "{path}");
                refused += 1;
            }
            other => panic!("{path} answers {other}: {}", answer.text()),
        }
        assert!(!names(&answer.body), "{path}: {}", answer.text());
    }
    assert!(
        named > 3 && refused > 5 && shown > 60,
        "{named} {refused} {shown}"
    );
    let by = "/v1/measures/llm.call.cost/values?from=2026-03-01&to=2026-03-31&by=";
    assert_eq!(api.get(&format!("{by}engineer"), &few).status, 403);
    // What is about a team of some size is the same for both.
    let of_team = [&all, &few].map(|t| api.get(&format!("{by}team"), t).text());
    assert!(of_team[0].contains("acme-x"), "{}", of_team[0]);
    assert_eq!(of_team[0], of_team[1]);
}

#[test]
fn lists_leave_out_what_is_about_a_person() {
    let config = filled("persons_lists");
    run(
        &config,
        &[
            "INSERT INTO alerts_log (run, id, rule, severity, tenant, dimensions, state, opened, at) \
             VALUES (1, 'ada-1', 'r', 'high', 'acme', map('engineer', 'ada@example.org'), 'open', \
             '2026-03-09 10:00:00', '2026-03-09 10:00:00')",
            "INSERT INTO analyses_log (run, tenant, data_through, issued_at) \
             VALUES (1, 'acme', '2026-03-09', '2026-03-10 00:10:00')",
            "INSERT INTO findings_log (run, tenant, data_through, issued_at, dimensions, id, kind, \
             verdict, text) VALUES (1, 'acme', '2026-03-09', '2026-03-10 00:10:00', map(), 'f-1', \
             'cause', 'engineer=ada@example.org', 'ada@example.org'), (1, 'acme', '2026-03-09', \
             '2026-03-10 00:10:00', map('operator', 'ada@example.org'), 'f-2', 'recommendation', \
             '', ''), (1, 'acme', '2026-03-09', '2026-03-10 00:10:00', map(), 'f-3', 'cause', \
             'model=m', 'a model')",
        ],
    );
    let api = Served::start(config, |_| {});
    let (all, few) = (token("acme", Scope::Read), reader("acme"));
    [&all, &few].iter().for_each(|t| api.knows(t));
    for (path, with, without) in [("/v1/alerts?limit=100", 24, 23), ("/v1/findings", 3, 1)] {
        let told = [&all, &few].map(|t| api.get(path, t));
        assert_eq!(told[0].rows().len(), with, "{path}");
        assert_eq!(told[1].rows().len(), without, "{path}: {}", told[1].text());
        assert!(!told[1].text().contains("ada"), "{path}");
    }
    assert_eq!(api.get("/v1/alerts/ada-1", &few).status, 404);
    assert_eq!(api.get("/v1/alerts/ada-1", &all).status, 200);
    // Nor by a place in a list that was read otherwise.
    let page = api.get("/v1/alerts?limit=1", &all);
    let next = page.body["next"].as_str().unwrap();
    let rest = api.get(&format!("/v1/alerts?limit=100&after={next}"), &few);
    assert!(!rest.text().contains("ada"));
}

#[test]
fn what_is_about_too_few_is_hidden_too() {
    let config = filled("persons_few");
    // More than there are behind any team.
    let api = Served::start(config.clone(), |c| c.least_persons = 100_000);
    let (all, few) = (token("acme", Scope::Read), reader("acme"));
    [&all, &few].iter().for_each(|t| api.knows(t));
    let span = "from=2026-03-01&to=2026-03-31";
    for path in [
        format!("/v1/measures/llm.call.cost/values?{span}&by=team"),
        "/v1/alerts".to_owned(),
        format!("/v1/questions/spend-by-team?{span}"),
    ] {
        let told = [&all, &few].map(|t| api.get(&path, t));
        assert!(
            told[0].text().contains("acme-x"),
            "{path}: {}",
            told[0].text()
        );
        assert_eq!(told[1].status, 200, "{path}: {}", told[1].text());
        assert!(
            !told[1].text().contains("acme-x"),
            "{path}: {}",
            told[1].text()
        );
    }
    // The tenant as a whole is no cell.
    let total = format!("/v1/measures/llm.call.cost/values?{span}");
    assert_eq!(api.get(&total, &few).text(), api.get(&total, &all).text());
    // Where nothing is too few, a token that reads sees persons.
    let open = Served::start(config, |c| c.least_persons = 0);
    open.knows(&few);
    let by = format!("/v1/measures/llm.call.cost/values?{span}&by=engineer");
    assert!(names(&open.get(&by, &few).body));
}
