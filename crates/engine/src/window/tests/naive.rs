//! What stage 2 must say, from all events at once, in ordered maps.

use super::world::{Log, options, project, values};
use crate::detect::{self, DetectorState, Finding, Judged, Seen, anomaly};
use crate::kpi::{KpiMemory, record, score};
use crate::terms::{Fact, SubjectKey};
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::types::*;
use weir_model::records::{MeasureValue, Subject};
use weir_model::{Micros, Since, WindowSize};

type Row = Vec<MeasureValue>;
type RowKey = (String, Subject, WindowSize, Micros, Micros);
/// Event type, rollup, tenant and values.
type SeriesKey = (EventId, usize, Vec<String>);
type Span = (Micros, Micros);
/// By term: `None` without a row, else the row's statistic.
type TermRows = Vec<Option<Option<f64>>>;

#[derive(Debug, Default)]
pub struct Want {
    pub on_time: BTreeMap<RowKey, Row>,
    pub late: BTreeMap<RowKey, Row>,
    pub anomalies: Vec<String>,
    pub kpis: Vec<String>,
    pub facts: Vec<String>,
    pub through: Vec<Micros>,
}

pub fn empty(catalog: &Catalog, event: &str) -> Row {
    let def = catalog.events.iter().find(|e| e.name == event).unwrap();
    let empty = def.measures.iter().map(|m| m.kind.accumulator().empty());
    empty.collect()
}

pub fn merge_into(row: &mut Row, other: &Row) {
    for (a, b) in row.iter_mut().zip(other) {
        assert_eq!(a.accumulator(), b.accumulator());
        a.merge(b);
    }
}

fn stat(row: &Row, term: &Term) -> Option<f64> {
    row[term.measure].stat(term.stat)
}

fn span(catalog: &Catalog, tenant: &str, size: WindowSize, t: Micros) -> Span {
    let zone = catalog.tenants.zone(tenant);
    // A day holds the five minutes that start in it.
    let t = if size == WindowSize::Day {
        WindowSize::FiveMinutes.span(t, zone).0
    } else {
        t
    };
    size.span(t, zone)
}

/// Final judged windows of a series, by end.
fn windows(
    catalog: &Catalog,
    key: &SeriesKey,
    events: &[(Micros, Row)],
    window: JudgedWindow,
    through: Micros,
) -> BTreeMap<Micros, (Micros, Row)> {
    let tenant = &key.2[0];
    let blank = || empty(catalog, &catalog.events[key.0].name);
    let (count, of) = match window {
        JudgedWindow::Tumbling(size) => (1, size),
        JudgedWindow::Rolling { count, of } => (count, of),
        JudgedWindow::ToDate { step, .. } => (1, step),
    };
    let mut single: BTreeMap<Span, Row> = BTreeMap::new();
    for (t, row) in events {
        merge_into(
            single
                .entry(span(catalog, tenant, of, *t))
                .or_insert_with(blank),
            row,
        );
    }
    if let JudgedWindow::ToDate { since, step } = window {
        return to_date(catalog, tenant, &single, (since, step), through);
    }
    let mut all = BTreeMap::new();
    for at in single.keys() {
        let mut here = *at;
        for _ in 0..count {
            let mut start = here.0;
            for _ in 1..count {
                start = span(catalog, tenant, of, Micros(start.0 - 1)).0;
            }
            if here.1 <= through {
                let mut row = blank();
                let inside = single
                    .iter()
                    .filter(|((s, e), _)| *s >= start && *e <= here.1);
                inside.for_each(|(_, r)| merge_into(&mut row, r));
                all.insert(here.1, (start, row));
            }
            here = span(catalog, tenant, of, here.1);
        }
    }
    all
}

/// The day or month that a step ends in, and when it begins.
fn period(catalog: &Catalog, tenant: &str, since: Since, end: Micros) -> (String, Micros) {
    let zone = catalog.tenants.zone(tenant);
    let last = jiff::Timestamp::from_microsecond(end.0 - 1).unwrap();
    let date = last.to_zoned(zone.clone()).date();
    let first = match since {
        Since::Day => date,
        Since::Month => date.first_of_month(),
        Since::All => return (String::new(), Micros(0)),
    };
    let begins = first.to_zoned(zone.clone()).unwrap().start_of_day();
    let begins = begins.unwrap().timestamp().as_microsecond();
    (first.to_string(), Micros(begins))
}

