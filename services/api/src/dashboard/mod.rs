//! The dashboard: its pages, which are in the binary, and the way in for somebody at this machine.

mod entrance;
mod pages;
mod sessions;

pub use entrance::Entrance;
pub(crate) use entrance::session_of;
pub(crate) use pages::BASE;

use crate::state::Shared;
use axum::Router;
use axum::routing::{get, post};

/// Pages, their files, and the way in.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(pages::home))
        .route("/dashboard", get(pages::home))
        .route(BASE, get(pages::page))
        .route("/dashboard/{page}", get(pages::page))
        .route("/dashboard/assets/{file}", get(pages::asset))
        .route(entrance::ENTER, get(entrance::enter))
        .route(entrance::CODE, post(entrance::code))
}
