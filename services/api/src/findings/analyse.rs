//! One analysis: all that the plan asks for of one tenant through one day. One KPI after the other
//! is read and computed, so that it takes as much memory as one of them.

use super::plan::{Plan, Savings};
use super::{advice, budgets, causes, experiments, savings, series};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::time::Instant;
use weir_catalog::{Catalog, KpiDef};
use weir_model::Micros;
use weir_model::codes::ANALYSIS_PART;
use weir_store::findings::{self, Analysis, Cell, Column, Finding, Issue, Looked, Rows, Span};
use weir_store::reader::{Limits, Reader};
use weir_store::{Store, StoreError};

/// How an analysis ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its rows are there and are shown.
    Done,
    /// It was to stop: nothing of it is shown.
    Stopped,
}

/// What an analysis is made with.
pub struct Analyst<'a> {
    /// The store, to read and to write.
    pub store: &'a Store,
    /// What is declared.
    pub catalog: &'a Catalog,
    /// What is computed.
    pub plan: &'a Plan,
    /// What one question may take.
    pub limits: &'a Limits,
}

/// Rows that are held before they are written.
const HELD: u32 = 20_000;

/// What is under way.
struct Work<'a> {
    of: &'a Analyst<'a>,
    reader: Reader,
    last: Date,
    rows: Rows,
    series: u32,
    none: BTreeMap<String, String>,
}

impl Analyst<'_> {
    /// Computes and writes all of it. The same data gives the same rows, whoever computes them and
    /// how often; between KPIs it asks whether to stop.
    ///
    /// # Errors
    /// ClickHouse does not answer, or does not take the rows: nothing is shown, try again. A part
    /// that it refuses to answer is left out, and told in the log (WEIR-1303).
    pub async fn analyse(
        &self,
        issue: Issue,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Ended, StoreError> {
        let begun = Instant::now();
        let mut work = Work {
            of: self,
            reader: Reader::new(self.store, &issue.tenant, self.limits),
            last: issue.data_through,
            rows: Rows::new(issue),
            series: 0,
            none: BTreeMap::new(),
        };
        for kpi in self.plan.of.kpis().filter_map(|k| self.catalog.kpi(k)) {
            if stop() {
                return Ok(Ended::Stopped);
            }
            let part = work.kpi(kpi).await;
            work.left_out(&kpi.name, part)?;
        }
        let idle = work.budgets(stop).await?;
        for part in ["experiments", "causes", "recommendations", "savings"] {
            if stop() {
                return Ok(Ended::Stopped);
            }
            let told = match part {
                "experiments" => work.experiments().await,
                "causes" => work.causes().await,
                "recommendations" => work.recommendations().await,
                _ => work.savings(&idle).await,
            };
            work.left_out(part, told)?;
        }
        let done = Analysis {
            plan: self.plan.hash.clone(),
            series: work.series,
            seconds: begun.elapsed().as_secs_f64(),
        };
        work.rows.finish(self.store, &done).await?;
        Ok(Ended::Done)
    }
}

