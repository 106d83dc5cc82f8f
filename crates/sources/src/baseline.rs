//! What is usual of a KPI, captured from a period, as `baseline.captured` events. The same KPI,
//! subject, period and value make the same event, which is published once.

use crate::ledger::{Entry, Progress};
use crate::publish::{Publisher, read_ledger};
use anyhow::Result;
use serde::Serialize;
use std::fmt::Write as _;
use weir_events::{BaselineCaptured, Envelope, Event, event_id};
use weir_kafka::Brokers;
use weir_model::{Micros, hash};

/// Who emits them.
const SOURCE: &str = "weir-cli";

/// Dimensions that a baseline can be for: it has a field for each, of this name.
pub const DIMENSIONS: [&str; 4] = ["client", "component", "model", "team"];

/// A baseline of one subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Whose.
    pub tenant: String,
    /// What it is of: usually the name of a KPI.
    pub metric: String,
    /// (dimension, value), by name; the dimensions are among [`DIMENSIONS`].
    pub subject: Vec<(String, String)>,
    /// What is usual, in the unit.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// Observations that it rests on, where they are counted.
    pub samples: Option<i64>,
    /// Begin of the period.
    pub from: Micros,
    /// End of it.
    pub to: Micros,
}

impl Baseline {
    /// Id of its event: the same baseline has the same one, whenever it is captured.
    pub fn id(&self) -> String {
        self.event_id().to_string()
    }

    fn event_id(&self) -> uuid::Uuid {
        let mut identity = format!("baseline\0{}\0{}", self.tenant, self.metric);
        for (name, value) in &self.subject {
            let _ = write!(identity, "\0{name}={value}");
        }
        let _ = write!(
            identity,
            "\0\0{}\0{}\0{}",
            self.from.0,
            self.to.0,
            self.value.to_bits()
        );
        event_id(self.to, identity.as_bytes())
    }

    /// The event: it holds from `now` on.
    fn event(&self, now: Micros) -> BaselineCaptured<'_> {
        let of = |name: &str| {
            let found = self.subject.iter().find(|(n, _)| n == name);
            found.map_or("", |(_, value)| value).into()
        };
        let [client, component, model, team] = DIMENSIONS.map(of);
        let mut event = BaselineCaptured {
            metric: self.metric.as_str().into(),
            client,
            component,
            model,
            team,
            value: self.value,
            unit: self.unit.as_str().into(),
            samples: self.samples,
            period_from: Some(self.from),
            period_to: Some(self.to),
            ..BaselineCaptured::default()
        };
        event.set_envelope(Envelope {
            event_id: self.event_id(),
            event_time: now,
            tenant: self.tenant.as_str().into(),
            source: SOURCE.into(),
            resource: Default::default(),
        });
        event
    }

    /// Its key in the ledger.
    fn key(&self) -> String {
        format!("baseline-{}", self.id())
    }
}

/// Publishes those that were not published yet, in one transaction with their entries in the
/// ledger; by baseline whether it was new. What dies on the way has published nothing, or all.
///
/// # Errors
/// No broker answers (WEIR-0205).
pub fn publish(brokers: &Brokers, baselines: &[Baseline], now: Micros) -> Result<Vec<bool>> {
    let Some(first) = baselines.first() else {
        return Ok(Vec::new());
    };
    // A second capture of the tenant fences this one, so that none sees half of the other's.
    let of = hash::distinct(first.tenant.as_bytes());
    let mut publisher = Publisher::new(brokers, &format!("baseline-of-{of:016x}"))?;
    let ledger = read_ledger(brokers)?;
    let mut written = Vec::with_capacity(baselines.len());
    for baseline in baselines {
        let key = baseline.key();
        let new = !ledger.contains_key(&key);
        if new {
            publisher.event(&baseline.event(now))?;
            let progress = Progress::Records {
                records: 1,
                finished: true,
            };
            let entry = serde_json::to_vec(&Entry {
                key: key.clone(),
                progress,
            })?;
            publisher.note(key.as_bytes(), Some(&entry))?;
        }
        written.push(new);
    }
    publisher.finish()?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        Baseline {
            tenant: "acme".into(),
            metric: "review_time".into(),
            subject: vec![("team".into(), "core".into())],
            value: 12.5,
            unit: "min".into(),
            samples: Some(40),
            from: Micros(0),
            to: Micros(86_400_000_000),
        }
    }

    #[test]
    fn the_same_baseline_has_the_same_id_and_another_one_another() {
        let one = baseline();
        assert_eq!(one.id(), baseline().id());
        let (first, later) = (one.event(Micros(1)), one.event(Micros(2)));
        assert_eq!(first.event_id(), later.event_id());
        let changed: [fn(&mut Baseline); 6] = [
            |b| b.tenant.push('x'),
            |b| b.metric.push('x'),
            |b| b.subject[0].1.push('x'),
            |b| b.value += 1.0,
            |b| b.from = Micros(1),
            |b| b.to = Micros(1),
        ];
        for change in changed {
            let mut other = baseline();
            change(&mut other);
            assert_ne!(one.id(), other.id(), "{other:?}");
        }
    }

    #[test]
    fn the_event_names_the_subject_and_the_period() {
        let one = baseline();
        let event = one.event(Micros(7));
        assert_eq!((&*event.team, &*event.component), ("core", ""));
        assert_eq!((&*event.metric, event.value), ("review_time", 12.5));
        assert_eq!(event.period_to, Some(Micros(86_400_000_000)));
        assert_eq!(event.event_time(), Micros(7));
    }
}
