//! What is computed once a day is over: trends, forecasts and findings, written to ClickHouse,
//! where SQL, the api and reports read them.
//!
//! The job looks every now and then for tenants whose newest day that is over was not analysed yet.
//! It may die at any moment: rows are shown only with the last one, which says that an analysis is
//! done, and ids are made of what rows are about. So it is made again, by this or another process,
//! and two that make it at once write the same rows.

mod advice;
mod analyse;
mod budgets;
mod causes;
pub mod experiments;
mod plan;
mod savings;
mod series;

pub use analyse::{Analyst, Ended};
pub use plan::Plan;

use crate::state::State;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_model::codes::{ANALYSIS_FORBIDDEN, NOT_RUNNING};
use weir_runtime::host::Running;
use weir_store::findings::{Issue, analysed, may_write, tenants};
use weir_store::{Store, StoreError};

/// Whether findings are computed, and how often is looked for what is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysisConfig {
    /// Whether this api computes them at all.
    pub enabled: bool,
    /// How long after time has moved on by an hour it begins: what comes a little late is in then,
    /// and history that is being read is over.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
    /// Between two looks for tenants and days that were not analysed.
    #[serde(with = "humantime_serde")]
    pub look: Duration,
}

impl Default for AnalysisConfig {
    fn default() -> AnalysisConfig {
        AnalysisConfig {
            enabled: true,
            wait: Duration::from_secs(60),
            look: Duration::from_secs(300),
        }
    }
}

/// A tenant is looked at as long as it has had data in so many days.
const RECENT_DAYS: i64 = 35;
/// Between two looks at what is known without asking anybody.
const ROUND: Duration = Duration::from_millis(500);
/// After something failed.
const AGAIN: Duration = Duration::from_secs(30);
/// ClickHouse has no such table or database yet: a sink makes them.
const NOT_PREPARED: [i32; 2] = [60, 81];
/// Nobody waits for these questions: they leave processors to those of people.
const GENTLE: [(&str, &str); 1] = [("max_threads", "2")];

/// Computes what is due until shutdown.
pub(crate) fn follow(state: &State, plan: &Plan, running: &Running) {
    let config = &state.config.analysis;
    if !config.enabled {
        return;
    }
    let gentle = GENTLE.map(|(n, v)| (n.to_owned(), v.to_owned()));
    let mut job = Job {
        state,
        store: state.store.with_settings(&gentle),
        plan,
        running,
        allowed: false,
        described: false,
    };
    let mut turn = Turn::default();
    while !running.shutdown.is_requested() {
        std::thread::sleep(ROUND);
        let Some((run, through)) = state.standing.all_through() else {
            continue;
        };
        if !turn.is_due(config, (run, through)) {
            continue;
        }
        let pause = match running.block_on(job.look(run, through)) {
            Ok(Looked::All) => config.look,
            Ok(Looked::Forbidden) => {
                return tracing::warn!(
                    "{ANALYSIS_FORBIDDEN}: this api may not write to ClickHouse: trends, \
                     forecasts and findings are left to one that may"
                );
            }
            Err(e) => {
                tell(&e);
                AGAIN
            }
        };
        turn.next = Some(Instant::now() + pause);
    }
}

/// When it is time to look.
#[derive(Default)]
struct Turn {
    /// The run and the hour that everything is complete through, and since when that is known.
    hour: Option<((u32, i64), Instant)>,
    /// When it is looked again at the same hour; none: not looked yet.
    next: Option<Instant>,
}

impl Turn {
    fn is_due(&mut self, config: &AnalysisConfig, (run, through): (u32, Micros)) -> bool {
        let hour = (run, through.0.div_euclid(Micros::HOUR.0));
        let since = match self.hour {
            Some((same, since)) if same == hour => since,
            _ => {
                let now = Instant::now();
                (self.hour, self.next) = (Some((hour, now)), None);
                now
            }
        };
        let again = self.next.is_none_or(|next| next <= Instant::now());
        since.elapsed() >= config.wait && again
    }
}

/// What came of a look.
enum Looked {
    /// All that was due is computed, or it was to stop.
    All,
    /// The store may not be written to.
    Forbidden,
}

/// A store that does not answer must not hold the job for ever.
async fn within<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(Duration::from_secs(60), asked).await {
        Ok(told) => told,
        Err(_) => Err(StoreError::Unreachable {
            url: String::new(),
            reason: "no answer within 60 s".to_owned(),
        }),
    }
}

fn tell(error: &StoreError) {
    match error {
        StoreError::Refused { number, .. } if NOT_PREPARED.contains(number) => {
            tracing::debug!("{NOT_RUNNING}: no sink has prepared the store yet");
        }
        e => tracing::warn!("findings are computed later: {e}"),
    }
}

