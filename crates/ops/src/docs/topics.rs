//! `docs/topics.md`: what stands in each topic, who writes it and who reads it.

use super::page::{Page, code};
use serde::Serialize;
use serde_json::Value as Json;
use weir_catalog::{Catalog, EventDef};
use weir_kafka::admin::{self, Partitions, Raw, TopicSpec};
use weir_model::topics::{self, Holds, Topic};
use weir_model::{headers, records};

const INTRO: &str = "Every topic of a system with the shipped catalog: what keys and values of its \
    records are, how long they are kept, who writes and who reads them. This page is what `weir \
    topics --describe` prints; do not edit it. The [architecture](architecture.md) says how they \
    hang together.";
const ALL: &str = "All topics";
const HEADERS: &str = "Headers";
const RECORDS: &str = "Records of weir";
const EVENTS: &str = "Events";
/// Fields that every event has, and in which only the first table shows them.
const ENVELOPE: [&str; 5] = ["event_id", "event_time", "tenant", "source", "resource"];
const DAY: u64 = 24 * 60 * 60 * 1000;
const HOUR: u64 = 60 * 60 * 1000;

/// What a service may do with topics.
#[derive(Clone, Debug)]
pub struct Access {
    /// The service.
    pub service: &'static str,
    /// A topic, or what names of topics begin with.
    pub topic: String,
    /// Whether it is a beginning.
    pub prefix: bool,
    /// Whether records are read.
    pub reads: bool,
    /// Whether records are written.
    pub writes: bool,
}

/// A topic, as programs read it.
#[derive(Clone, Debug, Serialize)]
pub struct Described {
    /// Its name; `weir.events.<type>` is one for each event type.
    pub topic: String,
    /// What it is for.
    pub about: &'static str,
    /// How many it gets when it is made.
    pub partitions: String,
    /// How long records stay.
    pub kept: String,
    /// What keys of records are.
    pub key: &'static str,
    /// What values of records are.
    pub value: String,
    /// Services that may write.
    pub written_by: Vec<String>,
    /// Services that may read.
    pub read_by: Vec<String>,
}

/// The page. `access`: what each service is allowed.
pub fn topics(catalog: &Catalog, access: &[Access]) -> String {
    let mut page = Page::new("Topics", INTRO);
    page.chapter(ALL);
    page.prose(
        "Time stamps are those of the broker (LogAppendTime). The partitions are those that topics \
         get when they are made: `weir.partials` and `weir.terms` keep theirs for the life of a \
         system. Importers are `weir import`, `simulate`, `replay` and `baseline capture`; readers \
         are commands that only ask, admins those that change.",
    );
    page.table(
        &[
            "topic",
            "what",
            "partitions",
            "kept",
            "key",
            "value",
            "written by",
            "read by",
        ],
        &all(catalog, access),
    );
    page.chapter(HEADERS);
    page.prose("A producer may send others: they are passed over.");
    page.table(&["header", "in", "what it says"], &headers_of());
    records_of(&mut page);
    events(&mut page, catalog);
    page.finish()
}

fn all(catalog: &Catalog, access: &[Access]) -> Vec<Vec<String>> {
    let each = topics::ALL.iter().zip(described(catalog, access));
    let row = |(topic, d): (&Topic, Described)| {
        vec![
            code(&d.topic),
            d.about.to_owned(),
            d.partitions,
            d.kept,
            d.key.to_owned(),
            linked(topic),
            d.written_by.join(", "),
            d.read_by.join(", "),
        ]
    };
    each.map(row).collect()
}

/// Every topic. `access`: what each service is allowed.
pub fn described(catalog: &Catalog, access: &[Access]) -> Vec<Described> {
    let names = catalog.events.iter().map(|e| Raw {
        event_type: &e.name,
        low_volume: e.low_volume,
    });
    let specs = admin::standard(names, &Partitions::default());
    let each = topics::ALL.iter().map(|topic| {
        let spec = specs.iter().find(|s| s.name.starts_with(topic.name));
        let (partitions, kept) =
            spec.map_or_else(Default::default, |s| (partitions(topic, s), kept(s)));
        Described {
            topic: shown(topic),
            about: topic.about,
            partitions,
            kept,
            key: topic.key,
            value: value(topic),
            written_by: who(topic, access, |a| a.writes),
            read_by: who(topic, access, |a| a.reads),
        }
    });
    each.collect()
}

fn is_raw(topic: &Topic) -> bool {
    topic.name == topics::EVENTS_PREFIX
}

fn shown(topic: &Topic) -> String {
    match is_raw(topic) {
        true => format!("{}<type>", topic.name),
        false => topic.name.to_owned(),
    }
}

