//! Event time, log time and windows. All times are microseconds since the Unix epoch, UTC.

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Before every event: the watermark of a partition that was never heard of.
    pub const MIN: Micros = Micros(i64::MIN);
    /// After every event.
    pub const MAX: Micros = Micros(i64::MAX);
    /// One second.
    pub const SECOND: Micros = Micros(1_000_000);
    /// One minute: the width of a pane.
    pub const MINUTE: Micros = Micros(60_000_000);
    /// One hour.
    pub const HOUR: Micros = Micros(3_600_000_000);
    /// One day of 24 hours (a tenant's day may be 23 or 25).
    pub const DAY: Micros = Micros(86_400_000_000);

    /// From milliseconds (Kafka's record timestamps).
    pub const fn from_millis(ms: i64) -> Micros {
        Micros(ms.saturating_mul(1000))
    }
    /// From whole seconds.
    pub const fn from_secs(s: i64) -> Micros {
        Micros(s.saturating_mul(1_000_000))
    }
    /// `self - d`, stopping at the ends.
    pub const fn minus(self, d: Micros) -> Micros {
        Micros(self.0.saturating_sub(d.0))
    }
    /// `self + d`, stopping at the ends.
    pub const fn plus(self, d: Micros) -> Micros {
        Micros(self.0.saturating_add(d.0))
    }
    /// The start of the span of `width` that holds this time, counted from the epoch.
    pub const fn floor(self, width: Micros) -> Micros {
        Micros(self.0.div_euclid(width.0).saturating_mul(width.0))
    }
}

/// How far an event may lie in the future of the log before its time is clamped.
pub const FUTURE_TOLERANCE: Micros = Micros(5 * Micros::MINUTE.0);

/// The tumbling windows that are stored. A day is a calendar day in the tenant's time zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum WindowSize {
    /// One minute: a pane.
    #[serde(rename = "1m")]
    Minute,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// One hour.
    #[serde(rename = "1h")]
    Hour,
    /// A calendar day in the tenant's time zone.
    #[serde(rename = "1d")]
    Day,
}

impl WindowSize {
    /// Every stored size, smallest first.
    pub const ALL: [WindowSize; 4] = [
        WindowSize::Minute,
        WindowSize::FiveMinutes,
        WindowSize::Hour,
        WindowSize::Day,
    ];

    /// The label used in configuration, records, table and view names.
    pub const fn label(self) -> &'static str {
        match self {
            WindowSize::Minute => "1m",
            WindowSize::FiveMinutes => "5m",
            WindowSize::Hour => "1h",
            WindowSize::Day => "1d",
        }
    }
    /// From its label.
    pub fn parse(label: &str) -> Option<WindowSize> {
        Self::ALL.into_iter().find(|w| w.label() == label)
    }
    /// Its length; a day counts 24 hours, whatever its clocks do.
    pub const fn length(self) -> Micros {
        match self {
            WindowSize::Minute => Micros::MINUTE,
            WindowSize::FiveMinutes => Micros(5 * Micros::MINUTE.0),
            WindowSize::Hour => Micros::HOUR,
            WindowSize::Day => Micros::DAY,
        }
    }
    /// The window `[start, end)` that holds `t`. `zone` matters for days only; a day lasts from
    /// local midnight to the next local midnight.
    pub fn span(self, t: Micros, zone: &jiff::tz::TimeZone) -> (Micros, Micros) {
        match self {
            WindowSize::Day => day(t, zone),
            size => fixed(t, size.length()),
        }
    }
}

/// What a window to date begins with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Since {
    /// The tenant's day.
    Day,
    /// The tenant's month.
    Month,
    /// All that was ever read.
    All,
}

impl Since {
    /// The period `[start, end)` that holds `t`: of all there is, from [`Micros::MIN`] to
    /// [`Micros::MAX`].
    pub fn span(self, t: Micros, zone: &jiff::tz::TimeZone) -> (Micros, Micros) {
        match self {
            Since::Day => day(t, zone),
            Since::Month => month(t, zone),
            Since::All => (Micros::MIN, Micros::MAX),
        }
    }

    /// End of the last step of a size in the period that holds `t`; [`Micros::MAX`] where it has
    /// none.
    pub fn last_step(self, step: WindowSize, t: Micros, zone: &jiff::tz::TimeZone) -> Micros {
        let end = self.span(t, zone).1;
        match self {
            Since::All => end,
            // A step that ends beyond the period belongs to the next one.
            _ => step.span(end, zone).0,
        }
    }
}

fn month(t: Micros, zone: &jiff::tz::TimeZone) -> (Micros, Micros) {
    let local = jiff::Timestamp::from_microsecond(t.0).and_then(|ts| {
        let first = ts.to_zoned(zone.clone()).date().first_of_month();
        let next = first.checked_add(jiff::Span::new().months(1))?;
        let start = |d: jiff::civil::Date| {
            let midnight = d.to_zoned(zone.clone())?.start_of_day()?;
            Ok::<_, jiff::Error>(Micros(midnight.timestamp().as_microsecond()))
        };
        Ok((start(first)?, start(next)?))
    });
    // Times outside the calendar's range: their month is their day.
    local.unwrap_or_else(|_| fixed(t, Micros::DAY))
}

