//! Who comes in: programs of this machine that carry a secret of the data directory. Pages of other
//! sites stay out, whatever they carry.

use super::exception::Exception;
use super::request::Arguments;
use crate::{Secrets, USER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use weir_runtime::pages;

/// What the bearer of a secret may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// Ask.
    Read,
    /// Write too.
    Write,
}

/// Names that tools give; the secret alone says who it is.
const USERS: [&str; 3] = ["default", USER, ""];

/// The check that every request but a probe passes.
pub struct Door {
    secrets: Secrets,
}

impl Door {
    pub fn new(secrets: Secrets) -> Door {
        Door { secrets }
    }

    /// What this request may do.
    pub fn open(&self, head: &Parts, arguments: &Arguments) -> Result<Access, Exception> {
        pages::refuse(head).map_err(|what| Exception::new(497, "ACCESS_DENIED", what))?;
        self.access(&head.headers, arguments)
    }

    fn access(&self, headers: &HeaderMap, arguments: &Arguments) -> Result<Access, Exception> {
        let (user, password) = credentials(headers, arguments).ok_or_else(unknown)?;
        let is = |secret: &weir_runtime::config::Secret| -> bool {
            password.as_bytes().ct_eq(secret.expose().as_bytes()).into()
        };
        let (writes, reads) = (is(&self.secrets.write), is(&self.secrets.query));
        match (USERS.contains(&user.as_str()), writes, reads) {
            (true, true, _) => Ok(Access::Write),
            (true, false, true) => Ok(Access::Read),
            _ => Err(unknown()),
        }
    }
}

fn unknown() -> Exception {
    Exception::new(
        516,
        "AUTHENTICATION_FAILED",
        "authentication failed: the user or the password is unknown here; `weir status --secrets` shows them to the \
         owner of the data directory",
    )
}

/// User and password, in the ways that ClickHouse's clients send them.
fn credentials(headers: &HeaderMap, arguments: &Arguments) -> Option<(String, String)> {
    let header = |name: &str| {
        headers
            .get(name)
            .map(|v| v.to_str().ok().map(str::to_owned))
    };
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, given) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(given.trim()).ok()?).ok()?;
        let (user, password) = pair.split_once(':')?;
        return Some((user.to_owned(), password.to_owned()));
    }
    if let Some(key) = header("x-clickhouse-key") {
        return Some((
            header("x-clickhouse-user").flatten().unwrap_or_default(),
            key?,
        ));
    }
    let password = arguments.password.as_ref()?;
    Some((
        arguments.user.clone().unwrap_or_default(),
        password.expose().to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;

    fn door() -> Door {
        let secrets = serde_json::from_str(r#"{"query": "reads", "write": "writes"}"#);
        Door::new(secrets.unwrap())
    }

    fn ask(uri: &str, headers: &[(&str, &str)]) -> Result<Access, u32> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let arguments = Arguments::read(head.uri.query().unwrap_or_default(), &head.headers);
        door().open(&head, &arguments).map_err(|e| e.code())
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:8123");
    const KEY: (&str, &str) = ("x-clickhouse-key", "reads");

    #[test]
    fn a_secret_opens_in_every_way_that_clients_have() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for user in ["default", "weir", ""] {
            let sent = basic(&format!("{user}:reads"));
            assert_eq!(
                ask("/", &[HERE, ("authorization", &sent)]),
                Ok(Access::Read)
            );
            let uri = format!("/?user={user}&password=writes");
            assert_eq!(ask(&uri, &[HERE]), Ok(Access::Write));
            let headers = [HERE, ("x-clickhouse-user", user), KEY];
            assert_eq!(ask("/", &headers), Ok(Access::Read));
        }
        assert_eq!(ask("/?password=reads", &[HERE]), Ok(Access::Read));
        assert_eq!(ask("/", &[HERE, KEY]), Ok(Access::Read));
        for wrong in [
            "default:",
            "default:read",
            "default:readsx",
            "root:reads",
            "x",
        ] {
            let sent = basic(wrong);
            assert_eq!(
                ask("/", &[HERE, ("authorization", &sent)]),
                Err(516),
                "{wrong}"
            );
        }
        assert_eq!(ask("/", &[HERE]), Err(516));
        assert_eq!(ask("/?user=default&password=", &[HERE]), Err(516));
        assert_eq!(
            ask("/", &[HERE, ("authorization", "Bearer reads")]),
            Err(516)
        );
    }

    #[test]
    fn pages_of_other_sites_stay_out_with_and_without_a_secret() {
        for host in [
            "localhost",
            "localhost:1",
            "127.0.0.1:8123",
            "127.3.2.1",
            "[::1]:8123",
        ] {
            assert_eq!(ask("/", &[("host", host), KEY]), Ok(Access::Read), "{host}");
        }
        for host in [
            "",
            "rebind.example:1",
            "localhost.example",
            "127.0.0.1.example",
            "10.0.0.1",
            "0.0.0.0",
            "a@localhost",
        ] {
            assert_eq!(ask("/", &[("host", host), KEY]), Err(497), "{host}");
            assert_eq!(ask("/", &[("host", host)]), Err(497), "{host}");
        }
        assert_eq!(ask("/", &[KEY]), Err(497));
        assert_eq!(ask("/", &[HERE, ("host", "x.example"), KEY]), Err(497));
        assert_eq!(ask("http://x.example/", &[HERE, KEY]), Err(497));
        for origin in [
            "http://localhost:3000",
            "https://127.0.0.1:8123",
            "null",
            "https://site.example",
        ] {
            assert_eq!(
                ask("/", &[HERE, ("origin", origin), KEY]),
                Err(497),
                "{origin}"
            );
        }
        let own = ("origin", "http://127.0.0.1:8123");
        assert_eq!(ask("/", &[HERE, own, KEY]), Ok(Access::Read));
        for (site, expected) in [
            ("cross-site", Err(497)),
            ("same-site", Err(497)),
            ("same-origin", Ok(Access::Read)),
            ("none", Ok(Access::Read)),
        ] {
            assert_eq!(
                ask("/", &[HERE, ("sec-fetch-site", site), KEY]),
                expected,
                "{site}"
            );
        }
    }
}
