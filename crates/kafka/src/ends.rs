//! Where logs end, asked beside the reading: on its own connection a question would wait behind the
//! fetch that the broker holds, and what comes meanwhile behind the question.

use crate::admin::Admin;
use crate::client::Brokers;
use crate::error::Error;
use crate::partition::Tp;
use crate::timeouts::Timeouts;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;
use weir_runtime::Part;

/// Ends of partitions (after the last committed record).
type Found = Vec<(Tp, i64)>;

/// Whether something waits that nobody reads.
pub struct Watch {
    ends: Ends,
    timeouts: Timeouts,
    looked: Instant,
    read_at: Instant,
    /// Since then nothing was read although something waits, or no broker told whether it does.
    stuck: Option<Instant>,
}

impl Watch {
    /// From now on.
    pub fn of(brokers: &Brokers) -> Watch {
        Watch {
            ends: Ends::of(brokers),
            timeouts: brokers.timeouts.clone(),
            looked: Instant::now(),
            read_at: Instant::now(),
            stuck: None,
        }
    }

    /// Something was read.
    pub fn read(&mut self) {
        self.read_at = Instant::now();
    }

    /// Every now and then, lets `lag` tell how much waits. Where nothing was read for a while the
    /// brokers are asked, and `lag` gets their answer: what the client knows came with what it
    /// fetched, and would not show that it does not fetch. `parts` are those that are owned.
    ///
    /// # Errors
    /// Past the limit for standing still: new clients are to be tried.
    pub fn look(
        &mut self,
        part: &Part,
        parts: impl FnOnce() -> Vec<Tp>,
        lag: impl FnOnce(&[(Tp, i64)]) -> i64,
    ) -> Result<(), Error> {
        let (every, stall) = (self.timeouts.look(), self.timeouts.stall);
        if self.looked.elapsed() < every {
            return Ok(());
        }
        self.looked = Instant::now();
        let parts = match self.read_at.elapsed() > every {
            true => parts(),
            false => Vec::new(),
        };
        let quiet = !parts.is_empty();
        let asked = match quiet {
            true => self.ends.look(parts),
            false => Some(Ok(Vec::new())),
        };
        let waits = match asked {
            // The answer takes its time: until then all is as it was.
            None => return Ok(()),
            Some(Ok(ends)) => lag(&ends) > 0,
            Some(Err(e)) => {
                part.waits_for(format!("Kafka: {e}"));
                true
            }
        };
        if !(quiet && waits) {
            self.stuck = None;
        } else if self.stuck.get_or_insert(self.looked).elapsed() > stall {
            return Err(Error::Deadline {
                what: "reading what waits".into(),
                seconds: stall.as_secs(),
            });
        }
        Ok(())
    }
}

/// Asks the brokers on a thread of its own, one question at a time.
struct Ends {
    brokers: Brokers,
    line: Option<Line>,
}

struct Line {
    ask: Sender<Vec<Tp>>,
    told: Receiver<Result<Found, Error>>,
    waiting: bool,
}

impl Ends {
    /// Connects with the first question.
    fn of(brokers: &Brokers) -> Ends {
        Ends {
            brokers: brokers.clone(),
            line: None,
        }
    }

    /// The answer to the question before, if it is there, and asks anew. What it says can only have
    /// grown since.
    fn look(&mut self, parts: Vec<Tp>) -> Option<Result<Found, Error>> {
        let line = self.line.get_or_insert_with(|| line(self.brokers.clone()));
        let told = line.told.try_recv().ok();
        line.waiting &= told.is_none();
        if !line.waiting {
            // Refused where the thread has ended: then a new one answers the next time.
            match line.ask.send(parts) {
                Ok(()) => line.waiting = true,
                Err(_) => self.line = None,
            }
        }
        told
    }
}

/// The thread ends with the line.
fn line(brokers: Brokers) -> Line {
    let (ask, asked) = channel::<Vec<Tp>>();
    let (tell, told) = channel();
    let answer = move || {
        let limit = brokers.timeouts.call;
        let mut admin = None;
        for parts in asked {
            let answer = match admin.take() {
                Some(admin) => Ok(admin),
                None => Admin::new(&brokers, limit),
            }
            .and_then(|a| admin.insert(a).ends(&parts));
            if tell.send(answer).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("weir-ends".into());
    if let Err(e) = thread.spawn(answer) {
        tracing::warn!("a thread cannot start: {e}");
    }
    Line {
        ask,
        told,
        waiting: false,
    }
}
