//! Why a request has no answer.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use std::time::Duration;
use weir_catalog::suggest;
use weir_http::Problem;
use weir_model::{Code, codes};
use weir_ops::analytics::Refused;
use weir_store::StoreError;

/// A problem, on the heap: it is large, and rare.
#[derive(Debug)]
pub(crate) struct Fault(Box<Problem>);

/// When to come again after ClickHouse did not answer.
const AGAIN: Duration = Duration::from_secs(5);

impl Fault {
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Fault {
        Problem::new(status, code, detail).into()
    }

    /// 400: a parameter says what cannot be.
    pub fn bad(detail: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, codes::QUERY, detail)
    }

    /// 404: there is none of that name, but others.
    pub fn missing<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Fault {
        let near = suggest(name, known);
        Fault::nothing(format!("there is no {what} \"{}\"; {near}", short(name)))
    }

    /// 404.
    pub fn nothing(detail: impl Into<String>) -> Fault {
        Fault::new(StatusCode::NOT_FOUND, codes::NOT_THERE, detail)
    }

    /// 422: the answer would be larger than it may.
    pub fn too_much(detail: impl Into<String>) -> Fault {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Fault::new(status, codes::TOO_MUCH, detail)
    }

    pub fn problem(self) -> Problem {
        *self.0
    }
}

/// A name as it is told back.
fn short(name: &str) -> String {
    name.chars().take(100).collect()
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Fault {
        Fault(Box::new(problem))
    }
}

impl From<weir_analysis::Error> for Fault {
    fn from(error: weir_analysis::Error) -> Fault {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Fault::new(status, error.code(), error.to_string())
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Fault {
        match refused {
            Refused::Wrong(words) => Fault::bad(words),
            Refused::Nothing(words) => Fault::nothing(words),
            Refused::TooMuch(words) => Fault::too_much(words),
            Refused::Store(e) => e.into(),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        let code = error.code();
        let words = without_code(code, &error.to_string());
        let (status, code, detail) = match &error {
            StoreError::Question(_) => (StatusCode::BAD_REQUEST, code, words),
            StoreError::Refused { number, .. } if TOO_MUCH.contains(number) => {
                return Fault::too_much(
                    "the answer takes more rows, time or memory than one may: ask for a shorter \
                     period, fewer subjects or a smaller page",
                );
            }
            // The sink makes database, tables and views.
            StoreError::Refused {
                number: NO_TABLE | NO_DATABASE,
                ..
            } => {
                let detail = "the store is not prepared yet: a sink does that when it starts";
                (StatusCode::SERVICE_UNAVAILABLE, code, detail.to_owned())
            }
            e if e.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, code, silent(e)),
            StoreError::Password { .. } => {
                tracing::error!("{error}");
                let detail = "ClickHouse does not let the api in: its log says why";
                (StatusCode::SERVICE_UNAVAILABLE, code, detail.to_owned())
            }
            _ => {
                tracing::error!("{error}");
                let detail = "ClickHouse refused a question: the api's log says which";
                (StatusCode::INTERNAL_SERVER_ERROR, code, detail.to_owned())
            }
        };
        let problem = Problem::new(status, code, detail);
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.again_after(AGAIN).into(),
            _ => problem.into(),
        }
    }
}

/// ClickHouse's numbers of: too many rows or bytes, too slow, too much memory.
pub(crate) const TOO_MUCH: [i32; 6] = [158, 159, 160, 241, 307, 396];
/// There is no such table.
const NO_TABLE: i32 = 60;
/// There is no such database.
const NO_DATABASE: i32 = 81;

/// Words of an error that begin with its code, without it: a problem has a field for it.
pub(crate) fn without_code(code: Code, words: &str) -> String {
    words
        .strip_prefix(&format!("{code}: "))
        .unwrap_or(words)
        .to_owned()
}

/// Where the store is, is nobody's business outside.
fn silent(error: &StoreError) -> String {
    tracing::warn!("{error}");
    "ClickHouse does not answer: what is known without it is told beside".to_owned()
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response<Body> {
        self.0.response()
    }
}