/// The job.
struct Job<'a> {
    state: &'a State,
    store: Store,
    plan: &'a Plan,
    running: &'a Running,
    /// That the store may be written to is known.
    allowed: bool,
    /// Tables and views have their comments.
    described: bool,
}

impl Job<'_> {
    /// Computes what is due of each tenant.
    async fn look(&mut self, run: u32, through: Micros) -> Result<Looked, StoreError> {
        if !self.allowed && !within(may_write(&self.store)).await? {
            return Ok(Looked::Forbidden);
        }
        self.allowed = true;
        let catalog = &self.state.catalog;
        let now = weir_http::now();
        let since = now.minus(Micros(RECENT_DAYS * Micros::DAY.0));
        let all = within(tenants(&self.store, catalog, since)).await?;
        let done = within(analysed(&self.store, run, &self.plan.hash)).await?;
        for tenant in all {
            let Some(last) = newest(catalog, &tenant, now, through) else {
                continue;
            };
            for day in self.due(last, done.get(&tenant)) {
                if self.one(run, &tenant, day).await? == Ended::Stopped {
                    return Ok(Looked::All);
                }
            }
        }
        self.describe().await?;
        Ok(Looked::All)
    }

    /// The newest day; and of a tenant of whom nothing is known, some before it.
    fn due(&self, last: Date, done: Option<&BTreeSet<Date>>) -> Vec<Date> {
        let Some(done) = done else {
            let back = |n: &u32| last.saturating_sub(jiff::Span::new().days(i64::from(*n)));
            let before = self.plan.of.as_of.iter().map(back);
            // The newest one last: once it is there, nothing is missing.
            return before.chain([last]).collect();
        };
        let new = !done.contains(&last);
        new.then_some(last).into_iter().collect()
    }

    /// Comments, once in a process: nobody waits for them.
    async fn describe(&mut self) -> Result<(), StoreError> {
        if !self.described {
            let stop = || self.running.shutdown.is_requested();
            let tables = self.store.describe(&self.state.catalog, &stop).await?;
            tracing::debug!(tables, "tables and views have comments");
            self.described = true;
        }
        Ok(())
    }

    async fn one(&self, run: u32, tenant: &str, day: Date) -> Result<Ended, StoreError> {
        let analyst = Analyst {
            store: &self.store,
            catalog: &self.state.catalog,
            plan: self.plan,
            limits: &self.state.config.limits,
        };
        let issue = Issue {
            run,
            tenant: tenant.to_owned(),
            data_through: day,
            issued_at: weir_http::now(),
        };
        let begun = Instant::now();
        let stop = || self.running.shutdown.is_requested();
        let ended = analyst.analyse(issue, &stop).await?;
        if ended == Ended::Done {
            let seconds = begun.elapsed().as_secs_f64();
            tracing::info!(tenant, through = %day, seconds, "trends, forecasts and findings are new");
        }
        Ok(ended)
    }
}

/// The tenant's yesterday, once it is final; none before: while history is being read no day of it
/// is the newest one.
fn newest(catalog: &Catalog, tenant: &str, now: Micros, through: Micros) -> Option<Date> {
    let zone = catalog.tenants.zone(tenant);
    let day = |at: Micros| {
        let at = jiff::Timestamp::from_microsecond(at.0).ok()?;
        Some(at.to_zoned(zone.clone()).date())
    };
    let today = day(now)?;
    let begins = today.to_zoned(zone.clone()).ok()?.timestamp();
    (through.0 >= begins.as_microsecond()).then(|| today.yesterday().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Micros {
        Micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn it_waits_until_time_stands_and_looks_again_now_and_then() {
        let config = |wait| AnalysisConfig {
            wait: Duration::from_millis(wait),
            ..AnalysisConfig::default()
        };
        let hour = |n: i64| (1, Micros(n * Micros::HOUR.0 + 5));
        let mut turn = Turn::default();
        assert!(!turn.is_due(&config(60_000), hour(1)));
        assert!(turn.is_due(&config(0), hour(1)));
        turn.next = Some(Instant::now() + Duration::from_secs(60));
        assert!(!turn.is_due(&config(0), hour(1)));
        // The next hour, or another run, is looked at anew.
        assert!(turn.is_due(&config(0), hour(2)));
        turn.next = Some(Instant::now() + Duration::from_secs(60));
        assert!(turn.is_due(&config(0), (2, hour(2).1)));
    }

    #[test]
    fn a_day_is_the_newest_one_once_it_is_final() {
        let catalog = Catalog::embedded().unwrap();
        let newest = |now, through| newest(&catalog, "acme", at(now), at(through));
        let now = "2026-03-02T09:00:00Z";
        assert_eq!(newest(now, "2026-03-02T00:00:00Z"), Some(date(2026, 3, 1)));
        assert_eq!(newest(now, "2026-03-01T23:59:59Z"), None);
        assert_eq!(newest(now, "2025-11-01T00:00:00Z"), None);
    }
}
