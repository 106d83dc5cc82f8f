//! `weir sources`: who sends OpenTelemetry, and what is to be mended.

use super::runtime;
use crate::args::{SourcesArgs, SystemArgs};
use crate::output::{self, thousands};
use anyhow::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::process::ExitCode;
use weir_model::Micros;
use weir_ops::Asked;
use weir_otlp::{Client, Mappings};
use weir_store::{Question, Store};

/// The question that finds them, and the one that says what they tell.
const QUESTION: &str = "sources";
const COVERAGE: &str = "coverage";
/// After so many days without a record it is said that there are none.
const QUIET_DAYS: i64 = 3;
/// Calls that say nothing about fields that are missing.
const FEW: u64 = 5;
/// From here on it is said that calls and counters disagree, as the rule `counters_disagree` has it.
const GAP_PERCENT: f64 = 5.0;

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

/// What an emitter of a version tells, as the other question has it.
#[derive(Deserialize, Serialize, Debug, Default)]
#[serde(default)]
struct Coverage {
    #[serde(skip_serializing)]
    tenant: String,
    #[serde(skip_serializing)]
    emitter: String,
    #[serde(skip_serializing)]
    version: String,
    /// Records that came after an import of logs had published them.
    #[serde(deserialize_with = "count")]
    doubles: u64,
    /// Calls of the last day, and those before.
    #[serde(deserialize_with = "count")]
    calls_lately: u64,
    #[serde(deserialize_with = "count")]
    calls_before: u64,
    /// Those of them that do not tell a field.
    #[serde(deserialize_with = "counts")]
    missing_lately: BTreeMap<String, u64>,
    #[serde(deserialize_with = "counts")]
    missing_before: BTreeMap<String, u64>,
    tokens_by_calls: f64,
    tokens_by_counters: f64,
    gap_percent: Option<f64>,
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
    let at = Micros(now.as_microsecond());
    let store = Store::new(&system.find()?.store()?);
    let sources: Vec<Source> = ask(system, &store, QUESTION, &given, at)?;
    let coverage: Vec<Coverage> = ask(system, &store, COVERAGE, &given, at)?;
    let mappings = system.mappings()?;
    let clients = system.clients()?;
    let fixes: Vec<Vec<String>> = sources
        .iter()
        .map(|s| {
            let mut all = s.to_fix(&mappings, &clients, now);
            all.extend(s.coverage_to_fix(&coverage));
            all
        })
        .collect();
    if a.json {
        let rows = sources.iter().zip(&fixes).map(|(source, fix)| {
            let mut row = serde_json::to_value(source)?;
            row["coverage"] = serde_json::to_value(source.of(&coverage))?;
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

/// The rows of an answer.
fn ask<T: DeserializeOwned>(
    system: &SystemArgs,
    store: &Store,
    question: &str,
    given: &[(String, String)],
    at: Micros,
) -> Result<Vec<T>> {
    let question = Question::find(system.questions()?, question)?;
    let asked = Asked::named(&question, given, system.catalog()?.as_ref(), at)?;
    let mut lines = Vec::new();
    runtime()?.block_on(asked.stream(store, "JSONEachRow", &mut |bytes| {
        lines.extend_from_slice(bytes);
        Ok(())
    }))?;
    let rows = serde_json::Deserializer::from_slice(&lines).into_iter::<T>();
    Ok(rows.collect::<Result<_, _>>()?)
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

    /// What it tells, of this version.
    fn of<'c>(&self, coverage: &'c [Coverage]) -> Option<&'c Coverage> {
        let same = |c: &&Coverage| {
            (&c.tenant, &c.emitter, &c.version) == (&self.tenant, &self.emitter, &self.version)
        };
        coverage.iter().find(same)
    }

    /// Doubles, fields that are told no more, and counters that say otherwise.
    fn coverage_to_fix(&self, coverage: &[Coverage]) -> Vec<String> {
        let Some(own) = self.of(coverage) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        if own.doubles > 0 {
            out.push(format!(
                "doubles: {}, left out; they came after `weir import agents` had read them in the \
                 log (docs/agents.md)",
                thousands(own.doubles)
            ));
        }
        let lost = self.lost_fields(own, coverage);
        if !lost.is_empty() {
            out.push(format!(
                "told no more: {}; what a new version calls them add to its file in schemas/otlp \
                 (docs/otlp.md)",
                lost.join(", ")
            ));
        }
        if let Some(gap) = own.gap_percent.filter(|gap| *gap > GAP_PERCENT) {
            out.push(format!(
                "calls have {} tokens, its counters {}: {} % apart; look at records that are not \
                 understood, and send both signals here",
                thousands(own.tokens_by_calls as u64),
                thousands(own.tokens_by_counters as u64),
                output::short(gap)
            ));
        }
        out
    }

    /// Fields that most calls of the last day do not tell, and that nearly all calls of the emitter
    /// told before, whatever its version was.
    fn lost_fields(&self, own: &Coverage, coverage: &[Coverage]) -> Vec<String> {
        let of_emitter = |c: &&Coverage| (&c.tenant, &c.emitter) == (&self.tenant, &self.emitter);
        let all = || coverage.iter().filter(of_emitter);
        let before: u64 = all().map(|c| c.calls_before).sum();
        if own.calls_lately < FEW || before < FEW {
            return Vec::new();
        }
        let lately = own.missing_lately.iter();
        let gone = lately.filter(|(_, n)| **n * 2 >= own.calls_lately);
        gone.filter(|(field, _)| {
            let missing = all().map(|c| c.missing_before.get(*field).unwrap_or(&0));
            missing.sum::<u64>() * 10 <= before
        })
        .map(|(field, _)| field.clone())
        .collect()
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
    fn what_an_emitter_tells_no_more_is_named() {
        let row = |version: &str, lately: u64, before: u64, missing: [u64; 2]| Coverage {
            tenant: "default".into(),
            emitter: "codex".into(),
            version: version.into(),
            calls_lately: lately,
            calls_before: before,
            missing_lately: [
                ("cost_usd".into(), lately),
                ("latency_ms".into(), missing[0]),
            ]
            .into(),
            missing_before: [
                ("cost_usd".into(), before),
                ("latency_ms".into(), missing[1]),
            ]
            .into(),
            ..Coverage::default()
        };
        let fixes = |rows: &[Coverage]| source(&[]).coverage_to_fix(rows).join("\n");
        // A new version is compared with the ones before it.
        let told = fixes(&[row("1", 6, 0, [6, 0]), row("0", 0, 90, [0, 9])]);
        assert!(told.starts_with("told no more: latency_ms; what"), "{told}");
        assert_eq!(
            fixes(&[row("1", 6, 0, [2, 0]), row("0", 0, 90, [0, 9])]),
            ""
        );
        assert_eq!(
            fixes(&[row("1", 6, 0, [6, 0]), row("0", 0, 90, [0, 80])]),
            ""
        );
        assert_eq!(
            fixes(&[row("1", 4, 0, [4, 0]), row("0", 0, 90, [0, 0])]),
            "",
            "too few"
        );
        let mut own = row("1", 0, 0, [0, 0]);
        (own.doubles, own.gap_percent) = (1200, Some(7.5));
        (own.tokens_by_calls, own.tokens_by_counters) = (92_500.0, 100_000.0);
        let told = fixes(&[own]);
        assert!(told.contains("doubles: 1,200, left out"), "{told}");
        assert!(
            told.contains("calls have 92,500 tokens, its counters 100,000: 7.5 % apart"),
            "{told}"
        );
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
