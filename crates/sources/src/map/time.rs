//! When a row happened, and whether that can be.

use super::value::{Decimal, scalar};
use anyhow::{Result, anyhow, bail};
use cel::Value;
use jiff::{Timestamp, Zoned, civil, tz::TimeZone};
use serde::Deserialize;
use weir_model::Micros;

/// 1990-01-01: what is older is no time of an event that weir counts.
const EARLIEST: Micros = Micros(631_152_000_000_000);
/// What an import reads has happened; clocks of other machines may be ahead, and zones may be
/// missing.
const AHEAD: Micros = Micros(86_400_000_000);

/// Unit of a number of time, since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Unit {
    const ALL: [Unit; 4] = [
        Unit::Seconds,
        Unit::Milliseconds,
        Unit::Microseconds,
        Unit::Nanoseconds,
    ];

    /// `10^shift` microseconds are one.
    fn shift(self) -> i64 {
        match self {
            Unit::Seconds => 6,
            Unit::Milliseconds => 3,
            Unit::Microseconds => 0,
            Unit::Nanoseconds => -3,
        }
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Unit::Seconds => ("s", "seconds"),
            Unit::Milliseconds => ("ms", "milliseconds"),
            Unit::Microseconds => ("us", "microseconds"),
            Unit::Nanoseconds => ("ns", "nanoseconds"),
        }
    }
}

/// Whether something that is imported at `now` can have happened then.
pub fn plausible(at: Micros, now: Micros) -> bool {
    at >= EARLIEST && at <= now.plus(AHEAD)
}

/// The time of a row: a number in `unit`, or a text with a date.
pub fn of(v: &Value, unit: Unit) -> Result<Micros> {
    match number(v)? {
        Some((_, number)) => number
            .floor(unit.shift())
            .map(Micros)
            .ok_or_else(|| anyhow!("{}", implausible(v, unit, None))),
        None => {
            let text = scalar(v)?;
            instant(&text).ok_or_else(|| anyhow!("`{text}` is no time"))
        }
    }
}

/// The number that a value is or reads as.
fn number(v: &Value) -> Result<Option<(String, Decimal)>> {
    match v {
        Value::Null => bail!("there is no time"),
        Value::Bool(_) => bail!("true and false are no times"),
        _ => {
            let text = scalar(v)?.trim().to_owned();
            Ok(Decimal::parse(&text).map(|number| (text, number)))
        }
    }
}

/// Why a time is refused, with the unit that would make it one.
pub fn implausible(v: &Value, unit: Unit, now: Option<Micros>) -> String {
    let Ok(Some((text, number))) = number(v) else {
        let text = scalar(v).unwrap_or_default();
        return format!("`{text}` lies before 1990 or more than a day ahead");
    };
    let micros = number.floor(unit.shift());
    let when = match micros.and_then(|m| Timestamp::from_microsecond(m).ok()) {
        Some(t) => format!("is {}", t.strftime("%Y-%m-%d")),
        None => {
            let seconds =
                text.parse::<f64>().unwrap_or(f64::MAX) * 10f64.powi(unit.shift() as i32 - 6);
            format!(
                "is the year {:.0}",
                (1970.0 + seconds / 31_556_952.0).floor()
            )
        }
    };
    // Without a clock the coarse rule does: no unit makes one number plausible twice.
    let now = now.unwrap_or(Micros(4_102_444_800_000_000));
    let fits = Unit::ALL.into_iter().find(|u| {
        *u != unit
            && number
                .floor(u.shift())
                .is_some_and(|m| plausible(Micros(m), now))
    });
    let ask = match fits {
        Some(u) => format!("; is the unit {}?", u.names().1),
        None => ", which is before 1990 or more than a day ahead".into(),
    };
    format!("{text} {} {when}{ask}", unit.names().0)
}

