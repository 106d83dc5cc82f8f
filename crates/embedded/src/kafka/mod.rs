//! One real Apache Kafka (KRaft, broker and controller in one process), from its jars.

mod acls;
mod config;
mod scram;
mod storage;

use crate::secrets::USER;
use crate::supervise::{Spec, Status, Supervised};
use crate::{Error, deps};
use config::Layout;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, ClientContext, consumer::ConsumerContext};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use weir_runtime::acl::Acl;
use weir_runtime::config::Secret;

/// How to run Kafka. Only the directory must be chosen.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Everything of this Kafka lies in `<data_dir>/kafka`.
    pub data_dir: PathBuf,
    /// Directory of the jars; see [`crate::find_kafka_jars`].
    pub jars: Option<PathBuf>,
    /// Port for clients on 127.0.0.1. Without one: that of the last start, else a free one.
    pub port: Option<u16>,
    /// What opens a second port, to do everything; whoever comes to the first one without may write
    /// events, and read. Without a secret everybody may do everything there.
    pub secret: Option<Secret>,
    /// More ways in, on free ports that are others at each start. How they ask who comes is said by
    /// `settings` (`listener.name.<name>.…`).
    pub listeners: Vec<Listener>,
    /// Heap of the Java machine, in MiB.
    pub heap_mib: u32,
    /// Broker settings over those of weir, as in `server.properties`.
    pub settings: Vec<(String, String)>,
    /// Longest time from start to the first answer.
    pub ready_within: Duration,
}

impl KafkaOptions {
    /// The defaults for this directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> KafkaOptions {
        KafkaOptions {
            data_dir: data_dir.into(),
            jars: None,
            port: None,
            secret: None,
            listeners: Vec::new(),
            heap_mib: 384,
            settings: Vec::new(),
            ready_within: Duration::from_secs(60),
        }
    }
}

/// A further way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// In capitals.
    pub name: String,
    /// `SASL_SSL`, `SSL`, ….
    pub protocol: String,
}

/// A running Kafka, stopped when dropped.
pub struct Kafka {
    brokers: String,
    own: Own,
    listeners: Vec<(Listener, u16)>,
    cluster_id: String,
    child: Supervised,
}

