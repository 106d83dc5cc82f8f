//! The one api of a system that sends reports: it holds the partition of `weir.reports`, and writes
//! there what was sent.
//!
//! It dies ... before a mail is handed over: nothing was sent, and it is due still. Between the
//! server's "taken" and the commit: the next start mails it again, under the same Message-ID.
//! After the commit: it is not sent again.

use super::book::Book;
use super::declare::Schedule;
use super::post::{Outcome, Post, last_day};
use crate::metric;
use crate::state::Shared;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use weir_kafka::batch::Run;
use weir_kafka::stage::Progress;
use weir_kafka::{Committed, Outbox, Stage, StageError, Tp, compacted};
use weir_mail::Mailer;
use weir_model::codes::REPORT_UNSENT;
use weir_model::{Micros, topics};

/// Longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How often it is looked what is due.
const LOOK: Duration = Duration::from_millis(500);

/// What is under way.
struct Work {
    schedule: Arc<Schedule>,
    due: Micros,
    task: JoinHandle<()>,
    outcomes: Receiver<Outcome>,
    /// Who will never get it, and why.
    refused: Vec<String>,
}

/// What is due, and tries of it.
struct Open {
    due: Micros,
    since: Instant,
    tries: u32,
    next: Instant,
}

pub(super) struct ReportStage {
    state: Shared,
    schedules: Vec<Arc<Schedule>>,
    mailer: Arc<Mailer>,
    handle: Handle,
    /// As committed, with what came since; none where that has to be read again.
    book: Option<Book>,
    work: Option<Work>,
    open: BTreeMap<String, Open>,
    looked: Instant,
}

impl ReportStage {
    pub fn new(
        state: Shared,
        schedules: Vec<Schedule>,
        mailer: Mailer,
        handle: Handle,
    ) -> ReportStage {
        ReportStage {
            state,
            schedules: schedules.into_iter().map(Arc::new).collect(),
            mailer: Arc::new(mailer),
            handle,
            book: None,
            work: None,
            open: BTreeMap::new(),
            looked: Instant::now(),
        }
    }

    /// What is known, read from the log where it is not there.
    fn book(&mut self) -> Result<&mut Book, StageError> {
        let book = match self.book.take() {
            Some(book) => book,
            None => self.restore()?,
        };
        Ok(self.book.insert(book))
    }

    fn restore(&self) -> Result<Book, StageError> {
        let brokers = &self.state.config.kafka;
        let limit = brokers.timeouts.call;
        let entries = compacted::read_all(brokers, topics::REPORTS, limit)?;
        let entries = entries.iter().map(|(k, v)| (&k[..], &v[..]));
        let mut book = Book::load(entries, |key| {
            let topic = topics::REPORTS;
            tracing::error!(key, "an entry of {topic} cannot be read and is left out");
        });
        let now = weir_http::now();
        self.schedules.iter().for_each(|s| book.meet(&s.name, now));
        Ok(book)
    }

