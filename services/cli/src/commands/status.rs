//! `weir status`

use crate::args::{StatusArgs, SystemArgs};
use crate::output::{self, thousands};
use anyhow::Result;
use std::process::ExitCode;
use weir_ops::Status;

pub fn run(system: &SystemArgs, a: &StatusArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let catalog = system.catalog()?;
    let status = Status::of(&found.brokers, &catalog)?;
    let secrets = a.secrets.then(|| found.store()).transpose()?;
    if a.json {
        let mut shown = serde_json::json!({
            "brokers": found.open_brokers, "clickhouse": found.clickhouse, "http": found.http,
            "gateway": found.gateway, "otlp": found.gateway, "otlp_grpc": found.otlp_grpc,
            "api": found.api,
            "run": status.run, "catalog": status.catalog, "lag": status.lag,
        });
        if let Some(s) = secrets {
            shown["secrets"] = serde_json::json!({
                "user": s.user, "password": s.password.expose(), "database": s.database,
            });
            if let Some(token) = found.token()? {
                shown["secrets"]["gateway"] = serde_json::json!({
                    "url": found.gateway, "token": token.expose(),
                    "tenant": weir_http::OWN_TENANT,
                });
            }
            if let Some(kafka) = found.kafka_secret()? {
                shown["secrets"]["kafka"] = serde_json::json!({
                    "brokers": found.brokers.bootstrap, "user": weir_embedded::USER,
                    "password": kafka.expose(),
                });
            }
        }
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "Kafka {}  ClickHouse {}",
        found.open_brokers, found.clickhouse
    );
    if let Some(s) = &secrets {
        let (user, password) = (&s.user, s.password.expose());
        println!(
            "ClickHouse for reading: user {user}  password {password}  database {}",
            s.database
        );
        if let Some(kafka) = found.kafka_secret()? {
            println!(
                "Kafka for everything: {}  SASL/PLAIN  user {}  password {}",
                found.brokers.bootstrap,
                weir_embedded::USER,
                kafka.expose()
            );
        }
    }
    let token = a.secrets.then(|| found.token()).transpose()?;
    if let Some(token) = token.flatten() {
        let (tenant, token) = (weir_http::OWN_TENANT, token.expose());
        println!("gateway: tenant {tenant}  token {token}");
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
    let rows: Vec<Vec<String>> = status
        .lag
        .iter()
        .map(|l| {
            vec![
                l.service.to_owned(),
                l.topic.clone(),
                thousands(l.end.max(0) as u64),
                thousands(l.lag.max(0) as u64),
            ]
        })
        .collect();
    output::table(&["service", "topic", "offsets", "lag"], &rows)?;
    let behind = status.behind();
    println!(
        "{}",
        if behind == 0 {
            "everything in the log has reached ClickHouse".to_owned()
        } else {
            format!("{} offsets behind", thousands(behind.max(0) as u64))
        }
    );
    Ok(ExitCode::SUCCESS)
}
