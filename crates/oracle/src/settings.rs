//! What is in force of event types that are settings.

use crate::cells::Cell;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, EventDef, Term};
use weir_model::Micros;

/// Event type, rollup, tenant, values of the rollup's dimensions.
type Series = (usize, usize, String, Vec<String>);

/// What each subject was told, by the moment after which windows know of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Settings(BTreeMap<Series, BTreeMap<Micros, Cell>>);

impl Settings {
    /// Takes an event in.
    pub fn add(&mut self, series: Series, def: &EventDef, known: Micros, one: &Cell) {
        let told = self.0.entry(series).or_default();
        let moment = told.entry(known).or_insert_with(|| Cell::empty(def));
        moment.merge(one);
    }

    /// Lets each moment say all that is known by then.
    pub fn sum_up(&mut self) {
        for told in self.0.values_mut() {
            let mut before: Option<Cell> = None;
            for cell in told.values_mut() {
                if let Some(before) = &before {
                    cell.merge(before);
                }
                before = Some(cell.clone());
            }
        }
    }

    /// The value of a term for a window of its subject that ends at `end`: of what was known before
    /// the last full minute that ends by then. `None` where nothing was.
    pub fn in_force(
        &self,
        catalog: &Catalog,
        term: &Term,
        (tenant, dimensions): (&str, &[(String, String)]),
        end: Micros,
    ) -> Option<Option<f64>> {
        let def = &catalog.events[term.event];
        let names = def.rollups[term.rollup].dimensions.iter();
        let value = |d: &usize| {
            let name = &def.dimensions[*d].name;
            let found = dimensions.iter().find(|(n, _)| n == name);
            found.map(|(_, v)| v.clone()).unwrap_or_default()
        };
        let values = names.map(value).collect();
        let series = (term.event, term.rollup, tenant.to_owned(), values);
        let told = self.0.get(&series)?;
        let (_, cell) = told.range(..end.floor(Micros::MINUTE)).next_back()?;
        Some(cell.stat(term.measure, term.stat))
    }
}
