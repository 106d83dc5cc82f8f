//! SASL OAUTHBEARER: tokens out of a file and of an identity provider, at a broker of the same jars.
//! It checks tokens as Kafka does without a provider's keys (unsigned ones): whom it lets in and
//! until when is real, that a signature is right is not looked at.
#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weir_embedded::secured::{Authority, Secured};
use weir_kafka::admin::{Admin, raw};
use weir_kafka::producer::Appender;
use weir_kafka::{Brokers, Consumer, Error, Tp};
use weir_model::codes;
use weir_runtime::acl::{Acl, Operation, Pattern, Resource};

const LIMIT: Duration = Duration::from_secs(20);
const TOPIC: &str = "weir.events.made";

fn broker() -> &'static Secured {
    static BROKER: OnceLock<(Secured, tempfile::TempDir)> = OnceLock::new();
    let started = || {
        let dir = tempfile::tempdir().unwrap();
        let broker = Secured::start(dir.path(), &[]).unwrap();
        let all = [
            Operation::Create,
            Operation::Read,
            Operation::Write,
            Operation::Describe,
        ];
        let acls = all.map(|operation| Acl {
            principal: "User:service-a".into(),
            resource: Resource::Topic,
            name: "weir.".into(),
            pattern: Pattern::Prefixed,
            operation,
        });
        broker.kafka().allow(&acls).unwrap();
        (broker, dir)
    };
    &BROKER.get_or_init(started).0
}

fn with<const N: usize>(more: [(&str, String); N]) -> Brokers {
    let authority = broker().authority().certificate().display().to_string();
    let mut brokers = Brokers::new(broker().sasl());
    let shared: weir_runtime::config::Properties = [
        ("security_protocol", "sasl_ssl"),
        ("ssl_ca_location", &authority),
        ("sasl_mechanism", "OAUTHBEARER"),
    ]
    .into();
    brokers.properties = weir_runtime::config::Properties::from(more).over(&shared);
    brokers
}

fn of_file(file: &Path) -> Brokers {
    with([("sasl_oauthbearer_token_file", file.display().to_string())])
}

/// An unsigned token of somebody that holds for some seconds, from a second ago on.
fn token(who: &str, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let claims = format!(
        r#"{{"sub":"{who}","iat":{},"exp":{}}}"#,
        now.min(now + seconds) - 1,
        now + seconds
    );
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims))
}

fn sees(brokers: &Brokers) -> Result<Vec<String>, Error> {
    let names = Admin::new(brokers, LIMIT)?.names()?;
    Ok(names.into_iter().map(|(name, _)| name).collect())
}

fn error(brokers: &Brokers) -> Error {
    let begun = Instant::now();
    let error = sees(brokers).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(15), "{error}");
    error
}

#[test]
fn a_token_file_opens_all_kinds_of_clients() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    // Makes the broker start, which may take longer than the token holds.
    let brokers = of_file(&file);
    std::fs::write(&file, token("service-a", 60) + "\n").unwrap();
    let admin = Admin::new(&brokers, LIMIT).unwrap();
    admin
        .ensure(&[raw("made", &Default::default())], -1)
        .unwrap();
    let appender = Appender::new(&brokers).unwrap();
    appender
        .send(TOPIC, Some(0), None, Some(b"v"), &[])
        .unwrap();
    appender.flush().unwrap();
    let from = [(Tp::new(TOPIC, 0), 0)];
    let consumer = Consumer::assigned(&brokers, &from).unwrap();
    let until = Instant::now() + LIMIT;
    while consumer
        .next(Duration::from_millis(200), Duration::ZERO, 10)
        .unwrap()
        .is_empty()
    {
        assert!(Instant::now() < until, "nothing was read");
    }

    // Another subject is another user; a token that is over is not even sent.
    std::fs::write(&file, token("service-b", 60)).unwrap();
    assert_eq!(sees(&brokers).unwrap(), Vec::<String>::new());
    std::fs::write(&file, token("service-a", -5)).unwrap();
    let over = error(&brokers);
    assert_eq!(over.code(), codes::BROKER_REFUSED);
    assert!(
        over.to_string().contains("ended") && over.is_transient(),
        "{over}"
    );
    // What the broker itself does not take.
    std::fs::write(&file, "no-jwt").unwrap();
    let refused = error(&brokers);
    assert_eq!(refused.code(), codes::BROKER_REFUSED, "{refused}");
    std::fs::remove_file(&file).unwrap();
    let gone = error(&brokers).to_string();
    assert!(gone.contains(&file.display().to_string()), "{gone}");
    let nowhere = error(&with([]));
    assert_eq!(nowhere.code(), codes::CONFIG, "{nowhere}");
}

