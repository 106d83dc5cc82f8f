//! Against a join over all facts at once: whatever the interleaving, repetition and restarts, the
//! same records.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::detect::{self, Finding};
use crate::terms::TermsWriter;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::{
    DetectorDef, Dimension, Direction, EventDef, Expr, JudgedWindow, KpiDef, MeasureDef,
    MeasureKind, Op, RollupDef, RuleDef, RuleOn, Stat, Tenants, Term,
};
use weir_model::records::{AlertState, Momentum, Subject};
use weir_model::{Since, WindowSize};

pub(super) const PARTIALS: u32 = 3;
const HOUR: i64 = Micros::HOUR.0;
pub(super) const TENANT: &str = "acme";

fn event(name: &str) -> EventDef {
    let dimension = |name: &str| Dimension {
        name: name.into(),
        path: name.into(),
    };
    let rollup = |dimensions: &[usize]| RollupDef {
        dimensions: dimensions.to_vec(),
        windows: vec![WindowSize::Minute, WindowSize::Hour],
        by_need: false,
    };
    EventDef {
        name: name.into(),
        version: 1,
        schema_json: "{}".into(),
        identity: None,
        low_volume: false,
        disorder: Micros::MINUTE,
        setting: false,
        bounds: vec![],
        dimensions: vec![dimension("engineer"), dimension("team")],
        measures: vec![
            MeasureDef {
                name: "n".into(),
                version: 1,
                unit: String::new(),
                title: String::new(),
                kind: MeasureKind::Count,
                filter: vec![],
            },
            MeasureDef {
                name: "peak".into(),
                version: 1,
                unit: String::new(),
                title: String::new(),
                kind: MeasureKind::Max("x".into()),
                filter: vec![],
            },
        ],
        rollups: vec![rollup(&[0, 1]), rollup(&[1])],
    }
}

pub(super) fn catalog() -> Catalog {
    let term = |name: &str, event, rollup, measure| Term {
        name: name.into(),
        event,
        rollup,
        measure,
        stat: Stat::Value,
        at: if rollup == 1 {
            vec!["team".into()]
        } else {
            vec!["engineer".into(), "team".into()]
        },
        fixed: Vec::new(),
    };
    let kpi = |name: &str, terms: Vec<Term>, ops: &[Op], local| KpiDef {
        name: name.into(),
        version: 1,
        title: String::new(),
        unit: String::new(),
        decimals: 3,
        category: String::new(),
        weight: 1.0,
        dimensions: vec!["engineer".into(), "team".into()],
        window: JudgedWindow::Tumbling(WindowSize::Hour),
        terms,
        expr: Expr {
            source: String::new(),
            ops: ops.to_vec(),
        },
        target: None,
        targets: None,
        minimum_sample: None,
        local,
        mix: None,
        only_changes: false,
        examples: Vec::new(),
    };
    let rule = |name: &str, on, open_after, resolve_after| RuleDef {
        name: name.into(),
        version: 3,
        title: String::new(),
        dimensions: match on {
            RuleOn::Kpi { .. } => vec!["engineer".into(), "team".into()],
            _ => vec!["team".into()],
        },
        on,
        open_after,
        resolve_after,
        severity: "high".into(),
        impact: "money".into(),
        action: "look".into(),
        unless: None,
        flap_within: 0,
        group_by: None,
        alert_type: "kpi_threshold".into(),
        priority: "P1".into(),
    };
    let share = [Op::Term(0), Op::Term(1), Op::Div];
    let gap = [
        Op::Term(0),
        Op::Term(1),
        Op::Sub,
        Op::Term(2),
        Op::Number(0.5),
        Op::Coalesce,
        Op::Add,
    ];
    Catalog {
        hash: 42,
        events: vec![event("a"), event("b")],
        kpis: vec![
            kpi(
                "share",
                vec![term("own", 0, 0, 0), term("team", 1, 1, 0)],
                &share,
                false,
            ),
            kpi("plain", vec![term("own", 0, 0, 0)], &[Op::Term(0)], true),
            kpi(
                "gap",
                vec![
                    term("own", 0, 0, 0),
                    term("other", 1, 0, 0),
                    term("peak", 1, 1, 1),
                ],
                &gap,
                false,
            ),
            KpiDef {
                window: JudgedWindow::ToDate {
                    since: Since::Day,
                    step: WindowSize::Hour,
                },
                ..kpi(
                    "so_far",
                    vec![
                        term("own", 0, 0, 0),
                        term("other", 1, 0, 0),
                        term("peak", 1, 1, 1),
                    ],
                    &gap,
                    false,
                )
            },
        ],
        detectors: vec![DetectorDef {
            name: "odd".into(),
            version: 1,
            title: String::new(),
            event: 1,
            rollup: 1,
            window: JudgedWindow::Tumbling(WindowSize::Hour),
            terms: vec![],
            expr: Expr {
                source: String::new(),
                ops: vec![],
            },
            kind: detect::zscore::tests::quick(),
            direction: Direction::Both,
            floor_relative: 0.0,
            floor_absolute: 0.0,
            minimum_sample: None,
            severity: "low".into(),
        }],
        rules: vec![
            rule(
                "r0",
                RuleOn::Kpi {
                    kpi: 0,
                    above: Some(1.0),
                    below: None,
                },
                1,
                1,
            ),
            rule(
                "r1",
                RuleOn::Kpi {
                    kpi: 1,
                    above: None,
                    below: Some(3.0),
                },
                2,
                2,
            ),
            rule(
                "r2",
                RuleOn::Kpi {
                    kpi: 2,
                    above: Some(2.0),
                    below: Some(-2.0),
                },
                1,
                2,
            ),
            rule("r3", RuleOn::Detector(0), 2, 1),
            rule(
                "r4",
                RuleOn::NoData {
                    event: 0,
                    rollup: 1,
                    silence: Micros(2 * HOUR),
                },
                1,
                1,
            ),
        ],
        tenants: Tenants {
            // The second day begins with the thirteenth hour.
            default_zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(12)),
            zones: vec![],
        },
        aliases: Default::default(),
        assistants: Default::default(),
        expanded: Vec::new(),
        sources: Arc::new(vec![]),
    }
}

