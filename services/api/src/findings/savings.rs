//! What could be saved: calls that were paid for in vain, and budgets that were not used.

use super::plan::Savings;
use super::series::named;
use std::collections::BTreeMap;
use weir_analysis::cost::{self, Book, Call, Opportunity, Rules};
use weir_analysis::learning::priority;
use weir_catalog::{Catalog, CostDef, EventDef, LIFETIMES, MeasureKind, WRITTEN};
use weir_model::Micros;
use weir_store::findings::Finding;
use weir_store::reader::Row;

/// The event type whose calls are looked at, and what they cost; none where the catalog has no such
/// measure.
pub(super) fn costs<'a>(catalog: &'a Catalog, of: &Savings) -> Option<(&'a EventDef, &'a CostDef)> {
    let event = catalog.event(&of.event)?;
    match &event.measures.get(event.measure_id(&of.measure)?)?.kind {
        MeasureKind::Cost(cost) => Some((event, cost)),
        _ => None,
    }
}

/// Billionths in a whole.
const BILLION: f64 = 1e9;

/// Calls as they were added up: a row is many alike. What is not reported has the price that was in
/// force at `at`; of what has none nothing is known.
pub(super) fn calls(rows: &[Row], cost: &CostDef, at: Micros) -> Vec<Call> {
    rows.iter().filter_map(|row| call(row, cost, at)).collect()
}

fn call(row: &Row, cost: &CostDef, at: Micros) -> Option<Call> {
    let text = |name: &str| Some(row.get(name)?.as_str()?.to_owned());
    let number = |name: &str| row.get(name).and_then(serde_json::Value::as_f64);
    let (provider, model) = (text("provider")?, text("model")?);
    let book = cost.in_force(&provider, &model, at);
    // Special prices stand before the one that holds for all others.
    let price = book.last();
    let mut unreported = Some(0.0);
    let of = |i: usize| number(&format!("t{i}")).unwrap_or(0.0);
    let classes = || {
        cost.tokens
            .iter()
            .map(|(_, class)| class.as_str())
            .enumerate()
    };
    for (i, class) in classes() {
        let mut tokens = of(i);
        if class == WRITTEN {
            // Those of a known lifetime are among them.
            let known = classes().filter(|(_, c)| LIFETIMES.contains(c));
            tokens -= known.map(|(i, _)| of(i)).sum::<f64>();
        }
        if tokens > 0.0 {
            let per_token = price.and_then(|p| p.of(class));
            let usd = per_token.map(|p| tokens * p as f64 / BILLION);
            unreported = unreported.zip(usd).map(|(sum, usd)| sum + usd);
        }
    }
    let waste = text("waste").filter(|w| !w.is_empty());
    Some(Call {
        dimensions: BTreeMap::new(),
        model,
        task: text("task").unwrap_or_default(),
        usd: unreported.map(|usd| usd + number("reported").unwrap_or(0.0)),
        waste,
        count: number("calls")? as usize,
        ..Call::default()
    })
}

/// What of it is worth telling, dearest first.
pub(super) fn of(
    calls: &[Call],
    budgets: &[(String, f64, f64)],
    savings: &Savings,
) -> Vec<Finding> {
    let rules = Rules {
        least_usd: savings.least_usd,
        ..Rules::default()
    };
    let paid: f64 = calls.iter().filter_map(|c| c.usd).sum();
    let all = cost::opportunities(calls, &Book::default(), budgets, &rules);
    all.into_iter()
        .map(|o| finding(o, paid, savings.days))
        .collect()
}

fn finding(o: Opportunity, paid: f64, days: u32) -> Finding {
    let share = if paid > 0.0 { o.usd / paid } else { 0.0 };
    let mut evidence = o.evidence;
    evidence.extend(named(&[
        ("calls", o.calls as f64),
        ("share of all spend", share),
    ]));
    if o.calls == 0 {
        evidence.remove("calls");
    }
    let period = match o.calls {
        0 => "last month".to_owned(),
        n => format!("in {days} days, by {n} calls"),
    };
    Finding {
        kind: "opportunity".to_owned(),
        text: format!("{:.2} USD {period}: {}; {}", o.usd, o.about, o.takes),
        about: o.about,
        verdict: super::series::name(&o.kind),
        priority: priority(share).max(2),
        unit: "usd".to_owned(),
        value: Some(o.usd),
        usd: Some(o.usd),
        evidence,
        method: "opportunities".to_owned(),
        ..Finding::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// Calls of which some tell no cost, but so many tokens of a class.
    fn row(cost: &CostDef, waste: &str, calls: f64, reported: f64, input: f64) -> Row {
        let row = json!({
            "provider": "anthropic", "model": "claude-sonnet-4-5", "task": "coding",
            "waste": waste, "calls": calls, "reported": reported,
        });
        let mut row: Row = serde_json::from_value(row).unwrap();
        let place = cost.tokens.iter().position(|(_, class)| class == "input");
        row.insert(format!("t{}", place.unwrap()), json!(input));
        row
    }

    #[test]
    fn waste_is_worth_what_was_paid_for_it() {
        let catalog = Catalog::embedded().unwrap();
        let plan = super::super::plan::Plan::shipped().unwrap().of;
        let savings = plan.savings.unwrap();
        let (_, cost) = costs(&catalog, &savings).unwrap();
        let rows = [
            row(cost, "", 900.0, 80.0, 0.0),
            row(cost, "cut off", 100.0, 19.0, 1_000_000.0),
        ];
        let at = Micros(1_772_409_600_000_000);
        let calls = calls(&rows, cost, at);
        // A million tokens at 3 USD.
        assert!(
            (calls[1].usd.unwrap() - 22.0).abs() < 1e-9,
            "{:?}",
            calls[1]
        );
        let idle = [("team_spend of core".to_owned(), 100.0, 40.0)];
        let found = of(&calls, &idle, &savings);
        let told: Vec<(&str, &str, f64)> = found
            .iter()
            .map(|f| (f.verdict.as_str(), f.about.as_str(), f.usd.unwrap().round()))
            .collect();
        let want = [
            ("idle_budget", "team_spend of core", 60.0),
            ("waste", "cut off", 22.0),
        ];
        assert_eq!(told, want);
        assert_eq!(found[1].evidence["calls"], 100.0);
        assert!((found[1].evidence["share of calls"] - 0.1).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_price_is_not_taken_for_free() {
        let catalog = Catalog::embedded().unwrap();
        let plan = super::super::plan::Plan::shipped().unwrap().of;
        let (_, cost) = costs(&catalog, plan.savings.as_ref().unwrap()).unwrap();
        let mut unknown = row(cost, "cut off", 5.0, 3.0, 1000.0);
        unknown.insert("model".to_owned(), json!("nobody-knows"));
        let calls = calls(&[unknown], cost, Micros(1_772_409_600_000_000));
        assert_eq!((calls[0].usd, calls[0].count), (None, 5));
    }
}