impl Kafka {
    /// Starts Kafka on its data and waits until it answers as the cluster that it is.
    ///
    /// # Errors
    /// Without Java or jars, where its port is taken, and where it does not answer in time.
    pub fn start(options: &KafkaOptions) -> Result<Kafka, Error> {
        let java = deps::find_java()?;
        let jars = deps::find_kafka_jars(options.jars.as_deref())?;
        let layout = Layout::create(&options.data_dir.join("kafka"), options)?;
        let jvm = Jvm {
            java,
            jars,
            heap_mib: options.heap_mib,
        };
        let cluster_id = storage::ensure_formatted(&layout, &jvm)?;
        layout.write_configuration(&options.settings)?;

        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, layout.ports.broker));
        let brokers = address.to_string();
        let own = Own::of(&layout, options.secret.clone());
        let listeners = layout.listeners.clone();
        let (expected, probed) = (cluster_id.clone(), own.clone());
        let archive = jvm.archive();
        let logs = vec![layout.log(), layout.console()];
        let keep = archive.clone();
        let child = Supervised::start(Spec {
            name: "kafka",
            logs,
            ready_within: options.ready_within,
            // An ordered stop takes a second; the first one also writes the class data archive.
            stop_within: Duration::from_secs(20),
            command: Box::new(move || jvm.broker(&layout, archive.as_ref())),
            probe: Box::new(move |_| probe(&probed, &expected)),
            stopped: Box::new(move || {
                if let Some(archive) = &keep {
                    archive.keep();
                }
            }),
        })?;
        let kafka = Kafka {
            brokers,
            own,
            listeners,
            cluster_id,
            child,
        };
        kafka.grant(options.ready_within)?;
        Ok(kafka)
    }

    /// Says what those without the secret may do; the cluster remembers it. Tried again while it
    /// starts, or dies and is started again.
    fn grant(&self, within: Duration) -> Result<(), Error> {
        if self.own.secret.is_none() {
            return Ok(());
        }
        self.administer(within, "who may do what", |client, limit| {
            acls::grant(client, limit)
        })
    }

    /// Allows what these say, besides what is allowed already.
    ///
    /// # Errors
    /// Where Kafka does not take it.
    pub fn allow(&self, acls: &[Acl]) -> Result<(), Error> {
        self.administer(
            Duration::from_secs(20),
            "who may do what",
            |client, limit| acls::allow(client, acls, limit),
        )
    }

    /// Makes a user of SCRAM-SHA-512, or gives it another password.
    ///
    /// # Errors
    /// Where Kafka does not take it.
    pub fn scram_user(&self, name: &str, password: &Secret) -> Result<(), Error> {
        self.administer(Duration::from_secs(20), "a user", |client, limit| {
            scram::user(client, name, password, limit)
        })
    }

    /// Tries a call of an administrator until it is done.
    fn administer(
        &self,
        within: Duration,
        what: &str,
        call: impl Fn(*mut rdkafka::bindings::rd_kafka_t, Duration) -> Result<(), String>,
    ) -> Result<(), Error> {
        let until = Instant::now() + within;
        loop {
            let done = self.own.client().and_then(|client| {
                let native = client.client().native_ptr();
                call(native, Duration::from_secs(5))
            });
            match done {
                Ok(()) => return Ok(()),
                Err(detail) if Instant::now() > until => {
                    return Err(Error::NotReady {
                        name: "kafka",
                        detail: format!("it does not take {what}: {detail}"),
                        log: self.own.log.clone(),
                    });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// `host:port` for clients that have the secret, in the name of [`crate::USER`] by SASL/PLAIN;
    /// without a secret that of all.
    pub fn own_address(&self) -> String {
        self.own.address.to_string()
    }

    /// `host:port` of a further way in; none where there is none of this name.
    pub fn listener(&self, name: &str) -> Option<String> {
        let (_, port) = self.listeners.iter().find(|(l, _)| l.name == name)?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)).to_string())
    }

    /// `host:port` for clients (`bootstrap.servers`).
    pub fn address(&self) -> &str {
        &self.brokers
    }

    /// The id that the storage was formatted with.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.status().pid
    }

    /// What it does, and how often it was started again.
    pub fn status(&self) -> Status {
        self.child.status()
    }

    /// Stops it in order, or kills it when it does not stop within 20 s.
    pub fn stop(&self) {
        self.child.stop();
    }
}

/// The door for those who may do everything.
#[derive(Clone)]
struct Own {
    address: SocketAddr,
    secret: Option<Secret>,
    log: PathBuf,
}

impl Own {
    fn of(layout: &Layout, secret: Option<Secret>) -> Own {
        let port = match secret {
            Some(_) => layout.ports.own,
            None => layout.ports.broker,
        };
        Own {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            secret,
            log: layout.log(),
        }
    }

    fn client(&self) -> Result<BaseConsumer<Quiet>, String> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.address.to_string())
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "100")
            .set("api.version.request.timeout.ms", "2000")
            .set_log_level(RDKafkaLogLevel::Emerg);
        if let Some(secret) = &self.secret {
            for (name, value) in sasl(secret) {
                config.set(name, value);
            }
        }
        config.create_with_context(Quiet).map_err(|e| e.to_string())
    }
}

/// What the client library needs to be told to open the second port.
pub fn sasl(secret: &Secret) -> [(&'static str, String); 4] {
    [
        ("security.protocol", "sasl_plaintext".to_owned()),
        ("sasl.mechanisms", "PLAIN".to_owned()),
        ("sasl.username", USER.to_owned()),
        ("sasl.password", secret.expose().to_owned()),
    ]
}

/// Ready means: a broker of *this* cluster answers a request for metadata. A port may be open long
/// before, or be that of somebody else.
fn probe(own: &Own, cluster_id: &str) -> Result<(), String> {
    let address = own.address;
    // The client below would retry and report every refused connection.
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).map_err(|e| e.to_string())?;
    let client = own.client()?;
    let metadata = client
        .fetch_metadata(None, Duration::from_secs(2))
        .map_err(|e| e.to_string())?;
    if metadata.brokers().is_empty() {
        return Err("it names no broker yet".into());
    }
    match client.client().fetch_cluster_id(Duration::from_secs(2)) {
        Some(id) if id == cluster_id => Ok(()),
        Some(id) => Err(format!(
            "port {} belongs to another cluster, {id}",
            address.port()
        )),
        None => Err("it does not name its cluster yet".into()),
    }
}