fn fixed(t: Micros, width: Micros) -> (Micros, Micros) {
    let start = t.floor(width);
    (start, start.plus(width))
}

fn day(t: Micros, zone: &jiff::tz::TimeZone) -> (Micros, Micros) {
    let local = jiff::Timestamp::from_microsecond(t.0).and_then(|ts| {
        let start = ts.to_zoned(zone.clone()).start_of_day()?;
        // Not `start + 1 day`: midnight may not exist tomorrow, then the day starts later.
        let next = start
            .date()
            .tomorrow()?
            .to_zoned(zone.clone())?
            .start_of_day()?;
        Ok((
            Micros(start.timestamp().as_microsecond()),
            Micros(next.timestamp().as_microsecond()),
        ))
    });
    // Times outside the calendar's range fall back to days of UTC.
    local.unwrap_or_else(|_| fixed(t, Micros::DAY))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    const ZONES: [&str; 8] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Asia/Kolkata",
    ];

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }
    fn at(text: &str) -> Micros {
        Micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }
    fn day_of(text: &str, name: &str) -> (Micros, i64) {
        let (start, end) = WindowSize::Day.span(at(text), &zone(name));
        (start, end.minus(start).0 / Micros::MINUTE.0)
    }

    proptest! {
        #[test]
        fn windows_hold_their_time_and_tile(t in 0i64..4_102_444_800_000_000, name in prop::sample::select(&ZONES[..])) {
            let (t, zone) = (Micros(t), zone(name));
            for size in WindowSize::ALL {
                let (start, end) = size.span(t, &zone);
                prop_assert!(start <= t && t < end);
                prop_assert_eq!(size.span(start, &zone), (start, end));
                prop_assert_eq!(size.span(Micros(end.0 - 1), &zone), (start, end));
                prop_assert_eq!(size.span(end, &zone).0, end);
                prop_assert_eq!(size.span(Micros(start.0 - 1), &zone).1, start);
                // Larger windows are made of whole five-minute ones, days of any zone too.
                let whole = start.floor(Micros(5 * Micros::MINUTE.0)) == start;
                prop_assert!(whole || size == WindowSize::Minute);
                prop_assert_eq!(WindowSize::parse(size.label()), Some(size));
            }
        }
    }

    proptest! {
        #[test]
        fn months_are_made_of_days_and_end_with_a_step(t in 0i64..4_102_444_800_000_000, name in prop::sample::select(&ZONES[..])) {
            let (t, zone) = (Micros(t), zone(name));
            for since in [Since::Day, Since::Month] {
                let (start, end) = since.span(t, &zone);
                prop_assert!(start <= t && t < end);
                prop_assert_eq!(since.span(Micros(end.0 - 1), &zone), (start, end));
                prop_assert_eq!(since.span(end, &zone).0, end);
                prop_assert_eq!(WindowSize::Day.span(end, &zone).0, end);
                for step in WindowSize::ALL {
                    let last = since.last_step(step, t, &zone);
                    // It ends in the period, and the next one does not.
                    prop_assert_eq!(since.span(Micros(last.0 - 1), &zone), (start, end));
                    prop_assert_eq!(step.span(Micros(last.0 - 1), &zone).1, last);
                    prop_assert!(step.span(last, &zone).1 > end);
                }
            }
        }
    }

    #[test]
    fn days_follow_the_clocks_of_the_zone() {
        assert_eq!(
            day_of("2026-03-29T12:00:00Z", "Europe/Berlin"),
            (at("2026-03-28T23:00:00Z"), 23 * 60)
        );
        assert_eq!(
            day_of("2026-10-25T12:00:00Z", "Europe/Berlin"),
            (at("2026-10-24T22:00:00Z"), 25 * 60)
        );
        assert_eq!(
            day_of("2026-10-26T12:00:00Z", "Europe/Berlin"),
            (at("2026-10-25T23:00:00Z"), 24 * 60)
        );
        assert_eq!(
            day_of("2026-11-21T18:14:59Z", "Asia/Kathmandu"),
            (at("2026-11-20T18:15:00Z"), 24 * 60)
        );
        assert_eq!(
            day_of("2026-11-21T18:15:00Z", "Asia/Kathmandu"),
            (at("2026-11-21T18:15:00Z"), 24 * 60)
        );
        // Half an hour is moved here; and midnight itself was skipped in Sao Paulo.
        assert_eq!(
            day_of("2026-10-03T20:00:00Z", "Australia/Lord_Howe").1,
            23 * 60 + 30
        );
        assert_eq!(
            day_of("2018-11-04T12:00:00Z", "America/Sao_Paulo"),
            (at("2018-11-04T03:00:00Z"), 23 * 60)
        );
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for t in [Micros::MIN, Micros::MAX, Micros(-1)] {
            for size in WindowSize::ALL {
                let (start, end) = size.span(t, &TimeZone::UTC);
                assert!(start <= end);
            }
        }
        assert_eq!(Micros(-1).floor(Micros::MINUTE), Micros(-60_000_000));
    }
}