/// What happened: (kind, window, engineer, team, number). Kinds are those of `tell`.
type Happening = (u8, i64, u8, u8, i8);

fn facts() -> impl Strategy<Value = BTreeMap<(u8, i64, u8, u8), i8>> {
    prop::collection::vec((0u8..12, 1i64..16, 0u8..3, 0u8..2, -6i8..7), 0..160).prop_map(|all| {
        all.into_iter()
            .map(|(k, w, e, t, v)| ((k, w, if by_team(k) { 0 } else { e }, t), v))
            .collect()
    })
}

fn by_team(kind: u8) -> bool {
    matches!(kind, 1 | 4 | 6 | 7 | 11)
}

fn events_of(kind: u8) -> &'static [usize] {
    match kind {
        0..=4 => &[0, 1],
        5 | 7 => &[0],
        _ => &[1],
    }
}

fn number(v: i8) -> Option<f64> {
    // One in thirteen rows has no value for the statistic.
    (v != -6).then_some(f64::from(v))
}

fn tell(writer: &mut TermsWriter, (kind, w, e, t, v): Happening) {
    let (engineer, team) = (format!("e{e}"), format!("t{t}"));
    let both = [engineer.as_str(), team.as_str()];
    let span = (Micros((w - 1) * HOUR), Micros(w * HOUR));
    let day = (Micros((day_of(w) - 13) * HOUR), span.1);
    match kind {
        0 => writer.term((0, 0), TENANT, both, span, number(v)),
        1 => writer.term((0, 1), TENANT, [team.as_str()], span, number(v)),
        2 => writer.term((2, 0), TENANT, both, span, number(v)),
        3 => writer.term((2, 1), TENANT, both, span, number(v)),
        4 => writer.term((2, 2), TENANT, [team.as_str()], span, number(v)),
        5 => writer.kpi_value(1, TENANT, both, span, number(v)),
        6 => writer.verdict(0, TENANT, [team.as_str()], span, f64::from(v), found(v)),
        9 => writer.term((3, 0), TENANT, both, day, number(v)),
        10 => writer.term((3, 1), TENANT, both, day, number(v)),
        11 => writer.term((3, 2), TENANT, [team.as_str()], day, number(v)),
        7 => writer.active(4, TENANT, [team.as_str()], Micros(span.1.0 - minutes(v))),
        _ => {}
    }
}