/// Each step with an event, and the last one of each period that has any.
fn to_date(
    catalog: &Catalog,
    tenant: &str,
    single: &BTreeMap<Span, Row>,
    (since, step): (Since, WindowSize),
    through: Micros,
) -> BTreeMap<Micros, (Micros, Row)> {
    let mut all: BTreeMap<Micros, (Micros, Row)> = BTreeMap::new();
    let mut so_far: Option<(String, Micros, Row)> = None;
    for ((start, end), row) in single {
        let (name, begins) = period(catalog, tenant, since, *end);
        match &mut so_far {
            Some((period, _, sum)) if *period == name => merge_into(sum, row),
            _ => {
                let begins = if since == Since::All { *start } else { begins };
                so_far = Some((name.clone(), begins, row.clone()));
            }
        }
        let (_, begins, sum) = so_far.as_ref().unwrap();
        all.insert(*end, (*begins, sum.clone()));
        if since == Since::All {
            continue;
        }
        let mut last = *end;
        loop {
            let next = span(catalog, tenant, step, last).1;
            if period(catalog, tenant, since, next).0 != name {
                break;
            }
            last = next;
        }
        all.insert(last, (*begins, sum.clone()));
    }
    all.retain(|end, _| *end <= through);
    all
}

fn subject(catalog: &Catalog, key: &SeriesKey) -> Subject {
    let def = &catalog.events[key.0];
    let names = def.rollups[key.1]
        .dimensions
        .iter()
        .map(|&d| def.dimensions[d].name.clone());
    Subject {
        tenant: key.2[0].clone(),
        dimensions: names.zip(key.2[1..].iter().cloned()).collect(),
    }
}

fn text(key: &[String]) -> String {
    key.join("\u{1f}")
}

pub fn fold(catalog: &Catalog, log: &Log) -> Want {
    let mut want = Want::default();
    let mut marks: Vec<Vec<Micros>> = options(1)
        .partitions
        .iter()
        .map(|&n| vec![Micros::MIN; n as usize])
        .collect();
    let mut series: BTreeMap<SeriesKey, Vec<(Micros, Row)>> = BTreeMap::new();
    for (i, e) in log.0.iter().enumerate() {
        marks[e.event][e.partition as usize] = e.watermark;
        let Some((tenant, all, x)) = &e.what else {
            continue;
        };
        let row = values(catalog, e.event, *x, e.time, i as u64);
        for rollup in 0..catalog.events[e.event].rollups.len() {
            let mut name = vec![tenant.clone()];
            name.extend(project(catalog, e.event, rollup, all));
            let key = (e.event, rollup, name);
            if e.late {
                let name = &catalog.events[e.event].name;
                let (start, end) = WindowSize::Minute.span(e.time, catalog.tenants.zone(tenant));
                let at = (
                    name.clone(),
                    subject(catalog, &key),
                    WindowSize::Minute,
                    start,
                    end,
                );
                merge_into(
                    want.late.entry(at).or_insert_with(|| empty(catalog, name)),
                    &row,
                );
            } else {
                series.entry(key).or_default().push((e.time, row.clone()));
            }
        }
    }
    want.through = marks.iter().map(|m| *m.iter().min().unwrap()).collect();
    for (key, events) in &series {
        let through = want.through[key.0];
        let def = &catalog.events[key.0];
        for &size in &def.rollups[key.1].windows {
            for (end, (start, row)) in
                windows(catalog, key, events, JudgedWindow::Tumbling(size), through)
            {
                want.on_time.insert(
                    (def.name.clone(), subject(catalog, key), size, start, end),
                    row,
                );
            }
        }
        detect(catalog, key, events, &mut want);
        tell(catalog, key, events, &mut want);
    }
    for k in 0..catalog.kpis.len() {
        if catalog.kpis[k].local {
            publish(catalog, k, &series, &mut want);
        }
    }
    for all in [&mut want.anomalies, &mut want.kpis, &mut want.facts] {
        all.sort();
    }
    want
}

