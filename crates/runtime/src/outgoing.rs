//! Requests that weir itself sends to others by HTTP(S): for tokens, of spans. Blocking, and bounded
//! in time.

use anyhow::{Context, Result, bail};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// An agent that trusts the authorities of a PEM file, else those of the machine. Any status is an
/// answer; a request may take so long in all.
///
/// # Errors
/// The file cannot be read or holds no certificate; the machine has none.
pub fn agent(authorities: Option<&Path>, limit: Duration) -> Result<Agent> {
    let roots = match authorities {
        Some(file) => of_file(file)?,
        None => of_machine(),
    };
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .build();
    Ok(config.into())
}

fn of_file(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let all: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(|all| all.collect())
        .with_context(|| format!("no certificates in {}", file.display()))?;
    if all.is_empty() {
        bail!("no certificates in {}", file.display());
    }
    Ok(all.iter().map(owned).collect())
}

/// Without any nobody is trusted: what is asked by plain HTTP still works.
fn of_machine() -> Vec<Certificate<'static>> {
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(owned).collect()
}

fn owned(der: &CertificateDer<'_>) -> Certificate<'static> {
    Certificate::from_der(der).to_owned()
}

/// Whether what is sent to a URL stays unread on its way: it goes by HTTPS, or does not leave this
/// machine.
pub fn is_private(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let here = || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    scheme.eq_ignore_ascii_case("https") || host.eq_ignore_ascii_case("localhost") || here()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_in_the_clear_is_known() {
        for url in [
            "https://a.example/x",
            "http://127.0.0.1:1/x",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "http://a.example",
            "http://127.0.0.1@a.example/",
            "a.example",
            "http://10.0.0.1",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }
}
