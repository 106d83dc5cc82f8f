//! A stream of server-sent events.

use super::hub::{Full, Listening, Told, Topic, Wants};
use super::place::{Log, Place};
use crate::fault::Fault;
use crate::params::{Names, Params};
use crate::state::{Asker, Shared, open};
use axum::Extension;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::IntoParams;
use weir_catalog::suggest;
use weir_http::token::Scope;
use weir_http::{Cut, Problem};
use weir_store::reader::Hidden;

/// Something is sent at least so often: both sides notice that the other is gone. It is looked too
/// whether the token is still known.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A client that lost its stream comes back after that time.
const AGAIN: Duration = Duration::from_secs(2);
/// Header with the id that a client was told last.
const LAST: &str = "last-event-id";
/// What can be listened to, by the name that is asked for.
const TOPICS: [(&str, Topic); 3] = [
    ("alerts", Topic::Log(Log::Alerts)),
    ("anomalies", Topic::Log(Log::Anomalies)),
    ("kpis", Topic::Kpis),
];

/// What is listened to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveAsked {
    /// `alerts`, `anomalies`, `kpis`, separated by commas; all where it is left out.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "alerts,anomalies")]
    topics: Names,
    /// Names of KPIs; all where it is left out.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "spend_per_hour")]
    kpis: Names,
}

/// What happens, as it happens: a stream of server-sent events. `alert` and `anomaly` have the
/// members of `/v1/alerts` and `/v1/anomalies`, once they are said for good; `kpi` says what one is
/// so far, of a window that is still open (`provisional: true`). `Last-Event-ID` goes on where a
/// stream was; `missed` says that this is too long ago: ask for the lists then. A stream whose
/// reader is too slow is closed.
#[utoipa::path(get, path = "/v1/live", tag = "live",
    params(LiveAsked, ("Last-Event-ID" = Option<String>, Header, description = "id of the last event")),
    responses((status = 200, content((super::provisional::SoFar = "text/event-stream")))))]
pub(crate) async fn stream(
    asker: Asker,
    Params(asked): Params<LiveAsked>,
    Extension(cut): Extension<Cut>,
    head: Head,
) -> Result<Response, Fault> {
    let mut topics = BTreeSet::new();
    for name in &asked.topics.0 {
        let known = TOPICS.iter().find(|(n, _)| n == name);
        let none = || {
            let near = suggest(name, TOPICS.iter().map(|(n, _)| *n));
            Fault::bad(format!("`topics` has none of that name; {near}"))
        };
        topics.insert(known.ok_or_else(none)?.1);
    }
    if topics.is_empty() {
        topics.extend(TOPICS.iter().map(|(_, t)| *t));
    }
    for name in &asked.kpis.0 {
        asker.kpi(name)?;
    }
    let last = head.0.headers.get(LAST).and_then(|v| v.to_str().ok());
    let wants = Wants {
        token: asker.bearer.id.clone(),
        tenant: asker.bearer.tenant.clone(),
        topics,
        kpis: asked.kpis.0,
        // What is no place was said by somebody else: as if nothing was known any more.
        last: last.map(|text| Place::read(text).unwrap_or_default()),
    };
    let hidden = asker.hidden().await?;
    let listening = asker.state.hub.listen(wants, cut).map_err(full)?;
    let listener = Listener {
        listening,
        hidden,
        head: head.0,
        state: asker.state.clone(),
        told: false,
        looked: Instant::now(),
    };
    let events = unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<Event, Infallible>(event), listener))
    });
    let mut response = Sse::new(events).into_response();
    // Nothing on the way keeps it back.
    let headers = response.headers_mut();
    let off = HeaderValue::from_static("no");
    headers.insert(header::HeaderName::from_static("x-accel-buffering"), off);
    let none = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, none);
    Ok(response)
}

/// The head of a request.
pub(crate) struct Head(Parts);

impl axum::extract::FromRequestParts<Shared> for Head {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &Shared) -> Result<Head, Infallible> {
        Ok(Head(head.clone()))
    }
}

fn full(why: Full) -> Fault {
    let words = match why {
        Full::Starting => "it is starting: where the log is, is not read yet",
        Full::All => "as many streams are open as may be",
        Full::Token => "as many streams of this token are open as may be",
    };
    Problem::busy(words).into()
}

struct Listener {
    listening: Listening,
    /// What he is not told; none: he may see all.
    hidden: Option<Arc<Hidden>>,
    head: Parts,
    state: Shared,
    /// Whether he was told anything.
    told: bool,
    /// When it was looked last whether he may read.
    looked: Instant,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        // However much there is to tell, who may not read any more is told no more.
        if self.looked.elapsed() >= HEARTBEAT {
            self.look()?;
        }
        let due = self.looked + HEARTBEAT;
        match tokio::time::timeout_at(due, self.heard()).await {
            Ok(told) => {
                let first = !std::mem::replace(&mut self.told, true);
                told.map(|told| event(&told, first))
            }
            Err(_) => self.look().map(|()| Event::default().comment("")),
        }
    }

    /// The next message that he may be told.
    async fn heard(&mut self) -> Option<Arc<Told>> {
        loop {
            let told = self.listening.next().await?;
            if !self.hidden.as_ref().is_some_and(|h| hides(h, &told)) {
                return Some(told);
            }
        }
    }

    /// Whether he may still read.
    fn look(&mut self) -> Option<()> {
        self.looked = Instant::now();
        open(&self.state, &self.head, &[Scope::Read]).ok().map(drop)
    }
}

/// Whether a message is about a person, or about too few.
fn hides(hidden: &Hidden, told: &Told) -> bool {
    let said: serde_json::Value = serde_json::from_str(&told.data).unwrap_or_default();
    let of = [&said["dimensions"], &said["subject"]];
    of.into_iter()
        .filter_map(|v| v.as_object())
        .any(|s| hidden.hides(s))
}

fn event(told: &Arc<Told>, first: bool) -> Event {
    let event = Event::default().event(told.event).data(&told.data);
    let event = match &told.place {
        Some(place) => event.id(place),
        None => event,
    };
    match first {
        true => event.retry(AGAIN),
        false => event,
    }
}
