//! A report as it is ordered, in words: by a command, a request or a schedule. All of them make
//! theirs here.

use crate::ReportError;
use crate::declare::Declaration;
use crate::model::Report;
use crate::read::{Asked, Source, read, subjects};
use crate::render::{Format, Renderer};
use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use weir_catalog::Catalog;
use weir_model::Micros;

/// Which days, and whom it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// `30d`, `4w`, `3mo` or `30`: whole days, up to the last one.
    pub period: Option<String>,
    /// First day, `2026-01-05`.
    pub from: Option<String>,
    /// Last day, included; yesterday where it is left out.
    pub to: Option<String>,
    /// Whom it is about, where it is about one.
    pub subject: Option<String>,
}

/// Most days that can be asked for.
const LONGEST: u32 = 3_660;

impl Order {
    /// Who can be reported about: values of the dimension that the report is about one of.
    ///
    /// # Errors
    /// As [`read`], and for days that are none.
    pub async fn subjects(
        &self,
        source: &Source<'_>,
        declared: &Declaration,
    ) -> Result<BTreeSet<String>, ReportError> {
        subjects(source, declared, &self.asked(source, declared)?).await
    }

    /// Reads the report.
    ///
    /// # Errors
    /// As [`read`], and for days that are none.
    pub async fn read(
        &self,
        source: &Source<'_>,
        declared: &Declaration,
    ) -> Result<Report, ReportError> {
        read(source, declared, &self.asked(source, declared)?).await
    }

    fn asked(&self, source: &Source<'_>, declared: &Declaration) -> Result<Asked, ReportError> {
        let today = today(source.catalog, source.reader.tenant(), source.now);
        let (from, to) = self.days(declared.days, today)?;
        Ok(Asked {
            from,
            to,
            subject: self.subject.clone(),
        })
    }

    /// First and last day: whole ones, up to yesterday where nothing is said.
    fn days(&self, usual: u32, today: Date) -> Result<(Date, Date), ReportError> {
        let back = |day: Date, n: u32| day.saturating_sub(Span::new().days(i64::from(n)));
        if self.from.is_some() && self.period.is_some() {
            let both = "--from and --period both say where it begins; leave one of them out";
            return Err(ReportError::Asked(both.into()));
        }
        let to = day("to", self.to.as_deref())?.unwrap_or_else(|| back(today, 1));
        let from = match (day("from", self.from.as_deref())?, &self.period) {
            (Some(from), _) => from,
            (None, Some(period)) => first(to, length(period)?),
            (None, None) => back(to, usual.max(1) - 1),
        };
        if from > to {
            let words = format!("--from {from} lies after --to {to}");
            return Err(ReportError::Asked(words));
        }
        if to.since(from).is_ok_and(|s| s.get_days() >= LONGEST as i32) {
            let words = format!("--from {from} lies more than {LONGEST} days before --to {to}");
            return Err(ReportError::Asked(words));
        }
        Ok((from, to))
    }
}

/// The tenant's today.
fn today(catalog: &Catalog, tenant: &str, now: Micros) -> Date {
    let zone = catalog.tenants.zone(tenant).clone();
    let now = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
    now.to_zoned(zone).date()
}

/// ClickHouse's dates are from 1970 to 2149.
fn day(name: &str, text: Option<&str>) -> Result<Option<Date>, ReportError> {
    let known = |d: &Date| (1970..2100).contains(&d.year());
    let read = |text: &str| {
        let day = text.parse::<Date>().ok().filter(known);
        day.ok_or_else(|| {
            ReportError::Asked(format!(
                "--{name} takes a day such as 2026-01-05, not {:?}",
                short(text)
            ))
        })
    };
    text.map(read).transpose()
}

/// The first day of a period that ends with a day: three months up to the 31st of December begin
/// on the 1st of October.
fn first(last: Date, length: Span) -> Date {
    let end = last.saturating_add(Span::new().days(1));
    end.saturating_sub(length)
}

