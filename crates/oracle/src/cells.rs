//! A cell: the values of all measures of one subject in one window.

use crate::measure::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_catalog::{EventDef, Stat};
use weir_model::{Micros, WindowSize};

/// Which cell. Rollup and values are by dimension name, sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellKey {
    /// Index of the event type.
    pub event: usize,
    /// Index of its rollup.
    pub rollup: usize,
    /// Window size.
    pub window: WindowSize,
    /// Window start.
    pub start: Micros,
    /// Window end.
    pub end: Micros,
    /// Tenant.
    pub tenant: String,
    /// Values of the rollup's dimensions.
    pub values: Vec<String>,
}

impl CellKey {
    /// Bytes that one takes up in an ordered map, about.
    pub(crate) fn bytes(&self) -> usize {
        // Nodes of the map are three quarters full; each text is apart.
        let texts = self
            .values
            .iter()
            .map(|v| size_of::<String>() + v.len() + HEAP);
        let texts = texts.sum::<usize>() + self.tenant.len() + 2 * HEAP;
        (size_of::<CellKey>() + size_of::<Cell>()) * 4 / 3 + texts
    }
}

/// What a piece of memory costs beside its content.
pub(crate) const HEAP: usize = 8;

/// The values of all measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell(pub Vec<Value>);

impl Cell {
    /// A cell without events.
    pub fn empty(event: &EventDef) -> Cell {
        let values = event.measures.iter().map(|m| Value::empty(&m.kind));
        Cell(values.collect())
    }

    /// Bytes on the heap, about.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(Value::heap).sum::<usize>() + self.0.len() * size_of::<Value>() + HEAP
    }

    /// Adds another cell of the same event type.
    pub fn merge(&mut self, other: &Cell) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            a.merge(b);
        }
    }

    /// Values by bin of a distribution.
    pub(crate) fn bins(&self, measure: usize) -> Option<&BTreeMap<u16, u64>> {
        match self.0.get(measure)? {
            Value::Distribution(d) => Some(&d.bins),
            _ => None,
        }
    }

    /// The number that an expression sees.
    pub fn stat(&self, measure: usize, stat: Stat) -> Option<f64> {
        self.0.get(measure)?.stat(stat)
    }
}
