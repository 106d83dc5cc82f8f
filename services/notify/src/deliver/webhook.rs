//! JSON, signed by Standard Webhooks (standardwebhooks.com). The id is the same at every try.

use super::text::{alert, time};
use super::{taken, unanswered};
use crate::core::Step;
use reqwest::Client;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use weir_runtime::Secret;

/// Kind of the message, as its receiver tells kinds apart.
const TYPE: &str = "weir.alerts";

pub(super) async fn send(
    client: &Client,
    url: &str,
    secret: &Secret,
    step: &Step,
) -> Result<(), String> {
    let body = payload(step).to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |d| d.as_secs());
    let signature = standardwebhooks::Webhook::new(secret.expose())
        .and_then(|w| w.sign(&step.id, i64::try_from(now).unwrap_or(0), body.as_bytes()))
        .map_err(|e| format!("it cannot be signed: {e}"))?;
    let response = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &step.id)
        .header("webhook-timestamp", now.to_string())
        .header("webhook-signature", signature)
        .body(body)
        .send()
        .await
        .map_err(unanswered)?;
    taken(response).await
}

/// The same for the same message, at every try.
fn payload(step: &Step) -> Value {
    let groups: Vec<Value> = step
        .parts
        .iter()
        .map(|p| {
            json!({
                "group": p.group, "labels": p.labels, "open": p.open,
                "alerts": p.alerts.iter().map(alert).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "type": TYPE, "timestamp": time(step.made),
        "data": {"id": step.id, "route": step.route, "why": step.why, "groups": groups},
    })
}
