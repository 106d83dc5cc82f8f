//! Expressions over the fields of an event, by their definition in `docs/semantics.md`.

use crate::event::Event;
use weir_catalog::{Expr, FieldExpr, FieldTerm, Input};
use weir_model::Fixed;

/// The number that a measure takes of an event.
pub(crate) fn number(input: &Input, e: &Event) -> Option<f64> {
    match input {
        Input::Field(path) => e.number(path),
        Input::Computed(c) => value(&c.expr, e).filter(|x| (-1e18..=1e18).contains(x)),
    }
}

/// The same in billionths.
pub(crate) fn exact(input: &Input, e: &Event) -> Option<i128> {
    match input {
        Input::Field(path) => e.exact(path),
        Input::Computed(_) => number(input, e).and_then(|x| Fixed::from_f64(x).map(|f| f.0)),
    }
}

/// Whether a condition holds.
pub(crate) fn holds(condition: &FieldExpr, e: &Event) -> bool {
    value(condition, e).is_some_and(|x| x != 0.0)
}

fn value(expr: &FieldExpr, e: &Event) -> Option<f64> {
    let flag = |b: bool| Some(if b { 1.0 } else { 0.0 });
    let ask = |t: &FieldTerm| match t {
        FieldTerm::Number(path) => e.number(path),
        FieldTerm::Seconds(path) => e.number(path).map(|micros| micros / 1e6),
        FieldTerm::Truth(path) => e.truth(path).and_then(flag),
        FieldTerm::Is(path, text) => flag(e.text(path).unwrap_or_default() == *text),
    };
    let terms: Vec<Option<f64>> = expr.terms.iter().map(ask).collect();
    let program = Expr {
        source: expr.source.clone(),
        ops: expr.ops.clone(),
    };
    crate::kpis::evaluate(&program, &terms)
}