fn partitions(topic: &Topic, spec: &TopicSpec) -> String {
    match is_raw(topic) {
        true => format!("{}, or 1", Partitions::default().raw),
        false => spec.partitions.to_string(),
    }
}

/// How long records stay, by the configuration that the topic is made with.
fn kept(spec: &TopicSpec) -> String {
    let of = |key: &str| {
        let found = spec.config.iter().find(|(k, _)| k == key);
        found.map(|(_, v)| v.as_str())
    };
    if of("cleanup.policy") == Some("compact") {
        return "the newest of each key".to_owned();
    }
    match of("retention.ms").map(str::parse::<u64>) {
        Some(Ok(ms)) if ms % DAY == 0 => format!("{} days", ms / DAY),
        Some(Ok(ms)) => format!("{} h", ms / HOUR),
        // -1.
        _ => "for ever".to_owned(),
    }
}

fn value(topic: &Topic) -> String {
    match topic.value {
        Holds::Event => "Avro: its schema".to_owned(),
        Holds::Record(words) | Holds::Words(words) => words.to_owned(),
    }
}

/// The value on the page, where its schema stands, too.
fn linked(topic: &Topic) -> String {
    match topic.value {
        Holds::Event => format!("Avro: [its schema](#{})", super::page::anchor(EVENTS)),
        Holds::Record(name) => format!("[{name}](#{name})"),
        Holds::Words(words) => words.to_owned(),
    }
}

