//! Events of commands that have something else to do: sent where a gateway answers, else kept in
//! the data directory and sent with the next ones. They never make a command fail.

use super::door::Gateway;
use super::emit::{Patience, post};
use crate::args::{GatewayArgs, SystemArgs};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use weir_model::codes::BUSY;
use weir_privacy::Met;

/// Where events wait, in the data directory.
const FILE: &str = "spool/events.ndjson";
/// So many bytes wait at most: then new ones are not kept.
const MOST: u64 = 4 << 20;
/// Events of one request.
const BATCH: usize = 500;

/// What became of events.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// They are in the log.
    All,
    /// They are in the data directory.
    Waiting,
    /// They are nowhere, and why.
    Lost(String),
}

/// Sends events, with those that wait first.
pub fn send(system: &SystemArgs, to: &GatewayArgs, events: Vec<Value>) -> Sent {
    if events.is_empty() {
        return Sent::All;
    }
    let delivered = Gateway::find(system, to).and_then(|gateway| {
        let mut spool = Spool::open(&system.data_dir)?;
        deliver(&gateway, spool.as_mut(), &events)
    });
    match delivered {
        Ok(None) => Sent::All,
        Ok(Some(why)) => Sent::Lost(why),
        Err(e) => match keep(system, events) {
            Ok(true) => Sent::Waiting,
            Ok(false) => Sent::Lost(format!("{e:#}")),
            Err(why) => Sent::Lost(format!("{why:#}")),
        },
    }
}

/// Sends events, and nothing else; an error where they were not taken.
pub fn deliver_to(system: &SystemArgs, to: &GatewayArgs, events: &[Value]) -> Result<()> {
    let gateway = Gateway::find(system, to)?;
    match deliver(&gateway, None, events)? {
        None => Ok(()),
        Some(why) => bail!("{why}"),
    }
}

/// What a gateway says to a request.
enum Answer {
    /// Everything is in the log.
    Taken,
    /// Some events are not, and why: they would be refused again.
    Refused(String),
    /// None is, and why: whoever sends has to mend something.
    Closed(String),
}

/// Sends what waits and what is new. Why something new is not in the log, where that is so.
fn deliver(gateway: &Gateway, spool: Option<&mut Spool>, new: &[Value]) -> Result<Option<String>> {
    if let Some(spool) = spool {
        let mut is_open = true;
        for some in spool.read()?.chunks(BATCH) {
            is_open &= !matches!(request(gateway, some)?, Answer::Closed(_));
        }
        if is_open {
            spool.clear()?;
        }
    }
    let mut lost = None;
    for some in new.chunks(BATCH) {
        match request(gateway, some)? {
            Answer::Taken => {}
            Answer::Refused(why) | Answer::Closed(why) => lost = lost.or(Some(why)),
        }
    }
    Ok(lost)
}

/// One request; an error where it may be sent again.
fn request(gateway: &Gateway, events: &[Value]) -> Result<Answer> {
    let (status, said) = post(gateway, false, &events.into(), &Patience::SHORT)?;
    let of = |v: &Value, name: &str| v[name].as_str().unwrap_or_default().to_owned();
    let refused = said["refused"].as_array();
    match (status, refused.map(|all| all.first())) {
        (200 | 422, Some(None)) => Ok(Answer::Taken),
        (200 | 422, Some(Some(r))) => {
            let why = format!("{}: {}", of(r, "code"), of(r, "message"));
            Ok(Answer::Refused(why))
        }
        (429 | 500.., _) => bail!("{BUSY}: the gateway answered {status}"),
        _ => {
            let why = format!("{}: {}", of(&said, "code"), of(&said, "detail"));
            Ok(Answer::Closed(why))
        }
    }
}