/// A time with a date; in UTC where it names neither zone nor offset.
pub fn instant(s: &str) -> Option<Micros> {
    let s = s.trim();
    let micros = |t: Timestamp| Micros(t.as_microsecond());
    if s.contains('[') {
        // With a zone's name, which says more than an offset, or stands alone.
        return s.parse::<Zoned>().ok().map(|z| micros(z.timestamp()));
    }
    if let Ok(t) = s.parse::<Timestamp>() {
        return Some(micros(t));
    }
    for format in FORMATS {
        if let Ok(t) = Timestamp::strptime(format, s) {
            return Some(micros(t));
        }
    }
    if let Ok(z) = jiff::fmt::rfc2822::parse(s) {
        return Some(micros(z.timestamp()));
    }
    let named = [" UTC", " GMT", " Z"];
    let local = named.iter().find_map(|z| s.strip_suffix(z)).unwrap_or(s);
    let local: civil::DateTime = local.trim_end().parse().ok()?;
    let zoned = local.to_zoned(TimeZone::UTC).ok()?;
    Some(micros(zoned.timestamp()))
}

/// What jiff does not read by itself: dates as git and other tools write them.
const FORMATS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f %:z",
    "%Y/%m/%d %H:%M:%S%.f %z",
    "%a %b %d %H:%M:%S %Y %z",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;

    const NOW: Micros = Micros(1_795_900_000_000_000); // 2026-11-28

    fn at(s: &str) -> Option<String> {
        instant(s).map(|m| Timestamp::from_microsecond(m.0).unwrap().to_string())
    }

    #[test]
    fn a_date_is_read_with_its_zone() {
        let morning = Some("2026-11-20T04:15:00Z".to_owned());
        for text in [
            "2026-11-20T10:00:00+05:45",
            "2026-11-20 10:00:00 +0545",
            "2026-11-20 10:00:00 +05:45",
            "2026-11-20T10:00:00[Asia/Kathmandu]",
            "2026-11-20T10:00:00+05:45[Asia/Kathmandu]",
            "2026-11-20 10:00[Asia/Kathmandu]",
            "Fri, 20 Nov 2026 10:00:00 +0545",
            "Fri Nov 20 10:00:00 2026 +0545",
            "2026-11-20T04:15:00Z",
            "2026-11-20 04:15:00 UTC",
            "2026-11-20 04:15",
        ] {
            assert_eq!(at(text), morning, "{text}");
        }
        assert_eq!(at("2026-11-20"), Some("2026-11-20T00:00:00Z".into()));
        for bad in [
            "",
            "soon",
            "2026-13-01",
            "2026-11-20T10:00:00[Nowhere/Else]",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_number_is_read_in_its_unit_to_the_microsecond() {
        let of = |v: Value, u| super::of(&v, u).unwrap().0;
        let text = |s: &str| Value::String(Arc::new(s.into()));
        assert_eq!(
            of(text("1763000000.123456"), Unit::Seconds),
            1_763_000_000_123_456
        );
        assert_eq!(
            of(Value::Float(1763000000.25), Unit::Seconds),
            1_763_000_000_250_000
        );
        assert_eq!(
            of(Value::Int(1_763_000_000_123_456_789), Unit::Nanoseconds),
            1_763_000_000_123_456
        );
        assert_eq!(
            of(text("1763000000123"), Unit::Milliseconds),
            1_763_000_000_123_000
        );
        assert!(super::of(&Value::Null, Unit::Seconds).is_err());
        assert!(super::of(&Value::Bool(true), Unit::Seconds).is_err());
    }

    #[test]
    fn a_wrong_unit_is_named() {
        let why = |n: &str, u| implausible(&Value::String(Arc::new(n.into())), u, Some(NOW));
        assert_eq!(
            why("1763000000000", Unit::Seconds),
            "1763000000000 s is the year 57837; is the unit milliseconds?"
        );
        assert!(why("1763000000000000000", Unit::Seconds).ends_with("is the unit nanoseconds?"));
        assert!(
            why("1763000000", Unit::Milliseconds)
                .starts_with("1763000000 ms is 1970-01-21; is the unit sec")
        );
        assert!(why("12", Unit::Seconds).ends_with("before 1990 or more than a day ahead"));
        assert!(!plausible(Micros::from_secs(631_151_999), NOW));
        assert!(plausible(Micros::from_secs(631_152_000), NOW));
        assert!(plausible(NOW.plus(AHEAD), NOW));
        assert!(!plausible(NOW.plus(AHEAD).plus(Micros(1)), NOW));
    }
}
