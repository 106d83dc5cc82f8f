//! `weir dlq`

use crate::args::{DlqCommand, SystemArgs};
use crate::output;
use anyhow::{Context, Result};
use rdkafka::message::{Header, OwnedHeaders};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use weir_http::OWN_TENANT;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Consumer, Tp};
use weir_model::codes::DEADLINE as TIMED_OUT;
use weir_model::{headers, topics};
use weir_sources::audit::Change;
use weir_sources::ledger::Progress;
use weir_sources::publish::{Publisher, read_ledger};

const DEADLINE: Duration = Duration::from_secs(30);
const LEDGER: &str = "dlq-replay";

/// A dead letter as it stands in the topic.
struct Letter {
    offset: i64,
    headers: BTreeMap<String, Vec<u8>>,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Letter {
    fn text(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|v| String::from_utf8_lossy(v).into_owned())
            .unwrap_or_default()
    }
}

pub fn run(system: &SystemArgs, command: DlqCommand) -> Result<ExitCode> {
    let brokers = system.find_brokers()?;
    match command {
        DlqCommand::List { limit, code, json } => list(&brokers, limit, code.as_deref(), json),
        DlqCommand::Replay { code, json } => replay(system, &brokers, code.as_deref(), json),
    }
}

fn read(brokers: &Brokers) -> Result<Vec<Letter>> {
    let mut out = Vec::new();
    for info in Admin::new(brokers, DEADLINE)?.topics(&[topics::DLQ])? {
        for p in info.partitions.iter().filter(|p| p.end > p.low) {
            let consumer =
                Consumer::assigned(brokers, &[(Tp::new(topics::DLQ, p.partition), p.low)])?;
            let until = Instant::now() + DEADLINE;
            let mut next = p.low;
            while next < p.end {
                anyhow::ensure!(
                    Instant::now() < until,
                    "{TIMED_OUT}: the dead letters could not be read within 30 s; is the broker up?"
                );
                consumer.poll(Duration::ZERO)?;
                let batch = consumer.next(Duration::from_millis(100), Duration::ZERO, 1024)?;
                for m in batch.iter() {
                    let mut all = BTreeMap::new();
                    m.each_header(|name, value| {
                        // Those of the stage come before the record's own.
                        all.entry(name.to_owned()).or_insert_with(|| value.to_vec());
                    });
                    out.push(Letter {
                        offset: m.offset(),
                        headers: all,
                        key: m.key().unwrap_or_default().to_vec(),
                        value: m.value().map(<[u8]>::to_vec),
                    });
                    next = next.max(m.offset() + 1);
                }
                for end in batch.ends() {
                    next = next.max(end.next);
                }
            }
        }
    }
    Ok(out)
}

fn list(brokers: &Brokers, limit: usize, code: Option<&str>, json: bool) -> Result<ExitCode> {
    let mut letters = read(brokers)?;
    letters.retain(|l| code.is_none_or(|c| l.text(headers::ERROR_CODE) == c));
    let total = letters.len();
    let newest = letters.split_off(total.saturating_sub(limit));
    let columns = |l: &Letter| {
        [
            l.text(headers::ERROR_CODE),
            l.text(headers::TENANT),
            l.text(headers::SOURCE_TOPIC),
            l.text(headers::SOURCE_PARTITION),
            l.text(headers::SOURCE_OFFSET),
            l.value.as_ref().map_or(0, Vec::len).to_string(),
            l.text(headers::ERROR_MESSAGE),
        ]
    };
    const HEADER: [&str; 7] = [
        "code",
        "tenant",
        "topic",
        "partition",
        "offset",
        "bytes",
        "error",
    ];
    if json {
        let all: Vec<serde_json::Value> = newest
            .iter()
            .map(|l| {
                let number = |name| l.text(name).parse::<i64>().ok();
                serde_json::json!({
                    "code": l.text(headers::ERROR_CODE),
                    "tenant": l.text(headers::TENANT),
                    "topic": l.text(headers::SOURCE_TOPIC),
                    "partition": number(headers::SOURCE_PARTITION),
                    "offset": number(headers::SOURCE_OFFSET),
                    "bytes": l.value.as_ref().map_or(0, Vec::len),
                    "error": l.text(headers::ERROR_MESSAGE),
                })
            })
            .collect();
        output::json(&all)?;
    } else if total == 0 {
        println!("no dead letters");
    } else {
        let rows: Vec<Vec<String>> = newest.iter().map(|l| columns(l).to_vec()).collect();
        output::table(&HEADER, &rows)?;
        println!(
            "{} of {total}; what each code means stands in docs/errors.md",
            newest.len()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn replay(
    system: &SystemArgs,
    brokers: &Brokers,
    code: Option<&str>,
    json: bool,
) -> Result<ExitCode> {
    let mut replayed = match read_ledger(brokers)?.remove(LEDGER) {
        Some(Progress::Letters { replayed }) => replayed,
        _ => BTreeMap::new(),
    };
    let mut publisher = Publisher::new(brokers, LEDGER)?;
    let (mut sent, mut cut, mut of_gateway) = (0u64, 0u64, 0u64);
    for l in read(brokers)? {
        if code.is_some_and(|c| l.text(headers::ERROR_CODE) != c) {
            continue;
        }
        if l.headers.contains_key(headers::TRUNCATED) {
            cut += 1;
            continue;
        }
        // It never was a record, so there is no topic to put it back into.
        if l.text(headers::SOURCE_TOPIC) == topics::GATEWAY {
            of_gateway += 1;
            continue;
        }
        let place = format!(
            "{}/{}",
            l.text(headers::SOURCE_TOPIC),
            l.text(headers::SOURCE_PARTITION)
        );
        let offset = l.text(headers::SOURCE_OFFSET).parse().unwrap_or(l.offset);
        // A new run writes the letters of the log again: what was put back once stays out.
        if !replayed.entry(place).or_default().insert(offset) {
            continue;
        }
        let mut own = OwnedHeaders::new();
        for (name, value) in l.headers.iter().filter(|(n, _)| !n.starts_with("weir-")) {
            own = own.insert(Header {
                key: name,
                value: Some(value),
            });
        }
        let topic = l.text(headers::SOURCE_TOPIC);
        publisher
            .send(
                &topic,
                None,
                Some(&l.key).filter(|k| !k.is_empty()).map(Vec::as_slice),
                l.value.as_deref(),
                Some(own),
            )
            .with_context(|| format!("dead letter {}", l.offset))?;
        sent += 1;
        if publisher.due() {
            publisher.commit(&Progress::Letters {
                replayed: replayed.clone(),
            })?;
        }
    }
    if sent > 0 {
        publisher.commit(&Progress::Letters { replayed })?;
        let detail = format!("{sent} dead letters");
        let change = Change {
            tenant: OWN_TENANT,
            action: "dlq.replay",
            target_kind: "dead_letters",
            target: code.unwrap_or_default(),
            detail: Some(&detail),
            ..Change::default()
        };
        super::audit::done(system, change);
    }
    if json {
        output::json(&serde_json::json!({"replayed": sent, "cut": cut, "of_gateway": of_gateway}))?;
    } else {
        println!("{sent} dead letters published to their topics again");
        if cut > 0 {
            println!("{cut} were too large to be kept whole and stay where they are");
        }
        if of_gateway > 0 {
            println!(
                "{of_gateway} were refused by the gateway: their senders have to correct them"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
