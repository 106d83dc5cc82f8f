//! Values of KPIs and measures, over the days of a report.

use super::{Asked, Reading};
use crate::ReportError;
use crate::declare::FigureDef;
use std::collections::BTreeMap;
use weir_catalog::KpiDef;
use weir_model::Micros;
use weir_store::kpi_at;
use weir_store::reader::{self, Listing, MeasureOf, Row};

/// A KPI or measure on the subjects that are asked for.
pub(super) struct Asks {
    /// It, on these subjects.
    pub kpi: KpiDef,
    /// For people.
    pub title: String,
    /// The newest window, not all days.
    pub newest: bool,
    /// Where it can be asked for again.
    pub source: String,
}

impl Reading<'_> {
    /// What a declaration names, on subjects of `by`, where the declaration has none of its own.
    pub(super) fn asks(&self, def: &FigureDef, by: Option<&[String]>) -> Result<Asks, ReportError> {
        let by = def.by.as_deref().or(by);
        let (mut kpi, source) = match (&def.kpi, &def.measure) {
            (Some(name), None) => self.kpi(name, by)?,
            (None, Some(path)) => self.measure(path, by.unwrap_or_default())?,
            _ => {
                return Err(self.wrong(format!(
                    "{} names either a kpi or a measure; name one of them",
                    def.id
                )));
            }
        };
        // A score has no value over days.
        let newest = def.newest || kpi.mix.is_some();
        if !def.target {
            (kpi.target, kpi.targets) = (None, None);
        }
        self.notes(&kpi);
        Ok(Asks {
            title: def.title.clone().unwrap_or_else(|| kpi.title.clone()),
            kpi,
            newest,
            source,
        })
    }

    fn kpi(&self, name: &str, by: Option<&[String]>) -> Result<(KpiDef, String), ReportError> {
        let catalog = self.source.catalog;
        let Some(own) = catalog.kpi(name) else {
            let known = catalog.kpis.iter().map(|k| k.name.as_str());
            let near = weir_catalog::suggest(name, known);
            return Err(self.wrong(format!("there is no KPI named {name}; {near}")));
        };
        let by = by.unwrap_or(&own.dimensions);
        let kpi = kpi_at(own, catalog, by).ok_or_else(|| {
            self.wrong(format!(
                "{name} is not kept by [{}]; it stands on [{}], and on what all its measures have a \
                 rollup of",
                by.join(", "),
                own.dimensions.join(", ")
            ))
        })?;
        let source = match kpi.dimensions == own.dimensions {
            true => format!("kpi_{name}"),
            false => format!("kpi_{name} by [{}]", kpi.dimensions.join(", ")),
        };
        Ok((kpi, source))
    }

    fn measure(&self, path: &str, by: &[String]) -> Result<(KpiDef, String), ReportError> {
        let catalog = self.source.catalog;
        let of = catalog.statistic(path);
        let of = of.map_err(|(what, remedy)| self.wrong(format!("{what}; {remedy}")))?;
        let (event, measure, stat) = of;
        let def = &catalog.events[event];
        let names: Vec<&str> = by.iter().map(String::as_str).collect();
        let rollup = def.rollup_id(&names).ok_or_else(|| {
            self.wrong(format!(
                "{path} is not kept by [{}]; add it to the rollups of {}",
                by.join(", "),
                def.name
            ))
        })?;
        let of = MeasureOf {
            event,
            rollup,
            measure,
            stat,
        };
        let mut kpi = reader::measure_kpi(of, catalog);
        path.clone_into(&mut kpi.name);
        Ok((kpi, format!("{path} by [{}]", by.join(", "))))
    }

    /// Keeps which event types its numbers are made of.
    fn notes(&self, kpi: &KpiDef) {
        let catalog = self.source.catalog;
        let own = kpi.terms.iter().filter(|t| !catalog.is_setting(t));
        let names = own.map(|t| catalog.events[t.event].name.clone());
        super::held(&self.events).extend(names);
        for (input, _) in kpi.mix.iter().flat_map(|mix| &mix.inputs) {
            self.notes(&catalog.kpis[*input]);
        }
    }

    /// The dimension and value that narrow what stands on these dimensions.
    pub(super) fn narrowed(&self, dimensions: &[String]) -> BTreeMap<String, String> {
        let own = self.declared.subject.as_ref();
        let own = own.filter(|d| dimensions.contains(d));
        let pair = own.and_then(|d| Some((d.clone(), self.asked.subject.clone()?)));
        pair.into_iter().collect()
    }

    /// Its rows, one for each subject and step.
    pub(super) async fn values(
        &self,
        asks: &Asks,
        asked: &Asked,
        step: &str,
    ) -> Result<Vec<Row>, ReportError> {
        let catalog = self.source.catalog;
        let subject = self.narrowed(&asks.kpi.dimensions);
        if !asks.newest {
            let days = (asked.from, asked.to);
            let listing = reader::kpi_days(&asks.kpi, catalog, &subject, days, step)?;
            return self.all(&listing).await;
        }
        let listing = reader::kpi_windows(&asks.kpi, catalog, &subject, self.ends(asked))?;
        let mut newest: BTreeMap<Vec<String>, Row> = BTreeMap::new();
        // The earliest first: the last one with a value stays.
        for row in self.all(&listing).await? {
            let key = subject_of(&row, &asks.kpi.dimensions);
            let has_value = row.get("value").is_some_and(|v| !v.is_null());
            if has_value || !newest.contains_key(&key) {
                newest.insert(key, row);
            }
        }
        Ok(newest.into_values().collect())
    }

    async fn all(&self, listing: &Listing) -> Result<Vec<Row>, ReportError> {
        let reader = self.source.reader;
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = reader
                .page(listing, after.as_ref(), reader.limits().rows)
                .await?;
            rows.extend(page.rows);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(rows),
            }
        }
    }

    /// Windows that end within the days.
    fn ends(&self, asked: &Asked) -> (Option<Micros>, Option<Micros>) {
        let zone = self
            .source
            .catalog
            .tenants
            .zone(self.source.reader.tenant());
        let start = |day: jiff::civil::Date| {
            let at = day.to_zoned(zone.clone()).ok()?;
            Some(Micros(at.timestamp().as_microsecond()))
        };
        let next = asked.to.saturating_add(jiff::Span::new().days(1));
        (
            start(asked.from),
            start(next).map(|t| t.min(self.source.now)),
        )
    }
}

/// Values of its dimensions.
pub(super) fn subject_of(row: &Row, dimensions: &[String]) -> Vec<String> {
    let value = |d: &String| {
        let text = row.get(d).and_then(|v| v.as_str());
        text.unwrap_or_default().to_owned()
    };
    dimensions.iter().map(value).collect()
}

/// The value of a column of numbers.
pub(super) fn number(row: &Row, column: &str) -> Option<f64> {
    row.get(column).and_then(serde_json::Value::as_f64)
}