/// Says nothing: a broker that starts refuses connections, and that is no news.
struct Quiet;
impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: rdkafka::error::KafkaError, _: &str) {}
}
impl ConsumerContext for Quiet {}

/// The Java machine and what it runs.
struct Jvm {
    java: PathBuf,
    jars: PathBuf,
    heap_mib: u32,
}

impl Jvm {
    fn class_path(&self) -> String {
        let jars: Vec<String> = deps::jars(&self.jars)
            .iter()
            .map(|jar| jar.display().to_string())
            .collect();
        jars.join(":")
    }

    /// `java` with what every run here needs: a small machine's heap, no litter, no fleet of malloc
    /// arenas.
    fn command(&self, layout: &Layout) -> Command {
        let mut command = Command::new(&self.java);
        command
            .env("MALLOC_ARENA_MAX", "2")
            // How Java reads and writes names of files.
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            // Options of somebody else's Java: agents, heaps, and a line on stderr that is no line
            // of the log.
            .env_remove("JAVA_TOOL_OPTIONS")
            .env_remove("_JAVA_OPTIONS")
            .env_remove("JDK_JAVA_OPTIONS")
            .current_dir(layout.dir())
            .stdin(std::process::Stdio::null())
            .args([
                "-Xshare:auto",
                "-XX:-UsePerfData",
                "-Djava.awt.headless=true",
            ])
            .arg(format!(
                "-Dlog4j2.configurationFile={}",
                layout.log_configuration().display()
            ));
        command
    }

    /// The broker. With a class data archive it starts in half the time; without one this run
    /// records it.
    fn broker(&self, layout: &Layout, archive: Option<&Archive>) -> Result<Command, Error> {
        let output = layout.open_log()?;
        let errors = output
            .try_clone()
            .map_err(Error::io("opening Kafka's log"))?;
        let mut command = self.command(layout);
        command.stdout(output).stderr(errors);
        command.arg(format!("-Xmx{}m", self.heap_mib)).args([
            // While events come it stops for 5 to 25 ms each second, the serial one for 20 to 75.
            "-XX:+UseParallelGC",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:MaxMetaspaceSize=128m",
            "-XX:ReservedCodeCacheSize=64m",
            "-Xss512k",
            // Per-thread copies of large direct buffers would outweigh the heap.
            "-Djdk.nio.maxCachedBufferSize=262144",
        ]);
        if let Some(archive) = archive {
            command.arg(archive.argument());
            command.args(["-Xlog:cds=off", "-Xlog:cds+dynamic=off"]);
        }
        command
            .arg("-cp")
            .arg(self.class_path())
            .arg("kafka.Kafka")
            .arg(layout.configuration());
        Ok(command)
    }

    /// Where the class data archive of this Java and these jars is or will be; none where the
    /// directory above the jars cannot be written.
    fn archive(&self) -> Option<Archive> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hash = DefaultHasher::new();
        self.class_path().hash(&mut hash);
        self.java.hash(&mut hash);
        // Another build of Java under the same path has another archive.
        let modules = self.java.parent()?.parent()?.join("lib/modules");
        let metadata = std::fs::metadata(modules).ok()?;
        metadata.len().hash(&mut hash);
        metadata.modified().ok()?.hash(&mut hash);
        let file = self
            .jars
            .parent()?
            .join(format!("classes-{:016x}.jsa", hash.finish()));
        let recording = file.with_extension(format!("{}.part", std::process::id()));
        Some(Archive { file, recording })
    }
}

/// A file with Kafka's classes as the Java machine keeps them in memory.
#[derive(Clone)]
struct Archive {
    file: PathBuf,
    /// Written at the end of a run that records.
    recording: PathBuf,
}

impl Archive {
    fn argument(&self) -> String {
        let (option, file): (_, &Path) = if self.file.exists() {
            ("SharedArchiveFile", &self.file)
        } else {
            ("ArchiveClassesAtExit", &self.recording)
        };
        format!("-XX:{option}={}", file.display())
    }

    /// After an ordered stop: what was recorded serves the next start.
    fn keep(&self) {
        if self.recording.exists() && std::fs::rename(&self.recording, &self.file).is_err() {
            let _ = std::fs::remove_file(&self.recording);
        }
    }
}
