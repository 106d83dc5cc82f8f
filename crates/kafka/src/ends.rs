//! Where logs end, asked beside the reading: on its own connection a question would wait behind the
//! fetch that the broker holds, and what comes meanwhile behind the question.

use crate::admin::Admin;
use crate::client::Brokers;
use crate::consumer::Tp;
use crate::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Ends of partitions (after the last committed record).
pub type Found = Vec<(Tp, i64)>;

/// Asks the brokers on a thread of its own, one question at a time.
pub struct Ends {
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
    pub fn of(brokers: &Brokers) -> Ends {
        Ends {
            brokers: brokers.clone(),
            line: None,
        }
    }

    /// The answer to the question before, if it is there, and asks anew. What it says can only have
    /// grown since.
    pub fn look(&mut self, parts: Vec<Tp>) -> Option<Result<Found, Error>> {
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
