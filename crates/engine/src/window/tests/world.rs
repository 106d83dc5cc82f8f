//! A catalog with everything in it, random logs over it, and blocks of them.

use super::naive;
use crate::detect;
use crate::measure::{self, Layout};
use crate::partial::{BlockWriter, WatermarkEntry};
use crate::window::WindowOptions;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::types::*;
use weir_model::measure::{MeasureValue, Sample};
use weir_model::{Fixed, Micros, WindowSize, hash};

pub fn options(shards: u32) -> WindowOptions {
    WindowOptions {
        partition: 0,
        partials: 1,
        run: 1,
        shards,
        terms: 3,
        partitions: vec![2, 1],
    }
}

fn event(
    name: &str,
    dimensions: &[&str],
    measures: &[MeasureKind],
    rollups: &[(&[usize], &[WindowSize])],
) -> EventDef {
    let dimension = |n: &&str| Dimension {
        name: n.to_string(),
        path: n.to_string(),
    };
    let measure = |(i, k): (usize, &MeasureKind)| MeasureDef {
        name: format!("m{i}"),
        version: 1,
        unit: String::new(),
        title: String::new(),
        kind: k.clone(),
        filter: Vec::new(),
    };
    EventDef {
        name: name.into(),
        version: 1,
        schema_json: "{}".into(),
        identity: None,
        low_volume: false,
        disorder: Micros::MINUTE,
        setting: false,
        bounds: Vec::new(),
        dimensions: dimensions.iter().map(dimension).collect(),
        measures: measures.iter().enumerate().map(measure).collect(),
        rollups: rollups
            .iter()
            .map(|(d, w)| RollupDef {
                dimensions: d.to_vec(),
                windows: w.to_vec(),
                by_need: false,
            })
            .collect(),
    }
}

fn term(event: EventId, rollup: usize, measure: usize, stat: Stat) -> Term {
    Term {
        name: format!("t{event}{rollup}{measure}"),
        event,
        rollup,
        measure,
        stat,
        at: Vec::new(),
        fixed: Vec::new(),
    }
}

fn detector(
    name: &str,
    (rollup, measure): (usize, usize),
    window: JudgedWindow,
    kind: DetectorKind,
) -> DetectorDef {
    DetectorDef {
        name: name.into(),
        version: 1,
        title: String::new(),
        event: 0,
        rollup,
        window,
        terms: vec![
            term(0, rollup, measure, Stat::Value),
            term(0, rollup, 0, Stat::Value),
        ],
        expr: Expr {
            source: "t".into(),
            ops: vec![Op::Term(0)],
        },
        kind,
        direction: Direction::Both,
        floor_relative: 0.05,
        floor_absolute: 0.1,
        minimum_sample: None,
        severity: "low".into(),
    }
}

fn kpi(
    name: &str,
    window: JudgedWindow,
    dimensions: &[&str],
    terms: Vec<Term>,
    local: bool,
) -> KpiDef {
    KpiDef {
        name: name.into(),
        version: 1,
        title: String::new(),
        unit: String::new(),
        decimals: 3,
        category: "c".into(),
        weight: 1.0,
        dimensions: dimensions.iter().map(|d| d.to_string()).collect(),
        window,
        expr: Expr {
            source: "a / b".into(),
            ops: vec![Op::Term(0), Op::Term(1), Op::Number(1.0), Op::Add, Op::Div],
        },
        terms,
        target: Some(Target {
            value: 1.0,
            higher_is_better: true,
        }),
        targets: None,
        minimum_sample: None,
        local,
        mix: None,
        only_changes: name == "day-so-far",
        examples: Vec::new(),
    }
}

fn rule(on: RuleOn) -> RuleDef {
    RuleDef {
        name: "r".into(),
        version: 1,
        title: String::new(),
        on,
        dimensions: vec![],
        open_after: 1,
        resolve_after: 1,
        severity: "low".into(),
        impact: String::new(),
        action: String::new(),
        unless: None,
        flap_within: 0,
        group_by: None,
        alert_type: String::new(),
        priority: String::new(),
    }
}

