//! The three stages over some hours of events of one type, and what came of them.

use std::sync::Arc;
use weir_catalog::Catalog;
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::records::{AggregateBlock, Alert, Anomaly, Kpi, Subject};
use weir_model::{Micros, wire};

/// What a release that has more kinds may add to, before it keeps its files: the folders of
/// earlier ones have their own.
pub const SOURCES: [&str; 3] = [
    r#"{
  "type": "record", "name": "Job", "namespace": "weir.events", "doc": "A job.",
  "fields": [
    {"name": "event_id", "type": "string", "doc": "id"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "when"},
    {"name": "tenant", "type": "string", "doc": "whose"},
    {"name": "source", "type": "string", "doc": "instance"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "where"},
    {"name": "team", "type": "string", "doc": "team"},
    {"name": "user", "type": "string", "doc": "user"},
    {"name": "provider", "type": "string", "doc": "provider"},
    {"name": "model", "type": "string", "doc": "model"},
    {"name": "ok", "type": "boolean", "doc": "outcome"},
    {"name": "tokens", "type": "long", "doc": "tokens"},
    {"name": "amount", "type": ["null", "double"], "doc": "any number"},
    {"name": "reported", "type": ["null", "double"], "doc": "reported cost"}
  ]
}
"#,
    "event: job
dimensions: {team: team, user: user}
measures:
  jobs: {count: true}
  failed: {count: true, where: {ok: false}}
  tokens: {sum: tokens}
  least: {min: amount}
  most: {max: amount}
  squares: {sumsq: amount}
  newest: {last: amount}
  spread: {distribution: amount}
  users: {distinct: user}
  cost: {cost: {reported: reported, provider: provider, model: model, tokens: {input: tokens}}}
  unpriced: {unpriced: cost}
windows: [5m, 1h, 1d]
rollups:
  - []
  - [team]
  - {by: [team, user], windows: [1h]}
",
    "prices:
  - {provider: p, model: m1, from: 2025-01-01, input: 3}
kpis:
  failed_share:
    title: Share
    category: quality
    unit: percent
    by: [team]
    window: 1h/5m
    terms: {failed: job.failed, jobs: job.jobs}
    value: ratio(failed, jobs) * 100
    minimum_sample: {jobs: 2}
  team_of_all:
    title: Share of all jobs
    category: quality
    unit: percent
    by: [team]
    window: 1h
    terms: {jobs: job.jobs, all: {of: job.jobs, at: []}}
    value: ratio(jobs, all) * 100
    minimum_sample: {jobs: 2}
detectors:
  slow:
    title: Slow
    event: job
    by: [team]
    window: 5m
    value: spread.p95
    minimum_sample: {jobs: 2}
    zscore: {history: 12, warmup: 4, threshold: 2}
    floor: {absolute: 1}
alerts:
  jobs_fail:
    title: Jobs fail
    kpi: failed_share
    above: 15
    open_after: 2
    resolve_after: 2
    severity: high
    impact: Work is lost.
    action: Look at the newest change.
  slow_jobs:
    title: Slow jobs
    detector: slow
    severity: low
    impact: People wait.
    action: Look at the host.
",
];

const START: i64 = 1_760_054_400_000_000;
const STEP: i64 = 24_000_000;
const EVENTS: i64 = 1200;
/// Events between two drains.
const DRAIN: usize = 60;
const INPUT: Input = Input {
    event: 0,
    partition: 0,
};

/// Events of eight hours, with duplicates, late ones and hours in which more fails.
pub fn events(catalog: &Catalog) -> Vec<Vec<u8>> {
    let encoder = JsonEncoder::new(&catalog.events[0].schema_json).unwrap();
    (0..EVENTS).map(|i| event(&encoder, i)).collect()
}

