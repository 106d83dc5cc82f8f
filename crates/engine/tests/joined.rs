//! KPIs that join subjects, and all that stands on them: the three stages over random logs, with
//! restarts, against the oracle over the same logs.
#![allow(clippy::unwrap_used)]

mod shelf;

use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use weir_catalog::{Catalog, load_sources};
use weir_engine::combine::{Combine, CombineOptions, Input, Position, Record};
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::records::{Alert, Kpi};
use weir_model::{Micros, wire};
use weir_oracle::{Fold, Truth};

/// Of both event types.
fn schema() -> String {
    let field =
        |name: &str, kind: serde_json::Value| json!({"name": name, "type": kind, "doc": "d"});
    let time = json!({"type": "long", "logicalType": "timestamp-micros"});
    json!({
        "type": "record", "name": "Work", "namespace": "weir.events", "doc": "d",
        "fields": [
            field("event_id", "string".into()), field("event_time", time),
            field("tenant", "string".into()), field("source", "string".into()),
            field("resource", json!({"type": "map", "values": "string"})),
            field("team", "string".into()), field("variant", "string".into()),
            field("ok", "boolean".into()), field("ms", "double".into()),
        ]
    })
    .to_string()
}

const MEASURES: &str = "\
bounds: {ms: {min: 0}}
dimensions: {team: team, variant: variant}
measures:
  n: {count: true}
  failed: {count: true, where: {ok: false}}
  took: {distribution: ms}
windows: [5m, 1h, 1d]
rollups: [[], [team], [team, variant]]
";

const JUDGES: &str = include_str!("joined.yaml");

const EVENTS: [&str; 2] = ["job", "rest"];
/// By event type.
const RAW: [u32; 2] = [2, 1];
const PARTIALS: u32 = 2;
const TERMS: u32 = 3;
/// Two days before clocks are put forward in Berlin.
const START: i64 = 1_774_569_600_000_000;

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let mut sources = vec![("catalog/judges.yaml".to_owned(), JUDGES.to_owned())];
    for name in EVENTS {
        sources.push((format!("events/{name}.avsc"), schema()));
        let text = format!("event: {name}\ndisorder: 1m\n{MEASURES}");
        sources.push((format!("catalog/{name}.yaml"), text));
    }
    Arc::new(load_sources(sources).unwrap_or_else(|e| panic!("{e}")))
});

/// What is read: event type, its partition, append time, value (none: a tick).
#[derive(Debug, Clone)]
struct Read {
    event: usize,
    partition: u32,
    at: Micros,
    value: Option<Vec<u8>>,
}

/// An event: minutes since the one before, minutes of delay, type, tenant, team, variant, ok, ms.
type Event = (i64, i64, usize, usize, usize, usize, bool, i32);

fn event() -> impl Strategy<Value = Event> {
    let gap = prop_oneof![6 => 0i64..20, 2 => 20i64..200, 1 => 900i64..3000];
    let delay = prop_oneof![8 => Just(0i64), 1 => 0i64..90];
    (
        gap,
        delay,
        0usize..2,
        0usize..2,
        0usize..3,
        0usize..3,
        any::<bool>(),
        0i32..60,
    )
}

/// The log of some events. Each partition is told the time again and again, and the end of it all.
fn log(events: &[Event]) -> Vec<Read> {
    static ENCODER: LazyLock<JsonEncoder> = LazyLock::new(|| JsonEncoder::new(&schema()).unwrap());
    let (mut out, mut now) = (Vec::new(), START);
    let tick = |out: &mut Vec<Read>, at: i64| {
        for (event, n) in RAW.iter().enumerate() {
            for partition in 0..*n {
                let at = Micros(at);
                out.push(Read {
                    event,
                    partition,
                    at,
                    value: None,
                });
            }
        }
    };
    for (i, (gap, delay, event, tenant, team, variant, ok, ms)) in events.iter().enumerate() {
        now += gap * Micros::MINUTE.0;
        let tenant = ["acme", "bolt"][*tenant];
        let (team, variant) = (["red", "blue", ""][*team], ["base", "a", "b"][*variant]);
        let value = json!({
            "event_id": format!("e{i}"), "event_time": now - delay * Micros::MINUTE.0,
            "tenant": tenant, "source": "s", "resource": {},
            "team": team, "variant": variant,
            "ok": ok, "ms": f64::from(*ms) / 4.0,
        });
        let mut body = Vec::new();
        ENCODER.encode(&value, &mut body).unwrap();
        out.push(Read {
            event: *event,
            partition: (i as u32 / 2) % RAW[*event],
            at: Micros(now),
            value: Some(wire::framed(1, &body)),
        });
        if i % 3 == 0 {
            tick(&mut out, now);
        }
    }
    tick(&mut out, now + 2 * Micros::DAY.0);
    out
}

