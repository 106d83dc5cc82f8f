//! The desk in the shell: alerts in, plans written down with the offsets in one transaction, then
//! messages sent.
//!
//! It dies ... before the commit: nothing was sent, the records are read again. Between the commit
//! and the sending, or before the outcome is committed: the next start finds the message in
//! `weir.notify` as not delivered and sends it, again under the same id.

use crate::core::{Desk, Plan, Step};
use crate::deliver::Senders;
use crate::metric;
use crate::read::{Reader, Said};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use weir_kafka::batch::Run;
use weir_kafka::stage::Progress;
use weir_kafka::{Brokers, Committed, Outbox, Stage, StageError, Tp, compacted};
use weir_model::codes::RECEIVER_DEAD;
use weir_model::{Micros, topics};

/// What became of a try.
struct Outcome {
    id: String,
    to: String,
    why: &'static str,
    made: Micros,
    took: f64,
    result: Result<(), String>,
}

pub(crate) struct NotifyStage {
    brokers: Brokers,
    plan: Arc<Plan>,
    reader: Reader,
    senders: Arc<Senders>,
    handle: Handle,
    /// As committed, with what was folded since; none where that has to be read again.
    desk: Option<Desk>,
    under_way: BTreeSet<String>,
    outcomes: (Sender<Outcome>, Receiver<Outcome>),
}

impl NotifyStage {
    pub fn new(
        brokers: Brokers,
        plan: Arc<Plan>,
        reader: Reader,
        senders: Senders,
        handle: Handle,
    ) -> NotifyStage {
        NotifyStage {
            brokers,
            plan,
            reader,
            senders: Arc::new(senders),
            handle,
            desk: None,
            under_way: BTreeSet::new(),
            outcomes: channel(),
        }
    }

    /// What is known, read from the log where it is not there.
    fn desk(&mut self) -> Result<&mut Desk, StageError> {
        let desk = match self.desk.take() {
            Some(desk) => desk,
            None => self.restore()?,
        };
        Ok(self.desk.insert(desk))
    }

    fn restore(&self) -> Result<Desk, StageError> {
        let limit = self.brokers.timeouts.call;
        let entries = compacted::read_all(&self.brokers, topics::NOTIFY, limit)?;
        let entries = entries.iter().map(|(k, v)| (&k[..], &v[..]));
        let mut desk = Desk::load(self.plan.clone(), entries, |key| {
            tracing::error!(
                key,
                "an entry of {} cannot be read and is left out",
                topics::NOTIFY
            );
        });
        for step in desk.begin(now()) {
            tracing::warn!(
                id = step.id,
                route = step.route,
                receiver = step.to,
                "a message is not sent any more: nothing leads to its receiver"
            );
        }
        Ok(desk)
    }

    /// Takes in what became of messages.
    fn settle(&mut self) -> Result<(), StageError> {
        let outcomes: Vec<Outcome> = self.outcomes.1.try_iter().collect();
        let now = now();
        for o in outcomes {
            self.under_way.remove(&o.id);
            metrics::histogram!(metric::SECONDS, "receiver" => o.to.clone()).record(o.took);
            let desk = self.desk()?;
            match o.result {
                Ok(()) => {
                    desk.delivered(&o.id, now);
                    metrics::counter!(metric::SENT, "receiver" => o.to.clone(), "why" => o.why)
                        .increment(1);
                    let since = now.minus(o.made).0 as f64 / 1e6;
                    metrics::histogram!(metric::LATENCY, "receiver" => o.to).record(since);
                }
                Err(e) => {
                    metrics::counter!(metric::FAILED, "receiver" => o.to.clone()).increment(1);
                    tracing::warn!(receiver = o.to, id = o.id, "a message was not taken: {e}");
                    if desk.failed(&o.id, &e, now) {
                        tracing::error!(
                            receiver = o.to,
                            "{RECEIVER_DEAD}: nothing reaches it: {e}"
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends what is planned, once the plan stands in the log.
    fn dispatch(&mut self) {
        let Some(desk) = self.desk.as_ref().filter(|d| d.is_clean()) else {
            return;
        };
        let ready = desk.ready(now(), &self.under_way);
        metrics::gauge!(metric::PENDING).set(desk.pending().count() as f64);
        for (name, health) in desk.receivers() {
            let dead = f64::from(u8::from(health.dead));
            metrics::gauge!(metric::DEAD, "receiver" => name.clone()).set(dead);
        }
        for step in ready {
            self.under_way.insert(step.id.clone());
            self.start(step);
        }
    }

    fn start(&self, step: Step) {
        let (senders, outcomes) = (self.senders.clone(), self.outcomes.0.clone());
        self.handle.spawn(async move {
            let begun = Instant::now();
            let result = senders.send(&step).await;
            let outcome = Outcome {
                why: step.why.label(),
                id: step.id,
                to: step.to,
                made: step.made,
                took: begun.elapsed().as_secs_f64(),
                result,
            };
            // Nobody listens any more: the next start sends it again.
            let _ = outcomes.send(outcome);
        });
    }
}

impl Stage for NotifyStage {
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError> {
        self.desk()?;
        Ok(vec![None; new.len()])
    }

    fn revoked(&mut self, _gone: &[Tp]) {
        self.desk = None;
    }

    fn fold(&mut self, tp: &Tp, records: Run<'_>, _: &mut Outbox<'_>) -> Result<(), StageError> {
        let (place, now) = (tp.to_string(), now());
        for m in records.iter() {
            let (offset, appended) = (m.offset(), Micros::from_millis(m.timestamp()));
            if self.desk()?.has_read(&place, offset) {
                continue;
            }
            let said = self.reader.read(&m)?;
            let desk = self.desk()?;
            match said {
                Said::Alerts(all) => {
                    for notice in all {
                        if notice.firing && !desk.is_routed(&notice) {
                            metrics::counter!(metric::UNROUTED).increment(1);
                        }
                        desk.alert(notice, appended, now, (&place, offset));
                    }
                }
                Said::Acknowledged { tenant, alert } => {
                    desk.acknowledged((&tenant, &alert), appended, (&place, offset));
                }
                Said::Silenced(silence) => desk.silenced(silence, (&place, offset)),
                Said::Nothing => {}
                Said::Unreadable => {
                    tracing::error!(record = ?m, "a record cannot be read and is left out");
                    metrics::counter!(metric::SKIPPED, "topic" => tp.topic.clone()).increment(1);
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self, out: &mut Outbox<'_>) -> Result<(), StageError> {
        let desk = self.desk()?;
        desk.tick(now());
        for (key, value) in desk.changes() {
            out.send(
                topics::NOTIFY,
                Some(0),
                Some(key.as_bytes()),
                value.as_deref(),
                &[],
            );
        }
        Ok(())
    }

    fn committed(&mut self) {
        self.dispatch();
    }

    fn wants_commit(&mut self) -> bool {
        let due = |d: &Desk| !d.is_clean() || d.next_due().is_some_and(|due| due <= now());
        self.desk.as_ref().is_some_and(due)
    }

    fn between(&mut self, parts: &[Progress]) -> Result<(), StageError> {
        if parts.is_empty() {
            return Ok(());
        }
        self.settle()?;
        let desk = self.desk()?;
        if desk.is_clean() {
            // Early limits that nothing confirmed, and what need not be kept any more.
            desk.tick(now());
        }
        // What a pause for a failed try delays is due without a change.
        self.dispatch();
        Ok(())
    }
}

fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(Micros(0), |d| Micros(d.as_micros() as i64))
}
