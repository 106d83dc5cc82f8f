//! What forecasts, trends and findings have in common: what can be asked for, and how it is listed.

use super::all_typed;
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Day, page_size};
use crate::state::Asker;
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use weir_store::reader::{Computed, Listing};

/// Which rows are wanted.
pub(super) struct Wanted<'a> {
    /// Columns that have a value, where one is given.
    pub equal: &'a [(&'static str, &'a Option<String>)],
    pub subject: &'a BTreeMap<String, String>,
    pub since: Option<Day>,
    /// After which place, and how many.
    pub pages: (Option<&'a str>, Option<usize>),
}

/// A page of them.
pub(super) async fn listed<T: Serialize + DeserializeOwned>(
    asker: &Asker,
    list: fn(&Computed) -> Listing,
    wanted: &Wanted<'_>,
) -> Result<Response<Body>, Fault> {
    let since = wanted.since.map(|d| d.0);
    let of = Computed::of(wanted.equal, wanted.subject.clone(), since);
    let (after, limit) = wanted.pages;
    let size = page_size(limit, asker.most())?;
    let (rows, next) = asker.page(&list(&of), after, size).await?;
    let rows: Vec<T> = all_typed(rows)?;
    let told: Told<Vec<T>> = asker.told_of_all(rows);
    Ok(told.then(next).response())
}
