//! A message by which somebody tries a route.

use crate::core::{Notice, Part, Step, Why};
use crate::declare::Declared;
use crate::deliver::Senders;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use weir_model::codes::NOTIFY_DECLARATION;
use weir_model::{Micros, hash};

/// What became of it, by receiver.
pub type Tried = Vec<(String, Result<(), String>)>;

/// Sends one message to each receiver of a route: an alert that is over at once, which calls nobody.
///
/// # Errors
/// There is no such route (WEIR-1101).
pub async fn send(declared: &Declared, route: &str, now: Micros) -> Result<Tried> {
    let Some(route) = declared.plan.route(route) else {
        let known = declared.plan.routes.iter().map(|r| r.name.as_str());
        let known = weir_catalog::suggest(route, known);
        bail!("{NOTIFY_DECLARATION}: there is no route {route}; {known}");
    };
    let senders = Senders::new(declared)?;
    let mut tried = Vec::new();
    for to in &route.to {
        let sent = senders.send(&step(&route.name, to, now)).await;
        tried.push((to.clone(), sent));
    }
    Ok(tried)
}

fn step(route: &str, to: &str, now: Micros) -> Step {
    let seed = now.0.to_le_bytes();
    let id = hash::id(&[b"notify test", route.as_bytes(), to.as_bytes(), &seed]);
    let notice = Notice {
        id: id.clone(),
        rule: "notify_test".to_owned(),
        kind: "notify".to_owned(),
        severity: "low".to_owned(),
        priority: "P2".to_owned(),
        tenant: "weir".to_owned(),
        impact: "none: somebody tries the route".to_owned(),
        action: "do nothing".to_owned(),
        opened: now,
        at: now,
        ..Notice::default()
    };
    Step {
        id: format!("msg_{id}"),
        route: route.to_owned(),
        to: to.to_owned(),
        why: Why::Test,
        made: now,
        until: now,
        parts: vec![Part {
            group: id,
            labels: BTreeMap::new(),
            open: false,
            alerts: vec![notice],
        }],
        tries: 0,
        error: None,
        delivered: None,
    }
}
