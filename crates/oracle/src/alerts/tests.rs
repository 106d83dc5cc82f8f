//! Rules of several conditions, inhibition and flapping: the engine's stage against this crate,
//! whatever the interleaving of partitions and the restarts.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::detect::Verdict;
use crate::kpis::KpiRow;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_engine::detect::Finding;
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::terms::TermsWriter;
use weir_model::records::{Alert, Momentum, Status};

const PARTIALS: u32 = 3;
const TERMS: u32 = 3;
const RUN: u32 = 9;
const FIVE: i64 = 5 * 60_000_000;
const HOUR: i64 = 12 * FIVE;
/// Steps of five minutes that are played, to the end of a later day.
const LAST: i64 = 14 * 12;
const END: i64 = 30 * 12;

const SCHEMA: &str = r#"{"type": "record", "name": "NAME", "namespace": "weir.events", "fields": [
  {"name": "event_id", "type": "string"},
  {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "tenant", "type": "string"}, {"name": "source", "type": "string"},
  {"name": "resource", "type": {"type": "map", "values": "string"}},
  {"name": "team", "type": "string"}, {"name": "service", "type": "string"},
  {"name": "x", "type": "double"}]}"#;

const EVENT: &str = "
dimensions: {team: team, service: service}
measures: {n: {sum: x, unit: jobs}}
windows: [1m, 5m, 1h]
rollups: [[team], [service, team]]
";

const JUDGES: &str = "
kpis:
  fast: {by: [service, team], window: 5m, value: a.n}
  slow: {by: [service, team], window: 1h/5m, value: a.n, unit: percent}
  other: {by: [service, team], window: 1h, value: b.n, target: 3, better: lower}
  wide: {by: [team], window: 1h, value: b.n}
detectors:
  limited: {event: b, by: [service, team], window: 1h, value: n, limit: {above: 4}}
alerts:
  both:
    all: [{kpi: slow, above: 1}, {kpi: fast, above: 1}]
    open_after: 2
    resolve_after: 2
    flap_within: 3
    unless: wide_bad
    group_by: [team]
    severity: critical
    impact: a
    action: b
  some:
    any: [{kpi: other, status: off}, {detector: limited}, {kpi: fast, below: -2}]
    flap_within: 1
    type: sla_breach
    impact: a
    action: b
  wide_bad: {kpi: wide, above: 1, resolve_after: 2, impact: a, action: b}
  once: {kpi: slow, above: 2, open_after: 2, resolve_after: never, impact: a, action: b}
  once_of_two:
    any: [{kpi: other, status: off}, {kpi: fast, above: 3}]
    resolve_after: never
    unless: wide_bad
    impact: a
    action: b
  chained: {kpi: slow, above: 2, unless: both, impact: a, action: b}
  quiet: {no_data: {event: b, by: [team], silence: 1h}, impact: a, action: b}
  hush: {kpi: fast, above: -1, unless: quiet, group_by: [], impact: a, action: b}
  mute:
    no_data: {event: a, by: [team], silence: 1h}
    unless: wide_bad
    flap_within: 2
    impact: a
    action: b
";

fn catalog() -> Catalog {
    let mut sources = vec![("catalog/judges.yaml".to_owned(), JUDGES.to_owned())];
    for name in ["a", "b"] {
        let schema = SCHEMA.replace("NAME", &name.to_uppercase());
        sources.push((format!("events/{name}.avsc"), schema));
        let event = format!("event: {name}{EVENT}");
        sources.push((format!("catalog/{name}.yaml"), event));
    }
    load_sources(sources).unwrap()
}

/// What happened: value by (kind, step of its end, service, team). Kinds: the KPIs fast, slow,
/// other, wide, the detector, and events of a and b.
type Facts = BTreeMap<(u8, i64, u8, u8), i8>;

fn facts() -> impl Strategy<Value = Facts> {
    let one = (0u8..7, 1..LAST, 0u8..2, 0u8..2, -4i8..7);
    // Stretches of windows that are alike: single ones rarely open anything.
    let stretch = (one, 1i64..9);
    prop::collection::vec(stretch, 0..50).prop_map(|all| {
        let mut facts = Facts::new();
        for ((kind, at, service, team, value), n) in all {
            let hourly = (2..=4).contains(&kind);
            let service = if matches!(kind, 3 | 5 | 6) {
                0
            } else {
                service
            };
            for i in 0..n {
                let end = if hourly {
                    (at / 12 + 1 + i) * 12
                } else {
                    at + i
                };
                // Some are a little better or worse, or have no value.
                let other = (i64::from(value) + i * i % 3 - 1) as i8;
                facts.insert((kind, end.min(LAST), service, team), other);
            }
        }
        facts
    })
}

