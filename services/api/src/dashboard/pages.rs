//! The built pages: embedded, packed once, with headers that let nothing from elsewhere run in
//! them.

use crate::fault::Fault;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use include_dir::{Dir, DirEntry, include_dir};
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

/// Where the pages are.
pub(crate) const BASE: &str = "/dashboard/";
/// The one file that every page is.
const INDEX: &str = "index.html";
/// What a page may load, and from where. The charts set sizes as styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";
/// The name of an asset changes with what is in it.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The page names the assets: it is asked for each time.
const EACH_TIME: &str = "no-cache";

/// What `npm run build` writes; it is kept beside its sources, so that a build needs no Node.
static BUILT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dashboard/dist");

/// A file as it is, and packed.
struct File {
    kind: &'static str,
    plain: &'static [u8],
    packed: Vec<u8>,
}

static FILES: LazyLock<HashMap<String, File>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    gather(&BUILT, &mut all);
    all
});

fn gather(folder: &'static Dir<'_>, into: &mut HashMap<String, File>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => gather(folder, into),
            DirEntry::File(file) => {
                let (name, plain) = (file.path().to_string_lossy(), file.contents());
                let file = File {
                    kind: kind_of(&name),
                    plain,
                    packed: packed(plain).unwrap_or_else(|_| plain.to_vec()),
                };
                into.insert(name.into_owned(), file);
            }
        }
    }
}

fn packed(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut to = GzEncoder::new(Vec::new(), Compression::best());
    to.write_all(plain)?;
    to.finish()
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Sends on to the pages.
pub(super) async fn home() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let to = HeaderValue::from_static(BASE);
    response.headers_mut().insert(header::LOCATION, to);
    response
}

/// Any page: it reads its own address.
pub(super) async fn page(headers: HeaderMap) -> Result<Response<Body>, Fault> {
    served(INDEX, &headers, EACH_TIME)
}

/// What pages are made of.
pub(super) async fn asset(
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Fault> {
    served(&format!("assets/{file}"), &headers, FOR_EVER)
}

fn served(name: &str, headers: &HeaderMap, keep: &'static str) -> Result<Response<Body>, Fault> {
    let none = || Fault::nothing("there is no such file of the dashboard: load the page again");
    let file = FILES.get(name).ok_or_else(none)?;
    let packs = takes_gzip(headers);
    let bytes: &'static [u8] = if packs { &file.packed } else { file.plain };
    let mut response = Response::new(Body::from(bytes));
    let to = response.headers_mut();
    let mut set = |name, value| to.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, file.kind);
    set(header::CACHE_CONTROL, keep);
    set(header::VARY, "accept-encoding");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::REFERRER_POLICY, "no-referrer");
    if packs {
        set(header::CONTENT_ENCODING, "gzip");
    }
    Ok(response)
}

/// Whether `Accept-Encoding` has gzip and does not refuse it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|v| v.to_str().ok());
    texts.flat_map(|t| t.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|n| n.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|p| p.strip_prefix("q="));
        named && weight.is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_and_all_that_it_names_are_embedded() {
        let page = String::from_utf8(FILES[INDEX].plain.to_vec()).unwrap();
        let named: Vec<&str> = page
            .split(['"', '\''])
            .filter_map(|t| t.strip_prefix(BASE))
            .collect();
        assert!(named.len() >= 2, "{page}");
        for name in named {
            let file = FILES.get(name).unwrap_or_else(|| panic!("{name}"));
            assert_ne!(file.kind, "application/octet-stream", "{name}");
            assert!(file.packed.len() < file.plain.len() / 2, "{name}");
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            takes_gzip(&headers)
        };
        for yes in ["gzip", "br, gzip;q=0.5", "GZIP"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip;q=0.0, br", "x-gzip"] {
            assert!(!takes(no), "{no}");
        }
    }
}
