//! What KPIs are so far: of the blocks of `weir.live`, which say of open windows what has been
//! counted in them. Only those that one row is enough for: of one event type, on its own subject,
//! by the minute or the hour. Nothing of it is kept or judged; the final value comes when its
//! window ends.

use crate::standing::rfc3339;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;
use weir_catalog::{Catalog, JudgedWindow, KpiDef};
use weir_engine::kpi::{KpiMemory, days, score};
use weir_model::WindowSize;
use weir_model::measure::MeasureValue;
use weir_model::records::{AggregateReader, RecordError, RowRef};

/// Sizes of windows that `weir.live` has.
const SIZES: [WindowSize; 2] = [WindowSize::Minute, WindowSize::Hour];

/// What a KPI is so far.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct SoFar {
    pub kpi: String,
    /// Values of its dimensions.
    pub subject: BTreeMap<String, String>,
    #[schema(format = DateTime)]
    pub window_start: String,
    #[schema(format = DateTime)]
    pub window_end: String,
    /// Null: there is none yet, which is not 0.
    pub value: Option<f64>,
    /// 0 to 100 against the target.
    pub score: Option<f64>,
    /// `on_target`, `near`, `off` or `no_data`.
    pub status: &'static str,
    pub sample: Option<f64>,
    /// True: the window is still open, and the value is not final.
    pub provisional: bool,
}

/// Makes them.
pub(super) struct Provisional {
    catalog: Arc<Catalog>,
    /// By event type: places of KPIs.
    by_event: HashMap<String, Vec<usize>>,
}

/// Whether one row of an open window is enough for a KPI: the event type then.
fn of_one_row(kpi: &KpiDef) -> Option<usize> {
    let JudgedWindow::Tumbling(size) = kpi.window else {
        return None;
    };
    let event = kpi.terms.first()?.event;
    let alike = |t: &weir_catalog::Term| t.event == event && t.stands_on(&kpi.dimensions);
    let fits = kpi.mix.is_none() && SIZES.contains(&size) && kpi.terms.iter().all(alike);
    fits.then_some(event)
}

impl Provisional {
    pub fn new(catalog: &Arc<Catalog>) -> Provisional {
        let mut by_event: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, kpi) in catalog.kpis.iter().enumerate() {
            if let Some(event) = of_one_row(kpi) {
                let name = catalog.events[event].name.clone();
                by_event.entry(name).or_default().push(place);
            }
        }
        Provisional {
            catalog: catalog.clone(),
            by_event,
        }
    }

    /// Of a block, by tenant: where somebody wants to know it. Blocks of another catalog say
    /// nothing.
    ///
    /// # Errors
    /// What is no block.
    pub fn of(
        &self,
        block: &[u8],
        wanted: impl Fn(&str, &KpiDef) -> bool,
    ) -> Result<Vec<(String, SoFar)>, RecordError> {
        let mut reader = AggregateReader::new(block)?;
        let mut all = Vec::new();
        let Some(kpis) = self.by_event.get(reader.event) else {
            return Ok(all);
        };
        if reader.catalog != self.catalog.hash {
            return Ok(all);
        }
        while let Some(row) = reader.next_row()? {
            let names = &reader.rollups[row.rollup];
            let stands = |kpi: &KpiDef| kpi.dimensions.iter().eq(names.iter());
            let of_row = kpis.iter().map(|k| &self.catalog.kpis[*k]).filter(|kpi| {
                kpi.window == JudgedWindow::Tumbling(row.window)
                    && stands(kpi)
                    && wanted(row.tenant, kpi)
            });
            let of_row: Vec<&KpiDef> = of_row.collect();
            if of_row.is_empty() {
                continue;
            }
            let values: Vec<MeasureValue> = row.values().map(|v| v.to_owned()).collect();
            let told = of_row.into_iter().map(|kpi| so_far(kpi, &row, &values));
            all.extend(told.map(|told| (row.tenant.to_owned(), told)));
        }
        Ok(all)
    }
}

fn so_far(kpi: &KpiDef, row: &RowRef<'_>, values: &[MeasureValue]) -> SoFar {
    let terms = kpi.terms.iter();
    let terms: Vec<Option<f64>> = terms
        .map(|t| values.get(t.measure).and_then(|v| v.stat(t.stat)))
        .collect();
    let length = days(kpi.window, (row.start, row.end));
    let target = kpi.target_of(row.dimensions());
    let scored = score(kpi, &mut KpiMemory::default(), &terms, length, target);
    let names = kpi.dimensions.iter().cloned();
    SoFar {
        kpi: kpi.name.clone(),
        subject: names.zip(row.dimensions().map(str::to_owned)).collect(),
        window_start: rfc3339(row.start),
        window_end: rfc3339(row.end),
        value: scored.value,
        score: scored.score,
        status: scored.status.symbol(),
        sample: scored.sample,
        provisional: true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use weir_model::measure::Sample;
    use weir_model::records::{Aggregate, AggregateBlock, Part, Subject};
    use weir_model::{Fixed, Micros};

    fn block(catalog: &Catalog, tenant: &str, cost: i64) -> Vec<u8> {
        let event = catalog.event("llm.call").unwrap();
        let values = event.measures.iter().map(|m| {
            let mut value = m.kind.accumulator().empty();
            value.add(&Sample {
                at: Micros(1),
                id: 1,
                value: 5.0,
                exact: Fixed::from_int(cost),
                hash: 1,
            });
            value
        });
        let row = Aggregate {
            subject: Subject {
                tenant: tenant.into(),
                dimensions: Vec::new(),
            },
            window: WindowSize::Hour,
            start: Micros(0),
            end: Micros::HOUR,
            part: Part::OnTime,
            values: values.collect(),
        };
        let block = AggregateBlock {
            event: event.name.clone(),
            catalog: catalog.hash,
            run: 1,
            measures: event.measures.iter().map(|m| m.name.clone()).collect(),
            rows: vec![row],
        };
        let mut bytes = Vec::new();
        block.encode(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_row_of_an_open_window_says_what_its_kpis_are_so_far() {
        let catalog = Arc::new(Catalog::embedded().unwrap());
        let of = Provisional::new(&catalog);
        let told = of.of(&block(&catalog, "acme", 60), |_, _| true).unwrap();
        let spend = told
            .iter()
            .find(|(_, t)| t.kpi == "spend_per_hour")
            .unwrap();
        assert_eq!(spend.0, "acme");
        assert_eq!(spend.1.value, Some(60.0));
        // The target is 50 at most.
        assert_eq!(spend.1.status, "near");
        assert!(spend.1.provisional && spend.1.subject.is_empty());
        assert_eq!(spend.1.window_end, "1970-01-01T01:00:00Z");
        // Of other tenants nobody asks.
        let none = of.of(&block(&catalog, "acme", 1), |tenant, _| tenant == "zeta");
        assert!(none.unwrap().is_empty());
        assert!(of.of(b"no block", |_, _| true).is_err());
    }
}
