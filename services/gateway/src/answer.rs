//! What is said to clients of each of their events.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;
use weir_http::{json, remedy};
use weir_model::Code;

/// Why one event was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Code.
    pub code: Code,
    /// In words: what is wrong, and what to do.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal {
            code,
            message: message.into(),
        }
    }
}

/// What became of the events of a request.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub accepted: usize,
    pub refused: Vec<Item>,
}

/// One event that was not taken.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    pub index: usize,
    pub code: String,
    pub message: String,
    pub remedy: &'static str,
}

impl Item {
    pub fn of(index: usize, refusal: &Refusal) -> Item {
        Item {
            index,
            code: refusal.code.to_string(),
            message: refusal.message.clone(),
            remedy: remedy(refusal.code),
        }
    }
}

impl Outcome {
    pub fn response(&self) -> Response<Body> {
        let status = match (self.accepted, self.refused.is_empty()) {
            (0, false) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::OK,
        };
        json(status, self)
    }
}
