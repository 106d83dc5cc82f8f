//! A term: its value, the parts under it, the events under these.

use super::Explain;
use super::events::{self, Listed};
use super::find::number;
use super::told::{Group, Part, Parts, Term, at};
use anyhow::Result;
use serde_json::Value as Json;
use weir_catalog::{Condition, Literal, MeasureDef, Stat};
use weir_model::{Micros, WindowSize};
use weir_store::explain::Beneath;

/// Which statistic, of what, when.
pub(super) struct Of {
    /// Name in the formula.
    pub name: String,
    pub event: usize,
    pub rollup: usize,
    pub measure: usize,
    pub stat: Stat,
    pub subject: Vec<(String, String)>,
    /// Size of the stored windows.
    pub size: WindowSize,
    pub span: (Micros, Micros),
    /// Its value in a formula; `None`: what its parts come to.
    pub value: Option<Option<f64>>,
}

/// Explains a term.
pub(super) async fn explain(e: &Explain<'_>, tenant: &str, of: Of) -> Result<Term> {
    let def = &e.catalog.events[of.event];
    // What is in force was said at any time before.
    let setting = def.setting && of.value.is_some();
    let beneath = Beneath {
        catalog: e.catalog,
        event: of.event,
        rollup: of.rollup,
        tenant,
        subject: &of.subject,
        size: of.size,
        start: if setting { Micros(0) } else { of.span.0 },
        end: of.span.1,
    };
    let parts = parts(e, &beneath, of.measure, of.stat).await?;
    let value = match of.value {
        Some(value) => value,
        None => merged(e, &beneath, of.measure, of.stat).await?,
    };
    let listed = match setting {
        true => Listed::Last(e.limit),
        false => Listed::First(e.limit),
    };
    let folded = events::fold(e.store, &beneath, of.measure, listed).await?;
    let of_events = folded.value.stat(of.stat);
    let m = &def.measures[of.measure];
    let rollup = def.rollup_dimensions(&def.rollups[of.rollup]);
    Ok(Term {
        value,
        of_events,
        adds_up: same(value, of_events),
        event: def.name.clone(),
        measure: m.name.clone(),
        title: m.title.clone(),
        unit: m.unit.clone(),
        kind: m.kind.label(),
        of: events::taken(&m.kind),
        seen: seen(m),
        statistic: statistic(of.stat),
        rollup: rollup.into_iter().map(str::to_owned).collect(),
        setting,
        parts,
        prices: folded.prices,
        events: folded.events,
        name: of.name,
        subject: of.subject.into_iter().collect(),
    })
}

/// Whether two values are the same, but for what the last digits of a division may differ by.
pub(super) fn same(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
        (a, b) => a == b,
    }
}

async fn merged(e: &Explain<'_>, of: &Beneath<'_>, m: usize, stat: Stat) -> Result<Option<f64>> {
    let rows = e.store.rows(&of.merged_sql(m, stat)?, &[]).await?.rows;
    Ok(rows.first().and_then(|r| r.first()).and_then(number))
}

async fn parts(e: &Explain<'_>, of: &Beneath<'_>, m: usize, stat: Stat) -> Result<Parts> {
    let mut parts = Parts::default();
    for row in e.store.rows(&of.totals_sql(m, stat)?, &[]).await?.rows {
        let whole = |i: usize| row.get(i).and_then(Json::as_u64).unwrap_or_default();
        let group = Group {
            parts: whole(1),
            value: row.get(2).and_then(number),
        };
        match whole(0) {
            0 => parts.on_time = group,
            _ => parts.late = group,
        }
    }
    let sql = of.parts_sql(m, stat, e.limit)?;
    for row in e.store.rows(&sql, &[]).await?.rows {
        let whole = |i: usize| row.get(i).and_then(Json::as_i64).unwrap_or_default();
        parts.listed.push(Part {
            late: whole(0) != 0,
            start: at(Micros(whole(1))),
            end: at(Micros(whole(2))),
            value: row.get(5).and_then(number),
        });
    }
    Ok(parts)
}

/// Which events a measure sees.
fn seen(m: &MeasureDef) -> String {
    let each = m.filter.iter().map(|c| match c {
        Condition::Holds(e) => e.source.clone(),
        Condition::Equals(path, literal) => match literal {
            Literal::Null => format!("{path} == null"),
            Literal::Bool(b) => format!("{path} == {b}"),
            Literal::Number(n) => format!("{path} == {n}"),
            Literal::Text(t) => format!("{path} == '{t}'"),
        },
    });
    each.collect::<Vec<_>>().join(" && ")
}

fn statistic(stat: Stat) -> String {
    match stat {
        Stat::Value => "value".into(),
        Stat::Count => "count".into(),
        Stat::Sum => "sum".into(),
        Stat::Mean => "mean".into(),
        Stat::Min => "min".into(),
        Stat::Max => "max".into(),
        Stat::Percentile(p) => format!("p{}", f64::from(p) / 10.0),
    }
}
