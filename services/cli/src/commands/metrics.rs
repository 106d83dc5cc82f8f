//! `weir probe --describe`: every metric of every service, as docs/metrics-of-weir.md has it.

use crate::output;
use anyhow::Result;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use weir_runtime::metric::{Kind, Metric, Unit};

/// Of all services.
pub fn all() -> Vec<Metric> {
    [
        weir_runtime::metric::all(),
        weir_kafka::metric::all(),
        weir_processor::metric::all(),
        weir_sink::metric::all(),
        weir_gateway::metric::all(),
        weir_api::metric::all(),
        weir_notify::metric::all(),
    ]
    .concat()
}

pub fn describe(json: bool) -> Result<ExitCode> {
    match json {
        true => output::json(&all())?,
        false => std::io::stdout().write_all(page().as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The page, in Markdown.
fn page() -> String {
    let mut page = String::from(HEAD);
    for m in all() {
        let kind = match m.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let unit = match m.unit {
            Unit::Count => "",
            Unit::Bytes => ", bytes",
            Unit::Seconds => ", seconds",
        };
        let labels: Vec<String> = m.labels.iter().map(|l| format!("`{l}`")).collect();
        let (labels, moves) = (labels.join(", "), linked(m.moves));
        let (name, of, help) = (m.name, m.of, m.help);
        // Writing to a text cannot fail.
        let _ = writeln!(
            page,
            "| `{name}` | {of} | {kind}{unit} | {labels} | {help} | {moves} |"
        );
    }
    page
}

const HEAD: &str = "\
# Metrics of weir itself

Every service tells them at `/metrics`, in the form of Prometheus. This page is what `weir probe
--describe` prints (`--json` for programs), and a test compares the two. A counter is there from
its first count on. `up`, which Prometheus makes itself, says whether a service answers at all.
Alerts on them are in `infra/prometheus/rules`, dashboards in `infra/grafana`; names of alerts lead
to their runbooks.

| metric | of | kind | by | what it says | when it moves |
|---|---|---|---|---|---|
";

/// Alerts lead to their runbooks, codes to their remedies.
fn linked(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let name = word.trim_end_matches([';', ':', ',', '.']);
        let rest = &word[name.len()..];
        if name.starts_with("WEIR-") {
            format!("[{name}](errors.md){rest}")
        } else if name.len() > 4 && name.starts_with("Weir") {
            format!("[{name}](operations.md#{}){rest}", name.to_lowercase())
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{all, linked, page};
    use std::collections::HashSet;

    #[test]
    fn the_documentation_says_the_same() {
        let written = include_str!("../../../../docs/metrics-of-weir.md");
        assert!(
            written == page(),
            "run weir probe --describe >docs/metrics-of-weir.md"
        );
    }

    #[test]
    fn each_has_a_name_of_its_own_by_the_rules_of_prometheus_and_says_what_to_do() {
        let mut seen = HashSet::new();
        for m in all() {
            assert!(seen.insert(m.name), "{} is there twice", m.name);
            let counter = m.kind == weir_runtime::metric::Kind::Counter;
            assert_eq!(counter, m.name.ends_with("_total"), "{}", m.name);
            assert!(!m.help.is_empty() && !m.moves.is_empty(), "{}", m.name);
        }
    }

    #[test]
    fn names_of_alerts_and_codes_become_links() {
        assert_eq!(
            linked("p99 above 1 s: slow, WeirCommitsBurnFast; else WEIR-1102"),
            "p99 above 1 s: slow, [WeirCommitsBurnFast](operations.md#weircommitsburnfast); \
             else [WEIR-1102](errors.md)"
        );
    }
}