fn at(catalog: &Catalog, (start, end): Span) -> Judged<'_> {
    Judged {
        catalog,
        run: 1,
        start,
        end,
        revision: 0,
    }
}

fn detect(catalog: &Catalog, key: &SeriesKey, events: &[(Micros, Row)], want: &mut Want) {
    let zone = catalog.tenants.zone(&key.2[0]);
    let watched = |d| {
        catalog
            .rules
            .iter()
            .any(|r| matches!(r.on, RuleOn::Detector(i) if i == d))
    };
    for (d, def) in catalog
        .detectors
        .iter()
        .enumerate()
        .filter(|(_, d)| (d.event, d.rollup) == (key.0, key.1))
    {
        let mut state = DetectorState::new(def);
        let mut last = None;
        for (end, (start, row)) in windows(catalog, key, events, def.window, want.through[key.0]) {
            if last
                .replace(end)
                .is_some_and(|l| end.0 - l.0 > 40 * Micros::DAY.0)
            {
                state = DetectorState::new(def);
            }
            if let Some((sample, least)) = def.minimum_sample
                && stat(&row, &def.terms[sample]).is_none_or(|s| s < least)
            {
                continue;
            }
            let Some(x) = stat(&row, &def.terms[0]) else {
                continue;
            };
            let local = jiff::Timestamp::from_microsecond(start.0)
                .unwrap()
                .to_zoned(zone.clone());
            let hour = local.weekday().to_monday_zero_offset() as u8 * 24 + local.hour() as u8;
            let bins = match detect::looks_at(&def.kind).map(|m| &row[m]) {
                Some(MeasureValue::Distribution(d)) => d.bins.clone(),
                _ => Vec::new(),
            };
            let seen = Seen {
                end,
                hour_of_week: hour,
                x,
                bound: detect::bound(&def.kind).and_then(|b| match b.ops[..] {
                    [Op::Term(i)] => stat(&row, &def.terms[i]),
                    _ => None,
                }),
                bins,
            };
            let Some((x, found)) = state.judge(def, &seen) else {
                continue;
            };
            if let Some(f) = found {
                let record = anomaly(
                    &at(catalog, (start, end)),
                    def,
                    subject(catalog, key),
                    x,
                    f,
                    false,
                );
                want.anomalies.push(format!("{record:?}"));
            }
            if watched(d) {
                let name = text(&key.2);
                let subject = SubjectKey(&name);
                let fact = Fact::Verdict {
                    detector: d,
                    subject,
                    start,
                    end,
                    value: x,
                    // When a bound is crossed is not told to stage 3.
                    found: found.map(|f| Finding { crosses: None, ..f }),
                };
                want.facts.push(format!("{fact:?}"));
            }
        }
    }
}

/// Terms of KPIs across subjects, and activity.
fn tell(catalog: &Catalog, key: &SeriesKey, events: &[(Micros, Row)], want: &mut Want) {
    let through = want.through[key.0];
    let name = text(&key.2);
    let subject = SubjectKey(&name);
    for (k, def) in catalog.kpis.iter().enumerate().filter(|(_, k)| !k.local) {
        let mine = def
            .terms
            .iter()
            .enumerate()
            .filter(|(_, t)| (t.event, t.rollup) == (key.0, key.1));
        for (t, term) in mine {
            for (end, (start, row)) in windows(catalog, key, events, def.window, through) {
                let fact = Fact::Term {
                    kpi: k,
                    term: t,
                    subject,
                    start,
                    end,
                    value: stat(&row, term),
                };
                want.facts.push(format!("{fact:?}"));
            }
        }
    }
    for (r, rule) in catalog.rules.iter().enumerate() {
        let RuleOn::NoData { event, rollup, .. } = rule.on else {
            continue;
        };
        if (event, rollup) != (key.0, key.1) {
            continue;
        }
        let mut hours: BTreeMap<Micros, Micros> = BTreeMap::new();
        for (t, _) in events {
            let minute = t.floor(Micros::MINUTE).plus(Micros::MINUTE);
            let last = hours.entry(t.floor(Micros::HOUR)).or_insert(minute);
            *last = minute.max(*last);
        }
        for (_, last) in hours
            .into_iter()
            .filter(|(h, _)| h.plus(Micros::HOUR) <= through)
        {
            let fact = Fact::Active {
                rule: r,
                subject,
                last_minute_end: last,
            };
            want.facts.push(format!("{fact:?}"));
        }
    }
}

