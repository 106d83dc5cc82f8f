//! Who may see what is about single persons. Others are shown numbers about groups of some size
//! alone: what is hidden from them is hidden in the store's tables, for every question of theirs.

use crate::fault::Fault;
use crate::state::State;
use axum::http::StatusCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use weir_http::Bearer;
use weir_http::token::Scope;
use weir_model::codes;
use weir_store::StoreError;
use weir_store::reader::{Hidden, Reader, small};

/// Days whose persons are counted.
const DAYS: i64 = 365;
/// What was counted of a tenant holds for so long.
const HOLDS: Duration = Duration::from_secs(300);

/// What is hidden, by tenant, and since when that is known.
#[derive(Default)]
pub(crate) struct Persons(Mutex<HashMap<String, (Instant, Arc<Hidden>)>>);

/// Whether a bearer may see persons.
pub(crate) fn may(state: &State, bearer: &Bearer) -> bool {
    state.config.least_persons <= 1 || bearer.scopes.contains(&Scope::Persons)
}

/// 403: what is asked for is about a person.
pub(crate) fn refused(what: &str) -> Fault {
    let detail = format!("{what}: this needs a token with the scope persons");
    Fault::new(StatusCode::FORBIDDEN, codes::SCOPE, detail)
}

impl Persons {
    /// What is hidden from a bearer; none where he may see all. It is counted anew every few
    /// minutes.
    pub async fn hidden(
        &self,
        state: &State,
        bearer: &Bearer,
        reader: &Reader,
    ) -> Result<Option<Arc<Hidden>>, StoreError> {
        if may(state, bearer) {
            return Ok(None);
        }
        if let Some(known) = self.known(&bearer.tenant) {
            return Ok(Some(known));
        }
        let zone = state.catalog.tenants.zone(&bearer.tenant).clone();
        let now = jiff::Timestamp::from_microsecond(weir_http::now().0).unwrap_or_default();
        let today = now.to_zoned(zone).date();
        let days = (today.saturating_sub(jiff::Span::new().days(DAYS)), today);
        let few = small(reader, &state.catalog, days, state.config.least_persons).await?;
        let hidden = Arc::new(Hidden::of(&state.catalog, few)?);
        let told = (Instant::now(), hidden.clone());
        self.lock().insert(bearer.tenant.clone(), told);
        Ok(Some(hidden))
    }

    fn known(&self, tenant: &str) -> Option<Arc<Hidden>> {
        let known = self.lock();
        let (since, hidden) = known.get(tenant)?;
        (since.elapsed() < HOLDS).then(|| hidden.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Arc<Hidden>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
