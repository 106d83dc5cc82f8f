//! How far everything has come: which run holds, and through when what was in time has been counted
//! and has reached ClickHouse. Asked of Kafka every few seconds, never while somebody waits.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_model::codes::{CATALOG_MEANING, NOT_RUNNING};
use weir_model::{Code, Micros};
use weir_ops::{Arrival, run};
use weir_runtime::{Part, Shutdown};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(3);
/// What is looked at within that time, or the next time.
const WITHIN: Duration = Duration::from_secs(5);

/// Why nothing can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub code: Code,
    pub words: String,
}

/// What is known.
#[derive(Default)]
pub(crate) struct Standing(RwLock<Known>);

#[derive(Default)]
struct Known {
    run: Option<u32>,
    complete: BTreeMap<String, Micros>,
    trouble: Option<Trouble>,
}

impl Standing {
    /// The run.
    pub fn run(&self) -> Option<u32> {
        self.read(|known| known.run)
    }

    /// What stands in the way of every answer.
    pub fn trouble(&self) -> Option<Trouble> {
        self.read(|known| known.trouble.clone())
    }

    /// Through when each event type is complete.
    pub fn complete(&self) -> BTreeMap<String, String> {
        self.read(|known| {
            let all = known.complete.iter();
            all.map(|(e, t)| (e.clone(), rfc3339(*t))).collect()
        })
    }

    /// The same as moments; none where that is not known.
    pub fn moments(&self) -> Option<BTreeMap<String, Micros>> {
        self.read(|known| Some(known.complete.clone()).filter(|c| !c.is_empty()))
    }

    /// Through when all of these event types are; none where that is not known of one.
    pub fn through<'a>(&self, mut events: impl Iterator<Item = &'a str>) -> Option<Micros> {
        self.read(|known| {
            let least = |least: Option<Micros>, event: &str| {
                let at = *known.complete.get(event)?;
                Some(least.map_or(at, |l| l.min(at)))
            };
            let first = *known.complete.get(events.next()?)?;
            let rest: Vec<&str> = events.collect();
            rest.into_iter()
                .try_fold(first, |l, event| least(Some(l), event))
        })
    }

    /// The run, and through when all event types are that anything came of; none where nothing is
    /// known.
    pub fn all_through(&self) -> Option<(u32, Micros)> {
        self.read(|known| Some((known.run?, *known.complete.values().min()?)))
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Looks until shutdown. Where Kafka does not answer, what is known stays: time only goes on.
    pub fn follow(&self, brokers: &Brokers, catalog: &Catalog, shutdown: &Shutdown) {
        let part = Part::register("api's standing", brokers.timeouts.limits());
        part.idle();
        while !shutdown.is_requested() {
            part.alive();
            self.look(brokers, catalog);
            part.alive();
            let until = std::time::Instant::now() + LOOK;
            while std::time::Instant::now() < until && !shutdown.is_requested() {
                std::thread::sleep(Duration::from_millis(50));
                part.alive();
            }
        }
    }

    fn look(&self, brokers: &Brokers, catalog: &Catalog) {
        let current = match weir_processor::current(brokers, WITHIN) {
            Ok(Some(current)) => current,
            Ok(None) => {
                let words = "no processor has started a run here yet".to_owned();
                return self.stands(NOT_RUNNING, words);
            }
            Err(e) => return tracing::debug!("how far everything is cannot be told: {e}"),
        };
        let number = match run::number(&current, catalog) {
            Ok(number) => number,
            Err(e) => {
                let words = crate::fault::without_code(CATALOG_MEANING, &e.to_string());
                return self.stands(CATALOG_MEANING, words);
            }
        };
        self.change(|known| {
            if known.run.replace(number) != Some(number) {
                known.complete.clear();
            }
            known.trouble = None;
        });
        let arrival = Arrival {
            brokers,
            catalog,
            run: number,
        };
        match arrival.complete(WITHIN) {
            Ok(complete) => self.change(|known| known.complete = complete),
            Err(e) => tracing::debug!("nothing new is complete: {e:#}"),
        }
    }

    fn stands(&self, code: Code, words: String) {
        self.change(|known| known.trouble = Some(Trouble { code, words }));
    }
}

/// A time for programs.
pub(crate) fn rfc3339(t: Micros) -> String {
    jiff::Timestamp::from_microsecond(t.0).map_or_else(|_| t.0.to_string(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_answer_is_as_complete_as_the_least_of_its_event_types() {
        let standing = Standing::default();
        assert_eq!(standing.through(["a"].into_iter()), None);
        let complete = [("a", 7), ("b", 3)].map(|(e, t)| (e.to_owned(), Micros(t)));
        standing.change(|known| known.complete = complete.into());
        assert_eq!(standing.through(["a"].into_iter()), Some(Micros(7)));
        assert_eq!(standing.through(["a", "b"].into_iter()), Some(Micros(3)));
        assert_eq!(standing.through(["a", "c"].into_iter()), None);
        assert_eq!(standing.through(["c", "a"].into_iter()), None);
        assert_eq!(standing.through([].into_iter()), None);
    }
}
