//! `weir sources`: who sends OpenTelemetry, and what is to be mended.

use super::runtime;
use crate::args::{SourcesArgs, SystemArgs};
use crate::output::{self, thousands};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::process::ExitCode;
use weir_model::Micros;
use weir_ops::Asked;
use weir_otlp::{Client, Mappings};
use weir_store::{Question, Store};

/// The question that finds them.
const QUESTION: &str = "sources";
/// After so many days without a record it is said that there are none.
const QUIET_DAYS: i64 = 3;

/// An emitter of a version, as the question has it.
#[derive(Deserialize, Serialize, Debug)]
struct Source {
    tenant: String,
    emitter: String,
    version: String,
    first_seen: String,
    last_seen: String,
    /// Records by event type.
    #[serde(deserialize_with = "counts")]
    events: BTreeMap<String, u64>,
    #[serde(deserialize_with = "count")]
    not_understood: u64,
    percent_not_understood: Option<f64>,
    names_not_understood: Vec<String>,
    #[serde(deserialize_with = "count")]
    calls_without_usage: u64,
    #[serde(deserialize_with = "count")]
    calls_of_nobody: u64,
}

/// A number of 64 bits comes as a text or not, as the server is set up.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Text(String),
    Number(u64),
}

impl Count {
    fn get(&self) -> u64 {
        match self {
            Count::Text(text) => text.parse().unwrap_or(0),
            Count::Number(n) => *n,
        }
    }
}

fn count<'de, D: serde::Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    Count::deserialize(d).map(|c| c.get())
}

fn counts<'de, D: serde::Deserializer<'de>>(d: D) -> Result<BTreeMap<String, u64>, D::Error> {
    let map = BTreeMap::<String, Count>::deserialize(d)?;
    Ok(map.into_iter().map(|(k, c)| (k, c.get())).collect())
}

