//! What people write: a window, a subject.

use anyhow::{Result, anyhow, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use weir_catalog::JudgedWindow;
use weir_model::codes::QUERY;
use weir_model::{Micros, WindowSize};

/// Which window is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// A day of the tenant's.
    Day(Date),
    /// An hour of UTC, by its start.
    Hour(Micros),
    /// The one that ends then.
    Ends(Micros),
}

impl Window {
    /// Reads `2026-03-02`, `2026-03-02T14` or `2026-03-02T14:05:00Z`, the end of a window.
    ///
    /// # Errors
    /// It is none of these (WEIR-0305).
    pub fn parse(text: &str) -> Result<Window> {
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Ok(Window::Ends(Micros(t.as_microsecond())));
        }
        let hour = text.len() == "2026-03-02T14".len() && text.as_bytes()[10] == b'T';
        if hour && let Ok(t) = format!("{text}:00:00Z").parse::<jiff::Timestamp>() {
            return Ok(Window::Hour(Micros(t.as_microsecond())));
        }
        match text.parse::<Date>() {
            Ok(day) if text.len() == "2026-03-02".len() => Ok(Window::Day(day)),
            _ => bail!(
                "{QUERY}: `{text}` is no window; write a day as 2026-03-02, an hour of UTC as \
                 2026-03-02T14, or the end of any other as 2026-03-02T14:05:00Z"
            ),
        }
    }

    /// Start and end, in a tenant's zone; of an end alone, the microsecond before it.
    ///
    /// # Errors
    /// The day has no place in time.
    pub fn span(self, zone: &TimeZone) -> Result<(Micros, Micros)> {
        let midnight = |day: Date| -> Result<Micros> {
            let start = day.to_zoned(zone.clone())?;
            Ok(Micros(start.timestamp().as_microsecond()))
        };
        Ok(match self {
            Window::Day(day) => (midnight(day)?, midnight(day.tomorrow()?)?),
            Window::Hour(start) => (start, start.plus(Micros::HOUR)),
            Window::Ends(end) => (end.minus(Micros(1)), end),
        })
    }

    /// In which span windows of a kind are looked for by their ends: after the first, at most at
    /// the second.
    ///
    /// # Errors
    /// The kind has no such window (WEIR-0305).
    pub fn ends_of(self, kind: JudgedWindow, zone: &TimeZone) -> Result<(Micros, Micros)> {
        let (start, end) = self.span(zone)?;
        let fits = match (self, kind) {
            (Window::Day(_), JudgedWindow::Tumbling(size)) => size == WindowSize::Day,
            (Window::Hour(_), JudgedWindow::Tumbling(size)) => size == WindowSize::Hour,
            _ => true,
        };
        if !fits {
            bail!(
                "{QUERY}: its windows are those of {}; name one by {}",
                kind.label(),
                match kind.stored() {
                    WindowSize::Day => "its day, as 2026-03-02",
                    WindowSize::Hour => "its hour, as 2026-03-02T14",
                    _ => "its end, as 2026-03-02T14:05:00Z",
                }
            );
        }
        Ok(match kind {
            // The last one within.
            JudgedWindow::ToDate { .. } => (start, end),
            _ => (end.minus(Micros(1)), end),
        })
    }

    /// The size of the stored windows that is meant, of those that are kept.
    ///
    /// # Errors
    /// It is not kept (WEIR-0305).
    pub fn size_of(self, kept: &[WindowSize]) -> Result<WindowSize> {
        let wanted = match self {
            Window::Day(_) => Some(WindowSize::Day),
            Window::Hour(_) => Some(WindowSize::Hour),
            Window::Ends(_) => kept.first().copied(),
        };
        let labels: Vec<&str> = kept.iter().map(|w| w.label()).collect();
        wanted.filter(|w| kept.contains(w)).ok_or_else(|| {
            anyhow!(
                "{QUERY}: no window of this size is kept for such subjects; there is {}, and \
                 `windows:` at their rollup in schemas/catalog keeps others",
                labels.join(", ")
            )
        })
    }
}

/// Reads `team=search,platform=Linux`; an empty text is the tenant as a whole.
///
/// # Errors
/// A part without `=`, or a name twice (WEIR-0305).
pub fn subject(text: &str) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    for part in text.split(',').filter(|p| !p.trim().is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            bail!("{QUERY}: `{part}` is no part of a subject; write name=value,name=value");
        };
        let name = name.trim().to_owned();
        if out.insert(name, value.to_owned()).is_some() {
            bail!("{QUERY}: `{part}` names a dimension for the second time; leave one out");
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn windows_are_days_of_the_tenant_hours_of_utc_or_ends() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let span = |text: &str| {
            let (start, end) = Window::parse(text).unwrap().span(&zone).unwrap();
            [start, end].map(super::super::told::at)
        };
        // The clocks go forward in that night.
        let day = ["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"];
        assert_eq!(span("2026-03-08"), day);
        let hour = ["2026-03-08T14:00:00Z", "2026-03-08T15:00:00Z"];
        assert_eq!(span("2026-03-08T14"), hour);
        assert_eq!(span("2026-03-08T14:05:00+02:00")[1], "2026-03-08T12:05:00Z");
        for wrong in ["", "yesterday", "2026-03", "2026-03-02T25", "2026-03-02T1é"] {
            let said = Window::parse(wrong).unwrap_err().to_string();
            assert!(said.starts_with("WEIR-0305"), "{said}");
        }
    }

    #[test]
    fn a_window_is_one_that_the_kind_has() {
        let day = Window::parse("2026-03-02").unwrap();
        let kind = |label: &str| JudgedWindow::parse(label).unwrap();
        let ends = |label: &str| day.ends_of(kind(label), &TimeZone::UTC);
        let (start, end) = day.span(&TimeZone::UTC).unwrap();
        assert_eq!(ends("1d").unwrap(), (end.minus(Micros(1)), end));
        assert_eq!(ends("1mo/1h").unwrap(), (start, end));
        let said = ends("1h").unwrap_err().to_string();
        assert!(said.contains("2026-03-02T14"), "{said}");
        assert!(day.size_of(&[WindowSize::Hour]).is_err());
    }

    #[test]
    fn a_subject_is_names_with_values() {
        let of = subject("team=search, platform=Linux").unwrap();
        assert_eq!(of["team"], "search");
        assert_eq!(of["platform"], "Linux");
        assert!(subject("").unwrap().is_empty());
        assert!(subject("team").is_err());
        assert!(subject("team=a,team=b").is_err());
    }
}
