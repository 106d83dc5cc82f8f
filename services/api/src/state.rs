//! What all requests share, and who asks in one of them.

use crate::commands::Desk;
use crate::config::ApiConfig;
use crate::dashboard::{Entrance, session_of};
use crate::fault::Fault;
use crate::live::Hub;
use crate::page::{self, Told};
use crate::persons::{self, Persons};
use crate::scheduled::Schedule;
use crate::standing::Standing;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use weir_catalog::{Catalog, KpiDef};
use weir_http::token::Scope;
use weir_http::{Bearer, Door, Problem, Rates};
use weir_ops::analytics::Source;
use weir_store::reader::{Hidden, Listing, Reader, Row};
use weir_store::{Param, Question, Store, StoreError};

/// What all requests share.
pub(crate) struct State {
    pub config: ApiConfig,
    pub catalog: Arc<Catalog>,
    pub questions: Vec<Question>,
    pub reports: Vec<weir_report::Declaration>,
    /// Those that are sent by themselves.
    pub schedules: Vec<Schedule>,
    pub store: Store,
    pub door: Door,
    pub rates: Rates,
    pub turns: Semaphore,
    pub standing: Standing,
    /// What happens, for who listens.
    pub hub: Hub,
    /// Where commands are written.
    pub desk: Desk,
    /// Codes and sessions of the dashboard.
    pub entrance: Entrance,
    /// What is hidden from whom.
    pub persons: Persons,
    /// The port that it listens at.
    pub port: u16,
}

pub(crate) type Shared = Arc<State>;

/// When to come again while no run of this catalog is there.
const AGAIN: Duration = Duration::from_secs(5);

/// Who sends a request, if he may do one of these: by his token, or by a session of the dashboard,
/// which may do what its token may, for as long as that is known.
pub(crate) fn open(state: &Shared, head: &Parts, scopes: &[Scope]) -> Result<Bearer, Problem> {
    match session_of(state, head)? {
        None => state.door.open(head, scopes),
        Some(whose) => {
            let bearer = state.door.again(&whose.token, scopes)?;
            // A token of that id that was made anew for somebody else is another one.
            match bearer.tenant == whose.tenant {
                true => Ok(bearer),
                false => state.door.again("", scopes),
            }
        }
    }
}

/// Who asks: bearer of a token that may read, within its rate. It is the only way to the store.
pub(crate) struct Asker {
    pub state: Shared,
    /// Who.
    pub bearer: Bearer,
    /// Without what is hidden from him: only what tells whose it is, and limits. The way to rows is
    /// [`Asker::reader`].
    bare: Reader,
    /// What tells the lists of one question from those of another.
    list: String,
}

impl FromRequestParts<Shared> for Asker {
    type Rejection = Fault;

    async fn from_request_parts(head: &mut Parts, state: &Shared) -> Result<Asker, Fault> {
        Asker::of(head, state, Scope::Read)
    }
}

/// Who may change something.
pub(crate) struct Actor(pub Asker);

impl FromRequestParts<Shared> for Actor {
    type Rejection = Fault;

    async fn from_request_parts(head: &mut Parts, state: &Shared) -> Result<Actor, Fault> {
        Asker::of(head, state, Scope::Write).map(Actor)
    }
}

