//! What an event adds to each measure, computed once and added to the row of every rollup.

use super::cost::{Costs, Event};
use super::slots::{Slots, number};
use super::{Delta, Layout, Source, Words};
use weir_catalog::types::{EventDef, Literal};
use weir_model::Micros;
use weir_model::avro::Value;

/// Words of a row before its measures.
pub(crate) const ROW_HEAD: usize = 2;

/// The compiled measures of an event type.
#[derive(Debug)]
pub(crate) struct Measures {
    pub words: Words,
    list: Vec<Measure>,
    costs: Costs,
}

#[derive(Debug)]
struct Measure {
    /// Offset of its words in a row.
    offset: usize,
    filter: Vec<(usize, Literal)>,
    source: Source,
}

impl Measures {
    pub fn new(event: &EventDef, slots: &mut Slots) -> Measures {
        let words = Words::new(&Layout::new(event), ROW_HEAD);
        let mut costs = Costs::default();
        let mut list = Vec::new();
        for (i, m) in event.measures.iter().enumerate() {
            let conditions = m.filter.iter();
            let filter = conditions
                .map(|c| (slots.number(&c.path), c.value.clone()))
                .collect();
            list.push(Measure {
                offset: words.offset(i),
                filter,
                source: Source::new(&m.kind, slots, &mut costs),
            });
        }
        Measures { words, list, costs }
    }

    /// Appends what the event adds, with the offsets of the words it is added to.
    pub fn of(&mut self, row: &[Value], t: Micros, id: u64, out: &mut Vec<(usize, Delta)>) {
        self.costs.next_event();
        let event = Event { row, t, id };
        for m in &self.list {
            let mut filter = m.filter.iter();
            if !filter.all(|(slot, literal)| holds(literal, &row[*slot])) {
                continue;
            }
            if let Some(delta) = m.source.delta(&event, &mut self.costs) {
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
