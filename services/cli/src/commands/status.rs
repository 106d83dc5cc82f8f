//! `weir status`

use super::lag;
use crate::args::{StatusArgs, SystemArgs};
use crate::output::{self, thousands};
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::time::Duration;

pub fn run(system: &SystemArgs, a: &StatusArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let catalog = system.catalog()?;
    let run = weir_processor::current(&found.brokers, Duration::from_secs(10))?
        .context("WEIR-0204: no processor has started a run here yet")?;
    let lags = lag::all(&found.brokers, &catalog, run.number)?;
    let secrets = a.secrets.then(|| found.store()).transpose()?;
    if a.json {
        let mut shown = serde_json::json!({
            "brokers": found.brokers.bootstrap, "clickhouse": found.clickhouse, "http": found.http,
            "run": run.number, "catalog": run.catalog, "lag": lags,
        });
        if let Some(s) = secrets {
            shown["secrets"] = serde_json::json!({
                "user": s.user, "password": s.password.expose(), "database": s.database,
            });
        }
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "Kafka {}  ClickHouse {}",
        found.brokers.bootstrap, found.clickhouse
    );
    if let Some(s) = &secrets {
        let (user, password) = (&s.user, s.password.expose());
        println!(
            "ClickHouse for reading: user {user}  password {password}  database {}",
            s.database
        );
    }
    if let Some(http) = &found.http {
        println!("health {http}/readyz  metrics {http}/metrics");
    }
    println!("run {} under catalog {}", run.number, run.catalog);
    let rows: Vec<Vec<String>> = lags
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
    let behind: i64 = lags.iter().map(|l| l.lag).sum();
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
