//! A catalog with settings at every kind of term, and raw logs over it.

use rand::seq::IndexedRandom;
use rand::{Rng, RngCore};
use serde_json::json;
use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_model::avro::JsonEncoder;
use weir_model::headers::{Mark, Meta};
use weir_model::{Micros, wire};

const SCHEMA: &str = r#"{"type": "record", "name": "NAME", "namespace": "weir.events", "fields": [
    {"name": "event_id", "type": "string"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "tenant", "type": "string"},
    {"name": "source", "type": "string"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}},
    {"name": "team", "type": "string", "default": ""},
    {"name": "strict", "type": "boolean", "default": false},
    {"name": "amount", "type": ["null", "double"], "default": null}
]}"#;

const WORK: &str = "\
event: work.done
disorder: 1m
dimensions: {team: team}
measures: {jobs: {count: true}, spent: {sum: amount}}
windows: [1m, 5m, 1h, 1d]
rollups: [[], [team]]
";

const LIMIT: &str = "\
event: limit.set
disorder: 3m
setting: true
dimensions: {team: team}
measures:
  amount: {last: amount}
  strict: {last: amount, where: {strict: true}}
  changes: {count: true}
windows: [1m, 5m, 1h, 1d]
rollups: [[], [team]]
";

/// One subject and several, tumbling and rolling.
const JUDGES: &str = "\
kpis:
  own:
    {by: [team], window: 1h, terms: {spent: work.done.spent, limit: limit.set.amount},
     value: spent - limit, decimals: 3}
  rolling:
    {by: [team], window: 1h/5m,
     terms: {jobs: work.done.jobs, strict: limit.set.strict, n: limit.set.changes},
     value: 'coalesce(strict, -1) * 1000 + jobs + n / 128', decimals: 9}
  days:
    {window: 1d, terms: {jobs: work.done.jobs, limit: limit.set.amount}, value: jobs - limit}
  minute:
    {window: 1m, terms: {jobs: work.done.jobs, n: limit.set.changes}, value: jobs * 1000 + n}
  across:
    by: [team]
    window: 5m
    terms:
      jobs: work.done.jobs
      all: {of: work.done.jobs, at: []}
      limit: {of: limit.set.amount, at: []}
      own: limit.set.amount
      n: {of: limit.set.changes, at: []}
    value: jobs + all / 128 + n * 1000 + coalesce(limit, -1) * 100000 + coalesce(own, -1) / 1024
    decimals: 9
  others_day:
    by: [team]
    window: 1d
    terms: {jobs: work.done.jobs, limit: {of: limit.set.strict, at: []}}
    value: jobs - limit
alerts:
  over: {kpi: own, above: 0, impact: spend, action: look}
  over_all: {kpi: across, above: 500000, impact: spend, action: look}
";

const TENANTS: &str = "\
tenants:
  default_zone: UTC
  zones: {a: Europe/Berlin, b: America/New_York, c: Asia/Kathmandu}
";

pub fn catalog() -> Arc<Catalog> {
    let named = |name: &str| SCHEMA.replace("NAME", name);
    let sources = [
        ("events/work.done.avsc", named("WorkDone")),
        ("events/limit.set.avsc", named("LimitSet")),
        ("catalog/work.done.yaml", WORK.into()),
        ("catalog/limit.set.yaml", LIMIT.into()),
        ("catalog/judges.yaml", JUDGES.into()),
        ("catalog/tenants.yaml", TENANTS.into()),
    ];
    let sources = sources.map(|(f, t)| (f.to_owned(), t));
    Arc::new(load_sources(sources.to_vec()).unwrap_or_else(|e| panic!("{e}")))
}

/// Raw partitions by event type: limits, then work.
pub const PARTITIONS: [u32; 2] = [2, 3];

/// A record of a raw partition.
pub struct Raw {
    pub event: usize,
    pub partition: u32,
    pub append_time: Micros,
    pub value: Option<Vec<u8>>,
    pub meta: Meta,
}

pub struct World<'r> {
    rng: &'r mut dyn RngCore,
    encoders: Vec<JsonEncoder>,
    ids: u64,
    pub log: Vec<Raw>,
}