/// The first hour of the day of an hour.
fn day_of(w: i64) -> i64 {
    if w <= 12 { 1 } else { 13 }
}

fn found(v: i8) -> Option<Finding> {
    (v.abs() > 3).then_some(Finding {
        expected: 0.0,
        score: f64::from(v),
        crosses: None,
    })
}

fn minutes(v: i8) -> i64 {
    i64::from(v + 6) * Micros::MINUTE.0
}

/// A record, comparable, without the offset.
fn shown_kpi(k: &Kpi) -> String {
    format!(
        "{} {:?} {} {:?} {:?} {:?}",
        k.kpi,
        k.subject.dimensions,
        k.end.0 / HOUR,
        k.value,
        k.momentum,
        k.terms
    )
}
fn shown(a: &Alert) -> String {
    format!(
        "{} {:?} {:?} {} {} {} {:?} {:?} {}",
        a.rule,
        a.subject.dimensions,
        a.state,
        a.step,
        a.opened.0 / HOUR,
        a.at.0 / HOUR,
        a.value,
        a.worst,
        a.windows
    )
}

/// The same from all facts at once.
fn naive(facts: &BTreeMap<(u8, i64, u8, u8), i8>, last: i64) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    let catalog = catalog();
    let value = |kind: u8, w: i64, e: u8, t: u8| {
        facts
            .get(&(kind, w, if by_team(kind) { 0 } else { e }, t))
            .map(|v| number(*v))
    };
    for e in 0..3u8 {
        for t in 0..2u8 {
            let subject = Subject {
                tenant: TENANT.into(),
                dimensions: vec![
                    ("engineer".into(), format!("e{e}")),
                    ("team".into(), format!("t{t}")),
                ],
            };
            // (rule, what it looks at: window end and value)
            let mut series: [Vec<(i64, f64)>; 4] = Default::default();
            let mut before: [Vec<f64>; 4] = Default::default();
            for w in 1..=last {
                let share = value(0, w, e, t).map(|own| {
                    let team = value(1, w, e, t).unwrap_or(Some(0.0));
                    let v = own.zip(team).filter(|(_, b)| *b != 0.0).map(|(a, b)| a / b);
                    (v, vec![("own", own), ("team", team)])
                });
                let (own, other) = (value(2, w, e, t), value(3, w, e, t));
                let gap = (own.is_some() || other.is_some()).then(|| {
                    let (own, other) = (own.unwrap_or(Some(0.0)), other.unwrap_or(Some(0.0)));
                    let peak = value(4, w, e, t).unwrap_or(None);
                    let v = own.zip(other).map(|(a, b)| a - b + peak.unwrap_or(0.5));
                    (v, vec![("own", own), ("other", other), ("peak", peak)])
                });
                let known = |kind| {
                    let hours = (day_of(w)..=w).rev();
                    hours.into_iter().find_map(|w| value(kind, w, e, t))
                };
                let told_now = value(9, w, e, t).or(value(10, w, e, t));
                let so_far = told_now.map(|_| {
                    let (own, other) = (
                        known(9).unwrap_or(Some(0.0)),
                        known(10).unwrap_or(Some(0.0)),
                    );
                    let peak = known(11).unwrap_or(None);
                    let v = own.zip(other).map(|(a, b)| a - b + peak.unwrap_or(0.5));
                    (v, vec![("own", own), ("other", other), ("peak", peak)])
                });
                for (k, result) in [(0, share), (2, gap), (3, so_far)] {
                    let Some((v, terms)) = result else { continue };
                    let v = v.map(|v| weir_model::fixed::round(v, 3));
                    let n = before[k].len();
                    let mut momentum = Momentum::Stable;
                    if let (Some(v), true) = (v, n >= 3) {
                        let r = (before[k][n - 3] + before[k][n - 2] + before[k][n - 1]) / 3.0;
                        let change = (v - r) / r.abs();
                        if r != 0.0 && change > 0.05 {
                            momentum = Momentum::Improving;
                        } else if r != 0.0 && change < -0.05 {
                            momentum = Momentum::Degrading;
                        }
                    }
                    let terms: Vec<(String, Option<f64>)> =
                        terms.into_iter().map(|(n, v)| (n.to_string(), v)).collect();
                    let name = &catalog.kpis[k].name;
                    told.insert(format!(
                        "{name} {:?} {w} {v:?} {momentum:?} {terms:?}",
                        subject.dimensions
                    ));
                    if let Some(v) = v {
                        before[k].push(v);
                        series[k].push((w, v));
                    }
                }
                if let Some(Some(v)) = value(5, w, e, t) {
                    series[1].push((w, v));
                }
            }
            for (rule, series) in series.iter().take(3).enumerate() {
                let look = |v: f64| match rule {
                    0 => (v > 1.0, true),
                    1 => (v < 3.0, false),
                    _ => (!(-2.0..=2.0).contains(&v), v > 2.0),
                };
                let (open, resolve) = [(1, 1), (2, 2), (1, 2)][rule];
                live(
                    &mut told,
                    &format!("r{rule}"),
                    &subject,
                    series,
                    &look,
                    open,
                    resolve,
                );
            }
        }
    }
    for t in 0..2u8 {
        let subject = Subject {
            tenant: TENANT.into(),
            dimensions: vec![("team".into(), format!("t{t}"))],
        };
        let of = |kind| move |w: i64| facts.get(&(kind, w, 0, t)).map(|v| (w, *v));
        let verdicts: Vec<(i64, f64)> = (1..=last)
            .filter_map(of(6))
            .map(|(w, v)| (w, f64::from(v)))
            .collect();
        live(
            &mut told,
            "r3",
            &subject,
            &verdicts,
            &|v| (v.abs() > 3.0, v >= 0.0),
            2,
            1,
        );
        let mut ends = (1..=last)
            .filter_map(of(7))
            .map(|(w, v)| w * HOUR - minutes(v))
            .peekable();
        let mut seen: Option<i64> = None;
        let mut quiet: Vec<(i64, f64)> = Vec::new();
        for w in 1..=last {
            while ends.peek().is_some_and(|e| *e <= w * HOUR) {
                seen = ends.next();
            }
            let Some(end) = seen else { continue };
            let silent = w * HOUR - end;
            quiet.push((w, silent as f64 / HOUR as f64));
            if silent >= 16 * HOUR {
                seen = None;
            }
        }
        live(
            &mut told,
            "r4",
            &subject,
            &quiet,
            &|v| ((2.0..16.0).contains(&v), true),
            1,
            1,
        );
    }
    told
}

