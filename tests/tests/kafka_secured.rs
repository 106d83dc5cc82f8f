//! A whole system at brokers that ask who comes: each service has a user of its own, with the ACLs
//! that `weir kafka acls` prints and no other.

#![allow(clippy::unwrap_used)]

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use serde_json::Value as Json;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use weir_embedded::secured::Secured;
use weir_embedded::testing::clickhouse;
use weir_runtime::Secret;
use weir_runtime::acl::Acl;
use weir_tests::binary;

const PATIENCE: Duration = Duration::from_secs(90);
const MECHANISM: &str = "SCRAM-SHA-512";

/// Brokers, and a directory for what processes say.
struct Place<'a> {
    broker: &'a Secured,
    dir: &'a Path,
}

impl Place<'_> {
    /// A command of weir in the name of a service. `WEIR__KAFKA__...` is for all of its clients.
    fn command(&self, service: &str) -> Command {
        let authority = self.broker.authority().certificate();
        let mut c = Command::new(binary());
        c.env("WEIR_DATA_DIR", self.dir.join("elsewhere"))
            .env("WEIR_BROKERS", self.broker.sasl())
            .env("WEIR_CLICKHOUSE", clickhouse().url())
            .env("WEIR__KAFKA__PROPERTIES__SECURITY_PROTOCOL", "sasl_ssl")
            .env("WEIR__KAFKA__PROPERTIES__SSL_CA_LOCATION", authority)
            .env("WEIR__KAFKA__PROPERTIES__SASL_MECHANISM", MECHANISM)
            .env("WEIR__KAFKA__PROPERTIES__SASL_USERNAME", user(service))
            .env("WEIR__KAFKA__PROPERTIES__SASL_PASSWORD", password(service))
            .stdin(Stdio::null());
        c
    }

    fn run(&self, service: &str, args: &[&str]) -> Output {
        self.command(service).args(args).output().unwrap()
    }

    /// What a command says that must succeed.
    fn said(&self, service: &str, args: &[&str]) -> String {
        let out = self.run(service, args);
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{service} {args:?}: {errors}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// A service that runs until it is dropped.
    fn serve(&self, service: &str, args: &[&str], more: &[(&str, &str)]) -> Running {
        let log = self.dir.join(format!("{service}.log"));
        let out = std::fs::File::create(&log).unwrap();
        let child = self
            .command(service)
            .arg(service)
            .args(args)
            .envs(more.iter().copied())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Running(child)
    }

    fn logs(&self) -> String {
        let of = |s: &str| std::fs::read_to_string(self.dir.join(format!("{s}.log")));
        let all =
            ["processor", "sink", "gateway", "api", "notify"].map(|s| of(s).unwrap_or_default());
        all.join("\n")
    }

    /// The client library in the name of a service.
    fn client(&self, service: &str) -> ClientConfig {
        let authority = self.broker.authority().certificate();
        let mut c = ClientConfig::new();
        c.set("bootstrap.servers", self.broker.sasl())
            .set("security.protocol", "sasl_ssl")
            .set("ssl.ca.location", authority.display().to_string())
            .set("sasl.mechanism", MECHANISM)
            .set("sasl.username", user(service))
            .set("sasl.password", password(service));
        c
    }

    /// What the broker says to a record of this service in a topic.
    fn writes(&self, service: &str, topic: &str) -> Result<(), RDKafkaErrorCode> {
        let mut config = self.client(service);
        config.set("message.timeout.ms", "10000");
        let producer: BaseProducer<Told> = config.create_with_context(Told::default()).unwrap();
        let record = BaseRecord::<[u8], [u8]>::to(topic).key(b"k").payload(b"v");
        producer.send(record).unwrap();
        producer.flush(Duration::from_secs(15)).unwrap();
        let told = producer.context().0.lock().unwrap().take();
        match told.unwrap() {
            None => Ok(()),
            Some(KafkaError::MessageProduction(code)) => Err(code),
            Some(other) => panic!("{other}"),
        }
    }

    /// Whether this service sees a topic.
    fn sees(&self, service: &str, topic: &str) -> bool {
        let client: BaseConsumer = self.client(service).create().unwrap();
        let all = client
            .fetch_metadata(None, Duration::from_secs(10))
            .unwrap();
        all.topics().iter().any(|t| t.name() == topic)
    }
}

/// What became of the last record.
#[derive(Default)]
struct Told(Mutex<Option<Option<KafkaError>>>);

impl rdkafka::ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let error = result.as_ref().err().map(|(e, _)| e.clone());
        *self.0.lock().unwrap() = Some(error);
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn user(service: &str) -> String {
    format!("weir-{service}")
}

fn password(service: &str) -> String {
    format!("hunter2, of {service}")
}