impl<'r> World<'r> {
    pub fn new(catalog: &Catalog, rng: &'r mut dyn RngCore) -> World<'r> {
        let of = |e: &weir_catalog::EventDef| JsonEncoder::new(&e.schema_json).unwrap();
        World {
            rng,
            encoders: catalog.events.iter().map(of).collect(),
            ids: 0,
            log: Vec::new(),
        }
    }

    /// What an event says. `time` in microseconds.
    pub fn value(
        &mut self,
        event: usize,
        what: (&str, &str),
        time: i64,
        amount: Option<f64>,
    ) -> Vec<u8> {
        self.ids += 1;
        let event_json = json!({
            "event_id": format!("e{}", self.ids), "event_time": time, "tenant": what.0,
            "source": "s", "resource": {}, "team": what.1, "strict": self.ids.is_multiple_of(3),
            "amount": amount,
        });
        let mut body = Vec::new();
        self.encoders[event].encode(&event_json, &mut body).unwrap();
        wire::framed(1 + event as u32, &body)
    }

    /// Days in which people work by bursts, set limits now and then, and tell some things late;
    /// with some of it played again. Ends with ticks.
    pub fn live(&mut self) {
        // Noon of a day in 1971.
        let mut now = 42_336_000 + self.rng.random_range(0..200_000i64);
        for _ in 0..self.rng.random_range(30..400) {
            now += match self.rng.random_range(0..100) {
                0..70 => self.rng.random_range(0..90),
                70..95 => self.rng.random_range(0..2_000),
                95..99 => self.rng.random_range(0..90_000),
                _ => self.rng.random_range(40..60) * 86_400,
            };
            let event = usize::from(self.rng.random_bool(0.7));
            let partition = self.rng.random_range(0..PARTITIONS[event]);
            let append_time = Micros(now * 1_000_000 + self.rng.random_range(0..1_000_000));
            if self.rng.random_bool(0.1) {
                self.tick(event, partition, append_time);
                continue;
            }
            if self.rng.random_bool(0.02) {
                self.played(event, partition, append_time);
                continue;
            }
            let behind = match self.rng.random_range(0..10) {
                0..6 => self.rng.random_range(0..50),
                6..8 => self.rng.random_range(0..400),
                8 => self.rng.random_range(0..100_000),
                _ => -self.rng.random_range(0..1_000i64),
            };
            let value = self.any(event, append_time.0 - behind * 1_000_000);
            self.record(event, partition, append_time, Some(value), Meta::default());
        }
        let end = Micros((now + self.rng.random_range(0..200_000)) * 1_000_000);
        for (event, n) in PARTITIONS.into_iter().enumerate() {
            (0..n).for_each(|p| self.tick(event, p, end));
        }
    }

    fn any(&mut self, event: usize, time: i64) -> Vec<u8> {
        let tenant = *["a", "b", "c"].choose(&mut *self.rng).unwrap();
        let team = *["", "x", "y"].choose(&mut *self.rng).unwrap();
        let amount = f64::from(self.rng.random_range(0..100u32)) / 8.0;
        let amount = self.rng.random_bool(0.9).then_some(amount);
        self.value(event, (tenant, team), time.max(0), amount)
    }

    /// A stretch of the past, played into the log.
    fn played(&mut self, event: usize, partition: u32, now: Micros) {
        let mark = |mark| Meta {
            mark: Some(mark),
            ..Meta::default()
        };
        self.record(event, partition, now, None, mark(Mark::Begin));
        let mut then = now.0 - self.rng.random_range(0..300_000i64) * 1_000_000;
        for _ in 0..self.rng.random_range(0..5) {
            then += self.rng.random_range(0..50_000i64) * 1_000_000;
            let log_time = self.rng.random_bool(0.8).then_some(Micros(then));
            let behind = self.rng.random_range(0..400i64) * 1_000_000;
            let value = self.any(event, then - behind);
            let meta = Meta {
                log_time,
                ..Meta::default()
            };
            self.record(event, partition, now, Some(value), meta);
        }
        self.record(event, partition, now, None, mark(Mark::End));
    }

    pub fn tick(&mut self, event: usize, partition: u32, at: Micros) {
        let meta = Meta {
            tick: Some(at),
            ..Meta::default()
        };
        self.record(event, partition, at, None, meta);
    }

    pub fn record(
        &mut self,
        event: usize,
        partition: u32,
        append_time: Micros,
        value: Option<Vec<u8>>,
        meta: Meta,
    ) {
        self.log.push(Raw {
            event,
            partition,
            append_time,
            value,
            meta,
        });
    }
}