fn event(encoder: &JsonEncoder, i: i64) -> Vec<u8> {
    let team = i % 3;
    let late = if i % 97 == 96 { 1_800_000_000 } else { 0 };
    let bad = (i / 150) % 2 == 1 && team == 1;
    let value = serde_json::json!({
        "event_id": format!("e{}", if i % 41 == 40 { i - 7 } else { i }),
        "event_time": START + i * STEP - late,
        "tenant": "acme", "source": "s", "resource": {},
        "team": format!("t{team}"),
        "user": format!("u{}", i % 7),
        "provider": "p",
        "model": if i % 11 == 0 { "m2" } else { "m1" },
        "ok": if bad { i % 2 == 0 } else { i % 29 != 0 },
        "tokens": i * 37 % 5000,
        "reported": (i % 5 == 0).then(|| (i % 90) as f64 / 64.0),
        "amount": (i % 13 != 0).then(|| (i * 31 % 160) as f64 / 8.0 + if bad { 90.0 } else { 0.0 }),
    });
    let mut body = Vec::new();
    encoder.encode(&value, &mut body).unwrap();
    wire::framed(1, &body)
}

/// Three stages, each with one partition, and what they wrote.
pub struct Stages {
    pub catalog: Arc<Catalog>,
    combine: Combine,
    window: Window,
    score: Score,
    pub aggregates: Vec<Vec<u8>>,
    pub kpis: Vec<Kpi>,
    pub anomalies: Vec<Anomaly>,
    pub alerts: Vec<Alert>,
}

/// Records of results as they are written to Kafka.
pub struct Encoded {
    pub kpis: Vec<Vec<u8>>,
    pub anomalies: Vec<Vec<u8>>,
    pub alerts: Vec<Vec<u8>>,
}

impl Stages {
    pub fn new(catalog: Catalog) -> Stages {
        let catalog = Arc::new(catalog);
        let options = CombineOptions {
            partials: 1,
            run: 1,
            max_block: 20_000,
            partitions: vec![1],
        };
        let mut combine = Combine::new(catalog.clone(), options).unwrap();
        let schema = &catalog.events[0].schema_json;
        combine.add_schema(0, 1, [0; 16], schema).unwrap();
        let options = WindowOptions {
            partition: 0,
            partials: 1,
            run: 1,
            shards: 2,
            terms: 1,
            partitions: vec![1],
        };
        let window = Window::new(catalog.clone(), options).unwrap();
        let options = ScoreOptions {
            partition: 0,
            partials: 1,
            run: 1,
        };
        Stages {
            score: Score::new(catalog.clone(), options).unwrap(),
            combine,
            window,
            catalog,
            aggregates: Vec::new(),
            kpis: Vec::new(),
            anomalies: Vec::new(),
            alerts: Vec::new(),
        }
    }

    pub fn open(&mut self, position: Position) {
        self.combine.open(INPUT, position);
    }

    /// What is committed with the offset after the last event.
    pub fn position(&self) -> String {
        self.combine.metadata(INPUT)
    }

    /// Events before the position, from the horizon of de-duplication on.
    pub fn warm(&mut self, events: &[Vec<u8>]) {
        for record in records(0, events) {
            self.combine.warm(INPUT, &record);
        }
    }

    /// Partials of events whose first has this offset.
    pub fn combine(&mut self, offset: usize, events: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut blocks = Vec::new();
        for (i, some) in events.chunks(DRAIN).enumerate() {
            for record in records(offset + i * DRAIN, some) {
                let fold = self.combine.fold(INPUT, &record);
                let read = !matches!(fold, Fold::Dead(_) | Fold::UnknownSchema(_));
                assert!(read, "{fold:?}");
            }
            let emit = &mut |_, block: &[u8]| blocks.push(block.to_vec());
            self.combine.drain(true, emit);
        }
        blocks
    }

    /// Terms of partials whose first has this offset.
    pub fn window(&mut self, offset: usize, blocks: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut out = WindowOut::default();
        for (at, block) in (offset as i64..).zip(blocks) {
            self.window.fold(at, block, true, &mut out).unwrap();
        }
        assert_eq!(self.window.stats().invariant_breaks, 0);
        self.aggregates.append(&mut out.aggregates);
        self.kpis.append(&mut out.kpis);
        self.anomalies.append(&mut out.anomalies);
        out.terms.into_iter().map(|(_, message)| message).collect()
    }

    pub fn score(&mut self, offset: usize, messages: &[Vec<u8>]) {
        let mut out = ScoreOut::default();
        for (at, message) in (offset as i64..).zip(messages) {
            self.score.fold(at, message, true, &mut out).unwrap();
        }
        assert_eq!(self.score.stats().too_late, 0);
        self.kpis.append(&mut out.kpis);
        self.alerts.append(&mut out.alerts);
    }

