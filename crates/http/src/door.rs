//! Who comes in: bearers of a token; and programs of this machine without one, where that is
//! configured.

use crate::token::Scope;
use crate::{Bearer, Problem, Tokens};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use weir_model::codes;
use weir_runtime::pages;

/// Name of who has no token: in rates, and as a source.
const NOBODY: &str = "anonymous";
/// Content types that a page can send to another site without asking first.
const OF_FORMS: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// The tenant of the owner of a data directory, and of who needs no token: the one that imports
/// write under.
pub const OWN_TENANT: &str = "default";

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Who may come in without a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anonymous {
    /// Nobody.
    #[default]
    Off,
    /// Programs of this machine, by the loopback interface.
    Loopback,
}

/// Who comes in.
#[derive(Clone)]
pub struct Door {
    /// The tokens that are known.
    pub tokens: Tokens,
    anonymous: Anonymous,
    /// What somebody without a token may do.
    scopes: &'static [Scope],
}

impl Door {
    /// With these tokens; who needs none may do what the scopes say.
    pub fn new(tokens: Tokens, anonymous: Anonymous, scopes: &'static [Scope]) -> Door {
        Door {
            tokens,
            anonymous,
            scopes,
        }
    }

    /// Who sent a request, if his token has one of these scopes.
    ///
    /// # Errors
    /// 401, 403, or 503 while no tokens were read.
    pub fn open(&self, head: &Parts, scopes: &[Scope]) -> Result<Bearer, Problem> {
        self.ready()?;
        let bearer = match token(&head.headers) {
            Given::Token(token) => self.tokens.bearer(&token),
            Given::Nothing if self.anonymous == Anonymous::Loopback => {
                return anonymous(head, self.scopes);
            }
            Given::Nothing | Given::Other => None,
        };
        allowed(bearer, scopes)
    }

    /// The bearer of a token that was shown before, by its id: as long as it is known, if it has
    /// one of these scopes.
    ///
    /// # Errors
    /// As of [`Door::open`].
    pub fn again(&self, id: &str, scopes: &[Scope]) -> Result<Bearer, Problem> {
        self.ready()?;
        allowed(self.tokens.by_id(id), scopes)
    }

    fn ready(&self) -> Result<(), Problem> {
        match self.tokens.are_known() {
            true => Ok(()),
            false => Err(Problem::busy("it is starting: its tokens are not read yet")),
        }
    }
}

fn allowed(bearer: Option<Bearer>, scopes: &[Scope]) -> Result<Bearer, Problem> {
    let Some(bearer) = bearer else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            codes::NO_TOKEN,
            "no token, or one that is not known: send `Authorization: Bearer TOKEN`",
        ));
    };
    if !scopes.iter().any(|scope| bearer.scopes.contains(scope)) {
        let labels: Vec<&str> = scopes.iter().map(|s| s.label()).collect();
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            codes::SCOPE,
            format!("this needs a token with the scope {}", labels.join(" or ")),
        ));
    }
    Ok(bearer)
}

enum Given {
    Token(String),
    Nothing,
    /// Something that is no token: nobody is taken for somebody without one by mistake.
    Other,
}

/// The token of a request: as a bearer's, or as the password of HTTP Basic, for clients that know
/// nothing else.
fn token(headers: &HeaderMap) -> Given {
    let all: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
    let given = match all[..] {
        [] => return Given::Nothing,
        [one] => one.to_str().ok().and_then(|v| v.split_once(' ')),
        _ => None,
    };
    let token = given.and_then(|(scheme, rest)| {
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.to_owned());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        pair.split_once(':')
            .map(|(_, password)| password.to_owned())
    });
    token.map_or(Given::Other, Given::Token)
}

/// A program of this machine; no page in a browser of it.
fn anonymous(head: &Parts, scopes: &[Scope]) -> Result<Bearer, Problem> {
    let refused = |detail: &str| {
        let code = codes::FOREIGN_PAGE;
        Err(Problem::new(StatusCode::FORBIDDEN, code, detail))
    };
    let peer = head.extensions.get::<Peer>();
    if !peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback()) {
        return refused("without a token only programs of this machine come in");
    }
    if let Err(why) = pages::refuse(head) {
        return refused(why);
    }
    let kind = media_type(&head.headers);
    if head.method != "GET" && (kind.is_empty() || OF_FORMS.contains(&kind.as_str())) {
        return refused("without a token a request names the content type of its body");
    }
    Ok(Bearer {
        id: NOBODY.to_owned(),
        tenant: OWN_TENANT.to_owned(),
        name: NOBODY.to_owned(),
        scopes: scopes.to_vec(),
    })
}

/// The content type without parameters, in lower case; empty where there is none.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;

    fn asked(headers: &[(&str, &str)], peer: &str) -> Result<String, u16> {
        let mut request = Request::post("/v1/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        head.extensions.insert(Peer(peer.parse().unwrap()));
        anonymous(&head, &[Scope::Write])
            .map(|b| b.tenant)
            .map_err(|p| p.status.as_u16())
    }

    #[test]
    fn without_a_token_pages_and_other_machines_stay_out() {
        const HERE: &str = "127.0.0.1:50000";
        let host = ("host", "127.0.0.1:4318");
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(asked(&[host, json], HERE), Ok(OWN_TENANT.to_owned()));
        assert_eq!(
            asked(&[host, json], "[::ffff:127.0.0.1]:1").as_deref(),
            Ok(OWN_TENANT)
        );
        assert_eq!(asked(&[host, json], "192.0.2.1:50000"), Err(403));
        for other in [
            &[("host", "rebound.example:4318"), json][..],
            &[host, json, ("origin", "https://site.example")],
            &[host, json, ("sec-fetch-site", "cross-site")],
            &[host, ("content-type", "text/plain")],
            &[host, ("content-type", "application/x-www-form-urlencoded")],
            &[host],
            &[json],
        ] {
            assert_eq!(asked(other, HERE), Err(403), "{other:?}");
        }
    }

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for v in values {
                headers.append(header::AUTHORIZATION, v.parse().unwrap());
            }
            match token(&headers) {
                Given::Token(t) => Some(t),
                Given::Nothing => Some("none".into()),
                Given::Other => None,
            }
        };
        assert_eq!(of(&["Bearer weir_1"]).as_deref(), Some("weir_1"));
        assert_eq!(of(&["bearer  weir_1 "]).as_deref(), Some("weir_1"));
        let basic = format!("Basic {}", STANDARD.encode("any:weir_1"));
        assert_eq!(of(&[&basic]).as_deref(), Some("weir_1"));
        assert_eq!(of(&[]).as_deref(), Some("none"));
        for other in [
            &["weir_1"][..],
            &["Basic x"],
            &["Bearer a", "Bearer b"],
            &["Digest x"],
        ] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
