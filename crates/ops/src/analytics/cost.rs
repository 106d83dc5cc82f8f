//! What model calls cost, by a dimension.

use super::{Refused, Source};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use weir_catalog::EventDef;
use weir_store::reader::{MeasureOf, Row, measure_days};

/// What model calls cost.
const COST: &str = "llm.call.cost";
/// Most days of a breakdown.
const LONGEST: u32 = 3_660;

/// What was spent, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Breakdown {
    /// Dimension.
    pub category: String,
    /// First day.
    #[schema(format = Date)]
    pub from: String,
    /// Last day, included.
    #[schema(format = Date)]
    pub to: String,
    /// USD.
    pub total_cost: f64,
    /// The dearest first.
    pub items: Vec<Item>,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Item {
    /// Value of the dimension.
    pub name: String,
    /// USD.
    pub cost: f64,
    /// Of all, 0 to 100.
    pub percent: Option<f64>,
}

/// What model calls cost in so many days up to today, by a dimension that they are kept by alone;
/// by none where it is empty.
///
/// # Errors
/// Calls are not kept so, there are too many days or values, or ClickHouse does not answer.
pub async fn breakdown(of: &Source<'_>, category: &str, days: u32) -> Result<Breakdown, Refused> {
    if !(1..=LONGEST).contains(&days) {
        return Err(Refused::Wrong(format!(
            "what is looked back at is from 1 to {LONGEST} days, not {days}"
        )));
    }
    let span = of.back(days);
    let rows = costs(of, category, span).await?;
    let rows = rows.into_iter().map(|mut row| {
        let name = row.remove(category).unwrap_or_default();
        let cost = row.get("value").and_then(serde_json::Value::as_f64);
        (name.as_str().unwrap_or_default().to_owned(), cost)
    });
    Ok(broken_down(category, span, rows.collect()))
}

async fn costs(of: &Source<'_>, category: &str, days: (Date, Date)) -> Result<Vec<Row>, Refused> {
    let asked = of.catalog.statistic(COST);
    let (event, measure, stat) =
        asked.map_err(|(what, remedy)| Refused::Nothing(format!("{what}; {remedy}")))?;
    let by: &[&str] = if category.is_empty() {
        &[]
    } else {
        &[category]
    };
    let measure = MeasureOf {
        event,
        rollup: kept_by(&of.catalog.events[event], by)?,
        measure,
        stat,
    };
    let listing = measure_days(measure, of.catalog, &BTreeMap::new(), days, "all")?;
    let page = of.reader.page(&listing, None, of.reader.limits().rows);
    let page = page.await?;
    if page.next.is_some() {
        return Err(Refused::TooMuch(format!(
            "there are too many of {category}: ask for fewer days"
        )));
    }
    Ok(page.rows)
}

fn broken_down(
    category: &str,
    (from, to): (Date, Date),
    mut all: Vec<(String, Option<f64>)>,
) -> Breakdown {
    let cost = |v: &Option<f64>| v.unwrap_or(0.0);
    all.sort_by(|a, b| cost(&b.1).total_cmp(&cost(&a.1)));
    let total_cost: f64 = all.iter().map(|(_, v)| cost(v)).sum();
    let item = |(name, v): (String, Option<f64>)| Item {
        name,
        cost: cost(&v),
        percent: (total_cost > 0.0).then(|| 100.0 * cost(&v) / total_cost),
    };
    Breakdown {
        category: category.to_owned(),
        from: from.to_string(),
        to: to.to_string(),
        total_cost,
        items: all.into_iter().map(item).collect(),
    }
}

/// Place of the rollup of exactly these dimensions, in any order.
///
/// # Errors
/// The event type is not kept by them.
pub fn kept_by(event: &EventDef, names: &[&str]) -> Result<usize, Refused> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    event.rollup_id(&names).ok_or_else(|| {
        let kept = event.rollups.iter();
        let kept = kept.map(|r| format!("[{}]", event.rollup_dimensions(r).join(", ")));
        Refused::Wrong(format!(
            "{} is not kept by [{}]; it can be asked for by {}",
            event.name,
            names.join(", "),
            kept.collect::<Vec<_>>().join(" or ")
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    #[test]
    fn parts_are_shares_of_all_the_dearest_first() {
        let days = (date(2026, 3, 1), date(2026, 3, 30));
        let all = [("a", Some(1.0)), ("b", Some(3.0)), ("c", None)];
        let all = all.map(|(n, v)| (n.to_owned(), v)).into();
        let told = broken_down("model", days, all);
        let told: Vec<(&str, Option<f64>)> = told
            .items
            .iter()
            .map(|i| (i.name.as_str(), i.percent))
            .collect();
        let want = [("b", Some(75.0)), ("a", Some(25.0)), ("c", Some(0.0))];
        assert_eq!(told, want);
        let none = broken_down("model", days, vec![("a".to_owned(), None)]);
        assert_eq!(none.items[0].percent, None);
    }

    #[test]
    fn calls_are_kept_by_some_dimensions_alone() {
        let catalog = weir_catalog::Catalog::embedded().unwrap();
        let event = catalog.event("llm.call").unwrap();
        assert!(kept_by(event, &["model"]).is_ok());
        let refused = kept_by(event, &["weather"]).unwrap_err().to_string();
        assert!(refused.contains("[model]"), "{refused}");
    }
}
