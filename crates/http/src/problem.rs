//! What is said to a client whose request is refused: problems, as RFC 9457 has them.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;
use weir_model::{Code, codes};

/// Why a request is refused.
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
    /// What else there is to say, by name.
    pub more: Map<String, Value>,
}

impl Problem {
    /// With a status, a code, and what is wrong with what to do next.
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
            more: Map::new(),
        }
    }

    /// Tells when to come again.
    #[must_use]
    pub fn again_after(mut self, wait: Duration) -> Problem {
        self.retry_after = Some(wait);
        self
    }

    /// Tells something beside; what the standard names is left alone.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// 503: too much is under way.
    pub fn busy(detail: &str) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, codes::BUSY, detail)
            .again_after(Duration::from_secs(1))
    }

    /// Its answer.
    pub fn response(&self) -> Response<Body> {
        let mut shown = self.more.clone();
        for (name, value) in [
            ("type", format!("urn:weir:error:{}", self.code).into()),
            ("title", meaning(self.code).into()),
            ("status", self.status.as_u16().into()),
            ("detail", self.detail.as_str().into()),
            ("code", self.code.to_string().into()),
            ("remedy", remedy(self.code).into()),
        ] {
            shown.insert(name.to_owned(), value);
        }
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

/// An answer in JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
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
pub fn remedy(code: Code) -> &'static str {
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

    #[test]
    fn what_is_told_beside_hides_nothing() {
        let problem = Problem::busy("full").with("code", "none").with("known", 7);
        let body = axum::body::to_bytes(problem.response().into_body(), 1 << 16);
        let runtime = tokio::runtime::Builder::new_current_thread();
        let bytes = { runtime }.build().unwrap().block_on(body).unwrap();
        let shown: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            (&shown["code"], &shown["known"]),
            (&"WEIR-0919".into(), &7.into())
        );
    }
}
