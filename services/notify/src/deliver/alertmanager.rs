//! Alertmanager's API, version 2.

use super::text::time;
use super::{taken, unanswered};
use crate::core::{Notice, Step};
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_runtime::Secret;

pub(super) async fn send(
    client: &Client,
    url: &str,
    token: Option<&Secret>,
    step: &Step,
) -> Result<(), String> {
    let alerts: Vec<Value> = step.alerts().map(|n| alert(n, step)).collect();
    let mut request = client
        .post(format!("{url}/api/v2/alerts"))
        .header("content-type", "application/json")
        .body(Value::from(alerts).to_string());
    if let Some(token) = token {
        request = request.bearer_auth(token.expose());
    }
    taken(request.send().await.map_err(unanswered)?).await
}

/// Its labels are its identity there: what changes in its life is in the annotations.
fn alert(n: &Notice, step: &Step) -> Value {
    let mut labels: BTreeMap<String, &str> = BTreeMap::new();
    for (name, value) in &n.dimensions {
        labels.insert(label(name), value);
    }
    for (name, value) in [
        ("alertname", &n.rule),
        ("severity", &n.severity),
        ("priority", &n.priority),
        ("tenant", &n.tenant),
        ("type", &n.kind),
        ("component", &n.component),
    ] {
        labels.insert(name.to_owned(), value);
    }
    labels.retain(|_, value| !value.is_empty());
    let figure = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    let mut annotations = BTreeMap::from([
        ("summary", super::text::line(n)),
        ("impact", n.impact.clone()),
        ("action", n.action.clone()),
        ("metric", n.metric.clone()),
        ("value", figure(n.value)),
        ("threshold", figure(n.threshold)),
        ("alert_id", n.id.clone()),
    ]);
    annotations.retain(|_, text| !text.is_empty());
    // An early limit opens before its window ends.
    let begun = n.opened.min(step.made);
    let until = if n.firing { step.until } else { step.made };
    json!({
        "labels": labels, "annotations": annotations,
        "startsAt": time(begun), "endsAt": time(until.max(begun)),
    })
}

fn label(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(plain).collect()
}
