//! The contradictions of the five documents that weir grew from, and what their like would be in a
//! catalog: each is refused by `weir catalog check`, as an error or a finding, at its place.

#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, Problem, load_sources};
use weir_model::{Code, codes};
use weir_ops::lint::lint;

const SCHEMA: &str = r#"{"type": "record", "name": "Sampled", "fields": [
    {"name": "event_id", "type": "string"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "tenant", "type": "string"}, {"name": "source", "type": "string"},
    {"name": "resource", "type": {"type": "map", "values": "string"}},
    {"name": "run_id", "type": "string"}, {"name": "memory_mb", "type": "double"},
    {"name": "latency_p95_ms", "type": "double"}, {"name": "coverage_percent", "type": "double"}]}"#;

/// A declaration that contradicts itself.
struct Contradiction {
    /// What is said where.
    said: &'static str,
    /// A file of the catalog.
    declared: &'static str,
    code: Code,
    line: u64,
    /// A part of what is told.
    told: &'static str,
}

/// Those that the documents contain themselves.
const OF_THE_SEEDS: &[Contradiction] = &[
    Contradiction {
        said: "000: (847.50 + 450) / 50 is printed as 3.4",
        declared: "kpis:
  return:
    params: {tool_cost: 50}
    window: 1d
    terms: {saved: llm.call.cost, worth: llm.call.cost}
    value: (saved + worth) / tool_cost
    unit: x
    target: 3
    better: higher
    examples: [{given: {saved: 847.5, worth: 450}, value: 3.4}]
",
        code: codes::LINT_EXAMPLE,
        line: 2,
        told: "gives 25.95, not 3.4",
    },
    Contradiction {
        said: "000: coverage 81.2, 34 bugs and 12 reviews are printed as 82.3 points",
        declared: "kpis:
  quality:
    by: [engineer]
    window: 1d
    decimals: 1
    terms:
      coverage: productivity.recorded.coverage
      bugs: productivity.recorded.bugs_fixed
      reviews: productivity.recorded.reviews
    value: coverage * 0.4 + min(bugs, 20) * 2 + min(reviews, 10) * 2
    target: 60
    better: higher
    examples: [{given: {coverage: 81.2, bugs: 34, reviews: 12}, value: 82.3}]
",
        code: codes::LINT_EXAMPLE,
        line: 2,
        told: "gives 92.5, not 82.3",
    },
    Contradiction {
        said: "000: 425,000 tokens at 0.03 a thousand are 12.75 USD, and 847.50 USD are reported",
        declared: "kpis:
  saved:
    window: 1d
    params: {per_1000: 0.03, call_price: 0.01}
    terms: {tokens: savings.recorded.tokens_saved, calls: savings.recorded.api_calls_avoided}
    value: tokens / 1000 * per_1000 + calls * call_price
    unit: usd
    target: 50
    better: higher
    examples:
      - {given: {tokens: 425000, calls: 83475}, value: 847.5}
      - {given: {tokens: 425000, calls: 0}, value: 847.5}
",
        code: codes::LINT_EXAMPLE,
        line: 2,
        told: "gives 12.75, not 847.5",
    },
    Contradiction {
        // How many there are is what is declared: there is no second place to say it in.
        said: "001: eleven KPIs are announced and fifteen listed",
        declared: "scores:
  all_of_it:
    by: [system]
    window: 1d
    kpis: 11
    of: {token_reduction_rate: 1, cache_hit_rate: 1}
",
        code: codes::CATALOG_SYNTAX,
        line: 5,
        told: "unknown field \"kpis\"",
    },
    Contradiction {
        // What was measured once has no direction; what is aimed at has.
        said: "001: the 60 % of tests that succeeded are listed as if they were a target",
        declared: "kpis:
  test_success:
    window: 1d
    unit: percent
    terms: {bad: capability.executed.failures, all: capability.executed.executions}
    value: ratio(all - bad, all) * 100
    minimum_sample: {all: 20}
    target: 60
",
        code: codes::CATALOG_SYNTAX,
        line: 8,
        told: "a target needs to know which way is better",
    },
];