/// An identity provider: gives tokens that hold for some seconds to who has the secret.
struct Provider {
    url: String,
    given: Arc<AtomicUsize>,
}

const SECRET: &str = "hunter2 & more";
/// How long tokens hold that a test sees the end of.
const SHORT: i64 = 5;

impl Provider {
    fn start(authority: &Authority, seconds: i64) -> Provider {
        let (certificate, key) = authority.issue("provider").unwrap();
        let certificate = CertificateDer::from_pem_file(certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/token", listener.local_addr().unwrap());
        let given = Arc::new(AtomicUsize::new(0));
        let count = given.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that does not trust this one goes away.
                let _ = answer(stream.unwrap(), config.clone(), seconds, &count);
            }
        });
        Provider { url, given }
    }

    fn brokers(&self, secret: &str, authority: &Authority) -> Brokers {
        with([
            ("sasl_oauthbearer_method", "oidc".into()),
            ("sasl_oauthbearer_token_endpoint_url", self.url.clone()),
            ("sasl_oauthbearer_client_id", "a".into()),
            ("sasl_oauthbearer_client_secret", secret.into()),
            ("sasl_oauthbearer_scope", "kafka".into()),
            (
                "https_ca_location",
                authority.certificate().display().to_string(),
            ),
        ])
    }
}

fn answer(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    seconds: i64,
    given: &AtomicUsize,
) -> std::io::Result<()> {
    let tls = ServerConnection::new(config).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(tls, stream));
    let (mut line, mut head, mut length) = (String::new(), String::new(), 0);
    while stream.read_line(&mut line)? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&std::mem::take(&mut line));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let who = STANDARD.encode("a:hunter2%20%26%20more");
    let body = String::from_utf8(body).unwrap();
    let asks = body.contains("grant_type=client_credentials") && body.contains("scope=kafka");
    let (status, text) = match head.contains(&format!("Basic {who}")) && asks {
        true => {
            given.fetch_add(1, Ordering::SeqCst);
            let token = token("service-a", seconds);
            let text = format!(r#"{{"access_token":"{token}","expires_in":{seconds}}}"#);
            ("200 OK", text)
        }
        false => ("401 Unauthorized", r#"{"error":"invalid_client"}"#.into()),
    };
    let length = text.len();
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{text}"
    )?;
    stream.flush()
}

#[test]
fn an_identity_provider_is_asked_once_for_all_clients_and_again_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path().join("provider")).unwrap();
    let clients = |brokers: &Brokers| {
        let made = [raw("made", &Default::default())];
        let admin = Admin::new(brokers, LIMIT).unwrap();
        admin.ensure(&made, -1).unwrap();
        (
            Consumer::assigned(brokers, &[(Tp::new(TOPIC, 0), 0)]).unwrap(),
            admin,
        )
    };
    // However slow the machine is, this token holds until the test is over.
    let long = Provider::start(&authority, 3600);
    let brokers = long.brokers(SECRET, &authority);
    let (_consumer, _admin) = clients(&brokers);
    assert!(sees(&brokers).unwrap().iter().any(|name| name == TOPIC));
    assert_eq!(long.given.load(Ordering::SeqCst), 1);

    let provider = Provider::start(&authority, SHORT);
    let (consumer, admin) = clients(&provider.brokers(SECRET, &authority));
    let begun = provider.given.load(Ordering::SeqCst);
    let until = Instant::now() + Duration::from_secs(8 * SHORT.unsigned_abs());
    while provider.given.load(Ordering::SeqCst) < begun + 2 {
        assert!(Instant::now() < until, "no new token");
        let _ = consumer.next(Duration::from_millis(100), Duration::ZERO, 10);
    }
    // One that nobody polls has a token that is in force too.
    assert!(admin.names().unwrap().iter().any(|(name, _)| name == TOPIC));

    let refused = error(&provider.brokers("wrong hunter2", &authority));
    let said = format!("{refused} {refused:?}");
    assert_eq!(refused.code(), codes::BROKER_REFUSED);
    assert!(
        said.contains("invalid_client") && !said.contains("hunter2"),
        "{said}"
    );
    // Whom the client does not trust gets no secret.
    let other = Authority::new(dir.path().join("other")).unwrap();
    let distrusted = error(&provider.brokers(SECRET, &other)).to_string();
    assert!(distrusted.contains("certificate"), "{distrusted}");
}
