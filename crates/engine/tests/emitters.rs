//! The rules about emitters as they are shipped: one that tells less, one whose counters disagree and
//! one that goes quiet are told of; one that goes on as before is not.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::{Micros, wire};

/// A Monday, 00:00 UTC.
const START: i64 = 1_767_571_200_000_000;
const HOUR: i64 = 3_600_000_000;
/// Calls of an emitter in an hour, fields that are looked for in each, and tokens of each.
const CALLS: i64 = 20;
const FIELDS: i64 = 13;
const TOKENS: i64 = 1_000;

/// What is declared of emitters, and nothing else.
fn catalog() -> Arc<Catalog> {
    let of_emitters = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or_default();
        file.starts_with("emitter") || file == "tenants.yaml"
    };
    let mut sources = Catalog::embedded_sources();
    sources.retain(|(name, _)| of_emitters(name));
    Arc::new(load_sources(sources).unwrap_or_else(|e| panic!("{e}")))
}

/// Events in the order of their times.
struct Log {
    catalog: Arc<Catalog>,
    combine: Combine,
    encoders: Vec<JsonEncoder>,
    written: i64,
}

impl Log {
    fn new() -> Log {
        let catalog = catalog();
        let options = CombineOptions {
            partials: 1,
            run: 1,
            max_block: 20_000,
            partitions: vec![1; catalog.events.len()],
        };
        let mut combine = Combine::new(catalog.clone(), options).unwrap();
        let mut encoders = Vec::new();
        for (event, of) in catalog.events.iter().enumerate() {
            let id = 1 + event as u32;
            combine
                .add_schema(event, id, [id as u8; 16], &of.schema_json)
                .unwrap();
            let input = Input {
                event,
                partition: 0,
            };
            combine.open(input, Position::default());
            encoders.push(JsonEncoder::new(&of.schema_json).unwrap());
        }
        Log {
            catalog,
            combine,
            encoders,
            written: 0,
        }
    }

    fn fold(&mut self, event: usize, at: i64, value: Option<&[u8]>, meta: Meta) {
        let record = Record {
            offset: self.written,
            append_time: Micros(at),
            value,
            meta,
        };
        self.written += 1;
        let input = Input {
            event,
            partition: 0,
        };
        let fold = self.combine.fold(input, &record);
        let read = !matches!(fold, Fold::Dead(_) | Fold::UnknownSchema(_));
        assert!(read, "{fold:?}");
    }

    fn event(&mut self, name: &str, at: i64, fields: Value) {
        let event = self.catalog.events.iter().position(|e| e.name == name);
        let event = event.unwrap();
        let mut whole = json!({
            "event_id": format!("e{}", self.written), "event_time": at, "tenant": "acme",
            "source": "s", "resource": {}, "version": "1",
        });
        let held = whole.as_object_mut().unwrap();
        held.extend(fields.as_object().unwrap().clone());
        let mut body = Vec::new();
        self.encoders[event].encode(&whole, &mut body).unwrap();
        let value = wire::framed(1 + event as u32, &body);
        self.fold(event, at, Some(&value), Meta::default());
    }

    /// An hour of an emitter.
    fn hour(&mut self, hour: i64, emitter: &str, told: i64, counted: i64) {
        let at = START + hour * HOUR + HOUR / 2;
        let tokens = CALLS * TOKENS;
        self.event(
            "emitter.observed",
            at,
            json!({
                "emitter": emitter, "events": CALLS, "calls": CALLS,
                "fields_asked": CALLS * FIELDS, "fields_told": CALLS * told, "missing": {},
                "tokens": tokens,
            }),
        );
        let added = (tokens * counted / 100) as f64;
        self.event(
            "emitter.metered",
            at,
            json!({
                "emitter": emitter, "tokens_added": added, "tokens_total": null, "series": "",
            }),
        );
    }

    fn tick(&mut self, hour: i64) {
        let at = START + hour * HOUR;
        for event in 0..self.catalog.events.len() {
            let meta = Meta {
                tick: Some(Micros(at)),
                ..Meta::default()
            };
            self.fold(event, at, None, meta);
        }
    }

    /// Rule and emitter of each alert that was told of.
    fn told(mut self) -> BTreeSet<(String, String)> {
        let mut blocks = Vec::new();
        self.combine
            .drain(true, &mut |_, block| blocks.push(block.to_vec()));
        let options = WindowOptions {
            partition: 0,
            partials: 1,
            run: 1,
            shards: 1,
            terms: 1,
            partitions: vec![1; self.catalog.events.len()],
        };
        let mut window = Window::new(self.catalog.clone(), options).unwrap();
        let mut out = WindowOut::default();
        for (i, block) in blocks.iter().enumerate() {
            window.fold(i as i64, block, true, &mut out).unwrap();
        }
        let options = ScoreOptions {
            partition: 0,
            partials: 1,
            run: 1,
        };
        let mut score = Score::new(self.catalog.clone(), options).unwrap();
        let mut scored = ScoreOut::default();
        for (i, (_, message)) in out.terms.iter().enumerate() {
            score.fold(i as i64, message, true, &mut scored).unwrap();
        }
        let emitter = |dimensions: &[(String, String)]| {
            let found = dimensions.iter().find(|(name, _)| name == "emitter");
            found.map_or(String::new(), |(_, value)| value.clone())
        };
        let alerts = scored.alerts.iter();
        alerts
            .map(|a| (a.rule.clone(), emitter(&a.subject.dimensions)))
            .collect()
    }
}

#[test]
fn who_goes_quiet_tells_less_or_disagrees_is_told_of_and_nobody_else() {
    let mut log = Log::new();
    for hour in 0..150 {
        log.hour(hour, "claude-code", 11, 100);
        if hour < 60 {
            // Tells two fields less from the 31st hour on.
            let told = if hour < 30 { 10 } else { 8 };
            log.hour(hour, "codex", told, 100);
        }
        // Of the third day a tenth of its calls never came.
        let counted = if hour / 24 == 2 { 110 } else { 100 };
        log.hour(hour, "qwen-code", 12, counted);
        log.tick(hour + 1);
    }
    let of = |rule: &str, emitter: &str| (rule.to_owned(), emitter.to_owned());
    let wanted = [
        of("counters_disagree", "qwen-code"),
        of("emitter_lost_fields", "codex"),
        of("emitter_went_quiet", "codex"),
    ];
    assert_eq!(log.told(), BTreeSet::from(wanted));
}