/// What else of the kind would contradict itself.
const OF_THEIR_LIKE: &[Contradiction] = &[
    Contradiction {
        said: "a share above all",
        declared: "kpis:
  share:
    window: 1d
    unit: percent
    terms: {bad: llm.call.failures, all: llm.call.calls}
    value: ratio(all - bad, all) * 100
    minimum_sample: {all: 20}
    target: 300
    better: higher
",
        code: codes::CATALOG_IMPOSSIBLE,
        line: 8,
        told: "never reached: the value is at most 100",
    },
    Contradiction {
        said: "more failures are better",
        declared: "kpis:
  failing:
    window: 1d
    unit: percent
    terms: {bad: llm.call.failures, all: llm.call.calls}
    value: ratio(bad, all) * 100
    minimum_sample: {all: 20}
    target: 60
    better: higher
",
        code: codes::LINT_DIRECTION,
        line: 2,
        told: "gets better with more of \"failures\"",
    },
    Contradiction {
        said: "an alert on one failure of one call",
        declared: "kpis:
  failing:
    window: 1d
    unit: percent
    terms: {bad: llm.call.failures, all: llm.call.calls}
    value: ratio(bad, all) * 100
alerts:
  broken: {kpi: failing, above: 5, impact: none, action: none}
",
        code: codes::CATALOG_NO_MINIMUM,
        line: 8,
        told: "without a minimum sample",
    },
    Contradiction {
        said: "a score on any sample",
        declared: "kpis:
  failing:
    window: 1d
    unit: percent
    terms: {bad: llm.call.failures, all: llm.call.calls}
    value: ratio(bad, all) * 100
    target: 1
    better: lower
",
        code: codes::LINT_SAMPLE,
        line: 2,
        told: "on any sample",
    },
    Contradiction {
        said: "dollars and tokens are one sum",
        declared: "kpis:
  sum:
    window: 1d
    terms: {usd: llm.call.cost, tokens: llm.call.tokens_input}
    value: usd + tokens
    target: 5
    better: lower
",
        code: codes::LINT_UNITS,
        line: 2,
        told: "usd and tokens",
    },
    Contradiction {
        said: "milliseconds are shown as seconds",
        declared: "kpis:
  slow:
    window: 1d
    unit: s
    value: llm.call.latency.p95
    minimum_sample: {llm.call.calls: 20}
    target: 3
    better: lower
",
        code: codes::LINT_UNITS,
        line: 2,
        told: "computed in ms",
    },
    Contradiction {
        said: "a gauge adds up",
        declared: "event: sampled.once
measures:
  memory: {sum: memory_mb}
rollups: [[]]
",
        code: codes::LINT_GAUGE,
        line: 3,
        told: "sums a gauge",
    },
    Contradiction {
        said: "percentiles have a mean",
        declared: "event: sampled.once
bounds: {latency_p95_ms: {min: 0}}
measures:
  latency: {distribution: latency_p95_ms}
rollups: [[]]
",
        code: codes::LINT_PERCENTILE,
        line: 4,
        told: "adds up percentiles",
    },
    Contradiction {
        said: "ratios have a mean",
        declared: "event: sampled.once
measures:
  coverage: {sum: coverage_percent}
rollups: [[]]
",
        code: codes::LINT_MEAN_OF_RATIOS,
        line: 3,
        told: "sums shares",
    },
    Contradiction {
        said: "each run is a subject",
        declared: "event: sampled.once
dimensions: {attempt: run_id}
measures:
  runs: {count: true}
rollups: [[attempt]]
",
        code: codes::LINT_UNBOUNDED,
        line: 2,
        told: "of which there is no end",
    },
    Contradiction {
        said: "a number for nobody",
        declared: "kpis:
  spent:
    window: 1d
    value: llm.call.cost
",
        code: codes::LINT_UNREAD,
        line: 2,
        told: "no target, no rule and no question",
    },
    Contradiction {
        said: "an SLA of 6 s at most, and 15 s as its target",
        declared: "slas:
  swapped:
    event: ai.query
    response: {field: response_ms, target: 15000, max: 6000}
    impact: none
    action: none
",
        code: codes::CATALOG_IMPOSSIBLE,
        line: 4,
        told: "is below the target",
    },
    Contradiction {
        said: "a milestone that nobody reaches",
        declared: "milestones:
  perfect: {kpi: operator_success_rate, at_least: 110, badge: none}
",
        code: codes::CATALOG_IMPOSSIBLE,
        line: 2,
        told: "the value is at most 100",
    },
];

/// All that is told of a file, as an error or a finding.
fn told(declared: &str) -> Vec<Problem> {
    let mut sources = Catalog::embedded_sources();
    sources.push(("events/sampled.once.avsc".into(), SCHEMA.into()));
    sources.push(("catalog/tried.yaml".into(), declared.into()));
    if !declared.starts_with("event:") {
        let event = "event: sampled.once\nmeasures: {samples: {count: true}}\nrollups: [[]]\n";
        sources.push(("catalog/sampled.once.yaml".into(), event.into()));
    }
    let all = match load_sources(sources) {
        Ok(catalog) => lint(&catalog, &|_| false),
        Err(e) => e.0,
    };
    let here = all.into_iter().filter(|p| p.file == "catalog/tried.yaml");
    here.collect()
}

#[test]
fn what_contradicts_itself_is_refused_at_its_place() {
    for c in OF_THE_SEEDS.iter().chain(OF_THEIR_LIKE) {
        let found = told(c.declared);
        let fits = |p: &Problem| p.code == c.code && p.line == c.line && p.message.contains(c.told);
        assert!(
            matches!(&found[..], [one] if fits(one)),
            "{}: {found:#?}",
            c.said
        );
        assert!(!found[0].remedy.is_empty(), "{}", c.said);
    }
}

/// The same with what the formulas give is refused by nobody.
#[test]
fn what_the_formulas_give_is_right() {
    for (i, right) in [(0, "25.95"), (1, "92.5")] {
        let c = &OF_THE_SEEDS[i];
        let wrong = c.told.rsplit(' ').next().unwrap();
        let corrected = c
            .declared
            .replace(&format!("value: {wrong}"), &format!("value: {right}"));
        assert_ne!(corrected, c.declared);
        assert!(told(&corrected).is_empty(), "{}", c.said);
    }
}
