//! Two tenants: every resource shows the one whose token asks, and for it there is no other.
#![allow(clippy::unwrap_used)]

mod common;

use common::asked::requests;
use common::data::{TENANTS, filled, value};
use common::{Served, token};
use serde_json::Value;
use std::collections::BTreeSet;
use weir_http::token::Scope;

#[test]
fn every_resource_shows_the_tenant_of_the_token_and_no_other() {
    let api = Served::start(filled("tenants"), |_| {});
    let tokens = TENANTS.map(|t| token(t, Scope::Read));
    tokens.iter().for_each(|t| api.knows(t));
    let document = serde_json::to_value(weir_api::document()).unwrap();
    // Commands and the stream have tests of their own.
    let paths = document["paths"].as_object().unwrap().iter();
    let reads = paths.filter(|(route, item)| item["get"].is_object() && *route != "/v1/live");
    let routes: BTreeSet<&String> = reads.map(|(route, _)| route).collect();
    let asked = requests("acme");
    let covered: BTreeSet<&String> = asked.iter().map(|(route, _)| route).collect();
    assert_eq!(covered, routes, "a request for each route");
    let mut shown = 0;
    for (i, tenant) in TENANTS.into_iter().enumerate() {
        let other = TENANTS[1 - i];
        for (_, path) in requests(tenant) {
            let answer = api.get(&path, &tokens[i]);
            let text = answer.text();
            assert_eq!(answer.status, 200, "{tenant} {path}: {text}");
            assert!(
                !text.contains(other),
                "{tenant} {path} shows {other}: {text}"
            );
            shown += usize::from(text.contains(&value(tenant)));
        }
        // What the other one would ask shows nothing to this one.
        for (_, path) in requests(other) {
            let answer = api.get(&path, &tokens[i]);
            let text = answer.text().replace(&asked_back(&path), "");
            let shows = text.contains(&format!("{other}-"));
            assert!(!shows, "{tenant} asks {path}: {text}");
        }
    }
    assert!(shown > 60, "too little is shown to tell: {shown}");
}

/// What of a request may stand in its answer: the subject or id that was asked for.
fn asked_back(path: &str) -> String {
    let pieces = path.split(['=', '/', '&', '?']);
    let mut named = pieces.filter(|p| TENANTS.iter().any(|t| p.starts_with(t)));
    named.next_back().unwrap_or("nothing of anybody").to_owned()
}

#[test]
fn another_tenant_does_not_exist() {
    let api = Served::start(filled("strangers"), |_| {});
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    for (theirs, nobodys) in [
        ("/v1/alerts/zeta-00", "/v1/alerts/none-00"),
        ("/v1/anomalies/zeta-00", "/v1/anomalies/none-00"),
    ] {
        let [theirs, nobodys] = [theirs, nobodys].map(|p| api.get(p, &acme));
        assert_eq!((theirs.status, nobodys.status), (404, 404));
        let same = theirs.text().replace("zeta", "none");
        assert_eq!(same, nobodys.text());
    }
    for path in [
        "/v1/alerts?tenant=zeta",
        "/v1/kpis/cost_per_call/values?tenant=zeta",
        "/v1/questions/top-models?tenant=zeta",
        "/v1/questions/top-models?tenant=acme",
        "/v1/status?tenant=zeta",
    ] {
        let answer = api.get(path, &acme);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert_eq!(answer.body["code"], "WEIR-0305", "{path}");
    }
    // A tenant without numbers sees nothing, and hears of nobody.
    let nobody = token("nobody", Scope::Read);
    api.knows(&nobody);
    for (_, path) in requests("acme") {
        let answer = api.get(&path, &nobody);
        let text = answer.text().replace(&asked_back(&path), "");
        assert!(answer.status < 500, "{path}: {text}");
        assert!(
            !text.contains("acme-") && !text.contains("zeta"),
            "{path}: {text}"
        );
        if let Value::Array(rows) = &answer.body["data"]
            && !path.starts_with("/v1/questions")
            && !path.starts_with("/v1/event-types")
            && !["/v1/kpis", "/v1/reports"].contains(&path.as_str())
        {
            assert!(rows.is_empty(), "{path}: {text}");
        }
    }
}