/// Keeps events in the data directory, without names where this system replaces them. `false` where
/// there is no such directory: a command that only looks makes none.
fn keep(system: &SystemArgs, mut events: Vec<Value>) -> Result<bool> {
    if !system.data_dir.is_dir() {
        return Ok(false);
    }
    if let Some(privacy) = system.privacy()? {
        for event in events.iter_mut().filter_map(Value::as_object_mut) {
            let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
            let (kind, tenant) = (text("type"), text("tenant"));
            // The directory has them from the first event that comes through the gateway.
            let mut met = Met::default();
            privacy.hide(
                &kind.unwrap_or_default(),
                &tenant.unwrap_or_default(),
                event,
                &mut met,
            );
        }
    }
    let mut spool = Spool::create(&system.data_dir)?;
    spool.append(&events)?;
    Ok(true)
}

/// The file of what waits, locked.
struct Spool(File);

impl Spool {
    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// None where nothing ever waited.
    fn open(data_dir: &Path) -> Result<Option<Spool>> {
        match Spool::path(data_dir).exists() {
            true => Spool::create(data_dir).map(Some),
            false => Ok(None),
        }
    }

    fn create(data_dir: &Path) -> Result<Spool> {
        let path = Spool::path(data_dir);
        let cannot = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            let mut private = std::fs::DirBuilder::new();
            private.recursive(true).mode(0o700);
            private.create(folder).with_context(cannot)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(&path).with_context(cannot)?;
        file.lock().with_context(cannot)?;
        Ok(Spool(file))
    }

    /// What waits. A line that was cut when a process died is left out.
    fn read(&mut self) -> Result<Vec<Value>> {
        let mut text = String::new();
        self.0.rewind()?;
        self.0.read_to_string(&mut text)?;
        let lines = text.lines().filter_map(|l| serde_json::from_str(l).ok());
        Ok(lines.collect())
    }

    fn append(&mut self, events: &[Value]) -> Result<()> {
        let mut lines = String::new();
        for event in events {
            lines += &event.to_string();
            lines.push('\n');
        }
        let waits = self.0.metadata()?.len();
        if waits + lines.len() as u64 > MOST {
            bail!("{waits} bytes wait for a gateway already; start it with `weir up`");
        }
        Ok(self.0.write_all(lines.as_bytes())?)
    }

    fn clear(&mut self) -> Result<()> {
        Ok(self.0.set_len(0)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use weir_runtime::config::Secret;

    #[test]
    fn what_waits_is_whole_private_and_bounded() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        assert!(Spool::open(dir.path()).unwrap().is_none());
        let events = vec![json!({"type": "a", "text": "x\ny"}), json!({"type": "b"})];
        Spool::create(dir.path()).unwrap().append(&events).unwrap();
        let mut spool = Spool::open(dir.path()).unwrap().unwrap();
        spool.0.write_all(b"{\"type\": \"cut").unwrap();
        assert_eq!(spool.read().unwrap(), events);
        let mode = std::fs::metadata(Spool::path(dir.path())).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let long = vec![json!("x".repeat(MOST as usize))];
        assert!(spool.append(&long).is_err());
        spool.clear().unwrap();
        assert!(spool.read().unwrap().is_empty());
    }

    #[test]
    fn what_waits_goes_first_and_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = std::thread::spawn(move || {
            let mut bodies: Vec<Value> = Vec::new();
            for answer in [r#"{"accepted":1,"refused":[]}"#; 3] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let lower = line.to_lowercase();
                    if let Some(n) = lower.strip_prefix("content-length: ") {
                        length = n.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                bodies.push(serde_json::from_slice(&body).unwrap());
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
                write!(stream, "{head} {}\r\n\r\n{answer}", answer.len()).unwrap();
            }
            bodies
        });
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway {
            url,
            token: Secret::new("t"),
        };
        let mut spool = Spool::create(dir.path()).unwrap();
        spool.append(&[json!({"n": 1})]).unwrap();
        for n in [2, 3] {
            let told = deliver(&gateway, Some(&mut spool), &[json!({"n": n})]).unwrap();
            assert_eq!(told, None);
        }
        let sent: Vec<Value> = bodies.join().unwrap();
        let expected = [json!([{"n": 1}]), json!([{"n": 2}]), json!([{"n": 3}])];
        assert_eq!(sent, expected);
    }
}
