//! The state machine of one raw partition: log time, duplicates, watermark, lateness.

use super::dedup::{Dedup, HORIZON, Key};
use super::position::{Clock, Horizon, Position};
use super::read::Head;
use super::{Fold, Record};
use std::collections::{BTreeMap, VecDeque};
use weir_model::Micros;
use weir_model::headers::Mark;
use weir_model::time::FUTURE_TOLERANCE;

#[derive(Debug)]
pub(super) struct State {
    pub clock: Clock,
    pub watermark: Micros,
    /// When the last event was appended.
    pub event: Micros,
    pub dedup: Dedup,
    /// Events too late to be judged since they were last asked for, by tenant.
    pub late: BTreeMap<String, LateEvents>,
    /// First event of each minute within the horizon, ascending.
    starts: VecDeque<(i64, Horizon)>,
    /// The clock of records that are read again.
    warm: Clock,
    /// Watermark last told.
    told: Micros,
}

#[derive(Debug)]
pub(super) struct LateEvents {
    pub first_offset: i64,
    pub last_offset: i64,
    pub events: u64,
    pub earliest: Micros,
}

/// What became of an event.
pub(super) enum Seen {
    Duplicate,
    Counted {
        t: Micros,
        late: bool,
        clamped: bool,
        /// Late as it is, windows that end after this moment may know of it: none is final.
        known: Micros,
    },
}

impl Clock {
    /// Log time of a record that is no mark.
    fn advance(&mut self, record: &Record) {
        let said = if self.in_replay {
            record.meta.log_time
        } else {
            Some(record.append_time)
        };
        self.log_time = self.log_time.max(said.unwrap_or(Micros::MIN));
    }

    fn mark(&mut self, mark: Mark) {
        self.in_replay = mark == Mark::Begin;
        if self.in_replay {
            // Log time is that of the headers seen since.
            self.log_time = Micros::MIN;
        }
    }

    /// Log time of an event.
    fn event(&mut self, record: &Record, head: &Head) {
        self.advance(record);
        if self.log_time == Micros::MIN {
            self.log_time = Micros(head.time);
        }
    }

    fn minute(&self) -> i64 {
        self.log_time.0.div_euclid(Micros::MINUTE.0)
    }
}

impl State {
    pub fn open(position: Position) -> State {
        State {
            clock: position.clock,
            watermark: position.watermark,
            event: position.event,
            dedup: Dedup::default(),
            late: BTreeMap::new(),
            starts: VecDeque::new(),
            warm: position.horizon.map_or(position.clock, |h| h.clock),
            told: Micros::MIN,
        }
    }

    pub fn position(&self) -> Position {
        let oldest = self.clock.minute().saturating_sub(HORIZON);
        let first = self.starts.iter().find(|(minute, _)| *minute >= oldest);
        Position {
            watermark: self.watermark,
            clock: self.clock,
            horizon: first.map(|(_, h)| *h),
            event: self.event,
        }
    }

    /// Moves log time for a record that does nothing else.
    pub fn advance(&mut self, record: &Record) {
        self.clock.advance(record);
    }

    /// A mark or tick.
    pub fn other(&mut self, record: &Record, disorder: Micros) -> Fold {
        if let Some(mark) = record.meta.mark {
            self.clock.mark(mark);
            if mark == Mark::Begin {
                self.forget();
            }
            return Fold::Mark;
        }
        self.clock.advance(record);
        match record.meta.tick {
            Some(tick) if !self.clock.in_replay || record.meta.log_time.is_some() => {
                self.watermark = self
                    .watermark
                    .max(tick.min(self.clock.log_time).minus(disorder));
                Fold::Tick
            }
            _ => Fold::Skipped,
        }
    }

    pub fn event(&mut self, record: &Record, head: &Head, disorder: Micros) -> Seen {
        let before = self.clock;
        self.clock.event(record, head);
        self.event = self.event.max(record.append_time);
        let minute = self.clock.minute();
        let (time, log_time) = (Micros(head.time), self.clock.log_time);
        let t = time.min(log_time.plus(FUTURE_TOLERANCE));
        let late = t < self.watermark;
        if self.read((minute, record.offset, before), head.identity, late) {
            return Seen::Duplicate;
        }
        // Log time of what is played may lie before the watermark.
        let known = log_time.max(self.watermark);
        self.watermark = self.watermark.max(time.min(log_time).minus(disorder));
        Seen::Counted {
            t,
            late,
            clamped: t < time,
            known,
        }
    }

    /// Puts down an event that is too late to be judged. Only the first one of a tenant since they
    /// were asked for takes memory.
    pub fn came_late(&mut self, tenant: &str, offset: i64, t: Micros) {
        if let Some(all) = self.late.get_mut(tenant) {
            all.last_offset = offset;
            all.events += 1;
            all.earliest = all.earliest.min(t);
            return;
        }
        let first = LateEvents {
            first_offset: offset,
            last_offset: offset,
            events: 1,
            earliest: t,
        };
        self.late.insert(tenant.to_owned(), first);
    }

    /// Reads a record again whose effects are part of the position, but for its identity.
    pub fn warm(&mut self, record: &Record, head: Option<&Head>) -> Fold {
        if let Some(head) = head {
            let before = self.warm;
            self.warm.event(record, head);
            let minute = self.warm.minute();
            return if self.read((minute, record.offset, before), head.identity, false) {
                Fold::Duplicate
            } else {
                Fold::Counted {
                    late: false,
                    clamped: false,
                }
            };
        }
        match record.meta.mark {
            Some(mark) => {
                self.warm.mark(mark);
                if mark == Mark::Begin {
                    self.forget();
                }
                Fold::Mark
            }
            None => {
                self.warm.advance(record);
                if record.meta.tick.is_some() {
                    Fold::Tick
                } else {
                    Fold::Skipped
                }
            }
        }
    }

    /// As `warm`, for a dead letter.
    pub fn warm_dead(&mut self, record: &Record) {
        self.warm.advance(record);
    }

    /// Puts an identity down that was read in a minute, at an offset, with the clock before it;
    /// true where it was read before.
    fn read(
        &mut self,
        (minute, offset, before): (i64, i64, Clock),
        identity: Key,
        late: bool,
    ) -> bool {
        if self.starts.back().is_none_or(|(last, _)| *last < minute) {
            let oldest = minute.saturating_sub(HORIZON);
            while self
                .starts
                .front()
                .is_some_and(|(first, _)| *first < oldest)
            {
                self.starts.pop_front();
            }
            self.starts.push_back((
                minute,
                Horizon {
                    offset,
                    clock: before,
                },
            ));
        }
        self.dedup.seen(identity, minute, late)
    }

    /// A replay begins: log time starts anew, so what was read before lies in no minute of it.
    fn forget(&mut self) {
        self.dedup.clear();
        self.starts.clear();
    }

    /// The watermark, if panes have ended since it was last told.
    pub fn tell(&mut self) -> Option<Micros> {
        if !self.has_news() {
            return None;
        }
        self.told = self.watermark;
        Some(self.watermark)
    }

    pub fn has_news(&self) -> bool {
        let (now, told) = (self.watermark, self.told);
        now > Micros::MIN && now > told && now.floor(Micros::MINUTE) > told.floor(Micros::MINUTE)
    }

    /// The watermark last told.
    pub fn told(&self) -> Micros {
        self.told
    }

    pub fn untell(&mut self) {
        self.told = Micros::MIN;
    }
}
