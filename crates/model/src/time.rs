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
    /// The window `[start, end)` that holds `t`. `zone` matters for days only; a day lasts from local
    /// midnight to the next local midnight.
    pub fn span(self, t: Micros, zone: &jiff::tz::TimeZone) -> (Micros, Micros) {
        match self {
            WindowSize::Minute => fixed(t, Micros::MINUTE),
            WindowSize::FiveMinutes => fixed(t, Micros(5 * Micros::MINUTE.0)),
            WindowSize::Hour => fixed(t, Micros::HOUR),
            WindowSize::Day => day(t, zone),
        }
    }
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