impl Work<'_> {
    /// A part that can never be answered does not keep the others from being told.
    fn left_out(&self, part: &str, told: Result<(), StoreError>) -> Result<(), StoreError> {
        match told {
            Err(e) if e.is_transient() && !is_too_much(&e) => Err(e),
            Err(e) => {
                let tenant = self.reader.tenant();
                tracing::warn!("{ANALYSIS_PART}: {part} of {tenant} is left out: {e}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn span(&self, days: u32) -> Span {
        before(self.last, days)
    }

    async fn cells(
        &self,
        kpi: &KpiDef,
        columns: &[Column<'_>],
        (days, most, step): (u32, usize, &str),
    ) -> Result<Vec<Cell>, StoreError> {
        let looked = Looked {
            days: self.span(days),
            most,
            subject: &self.none,
            step,
        };
        findings::series(&self.reader, self.of.catalog, kpi, columns, &looked).await
    }

    fn tell(&mut self, found: impl IntoIterator<Item = Finding>) {
        for finding in found {
            self.rows.finding(&finding);
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        match self.rows.held() >= HELD {
            true => self.rows.write(self.of.store).await,
            false => Ok(()),
        }
    }

    /// Trend and forecast of each subject of a KPI.
    async fn kpi(&mut self, kpi: &KpiDef) -> Result<(), StoreError> {
        let plan = &self.of.plan.of;
        if kpi.mix.is_some() {
            return Ok(());
        }
        let read = (plan.days, plan.subjects, "day");
        let cells = self.cells(kpi, &[Column::Value], read).await?;
        let trends = plan.trends.contains(&kpi.name);
        let ahead = plan.ahead(&kpi.name);
        self.series += series::count(cells.len());
        for cell in &cells {
            let trend = trends.then(|| series::trend(kpi, cell, self.last, plan));
            if let Some(trend) = trend.flatten() {
                self.rows.trend(&trend);
                self.tell(series::of_trend(kpi, &trend, self.last));
            }
            if ahead > 0 {
                let days = series::ahead(kpi, cell, self.last, (ahead, plan.season));
                days.iter().for_each(|day| self.rows.forecast(day));
            }
        }
        self.flush().await
    }

    /// Budgets; those of a month that is over, with what was reserved and used, are handed on.
    async fn budgets(
        &mut self,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<(String, f64, f64)>, StoreError> {
        let plan = &self.of.plan.of;
        let mut idle = Vec::new();
        if !plan.budgets {
            return Ok(idle);
        }
        for (name, kpi) in budgets::declared(self.of.catalog) {
            if stop() {
                break;
            }
            let read = (plan.days, plan.subjects, "day");
            let cells = match self.cells(kpi, &budgets::COLUMNS, read).await {
                Ok(cells) => cells,
                Err(e) => {
                    self.left_out(name, Err(e))?;
                    continue;
                }
            };
            for cell in &cells {
                match budgets::of(name, kpi, cell, self.last, plan) {
                    Some(budgets::Known::Ahead(finding)) => self.rows.finding(&finding),
                    Some(budgets::Known::Over(reserved, used)) if kpi.unit == "usd" => {
                        let whose: Vec<&str> = cell.subject.values().map(String::as_str).collect();
                        let about = format!("{name} {}", whose.join(", "));
                        idle.push((about.trim().to_owned(), reserved, used));
                    }
                    _ => {}
                }
            }
        }
        Ok(idle)
    }

    async fn experiments(&mut self) -> Result<(), StoreError> {
        let plan = &self.of.plan.of;
        let declared = plan.experiments.as_ref();
        let Some(kpi) = declared.and_then(|e| self.of.catalog.kpi(&e.kpi)) else {
            return Ok(());
        };
        let read = (plan.days, plan.subjects, "day");
        let cells = self.cells(kpi, &experiments::COLUMNS, read).await?;
        self.tell(experiments::of(&cells, self.last, plan));
        Ok(())
    }

    async fn causes(&mut self) -> Result<(), StoreError> {
        let Some(of) = &self.of.plan.of.causes else {
            return Ok(());
        };
        let catalog = self.of.catalog;
        let days = self.span(of.days);
        for row in findings::found_in(&self.reader, days, of.anomalies).await? {
            let found = causes::Found::of(&row);
            let known = |f: causes::Found| Some((catalog.detector(&f.detector)?, f));
            let Some((detector, found)) = found.and_then(known) else {
                continue;
            };
            let mut best: Option<weir_analysis::relation::Cause> = None;
            for measure in causes::apart(catalog, detector, of.rollups) {
                let looked = Looked {
                    days: before(found.day, of.usual_days + 1),
                    most: of.cells,
                    subject: &found.subject,
                    step: "day",
                };
                let cells = findings::measured(&self.reader, catalog, measure, &looked).await?;
                let cause = causes::first(&cells, &found);
                best = match (best, cause) {
                    (Some(b), Some(c)) if c.excess <= b.excess => Some(b),
                    (b, c) => c.or(b),
                };
            }
            let Some(cause) = best.filter(|c| c.excess >= of.least) else {
                continue;
            };
            let unit = causes::term(detector);
            let unit = unit.map(|t| catalog.events[t.event].measures[t.measure].unit.as_str());
            let finding = causes::finding(&found, detector, unit.unwrap_or_default(), &cause);
            self.rows.finding(&finding);
        }
        Ok(())
    }

    async fn recommendations(&mut self) -> Result<(), StoreError> {
        let Some(of) = &self.of.plan.of.recommendations else {
            return Ok(());
        };
        let catalog = self.of.catalog;
        for (role, title, kpi) in advice::roles(catalog) {
            let read = (of.days, of.operators, "all");
            let cells = self.cells(kpi, &advice::COLUMNS, read).await?;
            self.tell(advice::of(role, title, &cells));
        }
        self.flush().await
    }

    async fn savings(&mut self, idle: &[(String, f64, f64)]) -> Result<(), StoreError> {
        let Some(of) = &self.of.plan.of.savings else {
            return Ok(());
        };
        let calls = match self.calls(of).await? {
            Some(calls) => calls,
            None if idle.is_empty() => return Ok(()),
            None => Vec::new(),
        };
        self.tell(savings::of(&calls, idle, of));
        Ok(())
    }

    async fn calls(
        &self,
        of: &Savings,
    ) -> Result<Option<Vec<weir_analysis::cost::Call>>, StoreError> {
        let catalog = self.of.catalog;
        let Some((event, cost)) = savings::costs(catalog, of) else {
            return Ok(None);
        };
        let patterns: Vec<(String, String)> = of
            .patterns
            .iter()
            .map(|(n, c)| (n.clone(), c.clone()))
            .collect();
        let days = self.span(of.days);
        let asked = findings::queries_of_calls(event, cost, &of.task, &patterns, days);
        let Some((sql, params)) = asked else {
            return Ok(None);
        };
        let rows = self.reader.rows(&sql, &params).await?;
        let zone = catalog.tenants.zone(self.reader.tenant()).clone();
        let end = self
            .last
            .to_zoned(zone)
            .map(|z| z.timestamp().as_microsecond());
        Ok(Some(savings::calls(&rows, cost, Micros(end.unwrap_or(0)))))
    }
}

/// So many days, the last of them this one.
fn before(last: Date, days: u32) -> Span {
    let back = jiff::Span::new().days(i64::from(days) - 1);
    Span {
        first: last.saturating_sub(back),
        last,
    }
}

/// Takes more than one question may: it will the next time too.
fn is_too_much(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused { number, .. } if crate::fault::TOO_MUCH.contains(number))
}
