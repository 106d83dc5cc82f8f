//! Waits for what is in the log by now to pass, stage by stage, while more of it comes: without
//! looking at the clock of anything.

use crate::lag::{self, Reading};
use crate::time::show;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_engine::combine::Position;
use weir_kafka::{Brokers, Tp};
use weir_model::codes::NOT_FINAL;
use weir_model::{Micros, topics};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);

/// A run whose services are waited for.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    /// Where Kafka is.
    pub brokers: &'a Brokers,
    /// The catalog of the run.
    pub catalog: &'a Catalog,
    /// Its number.
    pub run: u32,
}

/// What a look at the readings of one service says.
enum Seen {
    Passed,
    Behind(i64),
}

impl Arrival<'_> {
    /// Waits until everything through a time is final and in ClickHouse, with all that the log
    /// holds now. Blocks.
    ///
    /// # Errors
    /// It is not within the time given (WEIR-0306): what is missing. Or Kafka does not answer.
    pub fn through(&self, through: Micros, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        self.passed("combine", until)?;
        self.told(through, until)?;
        // What is final was told to window in the same transactions: now each stage has its input
        // before it.
        for service in ["window", "score", "sink"] {
            self.passed(service, until)?;
        }
        Ok(())
    }

    /// How far each event type is complete: what is final through these times has passed every
    /// stage and is in ClickHouse. Types of which nothing is final are left out. Blocks.
    ///
    /// # Errors
    /// Something stands before it that long (WEIR-0306). Or Kafka does not answer.
    pub fn complete(&self, within: Duration) -> Result<BTreeMap<String, Micros>> {
        let until = Instant::now() + within;
        let mut told: BTreeMap<String, Micros> = BTreeMap::new();
        // First what is final, then that what was told of it has passed: the other way round,
        // something could have become final in between.
        let readings = self.readings("combine")?;
        for event in &self.catalog.events {
            let topic = topics::events(&event.name);
            let of = readings.iter().filter(|r| r.tp.topic == topic);
            let through = of.map(|r| Position::told(&r.metadata)).min();
            if let Some(through) = through.filter(|t| *t > Micros::MIN) {
                told.insert(event.name.clone(), through);
            }
        }
        for service in ["window", "score", "sink"] {
            self.passed(service, until)?;
        }
        Ok(told)
    }

    /// Waits until combine has read what the raw log holds now. False where it stands still, or is
    /// not there within the time given. Blocks.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn combined(&self, within: Duration, patience: Duration) -> Result<bool> {
        let until = Instant::now() + within;
        let ends = self.ends("combine")?;
        let (mut least, mut moved) = (i64::MAX, Instant::now());
        loop {
            let Seen::Behind(rest) = self.look("combine", &ends)? else {
                return Ok(true);
            };
            if rest < least {
                (least, moved) = (rest, Instant::now());
            }
            if Instant::now() > until || moved.elapsed() > patience {
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Up to when all event types are final by now, as the partials say; minus infinity where
    /// nothing is. Blocks.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn final_through(&self) -> Result<Micros> {
        let readings = self.readings("combine")?;
        let told = readings.iter().map(|r| Position::told(&r.metadata));
        Ok(told.min().unwrap_or(Micros::MIN))
    }

    fn readings(&self, service: &str) -> Result<Vec<Reading>> {
        lag::readings(self.brokers, self.catalog, self.run, Some(service))
    }

    fn ends(&self, service: &str) -> Result<BTreeMap<Tp, i64>> {
        let all = self.readings(service)?;
        Ok(all.into_iter().map(|r| (r.tp, r.end)).collect())
    }

    fn look(&self, service: &str, ends: &BTreeMap<Tp, i64>) -> Result<Seen> {
        let mut rest = 0;
        for r in self.readings(service)? {
            let end = ends.get(&r.tp).copied().unwrap_or(0);
            rest += (end - r.next()).max(0);
        }
        Ok(if rest == 0 {
            Seen::Passed
        } else {
            Seen::Behind(rest)
        })
    }

    fn passed(&self, service: &str, until: Instant) -> Result<()> {
        let ends = self.ends(service)?;
        loop {
            let Seen::Behind(rest) = self.look(service, &ends)? else {
                return Ok(());
            };
            if Instant::now() > until {
                bail!(
                    "{NOT_FINAL}: {rest} offsets have not passed {service} yet; look at `weir status`, or give --wait more"
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the partials of every event type say that it is final through a time.
    fn told(&self, through: Micros, until: Instant) -> Result<()> {
        loop {
            let readings = self.readings("combine")?;
            // Nothing was ever published: nothing is missing, and nothing moves time.
            if readings.iter().all(|r| r.end == 0) {
                return Ok(());
            }
            let missing = self.catalog.events.iter().find_map(|e| {
                let topic = topics::events(&e.name);
                let of = readings.iter().filter(|r| r.tp.topic == topic);
                let told = of.map(|r| Position::told(&r.metadata)).min()?;
                (told < through).then_some((e.name.as_str(), told))
            });
            let Some((event, told)) = missing else {
                return Ok(());
            };
            if Instant::now() > until {
                let so_far = match told {
                    Micros::MIN => "nothing of it is final".to_owned(),
                    t => format!("it is final through {}", show(t)),
                };
                bail!(
                    "{NOT_FINAL}: {event} is not final through {} yet: {so_far}; give an earlier --through, or --wait more",
                    show(through)
                );
            }
            std::thread::sleep(LOOK);
        }
    }
}
