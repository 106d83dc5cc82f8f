//! Over TLS: to a peer whose authority the machine trusts, and to no other.
#![allow(clippy::unwrap_used)]

use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use weir_sdk::{Client, LlmCall};

/// Where the child finds the peer.
const URL: &str = "WEIR_URL";

/// A peer with a certificate, and that of the authority that signed it, as PEM.
fn peer() -> (String, String) {
    let (of_authority, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let name = "authority of a test";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&of_authority).unwrap();
    let issuer = Issuer::from_params(&params, &of_authority);
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let signed = params.signed_by(&own, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![signed.der().clone()],
            PrivateKeyDer::Pkcs8(own.serialize_der().into()),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || answer(stream, config));
        }
    });
    (url, authority.pem())
}

/// Takes one request with one event.
fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let body = r#"{"accepted":1,"refused":[]}"#;
    let length = body.len();
    let to = reader.get_mut();
    write!(
        to,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    to.conn.send_close_notify();
    to.flush()
}

/// What a process that trusts these authorities alone says.
fn child(url: &str, authorities: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("authorities.pem");
    std::fs::write(&file, authorities).unwrap();
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sends_one_event", "--ignored", "--nocapture"])
        .env("SSL_CERT_FILE", &file)
        .env_remove("SSL_CERT_DIR")
        .env(URL, url)
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn only_a_peer_that_the_machine_trusts_gets_events() {
    let (url, authority) = peer();
    assert!(child(&url, &authority).contains("sent 1"));
    let (_, another) = peer();
    let told = child(&url, &another);
    assert!(told.contains("sent 0"), "{told}");
}

#[test]
#[ignore = "runs in a process of its own, which trusts what its environment says"]
fn sends_one_event() {
    let url = std::env::var(URL).unwrap();
    let client = Client::config().url(url).token("t").disabled(false);
    let client = client.exit_timeout(Duration::ZERO).build();
    client.llm_call(LlmCall {
        provider: "p".into(),
        model: "m".into(),
        ..LlmCall::default()
    });
    client.flush(Duration::from_secs(3));
    println!("sent {}", client.stats().sent);
}