fn meta(read: &Read) -> Meta {
    Meta {
        tick: read.value.is_none().then_some(read.at),
        ..Meta::default()
    }
}

/// The three stages, as far as they have read.
struct Stages {
    combine: Combine,
    windows: Vec<Window>,
    scores: Vec<Score>,
    /// Next offset of each partition of the partials and of the terms.
    offsets: (Vec<i64>, Vec<i64>),
    kpis: Vec<Kpi>,
    alerts: Vec<Alert>,
}

fn score(partition: u32) -> Score {
    let options = ScoreOptions {
        partition,
        partials: PARTIALS,
        run: 1,
    };
    Score::new(CATALOG.clone(), options).unwrap()
}

impl Stages {
    fn new() -> Stages {
        let options = CombineOptions {
            partials: PARTIALS,
            run: 1,
            max_block: 700 << 10,
            partitions: RAW.to_vec(),
        };
        let mut combine = Combine::new(CATALOG.clone(), options).unwrap();
        for (event, n) in RAW.iter().enumerate() {
            combine
                .add_schema(event, 1, [1; 16], &CATALOG.events[event].schema_json)
                .unwrap();
            for partition in 0..*n {
                combine.open(Input { event, partition }, Position::default());
            }
        }
        let window = |partition| WindowOptions {
            partition,
            partials: PARTIALS,
            run: 1,
            shards: 2,
            terms: TERMS,
            partitions: RAW.to_vec(),
        };
        let windows = (0..PARTIALS).map(|p| Window::new(CATALOG.clone(), window(p)).unwrap());
        Stages {
            combine,
            windows: windows.collect(),
            scores: (0..TERMS).map(score).collect(),
            offsets: (vec![0; PARTIALS as usize], vec![0; TERMS as usize]),
            kpis: Vec::new(),
            alerts: Vec::new(),
        }
    }

    fn read(&mut self, offset: usize, read: &Read) {
        let input = Input {
            event: read.event,
            partition: read.partition,
        };
        let record = Record {
            offset: offset as i64,
            append_time: read.at,
            value: read.value.as_deref(),
            meta: meta(read),
        };
        let _ = self.combine.fold(input, &record);
    }

    /// All that was read goes through.
    fn commit(&mut self) {
        let mut blocks = Vec::new();
        self.combine
            .drain(true, &mut |p, b| blocks.push((p as usize, b.to_vec())));
        for (p, block) in blocks {
            let mut out = WindowOut::default();
            let offset = self.offsets.0[p];
            self.windows[p]
                .fold(offset, &block, true, &mut out)
                .unwrap();
            self.offsets.0[p] += 1;
            self.kpis.append(&mut out.kpis);
            for (t, message) in out.terms {
                let t = t as usize;
                let mut said = ScoreOut::default();
                self.scores[t]
                    .fold(self.offsets.1[t], &message, true, &mut said)
                    .unwrap();
                self.offsets.1[t] += 1;
                self.kpis.extend(said.kpis);
                self.alerts.extend(said.alerts);
            }
        }
    }

    /// Stage 3 dies and comes back from what it kept.
    fn restart(&mut self) {
        for (t, score) in self.scores.iter_mut().enumerate() {
            let kept = (0..score.shards())
                .flat_map(|s| score.snapshot(s))
                .collect::<Vec<_>>();
            let mut parts = kept.into_iter().filter_map(|(k, v)| Some((k, v?)));
            let mut back = self::score(t as u32);
            back.restore(&mut parts).unwrap();
            assert_eq!(back.resume_from(), self.offsets.1[t]);
            assert_eq!(back.stats(), score.stats());
            *score = back;
        }
    }
}

