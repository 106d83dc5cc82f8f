//! A gateway that speaks TLS: by curl, with the authority that signed its certificate, and without.
#![allow(clippy::unwrap_used)]

mod common;

use common::{DEADLINE, Served, call};
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use weir_embedded::testing::kafka;
use weir_gateway::GatewayConfig;
use weir_http::TlsFiles;

/// An authority, and a certificate for the loopback interface that it signed.
fn certificates(dir: &Path) -> TlsFiles {
    let (of_authority, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // A certificate with the name of who signed it would pass for one that signed itself.
    params
        .distinguished_name
        .push(DnType::CommonName, "authority of a test");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&of_authority).unwrap();
    let issuer = Issuer::from_params(&params, &of_authority);
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let signed = CertificateParams::new(names)
        .unwrap()
        .signed_by(&own, &issuer)
        .unwrap();
    std::fs::write(dir.join("authority.pem"), authority.pem()).unwrap();
    std::fs::write(dir.join("certificate.pem"), signed.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), own.serialize_pem()).unwrap();
    TlsFiles {
        certificate: dir.join("certificate.pem"),
        key: dir.join("key.pem"),
    }
}

/// Status (000: no answer), and what curl ended with.
fn curl(served: &Served, url: &str, more: &[&str], body: &str) -> (String, i32) {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--max-time",
        "20",
        url,
    ]);
    curl.args(["-H", &format!("Authorization: Bearer {}", served.token)]);
    curl.args(["-H", "Content-Type: application/json", "-d", body])
        .args(more);
    let out = curl.output().unwrap();
    let code = out.status.code().unwrap();
    (String::from_utf8_lossy(&out.stdout).into_owned(), code)
}

#[test]
fn events_come_in_over_tls_and_nothing_else_does() {
    let (kafka, dir) = (kafka(), tempfile::tempdir().unwrap());
    let files = certificates(dir.path());
    let served = Served::before_kafka(kafka.address(), |config: &mut GatewayConfig| {
        config.tls = Some(files.clone());
        config.head = Duration::from_secs(1);
    });
    let (url, event) = (
        format!("https://{}/v1/events", served.address),
        call(1, "a").to_string(),
    );
    let authority = dir.path().join("authority.pem");
    let trusted = ["--cacert", authority.to_str().unwrap()];
    let until = Instant::now() + DEADLINE;
    loop {
        let said = curl(&served, &url, &trusted, &event);
        if said == ("200".to_owned(), 0) {
            break;
        }
        assert!(Instant::now() < until, "{said:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        curl(
            &served,
            &url,
            &[&trusted[..], &["--tlsv1.3"]].concat(),
            &event
        )
        .0,
        "200"
    );
    let old = [&trusted[..], &["--tls-max", "1.1"]].concat();
    assert_eq!(curl(&served, &url, &old, &event).0, "000");
    // 60: the certificate is signed by nobody that is trusted.
    assert_eq!(curl(&served, &url, &[], &event), ("000".to_owned(), 60));
    let plain = url.replace("https", "http");
    assert_eq!(curl(&served, &plain, &[], &event).0, "000");
    // OTLP over gRPC: HTTP/2, which is agreed on within TLS.
    let grpc = served.grpc.replace("http://", "https://");
    let two = [&trusted[..], &["--http2"]].concat();
    let (status, code) = curl(&served, &grpc, &two, "");
    assert!(status != "000" || code == 1, "{status} {code}");

    // Who says nothing is cut.
    let began = Instant::now();
    let mut silent = TcpStream::connect(&served.address).unwrap();
    silent
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(served.records("weir.events.llm.call").len() >= 2);
}

#[test]
fn files_that_do_not_fit_are_refused_at_the_start() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (own, foreign) = (certificates(dir.path()), certificates(other.path()));
    let refused = |certificate: &Path, key: &Path| {
        let files = TlsFiles {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        weir_http::Tls::open(&files).err().unwrap().to_string()
    };
    assert!(refused(&own.certificate, &foreign.key).contains("is not the key of"));
    assert!(refused(&own.key, &own.key).contains("no certificate"));
    assert!(refused(&own.certificate, &own.certificate).contains("no private key"));
    assert!(refused(Path::new("/nowhere"), &own.key).contains("WEIR-0210"));
}