/// -5: there is no value.
fn number(v: i8) -> Option<f64> {
    (v > -5).then_some(f64::from(v))
}

fn event_of(kind: u8) -> usize {
    usize::from(matches!(kind, 2..=4 | 6))
}

fn texts(kind: u8, service: u8, team: u8) -> Vec<(String, String)> {
    let mut all = vec![("team".to_owned(), format!("t{team}"))];
    if !matches!(kind, 3 | 5 | 6) {
        all.insert(0, ("service".to_owned(), format!("s{service}")));
    }
    all
}

fn index(catalog: &Catalog, kind: u8) -> usize {
    let name = ["fast", "slow", "other", "wide"][usize::from(kind)];
    catalog.kpis.iter().position(|k| k.name == name).unwrap()
}

fn tell(catalog: &Catalog, writer: &mut TermsWriter, at: (u8, i64, u8, u8), v: i8) {
    let (kind, end, service, team) = at;
    let dimensions = texts(kind, service, team);
    let values = || dimensions.iter().map(|(_, v)| v.as_str());
    let width = [FIVE, HOUR, HOUR, HOUR, HOUR, 0, 0][usize::from(kind)];
    let span = (Micros(end * FIVE - width), Micros(end * FIVE));
    match kind {
        0..=3 => writer.kpi_value(index(catalog, kind), "acme", values(), span, number(v)),
        4 => {
            let found = (v > 4).then(|| Finding {
                expected: 4.0,
                score: f64::from(v) / 4.0,
                crosses: None,
            });
            writer.verdict(0, "acme", values(), span, f64::from(v), found);
        }
        _ => {
            for (i, rule) in catalog.rules.iter().enumerate() {
                if matches!(rule.on, RuleOn::NoData { event, .. } if event == event_of(kind)) {
                    writer.active(i, "acme", values(), span.1);
                }
            }
        }
    }
}

/// The messages of one partials partition, with the terms partition of each.
fn messages(
    catalog: &Catalog,
    facts: &Facts,
    partition: u32,
    steps: &[(u8, u8)],
) -> Vec<(u32, Vec<u8>)> {
    let mut writer = TermsWriter::new(catalog, RUN, partition, PARTIALS, TERMS);
    let (mut through, mut out) = ([0i64; 2], Vec::new());
    for (a, b) in steps.iter().copied().chain([(255, 255), (255, 255)]) {
        let before = through;
        through = [
            (through[0] + i64::from(a)).min(END),
            (through[1] + i64::from(b)).min(END),
        ];
        for (at, v) in facts {
            let (kind, end, service, team) = *at;
            let home = texts(kind, service, team).iter().fold(0, |n, (_, v)| {
                n * 2 + u32::from(v.ends_with('1')) + u32::from(v.starts_with('s'))
            });
            let event = event_of(kind);
            let now = (before[event] + 1..=through[event]).contains(&end);
            if home % PARTIALS == partition && now {
                tell(catalog, &mut writer, *at, *v);
            }
        }
        writer.final_through(&through.map(|n| Micros(n * FIVE)));
        out.extend(writer.take());
    }
    out
}

