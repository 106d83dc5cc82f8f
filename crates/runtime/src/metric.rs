//! One recorder per process, rendered by whoever serves `/metrics`, and what metrics are: each
//! crate declares its own once ([`Metric`]), for the recorder and for the documentation.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use std::sync::OnceLock;

/// Upper bounds for histograms of seconds: a commit takes 2 ms to 20 ms, an outage seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder; later calls return the same.
    pub fn install() -> Metrics {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        Metrics(HANDLE.get_or_init(start).clone())
    }

    /// In Prometheus' text format.
    pub fn render(&self) -> String {
        // Histograms keep what was recorded until this is called; a scrape is often enough.
        self.0.run_upkeep();
        self.0.render()
    }
}

fn start() -> PrometheusHandle {
    let builder = PrometheusBuilder::new();
    let recorder =
        match builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS) {
            Ok(builder) => builder.build_recorder(),
            Err(e) => {
                tracing::warn!("histograms without buckets: {e}");
                PrometheusBuilder::new().build_recorder()
            }
        };
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another recorder takes this process's metrics");
    }
    describe(&all());
    handle
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only grows; is there from its first count on.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which values came.
    Histogram,
}

/// What a metric's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Of what the help says.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

/// A metric: what it is, and what to do when it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its name, in the form of Prometheus.
    pub name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// What its numbers are.
    pub unit: Unit,
    /// Labels of each of its series.
    pub labels: &'static [&'static str],
    /// Services that have it.
    pub of: &'static str,
    /// What it says.
    pub help: &'static str,
    /// What it means when it moves and what to do then; names of alerts stand for their runbooks.
    pub moves: &'static str,
}

impl Metric {
    const fn new(name: &'static str, kind: Kind, help: &'static str) -> Metric {
        Metric {
            name,
            kind,
            unit: Unit::Count,
            labels: &[],
            of: "all",
            help,
            moves: "",
        }
    }

    /// With the services that have it.
    pub const fn of(self, of: &'static str) -> Metric {
        Metric { of, ..self }
    }

    /// With its unit.
    pub const fn unit(self, unit: Unit) -> Metric {
        Metric { unit, ..self }
    }

    /// With the labels of its series.
    pub const fn by(self, labels: &'static [&'static str]) -> Metric {
        Metric { labels, ..self }
    }

    /// With what to do when it moves.
    pub const fn moves(self, moves: &'static str) -> Metric {
        Metric { moves, ..self }
    }
}

/// A counter.
pub const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Counter, help)
}

/// A gauge.
pub const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Gauge, help)
}

/// A histogram.
pub const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Histogram, help)
}

/// Tells the recorder about unit and meaning; call once after it is installed.
pub fn describe(all: &[Metric]) {
    for m in all {
        let unit = match m.unit {
            Unit::Count => metrics::Unit::Count,
            Unit::Bytes => metrics::Unit::Bytes,
            Unit::Seconds => metrics::Unit::Seconds,
        };
        match m.kind {
            Kind::Counter => metrics::describe_counter!(m.name, unit, m.help),
            Kind::Gauge => metrics::describe_gauge!(m.name, unit, m.help),
            Kind::Histogram => metrics::describe_histogram!(m.name, unit, m.help),
        }
    }
}

/// Those of this crate.
pub fn all() -> Vec<Metric> {
    let stalled = gauge(
        crate::progress::STALLED_SECONDS,
        "for which a part has been standing still",
    );
    let stalled = stalled.unit(Unit::Seconds).by(&["part"]);
    vec![stalled.moves("above 15: WeirStalled")]
}
