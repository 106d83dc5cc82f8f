//! Reads a report: every number comes from a KPI's formula over the measures (the views `kpi_*`), a
//! measure, or a question; none is computed here.

mod charts;
mod figures;
mod kpis;
mod tables;

use crate::ReportError;
use crate::declare::{Declaration, PointDef};
use crate::model::{Point, Report, Section, Span, Subject};
use crate::say;
use crate::words::Words;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_store::{Question, Reader};

/// What a report is read from.
pub struct Source<'a> {
    /// The store, for one tenant.
    pub reader: &'a Reader,
    /// What its numbers are.
    pub catalog: &'a Catalog,
    /// Named questions.
    pub questions: &'a [Question],
    /// Through when each event type is complete; none where that is not known.
    pub complete: Option<BTreeMap<String, Micros>>,
    /// Now.
    pub now: Micros,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// First day of the tenant.
    pub from: Date,
    /// Last day, included.
    pub to: Date,
    /// Whom it is about.
    pub subject: Option<String>,
}

impl Asked {
    /// Days.
    fn days(&self) -> i64 {
        let span = self.from.until(self.to);
        span.map_or(0, |s| i64::from(s.get_days())) + 1
    }

    /// As many days just before.
    fn before(&self) -> Asked {
        let back = |day: Date, n: i64| day.saturating_sub(jiff::Span::new().days(n));
        Asked {
            from: back(self.from, self.days()),
            to: back(self.from, 1),
            subject: self.subject.clone(),
        }
    }

    fn span(&self) -> Span {
        Span {
            from: self.from.to_string(),
            to: self.to.to_string(),
            days: self.days(),
        }
    }
}

/// One reading of one report.
struct Reading<'a> {
    source: &'a Source<'a>,
    declared: &'a Declaration,
    asked: &'a Asked,
    /// What its numbers were made of.
    events: Mutex<BTreeSet<String>>,
    /// What there is no data of.
    missing: Mutex<Vec<String>>,
}

impl<'a> Reading<'a> {
    fn of(source: &'a Source<'a>, declared: &'a Declaration, asked: &'a Asked) -> Reading<'a> {
        Reading {
            source,
            declared,
            asked,
            events: Mutex::default(),
            missing: Mutex::default(),
        }
    }
}

/// What one reading notes on its way; it may be read on any thread.
fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a report as it is declared.
///
/// # Errors
/// The declaration names what the catalog does not have, a subject is missing, or the store does
/// not answer.
pub async fn read(
    source: &Source<'_>,
    declared: &Declaration,
    asked: &Asked,
) -> Result<Report, ReportError> {
    let subject = subject(declared, asked)?;
    let reading = Reading::of(source, declared, asked);
    let mut sections = Vec::new();
    for s in &declared.sections {
        sections.push(reading.section(s).await?);
    }
    // Bars show what tables have, of any section.
    for (made, s) in declared.sections.iter().enumerate() {
        let charts = reading.charts(&s.charts, &sections).await?;
        sections[made].charts = charts;
    }
    let complete = reading.complete_through();
    reading.tell_of_days(complete).await?;
    let mut report = Report {
        kind: declared.name.clone(),
        title: String::new(),
        reader: declared.reader.clone(),
        tenant: source.reader.tenant().to_owned(),
        subject,
        period: asked.span(),
        before: asked.before().span(),
        generated_at: moment(source.now),
        complete_through: complete.map(moment),
        sections,
        talking_points: Vec::new(),
        recommendations: Vec::new(),
        missing: reading
            .missing
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
    };
    let words = Words::of(&report);
    report.title = words.sentence(&declared.title)?;
    let said = |recommend: bool| -> Result<Vec<Point>, ReportError> {
        let such = declared
            .points
            .iter()
            .filter(|p: &&PointDef| p.recommend == recommend);
        let said = such.map(|p| words.point(p));
        Ok(said
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    };
    (report.talking_points, report.recommendations) = (said(false)?, said(true)?);
    Ok(report)
}

/// Values of the dimension that a report is about one of, which there was anything of in the days
/// that are asked for: any of the measures that the report's figures are.
///
/// # Errors
/// As [`read`].
pub async fn subjects(
    source: &Source<'_>,
    declared: &Declaration,
    asked: &Asked,
) -> Result<BTreeSet<String>, ReportError> {
    let reading = Reading::of(source, declared, asked);
    let by: Vec<String> = declared.subject.iter().cloned().collect();
    let all = declared.sections.iter().flat_map(|s| &s.figures);
    let mut found = BTreeSet::new();
    for figure in all.filter(|f| f.measure.is_some() && f.by.as_ref() == Some(&by)) {
        let asks = reading.asks(figure, None)?;
        let rows = reading.values(&asks, asked, "all").await?;
        found.extend(rows.iter().flat_map(|row| kpis::subject_of(row, &by)));
    }
    found.remove("");
    Ok(found)
}

fn subject(declared: &Declaration, asked: &Asked) -> Result<Option<Subject>, ReportError> {
    match (&declared.subject, &asked.subject) {
        (None, None) => Ok(None),
        (Some(dimension), Some(value)) => Ok(Some(Subject {
            dimension: dimension.clone(),
            value: value.clone(),
        })),
        (Some(dimension), None) => Err(ReportError::Asked(format!(
            "the report {} is about one {dimension}; name it with --subject",
            declared.name
        ))),
        (None, Some(_)) => Err(ReportError::Asked(format!(
            "the report {} is about the whole tenant; leave --subject out",
            declared.name
        ))),
    }
}

fn moment(at: Micros) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    let at = at.round(jiff::Unit::Second).unwrap_or(at);
    at.to_string()
}

