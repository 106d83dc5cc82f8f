//! What an event adds to each measure, computed once and added to the row of every rollup.

use super::cost::Event;
use super::slots::{Slots, number};
use super::{Delta, Layout, Shared, Source, Words};
use weir_catalog::types::{Condition, EventDef, Literal};
use weir_model::Micros;
use weir_model::avro::Value;

/// Words of a row before its measures.
pub(crate) const ROW_HEAD: usize = 2;

/// The compiled measures of an event type.
#[derive(Debug)]
pub(crate) struct Measures {
    pub words: Words,
    list: Vec<Measure>,
    shared: Shared,
}

#[derive(Debug)]
struct Measure {
    /// Offset of its words in a row.
    offset: usize,
    filter: Vec<Test>,
    source: Source,
}

/// A condition, with the slot of its field or the index of its expression.
#[derive(Debug)]
enum Test {
    Equals(usize, Literal),
    Holds(usize),
}

impl Measures {
    pub fn new(event: &EventDef, slots: &mut Slots) -> Measures {
        let words = Words::new(&Layout::new(event), ROW_HEAD);
        let mut shared = Shared::default();
        let mut list = Vec::new();
        for (i, m) in event.measures.iter().enumerate() {
            let test = |c: &Condition| match c {
                Condition::Equals(path, v) => Test::Equals(slots.number(path), v.clone()),
                Condition::Holds(e) => Test::Holds(shared.expressions.of(e, slots)),
            };
            let filter = m.filter.iter().map(test).collect();
            list.push(Measure {
                offset: words.offset(i),
                filter,
                source: Source::new(&m.kind, slots, &mut shared),
            });
        }
        Measures {
            words,
            list,
            shared,
        }
    }

    /// Appends what the event adds, with the offsets of the words it is added to.
    pub fn of(&mut self, row: &[Value], t: Micros, id: u64, out: &mut Vec<(usize, Delta)>) {
        let shared = &mut self.shared;
        shared.next_event();
        let event = Event { row, t, id };
        for m in &self.list {
            let mut filter = m.filter.iter();
            let seen = filter.all(|test| match test {
                Test::Equals(slot, literal) => holds(literal, &row[*slot]),
                Test::Holds(expression) => shared.expressions.holds(*expression, row),
            });
            if !seen {
                continue;
            }
            if let Some(delta) = m.source.delta(&event, shared) {
                out.push((m.offset, delta));
            }
        }
    }
}

fn holds(literal: &Literal, value: &Value) -> bool {
    match (literal, value) {
        (Literal::Null, Value::Null) => true,
        (Literal::Bool(a), Value::Bool(b)) => a == b,
        (Literal::Text(a), Value::Str(b)) => a == b,
        (Literal::Number(a), v) => number(v) == Some(*a),
        _ => false,
    }
}
