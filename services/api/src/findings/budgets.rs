//! Budgets for a month: when each is used up, and what was left of it when the month was over.

use super::plan::Declared;
use super::series::{by_day_or_none, day_of, named, short};
use jiff::civil::Date;
use weir_analysis::cost::{self, Projection};
use weir_analysis::learning::priority;
use weir_catalog::{Catalog, JudgedWindow, KpiDef};
use weir_model::Since;
use weir_store::findings::{Cell, Column, Finding};

/// The term of a budget's KPIs that is what was spent.
const SPENT: &str = "spent";
/// What is read of them: what is left, and what was spent.
pub(super) const COLUMNS: [Column<'static>; 2] = [Column::Value, Column::Term(SPENT)];

/// Budgets for a month: their name and the KPI of what is left.
pub(super) fn declared(catalog: &Catalog) -> impl Iterator<Item = (&str, &KpiDef)> {
    let budgets = catalog.expanded.iter().filter(|e| e.kind == "budget");
    budgets.filter_map(move |e| {
        let kpi = catalog.kpi(&format!("budget_{}_left", e.name))?;
        let monthly = matches!(
            kpi.window,
            JudgedWindow::ToDate {
                since: Since::Month,
                ..
            }
        );
        let spends = kpi.terms.iter().any(|t| t.name == SPENT);
        (monthly && spends).then_some((e.name.as_str(), kpi))
    })
}

/// What is known of the budget of a subject.
pub(super) enum Known {
    /// The month goes on.
    Ahead(Box<Finding>),
    /// It is over: what was reserved, and what was used.
    Over(f64, f64),
}

/// A budget of one subject, by the days that it was spent on.
pub(super) fn of(
    name: &str,
    kpi: &KpiDef,
    cell: &Cell,
    last: Date,
    plan: &Declared,
) -> Option<Known> {
    let limit = cell.days.iter().rev().find_map(|(_, v)| {
        let (left, spent) = (v.first().copied()??, v.get(1).copied()??);
        Some(left + spent)
    })?;
    let series = by_day_or_none(cell, 1, last).ok()?;
    let in_month = usize::try_from(last.day()).unwrap_or(1);
    let left = usize::try_from(last.days_in_month() - last.day()).unwrap_or(0);
    if left == 0 {
        let of_month = series.values().iter().rev().take(in_month);
        return Some(Known::Over(limit, of_month.flatten().sum()));
    }
    let seasons = [usize::from(plan.season).max(2)];
    let told = cost::project(&series, &seasons, in_month, left, limit).ok()?;
    Some(Known::Ahead(Box::new(finding(
        name, kpi, cell, limit, &told,
    ))))
}

fn finding(name: &str, kpi: &KpiDef, cell: &Cell, limit: f64, told: &Projection) -> Finding {
    let over = told.at_end - limit;
    let verdict = match (told.used_up, told.used_up_80.0) {
        (Some(_), _) => "used_up",
        (None, Some(_)) => "at_risk",
        (None, None) => "lasts",
    };
    let (due, from) = (told.used_up.map(day_of), told.used_up_80.0.map(day_of));
    let to = told.used_up_80.1.map(day_of);
    let unit = &kpi.unit;
    let of_limit = format!("{} of {} {unit}", short(told.at_end), short(limit));
    let text = match (due, from) {
        (Some(day), _) => format!("used up on {day}: {of_limit} by the end of the month"),
        (None, Some(day)) => format!("may be used up from {day} on: {of_limit} are expected"),
        (None, None) => format!("lasts through the month: {of_limit} are expected"),
    };
    let evidence = [
        ("limit", limit),
        ("spent", told.spent),
        ("spent share", told.spent / limit),
        ("expected share", told.at_end / limit),
    ];
    Finding {
        subject: cell.subject.clone(),
        kind: "budget".to_owned(),
        about: name.to_owned(),
        verdict: verdict.to_owned(),
        priority: match verdict {
            "used_up" => priority(over / limit),
            "at_risk" => 4,
            _ => 5,
        },
        text,
        unit: unit.clone(),
        value: Some(told.at_end),
        range: (Some(told.range_80.0), Some(told.range_80.1)),
        usd: (over > 0.0 && unit == "usd").then_some(over),
        due,
        due_range: (from, to),
        evidence: named(&evidence),
        method: super::series::name(&told.forecast.method),
        backtest: told.forecast.backtest.mase,
        ..Finding::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    /// `spent` each day of 2026 through a day, of a limit of 1,000 a month.
    fn cell(last: Date, spent: f64) -> Cell {
        let days = date(2026, 1, 1).series(jiff::Span::new().days(1));
        let days = days.take_while(|d| *d <= last);
        Cell {
            subject: [("team".to_owned(), "core".to_owned())].into(),
            days: days
                .map(|d| (d, vec![Some(1000.0 - spent), Some(spent)]))
                .collect(),
        }
    }

    fn told(last: Date, spent: f64) -> Option<Known> {
        let catalog = Catalog::embedded().unwrap();
        let plan = super::super::plan::Plan::shipped().unwrap().of;
        let kpi = catalog.kpi("budget_team_spend_left").unwrap();
        of("team_spend", kpi, &cell(last, spent), last, &plan)
    }

    fn ahead(last: Date, spent: f64) -> Finding {
        match told(last, spent) {
            Some(Known::Ahead(finding)) => *finding,
            _ => panic!("nothing is said"),
        }
    }

    #[test]
    fn a_budget_is_used_up_on_a_day() {
        let found = ahead(date(2026, 3, 10), 50.0);
        assert_eq!(
            (found.verdict.as_str(), found.about.as_str()),
            ("used_up", "team_spend")
        );
        assert_eq!(found.due, Some(date(2026, 3, 20)));
        assert_eq!((found.value, found.usd), (Some(1550.0), Some(550.0)));
        assert_eq!(found.priority, 1);
        assert_eq!(found.evidence["spent"], 500.0);
        assert!(
            found
                .text
                .starts_with("used up on 2026-03-20: 1550 of 1000"),
            "{}",
            found.text
        );
        let found = ahead(date(2026, 3, 10), 10.0);
        assert_eq!(
            (found.verdict.as_str(), found.due, found.usd),
            ("lasts", None, None)
        );
    }

    #[test]
    fn on_the_last_day_of_a_month_what_is_left_is_known() {
        let Some(Known::Over(reserved, used)) = told(date(2026, 3, 31), 10.0) else {
            panic!("nothing is said");
        };
        assert_eq!((reserved, used), (1000.0, 310.0));
    }

    #[test]
    fn budgets_for_a_month_are_those_of_the_catalog() {
        let catalog = Catalog::embedded().unwrap();
        let names: Vec<&str> = declared(&catalog).map(|(name, _)| name).collect();
        assert!(names.contains(&"team_spend"), "{names:?}");
        assert!(!names.contains(&"tenant_day"), "{names:?}");
    }
}
