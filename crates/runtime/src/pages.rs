//! Pages of other sites, open in a browser of this machine, can send requests to servers here: under
//! their own name (the origin), or under a name that they let resolve to this machine (the host).

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, header};
use std::net::IpAddr;

/// Whether a request is none of such a page; for servers that listen on the loopback interface.
///
/// # Errors
/// What is wrong with it, in words.
pub fn refuse(head: &Parts) -> Result<(), &'static str> {
    let named = |name| head.headers.get_all(name).iter().collect::<Vec<_>>();
    let hosts = named(header::HOST);
    let host = match hosts[..] {
        [host] => host.to_str().unwrap_or_default(),
        _ => return Err("a request names its host once"),
    };
    let target = head.uri.authority().map(Authority::as_str);
    if !is_loopback(host) || !target.is_none_or(is_loopback) {
        return Err(
            "the host is no name of this machine's own: use localhost or 127.0.0.1 with the port",
        );
    }
    let own = format!("http://{host}");
    let foreign = |origin: &&HeaderValue| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes());
    if named(header::ORIGIN).iter().any(foreign) {
        return Err("requests from pages of other sites are refused");
    }
    let site = named(header::HeaderName::from_static("sec-fetch-site"));
    let own_page = |site: &&HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    if !site.iter().all(own_page) {
        return Err("requests from pages of other sites are refused");
    }
    Ok(())
}

/// Whether `host[:port]` can only mean this machine.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
