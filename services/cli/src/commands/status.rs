//! `weir status`

use crate::args::{StatusArgs, SystemArgs};
use crate::output::{self, thousands};
use crate::system::System;
use anyhow::Result;
use std::process::ExitCode;
use weir_model::codes::RECEIVER_DEAD;
use weir_notify::core::Health;
use weir_ops::{Lag, Status};

pub fn run(system: &SystemArgs, a: &StatusArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let catalog = system.catalog()?;
    let status = Status::of(&found.brokers, &catalog)?;
    let receivers = weir_notify::status::receivers(&found.brokers)?;
    if a.json {
        let mut shown = serde_json::json!({
            "brokers": found.open_brokers, "clickhouse": found.clickhouse, "http": found.http,
            "gateway": found.gateway, "otlp": found.gateway, "otlp_grpc": found.otlp_grpc,
            "api": found.api,
            "run": status.run, "catalog": status.catalog, "lag": status.lag,
            "receivers": receivers,
        });
        if a.secrets {
            shown["secrets"] = secrets(&found)?;
        }
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (kafka, clickhouse) = (&found.open_brokers, &found.clickhouse);
    println!("Kafka {kafka}  ClickHouse {clickhouse}");
    if a.secrets {
        tell_secrets(&found)?;
    }
    if let Some(gateway) = &found.gateway {
        let grpc = found.otlp_grpc.as_deref().unwrap_or("none");
        println!("gateway {gateway}/v1/events  OTLP {gateway}  gRPC {grpc}");
    }
    if let Some(api) = &found.api {
        println!("api {api}/v1  to try it {api}/docs");
    }
    if let Some(http) = &found.http {
        println!("health {http}/readyz  metrics {http}/metrics");
    }
    println!("run {} under catalog {}", status.run, status.catalog);
    output::table(
        &["service", "topic", "offsets", "lag"],
        &rows(&status.lag, a.all),
    )?;
    for told in receivers.iter().filter_map(failing) {
        println!("{told}");
    }
    match status.behind() {
        0 => println!("everything in the log has reached ClickHouse"),
        behind => println!("{} offsets behind", count(behind)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A receiver of alerts that does not take what it is sent.
fn failing((name, health): (&String, &Health)) -> Option<String> {
    let since = weir_ops::time::show(health.since?);
    let error = health.error.as_deref().unwrap_or_default();
    let code = match health.dead {
        true => format!("{RECEIVER_DEAD}: "),
        false => String::new(),
    };
    let failures = health.failures;
    Some(format!(
        "{code}receiver {name} takes nothing since {since} ({failures} tries): {error}"
    ))
}

/// What opens the system, for its owner.
fn secrets(found: &System) -> Result<serde_json::Value> {
    let store = found.store()?;
    let mut all = serde_json::json!({
        "user": store.user, "password": store.password.expose(), "database": store.database,
    });
    if let Some(token) = found.token()? {
        all["gateway"] = serde_json::json!({
            "url": found.gateway, "token": token.expose(), "tenant": weir_http::OWN_TENANT,
        });
    }
    if let Some(link) = dashboard(found)? {
        all["dashboard"] = link.into();
    }
    if let Some(kafka) = found.kafka_secret()? {
        all["kafka"] = serde_json::json!({
            "brokers": found.brokers.bootstrap, "user": weir_embedded::USER,
            "password": kafka.expose(),
        });
    }
    Ok(all)
}

/// A link into the dashboard, that the api makes for the owner; none where it does not answer.
fn dashboard(found: &System) -> Result<Option<String>> {
    let (Some(api), Some(token)) = (&found.api, found.token()?) else {
        return Ok(None);
    };
    Ok(super::dashboard::link(api, &token))
}

fn tell_secrets(found: &System) -> Result<()> {
    let store = found.store()?;
    let (user, password) = (&store.user, store.password.expose());
    let database = &store.database;
    println!("ClickHouse for reading: user {user}  password {password}  database {database}");
    if let Some(kafka) = found.kafka_secret()? {
        let (brokers, user) = (&found.brokers.bootstrap, weir_embedded::USER);
        let password = kafka.expose();
        println!("Kafka for everything: {brokers}  SASL/PLAIN  user {user}  password {password}");
    }
    if let Some(token) = found.token()? {
        let (tenant, token) = (weir_http::OWN_TENANT, token.expose());
        println!("gateway: tenant {tenant}  token {token}");
    }
    if let Some(link) = dashboard(found)? {
        println!("dashboard, opens once, within ten minutes: {link}");
    }
    Ok(())
}

fn count(offsets: i64) -> String {
    thousands(offsets.max(0) as u64)
}

/// A row per topic that a service is behind in; one for all the others of the service, which is in
/// no hurry. Each topic has its own where all are asked for.
fn rows(lag: &[Lag], all: bool) -> Vec<Vec<String>> {
    let row = |service: &str, topic: String, end: i64, lag: i64| {
        vec![service.to_owned(), topic, count(end), count(lag)]
    };
    let mut rows = Vec::new();
    for of in lag.chunk_by(|a, b| a.service == b.service) {
        let (behind, done): (Vec<&Lag>, Vec<&Lag>) = of.iter().partition(|l| all || l.lag > 0);
        rows.extend(
            behind
                .iter()
                .map(|l| row(l.service, l.topic.clone(), l.end, l.lag)),
        );
        match done[..] {
            [] => {}
            [one] => rows.push(row(one.service, one.topic.clone(), one.end, 0)),
            [first, ..] => {
                let offsets = done.iter().map(|l| l.end).sum();
                let topics = format!("{} topics that are read", done.len());
                rows.push(row(first.service, topics, offsets, 0));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_one_row_and_what_is_not_has_its_own() {
        let lag = |service, topic: &str, end, lag| Lag {
            service,
            topic: topic.to_owned(),
            end,
            lag,
        };
        let all = [
            lag("combine", "a", 5, 0),
            lag("combine", "b", 7, 2),
            lag("combine", "c", 1_000, 0),
            lag("window", "d", 3, 0),
        ];
        let texts = |all_topics| -> Vec<String> {
            rows(&all, all_topics).iter().map(|r| r.join(" ")).collect()
        };
        let short = [
            "combine b 7 2",
            "combine 2 topics that are read 1,005 0",
            "window d 3 0",
        ];
        assert_eq!(texts(false), short);
        assert_eq!(
            texts(true),
            [
                "combine a 5 0",
                "combine b 7 2",
                "combine c 1,000 0",
                "window d 3 0"
            ]
        );
    }
}
