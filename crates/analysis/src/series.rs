//! A series: values at equal steps of time, some of which are missing.
//!
//! Assumption: the step is fixed. Points of a calendar whose days have 23 or 25 hours are put into
//! the nearest slot; months are no fixed step, so a series of months has to be given with
//! [`Series::regular`], and its times are then those of equal steps.

use crate::Error;
use std::collections::BTreeMap;
use weir_model::Micros;

/// Most slots of a series: a step of one second lasts two months.
pub const MAX_SLOTS: usize = 5_000_000;

/// Values at equal steps of time; `None` where nothing was observed.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    start: Micros,
    step: Micros,
    values: Vec<Option<f64>>,
}

impl Series {
    /// Values from `start` on, each `step` after the other. NaN and infinities become gaps.
    ///
    /// # Errors
    /// [`Error::Times`] where the step is not positive or there are more than [`MAX_SLOTS`] values.
    pub fn regular(
        start: Micros,
        step: Micros,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Result<Series, Error> {
        if step.0 <= 0 {
            return Err(Error::Times("the step is not positive".into()));
        }
        let values: Vec<Option<f64>> = values
            .into_iter()
            .map(|v| v.filter(|v| v.is_finite()))
            .collect();
        if values.len() > MAX_SLOTS {
            return Err(too_many());
        }
        Ok(Series {
            start,
            step,
            values,
        })
    }

    /// A series of points in any order. The step is what most neighbours are apart; where no
    /// distance has a majority, the least one if it divides all others, else their median. Each point goes to the nearest slot; points that meet in
    /// one slot are averaged. Points that are NaN or infinite are gaps.
    ///
    /// # Errors
    /// [`Error::TooShort`] where fewer than two times differ, [`Error::Times`] where the step is so
    /// short against the span that there would be more than [`MAX_SLOTS`] slots.
    pub fn from_points(points: &[(Micros, f64)]) -> Result<Series, Error> {
        let mut at: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for (time, value) in points.iter().filter(|(_, v)| v.is_finite()) {
            let slot = at.entry(time.0).or_default();
            slot.1 += 1.0;
            // A running mean does not overflow where a sum would.
            slot.0 += value / slot.1 - slot.0 / slot.1;
        }
        let times: Vec<i64> = at.keys().copied().collect();
        let (Some(first), Some(last), Some(step)) = (times.first(), times.last(), step(&times))
        else {
            return Err(Error::TooShort {
                have: times.len(),
                need: 2,
            });
        };
        let slot = |t: i64| {
            ((i128::from(t) - i128::from(*first)) * 2 + i128::from(step)) / (2 * i128::from(step))
        };
        if slot(*last) >= MAX_SLOTS as i128 {
            return Err(too_many());
        }
        let mut values: Vec<(f64, f64)> = vec![(0.0, 0.0); slot(*last) as usize + 1];
        for (time, (mean, _)) in &at {
            let (sum, n) = &mut values[slot(*time) as usize];
            *n += 1.0;
            *sum += mean / *n - *sum / *n;
        }
        Ok(Series {
            start: Micros(*first),
            step: Micros(step),
            values: values
                .into_iter()
                .map(|(mean, n)| (n > 0.0).then_some(mean))
                .collect(),
        })
    }

    /// Number of slots, gaps included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no slot at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of slots with a value.
    pub fn observed(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// Distance of two slots.
    pub fn step(&self) -> Micros {
        self.step
    }

    /// Values of all slots.
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// Time of a slot; slots after the last one are in the future.
    pub fn time(&self, slot: usize) -> Micros {
        let slot = i64::try_from(slot).unwrap_or(i64::MAX);
        Micros(
            self.start
                .0
                .saturating_add(self.step.0.saturating_mul(slot)),
        )
    }

    /// The slots that have values, with their number.
    pub fn points(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.values
            .iter()
            .enumerate()
            .filter_map(|(i, v)| v.map(|v| (i, v)))
    }
}

fn too_many() -> Error {
    Error::Times(format!(
        "their step is too short for their span (more than {MAX_SLOTS} slots); average them first"
    ))
}

/// The step of sorted, distinct times.
fn step(times: &[i64]) -> Option<i64> {
    let mut apart: Vec<i64> = times
        .windows(2)
        .map(|w| w[1].saturating_sub(w[0]))
        .collect();
    apart.sort_unstable();
    let median = *apart.get(apart.len() / 2)?;
    let same = apart.iter().filter(|d| **d == median).count();
    if same * 2 > apart.len() {
        return Some(median);
    }
    // Times jitter, or most slots are missing: then all distances are multiples of the least one.
    let least = *apart.first()?;
    Some(match apart.iter().all(|d| d % least == 0) {
        true => least,
        false => median,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hours(at: &[(i64, f64)]) -> Vec<(Micros, f64)> {
        at.iter()
            .map(|(h, v)| (Micros(h * Micros::HOUR.0), *v))
            .collect()
    }

    #[test]
    fn missing_slots_are_gaps_and_order_does_not_matter() {
        let s = Series::from_points(&hours(&[(5, 50.0), (1, 10.0), (2, 20.0), (3, 30.0)])).unwrap();
        assert_eq!(s.step(), Micros::HOUR);
        assert_eq!(
            s.values(),
            [Some(10.0), Some(20.0), Some(30.0), None, Some(50.0)]
        );
        assert_eq!(s.time(4), Micros(5 * Micros::HOUR.0));
        assert_eq!((s.len(), s.observed()), (5, 4));
    }

    #[test]
    fn points_of_one_time_or_slot_are_averaged() {
        let mut points = hours(&[(0, 1.0), (0, 3.0), (1, 4.0), (2, 5.0), (3, 7.0)]);
        points.push((Micros(3 * Micros::HOUR.0 + 60_000_000), 9.0));
        let s = Series::from_points(&points).unwrap();
        assert_eq!(s.values(), [Some(2.0), Some(4.0), Some(5.0), Some(8.0)]);
    }

    #[test]
    fn a_day_of_23_hours_stays_one_slot() {
        let day = 24 * Micros::HOUR.0;
        let times = [
            0,
            day,
            2 * day,
            3 * day - Micros::HOUR.0,
            4 * day - Micros::HOUR.0,
        ];
        let points: Vec<_> = times.iter().map(|t| (Micros(*t), 1.0)).collect();
        let s = Series::from_points(&points).unwrap();
        assert_eq!((s.step(), s.len(), s.observed()), (Micros::DAY, 5, 5));
    }

    #[test]
    fn what_is_no_series_is_refused() {
        let one = Series::from_points(&hours(&[(1, 1.0), (1, 2.0), (2, f64::NAN)]));
        assert_eq!(one, Err(Error::TooShort { have: 1, need: 2 }));
        let far = [
            (Micros(0), 1.0),
            (Micros(1), 1.0),
            (Micros(2), 1.0),
            (Micros::MAX, 1.0),
        ];
        assert!(matches!(Series::from_points(&far), Err(Error::Times(_))));
        let still = Series::regular(Micros(0), Micros(0), [Some(1.0)]);
        assert!(matches!(still, Err(Error::Times(_))));
    }
}
