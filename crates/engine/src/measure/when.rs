//! Conditions of prices, asked of a decoded row.

use super::slots::{Slots, number};
use crate::expr;
use weir_catalog::types::{CallTerm, Expr, When};
use weir_model::avro::Value;

/// A condition, with the slots of what it asks.
#[derive(Debug)]
pub(super) struct Asked {
    terms: Vec<Term>,
    program: Expr,
    /// Room for the values of the terms and for the program.
    values: Vec<Option<f64>>,
    stack: Vec<Option<f64>>,
}

#[derive(Debug)]
enum Term {
    Number(usize),
    Truth(usize),
    Is(usize, Box<str>),
}

impl Asked {
    pub fn new(when: &When, slots: &mut Slots) -> Asked {
        let term = |t: &CallTerm| match t {
            CallTerm::Number(path) => Term::Number(slots.number(path)),
            CallTerm::Truth(path) => Term::Truth(slots.of(path)),
            CallTerm::Is(path, text) => Term::Is(slots.of(path), text.as_str().into()),
        };
        Asked {
            terms: when.terms.iter().map(term).collect(),
            values: Vec::with_capacity(when.terms.len()),
            stack: Vec::with_capacity(when.ops.len()),
            program: Expr {
                source: when.source.clone(),
                ops: when.ops.clone(),
            },
        }
    }

    /// Whether it holds for the event of a row.
    pub fn holds(&mut self, row: &[Value]) -> bool {
        self.values.clear();
        self.values.extend(self.terms.iter().map(|t| t.of(row)));
        let value = expr::eval(&self.program, &self.values, &mut self.stack);
        value.is_some_and(|v| v != 0.0)
    }
}

impl Term {
    #[inline]
    fn of(&self, row: &[Value]) -> Option<f64> {
        let flag = |b: bool| Some(f64::from(u8::from(b)));
        match self {
            Term::Number(slot) => number(&row[*slot]),
            Term::Truth(slot) => match row[*slot] {
                Value::Bool(b) => flag(b),
                _ => None,
            },
            Term::Is(slot, text) => match row[*slot] {
                Value::Str(s) => flag(*s == **text),
                _ => flag(text.is_empty()),
            },
        }
    }
}
