//! When time is written into the log.
//!
//! A partition that is read to its end and quiet must not hold time back, and the wall clock must
//! not decide results: so the owner of such a partition appends a **tick** to it (no value, header
//! `weir-tick`), unless the partition is under replay (there only the player's own ticks count).
//!
//! **How often** depends on when the last event of the *whole system* came, of whatever type: a KPI
//! may stand on a busy type and on a quiet one, and what is final of it is the less of both. So all
//! types keep step with the busiest, and all rest together. The steps are aligned to the epoch:
//! an hour's end is told at once however long nothing has happened. Only windows in which nothing
//! happened can be told later for it; a tick that was not sent changes no number, as a window
//! becomes final with what the log holds before the next one.
//!
//! Ticks are sent by a producer of their own, outside of the stage's transaction: inside, they would
//! hold back the end of the very topic that is read.

use crate::combine::now;
use crate::{Scope, metric};
use std::time::{Duration, Instant};
use weir_engine::combine::Position;
use weir_kafka::admin::Admin;
use weir_kafka::{Appender, StageError, Tp};
use weir_model::headers::TICK;
use weir_model::{Micros, topics};

/// (for so long after the last event, such steps). While windows of minutes may end: each minute.
/// While one that slides by five minutes may still hold the event (`6h/5m`): every five. Until its
/// day is over in every time zone, whose offsets are quarters of an hour: every quarter.
const STEPS: [(Micros, Micros); 3] = [
    (Micros(10 * Micros::MINUTE.0), Micros::MINUTE),
    (
        Micros(6 * Micros::HOUR.0 + 10 * Micros::MINUTE.0),
        Micros(5 * Micros::MINUTE.0),
    ),
    (Micros(26 * Micros::HOUR.0), Micros(15 * Micros::MINUTE.0)),
];
/// Steps after that: what counts silence does so by the hour.
const LAST: Micros = Micros::HOUR;
/// Looks for partitions that need a tick.
const LOOK: Duration = Duration::from_millis(500);
/// Asks when the last event of other instances came.
const ASK: Duration = Duration::from_secs(5);
/// A partition that ends within this time is not idle yet.
pub(crate) const QUIET: Duration = Duration::from_secs(1);

/// How far the watermark of a quiet partition should be by now.
fn due(now: Micros, disorder: Micros, last_event: Micros) -> Micros {
    let quiet = now.minus(last_event);
    let step = STEPS.iter().find(|(long, _)| quiet <= *long);
    now.minus(disorder)
        .floor(step.map_or(LAST, |(_, step)| *step))
}

/// A partition that is read to its end and quiet.
pub(crate) struct Quiet<'a> {
    pub tp: &'a Tp,
    /// Name of its event type.
    pub event: &'a str,
    pub disorder: Micros,
    pub watermark: Micros,
    /// What the last tick was for.
    pub ticked: &'a mut Micros,
}

/// Appends ticks.
pub(crate) struct Ticks {
    appender: Appender,
    looked: Instant,
    /// When the last event of partitions of other instances was appended, and when that was asked.
    others: Micros,
    asked: Option<Instant>,
    /// An event may have come as late as then: positions of older versions do not tell.
    pub at_least: Micros,
}

impl Ticks {
    pub fn new(scope: &Scope) -> Result<Ticks, StageError> {
        Ok(Ticks {
            appender: Appender::new(&scope.brokers)?,
            looked: Instant::now(),
            others: Micros::MIN,
            asked: None,
            at_least: Micros::MIN,
        })
    }

    /// Whether it is time to look for partitions that need one.
    pub fn is_time(&mut self) -> bool {
        let is = self.looked.elapsed() >= LOOK;
        if is {
            self.looked = Instant::now();
        }
        is
    }

    /// When the last event of the system was appended; minus infinity where there was none: then
    /// nothing waits, and time need not move. `ours` are the partitions of this instance.
    pub fn last_event<'a>(
        &mut self,
        scope: &Scope,
        ours: impl ExactSizeIterator<Item = (&'a Tp, Micros)>,
    ) -> Result<Micros, StageError> {
        let all: u32 = scope.raw.iter().sum();
        let shared = ours.len() < all as usize;
        let ours: Vec<(&Tp, Micros)> = ours.collect();
        if shared && self.asked.is_none_or(|t| t.elapsed() >= ASK) {
            self.asked = Some(Instant::now());
            self.others = self.others.max(others(scope, &ours)?);
        }
        let newest = ours.iter().map(|(_, at)| *at).max();
        let newest = newest.unwrap_or(Micros::MIN);
        Ok(newest.max(self.others).max(self.at_least))
    }

