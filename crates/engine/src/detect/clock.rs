//! The local hour of the week, at the price of a comparison.

use jiff::{Timestamp, tz::TimeZone};
use weir_model::Micros;

/// Hours of the week in one time zone. Remembers the offset in force and for how long it is: a zone
/// is asked twice a year.
#[derive(Debug, Clone)]
pub struct LocalHours {
    zone: TimeZone,
    from: Micros,
    until: Micros,
    offset: Micros,
}

impl LocalHours {
    /// Of a tenant's zone.
    pub fn new(zone: TimeZone) -> LocalHours {
        LocalHours {
            zone,
            from: Micros::MAX,
            until: Micros::MIN,
            offset: Micros(0),
        }
    }

    /// 0 is Monday, 00:00 to 01:00 local; 167 the last hour of Sunday.
    pub fn hour_of_week(&mut self, t: Micros) -> u8 {
        if t < self.from || t >= self.until {
            self.look_up(t);
        }
        let hours = t.plus(self.offset).0.div_euclid(Micros::HOUR.0);
        // The epoch was a Thursday.
        (hours + 3 * 24).rem_euclid(168) as u8
    }

    fn look_up(&mut self, t: Micros) {
        let Ok(at) = Timestamp::from_microsecond(t.0) else {
            // Outside the calendar: as UTC, like days are.
            (self.from, self.until, self.offset) = (t, t.plus(Micros(1)), Micros(0));
            return;
        };
        self.offset = Micros::from_secs(i64::from(self.zone.to_offset(at).seconds()));
        self.from = t;
        let next = self.zone.following(at).next();
        self.until = next.map_or(Micros::MAX, |n| Micros(n.timestamp().as_microsecond()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_calendar(
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]),
            times in prop::collection::vec(0i64..2_200_000_000, 1..60),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let mut hours = LocalHours::new(zone.clone());
            for s in times {
                let at = Timestamp::from_second(s).unwrap().to_zoned(zone.clone());
                let want = at.weekday().to_monday_zero_offset() as u8 * 24 + at.hour() as u8;
                prop_assert_eq!(hours.hour_of_week(Micros::from_secs(s)), want);
            }
        }
    }

    #[test]
    fn an_offset_ends_with_its_season() {
        // Berlin left summer time on 2026-10-25 at 01:00 UTC: local 02:00 comes twice.
        let mut hours = LocalHours::new(TimeZone::get("Europe/Berlin").unwrap());
        let sunday = 6 * 24;
        let at = |s: &str| Micros(s.parse::<Timestamp>().unwrap().as_microsecond());
        assert_eq!(hours.hour_of_week(at("2026-10-25T00:30:00Z")), sunday + 2);
        assert_eq!(hours.hour_of_week(at("2026-10-25T01:00:00Z")), sunday + 2);
        assert_eq!(hours.hour_of_week(at("2026-10-25T02:00:00Z")), sunday + 3);
    }
}
