//! Questions: named ones and SQL, how they are found and asked, and where data begins and ends
//! beside their answers.

use anyhow::Result;
use serde::Serialize;
use weir_catalog::Catalog;
use weir_model::{Micros, WindowSize};
use weir_store::{Param, Period, Question, Rows, Store, audit, view_of};

/// A question that is ready to be asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// ClickHouse SQL.
    pub sql: String,
    /// Its bound parameters.
    pub params: Vec<Param>,
    /// The period that a named question is about, and its tenant; empty for all of them.
    about: Option<(Period, String)>,
}

/// An answer that is held as a whole.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Rows and columns.
    Rows(Rows),
    /// The question has a FORMAT of its own: it is what was asked for.
    Text(Vec<u8>),
}

impl Answer {
    /// True where there are no rows.
    pub fn is_empty(&self) -> bool {
        matches!(self, Answer::Rows(rows) if rows.rows.is_empty())
    }
}

/// The days that a tenant has data of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Whose.
    pub tenant: String,
    /// `2026-01-05`, a day of the tenant's.
    pub first: String,
    /// The same.
    pub last: String,
}

/// What there is to say beside an answer about a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The period, in words.
    pub period: String,
    /// The tenant that was asked for; empty for all.
    pub tenant: String,
    /// True where nothing at all is known of it.
    pub no_data: bool,
    /// Tenants whose data begins before the period or ends after it; all of them where the answer
    /// is empty.
    pub spans: Vec<Span>,
}

/// What to say beside an empty answer about views of windows of which not every rollup keeps any:
/// a sentence for each such view that the SQL names.
pub fn not_kept(catalog: &Catalog, sql: &str) -> Vec<String> {
    let words: Vec<&str> = sql
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let mut told = Vec::new();
    for event in &catalog.events {
        for size in WindowSize::ALL {
            let view = view_of(event, size);
            let by = |keep: bool| {
                let rollups = event.rollups.iter();
                let such = rollups.filter(|r| r.windows.contains(&size) == keep);
                let names = such.map(|r| format!("'{}'", event.rollup_dimensions(r).join(",")));
                names.collect::<Vec<_>>().join(", ")
            };
            if !words.contains(&view.as_str()) || by(false).is_empty() {
                continue;
            }
            told.push(format!(
                "{view} has windows of the rollups {}; `windows: [{}, 1h, 1d]` at another one in \
                 schemas/catalog keeps them of it too",
                by(true),
                size.label()
            ));
        }
    }
    told
}

impl Asked {
    /// SQL as it is.
    pub fn sql(text: String) -> Asked {
        Asked {
            sql: text,
            params: Vec::new(),
            about: None,
        }
    }

    /// A named question, with what the asker says of its parameters, at a time.
    ///
    /// # Errors
    /// A name that the question does not have, a number or date that is none, a KPI that there is
    /// not.
    pub fn named(
        question: &Question,
        given: &[Param],
        catalog: &Catalog,
        now: Micros,
    ) -> Result<Asked> {
        let (sql, params) = question.sql(given, catalog, now)?;
        let about = question.period(given)?.map(|period| {
            let tenant = given.iter().rfind(|(n, _)| n == "tenant");
            (period, tenant.map(|(_, t)| t.clone()).unwrap_or_default())
        });
        Ok(Asked { sql, params, about })
    }

    /// Its answer as a whole.
    ///
    /// # Errors
    /// ClickHouse refuses it, or does not answer.
    pub async fn answer(&self, store: &Store) -> Result<Answer> {
        let answer = store.query(&self.sql, &self.params, "JSONCompact")?;
        let bytes = answer.collect().await?;
        Ok(match serde_json::from_slice::<Rows>(&bytes) {
            Ok(rows) => Answer::Rows(rows),
            Err(_) => Answer::Text(bytes.to_vec()),
        })
    }

    /// Its answer in a format of ClickHouse, as it comes; number of its lines.
    ///
    /// # Errors
    /// ClickHouse refuses it or does not answer, or what takes the answer fails.
    pub async fn stream(
        &self,
        store: &Store,
        format: &str,
        to: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<usize> {
        let mut answer = store.query(&self.sql, &self.params, format)?;
        let mut lines = 0;
        while let Some(bytes) = answer.next().await? {
            lines += bytes.iter().filter(|b| **b == b'\n').count();
            to(&bytes)?;
        }
        Ok(lines)
    }

    /// Where data begins and ends, for a question about a period; `is_empty` where its answer had
    /// no rows.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn coverage(
        &self,
        store: &Store,
        now: Micros,
        is_empty: bool,
    ) -> Result<Option<Coverage>> {
        let Some((period, tenant)) = &self.about else {
            return Ok(None);
        };
        let params = [("tenant".to_owned(), tenant.clone())];
        let spans = store.rows(audit::SPANS, &params).await?.rows;
        let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
        let spans: Vec<Span> = spans
            .iter()
            .map(|row| Span {
                tenant: text(&row[0]),
                first: text(&row[1]),
                last: text(&row[2]),
            })
            .collect();
        let today = jiff::Timestamp::from_microsecond(now.0)?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        Ok(Some(Coverage {
            period: period.to_string(),
            tenant: tenant.clone(),
            no_data: spans.is_empty(),
            spans: spans
                .into_iter()
                .filter(|s| is_empty || s.is_outside(period, today))
                .collect(),
        }))
    }
}

impl Span {
    /// True where it has days that a period leaves out.
    fn is_outside(&self, period: &Period, today: jiff::civil::Date) -> bool {
        match period.ends() {
            (Some(from), _) if self.first < from.to_string() => true,
            (_, Some(to)) => self.last > to.to_string(),
            (Some(_), None) => false,
            // Days up to the tenant's today: a zone more or less decides nothing here.
            (None, None) => {
                let back = jiff::Span::new().days(i64::from(period.days));
                self.first < today.saturating_sub(back).to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn days_that_a_period_leaves_out_are_told() {
        let of = |given: &[(&str, &str)]| {
            let given: Vec<Param> = given
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            Period::of(30, &given).unwrap()
        };
        let span = |first: &str, last: &str| Span {
            tenant: "t".into(),
            first: first.into(),
            last: last.into(),
        };
        let today = jiff::civil::date(2026, 3, 31);
        let march = [("from", "2026-03-01"), ("to", "2026-03-31")];
        assert!(!span("2026-03-01", "2026-03-31").is_outside(&of(&march), today));
        assert!(span("2026-02-28", "2026-03-31").is_outside(&of(&march), today));
        assert!(span("2026-03-01", "2026-04-01").is_outside(&of(&march), today));
        assert!(!span("2026-03-01", "2026-04-01").is_outside(&of(&march[..1]), today));
        assert!(span("2026-02-28", "2026-03-31").is_outside(&of(&[]), today));
        assert!(!span("2026-03-01", "2026-03-31").is_outside(&of(&[]), today));
    }

    #[test]
    fn a_named_question_knows_what_it_is_about() {
        let text = "-- title: T\n-- period 7\nSELECT 1 WHERE {tenant} AND {period of at}";
        let question = Question::parse("q", text).unwrap();
        let catalog = Catalog::embedded().unwrap();
        let given = [("tenant".to_owned(), "acme".to_owned())];
        let asked = Asked::named(&question, &given, &catalog, Micros(0)).unwrap();
        assert_eq!(asked.about.unwrap().1, "acme");
        let wrong = [("tennant".to_owned(), "acme".to_owned())];
        assert!(Asked::named(&question, &wrong, &catalog, Micros(0)).is_err());
    }
}