/// The same from all facts at once.
fn plain(catalog: &Catalog, facts: &Facts) -> BTreeMap<String, AlertRow> {
    let mut judged = Judged {
        on_time: BTreeMap::new(),
        late: BTreeMap::new(),
        minutes: BTreeMap::new(),
        settings: Default::default(),
        final_through: vec![Micros(END * FIVE); 2],
        totals: Default::default(),
    };
    let (mut verdicts, mut kpis) = (Verdicts::new(), BTreeMap::new());
    for ((kind, end, service, team), v) in facts {
        let subject = Subject {
            tenant: "acme".into(),
            dimensions: texts(*kind, *service, *team),
        };
        let end = Micros(end * FIVE);
        match kind {
            0..=3 => {
                let off = *kind == 2 && *v >= 4;
                let row = KpiRow {
                    kpi: String::new(),
                    subject,
                    end,
                    value: number(*v),
                    score: None,
                    status: if off { Status::Off } else { Status::Near },
                    momentum: Momentum::Stable,
                    coverage: None,
                    index: index(catalog, *kind),
                    published: true,
                };
                kpis.insert(format!("{kind} {end:?} {service} {team}"), row);
            }
            4 => {
                let bad = (*v > 4).then_some(Bad {
                    threshold: Some(4.0),
                    up: true,
                });
                let value = f64::from(*v);
                let look = Look { value, bad };
                let said = verdicts.entry((0, subject)).or_default();
                said.push(Verdict { end, look });
            }
            _ => {
                let event = event_of(*kind);
                let key = (event, 0, "acme".to_owned(), vec![format!("t{team}")]);
                judged.minutes.entry(key).or_default().insert(end);
            }
        }
    }
    run(catalog, &judged, &verdicts, &kpis)
}

fn score(catalog: &Arc<Catalog>, partition: u32) -> Score {
    let options = ScoreOptions {
        partition,
        partials: PARTIALS,
        run: RUN,
    };
    Score::new(catalog.clone(), options).unwrap()
}

/// Everything that one partition of the terms says, with restarts on the way.
fn alerts(
    catalog: &Arc<Catalog>,
    partition: u32,
    log: &[Vec<u8>],
    trouble: &[(u8, u32)],
) -> Vec<Alert> {
    let mut now = score(catalog, partition);
    let mut state: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut told = ScoreOut::default();
    for (offset, message) in log.iter().enumerate() {
        now.fold(offset as i64, message, true, &mut told).unwrap();
        match trouble[offset % trouble.len()] {
            (0, shard) => {
                for (key, value) in now.snapshot(shard) {
                    match value {
                        Some(v) => state.insert(key, v),
                        None => state.remove(&key),
                    };
                }
            }
            (1, _) => {
                state.insert("marker".into(), now.marker());
            }
            (2, _) => {
                let mut back = score(catalog, partition);
                back.restore(&mut state.clone().into_iter()).unwrap();
                for o in back.resume_from()..=offset as i64 {
                    back.fold(o, &log[o as usize], false, &mut ScoreOut::default())
                        .unwrap();
                }
                now = back;
            }
            _ => {}
        }
    }
    let stats = now.stats();
    assert_eq!((stats.too_late, stats.pending), (0, 0));
    told.alerts
}

/// The last step of each, by id; every step from the first one was told once, in order.
fn last_steps(alerts: &[Alert]) -> BTreeMap<String, AlertRow> {
    let mut out: BTreeMap<String, AlertRow> = BTreeMap::new();
    for a in alerts {
        let next = out.get(&a.id).map_or(0, |before| before.step + 1);
        assert_eq!(a.step, next, "{a:?}");
        let row = AlertRow {
            rule: a.rule.clone(),
            subject: a.subject.clone(),
            state: a.state,
            step: a.step,
            opened: a.opened,
            at: a.at,
            value: a.value,
            threshold: a.threshold,
            worst: a.worst,
            windows: a.windows,
            reopenings: a.reopenings,
            failing: a.failing.clone(),
            group_key: a.group_key.clone(),
        };
        out.insert(a.id.clone(), row);
    }
    out
}

fn everything(
    catalog: &Arc<Catalog>,
    facts: &Facts,
    steps: &[Vec<(u8, u8)>],
    choices: &[u32],
    trouble: &[(u8, u32)],
) -> Vec<Alert> {
    let queue = |p: u32| messages(catalog, facts, p, &steps[p as usize]).into_iter();
    let mut queues: Vec<_> = (0..PARTIALS).map(queue).collect();
    let mut logs = vec![Vec::new(); TERMS as usize];
    for choice in choices.iter().cycle() {
        let next = queues[(*choice % PARTIALS) as usize].next();
        let next = next.or_else(|| queues.iter_mut().find_map(Iterator::next));
        let Some((terms, message)) = next else { break };
        logs[terms as usize].push(message);
    }
    let each = logs.iter().enumerate();
    each.flat_map(|(p, log)| alerts(catalog, p as u32, log, trouble))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_engine_says_the_same_whatever_happens(
        facts in facts(),
        steps in prop::collection::vec(prop::collection::vec((0u8..30, 0u8..30), 0..14), 3),
        choices in prop::collection::vec(any::<u32>(), 64),
        trouble in prop::collection::vec((0u8..5, 0u32..8), 64),
    ) {
        let catalog = Arc::new(catalog());
        let told = everything(&catalog, &facts, &steps, &choices, &trouble);
        prop_assert_eq!(last_steps(&told), plain(&catalog, &facts));
        for a in &told {
            let several = matches!(a.rule.as_str(), "both" | "some" | "once_of_two");
            prop_assert_eq!(several, !a.conditions.is_empty());
        }
    }
}

