//! Topic names, and what stands in each topic. One place, so that no other file spells one.

use crate::headers;

/// What stands in a topic, for those who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name; of raw topics what their names begin with.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What the key of a record is; empty: it has none.
    pub key: &'static str,
    /// What the value of a record is.
    pub value: Holds,
    /// Headers that a record may have, see [`headers::ALL`].
    pub headers: &'static [&'static str],
}

/// What the value of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// An event, in Avro.
    Event,
    /// A record of weir by its name in [`crate::records::SCHEMAS`].
    Record(&'static str),
    /// Something else, in words.
    Words(&'static str),
}

/// Makes a constant of each topic, and the list of all.
macro_rules! topics {
    ($(
        $constant:ident, $name:literal, $about:literal,
        $key:literal, $value:expr, $headers:expr;
    )*) => {
        $(#[doc = $about] pub const $constant: &str = $name;)*
        /// All topics; the first stands for the raw topic of each event type.
        pub const ALL: &[Topic] = &[
            Topic {
                name: EVENTS_PREFIX,
                about: "What producers write: the source of truth",
                key: "source of the event",
                value: Holds::Event,
                headers: &[headers::SCHEMA_ID, headers::TICK, headers::LOG_TIME, headers::REPLAY],
            },
            $(Topic {
                name: $name,
                about: $about,
                key: $key,
                value: $value,
                headers: $headers,
            }),*
        ];
    };
}

use Holds::{Record, Words};

/// Prefix of every raw topic; the rest is the event type, e.g. `weir.events.llm.call`.
pub const EVENTS_PREFIX: &str = "weir.events.";

topics! {
    PARTIALS, "weir.partials",
        "Mergeable partial aggregates, stage 1 to stage 2, partitioned by subject",
        "", Record("partial"), &[];
    AGGREGATES, "weir.aggregates",
        "Aggregate parts (on time and late), for the sink",
        "", Record("aggregate"), &[];
    ANOMALIES, "weir.anomalies",
        "Detector findings, one record each",
        "id of the anomaly", Record("anomaly"), &[];
    KPIS, "weir.kpis",
        "Published KPI values, one record each",
        "id of the value", Record("kpi"), &[];
    LIVE, "weir.live",
        "Provisional values for dashboards: never stored, never judged",
        "", Record("aggregate"), &[];
    TERMS, "weir.terms",
        "Final terms of cross-subject KPIs and rule inputs, stage 2 to stage 3, partitioned by \
         tenant and KPI or rule",
        "",
        Words("a block of terms, in the engine's own encoding: read by the version that wrote it"),
        &[];
    ALERTS, "weir.alerts",
        "Alert life-cycle records",
        "id of the alert", Record("alert"), &[];
    LATE, "weir.late",
        "One summary per commit and input partition of the events that came too late to be judged",
        "", Record("late"), &[];
    DLQ, "weir.dlq",
        "Records that could not be read, with their raw bytes",
        "key of the record, where it is short", Record("dead_letter"),
        &[
            headers::ERROR_CODE,
            headers::ERROR_MESSAGE,
            headers::SOURCE_TOPIC,
            headers::SOURCE_PARTITION,
            headers::SOURCE_OFFSET,
            headers::TENANT,
            headers::TRUNCATED,
        ];
    STATE, "weir.state",
        "Snapshots of stages 2 and 3",
        "`stage/r<run>/<partition>/<part>`", Record("state"), &[];
    SCHEMAS, "weir.schemas",
        "Writer schemas by id",
        "id of the schema, as decimal text",
        Words("JSON: the schema with its ids and subject"), &[];
    CATALOG, "weir.catalog",
        "Catalogs by hash, and the current run",
        "`run`, or `catalog/<hash>`",
        Words("JSON: number, catalog and partitions of the run; files of the catalog"), &[];
    IMPORTS, "weir.imports",
        "What importers have already published",
        "source; `ids/…` and `turn/…` of identities",
        Words("JSON: how far a source was read; identities as bytes"), &[];
    LOGGED, "weir.logged",
        "What imports read in logs of coding agents, for gateways to know it when it comes over OTLP",
        "session and what was claimed of it", Words("JSON: the calls and tools that are claimed"), &[];
    TOKENS, "weir.tokens",
        "Hashes of the tokens that open gateway and api",
        "id of the token", Words("JSON: hash, tenant, scopes, name, time of making"), &[];
    PEOPLE, "weir.people",
        "Addresses of people by pseudonym, encrypted",
        "tenant and pseudonym, on a line each",
        Words("the address, encrypted under the key of the person"), &[];
    REPORTS, "weir.reports",
        "What was mailed of scheduled reports",
        "`schedule/<name>`, or `sent/<schedule>/<due>/<subject>/<recipient>`",
        Words("JSON: how far a schedule is; nothing more of a mail than that it was taken"), &[];
    NOTIFY, "weir.notify",
        "What the alert consumer has planned and sent, by alert, group and message",
        "kind and id, as `alert/<id>`", Words("JSON: what is remembered under that key"), &[];
}

/// What stands in place of a topic in dead letters of what never reached one: it was refused at the
/// gateway.
pub const GATEWAY: &str = "gateway";

/// The raw topic of an event type.
pub fn events(event_type: &str) -> String {
    format!("{EVENTS_PREFIX}{event_type}")
}

/// What the schemas of an event type are registered under.
pub fn subject(event_type: &str) -> String {
    format!("{}-value", events(event_type))
}

/// The event type of a raw topic, or `None` for any other topic.
pub fn event_type(topic: &str) -> Option<&str> {
    topic.strip_prefix(EVENTS_PREFIX)
}
