//! The files of one Kafka: where they lie and what stands in them.

use super::{KafkaOptions, Listener};
use crate::secrets::{USER, closed_dir};
use crate::{Error, ports};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use weir_runtime::config::Secret;

/// Remembered in the data directory, so that a restart keeps the addresses that clients know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Ports {
    pub broker: u16,
    pub controller: u16,
    /// Of those who have the secret; 0 where it was never needed.
    #[serde(default)]
    pub own: u16,
}

/// Names of the listeners.
const OPEN: &str = "PLAINTEXT";
const OWN: &str = "OWN";
const CONTROLLER: &str = "CONTROLLER";

pub(super) struct Layout {
    dir: PathBuf,
    pub ports: Ports,
    pub listeners: Vec<(Listener, u16)>,
    secret: Option<Secret>,
}

impl Layout {
    pub fn create(dir: &Path, options: &KafkaOptions) -> Result<Layout, Error> {
        // The log is in it: other users of the machine read it by no way.
        closed_dir(dir)?;
        let dir = dir
            .canonicalize()
            .map_err(Error::io(format!("opening {}", dir.display())))?;
        let remembered: Option<Ports> = fs::read(dir.join("ports.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let ports = choose(options.port, options.secret.is_some(), remembered)?;
        write(
            &dir.join("ports.json"),
            &serde_json::to_string(&ports).unwrap_or_default(),
        )?;
        let mut taken = vec![ports.broker, ports.controller, ports.own];
        let mut listeners = Vec::new();
        for listener in &options.listeners {
            listeners.push((listener.clone(), another(&mut taken, None)?));
        }
        Ok(Layout {
            dir,
            ports,
            listeners,
            secret: options.secret.clone(),
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
    pub fn log(&self) -> PathBuf {
        self.dir.join("kafka.log")
    }
    pub fn configuration(&self) -> PathBuf {
        self.dir.join("server.properties")
    }
    pub fn log_configuration(&self) -> PathBuf {
        self.dir.join("log4j2.properties")
    }

    /// What a run writes outside its logging: errors of the Java machine itself.
    pub fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    pub fn open_log(&self) -> Result<File, Error> {
        let path = self.console();
        File::create(&path).map_err(Error::io(format!("writing {}", path.display())))
    }

    pub fn write_configuration(&self, settings: &[(String, String)]) -> Result<(), Error> {
        write(&self.log_configuration(), &self.logging())?;
        write(&self.configuration(), &self.server(&self.data(), settings))
    }

    /// `server.properties` for this data.
    pub fn server(&self, data: &Path, settings: &[(String, String)]) -> String {
        let Ports {
            broker, controller, ..
        } = self.ports;
        let mut text = format!(
            "# Written by weir at each start: changes here are lost.\n\
             process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names={CONTROLLER}\n\
             log.dirs={}\n",
            escape(&data.display().to_string())
        );
        let open = format!("{OPEN}://127.0.0.1:{broker}");
        let controller = format!("{CONTROLLER}://127.0.0.1:{controller}");
        let (mut more, mut protocols) = (String::new(), String::new());
        for (Listener { name, protocol }, port) in &self.listeners {
            more.push_str(&format!(",{name}://127.0.0.1:{port}"));
            protocols.push_str(&format!(",{name}:{protocol}"));
        }
        let open = format!("{open}{more}");
        text.push_str(&match &self.secret {
            None => format!(
                "listeners={open},{controller}\n\
                 advertised.listeners={open}\n\
                 inter.broker.listener.name={OPEN}\n\
                 listener.security.protocol.map={CONTROLLER}:PLAINTEXT,{OPEN}:PLAINTEXT{protocols}\n"
            ),
            Some(secret) => self.closed(&open, &controller, &protocols, secret),
        });
        text.push_str(SETTINGS);
        for (name, value) in settings {
            text.push_str(&format!("{name}={}\n", escape(value)));
        }
        text
    }

    /// Listeners where a second one, and the controller's, ask for the secret: who has it may do
    /// all, who comes to the open one what [`super::acls`] says.
    fn closed(&self, open: &str, controller: &str, protocols: &str, secret: &Secret) -> String {
        let own = format!("{OWN}://127.0.0.1:{}", self.ports.own);
        let password = secret.expose();
        let login = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required \
             username=\"{USER}\" password=\"{password}\" user_{USER}=\"{password}\";"
        );
        let (of_own, of_controller) = (OWN.to_lowercase(), CONTROLLER.to_lowercase());
        format!(
            "listeners={open},{own},{controller}\n\
             advertised.listeners={open},{own}\n\
             inter.broker.listener.name={OWN}\n\
             listener.security.protocol.map={CONTROLLER}:SASL_PLAINTEXT,{OWN}:SASL_PLAINTEXT,{OPEN}:PLAINTEXT{protocols}\n\
             sasl.enabled.mechanisms=PLAIN\n\
             sasl.mechanism.inter.broker.protocol=PLAIN\n\
             sasl.mechanism.controller.protocol=PLAIN\n\
             listener.name.{of_own}.plain.sasl.jaas.config={login}\n\
             listener.name.{of_controller}.plain.sasl.jaas.config={login}\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:{USER}\n\
             allow.everyone.if.no.acl.found=false\n"
        )
    }

    fn logging(&self) -> String {
        let log = escape(&self.log().display().to_string());
        let rolled = escape(&self.dir.join("kafka.1.log").display().to_string());
        format!(
            "status=error\n\
             appender.file.type=RollingFile\n\
             appender.file.name=file\n\
             appender.file.fileName={log}\n\
             appender.file.filePattern={rolled}\n\
             appender.file.layout.type=PatternLayout\n\
             appender.file.layout.pattern=%d{{ISO8601}} %-5p %m (%c{{1}})%n\n\
             appender.file.policies.type=Policies\n\
             appender.file.policies.size.type=SizeBasedTriggeringPolicy\n\
             appender.file.policies.size.size=5MB\n\
             appender.file.strategy.type=DefaultRolloverStrategy\n\
             appender.file.strategy.max=1\n\
             rootLogger.level=warn\n\
             rootLogger.appenderRef.file.ref=file\n"
        )
    }
}

/// What is the same for every one of weir's single nodes.
const SETTINGS: &str = "\
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
# What weir keeps it keeps by topic; by default nothing is deleted.
log.retention.ms=-1
# Time in weir is log time: event time as record time would delete what was just replayed.
log.message.timestamp.type=LogAppendTime
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
log.preallocate=false
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.io.buffer.size=65536
# The state of the stages travels with committed offsets: a machine that was off for weeks must find them.
offsets.retention.minutes=5256000
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.max.timeout.ms=60000
# Sessions and transactions of crashed instances end within seconds, so their end is looked for as often.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# Offsets of a transaction wait for nobody: there is little to batch them with.
group.coordinator.append.linger.ms=0
group.min.session.timeout.ms=1000
# After a kill the new process is refused as a duplicate of the old one until the session of that has run out.
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=2500
# Two cores and an idle laptop: few threads, as each wakes up several times a second to look for work, and no record
# in the metadata log just to show life.
num.network.threads=2
num.io.threads=2
group.coordinator.threads=1
share.coordinator.threads=1
background.threads=2
num.recovery.threads.per.data.dir=2
log.cleaner.threads=1
metadata.max.idle.interval.ms=0
";

fn choose(wanted: Option<u16>, closed: bool, remembered: Option<Ports>) -> Result<Ports, Error> {
    let broker = match wanted {
        Some(port) if ports::is_free(port) => port,
        Some(port) => return Err(Error::PortTaken { port }),
        None => ports::remembered_or_free(remembered.map(|ports| ports.broker))?,
    };
    let mut taken = vec![broker];
    let controller = another(&mut taken, remembered.map(|ports| ports.controller))?;
    let own = remembered.map_or(0, |ports| ports.own);
    Ok(Ports {
        broker,
        controller,
        own: if closed {
            another(&mut taken, Some(own))?
        } else {
            own
        },
    })
}

/// A port that is not taken: the one of the last start, where it is free.
fn another(taken: &mut Vec<u16>, remembered: Option<u16>) -> Result<u16, Error> {
    loop {
        let known = remembered.filter(|p| *p != 0 && !taken.contains(p));
        let port = ports::remembered_or_free(known)?;
        if !taken.contains(&port) {
            taken.push(port);
            return Ok(port);
        }
    }
}

/// A value of a properties file, which Java reads as Latin-1: all other letters by number.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_ascii() => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

/// Writes a file for its owner alone: a secret may stand in it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let written = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        // One that an earlier version wrote.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    written().map_err(Error::io(format!("writing {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_java_reads_back() {
        assert_eq!(escape("/tmp/a b:c=d"), "/tmp/a b:c=d");
        assert_eq!(escape("C:\\x\ny"), "C:\\\\x\\ny");
        assert_eq!(
            escape("/dätä/\u{1F600}"),
            "/d\\u00e4t\\u00e4/\\ud83d\\ude00"
        );
    }
}
