//! Answers that did not change are not sent again.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use sha2::{Digest, Sha256};

/// Largest answer that is looked at: limits of rows keep them far below.
const LARGEST: usize = 64 << 20;

/// Tags what is answered, and answers 304 to who has it already.
pub(crate) async fn tag(request: Request, next: Next) -> Response<Body> {
    // An answer to HEAD has no body to tell by.
    let reads = request.method() == Method::GET;
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let known: Vec<HeaderValue> = known.cloned().collect();
    let response = next.run(request).await;
    if !reads || response.status() != StatusCode::OK || goes_on(&response) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        let busy = weir_http::Problem::busy("the answer is larger than one may be");
        return busy.response();
    };
    let tag: String = Sha256::digest(&body)[..16]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    // Weak: it may go out packed in several ways.
    let tag = format!("W/\"{tag}\"");
    let has = known.iter().any(|value| names(value, &tag));
    mark(&mut head.headers, &tag);
    if has {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(body))
}

/// Whether it is a stream that ends at some time only.
fn goes_on(response: &Response<Body>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|k| k.as_bytes().starts_with(b"text/event-stream"))
}

fn mark(headers: &mut HeaderMap, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    // Kept by who asked, and asked for again each time.
    let private = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, private);
    let by = HeaderValue::from_static("authorization");
    headers.append(header::VARY, by);
}

/// Whether a value of `If-None-Match` names a tag, as it is compared where it may be weak.
fn names(value: &HeaderValue, tag: &str) -> bool {
    let strong = |t: &str| t.trim().trim_start_matches("W/").to_owned();
    let text = value.to_str().unwrap_or_default();
    text.trim() == "*" || text.split(',').any(|t| strong(t) == strong(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_not() {
        let has = |text: &'static str| names(&HeaderValue::from_static(text), "W/\"ab\"");
        assert!(has("W/\"ab\""));
        assert!(has("\"xy\", \"ab\""));
        assert!(has("*"));
        assert!(!has("\"abc\""));
        assert!(!has(""));
    }
}
