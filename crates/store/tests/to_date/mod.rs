//! KPIs over windows to date: sums from the start of the period, at each step with an event and at
//! the period's last one.

use super::*;
use weir_model::Since;
use weir_store::kpi_current_sql;

/// One of each label, over one source and several, with terms at fewer dimensions.
const KPIS: &str = "\
kpis:
  cost_today: {by: [team], window: 1d/5m, value: llm.call.cost}
  slow_today: {by: [engineer], window: 1d/1h, value: llm.call.latency.max}
  month:
    by: [team]
    window: 1mo/1h
    minimum_sample: {calls: 1}
    terms:
      commits: productivity.recorded.commits
      calls: llm.call.calls
      all: {of: llm.call.cost, at: []}
    value: ratio(all, commits + calls)
  month_by_days:
    window: 1mo/1d
    terms: {engineers: llm.call.engineers, coverage: productivity.recorded.coverage}
    value: coalesce(coverage, 0) + engineers
  ever:
    by: [team]
    window: all/1h
    terms:
      minutes: capability.executed.minutes_saved
      largest: productivity.recorded.change_size.max
      all: {of: llm.call.calls, at: []}
    value: minutes + all + coalesce(largest, 0)
  ever_by_days: {by: [engineer], window: all/1d, value: llm.call.sessions / days}
  pace: {by: [team], window: 1mo/1h, value: llm.call.calls / days, decimals: 6}
  pace_by_days: {window: 1mo/1d, value: llm.call.calls / days}
  pace_ever:
    by: [team]
    window: all/1h
    terms: {minutes: capability.executed.minutes_saved, calls: llm.call.calls}
    value: (minutes + calls) / days
";

type Subject = (String, Vec<(String, String)>);
/// Of each subject of a term its steps: end and values by start.
type Steps = BTreeMap<Subject, BTreeMap<i64, (i64, Vec<MeasureValue>)>>;

fn steps(catalog: &Catalog, term: &Term, rows: &[Aggregate], step: WindowSize) -> Steps {
    let event = &catalog.events[term.event];
    let rollup = rollup_name(event, term.rollup);
    let mut out = Steps::new();
    for ((tenant, name, values, start, end), merged) in expected(catalog, event, rows, step) {
        if name == rollup {
            let names = event.dimensions.iter().map(|d| d.name.clone());
            let mine = |d: &(String, String)| rollup.split(',').any(|r| r == d.0);
            let subject = (tenant, names.zip(values).filter(mine).collect());
            out.entry(subject).or_default().insert(start, (end, merged));
        }
    }
    out
}

/// What the view of a KPI to date must hold.
fn wanted(catalog: &Catalog, kpi: &KpiDef, all: &[Vec<Aggregate>]) -> Vec<Vec<String>> {
    let JudgedWindow::ToDate { since, step } = kpi.window else {
        panic!("{} is not to date", kpi.name)
    };
    let of_term = |t: &Term| steps(catalog, t, &all[t.event], step);
    let by_term: Vec<Steps> = kpi.terms.iter().map(of_term).collect();
    let period = |tenant: &str, end: i64| {
        let (zone, last) = (catalog.tenants.zone(tenant), Micros(end - 1));
        (
            since.span(last, zone).0.0,
            since.last_step(step, last, zone).0,
        )
    };
    let own = || {
        let all = kpi.terms.iter().zip(&by_term);
        all.filter(|(t, _)| t.at == kpi.dimensions).map(|(_, s)| s)
    };
    let mut ends: BTreeMap<(Subject, i64), BTreeSet<i64>> = BTreeMap::new();
    for (subject, steps) in own().flatten() {
        for (end, _) in steps.values() {
            let (from, until) = period(&subject.0, *end);
            let ends = ends.entry((subject.clone(), from)).or_default();
            ends.insert(*end);
            if since != Since::All {
                ends.insert(until);
            }
        }
    }
    let mut want = Vec::new();
    for (((tenant, dims), from), ends) in ends {
        let subject = (tenant.clone(), dims.clone());
        let first = own().filter_map(|s| s.get(&subject)?.keys().next()).min();
        let start = if since == Since::All {
            first.copied()
        } else {
            Some(from)
        };
        for end in ends {
            let sum = |(term, steps): (&Term, &Steps)| {
                let mine = dims.iter().filter(|(d, _)| term.at.contains(d)).cloned();
                let steps = steps.get(&(tenant.clone(), mine.collect()))?;
                let within = |e: i64| e <= end && period(&tenant, e).0 == from;
                let mut parts = steps
                    .values()
                    .filter(|(e, _)| within(*e))
                    .map(|(_, v)| v.clone());
                let first = parts.next()?;
                Some(parts.fold(first, |mut sum, part| {
                    sum.iter_mut().zip(&part).for_each(|(a, b)| a.merge(b));
                    sum
                }))
            };
            let term = |(term, steps)| term_value(catalog, term, sum((term, steps)).as_ref());
            let terms: Vec<_> = kpi.terms.iter().zip(&by_term).map(term).collect();
            let days = days(kpi, catalog, &tenant, (start.unwrap(), end));
            let least = kpi.minimum_sample;
            let enough = least.is_none_or(|(i, least)| terms[i].is_some_and(|n| n >= least));
            let value = evaluate(&kpi.expr.ops, &terms, days).filter(|_| enough);
            let value = value.map(|v| weir_model::fixed::round(v, kpi.decimals));
            let mut row = vec![tenant.clone()];
            row.extend(dims.iter().map(|(_, v)| v.clone()));
            row.extend([start.unwrap().to_string(), end.to_string()]);
            row.push(value.map_or("\\N".into(), |v| v.to_bits().to_string()));
            want.push(row);
        }
    }
    want.sort();
    want
}

#[tokio::test]
async fn current_kpis_to_date_are_sums_since_the_period_began() {
    let (catalog, store, all) = filled("to_date", KPIS, 12).await;
    let mut compared = 0;
    let to_date = |k: &&KpiDef| matches!(k.window, JudgedWindow::ToDate { .. });
    let to_date = catalog.kpis.iter().filter(to_date);
    // A fixed dimension is another subject's: golden figures hold those of experiments.
    let plain =
        |k: &&KpiDef| !reads_a_setting(k, &catalog) && k.terms.iter().all(|t| t.fixed.is_empty());
    for kpi in to_date.filter(plain) {
        let want = wanted(&catalog, kpi, &all);
        let dims: String = kpi.dimensions.iter().map(|d| format!("`{d}`, ")).collect();
        let columns = format!("tenant, {dims}window_start, window_end, value");
        let view = format!("SELECT {columns} FROM kpi_{}_current", kpi.name);
        let mut got = bits(&store, &view).await;
        got.sort();
        same(&got, &want, &kpi.name);
        compared += want.len();

        // A part of it, as questions ask for it.
        let end = |row: &Vec<String>| row[row.len() - 2].parse::<i64>().unwrap();
        let mut ends: Vec<i64> = want.iter().map(end).collect();
        ends.sort_unstable();
        let (from, to) = (ends[ends.len() / 3], ends[ends.len() / 2]);
        let part = kpi_current_sql(kpi, &catalog, Some(Micros(from)), Some(Micros(to))).unwrap();
        let mut got = bits(&store, &format!("SELECT {columns} FROM ({part})")).await;
        got.sort();
        let want: Vec<_> = want
            .into_iter()
            .filter(|r| from < end(r) && end(r) <= to)
            .collect();
        same(&got, &want, &kpi.name);
    }
    assert!(compared > 300, "{compared}");
}
