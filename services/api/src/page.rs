//! Answers, and places in lists: where a page ends, as text that is handed back.

use crate::fault::Fault;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use weir_store::reader::{Key, Place};

/// An answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Told<T> {
    /// What was asked for.
    pub data: T,
    /// Of a list: `after` of the next page. Absent: this is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Everything that arrived in time and happened before has been counted. Null: that is not
    /// known yet.
    #[schema(format = DateTime)]
    pub complete_through: Option<String>,
}

impl<T> Told<T> {
    /// With where the next page begins.
    pub fn then(self, next: Option<String>) -> Told<T> {
        Told { next, ..self }
    }
}

impl<T: Serialize> Told<T> {
    pub fn response(&self) -> Response<Body> {
        weir_http::json(StatusCode::OK, self)
    }
}

/// Parameters that say which page of a list, not which list.
const OF_PAGES: [&str; 2] = ["after", "limit"];

/// What tells a list from others: its path, and parameters that do not say which page.
pub(crate) fn list_of(head: &Parts) -> String {
    let query = head.uri.query().unwrap_or_default();
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| !OF_PAGES.contains(&&**name))
        .collect();
    pairs.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(head.uri.path());
    for (name, value) in pairs {
        hash.update(format!("\n{name}\0{value}"));
    }
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
}

/// A place in a list as text.
pub(crate) fn write(place: &Place, list: &str) -> String {
    let mut all = vec![list];
    all.extend(place.values().iter().map(String::as_str));
    // Texts alone: nothing can fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&all).unwrap_or_default())
}

/// A place in this list, from its text.
pub(crate) fn read(text: &str, list: &str, keys: &[Key]) -> Result<Place, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let all: Option<Vec<String>> = bytes.and_then(|b| serde_json::from_slice(&b).ok());
    let place = all.and_then(|mut all| {
        let of = (!all.is_empty()).then(|| all.remove(0))?;
        (of == list).then(|| Place::of(all, keys))?
    });
    place.ok_or_else(|| {
        Fault::bad(
            "`after` is no place in this list: take `next` of a page, and ask with the same \
             parameters",
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;
    use weir_store::reader::Kind;

    fn list(uri: &str) -> String {
        let (head, ()) = Request::get(uri).body(()).unwrap().into_parts();
        list_of(&head)
    }

    #[test]
    fn a_place_belongs_to_one_list() {
        let keys = [Key::up("id", Kind::Text)];
        let place = Place::of(vec!["a'\"ü".to_owned()], &keys).unwrap();
        let here = list("/v1/alerts?state=open&rule=x");
        let text = write(&place, &here);
        assert_eq!(read(&text, &here, &keys).unwrap(), place);
        let same = list("/v1/alerts?rule=x&limit=5&state=open&after=abc");
        assert_eq!(same, here);
        for other in ["/v1/alerts?state=open", "/v1/anomalies?state=open&rule=x"] {
            assert!(read(&text, &list(other), &keys).is_err(), "{other}");
        }
        for broken in ["", "%", "e30", "W10"] {
            assert!(read(broken, &here, &keys).is_err(), "{broken}");
        }
    }
}
