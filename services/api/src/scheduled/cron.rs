//! Times that come again, as cron writes them: minute, hour, day of the month, month, day of the
//! week; each `*`, numbers, ranges `1-5`, steps `*/15`, lists of these, and for months and days of
//! the week their first three letters. 0 and 7 are Sunday. Where both kinds of days are given,
//! either will do.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    /// Which kinds of days are given.
    by_day: bool,
    by_weekday: bool,
}

/// Numbers up to 63, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set(u64);

impl Set {
    fn has(self, n: i8) -> bool {
        n >= 0 && self.0 & (1 << n) != 0
    }

    /// The largest first.
    fn down(self) -> impl Iterator<Item = i8> {
        (0..60).rev().filter(move |n| self.has(*n))
    }
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// The rarest there is comes after so many days: the 29th of February, over a century.
const LONGEST: i32 = 366 * 9;

impl Cron {
    /// Reads five fields.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn read(text: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!(
                "\"{text}\" has {} fields, not five: minute, hour, day, month, day of the week \
                 (0 7 * * mon)",
                fields.len()
            ));
        };
        let of = |what, field, from, to, names| {
            set(field, (from, to), names)
                .ok_or_else(|| format!("\"{field}\" is no {what}: write {from} to {to}, or *"))
        };
        let mut weekday = of("day of the week", weekdays, 0, 7, &WEEKDAYS[..])?;
        // 7 is Sunday too.
        weekday.0 |= (weekday.0 >> 7) & 1;
        let cron = Cron {
            minutes: of("minute", minutes, 0, 59, &[])?,
            hours: of("hour", hours, 0, 23, &[])?,
            days: of("day", days, 1, 31, &[])?,
            months: of("month", months, 1, 12, &MONTHS[..])?,
            weekdays: weekday,
            by_day: !days.starts_with('*'),
            by_weekday: !weekdays.starts_with('*'),
        };
        // The 30th of February.
        let some_year = jiff::civil::date(2024, 1, 1);
        let mut days = some_year.series(jiff::Span::new().days(1)).take(366 * 8);
        match days.any(|d| cron.is_on(d)) {
            true => Ok(cron),
            false => Err(format!("\"{text}\" names a day that never comes")),
        }
    }

    fn is_on(&self, day: Date) -> bool {
        let by_day = self.days.has(day.day());
        let by_weekday = self.weekdays.has(day.weekday().to_sunday_zero_offset());
        let fits = match (self.by_day, self.by_weekday) {
            (true, true) => by_day || by_weekday,
            _ => by_day && by_weekday,
        };
        self.months.has(day.month()) && fits
    }

    /// The times of a day, the latest first.
    fn times(&self) -> impl Iterator<Item = Time> {
        let all = self.hours.down();
        all.flat_map(|h| self.minutes.down().map(move |m| (h, m)))
            .filter_map(|(h, m)| Time::new(h, m, 0, 0).ok())
    }

    /// The last time at or before a moment. A time that a change of the clocks leaves out comes an
    /// hour later that day, one that comes twice counts once, the first time.
    pub fn last(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = at.to_zoned(zone.clone()).date();
        // Midnight may be tomorrow's already where clocks go back.
        let first = today.tomorrow().ok()?;
        let days = (0..LONGEST).map(|n| first.saturating_sub(jiff::Span::new().days(n)));
        days.filter(|d| self.is_on(*d)).find_map(|day| {
            let moments = self.times().filter_map(|t| moment(day, t, zone));
            moments.filter(|m| *m <= at).max()
        })
    }

    /// The first time after a moment.
    pub fn next(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = at.to_zoned(zone.clone()).date();
        let first = today.yesterday().ok()?;
        let days = (0..LONGEST).map(|n| first.saturating_add(jiff::Span::new().days(n)));
        days.filter(|d| self.is_on(*d)).find_map(|day| {
            let moments = self.times().filter_map(|t| moment(day, t, zone));
            moments.filter(|m| *m > at).min()
        })
    }
}

fn moment(day: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = day.to_datetime(time).to_zoned(zone.clone()).ok()?;
    Some(zoned.timestamp())
}

