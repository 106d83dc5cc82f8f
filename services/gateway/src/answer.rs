//! What is said to clients: per-item refusals, and problems (RFC 9457) of whole requests.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;
use weir_model::{Code, codes};

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

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Status of HTTP.
    pub status: StatusCode,
    /// Code.
    pub code: Code,
    /// In words.
    pub detail: String,
    /// When to come again.
    pub retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(crate) fn again_after(mut self, wait: Duration) -> Problem {
        self.retry_after = Some(wait);
        self
    }

    /// 503: too much is under way.
    pub(crate) fn busy(detail: &str) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, codes::BUSY, detail)
            .again_after(Duration::from_secs(1))
    }

    /// Its answer.
    pub fn response(&self) -> Response<Body> {
        let title = meaning(self.code);
        let shown = serde_json::json!({
            "type": format!("urn:weir:error:{}", self.code),
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code.to_string(),
            "remedy": remedy(self.code),
        });
        let mut response = json(self.status, &shown);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after {
            // Whole seconds, so that nobody comes before the time.
            let seconds = wait.as_millis().div_ceil(1000).max(1) as u64;
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let asks = HeaderValue::from_static("Bearer realm=\"weir\"");
            headers.insert(header::WWW_AUTHENTICATE, asks);
        }
        response
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

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    // Maps with keys of text alone: nothing can fail.
    let text = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What a code means, in one line.
fn meaning(code: Code) -> &'static str {
    let known = codes::ALL.iter().find(|(c, _)| *c == code);
    known.map_or("", |(_, meaning)| meaning.trim())
}

/// What to do about a code: the remedy that the page of errors has.
pub(crate) fn remedy(code: Code) -> &'static str {
    static REMEDIES: LazyLock<HashMap<u16, String>> = LazyLock::new(|| {
        let page = include_str!("../../../docs/errors.md");
        let sections = page.split("\n## WEIR-").skip(1);
        sections
            .filter_map(|section| {
                let code = section.get(..4)?.parse().ok()?;
                let (_, rest) = section.split_once("**Remedy.**")?;
                let text = rest.split("\n\n").next()?;
                let words: Vec<&str> = text.split_whitespace().collect();
                Some((code, words.join(" ")))
            })
            .collect()
    });
    REMEDIES.get(&code.0).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_code_has_its_remedy_at_hand() {
        for (code, _) in codes::ALL {
            assert!(remedy(*code).ends_with('.'), "{code}: {}", remedy(*code));
        }
    }

    #[test]
    fn a_problem_says_when_to_come_again() {
        let wait = Duration::from_millis(1200);
        let response = Problem::busy("full").again_after(wait).response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let kind = &response.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "application/problem+json");
    }
}
