//! Detectors through all services: what is found stands in ClickHouse, and counting the log again
//! finds the same.

#![allow(clippy::unwrap_used)]

use std::fs;
use weir_tests::{System, copy_dir, root};

const DETECTORS: &str = "\
detectors:
  calls_rise: {event: llm.call, window: 1h, value: calls, forecast: {history: 24, warmup: 4, horizon: 24h, above: 60}}
  calls_fall: {event: llm.call, window: 1h, value: calls, forecast: {history: 24, warmup: 4, horizon: 12h, below: 4, method: holt, damping: 0.9}}
  latency_spread: {event: llm.call, window: 1h, shift: {of: latency, reference: {windows: 6}, groups: 4, threshold: 0.1, minimum_sample: 5}}
alerts:
  calls_soon_many: {detector: calls_rise, impact: a, action: b}
  latency_is_other: {detector: latency_spread, impact: a, action: b}
";

#[test]
fn forecasts_and_shifts_are_stored_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("schemas");
    copy_dir(&root().join("schemas"), &own);
    fs::write(own.join("catalog/probe.yaml"), DETECTORS).unwrap();
    let system = System::start(dir.path(), Some(&own), &[]);
    let written = system.json(&[
        "simulate",
        "--engineers",
        "20",
        "--days",
        "3",
        "--quiet",
        "--tenant",
        "acme",
        "--start",
        "2026-01-05",
    ]);
    assert!(written["written"].as_u64().unwrap() > 1000, "{written}");
    let verified = system.verify();
    assert!(
        verified.compared["anomalies"] > 3,
        "{:?}",
        verified.compared
    );
    let found = system.query(
        "SELECT kind, toUInt32(count()) AS n, toUInt32(countIf(crosses_at > window_end)) AS later, \
         toUInt32(countIf(crosses_from <= crosses_at)) AS within, toUInt32(countIf(score > 0)) AS scored \
         FROM anomalies WHERE detector IN ('calls_rise', 'calls_fall', 'latency_spread') \
         GROUP BY kind ORDER BY kind",
    );
    assert_eq!(found.len(), 2, "{found:?}");
    for row in found {
        let n = |name: &str| row[name].as_u64().unwrap();
        let forecast = row["kind"] == "forecast";
        assert!(n("n") > 0, "{row}");
        assert_eq!(n("scored"), n("n"), "{row}");
        let crossing = if forecast { n("n") } else { 0 };
        assert_eq!((n("later"), n("within")), (crossing, crossing), "{row}");
    }
    let told = "SELECT count() FROM alerts WHERE rule = 'calls_soon_many'";
    assert!(system.number(told) > 0.0);
}
