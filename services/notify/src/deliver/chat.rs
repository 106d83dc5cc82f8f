//! Incoming webhooks of Slack's form, which other chats take too.

use super::text::{details, line, title};
use super::{taken, unanswered};
use crate::core::Step;
use reqwest::Client;
use serde_json::{Value, json};
use weir_runtime::Secret;

/// Alerts shown by themselves: longer messages are cut by the chat, without a word.
const SHOWN: usize = 20;

pub(super) async fn send(client: &Client, url: &Secret, step: &Step) -> Result<(), String> {
    let response = client
        .post(url.expose())
        .header("content-type", "application/json")
        .body(payload(step).to_string())
        .send()
        .await
        .map_err(unanswered)?;
    taken(response).await
}

fn payload(step: &Step) -> Value {
    let mut attachments: Vec<Value> = step
        .alerts()
        .take(SHOWN)
        .map(|n| {
            let color = match (n.firing, n.priority.as_str()) {
                (false, _) => "good",
                (true, "P1") => "danger",
                (true, _) => "warning",
            };
            let below = details(n).into_iter();
            let below = below.map(|(name, text)| format!("*{name}* {}", escaped(&text)));
            let told = escaped(&line(n));
            let text = format!("{told}\n{}", below.collect::<Vec<_>>().join("\n"));
            json!({"color": color, "fallback": told, "text": text, "mrkdwn_in": ["text"]})
        })
        .collect();
    let more = step.alerts().count().saturating_sub(SHOWN);
    if more > 0 {
        let text = format!("and {more} more: weir query alerts");
        attachments.push(json!({"fallback": text, "text": text}));
    }
    json!({"text": escaped(&title(step)), "attachments": attachments})
}

/// What would be a command or a link is text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
