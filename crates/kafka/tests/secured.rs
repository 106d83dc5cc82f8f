//! Brokers that ask who comes: every way in that the client library is built with, and what is said
//! where one is refused.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};
use weir_embedded::secured::{Authority, Secured};
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Error};
use weir_model::codes;
use weir_runtime::Secret;
use weir_runtime::acl::{Acl, Operation, Pattern, Resource};
use weir_runtime::config::Properties;

const LIMIT: Duration = Duration::from_secs(20);

fn sasl(broker: &Secured, mechanism: &str, user: &str, password: &str) -> Brokers {
    let authority = broker.authority().certificate().display().to_string();
    let mut brokers = Brokers::new(broker.sasl());
    brokers.properties = [
        ("security_protocol", "sasl_ssl"),
        ("ssl_ca_location", &authority),
        ("sasl_mechanism", mechanism),
        ("sasl_username", user),
        ("sasl_password", password),
    ]
    .into();
    brokers
}

/// By certificate; without one where none is given.
fn mutual(broker: &Secured, authority: &Authority, name: Option<&str>) -> Brokers {
    let text = |path: std::path::PathBuf| path.display().to_string();
    let mut brokers = Brokers::new(broker.mutual());
    brokers.properties = [
        ("security_protocol", "ssl".to_owned()),
        ("ssl_ca_location", text(broker.authority().certificate())),
    ]
    .into();
    if let Some(name) = name {
        let (certificate, key) = authority.issue(name).unwrap();
        let own: Properties = [
            ("ssl_certificate_location", text(certificate)),
            ("ssl_key_location", text(key)),
        ]
        .into();
        brokers.properties = own.over(&brokers.properties);
    }
    brokers
}

/// Names of the topics that this client sees.
fn sees(brokers: &Brokers) -> Result<Vec<String>, Error> {
    let names = Admin::new(brokers, LIMIT)?.names()?;
    Ok(names.into_iter().map(|(name, _)| name).collect())
}

/// It is refused, soon, with this in the words, and without the password.
fn refused(brokers: &Brokers, word: &str) {
    let begun = Instant::now();
    let error = sees(brokers).unwrap_err();
    let took = begun.elapsed();
    assert_eq!(error.code(), codes::BROKER_REFUSED, "{error}");
    assert!(!error.is_transient());
    let said = format!("{error} {error:?} {brokers:?}");
    assert!(said.contains(word), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(
        took < Duration::from_secs(10),
        "only after {took:?}: {said}"
    );
}

#[test]
fn each_way_in_opens_and_each_wrong_key_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Secured::start(dir.path(), &[("plain", "pass, word")]).unwrap();
    let kafka = broker.kafka();
    kafka.scram_user("scram", &Secret::new("another")).unwrap();
    let topic = |principal: &str, operation| Acl {
        principal: format!("User:{principal}"),
        resource: Resource::Topic,
        name: "weir.".into(),
        pattern: Pattern::Prefixed,
        operation,
    };
    let both = [Operation::Create, Operation::Describe];
    let acls = both.map(|o| topic("scram", o));
    kafka.allow(&acls).unwrap();
    for who in ["plain", "certified"] {
        kafka.allow(&[topic(who, Operation::Describe)]).unwrap();
    }

    let scram = sasl(&broker, "SCRAM-SHA-512", "scram", "another");
    let spec = weir_kafka::admin::raw("made", &Default::default());
    let admin = Admin::new(&scram, LIMIT).unwrap();
    admin.ensure(&[spec], -1).unwrap();
    let expected = ["weir.events.made".to_owned()];
    assert_eq!(sees(&scram).unwrap(), expected);
    let plain = sasl(&broker, "PLAIN", "plain", "pass, word");
    assert_eq!(sees(&plain).unwrap(), expected);
    let certified = mutual(&broker, broker.authority(), Some("certified"));
    assert_eq!(sees(&certified).unwrap(), expected);

    // Known, and not allowed to.
    let spec = weir_kafka::admin::raw("other", &Default::default());
    let admin = Admin::new(&plain, LIMIT).unwrap();
    let error = admin.ensure(&[spec], -1).unwrap_err();
    assert_eq!(error.code(), codes::BROKER_FORBIDS, "{error}");

    // Not known.
    refused(&sasl(&broker, "SCRAM-SHA-512", "scram", "hunter2"), "SASL");
    refused(&sasl(&broker, "PLAIN", "plain", "hunter2"), "SASL");
    refused(&sasl(&broker, "SCRAM-SHA-512", "nobody", "hunter2"), "SASL");
    refused(
        &sasl(&broker, "SCRAM-SHA-256", "scram", "hunter2"),
        "SCRAM-SHA-512",
    );
    refused(&mutual(&broker, broker.authority(), None), "certificate");
    let other = Authority::new(dir.path().join("other")).unwrap();
    refused(&mutual(&broker, &other, Some("certified")), "alert");
    // Not trusted: signed by somebody this client does not know.
    let mut distrusts = sasl(&broker, "PLAIN", "plain", "hunter2");
    let authority = other.certificate().display().to_string();
    let own: Properties = [("ssl_ca_location", authority)].into();
    distrusts.properties = own.over(&distrusts.properties);
    refused(&distrusts, "certificate verify failed");
}