impl Reading<'_> {
    async fn section(&self, of: &crate::declare::SectionDef) -> Result<Section, ReportError> {
        let mut figures = Vec::new();
        for f in &of.figures {
            figures.push(self.figure(f).await?);
        }
        let mut tables = Vec::new();
        for t in &of.tables {
            tables.push(self.table(t).await?);
        }
        Ok(Section {
            title: of.title.clone(),
            note: of.note.clone(),
            figures,
            charts: Vec::new(),
            tables,
        })
    }

    fn wrong(&self, reason: String) -> ReportError {
        ReportError::Declaration {
            name: self.declared.name.clone(),
            reason,
        }
    }

    fn misses(&self, words: String) {
        held(&self.missing).push(words);
    }

    /// Everything through then is in its numbers, as far as event types are known that they are
    /// made of.
    fn complete_through(&self) -> Option<Micros> {
        let complete = self.source.complete.as_ref()?;
        let events = held(&self.events);
        events.iter().filter_map(|e| complete.get(e)).min().copied()
    }

    /// Says which days of the period have no data yet, or never had any.
    async fn tell_of_days(&self, complete: Option<Micros>) -> Result<(), ReportError> {
        const SPAN: &str = "SELECT tenant, toString(min(first_day)) AS first, \
                            toString(max(last_day)) AS last FROM data_spans GROUP BY tenant";
        let rows = self.source.reader.rows(SPAN, &[]).await?;
        let day = |name: &str| {
            let text = rows.first()?.get(name)?.as_str()?;
            text.parse::<Date>().ok()
        };
        let (Some(first), Some(last)) = (day("first"), day("last")) else {
            self.misses(format!(
                "there is no data of {} at all",
                self.source.reader.tenant()
            ));
            return Ok(());
        };
        if first > self.asked.from {
            self.misses(format!(
                "data begins on {first}: earlier days of the period have none"
            ));
        }
        if last < self.asked.to {
            self.misses(format!(
                "data ends on {last}: later days of the period have none"
            ));
        }
        if first > self.asked.before().from {
            self.misses(format!(
                "data begins on {first}: the comparison with the days before is of a part of them"
            ));
        }
        match complete {
            None => self.misses("through when the numbers are complete is not known".into()),
            Some(at) if self.is_before_the_end(at) => self.misses(format!(
                "numbers are complete through {}: what comes later may be missing",
                moment(at)
            )),
            Some(_) => {}
        }
        Ok(())
    }

    fn is_before_the_end(&self, at: Micros) -> bool {
        let zone = self
            .source
            .catalog
            .tenants
            .zone(self.source.reader.tenant());
        let next = self.asked.to.saturating_add(jiff::Span::new().days(1));
        let end = next.to_zoned(zone.clone());
        end.is_ok_and(|end| at.0 < end.timestamp().as_microsecond())
    }
}

/// What there is no value of, in words.
fn no_value(title: &str, of: &str) -> String {
    match of {
        "" => format!("{title}: {}", say::NO_DATA),
        of => format!("{title}, {of}: {}", say::NO_DATA),
    }
}