fn live(
    told: &mut BTreeSet<String>,
    rule: &str,
    subject: &Subject,
    series: &[(i64, f64)],
    look: &dyn Fn(f64) -> (bool, bool),
    open_after: usize,
    resolve_after: usize,
) {
    let (mut bad, mut good, mut open) = (0, 0, None);
    for (w, v) in series {
        let (is_bad, up) = look(*v);
        (bad, good) = if is_bad { (bad + 1, 0) } else { (0, good + 1) };
        let (state, (opened, step, worst, windows, side)) = match open {
            None if is_bad && bad >= open_after => (AlertState::Open, (*w, 0, *v, 1, up)),
            Some((opened, step, worst, windows, side)) if is_bad => {
                let worst = if side {
                    f64::max(worst, *v)
                } else {
                    f64::min(worst, *v)
                };
                (
                    AlertState::Update,
                    (opened, step + 1, worst, windows + 1, side),
                )
            }
            Some((opened, step, worst, windows, side)) if good >= resolve_after => (
                AlertState::Resolve,
                (opened, step + 1, worst, windows, side),
            ),
            _ => continue,
        };
        told.insert(format!(
            "{rule} {:?} {state:?} {step} {opened} {w} {:?} {:?} {windows}",
            subject.dimensions,
            Some(v),
            Some(worst)
        ));
        open = (state != AlertState::Resolve).then_some((opened, step, worst, windows, side));
        if state != AlertState::Update {
            (bad, good) = (0, 0);
        }
    }
}

