//! The dashboard is served whole, and opens to who has a link, once; what a cookie may is what its
//! token may, and other sites cannot use it.
#![allow(clippy::unwrap_used)]

mod common;

use common::data::filled;
use common::{Served, brokers, named_token};
use std::io::Read;
use std::time::{Duration, Instant};
use weir_http::token::{Scope, revoke};

const ALL: [Scope; 3] = Scope::ALL;

/// The cookie that a link gives.
fn enter(api: &Served, link: &str) -> String {
    let answer = api.get(link, "");
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), "/dashboard/");
    assert_eq!(answer.header("cache-control"), "no-store");
    let set = answer.header("set-cookie").to_owned();
    let (pair, flags) = set.split_once("; ").unwrap();
    assert_eq!(
        flags, "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict",
        "{set}"
    );
    let (_, session) = pair.split_once('=').unwrap();
    assert!(session.len() >= 64, "{set}");
    pair.to_owned()
}

fn with<'a>(cookie: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("cookie", cookie)]
        .into_iter()
        .chain(more.iter().copied())
        .collect()
}

#[test]
fn pages_and_their_files_come_with_their_headers() {
    let api = Served::start(filled("pages_of_it"), |_| {});
    let home = api.get("/", "");
    assert_eq!((home.status, home.header("location")), (302, "/dashboard/"));
    let page = api.get("/dashboard/", "");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), "no-cache");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src 'self' 'unsafe"), "{policy}");
    // Each page is the same file, which reads its own address.
    assert_eq!(api.get("/dashboard/alerts", "").bytes, page.bytes);
    let text = page.text();
    let files: Vec<&str> = text.split('"').filter(|t| t.contains("/assets/")).collect();
    assert_eq!(files.len(), 2, "{text}");
    for file in files {
        let plain = api.ask("GET", file, "", &[("accept-encoding", "identity")]);
        assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
        let keep = "public, max-age=31536000, immutable";
        assert_eq!(plain.header("cache-control"), keep);
        let packed = api.ask("GET", file, "", &[("accept-encoding", "gzip")]);
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(packed.header("vary"), "accept-encoding");
        let mut unpacked = Vec::new();
        let mut reader = flate2::read::GzDecoder::new(&packed.bytes[..]);
        reader.read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.bytes, "{file}");
    }
    assert_eq!(api.get("/dashboard/assets/index-0000.js", "").status, 404);
    assert_eq!(api.get("/dashboard/assets/..%2Findex.html", "").status, 404);
}

#[test]
fn a_link_opens_once_and_only_what_its_token_may_see() {
    let api = Served::start(filled("links"), |_| {});
    let (acme_id, acme) = named_token("acme", &[Scope::Read]);
    let (zeta_id, zeta) = named_token("zeta", &[Scope::Read]);
    api.knows(&acme);
    api.knows(&zeta);
    let made = api.ask("POST", "/dashboard/code", &acme, &[]);
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.header("cache-control"), "no-store");
    let link = made.body["link"].as_str().unwrap();
    // 256 random bits.
    assert_eq!(link.split_once("code=").unwrap().1.len(), 64);
    let cookie = enter(&api, link);
    let again = api.get(link, "");
    assert_eq!(again.status, 403);
    assert!(again.text().contains("WEIR-0960"), "{}", again.text());
    assert_eq!(again.header("set-cookie"), "");
    for none in [
        "/dashboard/enter",
        "/dashboard/enter?code=",
        "/dashboard/enter?code=00",
    ] {
        assert_eq!(api.get(none, "").status, 403, "{none}");
    }
    // Neither is the token.
    assert!(!cookie.contains(&acme));
    let status = api.ask("GET", "/v1/status", "", &with(&cookie, &[]));
    assert_eq!(status.body["data"]["tenant"], "acme", "{}", status.text());
    let alert = |id: &str| {
        let path = format!("/v1/alerts/{id}");
        api.ask("GET", &path, "", &with(&cookie, &[])).status
    };
    assert_eq!((alert("acme-00"), alert("zeta-00")), (200, 404));
    // By the process that the api is in.
    let link = api.entrance.link(&zeta_id, "zeta").unwrap();
    let other = enter(&api, &link);
    let status = api.ask("GET", "/v1/status", "", &with(&other, &[]));
    assert_eq!(status.body["data"]["tenant"], "zeta");
    // A token is looked at first: a cookie beside it changes nothing.
    let both = api.ask("GET", "/v1/status", &acme, &with(&other, &[]));
    assert_eq!(both.body["data"]["tenant"], "acme");
    // An id whose token is another tenant's by now opens nothing.
    let stale = enter(&api, &api.entrance.link(&zeta_id, "acme").unwrap());
    assert_eq!(
        api.ask("GET", "/v1/status", "", &with(&stale, &[])).status,
        401
    );
    // A token that ends, ends its sessions.
    assert!(revoke(&brokers(), &acme_id).unwrap());
    let until = Instant::now() + common::DEADLINE;
    while api.ask("GET", "/v1/status", "", &with(&cookie, &[])).status != 401 {
        assert!(Instant::now() < until, "the session does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_session_makes_no_link_and_other_sites_cannot_use_it() {
    let api = Served::start(filled("sites"), |_| {});
    let (id, token) = named_token("acme", &ALL);
    api.knows(&token);
    let cookie = enter(&api, &api.entrance.link(&id, "acme").unwrap());
    assert_eq!(
        api.ask("POST", "/dashboard/code", "", &with(&cookie, &[]))
            .status,
        401
    );
    let post = |headers: &[(&str, &str)]| {
        let path = "/v1/alerts/acme-00/acknowledge";
        api.send(("POST", path), "", &with(&cookie, headers), "{}")
    };
    let same = ("sec-fetch-site", "same-origin");
    let own = api.url.clone();
    assert_eq!(post(&[same]).status, 200);
    assert_eq!(post(&[("origin", own.as_str())]).status, 200);
    for foreign in [
        &[][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://127.0.0.1:1")],
        &[("origin", "null"), same],
    ] {
        let refused = post(foreign);
        assert_eq!(refused.status, 403, "{foreign:?}");
        assert_eq!(refused.body["code"], "WEIR-0913");
    }
    let read = |headers: &[(&str, &str)]| {
        let headers = with(&cookie, headers);
        api.ask("GET", "/v1/status", "", &headers).status
    };
    assert_eq!(read(&[]), 200);
    assert_eq!(read(&[("sec-fetch-site", "same-site")]), 403);
    assert_eq!(read(&[("origin", "https://site.example")]), 403);
}
