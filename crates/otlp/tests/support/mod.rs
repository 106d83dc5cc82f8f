//! Recorded bodies, and what was counted while they were recorded.

#![allow(dead_code, clippy::unwrap_used)]

pub mod made;

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use weir_otlp::{Encoding, Mapped, Mappings, Request, Signal};

/// An item as `POST /v1/events` takes it.
pub type Event = Map<String, Value>;

/// When bodies are received: long after they were sent.
pub const RECEIVED: i64 = 1_800_000_000_000_000;

pub fn shipped() -> Mappings {
    Mappings::shipped().unwrap()
}

/// Beside the project, or where `WEIR_RECORDED` says.
fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("WEIR_RECORDED")
        .map_or_else(beside, PathBuf::from)
        .join("otlp")
}

/// Names of the recordings; `None` where they are not at hand.
pub fn recordings() -> Option<Vec<String>> {
    let folder = folder();
    if !folder.is_dir() {
        eprintln!("no recorded data at {}: not tested", folder.display());
        return None;
    }
    let mut out = Vec::new();
    for client in fs::read_dir(&folder).unwrap() {
        let client = client.unwrap().path();
        for run in fs::read_dir(&client).into_iter().flatten() {
            let run = run.unwrap().path();
            if run.join("expected.json").is_file() {
                let name = run.strip_prefix(&folder).unwrap();
                out.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    out.sort();
    Some(out)
}

pub fn expected(capture: &str) -> Value {
    let text = fs::read_to_string(folder().join(capture).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A body that was sent.
#[derive(Debug, Clone)]
pub struct Body {
    pub signal: Signal,
    pub encoding: Encoding,
    pub bytes: Vec<u8>,
    /// Its decoding, where it was sent as protobuf.
    json: Option<PathBuf>,
}

fn read(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_none_or(|e| e != "gz") {
        return bytes;
    }
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_end(&mut out)
        .unwrap();
    out
}

/// The bodies of a recording in the order of their arrival.
pub fn bodies(capture: &str) -> Vec<Body> {
    let dir = folder().join(capture);
    let files = fs::read_dir(dir.join("raw")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|f| f.unwrap().path()).collect();
    files.sort();
    let body = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut parts = name.split('.').skip(1);
        let signal = match parts.next().unwrap() {
            "logs" => Signal::Logs,
            "metrics" => Signal::Metrics,
            "traces" => Signal::Traces,
            // An interface of the client's own, not OTLP.
            _ => return None,
        };
        let json = parts.next().unwrap() == "json";
        let decoded = name.replace(".pb.gz", ".json");
        let decoded = [format!("{decoded}.gz"), decoded];
        let mut decoded = decoded.iter().map(|d| dir.join("decoded").join(d));
        Some(Body {
            signal,
            encoding: if json {
                Encoding::Json
            } else {
                Encoding::Protobuf
            },
            bytes: read(&path),
            json: decoded.find(|d| !json && d.is_file()),
        })
    };
    files.into_iter().filter_map(body).collect()
}

impl Body {
    pub fn map(&self, mappings: &Mappings) -> Mapped {
        mappings
            .map(self.signal, self.encoding, &self.bytes, RECEIVED)
            .unwrap()
    }

    /// The same records as JSON.
    pub fn decoded(&self) -> Option<Body> {
        Some(Body {
            encoding: Encoding::Json,
            bytes: read(self.json.as_ref()?),
            json: None,
            ..self.clone()
        })
    }

    /// The body as JSON, whatever it was sent as.
    fn tree(&self) -> Value {
        let json = self.decoded().unwrap_or_else(|| self.clone());
        assert_eq!(json.encoding, Encoding::Json);
        serde_json::from_slice(&json.bytes).unwrap()
    }

    fn keys(&self) -> [&'static str; 3] {
        match self.signal {
            Signal::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
            Signal::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
            Signal::Traces => ["resourceSpans", "scopeSpans", "spans"],
        }
    }

    /// Turns the order of all lists of records around.
    pub fn reverse(&mut self) {
        let mut tree = self.tree();
        let [resources, scopes, records] = self.keys();
        let list = tree[resources].as_array_mut().unwrap();
        list.reverse();
        for resource in list {
            let list = resource[scopes].as_array_mut().unwrap();
            list.reverse();
            for scope in list {
                scope[records].as_array_mut().unwrap().reverse();
            }
        }
        self.encoding = Encoding::Json;
        self.bytes = tree.to_string().into_bytes();
        self.json = None;
    }

    /// How many records it holds.
    pub fn records(&self) -> u64 {
        let tree = self.tree();
        let [resources, scopes, records] = self.keys();
        let lists = |v: &Value, k: &str| v[k].as_array().cloned().unwrap_or_default();
        let mut n = 0;
        for resource in lists(&tree, resources) {
            for scope in lists(&resource, scopes) {
                for record in lists(&scope, records) {
                    n += match self.signal {
                        Signal::Metrics => points(&record),
                        _ => 1,
                    };
                }
            }
        }
        n
    }
}

fn points(metric: &Value) -> u64 {
    let kinds = [
        "sum",
        "gauge",
        "histogram",
        "exponentialHistogram",
        "summary",
    ];
    let points = kinds
        .iter()
        .filter_map(|k| metric[k]["dataPoints"].as_array());
    points.map(|p| p.len() as u64).sum()
}

/// One body per signal that holds all records.
pub fn merged(bodies: &[Body]) -> Vec<Body> {
    let mut out: Vec<(Body, Vec<Value>)> = Vec::new();
    for body in bodies {
        let mut tree = body.tree();
        let list = tree[body.keys()[0]].as_array_mut().unwrap();
        match out.iter_mut().find(|(b, _)| b.signal == body.signal) {
            Some((_, all)) => all.append(list),
            None => out.push((body.clone(), std::mem::take(list))),
        }
    }
    let made = |(body, all): (Body, Vec<Value>)| {
        let tree = Value::Object(Map::from_iter([(body.keys()[0].into(), all.into())]));
        Body {
            encoding: Encoding::Json,
            bytes: tree.to_string().into_bytes(),
            json: None,
            ..body
        }
    };
    out.into_iter().map(made).collect()
}

/// All events of bodies, the first of each id.
pub fn once(mappings: &Mappings, bodies: &[Body]) -> Vec<Event> {
    let mut out: BTreeMap<String, Event> = BTreeMap::new();
    for body in bodies {
        for event in body.map(mappings).events {
            let id = event["event_id"].as_str().unwrap().to_owned();
            out.entry(id).or_insert(event);
        }
    }
    out.into_values().collect()
}

/// Maps one request in JSON.
pub fn map(mappings: &Mappings, signal: Signal, body: &Value) -> Mapped {
    let bytes = body.to_string().into_bytes();
    mappings
        .map(signal, Encoding::Json, &bytes, RECEIVED)
        .unwrap()
}

/// For callers that decode themselves.
pub fn decoded(mappings: &Mappings, request: &Request) -> Mapped {
    mappings.map_request(request, RECEIVED)
}
