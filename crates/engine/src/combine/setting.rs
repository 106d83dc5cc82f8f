//! Settings that come late. Beside the late row, by which they are counted, they get a row for
//! judging: in the pane from which they are known, of the rollup after the last one that their type
//! declares (see [`crate::partial::Group::rollup`]). What they say still goes by event time: `last`
//! holds the value of the latest event, whatever pane it stands in.

use super::names::{Id, Names};
use super::rows::{Key, Rows};
use crate::measure::event::Measures;
use crate::measure::{Delta, Words};
use weir_catalog::types::EventDef;
use weir_model::Micros;
use weir_model::avro::Value;

/// The rows for judging of one event type. Few events come here: nothing is fetched ahead.
#[derive(Debug)]
pub(super) struct LateSettings {
    pub rows: Rows,
    texts: Vec<Id>,
    ids: Vec<Id>,
    slots: Vec<usize>,
    at: Vec<usize>,
    deltas: Vec<(usize, Delta)>,
}

/// A setting that came late.
pub(super) struct LateSetting<'e, 'a> {
    /// The moment after which judging knows of it.
    pub known: Micros,
    pub t: Micros,
    pub id: u64,
    /// Tenant, then the values of all dimensions.
    pub texts: &'e [&'a str],
    /// What it says.
    pub row: &'e [Value<'a>],
}

impl LateSettings {
    /// Of an event type; `None` where it is no setting.
    pub fn new(event: &EventDef, words: &Words, partials: u32) -> Option<LateSettings> {
        event.setting.then(|| LateSettings {
            rows: Rows::new(event, words, partials),
            texts: Vec::new(),
            ids: Vec::new(),
            slots: Vec::new(),
            at: Vec::new(),
            deltas: Vec::new(),
        })
    }

    pub fn add(&mut self, event: &LateSetting<'_, '_>, measures: &mut Measures, names: &mut Names) {
        let key = Key::new(event.known, false);
        for list in [&mut self.slots, &mut self.at] {
            list.clear();
        }
        self.ids.clear();
        self.deltas.clear();
        self.rows.reserve(1);
        self.rows.ids(event.texts, &mut self.texts, &mut self.ids);
        self.rows
            .find((&self.ids, event.texts), key, names, &mut self.slots);
        self.rows.at(&self.slots, key, &mut self.at);
        measures.of(event.row, event.t, event.id, &mut self.deltas);
        self.rows.add(&self.at, &self.deltas);
    }
}