/// Two event types, subjects in common, days in three zones, every kind of window and judge.
pub fn catalog() -> Arc<Catalog> {
    use JudgedWindow::{Rolling, ToDate, Tumbling};
    use MeasureKind::Count;
    use WindowSize::*;
    use weir_model::Since::{self, All, Month};
    let so_far = |since, step| ToDate { since, step };
    let kind = |name| MeasureKind::of_field(name, "x").unwrap();
    let zone = |z| jiff::tz::TimeZone::get(z).unwrap();
    use detect::limit::tests::{below, early};
    let mut small_sample = detector("sampled", (0, 1), Tumbling(Hour), below(40.0));
    small_sample.minimum_sample = Some((1, 3.0));
    let mut spread = detector(
        "shift",
        (0, 3),
        Tumbling(Hour),
        detect::shift::tests::quick(3),
    );
    spread.terms[0].stat = Stat::Count;
    Arc::new(Catalog {
        hash: 77,
        events: vec![
            event(
                "call",
                &["team", "user"],
                &[
                    Count,
                    kind("sum"),
                    kind("max"),
                    kind("distribution"),
                    kind("distinct"),
                    kind("last"),
                ],
                &[
                    (&[1], &[Minute, FiveMinutes, Hour, Day]),
                    (&[], &[Hour]),
                    (&[0, 1], &[Day]),
                    (&[0], &[]),
                ],
            ),
            event(
                "work",
                &["user"],
                &[Count, kind("min"), kind("sumsq")],
                &[(&[0], &[Hour])],
            ),
        ],
        kpis: vec![
            kpi(
                "joined",
                Tumbling(Hour),
                &["user"],
                vec![term(0, 0, 0, Stat::Value), term(1, 0, 0, Stat::Value)],
                true,
            ),
            kpi(
                "joined-day",
                Tumbling(Day),
                &["user"],
                vec![term(1, 0, 1, Stat::Value), term(0, 0, 3, Stat::Mean)],
                true,
            ),
            kpi(
                "rolled",
                Rolling { count: 3, of: Hour },
                &["user"],
                vec![term(1, 0, 0, Stat::Value), term(0, 0, 1, Stat::Value)],
                true,
            ),
            kpi(
                "month",
                Rolling { count: 5, of: Day },
                &[],
                vec![term(0, 1, 1, Stat::Value), term(0, 1, 0, Stat::Value)],
                true,
            ),
            kpi(
                "cross",
                Tumbling(Hour),
                &["user"],
                vec![term(0, 0, 0, Stat::Value), term(0, 1, 4, Stat::Value)],
                false,
            ),
            kpi(
                "day-so-far",
                so_far(Since::Day, FiveMinutes),
                &["user"],
                vec![
                    term(0, 0, 3, Stat::Percentile(500)),
                    term(0, 0, 4, Stat::Value),
                ],
                true,
            ),
            kpi(
                "month-so-far",
                so_far(Month, Hour),
                &["user"],
                vec![term(0, 0, 0, Stat::Value), term(1, 0, 1, Stat::Value)],
                true,
            ),
            kpi(
                "month-by-days",
                so_far(Month, Day),
                &["team", "user"],
                vec![term(0, 2, 1, Stat::Value), term(0, 2, 5, Stat::Value)],
                true,
            ),
            kpi(
                "ever",
                so_far(All, Hour),
                &["user"],
                vec![term(1, 0, 0, Stat::Value), term(0, 0, 0, Stat::Value)],
                true,
            ),
            kpi(
                "ever-by-days",
                so_far(All, Day),
                &[],
                vec![term(0, 1, 1, Stat::Value), term(0, 1, 0, Stat::Value)],
                true,
            ),
            kpi(
                "cross-so-far",
                so_far(Month, Hour),
                &["user"],
                vec![term(1, 0, 0, Stat::Value), term(0, 1, 4, Stat::Value)],
                false,
            ),
        ],
        detectors: vec![
            detector("early-minute", (0, 0), Tumbling(Minute), early(3.0)),
            detector("early-hour", (0, 1), Tumbling(Hour), early(150.0)),
            detector("early-day", (2, 1), Tumbling(Day), early(400.0)),
            detector(
                "zscore",
                (0, 2),
                Tumbling(FiveMinutes),
                detect::zscore::tests::quick(),
            ),
            detector(
                "drift",
                (0, 1),
                Rolling {
                    count: 12,
                    of: FiveMinutes,
                },
                detect::drift::tests::quick(),
            ),
            detector(
                "short",
                (3, 1),
                Rolling {
                    count: 2,
                    of: FiveMinutes,
                },
                early(1e9),
            ),
            detector(
                "seasonal",
                (1, 1),
                Tumbling(Hour),
                detect::seasonal::tests::quick(),
            ),
            small_sample,
            detector("day-limit", (0, 1), so_far(Since::Day, Hour), early(300.0)),
            detector(
                "month-zscore",
                (3, 1),
                so_far(Month, Hour),
                detect::zscore::tests::quick(),
            ),
            detector(
                "ever-drift",
                (2, 1),
                so_far(All, Hour),
                detect::drift::tests::quick(),
            ),
            detector(
                "forecast",
                (1, 2),
                Tumbling(Hour),
                detect::forecast::tests::quick(),
            ),
            spread,
        ],
        rules: vec![
            rule(RuleOn::Kpi {
                kpi: 0,
                above: Some(1.0),
                below: None,
            }),
            rule(RuleOn::Detector(4)),
            rule(RuleOn::Kpi {
                kpi: 6,
                above: Some(1.0),
                below: None,
            }),
            rule(RuleOn::Detector(9)),
            rule(RuleOn::NoData {
                event: 0,
                rollup: 3,
                silence: Micros::HOUR,
            }),
        ],
        tenants: Tenants {
            default_zone: zone("UTC"),
            zones: vec![
                ("a".into(), zone("Europe/Berlin")),
                ("b".into(), zone("America/New_York")),
                ("d".into(), zone("Australia/Lord_Howe")),
            ],
        },
        aliases: Default::default(),
        assistants: Default::default(),
        expanded: Vec::new(),
        sources: Arc::new(Vec::new()),
    })
}

