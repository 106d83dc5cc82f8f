//! Charts: a KPI or measure by days, or a column of a table.

use super::Reading;
use super::kpis::{number, subject_of};
use crate::ReportError;
use crate::declare::{ChartDef, FigureDef};
use crate::model::{Chart, ChartKind, Section, Series};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

impl Reading<'_> {
    pub(super) async fn charts(
        &self,
        of: &[ChartDef],
        sections: &[Section],
    ) -> Result<Vec<Chart>, ReportError> {
        let mut charts = Vec::new();
        for def in of {
            charts.push(match &def.table {
                Some(table) => self.bars(def, table, sections)?,
                None => self.curves(def).await?,
            });
        }
        Ok(charts)
    }

    async fn curves(&self, def: &ChartDef) -> Result<Chart, ReportError> {
        let figure = FigureDef {
            id: def.id.clone(),
            kpi: def.kpi.clone(),
            measure: def.measure.clone(),
            by: Some(def.by.clone()),
            newest: false,
            target: false,
            title: def.title.clone(),
            before: false,
            hidden: false,
        };
        let asks = self.asks(&figure, None)?;
        if asks.newest {
            return Err(self.wrong(format!(
                "chart {} is of a score, which has no values by days; take a KPI",
                def.id
            )));
        }
        let rows = self.values(&asks, self.asked, &def.step).await?;
        let mut curves: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        let mut size: BTreeMap<String, f64> = BTreeMap::new();
        for row in &rows {
            let name = match subject_of(row, &asks.kpi.dimensions).join(" ") {
                all if all.is_empty() => asks.title.clone(),
                name => name,
            };
            let day = row.get("from").and_then(Json::as_str).unwrap_or_default();
            if let Some(value) = number(row, "value") {
                *size.entry(name.clone()).or_default() += value.abs();
                curves
                    .entry(name)
                    .or_default()
                    .insert(day.to_owned(), value);
            }
        }
        // The largest are shown, by name.
        let mut names: Vec<(f64, String)> = size.into_iter().map(|(n, s)| (s, n)).collect();
        names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let shown: BTreeSet<String> = names.into_iter().take(def.limit).map(|(_, n)| n).collect();
        let labels = self.labels(&rows, &def.step);
        let series = shown.into_iter().map(|name| Series {
            values: labels
                .iter()
                .map(|l| curves[&name].get(l).copied())
                .collect(),
            name,
        });
        Ok(Chart {
            id: def.id.clone(),
            title: asks.title.clone(),
            kind: def.kind,
            unit: asks.kpi.unit.clone(),
            decimals: asks.kpi.decimals,
            series: series.collect(),
            labels,
        })
    }

    /// Days of the period, whether they have values or not; of weeks and months those with values.
    fn labels(&self, rows: &[weir_store::reader::Row], step: &str) -> Vec<String> {
        if step == "day" {
            let days = self.asked.from.series(jiff::Span::new().days(1));
            let days = days.take_while(|d| *d <= self.asked.to);
            return days.map(|d| d.to_string()).collect();
        }
        let starts = rows.iter().filter_map(|r| r.get("from")?.as_str());
        let starts: BTreeSet<String> = starts.map(str::to_owned).collect();
        starts.into_iter().collect()
    }

    fn bars(
        &self,
        def: &ChartDef,
        table: &str,
        sections: &[Section],
    ) -> Result<Chart, ReportError> {
        let mut tables = sections.iter().flat_map(|s| &s.tables);
        let table = tables
            .find(|t| t.id == table)
            .ok_or_else(|| self.wrong(format!("chart {}: there is no table {table}", def.id)))?;
        let place = |name: &Option<String>| {
            let found = table
                .columns
                .iter()
                .position(|c| Some(&c.id) == name.as_ref());
            found.ok_or_else(|| {
                self.wrong(format!(
                    "chart {}: `label` and `value` are columns of table {}",
                    def.id, table.id
                ))
            })
        };
        let (label, value) = (place(&def.label)?, place(&def.value)?);
        let rows = || table.rows.iter().take(def.limit);
        let column = &table.columns[value];
        Ok(Chart {
            id: def.id.clone(),
            title: def.title.clone().unwrap_or_else(|| column.title.clone()),
            kind: ChartKind::Bar,
            unit: column.unit.clone(),
            decimals: column.decimals,
            labels: rows().map(|r| crate::say::cell(&r[label], "", 0)).collect(),
            series: vec![Series {
                name: column.title.clone(),
                values: rows().map(|r| r[value].as_f64()).collect(),
            }],
        })
    }
}
