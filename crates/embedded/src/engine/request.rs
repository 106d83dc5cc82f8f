//! What a request says: in its URL, its headers and, where a client sends parameters as a form, in its body.

use axum::http::HeaderMap;
use std::time::Duration;

/// The arguments of one request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Arguments {
    pub query: Option<String>,
    pub database: Option<String>,
    pub default_format: Option<String>,
    pub query_id: Option<String>,
    pub session: Option<Session>,
    /// The body is in ClickHouse's compressed blocks.
    pub compressed_body: bool,
    /// The response may be in LZ4 frames.
    pub lz4_response: bool,
    /// Answer only when the query is over, so that an error has its status.
    pub wait_for_end: bool,
    /// Settings of this request, in the order of the URL.
    pub settings: Vec<(String, String)>,
    /// Values of `{name:Type}` in the query.
    pub params: Vec<(String, String)>,
}

/// A connection that outlives a request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Session {
    pub id: String,
    /// Kept this long after its last request.
    pub timeout: Option<Duration>,
    /// It must exist already.
    pub check: bool,
}

/// Longest time that a session is kept.
const LONGEST_SESSION: Duration = Duration::from_secs(3600);

impl Arguments {
    /// Reads URL and headers.
    pub fn read(url_query: &str, headers: &HeaderMap) -> Arguments {
        let mut arguments = Arguments::default();
        for (name, value) in form_urlencoded::parse(url_query.as_bytes()) {
            arguments.set(&name, value.into_owned());
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        arguments.lz4_response =
            header("accept-encoding").is_some_and(|v| v.split(',').any(|e| e.trim() == "lz4"));
        if arguments.database.is_none() {
            arguments.database = header("x-clickhouse-database").map(str::to_owned);
        }
        if arguments.default_format.is_none() {
            arguments.default_format = header("x-clickhouse-format").map(str::to_owned);
        }
        arguments
    }

    /// Takes one argument; what is neither known nor a parameter is a setting.
    pub fn set(&mut self, name: &str, value: String) {
        match name {
            "query" => self.query = Some(value),
            "database" => self.database = Some(value).filter(|name| !name.is_empty()),
            "default_format" => self.default_format = Some(value),
            "query_id" => self.query_id = Some(value),
            "decompress" => self.compressed_body = is_true(&value),
            "wait_end_of_query" => self.wait_for_end = is_true(&value),
            "session_id" => self.session.get_or_insert_default().id = value,
            "session_check" => self.session.get_or_insert_default().check = is_true(&value),
            "session_timeout" => {
                let seconds = value
                    .parse()
                    .map(Duration::from_secs)
                    .unwrap_or(LONGEST_SESSION);
                self.session.get_or_insert_default().timeout = Some(seconds.min(LONGEST_SESSION));
            }
            // Of the protocol, without a meaning here: there are no users, and responses are framed as HTTP frames them.
            "user"
            | "password"
            | "role"
            | "quota_key"
            | "compress"
            | "buffer_size"
            | "stacktrace"
            | "client_protocol_version"
            | "enable_http_compression"
            | "http_zlib_compression_level"
            | "http_native_compression_disable_checksumming_on_decompress"
            | "add_http_cors_header"
            | "cancel_http_readonly_queries_on_client_close"
            | "send_progress_in_http_headers" => {}
            _ => match name.strip_prefix("param_") {
                Some(param) => self.params.push((param.to_owned(), value)),
                None => self.settings.push((name.to_owned(), value)),
            },
        }
    }

    /// The session, where one is named.
    pub fn named_session(&self) -> Option<&Session> {
        self.session
            .as_ref()
            .filter(|session| !session.id.is_empty())
    }
}

fn is_true(value: &str) -> bool {
    matches!(value, "1" | "true")
}

/// The boundary of a form, where the body is one.
pub fn form_boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get("content-type")?.to_str().ok()?;
    if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        return None;
    }
    let (_, boundary) = kind.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    Some(boundary.to_owned()).filter(|b| !b.is_empty())
}

/// The fields of a form: name and value.
pub fn form_fields<'a>(body: &'a [u8], boundary: &str) -> Vec<(String, &'a [u8])> {
    let delimiter = format!("--{boundary}").into_bytes();
    let end_of_value = [b"\r\n", &delimiter[..]].concat();
    let mut fields = Vec::new();
    let Some(start) = find(body, &delimiter) else {
        return fields;
    };
    let mut rest = &body[start + delimiter.len()..];
    // The delimiter behind the last field ends with two hyphens.
    while !rest.starts_with(b"--") {
        let Some(head_end) = find(rest, b"\r\n\r\n") else {
            break;
        };
        let (head, value) = (&rest[..head_end], &rest[head_end + 4..]);
        let Some(value_end) = find(value, &end_of_value) else {
            break;
        };
        let head = String::from_utf8_lossy(head);
        let name = head
            .split_once("name=\"")
            .and_then(|(_, name)| name.split('"').next());
        if let Some(name) = name {
            fields.push((name.to_owned(), &value[..value_end]));
        }
        rest = &value[value_end + end_of_value.len()..];
    }
    fields
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sorts_arguments() {
        let mut headers = HeaderMap::new();
        headers.insert("accept-encoding", "gzip, lz4".parse().unwrap());
        headers.insert("x-clickhouse-database", "other".parse().unwrap());
        let url = "query=SELECT+1&decompress=1&param_a%20b=x%26y&max_threads=3&session_id=s&session_timeout=90000";
        let got = Arguments::read(url, &headers);
        let session = Session {
            id: "s".into(),
            timeout: Some(LONGEST_SESSION),
            check: false,
        };
        let expected = Arguments {
            query: Some("SELECT 1".into()),
            database: Some("other".into()),
            compressed_body: true,
            lz4_response: true,
            session: Some(session),
            settings: vec![("max_threads".into(), "3".into())],
            params: vec![("a b".into(), "x&y".into())],
            ..Arguments::default()
        };
        assert_eq!(got, expected);
    }

    proptest! {
        #[test]
        fn forms_come_back(fields in prop::collection::vec(("[a-z_]{1,8}", prop::collection::vec(any::<u8>(), 0..50)), 0..5)) {
            let mut body = Vec::new();
            for (name, value) in &fields {
                body.extend_from_slice(format!("--xBx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
                body.extend_from_slice(value);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--xBx--\r\n");
            let got: Vec<(String, Vec<u8>)> = form_fields(&body, "xBx").into_iter().map(|(n, v)| (n, v.to_vec())).collect();
            prop_assert_eq!(got, fields);
        }

        #[test]
        fn forms_of_any_bytes(body in "(--b|\r\n|\r\n\r\n|name=\"|x|-){0,20}") {
            form_fields(body.as_bytes(), "b");
        }
    }
}