/// An event, or a tick where it is of nobody.
#[derive(Debug, Clone)]
pub struct Entry {
    pub event: EventId,
    pub partition: u32,
    pub time: Micros,
    /// (tenant, values of all dimensions, number).
    pub what: Option<(String, Vec<String>, i64)>,
    pub late: bool,
    /// Watermark of the partition after it.
    pub watermark: Micros,
}

pub struct Log(pub Vec<Entry>);

impl Log {
    /// Bursts, pauses and gaps over the days on which the zones change their clocks; ends with a
    /// tick for some.
    pub fn random(catalog: &Catalog, rng: &mut ChaCha8Rng) -> Log {
        let partitions = &options(1).partitions;
        let mut marks: Vec<Vec<Micros>> = partitions
            .iter()
            .map(|&n| vec![Micros::MIN; n as usize])
            .collect();
        // From 2026-03-05T00:00Z or the 28th on.
        let late = i64::from(rng.random_bool(0.5)) * 23 * 86_400;
        let mut now = 1_772_668_800 + late + rng.random_range(0..86_400);
        let mut entries = Vec::new();
        for _ in 0..rng.random_range(20..300) {
            now += match rng.random_range(0..400) {
                0..200 => rng.random_range(0..20),
                200..340 => rng.random_range(0..600),
                340..390 => rng.random_range(0..20_000),
                390..398 => rng.random_range(0..300_000),
                _ => rng.random_range(39..42) * 86_400,
            };
            let event = rng.random_range(0..5usize) / 4;
            let partition = rng.random_range(0..partitions[event]);
            let time =
                Micros::from_secs(now - rng.random_range(0i64..200) / rng.random_range(1i64..50));
            let mark = &mut marks[event][partition as usize];
            let what = rng.random_bool(0.9).then(|| {
                let tenant = ["a", "b", "c", "d"][rng.random_range(0..4)].to_string();
                let dimensions = catalog.events[event].dimensions.iter();
                let values = dimensions
                    .map(|_| ["", "x", "y"][rng.random_range(0..3)].to_string())
                    .collect();
                (tenant, values, rng.random_range(0..100))
            });
            let late = time < *mark;
            *mark = time.minus(Micros::MINUTE).max(*mark);
            entries.push(Entry {
                event,
                partition,
                time,
                what,
                late,
                watermark: *mark,
            });
        }
        if rng.random_bool(0.7) {
            let time = Micros::from_secs(now + rng.random_range(0..200_000));
            for (event, n) in partitions.iter().enumerate() {
                for partition in 0..*n {
                    let watermark = time
                        .minus(Micros::MINUTE)
                        .max(marks[event][partition as usize]);
                    entries.push(Entry {
                        event,
                        partition,
                        time,
                        what: None,
                        late: false,
                        watermark,
                    });
                }
            }
        }
        Log(entries)
    }
}

