//! `weir topics`

use super::kafka::acls::Service;
use crate::args::{SystemArgs, TopicsArgs};
use crate::output::{self, thousands};
use anyhow::Result;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::admin::Admin;
use weir_ops::docs::{self, Access};
use weir_runtime::acl::{Operation, Pattern, Resource};

/// What each service is allowed on topics.
fn access() -> Vec<Access> {
    let grants = Service::ALL.into_iter().flat_map(|service| {
        let each = service.grants().into_iter();
        each.map(move |grant| (service, grant))
    });
    let on_topics = grants.filter(|(_, grant)| grant.resource == Resource::Topic);
    let each = on_topics.map(|(service, grant)| Access {
        service: service.label(),
        topic: grant.name,
        prefix: grant.pattern == Pattern::Prefixed,
        reads: grant.operations.contains(&Operation::Read),
        writes: grant.operations.contains(&Operation::Write),
    });
    each.collect()
}

/// The page `docs/topics.md`: of the shipped catalog, with what each service is allowed.
fn page() -> Result<String> {
    Ok(docs::topics(&Catalog::embedded()?, &access()))
}

/// Without a system: the shipped catalog's.
fn describe(json: bool) -> Result<ExitCode> {
    match json {
        true => output::json(&docs::described(&Catalog::embedded()?, &access()))?,
        false => std::io::stdout().write_all(page()?.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

pub fn run(system: &SystemArgs, a: &TopicsArgs) -> Result<ExitCode> {
    if a.describe {
        return describe(a.json);
    }
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
    if a.json {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn the_documentation_says_the_same() {
        let written = include_str!("../../../../docs/topics.md");
        let line = weir_ops::docs::first_difference(written, &super::page().unwrap());
        assert_eq!(line, None, "run `weir topics --describe >docs/topics.md`");
    }
}