impl Asker {
    fn of(head: &Parts, state: &Shared, scope: Scope) -> Result<Asker, Fault> {
        let bearer = open(state, head, &[scope])?;
        state.rates.take(&bearer.id, 1, Instant::now())?;
        if let Some(trouble) = state.standing.trouble() {
            let problem =
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, trouble.code, trouble.words);
            return Err(problem.again_after(AGAIN).into());
        }
        Ok(Asker {
            bare: Reader::new(&state.store, &bearer.tenant, &state.config.limits),
            list: page::list_of(head),
            state: state.clone(),
            bearer,
        })
    }

    pub fn catalog(&self) -> &Catalog {
        &self.state.catalog
    }

    /// Whose numbers these are.
    pub fn tenant(&self) -> &str {
        self.bare.tenant()
    }

    /// Most rows of an answer.
    pub fn most(&self) -> usize {
        self.bare.limits().rows
    }

    /// The zone in which the tenant's days begin.
    pub fn zone(&self) -> &jiff::tz::TimeZone {
        self.catalog().tenants.zone(self.tenant())
    }

    /// The tenant's today.
    pub fn today(&self) -> jiff::civil::Date {
        let now = jiff::Timestamp::from_microsecond(weir_http::now().0).unwrap_or_default();
        now.to_zoned(self.zone().clone()).date()
    }

    /// What is hidden from him; none where he may see persons.
    pub async fn hidden(&self) -> Result<Option<Arc<Hidden>>, Fault> {
        let of = self
            .state
            .persons
            .hidden(&self.state, &self.bearer, &self.bare);
        of.await.map_err(|e| self.tell(e))
    }

    /// The store as he may see it.
    pub async fn reader(&self) -> Result<Reader, Fault> {
        Ok(match self.hidden().await? {
            Some(hidden) => self.bare.without(&hidden),
            None => self.bare.clone(),
        })
    }

    /// Refuses what is about a person, where he may not see persons; of others it would only be
    /// empty.
    pub fn may_see<'a>(
        &self,
        dimensions: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), Fault> {
        if persons::may(&self.state, &self.bearer) {
            return Ok(());
        }
        let all = weir_store::reader::persons(self.catalog());
        match dimensions.into_iter().find(|d| all.contains(*d)) {
            Some(person) => Err(persons::refused(&format!("by {person}"))),
            None => Ok(()),
        }
    }

    /// Refuses who may not see persons.
    pub fn may_see_persons(&self, what: &str) -> Result<(), Fault> {
        match persons::may(&self.state, &self.bearer) {
            true => Ok(()),
            false => Err(persons::refused(what)),
        }
    }

    /// What `weir_ops` asks with. Who asks with it takes a [turn](Asker::turn) before.
    pub fn source<'a>(&'a self, reader: &'a Reader) -> Source<'a> {
        Source {
            reader,
            catalog: self.catalog(),
            questions: &self.state.questions,
            now: weir_http::now(),
        }
    }

    /// A KPI or score.
    pub fn kpi(&self, name: &str) -> Result<&KpiDef, Fault> {
        let known = || self.catalog().kpis.iter().map(|k| k.name.as_str());
        let found = self.catalog().kpi(name);
        found.ok_or_else(|| Fault::missing("KPI", name, known()))
    }

    /// Rows of a SELECT.
    pub async fn rows(&self, select: &str, params: &[Param]) -> Result<Vec<Row>, Fault> {
        let reader = self.reader().await?;
        let _turn = self.turn().await?;
        let rows = reader.rows(select, params).await;
        rows.map_err(|e| self.tell(e))
    }

    /// A page of a listing, and where the next one begins.
    pub async fn page(
        &self,
        listing: &Listing,
        after: Option<&str>,
        size: usize,
    ) -> Result<(Vec<Row>, Option<String>), Fault> {
        let after = after
            .map(|text| page::read(text, &self.list, listing.keys()))
            .transpose()?;
        let reader = self.reader().await?;
        let _turn = self.turn().await?;
        let page = reader.page(listing, after.as_ref(), size).await;
        let page = page.map_err(|e| self.tell(e))?;
        let next = page.next.map(|place| page::write(&place, &self.list));
        Ok((page.rows, next))
    }

    /// The store for questions that name the tenant themselves and bring formats of their own.
    pub async fn store_within_limits(&self) -> Result<Store, Fault> {
        let limits = self.bare.limits().settings();
        let store = self.state.store.with_settings(&limits);
        Ok(match self.hidden().await? {
            Some(hidden) => hidden.over(&store),
            None => store,
        })
    }

    /// Waits for a turn to ask ClickHouse.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let turn = self.state.turns.acquire();
        match tokio::time::timeout(self.state.config.wait, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Problem::busy("as many questions are under way as may be").into()),
        }
    }

    /// A failure of the store, with what is known without it.
    pub fn tell(&self, error: StoreError) -> Fault {
        let problem = Fault::from(error).problem();
        if problem.status != StatusCode::SERVICE_UNAVAILABLE {
            return problem.into();
        }
        let complete = self.state.standing.complete();
        problem
            .with("complete_through", serde_json::json!(complete))
            .with("run", self.state.standing.run())
            .into()
    }

    /// An answer about some event types, with through when it is complete.
    pub fn told<'a, T>(&self, data: T, events: impl Iterator<Item = &'a str>) -> Told<T> {
        let through = self.state.standing.through(events);
        Told {
            data,
            next: None,
            complete_through: through.map(crate::standing::rfc3339),
        }
    }

    /// The same about all of them.
    pub fn told_of_all<T>(&self, data: T) -> Told<T> {
        let catalog = self.state.catalog.clone();
        self.told(data, catalog.events.iter().map(|e| e.name.as_str()))
    }

    /// The same about those that a KPI or score is made of.
    pub fn told_of_kpi<T>(&self, data: T, kpi: &KpiDef) -> Told<T> {
        let catalog = self.state.catalog.clone();
        let events = events_of(&catalog, kpi);
        self.told(data, events.into_iter())
    }
}

/// Names of the event types that a KPI or score is made of.
pub(crate) fn events_of<'a>(catalog: &'a Catalog, kpi: &KpiDef) -> Vec<&'a str> {
    let own = kpi
        .terms
        .iter()
        .map(|t| catalog.events[t.event].name.as_str());
    let mut all: Vec<&str> = own.collect();
    for (input, _) in kpi.mix.iter().flat_map(|mix| &mix.inputs) {
        all.extend(events_of(catalog, &catalog.kpis[*input]));
    }
    all.sort_unstable();
    all.dedup();
    all
}