/// The measures of one event of number `x`.
pub fn values(catalog: &Catalog, event: EventId, x: i64, at: Micros, id: u64) -> Vec<MeasureValue> {
    let sample = Sample {
        at,
        id,
        value: x as f64,
        exact: Fixed::from_int(x),
        hash: hash::distinct(&x.to_le_bytes()),
    };
    let value = |m: &MeasureDef| {
        let mut value = m.kind.accumulator().empty();
        // Some events say nothing to a smallest value.
        if !matches!(m.kind, MeasureKind::Min(_)) || x % 3 == 0 {
            value.add(&sample);
        }
        value
    };
    catalog.events[event].measures.iter().map(value).collect()
}

/// Values of a rollup's dimensions.
pub fn project(catalog: &Catalog, event: EventId, rollup: usize, values: &[String]) -> Vec<String> {
    catalog.events[event].rollups[rollup]
        .dimensions
        .iter()
        .map(|&d| values[d].clone())
        .collect()
}

/// The log cut into blocks at random, rows merged within each.
pub fn blocks(catalog: &Catalog, log: &Log, rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    type Key = (EventId, usize, String, Vec<String>);
    let mut blocks = Vec::new();
    let mut rest = log.0.iter().enumerate().peekable();
    let longest = rng.random_range(1..60);
    while rest.peek().is_some() {
        let mut groups: BTreeMap<Key, BTreeMap<(Micros, bool), Vec<MeasureValue>>> =
            BTreeMap::new();
        let mut marks = BTreeMap::new();
        for _ in 0..rng.random_range(1..=longest) {
            let Some((i, e)) = rest.next() else { break };
            marks.insert((e.event, e.partition), e.watermark);
            let Some((tenant, all, x)) = &e.what else {
                continue;
            };
            for rollup in 0..catalog.events[e.event].rollups.len() {
                let subject = project(catalog, e.event, rollup, all);
                let rows = groups
                    .entry((e.event, rollup, tenant.clone(), subject))
                    .or_default();
                let row = rows
                    .entry((e.time.floor(Micros::MINUTE), e.late))
                    .or_insert_with(|| naive::empty(catalog, &catalog.events[e.event].name));
                naive::merge_into(row, &values(catalog, e.event, *x, e.time, i as u64));
            }
        }
        let mut writer = BlockWriter::new(catalog.hash, 1);
        for ((event, rollup, tenant, subject), rows) in &groups {
            let def = &catalog.events[*event];
            let names = def.rollups[*rollup]
                .dimensions
                .iter()
                .map(|&d| def.dimensions[d].name.as_str());
            let mut key = Vec::new();
            hash::subject_key(
                &mut key,
                tenant,
                names.zip(subject.iter().map(String::as_str)),
            );
            writer.group(
                (*event, *rollup),
                hash::subject(&key),
                tenant,
                subject.iter().map(String::as_str),
            );
            for ((pane, late), row) in rows {
                let mut bytes = Vec::new();
                measure::encode(&Layout::new(def), row, &mut bytes);
                writer.row(*pane, *late, &bytes);
            }
        }
        for ((event, partition), watermark) in marks {
            let partitions = options(1).partitions[event];
            writer.watermark(WatermarkEntry {
                event,
                partition,
                partitions,
                watermark,
            });
        }
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        blocks.push(bytes);
    }
    blocks
}

/// A row of one event.
pub fn one_row(catalog: &Catalog, event: EventId) -> Vec<u8> {
    let mut bytes = Vec::new();
    let values = values(catalog, event, 1, Micros(0), 1);
    measure::encode(&Layout::new(&catalog.events[event]), &values, &mut bytes);
    bytes
}

/// A block of rows of one subject in the first rollup of the first event type.
pub fn block(catalog: &Catalog, panes: &[Micros], row: &[u8], marks: &[WatermarkEntry]) -> Vec<u8> {
    let mut writer = BlockWriter::new(catalog.hash, 1);
    if !panes.is_empty() {
        writer.group((0, 0), 5 << 40, "a", ["x"].into_iter());
    }
    for pane in panes {
        writer.row(*pane, false, row);
    }
    for mark in marks {
        writer.watermark(*mark);
    }
    let mut bytes = Vec::new();
    writer.finish(&mut bytes);
    bytes
}
