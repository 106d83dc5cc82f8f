//! What comes as it happens: server-sent events of the api.

use super::frame::{Live, Shown};
use super::lock;
use super::look::ApiAt;
use anyhow::Result;
use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is listened to.
const PATH: &str = "/v1/live?topics=alerts,kpis&kpis=spend_per_hour";
/// After a stream ended.
const AGAIN: Duration = Duration::from_secs(3);

/// Listens on a thread of its own, and comes back when a stream ends. Without an api nothing comes.
pub fn listen(api: Option<ApiAt>, shown: &Arc<Mutex<Shown>>) {
    let Some(api) = api else { return };
    let shown = shown.clone();
    std::thread::spawn(move || {
        loop {
            // Whatever ended it: what is shown is the last look then.
            let _ = stream(&api, &shown);
            lock(&shown).live = None;
            std::thread::sleep(AGAIN);
        }
    });
}

fn stream(api: &ApiAt, shown: &Mutex<Shown>) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let asked = agent
        .get(format!("{}{PATH}", api.url))
        .header("authorization", format!("Bearer {}", api.token.expose()));
    let answer = asked.call()?;
    lock(shown).live = Some(Live::default());
    let (mut event, mut data) = (String::new(), String::new());
    for line in BufReader::new(answer.into_body().into_reader()).lines() {
        let line = line?;
        match line.split_once(": ") {
            Some(("event", name)) => event = name.to_owned(),
            Some(("data", text)) => data = text.to_owned(),
            _ if line.is_empty() => {
                if let Some(live) = &mut lock(shown).live {
                    heard(live, &event, &data);
                }
                event.clear();
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes one event.
pub(super) fn heard(live: &mut Live, event: &str, data: &str) {
    let said: Json = serde_json::from_str(data).unwrap_or_default();
    match event {
        // Of the tenant as a whole.
        "kpi" if said["subject"].as_object().is_some_and(|s| s.is_empty()) => {
            live.hour = said["value"].as_f64();
        }
        "alert" => {
            let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            let (state, rule) = (text("state"), text("rule"));
            live.alert = Some(format!("{state} {rule}"));
        }
        _ => {}
    }
}