pub fn run(system: &SystemArgs, a: &SourcesArgs) -> Result<ExitCode> {
    let now = jiff::Timestamp::now();
    let mut given = vec![("days".to_owned(), a.days.to_string())];
    given.extend(a.tenant.iter().map(|t| ("tenant".to_owned(), t.clone())));
    let question = Question::find(system.questions()?, QUESTION)?;
    let at = Micros(now.as_microsecond());
    let asked = Asked::named(&question, &given, system.catalog()?.as_ref(), at)?;
    let store = Store::new(&system.find()?.store()?);
    let mut lines = Vec::new();
    runtime()?.block_on(asked.stream(&store, "JSONEachRow", &mut |bytes| {
        lines.extend_from_slice(bytes);
        Ok(())
    }))?;
    let sources = serde_json::Deserializer::from_slice(&lines).into_iter::<Source>();
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let mappings = system.mappings()?;
    let clients = system.clients()?;
    let fixes: Vec<Vec<String>> = sources
        .iter()
        .map(|s| s.to_fix(&mappings, &clients, now))
        .collect();
    if a.json {
        let rows = sources.iter().zip(&fixes).map(|(source, fix)| {
            let mut row = serde_json::to_value(source)?;
            row["to_fix"] = fix.as_slice().into();
            Ok(row)
        });
        output::json(&rows.collect::<Result<Vec<_>>>()?)?;
    } else {
        show(&sources, &fixes)?;
        let silent: Vec<&str> = clients
            .iter()
            .filter(|c| !sources.iter().any(|s| c.emitters.contains(&s.emitter)))
            .map(|c| c.name.as_str())
            .collect();
        if !silent.is_empty() {
            println!("nothing came of {}: weir connect NAME", silent.join(", "));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(sources: &[Source], fixes: &[Vec<String>]) -> Result<()> {
    let row = |s: &Source| {
        let events = s
            .events
            .iter()
            .map(|(e, n)| format!("{e} {}", thousands(*n)));
        let share = s.percent_not_understood.unwrap_or(0.0);
        vec![
            s.emitter.clone(),
            s.version.clone(),
            // Minutes are enough.
            s.last_seen.chars().take(16).collect(),
            events.collect::<Vec<_>>().join(", "),
            format!("{} %", output::short(share)),
        ]
    };
    let rows: Vec<Vec<String>> = sources.iter().map(row).collect();
    let header = [
        "emitter",
        "version",
        "last seen (UTC)",
        "records",
        "not understood",
    ];
    output::table(&header, &rows)?;
    for (source, fixes) in sources.iter().zip(fixes) {
        for fix in fixes {
            println!("{} {}: {fix}", source.emitter, source.version);
        }
    }
    Ok(())
}

impl Source {
    /// What is to be mended, and how; nothing where all is well.
    fn to_fix(&self, mappings: &Mappings, clients: &[Client], now: jiff::Timestamp) -> Vec<String> {
        let mut out = Vec::new();
        if self.not_understood > 0 {
            let names = self.names_not_understood.join(", ");
            let n = thousands(self.not_understood);
            let how = match mappings.emitters().any(|(name, _)| name == self.emitter) {
                true => "add them to its file in schemas/otlp, or ignore them there",
                false => "declare it in schemas/otlp",
            };
            out.push(format!(
                "records not understood: {n} ({names}); {how} (docs/otlp.md)"
            ));
        }
        if self.calls_without_usage > 0 {
            out.push(format!(
                "calls without tokens: {}; let it ask for usage, of streams too \
                 (stream_options.include_usage)",
                thousands(self.calls_without_usage)
            ));
        }
        if self.calls_of_nobody > 0 {
            out.push(format!(
                "calls of nobody: {}; sign in, or set OTEL_RESOURCE_ATTRIBUTES=user.email=…",
                thousands(self.calls_of_nobody)
            ));
        }
        if let Some(days) = self.quiet_days(now) {
            let client = clients.iter().find(|c| c.emitters.contains(&self.emitter));
            let how = client.map_or(String::new(), |c| {
                format!(": weir connect {} --check", c.name)
            });
            out.push(format!("nothing came for {days} days{how}"));
        }
        out
    }

    /// Days without a record, where there are many.
    fn quiet_days(&self, now: jiff::Timestamp) -> Option<i64> {
        let last = format!("{}Z", self.last_seen.replace(' ', "T"));
        let last: jiff::Timestamp = last.parse().ok()?;
        let days = now.duration_since(last).as_hours() / 24;
        (days >= QUIET_DAYS).then_some(days)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn source(more: &[(&str, serde_json::Value)]) -> Source {
        let mut row = serde_json::json!({
            "tenant": "default", "emitter": "codex", "version": "1",
            "first_seen": "2026-03-01 00:00:00",
            "last_seen": "2026-03-02 10:00:00.500000", "events": {"llm.call": "3"},
            "not_understood": "0", "percent_not_understood": 0, "names_not_understood": [],
            "calls_without_usage": 0, "calls_of_nobody": "0",
        });
        for (name, value) in more {
            row[name] = value.clone();
        }
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn what_is_to_be_mended_is_said_and_nothing_else() {
        let mappings = Mappings::shipped().unwrap();
        let clients = Client::shipped(&mappings).unwrap();
        let fixes = |more: &[(&str, serde_json::Value)], now: &str| {
            let fixes = source(more).to_fix(&mappings, &clients, now.parse().unwrap());
            fixes.join("\n")
        };
        let soon = "2026-03-03T00:00:00Z";
        assert_eq!(source(&[]).events["llm.call"], 3);
        assert_eq!(fixes(&[], soon), "");
        let missed = [
            ("not_understood", 1200.into()),
            ("names_not_understood", vec!["a.b"].into()),
        ];
        let told = fixes(&missed, soon);
        assert!(
            told.starts_with("records not understood: 1,200 (a.b); add them"),
            "{told}"
        );
        let mut unknown = missed.to_vec();
        unknown.push(("emitter", "acme".into()));
        assert!(fixes(&unknown, soon).contains("declare it"));
        assert!(fixes(&[("calls_without_usage", 2.into())], soon).contains("include_usage"));
        assert!(fixes(&[("calls_of_nobody", "2".into())], soon).contains("user.email"));
        assert_eq!(
            fixes(&[], "2026-03-06T00:00:00Z"),
            "nothing came for 3 days: weir connect codex --check"
        );
    }
}