    /// Of window and of score: parts of all shards, and the marker.
    pub fn snapshots(&mut self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let (shards, of_score) = (self.window.shards(), self.score.shards());
        let parts = (0..shards).flat_map(|s| self.window.snapshot(s));
        let mut window: Vec<_> = parts.filter_map(|(_, part)| part).collect();
        window.push(self.window.marker());
        let parts = (0..of_score).flat_map(|s| self.score.snapshot(s));
        let mut score: Vec<_> = parts.filter_map(|(_, part)| part).collect();
        score.push(self.score.marker());
        (window, score)
    }

    pub fn restore(&mut self, window: &[Vec<u8>], score: &[Vec<u8>]) {
        let named = |v: &[Vec<u8>]| v.iter().cloned().enumerate().collect::<Vec<_>>();
        let keyed = |(i, v): (usize, Vec<u8>)| (i.to_string(), v);
        let parts = &mut named(window).into_iter().map(keyed);
        self.window.restore(parts).unwrap();
        let parts = &mut named(score).into_iter().map(keyed);
        self.score.restore(parts).unwrap();
    }

    /// What was written so far was written before the update.
    pub fn forget_results(&mut self) {
        self.aggregates.clear();
        self.kpis.clear();
        self.anomalies.clear();
        self.alerts.clear();
    }

    pub fn encoded(&self) -> Encoded {
        Encoded {
            kpis: each(&self.kpis, Kpi::encode),
            anomalies: each(&self.anomalies, Anomaly::encode),
            alerts: each(&self.alerts, Alert::encode),
        }
    }
}

fn each<T>(all: &[T], encode: fn(&T, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    let one = |record: &T| {
        let mut out = Vec::new();
        encode(record, &mut out);
        out
    };
    all.iter().map(one).collect()
}

fn records(offset: usize, events: &[Vec<u8>]) -> impl Iterator<Item = Record<'_>> {
    (offset as i64..).zip(events).map(|(offset, value)| Record {
        offset,
        append_time: Micros(START + offset * STEP),
        value: Some(value),
        meta: Meta::default(),
    })
}

/// What was said, as sorted lines that a later version says as well: no field that came later is
/// in them.
pub fn outcome(stages: &Stages) -> Vec<String> {
    let mut lines = Vec::new();
    for block in &stages.aggregates {
        let block = AggregateBlock::decode(block).unwrap();
        for row in &block.rows {
            let (subject, start) = (named(&row.subject), row.start.0);
            let of = block.measures.iter().zip(&row.values);
            let values: Vec<String> = of.map(|(m, v)| format!("{m}={v:?}")).collect();
            let hash = weir_model::hash::id(&[values.join(" ").as_bytes()]);
            let late = row.part != weir_model::records::Part::OnTime;
            let window = row.window.label();
            lines.push(format!(
                "aggregate {subject} {window} {start} late={late} {hash}"
            ));
        }
    }
    lines.extend(stages.kpis.iter().map(|k| {
        let (subject, start) = (named(&k.subject), k.start.0);
        format!("kpi {} {subject} {start} {:?}", k.kpi, k.value)
    }));
    lines.extend(stages.anomalies.iter().map(|a| {
        let (subject, start) = (named(&a.subject), a.start.0);
        let (name, value, score) = (&a.detector, a.value, a.score);
        format!("anomaly {name} {subject} {start} {value:?} {score:?}")
    }));
    lines.extend(stages.alerts.iter().map(|a| {
        let (subject, at, value) = (named(&a.subject), a.at.0, a.value);
        let (rule, state, step, id) = (&a.rule, a.state, a.step, &a.id);
        format!("alert {rule} {subject} {state:?} {step} {at} {value:?} {id}")
    }));
    lines.sort();
    lines
}

fn named(subject: &Subject) -> String {
    let named = subject.dimensions.iter().map(|(n, v)| format!("{n}={v}"));
    let all: Vec<String> = std::iter::once(subject.tenant.clone())
        .chain(named)
        .collect();
    all.join("/")
}
