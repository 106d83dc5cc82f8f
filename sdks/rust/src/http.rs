//! One request to the gateway, and what its answer means.

use crate::config::Config;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// From so many bytes on a body is packed.
const PACKED_FROM: usize = 512;
/// Most bytes of an answer that are read.
const LARGEST: u64 = 1 << 20;
/// Longest time that is waited because the gateway says so.
const LONGEST: Duration = Duration::from_secs(600);

/// What to do with a batch.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// It is done: so many were taken, and why others were not.
    Done(u64, Vec<Refused>),
    /// It is too large, or one of it spoils it: send the halves.
    Split(String),
    /// Again, after this time where it is told.
    Again(String, Option<Duration>),
    /// Somebody has to act: again after a long pause.
    Blocked(String),
}

/// Why an event was not taken.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    pub code: String,
    pub message: String,
    pub remedy: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    accepted: u64,
    refused: Vec<Refused>,
}

/// Where batches go.
pub(crate) struct Http {
    agent: Agent,
    url: String,
    token: Option<String>,
}

impl Http {
    pub fn new(config: &Config) -> Http {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // What goes to a gateway on this machine does not go by a proxy.
            .proxy(None)
            .user_agent(concat!("weir-sdk-rust/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(&config.url))
            .build();
        Http {
            agent: agent.into(),
            url: format!("{}/v1/events", config.url.trim().trim_end_matches('/')),
            token: (!config.token.is_empty()).then(|| format!("Bearer {}", config.token.trim())),
        }
    }

    /// Sends lines as an array. What goes wrong on the way is an answer to try again.
    pub fn post(&self, lines: &[Vec<u8>], dropped: u64, timeout: Duration) -> Answer {
        let mut body = vec![b'['];
        for (n, line) in lines.iter().enumerate() {
            if n > 0 {
                body.push(b',');
            }
            body.extend_from_slice(line);
        }
        body.push(b']');
        let mut request = self
            .agent
            .post(&self.url)
            .config()
            .timeout_global(Some(timeout))
            .build()
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        if dropped > 0 {
            request = request.header("weir-dropped", dropped.to_string());
        }
        if let Some(packed) = packed(&body) {
            body = packed;
            request = request.header("content-encoding", "gzip");
        }
        match request.send(&body[..]) {
            Ok(response) => read(response),
            Err(e) => Answer::Again(e.to_string(), None),
        }
    }
}

/// TLS with the authorities that this machine trusts, or those of `SSL_CERT_FILE`. They are read
/// only for an address that needs them.
fn tls(url: &str) -> TlsConfig {
    let mut roots = Vec::new();
    if url.trim().starts_with("https:") {
        let found = rustls_native_certs::load_native_certs();
        for e in found.errors {
            log::warn!(target: "weir", "certificates of authorities cannot be read: {e}");
        }
        roots.extend(found.certs);
    }
    let roots = roots
        .iter()
        .map(|root| Certificate::from_der(root).to_owned());
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots.collect())))
        .build()
}

fn packed(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < PACKED_FROM {
        return None;
    }
    let mut out = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    out.write_all(body).ok()?;
    out.finish().ok()
}

fn read(mut response: Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let header = response.headers().get("retry-after");
    let after = header.and_then(|v| v.to_str().ok()?.trim().parse::<u64>().ok());
    let after = after.map(|s| Duration::from_secs(s).min(LONGEST));
    let text = response
        .body_mut()
        .with_config()
        .limit(LARGEST)
        .read_to_vec();
    let text = text.unwrap_or_default();
    let said = || {
        let start: String = String::from_utf8_lossy(&text).chars().take(300).collect();
        format!("{status} {start}")
    };
    match status {
        200 | 422 => match serde_json::from_slice::<Body>(&text) {
            Ok(body) => Answer::Done(body.accepted, body.refused),
            Err(_) => Answer::Again(said(), after),
        },
        400 | 413 => Answer::Split(said()),
        408 | 425 | 429 | 500..=599 => Answer::Again(said(), after),
        _ => Answer::Blocked(said()),
    }
}
