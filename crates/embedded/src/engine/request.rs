//! What a request says: in its URL, its headers and, where a client sends parameters as a form, in
//! its body.

use super::exception::Exception;
use axum::http::HeaderMap;
use memchr::memmem;
use std::time::Duration;
use weir_runtime::config::Secret;

/// The arguments of one request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Arguments {
    pub query: Option<String>,
    pub database: Option<String>,
    pub default_format: Option<String>,
    pub query_id: Option<String>,
    pub user: Option<String>,
    pub password: Option<Secret>,
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
            "user" => self.user = Some(value),
            "password" => self.password = Some(Secret::new(value)),
            // Of the protocol, without a meaning here: a secret is a role, and responses are framed
            // as HTTP frames them.
            "role"
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

/// Longest boundary of a form (RFC 2046).
const LONGEST_BOUNDARY: usize = 70;

/// The boundary of a form, where the body is one.
pub fn form_boundary(headers: &HeaderMap) -> Result<Option<String>, Exception> {
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok());
    let Some(kind) = kind.filter(|k| k.to_ascii_lowercase().starts_with("multipart/form-data"))
    else {
        return Ok(None);
    };
    let boundary = kind
        .split_once("boundary=")
        .and_then(|(_, rest)| rest.split(';').next())
        .map(|boundary| boundary.trim().trim_matches('"'))
        .unwrap_or_default();
    if (1..=LONGEST_BOUNDARY).contains(&boundary.len()) {
        return Ok(Some(boundary.to_owned()));
    }
    let text = format!("the boundary of a form has 1 to {LONGEST_BOUNDARY} characters");
    Err(Exception::new(36, "BAD_ARGUMENTS", &text))
}

/// The fields of a form: name and value. The time goes with the length of the body.
pub fn form_fields<'a>(body: &'a [u8], boundary: &str) -> Vec<(String, &'a [u8])> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let (end_of_head, end_of_value) = (
        memmem::Finder::new(b"\r\n\r\n"),
        memmem::Finder::new(&delimiter),
    );
    let mut fields = Vec::new();
    let Some(start) = memmem::find(body, &delimiter[2..]) else {
        return fields;
    };
    let mut rest = &body[start + delimiter.len() - 2..];
    // The delimiter behind the last field ends with two hyphens.
    while !rest.starts_with(b"--") {
        let Some(head_end) = end_of_head.find(rest) else {
            break;
        };
        let (head, value) = (&rest[..head_end], &rest[head_end + 4..]);
        let Some(value_end) = end_of_value.find(value) else {
            break;
        };
        let head = String::from_utf8_lossy(head);
        let name = head
            .split_once("name=\"")
            .and_then(|(_, name)| name.split('"').next());
        if let Some(name) = name {
            fields.push((name.to_owned(), &value[..value_end]));
        }
        rest = &value[value_end + delimiter.len()..];
    }
    fields
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

    #[test]
    fn boundaries_are_bounded() {
        let boundary = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", value.parse().unwrap());
            form_boundary(&headers).map_err(|e| e.code())
        };
        let form = |b: &str| format!("multipart/form-data; boundary={b}");
        assert_eq!(boundary("text/plain"), Ok(None));
        assert_eq!(
            boundary(&form("\"xBx\"; charset=x")),
            Ok(Some("xBx".into()))
        );
        assert_eq!(boundary(&form("")), Err(36));
        assert_eq!(boundary(&form(&"-".repeat(71))), Err(36));
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
