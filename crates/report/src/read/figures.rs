//! Figures.

use super::kpis::{Asks, number};
use super::{Reading, no_value};
use crate::ReportError;
use crate::declare::FigureDef;
use crate::model::{Figure, Term};
use weir_catalog::KpiDef;
use weir_store::reader::Row;

impl Reading<'_> {
    pub(super) async fn figure(&self, def: &FigureDef) -> Result<Figure, ReportError> {
        let asks = self.asks(def, None)?;
        let narrowed = self.narrowed(&asks.kpi.dimensions);
        let open = asks
            .kpi
            .dimensions
            .iter()
            .find(|d| !narrowed.contains_key(*d));
        if let Some(open) = open {
            return Err(self.wrong(format!(
                "{} stands on {open} and has many values; give it `by`, or make it a column of a table",
                def.id
            )));
        }
        let rows = self.values(&asks, self.asked, "all").await?;
        let before = self.values(&asks, &self.asked.before(), "all").await?;
        let row = rows.first();
        let value = row.and_then(|r| number(r, "value"));
        let before = before.first().and_then(|r| number(r, "value"));
        if value.is_none() {
            self.misses(no_value(
                &asks.title,
                self.asked.subject.as_deref().unwrap_or(""),
            ));
        }
        Ok(self.told(def, asks, row, (value, before)))
    }

    fn told(
        &self,
        def: &FigureDef,
        asks: Asks,
        row: Option<&Row>,
        (value, before): (Option<f64>, Option<f64>),
    ) -> Figure {
        let kpi = &asks.kpi;
        let own = self.source.catalog.kpi(&kpi.name);
        let declared = row.and_then(|r| r.get("status")?.as_str());
        let status = match (value, kpi.target) {
            (None, _) => "no_data",
            (_, None) => "no_target",
            _ => declared.unwrap_or("no_data"),
        };
        let changed = |(now, then): (f64, f64)| (now - then) / then.abs() * 100.0;
        let both = value.zip(before).filter(|(_, then)| *then != 0.0);
        Figure {
            id: def.id.clone(),
            title: asks.title.clone(),
            value,
            unit: kpi.unit.clone(),
            decimals: kpi.decimals,
            target: kpi.target.map(|t| t.value),
            higher_is_better: own.and_then(|k| k.target).map(|t| t.higher_is_better),
            status: status.to_owned(),
            before,
            change_percent: both.map(|b| (changed(b) * 10.0).round() / 10.0),
            // A measure is what it is: there is no formula to show.
            formula: match &def.measure {
                Some(path) => path.clone(),
                None => kpi.expr.source.clone(),
            },
            terms: match row {
                Some(row) if def.measure.is_none() => self.terms(kpi, row),
                _ => Vec::new(),
            },
            source: asks.source,
        }
    }

    fn terms(&self, kpi: &KpiDef, row: &Row) -> Vec<Term> {
        let term = |t: &weir_catalog::Term| {
            let event = &self.source.catalog.events[t.event];
            let measure = &event.measures[t.measure];
            Term {
                name: t.name.clone(),
                measure: format!("{}.{}", event.name, measure.name),
                value: number(row, &format!("term_{}", t.name)),
                unit: measure.unit.clone(),
            }
        };
        kpi.terms.iter().map(term).collect()
    }
}