/// The messages of one partials partition: its facts, told as its windows become final in uneven
/// steps.
fn messages(
    facts: &BTreeMap<(u8, i64, u8, u8), i8>,
    partition: u32,
    steps: &[(u8, u8)],
    last: i64,
) -> Vec<Vec<u8>> {
    let mut writer = TermsWriter::new(&catalog(), 9, partition, PARTIALS, 1);
    let mut through = [0i64; 2];
    let mut out = Vec::new();
    for (a, b) in steps.iter().copied().chain([(99, 99)]) {
        let before = through;
        through = [
            (through[0] + i64::from(a)).min(last),
            (through[1] + i64::from(b)).min(last),
        ];
        let passed = |kind: u8, at: [i64; 2]| events_of(kind).iter().map(|e| at[*e]).min().unwrap();
        for ((kind, w, e, t), v) in facts {
            // A subject stands on one partition.
            let home = if by_team(*kind) {
                u32::from(*t)
            } else {
                u32::from(e * 2 + t)
            } % PARTIALS;
            // A term's row is told when its own event type is final, other results when theirs are.
            let at = |times: [i64; 2]| match kind {
                0 | 2 | 9 => times[0],
                1 | 3 | 4 | 10 | 11 => times[1],
                _ => passed(*kind, times),
            };
            if home == partition && (at(before) + 1..=at(through)).contains(w) {
                tell(&mut writer, (*kind, *w, *e, *t, *v));
            }
        }
        writer.final_through(&through.map(|w| Micros(w * HOUR)));
        if a % 3 == 0 {
            // Told again, and told of the past.
            writer.final_through(&before.map(|w| Micros(w * HOUR)));
        }
        out.extend(writer.take().into_iter().map(|(_, m)| m));
    }
    out
}

pub(super) fn score() -> Score {
    let options = ScoreOptions {
        partition: 0,
        partials: PARTIALS,
        run: 9,
    };
    Score::new(Arc::new(catalog()), options).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_same_records_whatever_happens(
        facts in facts(),
        steps in prop::collection::vec(prop::collection::vec((0u8..4, 0u8..4), 0..9), PARTIALS as usize),
        choices in prop::collection::vec(any::<u32>(), 64),
        trouble in prop::collection::vec((0u8..4, 0u32..SHARDS), 64),
    ) {
        let last = 20;
        let mut queues: Vec<_> =
            (0..PARTIALS).map(|p| messages(&facts, p, &steps[p as usize], last).into_iter()).collect();
        let mut log = Vec::new();
        for choice in choices.iter().cycle() {
            let Some(m) = queues[(*choice % PARTIALS) as usize].next() else {
                match queues.iter_mut().find_map(Iterator::next) {
                    Some(m) => { log.push(m); continue }
                    None => break,
                }
            };
            log.push(m);
        }
        let mut score_now = score();
        let mut state: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut told = ScoreOut::default();
        for (offset, message) in log.iter().enumerate() {
            score_now.fold(offset as i64, message, true, &mut told).unwrap();
            match trouble[offset % trouble.len()] {
                (0, first) => for (key, value) in (first..SHARDS).flat_map(|s| score_now.snapshot(s)).collect::<Vec<_>>() {
                    match value {
                        Some(v) => { state.insert(key, v); }
                        None => { state.remove(&key); }
                    }
                },
                (1, _) => { state.insert("marker".into(), score_now.marker()); }
                (2, _) => {
                    let mut back = score();
                    back.restore(&mut state.clone().into_iter()).unwrap();
                    for o in back.resume_from()..=offset as i64 {
                        let mut none = ScoreOut::default();
                        back.fold(o, &log[o as usize], false, &mut none).unwrap();
                        prop_assert_eq!(none, ScoreOut::default());
                    }
                    for (a, b) in back.shards.iter().zip(&score_now.shards) {
                        let same = |s: &Shard| (s.covered, s.through.clone(), s.pending.clone(), s.memory.clone(), s.machines.clone(), s.silence.clone(), s.deferred.clone(), s.known.clone());
                        prop_assert_eq!(same(a), same(b));
                    }
                    score_now = back;
                }
                _ => {}
            }
        }
        let all: Vec<String> = told.kpis.iter().map(shown_kpi).chain(told.alerts.iter().map(shown)).collect();
        let set: BTreeSet<String> = all.iter().cloned().collect();
        prop_assert_eq!(set.len(), all.len(), "a record was told twice");
        prop_assert_eq!(set, naive(&facts, last));
        let stats = score_now.stats();
        prop_assert_eq!((stats.too_late, stats.pending), (0, 0));
        prop_assert_eq!(stats.final_through, vec![Micros(last * HOUR); 2]);
        let ids: BTreeSet<&String> = told.kpis.iter().map(|k| &k.id).collect();
        prop_assert_eq!(ids.len(), told.kpis.len());
    }
}