/// Whether it is a period.
///
/// # Errors
/// WEIR-1203: it is none.
pub fn is_period(text: &str) -> Result<(), ReportError> {
    length(text).map(drop)
}

/// `30d`, `4w`, `3mo` or `30` (days).
fn length(text: &str) -> Result<Span, ReportError> {
    let units: [(&str, u32, Span); 4] = [
        ("mo", LONGEST / 31, Span::new().months(1)),
        ("w", LONGEST / 7, Span::new().weeks(1)),
        ("d", LONGEST, Span::new().days(1)),
        ("", LONGEST, Span::new().days(1)),
    ];
    let found = units.iter().find_map(|(unit, most, span)| {
        let n = text.strip_suffix(unit)?.parse::<u32>().ok()?;
        (1..=*most).contains(&n).then(|| *span * i64::from(n))
    });
    found.ok_or_else(|| {
        ReportError::Asked(format!(
            "--period takes days such as 30d, 4w or 3mo, at most {LONGEST}d, not {:?}",
            short(text)
        ))
    })
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A report in a format, as a file.
#[derive(Clone, Debug)]
pub struct File {
    /// `executive-acme-2026-03-01-2026-03-30.pptx`
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl File {
    /// Writes a report.
    ///
    /// # Errors
    /// As [`Renderer::render`].
    pub fn of(
        report: &Report,
        declared: &Declaration,
        format: Format,
        renderer: &Renderer,
    ) -> Result<File, ReportError> {
        Ok(File {
            name: name(report, format),
            format,
            bytes: renderer.render(report, declared, format)?,
        })
    }
}

/// Plain characters alone: it stands in headers, and in folders of any system.
fn name(report: &Report, format: Format) -> String {
    let subject = report.subject.iter().map(|s| s.value.as_str());
    let days = [report.period.from.as_str(), report.period.to.as_str()];
    let all: Vec<String> = [report.kind.as_str(), report.tenant.as_str()]
        .into_iter()
        .chain(subject)
        .chain(days)
        .map(plain)
        .collect();
    format!("{}.{}", all.join("-"), format.ending())
}

fn plain(text: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    let all = text.chars().take(80);
    all.map(|c| if kept(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn days_are_whole_and_end_yesterday() {
        let today = jiff::civil::date(2026, 3, 31);
        let of = |period: Option<&str>, from: Option<&str>, to: Option<&str>| {
            let text = |t: Option<&str>| t.map(str::to_owned);
            let order = Order {
                period: text(period),
                from: text(from),
                to: text(to),
                subject: None,
            };
            let days = order.days(30, today);
            days.map(|(from, to)| format!("{from} {to}"))
        };
        assert_eq!(of(None, None, None).unwrap(), "2026-03-01 2026-03-30");
        assert_eq!(of(Some("2w"), None, None).unwrap(), "2026-03-17 2026-03-30");
        assert_eq!(
            of(Some("1d"), None, Some("2026-03-05")).unwrap(),
            "2026-03-05 2026-03-05"
        );
        assert_eq!(
            of(None, Some("2026-03-01"), None).unwrap(),
            "2026-03-01 2026-03-30"
        );
        assert_eq!(
            of(Some("3mo"), None, Some("2025-12-31")).unwrap(),
            "2025-10-01 2025-12-31"
        );
        for (period, from, to) in [
            (Some("0d"), None, None),
            (Some("soon"), None, None),
            (Some("9999999w"), None, None),
            (Some("7d"), Some("2026-03-01"), None),
            (None, Some("2026-04-01"), None),
            (None, Some("1990-04-01"), None),
            (None, Some("0001-04-01"), None),
            (None, Some("tomorrow"), None),
        ] {
            let refused = of(period, from, to).unwrap_err().to_string();
            assert!(refused.starts_with("WEIR-1203"), "{refused}");
        }
    }

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(plain("ada@example.com"), "ada@example.com");
        assert_eq!(plain("a\"b/..\r\nc"), "a_b_..__c");
    }
}
