//! SQL of windows to date: of each source of a KPI its rows from the start of the period up to each
//! end at which the KPI has a value (`docs/semantics.md`, Judging).

use crate::StoreError;
use crate::calendar::Zones;
use crate::client::ident;
use crate::kpi::{fixed_sql, range, sources};
use crate::table::PartsTable;
use crate::view::{end_of, rollup_name, rows_of, start_of};
use weir_catalog::{Catalog, JudgedWindow, KpiDef};
use weir_model::{Micros, Since, WindowSize};

/// A KPI over a window to date. Names of columns that begin with `_` are no measure's.
pub(crate) struct ToDate<'a> {
    pub kpi: &'a KpiDef,
    pub catalog: &'a Catalog,
    pub zones: &'a Zones,
    pub since: Since,
    pub step: WindowSize,
    /// Windows end after the first and at most at the second.
    pub bounds: (Option<Micros>, Option<Micros>),
}

/// Whether the windows of a KPI's sources that end together may start apart.
pub(crate) fn starts_apart(kpi: &KpiDef) -> bool {
    let since = match kpi.window {
        JudgedWindow::ToDate { since, .. } => Some(since),
        _ => None,
    };
    since == Some(Since::All)
}

/// Days of the longest period, and one for zones.
const LONGEST: i64 = 32;

impl ToDate<'_> {
    /// One row for each subject of a source and each end of the KPI from the subject's first row
    /// in the period on: `tenant`, `names`, `window_start`, `window_end`, `columns`.
    ///
    /// # Errors
    /// As of [`PartsTable::of`].
    pub fn source_sql(
        &self,
        source: &[usize],
        names: &[&str],
        columns: &[String],
    ) -> Result<String, StoreError> {
        let dims: String = names.iter().map(|d| format!("{}, ", ident(d))).collect();
        let start = match self.since {
            Since::All => "min(_start)",
            _ => "_since",
        };
        Ok(format!(
            "SELECT tenant, {dims}{start} AS window_start, _window_end AS window_end, {}\nFROM (SELECT r.*, arrayJoin(arrayFilter(e -> e >= r._end, x._ends)) AS _window_end\nFROM ({}) AS r\nINNER JOIN (SELECT tenant, {dims}_since, groupUniqArray(_one) AS _ends FROM ({}) GROUP BY tenant, {dims}_since) AS x USING (tenant, {dims}_since))\nGROUP BY tenant, {dims}_since, _window_end",
            columns.join(", "),
            self.rows(source)?,
            self.ends()?,
        ))
    }

    /// The rows of a source, with start and end of the step and of the period's last step.
    fn rows(&self, source: &[usize]) -> Result<String, StoreError> {
        let term = &self.kpi.terms[source[0]];
        let event = &self.catalog.events[term.event];
        let start = start_of(self.step, "p.window_start", self.zones);
        let (since, until) = self.period();
        let (from, to) = self.bounds;
        let reach = Micros(LONGEST * Micros::DAY.0);
        let from = from
            .filter(|_| self.since != Since::All)
            .map(|t| Micros(t.minus(reach).0.max(0)));
        Ok(format!(
            "SELECT *, {since} AS _since, {until} AS _until\nFROM (SELECT *, {} AS _end\nFROM (SELECT *, {start} AS _start FROM {} AS p FINAL WHERE {}{}{}))",
            end_of(self.step, "_start", self.zones),
            ident(&PartsTable::of(event)?.name),
            rows_of(self.step, &[rollup_name(event, term.rollup)]),
            fixed_sql(term),
            range("p.window_start", from, to).replace("WHERE", "AND"),
        ))
    }

    /// Start of the period of the step that ends at `_end`, and end of the period's last step;
    /// where it has none, of this one.
    fn period(&self) -> (String, String) {
        let last = "_end - toIntervalMicrosecond(1)";
        let first = |z: &str| match self.since {
            Since::Month => format!("toStartOfMonth({last}, {z})"),
            _ => format!("toDate({last}, {z})"),
        };
        let next = |z: &str| match self.since {
            Since::Month => format!("addMonths({}, 1)", first(z)),
            _ => format!("{} + 1", first(z)),
        };
        let midnight =
            |date: String, z: &str| format!("toDateTime64(toDateTime({date}, {z}), 6, 'UTC')");
        if self.since == Since::All {
            return ("toDateTime64(0, 6, 'UTC')".into(), "_end".into());
        }
        let end = self.zones.each(|z| midnight(next(z), z));
        let since = self.zones.each(|z| midnight(first(z), z));
        (since, start_of(self.step, &format!("({end})"), self.zones))
    }

    /// The ends at which the KPI has a value, by its subject and period.
    fn ends(&self) -> Result<String, StoreError> {
        let dims: String = self
            .kpi
            .dimensions
            .iter()
            .map(|d| format!("{}, ", ident(d)))
            .collect();
        let mut own = Vec::new();
        for source in sources(self.kpi, self.catalog) {
            let first = &self.kpi.terms[source[0]];
            if first.stands_on(&self.kpi.dimensions) {
                own.push(format!(
                    "SELECT tenant, {dims}_since, arrayJoin([_end, _until]) AS _one FROM ({})",
                    self.rows(&source)?
                ));
            }
        }
        let (from, to) = self.bounds;
        Ok(format!(
            "SELECT DISTINCT * FROM ({}){}",
            own.join("\nUNION ALL\n"),
            range("_one", from, to)
        ))
    }
}
