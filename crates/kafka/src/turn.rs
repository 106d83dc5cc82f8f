//! Whose turn it is while a long log is read: that of the partition with the earliest log time.
//!
//! Partitions that are read as they are fetched drift apart in time, as their records are of
//! different sizes and numbers. Side by side they fill the same minutes, so a row is made once and
//! not once per partition, and stage 2 keeps few windows open.

use crate::batch::Batch;
use crate::consumer::Consumer;
use crate::error::Error;
use crate::owned::Owned;
use crate::stage::Stage;
use std::time::Duration;
use weir_model::Micros;

/// Records per batch.
pub(crate) const BATCH: usize = 4096;
/// With more records than this left in a partition it is wanted, until none has more than a batch
/// left.
const FAR: i64 = 8 * BATCH as i64;
/// Records of one partition in a row: fewer where there are many partitions, which are to stay
/// close to each other together.
const ROW: std::ops::RangeInclusive<usize> = 256..=1024;
/// A partition with nothing at hand is waited for so long; then the others go on.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);
/// How far they may go.
const AHEAD: Micros = Micros::HOUR;

/// Whether there is so much to read that partitions should go through it side by side.
pub(crate) fn wanted(consumer: &Consumer, owned: &[Owned], stage: &dyn Stage) -> bool {
    // First what costs nothing: most stages want no order, and this is asked in every cycle.
    let timed = |o: &Owned| stage.log_time(&o.tp).is_some();
    if owned.len() < 2 || !owned.iter().all(timed) {
        return false;
    }
    let enough = match consumer.is_apart() {
        true => BATCH as i64,
        false => FAR,
    };
    let left = |o: &Owned| consumer.known_end(&o.tp).unwrap_or(o.end) - o.next;
    owned.iter().any(|o| !o.at_end && left(o) > enough)
}

/// The next records of one partition; none where all were read to their ends, or nothing came from
/// anybody who was waited for.
pub(crate) fn next<'c>(
    consumer: &'c Consumer,
    owned: &[Owned],
    stage: &dyn Stage,
) -> Result<Batch<'c>, Error> {
    let most = (BATCH / owned.len().max(1)).clamp(*ROW.start(), *ROW.end());
    let parts = owned
        .iter()
        .map(|o| (stage.log_time(&o.tp).unwrap_or(Micros::MIN), o.at_end));
    for (i, patient) in turns(parts) {
        let patience = match patient {
            true => PATIENCE,
            false => Duration::ZERO,
        };
        let batch = consumer.next_of(&owned[i].tp, patience, most)?;
        if !batch.is_empty() || !batch.ends().is_empty() {
            return Ok(batch);
        }
    }
    Ok(Batch::default())
}

/// In which order partitions are asked, and whether each is waited for. `parts`: log time, and
/// whether one was read to its end: then it holds nobody back, but may have got records since.
fn turns(parts: impl Iterator<Item = (Micros, bool)>) -> Vec<(usize, bool)> {
    let mut parts: Vec<(Micros, usize, bool)> = parts
        .enumerate()
        .map(|(i, (time, at_end))| (time, i, at_end))
        .collect();
    parts.sort_unstable();
    // One that was not read yet has no time, and will have one in a moment.
    let slowest = parts
        .iter()
        .find(|(time, _, at_end)| !at_end && *time > Micros::MIN)
        .map_or(Micros::MAX, |p| p.0);
    parts
        .into_iter()
        .take_while(|(time, ..)| *time <= slowest.plus(AHEAD))
        .map(|(_, i, at_end)| (i, !at_end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(parts: &[(i64, bool)]) -> Vec<(usize, bool)> {
        let time = |m: i64| match m {
            -1 => Micros::MIN,
            m => Micros(m * Micros::MINUTE.0),
        };
        turns(parts.iter().map(|(m, at_end)| (time(*m), *at_end)))
    }

    #[test]
    fn the_earliest_is_asked_first_and_nobody_runs_an_hour_ahead() {
        let order = minutes(&[(30, false), (10, false), (71, false), (70, false)]);
        assert_eq!(order, [(1, true), (0, true), (3, true)]);
    }

    #[test]
    fn one_at_its_end_is_not_waited_for_and_holds_nobody_back() {
        let order = minutes(&[(500, false), (10, true), (400, true)]);
        assert_eq!(order, [(1, false), (2, false), (0, true)]);
    }

    #[test]
    fn one_that_was_not_read_yet_comes_first_and_holds_nobody_back() {
        let order = minutes(&[(500, false), (-1, false)]);
        assert_eq!(order, [(1, true), (0, true)]);
    }
}
