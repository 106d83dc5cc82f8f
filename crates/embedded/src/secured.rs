//! A Kafka for tests that asks who comes: over TLS, by SASL or by certificate, and allows nothing
//! that no ACL allows. Authority and certificates are made for each.

use crate::{Kafka, KafkaOptions, Listener, Secrets};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the listener that asks for SASL over TLS.
const SASL: &str = "SASL";
/// Name of the listener that asks for a certificate.
const MUTUAL: &str = "MUTUAL";

/// Such a Kafka, with its authority.
pub struct Secured {
    kafka: Kafka,
    authority: Authority,
}

impl Secured {
    /// Starts one in a directory. `plain` are users of SASL/PLAIN with their passwords; those of
    /// SCRAM are made by [`Kafka::scram_user`].
    ///
    /// # Errors
    /// Where files cannot be written, or Kafka does not start.
    pub fn start(dir: &Path, plain: &[(&str, &str)]) -> Result<Secured, Box<dyn Error>> {
        let authority = Authority::new(dir.join("authority"))?;
        let (certificate, key) = authority.issue("broker")?;
        let store = dir.join("authority/broker.both");
        fs::write(
            &store,
            fs::read_to_string(key)? + &fs::read_to_string(certificate)?,
        )?;
        let mut options = KafkaOptions::new(dir);
        options.secret = Some(Secrets::open_or_create(dir)?.kafka);
        options.listeners = [(SASL, "SASL_SSL"), (MUTUAL, "SSL")]
            .map(|(name, protocol)| Listener {
                name: name.to_owned(),
                protocol: protocol.to_owned(),
            })
            .to_vec();
        options.settings = settings(&store, &authority.certificate(), plain);
        let kafka = Kafka::start(&options)?;
        Ok(Secured { kafka, authority })
    }

    /// The broker.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// `host:port` of the listener that asks for SASL over TLS.
    pub fn sasl(&self) -> String {
        self.kafka.listener(SASL).unwrap_or_default()
    }

    /// `host:port` of the listener that asks for a certificate; who shows one of the name `x` is
    /// `User:x`.
    pub fn mutual(&self) -> String {
        self.kafka.listener(MUTUAL).unwrap_or_default()
    }

    /// Who signs certificates.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

/// Settings of both listeners.
fn settings(store: &Path, authority: &Path, plain: &[(&str, &str)]) -> Vec<(String, String)> {
    let users: String = plain
        .iter()
        .map(|(user, password)| format!(" user_{user}=\"{password}\""))
        .collect();
    let module = "org.apache.kafka.common.security";
    let of = |listener: &str, name: &str, value: String| {
        (format!("listener.name.{listener}.{name}"), value)
    };
    let (sasl, mutual) = (SASL.to_lowercase(), MUTUAL.to_lowercase());
    let mut all = vec![
        of(
            &sasl,
            "sasl.enabled.mechanisms",
            "PLAIN,SCRAM-SHA-512,OAUTHBEARER".into(),
        ),
        of(
            &sasl,
            "plain.sasl.jaas.config",
            format!("{module}.plain.PlainLoginModule required{users};"),
        ),
        of(
            &sasl,
            "scram-sha-512.sasl.jaas.config",
            format!("{module}.scram.ScramLoginModule required;"),
        ),
        // Tokens that nobody signed: what a broker without a provider's keys takes.
        of(
            &sasl,
            "oauthbearer.sasl.jaas.config",
            format!("{module}.oauthbearer.OAuthBearerLoginModule required;"),
        ),
        of(&mutual, "ssl.client.auth", "required".into()),
        of(&mutual, "ssl.truststore.type", "PEM".into()),
        of(
            &mutual,
            "ssl.truststore.location",
            authority.display().to_string(),
        ),
        of(
            &mutual,
            "ssl.principal.mapping.rules",
            "RULE:^CN=([^,]*).*$/$1/".into(),
        ),
    ];
    for listener in [&sasl, &mutual] {
        all.push(of(listener, "ssl.keystore.type", "PEM".into()));
        all.push(of(
            listener,
            "ssl.keystore.location",
            store.display().to_string(),
        ));
    }
    all
}

/// Signs certificates that nobody else trusts.
pub struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, whose certificates and keys lie in a directory.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn new(dir: PathBuf) -> Result<Authority, Box<dyn Error>> {
        fs::create_dir_all(&dir)?;
        let mut params = named("an authority for tests", &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let authority = dir.join("authority.pem");
        fs::write(&authority, params.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(params, key);
        Ok(Authority { dir, issuer })
    }

    /// Where its own certificate is.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("authority.pem")
    }

    /// Makes a certificate of a name, for this machine: where it and its key are.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn issue(&self, name: &str) -> Result<(PathBuf, PathBuf), Box<dyn Error>> {
        let key = KeyPair::generate()?;
        let params = named(name, &["localhost", "127.0.0.1"])?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let at = |end: &str| self.dir.join(format!("{name}.{end}"));
        fs::write(at("pem"), certificate.pem())?;
        fs::write(at("key"), key.serialize_pem())?;
        Ok((at("pem"), at("key")))
    }
}

fn named(name: &str, hosts: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let hosts: Vec<String> = hosts.iter().map(|&h| h.to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, name.to_owned());
    Ok(params)
}
