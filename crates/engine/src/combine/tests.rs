#![allow(clippy::unwrap_used)]
//! Combine against `docs/semantics.md`, done plainly: over random logs, drained and restarted at
//! random points.

mod naive;
mod tenants;

use super::*;
use crate::partial::Block;
use naive::{Naive, RowKey};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::sync::LazyLock;
use weir_catalog::types::{EventDef, MeasureDef, MeasureKind};
use weir_model::avro::JsonEncoder;
use weir_model::headers::{Mark, Meta, SchemaRef};
use weir_model::{codes, hash, wire};

/// Measures of expressions.
const COMPUTED: &str = "
measures:
  quick: {count: true, where: \"success && latency_ms <= 3000 && model in ['gpt-4o', 'gpt-4o-mini']\"}
  quick_ms: {distribution: latency_ms, where: \"latency_ms <= 3000 && error_type != 'other'\"}
  spread: {distribution: \"max(latency_ms - tokens_input, 0)\"}
  squeezed: {sumsq: \"ratio(tokens_output, tokens_input)\", where: {success: true}}
  wide: {sum: \"latency_ms * latency_ms * tokens_input\"}
  at: {last: \"coalesce(latency_ms, 0) + event_time\", where: \"engineer.team != ''\"}
  first: {min: \"event_time\"}
";

/// The event type that the logs hold: `llm.call` as declared, with the kinds of measures it does
/// not use, and measures of expressions.
static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let mut sources = Catalog::embedded_sources();
    for (_, text) in sources
        .iter_mut()
        .filter(|(f, _)| f == "catalog/llm.call.yaml")
    {
        *text = text.replacen("\nmeasures:\n", COMPUTED, 1);
    }
    let mut catalog = weir_catalog::load_sources(sources).unwrap();
    assert!(
        catalog
            .event("llm.call")
            .unwrap()
            .measure_id("quick")
            .is_some()
    );
    let mut event = catalog
        .events
        .iter()
        .find(|e| e.name == "llm.call")
        .unwrap()
        .clone();
    for name in ["min", "max", "sumsq", "last"] {
        let kind = MeasureKind::of_field(name, "latency_ms").unwrap();
        let filter = Vec::new();
        let (unit, title) = (String::new(), String::new());
        event.measures.push(MeasureDef {
            name: name.to_owned(),
            version: 1,
            unit,
            title,
            kind,
            filter,
        });
    }
    catalog.events = vec![event];
    Arc::new(catalog)
});
static ENCODER: LazyLock<JsonEncoder> =
    LazyLock::new(|| JsonEncoder::new(&event().schema_json).unwrap());

fn event() -> &'static EventDef {
    &CATALOG.events[0]
}

/// Schema ids of the logs: known, known once asked for, never known, of another type.
const KNOWN: u32 = 1;
const LATER: u32 = 2;
const NEVER: u32 = 3;
const OTHER: u32 = 4;

/// A record of a generated log.
#[derive(Debug, Clone)]
struct Raw {
    append_time: i64,
    value: Option<Vec<u8>>,
    meta: Meta,
    /// What the value holds, where it is an event that decodes.
    event: Option<Json>,
}

impl Raw {
    fn record(&self, offset: usize) -> Record<'_> {
        Record {
            offset: offset as i64,
            append_time: Micros(self.append_time),
            value: self.value.as_deref(),
            meta: self.meta,
        }
    }
}

const START: i64 = 1_760_000_000_000_000;
const SECOND: i64 = 1_000_000;

fn an_event() -> impl Strategy<Value = Json> {
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts);
    let number = prop_oneof![
        6 => (0i64..4_000_000).prop_map(|n| n as f64 / 1000.0),
        3 => 0.0f64..1e5,
        1 => prop::sample::select(vec![-1.0, -0.0, f64::NAN, f64::INFINITY, 1e300, 2e8]),
    ];
    let tokens = prop_oneof![Just(0i64), 1i64..100_000, Just(-5)];
    (
        (0u32..40, prop::option::weighted(0.3, 0u32..40), -900i64..400, any::<bool>()),
        (pick(&["acme", "acme", "bolt", ""]), 0u32..4, prop::option::of(pick(&["Linux", "macOS", "a\u{1}b"]))),
        (
            pick(&["openai", "anthropic", "nobody"]),
            pick(&["gpt-4o", "gpt-4o-2024-11-20", "gpt-4o-mini", "claude-3-5-haiku-x", "unheard-of"]),
            pick(&["", "", "batch", "priority"]),
            (prop_oneof![4 => Just(0i64), 1 => 0i64..300_000], prop::option::weighted(0.3, 0i64..100_000)),
        ),
        (tokens.clone(), tokens, prop::option::weighted(0.3, 0.0f64..9.0)),
        (prop::option::weighted(0.8, number), any::<bool>(), prop::option::of(pick(&["rate_limit", "", "other"]))),
        prop::option::of(pick(&["s1", "s2", ""])),
    )
        .prop_map(|(id, who, model, cost, outcome, session)| {
            // JSON has no NaN: the encoder is given it through a marker, below.
            let (latency, wild) = match outcome.0 {
                Some(x) if !x.is_finite() => (Some(12_345.25), Some(x)),
                x => (x, None),
            };
            json!({
                "event_id": if id.0 == 0 { String::new() } else { format!("e{}", id.0) },
                "request_id": id.1.map(|r| if r == 0 { String::new() } else { format!("r{r}") }),
                "event_time": if id.0 == 39 { -1 } else { id.2 * SECOND * if id.3 { 1 } else { 60 } },
                "tenant": who.0,
                "source": "test",
                "resource": who.2.map_or(json!({}), |p| json!({"platform": p})),
                "engineer": {"email": if who.1 == 3 { "x".repeat(513) } else { format!("e{}", who.1) }, "team": if who.1 == 1 { "red" } else { "" }},
                "session_id": session,
                "provider": model.0, "model": model.1, "category": "",
                "service_tier": model.2,
                "tokens_cache_write": model.3.0, "tokens_cache_write_5m": null, "tokens_cache_write_1h": model.3.1,
                "tokens_input": cost.0, "tokens_cache_read": 0, "tokens_output": cost.1, "tokens_reasoning": 0,
                "cost_usd": cost.2,
                "latency_ms": latency, "first_token_ms": null,
                "success": outcome.1, "error_type": outcome.2, "stop_reason": null,
                "wild": wild.map(|x| x.to_bits()),
            })
        })
}

/// The bytes of an event, with its marked latency replaced by what JSON cannot say.
fn encoded(event: &Json) -> Vec<u8> {
    let mut fields = event.clone();
    let wild = fields
        .as_object_mut()
        .unwrap()
        .remove("wild")
        .and_then(|w| w.as_u64());
    let mut body = Vec::new();
    ENCODER.encode(&fields, &mut body).unwrap();
    if let Some(bits) = wild {
        let marker = 12_345.25f64.to_le_bytes();
        let at = body.windows(8).position(|w| w == marker).unwrap();
        body[at..at + 8].copy_from_slice(&bits.to_le_bytes());
    }
    body
}

#[derive(Debug, Clone)]
enum Op {
    Event(Json, u32),
    /// The event so many before, once more.
    Again(prop::sample::Index),
    /// Its bytes, cut.
    Cut(Json, prop::sample::Index),
    Garbage(Option<Vec<u8>>),
    Tick(i64),
    Mark(Mark),
}

/// (step of the append time in seconds, header with a log time, what)
fn ops() -> impl Strategy<Value = Vec<(i64, Option<i64>, Op)>> {
    let schema =
        prop_oneof![12 => Just(KNOWN), 2 => Just(LATER), 1 => Just(NEVER), 1 => Just(OTHER)];
    let op = prop_oneof![
        30 => (an_event(), schema).prop_map(|(e, s)| Op::Event(e, s)),
        10 => any::<prop::sample::Index>().prop_map(Op::Again),
        1 => (an_event(), any::<prop::sample::Index>()).prop_map(|(e, i)| Op::Cut(e, i)),
        1 => prop::option::of(prop::collection::vec(0u8..3, 0..8)).prop_map(Op::Garbage),
        3 => (-300i64..600).prop_map(Op::Tick),
        1 => prop::sample::select(vec![Mark::Begin, Mark::End]).prop_map(Op::Mark),
    ];
    let step = prop_oneof![8 => 0i64..8, 2 => 0i64..200, 1 => -30i64..1500];
    prop::collection::vec((step, prop::option::of(-2000i64..2000), op), 1..150)
}

fn log(ops: Vec<(i64, Option<i64>, Op)>) -> Vec<Raw> {
    let (mut now, mut log, mut events) = (START, Vec::<Raw>::new(), Vec::<(Json, u32)>::new());
    for (step, log_time, op) in ops {
        now += step * SECOND;
        let log_time = log_time.map(|s| Micros(now + s * SECOND));
        let mut raw = Raw {
            append_time: now,
            value: None,
            meta: Meta {
                log_time,
                ..Meta::default()
            },
            event: None,
        };
        match op {
            Op::Again(i) if !events.is_empty() => {
                let (event, schema) =
                    events[events.len() - 1 - i.index(events.len()).min(40) % events.len()].clone();
                raw.value = Some(wire::framed(schema, &encoded(&event)));
                raw.event = Some(event).filter(|_| schema < NEVER);
            }
            Op::Event(mut event, schema) => {
                if event["event_time"] != -1 {
                    event["event_time"] = json!(now + event["event_time"].as_i64().unwrap());
                }
                raw.value = Some(wire::framed(schema, &encoded(&event)));
                events.push((event.clone(), schema));
                raw.event = Some(event).filter(|_| schema < NEVER);
            }
            Op::Cut(event, i) => {
                let value = wire::framed(KNOWN, &encoded(&event));
                raw.value = Some(value[..i.index(value.len())].to_vec());
            }
            // With a known id it would be an event, cut: see above.
            Op::Garbage(value) => {
                raw.value = value.map(|v| {
                    if v.len() > 4 && v[..4] == [0; 4] {
                        v[..4].to_vec()
                    } else {
                        v
                    }
                })
            }
            Op::Tick(s) => raw.meta.tick = Some(Micros(now + s * SECOND)),
            Op::Mark(mark) => raw.meta.mark = Some(mark),
            Op::Again(_) => {}
        }
        log.push(raw);
    }
    log
}

fn combine(max_block: usize) -> Combine {
    let options = CombineOptions {
        partials: 5,
        run: 2,
        max_block,
        partitions: vec![3],
    };
    let mut combine = Combine::new(CATALOG.clone(), options).unwrap();
    combine
        .add_schema(0, KNOWN, [1; 16], &event().schema_json)
        .unwrap();
    let other = r#"{"type":"record","name":"Other","fields":[{"name":"a","type":"long"}]}"#;
    combine.add_schema(0, OTHER, [4; 16], other).unwrap();
    combine
}

/// What the committed blocks say.
#[derive(Default)]
struct Written {
    rows: BTreeMap<RowKey, Vec<u8>>,
    watermarks: BTreeMap<u32, Micros>,
}

impl Written {
    fn take(&mut self, layout: &crate::measure::Layout, blocks: &[(u32, Vec<u8>)]) {
        let mut told = vec![Vec::new(); 5];
        for (i, (partition, bytes)) in blocks.iter().enumerate() {
            let block = Block::parse(bytes).unwrap();
            assert_eq!((block.catalog, block.run), (CATALOG.hash, 2));
            for g in block.groups() {
                let g = g.unwrap();
                let dimensions = event().rollups[g.rollup].dimensions.iter();
                let names = dimensions.map(|d| event().dimensions[*d].name.as_str());
                let mut key = Vec::new();
                hash::subject_key(&mut key, g.tenant, names.zip(g.values.iter().copied()));
                assert_eq!(g.hash, hash::subject(&key));
                assert_eq!(*partition, (g.hash % 5) as u32);
                for row in g.rows() {
                    let row = row.unwrap();
                    let values = g.values.iter().map(|v| v.to_string()).collect();
                    let key = (g.rollup, g.tenant.to_owned(), values, row.pane, row.late);
                    let before = self.rows.remove(&key);
                    let mut merged = row.encoded.to_vec();
                    if let Some(before) = before {
                        merged.clear();
                        crate::measure::merge(layout, &before, row.encoded, &mut merged).unwrap();
                    }
                    self.rows.insert(key, merged);
                }
            }
            let marks: Vec<_> = block.watermarks().collect();
            let last = blocks.get(i + 1).is_none_or(|(p, _)| p != partition);
            assert!(
                last || marks.is_empty(),
                "a watermark before the last block"
            );
            told[*partition as usize].extend(marks);
        }
        assert!(
            told.iter().all(|t| *t == told[0]),
            "a watermark goes to every partition"
        );
        for w in &told[0] {
            assert_eq!((w.event, w.partitions), (0, 3));
            let before = self.watermarks.insert(w.partition, w.watermark);
            assert!(before.is_none_or(|b| b <= w.watermark));
        }
    }
}

/// How the run is cut up: records per batch, and what follows a batch.
#[derive(Debug, Clone, Copy)]
struct Cut {
    partition: usize,
    records: usize,
    then: u8,
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let cut = (0usize..3, 1usize..70, 0u8..10).prop_map(|(partition, records, then)| Cut {
        partition,
        records,
        then,
    });
    prop::collection::vec(cut, 1..40)
}

/// Runs the logs through combine, committing, aborting and crashing where the cuts say. Returns the
/// rows, what became of each record when it was committed, and the instance.
fn run(logs: &[Vec<Raw>], cuts: &[Cut], max_block: usize) -> (Written, Vec<Vec<Fold>>, Combine) {
    let layout = crate::measure::Layout::new(event());
    let input = |p: usize| Input {
        event: 0,
        partition: p as u32,
    };
    let mut written = Written::default();
    let mut results: Vec<Vec<Fold>> = logs.iter().map(|l| vec![Fold::Skipped; l.len()]).collect();
    let mut committed: Vec<(usize, String)> = logs.iter().map(|_| (0, String::new())).collect();
    let mut next = vec![0usize; logs.len()];
    let mut c = combine(max_block);
    let open = |c: &mut Combine, committed: &[(usize, String)]| {
        for (p, (offset, metadata)) in committed.iter().enumerate() {
            let position = Position::parse(metadata).unwrap();
            let told = Position::told(metadata);
            assert!(metadata.is_empty() || *metadata == position.to_metadata_with(told));
            assert!(told <= position.watermark());
            c.open(input(p), position);
            let start = position.horizon_start().unwrap_or(*offset as i64) as usize;
            for (o, raw) in logs[p].iter().enumerate().take(*offset).skip(start) {
                let record = raw.record(o);
                match c.warm(input(p), &record) {
                    Fold::UnknownSchema(SchemaRef::Id(LATER)) => {
                        c.add_schema(0, LATER, [2; 16], &event().schema_json)
                            .unwrap();
                        c.warm(input(p), &record);
                    }
                    Fold::UnknownSchema(_) => c.warm_dead(input(p), &record),
                    _ => {}
                }
            }
        }
    };
    open(&mut c, &committed);
    let all = (0..logs.len()).map(|partition| Cut {
        partition,
        records: usize::MAX,
        then: 0,
    });
    for cut in cuts.iter().copied().chain(all) {
        let p = cut.partition % logs.len();
        let end = next[p].saturating_add(cut.records).min(logs[p].len());
        while next[p] < end {
            let from = next[p];
            let records: Vec<Record> = (from..end).map(|o| logs[p][o].record(o)).collect();
            let mut unknown = None;
            let folded = c.fold_batch(input(p), &records, &mut |i, fold| match fold {
                Fold::UnknownSchema(s) => unknown = Some(s),
                f => results[p][from + i] = f,
            });
            next[p] += folded;
            match unknown {
                Some(SchemaRef::Id(LATER)) => c
                    .add_schema(0, LATER, [2; 16], &event().schema_json)
                    .unwrap(),
                Some(_) => {
                    c.fold_dead(input(p), &records[folded]);
                    results[p][next[p]] =
                        Fold::Dead(Dead::new(codes::UNKNOWN_SCHEMA, String::new()));
                    next[p] += 1;
                }
                None => assert_eq!(next[p], end),
            }
        }
        match cut.then {
            0..=5 => {
                let mut blocks = Vec::new();
                c.drain(cut.then != 1, &mut |partition, block| {
                    blocks.push((partition, block.to_vec()))
                });
                assert_eq!((c.buffered_rows(), c.memory().rows), (0, 0));
                written.take(&layout, &blocks);
                for (p, next) in next.iter().enumerate() {
                    committed[p] = (*next, c.metadata(input(p)));
                }
                if cut.then == 2 {
                    // Another instance takes over.
                    c = combine(max_block);
                    open(&mut c, &committed);
                }
            }
            6 | 7 => {
                // An abort: everything since the last commit was in vain.
                if cut.then == 6 {
                    c.discard();
                } else {
                    c = combine(max_block);
                }
                open(&mut c, &committed);
                next = committed.iter().map(|(offset, _)| *offset).collect();
            }
            _ => {}
        }
    }
    (written, results, c)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn rows_are_those_of_a_plain_fold_however_it_is_cut_up(
        logs in prop::collection::vec(ops().prop_map(log), 1..4), cuts in cuts(), small in any::<bool>(),
    ) {
        let mut naive = Naive::default();
        let mut want = Vec::new();
        for (p, log) in logs.iter().enumerate() {
            let results = log.iter().map(|raw| naive.record(p as u32, raw));
            // What the callback does not tell is simply counted.
            want.push(results.collect::<Vec<_>>());
        }
        // Twice: the committed run ends in a commit, so all of the logs are in it.
        let (written, got, c) = run(&logs, &cuts, if small { 200 } else { 700 << 10 });
        for (p, (got, want)) in got.iter().zip(&want).enumerate() {
            for (offset, (got, want)) in got.iter().zip(want).enumerate() {
                let same = match (got, want) {
                    (Fold::Dead(d), Err(code)) => d.code == *code,
                    // The result of an on-time event is not told: the slot keeps what it held.
                    (Fold::Skipped, Ok(Fold::Counted { late: false, clamped: false })) => true,
                    (got, Ok(want)) => got == want,
                    _ => false,
                };
                prop_assert!(same, "partition {p} offset {offset}: {got:?} is not {want:?}");
            }
            let input = Input { event: 0, partition: p as u32 };
            prop_assert_eq!(c.watermark(input), naive.watermark(p as u32));
            prop_assert_eq!(c.log_time(input), naive.log_time(p as u32));
        }
        let want = naive.rows();
        prop_assert_eq!(written.rows.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
        for (key, values) in want {
            let mut bytes = Vec::new();
            crate::measure::encode(&crate::measure::Layout::new(event()), &values, &mut bytes);
            prop_assert_eq!(&written.rows[&key], &bytes, "{:?}", key);
        }
        for (p, told) in &written.watermarks {
            let now = naive.watermark(*p);
            prop_assert_eq!(told.floor(Micros::MINUTE), now.floor(Micros::MINUTE), "told up to the last pane");
        }
    }
}

#[test]
fn a_watermark_is_told_once_per_pane_or_on_request() {
    let mut c = combine(700 << 10);
    let input = Input {
        event: 0,
        partition: 1,
    };
    c.open(input, Position::default());
    let told = |c: &mut Combine, tell| {
        let mut all = Vec::new();
        c.drain(tell, &mut |_, b| {
            all.extend(Block::parse(b).unwrap().watermarks())
        });
        all.iter()
            .for_each(|w| assert_eq!((w.event, w.partition, w.partitions), (0, 1, 3)));
        all.iter()
            .map(|w| w.watermark.0 / SECOND)
            .collect::<Vec<_>>()
    };
    let tick = |c: &mut Combine, second: i64| {
        let at = Micros(second * SECOND);
        let meta = Meta {
            tick: Some(at),
            ..Meta::default()
        };
        c.fold(
            input,
            &Record {
                offset: 0,
                append_time: at,
                value: None,
                meta,
            },
        );
    };
    assert!(told(&mut c, true).is_empty(), "never heard of");
    tick(&mut c, 610);
    assert!(c.has_news() && told(&mut c, false).is_empty());
    // The disorder of the type is a minute; every one of the five partitions is told.
    assert_eq!(told(&mut c, true), [550; 5]);
    tick(&mut c, 655);
    assert!(
        !c.has_news() && told(&mut c, true).is_empty(),
        "no pane has ended since"
    );
    c.force_watermarks();
    assert_eq!(told(&mut c, true), [595; 5]);
    tick(&mut c, 661);
    assert_eq!(told(&mut c, true), [601; 5]);
}

#[test]
fn subjects_with_short_names_are_told_apart() {
    const ENGINEERS: usize = 2000;
    let (mut c, mut naive, mut written) =
        (combine(700 << 10), Naive::default(), Written::default());
    let input = Input {
        event: 0,
        partition: 0,
    };
    c.open(input, Position::default());
    for i in 0..2 * ENGINEERS {
        let (engineer, at) = (i % ENGINEERS, START + i as i64 * 1000);
        let fields = json!({
            "event_id": format!("{i}"), "request_id": null, "event_time": at, "tenant": "acme", "source": "test",
            "resource": {}, "engineer": {"email": format!("e{engineer}"), "team": format!("t{}", engineer % 120)},
            "session_id": null, "provider": "p", "model": format!("{}", i % 1300), "category": "1".repeat(i % 40),
            "tokens_input": i % 7, "tokens_cache_read": 0, "tokens_cache_write": 0, "service_tier": "",
            "tokens_cache_write_5m": null, "tokens_cache_write_1h": null, "tokens_output": 1, "tokens_reasoning": 0,
            "cost_usd": null, "latency_ms": (i % 400) as f64, "first_token_ms": null,
            "success": true, "error_type": null, "stop_reason": null,
        });
        let raw = Raw {
            append_time: at,
            value: Some(wire::framed(KNOWN, &encoded(&fields))),
            meta: Meta::default(),
            event: Some(fields),
        };
        assert!(naive.record(0, &raw).is_ok());
        c.fold(input, &raw.record(i));
    }
    let layout = crate::measure::Layout::new(event());
    let mut blocks = Vec::new();
    c.drain(false, &mut |p, block| blocks.push((p, block.to_vec())));
    written.take(&layout, &blocks);
    for (key, values) in naive.rows() {
        let mut bytes = Vec::new();
        crate::measure::encode(&layout, &values, &mut bytes);
        assert_eq!(written.rows.remove(&key), Some(bytes), "{key:?}");
    }
    assert!(written.rows.is_empty());
}
