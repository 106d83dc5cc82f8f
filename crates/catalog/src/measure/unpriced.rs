//! `unpriced: measure`: number of events that a cost measure could not price. The measure is looked
//! up when all are read.

use super::{Kind, MeasureKind, Reads, always, any_count};
use crate::problem::suggest;
use crate::reading::Reading;
use crate::types::MeasureDef;
use crate::yaml::Node;
use weir_model::codes;
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "unpriced",
    meaning: "unpriced",
    words: "count of events without a price in force for",
    unit: "events",
    accumulator: Accumulator::Count,
    reads: Reads::Own(|d| Some(MeasureKind::Unpriced(d.no_cost()))),
    sample: false,
    range: any_count,
    grows: always,
};

/// A measure of this kind before the cost measure that it names was looked up.
pub(crate) struct Companion<'n> {
    /// Its index among the measures.
    index: usize,
    /// Where it names the cost measure.
    node: &'n Node,
    cost: String,
    /// Whether it says itself which events it sees.
    own_filter: bool,
}

impl<'n> Companion<'n> {
    /// Of a measure, if it is one.
    pub fn of(
        kind: &MeasureKind,
        (reading, node): (&Reading<'_>, &'n Node),
        index: usize,
        own_filter: bool,
    ) -> Option<Companion<'n>> {
        let MeasureKind::Unpriced(_) = kind else {
            return None;
        };
        let cost = reading.file.text(node, KIND.name)?.to_owned();
        Some(Companion {
            index,
            node,
            cost,
            own_filter,
        })
    }

    /// Lets it price as the cost measure does, once all measures are read.
    pub fn settle(self, reading: &Reading<'_>, all: &mut [MeasureDef]) {
        let found = all.iter().find(|m| m.name == self.cost);
        let found = found.map(|m| (m.kind.clone(), m.filter.clone()));
        if let Some((MeasureKind::Cost(def), filter)) = found {
            let own = &mut all[self.index];
            own.kind = MeasureKind::Unpriced(def);
            // It counts what its cost measure left out, so it sees the same events.
            if !self.own_filter {
                own.filter = filter;
            }
            return;
        }
        let costs = all
            .iter()
            .filter(|m| matches!(m.kind, MeasureKind::Cost(_)));
        reading.file.say(
            self.node.at,
            codes::CATALOG_REFERENCE,
            format!(
                "measure \"{}\" names \"{}\", which is no cost measure of {}",
                all[self.index].name, self.cost, reading.event
            ),
            suggest(&self.cost, costs.map(|m| m.name.as_str())),
        );
    }
}
