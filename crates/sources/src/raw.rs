//! The raw log, read back: one partition at a time, or all in order of log time.

use anyhow::Result;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Consumer, Tp};
use weir_model::codes::DEADLINE as TIMED_OUT;
use weir_model::{Micros, headers::Mark, headers::Meta};

const DEADLINE: Duration = Duration::from_secs(60);

/// A record of a raw topic, owned.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRecord {
    /// Offset.
    pub offset: i64,
    /// Append time.
    pub append_time: Micros,
    /// Key, empty where there is none.
    pub key: Vec<u8>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers that mean something.
    pub meta: Meta,
}

/// Reads one partition from its beginning to what was its end when it was opened.
pub struct Cursor {
    /// Topic and partition.
    pub tp: Tp,
    /// Records there are, at most (transaction markers take offsets too).
    pub span: u64,
    /// Where to begin, until something is asked for: an open consumer fetches ahead, and many of
    /// them would fill memory while one is read.
    begin: Option<(Brokers, i64)>,
    consumer: Option<Consumer>,
    end: i64,
    buffer: VecDeque<RawRecord>,
}

impl Cursor {
    /// Opens every partition of the given raw topics.
    pub fn open_all(brokers: &Brokers, topics: &[&str]) -> Result<Vec<Cursor>> {
        let mut out = Vec::new();
        for info in Admin::new(brokers, DEADLINE)?.topics(topics)? {
            for p in info.partitions {
                let tp = Tp::new(info.name.clone(), p.partition);
                out.push(Cursor {
                    tp,
                    span: (p.end - p.low) as u64,
                    begin: (p.end > p.low).then(|| (brokers.clone(), p.low)),
                    consumer: None,
                    end: p.end,
                    buffer: VecDeque::new(),
                });
            }
        }
        out.sort_by(|a, b| (&a.tp.topic, a.tp.partition).cmp(&(&b.tp.topic, b.tp.partition)));
        Ok(out)
    }

    /// The next record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<RawRecord>> {
        if let Some((brokers, low)) = self.begin.take() {
            let from = [(self.tp.clone(), low)];
            self.consumer = Some(Consumer::assigned(&brokers, &from)?);
        }
        let deadline = Instant::now() + DEADLINE;
        while self.buffer.is_empty() {
            let Some(consumer) = &self.consumer else {
                return Ok(None);
            };
            consumer.poll(Duration::ZERO)?;
            let batch = consumer.next(Duration::from_millis(100), Duration::ZERO, 4096)?;
            let mut done = batch.ends().iter().any(|e| e.next >= self.end);
            for m in batch.iter() {
                if m.offset() < self.end {
                    self.buffer.push_back(RawRecord {
                        offset: m.offset(),
                        append_time: Micros::from_millis(m.timestamp()),
                        key: m.key().unwrap_or_default().to_vec(),
                        value: m.value().map(<[u8]>::to_vec),
                        meta: m.meta(),
                    });
                }
                done |= m.offset() + 1 >= self.end;
            }
            if done {
                drop(batch);
                self.consumer = None;
            }
            if Instant::now() > deadline {
                anyhow::bail!(
                    "{TIMED_OUT}: {}/{} gave nothing for a minute; is the broker up?",
                    self.tp.topic,
                    self.tp.partition
                );
            }
        }
        Ok(self.buffer.pop_front())
    }
}

/// Log time of a partition, as `docs/semantics.md` defines it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogTime {
    now: Micros,
    in_replay: bool,
}

impl Default for LogTime {
    fn default() -> Self {
        LogTime {
            now: Micros::MIN,
            in_replay: false,
        }
    }
}

impl LogTime {
    /// Moves over a record; its log time. Marks do not move it.
    pub fn step(&mut self, r: &RawRecord) -> Micros {
        if let (Some(mark), None) = (r.meta.mark, &r.value) {
            self.in_replay = mark == Mark::Begin;
            return self.now;
        }
        let at = if self.in_replay {
            r.meta.log_time
        } else {
            Some(r.append_time)
        };
        self.now = self.now.max(at.unwrap_or(Micros::MIN));
        self.now
    }
}
