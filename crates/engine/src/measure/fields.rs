//! Expressions over the fields of an event, asked of a decoded row.

use super::slots::{Slots, number};
use crate::expr;
use weir_catalog::types::{Expr, FieldExpr, FieldTerm};
use weir_model::avro::Value;

/// An expression, with the slots of what it asks.
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
    Seconds(usize),
    Truth(usize),
    Is(usize, Box<str>),
}

impl Asked {
    pub fn new(e: &FieldExpr, slots: &mut Slots) -> Asked {
        let term = |t: &FieldTerm| match t {
            FieldTerm::Number(path) => Term::Number(slots.number(path)),
            FieldTerm::Seconds(path) => Term::Seconds(slots.number(path)),
            FieldTerm::Truth(path) => Term::Truth(slots.of(path)),
            FieldTerm::Is(path, text) => Term::Is(slots.of(path), text.as_str().into()),
        };
        Asked {
            terms: e.terms.iter().map(term).collect(),
            values: Vec::with_capacity(e.terms.len()),
            stack: Vec::with_capacity(e.ops.len()),
            program: Expr {
                source: e.source.clone(),
                ops: e.ops.clone(),
            },
        }
    }

    /// Its value for the event of a row.
    pub fn value(&mut self, row: &[Value]) -> Option<f64> {
        self.values.clear();
        self.values.extend(self.terms.iter().map(|t| t.of(row)));
        expr::eval(&self.program, &self.values, &mut self.stack)
    }

    /// Whether it holds for the event of a row.
    pub fn holds(&mut self, row: &[Value]) -> bool {
        self.value(row).is_some_and(|v| v != 0.0)
    }
}

impl Term {
    #[inline]
    fn of(&self, row: &[Value]) -> Option<f64> {
        let flag = |b: bool| Some(f64::from(u8::from(b)));
        match self {
            Term::Number(slot) => number(&row[*slot]),
            Term::Seconds(slot) => number(&row[*slot]).map(|t| t / FieldTerm::MICROS_PER_SECOND),
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

/// The expressions of an event type's measures, each computed at most once for an event: measures
/// that stand beside each other often ask for the same.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    list: Vec<Expression>,
}

#[derive(Debug)]
struct Expression {
    def: FieldExpr,
    asked: Asked,
    /// Its value for this event, once it was asked for.
    now: Option<Option<f64>>,
}

impl Expressions {
    /// The index of an expression.
    pub fn of(&mut self, def: &FieldExpr, slots: &mut Slots) -> usize {
        let known = self.list.iter().position(|e| e.def.equals(def));
        known.unwrap_or_else(|| {
            self.list.push(Expression {
                def: def.clone(),
                asked: Asked::new(def, slots),
                now: None,
            });
            self.list.len() - 1
        })
    }

    /// Forgets the values for the last event.
    #[inline]
    pub fn next_event(&mut self) {
        for e in &mut self.list {
            e.now = None;
        }
    }

    /// The value of an expression for the event of a row.
    pub fn value(&mut self, index: usize, row: &[Value]) -> Option<f64> {
        let Expression { asked, now, .. } = &mut self.list[index];
        *now.get_or_insert_with(|| asked.value(row))
    }

    /// Whether an expression holds for the event of a row.
    pub fn holds(&mut self, index: usize, row: &[Value]) -> bool {
        self.value(index, row).is_some_and(|v| v != 0.0)
    }
}
