//! PagerDuty's events, version 2: one per group, by whose key repeats and the end find the first.

use super::text::{alert, line, time, title};
use super::{body, shown, taken, unanswered};
use crate::core::{Part, Step};
use reqwest::Client;
use serde_json::{Value, json};
use weir_runtime::Secret;

/// Longer summaries are refused.
const SUMMARY: usize = 1024;

pub(super) async fn send(
    client: &Client,
    url: &str,
    key: &Secret,
    step: &Step,
) -> Result<(), String> {
    // Tried again, all of them are sent again: the key makes that harmless.
    for part in &step.parts {
        let response = client
            .post(url)
            .header("content-type", "application/json")
            .body(event(key, part, step).to_string())
            .send()
            .await
            .map_err(unanswered)?;
        if !response.status().is_success() {
            return taken(response).await;
        }
        // Some proxy that says 200 to everything has not taken it.
        let answer = body(response).await;
        let said: Option<Value> = serde_json::from_slice(&answer).ok();
        if said.is_none_or(|said| said["status"] != "success") {
            return Err(format!("it did not say success: {}", shown(&answer)));
        }
    }
    Ok(())
}

fn event(key: &Secret, part: &Part, step: &Step) -> Value {
    let action = if part.open { "trigger" } else { "resolve" };
    let worst = part.alerts.iter().filter(|a| a.firing || !part.open);
    let worst = worst.min_by_key(|a| rank(&a.severity));
    let first = worst.or(part.alerts.first());
    let summary = match &part.alerts[..] {
        [one] => line(one),
        _ => title(step),
    };
    let source = first.map(|a| a.subject()).filter(|s| !s.is_empty());
    json!({
        "routing_key": key.expose(), "event_action": action, "dedup_key": part.group,
        "client": "weir",
        "payload": {
            "summary": summary.chars().take(SUMMARY).collect::<String>(),
            "source": source.unwrap_or_else(|| "weir".to_owned()),
            "severity": first.map_or("info", |a| severity(&a.severity)),
            "timestamp": time(step.made),
            "component": first.map(|a| &a.component),
            "group": first.map(|a| &a.tenant),
            "class": first.map(|a| &a.kind),
            "custom_details": {
                "id": step.id, "labels": part.labels,
                "alerts": part.alerts.iter().map(alert).collect::<Vec<_>>(),
            },
        },
    })
}

fn rank(of: &str) -> usize {
    let all = ["critical", "high", "medium", "low"];
    all.iter().position(|s| *s == of).unwrap_or(all.len())
}

/// What it is called there.
fn severity(of: &str) -> &'static str {
    match of {
        "critical" => "critical",
        "high" => "error",
        "medium" => "warning",
        _ => "info",
    }
}
