//! Whose numbers these are, and how far everything has come.

use crate::fault::Fault;
use crate::params::Params;
use crate::resources::Nothing;
use crate::state::Asker;
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::page::Told;

/// How everything is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    /// Whose numbers the token shows.
    tenant: String,
    /// The zone in which its days begin.
    #[schema(example = "Europe/Berlin")]
    zone: String,
    /// The run of the derivation.
    run: Option<u32>,
    /// Hash of the catalog, 16 hex digits.
    catalog: String,
    /// Through when each event type is complete.
    event_types: BTreeMap<String, String>,
}

/// Whose numbers the token shows, and how far everything has come.
#[utoipa::path(get, path = "/v1/status", tag = "system",
    responses((status = 200, body = Told<Status>)))]
pub(crate) async fn status(
    asker: Asker,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let zone = asker.zone().iana_name().unwrap_or("UTC").to_owned();
    let status = Status {
        tenant: asker.tenant().to_owned(),
        zone,
        run: asker.state.standing.run(),
        catalog: format!("{:016x}", asker.catalog().hash),
        event_types: asker.state.standing.complete(),
    };
    Ok(asker.told_of_all(status).response())
}
