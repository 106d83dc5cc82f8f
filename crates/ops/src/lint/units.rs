//! Units that do not fit: dollars added to tokens, milliseconds shown as seconds.

use super::Findings;
use weir_catalog::{KpiDef, Op, Stat};
use weir_model::codes;

/// What is known of the unit of a part of an expression.
#[derive(Clone, PartialEq)]
enum Unit {
    /// A plain number, or a product of which nothing is known: it may be a conversion.
    Any,
    /// As a measure declares it.
    Of(String),
}

pub(super) fn check(kpi: &KpiDef, found: &mut Findings<'_>) {
    let mut stack: Vec<Unit> = Vec::new();
    let mut mixed: Vec<(String, String)> = Vec::new();
    for op in &kpi.expr.ops {
        let unit = step(*op, kpi, found, &mut stack, &mut mixed);
        stack.push(unit);
    }
    for (a, b) in mixed {
        found.of_kpi(
            kpi,
            codes::LINT_UNITS,
            format!("KPI \"{}\" puts {a} and {b} together", kpi.name),
            "convert one of them, e.g. by a parameter",
        );
    }
    if let Some(Unit::Of(unit)) = stack.pop()
        && unit != kpi.unit
        && !unit.is_empty()
        && !kpi.unit.is_empty()
    {
        found.of_kpi(
            kpi,
            codes::LINT_UNITS,
            format!(
                "KPI \"{}\" is declared in {} and computed in {unit}",
                kpi.name, kpi.unit
            ),
            format!("write `unit: {unit}`, or convert it"),
        );
    }
}

/// The unit after one step.
fn step(
    op: Op,
    kpi: &KpiDef,
    found: &Findings<'_>,
    stack: &mut Vec<Unit>,
    mixed: &mut Vec<(String, String)>,
) -> Unit {
    let mut pop = || stack.pop().unwrap_or(Unit::Any);
    match op {
        Op::Term(i) => term(kpi, i, found),
        Op::Neg | Op::Abs | Op::Floor => pop(),
        Op::Sqrt | Op::Ln | Op::Exp | Op::Not => {
            pop();
            Unit::Any
        }
        // A product may be a conversion.
        Op::Mul | Op::Div | Op::Pow | Op::And | Op::Or => {
            let (_, _) = (pop(), pop());
            Unit::Any
        }
        Op::Add | Op::Sub | Op::Min2 | Op::Max2 | Op::Coalesce => {
            let (b, a) = (pop(), pop());
            same(a, b, mixed)
        }
        Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne => {
            let (b, a) = (pop(), pop());
            same(a, b, mixed);
            Unit::Any
        }
        Op::Select => {
            let (otherwise, then, _) = (pop(), pop(), pop());
            same(then, otherwise, mixed)
        }
        Op::Number(_) | Op::Null | Op::Days => Unit::Any,
    }
}

fn term(kpi: &KpiDef, i: usize, found: &Findings<'_>) -> Unit {
    let term = &kpi.terms[i];
    let measure = &found.catalog.events[term.event].measures[term.measure];
    match term.stat {
        Stat::Count => Unit::Any,
        _ if measure.unit.is_empty() => Unit::Any,
        _ => Unit::Of(measure.unit.clone()),
    }
}

/// The unit of two that must be the same.
fn same(a: Unit, b: Unit, mixed: &mut Vec<(String, String)>) -> Unit {
    match (a, b) {
        (Unit::Of(a), Unit::Of(b)) => {
            if a != b {
                mixed.push((a.clone(), b));
            }
            Unit::Of(a)
        }
        (Unit::Of(a), Unit::Any) | (Unit::Any, Unit::Of(a)) => Unit::Of(a),
        (Unit::Any, Unit::Any) => Unit::Any,
    }
}