/// Services that are allowed something on a topic; of those that may it on some of the raw topics
/// alone, on which.
fn who(topic: &Topic, access: &[Access], may: impl Fn(&Access) -> bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for a in access.iter().filter(|a| may(a)) {
        let name = if a.prefix && topic.name.starts_with(&a.topic) || a.topic == topic.name {
            a.service.to_owned()
        } else if a.prefix && is_raw(topic) && a.topic.starts_with(topic.name) {
            format!("{} (`{}*`)", a.service, a.topic)
        } else {
            continue;
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn headers_of() -> Vec<Vec<String>> {
    let holding = |header: &str| {
        let with = topics::ALL.iter().filter(|t| t.headers.contains(&header));
        with.map(|t| code(&shown(t))).collect::<Vec<_>>().join(", ")
    };
    let each = headers::ALL.iter();
    each.map(|(name, about)| vec![code(name), holding(name), (*about).to_owned()])
        .collect()
}

fn records_of(page: &mut Page) {
    page.chapter(RECORDS);
    page.prose(
        "Where the text does not say otherwise a value is Confluent's frame (byte 0, the id of the \
         schema in four bytes, Avro). The schemas are those of `schemas/records`; older ones that \
         are still read stand in `schemas/records/earlier`.",
    );
    for (name, schema) in records::SCHEMAS {
        page.section(name);
        record(page, schema, &[]);
    }
}

fn events(page: &mut Page, catalog: &Catalog) {
    page.chapter(EVENTS);
    page.prose(
        "A value is Avro in Confluent's frame, or without it where the id of the schema is in a \
         header. Producers register their schemas under `weir.events.<type>-value`; a newer one may \
         add fields with a default. What the measures of each are stands in [metrics](metrics.md). \
         All of them have these fields:",
    );
    if let Some(event) = catalog.events.first() {
        let rows = fields(&event.schema_json);
        let envelope = |r: &Vec<String>| ENVELOPE.iter().any(|n| r[0] == code(n));
        let rows: Vec<_> = rows.into_iter().filter(envelope).collect();
        page.table(&FIELD, &rows);
    }
    for event in &catalog.events {
        page.section(&topics::events(&event.name));
        record(page, &event.schema_json, &ENVELOPE);
        page.prose(&made_the_same(event));
    }
}

/// What makes two events one, and how many partitions the topic gets.
fn made_the_same(event: &EventDef) -> String {
    let mut text = match &event.identity {
        Some(path) => format!("Two events with the same {} are one.", code(path)),
        None => String::new(),
    };
    if event.low_volume {
        text += " One partition.";
    }
    text.trim().to_owned()
}

const FIELD: [&str; 4] = ["field", "type", "default", "what it is"];

/// A schema: what it is for, and its fields but for some.
fn record(page: &mut Page, schema: &str, without: &[&str]) {
    let parsed: Json = serde_json::from_str(schema).unwrap_or_default();
    page.prose(text(&parsed, "doc"));
    let rows = fields(schema).into_iter();
    let rows: Vec<_> = rows
        .filter(|r| !without.iter().any(|n| r[0] == code(n)))
        .collect();
    page.table(&FIELD, &rows);
}

/// A row for each field of a schema; those of records in it under their paths.
fn fields(schema: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let parsed: Json = serde_json::from_str(schema).unwrap_or_default();
    below("", &parsed, &mut rows);
    rows
}

fn below(path: &str, record: &Json, rows: &mut Vec<Vec<String>>) {
    for field in record["fields"].as_array().into_iter().flatten() {
        let path = format!("{path}{}", text(field, "name"));
        rows.push(vec![
            code(&path),
            kind(&field["type"]),
            field
                .get("default")
                .map_or_else(String::new, |d| code(&d.to_string())),
            text(field, "doc").to_owned(),
        ]);
        if let Some((inner, way)) = inner(&field["type"]) {
            below(&format!("{path}{way}."), inner, rows);
        }
    }
}

/// The record in a type, and what leads to it.
fn inner(of: &Json) -> Option<(&Json, &'static str)> {
    if let Json::Array(branches) = of {
        return branches.iter().find_map(inner);
    }
    match of["type"].as_str()? {
        "record" => Some((of, "")),
        "array" => inner(&of["items"]).map(|(record, _)| (record, "[]")),
        "map" => inner(&of["values"]).map(|(record, _)| (record, "{}")),
        _ => None,
    }
}

/// A type in words.
fn kind(of: &Json) -> String {
    match of {
        Json::String(name) => name.clone(),
        Json::Array(branches) => {
            let each: Vec<String> = branches.iter().map(kind).filter(|k| k != "null").collect();
            format!("{} or null", each.join(" or "))
        }
        _ => match (text(of, "type"), text(of, "logicalType")) {
            ("array", _) => format!("list of {}", kind(&of["items"])),
            ("map", _) => format!("map of {}", kind(&of["values"])),
            ("enum", _) => {
                let symbols = of["symbols"].as_array().into_iter().flatten();
                let each: Vec<String> = symbols.filter_map(Json::as_str).map(code).collect();
                each.join(", ")
            }
            ("record", _) => "record".to_owned(),
            (plain, "") => plain.to_owned(),
            (plain, logical) => format!("{plain} ({logical})"),
        },
    }
}

fn text<'a>(of: &'a Json, member: &str) -> &'a str {
    of[member].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    /// What a system makes is what is declared here, and nothing else.
    #[test]
    fn every_topic_is_declared() {
        let made = admin::standard(["llm.call"], &Partitions::default());
        let made: BTreeSet<&str> = made.iter().map(|s| s.name.as_str()).collect();
        let raw = topics::events("llm.call");
        let declared = topics::ALL.iter();
        let declared = declared.map(|t| if is_raw(t) { raw.as_str() } else { t.name });
        assert_eq!(made, declared.collect());
    }

    #[test]
    fn every_header_stands_in_a_topic_and_every_record_is_there() {
        for row in headers_of() {
            assert!(!row[1].is_empty(), "{row:?}");
        }
        for topic in topics::ALL {
            for header in topic.headers {
                assert!(headers::ALL.iter().any(|(h, _)| h == header), "{header}");
            }
            if let Holds::Record(name) = topic.value {
                assert!(records::schema_json(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn fields_of_records_in_lists_have_their_paths() {
        let schema = r#"{"fields": [
            {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}],
             "default": null, "doc": "when"},
            {"name": "rows", "type": {"type": "array", "items": {"type": "record", "fields": [
                {"name": "state", "type": {"type": "enum", "symbols": ["on", "off"]}}]}}}]}"#;
        let rows = fields(schema);
        let row = |i: usize| rows[i].join("|");
        assert_eq!(row(0), "`at`|long (timestamp-micros) or null|`null`|when");
        assert_eq!(row(1), "`rows`|list of record||");
        assert_eq!(row(2), "`rows[].state`|`on`, `off`||");
    }

    #[test]
    fn who_may_a_part_of_the_raw_topics_is_told_with_it() {
        let a = |topic: &str, prefix| Access {
            service: "api",
            topic: topic.to_owned(),
            prefix,
            reads: false,
            writes: true,
        };
        let access = [a("weir.events.alert.", true), a("weir.people", false)];
        let of = |name: &str| {
            let topic = topics::ALL.iter().find(|t| t.name == name).unwrap();
            who(topic, &access, |a| a.writes)
        };
        assert_eq!(
            of(topics::EVENTS_PREFIX).join(", "),
            "api (`weir.events.alert.*`)"
        );
        assert_eq!(of(topics::PEOPLE).join(", "), "api");
        assert_eq!(of(topics::KPIS).join(", "), "");
    }
}