fn engine(log: &[Read], commit_every: usize) -> (Vec<Kpi>, Vec<Alert>) {
    let mut stages = Stages::new();
    for (i, read) in log.iter().enumerate() {
        stages.read(i, read);
        if i % commit_every == commit_every - 1 {
            stages.commit();
        }
        if i % (commit_every * 3) == commit_every {
            stages.restart();
        }
    }
    stages.commit();
    assert!(stages.scores.iter().all(|s| s.stats().too_late == 0));
    (stages.kpis, stages.alerts)
}

fn oracle(log: &[Read]) -> Truth {
    weir_oracle::conclude(&CATALOG, folded(log))
}

fn folded(log: &[Read]) -> Fold {
    let writers = [(1, [1; 16], schema())];
    let mut fold = Fold::new(&CATALOG, &RAW, &writers).unwrap();
    for (offset, read) in log.iter().enumerate() {
        let record = weir_oracle::Record {
            offset: offset as i64,
            append_time: read.at,
            value: read.value.as_deref(),
            meta: meta(read),
        };
        fold.record(&CATALOG, read.event, read.partition, &record);
    }
    fold
}

/// Published values by id, comparable.
type Values = BTreeMap<String, String>;

fn values_of(kpis: &[Kpi]) -> Values {
    let mut out = Values::new();
    for k in kpis {
        let said = format!(
            "{} {:?} {} {:?} {:?} {:?} {:?} {:?}",
            k.kpi, k.subject, k.end.0, k.value, k.score, k.status, k.momentum, k.coverage
        );
        assert!(out.insert(k.id.clone(), said).is_none(), "{} twice", k.kpi);
    }
    out
}

fn values_in(truth: &Truth) -> Values {
    let rows = truth.kpis.iter().map(|(id, k)| {
        let said = format!(
            "{} {:?} {} {:?} {:?} {:?} {:?} {:?}",
            k.kpi, k.subject, k.end.0, k.value, k.score, k.status, k.momentum, k.coverage
        );
        (id.clone(), said)
    });
    rows.collect()
}

/// The last step of each alert.
fn alerts_of(alerts: &[Alert]) -> Values {
    let mut last: BTreeMap<&str, &Alert> = BTreeMap::new();
    for a in alerts {
        let known = last.insert(&a.id, a);
        assert!(known.is_none_or(|k| k.step < a.step));
    }
    let said = |a: &Alert| {
        let value = (a.value, a.threshold, a.worst);
        format!(
            "{} {:?} {:?} {} {value:?} {}",
            a.rule, a.subject, a.state, a.at.0, a.windows
        )
    };
    last.into_iter()
        .map(|(id, a)| (id.to_owned(), said(a)))
        .collect()
}

fn alerts_in(truth: &Truth) -> Values {
    let rows = truth.alerts.iter().map(|(id, a)| {
        let value = (a.value, a.threshold, a.worst);
        let at = a.at.0;
        let said = format!(
            "{} {:?} {:?} {at} {value:?} {}",
            a.rule, a.subject, a.state, a.windows
        );
        (id.clone(), said)
    });
    rows.collect()
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..120)
}

// Two tests, so that they run side by side; a case takes seconds.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn engine_and_oracle_publish_alike(events in events(), commit_every in 1usize..40) {
        let log = log(&events);
        let (kpis, alerts) = engine(&log, commit_every);
        let truth = oracle(&log);
        prop_assert_eq!(values_of(&kpis), values_in(&truth));
        prop_assert_eq!(alerts_of(&alerts), alerts_in(&truth));
    }

    #[test]
    fn it_does_not_matter_where_a_log_is_cut(events in events(), commit_every in 1usize..40) {
        let log = log(&events);
        let (kpis, _) = engine(&log, commit_every);
        let (again, _) = engine(&log, 1000);
        prop_assert_eq!(values_of(&again), values_of(&kpis));
        // The oracle's shares are the whole.
        let mut together = Values::new();
        for share in shelf::shares(&CATALOG, folded(&log), 10_000) {
            together.extend(values_in(&share));
        }
        prop_assert_eq!(together, values_in(&oracle(&log)));
    }
}