/// Tries until it succeeds.
fn until(what: &str, place: &Place<'_>, mut done: impl FnMut() -> Result<(), String>) {
    let limit = Instant::now() + PATIENCE;
    while let Err(why) = done() {
        assert!(Instant::now() < limit, "{what}: {why}\n{}", place.logs());
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn each_service_needs_what_is_listed_and_is_allowed_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Secured::start(dir.path(), &[]).unwrap();
    let place = Place {
        broker: &broker,
        dir: dir.path(),
    };
    std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
    let listed = place.said("nobody", &["kafka", "acls", "--format", "json"]);
    let acls: Vec<Acl> = serde_json::from_str(&listed).unwrap();
    broker.kafka().allow(&acls).unwrap();
    for service in [
        "gateway",
        "processor",
        "sink",
        "api",
        "notify",
        "importer",
        "reader",
        "admin",
    ] {
        assert!(listed.contains(&user(service)));
        let password = Secret::new(password(service));
        broker
            .kafka()
            .scram_user(&user(service), &password)
            .unwrap();
    }

    let port = weir_embedded::free_port().unwrap().to_string();
    let (http, grpc) = (format!("127.0.0.1:{port}"), "127.0.0.1:0");
    let _processor = place.serve("processor", &[], &[]);
    let _sink = place.serve("sink", &[], &[]);
    let bind = [
        ("WEIR__GATEWAY__BIND", http.as_str()),
        ("WEIR__GATEWAY__GRPC", grpc),
    ];
    let _gateway = place.serve("gateway", &[], &bind);
    let routes = dir.path().join("notify.yaml");
    let told = "receivers:\n  a: {alertmanager: {url: \"http://127.0.0.1:9\"}}\n\
         routes:\n  - {name: all, to: a}\n";
    std::fs::write(&routes, told).unwrap();
    let at = || format!("127.0.0.1:{}", weir_embedded::free_port().unwrap());
    let (api, api_health, notify_health) = (at(), at(), at());
    let bind = [("WEIR__API__BIND", api.as_str())];
    let _api = place.serve("api", &["--http", &api_health], &bind);
    let routes = ["--routes", routes.to_str().unwrap()];
    let with_health = [&routes[..], &["--http", &notify_health]].concat();
    let _notify = place.serve("notify", &with_health, &[]);

    // An administrator makes a token, once the processor has made the topics.
    let mut token = String::new();
    until("a token", &place, || {
        let out = place.run("admin", &["token", "create", "--tenant", "acme"]);
        token = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        let said = String::from_utf8_lossy(&out.stderr);
        // What it changes is done all the same where that cannot be published.
        assert!(!said.contains("WEIR-1402"), "{said}");
        match out.status.success() {
            true => Ok(()),
            false => Err(said.into_owned()),
        }
    });
    let simulate = ["simulate", "--days", "1", "--engineers", "2", "--quiet"];
    place.said("importer", &simulate);
    let url = format!("http://{http}");
    let emit = [
        "emit",
        "llm.call",
        "engineer.email=ada@example.com",
        "provider=openai",
        "model=gpt-5",
        "tokens_input=1200",
        "--url",
        &url,
        "--token",
        &token,
    ];
    until("an event by the gateway", &place, || {
        let out = place.run("nobody", &emit);
        match out.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
        }
    });

    // All of it reaches the store, and is what the log says, counted by one who may only read.
    until("equal numbers", &place, || {
        let out = place.run("reader", &["verify", "--json"]);
        let said: Json = serde_json::from_slice(&out.stdout).unwrap_or_default();
        let compared = said["compared"]
            .as_object()
            .map(|c| c.values().all(|n| *n == 0));
        match said["equal"] == true && compared == Some(false) {
            true => Ok(()),
            false => Err(format!("{said:#} {}", String::from_utf8_lossy(&out.stderr))),
        }
    });
    let topics = place.said("reader", &["topics", "--json"]);
    assert!(topics.contains("weir.events.llm.call"));
    place.said("reader", &["status", "--json"]);

    // Both have read what they need of the topics by now.
    for (service, health) in [("api", &api_health), ("notify", &notify_health)] {
        until(service, &place, || {
            let out = place.run("nobody", &["probe", health]);
            match out.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
            }
        });
    }
    nothing_else(&place);
    wrong_password(&place);
    assert!(!place.logs().contains("hunter2"), "{}", place.logs());
}

/// What is not listed is refused.
fn nothing_else(place: &Place<'_>) {
    let refused = Err(RDKafkaErrorCode::TopicAuthorizationFailed);
    for (service, topic) in [
        ("sink", "weir.events.llm.call"),
        ("sink", "weir.aggregates"),
        ("reader", "weir.events.llm.call"),
        ("reader", "weir.catalog"),
        ("gateway", "weir.kpis"),
        ("gateway", "weir.tokens"),
        ("importer", "weir.kpis"),
        ("processor", "weir.tokens"),
        ("admin", "weir.kpis"),
        ("api", "weir.events.llm.call"),
        ("api", "weir.tokens"),
        ("notify", "weir.alerts"),
        ("notify", "weir.events.llm.call"),
    ] {
        assert_eq!(place.writes(service, topic), refused, "{service} {topic}");
    }
    // The check itself can see the other outcome.
    assert_eq!(place.writes("gateway", "weir.dlq"), Ok(()));
    assert_eq!(place.writes("api", "weir.events.audit.recorded"), Ok(()));
    assert!(place.sees("gateway", "weir.tokens"));
    assert!(!place.sees("gateway", "weir.kpis"));
    assert!(!place.sees("sink", "weir.tokens"));
    assert!(!place.sees("notify", "weir.tokens"));
    let out = place.run("reader", &["token", "list"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("WEIR-0218"), "{said}");
}

/// Every service ends at once and says why, where the brokers do not know its password.
fn wrong_password(place: &Place<'_>) {
    let all: [&[&str]; 5] = [
        &["processor"],
        &["sink"],
        &["gateway"],
        &["topics", "--json"],
        &["simulate", "--days", "1", "--engineers", "1"],
    ];
    std::thread::scope(|threads| {
        for args in all {
            threads.spawn(move || ends_refused(place, args));
        }
    });
}

fn ends_refused(place: &Place<'_>, args: &[&str]) {
    let begun = Instant::now();
    let out = place
        .command("nobody")
        .env("WEIR__GATEWAY__BIND", "127.0.0.1:0")
        .env("WEIR__GATEWAY__GRPC", "127.0.0.1:0")
        .args(args)
        .output()
        .unwrap();
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&out.stderr);
    let clear = said.contains("WEIR-0217") && said.contains("SASL authentication error");
    assert!(!out.status.success() && clear, "{args:?}: {said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(took < Duration::from_secs(20), "{args:?} took {took:?}");
}