/// Terms that are not evaluated at an end have the value of their last one in the period.
fn remember(
    catalog: &Catalog,
    tenant: &str,
    since: Since,
    ends: &mut BTreeMap<Micros, (Micros, TermRows)>,
) {
    let mut before: Option<(String, Micros, TermRows)> = None;
    for (end, (start, terms)) in ends {
        let (name, _) = period(catalog, tenant, since, *end);
        if let Some((period, begins, known)) = &before
            && *period == name
        {
            *start = (*begins).min(*start);
            for (now, then) in terms.iter_mut().zip(known) {
                *now = now.or(*then);
            }
        }
        before = Some((name, *start, terms.clone()));
    }
}

fn publish(
    catalog: &Catalog,
    k: usize,
    series: &BTreeMap<SeriesKey, Vec<(Micros, Row)>>,
    want: &mut Want,
) {
    let def = &catalog.kpis[k];
    let watched = catalog
        .rules
        .iter()
        .any(|r| matches!(r.on, RuleOn::Kpi { kpi, .. } if kpi == k));
    let through = def
        .terms
        .iter()
        .map(|t| want.through[t.event])
        .min()
        .unwrap();
    let mine = |s: &&SeriesKey| def.terms.iter().any(|t| (t.event, t.rollup) == (s.0, s.1));
    let subjects: BTreeSet<&Vec<String>> = series.keys().filter(mine).map(|s| &s.2).collect();
    for name in subjects {
        let mut ends: BTreeMap<Micros, (Micros, TermRows)> = BTreeMap::new();
        let mut some = None;
        for (t, term) in def.terms.iter().enumerate() {
            let key = (term.event, term.rollup, name.clone());
            let Some(events) = series.get(&key) else {
                continue;
            };
            for (end, (start, row)) in windows(catalog, &key, events, def.window, through) {
                let terms = ends
                    .entry(end)
                    .or_insert_with(|| (start, vec![None; def.terms.len()]));
                terms.0 = start.min(terms.0);
                terms.1[t] = Some(stat(&row, term));
            }
            some = Some(key);
        }
        let Some(key) = some else { continue };
        if let JudgedWindow::ToDate { since, .. } = def.window {
            remember(catalog, &name[0], since, &mut ends);
        }
        let (mut memory, mut last) = (KpiMemory::default(), None);
        let mut said = None;
        for (end, (start, terms)) in ends {
            if last
                .replace(end)
                .is_some_and(|l: Micros| end.0 - l.0 > 40 * Micros::DAY.0)
            {
                memory = KpiMemory::default();
                said = None;
            }
            let zero = |t: &Term| match &catalog.events[t.event].measures[t.measure].kind {
                MeasureKind::Count | MeasureKind::Sum(_) => Some(0.0),
                _ => None,
            };
            let terms: Vec<_> = terms
                .iter()
                .zip(&def.terms)
                .map(|(v, t)| v.unwrap_or_else(|| zero(t)))
                .collect();
            let scored = score(def, &mut memory, &terms, 1.0, def.target);
            let published = record(
                &at(catalog, (start, end)),
                def,
                subject(catalog, &key),
                scored,
                &terms,
            );
            let says = Some((end.0 / Micros::HOUR.0, scored.value));
            if !def.only_changes || says != said {
                want.kpis.push(format!("{published:?}"));
            }
            said = says;
            if watched {
                let text = text(name);
                let subject = SubjectKey(&text);
                let fact = Fact::KpiValue {
                    kpi: k,
                    subject,
                    start,
                    end,
                    value: scored.value,
                };
                want.facts.push(format!("{fact:?}"));
            }
        }
    }
}