    /// Takes in what became of mails.
    fn settle(&mut self) -> Result<(), StageError> {
        while let Some(work) = &mut self.work {
            let outcome = match work.outcomes.try_recv() {
                Ok(outcome) => outcome,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => Outcome::Over(Err("it broke off".to_owned())),
            };
            let schedule = work.schedule.name.clone();
            let count = |result: &'static str| {
                let of = [
                    ("schedule", schedule.clone()),
                    ("result", result.to_owned()),
                ];
                metrics::counter!(metric::REPORT_MAILS, &of).increment(1);
            };
            match outcome {
                Outcome::Taken(mail) => {
                    count("taken");
                    self.book()?.sent(mail, weir_http::now());
                }
                Outcome::Refused(mail, why) => {
                    count("refused");
                    let to = &mail.to;
                    tracing::error!(
                        schedule,
                        to,
                        "{REPORT_UNSENT}: the server refuses it: {why}"
                    );
                    work.refused.push(format!("{to}: {why}"));
                    self.book()?.refused(mail);
                }
                Outcome::Over(result) => {
                    if result.is_err() {
                        count("failed");
                    }
                    self.over(result)?;
                }
            }
        }
        Ok(())
    }

    /// A try has come to its end.
    fn over(&mut self, result: Result<Option<String>, String>) -> Result<(), StageError> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        let (name, due) = (&work.schedule.name, work.due);
        match result {
            Ok(told) => {
                let told: Vec<String> = told.into_iter().chain(work.refused).collect();
                let told = Some(told.join("; ")).filter(|t| !t.is_empty());
                self.book()?.done(name, due, told);
                self.open.remove(name);
                tracing::info!(schedule = name, "the report is sent");
            }
            Err(why) => {
                let again = self.state.config.reports.again;
                let pause = self.open.get_mut(name).map(|open| {
                    let pause = again.saturating_mul(1 << open.tries.min(10)).min(LONGEST);
                    open.tries += 1;
                    open.next = Instant::now() + pause;
                    pause
                });
                let pause = pause.unwrap_or(again).as_secs();
                tracing::warn!(
                    schedule = name,
                    "{REPORT_UNSENT}: tried again in {pause} s: {why}"
                );
                self.book()?.failed(name, &why);
            }
        }
        Ok(())
    }

    /// Begins with what is due, one after the other.
    fn begin(&mut self) -> Result<(), StageError> {
        if self.work.is_some() || !self.book()?.is_clean() {
            return Ok(());
        }
        let now = weir_http::now();
        let mut behind = 0_u32;
        let mut first: Option<(Instant, Arc<Schedule>, Micros)> = None;
        for schedule in self.schedules.clone() {
            let Some(due) = self.due(&schedule, now)? else {
                continue;
            };
            behind += 1;
            // Who has waited longest, so that one that fails does not keep the others from it.
            let Some(next) = self.open.get(&schedule.name).map(|o| o.next) else {
                continue;
            };
            if self.is_time(&schedule, due) && first.as_ref().is_none_or(|f| next < f.0) {
                first = Some((next, schedule, due));
            }
        }
        metrics::gauge!(metric::REPORTS_BEHIND).set(f64::from(behind));
        match first {
            Some((_, schedule, due)) => self.start(schedule, due),
            None => Ok(()),
        }
    }

    /// When it was due last, where that is not dealt with. What was due before is not made up for.
    fn due(&mut self, schedule: &Schedule, now: Micros) -> Result<Option<Micros>, StageError> {
        let at = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
        let last = schedule.cron.last(at, &schedule.zone);
        let last = last.map(|t| Micros(t.as_microsecond()));
        let book = self.book()?;
        let due = last.filter(|last| book.is_due(&schedule.name, *last));
        match (due, self.open.get(&schedule.name)) {
            (Some(due), Some(open)) if open.due == due => {}
            (Some(due), open) => {
                if let Some(open) = open {
                    let (name, missed) = (&schedule.name, crate::standing::rfc3339(open.due));
                    tracing::error!(
                        schedule = name,
                        "{REPORT_UNSENT}: what was due {missed} was not sent to all, and is not \
                         any more: the next one is due"
                    );
                }
                let now = Instant::now();
                let open = Open {
                    due,
                    since: now,
                    tries: 0,
                    next: now,
                };
                self.open.insert(schedule.name.clone(), open);
            }
            (None, _) => drop(self.open.remove(&schedule.name)),
        }
        Ok(due)
    }

    /// Whether it may begin: all of its days is counted, or was waited for long enough.
    fn is_time(&self, schedule: &Schedule, due: Micros) -> bool {
        let Some(open) = self.open.get(&schedule.name) else {
            return false;
        };
        if Instant::now() < open.next || self.state.standing.trouble().is_some() {
            return false;
        }
        let ends = || {
            let day = last_day(&self.state, schedule, due)?.tomorrow().ok()?;
            let zone = self.state.catalog.tenants.zone(&schedule.tenant).clone();
            Some(Micros(
                day.to_zoned(zone).ok()?.timestamp().as_microsecond(),
            ))
        };
        let complete = self.state.standing.all_through();
        let counted = complete
            .zip(ends())
            .is_some_and(|((_, through), end)| through >= end);
        counted || open.since.elapsed() >= self.state.config.reports.wait
    }

    fn start(&mut self, schedule: Arc<Schedule>, due: Micros) -> Result<(), StageError> {
        let (sender, outcomes): (Sender<Outcome>, _) = channel();
        let post = Post {
            state: self.state.clone(),
            schedule: schedule.clone(),
            mailer: self.mailer.clone(),
            due,
            mailed: self.book()?.mailed(&schedule.name, due),
            outcomes: sender,
        };
        self.work = Some(Work {
            schedule,
            due,
            task: self.handle.spawn(post.send()),
            outcomes,
            refused: Vec::new(),
        });
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(work) = self.work.take() {
            work.task.abort();
        }
    }
}

impl Drop for ReportStage {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Stage for ReportStage {
    fn assigned(&mut self, new: &[Committed]) -> Result<Vec<Option<i64>>, StageError> {
        self.book()?;
        Ok(vec![None; new.len()])
    }

    fn revoked(&mut self, _gone: &[Tp]) {
        // Another one has it now, or what was written is not there.
        self.stop();
        self.book = None;
        self.open.clear();
    }

    fn fold(&mut self, _: &Tp, _: Run<'_>, _: &mut Outbox<'_>) -> Result<(), StageError> {
        // It wrote this itself, or has read it when it took over.
        Ok(())
    }

    fn commit(&mut self, out: &mut Outbox<'_>) -> Result<(), StageError> {
        for (key, value) in self.book()?.changes() {
            let key = Some(key.as_bytes());
            out.send(topics::REPORTS, Some(0), key, value.as_deref(), &[]);
        }
        Ok(())
    }

    fn wants_commit(&mut self) -> bool {
        self.book.as_ref().is_some_and(|book| !book.is_clean())
    }

    fn between(&mut self, parts: &[Progress]) -> Result<(), StageError> {
        if parts.is_empty() {
            return Ok(());
        }
        self.settle()?;
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.begin()?;
        }
        Ok(())
    }
}