#[test]
fn snapshots_of_another_run_and_damaged_ones_are_refused() {
    let mut first = score();
    let mut writer = TermsWriter::new(&catalog(), 9, 0, PARTIALS, 1);
    for i in 0..30_000 {
        let name = format!("an engineer with a number {i}");
        writer.term(
            (0, 0),
            TENANT,
            [name.as_str(), "t"],
            (Micros(0), Micros(HOUR)),
            Some(1.0),
        );
    }
    for (offset, (_, message)) in writer.take().iter().enumerate() {
        first
            .fold(offset as i64, message, true, &mut ScoreOut::default())
            .unwrap();
    }
    let shard = (0..SHARDS).find(|s| first.dirty(*s)).unwrap();
    let parts = first.snapshot(shard);
    assert!(!first.dirty(shard));
    assert!(parts.len() > 2);
    assert!(
        parts
            .iter()
            .all(|(_, v)| v.as_ref().unwrap().len() <= 512 * 1024)
    );
    let whole = || parts.iter().map(|(k, v)| (k.clone(), v.clone().unwrap()));
    let mut back = score();
    back.restore(&mut whole()).unwrap();
    assert_eq!(back.shards[shard as usize], first.shards[shard as usize]);
    assert!(score().restore(&mut whole().skip(1)).is_err());
    let other = ScoreOptions {
        partition: 0,
        partials: PARTIALS,
        run: 10,
    };
    let mut other = Score::new(Arc::new(catalog()), other).unwrap();
    assert_eq!(
        other.restore(&mut whole()),
        Err(EngineError::OtherRun {
            what: "a snapshot of score"
        })
    );

    // All is final: nothing waits, the next snapshot is smaller and takes the other parts back.
    let mut told = ScoreOut::default();
    for partition in 0..PARTIALS {
        let mut writer = TermsWriter::new(&catalog(), 9, partition, PARTIALS, 1);
        writer.final_through(&[Micros(HOUR), Micros(HOUR)]);
        let offset = first.resume_from();
        first
            .fold(offset, &writer.take()[0].1, true, &mut told)
            .unwrap();
    }
    assert_eq!(told.kpis.len(), 30_000);
    // Forty days on nobody is remembered.
    for partition in 0..PARTIALS {
        let mut writer = TermsWriter::new(&catalog(), 9, partition, PARTIALS, 1);
        writer.final_through(&[Micros(50 * Micros::DAY.0), Micros(50 * Micros::DAY.0)]);
        let offset = first.resume_from();
        first
            .fold(offset, &writer.take()[0].1, true, &mut told)
            .unwrap();
    }
    let after = first.snapshot(shard);
    assert_eq!(after.len(), parts.len());
    assert!(after[0].1.is_some() && after[1..].iter().all(|(_, v)| v.is_none()));
    assert_eq!(first.stats().memories, 0);
}
