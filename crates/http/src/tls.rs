//! TLS of a port: certificate and key out of files.

use crate::serve::Speaks;
use anyhow::{Context, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use weir_model::codes::CONFIG;

/// Where certificate and key are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate of this server, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// TLS 1.2 and 1.3 with one certificate, read once.
#[derive(Clone)]
pub struct Tls {
    one: TlsAcceptor,
    two: TlsAcceptor,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// WEIR-0210 for what cannot be read, is no PEM, or does not fit together.
    pub fn open(files: &TlsFiles) -> Result<Tls> {
        let certificates = files.certificates()?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .with_context(|| format!("{CONFIG}: no private key in {}", files.key.display()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("no version of TLS")?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .with_context(|| {
                let (certificate, key) = (files.certificate.display(), files.key.display());
                format!("{CONFIG}: {key} is not the key of {certificate}")
            })?;
        let speaking = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsAcceptor::from(Arc::new(config))
        };
        Ok(Tls {
            one: speaking(b"http/1.1"),
            two: speaking(b"h2"),
        })
    }

    pub(crate) fn acceptor(&self, speaks: Speaks) -> &TlsAcceptor {
        match speaks {
            Speaks::Http1 => &self.one,
            Speaks::Http2 => &self.two,
        }
    }
}

impl TlsFiles {
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>> {
        let file = self.certificate.display();
        let wrong = || format!("{CONFIG}: no certificate in {file}");
        let all = CertificateDer::pem_file_iter(&self.certificate).with_context(wrong)?;
        let all: Vec<_> = all.collect::<Result<_, _>>().with_context(wrong)?;
        if all.is_empty() {
            bail!(wrong());
        }
        Ok(all)
    }
}
