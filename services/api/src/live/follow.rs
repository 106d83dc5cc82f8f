//! The one reader of Kafka that all streams of a process have.

use super::hub::{Hub, Said};
use super::place::Log;
use crate::resources::results::{Alert, Anomaly};
use crate::standing::Standing;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Consumer, Error, Message, Pauses, Tp};
use weir_model::{records, topics};
use weir_runtime::{Part, Shutdown};

/// So many records of each partition are read back at the start, for who comes back to a process
/// that was started anew.
const BACK: i64 = 256;
/// Longest wait for records: then it is looked whether to end.
const WAIT: Duration = Duration::from_millis(200);
/// Records at a time.
const MOST: usize = 1024;

/// Where reading of each partition begins, and the ends of those that have something before.
type Begins = (Vec<(Tp, i64)>, HashMap<Tp, i64>);

impl Hub {
    /// Reads until shutdown. Where Kafka does not answer the streams stay, and are told nothing;
    /// then it goes on where it was.
    pub fn follow(&self, brokers: &Brokers, standing: &Standing, shutdown: &Shutdown) {
        let timeouts = &brokers.timeouts;
        let part = Part::register("api's live stream", timeouts.limits());
        let stopped = || shutdown.is_requested();
        let mut pauses = Pauses::new(timeouts.pause);
        while !stopped() {
            part.alive();
            if let Err(e) = self.read(brokers, standing, shutdown, &part) {
                tracing::warn!("the live stream is read again: {e}");
                part.waits_for(format!("Kafka: {e}"));
                pauses.rest(&stopped);
            }
        }
        self.close();
    }

    /// Where reading begins, and what is still before what was the end.
    fn begins(&self, brokers: &Brokers) -> Result<Begins, Error> {
        let wanted = [Log::Alerts.topic(), Log::Anomalies.topic(), topics::LIVE];
        let admin = Admin::new(brokers, brokers.timeouts.call)?;
        let found = admin.topics(&wanted)?;
        if found.len() < wanted.len() {
            let text = "there are no topics of results yet: start a processor".to_owned();
            return Err(Error::Invariant(text));
        }
        let place = self.place();
        let (mut from, mut open) = (Vec::new(), HashMap::new());
        for topic in found {
            let log = Log::ALL.into_iter().find(|l| l.topic() == topic.name);
            for p in &topic.partitions {
                let tp = Tp::new(topic.name.as_str(), p.partition);
                let Some(log) = log else {
                    // What is provisional is of use while it is new.
                    from.push((tp, p.end));
                    continue;
                };
                let known = place.get(log, p.partition);
                let known = known.filter(|at| (p.low..=p.end).contains(at));
                let at = known.unwrap_or_else(|| {
                    let at = p.low.max(p.end - BACK);
                    self.begin(log, p.partition, at);
                    at
                });
                if at < p.end {
                    open.insert(tp.clone(), p.end);
                }
                from.push((tp, at));
            }
        }
        Ok((from, open))
    }

    fn read(
        &self,
        brokers: &Brokers,
        standing: &Standing,
        shutdown: &Shutdown,
        part: &Part,
    ) -> Result<(), Error> {
        let (from, mut open) = self.begins(brokers)?;
        let consumer = Consumer::assigned(brokers, &from)?;
        part.idle();
        let mut ready = false;
        while !shutdown.is_requested() {
            part.alive();
            if !ready && open.is_empty() {
                self.ready();
                ready = true;
            }
            consumer.poll(Duration::ZERO)?;
            let batch = consumer.next(WAIT, Duration::ZERO, MOST)?;
            let wanted = self.wanted();
            for m in batch.iter() {
                match Log::ALL.into_iter().find(|l| l.topic() == m.topic()) {
                    Some(log) => {
                        let at = (log, m.partition(), m.offset());
                        self.record(at, said(log, &m, standing.run()));
                        if !ready {
                            let tp = Tp::new(m.topic(), m.partition());
                            open.retain(|t, end| *t != tp || m.offset() + 1 < *end);
                        }
                    }
                    None => self.so_far(&m, &wanted),
                }
            }
            // Marks of transactions are not handed out.
            for at in batch.ends() {
                open.retain(|t, end| {
                    (t.topic.as_str(), t.partition) != (at.topic.as_str(), at.partition)
                        || at.next < *end
                });
            }
        }
        Ok(())
    }

    fn so_far(&self, m: &Message<'_>, wanted: &dyn Fn(&str, &weir_catalog::KpiDef) -> bool) {
        match self.provisional.of(m.value().unwrap_or_default(), wanted) {
            Ok(all) => {
                for (tenant, so_far) in all {
                    self.value(&tenant, &so_far);
                }
            }
            Err(e) => tracing::debug!("a block of {} cannot be read: {e}", topics::LIVE),
        }
    }
}

/// What a record says, where it is of the run that holds.
fn said(log: Log, m: &Message<'_>, run: Option<u32>) -> Option<Said> {
    let value = m.value()?;
    let holds = |of: u32| run.is_none_or(|run| run == of);
    match log {
        Log::Alerts => {
            let alert = records::Alert::decode(value).ok()?;
            let tenant = alert.subject.tenant.clone();
            holds(alert.run).then(|| say(tenant, "alert", &Alert::of(alert)))
        }
        Log::Anomalies => {
            let found = records::Anomaly::decode(value).ok()?;
            let tenant = found.subject.tenant.clone();
            holds(found.run).then(|| say(tenant, "anomaly", &Anomaly::of(found)))
        }
    }
}

fn say(tenant: String, event: &'static str, what: &impl Serialize) -> Said {
    Said {
        tenant,
        event,
        // Of texts and numbers: nothing can fail.
        data: serde_json::to_string(what).unwrap_or_default(),
    }
}