    /// Appends a tick where one is due.
    pub fn send<'a>(
        &mut self,
        last_event: Micros,
        quiet: impl Iterator<Item = Quiet<'a>>,
    ) -> Result<(), StageError> {
        let (now, mut sent) = (now(), false);
        let text = now.0.to_string();
        for q in quiet {
            let due = due(now, q.disorder, last_event);
            if due <= *q.ticked || q.watermark >= due {
                continue;
            }
            *q.ticked = due;
            let header: &[(&str, &[u8])] = &[(TICK, text.as_bytes())];
            let partition = Some(q.tp.partition);
            self.appender
                .send(&q.tp.topic, partition, None, None, header)?;
            metrics::counter!(metric::TICKS, "event" => q.event.to_owned()).increment(1);
            sent = true;
        }
        if sent {
            self.appender.flush()?;
        }
        Ok(())
    }
}

/// When the last event of partitions that are not ours was appended, as their owners committed it.
fn others(scope: &Scope, ours: &[(&Tp, Micros)]) -> Result<Micros, StageError> {
    let names = scope.catalog.events.iter().map(|e| topics::events(&e.name));
    let all = names.zip(&scope.raw).flat_map(|(topic, n)| {
        let partitions = 0..*n as i32;
        partitions.map(move |p| Tp::new(topic.as_str(), p))
    });
    let theirs: Vec<Tp> = all
        .filter(|tp| !ours.iter().any(|(our, _)| *our == tp))
        .collect();
    let group = weir_runtime::names::stage_group("combine", scope.run.number);
    let admin = Admin::new(&scope.brokers, scope.limit())?;
    let committed = admin.committed_with_metadata(&group, &theirs)?;
    let events = committed.iter().map(|(_, text)| Position::last_event(text));
    Ok(events.max().unwrap_or(Micros::MIN))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = Micros::MINUTE.0;

    #[test]
    fn steps_grow_while_nothing_comes() {
        let steps = |minutes_after: i64| {
            let event = Micros(1_000_000 * Micros::HOUR.0);
            let at = |m: i64| due(event.plus(Micros(m * MINUTE)), Micros(0), event).0 / MINUTE;
            // The first moment after which another one is due.
            (minutes_after..)
                .find(|m| at(*m) > at(minutes_after))
                .unwrap()
                - minutes_after
        };
        assert_eq!([steps(0), steps(9), steps(15), steps(345)], [1, 1, 5, 5]);
        assert_eq!([steps(375), steps(1545), steps(1560)], [15, 15, 60]);
        assert_eq!(steps(100_020), 60);
    }

    proptest! {
        // Whatever ends and may hold the last event is told within a minute of its end; hours
        // always are.
        #[test]
        fn no_window_with_an_event_in_it_waits(
            event in 0i64..400 * 24 * 60,
            second in 0i64..60,
            size in prop::sample::select(vec![(1i64, 1i64), (5, 1), (5, 5), (60, 5), (360, 5), (60, 60), (4320, 60)]),
            slide in 0i64..400,
        ) {
            let (long, step) = size;
            let event = Micros(event * MINUTE + second * 1_000_000);
            let slide = slide % (long / step);
            let end = (event.0.div_euclid(step * MINUTE) + 1 + slide) * step * MINUTE;
            prop_assert!(end - long * MINUTE <= event.0 && event.0 < end);
            prop_assert!(due(Micros(end), Micros(0), event).0 >= end);
        }

        // Days of zones whose offset is a whole number of quarters.
        #[test]
        fn no_day_with_an_event_in_it_waits(event in 0i64..400 * 24 * 60, quarter in -48i64..=56) {
            let (day, offset) = (24 * 60 * MINUTE, quarter * 15 * MINUTE);
            let event = Micros(event * MINUTE);
            let end = ((event.0 + offset).div_euclid(day) + 1) * day - offset;
            prop_assert!(due(Micros(end), Micros(0), event).0 >= end);
        }

        // Time never goes back, and never stands for more than an hour.
        #[test]
        fn time_moves(event in 0i64..1_000_000, later in 0i64..10_000, minutes in 0i64..60) {
            let event = Micros(event * MINUTE);
            let now = event.plus(Micros(later * MINUTE + minutes * 1_000));
            let at = due(now, Micros::MINUTE, event);
            prop_assert!(at <= now.minus(Micros::MINUTE));
            prop_assert!(now.minus(at).0 < 61 * MINUTE);
        }
    }
}
