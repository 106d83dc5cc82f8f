//! `seasonal`, by `docs/semantics.md`, Judging, *seasonal*.

use super::{Finding, Memory, Scale, Window};
use std::collections::BTreeMap;
use weir_catalog::detector::Seasonal;
use weir_model::Micros;

/// What each hour of the week has shown: (n, m, a) of the page on semantics.
pub(super) struct Hours<'a> {
    pub kind: &'a Seasonal,
    pub scale: Scale<'a>,
    pub slots: BTreeMap<usize, (u32, f64, f64)>,
}

impl Memory for Hours<'_> {
    fn judge(&mut self, window: Window<'_>, x: f64) -> Option<Finding> {
        let hour = hour_of_week(window.start, window.zone);
        let (n, m, a) = self.slots.entry(hour).or_insert((0, 0.0, 0.0));
        let mut out = None;
        if *n >= self.kind.warmup && *n > 0 {
            let score = (x - *m) / self.scale.of(1.2533 * *a, *m);
            out = self.scale.beyond(self.kind.threshold, *m, score);
        }
        if *n == 0 {
            (*m, *a) = (x, 0.0);
        } else {
            *a += self.kind.weight * ((x - *m).abs() - *a);
            *m += self.kind.weight * (x - *m);
        }
        *n += 1;
        out
    }
}

fn hour_of_week(t: Micros, zone: &jiff::tz::TimeZone) -> usize {
    match jiff::Timestamp::from_microsecond(t.0) {
        Ok(ts) => {
            let local = ts.to_zoned(zone.clone());
            local.weekday().to_monday_zero_offset() as usize * 24 + local.hour() as usize
        }
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::said;
    use super::*;

    #[test]
    fn each_hour_of_the_week_has_a_usual_value() {
        let kind = Seasonal {
            warmup: 1,
            weight: 0.5,
            threshold: 2.0,
        };
        // The same hour a week later knows its value, the hour after it does not.
        let said = said(kind, &[(5, 10.0), (6, 90.0), (5 + 168, 13.0)]);
        assert!(said[..2].iter().all(Option::is_none));
        let f = said[2].unwrap();
        assert_eq!((f.expected, f.score), (10.0, 3.0));
    }
}
