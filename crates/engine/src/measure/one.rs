//! What a single event adds to a single measure, for those who ask what a number is made of: the
//! same code as stage 1 runs, an event at a time.

use super::Delta;
use super::event::Measures;
use super::fields::Asked;
use super::slots::Slots;
use weir_catalog::types::{CostDef, EventDef, FieldExpr, MeasureKind, Price};
use weir_model::Micros;
use weir_model::avro::Value;
use weir_model::measure::{Accumulator, MeasureValue};

/// A measure of an event type.
#[derive(Debug)]
pub struct OneMeasure {
    accumulator: Accumulator,
    paths: Vec<String>,
    measures: Measures,
    pricing: Option<Pricing>,
    deltas: Vec<(usize, Delta)>,
}

/// What decides the money of an event.
#[derive(Debug, Clone, Copy)]
pub enum PricedBy<'a> {
    /// The event says it.
    Reported,
    /// An entry of the price book.
    Entry(&'a Price),
    /// No entry is for it.
    Nothing,
}

#[derive(Debug)]
struct Pricing {
    def: CostDef,
    reported: Option<usize>,
    provider: usize,
    model: usize,
    conditions: Vec<(FieldExpr, Asked)>,
}

impl OneMeasure {
    /// Of an event type; `None`: there is no measure of this index.
    pub fn new(event: &EventDef, measure: usize) -> Option<OneMeasure> {
        let of = event.measures.get(measure)?;
        let alone = EventDef {
            measures: vec![of.clone()],
            ..event.clone()
        };
        let mut slots = Slots::default();
        let measures = Measures::new(&alone, &mut slots);
        let pricing = match &of.kind {
            MeasureKind::Cost(def) => Some(Pricing::new(def, &mut slots)),
            _ => None,
        };
        Some(OneMeasure {
            accumulator: of.kind.accumulator(),
            paths: slots.paths,
            measures,
            pricing,
            deltas: Vec::new(),
        })
    }

    /// Dotted paths of the values that it reads: what a row holds, in this order.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// What an event adds, by its effective time and the low 64 bits of its identity hash; `None`:
    /// nothing.
    pub fn of(&mut self, row: &[Value], t: Micros, id: u64) -> Option<MeasureValue> {
        self.deltas.clear();
        self.measures.of(row, t, id, &mut self.deltas);
        let (_, delta) = self.deltas.first()?;
        Some(delta.value(self.accumulator))
    }

    /// What decides the money of an event; `None`: the measure is none of money.
    pub fn priced_by(&mut self, row: &[Value], t: Micros) -> Option<PricedBy<'_>> {
        self.pricing.as_mut().map(|p| p.of(row, t))
    }
}

impl Pricing {
    fn new(def: &CostDef, slots: &mut Slots) -> Pricing {
        let whens = def.book.iter().filter_map(|p| p.when.as_ref());
        Pricing {
            reported: def.reported.as_deref().map(|p| slots.number(p)),
            provider: slots.of(&def.provider),
            model: slots.of(&def.model),
            conditions: whens.map(|w| (w.clone(), Asked::new(w, slots))).collect(),
            def: def.clone(),
        }
    }

    fn of(&mut self, row: &[Value], t: Micros) -> PricedBy<'_> {
        if self.reported.is_some_and(|s| row[s] != Value::Null) {
            return PricedBy::Reported;
        }
        let text = |slot: usize| if let Value::Str(s) = row[slot] { s } else { "" };
        let conditions = &mut self.conditions;
        let mut holds = |p: &&Price| match &p.when {
            None => true,
            Some(when) => {
                let asked = conditions.iter_mut().find(|(w, _)| w == when);
                asked.is_some_and(|(_, asked)| asked.holds(row))
            }
        };
        let in_force = self.def.in_force(text(self.provider), text(self.model), t);
        in_force
            .iter()
            .find(|p| holds(p))
            .map_or(PricedBy::Nothing, PricedBy::Entry)
    }
}