/// A rule that never fires would be compared with nothing.
#[test]
fn every_rule_opens_resolves_and_comes_back() {
    let catalog = Arc::new(catalog());
    let mut facts = Facts::new();
    for end in 1..=LAST {
        let wave = if (end / 3) % 2 == 0 { 6 } else { -3 };
        facts.insert((0, end, 0, 0), wave);
        facts.insert((1, end, 0, 0), wave);
        if end % 12 == 0 {
            let hours = end / 12;
            let hour = if hours % 2 == 0 { 6 } else { -3 };
            facts.insert((2, end, 0, 0), hour);
            facts.insert((3, end, 0, 0), if hours < 4 { 6 } else { -3 });
            facts.insert((4, end, 0, 0), hour);
            facts.insert((5, end + 1 + 4 * (hours % 3), 0, 0), 1);
        }
        if end % 40 == 0 {
            facts.insert((6, end, 0, 0), 1);
        }
    }
    facts.retain(|(_, end, ..), _| *end <= LAST);
    let told = everything(&catalog, &facts, &[vec![], vec![], vec![]], &[0], &[(2, 0)]);
    assert_eq!(last_steps(&told), plain(&catalog, &facts));
    let seen: BTreeSet<(&str, &str)> = told
        .iter()
        .map(|a| (a.rule.as_str(), a.state.symbol()))
        .collect();
    for rule in &catalog.rules {
        if rule.tells_once() {
            let steps = told.iter().filter(|a| a.rule == rule.name);
            let steps: Vec<&str> = steps.map(|a| a.state.symbol()).collect();
            assert_eq!(steps, ["open"], "{}", rule.name);
            continue;
        }
        for state in ["open", "resolve"] {
            assert!(
                seen.contains(&(rule.name.as_str(), state)),
                "{} {state}",
                rule.name
            );
        }
    }
    assert!(seen.contains(&("both", "reopened")) && seen.contains(&("some", "reopened")));
    let of = |name: &'static str| told.iter().filter(move |a| a.rule == name);
    let first = of("both").next().unwrap();
    // Nothing opens while its inhibitor is open: from the first hour to the fifth.
    let turns: Vec<Micros> = of("wide_bad")
        .filter(|a| a.state != AlertState::Update)
        .map(|a| a.at)
        .collect();
    assert_eq!(turns, [Micros(HOUR), Micros(5 * HOUR)]);
    let opens = of("both").filter(|a| matches!(a.state, AlertState::Open | AlertState::Reopened));
    let (before, after): (Vec<Micros>, Vec<Micros>) =
        opens.map(|a| a.at).partition(|at| *at < turns[0]);
    assert!(
        !before.is_empty() && after.iter().all(|at| *at >= turns[1]),
        "{after:?}"
    );
    let said = (
        first.metric.as_str(),
        first.unit.as_str(),
        first.component.as_str(),
    );
    assert_eq!(said, ("slow", "percent", "s0"));
    assert_eq!(
        (first.priority.as_str(), first.r#type.as_str()),
        ("P1", "kpi_threshold")
    );
    assert_eq!(first.group_key, "both{tenant=acme,team=t0}");
    assert_eq!(
        (first.failing.as_str(), first.group.len()),
        ("slow,fast", 32)
    );
    assert_eq!(
        first.conditions,
        [("slow".into(), Some(6.0)), ("fast".into(), Some(6.0))]
    );
    let some = of("some").next().unwrap();
    assert_eq!(
        (some.priority.as_str(), some.r#type.as_str()),
        ("P2", "sla_breach")
    );
    let mute = of("mute").next().unwrap();
    assert_eq!(
        (mute.metric.as_str(), mute.unit.as_str(), mute.kind.as_str()),
        ("a", "hours", "no_data")
    );
}
