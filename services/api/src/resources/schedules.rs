//! Reports that are sent by themselves: of which those of the tenant are shown.

use crate::fault::Fault;
use crate::page::Told;
use crate::params::Params;
use crate::resources::Nothing;
use crate::scheduled::{About, Book, Kept, Schedule};
use crate::standing::rfc3339;
use crate::state::{Asker, Shared};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;
use weir_http::Problem;
use weir_kafka::compacted;
use weir_model::{Micros, codes, topics};

/// How long Kafka may take.
const WITHIN: Duration = Duration::from_secs(5);

/// A report that is sent by itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scheduled {
    #[schema(example = "weekly_cost")]
    name: String,
    #[schema(example = "cost")]
    report: String,
    /// Minute, hour, day, month, day of the week.
    #[schema(example = "0 7 * * mon")]
    cron: String,
    /// In which zone.
    zone: String,
    /// Whole days before the one on which it is due. Null: as the report declares.
    period: Option<String>,
    /// What is attached.
    formats: Vec<&'static str>,
    /// Whom it is about, where it is about one.
    subject: Option<String>,
    /// The dimension of which it is about each value.
    each: Option<String>,
    /// When it is due next.
    #[schema(format = DateTime)]
    next: Option<String>,
    /// When it was due last, of what is dealt with.
    #[schema(format = DateTime)]
    last_due: Option<String>,
    /// When the last mail of it was taken.
    #[schema(format = DateTime)]
    last_sent: Option<String>,
    /// Why something of it is not sent. Null: nothing is in its way.
    trouble: Option<String>,
}

impl Scheduled {
    fn of(s: &Schedule, kept: Option<&Kept>) -> Scheduled {
        let now = jiff::Timestamp::from_microsecond(weir_http::now().0).unwrap_or_default();
        let next = s.cron.next(now, &s.zone);
        let moment = |at: Option<Micros>| at.map(rfc3339);
        let (subject, each) = match &s.about {
            About::All => (None, None),
            About::One(one) => (Some(one.clone()), None),
            About::Each(each) => (None, Some(each.clone())),
        };
        Scheduled {
            name: s.name.clone(),
            report: s.report.name.clone(),
            cron: s.written.clone(),
            zone: s.zone.iana_name().unwrap_or("UTC").to_owned(),
            period: s.period.clone(),
            formats: s.formats.iter().map(|f| f.ending()).collect(),
            subject,
            each,
            next: next.map(|t| t.to_string()),
            last_due: moment(kept.and_then(|k| k.due)),
            last_sent: moment(kept.and_then(|k| k.sent)),
            trouble: kept.and_then(|k| k.trouble.clone()),
        }
    }
}

/// Reports of the tenant that are sent by themselves, with what was sent.
#[utoipa::path(get, path = "/v1/schedules", tag = "reports",
    responses((status = 200, body = Told<Vec<Scheduled>>)))]
pub(crate) async fn schedules(
    asker: Asker,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let all = &asker.state.schedules;
    let own: Vec<&Schedule> = all.iter().filter(|s| s.tenant == asker.tenant()).collect();
    let book = match own.is_empty() {
        true => Book::default(),
        false => book(&asker.state).await?,
    };
    let told = own
        .iter()
        .map(|s| Scheduled::of(s, book.kept().get(&s.name)));
    let told: Vec<Scheduled> = told.collect();
    Ok(asker.told_of_all(told).response())
}

/// What was sent, as the log says it, whichever api sends.
async fn book(state: &Shared) -> Result<Book, Fault> {
    let brokers = state.config.kafka.clone();
    let read = tokio::task::spawn_blocking(move || {
        let entries = compacted::read_all(&brokers, topics::REPORTS, WITHIN)?;
        let entries = entries.iter().map(|(k, v)| (&k[..], &v[..]));
        Ok::<_, weir_kafka::Error>(Book::load(entries, |_| {}))
    });
    let silent = |why: String| {
        tracing::warn!("what was sent is not known: {why}");
        let detail = "Kafka does not answer: what was sent is not known";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, codes::NOT_ACKNOWLEDGED, detail).again_after(WITHIN)
    };
    match read.await {
        Ok(Ok(book)) => Ok(book),
        Ok(Err(e)) => Err(silent(e.to_string()).into()),
        Err(e) => Err(silent(e.to_string()).into()),
    }
}
