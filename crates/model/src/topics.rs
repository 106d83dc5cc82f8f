//! Topic names. One place, so that no other file spells one.

/// Prefix of every raw topic; the rest is the event type, e.g. `weir.events.llm.call`.
pub const EVENTS_PREFIX: &str = "weir.events.";
/// Mergeable partial aggregates, stage 1 to stage 2, partitioned by subject.
pub const PARTIALS: &str = "weir.partials";
/// Aggregate parts (on time and late), for the sink.
pub const AGGREGATES: &str = "weir.aggregates";
/// Detector findings, one record each, keyed by id.
pub const ANOMALIES: &str = "weir.anomalies";
/// Published KPI values, one record each, keyed by id.
pub const KPIS: &str = "weir.kpis";
/// Provisional values for dashboards: never stored, never judged.
pub const LIVE: &str = "weir.live";
/// Final terms of cross-subject KPIs and rule inputs, stage 2 to stage 3, by (tenant, KPI or rule).
pub const TERMS: &str = "weir.terms";
/// Alert life-cycle records, keyed by alert id.
pub const ALERTS: &str = "weir.alerts";
/// One summary per commit and input partition of the events that came too late to be judged.
pub const LATE: &str = "weir.late";
/// Records that could not be read, with their raw bytes.
pub const DLQ: &str = "weir.dlq";
/// Snapshots of stages 2 and 3 (compacted).
pub const STATE: &str = "weir.state";
/// Writer schemas by id (compacted).
pub const SCHEMAS: &str = "weir.schemas";
/// Catalogs by hash, and the current run (compacted).
pub const CATALOG: &str = "weir.catalog";
/// What importers have already published (compacted).
pub const IMPORTS: &str = "weir.imports";
/// Hashes of the tokens that open the gateway (compacted).
pub const TOKENS: &str = "weir.tokens";
/// Addresses of people by pseudonym, encrypted (compacted).
pub const PEOPLE: &str = "weir.people";

/// What was sent of scheduled reports (compacted).
pub const REPORTS: &str = "weir.reports";

/// What the alert consumer has planned and sent, by alert, group and message (compacted).
pub const NOTIFY: &str = "weir.notify";

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
