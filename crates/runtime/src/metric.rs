//! One recorder per process, rendered by whoever serves `/metrics`.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
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
    describe();
    handle
}

/// Tells the recorder about unit and meaning of this crate's metrics.
pub fn describe() {
    metrics::describe_gauge!(
        crate::progress::STALLED_SECONDS,
        metrics::Unit::Seconds,
        "for which a part has been standing still"
    );
}
