//! History judged again: by the engine's own stages, from the windows that the store keeps and,
//! where none are kept that would do, from the archive of events. What would have been published
//! and told goes into tables of its own. Nobody is paged.

mod archive;
mod judge;
mod plan;
mod read;
mod report;

pub use judge::{Judge, Judged, Row, Told};
pub use plan::Wanted;
pub use report::{Line, Report, findings};

use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use plan::Scope;
use read::Reader;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_model::codes::QUERY;
use weir_model::{Micros, hash};
use weir_store::backtest::{Rows, Run};
use weir_store::{Store, audit};

/// Results are inserted once they have so many bytes.
const INSERT: usize = 8 << 20;

/// What is judged, by what, and where it is read.
pub struct Backtest<'a> {
    /// ClickHouse, opened for weir itself.
    pub store: &'a Store,
    /// The catalog of the run whose windows are read.
    pub kept: &'a Catalog,
    /// Number of that run.
    pub run: u32,
    /// The catalog that judges.
    pub judging: &'a Arc<Catalog>,
    /// What of it.
    pub wanted: &'a Wanted,
    /// Whose history.
    pub tenant: &'a str,
    /// First and last day of the span, of the tenant's zone.
    pub days: (Date, Date),
    /// All windows that end by then are in the store.
    pub through: Micros,
    /// Leave out what came late, as the stream does; else all counts as if it had come in time.
    pub on_time_only: bool,
    /// Now: it names the back-test, and no result depends on it.
    pub now: Micros,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// As it stands in the store.
    pub run: Run,
    /// Event types of which the archive was read, and what is not kept of them as windows.
    pub archived: Vec<(String, String)>,
}

/// First and last day with data, of the tenant's zone.
///
/// # Errors
/// The tenant has no data (WEIR-0305), or ClickHouse does not answer.
pub async fn days(store: &Store, tenant: &str) -> Result<(Date, Date)> {
    let params = [("tenant".to_owned(), tenant.to_owned())];
    let rows = store.rows(audit::SPANS, &params).await?.rows;
    let Some(row) = rows.first() else {
        bail!(
            "{QUERY}: there is no data of tenant \"{tenant}\" yet; publish or import events first"
        );
    };
    let date = |i: usize| -> Result<Date> {
        let text = row.get(i).and_then(|v| v.as_str()).unwrap_or_default();
        text.parse().context("ClickHouse gave no day")
    };
    Ok((date(1)?, date(2)?))
}

/// Start of a first and end of a last day of a tenant.
///
/// # Errors
/// Days that have no place in time.
pub fn bounds(
    catalog: &Catalog,
    tenant: &str,
    (first, last): (Date, Date),
) -> Result<(Micros, Micros)> {
    let zone = catalog.tenants.zone(tenant);
    let midnight = |day: Date| -> Result<Micros> {
        let start = day.to_zoned(zone.clone())?;
        Ok(Micros(start.timestamp().as_microsecond()))
    };
    Ok((midnight(first)?, midnight(last.tomorrow()?)?))
}

impl Backtest<'_> {
    /// Judges all that the tenant ever had, so that what remembers has something to remember, and
    /// writes what lies in the span. `on` hears how many rows of history were read, of how many.
    ///
    /// # Errors
    /// ClickHouse does not answer; what is neither kept nor archived (WEIR-0308); a name that there
    /// is not (WEIR-0305).
    pub async fn run(&self, on: &mut dyn FnMut(u64, u64)) -> Result<Outcome> {
        let scope = Scope::of(self.judging, self.wanted)?;
        let (from, end) = bounds(self.judging, self.tenant, self.days)?;
        let through = end.min(self.through);
        let mut judge = Judge::new(self.judging, self.run, (from, through))?;
        let reads = scope.reads(self.judging, self.kept, self.odd_days());
        let mut reader = Reader::new(self, &reads, through).await?;
        let mut run = self.begun(through);
        self.store.note_backtest(&run).await?;
        let (mut rows, total) = (Rows::default(), reader.total);
        on(0, total);
        while let Some(until) = reader.step(&mut judge, &mut |done| on(done, total)).await? {
            judge.advance(until)?;
            self.keep(&scope, judge.take(), (&run.id, &mut rows));
            if rows.bytes() >= INSERT {
                self.store.insert_backtest(&mut rows).await?;
            }
        }
        judge.advance(through)?;
        self.keep(&scope, judge.take(), (&run.id, &mut rows));
        self.store.insert_backtest(&mut rows).await?;
        run.done = true;
        run.rows = reader.done;
        run.judged = report::by_kind(self.judging, &scope, &judge.judged());
        self.store.note_backtest(&run).await?;
        Ok(Outcome {
            run,
            archived: reader.archived,
        })
    }

    fn begun(&self, through: Micros) -> Run {
        let seed = format!(
            "{} {:?} {:?} {:016x} {}",
            self.tenant, self.days, self.wanted, self.judging.hash, self.now.0
        );
        let mut id = hash::id(&[seed.as_bytes()]);
        id.truncate(8);
        Run {
            id,
            tenant: self.tenant.to_owned(),
            first: self.days.0,
            last: self.days.1,
            through,
            catalog: self.judging.hash,
            on_time_only: self.on_time_only,
            done: false,
            rows: 0,
            judged: BTreeMap::new(),
            at: self.now,
        }
    }

    /// What of the results was asked for: the rest was judged on what was not read.
    fn keep(&self, scope: &Scope, told: Told, (id, rows): (&str, &mut Rows)) {
        let catalog = self.judging;
        let chosen =
            |chosen: &[bool], at: Option<usize>| at.is_some_and(|i| chosen.get(i) == Some(&true));
        for k in &told.kpis {
            let at = catalog.kpis.binary_search_by(|d| d.name.cmp(&k.kpi)).ok();
            if chosen(&scope.kpis, at) {
                rows.kpi(id, k);
            }
        }
        for a in &told.anomalies {
            let detectors = &catalog.detectors;
            let at = detectors.binary_search_by(|d| d.name.cmp(&a.detector)).ok();
            if chosen(&scope.detectors, at) {
                rows.anomaly(id, a);
            }
        }
        for a in &told.alerts {
            let at = catalog.rules.binary_search_by(|r| r.name.cmp(&a.rule)).ok();
            if chosen(&scope.rules, at) {
                rows.alert(id, a);
            }
        }
    }

    /// Whether days of the tenant do not begin with an hour of UTC. Zones that once were odd count
    /// as odd.
    fn odd_days(&self) -> bool {
        let zone = self.judging.tenants.zone(self.tenant);
        let odd = |offset: jiff::tz::Offset| offset.seconds() % 3600 != 0;
        let first = self.days.0.to_zoned(zone.clone());
        let first = first.map_or(jiff::Timestamp::UNIX_EPOCH, |z| z.timestamp());
        odd(zone.to_offset(first))
            || zone
                .following(first)
                .take_while(|t| t.timestamp().as_microsecond() < self.through.0)
                .any(|t| odd(t.offset()))
    }
}
