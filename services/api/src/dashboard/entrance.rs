//! The way in: a link with a code that opens once becomes a cookie that scripts cannot read and
//! other sites cannot send.

use super::BASE;
use super::sessions::{CODE_LIFE, SESSION_LIFE, Sessions, Whose};
use crate::fault::Fault;
use crate::state::Shared;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use weir_http::{Problem, remedy};
use weir_model::codes;

/// Takes a code.
pub(super) const ENTER: &str = "/dashboard/enter";
/// Gives a code to who has a token.
pub(super) const CODE: &str = "/dashboard/code";
/// Name of the cookie; the port follows, as browsers do not tell ports apart.
const COOKIE: &str = "weir_session_";

/// Where codes are made by the process that has the api in it.
#[derive(Clone, Default)]
pub struct Entrance(pub(crate) Arc<Sessions>);

impl Entrance {
    /// The path, with a code that opens the dashboard once as the bearer of a token: by its id and
    /// tenant. None where there are no random bits.
    pub fn link(&self, token: &str, tenant: &str) -> Option<String> {
        let whose = Whose {
            token: token.to_owned(),
            tenant: tenant.to_owned(),
        };
        let code = self.0.code(whose, Instant::now())?;
        Some(format!("{ENTER}?code={code}"))
    }
}

/// Opens a session where the code is good.
pub(super) async fn enter(State(state): State<Shared>, request: Request) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
    let code = code.map(|(_, value)| value.into_owned());
    let session = code.and_then(|code| state.entrance.0.enter(&code, Instant::now()));
    let Some(session) = session else {
        return used_up();
    };
    let cookie = format!(
        "{COOKIE}{}={session}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict",
        state.port,
        SESSION_LIFE.as_secs()
    );
    let mut response = answer(StatusCode::SEE_OTHER, Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static(BASE));
    // Of hexadecimal digits and what stands above.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

fn used_up() -> Response<Body> {
    let code = codes::LINK_USED;
    let text = format!(
        "{code}: this link was used before, or is too old\n\n{}\n",
        remedy(code)
    );
    let mut response = answer(StatusCode::FORBIDDEN, Body::from(text));
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// An answer that nobody keeps or tells on.
fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A link for the bearer of a token; a session cannot make another one.
pub(super) async fn code(
    State(state): State<Shared>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let (head, _) = request.into_parts();
    if !head.headers.contains_key(header::AUTHORIZATION) {
        let detail = "a link is made for a token: send `Authorization: Bearer TOKEN`";
        return Err(Fault::new(
            StatusCode::UNAUTHORIZED,
            codes::NO_TOKEN,
            detail,
        ));
    }
    let bearer = state.door.open(&head, &[weir_http::token::Scope::Read])?;
    state.rates.take(&bearer.id, 1, Instant::now())?;
    let link = state.entrance.link(&bearer.id, &bearer.tenant);
    let link = link.ok_or_else(|| Problem::busy("there are no random bits at the moment"))?;
    let told = json!({"link": link, "seconds": CODE_LIFE.as_secs()});
    let mut response = weir_http::json(StatusCode::OK, &told);
    let none = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, none);
    Ok(response)
}

/// Whose session a request brings, where it brings one that is known and no token.
///
/// # Errors
/// 403 where a page of another site may have sent it.
pub(crate) fn session_of(state: &Shared, head: &Parts) -> Result<Option<Whose>, Problem> {
    if head.headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    let name = format!("{COOKIE}{}", state.port);
    let known = cookies(&head.headers, &name).find_map(|c| state.entrance.0.of(c, Instant::now()));
    match known {
        Some(whose) => own_page(head).map(|()| Some(whose)),
        None => Ok(None),
    }
}

fn cookies<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(header::COOKIE).iter();
    let pairs = values
        .filter_map(|v| v.to_str().ok())
        .flat_map(|t| t.split(';'));
    let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    pairs.filter_map(move |(n, value)| (n == name).then_some(value))
}

/// Whether a request with a cookie comes from a page of this server. Browsers count other ports of
/// a host as the same site, and send the cookie along from there: what they say of the page
/// decides. What changes something has to say it.
fn own_page(head: &Parts) -> Result<(), Problem> {
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let all = |name| head.headers.get_all(name).iter();
    let host = head.headers.get(header::HOST).map(HeaderValue::as_bytes);
    let own = |origin: &HeaderValue| {
        let origin = origin.as_bytes();
        let of = origin
            .strip_prefix(b"http://")
            .or_else(|| origin.strip_prefix(b"https://"));
        of.is_some() && of == host
    };
    let site = header::HeaderName::from_static("sec-fetch-site");
    let here = |site: &HeaderValue| match site.as_bytes() {
        b"same-origin" => true,
        // Somebody typed the address.
        b"none" => reads,
        _ => false,
    };
    let told = all(header::ORIGIN).count() + all(site.clone()).count() > 0;
    let foreign = !all(header::ORIGIN).all(own) || !all(site).all(here);
    if foreign || !(told || reads) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            codes::FOREIGN_PAGE,
            "with a session only pages of the dashboard itself may ask: send a token instead",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn may(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = axum::http::Request::builder().method(method).uri("/v1/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        own_page(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn a_page_of_another_site_or_port_may_not_use_the_cookie() {
        let host = ("host", "127.0.0.1:9347");
        let own = ("origin", "http://127.0.0.1:9347");
        let same = ("sec-fetch-site", "same-origin");
        for headers in [&[host, same][..], &[host, own], &[host, own, same]] {
            assert!(may("POST", headers), "{headers:?}");
            assert!(may("GET", headers), "{headers:?}");
        }
        assert!(may("GET", &[host]));
        assert!(may("GET", &[host, ("sec-fetch-site", "none")]));
        // Who changes something says where he comes from.
        assert!(!may("POST", &[host]));
        assert!(!may("DELETE", &[host, ("sec-fetch-site", "none")]));
        for foreign in [
            &[host, ("origin", "http://127.0.0.1:8000")][..],
            &[host, ("origin", "https://site.example")],
            &[host, ("origin", "null"), same],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, own, ("origin", "https://site.example")],
            &[own],
        ] {
            assert!(!may("POST", foreign), "{foreign:?}");
            assert!(!may("GET", foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; weir_session_1=x".parse().unwrap());
        headers.append(
            header::COOKIE,
            "weir_session_12=y; weir_session_1=z".parse().unwrap(),
        );
        let of = |name| cookies(&headers, name).collect::<Vec<_>>();
        assert_eq!(of("weir_session_1"), ["x", "z"]);
        assert_eq!(of("weir_session_12"), ["y"]);
        assert!(of("weir_session_2").is_empty());
    }
}
