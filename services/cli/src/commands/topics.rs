//! `weir topics`

use crate::args::SystemArgs;
use crate::output::{self, thousands};
use anyhow::Result;
use std::process::ExitCode;
use std::time::Duration;
use weir_kafka::admin::Admin;

pub fn run(system: &SystemArgs, json: bool) -> Result<ExitCode> {
    let brokers = system.find_brokers()?;
    let admin = Admin::new(&brokers, Duration::from_secs(10))?;
    let names: Vec<String> = admin
        .names()?
        .into_iter()
        .map(|(n, _)| n)
        .filter(|n| n.starts_with("weir."))
        .collect();
    let only: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut topics = admin.topics(&only)?;
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        let all: Vec<_> = topics
            .iter()
            .map(|t| {
                let partitions: Vec<_> = t
                    .partitions
                    .iter()
                    .map(|p| serde_json::json!({"partition": p.partition, "low": p.low, "end": p.end}))
                    .collect();
                serde_json::json!({"topic": t.name, "partitions": partitions})
            })
            .collect();
        output::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = topics
        .iter()
        .map(|t| {
            let span: i64 = t.partitions.iter().map(|p| p.end - p.low).sum();
            vec![
                t.name.clone(),
                t.partitions.len().to_string(),
                thousands(span.max(0) as u64),
            ]
        })
        .collect();
    output::table(&["topic", "partitions", "offsets"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