/// The numbers of a field; none where it is not valid.
fn set(field: &str, (from, to): (u8, u8), names: &[&str]) -> Option<Set> {
    let number = |text: &str| {
        let lower = text.to_ascii_lowercase();
        // Names count from the first number: January is 1, Sunday 0.
        let named = names.iter().position(|n| *n == lower);
        let n = match named {
            Some(i) => u8::try_from(i).ok()? + from,
            None => text.parse().ok()?,
        };
        (from..=to).contains(&n).then_some(n)
    };
    let mut all = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|s| *s > 0)?)),
            None => (part, None),
        };
        let (first, last) = match (range, range.split_once('-')) {
            ("*", _) => (from, to),
            (_, Some((a, b))) => (number(a)?, number(b)?),
            // `5/15` is from 5 on.
            (one, None) if step.is_some() => (number(one)?, to),
            (one, None) => (number(one)?, number(one)?),
        };
        if last < first {
            return None;
        }
        for n in (first..=last).step_by(usize::from(step.unwrap_or(1))) {
            all |= 1 << n;
        }
    }
    Some(Set(all))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn around(text: &str, zone: &str, at: &str) -> [String; 2] {
        let (cron, zone) = (Cron::read(text).unwrap(), TimeZone::get(zone).unwrap());
        let at: Timestamp = at.parse().unwrap();
        [cron.last(at, &zone), cron.next(at, &zone)].map(|t| t.unwrap().to_string())
    }

    #[test]
    fn the_last_and_the_next_time_of_a_field() {
        for (text, at, last, next) in [
            (
                "0 7 * * *",
                "2026-03-02T07:00:00Z",
                "2026-03-02T07:00:00Z",
                "2026-03-03T07:00:00Z",
            ),
            (
                "0 7 * * *",
                "2026-03-02T06:59:59Z",
                "2026-03-01T07:00:00Z",
                "2026-03-02T07:00:00Z",
            ),
            (
                "*/15 8-10 * * *",
                "2026-03-02T09:20:00Z",
                "2026-03-02T09:15:00Z",
                "2026-03-02T09:30:00Z",
            ),
            (
                "0 7 * * mon",
                "2026-03-04T00:00:00Z",
                "2026-03-02T07:00:00Z",
                "2026-03-09T07:00:00Z",
            ),
            (
                "0 7 * * 7",
                "2026-03-04T00:00:00Z",
                "2026-03-01T07:00:00Z",
                "2026-03-08T07:00:00Z",
            ),
            (
                "0 8 1 jan,apr,jul,oct *",
                "2026-03-04T00:00:00Z",
                "2026-01-01T08:00:00Z",
                "2026-04-01T08:00:00Z",
            ),
            (
                "30 6 1,15 * fri",
                "2026-03-04T00:00:00Z",
                "2026-03-01T06:30:00Z",
                "2026-03-06T06:30:00Z",
            ),
            (
                "0 0 29 2 *",
                "2026-03-04T00:00:00Z",
                "2024-02-29T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ),
            (
                "5/20 0 * * *",
                "2026-03-04T00:26:00Z",
                "2026-03-04T00:25:00Z",
                "2026-03-04T00:45:00Z",
            ),
        ] {
            assert_eq!(around(text, "UTC", at), [last, next], "{text} at {at}");
        }
    }

    #[test]
    fn clocks_that_change_leave_nothing_out_and_tell_nothing_twice() {
        // In Berlin 02:30 does not exist on 2026-03-29, and comes twice on 2026-10-25.
        let spring = around("30 2 * * *", "Europe/Berlin", "2026-03-29T12:00:00Z");
        assert_eq!(spring, ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]);
        let autumn = around("30 2 * * *", "Europe/Berlin", "2026-10-25T01:45:00Z");
        assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let east = around("0 7 * * *", "Pacific/Auckland", "2026-03-01T20:00:00Z");
        assert_eq!(east, ["2026-03-01T18:00:00Z", "2026-03-02T18:00:00Z"]);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            "",
            "0 7 * *",
            "60 7 * * *",
            "0 24 * * *",
            "0 7 0 * *",
            "0 7 * 13 *",
            "0 7 * * 8",
            "a 7 * * *",
            "*/0 7 * * *",
            "9-3 7 * * *",
            "0 7 30 2 *",
            "0 7 * * mond",
            "-1 7 * * *",
        ] {
            assert!(Cron::read(wrong).is_err(), "{wrong}");
        }
    }
}
